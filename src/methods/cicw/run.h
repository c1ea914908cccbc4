/* A classifier on labels that may be wrong: the options of `cairn train cicw`, shared with the
 * experiments behind its claims. */
#ifndef CAIRN_SRC_CICW_RUN_H
#define CAIRN_SRC_CICW_RUN_H

#include "cairn/cicw.h"
#include "cairn/optim.h"
#include "methods/method.h"

typedef enum cairn__cicw_loss {
    CAIRN__CICW_CROSS_ENTROPY,
    CAIRN__CICW_BITEMPERED,
    CAIRN__CICW_NCE_RCE,
    CAIRN__CICW_NCE_MAE
} cairn__cicw_loss;

typedef struct cairn__cicw_model {
    char layers[CAIRN_TEXT_SIZE]; /* sizes of the hidden ones */
    int activation;               /* a cairn_activation_kind */
    int loss;                     /* cairn__cicw_loss */
    double t1, t2, active, passive;
    char optimizer[CAIRN_TEXT_SIZE];
    char optimizer_options[CAIRN_TEXT_SIZE];
} cairn__cicw_model;

typedef struct cairn__cicw_run {
    cairn__cicw_model model;
    cairn_reweight_options reweight;
    cairn_mixup_options mixup;
    cairn_update_options update;
} cairn__cicw_run;

extern const cairn__method_section cairn__cicw_sections[];

/* All defaults; the functions of the problem (`run` is borrowed); what no single row can check. */
cairn__cicw_run cairn__cicw_run_defaults(void);
void cairn__cicw_run_problem(const void *run, cairn_problem *problem);
bool cairn__cicw_run_check(const void *run, const cairn_dataset *data, cairn_status *status);

/* Measures the claims: the `reproduce` of the method. */
int cairn__cicw_reproduce(const cairn__reproduction *r, cairn_report_claim *claims, int most,
                          cairn_status *status);

#endif
