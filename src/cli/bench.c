/* cairn bench step: how long a training step takes, and what surrounds it. cairn bench data: how
 * fast pictures become batches. Measures, never judges. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cairn/audio.h"
#include "cli/cli.h"
#include "cli/models.h"
#include "data/items.h"

typedef struct bench_options {
    char model[CAIRN_TEXT_SIZE];
    int64_t rounds, threads;
    int64_t memory;
    double seconds;
} bench_options;

static const cairn_option table[] = {
    CAIRN_OPT_TEXT(bench_options, model, "autoencoder", BENCH_NAMES, ""),
    CAIRN_OPT_COUNT(bench_options, rounds, 5, 1, 1000, "medians are taken of so many rounds", ""),
    CAIRN_OPT_REAL(bench_options, seconds, 1, 0.001, 3600, "of steps in each round", ""),
    CAIRN_OPT_COUNT(bench_options, threads, 0, 0, 1024, "0: one for each core", ""),
    CAIRN_OPT_BYTES(bench_options, memory, 0,
                    "for variables and values of a step; 0: no limit", ""),
    CAIRN_OPT_END,
};

/* The first is the default of the option below, the second is for sounds instead of it. */
#define PICTURE_PIPELINE "resize(256)|centre_crop(224)|normalise"
#define SOUND_PIPELINE "cut(16000)|logmel"

/* What `bench data` takes of a stream's options; threads is the one above. */
static const cairn_option stream_table[] = {
    CAIRN_OPT_TEXT(cairn_stream_options, pipeline, PICTURE_PIPELINE,
                   "steps for each item (data); for sounds cut(16000)|logmel", ""),
    CAIRN_OPT_COUNT(cairn_stream_options, batch, 64, 1, 1 << 20, "items in a batch (data)", ""),
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

static void print_figure(const cli_call *call, const char *name, double value, const char *unit,
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

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Seconds since this process was started, by the system's account. */
static double process_age(void)
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "r");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[n] = 0;
    const char *at = strrchr(text, ')'); /* the name may hold anything */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    double start = at ? strtod(at, NULL) / (double)sysconf(_SC_CLK_TCK) : NAN;
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec - start;
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
    qsort(times, (size_t)n, sizeof *times, rising);
    return n ? times[n / 2] : NAN;
}

enum { MOST_STEPS = 100000 };

static bool measure(const cli_call *call, cairn_program *p, cairn_status *status)
{
    double *times = cairn__alloc(MOST_STEPS, sizeof *times, status);
    double *medians = cairn__alloc((size_t)values.rounds, sizeof *medians, status);
    char name[CAIRN_TEXT_SIZE + 32];
    if (times && medians) {
        run_round(p, times, MOST_STEPS, 0.2 * values.seconds, status);
        for (int64_t i = 0; i < values.rounds; i++)
            medians[i] = run_round(p, times, MOST_STEPS, values.seconds, status);
        qsort(medians, (size_t)values.rounds, sizeof *medians, rising);
        snprintf(name, sizeof name, "%s/step", values.model);
        print_figure(call, name, medians[values.rounds / 2], "ms", medians[0],
                     medians[values.rounds - 1]);
        snprintf(name, sizeof name, "%s/rate", values.model);
        print_figure(call, name, 1e-6 * cairn_program_costs(p).flops / medians[values.rounds / 2],
                     "GFLOP/s", NAN, NAN);
    }
    cairn__free(times);
    cairn__free(medians);
    return cairn_ok(status);
}

/* ---- data ------------------------------------------------------------------------------------ */

/* Processor time of all threads, which is what "per core" is about: another program that shares the
 * cores does not change it much. */
static double core_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Pictures or sounds that a core reads and decodes in a second, and nothing else: what a pipeline
 * is held against. */
static double decode_rate(const cairn_items *items, double seconds, cairn_status *status)
{
    cairn_image image = {0};
    cairn_sound sound = {0};
    int64_t n = cairn_items_count(items, CAIRN_SPLIT_TRAIN), done = 0;
    double start = core_seconds(), now = start;
    for (; now - start < seconds && cairn_ok(status); now = core_seconds())
        if (cairn_items_media(items) == CAIRN_MEDIA_SOUND)
            cairn_sound_read(cairn_items_file(items, CAIRN_SPLIT_TRAIN, done++ % n),
                             (size_t)1 << 30, NULL, &sound, status);
        else
            cairn_image_read(cairn_items_file(items, CAIRN_SPLIT_TRAIN, done++ % n),
                             (size_t)1 << 30, NULL, &image, status);
    cairn_image_free(&image);
    cairn_sound_free(&sound);
    return (double)done / (now - start);
}

/* A stream of its own for each round: one that stays would work ahead while the decoder is timed.
 * The clock starts with the first batch, when the threads work ahead as they do at the end: what is
 * begun and not yet handed out cancels. */
static double stream_rate(const cairn_items *items, double seconds, double *core,
                          cairn_status *status)
{
    int64_t done = 0;
    cairn_stream *s = cairn_stream_new(items, CAIRN_SPLIT_TRAIN, &stream_options, status);
    if (s)
        cairn_stream_next(s, status);
    double start = cairn__seconds(), now = start, core_start = core_seconds();
    for (; s && now - start < seconds && cairn_ok(status); now = cairn__seconds()) {
        const cairn_stream_batch *b = cairn_stream_next(s, status);
        done += b ? b->base.size : 0;
    }
    *core = (double)done / (core_seconds() - core_start);
    cairn_stream_free(s);
    return (double)done / (now - start);
}

/* Rounds of the two in turn, so that what else the machine does meets both. */
static bool measure_data(const cli_call *call, const cairn_items *items, cairn_status *status)
{
    size_t n = (size_t)values.rounds, last = n - 1;
    double *rates = cairn__alloc(3 * n, sizeof *rates, status);
    if (!rates)
        return false;
    stream_rate(items, 0.2 * values.seconds, rates, status);
    for (size_t i = 0; i < n; i++) {
        rates[i] = decode_rate(items, values.seconds, status);
        rates[n + i] = stream_rate(items, values.seconds, &rates[2 * n + i], status);
    }
    for (size_t i = 0; i < 3; i++)
        qsort(rates + i * n, n, sizeof *rates, rising);
    if (cairn_ok(status)) {
        const double *wall = rates + n, *core = rates + 2 * n;
        print_figure(call, "data/decode_per_core", rates[n / 2], "items/s", rates[0], rates[last]);
        print_figure(call, "data/pipeline", wall[n / 2], "items/s", wall[0], wall[last]);
        print_figure(call, "data/pipeline_per_core", core[n / 2], "items/s", core[0], core[last]);
        print_figure(call, "data/of_decoder", core[n / 2] / rates[n / 2], "", NAN, NAN);
    }
    cairn__free(rates);
    return cairn_ok(status);
}

static bool run_data(const cli_call *call, const char *path, cairn_status *status)
{
    cairn_stream_options wanted = stream_options;
    struct rusage usage;
    stream_options = cairn_stream_defaults();
    snprintf(stream_options.pipeline, sizeof stream_options.pipeline, "%s", wanted.pipeline);
    stream_options.batch = wanted.batch;
    stream_options.threads = values.threads ? values.threads : cairn_threads();
    cairn_items *items = cairn_items_open(path, NULL, status);
    if (items && cairn_items_media(items) == CAIRN_MEDIA_SOUND &&
        strcmp(wanted.pipeline, PICTURE_PIPELINE) == 0)
        snprintf(stream_options.pipeline, sizeof stream_options.pipeline, "%s", SOUND_PIPELINE);
    bool good = items && measure_data(call, items, status);
    if (good) {
        getrusage(RUSAGE_SELF, &usage);
        print_figure(call, "data/peak_memory", (double)usage.ru_maxrss / 1024, "MiB", NAN, NAN);
    }
    cairn_items_free(items);
    return good;
}

static bool run(cli_call *call, cairn_status *status)
{
    char name[CAIRN_TEXT_SIZE + 32];
    struct rusage usage;
    if (strcmp(call->word[0], "data") == 0 && call->words == 2)
        return run_data(call, call->word[1], status);
    if (strcmp(call->word[0], "step") != 0 || call->words != 1)
        return cairn__fail(status, CAIRN_ERR_NAME,
                           "unknown 'bench %s'; usage: cairn bench step, or cairn bench data PATH",
                           call->word[0]);
    const bench_model *model = bench_model_find(values.model, status);
    if (!model)
        return false;
    cairn_threads_set((int)values.threads);
    cairn_graph *g = cairn_graph_new();
    cairn_graph_memory(g, values.memory);
    model->build(g, model->batch);
    cairn_program *p = cairn_compile(g, cairn_cpu(), status);
    bool good = p && bench_model_feed(model, p, status) && cairn_program_run(p, status);
    if (good) {
        cairn_program_cost cost = cairn_program_costs(p);
        snprintf(name, sizeof name, "%s/first_step", model->name);
        print_figure(call, name, 1e3 * process_age(), "ms", NAN, NAN);
        snprintf(name, sizeof name, "%s/compile", model->name);
        print_figure(call, name, 1e3 * cost.compile_seconds, "ms", NAN, NAN);
        good = measure(call, p, status);
        getrusage(RUSAGE_SELF, &usage);
        snprintf(name, sizeof name, "%s/peak_memory", model->name);
        print_figure(call, name, (double)usage.ru_maxrss / 1024, "MiB", NAN, NAN);
        snprintf(name, sizeof name, "%s/arena", model->name);
        print_figure(call, name, (double)cost.arena_bytes / 1048576, "MiB", NAN, NAN);
    }
    cairn_program_free(p);
    cairn_graph_free(g);
    return good;
}

const cli_command cli_bench = {
    .name = "bench",
    .arguments = "step | data PATH",
    .summary = "measures a training step, or how fast pictures become batches",
    .details =
        "Prints medians over rounds with the smallest and largest. bench/peers/run compares\n"
        "the same steps with PyTorch's in one run.\n"
        "\n"
        "`data` streams the pictures of PATH (see `cairn data`) through a pipeline, and compares\n"
        "for each second of a core that with the decoder alone.",
    .least = 1,
    .most = 2,
    .options = options,
    .run = run,
};
