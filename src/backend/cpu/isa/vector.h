/* The widest vector of floats that a kernel body may use at the level it is compiled for.
 *
 * GCC's vector extensions, which clang has too: arithmetic is elementwise, a scalar operand is
 * repeated, and a product feeding a sum becomes one fused instruction where there is one
 * (-ffp-contract=fast is set for bodies). */
#ifndef CAIRN_SRC_BACKEND_CPU_ISA_VECTOR_H
#define CAIRN_SRC_BACKEND_CPU_ISA_VECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX2__)
#define LANES 8
#else
#define LANES 4
#endif

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef float vec_anywhere __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

/* Before a loop with a constant number of rounds: written out, so that an array it indexes becomes
 * registers. clang does that in time only if asked for all of it. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

INLINE vec vec_load(const float *p)
{
    return *(const vec_anywhere *)p;
}

INLINE void vec_store(float *p, vec x)
{
    *(vec_anywhere *)p = x;
}

INLINE vec vec_all(float x)
{
    return x - (vec){0};
}

/* a b + c of single numbers, fused where vectors are. The compiler may fuse a loop's body in one
 * copy of it and not in another; where both must give the same bits, this decides. */
INLINE float fused(float a, float b, float c)
{
#if defined(__FMA__) || defined(__FP_FAST_FMAF)
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

/* The first n of LANES numbers, 1 <= n <= LANES; memory behind them is not touched. */
INLINE void vec_store_first(float *p, vec x, int64_t n)
{
#if LANES == 16
    _mm512_mask_storeu_ps(p, (__mmask16)(0xffffu >> (16 - n)), (__m512)x);
#elif LANES == 8
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_maskstore_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane), (__m256)x);
#else
    float lane[LANES];
    vec_store(lane, x);
    for (int64_t i = 0; i < n; i++)
        p[i] = lane[i];
#endif
}

/* The same read; the other lanes are 0. */
INLINE vec vec_load_first(const float *p, int64_t n)
{
#if LANES == 16
    return (vec)_mm512_maskz_loadu_ps((__mmask16)(0xffffu >> (16 - n)), p);
#elif LANES == 8
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return (vec)_mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane));
#else
    float lane[LANES] = {0};
    for (int64_t i = 0; i < n; i++)
        lane[i] = p[i];
    return vec_load(lane);
#endif
}

#endif
