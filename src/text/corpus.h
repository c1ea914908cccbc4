/* What the files about corpora share. */
#ifndef CAIRN_SRC_TEXT_CORPUS_H
#define CAIRN_SRC_TEXT_CORPUS_H

#include "base/base.h"
#include "cairn/corpus.h"

extern const cairn_option cairn__corpus_table[];

/* The text of a page, added to `out`: see cairn_clean(). */
bool cairn__clean_html(const char *bytes, size_t n, cairn__text *out, cairn_status *status);

/* FNV-1a of bytes, and a number whose bits all depend on all bits of x (splitmix64). */
uint64_t cairn__hash_bytes(const char *bytes, size_t n);
static inline uint64_t cairn__mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* The hash of the next word of a text from *at on (a run of bytes above the space, capitals of
 * ASCII as small letters); false at the end. */
bool cairn__next_word(const char *bytes, size_t n, size_t *at, uint64_t *hash);

#endif
