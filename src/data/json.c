/* Pieces of JSON: see json.h. */
#include "data/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows of table 3-7 of the Unicode standard: first byte, range of the second, bytes in all. Bytes
 * after the second are 80..BF always. */
static const struct {
    unsigned char from, to, second_from, second_to, length;
} forms[] = {
    {0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

/* Bytes of the character that begins at b, of n that are left; 0 if there is none. */
static size_t character(const unsigned char *b, size_t n)
{
    for (size_t f = 0; f < CAIRN__COUNT(forms); f++) {
        if (b[0] < forms[f].from || b[0] > forms[f].to)
            continue;
        size_t length = forms[f].length;
        if (length > n ||
            (length > 1 && (b[1] < forms[f].second_from || b[1] > forms[f].second_to)))
            return 0;
        for (size_t i = 2; i < length; i++)
            if (b[i] < 0x80 || b[i] > 0xBF)
                return 0;
        return length;
    }
    return 0;
}

size_t cairn__utf8_prefix(const char *bytes, size_t n)
{
    size_t at = 0;
    for (size_t length; at < n; at += length) {
        length = character((const unsigned char *)bytes + at, n - at);
        if (length == 0)
            break;
    }
    return at;
}

/* Bytes at the start of `string` that JSON takes as they are. */
static size_t plain_prefix(const char *string)
{
    size_t n = 0;
    for (unsigned char c; (c = (unsigned char)string[n]) >= 0x20 && c < 0x7F; n++)
        if (c == '"' || c == '\\' || c == '<')
            break;
    return n;
}

void cairn__json_add_string(cairn__text *text, const char *string)
{
    cairn__text_add(text, "\"");
    size_t left = strlen(string);
    for (size_t n; left > 0; string += n, left -= n) {
        unsigned char c = (unsigned char)*string;
        n = plain_prefix(string);
        if (n == 0 && c >= 0x80)
            n = character((const unsigned char *)string, left);
        if (n > 0) {
            cairn__text_add_bytes(text, string, n);
            continue;
        }
        n = 1;
        if (c == '"' || c == '\\')
            cairn__text_add(text, "\\%c", c);
        else
            cairn__text_add(text, "\\u%04x", c >= 0x80 ? 0xFFFDu : (unsigned)c);
    }
    cairn__text_add(text, "\"");
}

void cairn__json_add_number(cairn__text *text, double value)
{
    char number[40];
    if (!isfinite(value)) {
        cairn__text_add(text, "null");
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(number, sizeof number, "%.*g", digits, value);
        if (strtod(number, NULL) == value)
            break;
    }
    /* The program that we are part of may have set a locale with a decimal comma. */
    char *comma = strchr(number, ',');
    if (comma)
        *comma = '.';
    cairn__text_add(text, "%s", number);
}
