/* The patterns by which byte-level BPE parts a text into words, as matchers written by hand. Each
 * function stands beside the expression it matches; \s is White_Space, and a byte that is not UTF-8
 * is a character of no class. */
#include <string.h>

#include "text/vocabulary.h"

static cairn__class class_at(const char *bytes, size_t n, size_t at, size_t *length)
{
    int32_t code;
    *length = cairn__character(bytes + at, n - at, &code);
    return cairn__class_of(code);
}

/* End of the run of characters of one class from `at` on, at most `most` of them. */
static size_t run(const char *bytes, size_t n, size_t at, cairn__class class, size_t most)
{
    for (size_t length; at < n && most > 0 && class_at(bytes, n, at, &length) == class; most--)
        at += length;
    return at;
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d), or without case. U+017F is another case of s. */
static size_t contraction(const char *bytes, size_t n, bool any_case)
{
    static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    if (bytes[0] != '\'')
        return 0;
    if (any_case && n >= 3 && memcmp(bytes + 1, "\xC5\xBF", 2) == 0)
        return 3;
    for (size_t e = 0; e < CAIRN__COUNT(endings); e++) {
        size_t length = strlen(endings[e]), i = 0;
        while (i < length && i + 1 < n &&
               (bytes[i + 1] == endings[e][i] || (any_case && bytes[i + 1] == endings[e][i] - 32)))
            i++;
        if (i == length)
            return length + 1;
    }
    return 0;
}

/* \s+(?!\S)|\s+ for n > 0 bytes that begin with white space: a run but for its last character, for
 * which the next word may have a use. */
static size_t space(const char *bytes, size_t n)
{
    size_t end = 0, last = 0, length;
    while (end < n && class_at(bytes, n, end, &length) == CAIRN__CLASS_SPACE) {
        last = end;
        end += length;
    }
    return end == n || last == 0 ? end : last;
}

/* \s*[\r\n]+ : the run up to its last line end; 0 without one. */
static size_t lines(const char *bytes, size_t n)
{
    size_t end = run(bytes, n, 0, CAIRN__CLASS_SPACE, SIZE_MAX);
    while (end > 0 && bytes[end - 1] != '\n' && bytes[end - 1] != '\r')
        end--;
    return end;
}

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static size_t gpt2(const char *bytes, size_t n)
{
    size_t length = contraction(bytes, n, false);
    if (length > 0)
        return length;
    const size_t at = bytes[0] == ' ' && n > 1;
    const cairn__class class = class_at(bytes, n, at, &length);
    return class == CAIRN__CLASS_SPACE ? space(bytes, n) : run(bytes, n, at, class, SIZE_MAX);
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
 * |\s*[\r\n]+|\s+(?!\S)|\s+ with `digits` for 3 */
static size_t llama3(const char *bytes, size_t n, size_t digits)
{
    size_t first, next, length = contraction(bytes, n, true);
    if (length > 0)
        return length;
    const cairn__class class = class_at(bytes, n, 0, &first);
    if (class == CAIRN__CLASS_LETTER)
        return run(bytes, n, 0, class, SIZE_MAX);
    if (class == CAIRN__CLASS_NUMBER)
        return run(bytes, n, 0, class, digits);
    if (bytes[0] != '\r' && bytes[0] != '\n' && first < n &&
        class_at(bytes, n, first, &next) == CAIRN__CLASS_LETTER)
        return run(bytes, n, first, CAIRN__CLASS_LETTER, SIZE_MAX);
    const size_t at = bytes[0] == ' ';
    length = run(bytes, n, at, CAIRN__CLASS_OTHER, SIZE_MAX);
    if (length > at) {
        while (length < n && (bytes[length] == '\r' || bytes[length] == '\n'))
            length++;
        return length;
    }
    length = lines(bytes, n);
    return length > 0 ? length : space(bytes, n);
}

size_t cairn__pattern_next(cairn__pattern pattern, const char *bytes, size_t n)
{
    if (pattern == CAIRN__PATTERN_GPT2)
        return gpt2(bytes, n);
    return llama3(bytes, n, pattern == CAIRN__PATTERN_LLAMA3 ? 3 : 1);
}
