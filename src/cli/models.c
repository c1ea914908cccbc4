/* Models to measure. */
#include "cli/models.h"

#include <string.h>

#include "base/base.h"
#include "cairn/loss.h"
#include "cairn/locoprop.h"
#include "cairn/optim.h"

/* The loss over logits, or the logits themselves when there is no training. */
static bool classify(cairn_tensor logits, int64_t rows, bool training, cairn_tensor *loss)
{
    if (!training) {
        cairn_output(logits, "logits");
        return false;
    }
    cairn_tensor label = cairn_input(logits.graph, "label", CAIRN_I32, CAIRN_SHAPE(rows));
    *loss = cairn_mean(cairn_cross_entropy(logits, label));
    cairn_output(*loss, "loss");
    return true;
}

static bool build_autoencoder_loss(cairn_graph *g, int64_t batch, bool training,
                                   cairn_dense *layers, int *n, cairn_tensor *loss)
{
    cairn_mlp_options o = cairn_autoencoder_defaults(784, 1, 1);
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(batch, 784));
    cairn_tensor logits = cairn_mlp(x, &o, layers);
    *n = o.layers;
    if (training)
        *loss = cairn_mean(cairn_binary_cross_entropy(logits, x));
    cairn_output(training ? *loss : cairn_sigmoid(logits), training ? "loss" : "pixels");
    return training;
}

static void build_autoencoder(cairn_graph *g, int64_t batch, bool training)
{
    cairn_dense layers[CAIRN_MLP_LAYERS];
    cairn_tensor loss;
    int n;
    if (build_autoencoder_loss(g, batch, training, layers, &n, &loss))
        cairn_adam(g, loss, NULL);
}

static void build_locoprop(cairn_graph *g, int64_t batch, bool training)
{
    const cairn_activation output = {CAIRN_ACTIVATION_sigmoid, 0};
    cairn_dense layers[CAIRN_MLP_LAYERS];
    cairn_tensor loss;
    int n;
    if (build_autoencoder_loss(g, batch, training, layers, &n, &loss))
        cairn_locoprop(loss, layers, n, &output, NULL, NULL);
}

static void build_classifier(cairn_graph *g, int64_t batch, bool training, cairn_activation hidden)
{
    static const int64_t units[] = {128, 10};
    cairn_dense layers[2];
    cairn_mlp_options o = cairn_mlp_defaults(units, 2);
    o.hidden = hidden;
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(batch, 784));
    cairn_tensor loss;
    if (classify(cairn_mlp(x, &o, layers), batch, training, &loss))
        cairn_adam(g, loss, NULL);
}

static void build_mlp(cairn_graph *g, int64_t batch, bool training)
{
    build_classifier(g, batch, training, (cairn_activation){CAIRN_ACTIVATION_relu, 0});
}

static void build_smelu(cairn_graph *g, int64_t batch, bool training)
{
    build_classifier(g, batch, training, (cairn_activation){CAIRN_ACTIVATION_smelu, 0.5});
}

static void build_resnet18(cairn_graph *g, int64_t batch, bool training)
{
    cairn_resnet_options o = cairn_resnet_defaults(18, 10);
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(batch, 32, 32, 3));
    cairn_tensor loss;
    o.norm.training = training;
    if (classify(cairn_resnet(x, &o), batch, training, &loss))
        cairn_momentum(g, loss, NULL);
}

enum { TOKENS = 256, VOCABULARY = 8192 };

static void build_gpt(cairn_graph *g, int64_t batch, bool training)
{
    cairn_gpt_options o = cairn_gpt_defaults();
    int64_t rows = batch * TOKENS;
    o.vocabulary = VOCABULARY;
    o.positions = TOKENS;
    o.blocks.layers = 6;
    o.blocks.width = 384;
    o.blocks.hidden = 4 * 384;
    o.blocks.attention.heads = 6;
    cairn_tensor tokens = cairn_input(g, "tokens", CAIRN_I32, CAIRN_SHAPE(batch, TOKENS));
    cairn_tensor logits = cairn_reshape(cairn_gpt(tokens, &o), CAIRN_SHAPE(rows, VOCABULARY)), loss;
    if (classify(logits, rows, training, &loss))
        cairn_adamw(g, loss, NULL);
}

static void build_vit(cairn_graph *g, int64_t batch, bool training)
{
    cairn_vit_options o = cairn_vit_defaults(CAIRN_VIT_TINY);
    o.patch = 4;
    o.classes = 10;
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(batch, 32, 32, 3));
    cairn_tensor loss;
    if (classify(cairn_vit(x, &o), batch, training, &loss))
        cairn_adamw(g, loss, NULL);
}

/* The one model of which the step is its output. */
static void build_mobilenetv3(cairn_graph *g, int64_t batch, bool training)
{
    (void)training;
    cairn_mobilenet_options o = cairn_mobilenet_defaults(CAIRN_MOBILENET_LARGE, 1000);
    o.norm.training = false;
    cairn_output(cairn_mobilenet(
                     cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(batch, 224, 224, 3)), &o),
                 "logits");
}

/* The model of Reddi et al. 2021 (see cairn_recurrent_language_defaults()), 20 words of each
 * example. */
static void build_lstm(cairn_graph *g, int64_t batch, bool training)
{
    enum { STEPS = 20 };
    cairn_recurrent_language_options o = cairn_recurrent_language_defaults();
    int64_t rows = STEPS * batch;
    cairn_tensor tokens = cairn_input(g, "tokens", CAIRN_I32, CAIRN_SHAPE(STEPS, batch));
    cairn_tensor logits = cairn_recurrent_language_model(tokens, &o), loss;
    if (classify(cairn_reshape(logits, CAIRN_SHAPE(rows, o.vocabulary)), rows, training, &loss))
        cairn_sgd(g, loss, NULL);
}

#define ROW(name, summary, batch, pixels, indices, limit)                                          \
    {#name, summary, batch, build_##name, pixels, indices, limit},
const bench_model bench_models[] = {BENCH_MODELS(ROW){.name = NULL}};

const bench_model *bench_model_find(const char *name, cairn_status *status)
{
    for (const bench_model *m = bench_models; m->name; m++)
        if (strcmp(m->name, name) == 0)
            return m;
    cairn__fail(status, CAIRN_ERR_NAME, "model: '%s', expected " BENCH_NAMES, name);
    return NULL;
}

bool bench_model_feed(const bench_model *model, cairn_program *program, cairn_status *status)
{
    int64_t n = model->batch * model->pixels, m = model->batch * model->indices;
    float *x = cairn__alloc((size_t)n, sizeof *x, status);
    int32_t *index = cairn__alloc((size_t)m, sizeof *index, status);
    if (x && index) {
        cairn_random_uniform_fill(1, 1, n, x);
        for (int64_t i = 0; i < m; i++)
            index[i] = (int32_t)(i % model->limit);
        cairn_program_feed(program, "x", x, (size_t)n * sizeof *x, status);
        cairn_program_feed(program, "tokens", index, (size_t)m * sizeof *index, status);
        cairn_program_feed(program, "label", index, (size_t)m * sizeof *index, status);
    }
    cairn__free(x);
    cairn__free(index);
    return cairn_ok(status);
}
