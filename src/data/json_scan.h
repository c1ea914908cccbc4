/* Reading JSON that is too large to be held as objects: values are taken in order from mapped
 * bytes, and what is not wanted is passed over. Nothing is allocated.
 *
 *     cairn__scan s = cairn__scan_new(bytes, n, "boxes.json", status);
 *     bool first = true;
 *     cairn__scan_open(&s, '{');
 *     while (cairn__scan_more(&s, '}', &first) && cairn__scan_key(&s, key))
 *         if (strcmp(key, "width") == 0)
 *             width = cairn__scan_number(&s);
 *         else
 *             cairn__scan_skip(&s);
 *
 * Sticky: after the first failure every call gives false or zero, and `status` keeps the sentence,
 * which names file and byte. What is passed over is checked for brackets and texts only. */
#ifndef CAIRN_SRC_DATA_JSON_SCAN_H
#define CAIRN_SRC_DATA_JSON_SCAN_H

#include "base/base.h"

enum { CAIRN__SCAN_DEPTH = 64, CAIRN__SCAN_KEY = 64 };

typedef struct cairn__scan {
    const char *bytes; /* borrowed */
    size_t size, at;
    const char *name; /* borrowed */
    cairn_status *status;
    bool failed;
} cairn__scan;

cairn__scan cairn__scan_new(const void *bytes, size_t size, const char *name, cairn_status *status);

/* Fails at the current byte: "expected WHAT". Always false. */
bool cairn__scan_fail(cairn__scan *scan, const char *expected);

/* The next byte that is no blank, which stays; 0 at the end. */
char cairn__scan_peek(cairn__scan *scan);

/* The bracket that begins an object or a list. */
bool cairn__scan_open(cairn__scan *scan, char bracket);

/* Whether another entry follows; passes over its comma, or over the closing bracket. */
bool cairn__scan_more(cairn__scan *scan, char closing, bool *first);

/* A key and its colon. One that does not fit, or has escapes, becomes "": no key of ours. */
bool cairn__scan_key(cairn__scan *scan, char key[CAIRN__SCAN_KEY]);

/* A number; a text of fewer than `room` bytes, UTF-8, without zeros; any value. */
double cairn__scan_number(cairn__scan *scan);
bool cairn__scan_text(cairn__scan *scan, char *text, size_t room);
bool cairn__scan_skip(cairn__scan *scan);

/* Nothing but blanks may follow. */
bool cairn__scan_end(cairn__scan *scan);

#endif
