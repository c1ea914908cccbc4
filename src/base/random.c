/* Philox4x32-10, and what is drawn from it on the host: initial values, orders, samples.
 * Source: Salmon, Moraes, Dror, Shaw 2011. The key is the seed; the counter is position and
 * stream. */
#include <string.h>

#include "base/base.h"
#include "base/philox.h"

void cairn_random_bits(uint64_t seed, uint64_t stream, uint64_t position, uint32_t words[4])
{
    cairn__philox(seed, stream, position, words);
}

enum { PIECE = 1 << 14 };

/* Elements first .. first + n of a stream. */
typedef struct piece {
    uint64_t seed, stream;
    int64_t first, n;
    float *out;
} piece;

typedef void fill_piece(const piece *p);

static void uniform_piece(const piece *p)
{
    for (int64_t i = 0; i < p->n; i += 4) {
        uint32_t words[4];
        cairn__philox(p->seed, p->stream, (uint64_t)(p->first + i) / 4, words);
        for (int64_t j = 0; j < 4 && i + j < p->n; j++)
            p->out[i + j] = cairn__uniform(words[j]);
    }
}

static void normal_piece(const piece *p)
{
    for (int64_t i = 0; i < p->n; i += 4) {
        uint32_t words[4];
        float values[4];
        cairn__philox(p->seed, p->stream, (uint64_t)(p->first + i) / 4, words);
        cairn__normal_pair(words, values);
        cairn__normal_pair(words + 2, values + 2);
        memcpy(p->out + i, values, (size_t)CAIRN__MIN(p->n - i, (int64_t)4) * sizeof(float));
    }
}

#ifdef __x86_64__
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2"), always_inline)) static inline

enum { LANES = 4, GROUPS = 4, AT_ONCE = 4 * LANES * GROUPS };

/* The ten rounds for GROUPS x LANES positions. A lane of 64 bits holds a word of 32, so that one
 * instruction multiplies it; above the word is garbage, which multiplications do not read. */
AVX2 void rounds(__m256i c[GROUPS][4], uint64_t seed)
{
    const __m256i m0 = _mm256_set1_epi64x(0xD2511F53), m2 = _mm256_set1_epi64x(0xCD9E8D57);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        const __m256i key0 = _mm256_set1_epi64x(k0), key1 = _mm256_set1_epi64x(k1);
        for (int g = 0; g < GROUPS; g++) {
            __m256i a = _mm256_mul_epu32(c[g][0], m0), b = _mm256_mul_epu32(c[g][2], m2);
            c[g][0] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(b, 32), c[g][1]), key0);
            c[g][2] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(a, 32), c[g][3]), key1);
            c[g][1] = b;
            c[g][3] = a;
        }
    }
}

/* The words of AT_ONCE / 4 positions from `at` on, word j of all of them side by side. */
AVX2 void words_avx2(const piece *p, uint64_t at, uint32_t words[4][LANES * GROUPS])
{
    __m256i c[GROUPS][4];
    for (int g = 0; g < GROUPS; g++) {
        c[g][0] = _mm256_add_epi64(_mm256_set1_epi64x((long long)(at + (uint64_t)(g * LANES))),
                                   _mm256_set_epi64x(3, 2, 1, 0));
        c[g][1] = _mm256_srli_epi64(c[g][0], 32);
        c[g][2] = _mm256_set1_epi64x((uint32_t)p->stream);
        c[g][3] = _mm256_set1_epi64x((long long)(p->stream >> 32));
    }
    rounds(c, p->seed);
    for (int g = 0; g < GROUPS; g++)
        for (int j = 0; j < 4; j++) {
            uint64_t lanes[LANES];
            _mm256_storeu_si256((__m256i *)(void *)lanes, c[g][j]);
            for (int l = 0; l < LANES; l++)
                words[j][g * LANES + l] = (uint32_t)lanes[l];
        }
}

/* The same bits as uniform_piece(), four times as fast. */
__attribute__((target("avx2"))) static void uniform_piece_avx2(const piece *p)
{
    uint32_t words[4][LANES * GROUPS];
    int64_t i = 0;
    for (; i + AT_ONCE <= p->n; i += AT_ONCE) {
        words_avx2(p, (uint64_t)(p->first + i) / 4, words);
        for (int l = 0; l < LANES * GROUPS; l++)
            for (int j = 0; j < 4; j++)
                p->out[i + 4 * l + j] = cairn__uniform(words[j][l]);
    }
    uniform_piece(&(piece){p->seed, p->stream, p->first + i, p->n - i, p->out + i});
}

/* The same bits as normal_piece(): neither set of instructions fuses products and sums. */
__attribute__((target("avx2"))) static void normal_piece_avx2(const piece *p)
{
    uint32_t words[4][LANES * GROUPS];
    float values[4][LANES * GROUPS];
    int64_t i = 0;
    for (; i + AT_ONCE <= p->n; i += AT_ONCE) {
        words_avx2(p, (uint64_t)(p->first + i) / 4, words);
        for (int j = 0; j < 4; j += 2) {
#pragma omp simd
            for (int l = 0; l < LANES * GROUPS; l++)
                cairn__normal(words[j][l], words[j + 1][l], &values[j][l], &values[j + 1][l]);
        }
        for (int l = 0; l < LANES * GROUPS; l++)
            for (int j = 0; j < 4; j++)
                p->out[i + 4 * l + j] = values[j][l];
    }
    normal_piece(&(piece){p->seed, p->stream, p->first + i, p->n - i, p->out + i});
}
#endif

static fill_piece *kernel_of(bool normal)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return normal ? normal_piece_avx2 : uniform_piece_avx2;
#endif
    return normal ? normal_piece : uniform_piece;
}

static void fill(fill_piece *kernel, piece all)
{
#pragma omp parallel for num_threads(cairn_threads()) if (all.n > 4 * PIECE)
    for (int64_t i = 0; i < all.n; i += PIECE)
        kernel(&(piece){all.seed, all.stream, all.first + i,
                        CAIRN__MIN(all.n - i, (int64_t)PIECE), all.out + i});
}

void cairn__random_uniform_run(uint64_t seed, uint64_t stream, int64_t first, int64_t n, float *out)
{
    fill(kernel_of(false), (piece){seed, stream, first, n, out});
}

void cairn__random_normal_run(uint64_t seed, uint64_t stream, int64_t first, int64_t n, float *out)
{
    fill(kernel_of(true), (piece){seed, stream, first, n, out});
}

void cairn_random_uniform_fill(uint64_t seed, uint64_t stream, int64_t n, float *out)
{
    cairn__random_uniform_run(seed, stream, 0, n, out);
}

void cairn_random_normal_fill(uint64_t seed, uint64_t stream, int64_t n, float *out)
{
    cairn__random_normal_run(seed, stream, 0, n, out);
}

void cairn_random_permutation(uint64_t seed, uint64_t stream, int64_t n, int64_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        uint32_t words[4];
        cairn__philox(seed, stream, (uint64_t)i, words);
        /* 64 random bits over at most 2^40 places: the bias of the remainder is below 2^-24. */
        uint64_t wide = (uint64_t)words[1] << 32 | words[0];
        int64_t j = (int64_t)(wide % ((uint64_t)i + 1));
        int64_t swap = out[i];
        out[i] = out[j];
        out[j] = swap;
    }
}

uint64_t cairn_random_stream(const char *name)
{
    uint64_t hash = 14695981039346656037u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return hash;
}
