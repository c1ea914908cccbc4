/* Training a stack of dense layers, by LocoProp or by any optimiser: the options of
 * `cairn train locoprop`, shared with the experiments behind its claims. */
#ifndef CAIRN_SRC_LOCOPROP_RUN_H
#define CAIRN_SRC_LOCOPROP_RUN_H

#include "cairn/locoprop.h"
#include "methods/method.h"

typedef enum cairn__locoprop_task { CAIRN__AUTOENCODER, CAIRN__CLASSIFIER } cairn__locoprop_task;

typedef struct cairn__locoprop_model {
    int task;                     /* cairn__locoprop_task */
    char layers[CAIRN_TEXT_SIZE]; /* sizes: of the encoder with the code last, or hidden ones */
    int activation;               /* of hidden layers */
    char optimizer[CAIRN_TEXT_SIZE];
    char optimizer_options[CAIRN_TEXT_SIZE]; /* name=value, name=value */
} cairn__locoprop_model;

typedef struct cairn__locoprop_run {
    cairn__locoprop_model model;
    cairn_locoprop_options local;
    cairn_update_options update;
} cairn__locoprop_run;

extern const cairn__method_section cairn__locoprop_sections[];

/* All defaults; and the functions of the problem. `run` is borrowed. */
cairn__locoprop_run cairn__locoprop_run_defaults(void);
void cairn__locoprop_run_problem(const void *run, cairn_problem *problem);
bool cairn__locoprop_run_check(const void *run, const cairn_dataset *data, cairn_status *status);

/* Measures the claims: the `reproduce` of the method. */
int cairn__locoprop_reproduce(const cairn__reproduction *r, cairn_report_claim *claims, int most,
                              cairn_status *status);

/* Adds pictures of inputs and reconstructions, or nothing for a classifier, to a report. */
bool cairn__locoprop_report(const void *run, struct cairn_trainer *trainer,
                            struct cairn_report *report, cairn_status *status);

/* Builds the model with one output, "reconstruction" f32 [batch, inputs]. */
void cairn__locoprop_reconstruction(const cairn__locoprop_run *run, cairn_graph *g,
                                    const cairn_build *b);

/* Number of inputs of the model for a data set. */
int64_t cairn__locoprop_inputs(const cairn_dataset *data);

/* Builds the model alone on x [batch, inputs]; layers: room for CAIRN_MLP_LAYERS. Returns how many
 * there are, 0 with the graph in error. */
int cairn__locoprop_model_layers(const cairn__locoprop_run *run, cairn_tensor x, int64_t outputs,
                                 cairn_dense *layers);

#endif
