/* cairn train METHOD: on the user's own files. */
#include <string.h>
#include <sys/stat.h>

#include "cairn/optim.h"
#include "cli/arms.h"
#include "cli/stages.h"
#include "train/config.h"
#include "train/source.h"

typedef struct run_options {
    char out[CAIRN_TEXT_SIZE], config[CAIRN_TEXT_SIZE], save_config[CAIRN_TEXT_SIZE];
    char arms[CAIRN_TEXT_SIZE];
    bool plan;
} run_options;

static const cairn_option table[] = {
    CAIRN_OPT_PATH(run_options, out, "", "run directory; runs/METHOD-TIME where it is not given",
                   ""),
    CAIRN_OPT_PATH(run_options, config, "", "TOML file of options; flags win over it", ""),
    CAIRN_OPT_PATH(run_options, save_config, "", "write the options to this file and stop", ""),
    CAIRN_OPT_TEXT(run_options, arms, "",
                   "train several side by side: NAME:option=value,option=value;NAME:...", ""),
    CAIRN_OPT_FLAG(run_options, plan, false,
                   "print parameters, memory, FLOPs and expected time, and stop", ""),
    CAIRN_OPT_END,
};

static run_options run_values;
static arm arms[MOST_ARMS];

static bool options(cli_call *call, cairn_status *status)
{
    if (call->words < 1)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "which method? 'cairn methods' lists them: cairn train METHOD");
    cairn_options_defaults(table, &run_values);
    return session_init(&arms[0].session, call->word[0], status) &&
           session_sections(&arms[0].session, call) &&
           cli_add_section(call, "output", table, &run_values);
}

/* ---- arms ------------------------------------------------------------------------------------ */

static bool set_options(session *s, char *list, cairn_status *status)
{
    char *pair;
    while ((pair = strsep(&list, ","))) {
        char *value = strchr(pair, '=');
        if (!*pair)
            continue;
        if (!value)
            return cairn__fail(status, CAIRN_ERR_VALUE, "arms: '%s', expected option=value", pair);
        *value++ = 0;
        /* A '+' stands for the ',' of a value that is itself a list. */
        for (char *c = value; *c; c++)
            if (*c == '+')
                *c = ',';
        if (!session_set(s, pair, value, status))
            return false;
    }
    return true;
}

/* "NAME:list" into the name of an arm; returns the list, or NULL with an error. */
static char *read_arm(char *text, int n, cairn_status *status)
{
    char *list = strchr(text, ':');
    bool good = n < MOST_ARMS && list && list > text && !strpbrk(text, "/") &&
                list - text < (int)sizeof arms[0].name;
    if (!good) {
        cairn__fail(status, CAIRN_ERR_VALUE,
                    "arms: '%s', expected up to %d of NAME:option=value,option=value", text,
                    MOST_ARMS);
        return NULL;
    }
    *list++ = 0;
    snprintf(arms[n].name, sizeof arms[n].name, "%s", text);
    return list;
}

/* How many arms there are: one without --arms, 0 with an error. */
static int read_arms(cairn_status *status)
{
    char text[CAIRN_TEXT_SIZE], *rest = text, *one, *lists[MOST_ARMS];
    int n = 0;
    if (!*run_values.arms)
        return 1;
    if (arms[0].session.method->open_stages)
        return cairn__fail(status, CAIRN_ERR_VALUE, "arms: %s trains in stages, one run at a time",
                           arms[0].session.method->name);
    memcpy(text, run_values.arms, sizeof text);
    while ((one = strsep(&rest, ";"))) {
        if (!*one)
            continue;
        char *list = read_arm(one, n, status);
        if (!list)
            return 0;
        lists[n++] = list;
    }
    for (int i = 1; i < n; i++)
        arms[i].session = arms[0].session;
    for (int i = 0; i < n; i++)
        if (!set_options(&arms[i].session, lists[i], status))
            return 0;
    return n;
}

/* ---- planning -------------------------------------------------------------------------------- */

static bool print_plan(const cli_call *call, const session *s, const cairn_dataset *data,
                       cairn_status *status)
{
    cairn_problem problem;
    cairn_graph *g = cairn_graph_new();
    cairn_token_data room;
    const cairn_token_data *tokens = session_tokens(s, &room);
    int64_t items = cairn__source_count(data, tokens, CAIRN_SPLIT_TRAIN);
    int64_t steps_per_epoch = CAIRN__MAX(items / s->train.batch, (int64_t)1), parameters = 0;
    int64_t total = cairn_span_steps(s->train.length, 0, steps_per_epoch, s->train.batch);
    cairn_build b = {.data = data,
                     .batch = s->train.batch,
                     .steps_per_epoch = steps_per_epoch,
                     .total_steps = total,
                     .tokens = tokens};
    cairn_variable *const *list;
    s->method->problem(s->options.bytes, &problem);
    problem.build(problem.user, g, &b);
    cairn_program *p = cairn_compile(g, cairn_cpu(), status);
    if (p) {
        cairn_program_cost cost = cairn_program_costs(p);
        int n = cairn_graph_variables(g, &list);
        for (int i = 0; i < n; i++)
            if (cairn_variable_trainable(list[i]))
                parameters += cairn_shape_count(cairn_variable_shape(list[i]));
        /* Three steps show how fast this machine is; their updates are thrown away. */
        cairn_program_run(p, status);
        double start = cairn__seconds();
        for (int i = 0; i < 3; i++)
            cairn_program_run(p, status);
        double step = (cairn__seconds() - start) / 3;
        double memory = (double)(cost.arena_bytes + cost.variable_bytes);
        cairn__text out = {.data = NULL};
        if (call->json) {
            cli_json_number(&out, "parameters", (double)parameters);
            cli_json_number(&out, "memory_bytes", memory);
            cli_json_number(&out, "flops_per_step", cost.flops);
            cli_json_number(&out, "seconds_per_step", step);
            cli_json_number(&out, "steps", (double)total);
            cli_json_end(&out);
        } else {
            printf("parameters      %lld\nmemory          %.1f MiB for values and variables\n"
                   "work            %.3g GFLOP a step\ntime            %.3g ms a step, %lld steps: "
                   "%s\n",
                   (long long)parameters, memory / 1048576, 1e-9 * cost.flops, 1e3 * step,
                   (long long)total, cli_duration(step * (double)total));
        }
    }
    cairn_program_free(p);
    cairn_graph_free(g);
    return cairn_ok(status);
}

/* ---- training -------------------------------------------------------------------------------- */

static bool open_arms(const cli_call *call, int n, const cairn_dataset *data, const char *out,
                      bool *enough, cairn_status *status)
{
    char title[160];
    for (int i = 0; i < n; i++) {
        arm *a = &arms[i];
        if (a->session.method->check &&
            !a->session.method->check(a->session.options.bytes, data, status))
            return false;
    }
    if (n > 1)
        mkdir(out, 0777); /* a failure shows when the first arm makes its own */
    for (int i = 0; i < n; i++) {
        arm *a = &arms[i];
        char directory[sizeof a->directory];
        snprintf(directory, sizeof directory, "%.*s%s%.63s", CAIRN_TEXT_SIZE - 1, out,
                 n > 1 ? "/" : "", a->name);
        memcpy(a->directory, directory, sizeof directory);
        snprintf(title, sizeof title, "%s%s%.63s", a->session.method->name, n > 1 ? ": " : "",
                 a->name);
        cairn__preparation_setup setup;
        void *stages =
            session_preparation_open(&a->session, data, a->directory, call, false, &setup, status);
        a->trainer =
            session_trainer(&a->session, data, a->directory, title, false, a->sections, status);
        if (!session_preparation_run(&a->session, stages, a->trainer, call, a->directory, enough,
                                status))
            return false;
    }
    return true;
}

static bool train(cli_call *call, int n, const cairn_dataset *data, const char *out,
                  cairn_status *status)
{
    char path[CAIRN_TEXT_SIZE + 32], title[160];
    bool enough = false;
    if (!open_arms(call, n, data, out, &enough, status))
        return false;
    if (enough)
        return true;
    if (!arms_train(call, arms, n, status))
        return false;
    snprintf(path, sizeof path, "%s/report.html", out);
    snprintf(title, sizeof title, "Comparison: %s", arms[0].session.method->name);
    if (n > 1 && !arms_report(arms, n, title, path, status))
        return false;
    if (!call->json)
        printf("report: %s\n", path);
    return true;
}

static bool save_config(const session *s, cairn_status *status)
{
    cli_call call = {.words = 0};
    cairn_config_section sections[CLI_SECTIONS];
    cairn__text text = {.status = status};
    int n = 0;
    session_sections((session *)s, &call);
    for (; call.sections[n].name; n++)
        sections[n] = (cairn_config_section){call.sections[n].name, call.sections[n].table,
                                             call.sections[n].options};
    sections[n].name = NULL;
    bool good = cairn__config_text(&text, sections, status) && !text.failed;
    if (good)
        good = cairn__write_file_atomically(run_values.save_config,
                                            &(cairn__bytes){text.data, text.length}, 1, status);
    cairn__free(text.data);
    return good;
}

static bool run(cli_call *call, cairn_status *status)
{
    char out[CAIRN_TEXT_SIZE];
    /* Flags win over the file: they are read again behind it. */
    if (*run_values.config && (!session_read_config(&arms[0].session, run_values.config, status) ||
                               !cli_parse_again(call, status)))
        return false;
    if (*run_values.save_config)
        return save_config(&arms[0].session, status);
    int n = read_arms(status);
    cairn_dataset *data = n ? session_source(&arms[0].session, status) : NULL;
    bool good = n && cairn_ok(status);
    for (int i = 1; i < n; i++) {
        arms[i].session.data = arms[0].session.data;
        arms[i].session.shard = arms[0].session.shard;
    }
    cairn_threads_set((int)arms[0].session.train.threads);
    session_default_directory(arms[0].session.method->name, out);
    if (*run_values.out)
        snprintf(out, sizeof out, "%s", run_values.out);
    else if (good && !run_values.plan)
        mkdir("runs", 0777);
    if (good && run_values.plan) {
        good = print_plan(call, &arms[0].session, data, status);
    } else if (good) {
        cli_catch_interrupts();
        good = arms[0].session.method->open_stages
                   ? stages_train(call, &arms[0].session, data, out, false, status)
                   : train(call, n, data, out, status);
    }
    for (int i = 0; i < n; i++)
        cairn_trainer_free(arms[i].trainer);
    cairn_dataset_free(data);
    session_close(&arms[0].session);
    return good;
}

const cli_command cli_train = {
    .name = "train",
    .arguments = "METHOD",
    .summary = "trains by a method on your own files",
    .details =
        "The run directory gets config.toml, log.jsonl, TensorBoard events, a checkpoint, the\n"
        "model (safetensors) and report.html. Ctrl-C ends with a checkpoint; 'cairn resume'\n"
        "goes on to the same bits. Lengths: 500 (steps), 5ep, 20000ex, 10%.",
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};
