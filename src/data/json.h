/* The little that this room needs to write JSON, and the check of UTF-8. Writing needs no library:
 * an object is cairn__text_add() with these two for what must be escaped. */
#ifndef CAIRN_SRC_DATA_JSON_H
#define CAIRN_SRC_DATA_JSON_H

#include "base/base.h"

/* Length of the longest prefix that is UTF-8 (RFC 3629: no surrogates, no overlong forms). */
size_t cairn__utf8_prefix(const char *bytes, size_t n);

/* Adds `string` with its quotes. A byte that is not UTF-8 (file names need not be) becomes U+FFFD.
 * '<' is escaped too, so that the text may stand inside an HTML page. */
void cairn__json_add_string(cairn__text *text, const char *string);

/* Adds the shortest decimal that reads back as `value`, whatever the locale; null if not finite. */
void cairn__json_add_number(cairn__text *text, double value);

#endif
