/* cumsum, seen as [outer, n, inner]: lines one after the other, or many columns at a time. Sums are
 * kept in double precision. */
#include <string.h>

#include "backend/cpu/task.h"

enum { COLUMNS = 256, ELEMENTS = 1 << 14 };

typedef struct running_state {
    const float *from;
    float *to;
    int64_t outer, n, inner;
    int64_t block, column_parts; /* outer items of a chunk; chunks of an outer item */
    bool reverse, exclusive;
} running_state;

static const char *declines(const cairn__cpu_context *c, const cairn__step *step)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    return n->dtype == CAIRN_F32 ? NULL : "elements are not f32";
}

/* One line from `x`; step is 1 or -1. */
static void line(const float *x, float *y, int64_t n, int64_t step, bool exclusive)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++, x += step, y += step) {
        const double before = sum;
        sum += (double)*x;
        *y = (float)(exclusive ? before : sum);
    }
}

static void columns(const running_state *s, const float *x, float *y, int64_t count, double *sum)
{
    const int64_t step = s->reverse ? -s->inner : s->inner;
    memset(sum, 0, (size_t)count * sizeof *sum);
    for (int64_t i = 0; i < s->n; i++, x += step, y += step) {
        if (s->exclusive)
            for (int64_t c = 0; c < count; c++)
                y[c] = (float)sum[c];
        for (int64_t c = 0; c < count; c++)
            sum[c] += (double)x[c];
        if (!s->exclusive)
            for (int64_t c = 0; c < count; c++)
                y[c] = (float)sum[c];
    }
}

static void run(const cairn__task *task, int64_t chunk, void *scratch)
{
    const running_state *s = task->state;
    const int64_t area = s->n * s->inner, start = s->reverse ? area - s->inner : 0;
    const int64_t part = chunk % s->column_parts, first = part * COLUMNS;
    const int64_t outer = chunk / s->column_parts * s->block;
    for (int64_t o = outer; o < CAIRN__MIN(outer + s->block, s->outer); o++) {
        const int64_t at = o * area + start + first;
        if (s->inner == 1)
            line(s->from + at, s->to + at, s->n, s->reverse ? -1 : 1, s->exclusive);
        else
            columns(s, s->from + at, s->to + at, CAIRN__MIN((int64_t)COLUMNS, s->inner - first),
                    scratch);
    }
}

static bool prepare(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    const cairn__split split = cairn__split_at(n->shape, (int)n->at.axis);
    running_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    *s = (running_state){.from = cairn__cpu_address(c, step->input[0]),
                         .to = cairn__cpu_address(c, step->output),
                         .outer = split.outer,
                         .n = split.n,
                         .inner = split.inner,
                         .reverse = n->at.list[0],
                         .exclusive = n->at.list[1]};
    const int64_t width = CAIRN__MIN(s->inner, (int64_t)COLUMNS) * s->n;
    s->block = CAIRN__MAX(ELEMENTS / CAIRN__MAX(width, (int64_t)1), (int64_t)1);
    s->column_parts = CAIRN__MAX((s->inner + COLUMNS - 1) / COLUMNS, (int64_t)1);
    task->state = s;
    task->release = cairn__free;
    task->run = run;
    task->chunks =
        cairn_shape_count(n->shape) ? (s->outer + s->block - 1) / s->block * s->column_parts : 0;
    task->scratch = COLUMNS * sizeof(double);
    task->cost = (double)cairn_shape_count(n->shape);
    return true;
}

const cairn__cpu_kernel cairn__cpu_running_sums = {
    .name = "running sums",
    .declines = declines,
    .prepare = prepare,
};
