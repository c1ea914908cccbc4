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

#endif
