/* The variables of a graph in a file: what checkpoints need beyond train.h. */
#ifndef CAIRN_SRC_TRAIN_GRAPH_FILE_H
#define CAIRN_SRC_TRAIN_GRAPH_FILE_H

#include "train/train.h"

/* As cairn_graph_save(), with one more array at the end unless `extra` is NULL. */
bool cairn__graph_write(const cairn_graph *graph, const char *path, bool trainable_only,
                        const cairn_field *extra, const char *const *metadata,
                        cairn_status *status);

/* As cairn_graph_load() from an open file; with `all` it must hold every variable. */
bool cairn__graph_read(cairn_graph *graph, const cairn_safetensors *file, const char *path,
                       bool all, cairn_status *status);

#endif
