/* cairn resume RUN: on to the end, with the bits of a run that was never interrupted. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/arms.h"
#include "cli/stages.h"

static arm arms[MOST_ARMS];

static bool is_run(const char *directory)
{
    char path[2 * CAIRN_TEXT_SIZE];
    struct stat info;
    snprintf(path, sizeof path, "%s/config.toml", directory);
    return stat(path, &info) == 0;
}

/* A run, or the arms below a comparison. */
static int find_arms(const char *directory, cairn_status *status)
{
    int n = 0;
    if (is_run(directory)) {
        snprintf(arms[0].directory, sizeof arms[0].directory, "%s", directory);
        return 1;
    }
    struct dirent **entries;
    int count = scandir(directory, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[CAIRN_TEXT_SIZE + 64];
        snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && n < MOST_ARMS && is_run(path)) {
            memcpy(arms[n].directory, path, sizeof path);
            snprintf(arms[n++].name, sizeof arms[0].name, "%.63s", entries[i]->d_name);
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    if (n == 0)
        cairn__fail(status, CAIRN_ERR_FILE, "%s: no run: there is no config.toml in it", directory);
    return n;
}

/* A run that made no step yet goes on in what is trained before it. */
static bool resume_preparation(const cli_call *call, const arm *a, const cairn_dataset *data,
                               cairn_status *status)
{
    cairn__preparation_setup setup;
    bool enough = false;
    if (cairn_trainer_progress(a->trainer).step > 0)
        return true;
    void *before =
        session_preparation_open(&a->session, data, a->directory, call, true, &setup, status);
    return session_preparation_run(&a->session, before, a->trainer, call, a->directory, &enough,
                                   status);
}

static bool open_arms(const cli_call *call, int n, cairn_dataset **data, cairn_status *status)
{
    for (int i = 0; i < n; i++) {
        arm *a = &arms[i];
        char title[160];
        if (!session_read(&a->session, a->directory, status))
            return false;
        if (!*data) /* arms share a data set, and open shards of their own */
            *data = session_source(&a->session, status);
        if (!cairn_ok(status))
            return false;
        snprintf(title, sizeof title, "%s%s%.63s", a->session.method->name, *a->name ? ": " : "",
                 a->name);
        a->trainer =
            session_trainer(&a->session, *data, a->directory, title, true, a->sections, status);
        if (!a->trainer || !resume_preparation(call, a, *data, status))
            return false;
    }
    return true;
}

/* True when the one run there trains in stages; its options are in the first session then. */
static bool in_stages(int n, cairn_status *status)
{
    return n == 1 && !*arms[0].name &&
           session_read(&arms[0].session, arms[0].directory, status) &&
           arms[0].session.method->open_stages;
}

static bool resume_stages(const cli_call *call, cairn_status *status)
{
    session *s = &arms[0].session;
    cairn_dataset *data = session_data(s, status);
    cairn_threads_set((int)s->train.threads);
    bool good = data && stages_train(call, s, data, arms[0].directory, true, status);
    cairn_dataset_free(data);
    return good;
}

static bool run(cli_call *call, cairn_status *status)
{
    char path[CAIRN_TEXT_SIZE + 32];
    cairn_dataset *data = NULL;
    int n = find_arms(call->word[0], status);
    cli_catch_interrupts();
    if (in_stages(n, status))
        return resume_stages(call, status);
    bool good = n > 0 && open_arms(call, n, &data, status) && arms_train(call, arms, n, status);
    snprintf(path, sizeof path, "%s/report.html", call->word[0]);
    if (good && n > 1)
        good = arms_report(arms, n, "Comparison", path, status);
    if (good && !call->json)
        printf("report: %s\n", path);
    for (int i = 0; i < n; i++) {
        cairn_trainer_free(arms[i].trainer);
        session_close(&arms[i].session);
    }
    cairn_dataset_free(data);
    return good;
}

const cli_command cli_resume = {
    .name = "resume",
    .arguments = "RUN",
    .summary = "goes on with an interrupted run, to the same bits",
    .least = 1,
    .most = 1,
    .run = run,
};
