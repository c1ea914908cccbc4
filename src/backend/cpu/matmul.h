/* Matrix products C = op(A) op(B), f32, batched: chosen and cut once, run by any threads.
 *
 * A product is cut into chunks, each a contiguous stretch of C. The cut depends on the shape only,
 * and a chunk is computed by one thread with no help from others, so results have the same bits on
 * any number of threads. The caller runs chunks in any order on any thread:
 *
 *     #pragma omp parallel for schedule(dynamic)
 *     for (int64_t chunk = 0; chunk < cairn__matmul_chunks(m); chunk++)
 *         cairn__matmul_run(m, chunk, a, b, NULL, c, scratch[omp_get_thread_num()]);
 */
#ifndef CAIRN_SRC_BACKEND_CPU_MATMUL_H
#define CAIRN_SRC_BACKEND_CPU_MATMUL_H

#include "backend/cpu/isa.h"
#include "base/base.h"

/* Everything is dense and row-major. A is [M,K], or stored [K,M] if transposed; B is [K,N], or
 * stored [N,K]; C is [batch,M,N]. Sizes may be 0: K = 0 gives zeros. */
typedef struct cairn__matmul_shape {
    int64_t batch, M, N, K;
    bool transpose_a, transpose_b;
    int64_t batch_stride_a, batch_stride_b; /* elements; 0: the same matrix for every item */
} cairn__matmul_shape;

typedef struct cairn__matmul cairn__matmul;

/* Chooses a kernel and the cut. The caller owns the result and frees it with cairn__matmul_free().
 * Errors: CAIRN_ERR_SHAPE for a negative size or one beyond 2^40 elements, CAIRN_ERR_MEMORY. */
cairn__matmul *cairn__matmul_new(const cairn__matmul_shape *shape, cairn_status *status);

/* The same with the kernel called `name` ("onednn", "packed", "vector", "reference"; NULL: the
 * best) compiled for `level`. For tests and measurements. Errors: also CAIRN_ERR_MISSING when that
 * kernel declines, with its reason. */
cairn__matmul *cairn__matmul_new_with(const cairn__matmul_shape *shape, const char *name,
                                      cairn__isa_level level, cairn_status *status);

void cairn__matmul_free(cairn__matmul *m);

int64_t cairn__matmul_chunks(const cairn__matmul *m);

/* The elements of C, counted from its start, that a chunk overwrites. Always whole rows of
 * [batch * M, N], except that a single row (M = 1) may itself be cut. */
void cairn__matmul_span(const cairn__matmul *m, int64_t chunk, int64_t *first, int64_t *count);

/* Bytes of scratch that one running chunk needs, aligned to 64 bytes; may be 0. */
size_t cairn__matmul_scratch(const cairn__matmul *m);

/* Copies of B that all chunks share. Bytes they take, or 0 when this product does without; then the
 * next two are not to be called. Before any chunk runs, all parts must have been packed. */
size_t cairn__matmul_packed_bytes(const cairn__matmul *m);
int64_t cairn__matmul_parts(const cairn__matmul *m);
void cairn__matmul_pack(const cairn__matmul *m, int64_t part, const float *b, float *packed);

/* Computes one chunk. Chunks of one product may run at the same time, each with its own scratch;
 * two runs of the same chunk of one object may not. Allocates nothing. Does not read C. packed:
 * what was packed of B, or NULL, which costs time only. */
void cairn__matmul_run(const cairn__matmul *m, int64_t chunk, const float *a, const float *b,
                       const float *packed, float *c, void *scratch);

/* The kernel in use, and what better ones declined and why: "vector: neither M nor N is 1; ...".
 * Both borrowed, the second until the object is freed. */
const char *cairn__matmul_name(const cairn__matmul *m);
const char *cairn__matmul_declined(const cairn__matmul *m);

#endif
