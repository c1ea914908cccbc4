/* Training steps with fixed random data, for measuring and for looking at: `cairn bench step`,
 * `cairn graph dump`. */
#ifndef CAIRN_SRC_CLI_MODELS_H
#define CAIRN_SRC_CLI_MODELS_H

#include "cairn/compile.h"

/* name, summary, examples in a step, numbers of "x" for each; indices for each and their limit. */
#define BENCH_MODELS(X)                                                                            \
    X(autoencoder, "784-1000-500-250-30-250-500-1000-784, Adam", 1000, 784, 1, 10)                 \
    X(mlp, "784-128-10 classifier, ReLU, Adam", 64, 784, 1, 10)                                    \
    X(smelu, "the same classifier with SmeLU in place of ReLU", 64, 784, 1, 10)                    \
    X(locoprop, "the autoencoder, LocoProp-M with 10 local steps", 1000, 784, 1, 10)               \
    X(resnet18, "ResNet-18 on pictures of 32x32, momentum", 32, 32 * 32 * 3, 1, 10)                \
    X(gpt, "6 blocks of 384, 6 heads, 256 tokens of 8192, AdamW", 8, 1, 256, 8192)                 \
    X(vit, "ViT-tiny on pictures of 32x32, patches of 4x4, AdamW", 32, 32 * 32 * 3, 1, 10)         \
    X(mobilenetv3, "MobileNetV3-large, inference of one picture", 1, 224 * 224 * 3, 1, 10)         \
    X(lstm, "words: 96, LSTM of 670, 96, vocabulary 10004, 20 steps, SGD", 32, 1, 20, 10004)

/* For help: their names. */
#define BENCH_NAME(name, summary, batch, pixels, indices, limit) #name " "
#define BENCH_NAMES "one of " BENCH_MODELS(BENCH_NAME)

typedef struct bench_model {
    const char *name, *summary;
    int64_t batch;
    /* The whole step, or without `training` the model's output alone. Inputs: "x" f32 with `pixels`
     * numbers for each example, or "tokens" i32; and "label" i32, each with `indices` numbers below
     * `limit`. */
    void (*build)(cairn_graph *g, int64_t batch, bool training);
    int64_t pixels, indices;
    int32_t limit;
} bench_model;

extern const bench_model bench_models[]; /* ended by a NULL name */

/* The model called `name`; NULL with an error that lists them. */
const bench_model *bench_model_find(const char *name, cairn_status *status);

/* Feeds uniform pixels, and tokens and labels that run through their range. */
bool bench_model_feed(const bench_model *model, cairn_program *program, cairn_status *status);

#endif
