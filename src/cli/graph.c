/* cairn graph dump: how a step is compiled, and what it costs. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/models.h"

typedef struct graph_options {
    char model[CAIRN_TEXT_SIZE];
    int stage, format;
} graph_options;

static const char *const stages[] = {"graph", "lowered", "plan", "kernels", NULL};
static const char *const formats[] = {"text", "dot", NULL};

static const cairn_option table[] = {
    CAIRN_OPT_TEXT(graph_options, model, "autoencoder", BENCH_NAMES, ""),
    CAIRN_OPT_CHOICE(graph_options, stage, 2, stages,
                     "as built, simplified, planned, or with the kernels chosen", ""),
    CAIRN_OPT_CHOICE(graph_options, format, 0, formats, "text, or Graphviz for a graph", ""),
    CAIRN_OPT_END,
};

static graph_options values;

static bool options(cli_call *call, cairn_status *status)
{
    (void)status;
    cairn_options_defaults(table, &values);
    return cli_add_section(call, "options", table, &values);
}

static bool run(cli_call *call, cairn_status *status)
{
    if (strcmp(call->word[0], "dump") != 0)
        return cairn__fail(status, CAIRN_ERR_NAME, "unknown 'graph %s'; usage: cairn graph dump",
                           call->word[0]);
    const bench_model *model = bench_model_find(values.model, status);
    if (!model)
        return false;
    cairn_graph *g = cairn_graph_new();
    model->build(g, model->batch, true);
    char *text = cairn_graph_dump(g, cairn_cpu(), stages[values.stage], formats[values.format],
                                  status);
    if (text)
        fputs(text, stdout);
    free(text);
    cairn_graph_free(g);
    return text != NULL;
}

const cli_command cli_graph = {
    .name = "graph",
    .arguments = "dump",
    .summary = "prints how a training step is compiled, with FLOPs and bytes",
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};
