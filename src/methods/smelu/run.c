/* A classifier with a smooth activation: options, model, problem. */
#include "methods/smelu/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cairn/loss.h"
#include "data/data.h"
#include "graph/graph.h"
#include "methods/layers.h"

/* ---- options --------------------------------------------------------------------------------- */

/* Those of nn.h, and behind them CAIRN__GSMELU. */
static const char *const activations[] = {
#define CAIRN_X(name, formula) #name,
    CAIRN_ACTIVATIONS(CAIRN_X)
#undef CAIRN_X
        "gsmelu",
    NULL,
};

#define M cairn__smelu_model
static const cairn_option model_table[] = {
    CAIRN_OPT_TEXT(M, layers, "128,128", "sizes of the hidden layers", ""),
    CAIRN_OPT_CHOICE(M, activation, CAIRN_ACTIVATION_smelu, activations,
                     "activation of hidden layers; gsmelu is the asymmetric SmeLU", ""),
    CAIRN_OPT_REAL(M, beta, -1, -1, 1e6,
                   "half-width of smelu (0: ReLU), right width of gsmelu, sharpness of gelu, swish "
                   "and softplus; -1: 1 with --normalize or for a sharpness, else 0.5",
                   "section 2"),
    CAIRN_OPT_REAL(M, alpha, -1, -1, 1e6, "left width of gsmelu; -1: as beta", "equation 11"),
    CAIRN_OPT_REAL(M, slope_minus, 0, -1e6, 1e6, "slope of gsmelu on the left", "equation 11"),
    CAIRN_OPT_REAL(M, slope_plus, 1, -1e6, 1e6, "slope of gsmelu on the right", "equation 11"),
    CAIRN_OPT_REAL(M, shift, 0, -1e6, 1e6,
                   "of gsmelu: t = shift - slope_minus alpha, so that with 0 the left line goes "
                   "through the origin",
                   "equation 11"),
    CAIRN_OPT_FLAG(M, learn_widths, false,
                   "learn the five numbers of gsmelu, one set for each layer", ""),
    CAIRN_OPT_FLAG(M, normalize, false,
                   "normalise what goes into an activation: mean 0, variance 1 over the units",
                   "Ba, Kiros, Hinton 2016"),
    CAIRN_OPT_TEXT(M, optimizer, "momentum", "any optimiser: sgd, momentum, adam, kfac ...", ""),
    CAIRN_OPT_TEXT(M, optimizer_options, "learning_rate=0.01",
                   "options of the optimiser: name=value,name=value", ""),
    CAIRN_OPT_END,
};
#undef M

const cairn__method_section cairn__smelu_sections[] = {
    {"model", model_table, offsetof(cairn__smelu_run, model)},
    {"reweight", cairn_reweight_table, offsetof(cairn__smelu_run, reweight)},
    {"update", cairn_update_table, offsetof(cairn__smelu_run, update)},
    {NULL, NULL, 0},
};

cairn__smelu_run cairn__smelu_run_defaults(void)
{
    cairn__smelu_run run;
    for (const cairn__method_section *s = cairn__smelu_sections; s->name; s++)
        cairn_options_defaults(s->table, (char *)&run + s->offset);
    return run;
}

/* The width or sharpness, 0 where nn.h knows the usual value. */
static double width_of(const cairn__smelu_model *m)
{
    bool bend = m->activation == CAIRN_ACTIVATION_smelu || m->activation == CAIRN__GSMELU;
    if (m->beta >= 0)
        return m->beta;
    return !bend ? 0 : m->normalize ? 1 : 0.5;
}

static bool usual_or(double value)
{
    return value == -1 || value >= 0;
}

static cairn_gsmelu_options bend_of(const cairn__smelu_model *m)
{
    cairn_gsmelu_options o = {.beta = width_of(m), .g_minus = m->slope_minus,
                              .g_plus = m->slope_plus};
    o.alpha = m->alpha >= 0 ? m->alpha : o.beta;
    o.t = m->shift - o.g_minus * o.alpha;
    return o;
}

bool cairn__smelu_run_check(const void *options, const cairn_dataset *data, cairn_status *status)
{
    const cairn__smelu_run *run = options;
    const cairn__smelu_model *m = &run->model;
    cairn_gsmelu_options bend = bend_of(m);
    int64_t sizes[CAIRN_MLP_LAYERS];
    cairn__optimizer_values o;
    if (!cairn__sizes_parse(m->layers, sizes, CAIRN_MLP_LAYERS - 1, status))
        return false;
    if (!usual_or(m->beta) || !usual_or(m->alpha))
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: %g, expected a width from 0, or -1",
                           usual_or(m->beta) ? "alpha" : "beta",
                           usual_or(m->beta) ? m->alpha : m->beta);
    if (m->activation == CAIRN_ACTIVATION_softmax)
        return cairn__fail(status, CAIRN_ERR_VALUE, "activation: softmax is for the output only");
    if (m->learn_widths && m->activation != CAIRN__GSMELU)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "learn_widths: for --activation gsmelu, and it is %s",
                           activations[m->activation]);
    if (m->activation == CAIRN__GSMELU && bend.alpha + bend.beta <= 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "gsmelu: alpha and beta are both 0; with --activation smelu --beta 0 "
                           "it is ReLU");
    if (m->learn_widths && fmin(bend.alpha, bend.beta) <= 1.001 * CAIRN_GSMELU_FLOOR)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "learn_widths: alpha %g and beta %g, expected widths above the floor %g",
                           bend.alpha, bend.beta, CAIRN_GSMELU_FLOOR);
    if (data && cairn_dataset_classes(data) < 2)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "a classifier needs labels of at least two classes, and the data has "
                           "none");
    if (strcmp(m->optimizer, "locoprop") == 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "optimizer: locoprop is a method of its own: cairn train locoprop");
    if (m->learn_widths && strcmp(m->optimizer, "kfac") == 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "learn_widths: kfac updates dense layers only; take another optimizer");
    const cairn_optimizer *optimizer =
        cairn__optimizer_read(m->optimizer, m->optimizer_options, &o, status);
    bool weighs = run->reweight.reweight != CAIRN_DIVERGENCE_NONE ||
                  run->reweight.class_reweight != CAIRN_CLASS_NONE;
    return optimizer && (!optimizer->layers || !weighs ||
                         cairn__fail(status, CAIRN_ERR_VALUE,
                                     "reweight: %s takes every example alike; take another "
                                     "optimizer",
                                     optimizer->name));
}

/* ---- the model ------------------------------------------------------------------------------- */

/* Each row with mean 0 and variance 1. */
static cairn_tensor normalized(cairn_tensor z)
{
    cairn_tensor d = cairn_sub(z, cairn_reduce_mean(z, CAIRN_AXIS(1), true));
    cairn_tensor variance = cairn_reduce_mean(cairn_square(d), CAIRN_AXIS(1), true);
    return cairn_mul(d, cairn_rsqrt(cairn_add_scalar(variance, 1e-5)));
}

static cairn_tensor activate(const cairn__smelu_model *m, cairn_tensor z, const char *layer)
{
    cairn_gsmelu_options bend = bend_of(m);
    char name[64];
    if (m->activation == CAIRN_ACTIVATION_smelu)
        return cairn_smelu(z, bend.beta);
    if (m->activation != CAIRN__GSMELU) {
        cairn_activation a = {(cairn_activation_kind)m->activation, width_of(m)};
        return cairn_activate(z, a);
    }
    snprintf(name, sizeof name, "%s/bend", layer);
    return m->learn_widths ? cairn_gsmelu_layer(z, name, &bend) : cairn_gsmelu(z, &bend);
}

typedef struct built {
    cairn_tensor x, label, logits, losses;
    cairn_tensor z[CAIRN_MLP_LAYERS]; /* what goes into the activations */
    cairn_dense layers[CAIRN_MLP_LAYERS];
    int n; /* 0: the graph is in error */
} built;

static void build_layers(const cairn__smelu_run *run, built *m, const int64_t *sizes, int hidden)
{
    cairn_tensor h = m->x;
    for (int i = 0; i <= hidden; i++) {
        char name[32];
        cairn_dense_options o = cairn_dense_defaults(sizes[i]);
        snprintf(name, sizeof name, i < hidden ? "layer%d" : "output", i + 1);
        if (i < hidden)
            o.weight_init = (cairn_init){CAIRN_INIT_HE_NORMAL, 1};
        m->layers[i] = cairn_dense_layer(h, name, &o);
        m->z[i] = run->model.normalize && i < hidden ? normalized(m->layers[i].z) : m->layers[i].z;
        h = i < hidden ? activate(&run->model, m->z[i], name) : m->z[i];
    }
    m->logits = h;
    m->n = cairn__none(h) ? 0 : hidden + 1;
}

static built build_model(const cairn__smelu_run *run, cairn_graph *g, const cairn_build *b)
{
    cairn_status status = CAIRN_STATUS_INIT;
    int64_t sizes[CAIRN_MLP_LAYERS];
    built m = {.n = 0};
    int64_t inputs = cairn__item_elements(cairn_dataset_field_at(b->data, CAIRN_SPLIT_TRAIN, 0));
    int hidden = cairn__sizes_parse(run->model.layers, sizes, CAIRN_MLP_LAYERS - 1, &status);
    m.x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(b->batch, inputs));
    if (!hidden) {
        cairn__graph_fail(g, status.code, "%s", status.message);
        return m;
    }
    sizes[hidden] = cairn_dataset_classes(b->data);
    build_layers(run, &m, sizes, hidden);
    return m;
}

static void add_loss(built *m, cairn_graph *g, const cairn_build *b)
{
    m->label = cairn_input(g, "label", CAIRN_I32, CAIRN_SHAPE(b->batch));
    m->losses = cairn_cross_entropy(m->logits, m->label);
}

/* ---- the problem ----------------------------------------------------------------------------- */

static void build(const void *user, cairn_graph *g, const cairn_build *b)
{
    const cairn__smelu_run *run = user;
    cairn_update_options update = run->update;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__optimizer_values o;
    built m = build_model(run, g, b);
    if (!m.n)
        return;
    add_loss(&m, g, b);
    cairn_reweight_options weights = run->reweight;
    cairn_reweight_resolve(&weights, b->total_steps, b->steps_per_epoch, b->batch);
    cairn_tensor loss = cairn_reweighted_cross_entropy(m.logits, m.label, &weights).loss;
    cairn_output(loss, "loss");
    cairn_update_resolve(&update, b->total_steps, b->steps_per_epoch, b->batch);
    const cairn_optimizer *optimizer =
        cairn__optimizer_read(run->model.optimizer, run->model.optimizer_options, &o, &status);
    if (!optimizer)
        cairn__graph_fail(g, status.code, "%s", status.message);
    else if (optimizer->layers)
        cairn_kfac(g, loss, m.layers, m.n, CAIRN_OUTPUT_CATEGORICAL,
                   (const cairn_kfac_options *)(const void *)&o, &update);
    else
        cairn_minimize(loss, optimizer->name, &o, &update);
}

/* The share of a layer's units whose operand is within the bend: what explains the effect. */
static void add_shares(const cairn__smelu_run *run, const built *m, cairn_graph *g)
{
    double beta = width_of(&run->model);
    if (run->model.activation != CAIRN_ACTIVATION_smelu || beta <= 0)
        return;
    for (int i = 0; i < m->n - 1; i++) {
        char name[32];
        cairn_tensor inside = cairn_less(cairn_abs(m->z[i]), cairn_scalar(g, beta));
        snprintf(name, sizeof name, "layer%d_bent", i + 1);
        cairn_output(cairn_reduce_mean(cairn_cast(inside, CAIRN_F32), CAIRN_AXIS(1), false), name);
    }
}

static void build_evaluation(const void *user, cairn_graph *g, const cairn_build *b)
{
    built m = build_model(user, g, b);
    if (!m.n)
        return;
    add_loss(&m, g, b);
    cairn_output(m.losses, "loss");
    cairn_output(cairn_correct(m.logits, m.label), "accuracy");
    add_shares(user, &m, g);
}

static void build_prediction(const void *user, cairn_graph *g, const cairn_build *b)
{
    built m = build_model(user, g, b);
    if (m.n)
        cairn_output(cairn_softmax(m.logits, 1), "probability");
}

void cairn__smelu_run_problem(const void *user, cairn_problem *problem)
{
    const cairn__smelu_run *run = user;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__optimizer_values o;
    *problem = (cairn_problem){.user = run,
                               .build = build,
                               .build_evaluation = build_evaluation,
                               .build_prediction = build_prediction};
    if (cairn__optimizer_read(run->model.optimizer, run->model.optimizer_options, &o, &status))
        problem->refresh_interval = cairn_refresh_interval(run->model.optimizer, &o);
}
