/* Cross-entropy of one row of logits, compiled for each instruction set (isa/cross_entropy.c). */
#ifndef CAIRN_SRC_BACKEND_CPU_CROSS_ENTROPY_H
#define CAIRN_SRC_BACKEND_CPU_CROSS_ENTROPY_H

#include <stdint.h>

#include "backend/cpu/isa.h"

typedef struct cairn__cross_entropy {
    /* lse - (1 - smoothing) z[label] - smoothing mean(z) + z_loss lse^2; 0 <= label < C. */
    float (*loss)(const float *z, int64_t C, int64_t label, float smoothing, float z_loss);

    /* dz, `dy` times the derivative of that; returns the loss as well. */
    float (*gradient)(float *dz, const float *z, int64_t C, int64_t label, float dy,
                      float smoothing, float z_loss);
} cairn__cross_entropy;

CAIRN__ISA_TABLE(cairn__cross_entropy, cairn__cross_entropy)

#endif
