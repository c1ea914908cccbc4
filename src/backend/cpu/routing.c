/* What sends tokens to experts: places in queues, and which token stands at each place. */
#include <string.h>

#include "backend/cpu/task.h"

static const char *never(const cairn__cpu_context *c, const cairn__step *step)
{
    (void)c, (void)step;
    return NULL;
}

/* ---- queue: a chunk is a group, whose counters are in the scratch ---------------------------- */

typedef struct queue_state {
    const int32_t *choices, *order; /* [K, G, S]; [G, S] or NULL */
    int32_t *places;                /* [K, G, S] */
    int64_t K, G, S, queues, capacity;
} queue_state;

static void run_queue(const cairn__task *task, int64_t g, void *scratch)
{
    const queue_state *s = task->state;
    const int32_t *order = s->order ? s->order + g * s->S : NULL;
    int32_t *count = scratch; /* of each queue: those that joined, with a place or without */
    memset(count, 0, (size_t)s->queues * sizeof *count);
    for (int64_t k = 0; k < s->K; k++) {
        const int32_t *choice = s->choices + (k * s->G + g) * s->S;
        int32_t *place = s->places + (k * s->G + g) * s->S;
        for (int64_t i = 0; i < s->S; i++)
            place[i] = -1;
        for (int64_t i = 0; i < s->S; i++) {
            int64_t token = order ? order[i] : i;
            if (token < 0 || token >= s->S)
                continue;
            int64_t queue = choice[token];
            if (queue < 0 || queue >= s->queues)
                continue;
            int64_t at = count[queue]++;
            place[token] = at < s->capacity ? (int32_t)((queue * s->G + g) * s->capacity + at) : -1;
        }
    }
}

static bool prepare_queue(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    queue_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    *s = (queue_state){.choices = cairn__cpu_address(c, step->input[0]),
                       .order = step->inputs > 1 ? cairn__cpu_address(c, step->input[1]) : NULL,
                       .places = cairn__cpu_address(c, step->output),
                       .K = n->shape.size[0],
                       .G = n->shape.size[1],
                       .S = n->shape.size[2],
                       .queues = n->at.axis,
                       .capacity = n->at.list[0]};
    task->state = s;
    task->release = cairn__free;
    task->run = run_queue;
    task->chunks = s->S > 0 ? s->G : 0;
    task->scratch = (size_t)s->queues * sizeof(int32_t);
    task->cost = 2 * (double)cairn_shape_count(n->shape);
    return true;
}

const cairn__cpu_kernel cairn__cpu_queue_groups = {
    .name = "groups",
    .declines = never,
    .prepare = prepare_queue,
};

/* ---- inverse_index: a chunk owns a stretch of the result and reads all indices --------------- */

enum { STRETCH = 1 << 16 };

typedef struct inverse_state {
    const int32_t *index;
    int32_t *to;
    int64_t n, last, size; /* indices, those of the last axis; numbers */
} inverse_state;

static void run_inverse(const cairn__task *task, int64_t chunk, void *scratch)
{
    const inverse_state *s = task->state;
    const int64_t first = chunk * STRETCH, end = CAIRN__MIN(first + STRETCH, s->size);
    (void)scratch;
    for (int64_t i = first; i < end; i++)
        s->to[i] = -1;
    for (int64_t row = 0; row < s->n; row += s->last)
        for (int64_t i = 0; i < s->last; i++)
            if (s->index[row + i] >= first && s->index[row + i] < end)
                s->to[s->index[row + i]] = (int32_t)i;
}

static bool prepare_inverse(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_graph *g = c->plan->lowered;
    const cairn_node *n = g->nodes[step->node];
    const cairn_shape indices = g->nodes[n->input[0]]->shape;
    inverse_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    *s = (inverse_state){.index = cairn__cpu_address(c, step->input[0]),
                         .to = cairn__cpu_address(c, step->output),
                         .n = cairn_shape_count(indices),
                         .last = indices.size[indices.rank - 1],
                         .size = n->at.axis};
    task->state = s;
    task->release = cairn__free;
    task->run = run_inverse;
    task->chunks = (s->size + STRETCH - 1) / STRETCH;
    task->cost = (double)(s->n + s->size);
    return true;
}

const cairn__cpu_kernel cairn__cpu_inverse_stretches = {
    .name = "stretches",
    .declines = never,
    .prepare = prepare_inverse,
};
