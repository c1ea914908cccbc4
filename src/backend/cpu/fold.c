/* Reductions that are no part of an element-wise program: over rows that are too long for one, and
 * over leading or middle axes. The plan has made each a single run of axes: [outer, n, inner]. */
#include "backend/cpu/task.h"
#include "backend/cpu/vectormath.h"

typedef struct fold_state {
    const cairn__vectormath *k;
    cairn__fold *rows;
    cairn__fold_columns *columns;
    const float *from;
    float *to;
    int64_t outer, n, inner, block;
} fold_state;

/* Columns of a chunk: with few of them each row is on another page, with many there are few
 * chunks. */
enum { FEWEST_COLUMNS = 96, MOST_COLUMNS = 1024, CHUNKS = 16, UNIT = 16 };

/* The run of reduced axes, if it is one. */
static bool find_run(const cairn__cpu_context *c, const cairn__step *step, fold_state *s)
{
    const cairn_graph *g = c->plan->lowered;
    const cairn_node *n = g->nodes[step->node];
    cairn_shape x = g->nodes[n->input[0]]->shape;
    int stage = 0; /* before, in and behind the run */
    *s = (fold_state){.outer = 1, .n = 1, .inner = 1};
    for (int i = 0; i < x.rank; i++) {
        bool gone = n->at.list[0] >> i & 1;
        if (gone && stage == 2 && x.size[i] != 1)
            return false;
        if (gone && stage == 0)
            stage = 1;
        else if (!gone && stage == 1 && x.size[i] != 1)
            stage = 2;
        *(gone ? &s->n : stage == 2 ? &s->inner : &s->outer) *= x.size[i];
    }
    return true;
}

static const char *declines_rows(const cairn__cpu_context *c, const cairn__step *step)
{
    fold_state s;
    if (!find_run(c, step, &s))
        return "the reduced axes are no neighbours";
    return s.inner == 1 ? NULL : "other axes follow the reduced ones";
}

static const char *declines_columns(const cairn__cpu_context *c, const cairn__step *step)
{
    fold_state s;
    return find_run(c, step, &s) ? NULL : "the reduced axes are no neighbours";
}

static void run_rows(const cairn__task *task, int64_t chunk, void *scratch)
{
    const fold_state *s = task->state;
    (void)scratch;
    int64_t first = chunk * s->block, last = CAIRN__MIN(first + s->block, s->outer);
    for (int64_t r = first; r < last; r++)
        s->to[r] = s->rows(s->from + r * s->n, s->n);
}

static void run_columns(const cairn__task *task, int64_t chunk, void *scratch)
{
    const fold_state *s = task->state;
    (void)scratch;
    int64_t blocks = (s->inner + s->block - 1) / s->block;
    int64_t outer = chunk / blocks, first = chunk % blocks * s->block;
    int64_t count = CAIRN__MIN(s->block, s->inner - first);
    s->columns(s->to + outer * s->inner, s->from + outer * s->n * s->inner, s->n, s->inner, first,
               count);
}

static fold_state *prepare(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_op *op = c->plan->lowered->nodes[step->node]->op;
    const cairn__vectormath *k = cairn__vectormath_at(c->level);
    fold_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return NULL;
    find_run(c, step, s);
    s->k = k;
    s->rows = op == &cairn__op_sum ? k->sum : op == &cairn__op_max ? k->max : k->min;
    s->columns = op == &cairn__op_sum   ? k->sum_columns
                 : op == &cairn__op_max ? k->max_columns
                                        : k->min_columns;
    s->from = cairn__cpu_address(c, step->input[0]);
    s->to = cairn__cpu_address(c, step->output);
    task->state = s;
    task->release = cairn__free;
    task->cost = 0.1 * step->bytes;
    return s;
}

static bool prepare_rows(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    fold_state *s = prepare(c, step, task);
    if (!s)
        return false;
    s->block = CAIRN__MAX(32768 / CAIRN__MAX(s->n, (int64_t)1), (int64_t)1);
    task->chunks = (s->outer + s->block - 1) / s->block;
    task->run = run_rows;
    return true;
}

static bool prepare_columns(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    fold_state *s = prepare(c, step, task);
    if (!s)
        return false;
    const int64_t small = 65536 / CAIRN__MAX(s->n, (int64_t)1);
    const int64_t most = CAIRN__MAX(small, (int64_t)MOST_COLUMNS);
    const int64_t least = CAIRN__MAX(small, (int64_t)FEWEST_COLUMNS);
    const int64_t block = CAIRN__MIN(CAIRN__MAX(s->inner / CHUNKS, least), most);
    s->block = (block + UNIT - 1) / UNIT * UNIT;
    task->chunks = s->outer * ((s->inner + s->block - 1) / s->block);
    task->run = run_columns;
    return true;
}

const cairn__cpu_kernel cairn__cpu_fold_rows = {
    .name = "fold rows",
    .declines = declines_rows,
    .prepare = prepare_rows,
};

const cairn__cpu_kernel cairn__cpu_fold_columns = {
    .name = "fold columns",
    .declines = declines_columns,
    .prepare = prepare_columns,
};
