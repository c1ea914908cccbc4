/* The training items whose labels are most likely wrong: those that a trained classifier gives the
 * highest loss, with the weight that reweighting would give them. */
#ifndef CAIRN_SRC_METHODS_SUSPECTS_H
#define CAIRN_SRC_METHODS_SUSPECTS_H

#include "cairn/cicw.h"
#include "cairn/report.h"
#include "cairn/train.h"

typedef struct cairn__suspect {
    int64_t item;           /* its number in the training split */
    int32_t label, guess;   /* the given class, and the most probable one */
    int32_t truth;          /* the class before noise was added; -1: not known */
    double probability;     /* of the given class */
    double loss, weight;    /* -log probability; weight times the number of items */
} cairn__suspect;

typedef struct cairn__suspects {
    cairn__suspect *list; /* by loss, the highest first; owned */
    int64_t n, items;     /* items: of the training split */
    /* Where the true labels are known: the wrong ones among all items; the chance that a wrong one
     * has a higher loss than a right one; the share that the model predicts as given. Else NaN. */
    int64_t wrong;
    double auc, memorised;
} cairn__suspects;

/* Predicts the training split and ranks it; at most `most` are listed.
 *
 * trained, model  as of cairn_predict()
 * options         give the weights; NULL, or without a divergence: alpha 0.1, lambda 0.1
 *
 * The caller frees `found` with cairn__suspects_free(), also after an error. Errors: those of
 * cairn_predict(). */
bool cairn__suspects_find(const cairn_problem *problem, const cairn_graph *trained,
                          const char *model, const cairn_dataset *data,
                          const cairn_reweight_options *options, int64_t most,
                          cairn__suspects *found, cairn_status *status);
void cairn__suspects_free(cairn__suspects *found);

/* A section: what is known of all, a table, and where items are pictures, these. */
void cairn__suspects_report(const cairn__suspects *found, const cairn_dataset *data,
                            cairn_report *report);

/* The name of a class, or its number in `text`, which must have room for 24 bytes. */
const char *cairn__class_text(const cairn_dataset *data, int32_t label, char text[24]);

#endif
