/* cairn bench step and infer: a model's training step, or its output alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/models.h"

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

static void print_of(const cli_call *call, const char *model, const char *what, double value,
                     const char *unit, double lower, double upper)
{
    char name[CAIRN_TEXT_SIZE + 32];
    snprintf(name, sizeof name, "%s/%s", model, what);
    bench_print(call, name, value, unit, lower, upper);
}

/* The first run came before; what the others take. */
static bool measure(const cli_call *call, const bench_model *model, cairn_program *p,
                    const bench_options *o, bool infer, cairn_status *status)
{
    const size_t n = (size_t)o->rounds;
    double *medians = cairn__alloc(n, sizeof *medians, status);
    bool good = medians && bench_time(p, o, medians, status);
    if (good) {
        print_of(call, model->name, infer ? "infer" : "step", medians[n / 2], "ms", medians[0],
                 medians[n - 1]);
        print_of(call, model->name, "rate", 1e-6 * cairn_program_costs(p).flops / medians[n / 2],
                 "GFLOP/s", NAN, NAN);
    }
    cairn__free(medians);
    return good;
}

static bool measure_all(const cli_call *call, const bench_model *model, cairn_program *p,
                        const bench_options *o, bool infer, cairn_status *status)
{
    struct rusage usage;
    cairn_program_cost cost = cairn_program_costs(p);
    print_of(call, model->name, "first_step", 1e3 * process_age(), "ms", NAN, NAN);
    print_of(call, model->name, "compile", 1e3 * cost.compile_seconds, "ms", NAN, NAN);
    if (!measure(call, model, p, o, infer, status))
        return false;
    getrusage(RUSAGE_SELF, &usage);
    print_of(call, model->name, "peak_memory", (double)usage.ru_maxrss / 1024, "MiB", NAN, NAN);
    print_of(call, model->name, "arena", (double)cost.arena_bytes / 1048576, "MiB", NAN, NAN);
    return true;
}

bool bench_model_run(const cli_call *call, const bench_options *o, bool infer,
                     cairn_status *status)
{
    const bench_model *model = bench_model_find(o->model, status);
    if (!model)
        return false;
    cairn_graph *g = cairn_graph_new();
    cairn_graph_memory(g, o->memory);
    model->build(g, model->batch, !infer);
    cairn_program *p = cairn_compile(g, cairn_cpu(), status);
    bool good = p && bench_model_feed(model, p, status) && cairn_program_run(p, status) &&
                measure_all(call, model, p, o, infer, status);
    cairn_program_free(p);
    cairn_graph_free(g);
    return good;
}
