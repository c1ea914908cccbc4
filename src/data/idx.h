/* The IDX format of the MNIST files. */
#ifndef CAIRN_SRC_DATA_IDX_H
#define CAIRN_SRC_DATA_IDX_H

#include "data/data.h"

/* True if the bytes start as IDX does: two zeros, which no text has. */
bool cairn__is_idx(const void *bytes, size_t size);

/* Reads one array from memory. The caller owns field->data (cairn__free()), a copy in the byte
 * order of this machine, no longer than the input; field->name stays NULL. Errors:
 * CAIRN_ERR_FORMAT, CAIRN_ERR_MEMORY. */
bool cairn__idx_parse(const void *bytes, size_t size, const char *name, cairn_field *field,
                      cairn_status *status);

#endif
