/* Words as numbers, which is all that duplicates and quality look at. */
#include "text/corpus.h"
#include "text/vocabulary.h"

uint64_t cairn__hash_bytes(const char *bytes, size_t n)
{
    uint64_t hash = CAIRN__FNV_START;
    for (size_t i = 0; i < n; i++)
        hash = cairn__fnv(hash, (unsigned char)bytes[i]);
    return hash;
}

bool cairn__next_word(const char *bytes, size_t n, size_t *at, uint64_t *hash)
{
    while (*at < n && (unsigned char)bytes[*at] <= ' ')
        ++*at;
    if (*at == n)
        return false;
    *hash = CAIRN__FNV_START;
    for (; *at < n && (unsigned char)bytes[*at] > ' '; ++*at) {
        const char c = bytes[*at];
        *hash = cairn__fnv(*hash, (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
    }
    return true;
}
