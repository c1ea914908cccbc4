/* cairn runs [DIRECTORY]: all runs, newest first. */
#include "cli/cli.h"

static void print_json(const cairn_run_entry *r)
{
    cairn__text out = {.data = NULL};
    cli_json_text(&out, "directory", r->directory);
    cli_json_text(&out, "title", r->title);
    cli_json_text(&out, "state", r->state);
    cli_json_text(&out, "started", r->started);
    cli_json_number(&out, "loss", r->loss);
    cli_json_number(&out, "steps", (double)r->steps);
    cli_json_number(&out, "seconds", r->seconds);
    cli_json_end(&out);
}

static bool run(cli_call *call, cairn_status *status)
{
    int64_t n;
    const char *root = call->words ? call->word[0] : "runs";
    cairn_run_entry *runs = cairn_runs(root, &n, status);
    if (!runs)
        return false;
    if (!call->json)
        printf("%-20s %-12s %10s %8s %12s  %s\n", "started", "state", "loss", "steps", "time",
               "directory");
    for (int64_t i = 0; i < n; i++) {
        if (call->json)
            print_json(&runs[i]);
        else
            printf("%-20s %-12s %10.4g %8lld %12s  %s\n", runs[i].started, runs[i].state,
                   runs[i].loss, (long long)runs[i].steps, cli_duration(runs[i].seconds),
                   runs[i].directory);
    }
    if (!call->json && n == 0)
        printf("no runs below %s\n", root);
    cairn_runs_free(runs);
    return true;
}

const cli_command cli_runs = {
    .name = "runs",
    .arguments = "[DIRECTORY]",
    .summary = "lists the runs below a directory (runs), newest first",
    .most = 1,
    .run = run,
};
