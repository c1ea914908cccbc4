/* Products of our own, compiled for each instruction set; bodies in isa/gemm.c and isa/gemv.c. */
#ifndef CAIRN_SRC_BACKEND_CPU_GEMM_H
#define CAIRN_SRC_BACKEND_CPU_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/cpu/isa.h"

/* C = A B. Element (i, k) of A is a[i * a_row + k * a_depth], element (k, j) of B is
 * b[k * b_depth + j * b_column]; of each pair of strides one is 1. Rows of C are dense, c_row
 * apart. */
typedef struct cairn__gemm_task {
    int64_t M, N, K;
    const float *a, *b;
    float *c;
    int64_t a_row, a_depth, b_depth, b_column, c_row;
    const float *packed_b; /* the copy that pack() made of all of B, or NULL */
    bool add;              /* C += A B instead */
} cairn__gemm_task;

typedef struct cairn__gemm_kernels {
    /* Bytes of scratch, 64-byte aligned, that product() needs for up to M x N x K. */
    size_t (*scratch)(int64_t M, int64_t N, int64_t K);

    /* Overwrites C, or adds to it. The bits of an element depend on its row of A, its column of B,
     * K and the level only, not on M or N or its place: a product may be cut anywhere. */
    void (*product)(const cairn__gemm_task *task, float *scratch);

    /* B copied once for all who compute pieces of C: floats that the copy takes (0: B is not worth
     * it), the parts it may be made in, and one part of it. Of the task only b, its strides, N and
     * K matter. The bits of C are the same with and without. */
    int64_t (*packed_floats)(int64_t M, int64_t N, int64_t K);
    int64_t (*parts)(int64_t N);
    void (*pack)(const cairn__gemm_task *task, int64_t part, float *packed);
} cairn__gemm_kernels;

/* y[i] = sum over k of A(i, k) x[k] for i < M; A as above, x and y dense. The same promise. */
typedef struct cairn__gemv_kernels {
    void (*product)(int64_t M, int64_t K, const float *a, int64_t a_row, int64_t a_depth,
                    const float *x, float *y);
} cairn__gemv_kernels;

CAIRN__ISA_TABLE(cairn__gemm_kernels, cairn__gemm)
CAIRN__ISA_TABLE(cairn__gemv_kernels, cairn__gemv)

#endif
