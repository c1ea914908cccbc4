/* Growing texts, and the search for the name that was probably meant. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

static bool reserve(cairn__text *text, size_t more)
{
    if (text->failed)
        return false;
    size_t needed = text->length + more + 1;
    if (needed <= text->capacity)
        return true;
    size_t capacity = CAIRN__MAX(needed, 2 * text->capacity + 64);
    char *data = cairn__resize(text->data, capacity, 1, text->status);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void cairn__text_add(cairn__text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length >= 0 && reserve(text, (size_t)length)) {
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

void cairn__text_add_bytes(cairn__text *text, const void *bytes, size_t n)
{
    if (!reserve(text, n))
        return;
    memcpy(text->data + text->length, bytes, n);
    text->length += n;
    text->data[text->length] = 0;
}

enum { LONGEST_NAME = 64 };

int cairn__edit_distance(const char *a, const char *b)
{
    /* Optimal string alignment over three rows; names longer than LONGEST_NAME are not compared. */
    int rows[3][LONGEST_NAME + 1];
    size_t la = strlen(a), lb = strlen(b);
    if (la > LONGEST_NAME || lb > LONGEST_NAME)
        return INT_MAX;
    for (size_t j = 0; j <= lb; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= la; i++) {
        int *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= lb; j++) {
            int best = before[j - 1] + (a[i - 1] != b[j - 1]);
            best = CAIRN__MIN(best, before[j] + 1);
            best = CAIRN__MIN(best, now[j - 1] + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = CAIRN__MIN(best, earlier[j - 2] + 1);
            now[j] = best;
        }
    }
    return rows[la % 3][lb];
}

const char *cairn__nearest(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    int least = (int)CAIRN__MAX(strlen(word) / 3, (size_t)1) + 1;
    for (size_t i = 0; i < n; i++) {
        if (!names[i])
            continue;
        int distance = cairn__edit_distance(word, names[i]);
        if (distance < least) {
            least = distance;
            best = names[i];
        }
    }
    return best;
}
