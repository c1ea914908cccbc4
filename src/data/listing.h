/* What is in a folder. Names are sorted by their bytes, so that nothing depends on the file system.
 */
#ifndef CAIRN_SRC_DATA_LISTING_H
#define CAIRN_SRC_DATA_LISTING_H

#include "base/base.h"

/* Start from all zero; free `name` with cairn__free(). */
typedef struct cairn__names {
    char **name; /* in an arena */
    size_t n, room;
} cairn__names;

/* Adds the folders in a folder and those files whose names are accepted, both sorted; hidden ones
 * are left out, and links to folders count as files. */
bool cairn__list_folder(const char *path, bool (*accepts)(const char *name), cairn__arena *arena,
                        cairn__names *folders, cairn__names *files, cairn_status *status);

#endif
