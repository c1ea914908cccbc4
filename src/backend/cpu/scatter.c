/* scatter_add: a chunk owns some rows of the result, zeroes them, and adds the updates that belong
 * there in the order of the indices. Every chunk reads all indices; they are few beside what is
 * added. */
#include <string.h>

#include "backend/cpu/task.h"

typedef struct scatter_state {
    const int32_t *index;
    const float *updates;
    float *to;
    int64_t n, inner, picks; /* rows of the result, their length, updates for each outer item */
    int64_t block, blocks;   /* rows of a chunk, chunks of an outer item */
} scatter_state;

static const char *needs_f32(const cairn__cpu_context *c, const cairn__step *step)
{
    return c->plan->lowered->nodes[step->node]->dtype == CAIRN_F32 ? NULL : "updates are not f32";
}

static void run(const cairn__task *task, int64_t chunk, void *scratch)
{
    const scatter_state *s = task->state;
    int64_t outer = chunk / s->blocks, first = chunk % s->blocks * s->block;
    int64_t last = CAIRN__MIN(first + s->block, s->n);
    const float *from = s->updates + outer * s->picks * s->inner;
    float *to = s->to + outer * s->n * s->inner;
    (void)scratch;
    memset(to + first * s->inner, 0, (size_t)((last - first) * s->inner) * sizeof *to);
    for (int64_t p = 0; p < s->picks; p++) {
        if (s->index[p] < first || s->index[p] >= last)
            continue;
        float *restrict row = to + s->index[p] * s->inner;
        const float *restrict update = from + p * s->inner;
#pragma omp simd
        for (int64_t i = 0; i < s->inner; i++)
            row[i] += update[i];
    }
}

static bool prepare(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_graph *g = c->plan->lowered;
    const cairn_node *n = g->nodes[step->node];
    cairn__split split = cairn__split_at(n->shape, (int)n->at.axis);
    scatter_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    *s = (scatter_state){.index = cairn__cpu_address(c, step->input[0]),
                         .updates = cairn__cpu_address(c, step->input[1]),
                         .to = cairn__cpu_address(c, step->output),
                         .n = split.n,
                         .inner = split.inner,
                         .picks = cairn_shape_count(g->nodes[n->input[0]]->shape)};
    /* Some 2^18 numbers a chunk, and never so few rows that reading the indices counts. */
    s->block = CAIRN__MAX((1 << 18) / CAIRN__MAX(s->inner, (int64_t)1), (s->n + 63) / 64);
    s->block = CAIRN__MAX(s->block, (int64_t)1);
    s->blocks = (s->n + s->block - 1) / s->block;
    task->state = s;
    task->release = cairn__free;
    task->run = run;
    task->chunks = split.outer * s->blocks;
    task->cost = 0.2 * step->bytes;
    return true;
}

const cairn__cpu_kernel cairn__cpu_scatter_rows = {
    .name = "rows in order",
    .declines = needs_f32,
    .prepare = prepare,
};
