/* One index for each element along an axis, seen as [outer, n, inner]: gather_along, and
 * scatter_add_along, whose chunks own parts of the result and add in the order of the indices. */
#include <string.h>

#include "backend/cpu/task.h"

enum { ELEMENTS = 1 << 14, LEAST_COLUMNS = 16, WANTED_CHUNKS = 64 };

typedef struct along_state {
    const float *from; /* x or updates */
    const int32_t *index;
    float *to;
    int64_t outer, inner;
    int64_t n, picks;              /* sizes of the axis in x or result, and of the indices */
    int64_t columns, column_parts; /* of inner, in a chunk */
    int64_t rows, row_parts;       /* of n, in a chunk */
} along_state;

static const cairn_node *operand(const cairn__cpu_context *c, const cairn__step *step, int i)
{
    const cairn_graph *g = c->plan->lowered;
    return g->nodes[g->nodes[step->node]->input[i]];
}

static const char *declines(const cairn__cpu_context *c, const cairn__step *step)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    return n->dtype == CAIRN_F32 ? NULL : "elements are not f32";
}

static along_state *prepare(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task,
                            cairn_shape indices)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    const cairn__split split = cairn__split_at(indices, (int)n->at.axis);
    along_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return NULL;
    *s = (along_state){.to = cairn__cpu_address(c, step->output),
                       .outer = split.outer,
                       .inner = split.inner,
                       .picks = split.n};
    task->state = s;
    task->release = cairn__free;
    task->cost = 0.3 * step->bytes;
    return s;
}

/* ---- gather_along: a chunk is a stretch of the result ---------------------------------------- */

static void run_gather(const cairn__task *task, int64_t chunk, void *scratch)
{
    const along_state *s = task->state;
    const int64_t all = s->outer * s->picks * s->inner, area = s->picks * s->inner;
    int64_t i = chunk * ELEMENTS;
    const int64_t end = CAIRN__MIN(i + ELEMENTS, all);
    (void)scratch;
    while (i < end) {
        /* Up to the end of a row of `inner`, whose elements lie in the same columns of x; with a
         * single column, up to the end of all that is picked from the same n. */
        const int64_t column = i % s->inner, stretch = s->inner == 1 ? area : s->inner;
        const int64_t last = CAIRN__MIN(end, i - i % stretch + stretch);
        const float *x = s->from + i / area * s->n * s->inner + column;
        const int64_t step = s->inner == 1 ? 0 : 1;
        for (; i < last; i++, x += step) {
            const int64_t at = s->index[i];
            s->to[i] = at >= 0 && at < s->n ? x[at * s->inner] : 0;
        }
    }
}

static bool prepare_gather(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    along_state *s = prepare(c, step, task, n->shape);
    if (!s)
        return false;
    s->from = cairn__cpu_address(c, step->input[0]);
    s->index = cairn__cpu_address(c, step->input[1]);
    s->n = operand(c, step, 0)->shape.size[n->at.axis];
    task->run = run_gather;
    task->chunks = (cairn_shape_count(n->shape) + ELEMENTS - 1) / ELEMENTS;
    return true;
}

const cairn__cpu_kernel cairn__cpu_gather_elements = {
    .name = "elements",
    .declines = declines,
    .prepare = prepare_gather,
};

/* ---- scatter_add_along: a chunk is [1, rows, columns] of the result -------------------------- */

static void run_scatter(const cairn__task *task, int64_t chunk, void *scratch)
{
    const along_state *s = task->state;
    const int64_t parts = s->column_parts * s->row_parts, outer = chunk / parts;
    const int64_t first = chunk % s->column_parts * s->columns;
    const int64_t low = chunk / s->column_parts % s->row_parts * s->rows;
    const int64_t high = CAIRN__MIN(low + s->rows, s->n);
    const int64_t count = CAIRN__MIN(s->columns, s->inner - first);
    float *to = s->to + outer * s->n * s->inner + first;
    (void)scratch;
    for (int64_t i = low; i < high; i++)
        memset(to + i * s->inner, 0, (size_t)count * sizeof *to);
    for (int64_t p = 0; p < s->picks; p++) {
        const int64_t row = (outer * s->picks + p) * s->inner + first;
        const int32_t *index = s->index + row;
        const float *update = s->from + row;
        for (int64_t i = 0; i < count; i++)
            if (index[i] >= low && index[i] < high)
                to[index[i] * s->inner + i] += update[i];
    }
}

/* Columns first, which cost nothing; then rows of some length, for which all indices are read
 * again. */
static void cut(along_state *s)
{
    const int64_t outer = CAIRN__MAX(s->outer, (int64_t)1);
    int64_t parts = CAIRN__MAX(WANTED_CHUNKS / outer, (int64_t)1);
    s->columns = CAIRN__MAX((s->inner + parts - 1) / parts, (int64_t)LEAST_COLUMNS);
    s->column_parts = (s->inner + s->columns - 1) / s->columns;
    parts = WANTED_CHUNKS / 8 / CAIRN__MAX(outer * s->column_parts, (int64_t)1);
    s->rows = CAIRN__MAX(s->n / CAIRN__MAX(parts, (int64_t)1) + 1, (int64_t)ELEMENTS);
    s->row_parts = (s->n + s->rows - 1) / s->rows;
}

static bool prepare_scatter(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    along_state *s = prepare(c, step, task, operand(c, step, 0)->shape);
    if (!s)
        return false;
    s->index = cairn__cpu_address(c, step->input[0]);
    s->from = cairn__cpu_address(c, step->input[1]);
    s->n = n->shape.size[n->at.axis];
    cut(s);
    task->run = run_scatter;
    task->chunks = s->outer * s->column_parts * s->row_parts;
    return true;
}

const cairn__cpu_kernel cairn__cpu_scatter_elements = {
    .name = "elements in order",
    .declines = declines,
    .prepare = prepare_scatter,
};
