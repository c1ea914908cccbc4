/* The kernels for matrix products that need no library: vector, packed, and the reference. */
#include <string.h>

#include "backend/cpu/gemm.h"
#include "backend/cpu/matmul_kernel.h"

/* ---- matrix times vector -----------------------------------------------------------------------
 */

static bool vector_accepts(const cairn__matmul *m, bool wanted, const char **why)
{
    (void)wanted;
    *why = "neither M nor N is 1";
    return m->shape.N == 1;
}

static void vector_run(const cairn__matmul *m, int64_t chunk, const float *a, const float *b,
                       const float *packed, float *c, void *scratch)
{
    (void)scratch, (void)packed;
    const cairn__matmul_shape *s = &m->shape;
    cairn__matmul_part part = cairn__matmul_part_of(m, chunk);
    for (int64_t i = part.first_item; i < part.first_item + part.items; i++)
        cairn__gemv_at(m->level)->product(
            part.rows, s->K, a + i * s->batch_stride_a + part.first_row * cairn__matmul_a_row(s),
            cairn__matmul_a_row(s), cairn__matmul_a_depth(s), b + i * s->batch_stride_b,
            c + i * s->M + part.first_row);
}

const cairn__matmul_kernel cairn__matmul_vector = {
    .name = "vector",
    .accepts = vector_accepts,
    .run = vector_run,
};

/* ---- packed ------------------------------------------------------------------------------------
 */

static bool packed_accepts(const cairn__matmul *m, bool wanted, const char **why)
{
    (void)m, (void)wanted, (void)why;
    return true;
}

static size_t packed_scratch(const cairn__matmul *m)
{
    const cairn__matmul_shape *s = &m->shape;
    int64_t rows = (s->M + m->pieces - 1) / m->pieces;
    return cairn__gemm_at(m->level)->scratch(rows, s->N, s->K);
}

static void packed_run(const cairn__matmul *m, int64_t chunk, const float *a, const float *b,
                       const float *packed, float *c, void *scratch)
{
    const cairn__matmul_shape *s = &m->shape;
    cairn__matmul_part part = cairn__matmul_part_of(m, chunk);
    for (int64_t i = part.first_item; i < part.first_item + part.items; i++) {
        cairn__gemm_task task = {
            .M = part.rows,
            .N = s->N,
            .K = s->K,
            .a = a + i * s->batch_stride_a + part.first_row * cairn__matmul_a_row(s),
            .b = b + i * s->batch_stride_b,
            .c = c + (i * s->M + part.first_row) * s->N,
            .a_row = cairn__matmul_a_row(s),
            .a_depth = cairn__matmul_a_depth(s),
            .b_depth = cairn__matmul_b_depth(s),
            .b_column = cairn__matmul_b_column(s),
            .c_row = s->N,
            .packed_b = packed,
        };
        cairn__gemm_at(m->level)->product(&task, scratch);
    }
}

const cairn__matmul_kernel cairn__matmul_packed = {
    .name = "packed",
    .accepts = packed_accepts,
    .scratch = packed_scratch,
    .run = packed_run,
};

/* ---- reference: what the others are tested against, never tuned --------------------------------
 */

static void reference_run(const cairn__matmul *m, int64_t chunk, const float *a, const float *b,
                          const float *packed, float *c, void *scratch)
{
    (void)scratch, (void)packed;
    const cairn__matmul_shape *s = &m->shape;
    cairn__matmul_part part = cairn__matmul_part_of(m, chunk);
    const int64_t a_row = cairn__matmul_a_row(s), a_depth = cairn__matmul_a_depth(s);
    const int64_t b_depth = cairn__matmul_b_depth(s), b_column = cairn__matmul_b_column(s);
    for (int64_t item = part.first_item; item < part.first_item + part.items; item++)
        for (int64_t i = part.first_row; i < part.first_row + part.rows; i++)
            for (int64_t j = 0; j < s->N; j++) {
                const float *x = a + item * s->batch_stride_a + i * a_row;
                const float *y = b + item * s->batch_stride_b + j * b_column;
                double sum = 0;
                for (int64_t k = 0; k < s->K; k++)
                    sum += (double)x[k * a_depth] * (double)y[k * b_depth];
                c[(item * s->M + i) * s->N + j] = (float)sum;
            }
}

const cairn__matmul_kernel cairn__matmul_reference = {
    .name = "reference",
    .accepts = packed_accepts,
    .run = reference_run,
};
