/* log.jsonl: see train.h for what a line holds. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "data/json.h"
#include "train/train.h"

/* Our lines are far shorter; a longer one is skipped. */
enum { LONGEST_LINE = 1 << 17 };

/* ---- opening
 * -------------------------------------------------------------------------------------- */

bool cairn__log_open(cairn__log_file *log, const char *path, cairn_status *status)
{
    cairn__text name = {.status = status};
    cairn__text_add(&name, "%s", path);
    if (!cairn_ok(status) || name.failed)
        return false;
    log->path = name.data;
    log->file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (log->file < 0) {
        cairn__fail_errno(status, path, "open");
        cairn__log_close(log);
        return false;
    }
    /* A file system without locks is no reason to refuse; only a lock that somebody holds is. */
    if (flock(log->file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        cairn__fail(status, CAIRN_ERR_STATE, "%s: another process trains in this directory", path);
        cairn__log_close(log);
        return false;
    }
    log->length = lseek(log->file, 0, SEEK_END);
    return true;
}

void cairn__log_close(cairn__log_file *log)
{
    if (log->file >= 0)
        close(log->file);
    cairn__free(log->path);
    cairn__free(log->line.data);
    *log = (cairn__log_file){.file = -1};
}

bool cairn__log_locked(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool locked = flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(file);
    return locked;
}

bool cairn__log_cut(cairn__log_file *log, int64_t length, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (ftruncate(log->file, length) != 0)
        return cairn__fail_errno(status, log->path, "shorten");
    log->length = length;
    return true;
}

bool cairn__log_sync(cairn__log_file *log, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    return fdatasync(log->file) == 0 || cairn__fail_errno(status, log->path, "sync");
}

/* ---- writing
 * -------------------------------------------------------------------------------------- */

static void add_figures(cairn__text *line, const cairn__log_entry *entry)
{
    cairn__text_add(line, ",\"figures\":{");
    for (int i = 0; i < entry->n; i++) {
        if (i)
            cairn__text_add(line, ",");
        cairn__json_add_string(line, entry->figures[i].name);
        cairn__text_add(line, ":");
        cairn__json_add_number(line, entry->figures[i].value);
    }
    cairn__text_add(line, "}");
}

static void add_line(cairn__text *line, const cairn__log_entry *entry)
{
    cairn__text_add(line, "{\"event\":\"%s\",\"step\":%lld,\"epoch\":%lld,\"examples\":%lld",
                    entry->event, (long long)entry->at.step, (long long)entry->at.epoch,
                    (long long)entry->at.examples);
    cairn__text_add(line, ",\"seconds\":");
    cairn__json_add_number(line, entry->at.seconds);
    if (entry->n)
        add_figures(line, entry);
    if (entry->to >= 0)
        cairn__text_add(line, ",\"to\":%lld", (long long)entry->to);
    if (entry->message) {
        cairn__text_add(line, ",\"message\":");
        cairn__json_add_string(line, entry->message);
    }
    cairn__text_add(line, "}\n");
}

bool cairn__log_write(cairn__log_file *log, const cairn__log_entry *entry, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    log->line.length = 0;
    log->line.failed = false;
    log->line.status = status;
    add_line(&log->line, entry);
    if (log->line.failed)
        return false;
    ssize_t written;
    do
        written = write(log->file, log->line.data, log->line.length);
    while (written < 0 && errno == EINTR);
    if (written == (ssize_t)log->line.length) {
        log->length += written;
        return true;
    }
    if (written >= 0)
        errno = ENOSPC; /* a short write to a file has no other cause */
    cairn__fail_errno(status, log->path, "write");
    /* What remains of the line must not join the next one. If even this fails, readers skip it. */
    return ftruncate(log->file, log->length) == 0 && false;
}

/* ---- reading
 * -------------------------------------------------------------------------------------- */

static int64_t whole(const json_t *object, const char *key, int64_t absent)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : absent;
}

static double real(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static bool visit_line(json_t *object, cairn__log_visitor *visit, void *user, cairn_status *status)
{
    cairn_figure figures[4 * CAIRN__MOST_OUTPUTS];
    cairn__log_entry entry = {.event = json_string_value(json_object_get(object, "event")),
                              .at = {whole(object, "step", -1), whole(object, "epoch", 0),
                                     whole(object, "examples", 0),
                                     real(json_object_get(object, "seconds"))},
                              .to = whole(object, "to", -1),
                              .message = json_string_value(json_object_get(object, "message")),
                              .figures = figures};
    if (!entry.event || entry.at.step < 0)
        return true;
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(object, "figures"), name, value)
    {
        if (entry.n < (int)CAIRN__COUNT(figures))
            figures[entry.n++] = (cairn_figure){name, real(value)};
    }
    return visit(&entry, user, status);
}

static bool read_lines(FILE *file, char *line, int64_t left, cairn__log_visitor *visit, void *user,
                       cairn_status *status)
{
    bool torn = false; /* inside a line that did not fit */
    while (fgets(line, LONGEST_LINE, file)) {
        size_t n = strlen(line);
        left -= (int64_t)n;
        bool ends = n > 0 && line[n - 1] == '\n', skip = torn || !ends;
        torn = !ends;
        if (left < 0)
            break;
        if (skip)
            continue;
        json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
        bool go_on = !json_is_object(object) || visit_line(object, visit, user, status);
        json_decref(object);
        if (!go_on)
            break;
    }
    return cairn_ok(status);
}

bool cairn__log_read(const char *path, int64_t length, cairn__log_visitor *visit, void *user,
                     cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT || cairn__fail_errno(status, path, "open");
    char *line = cairn__alloc(LONGEST_LINE, 1, status);
    bool good =
        line && read_lines(file, line, length < 0 ? INT64_MAX : length, visit, user, status);
    if (good && ferror(file))
        good = cairn__fail_errno(status, path, "read");
    cairn__free(line);
    fclose(file);
    return good;
}
