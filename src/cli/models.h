/* Training steps with fixed random data, for measuring and for looking at: `cairn bench step`,
 * `cairn graph dump`. */
#ifndef CAIRN_SRC_CLI_MODELS_H
#define CAIRN_SRC_CLI_MODELS_H

#include "cairn/compile.h"

typedef struct bench_model {
    const char *name, *summary;
    int64_t batch;
    /* The whole step. Inputs: "x" f32 with `pixels` numbers for each example, or "tokens" i32; and
     * "label" i32, each with `indices` numbers below `limit`. */
    void (*build)(cairn_graph *g, int64_t batch);
    int64_t pixels, indices;
    int32_t limit;
} bench_model;

extern const bench_model bench_models[]; /* ended by a NULL name */

/* The model called `name`; NULL with an error that lists them. */
const bench_model *bench_model_find(const char *name, cairn_status *status);

/* Feeds uniform pixels, and tokens and labels that run through their range. */
bool bench_model_feed(const bench_model *model, cairn_program *program, cairn_status *status);

#endif
