/* max_pool_index: a chunk is some positions of the result, each with all its channels. The best
 * values are kept in the scratch, their positions in the result. */
#include <string.h>

#include "backend/cpu/pool.h"
#include "backend/cpu/task.h"
#include "graph/conv.h"

enum { AXES = CAIRN__CONV_AXES, ELEMENTS = 1 << 13 };

typedef struct pool_state {
    const cairn__pool *k;
    const cairn_node *node;
    const float *from;
    int32_t *to;
    int64_t in[AXES], out[AXES];    /* sizes of the spatial axes */
    int64_t area, C, places, block; /* positions of x; channels; positions of the result, of a
                                     * chunk */
} pool_state;

static const char *never(const cairn__cpu_context *c, const cairn__step *step)
{
    (void)c, (void)step;
    return NULL;
}

/* The position in x of element `e` of the window at `corner`; -1 in the padding. */
static int64_t position_of(const pool_state *s, const int64_t corner[AXES], int64_t e)
{
    const cairn_node *n = s->node;
    int64_t position = 0, area = 1;
    for (int a = (int)n->at.axis - 1; a >= 0; a--) {
        const int64_t k = n->at.list[CAIRN__CONV_SIZES + a];
        const int64_t i = corner[a] + e % k * n->at.list[CAIRN__CONV_DILATION + a];
        if (i < 0 || i >= s->in[a])
            return -1;
        position += i * area;
        area *= s->in[a];
        e /= k;
    }
    return position;
}

/* Where the window of a position of the result begins, and its example. */
static int64_t corner_of(const pool_state *s, int64_t place, int64_t corner[AXES])
{
    const cairn_node *n = s->node;
    for (int a = (int)n->at.axis - 1; a >= 0; a--) {
        corner[a] = place % s->out[a] * n->at.list[CAIRN__CONV_STRIDE + a] -
                    n->at.list[CAIRN__CONV_LOW + a];
        place /= s->out[a];
    }
    return place;
}

static void run(const cairn__task *task, int64_t chunk, void *scratch)
{
    const pool_state *s = task->state;
    float *best = scratch;
    int64_t window = 1;
    for (int a = 0; a < s->node->at.axis; a++)
        window *= s->node->at.list[CAIRN__CONV_SIZES + a];
    for (int64_t p = chunk * s->block; p < CAIRN__MIN((chunk + 1) * s->block, s->places); p++) {
        int64_t corner[AXES];
        const float *x = s->from + corner_of(s, p, corner) * s->area * s->C;
        int32_t *index = s->to + p * s->C;
        bool first = true;
        for (int64_t e = 0; e < window; e++) {
            const int64_t at = position_of(s, corner, e);
            if (at >= 0 && first) {
                memcpy(best, x + at * s->C, (size_t)s->C * sizeof *best);
                for (int64_t c = 0; c < s->C; c++)
                    index[c] = (int32_t)at;
                first = false;
            } else if (at >= 0) {
                s->k->larger(best, index, x + at * s->C, (int32_t)at, s->C);
            }
        }
    }
}

static bool prepare(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_graph *g = c->plan->lowered;
    const cairn_node *n = g->nodes[step->node];
    const cairn_shape x = g->nodes[n->input[0]]->shape;
    pool_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    *s = (pool_state){.k = cairn__pool_at(c->level),
                      .node = n,
                      .from = cairn__cpu_address(c, step->input[0]),
                      .to = cairn__cpu_address(c, step->output),
                      .area = 1,
                      .C = x.size[x.rank - 1]};
    double window = 1;
    for (int a = 0; a < n->at.axis; a++) {
        s->in[a] = x.size[1 + a];
        s->out[a] = n->shape.size[1 + a];
        s->area *= s->in[a];
        window *= (double)n->at.list[CAIRN__CONV_SIZES + a];
    }
    s->places = s->C ? cairn_shape_count(n->shape) / s->C : 0;
    s->block = CAIRN__MAX(ELEMENTS / CAIRN__MAX(s->C, (int64_t)1), (int64_t)1);
    task->state = s;
    task->release = cairn__free;
    task->run = run;
    task->chunks = (s->places + s->block - 1) / s->block;
    task->scratch = (size_t)s->C * sizeof(float);
    task->cost = 0.3 * window * (double)cairn_shape_count(n->shape);
    return true;
}

const cairn__cpu_kernel cairn__cpu_pool_positions = {
    .name = "positions",
    .declines = never,
    .prepare = prepare,
};
