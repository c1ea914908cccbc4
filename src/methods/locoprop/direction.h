/* How much a LocoProp step looks like a second-order step. */
#ifndef CAIRN_SRC_LOCOPROP_DIRECTION_H
#define CAIRN_SRC_LOCOPROP_DIRECTION_H

#include "methods/locoprop/run.h"

/* With plain gradient descent as inner optimiser at the rate eta = 1 / ||X^T X||_F, below which
 * local objectives fall, after some epochs of training: the cosine of each layer's move V - W with
 * -(X^T X + I / (eta T))^-1 G, and with -G, both averaged over layers and some batches. G = dL/dW.
 * `run` gives model and LocoProp options; its model is trained by LocoProp with these first. */
bool cairn__locoprop_directions(const cairn__locoprop_run *run, const cairn_dataset *data,
                                int64_t seed, int64_t batch, double *second_order, double *gradient,
                                cairn_status *status);

#endif
