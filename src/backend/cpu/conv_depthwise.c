/* Depthwise convolution: as many groups as channels in and out, any window, stride and dilation.
 *
 * A chunk is some positions of the result. For each, the taps that lie inside are listed and then
 * summed for all channels; neighbours whose taps all lie inside share a list. The gradient for the
 * weight is summed over pieces of the positions, fixed by the shape, which are added in order at
 * the end. */
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
    int64_t *seen[AXES];       /* [position of the result][element]: the position read, or -1 */
    int64_t inside, outside;   /* along the last axis: those between see all their elements, */
    int64_t step;              /* and the next one sees them this far on; 0: no neighbours */
} depthwise_state;

static const char *declines(const cairn__cpu_context *c, const cairn__step *step)
{
    const cairn__conv v = cairn__conv_at(c->plan->lowered, step->node);
    if (v.groups != v.C || v.groups != v.O || v.C == 1)
        return "not one group a channel";
    return cairn__conv_count(v.k) > MOST_TAPS ? "a window of more than 1024" : NULL;
}

/* Along one axis: the position that result `i` reads by element `k`, or -1. */
static int64_t seen_along(const cairn__conv *c, int axis, bool input, int64_t i, int64_t k)
{
    const int64_t stride = c->stride[axis];
    if (!input) {
        const int64_t p = i * stride + k * c->dilation[axis] - c->low[axis];
        return p >= 0 && p < c->in[axis] ? p : -1;
    }
    /* The position of dy whose window's element k is i. */
    const int64_t p = i - k * c->dilation[axis] + c->low[axis];
    return p >= 0 && p % stride == 0 && p / stride < c->out[axis] ? p / stride : -1;
}

static bool fill_tables(depthwise_state *s, cairn_status *status)
{
    const int64_t *result = s->input ? s->c.in : s->c.out;
    for (int a = 0; a < AXES; a++) {
        const int64_t k = s->c.k[a];
        s->seen[a] = cairn__alloc((size_t)(result[a] * k), sizeof *s->seen[a], status);
        if (!s->seen[a])
            return false;
        for (int64_t i = 0; i < result[a] * k; i++)
            s->seen[a][i] = seen_along(&s->c, a, s->input, i / k, i % k);
    }
    return true;
}

/* The longest run of positions along the last axis that see all elements of their windows. */
static void find_inside(depthwise_state *s)
{
    const int64_t last = s->input ? s->c.in[AXES - 1] : s->c.out[AXES - 1], k = s->c.k[AXES - 1];
    const int64_t stride = s->c.stride[AXES - 1];
    if (s->input && stride != 1)
        return;
    s->step = (s->input ? 1 : stride) * s->c.C;
    for (int64_t i = 0, begin = 0; i < last; i++) {
        for (int64_t e = 0; e < k; e++)
            if (s->seen[AXES - 1][i * k + e] < 0)
                begin = i + 1;
        if (i + 1 - begin > s->outside - s->inside) {
            s->inside = begin;
            s->outside = i + 1;
        }
    }
}

/* The taps of the position at i[], of a picture of the given size, with their rows of `weight`: how
 * many. */
static int64_t list_taps(const depthwise_state *s, const float *picture, const int64_t i[AXES],
                         const int64_t size[AXES], const float *weight, const float **x,
                         const float **w)
{
    const int64_t *k = s->c.k, C = s->c.C;
    int64_t n = 0;
    for (int64_t a = 0; a < k[0]; a++)
        for (int64_t b = 0; b < k[1]; b++) {
            const int64_t p = s->seen[0][i[0] * k[0] + a], q = s->seen[1][i[1] * k[1] + b];
            for (int64_t c = 0; c < k[2]; c++, weight += C) {
                const int64_t r = s->seen[2][i[2] * k[2] + c];
                if (p < 0 || q < 0 || r < 0)
                    continue;
                x[n] = picture + ((p * size[1] + q) * size[2] + r) * C;
                w[n++] = weight;
            }
        }
    return n;
}

static void run(const cairn__task *task, int64_t chunk, void *scratch)
{
    const depthwise_state *s = task->state;
    const cairn__conv *c = &s->c;
    const int64_t *result = s->input ? c->in : c->out, *size = s->input ? c->out : c->in;
    const int64_t positions = cairn__conv_count(result), area = cairn__conv_count(size);
    const int64_t first = chunk * s->block, last = CAIRN__MIN(first + s->block, s->rows);
    const float **x = scratch, **w = x + s->taps;
    for (int64_t row = first, count; row < last; row += count) {
        const float *picture = s->from + row / positions * area * c->C;
        int64_t i[AXES];
        cairn__conv_split(row % positions, result, i);
        const int64_t taps = list_taps(s, picture, i, size, s->other, x, w);
        const int64_t at = i[AXES - 1];
        count = at < s->inside || at >= s->outside ? 1 : CAIRN__MIN(s->outside - at, last - row);
        s->k->gather(s->to + row * c->C, x, w, taps, c->C, count, s->step);
    }
}

static void span(const void *state, int64_t chunk, int64_t *first, int64_t *count)
{
    const depthwise_state *s = state;
    *first = chunk * s->block * s->c.C;
    *count = CAIRN__MIN(s->block, s->rows - chunk * s->block) * s->c.C;
}

static void release(void *state)
{
    depthwise_state *s = state;
    for (int a = 0; a < AXES; a++)
        cairn__free(s->seen[a]);
    cairn__free(s);
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
    task->release = release;
    task->cost = 0.2 * step->flops + 0.1 * step->bytes;
    if (!fill_tables(s, c->status))
        return NULL;
    find_inside(s);
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
    task->span = span;
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
    const float **x = scratch, **w = x + s->taps;
    memset(sum, 0, (size_t)(s->taps * c->C) * sizeof *sum);
    for (int64_t row = first; row < last; row++) {
        int64_t i[AXES];
        cairn__conv_split(row % positions, c->out, i);
        const float *picture = s->from + row / positions * area * c->C;
        const int64_t n = list_taps(s, picture, i, c->in, sum, x, w);
        for (int64_t t = 0; t < n; t++)
            s->k->accumulate(sum + (w[t] - sum), x[t], s->other + row * c->C, c->C);
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
    task->scratch = 2 * (size_t)s->taps * sizeof(float *);
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
