/* Steps of a single op: the list of kernels, and the reference behind it. */
#include "backend/cpu/task.h"

static const struct {
    const cairn_op *op;
    const cairn__cpu_kernel *kernel;
} kernels[] = {
#define CAIRN_KERNEL(op, kernel) {&cairn__op_##op, &cairn__cpu_##kernel},
#include "backend/cpu/kernels.def"
#undef CAIRN_KERNEL
};

/* ---- the reference ------------------------------------------------------------------------------
 *
 * Operands are widened to double, the op's definition is run, the result is rounded. One chunk, and
 * slow; correct for every op there is. */

typedef struct reference_state {
    const cairn__plan *plan;
    const cairn_node *node;
    const double **in;
    const void **from;
    double *room;
    void *to;
} reference_state;

static void run_reference(const cairn__task *task, int64_t chunk, void *scratch)
{
    const reference_state *s = task->state;
    double *at = s->room;
    (void)chunk, (void)scratch;
    for (int i = 0; i < s->node->inputs && s->node->op->kind != CAIRN__LEAF; i++) {
        const cairn_node *x = s->plan->lowered->nodes[s->node->input[i]];
        int64_t n = cairn_shape_count(x->shape);
        cairn__to_double(x->dtype, s->from[i], at, n);
        s->in[i] = at;
        at += n;
    }
    cairn__evaluate_node(s->plan->lowered, s->node, s->in, at);
    cairn__from_double(s->node->dtype, at, s->to, cairn_shape_count(s->node->shape));
}

static void release_reference(void *state)
{
    reference_state *s = state;
    cairn__free(s->in);
    cairn__free(s->from);
    cairn__free(s->room);
    cairn__free(s);
}

static bool prepare_reference(const cairn__cpu_context *c, const cairn__step *step,
                              cairn__task *task)
{
    const cairn_graph *g = c->plan->lowered;
    const cairn_node *n = g->nodes[step->node];
    size_t inputs = (size_t)n->inputs;
    int64_t room = cairn_shape_count(n->shape);
    for (int i = 0; i < n->inputs; i++)
        room += cairn_shape_count(g->nodes[n->input[i]]->shape);
    reference_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    *s = (reference_state){.plan = c->plan, .node = n};
    s->in = cairn__alloc(inputs, sizeof *s->in, c->status);
    s->from = cairn__alloc(inputs, sizeof *s->from, c->status);
    s->room = cairn__alloc((size_t)room, sizeof *s->room, c->status);
    task->state = s;
    task->release = release_reference;
    if (!s->in || !s->from || !s->room)
        return false;
    for (int i = 0; i < step->inputs; i++)
        s->from[i] = cairn__cpu_address(c, step->input[i]);
    s->to = cairn__cpu_address(c, step->output);
    task->run = run_reference;
    task->chunks = 1;
    task->cost = 10 * (double)room + step->flops;
    return true;
}

/* ---- choosing -------------------------------------------------------------------------------- */

bool cairn__cpu_prepare_op(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_op *op = c->plan->lowered->nodes[step->node]->op;
    cairn__text declined = {.status = c->status};
    bool good = true, chosen = false;
    for (size_t i = 0; i < CAIRN__COUNT(kernels) && !chosen; i++) {
        if (kernels[i].op != op)
            continue;
        const char *reason = kernels[i].kernel->declines(c, step);
        if (reason) {
            cairn__text_add(&declined, "%s%s: %s", declined.length ? "; " : "",
                            kernels[i].kernel->name, reason);
            continue;
        }
        chosen = true;
        task->kernel = kernels[i].kernel->name;
        good = kernels[i].kernel->prepare(c, step, task);
    }
    if (!chosen) {
        task->kernel = "reference";
        good = prepare_reference(c, step, task);
    }
    /* Kept in the plan's arena: it is only read by people. */
    task->declined = declined.length ? cairn__arena_text((cairn__arena *)&c->plan->arena, c->status,
                                                         "%s", declined.data)
                                     : "";
    cairn__free(declined.data);
    return good && !declined.failed && task->declined;
}
