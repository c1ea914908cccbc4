/* The sigmoid functions of one number, free of branches, for loops that become vector code. The
 * polynomial is that of S. Moshier's Cephes library (single precision). */
#ifndef CAIRN_SRC_BACKEND_CPU_ISA_SIGMOID_H
#define CAIRN_SRC_BACKEND_CPU_ISA_SIGMOID_H

#include "backend/cpu/isa/exponential.h"

/* tanh x = 1 - 2 / (exp(2x) + 1), and an odd polynomial where that cancels. */
INLINE float tanh_one(float x)
{
    float a = fabsf(x), z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    float small = p * z * x + x;
    float large = 1 - 2 / (exp_one(2 * a) + 1);
    return a < 0.625f ? small : x < 0 ? -large : large;
}

/* For negative x as exp(x) / (1 + exp(x)), which keeps the digits of small results. */
INLINE float sigmoid_one(float x)
{
    float e = exp_one(-fabsf(x));
    return (x < 0 ? e : 1) / (1 + e);
}

#endif
