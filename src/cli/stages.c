/* cairn train, and resume, of methods that train in stages. */
#include "cli/stages.h"

#include <math.h>
#include <string.h>

static void show_progress(const cli_call *call, cairn_staged *s, const cairn_stages *stages)
{
    char name[32];
    int index = cairn_staged_index(s);
    cairn_trainer *trainer = cairn_staged_trainer(s);
    if (!trainer)
        return;
    cairn_progress p = cairn_trainer_progress(trainer);
    stages->name(stages->user, index, name);
    cli_progress(call, "stage %d of %d: %s  %3.0f %%  loss %.4g, %.0f ex/s  %s left", index + 1,
                 stages->count, name,
                 100 * (double)p.step / (double)CAIRN__MAX(p.total_steps, (int64_t)1), p.loss,
                 p.examples_per_second, cli_duration(p.remaining));
}

static bool train(const cli_call *call, cairn_staged *s, const cairn_stages *stages,
                  const char *directory, cairn_status *status)
{
    while (cairn_staged_advance(s, 0.1, status)) {
        show_progress(call, s, stages);
        if (cli_interrupted) {
            cli_progress_end(call);
            return cairn_staged_interrupt(s, status) &&
                   cairn__fail(status, CAIRN_ERR_INTERRUPTED,
                               "interrupted; 'cairn resume %s' goes on from the checkpoint",
                               directory);
        }
    }
    cli_progress_end(call);
    return cairn_ok(status);
}

/* What `cairn eval` would say of the result, from the last stage's own figures. */
static void print_result(const cli_call *call, const cairn_stages *stages, const char *directory)
{
    cairn__text out = {.data = NULL};
    if (call->json) {
        cli_json_text(&out, "directory", directory);
        cli_json_number(&out, "stages", stages->count);
        cli_json_end(&out);
        return;
    }
    for (int i = 0; i < stages->count; i++) {
        char name[32];
        stages->name(stages->user, i, name);
        printf("stage %d: %s/%d-%s\n", i + 1, directory, i + 1, name);
    }
    printf("report: %s/report.html\n", directory);
}

bool stages_train(const cli_call *call, session *s, const cairn_dataset *data,
                  const char *directory, bool resume, cairn_status *status)
{
    cairn_config_section sections[CLI_SECTIONS];
    cairn_stages stages = {.user = NULL};
    cairn_staged *staged = NULL;
    session_config_sections(s, sections);
    bool good = s->method->open_stages(s->options.bytes, data, &s->train, &stages, status);
    if (good)
        staged = cairn_staged_new(&stages, directory, resume, sections, s->method->name, status);
    good = staged && train(call, staged, &stages, directory, status);
    if (good)
        print_result(call, &stages, directory);
    cairn_staged_free(staged);
    s->method->close_stages(&stages);
    return good;
}
