/* The grammar of CSV: records and cells, not their meaning (see table.h for that). */
#ifndef CAIRN_SRC_DATA_CSV_H
#define CAIRN_SRC_DATA_CSV_H

#include "base/base.h"

/* A walk over the records of a text in memory. */
typedef struct cairn__csv {
    const char *bytes; /* borrowed, as is name */
    size_t size, at;
    const char *name;
    cairn_status *status;
    int64_t line;      /* where the record read last begins, from 1 */
    int64_t next_line; /* where `at` is */
    bool failed;
    size_t columns;   /* of the record read last */
    cairn__text text; /* its cells, unquoted, each ended by a 0 */
    size_t *starts;   /* where they begin in text */
    size_t capacity;  /* of starts */
} cairn__csv;

/* Starts at the first record, after a byte order mark. Fails for text that is not UTF-8 or holds a
 * 0. */
bool cairn__csv_start(cairn__csv *csv, const char *bytes, size_t size, const char *name,
                      cairn_status *status);

/* Reads the next record; empty lines are passed over. False at the end of the text or with an error
 * (csv->failed). */
bool cairn__csv_next(cairn__csv *csv);

/* Goes back to the first record. */
void cairn__csv_rewind(cairn__csv *csv);

/* Cell i of the record read last, 0-terminated; borrowed until the next record. */
const char *cairn__csv_cell(const cairn__csv *csv, size_t i);

void cairn__csv_end(cairn__csv *csv);

#endif
