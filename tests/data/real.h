/* Real data sets that a test uses where they are: in the folder that the variable CAIRN_DATA names.
 * Without them the test says so and goes on. */
#ifndef CAIRN_TESTS_DATA_REAL_H
#define CAIRN_TESTS_DATA_REAL_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Writes the path of a file or folder there; false, with a printed line, when it is absent. */
static inline bool real_path(const char *name, char path[1024])
{
    const char *root = getenv("CAIRN_DATA");
    snprintf(path, 1024, "%s/%s", root ? root : "", name);
    if (root && access(path, R_OK) == 0)
        return true;
    printf("skipped: %s, which is looked for in the folder CAIRN_DATA\n", name);
    return false;
}

#endif
