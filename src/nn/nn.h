/* Shared by the files of nn. */
#ifndef CAIRN_SRC_NN_H
#define CAIRN_SRC_NN_H

#include "cairn/nn.h"
#include "graph/graph.h"

/* x weight + bias over the last axis of x [.., in]: [.., units]. */
cairn_tensor cairn__project(cairn_tensor x, int64_t units, const char *name, bool bias,
                            cairn_init init);

/* All axes but the last as one. */
cairn_tensor cairn__as_rows(cairn_tensor x);

/* The rows [B T, n] as [B, T, n]. */
cairn_tensor cairn__with_time(cairn_tensor rows, int64_t B);

#endif
