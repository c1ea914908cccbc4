/* The objective: class weights, losses, weights of the examples; burn-in and ramp. */
#include <math.h>

#include "cairn/cicw.h"
#include "cairn/loss.h"
#include "graph/graph.h"
#include "methods/cicw/weights.h"

const char *const cairn__divergences[] = {"none", "alpha", "kl", "reverse_kl", "hellinger",
                                          "chi2", "renyi", "tv", NULL};
const char *const cairn__class_divergences[] = {"none",      "tv",    "l1", "kl",
                                                "hellinger", "alpha", "l2", NULL};

const cairn_option cairn_reweight_table[] = {
    CAIRN__REWEIGHT_ROWS(CAIRN_DIVERGENCE_NONE, "8%", "6%"),
    CAIRN_OPT_END,
};

cairn_reweight_options cairn_reweight_defaults(void)
{
    cairn_reweight_options o;
    cairn_options_defaults(cairn_reweight_table, &o);
    return o;
}

void cairn_reweight_resolve(cairn_reweight_options *o, int64_t total, int64_t steps_per_epoch,
                            int64_t batch)
{
    cairn_span *const spans[] = {&o->burn_in, &o->reweight_ramp};
    for (size_t i = 0; i < CAIRN__COUNT(spans); i++) {
        int64_t steps = cairn_span_steps(*spans[i], total, steps_per_epoch, batch);
        *spans[i] = (cairn_span){(double)steps, CAIRN_STEPS};
    }
}

bool cairn__reweight_ready(cairn_tensor x, const cairn_reweight_options *o)
{
    cairn_status status = CAIRN_STATUS_INIT;
    if (cairn__none(x))
        return false;
    return cairn__options_check(cairn_reweight_table, o, &status) ||
           cairn__graph_fail(x.graph, status.code, "%s", status.message);
}

/* ---- the schedule ---------------------------------------------------------------------------- */

/* burning: bool scalar, graph == NULL without burn-in. factor: of lambda, f32 scalar. */
typedef struct phase {
    cairn_tensor burning, factor;
} phase;

static bool in_steps(cairn_graph *g, const cairn_reweight_options *o)
{
    return (o->burn_in.unit == CAIRN_STEPS && o->reweight_ramp.unit == CAIRN_STEPS) ||
           cairn__graph_fail(g, CAIRN_ERR_VALUE,
                             "burn_in and reweight_ramp: expected steps; cairn_reweight_resolve() "
                             "turns other spans into them");
}

static phase phase_of(cairn_graph *g, const cairn_reweight_options *o)
{
    phase p = {.factor = cairn_scalar(g, 1)};
    double burn = o->burn_in.amount, ramp = o->reweight_ramp.amount;
    cairn_tensor step = cairn_cast(cairn_step(g), CAIRN_F32);
    if (burn > 0)
        p.burning = cairn_less(step, cairn_scalar(g, burn));
    if (ramp > 0) {
        cairn_tensor left = cairn_sub(cairn_scalar(g, burn + ramp), step);
        left = cairn_minimum(cairn_maximum(left, cairn_scalar(g, 0)), cairn_scalar(g, ramp));
        p.factor = cairn_add_scalar(cairn_scale(left, (o->reweight_start - 1) / ramp), 1);
    }
    return p;
}

static cairn_tensor unless_burning(cairn_tensor burning, cairn_tensor plain, cairn_tensor weighted)
{
    return burning.graph ? cairn_select(burning, plain, weighted) : weighted;
}

/* ---- the objective --------------------------------------------------------------------------- */

static cairn_tensor effective_share(cairn_tensor w)
{
    double n = (double)cairn_tensor_shape(w).size[0];
    return cairn_reciprocal(cairn_scale(cairn_sum(cairn_square(w)), n));
}

static void weigh(cairn_reweighted *r, const cairn_reweight_options *o, cairn_tensor factor)
{
    cairn_graph *g = r->losses.graph;
    cairn_shape shape = cairn_tensor_shape(r->losses);
    cairn_tensor uniform = cairn_fill(g, CAIRN_F32, shape, 1 / (double)shape.size[0]);
    r->weights = uniform;
    r->loss = cairn_mean(r->losses);
    r->effective = cairn_scalar(g, 1);
    if (o->reweight == CAIRN_DIVERGENCE_NONE)
        return;
    r->weights = unless_burning(r->burning, uniform, cairn__instance_weights(r->losses, o, factor));
    r->loss = cairn_sum(cairn_mul(r->weights, r->losses));
    r->effective = effective_share(r->weights);
}

cairn_reweighted cairn_reweighted_losses(cairn_tensor losses, const cairn_reweight_options *options)
{
    cairn_reweight_options o = options ? *options : cairn_reweight_defaults();
    cairn_reweighted r = {.loss = losses, .losses = losses, .weights = losses, .effective = losses};
    if (!cairn__reweight_ready(losses, &o))
        return r;
    if (cairn_tensor_shape(losses).rank != 1) {
        cairn__graph_fail(losses.graph, CAIRN_ERR_SHAPE,
                          "reweighting: losses must be one an "
                          "example, [B]");
        return r;
    }
    phase p = {.factor = cairn_scalar(losses.graph, 1)};
    if (o.reweight != CAIRN_DIVERGENCE_NONE) {
        if (!in_steps(losses.graph, &o))
            return r;
        p = phase_of(losses.graph, &o);
    }
    r.burning = p.burning;
    r.moved = cairn_scalar(losses.graph, 0);
    weigh(&r, &o, p.factor);
    return r;
}

cairn_reweighted cairn_reweighted_cross_entropy(cairn_tensor logits, cairn_tensor targets,
                                                const cairn_reweight_options *options)
{
    cairn_reweight_options o = options ? *options : cairn_reweight_defaults();
    cairn_reweighted r = {.loss = logits,
                          .losses = logits,
                          .weights = logits,
                          .classes = targets,
                          .effective = logits,
                          .moved = logits};
    bool labels = !cairn__none(targets) && cairn_tensor_dtype(targets) == CAIRN_I32;
    bool classes = o.class_reweight != CAIRN_CLASS_NONE && o.class_gamma > 0;
    if (!cairn__reweight_ready(logits, &o) || cairn__none(targets))
        return r;
    cairn_graph *g = logits.graph;
    phase p = {.factor = cairn_scalar(g, 1)};
    if (classes || o.reweight != CAIRN_DIVERGENCE_NONE) {
        if (!in_steps(g, &o))
            return r;
        p = phase_of(g, &o);
    }
    r.burning = p.burning;
    r.moved = cairn_scalar(g, 0);
    if (classes) {
        cairn_tensor y = cairn__distributions(logits, targets);
        r.classes = unless_burning(p.burning, y, cairn_class_weights(logits, targets, &o));
        cairn_tensor change =
            cairn_reduce_max(cairn_abs(cairn_sub(r.classes, y)), CAIRN_AXIS(1), false);
        r.moved = cairn_mean(cairn_cast(cairn_greater(change, cairn_scalar(g, 1e-6)), CAIRN_F32));
        r.losses = cairn_soft_cross_entropy(logits, cairn_stop_gradient(r.classes));
    } else {
        r.losses = labels ? cairn_cross_entropy(logits, targets)
                          : cairn_soft_cross_entropy(logits, targets);
    }
    weigh(&r, &o, p.factor);
    return r;
}
