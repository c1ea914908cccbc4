/* Steps that move elements or choose among them: concat, gather, pad, one-hot, argmax and argmin;
 * and random values. Each is cut into chunks of rows. What only moves elements takes all dtypes of
 * four bytes. */
#include <math.h>
#include <string.h>

#include "backend/cpu/pool.h"
#include "backend/cpu/task.h"
#include "base/philox.h"

typedef struct move_state {
    const cairn_node *node;
    const void **from; /* operands */
    int64_t *width;    /* of concat: elements of each operand in a row */
    void *to;
    int64_t rows, n, inner, block;
    int operands;
    unsigned char fill[sizeof(float)]; /* of pad */
    const cairn__pool *pool;           /* of argmax and argmin */
} move_state;

static void release(void *state)
{
    move_state *s = state;
    cairn__free(s->from);
    cairn__free(s->width);
    cairn__free(s);
}

static const cairn_node *operand(const cairn__cpu_context *c, const cairn__step *step, int i)
{
    const cairn_graph *g = c->plan->lowered;
    return g->nodes[g->nodes[step->node]->input[i]];
}

static const char *needs_f32(const cairn__cpu_context *c, const cairn__step *step)
{
    return operand(c, step, 0)->dtype == CAIRN_F32 ? NULL : "the operand is not f32";
}

static const char *needs_words(const cairn__cpu_context *c, const cairn__step *step)
{
    return cairn_dtype_bytes(operand(c, step, 0)->dtype) == sizeof(float)
               ? NULL
               : "elements have not four bytes";
}

static const char *never(const cairn__cpu_context *c, const cairn__step *step)
{
    (void)c, (void)step;
    return NULL;
}

/* rows of `elements` elements each; a chunk has some ten thousand elements. */
static move_state *prepare(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task,
                           int64_t rows, int64_t elements)
{
    move_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return NULL;
    task->state = s;
    task->release = release;
    *s = (move_state){.node = c->plan->lowered->nodes[step->node],
                      .rows = rows,
                      .n = elements,
                      .operands = step->inputs};
    s->from = cairn__alloc((size_t)step->inputs, sizeof *s->from, c->status);
    s->width = cairn__alloc((size_t)step->inputs, sizeof *s->width, c->status);
    if (!s->from || !s->width)
        return NULL;
    for (int i = 0; i < step->inputs; i++)
        s->from[i] = cairn__cpu_address(c, step->input[i]);
    s->to = cairn__cpu_address(c, step->output);
    s->block = CAIRN__MAX(32768 / CAIRN__MAX(elements, (int64_t)1), (int64_t)1);
    task->chunks = (rows + s->block - 1) / s->block;
    task->cost = 0.2 * step->bytes;
    return s;
}

static int64_t end_of(const move_state *s, int64_t chunk)
{
    return CAIRN__MIN((chunk + 1) * s->block, s->rows);
}

/* ---- concat ---------------------------------------------------------------------------------- */

static void run_concat(const cairn__task *task, int64_t chunk, void *scratch)
{
    const move_state *s = task->state;
    (void)scratch;
    for (int64_t r = chunk * s->block; r < end_of(s, chunk); r++) {
        float *to = (float *)s->to + r * s->n;
        for (int i = 0; i < s->operands; i++) {
            memcpy(to, (const float *)s->from[i] + r * s->width[i],
                   (size_t)s->width[i] * sizeof *to);
            to += s->width[i];
        }
    }
}

static bool prepare_concat(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    cairn__split split = cairn__split_at(n->shape, (int)n->at.axis);
    move_state *s = prepare(c, step, task, split.outer, split.n * split.inner);
    for (int i = 0; s && i < step->inputs; i++)
        s->width[i] = operand(c, step, i)->shape.size[n->at.axis] * split.inner;
    task->run = run_concat;
    return s != NULL;
}

const cairn__cpu_kernel cairn__cpu_concat_copy = {
    .name = "copy rows",
    .declines = needs_words,
    .prepare = prepare_concat,
};

/* ---- gather: rows are [outer, picks], each a run of `inner` elements ------------------------- */

static void run_gather(const cairn__task *task, int64_t chunk, void *scratch)
{
    const move_state *s = task->state;
    const float *x = s->from[0];
    const int32_t *index = s->from[1];
    int64_t size = s->width[0], picks = s->width[1];
    (void)scratch;
    for (int64_t r = chunk * s->block; r < end_of(s, chunk); r++) {
        float *to = (float *)s->to + r * s->n;
        int64_t at = index[r % picks];
        if (at >= 0 && at < size)
            memcpy(to, x + (r / picks * size + at) * s->n, (size_t)s->n * sizeof *to);
        else
            memset(to, 0, (size_t)s->n * sizeof *to);
    }
}

static bool prepare_gather(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    cairn__split split = cairn__split_at(operand(c, step, 0)->shape, (int)n->at.axis);
    int64_t picks = cairn_shape_count(operand(c, step, 1)->shape);
    move_state *s = prepare(c, step, task, split.outer * picks, split.inner);
    if (!s)
        return false;
    s->width[0] = split.n;
    s->width[1] = picks;
    task->run = run_gather;
    return true;
}

const cairn__cpu_kernel cairn__cpu_gather_copy = {
    .name = "copy rows",
    .declines = needs_words,
    .prepare = prepare_gather,
};

/* ---- pad: rows are elements that move together ----------------------------------------------- */

/* `rows` rows from the first of an outer item's on: all from x, or all padding. */
static void pad_run(const move_state *s, int64_t outer, int64_t first, int64_t rows)
{
    const int64_t to = s->node->shape.size[s->node->at.axis], from = s->width[0];
    const int64_t at = first - s->node->at.list[0], count = rows * s->n;
    float *row = (float *)s->to + (outer * to + first) * s->n;
    if (at >= 0 && at < from) {
        memcpy(row, (const float *)s->from[0] + (outer * from + at) * s->n,
               (size_t)count * sizeof *row);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        memcpy(row + i, s->fill, sizeof *row);
}

static void run_pad(const cairn__task *task, int64_t chunk, void *scratch)
{
    const move_state *s = task->state;
    const int64_t to = s->node->shape.size[s->node->at.axis], before = s->node->at.list[0];
    const int64_t end = end_of(s, chunk), borders[] = {before, before + s->width[0], to};
    (void)scratch;
    for (int64_t r = chunk * s->block; r < end;) {
        const int64_t outer = r / to, first = r % to;
        int64_t last = CAIRN__MIN(to, first + end - r);
        for (int b = 2; b >= 0; b--)
            last = borders[b] > first ? CAIRN__MIN(last, borders[b]) : last;
        pad_run(s, outer, first, last - first);
        r += last - first;
    }
}

static bool prepare_pad(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    const cairn__split split = cairn__split_at(n->shape, (int)n->at.axis);
    move_state *s = prepare(c, step, task, split.outer * split.n, split.inner);
    if (!s)
        return false;
    s->width[0] = operand(c, step, 0)->shape.size[n->at.axis];
    cairn__from_double(n->dtype, n->at.value, s->fill, 1);
    task->run = run_pad;
    return true;
}

const cairn__cpu_kernel cairn__cpu_pad_copy = {
    .name = "copy rows",
    .declines = needs_words,
    .prepare = prepare_pad,
};

/* ---- one-hot --------------------------------------------------------------------------------- */

static void run_one_hot(const cairn__task *task, int64_t chunk, void *scratch)
{
    const move_state *s = task->state;
    const int32_t *index = s->from[0];
    int64_t first = chunk * s->block, last = end_of(s, chunk);
    (void)scratch;
    memset((float *)s->to + first * s->n, 0, (size_t)((last - first) * s->n) * sizeof(float));
    for (int64_t r = first; r < last; r++)
        if (index[r] >= 0 && index[r] < s->n)
            ((float *)s->to)[r * s->n + index[r]] = 1;
}

static bool prepare_one_hot(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    task->run = run_one_hot;
    return prepare(c, step, task, cairn_shape_count(operand(c, step, 0)->shape), n->at.axis) !=
           NULL;
}

const cairn__cpu_kernel cairn__cpu_one_hot_rows = {
    .name = "rows",
    .declines = never,
    .prepare = prepare_one_hot,
};

/* ---- argmax, argmin: a NaN is both largest and smallest -------------------------------------- */

/* An outer item whose axis has other axes behind it: all columns at a time. best: of each. */
static void arg_columns(const move_state *s, const float *x, int32_t *to, float *best)
{
    const bool largest = s->node->op == &cairn__op_argmax;
    memcpy(best, x, (size_t)s->inner * sizeof *best);
    memset(to, 0, (size_t)s->inner * sizeof *to);
    for (int64_t i = 1; i < s->n / s->inner; i++)
        (largest ? s->pool->larger : s->pool->smaller)(best, to, x + i * s->inner, (int32_t)i,
                                                       s->inner);
}

static void run_arg(const cairn__task *task, int64_t chunk, void *scratch)
{
    const move_state *s = task->state;
    const bool largest = s->node->op == &cairn__op_argmax;
    for (int64_t r = chunk * s->block; r < end_of(s, chunk); r++) {
        const float *x = (const float *)s->from[0] + r * s->n;
        int32_t *to = (int32_t *)s->to + r * s->inner;
        if (s->inner == 1)
            *to = (largest ? s->pool->largest : s->pool->smallest)(x, s->n);
        else
            arg_columns(s, x, to, scratch);
    }
}

static bool prepare_arg(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    cairn__split split = cairn__split_at(operand(c, step, 0)->shape, (int)n->at.axis);
    if (split.inner == 0)
        split.outer = 0;
    move_state *s = prepare(c, step, task, split.outer, split.n * split.inner);
    if (!s)
        return false;
    s->inner = split.inner;
    s->pool = cairn__pool_at(c->level);
    task->scratch = (size_t)split.inner * sizeof(float);
    task->run = run_arg;
    return true;
}

const cairn__cpu_kernel cairn__cpu_arg_rows = {
    .name = "rows",
    .declines = needs_f32,
    .prepare = prepare_arg,
};

/* ---- random values: rows of four, as the reference defines them ------------------------------ */

static void run_random(const cairn__task *task, int64_t chunk, void *scratch)
{
    const move_state *s = task->state;
    const cairn_node *n = s->node;
    uint64_t seed = (uint64_t)n->at.list[0];
    uint64_t first = (uint64_t)(int64_t) * (const int32_t *)s->from[0] << 40;
    int64_t count = s->inner;
    bool normal = n->op == &cairn__op_random_normal;
    (void)scratch;
    for (int64_t r = chunk * s->block; r < end_of(s, chunk); r++) {
        uint32_t words[4];
        float values[4];
        cairn__philox(seed, n->at.stream, first + (uint64_t)r, words);
        for (int j = 0; j < 4; j++)
            values[j] = cairn__uniform(words[j]);
        for (int j = 0; normal && j < 4; j += 2)
            cairn__normal_pair(words + j, values + j);
        memcpy((float *)s->to + 4 * r, values,
               (size_t)CAIRN__MIN((int64_t)4, count - 4 * r) * sizeof *values);
    }
}

static bool prepare_random(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    int64_t count = cairn_shape_count(c->plan->lowered->nodes[step->node]->shape);
    move_state *s = prepare(c, step, task, (count + 3) / 4, 4);
    if (!s)
        return false;
    s->inner = count;
    task->run = run_random;
    task->cost = 5 * (double)count;
    return true;
}

const cairn__cpu_kernel cairn__cpu_random_rows = {
    .name = "Philox",
    .declines = never,
    .prepare = prepare_random,
};
