/* Several trainings as one run. Which stage a run is at follows from the directories of the stages
 * alone: the first whose run.json does not say "done". */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backend/cpu/isa.h"
#include "data/file.h"
#include "data/json.h"
#include "train/config.h"
#include "train/train.h"

struct cairn_staged {
    cairn_stages stages;
    const cairn_config_section *sections;
    char directory[CAIRN_TEXT_SIZE], title[256], started[32];
    char path[CAIRN_MOST_STAGES][CAIRN__PATH_SIZE];       /* of the stages */
    char model[CAIRN_MOST_STAGES][CAIRN__PATH_SIZE + 32]; /* of their models */
    const char *models[CAIRN_MOST_STAGES];
    size_t made;
    bool resumed, owned;
    int index;
    cairn_stage stage; /* the one at `index`, once prepared */
    bool prepared;
    cairn_trainer *trainer;
    cairn__run_state state;
    cairn_status error; /* sticky */
    double loss, seconds;
    int64_t steps; /* of the stages that this process ended */
    cairn__log_file log;
};

/* ---- files ----------------------------------------------------------------------------------- */

static const char *path_of(const cairn_staged *s, const char *name, char path[CAIRN__PATH_SIZE])
{
    snprintf(path, CAIRN__PATH_SIZE, "%s/%s", s->directory, name);
    return path;
}

static bool exists(const char *directory, const char *name)
{
    char path[2 * CAIRN__PATH_SIZE];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return lstat(path, &info) == 0;
}

static bool write_file(const cairn_staged *s, const char *name, const cairn__text *text,
                       cairn_status *status)
{
    char path[CAIRN__PATH_SIZE];
    return !text->failed &&
           cairn__write_file_atomically(path_of(s, name, path),
                                        &(cairn__bytes){text->data, text->length}, 1, status);
}

static bool write_config(const cairn_staged *s, cairn_status *status)
{
    cairn__text text = {.status = status};
    cairn__config_head(&text, cairn__isa_name(cairn__isa()));
    bool good = (!s->sections || cairn__config_text(&text, s->sections, status)) &&
                write_file(s, "config.toml", &text, status);
    cairn__free(text.data);
    return good;
}

static bool write_state(cairn_staged *s, cairn__run_state state, cairn_status *status)
{
    cairn__text text = {.status = status};
    if (!cairn_ok(status))
        return false;
    s->state = state;
    cairn__text_add(&text, "{\n  \"state\": \"%s\",\n  \"title\": ", cairn__run_state_text(state));
    cairn__json_add_string(&text, s->title);
    cairn__text_add(&text, ",\n  \"started\": \"%s\",\n  \"version\": \"%s\",\n", s->started,
                    cairn_version());
    cairn__text_add(&text, "  \"stage\": %d,\n  \"stages\": %d,\n  \"step\": %lld,\n",
                    CAIRN__MIN(s->index + 1, s->stages.count), s->stages.count,
                    (long long)s->steps);
    cairn__text_add(&text, "  \"seconds\": ");
    cairn__json_add_number(&text, s->seconds);
    cairn__text_add(&text, ",\n  \"loss\": ");
    cairn__json_add_number(&text, s->loss);
    if (s->error.code) {
        cairn__text_add(&text, ",\n  \"error\": ");
        cairn__json_add_string(&text, s->error.message);
    }
    cairn__text_add(&text, "\n}\n");
    bool good = write_file(s, "run.json", &text, status);
    cairn__free(text.data);
    return good;
}

static bool note(cairn_staged *s, const char *event, const char *message, cairn_status *status)
{
    const cairn__log_entry entry = {
        .event = event, .at = {.step = s->index + 1}, .to = -1, .message = message};
    return cairn__log_write(&s->log, &entry, status);
}

/* ---- making ---------------------------------------------------------------------------------- */

static bool take(cairn_staged *s, const char *directory, const char *title, cairn_status *status)
{
    size_t length = strlen(directory);
    while (length > 1 && directory[length - 1] == '/')
        length--;
    if (length == 0 || length + 64 > sizeof s->directory)
        return cairn__fail(status, CAIRN_ERR_FILE,
                           "the path of the run has %zu bytes, expected 1 to %zu", length,
                           sizeof s->directory - 64);
    if (s->stages.count < 1 || s->stages.count > CAIRN_MOST_STAGES)
        return cairn__fail(status, CAIRN_ERR_VALUE, "a run of %d stages, expected 1 to %d",
                           s->stages.count, CAIRN_MOST_STAGES);
    memcpy(s->directory, directory, length);
    snprintf(s->title, sizeof s->title, "%s", title ? title : "Training in stages");
    for (int i = 0; i < s->stages.count; i++) {
        char name[32];
        s->stages.name(s->stages.user, i, name);
        /* `directory` is what s->directory holds, which the compiler takes for part of the path. */
        snprintf(s->path[i], sizeof s->path[i], "%.*s/%d-%s", (int)length, directory, i + 1, name);
        snprintf(s->model[i], sizeof s->model[i], "%.*s/%d-%s/model.safetensors", (int)length,
                 directory, i + 1, name);
        s->models[i] = s->model[i];
    }
    return true;
}

/* config.toml is the first file that a start makes, and run.json the last. */
static bool check_directory(const cairn_staged *s, cairn_status *status)
{
    bool holds = exists(s->directory, "config.toml") || exists(s->directory, "run.json");
    if (holds && !s->resumed)
        return cairn__fail(status, CAIRN_ERR_STATE,
                           "%s: holds a run already; resume it, or name another directory",
                           s->directory);
    return holds || !s->resumed ||
           cairn__fail(status, CAIRN_ERR_STATE, "%s: holds no run that could be resumed",
                       s->directory);
}

static void note_start(cairn_staged *s)
{
    char path[CAIRN__PATH_SIZE];
    cairn_run_entry before;
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(s->started, sizeof s->started, "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (s->resumed && cairn__run_json_read(path_of(s, "run.json", path), &before,
                                           &(cairn_status)CAIRN_STATUS_INIT))
        snprintf(s->started, sizeof s->started, "%s", before.started);
}

static bool is_done(const cairn_staged *s, int index)
{
    char path[CAIRN__PATH_SIZE + 32];
    cairn_run_entry entry;
    snprintf(path, sizeof path, "%s/run.json", s->path[index]);
    return exists(s->path[index], "model.safetensors") &&
           cairn__run_json_read(path, &entry, &(cairn_status)CAIRN_STATUS_INIT) &&
           strcmp(entry.state, cairn__run_state_text(CAIRN__RUN_DONE)) == 0;
}

/* Labels, data and the like of the stage that is next. */
static bool prepare(cairn_staged *s, cairn_status *status)
{
    if (s->prepared || s->index == s->stages.count)
        return true;
    const char *directory = s->owned ? s->directory : NULL;
    s->prepared =
        s->stages.prepare(s->stages.user, s->index, s->models, directory, &s->stage, status);
    return s->prepared;
}

/* The trainer of the prepared stage, new or resumed. */
static bool open_stage(cairn_staged *s, cairn_status *status)
{
    char title[CAIRN__PATH_SIZE];
    const char *path = s->path[s->index];
    snprintf(title, sizeof title, "%.200s, stage %d: %s", s->title, s->index + 1, s->stage.name);
    bool begun = exists(path, "run.json") || exists(path, "checkpoint/state.safetensors");
    cairn_train_setup setup = {.problem = &s->stage.problem,
                               .data = s->stage.data,
                               .options = &s->stage.options,
                               .directory = path,
                               .resume = begun,
                               .title = title};
    s->trainer = cairn_trainer_new(&setup, status);
    return s->trainer && note(s, begun ? "resume" : "stage", s->stage.name, status) &&
           write_state(s, CAIRN__RUN_RUNNING, status);
}

/* What can fail for reasons of the caller's comes before the first file is made; the options are on
 * disk before the first stage is, so that whatever was begun can be resumed. */
static bool start(cairn_staged *s, const char *directory, const char *title, cairn_status *status)
{
    char path[CAIRN__PATH_SIZE];
    if (!take(s, directory, title, status) || !check_directory(s, status))
        return false;
    while (s->resumed && s->index < s->stages.count && is_done(s, s->index))
        s->index++;
    s->owned = s->resumed;
    if (!s->resumed && !prepare(s, status))
        return false;
    if (!s->resumed && !cairn__directories_make(s->directory, &s->made, status))
        return false;
    if (!cairn__log_open(&s->log, path_of(s, "log.jsonl", path), status))
        return false;
    s->owned = true;
    note_start(s);
    if (!s->resumed)
        return write_config(s, status) && open_stage(s, status);
    return write_state(s, CAIRN__RUN_RUNNING, status);
}

static void undo(cairn_staged *s)
{
    static const char *const files[] = {"run.json", "config.toml", "log.jsonl"};
    char path[CAIRN__PATH_SIZE];
    for (size_t i = 0; s->owned && i < CAIRN__COUNT(files); i++)
        unlink(path_of(s, files[i], path));
    cairn__directories_remove(s->directory, s->made);
}

cairn_staged *cairn_staged_new(const cairn_stages *stages, const char *directory, bool resume,
                               const cairn_config_section *sections, const char *title,
                               cairn_status *status)
{
    cairn_status own = CAIRN_STATUS_INIT; /* cleaning up needs to know whether there was an error */
    if (!cairn_ok(status))
        return NULL;
    cairn_staged *s = cairn__alloc(1, sizeof *s, status);
    if (!s)
        return NULL;
    s->stages = *stages;
    s->sections = sections;
    s->resumed = resume;
    s->log.file = -1;
    if (start(s, directory, title, &own))
        return s;
    if (!s->resumed)
        undo(s);
    cairn_staged_free(s);
    cairn__fail(status, own.code, "%s", own.message);
    return NULL;
}

void cairn_staged_free(cairn_staged *s)
{
    if (!s)
        return;
    cairn_trainer_free(s->trainer);
    cairn__log_close(&s->log);
    cairn__free(s);
}

/* ---- going on -------------------------------------------------------------------------------- */

static void end_stage(cairn_staged *s)
{
    cairn_progress p = cairn_trainer_progress(s->trainer);
    s->loss = cairn_trainer_figure(s->trainer, "test/loss");
    s->seconds += p.seconds;
    s->steps += p.step;
    cairn_trainer_free(s->trainer);
    s->trainer = NULL;
    s->prepared = false;
    s->index++;
}

static bool copy_model(const cairn_staged *s, cairn_status *status)
{
    char path[CAIRN__PATH_SIZE];
    cairn__content model;
    if (!cairn__read_file(s->models[s->stages.count - 1], SIZE_MAX / 2, &model, status))
        return false;
    bool good = cairn__write_file_atomically(path_of(s, "model.safetensors", path),
                                             &(cairn__bytes){model.data, model.size}, 1, status);
    cairn__content_free(&model);
    return good;
}

static bool write_report(cairn_staged *s, cairn_status *status)
{
    char path[CAIRN__PATH_SIZE];
    cairn_report *r = cairn_report_new(s->title);
    cairn_report_subtitle(r, "Started %s, %d stages", s->started, s->stages.count);
    bool good = !s->stages.report || s->stages.report(s->stages.user, s->models, r, status);
    if (good)
        cairn_report_heading(r, "Options");
    for (const cairn_config_section *c = s->sections; good && c && c->name; c++)
        cairn_report_options(r, c->name, c->table, c->options);
    good = good && cairn_report_write(r, path_of(s, "report.html", path), status);
    cairn_report_free(r);
    return good;
}

static bool finish(cairn_staged *s, cairn_status *status)
{
    return copy_model(s, status) && write_report(s, status) && note(s, "done", NULL, status) &&
           write_state(s, CAIRN__RUN_DONE, status);
}

/* Log and run.json say why; that this may fail too must not hide the first error. */
static bool fail(cairn_staged *s, cairn_status *status)
{
    if (s->state != CAIRN__RUN_FAILED) {
        note(s, "failed", s->error.message, &(cairn_status)CAIRN_STATUS_INIT);
        write_state(s, CAIRN__RUN_FAILED, &(cairn_status)CAIRN_STATUS_INIT);
    }
    return cairn__fail(status, s->error.code, "%s", s->error.message);
}

bool cairn_staged_advance(cairn_staged *s, double seconds, cairn_status *status)
{
    cairn_status *error = &s->error;
    if (!cairn_ok(status) || s->state == CAIRN__RUN_DONE)
        return false;
    if (cairn_ok(error) && s->index == s->stages.count)
        finish(s, error);
    else if (cairn_ok(error) && !s->trainer && prepare(s, error))
        open_stage(s, error);
    if (!cairn_ok(error))
        return fail(s, status);
    if (s->trainer && !cairn_trainer_advance(s->trainer, seconds, error) && cairn_ok(error))
        end_stage(s);
    if (!cairn_ok(error))
        return fail(s, status);
    return s->state != CAIRN__RUN_DONE;
}

bool cairn_staged_interrupt(cairn_staged *s, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (s->state == CAIRN__RUN_DONE)
        return true;
    if (s->trainer)
        cairn_trainer_interrupt(s->trainer, &s->error);
    note(s, "interrupted", NULL, &s->error);
    write_state(s, CAIRN__RUN_INTERRUPTED, &s->error);
    return cairn_ok(&s->error) || fail(s, status);
}

int cairn_staged_index(const cairn_staged *s)
{
    return s->index;
}

cairn_trainer *cairn_staged_trainer(cairn_staged *s)
{
    return s->trainer;
}
