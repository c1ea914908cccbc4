/* See pool.h. */
#include "backend/cpu/pool.h"

static void take(float *restrict best, int32_t *restrict index, const float *restrict x,
                 int32_t position, int64_t n)
{
#pragma omp simd
    for (int64_t c = 0; c < n; c++) {
        const float now = best[c], v = x[c];
        const int better = (v > now) | ((v != v) & (now == now));
        best[c] = better ? v : now;
        index[c] = better ? position : index[c];
    }
}

const cairn__pool CAIRN__ISA_NAME(cairn__pool) = {take};
