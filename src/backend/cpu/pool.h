/* What max pooling does for all channels of a position at once (isa/pool.c). */
#ifndef CAIRN_SRC_BACKEND_CPU_POOL_H
#define CAIRN_SRC_BACKEND_CPU_POOL_H

#include <stdint.h>

#include "backend/cpu/isa.h"

typedef struct cairn__pool {
    /* Where x[c] is larger than best[c], or the first NaN: takes it, and its position. */
    void (*take)(float *best, int32_t *index, const float *x, int32_t position, int64_t n);
} cairn__pool;

CAIRN__ISA_TABLE(cairn__pool, cairn__pool)

#endif
