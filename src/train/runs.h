/* The listing of runs, and the index that spares it reading. */
#ifndef CAIRN_SRC_TRAIN_RUNS_H
#define CAIRN_SRC_TRAIN_RUNS_H

#include "train/train.h"

typedef struct cairn__found_run {
    cairn_run_entry entry;
    int64_t changed, bytes; /* of its run.json: nanoseconds since 1970, size */
    bool known;             /* the entry is filled in */
} cairn__found_run;

typedef struct cairn__run_list {
    cairn__found_run *found;
    int64_t n, capacity;
} cairn__run_list;

/* Fills an entry from run.json. */
void cairn__found_run_read(cairn__found_run *run);

/* Fills the entries that the index knows, and brings the index up to date with the list. What it
 * cannot do it leaves: the index only saves time. Nothing without SQLite. */
void cairn__index_update(const char *root, cairn__run_list *list);

#endif
