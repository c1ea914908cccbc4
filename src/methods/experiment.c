/* Trainings that are kept. One line of JSON each: the key, the final figures, the curve. */
#include "methods/experiment.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the file -------------------------------------------------------------------------------- */

static void results_path(const cairn__experiment *e, char *path, size_t size)
{
    snprintf(path, size, "%s/results.jsonl", e->r->directory);
}

static double number(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : INFINITY;
}

static void read_curve(json_t *curve, cairn__outcome *o)
{
    size_t n = json_array_size(curve);
    for (size_t i = 0; i < n && o->points < CAIRN__CURVE; i++) {
        json_t *point = json_array_get(curve, i);
        if (json_array_size(point) != 4)
            continue;
        o->step[o->points] = (int64_t)json_number_value(json_array_get(point, 0));
        o->examples[o->points] = (int64_t)json_number_value(json_array_get(point, 1));
        o->second[o->points] = json_number_value(json_array_get(point, 2));
        o->loss[o->points++] = json_number_value(json_array_get(point, 3));
    }
}

static bool read_line(const char *line, const char *key, cairn__outcome *o)
{
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    const char *found = json_string_value(json_object_get(object, "key"));
    bool match = found && strcmp(found, key) == 0;
    if (match) {
        *o = (cairn__outcome){.failed = json_is_true(json_object_get(object, "failed")),
                              .train = number(object, "train"),
                              .test = number(object, "test"),
                              .seconds = number(object, "seconds"),
                              .steps = (int64_t)number(object, "steps")};
        read_curve(json_object_get(object, "curve"), o);
    }
    json_decref(object);
    return match;
}

/* Lines that cannot be read, such as a torn last one, are passed over: that training runs again. */
static bool find_outcome(const cairn__experiment *e, const char *key, cairn__outcome *o)
{
    char path[CAIRN_TEXT_SIZE + 32], *line = NULL;
    size_t room = 0;
    bool found = false;
    results_path(e, path, sizeof path);
    FILE *file = fopen(path, "r");
    while (file && !found && getline(&line, &room, file) > 0)
        found = read_line(line, key, o);
    free(line);
    if (file)
        fclose(file);
    return found;
}

static void set_number(json_t *object, const char *key, double value)
{
    /* JSON has no infinity: a figure that does not exist is null. */
    json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
}

/* Adds a line to the file, and ends the object. */
static bool keep_object(const cairn__experiment *e, json_t *object, cairn_status *status)
{
    char path[CAIRN_TEXT_SIZE + 32];
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    results_path(e, path, sizeof path);
    int file = text ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
    size_t length = text ? strlen(text) : 0;
    if (text)
        text[length++] = '\n'; /* in place of the final 0: in one write a line is whole or absent */
    bool good = file >= 0 && write(file, text, length) == (ssize_t)length;
    if (!good)
        cairn__fail_errno(status, path, "write");
    if (file >= 0)
        close(file);
    free(text);
    return good;
}

static bool keep_outcome(const cairn__experiment *e, const char *key, const cairn__outcome *o,
                         cairn_status *status)
{
    json_t *object = json_object(), *curve = json_array();
    json_object_set_new(object, "key", json_string(key));
    json_object_set_new(object, "failed", json_boolean(o->failed));
    set_number(object, "train", o->train);
    set_number(object, "test", o->test);
    set_number(object, "seconds", o->seconds);
    json_object_set_new(object, "steps", json_integer(o->steps));
    for (int i = 0; i < o->points; i++)
        json_array_append_new(curve, json_pack("[I,I,f,f]", (json_int_t)o->step[i],
                                               (json_int_t)o->examples[i], o->second[i],
                                               o->loss[i]));
    json_object_set_new(object, "curve", curve);
    return keep_object(e, object, status);
}

/* ---- training -------------------------------------------------------------------------------- */

static void copy_curve(const cairn_trainer *t, cairn__outcome *o)
{
    cairn_history h = cairn_trainer_history(t, "train/loss");
    for (int64_t i = 0; i < h.n && o->points < CAIRN__CURVE; i++) {
        if (!isfinite(h.value[i]))
            continue;
        o->step[o->points] = h.step[i];
        o->examples[o->points] = h.examples[i];
        o->second[o->points] = h.seconds[i];
        o->loss[o->points++] = h.value[i];
    }
}

static void report_progress(const cairn__experiment *e, const char *key)
{
    if (e->r->progress)
        e->r->progress(e->r->user, (double)e->done / CAIRN__MAX(e->planned, 1), key);
}

static bool train(cairn__experiment *e, const cairn_problem *problem,
                  const cairn_train_options *options, cairn__outcome *o, cairn_status *status)
{
    cairn_train_setup setup = {.problem = problem,
                               .data = e->r->data,
                               .tokens = e->r->tokens,
                               .options = options};
    cairn_trainer *t = cairn_trainer_new(&setup, status);
    while (t && cairn_trainer_advance(t, 0.5, status)) {
        if (e->r->stop && *e->r->stop) {
            cairn__fail(status, CAIRN_ERR_INTERRUPTED, "interrupted");
            break;
        }
    }
    *o = (cairn__outcome){.train = INFINITY, .test = INFINITY};
    if (t) {
        o->seconds = cairn_trainer_progress(t).seconds;
        o->steps = cairn_trainer_progress(t).step;
    }
    if (t && cairn_ok(status)) {
        o->train = cairn_trainer_figure(t, "train/loss");
        o->test = cairn_trainer_figure(t, "test/loss");
        copy_curve(t, o);
    }
    o->failed = !isfinite(o->train);
    cairn_trainer_free(t);
    return cairn_ok(status);
}

bool cairn__experiment_train(cairn__experiment *e, const char *key, const cairn_problem *problem,
                             const cairn_train_options *options, cairn__outcome *outcome,
                             cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    report_progress(e, key);
    e->done++;
    if (find_outcome(e, key, outcome))
        return true;
    if (!train(e, problem, options, outcome, status)) {
        /* A training that diverges is a result: the settings are bad. */
        if (status->code != CAIRN_ERR_NUMERIC)
            return false;
        *status = (cairn_status)CAIRN_STATUS_INIT;
    }
    return keep_outcome(e, key, outcome, status);
}

/* ---- figures --------------------------------------------------------------------------------- */

static bool read_figures(const char *line, const char *key, int n, double *figures)
{
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    json_t *list = json_object_get(object, "figures");
    const char *found = json_string_value(json_object_get(object, "key"));
    bool match = found && strcmp(found, key) == 0 && json_array_size(list) == (size_t)n;
    for (int i = 0; match && i < n; i++) {
        json_t *value = json_array_get(list, (size_t)i);
        figures[i] = json_is_number(value) ? json_number_value(value) : INFINITY;
    }
    json_decref(object);
    return match;
}

static bool find_figures(const cairn__experiment *e, const char *key, int n, double *figures)
{
    char path[CAIRN_TEXT_SIZE + 32], *line = NULL;
    size_t room = 0;
    bool found = false;
    results_path(e, path, sizeof path);
    FILE *file = fopen(path, "r");
    while (file && !found && getline(&line, &room, file) > 0)
        found = read_figures(line, key, n, figures);
    free(line);
    if (file)
        fclose(file);
    return found;
}

bool cairn__experiment_measure(cairn__experiment *e, const char *key,
                               cairn__measure_figures *measure, const void *user, int n,
                               double *figures, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    report_progress(e, key);
    e->done++;
    if (find_figures(e, key, n, figures))
        return true;
    if (e->r->stop && *e->r->stop)
        return cairn__fail(status, CAIRN_ERR_INTERRUPTED, "interrupted");
    if (!measure(user, figures, status))
        return false;
    json_t *object = json_object(), *list = json_array();
    json_object_set_new(object, "key", json_string(key));
    for (int i = 0; i < n; i++)
        json_array_append_new(list, isfinite(figures[i]) ? json_real(figures[i]) : json_null());
    json_object_set_new(object, "figures", list);
    return keep_object(e, object, status);
}

/* ---- pace ------------------------------------------------------------------------------------ */

enum { PACE_ROUNDS = 9 };

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Seconds of a step in one turn. */
static bool take_turn(cairn__experiment *e, cairn_trainer *t, int steps, double *seconds,
                      cairn_status *status)
{
    double before = cairn_trainer_progress(t).seconds;
    for (int i = 0; i < steps; i++) {
        if (!cairn_trainer_advance(t, 0, status))
            return cairn_ok(status) ? cairn__fail(status, CAIRN_ERR_STATE,
                                                  "a training ended while it was timed")
                                    : false;
        if (e->r->stop && *e->r->stop)
            return cairn__fail(status, CAIRN_ERR_INTERRUPTED, "interrupted");
    }
    *seconds = (cairn_trainer_progress(t).seconds - before) / steps;
    return true;
}

static bool take_turns(cairn__experiment *e, cairn_trainer **trainers, int n, int steps,
                       double *pace, cairn_status *status)
{
    double *times = cairn__alloc((size_t)n * PACE_ROUNDS, sizeof *times, status), warm;
    bool good = times != NULL;
    for (int i = 0; good && i < n; i++)
        good = take_turn(e, trainers[i], steps, &warm, status);
    for (int round = 0; good && round < PACE_ROUNDS; round++)
        for (int i = 0; good && i < n; i++)
            good = take_turn(e, trainers[i], steps, &times[i * PACE_ROUNDS + round], status);
    for (int i = 0; good && i < n; i++) {
        qsort(times + i * PACE_ROUNDS, PACE_ROUNDS, sizeof *times, rising);
        pace[i] = times[i * PACE_ROUNDS + PACE_ROUNDS / 2];
    }
    cairn__free(times);
    return good;
}

static bool find_pace(const cairn__experiment *e, int n, const char *const *keys, double *pace)
{
    for (int i = 0; i < n; i++) {
        cairn__outcome o;
        if (!find_outcome(e, keys[i], &o))
            return false;
        pace[i] = o.seconds;
    }
    return true;
}

bool cairn__experiment_pace(cairn__experiment *e, int n, const char *const *keys,
                            const cairn_problem *problems, const cairn_train_options *options,
                            int steps, double *pace, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    report_progress(e, "timing steps in turn");
    if (find_pace(e, n, keys, pace))
        return true;
    cairn_trainer **trainers = cairn__alloc((size_t)n, sizeof(cairn_trainer *), status);
    bool good = trainers != NULL;
    for (int i = 0; good && i < n; i++) {
        cairn_train_setup setup = {.problem = &problems[i],
                                   .data = e->r->data,
                                   .tokens = e->r->tokens,
                                   .options = options};
        good = (trainers[i] = cairn_trainer_new(&setup, status)) != NULL;
    }
    good = good && take_turns(e, trainers, n, steps, pace, status);
    for (int i = 0; good && i < n; i++)
        good = keep_outcome(e, keys[i], &(cairn__outcome){.seconds = pace[i], .steps = 1}, status);
    for (int i = 0; trainers && i < n; i++)
        cairn_trainer_free(trainers[i]);
    cairn__free(trainers);
    return good;
}

void cairn__outcome_set_pace(cairn__outcome *o, double pace)
{
    o->seconds = pace * (double)o->steps;
    for (int i = 0; i < o->points; i++)
        o->second[i] = pace * (double)o->step[i];
}

double cairn__outcome_time_to(const cairn__outcome *o, double loss)
{
    for (int i = 0; i < o->points; i++) {
        if (o->loss[i] > loss)
            continue;
        if (i == 0 || o->loss[i - 1] <= o->loss[i])
            return o->second[i];
        double share = (o->loss[i - 1] - loss) / (o->loss[i - 1] - o->loss[i]);
        return o->second[i - 1] + share * (o->second[i] - o->second[i - 1]);
    }
    return NAN;
}
