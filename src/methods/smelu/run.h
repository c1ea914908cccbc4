/* A classifier with a smooth activation: the options of `cairn train smelu`, shared with the
 * experiments behind its claims. */
#ifndef CAIRN_SRC_SMELU_RUN_H
#define CAIRN_SRC_SMELU_RUN_H

#include "cairn/cicw.h"
#include "cairn/nn.h"
#include "cairn/optim.h"
#include "methods/method.h"

typedef struct cairn__smelu_model {
    char layers[CAIRN_TEXT_SIZE]; /* sizes of the hidden ones */
    int activation;               /* a cairn_activation_kind, or CAIRN__GSMELU */
    double beta;                  /* width or sharpness; -1: the usual value */
    double alpha;                 /* of gsmelu; -1: as beta */
    double slope_minus, slope_plus, shift;
    bool learn_widths;
    bool normalize;
    char optimizer[CAIRN_TEXT_SIZE];
    char optimizer_options[CAIRN_TEXT_SIZE];
} cairn__smelu_model;

enum { CAIRN__GSMELU = CAIRN_N_ACTIVATIONS };

typedef struct cairn__smelu_run {
    cairn__smelu_model model;
    cairn_reweight_options reweight;
    cairn_update_options update;
} cairn__smelu_run;

extern const cairn__method_section cairn__smelu_sections[];

/* All defaults; the functions of the problem (`run` is borrowed); what no single row can check. */
cairn__smelu_run cairn__smelu_run_defaults(void);
void cairn__smelu_run_problem(const void *run, cairn_problem *problem);
bool cairn__smelu_run_check(const void *run, const cairn_dataset *data, cairn_status *status);

/* Measures the claims: the `reproduce` of the method. */
int cairn__smelu_reproduce(const cairn__reproduction *r, cairn_report_claim *claims, int most,
                           cairn_status *status);

#endif
