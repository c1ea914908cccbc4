/* Where batches come from: a split of a data set, or windows of token shards. What a program is fed
 * under which name is all that the loop knows of them. */
#ifndef CAIRN_SRC_TRAIN_SOURCE_H
#define CAIRN_SRC_TRAIN_SOURCE_H

#include "cairn/train.h"

enum { CAIRN__SOURCE_INPUTS = 2 };

typedef struct cairn__source_input {
    const char *name; /* of the graph's input: "x", "label", "tokens" */
    cairn_dtype dtype;
    int64_t elements; /* of one item; 4 bytes each */
} cairn__source_input;

typedef struct cairn__source_batch {
    int64_t epoch, size;                    /* size: items that count */
    const void *data[CAIRN__SOURCE_INPUTS]; /* of each input, borrowed until the next call */
    const cairn_batch *loaded;              /* the same as the loader gave it, or NULL */
} cairn__source_batch;

typedef struct cairn__source {
    cairn_loader *loader; /* one of these two, owned */
    cairn_windows *windows;
    cairn__source_input input[CAIRN__SOURCE_INPUTS];
    int inputs;
} cairn__source;

/* Items of a split. One of data and tokens is NULL. */
int64_t cairn__source_count(const cairn_dataset *data, const cairn_token_data *tokens,
                            cairn_split split);

/* Opens a source, which is all zero before; cairn__source_close() also after an error. Windows know
 * batch, seed, shuffle and drop_last of the options.
 * Errors: those of cairn_loader_new() and cairn_windows_new(). */
bool cairn__source_open(cairn__source *s, const cairn_dataset *data, const cairn_token_data *tokens,
                        cairn_split split, const cairn_loader_options *options,
                        cairn_status *status);
void cairn__source_close(cairn__source *s);

/* As cairn_loader_next() and its like. */
bool cairn__source_next(cairn__source *s, cairn__source_batch *batch, cairn_status *status);
int64_t cairn__source_batches(const cairn__source *s);
cairn_loader_position cairn__source_tell(const cairn__source *s);
bool cairn__source_seek(cairn__source *s, cairn_loader_position position, cairn_status *status);

/* Feeds the items from `first` on to a program of `items` items. */
bool cairn__source_feed(const cairn__source *s, const cairn__source_batch *batch, int64_t first,
                        int64_t items, cairn_program *program, cairn_status *status);

/* The input of that name, or NULL. */
const cairn__source_input *cairn__source_input_find(const cairn__source *s, const char *name);

#endif
