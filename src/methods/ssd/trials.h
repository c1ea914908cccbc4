/* One run through all stages, in memory, for the experiments behind the claims. */
#ifndef CAIRN_SRC_SSD_TRIALS_H
#define CAIRN_SRC_SSD_TRIALS_H

#include "methods/experiment.h"
#include "methods/ssd/run.h"

/* Figures of a run: accuracy of the last model on the test items, on those held out for the choice
 * of settings, accuracy of the first stage, share of right pseudo-labels of the last labelling (0
 * without), and the mean error over all corruptions and severities. */
enum {
    CAIRN__SSD_ACCURACY,
    CAIRN__SSD_HELD_OUT,
    CAIRN__SSD_FIRST,
    CAIRN__SSD_RIGHT,
    CAIRN__SSD_CORRUPTED,
    CAIRN__SSD_FIGURES
};

typedef struct cairn__ssd_trial {
    const cairn_dataset *data;
    const cairn__ssd_run *run;
    int64_t steps, batch, seed;
    int64_t items, tuning; /* test items measured, and those after them for the choice */
    int64_t corrupted;     /* test items that are corrupted; 0: none */
    const volatile int *stop;
} cairn__ssd_trial;

/* A cairn__measure_figures of a cairn__ssd_trial. A training that breaks down has accuracy 0. */
bool cairn__ssd_measure(const void *trial, double *figures, cairn_status *status);

#endif
