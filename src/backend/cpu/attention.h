/* Attention over one head, compiled for each instruction set (isa/attention.c). */
#ifndef CAIRN_SRC_BACKEND_CPU_ATTENTION_H
#define CAIRN_SRC_BACKEND_CPU_ATTENTION_H

#include "backend/cpu/isa.h"
#include "graph/attention.h"

typedef struct cairn__attention_task {
    cairn__attention a;
    const float *x, *bias, *dy; /* bias: or NULL; dy: of the gradient */
    float *out;
} cairn__attention_task;

typedef struct cairn__attention_kernels {
    /* Queries of a block: so many rows of scores are in scratch at a time. */
    int64_t rows;

    /* Bytes of scratch, 64-byte aligned. */
    size_t (*forward_scratch)(const cairn__attention *a);
    size_t (*backward_scratch)(const cairn__attention *a);

    /* Results of queries first .. last-1 of one head of one item. The bits do not depend on how
     * queries are cut at multiples of `rows`. */
    void (*forward)(const cairn__attention_task *t, int64_t item, int64_t head, int64_t first,
                    int64_t last, float *scratch);

    /* Gradients of one head of keys and values of one item, and of all queries that use it. */
    void (*backward)(const cairn__attention_task *t, int64_t item, int64_t head, float *scratch);
} cairn__attention_kernels;

CAIRN__ISA_TABLE(cairn__attention_kernels, cairn__attention_cpu)

#endif
