/* The run directory: made and locked, undone when the start fails, and run.json. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backend/cpu/isa.h"
#include "data/json.h"
#include "train/config.h"
#include "train/train.h"

static const char *const state_texts[] = {
#define CAIRN_X(name, text) text,
    CAIRN__RUN_STATES(CAIRN_X)
#undef CAIRN_X
};

const char *cairn__run_state_text(cairn__run_state state)
{
    return state_texts[state];
}

const char *cairn__run_path(const cairn_trainer *t, const char *name, char path[CAIRN__PATH_SIZE])
{
    snprintf(path, CAIRN__PATH_SIZE, "%s/%s", t->directory, name);
    return path;
}

static bool exists(const cairn_trainer *t, const char *name)
{
    char path[CAIRN__PATH_SIZE];
    struct stat info;
    return lstat(cairn__run_path(t, name, path), &info) == 0;
}

/* ---- making
 * --------------------------------------------------------------------------------------- */

/* run.json is the last file that a start makes, so a directory with it or a checkpoint holds a run.
 */
bool cairn__directory_check(const cairn_trainer *t, cairn_status *status)
{
    if (!cairn_ok(status) || !t->directory[0])
        return cairn_ok(status);
    bool holds = exists(t, "run.json") || exists(t, "checkpoint/state.safetensors");
    if (holds && !t->resumed)
        return cairn__fail(status, CAIRN_ERR_STATE,
                           "%s: holds a run already; resume it, or name another directory",
                           t->directory);
    if (!holds && t->resumed)
        return cairn__fail(status, CAIRN_ERR_STATE, "%s: holds no run that could be resumed",
                           t->directory);
    return true;
}

bool cairn__directories_make(const char *directory, size_t *made, cairn_status *status)
{
    char path[CAIRN_TEXT_SIZE];
    size_t length = strlen(directory);
    for (size_t n = 1; n <= length; n++) {
        if (directory[n] != '/' && directory[n] != 0)
            continue;
        snprintf(path, sizeof path, "%.*s", (int)n, directory);
        if (mkdir(path, 0777) == 0)
            *made = *made ? *made : n;
        else if (errno != EEXIST)
            return cairn__fail_errno(status, path, "make the directory");
    }
    return true;
}

bool cairn__directory_lock(cairn_trainer *t, cairn_status *status)
{
    char path[CAIRN__PATH_SIZE];
    if (!cairn_ok(status) || !t->directory[0])
        return cairn_ok(status);
    if (!t->resumed && !cairn__directories_make(t->directory, &t->made, status))
        return false;
    if (!cairn__log_open(&t->log, cairn__run_path(t, "log.jsonl", path), status))
        return false;
    t->owned = true;
    /* Another process may have started between our first look and the lock. */
    return cairn__directory_check(t, status) && (t->resumed || cairn__log_cut(&t->log, 0, status));
}

static bool write_config(const cairn_trainer *t, cairn_status *status)
{
    char path[CAIRN__PATH_SIZE];
    const cairn_config_section own[] = {{"train", cairn_train_table, &t->options},
                                        {NULL, NULL, NULL}};
    cairn__text text = {.status = status};
    cairn__config_head(&text, cairn__isa_name(cairn__isa()));
    cairn__config_text(&text, own, status);
    if (t->sections)
        cairn__config_text(&text, t->sections, status);
    cairn__bytes piece = {text.data, text.length};
    bool good = !text.failed && cairn__write_file_atomically(
                                    cairn__run_path(t, "config.toml", path), &piece, 1, status);
    cairn__free(text.data);
    return good;
}

static void note_start(cairn_trainer *t)
{
    char path[CAIRN__PATH_SIZE];
    cairn_run_entry before;
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(t->started, sizeof t->started, "%Y-%m-%dT%H:%M:%SZ", &parts);
    /* A resumed run keeps its start; a damaged run.json is no reason to refuse. */
    if (t->resumed && cairn__run_json_read(cairn__run_path(t, "run.json", path), &before, NULL))
        snprintf(t->started, sizeof t->started, "%s", before.started);
}

bool cairn__directory_begin(cairn_trainer *t, cairn_status *status)
{
    char path[CAIRN__PATH_SIZE];
    if (!cairn_ok(status) || !t->directory[0])
        return cairn_ok(status);
    note_start(t);
    cairn__run_path(t, "checkpoint", path);
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return cairn__fail_errno(status, path, "make the directory");
    const cairn__log_entry entry = {
        .event = t->resumed ? "resume" : "start", .at = t->at, .to = -1};
    if (!write_config(t, status) || !cairn__log_write(&t->log, &entry, status) ||
        !cairn__run_json_write(t, status))
        return false;
    t->events = cairn_events_open(t->directory, t->resumed ? t->at.step + 1 : 0, status);
    if (t->events && !t->resumed)
        cairn_events_options(t->events, cairn_train_table, &t->options);
    return t->events != NULL;
}

/* ---- undoing
 * -------------------------------------------------------------------------------------- */

void cairn__directories_remove(char *directory, size_t made)
{
    for (size_t n = strlen(directory); made && n >= made; n--) {
        if (directory[n] != '/' && directory[n] != 0)
            continue;
        directory[n] = 0;
        rmdir(directory);
    }
}

void cairn__directory_undo(cairn_trainer *t)
{
    static const char *const files[] = {"run.json", "config.toml", "log.jsonl"};
    char path[CAIRN__PATH_SIZE];
    if (t->resumed || !t->directory[0])
        return;
    for (size_t i = 0; t->owned && i < CAIRN__COUNT(files); i++)
        unlink(cairn__run_path(t, files[i], path));
    if (t->owned)
        rmdir(cairn__run_path(t, "checkpoint", path));
    cairn__directories_remove(t->directory, t->made);
}

/* ---- lines and events
 * ----------------------------------------------------------------------------- */

bool cairn__record_event(cairn_trainer *t, const cairn__log_entry *entry, cairn_status *status)
{
    if (!cairn_ok(status) || !t->directory[0])
        return cairn_ok(status);
    for (int i = 0; i < entry->n; i++)
        cairn_events_scalar(t->events, entry->figures[i].name, entry->at.step,
                            entry->figures[i].value);
    return cairn__log_write(&t->log, entry, status);
}

/* ---- run.json
 * ------------------------------------------------------------------------------------- */

static void add_text(cairn__text *out, const char *key, const char *value)
{
    cairn__text_add(out, "  \"%s\": ", key);
    cairn__json_add_string(out, value);
    cairn__text_add(out, ",\n");
}

static void add_count(cairn__text *out, const char *key, int64_t value)
{
    cairn__text_add(out, "  \"%s\": %lld,\n", key, (long long)value);
}

static void add_real(cairn__text *out, const char *key, double value)
{
    cairn__text_add(out, "  \"%s\": ", key);
    cairn__json_add_number(out, value);
    cairn__text_add(out, ",\n");
}

/* The figure that lists of runs show: of unseen items where there are some. */
static double headline(const cairn_trainer *t)
{
    double loss = cairn_trainer_figure(t, "test/loss");
    return isnan(loss) ? cairn_trainer_figure(t, "loss") : loss;
}

static void add_run(cairn__text *out, const cairn_trainer *t)
{
    cairn__text_add(out, "{\n");
    add_text(out, "state", cairn__run_state_text(t->state));
    add_text(out, "title", t->title);
    add_text(out, "started", t->started);
    add_text(out, "version", cairn_version());
    add_text(out, "instructions", cairn__isa_name(cairn__isa()));
    add_count(out, "seed", t->options.seed);
    add_count(out, "step", t->at.step);
    add_count(out, "total_steps", t->build.total_steps);
    add_count(out, "epoch", t->at.epoch);
    add_count(out, "examples", t->at.examples);
    add_real(out, "seconds", t->at.seconds);
    add_real(out, "loss", headline(t));
    if (t->error.code)
        add_text(out, "error", t->error.message);
    cairn__text_add(out, "  \"figures\": {");
    for (int i = 0; i < t->tracks.n; i++) {
        cairn__text_add(out, "%s\n    ", i ? "," : "");
        cairn__json_add_string(out, t->tracks.figures[i].name);
        cairn__text_add(out, ": ");
        cairn__json_add_number(out, t->tracks.figures[i].value);
    }
    cairn__text_add(out, "}\n}\n");
}

bool cairn__run_json_write(const cairn_trainer *t, cairn_status *status)
{
    char path[CAIRN__PATH_SIZE];
    cairn__text text = {.status = status};
    if (!cairn_ok(status) || !t->directory[0])
        return cairn_ok(status);
    add_run(&text, t);
    cairn__bytes piece = {text.data, text.length};
    bool good = !text.failed && cairn__write_file_atomically(cairn__run_path(t, "run.json", path),
                                                             &piece, 1, status);
    cairn__free(text.data);
    return good;
}

static void copy_text(const json_t *object, const char *key, char *to, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));
    snprintf(to, size, "%s", text ? text : "");
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

bool cairn__run_json_read(const char *path, cairn_run_entry *entry, cairn_status *status)
{
    json_error_t error;
    struct stat info;
    if (!cairn_ok(status))
        return false;
    if (stat(path, &info) != 0)
        return cairn__fail_errno(status, path, "open");
    if (!S_ISREG(info.st_mode) || info.st_size > 1 << 20)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: expected a file of at most 1 MiB", path);
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        json_decref(root);
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: no JSON object that describes a run",
                           path);
    }
    *entry = (cairn_run_entry){.loss = number(root, "loss"), .seconds = number(root, "seconds")};
    entry->steps = json_integer_value(json_object_get(root, "step"));
    copy_text(root, "title", entry->title, sizeof entry->title);
    copy_text(root, "state", entry->state, sizeof entry->state);
    copy_text(root, "started", entry->started, sizeof entry->started);
    json_decref(root);
    return true;
}
