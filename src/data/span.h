/* The one bounded reader for binary formats. No format code does pointer arithmetic: it takes bytes
 * and integers from here, in order, and asks once at the end whether all were there.
 *
 *     cairn__reader r = cairn__reader_new(bytes, n, "digits.idx", status);
 *     uint32_t count = cairn__take_u32_be(&r, "count");
 *     const void *items = cairn__take_array(&r, count, 28 * 28, "items");
 *     if (r.failed)
 *         return false;
 *
 * Sticky: after the first failure every call gives zero or NULL, and `status` keeps the sentence,
 * which names the file, the offset and the field. */
#ifndef CAIRN_SRC_DATA_SPAN_H
#define CAIRN_SRC_DATA_SPAN_H

#include "base/base.h"

typedef struct cairn__reader {
    const unsigned char *bytes; /* borrowed */
    size_t size, at;
    const char *name;     /* of the file, for sentences; borrowed */
    cairn_status *status; /* may be NULL */
    bool failed;
} cairn__reader;

cairn__reader cairn__reader_new(const void *bytes, size_t size, const char *name,
                                cairn_status *status);

/* The next n bytes, or the next n elements of `size` bytes; inside the reader's bytes, not copied,
 * not aligned. NULL when they are not all there. */
const unsigned char *cairn__take(cairn__reader *reader, size_t n, const char *field);
const unsigned char *cairn__take_array(cairn__reader *reader, size_t n, size_t size,
                                       const char *field);

/* The next integer: le little endian, be big endian. 0 when it is not there. */
uint8_t cairn__take_u8(cairn__reader *reader, const char *field);
uint16_t cairn__take_u16_le(cairn__reader *reader, const char *field);
uint16_t cairn__take_u16_be(cairn__reader *reader, const char *field);
uint32_t cairn__take_u32_le(cairn__reader *reader, const char *field);
uint32_t cairn__take_u32_be(cairn__reader *reader, const char *field);
uint64_t cairn__take_u64_le(cairn__reader *reader, const char *field);
uint64_t cairn__take_u64_be(cairn__reader *reader, const char *field);

/* Bytes not yet taken. */
size_t cairn__left(const cairn__reader *reader);

/* Fails unless everything was taken; `after` says what came last. */
bool cairn__take_end(cairn__reader *reader, const char *after);

#endif
