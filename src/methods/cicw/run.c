/* A classifier on labels that may be wrong: options, model, problem. */
#include "methods/cicw/run.h"

#include <math.h>
#include <string.h>

#include "cairn/loss.h"
#include "data/data.h"
#include "graph/graph.h"
#include "methods/cicw/weights.h"
#include "methods/layers.h"
#include "methods/suspects.h"

/* ---- options --------------------------------------------------------------------------------- */

static const char *const losses[] = {"ce", "bitempered", "nce_rce", "nce_mae", NULL};

#define M cairn__cicw_model
static const cairn_option model_table[] = {
    CAIRN_OPT_TEXT(M, layers, "128,128", "sizes of the hidden layers", ""),
    CAIRN_OPT_CHOICE(M, activation, CAIRN_ACTIVATION_relu, cairn_activation_names,
                     "activation of hidden layers", ""),
    CAIRN_OPT_CHOICE(M, loss, CAIRN__CICW_CROSS_ENTROPY, losses,
                     "cross-entropy, bi-tempered, or active-passive losses", ""),
    CAIRN_OPT_REAL(M, t1, 0.8, 0, 1, "temperature of the bi-tempered logarithm",
                   "Amid et al. 2019"),
    CAIRN_OPT_REAL(M, t2, 1.2, 1, 10, "temperature of the bi-tempered softmax", "Amid et al. 2019"),
    CAIRN_OPT_REAL(M, active, 1, 0, 1e6, "factor of the normalised cross-entropy of nce_...",
                   "Ma et al. 2020"),
    CAIRN_OPT_REAL(M, passive, 1, 0, 1e6, "factor of the other part of nce_...", "Ma et al. 2020"),
    CAIRN_OPT_TEXT(M, optimizer, "momentum", "any optimiser: sgd, momentum, adam ...", ""),
    CAIRN_OPT_TEXT(M, optimizer_options, "learning_rate=0.03",
                   "options of the optimiser: name=value,name=value", ""),
    CAIRN_OPT_END,
};
#undef M

static const cairn_option reweight_table[] = {
    CAIRN__REWEIGHT_ROWS(CAIRN_DIVERGENCE_ALPHA, "8%", "6%"),
    CAIRN_OPT_END,
};

const cairn__method_section cairn__cicw_sections[] = {
    {"model", model_table, offsetof(cairn__cicw_run, model)},
    {"reweight", reweight_table, offsetof(cairn__cicw_run, reweight)},
    {"mixup", cairn_mixup_table, offsetof(cairn__cicw_run, mixup)},
    {"update", cairn_update_table, offsetof(cairn__cicw_run, update)},
    {NULL, NULL, 0},
};

cairn__cicw_run cairn__cicw_run_defaults(void)
{
    cairn__cicw_run run;
    for (const cairn__method_section *s = cairn__cicw_sections; s->name; s++)
        cairn_options_defaults(s->table, (char *)&run + s->offset);
    return run;
}

static bool mixes_by_weight(const cairn__cicw_run *run)
{
    return run->mixup.mixup != CAIRN_MIXUP_NONE && run->mixup.mixup != CAIRN_MIXUP_BETA;
}

bool cairn__cicw_run_check(const void *options, const cairn_dataset *data, cairn_status *status)
{
    const cairn__cicw_run *run = options;
    const cairn__cicw_model *m = &run->model;
    int64_t sizes[CAIRN_MLP_LAYERS];
    cairn__optimizer_values o;
    bool ce = m->loss == CAIRN__CICW_CROSS_ENTROPY;
    if (!cairn__sizes_parse(m->layers, sizes, CAIRN_MLP_LAYERS - 1, status))
        return false;
    if (m->activation == CAIRN_ACTIVATION_softmax)
        return cairn__fail(status, CAIRN_ERR_VALUE, "activation: softmax is for the output only");
    if (!ce && run->reweight.class_reweight != CAIRN_CLASS_NONE)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "class_reweight: for --loss ce, and the loss is %s", losses[m->loss]);
    if (mixes_by_weight(run) && run->reweight.reweight == CAIRN_DIVERGENCE_NONE)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "mixup: this kind mixes by weights, and there are none: --reweight "
                           "alpha");
    if (run->reweight.reweight == CAIRN_DIVERGENCE_TV && run->reweight.reweight_radius <= 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "reweight_radius: 0, expected the mass that tv moves");
    if (data && cairn_dataset_classes(data) < 2)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "a classifier needs labels of at least two classes, and the data has "
                           "none");
    const cairn_optimizer *optimizer =
        cairn__optimizer_read(m->optimizer, m->optimizer_options, &o, status);
    return optimizer && (!optimizer->layers ||
                         cairn__fail(status, CAIRN_ERR_VALUE,
                                     "optimizer: %s works on layers and has no weights of examples",
                                     optimizer->name));
}

/* ---- the model ------------------------------------------------------------------------------- */

typedef struct built {
    cairn_tensor x, label, logits;
    cairn_dense layers[CAIRN_MLP_LAYERS];
    int n; /* 0: the graph is in error */
} built;

static built build_model(const cairn__cicw_run *run, cairn_graph *g, const cairn_build *b)
{
    cairn_status status = CAIRN_STATUS_INIT;
    built m = {.n = 0};
    cairn_mlp_options o = {.linear_layer = -1};
    int64_t inputs = cairn__item_elements(cairn_dataset_field_at(b->data, CAIRN_SPLIT_TRAIN, 0));
    o.layers = cairn__sizes_parse(run->model.layers, o.units, CAIRN_MLP_LAYERS - 1, &status);
    o.hidden.kind = (cairn_activation_kind)run->model.activation;
    m.x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(b->batch, inputs));
    if (!o.layers) {
        cairn__graph_fail(g, status.code, "%s", status.message);
        return m;
    }
    o.units[o.layers++] = cairn_dataset_classes(b->data);
    m.logits = cairn_mlp(m.x, &o, m.layers);
    m.n = cairn__none(m.logits) ? 0 : o.layers;
    return m;
}

/* The same layers once more, on other inputs. */
static cairn_tensor forward_again(const built *m, cairn_tensor x)
{
    for (int i = 0; i < m->n; i++) {
        const cairn_dense *layer = &m->layers[i];
        x = cairn_activate(cairn_add(cairn_matmul(x, layer->weight), layer->bias),
                           layer->activation);
    }
    return x;
}

static cairn_tensor add_label(cairn_graph *g, const cairn_build *b)
{
    return cairn_input(g, "label", CAIRN_I32, CAIRN_SHAPE(b->batch));
}

/* ---- the objective --------------------------------------------------------------------------- */

static cairn_reweighted objective(const cairn__cicw_run *run, cairn_tensor logits,
                                  cairn_tensor targets)
{
    const cairn__cicw_model *m = &run->model;
    if (m->loss == CAIRN__CICW_CROSS_ENTROPY)
        return cairn_reweighted_cross_entropy(logits, targets, &run->reweight);
    cairn_tensor y = cairn__distributions(logits, targets);
    cairn_tensor each = m->loss == CAIRN__CICW_BITEMPERED
                            ? cairn_bitempered_loss(logits, y, m->t1, m->t2)
                            : cairn_active_passive_loss(logits, y, m->active, m->passive,
                                                        m->loss == CAIRN__CICW_NCE_MAE);
    return cairn_reweighted_losses(each, &run->reweight);
}

/* Without mixing one pass; with it a second one over the mixed batch, whose weights are computed
 * again. Ordinary mixup needs no weights of the first pass, which then is left out. */
static cairn_reweighted train_objective(const cairn__cicw_run *run, built *m)
{
    cairn_tensor never = {.graph = NULL};
    if (run->mixup.mixup == CAIRN_MIXUP_NONE)
        return objective(run, m->logits, m->label);
    cairn_tensor logits = cairn_stop_gradient(m->logits);
    cairn_reweighted first = {.weights = m->x, .burning = never};
    if (mixes_by_weight(run))
        first = objective(run, logits, m->label);
    cairn_mixed mixed =
        cairn_mix(m->x, m->label, logits, first.weights, first.burning, &run->mixup);
    return objective(run, forward_again(m, mixed.x), mixed.targets);
}

/* ---- the problem ----------------------------------------------------------------------------- */

static void build(const void *user, cairn_graph *g, const cairn_build *b)
{
    cairn__cicw_run run = *(const cairn__cicw_run *)user;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__optimizer_values o;
    built m = build_model(&run, g, b);
    if (!m.n)
        return;
    m.label = add_label(g, b);
    cairn_reweight_resolve(&run.reweight, b->total_steps, b->steps_per_epoch, b->batch);
    cairn_update_resolve(&run.update, b->total_steps, b->steps_per_epoch, b->batch);
    cairn_reweighted r = train_objective(&run, &m);
    cairn_output(r.loss, "loss");
    if (run.reweight.reweight != CAIRN_DIVERGENCE_NONE)
        cairn_output(r.effective, "effective_share");
    if (run.reweight.class_reweight != CAIRN_CLASS_NONE)
        cairn_output(r.moved, "moved_share");
    const cairn_optimizer *optimizer =
        cairn__optimizer_read(run.model.optimizer, run.model.optimizer_options, &o, &status);
    if (optimizer)
        cairn_minimize(r.loss, optimizer->name, &o, &run.update);
    else
        cairn__graph_fail(g, status.code, "%s", status.message);
}

static void build_evaluation(const void *user, cairn_graph *g, const cairn_build *b)
{
    built m = build_model(user, g, b);
    if (!m.n)
        return;
    m.label = add_label(g, b);
    cairn_output(cairn_cross_entropy(m.logits, m.label), "loss");
    cairn_output(cairn_correct(m.logits, m.label), "accuracy");
}

static void build_prediction(const void *user, cairn_graph *g, const cairn_build *b)
{
    built m = build_model(user, g, b);
    if (m.n)
        cairn_output(cairn_softmax(m.logits, 1), "probability");
}

static bool report(const void *user, struct cairn_trainer *trainer, struct cairn_report *report,
                   cairn_status *status)
{
    const cairn__cicw_run *run = user;
    cairn_problem problem;
    cairn__suspects found;
    cairn__cicw_run_problem(run, &problem);
    if (!cairn__suspects_find(&problem, cairn_trainer_graph(trainer), NULL,
                              cairn_trainer_data(trainer), &run->reweight, 24, &found, status))
        return false;
    cairn__suspects_report(&found, cairn_trainer_data(trainer), report);
    cairn__suspects_free(&found);
    return cairn_ok(status);
}

void cairn__cicw_run_problem(const void *user, cairn_problem *problem)
{
    *problem = (cairn_problem){.user = user,
                               .build = build,
                               .build_evaluation = build_evaluation,
                               .build_prediction = build_prediction,
                               .report = report};
}
