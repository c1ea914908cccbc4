/* Statistics of columns, compiled for each instruction set (isa/columns.c). Matrices are row-major
 * and C columns wide. */
#ifndef CAIRN_SRC_BACKEND_CPU_COLUMNS_H
#define CAIRN_SRC_BACKEND_CPU_COLUMNS_H

#include <stdint.h>

#include "backend/cpu/isa.h"

typedef struct cairn__columns {
    /* out[0][c]: the mean of column c of x [rows, C]; out[1][c]: the sum of squared distances. */
    void (*moments)(const float *x, int64_t rows, int64_t C, float *out);

    /* The same for all pieces together: into a[2][C], which stands for n rows, goes b, which stands
     * for m. */
    void (*join_moments)(float *a, double n, const float *b, double m, int64_t C);

    /* out[0][c]: the sum of x; out[1][c]: of x (y - centre[c]). */
    void (*sums)(const float *x, const float *y, const float *centre, int64_t rows, int64_t C,
                 float *out);

    /* a += b */
    void (*add)(float *a, const float *b, int64_t n);
} cairn__columns;

CAIRN__ISA_TABLE(cairn__columns, cairn__columns)

#endif
