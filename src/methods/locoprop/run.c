/* Training a stack of dense layers: model, objective, optimiser. */
#include "methods/locoprop/run.h"

#include <string.h>

#include "cairn/loss.h"
#include "graph/graph.h"
#include "methods/layers.h"

/* ---- options --------------------------------------------------------------------------------- */

static const char *const tasks[] = {"autoencoder", "classifier", NULL};

#define M cairn__locoprop_model
static const cairn_option model_table[] = {
    CAIRN_OPT_CHOICE(M, task, 0, tasks, "what is learnt: the input itself, or its label", ""),
    CAIRN_OPT_TEXT(M, layers, "1000,500,250,30",
                   "sizes of the encoder with the code last (mirrored for the decoder), or of the "
                   "hidden layers of a classifier",
                   "section 5"),
    CAIRN_OPT_CHOICE(M, activation, CAIRN_ACTIVATION_tanh, cairn_activation_names,
                     "activation of hidden layers", "section 5"),
    CAIRN_OPT_TEXT(M, optimizer, "locoprop",
                   "locoprop, kfac, or the name of any optimiser: sgd, adam, shampoo ...", ""),
    CAIRN_OPT_TEXT(M, optimizer_options, "",
                   "options of an optimiser other than locoprop: name=value,name=value", ""),
    CAIRN_OPT_END,
};
#undef M

const cairn__method_section cairn__locoprop_sections[] = {
    {"model", model_table, offsetof(cairn__locoprop_run, model)},
    {"locoprop", cairn_locoprop_table, offsetof(cairn__locoprop_run, local)},
    {"update", cairn_update_table, offsetof(cairn__locoprop_run, update)},
    {NULL, NULL, 0},
};

cairn__locoprop_run cairn__locoprop_run_defaults(void)
{
    cairn__locoprop_run run;
    for (const cairn__method_section *s = cairn__locoprop_sections; s->name; s++)
        cairn_options_defaults(s->table, (char *)&run + s->offset);
    return run;
}

bool cairn__locoprop_run_check(const void *options, const cairn_dataset *data,
                               cairn_status *status)
{
    const cairn__locoprop_run *run = options;
    int64_t sizes[CAIRN_MLP_LAYERS];
    cairn__optimizer_values o;
    if (!cairn__sizes_parse(run->model.layers, sizes, CAIRN_MLP_LAYERS / 2 - 1, status))
        return false;
    if (run->model.task == CAIRN__CLASSIFIER && data && cairn_dataset_classes(data) < 2)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "task: a classifier needs labels of at least two classes, and the data "
                           "has none");
    return strcmp(run->model.optimizer, "locoprop") == 0 ||
           cairn__optimizer_read(run->model.optimizer, run->model.optimizer_options, &o, status) !=
               NULL;
}

/* ---- the model ------------------------------------------------------------------------------- */

int64_t cairn__locoprop_inputs(const cairn_dataset *data)
{
    const cairn_field *x = cairn_dataset_field_at(data, CAIRN_SPLIT_TRAIN, 0);
    int64_t n = 1;
    for (int i = 1; i < x->rank; i++)
        n *= x->shape[i];
    return n;
}

int cairn__locoprop_model_layers(const cairn__locoprop_run *run, cairn_tensor x, int64_t outputs,
                                 cairn_dense *layers)
{
    cairn_status status = CAIRN_STATUS_INIT;
    int64_t sizes[CAIRN_MLP_LAYERS];
    cairn_mlp_options o = {.linear_layer = -1, .bias_scale = 1};
    int n = cairn__sizes_parse(run->model.layers, sizes, CAIRN_MLP_LAYERS / 2 - 1, &status);
    o.hidden.kind = (cairn_activation_kind)run->model.activation;
    if (!n) {
        cairn__graph_fail(x.graph, status.code, "%s", status.message);
        return 0;
    }
    memcpy(o.units, sizes, (size_t)n * sizeof *sizes);
    o.layers = n;
    if (run->model.task == CAIRN__AUTOENCODER) {
        o.linear_layer = n - 1;
        for (int i = n - 2; i >= 0; i--)
            o.units[o.layers++] = sizes[i];
    }
    o.units[o.layers++] = outputs;
    cairn_mlp(x, &o, layers);
    return cairn__none(x) ? 0 : o.layers;
}

/* What a graph of the problem has: inputs, layers and the loss of each example. */
typedef struct built {
    cairn_tensor x, label, logits, losses;
    cairn_dense layers[CAIRN_MLP_LAYERS];
    int n;
} built;

static built build_model(const cairn__locoprop_run *run, cairn_graph *g, const cairn_build *b)
{
    built m = {.n = 0};
    bool classifier = run->model.task == CAIRN__CLASSIFIER;
    int64_t inputs = cairn__locoprop_inputs(b->data);
    m.x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(b->batch, inputs));
    m.n = cairn__locoprop_model_layers(
        run, m.x, classifier ? cairn_dataset_classes(b->data) : inputs, m.layers);
    if (!m.n)
        return m;
    m.logits = m.layers[m.n - 1].y;
    if (classifier) {
        m.label = cairn_input(g, "label", CAIRN_I32, CAIRN_SHAPE(b->batch));
        m.losses = cairn_cross_entropy(m.logits, m.label);
    } else {
        m.losses = cairn_binary_cross_entropy(m.logits, m.x);
    }
    return m;
}

/* ---- the problem ----------------------------------------------------------------------------- */

static void minimize(const cairn__locoprop_run *run, built *m, cairn_tensor loss,
                     const cairn_update_options *update)
{
    bool classifier = run->model.task == CAIRN__CLASSIFIER;
    const cairn_activation output = {
        classifier ? CAIRN_ACTIVATION_softmax : CAIRN_ACTIVATION_sigmoid, 0};
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__optimizer_values o;
    if (strcmp(run->model.optimizer, "locoprop") == 0) {
        cairn_locoprop(loss, m->layers, m->n, &output, &run->local, update);
        return;
    }
    const cairn_optimizer *optimizer =
        cairn__optimizer_read(run->model.optimizer, run->model.optimizer_options, &o, &status);
    if (!optimizer)
        cairn__graph_fail(loss.graph, status.code, "%s", status.message);
    else if (optimizer->layers)
        cairn_kfac(loss.graph, loss, m->layers, m->n,
                   classifier ? CAIRN_OUTPUT_CATEGORICAL : CAIRN_OUTPUT_BERNOULLI,
                   (const cairn_kfac_options *)(const void *)&o, update);
    else
        cairn_minimize(loss, optimizer->name, &o, update);
}

static void build(const void *user, cairn_graph *g, const cairn_build *b)
{
    const cairn__locoprop_run *run = user;
    cairn_update_options update = run->update;
    built m = build_model(run, g, b);
    if (!m.n)
        return;
    cairn_tensor loss = cairn_mean(m.losses);
    cairn_output(loss, "loss");
    cairn_update_resolve(&update, b->total_steps, b->steps_per_epoch, b->batch);
    minimize(run, &m, loss, &update);
}

static void build_evaluation(const void *user, cairn_graph *g, const cairn_build *b)
{
    const cairn__locoprop_run *run = user;
    built m = build_model(run, g, b);
    if (!m.n)
        return;
    cairn_output(m.losses, "loss");
    if (run->model.task == CAIRN__CLASSIFIER) {
        cairn_output(cairn_correct(m.logits, m.label), "accuracy");
    } else {
        cairn_output(cairn_squared_error(cairn_sigmoid(m.logits), m.x), "squared_error");
    }
}

static void build_prediction(const void *user, cairn_graph *g, const cairn_build *b)
{
    built m = build_model(user, g, b);
    if (m.n)
        cairn_output(cairn_softmax(m.logits, 1), "probability");
}

void cairn__locoprop_reconstruction(const cairn__locoprop_run *run, cairn_graph *g,
                                    const cairn_build *b)
{
    built m = build_model(run, g, b);
    if (m.n)
        cairn_output(cairn_sigmoid(m.logits), "reconstruction");
}

void cairn__locoprop_run_problem(const void *run, cairn_problem *problem)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const cairn__locoprop_run *r = run;
    cairn__optimizer_values o;
    *problem = (cairn_problem){.user = run,
                               .build = build,
                               .build_evaluation = build_evaluation,
                               .report = cairn__locoprop_report};
    if (r->model.task == CAIRN__CLASSIFIER)
        problem->build_prediction = build_prediction;
    if (strcmp(r->model.optimizer, "locoprop") != 0 &&
        cairn__optimizer_read(r->model.optimizer, r->model.optimizer_options, &o, &status))
        problem->refresh_interval = cairn_refresh_interval(r->model.optimizer, &o);
}
