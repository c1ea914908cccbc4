/* cairn bench: figures that one can compare. */
#include "cli/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/models.h"

static const cairn_option table[] = {
    CAIRN_OPT_TEXT(bench_options, model, "autoencoder", BENCH_NAMES, ""),
    CAIRN_OPT_TEXT(bench_options, op, "", "only ops whose names begin like this (ops)", ""),
    CAIRN_OPT_COUNT(bench_options, rounds, 5, 1, 1000, "medians are taken of so many rounds", ""),
    CAIRN_OPT_REAL(bench_options, seconds, 1, 0.001, 3600, "of steps in each round", ""),
    CAIRN_OPT_COUNT(bench_options, threads, 0, 0, 1024, "0: one for each core", ""),
    CAIRN_OPT_BYTES(bench_options, memory, 0, "for variables and values of a step; 0: no limit",
                    ""),
    CAIRN_OPT_END,
};

/* What `bench data` takes of a stream's options; threads is the one above. */
static const cairn_option stream_table[] = {
    CAIRN_OPT_TEXT(cairn_stream_options, pipeline, BENCH_PICTURES,
                   "steps for each item (data); for sounds cut(16000)|logmel", ""),
    CAIRN_OPT_COUNT(cairn_stream_options, batch, 64, 1, 1 << 20,
                    "items in a batch (data)", ""),
    CAIRN_OPT_END,
};

static bench_options values;
static cairn_stream_options stream_options;

static bool options(cli_call *call, cairn_status *status)
{
    (void)status;
    cairn_options_defaults(table, &values);
    cairn_options_defaults(stream_table, &stream_options);
    return cli_add_section(call, "options", table, &values) &&
           cli_add_section(call, "stream", stream_table, &stream_options);
}

void bench_print(const cli_call *call, const char *name, double value, const char *unit,
                 double lower, double upper)
{
    if (call->json) {
        cairn__text out = {.data = NULL};
        cli_json_text(&out, "name", name);
        cli_json_number(&out, "value", value);
        cli_json_text(&out, "unit", unit);
        cli_json_number(&out, "lower", lower);
        cli_json_number(&out, "upper", upper);
        cli_json_end(&out);
    } else if (lower < upper) {
        printf("%-28s %10.4g %-9s (%.4g to %.4g)\n", name, value, unit, lower, upper);
    } else {
        printf("%-28s %10.4g %s\n", name, value, unit);
    }
}

int bench_rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median step time of one round, in milliseconds. */
static double run_round(cairn_program *p, double *times, int most, double seconds,
                        cairn_status *status)
{
    double start = cairn__seconds(), now = start;
    int n = 0;
    while (n < most && now - start < seconds && cairn_program_run(p, status)) {
        double end = cairn__seconds();
        times[n++] = 1e3 * (end - now);
        now = end;
    }
    qsort(times, (size_t)n, sizeof *times, bench_rising);
    return n ? times[n / 2] : NAN;
}

enum { MOST_STEPS = 100000 };

bool bench_time(cairn_program *p, const bench_options *o, double *medians, cairn_status *status)
{
    double *times = cairn__alloc(MOST_STEPS, sizeof *times, status);
    if (!times)
        return false;
    run_round(p, times, MOST_STEPS, 0.2 * o->seconds, status);
    for (int64_t i = 0; i < o->rounds; i++)
        medians[i] = run_round(p, times, MOST_STEPS, o->seconds, status);
    qsort(medians, (size_t)o->rounds, sizeof *medians, bench_rising);
    cairn__free(times);
    return cairn_ok(status);
}

static bool run(cli_call *call, cairn_status *status)
{
    const char *what = call->word[0];
    cairn_threads_set((int)values.threads);
    if (strcmp(what, "data") == 0 && call->words == 2)
        return bench_data_run(call, &values, &stream_options, call->word[1], status);
    if (call->words == 1 && (strcmp(what, "step") == 0 || strcmp(what, "infer") == 0))
        return bench_model_run(call, &values, *what == 'i', status);
    if (call->words == 1 && strcmp(what, "ops") == 0)
        return bench_ops_run(call, &values, status);
    if (call->words == 1 && strcmp(what, "start") == 0)
        return bench_start_run(call, &values, status);
    return cairn__fail(status, CAIRN_ERR_NAME,
                       "unknown 'bench %s'; usage: cairn bench step, infer, ops or start, or cairn "
                       "bench data PATH",
                       what);
}

const cli_command cli_bench = {
    .name = "bench",
    .arguments = "step | infer | ops | start | data PATH",
    .summary = "measures a model, single operations, the start, or how fast data becomes batches",
    .details =
        "Prints medians over rounds with the smallest and largest. bench/peers/run compares\n"
        "the same steps with PyTorch's in one run.\n"
        "\n"
        "`step` is a training step of a model, `infer` its output alone. `ops` runs operations\n"
        "one by one: their rate, how far their results are from the definition in double\n"
        "precision, in units in the last place of the largest result, which kernel was chosen,\n"
        "and why better ones declined. `start` is the time that the program takes to begin and\n"
        "end. `data` streams the pictures of PATH (see `cairn data`) through a pipeline, and\n"
        "compares for each second of a core that with the decoder alone.",
    .least = 1,
    .most = 2,
    .options = options,
    .run = run,
};
