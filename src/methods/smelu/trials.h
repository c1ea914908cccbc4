/* Models trained alike but for one source of irreproducibility, and what they predict. Kept on
 * disk, so that a reproduction can be stopped and resumed. */
#ifndef CAIRN_SRC_SMELU_TRIALS_H
#define CAIRN_SRC_SMELU_TRIALS_H

#include "methods/smelu/run.h"

enum { CAIRN__SMELU_MODELS = 16 };

/* What differs between the models of a group. */
typedef enum cairn__smelu_scene {
    CAIRN__SCENE_WINDOW, /* order of the data inside windows of 640 */
    CAIRN__SCENE_FULL,   /* order of the data */
    CAIRN__SCENE_INIT,   /* order of the data and initial values */
    CAIRN__SCENE_SUMS,   /* order of the examples inside each batch */
    CAIRN__SCENES
} cairn__smelu_scene;

typedef struct cairn__smelu_arm {
    const char *name;
    int activation;
    double beta;
} cairn__smelu_arm;

/* The scale of the experiment, and where its trainings are kept. */
typedef struct cairn__smelu_trials {
    const cairn__reproduction *r;
    int models;
    double epochs;
    int64_t batch, window;
    int64_t items, tuning; /* test items that are measured, and those after them */
    int classes;
    int done, planned;
} cairn__smelu_trials;

/* One trained model: its probabilities for the measured items, [items, classes], and its mean loss
 * on the items for tuning. */
typedef struct cairn__smelu_model_result {
    double *p;
    double tuning_loss;
} cairn__smelu_model_result;

/* Trains model `index` of an arm at a learning rate, or reads what it predicted. The caller frees
 * `p`. False with an error. */
bool cairn__smelu_trial(cairn__smelu_trials *t, const cairn__smelu_arm *arm, double rate,
                        cairn__smelu_scene scene, int index, cairn__smelu_model_result *result,
                        cairn_status *status);

#endif
