/* Training steps with fixed random data, for measuring and for looking at: `cairn bench step`,
 * `cairn graph dump`. */
#ifndef CAIRN_SRC_CLI_MODELS_H
#define CAIRN_SRC_CLI_MODELS_H

#include "cairn/compile.h"

typedef struct bench_model {
    const char *name, *summary;
    int64_t batch, inputs; /* pictures in a step, numbers in a picture */
    /* The whole step; inputs "x" f32 [batch, ..] and, for a classifier, "label" i32 [batch]. */
    void (*build)(cairn_graph *g, int64_t batch);
} bench_model;

extern const bench_model bench_models[]; /* ended by a NULL name */

/* The model called `name`; NULL with an error that lists them. */
const bench_model *bench_model_find(const char *name, cairn_status *status);

/* Feeds uniform pixels and labels 0 .. 9. */
bool bench_model_feed(const bench_model *model, cairn_program *program, cairn_status *status);

#endif
