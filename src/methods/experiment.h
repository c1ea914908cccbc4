/* Experiments behind claims: trainings that are kept, so that a reproduction can be interrupted and
 * resumed, and a search that spends the same on every competitor. */
#ifndef CAIRN_SRC_EXPERIMENT_H
#define CAIRN_SRC_EXPERIMENT_H

#include "methods/method.h"

enum { CAIRN__CURVE = 256 };

/* What is kept of one training. A training that broke down has failed set and losses infinite. */
typedef struct cairn__outcome {
    bool failed;
    double train, test; /* final losses */
    double seconds;     /* in steps */
    int64_t steps;
    int points; /* of the curve of train losses, one an evaluation */
    int64_t step[CAIRN__CURVE], examples[CAIRN__CURVE];
    double second[CAIRN__CURVE], loss[CAIRN__CURVE];
} cairn__outcome;

/* Trainings with one file of results, DIRECTORY/results.jsonl. */
typedef struct cairn__experiment {
    const cairn__reproduction *r;
    int done, planned; /* trainings, for the progress */
} cairn__experiment;

/* The training described by `key`, which must name everything it depends on: from the file if it
 * was run before, else run now. False with an error, CAIRN_ERR_INTERRUPTED when r->stop was set. */
bool cairn__experiment_train(cairn__experiment *e, const char *key, const cairn_problem *problem,
                             const cairn_train_options *options, cairn__outcome *outcome,
                             cairn_status *status);

/* At most so many figures of one thing that is measured. */
enum { CAIRN__FIGURES = 16 };

/* The n figures described by `key`, as above: from the file if they are there, else `measure` fills
 * them now. Figures that are not finite are read back as infinite. */
typedef bool cairn__measure_figures(const void *user, double *figures, cairn_status *status);
bool cairn__experiment_measure(cairn__experiment *e, const char *key,
                               cairn__measure_figures *measure, const void *user, int n,
                               double *figures, cairn_status *status);

/* Seconds of a step of each of n trainings (`keys` name them as above): all take turns of `steps`
 * steps, and the median over nine turns is kept. So a disturbance of the machine, or its change of
 * speed over the day, meets all of them alike, which the seconds of whole trainings, an hour apart,
 * do not promise. pace: n numbers. */
bool cairn__experiment_pace(cairn__experiment *e, int n, const char *const *keys,
                            const cairn_problem *problems, const cairn_train_options *options,
                            int steps, double *pace, cairn_status *status);

/* Replaces the seconds of an outcome by its steps times `pace`. */
void cairn__outcome_set_pace(cairn__outcome *o, double pace);

/* The first time (in seconds of steps) at which the curve is at or below `loss`, interpolated; NaN
 * if never. */
double cairn__outcome_time_to(const cairn__outcome *o, double loss);

#endif
