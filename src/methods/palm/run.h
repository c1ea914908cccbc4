/* A language model on token shards: the options of `cairn train palm`, shared with the experiments
 * behind its claims. */
#ifndef CAIRN_SRC_PALM_RUN_H
#define CAIRN_SRC_PALM_RUN_H

#include "cairn/palm.h"
#include "methods/method.h"

typedef struct cairn__palm_training {
    int64_t context; /* tokens of a window */
    char optimizer[CAIRN_TEXT_SIZE];
    char optimizer_options[CAIRN_TEXT_SIZE];
    double clip; /* largest norm of all gradients */
    double peak; /* FLOPs a second; 0: of a product on this machine */
} cairn__palm_training;

typedef struct cairn__palm_run {
    cairn_palm_options model; /* its vocabulary is that of the shards */
    cairn__palm_training training;
} cairn__palm_run;

extern const cairn__method_section cairn__palm_sections[];

cairn__palm_run cairn__palm_run_defaults(void);
void cairn__palm_run_problem(const void *run, cairn_problem *problem);
bool cairn__palm_run_check(const void *run, const cairn_dataset *data, cairn_status *status);

/* Measures the claims: the `reproduce` of the method. */
int cairn__palm_reproduce(const cairn__reproduction *r, cairn_report_claim *claims, int most,
                          cairn_status *status);

#endif
