/* Checkpoints: one safetensors file, replaced whole.
 *
 *     checkpoint/state.safetensors   all variables
 *                                    cairn/recent_losses, f64: the window of judge.c
 *                                    metadata: the place in the run and in the data
 *     checkpoint/due.safetensors     the last one that was due by the options: what a bad loss goes
 *                                    back to. Kept with bad_loss = rewind only
 *
 * The second is a second name for the first until an interruption replaces the first, so it costs
 * nothing. Without it a run that was interrupted would go back to another step than one that was
 * not, and end with other bits.
 *
 * The log is synced before the checkpoint is written, and the checkpoint says how long the log was:
 * what stands behind that is of steps that will be done again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/cpu/isa.h"
#include "train/graph_file.h"

static const char losses_name[] = "cairn/recent_losses";

/* ---- metadata: every key once
 * -------------------------------------------------------------------- */

/* What a checkpoint says beside its arrays. */
typedef struct record {
    int64_t step, epoch, batch, examples, seed, batch_size, evaluated, rewinds, due, log_bytes;
    int64_t order_seed, shuffle_window, sum_seed;
    double seconds;
} record;

#define COUNTS(X)                                                                                  \
    X(step)                                                                                        \
    X(epoch)                                                                                       \
    X(batch)                                                                                       \
    X(examples)                                                                                    \
    X(seed)                                                                                        \
    X(batch_size)                                                                                  \
    X(evaluated)                                                                                   \
    X(rewinds)                                                                                     \
    X(due)                                                                                         \
    X(log_bytes)

/* What older checkpoints do not say: name and the value that stands for it. */
#define LATER_COUNTS(X)                                                                            \
    X(order_seed, -1)                                                                              \
    X(shuffle_window, 0)                                                                           \
    X(sum_seed, -1)

enum { MOST_PAIRS = 20, NUMBER = 32 };

typedef struct pairs {
    const char *list[2 * MOST_PAIRS + 1];
    char text[MOST_PAIRS][NUMBER];
    int n;
} pairs;

static char *add_pair(pairs *p, const char *key)
{
    char *text = p->text[p->n];
    p->list[2 * p->n] = key;
    p->list[2 * p->n + 1] = text;
    p->list[2 * ++p->n] = NULL;
    return text;
}

static void make_pairs(pairs *p, const record *r)
{
    p->n = 0;
    snprintf(add_pair(p, "format"), NUMBER, "cairn checkpoint 1");
    snprintf(add_pair(p, "version"), NUMBER, "%s", cairn_version());
    snprintf(add_pair(p, "instructions"), NUMBER, "%s", cairn__isa_name(cairn__isa()));
    snprintf(add_pair(p, "seconds"), NUMBER, "%.17g", r->seconds);
#define CAIRN_X(key) snprintf(add_pair(p, #key), NUMBER, "%lld", (long long)r->key);
    COUNTS(CAIRN_X)
#undef CAIRN_X
#define CAIRN_X(key, absent) snprintf(add_pair(p, #key), NUMBER, "%lld", (long long)r->key);
    LATER_COUNTS(CAIRN_X)
#undef CAIRN_X
}

static bool count(const cairn_safetensors *file, const char *path, const char *key, int64_t *to,
                  cairn_status *status)
{
    const char *text = cairn_safetensors_metadata(file, key);
    char *end = NULL;
    errno = 0;
    long long value = text ? strtoll(text, &end, 10) : 0;
    if (!text || end == text || *end || errno || value < -1 || value > (int64_t)1 << 53)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: metadata '%s' is '%s', expected a count",
                           path, key, text ? text : "absent");
    *to = value;
    return true;
}

static bool read_record(const cairn_safetensors *file, const char *path, record *r,
                        cairn_status *status)
{
    const char *format = cairn_safetensors_metadata(file, "format");
    const char *seconds = cairn_safetensors_metadata(file, "seconds");
    if (!format || strcmp(format, "cairn checkpoint 1") != 0)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: format '%s', expected 'cairn checkpoint 1'", path,
                           format ? format : "absent");
#define CAIRN_X(key)                                                                               \
    if (!count(file, path, #key, &r->key, status))                                                 \
        return false;
    COUNTS(CAIRN_X)
#undef CAIRN_X
#define CAIRN_X(key, absent)                                                                       \
    r->key = absent;                                                                               \
    if (cairn_safetensors_metadata(file, #key) && !count(file, path, #key, &r->key, status))       \
        return false;
    LATER_COUNTS(CAIRN_X)
#undef CAIRN_X
    r->seconds = seconds ? strtod(seconds, NULL) : 0;
    return true;
}

/* ---- writing
 * -------------------------------------------------------------------------------------- */

static bool write_state(const cairn_trainer *t, const char *path, bool due, cairn_status *status)
{
    cairn_loader_position next = cairn__source_tell(&t->source);
    record r = {.step = t->at.step,
                .epoch = next.epoch,
                .batch = next.batch,
                .examples = t->at.examples,
                .seed = t->options.seed,
                .batch_size = t->options.batch,
                .evaluated = t->evaluated,
                .rewinds = t->rewinds,
                .due = due,
                .log_bytes = t->log.length,
                .order_seed = t->options.order_seed,
                .shuffle_window = t->options.shuffle_window,
                .sum_seed = t->options.sum_seed,
                .seconds = t->at.seconds};
    double losses[CAIRN__JUDGE_WINDOW];
    cairn_field window = {.name = losses_name,
                          .type = CAIRN_DATA_F64,
                          .rank = 1,
                          .shape = {cairn__judge_window(&t->judge, losses)},
                          .data = losses};
    pairs metadata;
    make_pairs(&metadata, &r);
    return cairn__graph_write(t->graph, path, false, &window, metadata.list, status);
}

/* Gives the file at `state` the second name `due`; where the file system has no links, a copy. */
static bool keep_as_due(const cairn_trainer *t, const char *state, const char *due,
                        cairn_status *status)
{
    char temporary[CAIRN__PATH_SIZE + 8];
    snprintf(temporary, sizeof temporary, "%s.new", due);
    unlink(temporary);
    if (link(state, temporary) != 0)
        return write_state(t, due, true, status);
    /* Renaming one name of a file over another of the same file does nothing, and leaves both. */
    bool good = rename(temporary, due) == 0 || cairn__fail_errno(status, due, "replace");
    unlink(temporary);
    return good;
}

bool cairn__checkpoint_write(cairn_trainer *t, bool due, cairn_status *status)
{
    char state[CAIRN__PATH_SIZE], kept[CAIRN__PATH_SIZE];
    if (!t->directory[0])
        return cairn_ok(status);
    if (due)
        t->rewinds = 0;
    cairn__run_path(t, "checkpoint/state.safetensors", state);
    cairn__run_path(t, "checkpoint/due.safetensors", kept);
    if (!cairn__log_sync(&t->log, status) || !cairn_events_sync(t->events, status) ||
        !write_state(t, state, due, status))
        return false;
    t->checkpointed = t->at.step;
    return !due || t->options.bad_loss != CAIRN_BAD_LOSS_REWIND ||
           keep_as_due(t, state, kept, status);
}

/* ---- reading
 * -------------------------------------------------------------------------------------- */

static bool same_run(const cairn_trainer *t, const record *r, const char *path,
                     cairn_status *status)
{
    if (r->seed != t->options.seed)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: the run has seed %lld, not %lld", path,
                           (long long)r->seed, (long long)t->options.seed);
    if (r->batch_size != t->options.batch)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: the run has batches of %lld, not %lld",
                           path, (long long)r->batch_size, (long long)t->options.batch);
    if (r->order_seed != t->options.order_seed || r->shuffle_window != t->options.shuffle_window ||
        r->sum_seed != t->options.sum_seed)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: the run has order_seed %lld, shuffle_window %lld and sum_seed "
                           "%lld, not %lld, %lld and %lld",
                           path, (long long)r->order_seed, (long long)r->shuffle_window,
                           (long long)r->sum_seed, (long long)t->options.order_seed,
                           (long long)t->options.shuffle_window, (long long)t->options.sum_seed);
    return true;
}

static void warn_of_other_bits(const cairn_safetensors *file, const char *path)
{
    const char *version = cairn_safetensors_metadata(file, "version");
    const char *isa = cairn_safetensors_metadata(file, "instructions");
    const char *here = cairn__isa_name(cairn__isa());
    if (!version || !isa || strcmp(version, cairn_version()) != 0 || strcmp(isa, here) != 0)
        cairn__log(
            CAIRN_LOG_WARNING,
            "%s is of version %s with %s, this is %s with %s: results may differ in the last "
            "bits from those of a run without a break",
            path, version ? version : "?", isa ? isa : "?", cairn_version(), here);
}

static bool read_window(cairn_trainer *t, const cairn_safetensors *file, const char *path,
                        cairn_status *status)
{
    double losses[CAIRN__JUDGE_WINDOW];
    const cairn_field *field = cairn_safetensors_find(file, losses_name);
    int64_t n = field ? cairn_field_elements(field) : -1;
    if (n < 0 || n > CAIRN__JUDGE_WINDOW || field->type != CAIRN_DATA_F64)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: no array '%s' of at most %d values, which a checkpoint has", path,
                           losses_name, CAIRN__JUDGE_WINDOW);
    if (!cairn_safetensors_read(file, field, losses, (size_t)n * sizeof *losses, status))
        return false;
    cairn__judge_restore(&t->judge, losses, (int)n);
    return true;
}

/* Variables and the window; what the checkpoint says goes to `r`. */
static bool read_state(cairn_trainer *t, const char *path, record *r, cairn_status *status)
{
    cairn_safetensors *file = cairn_safetensors_open(path, status);
    bool good = file && read_record(file, path, r, status) && same_run(t, r, path, status) &&
                read_window(t, file, path, status) &&
                cairn__graph_read(t->graph, file, path, true, status);
    if (good)
        warn_of_other_bits(file, path);
    cairn_safetensors_free(file);
    return good;
}

static bool remember(const cairn__log_entry *entry, void *user, cairn_status *status)
{
    cairn_trainer *t = user;
    if (entry->to >= 0 && strcmp(entry->event, "rewind") == 0)
        cairn__tracks_cut(&t->tracks, entry->to);
    for (int i = 0; i < entry->n; i++)
        if (!cairn__tracks_add(&t->tracks, entry->figures[i].name, entry->at,
                               entry->figures[i].value, status))
            return false;
    return true;
}

bool cairn__checkpoint_resume(cairn_trainer *t, cairn_status *status)
{
    char state[CAIRN__PATH_SIZE], due[CAIRN__PATH_SIZE], log[CAIRN__PATH_SIZE];
    record r;
    cairn__run_path(t, "checkpoint/state.safetensors", state);
    if (access(state, F_OK) != 0 && errno == ENOENT)
        return cairn__log_cut(&t->log, 0, status);
    if (!read_state(t, state, &r, status) ||
        !cairn__source_seek(&t->source, (cairn_loader_position){r.epoch, r.batch}, status) ||
        !cairn__log_read(cairn__run_path(t, "log.jsonl", log), r.log_bytes, remember, t, status))
        return false;
    t->at = (cairn__place){r.step, r.epoch, r.examples, r.seconds};
    t->evaluated = r.evaluated;
    t->checkpointed = r.step;
    t->rewinds = r.rewinds;
    if (!cairn__log_cut(&t->log, CAIRN__MIN(r.log_bytes, t->log.length), status))
        return false;
    /* A run killed between the file and its second name has an older one there. */
    return !r.due || t->options.bad_loss != CAIRN_BAD_LOSS_REWIND ||
           keep_as_due(t, state, cairn__run_path(t, "checkpoint/due.safetensors", due), status);
}

bool cairn__checkpoint_rewind(cairn_trainer *t, cairn_status *status)
{
    char path[CAIRN__PATH_SIZE];
    record r;
    cairn__run_path(t, "checkpoint/due.safetensors", path);
    if (!cairn_ok(status) || !read_state(t, path, &r, status))
        return false;
    /* The loader stays behind the bad batch; time has passed all the same. */
    t->at.step = r.step;
    t->at.examples = r.examples;
    t->evaluated = r.evaluated;
    t->checkpointed = -1; /* an interruption may have written a later step, on the other path */
    t->rewinds++;
    cairn__tracks_cut(&t->tracks, r.step);
    return true;
}
