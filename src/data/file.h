/* Whole files in memory, unpacked where they are gzip. Every reader of small or middling formats
 * starts here, so that all of them accept FILE and FILE.gz and none of them can be made to unpack
 * a bomb. */
#ifndef CAIRN_SRC_DATA_FILE_H
#define CAIRN_SRC_DATA_FILE_H

#include "base/base.h"

/* Owned bytes; free with cairn__content_free(). */
typedef struct cairn__content {
    unsigned char *data;
    size_t size;
} cairn__content;

/* Reads the regular file `path`; if it starts as gzip does, unpacks it. Neither the file nor what
 * it unpacks to may be longer than `limit` bytes. Errors: CAIRN_ERR_FILE (cannot be opened or read,
 * not a regular file), CAIRN_ERR_FORMAT (gzip cut short or damaged, with the offset),
 * CAIRN_ERR_MEMORY (limit, or out of memory). */
bool cairn__read_file(const char *path, size_t limit, cairn__content *content,
                      cairn_status *status);

/* True if the bytes start as gzip does. */
bool cairn__is_gzip(const void *bytes, size_t size);

/* Unpacks gzip held in memory; several members in a row give their contents in a row. `name` is for
 * sentences. Allocates at most min(limit, 1032 x size) bytes, and twice that while growing. */
bool cairn__gunzip(const void *bytes, size_t size, const char *name, size_t limit,
                   cairn__content *content, cairn_status *status);

/* Opens a regular file for reading and finds its length; -1 with CAIRN_ERR_FILE. The caller closes
 * it. */
int cairn__open_regular(const char *path, size_t *size, cairn_status *status);

/* Maps a regular file for reading; *size bytes. NULL with CAIRN_ERR_FILE, an empty file included.
 * A file that is made shorter by others while it is mapped ends the process, as with any map. */
void *cairn__map_file(const char *path, size_t *size, cairn_status *status);
void cairn__unmap_file(void *map, size_t size);

void cairn__content_free(cairn__content *content);

#endif
