/* Depthwise convolution: as many groups as channels in and out, any window, stride and dilation.
 *
 * A chunk is some positions of the result. For each, the taps that lie inside are listed and then
 * summed for all channels. The gradient for the weight is summed over pieces of the positions,
 * fixed by the shape, which are added in order at the end. */
#include <string.h>

#include "backend/cpu/columns.h"
#include "backend/cpu/depthwise.h"
#include "backend/cpu/task.h"
#include "graph/conv.h"

enum { AXES = CAIRN__CONV_AXES, MOST_TAPS = 1024, CHUNK = 1 << 14, MOST_PIECES = 32 };

typedef struct depthwise_state {
    const cairn__depthwise *k;
    const cairn__columns *columns;
    cairn__conv c;
    bool input;
    const float *from, *other; /* x or dy; the weight, or dy */
    float *to, *parts;
    int64_t taps, rows, block; /* rows: positions of the result, or of dy; in each chunk */
} depthwise_state;

static const char *declines(const cairn__cpu_context *c, const cairn__step *step)
{
    const cairn__conv v = cairn__conv_at(c->plan->lowered, step->node);
    if (v.groups != v.C || v.groups != v.O || v.C == 1)
        return "not one group a channel";
    return cairn__conv_count(v.k) > MOST_TAPS ? "a window of more than 1024" : NULL;
}

/* The other way: the position of the output that sees position `i` of the input by element `k`. */
static int64_t seen_by(const cairn__conv *c, const int64_t i[AXES], const int64_t k[AXES])
{
    int64_t at = 0;
    for (int a = 0; a < AXES; a++) {
        const int64_t p = i[a] - k[a] * c->dilation[a] + c->low[a];
        if (p < 0 || p % c->stride[a] || p / c->stride[a] >= c->out[a])
            return -1;
        at = at * c->out[a] + p / c->stride[a];
    }
    return at;
}

static void run(const cairn__task *task, int64_t chunk, void *scratch)
{
    const depthwise_state *s = task->state;
    const cairn__conv *c = &s->c;
    const int64_t *result = s->input ? c->in : c->out, *size = s->input ? c->out : c->in;
    const int64_t positions = cairn__conv_count(result), area = cairn__conv_count(size);
    const int64_t first = chunk * s->block, last = CAIRN__MIN(first + s->block, s->rows);
    const float **x = scratch, **w = x + s->taps;
    for (int64_t row = first; row < last; row++) {
        const float *picture = s->from + row / positions * area * c->C;
        int64_t i[AXES], k[AXES], n = 0;
        cairn__conv_split(row % positions, result, i);
        for (int64_t t = 0; t < s->taps; t++) {
            cairn__conv_split(t, c->k, k);
            const int64_t at = s->input ? seen_by(c, i, k) : cairn__conv_seen(c, i, k);
            if (at < 0)
                continue;
            x[n] = picture + at * c->C;
            w[n++] = s->other + t * c->C;
        }
        s->k->gather(s->to + row * c->C, x, w, n, c->C);
    }
}

static depthwise_state *new_state(const cairn__cpu_context *c, const cairn__step *step,
                                  cairn__task *task)
{
    depthwise_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return NULL;
    s->k = cairn__depthwise_at(c->level);
    s->columns = cairn__columns_at(c->level);
    s->c = cairn__conv_at(c->plan->lowered, step->node);
    s->input = c->plan->lowered->nodes[step->node]->op == &cairn__op_conv_input_gradient;
    s->from = cairn__cpu_address(c, step->input[0]);
    s->other = cairn__cpu_address(c, step->input[1]);
    s->to = cairn__cpu_address(c, step->output);
    s->taps = cairn__conv_count(s->c.k);
    s->rows = s->c.N * cairn__conv_count(s->input ? s->c.in : s->c.out);
    task->state = s;
    task->release = cairn__free;
    task->cost = 0.2 * step->flops + 0.1 * step->bytes;
    return s;
}

static bool prepare(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    depthwise_state *s = new_state(c, step, task);
    if (!s)
        return false;
    s->block = CAIRN__MAX(CHUNK / s->c.C, (int64_t)1);
    task->chunks = (s->rows + s->block - 1) / s->block;
    task->scratch = 2 * (size_t)s->taps * sizeof(float *);
    task->run = run;
    return true;
}

const cairn__cpu_kernel cairn__cpu_conv_depthwise = {
    .name = "channel by channel",
    .declines = declines,
    .prepare = prepare,
};

/* ---- the gradient for the weight ------------------------------------------------------------- */

static void run_weight(const cairn__task *task, int64_t chunk, void *scratch)
{
    const depthwise_state *s = task->state;
    const cairn__conv *c = &s->c;
    const int64_t positions = cairn__conv_count(c->out), area = cairn__conv_count(c->in);
    const int64_t first = chunk * s->block, last = CAIRN__MIN(first + s->block, s->rows);
    float *sum = s->parts + chunk * s->taps * c->C;
    (void)scratch;
    memset(sum, 0, (size_t)(s->taps * c->C) * sizeof *sum);
    for (int64_t row = first; row < last; row++) {
        int64_t i[AXES], k[AXES];
        cairn__conv_split(row % positions, c->out, i);
        for (int64_t t = 0; t < s->taps; t++) {
            cairn__conv_split(t, c->k, k);
            const int64_t at = cairn__conv_seen(c, i, k);
            if (at >= 0)
                s->k->accumulate(sum + t * c->C, s->from + (row / positions * area + at) * c->C,
                                 s->other + row * c->C, c->C);
        }
    }
}

static void run_add(const cairn__task *task, int64_t chunk, void *scratch)
{
    const depthwise_state *s = task->state;
    const int64_t all = s->taps * s->c.C;
    (void)chunk, (void)scratch;
    memset(s->to, 0, (size_t)all * sizeof *s->to);
    for (int64_t first = 0, part = 0; first < s->rows; first += s->block, part++)
        s->columns->add(s->to, s->parts + part * all, all);
}

static void share(void *state, void *memory)
{
    ((depthwise_state *)state)->parts = memory;
}

static bool prepare_weight(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    depthwise_state *s = new_state(c, step, task);
    if (!s)
        return false;
    s->block = CAIRN__MAX(CHUNK / s->c.C, (s->rows + MOST_PIECES - 1) / MOST_PIECES);
    s->block = CAIRN__MAX(s->block, (int64_t)1);
    task->chunks = (s->rows + s->block - 1) / s->block;
    task->run = run_weight;
    task->shared = (size_t)(task->chunks * s->taps * s->c.C) * sizeof(float);
    task->share = share;
    c->after->state = s;
    c->after->run = run_add;
    c->after->chunks = 1;
    c->after->cost = 0.1 * (double)task->shared;
    c->after->kernel = "add pieces";
    return true;
}

const cairn__cpu_kernel cairn__cpu_conv_depthwise_weight = {
    .name = "channel by channel",
    .declines = declines,
    .prepare = prepare_weight,
};
