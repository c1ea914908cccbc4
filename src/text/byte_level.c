/* The signs of byte-level BPE. So that pieces are text that can be seen, GPT-2 writes the bytes !
 * to
 * ~, U+00A1 to U+00AC and U+00AE to U+00FF as the characters of these numbers, and the others, in
 * their order, as U+0100, U+0101, ... */
#include "text/vocabulary.h"

static bool is_seen(int code)
{
    return (code >= 0x21 && code <= 0x7E) || (code >= 0xA1 && code <= 0xAC) ||
           (code >= 0xAE && code <= 0xFF);
}

/* The byte for a character; -1. */
static int byte_of(int32_t code)
{
    if (code < 0x100)
        return code >= 0 && is_seen(code) ? code : -1;
    int next = 0x100;
    for (int byte = 0; byte < 0x100; byte++)
        if (!is_seen(byte) && next++ == code)
            return byte;
    return -1;
}

int64_t cairn__unescape_bytes(char *bytes, size_t n)
{
    size_t to = 0;
    int32_t code;
    for (size_t at = 0; at < n;) {
        at += cairn__character(bytes + at, n - at, &code);
        const int byte = byte_of(code);
        if (byte < 0)
            return -1;
        bytes[to++] = (char)byte;
    }
    return (int64_t)to;
}
