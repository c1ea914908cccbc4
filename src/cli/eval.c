/* cairn eval RUN: a trained model on its test data, or on other data. */
#include <string.h>

#include "cli/session.h"
#include "data/data.h"

typedef struct eval_options {
    char data[CAIRN_TEXT_SIZE];
    int split;
    int64_t batch;
} eval_options;

static const char *const splits[] = {"test", "train", NULL};

static const cairn_option table[] = {
    CAIRN_OPT_PATH(eval_options, data, "", "other data than the run's", ""),
    CAIRN_OPT_CHOICE(eval_options, split, 0, splits, "which part of the data", ""),
    CAIRN_OPT_COUNT(eval_options, batch, 500, 1, 1 << 20, "items at a time", ""),
    CAIRN_OPT_END,
};

static eval_options values;
static session eval_session;

static bool options(cli_call *call, cairn_status *status)
{
    (void)status;
    cairn_options_defaults(table, &values);
    return cli_add_section(call, "options", table, &values);
}

enum { MOST_OUTPUTS = 32 };

typedef struct sums {
    const char *name[MOST_OUTPUTS];
    double total[MOST_OUTPUTS];
    int n;
    int64_t items;
} sums;

static bool add_batch(cairn_program *p, const cairn_batch *b, sums *s, float *column,
                      cairn_status *status)
{
    size_t bytes = (size_t)values.batch * sizeof *column, features = sizeof(float);
    for (int i = 0; i < b->rank; i++)
        features *= (size_t)b->shape[i];
    cairn_program_feed(p, "x", b->x, features, status);
    if (b->label)
        cairn_program_feed(p, "label", b->label, (size_t)values.batch * sizeof *b->label, status);
    cairn_program_run(p, status);
    for (int i = 0; i < s->n; i++) {
        cairn_program_fetch(p, s->name[i], column, bytes, status);
        for (int64_t k = 0; cairn_ok(status) && k < b->size; k++)
            s->total[i] += (double)column[k];
    }
    s->items += b->size;
    return cairn_ok(status);
}

static bool evaluate(cairn_program *p, const cairn_dataset *data, sums *s, cairn_status *status)
{
    cairn_loader_options o = cairn_loader_defaults();
    const cairn_batch *b;
    o.batch = values.batch;
    o.shuffle = o.drop_last = false;
    cairn_loader *loader = cairn_loader_new(
        data, values.split == 0 ? CAIRN_SPLIT_TEST : CAIRN_SPLIT_TRAIN, &o, status);
    float *column = cairn__alloc((size_t)values.batch, sizeof *column, status);
    while (loader && column && (b = cairn_loader_next(loader, status)))
        if (!add_batch(p, b, s, column, status))
            break;
    cairn__free(column);
    cairn_loader_free(loader);
    return cairn_ok(status);
}

static void print(const cli_call *call, const sums *s)
{
    cairn__text out = {.data = NULL};
    for (int i = 0; i < s->n; i++) {
        double mean = s->total[i] / (double)s->items;
        if (call->json)
            cli_json_number(&out, s->name[i], mean);
        else
            printf("%-16s %.6g\n", s->name[i], mean);
    }
    if (call->json) {
        cli_json_number(&out, "items", (double)s->items);
        cli_json_end(&out);
    } else {
        printf("%-16s %lld (%s)\n", "items", (long long)s->items, splits[values.split]);
    }
}

static bool run(cli_call *call, cairn_status *status)
{
    char model[CAIRN_TEXT_SIZE + 32];
    sums s = {.n = 0};
    cairn_problem problem;
    if (!session_read(&eval_session, call->word[0], status))
        return false;
    if (*values.data)
        memcpy(eval_session.data.data, values.data, sizeof values.data);
    cairn_dataset *data = session_data(&eval_session, status);
    if (!data)
        return false;
    cairn_graph *g = cairn_graph_new();
    cairn_build b = {.data = data, .batch = values.batch, .steps_per_epoch = 1, .total_steps = 1};
    eval_session.method->problem(eval_session.options.bytes, &problem);
    problem.build_evaluation(problem.user, g, &b);
    snprintf(model, sizeof model, "%s/model.safetensors", call->word[0]);
    cairn_program *p = cairn_compile_outputs(g, cairn_cpu(), NULL, 0, false, status);
    bool good = p && cairn_graph_load(g, model, status);
    while (good && s.n < MOST_OUTPUTS && (s.name[s.n] = cairn_program_output(p, s.n)))
        s.n++;
    good = good && evaluate(p, data, &s, status);
    if (good)
        print(call, &s);
    cairn_program_free(p);
    cairn_graph_free(g);
    cairn_dataset_free(data);
    return good;
}

const cli_command cli_eval = {
    .name = "eval",
    .arguments = "RUN",
    .summary = "evaluates a trained model on its test data or on other data",
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};
