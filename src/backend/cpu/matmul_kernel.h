/* What a kernel for matrix products consists of; matmul.c holds the list of them. */
#ifndef CAIRN_SRC_BACKEND_CPU_MATMUL_KERNEL_H
#define CAIRN_SRC_BACKEND_CPU_MATMUL_KERNEL_H

#include "backend/cpu/matmul.h"

/* One chunk: rows first_row .. first_row + rows of each of the items first_item ...  Either `items`
 * is 1 or the rows are all rows. */
typedef struct cairn__matmul_part {
    int64_t first_item, items, first_row, rows;
} cairn__matmul_part;

typedef struct cairn__matmul_kernel {
    const char *name;

    /* False, with a reason of fewer than 96 bytes in `why`, if the kernel is not the one to use. A
     * kernel must be able to compute what it accepts; `wanted` is true when the caller asked for it
     * by name, so that reasons of speed do not count. */
    bool (*accepts)(const cairn__matmul *m, bool wanted, const char **why);

    /* Makes m->state; NULL if the kernel has none. Called with the cut known. */
    bool (*prepare)(cairn__matmul *m, cairn_status *status);
    void (*release)(void *state);

    size_t (*scratch)(const cairn__matmul *m); /* NULL: none */
    void (*run)(const cairn__matmul *m, int64_t chunk, const float *a, const float *b,
                const float *packed, float *c, void *scratch);
} cairn__matmul_kernel;

/* `shape` has been brought to a normal form: items that only continue each other's rows are one,
 * and a single row times a matrix is the (transposed) matrix times a column. */
struct cairn__matmul {
    cairn__matmul_shape shape;
    bool swapped; /* the caller's A is our B */
    cairn__isa_level level;
    const cairn__matmul_kernel *kernel;
    void *state;
    int64_t pieces;          /* of the rows of an item, or 1 and then */
    int64_t items_per_chunk; /* so many items in a chunk */
    int64_t chunks;
    char declined[256];
};

cairn__matmul_part cairn__matmul_part_of(const cairn__matmul *m, int64_t chunk);

/* Elements between two neighbours along each axis of the stored matrices. */
static inline int64_t cairn__matmul_a_row(const cairn__matmul_shape *s)
{
    return s->transpose_a ? 1 : s->K;
}

static inline int64_t cairn__matmul_a_depth(const cairn__matmul_shape *s)
{
    return s->transpose_a ? s->M : 1;
}

static inline int64_t cairn__matmul_b_depth(const cairn__matmul_shape *s)
{
    return s->transpose_b ? 1 : s->N;
}

static inline int64_t cairn__matmul_b_column(const cairn__matmul_shape *s)
{
    return s->transpose_b ? s->K : 1;
}

extern const cairn__matmul_kernel cairn__matmul_vector, cairn__matmul_onednn, cairn__matmul_packed,
    cairn__matmul_reference;

#endif
