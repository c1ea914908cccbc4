/* cairn report RUN: the page of a run, made anew from its log and checkpoint. */
#include <sys/stat.h>

#include "cli/session.h"

static session report_session;

static bool run(cli_call *call, cairn_status *status)
{
    char path[CAIRN_TEXT_SIZE + 32];
    struct stat info;
    cairn_config_section sections[CLI_SECTIONS];
    if (!session_read(&report_session, call->word[0], status))
        return false;
    snprintf(path, sizeof path, "%s/checkpoint/state.safetensors", call->word[0]);
    if (stat(path, &info) != 0)
        return cairn__fail(status, CAIRN_ERR_STATE,
                           "%s: no checkpoint yet, so there is nothing to report", call->word[0]);
    cairn_dataset *data = session_source(&report_session, status);
    cairn_trainer *t = cairn_ok(status)
                           ? session_trainer(&report_session, data, call->word[0],
                                             report_session.method->name, true, sections, status)
                           : NULL;
    bool good = t && cairn_trainer_report(t, status);
    snprintf(path, sizeof path, "%s/report.html", call->word[0]);
    if (good)
        printf("report: %s\n", path);
    cairn_trainer_free(t);
    cairn_dataset_free(data);
    session_close(&report_session);
    return good;
}

const cli_command cli_report = {
    .name = "report",
    .arguments = "RUN",
    .summary = "writes the report of a run again, from its log and checkpoint",
    .least = 1,
    .most = 1,
    .run = run,
};
