/* LocoProp as graph code: targets for all layers, then T local steps of each.
 *
 *     forward, backward            E = dL/dZ of every layer
 *     for each layer:              A = Z - gamma E, or f(Z) - gamma E
 *         for k = 0 .. T-1:        V, b <- inner optimiser(V, b, gradient of the local loss)
 *
 * The T steps are unrolled; the first one's X W + b is the forward pass itself, which the compiler
 * finds. Layers depend on each other only through the targets, so the compiler puts the local steps
 * of all layers side by side. */
#include <stdio.h>
#include <string.h>

#include "cairn/autodiff.h"
#include "cairn/locoprop.h"
#include "cairn/loss.h"
#include "methods/locoprop/locoprop.h"
#include "optim/rule.h"

static const char *const losses[] = {"matching", "squared", NULL};
static const char *const inners[] = {"rmsprop", "sgd", "momentum", "adam", NULL};
static const char *const solvers[] = {"iterative", "exact", NULL};

#define ROW_SOURCE "authors' notebook"
#define O cairn_locoprop_options

const cairn_option cairn_locoprop_table[] = {
    CAIRN_OPT_CHOICE(O, locoprop_loss, 0, losses, "local loss: matching (M) or squared (S)",
                     "section 3"),
    CAIRN_OPT_COUNT(O, locoprop_iters, 10, 1, 1000, "local steps in one step of training",
                    ROW_SOURCE),
    CAIRN_OPT_REAL(O, locoprop_gamma, 10, 0, 1e9, "how far targets lie from outputs", ROW_SOURCE),
    CAIRN_OPT_CHOICE(O, inner, 0, inners, "optimiser of the local steps", ROW_SOURCE),
    CAIRN_OPT_REAL(O, inner_lr, 1e-5, 0, 1e3, "learning rate of the local steps", ROW_SOURCE),
    CAIRN_OPT_REAL(O, inner_decay, 0.9, 0, 1, "decay of the second moment", ROW_SOURCE),
    CAIRN_OPT_REAL(O, inner_momentum, 0.999, 0, 1, "momentum of the local steps", ROW_SOURCE),
    CAIRN_OPT_REAL(O, inner_eps, 1e-5, 0, 1, "added to the second moment, inside the root",
                   ROW_SOURCE),
    CAIRN_OPT_REAL(O, inner_v0, 1, 0, 1e6, "first value of the second moment", ROW_SOURCE),
    CAIRN_OPT_REAL(O, inner_lr_floor, 0.25, 0, 1, "least share of the rate in later local steps",
                   ROW_SOURCE),
    CAIRN_OPT_REAL(O, locoprop_prox, 0, 0, 1e9,
                   "eta of the proximal term (1/(2 eta)) ||V - W||^2; 0: none", ROW_SOURCE),
    CAIRN_OPT_REAL(O, locoprop_blend, 1, 0, 1, "share of the local result that is taken", ""),
    CAIRN_OPT_REAL(O, locoprop_cap, 0, 0, 1e6, "most that a layer may move, of its norm; 0: no cap",
                   ""),
    CAIRN_OPT_REAL(O, grad_momentum, 0, 0, 0.9999, "average of the targets' gradients over batches",
                   ""),
    CAIRN_OPT_CHOICE(O, locoprop_solver, 0, solvers,
                     "local steps, or the exact minimum (squared loss with proximal term)",
                     "section 4"),
    CAIRN_OPT_TEXT(O, locoprop_fallback, "adam", "optimiser of parameters in no dense layer", ""),
    CAIRN_OPT_FLAG(O, diagnostics, false, "log figures of each local problem", ""),
    CAIRN_OPT_END,
};
#undef O

cairn_locoprop_options cairn_locoprop_defaults(void)
{
    cairn_locoprop_options o;
    cairn_options_defaults(cairn_locoprop_table, &o);
    return o;
}

/* ---- the inner optimiser --------------------------------------------------------------------- */

typedef union inner_options {
    cairn_rmsprop_options rmsprop;
    cairn_sgd_options sgd;
    cairn_momentum_options momentum;
    cairn_adam_options adam;
} inner_options;

typedef struct inner {
    const cairn__rule *rule;
    inner_options options;
} inner;

static bool choose_inner(cairn_graph *g, const cairn_locoprop_options *o, inner *in)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const char *name = inners[o->inner];
    in->rule = cairn__rule_find(name, &status);
    if (!in->rule)
        return cairn__graph_fail(g, status.code, "%s", status.message);
    cairn_options_defaults(in->rule->about.options, &in->options);
    if (strcmp(name, "rmsprop") == 0)
        in->options.rmsprop = (cairn_rmsprop_options){.learning_rate = o->inner_lr,
                                                      .decay = o->inner_decay,
                                                      .momentum = o->inner_momentum,
                                                      .epsilon = o->inner_eps,
                                                      .v0 = o->inner_v0};
    else if (strcmp(name, "momentum") == 0)
        in->options.momentum.momentum = o->inner_momentum;
    else if (strcmp(name, "adam") == 0)
        in->options.adam = (cairn_adam_options){o->inner_lr, o->inner_momentum, o->inner_decay,
                                                o->inner_eps};
    return true;
}

/* A parameter on its way through the local steps, with the inner optimiser's state. */
typedef struct traveller {
    cairn_tensor start, now;
    cairn_tensor state[CAIRN__RULE_STATES], current[CAIRN__RULE_STATES];
    int states;
} traveller;

static traveller depart(const inner *in, cairn_tensor parameter)
{
    traveller t = {.start = parameter, .now = parameter};
    t.states = cairn__rule_variables(in->rule, &in->options, parameter, t.state);
    memcpy(t.current, t.state, sizeof t.current);
    return t;
}

static void advance(const inner *in, traveller *t, cairn_tensor gradient, cairn_tensor rate,
                    cairn_tensor number)
{
    cairn_tensor next[CAIRN__RULE_STATES] = {{NULL, 0}};
    cairn__rule_input step = {&in->options, t->now, gradient, rate, number, t->current};
    t->now = in->rule->apply(&step, next);
    for (int i = 0; i < t->states; i++)
        if (next[i].graph)
            t->current[i] = next[i];
}

/* The end of the way: blended with the start, not farther from it than the cap allows. */
static cairn_tensor arrive(const traveller *t, const cairn_locoprop_options *o)
{
    if (o->locoprop_blend == 1 && o->locoprop_cap == 0)
        return t->now;
    cairn_graph *g = t->now.graph;
    cairn_tensor way = cairn_scale(cairn_sub(t->now, t->start), o->locoprop_blend);
    if (o->locoprop_cap > 0) {
        cairn_tensor most = cairn_scale(cairn__norm(t->start), o->locoprop_cap);
        cairn_tensor length = cairn_maximum(cairn__norm(way), cairn_scalar(g, 1e-30));
        way = cairn_mul(way, cairn_minimum(cairn_div(most, length), cairn_scalar(g, 1)));
    }
    return cairn_add(t->start, way);
}

static void assign(const traveller *t, const cairn_locoprop_options *o)
{
    cairn_assign(t->start, arrive(t, o));
    for (int i = 0; i < t->states; i++)
        if (t->current[i].id != t->state[i].id)
            cairn_assign(t->state[i], t->current[i]);
}

/* ---- one layer ------------------------------------------------------------------------------- */

/* The name of a layer: that of its weight without the last part. */
static void layer_name(const cairn_dense *layer, char name[CAIRN_TEXT_SIZE])
{
    const char *full = cairn__parameter_name(layer->weight);
    const char *slash = full ? strrchr(full, '/') : NULL;
    snprintf(name, CAIRN_TEXT_SIZE, "%.*s", slash ? (int)(slash - full) : 0, full ? full : "");
}

static cairn_locoprop_loss loss_for(const cairn_dense *layer, cairn_activation activation,
                                    const cairn_locoprop_options *o)
{
    char name[CAIRN_TEXT_SIZE];
    if (o->locoprop_loss == CAIRN_LOCOPROP_SQUARED || cairn_activation_matches(activation.kind))
        return (cairn_locoprop_loss)o->locoprop_loss;
    layer_name(layer, name);
    cairn__log(
        CAIRN_LOG_WARNING,
        "locoprop: %s has the activation %s, which has no matching loss; it uses the squared "
        "one",
        name, cairn_activation_names[activation.kind]);
    return CAIRN_LOCOPROP_SQUARED;
}

cairn_local_problem cairn__locoprop_problem(const cairn_dense *layer, cairn_activation activation,
                                            cairn_tensor error, const cairn_locoprop_options *o)
{
    cairn_local_problem p = {.x = cairn_stop_gradient(layer->x),
                             .weight = layer->weight,
                             .bias = layer->bias,
                             .activation = activation,
                             .loss = loss_for(layer, activation, o),
                             .proximal = o->locoprop_prox};
    /* The matching target mixes the output with the gradient of the pre-activation: the step of
     * mirror descent with the potential F (paper, equation 8). */
    cairn_tensor from = p.loss == CAIRN_LOCOPROP_SQUARED ? layer->z
                                                         : cairn_activate(layer->z, activation);
    p.target = cairn_stop_gradient(cairn_sub(from, cairn_scale(error, o->locoprop_gamma)));
    return p;
}

/* E' = m E' + (1 - m) E, kept from batch to batch. */
static cairn_tensor averaged(const cairn_dense *layer, cairn_tensor error,
                             const cairn_locoprop_options *o)
{
    if (o->grad_momentum == 0)
        return error;
    cairn_tensor old = cairn__parameter_state(layer->weight, "locoprop_e",
                                              cairn_tensor_shape(error), CAIRN_ZEROS);
    cairn_tensor new = cairn__average(old, error, o->grad_momentum);
    cairn_assign(old, new);
    return new;
}

static void solve_exactly(const cairn_local_problem *p, const cairn_locoprop_options *o,
                          traveller *weight, traveller *bias)
{
    cairn_local_problem squared = *p;
    if (o->locoprop_loss != CAIRN_LOCOPROP_SQUARED)
        squared.loss = CAIRN_LOCOPROP_MATCHING; /* refused with the reason */
    cairn_local_solution(&squared, &weight->now, &bias->now);
}

static void step_locally(const cairn_local_problem *p, const inner *in,
                         const cairn_locoprop_options *o, cairn_tensor rate, cairn_tensor step,
                         traveller *weight, traveller *bias)
{
    bool biased = p->bias.graph != NULL;
    for (int64_t k = 0; k < o->locoprop_iters; k++) {
        double share = 1 - (double)k / (double)o->locoprop_iters;
        cairn_tensor now = cairn_scale(rate, CAIRN__MAX(share, o->inner_lr_floor));
        cairn_tensor dv, db;
        /* The inner optimiser has done (t - 1) T steps before this batch. */
        cairn_tensor number = cairn_add_scalar(
            cairn_scale(cairn_add_scalar(step, -1), (double)o->locoprop_iters), (double)k + 1);
        cairn_local_gradient(p, weight->now, bias->now, &dv, &db);
        advance(in, weight, dv, now, number);
        if (biased)
            advance(in, bias, db, now, number);
    }
}

/* ---- diagnostics ----------------------------------------------------------------------------- */

static void report_figure(const char *layer, const char *figure, cairn_tensor value)
{
    char name[CAIRN_TEXT_SIZE + 32];
    snprintf(name, sizeof name, "%s/%s", layer, figure);
    cairn_output(value, name);
}

/* Share of targets that no output of f can be. */
static void report_outside(const char *layer, const cairn_local_problem *p)
{
    cairn_graph *g = p->x.graph;
    double low = 0, high = 1;
    bool bounded = p->loss == CAIRN_LOCOPROP_MATCHING;
    switch (p->activation.kind) {
    case CAIRN_ACTIVATION_tanh: low = -1; break;
    case CAIRN_ACTIVATION_sigmoid:
    case CAIRN_ACTIVATION_softmax: break;
    case CAIRN_ACTIVATION_relu:
    case CAIRN_ACTIVATION_squared_relu:
    case CAIRN_ACTIVATION_smelu: high = 3e38; break;
    default: bounded = false;
    }
    if (!bounded)
        return;
    cairn_tensor outside = cairn_or(cairn_less(p->target, cairn_scalar(g, low)),
                                    cairn_greater(p->target, cairn_scalar(g, high)));
    report_figure(layer, "outside", cairn_mean(cairn_cast(outside, CAIRN_F32)));
}

static void report(const cairn_dense *layer, const cairn_local_problem *p, cairn_tensor gradient,
                   const traveller *weight, const traveller *bias)
{
    char name[CAIRN_TEXT_SIZE];
    layer_name(layer, name);
    cairn_tensor way = cairn_sub(weight->now, weight->start);
    cairn_tensor lengths = cairn_mul(cairn__norm(way), cairn__norm(gradient));
    cairn_tensor product = cairn_sum(cairn_mul(way, gradient));
    cairn_tensor tiny = cairn_scalar(way.graph, 1e-30);
    report_figure(name, "local_before", cairn_local_value(p, weight->start, bias->start));
    report_figure(name, "local_after", cairn_local_value(p, weight->now, bias->now));
    report_figure(name, "moved", cairn_div(cairn__norm(way), cairn__norm(weight->start)));
    report_figure(name, "cosine", cairn_neg(cairn_div(product, cairn_maximum(lengths, tiny))));
    report_outside(name, p);
}

/* ---- the step -------------------------------------------------------------------------------- */

static void train_layer(const cairn_dense *layer, cairn_activation activation, cairn_tensor error,
                        cairn_tensor gradient, const inner *in, const cairn_locoprop_options *o,
                        cairn_tensor rate, cairn_tensor step)
{
    cairn_local_problem p =
        cairn__locoprop_problem(layer, activation, averaged(layer, error, o), o);
    bool biased = layer->bias.graph != NULL;
    traveller weight = depart(in, layer->weight), bias = {.start = layer->bias, .now = layer->bias};
    if (biased)
        bias = depart(in, layer->bias);
    if (o->locoprop_solver == CAIRN_LOCOPROP_EXACT)
        solve_exactly(&p, o, &weight, &bias);
    else
        step_locally(&p, in, o, rate, step, &weight, &bias);
    assign(&weight, o);
    if (biased)
        assign(&bias, o);
    if (o->diagnostics)
        report(layer, &p, gradient, &weight, &bias);
}

static bool in_a_layer(cairn_tensor parameter, const cairn_dense *layers, int n)
{
    for (int i = 0; i < n; i++)
        if (parameter.id == layers[i].weight.id ||
            (layers[i].bias.graph && parameter.id == layers[i].bias.id))
            return true;
    return false;
}

static void train_others(cairn_tensor loss, const cairn_dense *layers, int n,
                         const cairn_locoprop_options *o, const cairn_update_options *common)
{
    cairn_graph *g = loss.graph;
    int all = cairn_graph_parameters(g, NULL, 0), others = 0;
    cairn_tensor *list = cairn__alloc((size_t)all, sizeof *list, &g->status);
    if (!list)
        return;
    cairn_graph_parameters(g, list, all);
    for (int i = 0; i < all; i++)
        if (!in_a_layer(list[i], layers, n))
            list[others++] = list[i];
    if (others) {
        cairn__log(CAIRN_LOG_WARNING, "locoprop: %d parameters belong to no dense layer and are "
                                      "trained by %s", others, o->locoprop_fallback);
        cairn_minimize_over(loss, list, others, o->locoprop_fallback, NULL, common);
    }
    cairn__free(list);
}

/* E and dL/dW of all layers in one backward pass. */
static bool differentiate(cairn_tensor loss, const cairn_dense *layers, int n, cairn_tensor *error,
                          cairn_tensor *gradient)
{
    cairn_tensor from[2 * CAIRN_MLP_LAYERS], to[2 * CAIRN_MLP_LAYERS];
    for (int i = 0; i < n; i++) {
        from[i] = layers[i].z;
        from[n + i] = layers[i].weight;
    }
    cairn_gradients(loss, from, 2 * n, to);
    for (int i = 0; i < n; i++) {
        error[i] = cairn_stop_gradient(to[i]);
        gradient[i] = to[n + i];
    }
    return !cairn__none(loss);
}

void cairn_locoprop(cairn_tensor loss, const cairn_dense *layers, int n,
                    const cairn_activation *output, const cairn_locoprop_options *options,
                    const cairn_update_options *common)
{
    cairn_locoprop_options o = options ? *options : cairn_locoprop_defaults();
    cairn_tensor error[CAIRN_MLP_LAYERS], gradient[CAIRN_MLP_LAYERS];
    cairn_graph *g = loss.graph;
    inner in;
    if (cairn__none(loss) ||
        !cairn__check_options(g, "locoprop", cairn_locoprop_table, &o) ||
        !choose_inner(g, &o, &in) || !cairn__refuse_parts(g, "locoprop"))
        return;
    if (n < 1 || n > CAIRN_MLP_LAYERS) {
        cairn__graph_fail(g, CAIRN_ERR_VALUE, "locoprop: %d layers, expected 1 to %d", n,
                          CAIRN_MLP_LAYERS);
        return;
    }
    if (!differentiate(loss, layers, n, error, gradient))
        return;
    cairn_tensor rate = cairn_learning_rate(g, o.inner_lr, common), step = cairn__step_number(g);
    for (int i = 0; i < n; i++) {
        bool implicit = output && i == n - 1;
        train_layer(&layers[i], implicit ? *output : layers[i].activation, error[i], gradient[i],
                    &in, &o, rate, step);
    }
    train_others(loss, layers, n, &o, common);
}
