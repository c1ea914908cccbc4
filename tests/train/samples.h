/* A small problem that several tests of this room train: points of three classes, an MLP with one
 * hidden layer, Adam. Everything about it is deterministic. */
#ifndef CAIRN_TESTS_TRAIN_SAMPLES_H
#define CAIRN_TESTS_TRAIN_SAMPLES_H

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cairn/loss.h"
#include "cairn/optim.h"
#include "cairn/train.h"
#include "test.h"

enum { SAMPLE_FEATURES = 4, SAMPLE_CLASSES = 3 };

/* What a sample problem can be told to do wrong. */
typedef struct sample_user {
    int64_t hidden;       /* 0 counts as 8 */
    float nan_at, nan_to; /* the loss is not a number in steps from .. to - 1 */
    const char *marker;   /* the loss is not a number in a batch with a first feature above 90 */
} sample_user;

/* n points as CSV, the third part of them for the test split; `odd` (or -1) gets a feature of 99.
 */
static inline cairn_dataset *sample_points(int n, int odd)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_data_options options = cairn_data_defaults();
    cairn__text text = {0};
    options.test_fraction = 0.25;
    cairn__text_add(&text, "a,b,c,d,label\n");
    for (int i = 0; i < n; i++) {
        uint32_t words[4];
        cairn_random_bits(7, 7, (uint64_t)i, words);
        int label = i % SAMPLE_CLASSES;
        for (int f = 0; f < SAMPLE_FEATURES; f++)
            cairn__text_add(&text, "%.4f,",
                            i == odd && f == 0 ? 99.0
                                               : words[f] / 4294967296.0 + (f == label ? 0.7 : 0));
        cairn__text_add(&text, "%d\n", label);
    }
    cairn_dataset *d = cairn_dataset_parse(text.data, text.length, "points.csv", &options, &status);
    CHECK_OK(status);
    cairn__free(text.data);
    return d;
}

static inline cairn_tensor sample_logits(cairn_graph *g, const sample_user *user, cairn_tensor x)
{
    (void)g;
    cairn_tensor h = cairn_tanh(cairn_linear(x, user->hidden ? user->hidden : 8, "hidden"));
    return cairn_linear(h, SAMPLE_CLASSES, "out");
}

/* Adds NaN to the loss where the user asked for it. */
static inline cairn_tensor sample_fault(cairn_graph *g, const sample_user *user, cairn_tensor x,
                                        cairn_tensor loss)
{
    cairn_tensor nan = cairn_scalar(g, NAN), zero = cairn_scalar(g, 0);
    if (user->nan_to > user->nan_at) {
        cairn_tensor step = cairn_cast(cairn_step(g), CAIRN_F32);
        cairn_tensor bad =
            cairn_and(cairn_greater_equal(step, cairn_scalar(g, (double)user->nan_at)),
                      cairn_less(step, cairn_scalar(g, (double)user->nan_to)));
        loss = cairn_add(loss, cairn_select(bad, nan, zero));
    }
    if (user->marker) {
        cairn_tensor largest = cairn_reduce_max(x, 3, false);
        cairn_tensor bad = cairn_greater(largest, cairn_scalar(g, 90));
        loss = cairn_add(loss, cairn_select(bad, nan, zero));
    }
    return loss;
}

static inline void sample_build(const void *user, cairn_graph *g, const cairn_build *b)
{
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(b->batch, SAMPLE_FEATURES));
    cairn_tensor label = cairn_input(g, "label", CAIRN_I32, CAIRN_SHAPE(b->batch));
    cairn_tensor logits = sample_logits(g, user, x);
    cairn_tensor loss = cairn_mean(cairn_cross_entropy(logits, label));
    cairn_adam_options adam = cairn_adam_defaults();
    adam.learning_rate = 0.02;
    loss = sample_fault(g, user, x, loss);
    cairn_adam(g, loss, &adam);
    cairn_output(loss, "loss");
    cairn_output(cairn_mean(cairn_correct(logits, label)), "accuracy");
}

static inline void sample_build_evaluation(const void *user, cairn_graph *g, const cairn_build *b)
{
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(b->batch, SAMPLE_FEATURES));
    cairn_tensor label = cairn_input(g, "label", CAIRN_I32, CAIRN_SHAPE(b->batch));
    cairn_tensor logits = sample_logits(g, user, x);
    cairn_output(cairn_cross_entropy(logits, label), "loss");
    cairn_output(cairn_correct(logits, label), "accuracy");
}

static const sample_user sample_plain = {0};

static inline cairn_problem sample_problem(const sample_user *user)
{
    return (cairn_problem){
        .user = user, .build = sample_build, .build_evaluation = sample_build_evaluation};
}

/* 40 steps in batches of 16. */
static inline cairn_train_options sample_options(void)
{
    cairn_train_options options = cairn_train_defaults();
    options.batch = 16;
    options.length = (cairn_span){40, CAIRN_STEPS};
    options.evaluate = (cairn_span){15, CAIRN_STEPS};
    options.checkpoint = (cairn_span){10, CAIRN_STEPS};
    options.log_every = 1;
    options.threads = 1;
    return options;
}

/* All variables one after the other. */
typedef struct sample_weights {
    unsigned char bytes[1 << 14];
    size_t n;
} sample_weights;

static inline sample_weights sample_read(const cairn_graph *g)
{
    sample_weights w = {.n = 0};
    cairn_variable *const *variables;
    int n = cairn_graph_variables(g, &variables);
    for (int i = 0; i < n; i++) {
        size_t bytes = (size_t)cairn_shape_count(cairn_variable_shape(variables[i])) *
                       cairn_dtype_bytes(cairn_variable_dtype(variables[i]));
        CHECK(w.n + bytes <= sizeof w.bytes);
        CHECK(cairn_variable_read(variables[i], w.bytes + w.n, bytes, NULL));
        w.n += bytes;
    }
    return w;
}

#define CHECK_SAME_WEIGHTS(a, b)                                                                   \
    do {                                                                                           \
        CHECK_INT((a).n, (b).n);                                                                   \
        CHECK((a).n > 0 && memcmp((a).bytes, (b).bytes, (a).n) == 0);                              \
    } while (0)

/* Trains to the end; the weights. */
static inline sample_weights sample_train(const cairn_train_setup *setup)
{
    cairn_status status = CAIRN_STATUS_INIT;
    sample_weights w = {.n = 0};
    cairn_trainer *t = cairn_trainer_new(setup, &status);
    while (t && cairn_trainer_advance(t, 1e9, &status)) {
    }
    CHECK_OK(status);
    if (t)
        w = sample_read(cairn_trainer_graph(t));
    cairn_trainer_free(t);
    return w;
}

static inline bool sample_exists(const char *directory, const char *name)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

#endif
