/* Kernels of dense linear algebra on one f32 matrix, compiled for each instruction set
 * (isa/linear.c). Matrices are square, row-major, n x n. */
#ifndef CAIRN_SRC_BACKEND_CPU_LINEAR_H
#define CAIRN_SRC_BACKEND_CPU_LINEAR_H

#include "backend/cpu/isa.h"
#include "base/base.h"

typedef struct cairn__linear {
    /* l: the lower triangular factor of x, zeros above the diagonal; NaN throughout where x is not
     * positive definite. l may be x. */
    void (*cholesky)(float *l, const float *x, int64_t n);

    /* Columns first .. first+count (at most 64) of y, where L y = b, or L^T y = b. b, y: n x k. */
    void (*solve)(float *y, const float *l, const float *b, int64_t n, int64_t k, bool transpose,
                  int64_t first, int64_t count);
} cairn__linear;

CAIRN__ISA_TABLE(cairn__linear, cairn__linear)

#endif
