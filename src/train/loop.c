/* The loop: the only one. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/train.h"

static bool due(int64_t step, int64_t every)
{
    return every > 0 && step % every == 0;
}

static bool over(const cairn_trainer *t)
{
    return t->at.step >= t->build.total_steps ||
           (t->options.seconds > 0 && t->at.seconds >= t->options.seconds);
}

/* ---- one step
 * ------------------------------------------------------------------------------------- */

/* Part `part` of a loader's batch, as a batch. */
static cairn_batch part_of(const cairn_trainer *t, const cairn_batch *batch, int64_t part)
{
    cairn_batch b = *batch;
    int64_t elements = 1;
    for (int i = 1; i < b.rank; i++)
        elements *= b.shape[i];
    b.size = b.shape[0] = t->build.batch;
    b.x = batch->x + part * b.size * elements;
    if (batch->label)
        b.label = batch->label + part * b.size;
    if (batch->items)
        b.items = batch->items + part * b.size;
    return b;
}

static void feed(const cairn_trainer *t, cairn_program *program, const cairn__source_batch *batch,
                 int64_t part, cairn_status *status)
{
    cairn__source_feed(&t->source, batch, part * t->build.batch, t->build.batch, program, status);
    if (!t->problem.feed || !batch->loaded || !cairn_ok(status))
        return;
    const cairn_batch b = part_of(t, batch->loaded, part);
    t->problem.feed(t->problem.user, &b, program, status);
}

/* One part of a batch: forward, backward and update, or the gradient added to those before. */
static void run_part(cairn_trainer *t, cairn_program *program, const cairn__source_batch *batch,
                     int64_t part, cairn_status *status)
{
    feed(t, program, batch, part, status);
    cairn_program_run(program, status);
    for (int i = 0; i < t->n_outputs; i++)
        t->means[i] += cairn_program_scalar(program, t->outputs[i], status) /
                       (double)t->options.accumulate;
}

static bool next_batch(cairn_trainer *t, cairn__source_batch *batch, cairn_status *status)
{
    return cairn__source_next(&t->source, batch, status) ||
           cairn__source_next(&t->source, batch, status); /* the next epoch's first */
}

/* Not before the first step, when nothing has been gathered yet; but after it: a preconditioner
 * of one batch is better than none. */
static bool refreshes(const cairn_trainer *t)
{
    return t->at.step == 1 || (t->at.step > 0 && due(t->at.step, t->problem.refresh_interval));
}

/* All parts of a batch; before them, where due, the slower updates. */
static void train(cairn_trainer *t, cairn_status *status)
{
    double start = cairn__seconds();
    cairn__source_batch batch;
    if (!next_batch(t, &batch, status))
        return;
    if (t->refresh && refreshes(t)) {
        feed(t, t->refresh, &batch, 0, status);
        cairn_program_run(t->refresh, status);
    }
    memset(t->means, 0, sizeof t->means);
    for (int64_t part = 0; part < t->options.accumulate; part++)
        run_part(t, part + 1 < t->options.accumulate ? t->part : t->step, &batch, part, status);
    for (int i = 0; i < t->n_outputs; i++)
        if (strcmp(t->outputs[i], "loss") == 0)
            t->loss = t->means[i];

    double seconds = cairn__seconds() - start;
    t->times[t->timed++ % CAIRN__STEP_TIMES] = seconds;
    t->at.seconds += seconds;
    t->at.epoch = batch.epoch;
    t->at.examples += t->options.batch;
    t->at.step++;
}

/* ---- after it
 * ------------------------------------------------------------------------------------- */

static void log_step(cairn_trainer *t, cairn_status *status)
{
    cairn_figure figures[CAIRN__MOST_OUTPUTS + CAIRN_SPEED_FIGURES];
    int n = t->n_outputs;
    for (int i = 0; i < n; i++)
        figures[i] = (cairn_figure){t->outputs[i], t->means[i]};
    if (t->problem.speed)
        n += t->problem.speed(t->problem.user, &t->build,
                              (double)t->options.batch / cairn__trainer_pace(t), figures + n);
    for (int i = 0; i < n; i++)
        cairn__tracks_add(&t->tracks, figures[i].name, t->at, figures[i].value, status);
    const cairn__log_entry entry = {
        .event = "step", .at = t->at, .to = -1, .figures = figures, .n = n};
    cairn__record_event(t, &entry, status);
}

/* Back to the last checkpoint; the next batch is the one after the bad one. */
static void rewind_run(cairn_trainer *t, const char *why, cairn_status *status)
{
    char message[256];
    cairn__place bad = t->at;
    if (t->rewinds >= CAIRN_MOST_REWINDS) {
        cairn__fail(status, CAIRN_ERR_NUMERIC, "step %lld: %s, after %d rewinds in a row",
                    (long long)bad.step, why, CAIRN_MOST_REWINDS);
        return;
    }
    if (!cairn__checkpoint_rewind(t, status))
        return;
    snprintf(message, sizeof message, "step %lld: %s; back to step %lld", (long long)bad.step, why,
             (long long)t->at.step);
    cairn__log(CAIRN_LOG_WARNING, "%s", message);
    const cairn__log_entry entry = {
        .event = "rewind", .at = bad, .to = t->at.step, .message = message};
    if (t->events && cairn__record_event(t, &entry, status)) {
        /* A new event file says that steps after this one are void. */
        cairn_events_close(t->events, status);
        t->events = cairn_events_open(t->directory, t->at.step + 1, status);
    }
}

/* True when the step just made counts. */
static bool judge(cairn_trainer *t, cairn_status *status)
{
    char text[128];
    const char *why = cairn__judge_loss(&t->judge, t->loss, text);
    if (!cairn_ok(status))
        return false;
    if (!why || t->options.bad_loss == CAIRN_BAD_LOSS_IGNORE) {
        cairn__judge_keep(&t->judge, t->loss);
        return true;
    }
    if (t->options.bad_loss == CAIRN_BAD_LOSS_REWIND)
        rewind_run(t, why, status);
    else if (t->checkpointed >= 0)
        cairn__fail(status, CAIRN_ERR_NUMERIC, "step %lld: %s; the last checkpoint is of step %lld",
                    (long long)t->at.step, why, (long long)t->checkpointed);
    else
        cairn__fail(status, CAIRN_ERR_NUMERIC, "step %lld: %s", (long long)t->at.step, why);
    return false;
}

static void write_checkpoint(cairn_trainer *t, cairn_status *status)
{
    cairn__checkpoint_write(t, true, status);
    cairn__run_json_write(t, status);
    if (t->at.step > 0)
        cairn__train_report(t, false, status);
}

/* One step and what is due after it. After the last one finish() evaluates and writes, in the order
 * that lets the checkpoint know of the evaluation. */
static void iterate(cairn_trainer *t, cairn_status *status)
{
    train(t, status);
    if (!judge(t, status))
        return;
    bool last = over(t);
    if (last || t->at.step == 1 || due(t->at.step, t->options.log_every))
        log_step(t, status);
    if (!last && due(t->at.step, t->evaluate_every))
        cairn__evaluate_now(t, status);
    if (!last && due(t->at.step, t->checkpoint_every))
        write_checkpoint(t, status);
}

/* ---- beginning and end
 * ---------------------------------------------------------------------------- */

static void mark(cairn_trainer *t, cairn__run_state state, const char *event, const char *message,
                 cairn_status *status)
{
    const cairn__log_entry entry = {.event = event, .at = t->at, .to = -1, .message = message};
    t->state = state;
    if (event)
        cairn__record_event(t, &entry, status);
    cairn__run_json_write(t, status);
}

/* Log and run.json say why; that this may fail too must not hide the first error. */
static bool fail(cairn_trainer *t, cairn_status *status)
{
    const cairn__log_entry entry = {
        .event = "failed", .at = t->at, .to = -1, .message = t->error.message};
    if (t->state != CAIRN__RUN_FAILED) {
        t->state = CAIRN__RUN_FAILED;
        cairn__record_event(t, &entry, NULL);
        cairn__run_json_write(t, NULL);
    }
    return cairn__fail(status, t->error.code, "%s", t->error.message);
}

static void begin(cairn_trainer *t, cairn_status *status)
{
    if (t->state != CAIRN__RUN_RUNNING)
        mark(t, CAIRN__RUN_RUNNING, NULL, NULL, status);
    /* A bad loss before the first checkpoint must have something to go back to. */
    if (t->options.bad_loss == CAIRN_BAD_LOSS_REWIND && t->checkpointed < 0 && t->at.step == 0 &&
        t->rewinds == 0)
        cairn__checkpoint_write(t, true, status);
}

static void finish(cairn_trainer *t, cairn_status *status)
{
    char path[CAIRN__PATH_SIZE];
    if (t->evaluated != t->at.step)
        cairn__evaluate_now(t, status);
    if (t->checkpointed != t->at.step)
        cairn__checkpoint_write(t, true, status);
    if (t->directory[0])
        cairn_graph_save(t->graph, cairn__run_path(t, "model.safetensors", path), true, NULL,
                         status);
    if (!cairn_ok(status))
        return;
    t->state = CAIRN__RUN_DONE; /* which the report says, and run.json only after it */
    cairn__train_report(t, true, status);
    if (t->events)
        cairn_events_sync(t->events, status);
    if (cairn_ok(status))
        mark(t, CAIRN__RUN_DONE, "done", NULL, status);
}

bool cairn_trainer_advance(cairn_trainer *t, double seconds, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    double stop = cairn__seconds() + seconds;
    if (t->state == CAIRN__RUN_DONE)
        return false;
    if (cairn_ok(&t->error))
        begin(t, &t->error);
    while (cairn_ok(&t->error) && !over(t)) {
        iterate(t, &t->error);
        if (cairn__seconds() >= stop)
            break;
    }
    if (cairn_ok(&t->error) && over(t))
        finish(t, &t->error);
    if (!cairn_ok(&t->error))
        return fail(t, status);
    return t->state == CAIRN__RUN_RUNNING;
}

bool cairn_trainer_interrupt(cairn_trainer *t, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (t->state == CAIRN__RUN_DONE)
        return true;
    if (cairn_ok(&t->error) && t->checkpointed != t->at.step)
        cairn__checkpoint_write(t, false, &t->error);
    if (cairn_ok(&t->error))
        mark(t, CAIRN__RUN_INTERRUPTED, "interrupted", NULL, &t->error);
    if (cairn_ok(&t->error))
        cairn__train_report(t, false, &t->error);
    return cairn_ok(&t->error) || fail(t, status);
}
