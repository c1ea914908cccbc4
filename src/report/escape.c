/* Text and numbers as HTML and JSON.
 *
 * Both escape `<`, `>` and `&`, so that a JSON value is safe inside <script> as well and no text of
 * a caller can end the element it stands in. Numbers do not follow the host's locale. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/report.h"

/* Adds the run of plain bytes before `end`, then the replacement. */
static void replaced(cairn__text *out, const char **start, const char *end, const char *by)
{
    cairn__text_add_bytes(out, *start, (size_t)(end - *start));
    cairn__text_add(out, "%s", by);
    *start = end + 1;
}

void cairn__html(cairn__text *out, const char *text)
{
    const char *start = text, *c = text;
    for (; *c; c++) {
        switch (*c) {
        case '&': replaced(out, &start, c, "&amp;"); break;
        case '<': replaced(out, &start, c, "&lt;"); break;
        case '>': replaced(out, &start, c, "&gt;"); break;
        case '"': replaced(out, &start, c, "&quot;"); break;
        case '\'': replaced(out, &start, c, "&#39;"); break;
        default:
            /* HTML has no way to write other control characters. */
            if ((unsigned char)*c < 0x20 && *c != '\n' && *c != '\t')
                replaced(out, &start, c, "\xEF\xBF\xBD");
        }
    }
    cairn__text_add_bytes(out, start, (size_t)(c - start));
}

void cairn__html_format(cairn__text *out, const char *format, va_list arguments)
{
    char small[256];
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(small, sizeof small, format, arguments);
    if (length >= 0 && (size_t)length < sizeof small) {
        cairn__html(out, small);
    } else if (length >= 0) {
        char *large = cairn__alloc((size_t)length + 1, 1, out->status);
        if (large) {
            vsnprintf(large, (size_t)length + 1, format, again);
            cairn__html(out, large);
        }
        cairn__free(large);
    }
    va_end(again);
}

void cairn__json(cairn__text *out, const char *text)
{
    const char *start = text, *c = text;
    cairn__text_add(out, "\"");
    for (; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte >= 0x20 && !strchr("\"\\<>&", *c))
            continue;
        char code[8];
        snprintf(code, sizeof code, "\\u%04x", byte);
        replaced(out, &start, c, code);
    }
    cairn__text_add_bytes(out, start, (size_t)(c - start));
    cairn__text_add(out, "\"");
}

/* "%.*g" with a point even where the locale has a comma. */
static void number(char *out, size_t size, double value, int digits)
{
    snprintf(out, size, "%.*g", CAIRN__MIN(CAIRN__MAX(digits, 1), 17), value);
    char *comma = strchr(out, ',');
    if (comma)
        *comma = '.';
}

void cairn__json_real(cairn__text *out, double value, int digits)
{
    char digits_text[40];
    if (!isfinite(value)) {
        cairn__text_add(out, "null");
        return;
    }
    number(digits_text, sizeof digits_text, value, digits);
    cairn__text_add(out, "%s", digits_text);
}

/* Sets thousands apart in the digits before the point, from five digits on. */
static void grouped(cairn__text *out, const char *digits)
{
    size_t whole = strspn(digits, "0123456789");
    for (size_t i = 0; i < whole; i++) {
        if (whole > 4 && i && (whole - i) % 3 == 0)
            cairn__text_add(out, "\u202f");
        cairn__text_add_bytes(out, digits + i, 1);
    }
    cairn__text_add(out, "%s", digits + whole);
}

void cairn__html_real(cairn__text *out, double value, int digits)
{
    char text[40];
    if (isnan(value)) {
        cairn__text_add(out, "–");
        return;
    }
    number(text, sizeof text, fabs(value), digits);
    cairn__text_add(out, "%s", value < 0 ? "−" : "");
    isinf(value) ? cairn__text_add(out, "∞") : grouped(out, text);
}

void cairn__html_count(cairn__text *out, int64_t value)
{
    char text[24];
    uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
    snprintf(text, sizeof text, "%llu", (unsigned long long)size);
    cairn__text_add(out, "%s", value < 0 ? "−" : "");
    grouped(out, text);
}

void cairn__base64(cairn__text *out, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t b = i + 1 < n ? bytes[i + 1] : 0, c = i + 2 < n ? bytes[i + 2] : 0;
        uint32_t three = (uint32_t)bytes[i] << 16 | b << 8 | c;
        char four[4] = {digits[three >> 18], digits[three >> 12 & 63],
                        i + 1 < n ? digits[three >> 6 & 63] : '=',
                        i + 2 < n ? digits[three & 63] : '='};
        cairn__text_add_bytes(out, four, 4);
    }
}
