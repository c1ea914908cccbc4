/* A whole JSON file as jansson's tree. */
#ifndef CAIRN_SRC_WEIGHTS_JSON_FILE_H
#define CAIRN_SRC_WEIGHTS_JSON_FILE_H

#include <jansson.h>

#include "base/base.h"

/* Reads an object from a file of at most `limit` bytes, no key twice. The caller owns the
 * reference. NULL with CAIRN_ERR_FILE, CAIRN_ERR_FORMAT or CAIRN_ERR_MEMORY. */
json_t *cairn__json_file(const char *path, size_t limit, cairn_status *status);

#endif
