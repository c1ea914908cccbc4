/* cairn methods: what there is. */
#include "cli/cli.h"

static bool run(cli_call *call, cairn_status *status)
{
    (void)status;
    for (const cairn__method *const *m = cairn__methods; *m; m++) {
        if (call->json) {
            cairn__text out = {.data = NULL};
            cli_json_text(&out, "name", (*m)->name);
            cli_json_text(&out, "purpose", (*m)->purpose);
            cli_json_text(&out, "paper", (*m)->paper);
            cli_json_end(&out);
        } else {
            printf("%-12s %s\n%-12s %s\n", (*m)->name, (*m)->purpose, "", (*m)->paper);
        }
    }
    return true;
}

const cli_command cli_methods = {
    .name = "methods",
    .arguments = "",
    .summary = "lists the training methods",
    .run = run,
};
