/* cairn bench step: how long a training step takes, and what surrounds it. Measures, never
 * judges. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/models.h"

typedef struct bench_options {
    char model[CAIRN_TEXT_SIZE];
    int64_t rounds, threads;
    double seconds;
} bench_options;

static const cairn_option table[] = {
    CAIRN_OPT_TEXT(bench_options, model, "autoencoder", "autoencoder, mlp, smelu or locoprop", ""),
    CAIRN_OPT_COUNT(bench_options, rounds, 5, 1, 1000, "medians are taken of so many rounds", ""),
    CAIRN_OPT_REAL(bench_options, seconds, 1, 0.001, 3600, "of steps in each round", ""),
    CAIRN_OPT_COUNT(bench_options, threads, 0, 0, 1024, "0: one for each core", ""),
    CAIRN_OPT_END,
};

static bench_options values;

static bool options(cli_call *call, cairn_status *status)
{
    (void)status;
    cairn_options_defaults(table, &values);
    return cli_add_section(call, "options", table, &values);
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

static bool run(cli_call *call, cairn_status *status)
{
    char name[CAIRN_TEXT_SIZE + 32];
    struct rusage usage;
    if (strcmp(call->word[0], "step") != 0)
        return cairn__fail(status, CAIRN_ERR_NAME, "unknown 'bench %s'; usage: cairn bench step",
                           call->word[0]);
    const bench_model *model = bench_model_find(values.model, status);
    if (!model)
        return false;
    cairn_threads_set((int)values.threads);
    cairn_graph *g = cairn_graph_new();
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
    .arguments = "step",
    .summary = "measures a training step: time, compile time, memory",
    .details =
        "Prints medians over rounds with the smallest and largest. bench/peers/run compares\n"
        "the same steps with PyTorch's in one run.",
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};
