/* The lines of a file, read as they are needed. */
#ifndef CAIRN_SRC_DATA_LINES_H
#define CAIRN_SRC_DATA_LINES_H

#include "base/base.h"

/* Memory: twice the longest line, which is at most `limit` bytes. */
typedef struct cairn__lines {
    const char *path; /* borrowed */
    int file;         /* owned; -1: none */
    char *buffer;     /* owned: kept from file to file */
    size_t start, end, room, limit;
    int64_t line; /* number of the line read last, from 1 */
    bool ended;
} cairn__lines;

/* Opens a file; the lines must be all zero with file -1, or have been opened before. */
bool cairn__lines_open(cairn__lines *lines, const char *path, size_t limit, cairn_status *status);

/* The next line without its end ("\n" or "\r\n"), borrowed until the next call; false at the end or
 * with an error: a line that is longer than the limit or is not UTF-8. A byte order mark at the
 * start of the file is dropped. */
bool cairn__lines_next(cairn__lines *lines, const char **line, size_t *n, cairn_status *status);

void cairn__lines_close(cairn__lines *lines);

#endif
