/* The largest of several numbers and where they are: for max pooling, argmax and argmin
 * (isa/pool.c). NaN counts as larger, and as smaller, than all others; of equal ones the first is
 * kept. */
#ifndef CAIRN_SRC_BACKEND_CPU_POOL_H
#define CAIRN_SRC_BACKEND_CPU_POOL_H

#include <stdint.h>

#include "backend/cpu/isa.h"

typedef struct cairn__pool {
    /* For each of n columns: where x[c] is larger, or smaller, than best[c], takes it and its
     * position. */
    void (*larger)(float *best, int32_t *index, const float *x, int32_t position, int64_t n);
    void (*smaller)(float *best, int32_t *index, const float *x, int32_t position, int64_t n);

    /* The index of the largest, or smallest, of n >= 1 numbers. */
    int32_t (*largest)(const float *x, int64_t n);
    int32_t (*smallest)(const float *x, int64_t n);
} cairn__pool;

CAIRN__ISA_TABLE(cairn__pool, cairn__pool)

#endif
