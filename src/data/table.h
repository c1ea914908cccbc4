/* The meaning of CSV: numeric columns and a label column. */
#ifndef CAIRN_SRC_DATA_TABLE_H
#define CAIRN_SRC_DATA_TABLE_H

#include "data/data.h"

typedef struct cairn__table {
    cairn_field x;              /* f32 [rows, columns]; data owned by the caller */
    cairn_field label;          /* i32 [rows]; data owned by the caller, NULL without labels */
    const char *const *columns; /* names of the columns of x, or NULL; in the arena, as are names */
    const char *const *names;   /* of the classes when labels are text, or NULL */
    int64_t classes;            /* entries of names */
} cairn__table;

/* Reads a whole CSV text. Allocates at most 64 bytes for each byte of it.
 * Errors: CAIRN_ERR_FORMAT (file and line), CAIRN_ERR_NAME (label column), CAIRN_ERR_MEMORY. */
bool cairn__table_parse(const char *bytes, size_t size, const char *name,
                        const cairn_data_options *options, cairn__arena *arena, cairn__table *table,
                        cairn_status *status);

#endif
