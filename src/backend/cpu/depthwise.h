/* Convolution of each channel by itself, compiled for each instruction set (isa/depthwise.c). */
#ifndef CAIRN_SRC_BACKEND_CPU_DEPTHWISE_H
#define CAIRN_SRC_BACKEND_CPU_DEPTHWISE_H

#include <stdint.h>

#include "backend/cpu/isa.h"

typedef struct cairn__depthwise {
    /* out[p C + c] = sum over t of x[t][p step + c] w[t][c], in the order of t, for p in
     * 0 .. positions-1. x[] is moved on by `positions` steps. */
    void (*gather)(float *out, const float **x, const float *const *w, int64_t taps, int64_t C,
                   int64_t positions, int64_t step);

    /* sum[c] += x[c] y[c] */
    void (*accumulate)(float *sum, const float *x, const float *y, int64_t C);
} cairn__depthwise;

CAIRN__ISA_TABLE(cairn__depthwise, cairn__depthwise)

#endif
