/* The Philox4x32-10 round function, inline because the vectorised kernels use it too. */
#ifndef CAIRN_SRC_BASE_PHILOX_H
#define CAIRN_SRC_BASE_PHILOX_H

#include <math.h>
#include <stdint.h>

static inline void cairn__philox(uint64_t seed, uint64_t stream, uint64_t position,
                                 uint32_t words[4])
{
    uint32_t c0 = (uint32_t)position, c1 = (uint32_t)(position >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(b >> 32) ^ c1 ^ k0, n2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

/* 24 bits to a float in [0, 1): exactly representable, never 1. */
static inline float cairn__uniform(uint32_t word)
{
    return (float)(word >> 8) * (1.0f / 16777216.0f);
}

/* Two words to two standard normal values (Box and Muller 1958), in double precision and then
 * rounded. 1 - u lies in (0, 1], so that the logarithm is finite. */
static inline void cairn__normal_pair(const uint32_t words[2], float values[2])
{
    double radius = sqrt(-2 * log(1.0 - (double)cairn__uniform(words[0])));
    double angle = 2 * 3.14159265358979323846 * (double)cairn__uniform(words[1]);
    values[0] = (float)(radius * cos(angle));
    values[1] = (float)(radius * sin(angle));
}

/* Elements first .. first + n of the values that cairn_random_uniform_fill() and
 * cairn_random_normal_fill() give; first is a multiple of 4. On all threads. */
void cairn__random_uniform_run(uint64_t seed, uint64_t stream, int64_t first, int64_t n,
                               float *out);
void cairn__random_normal_run(uint64_t seed, uint64_t stream, int64_t first, int64_t n,
                              float *out);

#endif
