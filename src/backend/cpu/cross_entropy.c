/* Steps of cross-entropy: a chunk is some rows of logits. Where a loss and its gradient are in one
 * wave, as in every training step, the pass over the logits that makes the gradient makes the loss
 * too. */
#include "backend/cpu/cross_entropy.h"

#include <string.h>

#include "backend/cpu/task.h"

typedef struct entropy_state {
    const cairn__cross_entropy *k;
    const float *z, *dy;
    const int32_t *label;
    float *out, *loss; /* loss: the other step's result, or NULL */
    float smoothing, z_loss;
    int64_t rows, C, block;
} entropy_state;

static const char *never(const cairn__cpu_context *c, const cairn__step *step)
{
    (void)c, (void)step;
    return NULL;
}

static bool used(const entropy_state *s, int64_t row)
{
    return s->label[row] >= 0 && s->label[row] < s->C;
}

static void run_loss(const cairn__task *task, int64_t chunk, void *scratch)
{
    const entropy_state *s = task->state;
    int64_t last = CAIRN__MIN((chunk + 1) * s->block, s->rows);
    (void)scratch;
    for (int64_t r = chunk * s->block; r < last; r++)
        s->out[r] = used(s, r)
                        ? s->k->loss(s->z + r * s->C, s->C, s->label[r], s->smoothing, s->z_loss)
                        : 0;
}

static void run_gradient(const cairn__task *task, int64_t chunk, void *scratch)
{
    const entropy_state *s = task->state;
    int64_t last = CAIRN__MIN((chunk + 1) * s->block, s->rows);
    (void)scratch;
    for (int64_t r = chunk * s->block; r < last; r++) {
        float *to = s->out + r * s->C, value = 0;
        if (used(s, r))
            value = s->k->gradient(to, s->z + r * s->C, s->C, s->label[r], s->dy[r], s->smoothing,
                                   s->z_loss);
        else
            memset(to, 0, (size_t)s->C * sizeof *to);
        if (s->loss)
            s->loss[r] = value;
    }
}

/* The step of the same wave that applies `op` to the same logits and labels, or NULL. */
static const cairn__step *partner(const cairn__cpu_context *c, const cairn__step *step,
                                  const cairn_op *op)
{
    const cairn_graph *g = c->plan->lowered;
    const cairn_node *n = g->nodes[step->node];
    for (int i = 0; i < c->plan->n_steps; i++) {
        const cairn__step *other = &c->plan->steps[i];
        if (other->wave != step->wave || other->node < 0 || g->nodes[other->node]->op != op)
            continue;
        if (other->input[0] == step->input[0] && other->input[1] == step->input[1] &&
            memcmp(&g->nodes[other->node]->at, &n->at, sizeof n->at) == 0)
            return other;
    }
    return NULL;
}

static entropy_state *prepare(const cairn__cpu_context *c, const cairn__step *step,
                              cairn__task *task)
{
    const cairn_graph *g = c->plan->lowered;
    const cairn_node *n = g->nodes[step->node];
    cairn_shape z = g->nodes[n->input[0]]->shape;
    entropy_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return NULL;
    *s = (entropy_state){.k = cairn__cross_entropy_at(c->level),
                         .z = cairn__cpu_address(c, step->input[0]),
                         .label = cairn__cpu_address(c, step->input[1]),
                         .out = cairn__cpu_address(c, step->output),
                         .smoothing = (float)n->at.value[0],
                         .z_loss = (float)n->at.value[1],
                         .rows = cairn_shape_count(g->nodes[n->input[1]]->shape),
                         .C = z.size[z.rank - 1]};
    s->block = CAIRN__MAX(65536 / CAIRN__MAX(s->C, (int64_t)1), (int64_t)1);
    task->state = s;
    task->release = cairn__free;
    task->chunks = (s->rows + s->block - 1) / s->block;
    task->cost = 0.05 * step->flops;
    return s;
}

static bool prepare_loss(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    task->run = run_loss;
    if (!prepare(c, step, task))
        return false;
    if (partner(c, step, &cairn__op_cross_entropy_gradient)) {
        task->chunks = 0;
        task->kernel = "with its gradient";
    }
    return true;
}

static bool prepare_gradient(const cairn__cpu_context *c, const cairn__step *step,
                             cairn__task *task)
{
    entropy_state *s = prepare(c, step, task);
    if (!s)
        return false;
    const cairn__step *loss = partner(c, step, &cairn__op_cross_entropy);
    s->dy = cairn__cpu_address(c, step->input[2]);
    /* Of several gradients the first makes the loss. */
    if (loss && partner(c, loss, &cairn__op_cross_entropy_gradient) == step)
        s->loss = cairn__cpu_address(c, loss->output);
    task->run = run_gradient;
    return true;
}

const cairn__cpu_kernel cairn__cpu_cross_entropy_rows = {
    .name = "rows",
    .declines = never,
    .prepare = prepare_loss,
};

const cairn__cpu_kernel cairn__cpu_cross_entropy_gradient_rows = {
    .name = "rows",
    .declines = never,
    .prepare = prepare_gradient,
};
