/* Shared by the parts of `cairn bench`. */
#ifndef CAIRN_SRC_CLI_BENCH_H
#define CAIRN_SRC_CLI_BENCH_H

#include "cairn/compile.h"
#include "cairn/image.h"
#include "cli/cli.h"

typedef struct bench_options {
    char model[CAIRN_TEXT_SIZE], op[CAIRN_TEXT_SIZE];
    int64_t rounds, threads;
    int64_t memory;
    double seconds;
} bench_options;

/* The first is the default pipeline, the second is for sounds instead of it. */
#define BENCH_PICTURES "resize(256)|centre_crop(224)|normalise"
#define BENCH_SOUNDS "cut(16000)|logmel"

/* One figure, with the least and the greatest of its rounds (NAN: none). */
void bench_print(const cli_call *call, const char *name, double value, const char *unit,
                 double lower, double upper);

/* For qsort: doubles in rising order. */
int bench_rising(const void *a, const void *b);

/* Median times of a run in milliseconds, one for each round, in rising order. */
bool bench_time(cairn_program *program, const bench_options *options, double *medians,
                cairn_status *status);

/* A training step, or (`infer`) its model applied to a batch; the ops; the start of the program; a
 * stream of pictures or sounds. */
bool bench_model_run(const cli_call *call, const bench_options *options, bool infer,
                     cairn_status *status);
bool bench_ops_run(const cli_call *call, const bench_options *options, cairn_status *status);
bool bench_start_run(const cli_call *call, const bench_options *options, cairn_status *status);
bool bench_data_run(const cli_call *call, const bench_options *options,
                    const cairn_stream_options *wanted, const char *path, cairn_status *status);

#endif
