/* Models to measure. */
#include "cli/models.h"

#include <string.h>

#include "base/base.h"
#include "cairn/loss.h"
#include "cairn/locoprop.h"
#include "cairn/optim.h"

static void build_autoencoder_loss(cairn_graph *g, int64_t batch, cairn_dense *layers, int *n,
                                   cairn_tensor *loss)
{
    cairn_mlp_options o = cairn_autoencoder_defaults(784, 1, 1);
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(batch, 784));
    *loss = cairn_mean(cairn_binary_cross_entropy(cairn_mlp(x, &o, layers), x));
    *n = o.layers;
    cairn_output(*loss, "loss");
}

static void build_autoencoder(cairn_graph *g, int64_t batch)
{
    cairn_dense layers[CAIRN_MLP_LAYERS];
    cairn_tensor loss;
    int n;
    build_autoencoder_loss(g, batch, layers, &n, &loss);
    cairn_adam(g, loss, NULL);
}

static void build_locoprop(cairn_graph *g, int64_t batch)
{
    const cairn_activation output = {CAIRN_ACTIVATION_sigmoid, 0};
    cairn_dense layers[CAIRN_MLP_LAYERS];
    cairn_tensor loss;
    int n;
    build_autoencoder_loss(g, batch, layers, &n, &loss);
    cairn_locoprop(loss, layers, n, &output, NULL, NULL);
}

static void build_classifier(cairn_graph *g, int64_t batch, cairn_activation hidden)
{
    static const int64_t units[] = {128, 10};
    cairn_dense layers[2];
    cairn_mlp_options o = cairn_mlp_defaults(units, 2);
    o.hidden = hidden;
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(batch, 784));
    cairn_tensor label = cairn_input(g, "label", CAIRN_I32, CAIRN_SHAPE(batch));
    cairn_tensor loss = cairn_mean(cairn_cross_entropy(cairn_mlp(x, &o, layers), label));
    cairn_output(loss, "loss");
    cairn_adam(g, loss, NULL);
}

static void build_mlp(cairn_graph *g, int64_t batch)
{
    build_classifier(g, batch, (cairn_activation){CAIRN_ACTIVATION_relu, 0});
}

static void build_smelu(cairn_graph *g, int64_t batch)
{
    build_classifier(g, batch, (cairn_activation){CAIRN_ACTIVATION_smelu, 0.5});
}

const bench_model bench_models[] = {
    {"autoencoder", "784-1000-500-250-30-250-500-1000-784, Adam", 1000, build_autoencoder},
    {"mlp", "784-128-10 classifier, ReLU, Adam", 64, build_mlp},
    {"smelu", "the same classifier with SmeLU in place of ReLU", 64, build_smelu},
    {"locoprop", "the autoencoder, LocoProp-M with 10 local steps", 1000, build_locoprop},
    {NULL, NULL, 0, NULL},
};

const bench_model *bench_model_find(const char *name, cairn_status *status)
{
    cairn__text list = {.status = status};
    for (const bench_model *m = bench_models; m->name; m++) {
        if (strcmp(m->name, name) == 0)
            return m;
        cairn__text_add(&list, "%s%s", list.length ? ", " : "", m->name);
    }
    cairn__fail(status, CAIRN_ERR_NAME, "model: '%s', expected one of: %s", name,
                list.data ? list.data : "");
    cairn__free(list.data);
    return NULL;
}

bool bench_model_feed(const bench_model *model, cairn_program *program, cairn_status *status)
{
    int64_t n = model->batch * 784;
    float *x = cairn__alloc((size_t)n, sizeof *x, status);
    int32_t *label = cairn__alloc((size_t)model->batch, sizeof *label, status);
    if (x && label) {
        cairn_random_uniform_fill(1, 1, n, x);
        for (int64_t i = 0; i < model->batch; i++)
            label[i] = (int32_t)(i % 10);
        cairn_program_feed(program, "x", x, (size_t)n * sizeof *x, status);
        cairn_program_feed(program, "label", label, (size_t)model->batch * sizeof *label, status);
    }
    cairn__free(x);
    cairn__free(label);
    return cairn_ok(status);
}
