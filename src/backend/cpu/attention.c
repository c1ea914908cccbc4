/* Steps of attention: a chunk is one head of one item, or of a few items some queries of it. */
#include "backend/cpu/attention.h"

#include "backend/cpu/task.h"

typedef struct attention_state {
    const cairn__attention_kernels *k;
    cairn__attention_task task;
    int64_t rows, pieces; /* queries of a chunk, chunks of a head */
} attention_state;

/* So many heads occupy all threads by themselves; fewer are cut. */
enum { ENOUGH_HEADS = 32 };

static const char *needs_work(const cairn__cpu_context *c, const cairn__step *step)
{
    const cairn_graph *g = c->plan->lowered;
    const cairn_node *n = g->nodes[step->node];
    cairn__attention a = cairn__attention_of(n, g->nodes[n->input[0]]->shape, NULL);
    return a.D && a.Tq && a.Tk && a.batch ? NULL : "an axis is empty";
}

static attention_state *prepare(const cairn__cpu_context *c, const cairn__step *step,
                                cairn__task *task, int bias)
{
    const cairn_graph *g = c->plan->lowered;
    const cairn_node *n = g->nodes[step->node];
    bool biased = n->inputs > bias;
    attention_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return NULL;
    *s = (attention_state){.k = cairn__attention_cpu_at(c->level)};
    s->task.a = cairn__attention_of(n, g->nodes[n->input[0]]->shape,
                                    biased ? &g->nodes[n->input[bias]]->shape : NULL);
    s->task.x = cairn__cpu_address(c, step->input[0]);
    s->task.bias = biased ? cairn__cpu_address(c, step->input[bias]) : NULL;
    s->task.out = cairn__cpu_address(c, step->output);
    task->state = s;
    task->release = cairn__free;
    task->cost = 0.02 * step->flops;
    return s;
}

static void run_forward(const cairn__task *task, int64_t chunk, void *scratch)
{
    const attention_state *s = task->state;
    const cairn__attention *a = &s->task.a;
    int64_t head = chunk / s->pieces, first = chunk % s->pieces * s->rows;
    s->k->forward(&s->task, head / a->H, head % a->H, first, CAIRN__MIN(first + s->rows, a->Tq),
                  scratch);
}

static bool prepare_forward(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    attention_state *s = prepare(c, step, task, 1);
    if (!s)
        return false;
    const cairn__attention *a = &s->task.a;
    s->rows = a->batch * a->H >= ENOUGH_HEADS ? a->Tq : s->k->rows;
    s->pieces = (a->Tq + s->rows - 1) / s->rows;
    task->run = run_forward;
    task->chunks = a->batch * a->H * s->pieces;
    task->scratch = s->k->forward_scratch(a);
    return true;
}

const cairn__cpu_kernel cairn__cpu_attention_heads = {
    .name = "attention by heads",
    .declines = needs_work,
    .prepare = prepare_forward,
};

static void run_backward(const cairn__task *task, int64_t chunk, void *scratch)
{
    const attention_state *s = task->state;
    s->k->backward(&s->task, chunk / s->task.a.Hkv, chunk % s->task.a.Hkv, scratch);
}

static bool prepare_backward(const cairn__cpu_context *c, const cairn__step *step,
                             cairn__task *task)
{
    attention_state *s = prepare(c, step, task, 2);
    if (!s)
        return false;
    s->task.dy = cairn__cpu_address(c, step->input[1]);
    task->run = run_backward;
    task->chunks = s->task.a.batch * s->task.a.Hkv;
    task->scratch = s->k->backward_scratch(&s->task.a);
    return true;
}

const cairn__cpu_kernel cairn__cpu_attention_gradient_heads = {
    .name = "attention by heads",
    .declines = needs_work,
    .prepare = prepare_backward,
};
