/* The Philox4x32-10 round function, inline because the vectorised kernels use it too. */
#ifndef CAIRN_SRC_BASE_PHILOX_H
#define CAIRN_SRC_BASE_PHILOX_H

#include <math.h>
#include <stdint.h>
#include <string.h>

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
    return (float)(int32_t)(word >> 8) * (1.0f / 16777216.0f);
}

/* log y for 2^-24 <= y <= 1: y = m 2^e with m in [sqrt(1/2), sqrt(2)), log m = 2 artanh s by its
 * series, s = (m - 1) / (m + 1). Within 1e-10 of the value: normal values are rounded to floats. */
static inline double cairn__log_of_share(double y)
{
    /* The bits of sqrt(1/2) and of 2^52. */
    const uint64_t root = 0x3fe6a09e667f3bcdull, whole = 0x4330000000000000ull;
    uint64_t b, shifted;
    double m, exponent;
    memcpy(&b, &y, sizeof b);
    shifted = b + (0x3ff0000000000000ull - root);
    b = (shifted & 0x000fffffffffffffull) + root;
    shifted = shifted >> 52 | whole;
    memcpy(&m, &b, sizeof m);
    memcpy(&exponent, &shifted, sizeof exponent);
    exponent -= 4503599627370496.0 + 1023;
    double s = (m - 1) / (m + 1), z = s * s, p = 2.0 / 13;
    p = p * z + 2.0 / 11;
    p = p * z + 2.0 / 9;
    p = p * z + 2.0 / 7;
    p = p * z + 2.0 / 5;
    p = p * z + 2.0 / 3;
    p = p * z + 2;
    return exponent * 0.69314718055994530942 + p * s;
}

/* Cosine and sine of v turns, 0 <= v < 1: the nearest quarter is taken off, then series. Within
 * 1e-11. */
static inline void cairn__turn(double v, double *cosine, double *sine)
{
    double quarter = (double)(int32_t)(4 * v + 0.5); /* 0 .. 4 */
    double a = 6.28318530717958647692 * (v - 0.25 * quarter), z = a * a;
    double s = -1.0 / 39916800, c = 1.0 / 479001600;
    s = s * z + 1.0 / 362880;
    s = s * z - 1.0 / 5040;
    s = s * z + 1.0 / 120;
    s = s * z - 1.0 / 6;
    s = s * z * a + a;
    c = c * z - 1.0 / 3628800;
    c = c * z + 1.0 / 40320;
    c = c * z - 1.0 / 720;
    c = c * z + 1.0 / 24;
    c = c * z - 0.5;
    c = c * z + 1;
    int odd = (quarter == 1) | (quarter == 3); /* no branches: loops become vector code */
    double x = odd ? s : c, y = odd ? c : s;
    *cosine = ((quarter == 1) | (quarter == 2)) ? -x : x;
    *sine = ((quarter == 2) | (quarter == 3)) ? -y : y;
}

/* Two words to two standard normal values (Box and Muller 1958), in double precision and then
 * rounded. 1 - u lies in (0, 1], so that the logarithm is finite. Arithmetic alone, no function of
 * a library: so loops over it become vector code, and the values are the same everywhere. */
static inline void cairn__normal(uint32_t first, uint32_t second, float *x, float *y)
{
    double cosine, sine;
    double radius = sqrt(-2 * cairn__log_of_share(1.0 - (double)cairn__uniform(first)));
    cairn__turn((double)cairn__uniform(second), &cosine, &sine);
    *x = (float)(radius * cosine);
    *y = (float)(radius * sine);
}

static inline void cairn__normal_pair(const uint32_t words[2], float values[2])
{
    cairn__normal(words[0], words[1], &values[0], &values[1]);
}

/* Elements first .. first + n of the values that cairn_random_uniform_fill() and
 * cairn_random_normal_fill() give; first is a multiple of 4. On all threads. */
void cairn__random_uniform_run(uint64_t seed, uint64_t stream, int64_t first, int64_t n,
                               float *out);
void cairn__random_normal_run(uint64_t seed, uint64_t stream, int64_t first, int64_t n,
                              float *out);

#endif
