/* What the rooms share of base and users do not see: making errors, memory, arenas, strings. */
#ifndef CAIRN_SRC_BASE_H
#define CAIRN_SRC_BASE_H

#include <stdarg.h>

#include "cairn/base.h"

#define CAIRN__COUNT(array) (sizeof(array) / sizeof *(array))
#define CAIRN__MIN(a, b) ((a) < (b) ? (a) : (b))
#define CAIRN__MAX(a, b) ((a) > (b) ? (a) : (b))

/* ---- errors ---------------------------------------------------------------------------------- */

/* The one place where errors are made: set a breakpoint here. Keeps an error that `status` already
 * holds. Always returns false, so that a function can end with `return cairn__fail(...)`. */
bool cairn__fail(cairn_status *status, cairn_code code, const char *format, ...)
    CAIRN_PRINTF(3, 4);

/* cairn__fail(CAIRN_ERR_MEMORY) with the number of bytes; always false. */
bool cairn__fail_memory(cairn_status *status, size_t bytes);

/* cairn__fail(CAIRN_ERR_FILE): "PATH: cannot VERB: the system's reason", from errno; always false.
 */
bool cairn__fail_errno(cairn_status *status, const char *path, const char *verb);

void cairn__log(cairn_log_level level, const char *format, ...) CAIRN_PRINTF(2, 3);

/* ---- memory ------------------------------------------------------------------------------------
 *
 * All allocation goes through these three, so that tests can count it, cap it and make it fail.
 * Sizes are `n` elements of `size` bytes; an overflow of the product counts as out of memory.
 * n = 0 gives a valid pointer. */

void *cairn__alloc(size_t n, size_t size, cairn_status *status); /* zeroed */
void *cairn__resize(void *old, size_t n, size_t size, cairn_status *status); /* tail not zeroed */
void cairn__free(void *memory);

/* As cairn__alloc(), aligned to 64 bytes (2 MiB and huge pages asked for when large). Not zeroed
 * unless it says so; free with cairn__free(). */
void *cairn__alloc_aligned(size_t bytes, cairn_status *status);

/* For tests: counts calls since the start, and makes the n-th call from now fail (0: none). */
int64_t cairn__alloc_count(void);
void cairn__alloc_fail_after(int64_t calls);

/* ---- arenas ------------------------------------------------------------------------------------
 *
 * Many small things with one lifetime. Blocks double in size; nothing is freed singly. */

typedef struct cairn__arena {
    struct cairn__arena_block *last;
} cairn__arena;

void *cairn__arena_alloc(cairn__arena *arena, size_t n, size_t size, cairn_status *status);
char *cairn__arena_text(cairn__arena *arena, cairn_status *status, const char *format, ...)
    CAIRN_PRINTF(3, 4);
void cairn__arena_free(cairn__arena *arena);

/* ---- strings -----------------------------------------------------------------------------------
 *
 * A growing text, always 0-terminated once anything was added. Sticky: after a failure later calls
 * do nothing. Free `data` with cairn__free(). */

typedef struct cairn__text {
    char *data;
    size_t length, capacity;
    cairn_status *status; /* may be NULL */
    bool failed;
} cairn__text;

void cairn__text_add(cairn__text *text, const char *format, ...) CAIRN_PRINTF(2, 3);
void cairn__text_add_bytes(cairn__text *text, const void *bytes, size_t n);

/* Edit distance of two words with neighbour swaps; used to offer the nearest name. */
int cairn__edit_distance(const char *a, const char *b);

/* Of `n` names (NULL ones skipped) the nearest to `word`, or NULL when none is near enough to be a
 * likely slip. */
const char *cairn__nearest(const char *word, const char *const *names, size_t n);

/* ---- options --------------------------------------------------------------------------------- */

/* Fails with CAIRN_ERR_VALUE when a number of the struct that `table` describes is out of its row's
 * range. Texts were checked when they were read, but a struct can also be filled by hand. */
bool cairn__options_check(const cairn_option *table, const void *options, cairn_status *status);

/* ---- files ----------------------------------------------------------------------------------- */

/* Bytes that somebody else owns. */
typedef struct cairn__bytes {
    const void *data;
    size_t size;
} cairn__bytes;

/* Makes `path` hold the n pieces one after the other, whole or not at all: they go to a new file in
 * the same directory (PATH.tmp-PID-K), which is synced and then renamed over `path`. On any
 * failure, a full disk included, the new file is removed and what was at `path` stays. After true,
 * the content survives a loss of power. A symbolic link at `path` is replaced, not followed.
 * Errors: CAIRN_ERR_FILE. */
bool cairn__write_file_atomically(const char *path, const cairn__bytes *pieces, size_t n,
                                  cairn_status *status);

/* The same for a file that is written as it is made. */
typedef struct cairn__new_file {
    int file;        /* -1: none is open */
    char *path;      /* owned: where the file goes */
    char *temporary; /* owned: where it is */
} cairn__new_file;

/* Start; add bytes at the end; overwrite bytes that were added (as a header whose figures are known
 * last); and the end. Each fails with CAIRN_ERR_FILE. */
bool cairn__new_file_open(cairn__new_file *file, const char *path, cairn_status *status);
bool cairn__new_file_add(cairn__new_file *file, cairn__bytes piece, cairn_status *status);
bool cairn__new_file_put(cairn__new_file *file, size_t offset, cairn__bytes piece,
                         cairn_status *status);
bool cairn__new_file_finish(cairn__new_file *file, cairn_status *status);

/* Removes what was not finished; does nothing after the end. */
void cairn__new_file_drop(cairn__new_file *file);

/* ---- time ------------------------------------------------------------------------------------ */

double cairn__seconds(void); /* monotonic */

#endif
