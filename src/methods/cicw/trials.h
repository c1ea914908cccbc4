/* One training of the experiments behind the claims, and the two moons. */
#ifndef CAIRN_SRC_CICW_TRIALS_H
#define CAIRN_SRC_CICW_TRIALS_H

#include "methods/cicw/run.h"
#include "methods/experiment.h"

/* Figures of a training: accuracy on clean test labels at the end, the best of ten evaluations on
 * the first 1,000 of them, accuracy on held-out labels with the same noise, share of wrong training
 * labels that the model predicts as given, and the chance that a wrong label has a higher loss than
 * a right one. */
enum {
    CAIRN__CICW_LAST,
    CAIRN__CICW_BEST,
    CAIRN__CICW_NOISY,
    CAIRN__CICW_MEMORISED,
    CAIRN__CICW_AUC,
    CAIRN__CICW_FIGURES
};

typedef struct cairn__cicw_trial {
    const cairn_dataset *data; /* clean */
    const cairn__cicw_run *run;
    double noise, epochs;
    int64_t batch, seed;
    int64_t items, tuning; /* test items measured, and those after them with noisy labels */
    const volatile int *stop;
} cairn__cicw_trial;

/* A cairn__measure_figures of a cairn__cicw_trial. A training that breaks down has accuracy 0. */
bool cairn__cicw_measure(const void *trial, double *figures, cairn_status *status);

/* The same, and the trained model: the caller frees both. */
cairn_trainer *cairn__cicw_train(const cairn__cicw_trial *trial, cairn_dataset **noisy,
                                 cairn_status *status);

/* n points on two half circles that reach into one another, of standard deviation 0.15 around
 * them; half of them, drawn, is the test split. The caller owns the data set. */
cairn_dataset *cairn__two_moons(int64_t n, int64_t seed, cairn_status *status);

/* The plane of the two moons as a model sees it that is trained for this, with its training points:
 * larger with their weight, dark where their label was made wrong. pixels: RGB. */
bool cairn__moons_picture(const cairn__cicw_trial *trial, uint8_t *pixels, cairn_status *status);
enum { CAIRN__MOONS_SIDE = 320, CAIRN__MOONS_BYTES = 3 * CAIRN__MOONS_SIDE * CAIRN__MOONS_SIDE };

#endif
