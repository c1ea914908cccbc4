/* Shared by the files of LocoProp. */
#ifndef CAIRN_SRC_LOCOPROP_H
#define CAIRN_SRC_LOCOPROP_H

#include "cairn/locoprop.h"

/* The local problem of a layer whose pre-activation has the gradient `error`. */
cairn_local_problem cairn__locoprop_problem(const cairn_dense *layer, cairn_activation activation,
                                            cairn_tensor error, const cairn_locoprop_options *o);

#endif
