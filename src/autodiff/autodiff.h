/* Shared by the files of autodiff. */
#ifndef CAIRN_SRC_AUTODIFF_H
#define CAIRN_SRC_AUTODIFF_H

#include "graph/graph.h"

/* Inputs of one node that may have gradients: concat is the only op with more than three. */
enum { CAIRN__MOST_INPUTS = 64 };

#endif
