/* Statistics of batches: mean and variance of columns, and the sums of their gradients. Pieces of
 * rows, fixed by the shape, are summed side by side and then joined in order. */
#include "backend/cpu/columns.h"

#include <string.h>

#include "backend/cpu/task.h"

typedef struct columns_state {
    const cairn__columns *k;
    const float *x, *y, *centre;
    float *to, *parts; /* parts: [pieces][2][C] */
    int64_t rows, C, pieces;
} columns_state;

/* A piece is read twice for its variance and should stay in L2 meanwhile; and short sums that are
 * joined round less than a long one. */
enum { PIECE = 1 << 14, MOST_PIECES = 64 };

static const char *never(const cairn__cpu_context *c, const cairn__step *step)
{
    (void)c, (void)step;
    return NULL;
}

static int64_t first_row(const columns_state *s, int64_t piece)
{
    return s->rows * piece / s->pieces;
}

static void run_piece(const cairn__task *task, int64_t chunk, void *scratch)
{
    const columns_state *s = task->state;
    const int64_t first = first_row(s, chunk), rows = first_row(s, chunk + 1) - first;
    float *to = s->parts + chunk * 2 * s->C;
    (void)scratch;
    if (s->y)
        s->k->sums(s->x + first * s->C, s->y + first * s->C, s->centre, rows, s->C, to);
    else
        s->k->moments(s->x + first * s->C, rows, s->C, to);
}

static void run_join(const cairn__task *task, int64_t chunk, void *scratch)
{
    const columns_state *s = task->state;
    const int64_t C = s->C;
    (void)chunk, (void)scratch;
    memcpy(s->to, s->parts, 2 * (size_t)C * sizeof *s->to);
    for (int64_t i = 1; i < s->pieces; i++) {
        const float *part = s->parts + i * 2 * C;
        const int64_t before = first_row(s, i);
        if (s->y)
            s->k->add(s->to, part, 2 * C);
        else
            s->k->join_moments(s->to, (double)before, part, (double)(first_row(s, i + 1) - before),
                               C);
    }
    for (int64_t c = 0; !s->y && c < C; c++)
        s->to[C + c] /= (float)s->rows;
}

static void share(void *state, void *memory)
{
    ((columns_state *)state)->parts = memory;
}

static bool prepare(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_graph *g = c->plan->lowered;
    const cairn_shape x = g->nodes[g->nodes[step->node]->input[0]]->shape;
    columns_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    s->k = cairn__columns_at(c->level);
    s->C = x.size[x.rank - 1];
    s->rows = cairn_shape_count(x) / s->C;
    int64_t pieces = CAIRN__MIN(cairn_shape_count(x) / PIECE, (int64_t)MOST_PIECES);
    s->pieces = CAIRN__MAX(CAIRN__MIN(pieces, s->rows), (int64_t)1);
    s->x = cairn__cpu_address(c, step->input[0]);
    if (step->inputs == 3) {
        s->y = cairn__cpu_address(c, step->input[1]);
        s->centre = cairn__cpu_address(c, step->input[2]);
    }
    s->to = cairn__cpu_address(c, step->output);
    task->state = c->after->state = s;
    task->release = cairn__free;
    task->run = run_piece;
    task->chunks = s->pieces;
    task->cost = 0.1 * step->bytes;
    task->shared = (size_t)(s->pieces * 2 * s->C) * sizeof(float);
    task->share = share;
    c->after->run = run_join;
    c->after->chunks = 1;
    c->after->cost = (double)(s->pieces * s->C);
    c->after->kernel = "join columns";
    return true;
}

const cairn__cpu_kernel cairn__cpu_column_moments = {
    .name = "moments of columns",
    .declines = never,
    .prepare = prepare,
};

const cairn__cpu_kernel cairn__cpu_column_sums = {
    .name = "sums of columns",
    .declines = never,
    .prepare = prepare,
};
