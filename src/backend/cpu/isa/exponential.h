/* The exponential of one number, free of branches, for loops that become vector code. The
 * polynomial is that of S. Moshier's Cephes library (single precision). */
#ifndef CAIRN_SRC_BACKEND_CPU_ISA_EXPONENTIAL_H
#define CAIRN_SRC_BACKEND_CPU_ISA_EXPONENTIAL_H

#include <math.h>

#include "backend/cpu/isa/vector.h"

INLINE uint32_t bits(float x)
{
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

INLINE float from_bits(uint32_t b)
{
    float x;
    memcpy(&x, &b, sizeof x);
    return x;
}

/* The nearest whole number, halves to even, for |x| < 2^22. */
INLINE float nearest(float x)
{
    const float shift = 12582912.0f; /* 1.5 * 2^23: the sum has no fraction bits */
    return (x + shift) - shift;
}

/* exp(r) for |r| <= ln(2) / 2. */
INLINE float exp_small(float r)
{
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    return p * r * r + r + 1;
}

/* x = n ln 2 + r; ln 2 in two parts, the first with few bits so that n times it is exact. */
INLINE float exp_one(float x)
{
    float clamped = x < -87.33f ? -87.33f : x > 88.73f ? 88.73f : x;
    float n = nearest(clamped * 1.44269504088896341f);
    float r = clamped - n * 0.693359375f + n * 2.12194440e-4f;
    /* 2^(n-1) is a normal number for every n that occurs, 2^n is not for n = 128. */
    float half_scale = from_bits((uint32_t)((int32_t)n - 1 + 127) << 23);
    float y = exp_small(r) * 2 * half_scale;
    return x < -87.33f ? 0 : x > 88.7228f ? INFINITY : y;
}

#endif
