/* A TensorBoard event file: one record for each event, written by one call to the system.
 *
 *   Event   wall_time 1  step 2  file_version 3  summary 5  session_log 7 (status 1)
 *
 * Source of the field numbers: TensorFlow's event.proto. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/wire.h"
#include "report/report.h"

struct cairn_events {
    cairn_status status;
    int file;
    char *path;
    cairn__text part, summary, event, record; /* reused, so a step soon allocates nothing */
};

enum { EVENT_SUMMARY = 5, EVENT_SESSION_LOG = 7, SESSION_START = 1 };

static double wall_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool good(const cairn_events *e)
{
    return e && cairn_ok(&e->status);
}

/* ---- one event ------------------------------------------------------------------------------ */

static void begin(cairn_events *e, double time, int64_t step)
{
    cairn__wire_double(&e->event, 1, time);
    if (step)
        cairn__wire_integer(&e->event, 2, step);
}

/* Writes the event as one record. A write that was cut short (a full disk) leaves a torn record,
 * which readers take for the end of the file; the error that stays here prevents another behind. */
static void end(cairn_events *e)
{
    if (e->event.failed)
        return;
    cairn__record(&e->record, e->event.data, e->event.length);
    const char *from = e->record.data;
    size_t left = e->record.failed ? 0 : e->record.length;
    while (left) {
        ssize_t done = write(e->file, from, left);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            cairn__fail_errno(&e->status, e->path, "write");
            break;
        }
        from += done;
        left -= (size_t)done;
    }
    e->event.length = e->record.length = 0;
}

/* Writes what stands in e->summary as the event of `step`. */
static void write_summary(cairn_events *e, double time, int64_t step)
{
    begin(e, time, step);
    cairn__wire_message(&e->event, EVENT_SUMMARY, &e->summary);
    end(e);
}

/* ---- opening and closing -------------------------------------------------------------------- */

/* TensorBoard reads the files of a directory in the order of their names, so the time comes first;
 * the number tells apart files of one process and second. */
static bool create(cairn_events *e, const char *directory)
{
    char host[65] = "host";
    gethostname(host, sizeof host - 1);
    for (int number = 0; number < 1000; number++) {
        cairn__text path = {.status = &e->status};
        cairn__text_add(&path, "%s/events.out.tfevents.%010lld.%s.%ld.%d", directory,
                        (long long)time(NULL), host, (long)getpid(), number);
        if (path.failed) {
            cairn__free(path.data);
            return false;
        }
        cairn__free(e->path);
        e->path = path.data;
        e->file = open(e->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (e->file >= 0)
            return true;
        if (errno != EEXIST)
            break;
    }
    return cairn__fail_errno(&e->status, e->path, "create");
}

cairn_events *cairn_events_open(const char *directory, int64_t first_step, cairn_status *status)
{
    cairn_events *e = cairn__alloc(1, sizeof *e, status);
    if (!e)
        return NULL;
    e->file = -1;
    e->part.status = e->summary.status = &e->status;
    e->event.status = e->record.status = &e->status;
    if (create(e, directory)) {
        begin(e, wall_time(), 0);
        cairn__wire_string(&e->event, 3, "brain.Event:2");
        end(e);
    }
    if (good(e) && first_step > 0) {
        cairn__wire_integer(&e->summary, 1, SESSION_START);
        begin(e, wall_time(), first_step);
        cairn__wire_message(&e->event, EVENT_SESSION_LOG, &e->summary);
        end(e);
    }
    if (good(e))
        return e;
    if (e->file >= 0)
        unlink(e->path);
    cairn_events_close(e, status);
    return NULL;
}

bool cairn_events_sync(cairn_events *e, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (!e)
        return cairn__fail(status, CAIRN_ERR_STATE, "there is no event file to sync");
    if (good(e) && fsync(e->file) != 0)
        cairn__fail_errno(&e->status, e->path, "sync");
    return good(e) || cairn__fail(status, e->status.code, "%s", e->status.message);
}

bool cairn_events_close(cairn_events *e, cairn_status *status)
{
    if (!e)
        return true;
    if (e->file >= 0 && close(e->file) != 0)
        cairn__fail_errno(&e->status, e->path, "close");
    bool fine = good(e) || cairn__fail(status, e->status.code, "%s", e->status.message);
    cairn__free(e->part.data);
    cairn__free(e->summary.data);
    cairn__free(e->event.data);
    cairn__free(e->record.data);
    cairn__free(e->path);
    cairn__free(e);
    return fine;
}

/* ---- what can be written -------------------------------------------------------------------- */

void cairn_events_scalar(cairn_events *e, const char *tag, int64_t step, double value)
{
    if (!good(e))
        return;
    cairn__summary_scalar(&e->summary, &e->part, tag, value);
    write_summary(e, wall_time(), step);
}

void cairn_events_histogram(cairn_events *e, const char *tag, int64_t step, const float *values,
                            int64_t n)
{
    if (good(e) && cairn__summary_histogram(&e->summary, tag, values, n))
        write_summary(e, wall_time(), step);
}

void cairn_events_text(cairn_events *e, const char *tag, int64_t step, const char *text)
{
    if (!good(e))
        return;
    cairn__summary_text(&e->summary, tag, text);
    write_summary(e, wall_time(), step);
}

void cairn_events_picture(cairn_events *e, const char *tag, int64_t step,
                          const cairn_report_picture *picture)
{
    if (good(e) && cairn__png_built_in() && cairn__summary_picture(&e->summary, tag, picture))
        write_summary(e, wall_time(), step);
}

void cairn_events_options(cairn_events *e, const cairn_option *table, const void *options)
{
    if (!good(e))
        return;
    double now = wall_time();
    cairn__summary_options(&e->summary, now, table, options);
    write_summary(e, now, 0);
}
