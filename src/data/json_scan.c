/* JSON from mapped bytes, value by value: see json_scan.h. Source: RFC 8259. */
#include "data/json_scan.h"

#include <stdlib.h>
#include <string.h>

#include "data/json.h"

cairn__scan cairn__scan_new(const void *bytes, size_t size, const char *name, cairn_status *status)
{
    return (cairn__scan){
        .bytes = bytes, .size = size, .name = name, .status = status, .failed = !cairn_ok(status)};
}

bool cairn__scan_fail(cairn__scan *s, const char *expected)
{
    if (s->failed)
        return false;
    s->failed = true;
    return cairn__fail(s->status, CAIRN_ERR_FORMAT, "%s: byte %zu: %s, expected %s", s->name, s->at,
                       s->at < s->size ? "something else" : "the file ends", expected);
}

char cairn__scan_peek(cairn__scan *s)
{
    while (!s->failed && s->at < s->size && strchr(" \t\r\n", s->bytes[s->at]) && s->bytes[s->at])
        s->at++;
    return s->failed || s->at == s->size ? 0 : s->bytes[s->at];
}

bool cairn__scan_open(cairn__scan *s, char bracket)
{
    if (cairn__scan_peek(s) != bracket)
        return cairn__scan_fail(s, bracket == '{' ? "an object" : "a list");
    s->at++;
    return true;
}

bool cairn__scan_more(cairn__scan *s, char closing, bool *first)
{
    char next = cairn__scan_peek(s);
    if (next == closing && !s->failed) {
        s->at++;
        return false;
    }
    if (!*first && next != ',')
        return cairn__scan_fail(s, closing == '}' ? "',' or '}'" : "',' or ']'");
    s->at += !*first && !s->failed;
    *first = false;
    return !s->failed && (cairn__scan_peek(s) || cairn__scan_fail(s, "another entry"));
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* Passes over a text; its bytes between the quotes, and whether escapes are among them. */
static const char *quoted(cairn__scan *s, size_t *n, bool *escapes)
{
    if (cairn__scan_peek(s) != '"') {
        cairn__scan_fail(s, "a text");
        return NULL;
    }
    const size_t start = ++s->at;
    *escapes = false;
    for (; s->at < s->size && s->bytes[s->at] != '"'; s->at++) {
        if ((unsigned char)s->bytes[s->at] < 32) {
            cairn__scan_fail(s, "no control character in a text");
            return NULL;
        }
        if (s->bytes[s->at] == '\\') {
            *escapes = true;
            s->at += s->at + 1 < s->size;
        }
    }
    *n = s->at - start;
    if (s->at == s->size) {
        cairn__scan_fail(s, "the end of a text");
        return NULL;
    }
    s->at++;
    return s->bytes + start;
}

bool cairn__scan_key(cairn__scan *s, char key[CAIRN__SCAN_KEY])
{
    size_t n = 0;
    bool escapes;
    const char *text = quoted(s, &n, &escapes);
    key[0] = 0;
    if (!text)
        return false;
    if (n < CAIRN__SCAN_KEY && !escapes) {
        memcpy(key, text, n);
        key[n] = 0;
    }
    if (cairn__scan_peek(s) != ':')
        return cairn__scan_fail(s, "':'");
    s->at++;
    return true;
}

/* Four hexadecimal digits at text[*i], or -1. */
static int32_t hexadecimal(const char *text, size_t n, size_t *i)
{
    int32_t value = 0;
    for (int k = 0; k < 4; k++, ++*i) {
        const char *digits = "0123456789abcdefABCDEF", *at;
        if (*i >= n || !text[*i] || !(at = strchr(digits, text[*i])))
            return -1;
        int32_t digit = (int32_t)(at - digits);
        value = value * 16 + (digit > 15 ? digit - 6 : digit);
    }
    return value;
}

/* The character of the escape behind a '\\' at text[*i]; -1 for none, or zero. */
static int32_t escaped(const char *text, size_t n, size_t *i)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (*i >= n)
        return -1;
    const char *at = text[*i] ? strchr(from, text[*i]) : NULL;
    if (at) {
        ++*i;
        return to[at - from];
    }
    if (text[(*i)++] != 'u')
        return -1;
    int32_t high = hexadecimal(text, n, i);
    if (high < 0xD800 || high > 0xDFFF)
        return high > 0 ? high : -1;
    if (high > 0xDBFF || n - *i < 6 || text[*i] != '\\' || text[*i + 1] != 'u')
        return -1;
    *i += 2;
    int32_t low = hexadecimal(text, n, i);
    return low < 0xDC00 || low > 0xDFFF ? -1 : 0x10000 + (high - 0xD800) * 1024 + (low - 0xDC00);
}

/* One character as UTF-8; how many bytes. */
static size_t encode(int32_t c, char out[4])
{
    static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 63));
    out[0] = (char)(n == 1 ? c : first[n] | c);
    return n;
}

bool cairn__scan_text(cairn__scan *s, char *out, size_t room)
{
    size_t n = 0, length = 0;
    bool escapes;
    const char *text = quoted(s, &n, &escapes);
    for (size_t i = 0; text && i < n;) {
        char c[4] = {text[i]};
        size_t bytes = 1;
        if (text[i++] == '\\') {
            int32_t character = escaped(text, n, &i);
            if (character < 0)
                return cairn__scan_fail(s, "an escape of JSON in the text before");
            bytes = encode(character, c);
        }
        if (length + bytes >= room)
            return cairn__scan_fail(s, "a shorter text before");
        memcpy(out + length, c, bytes);
        length += bytes;
    }
    out[length] = 0;
    return text && (cairn__utf8_prefix(out, length) == length ||
                    cairn__scan_fail(s, "UTF-8 in the text before"));
}

/* ---- other values ---------------------------------------------------------------------------- */

/* The bytes of a number or a word, at most 63 of them. */
static size_t scalar(cairn__scan *s, char out[64])
{
    size_t n = 0;
    for (cairn__scan_peek(s); !s->failed && s->at < s->size && n < 63; s->at++, n++) {
        char c = s->bytes[s->at];
        bool inside = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == 'E' || c == '+' ||
                      c == '-' || c == '.';
        if (!inside)
            break;
        out[n] = c;
    }
    out[n] = 0;
    return n;
}

double cairn__scan_number(cairn__scan *s)
{
    char text[64], *end;
    const size_t before = s->at;
    size_t n = scalar(s, text);
    double value = strtod(text, &end);
    if (n > 0 && n < 63 && *end == 0 && text[strspn(text, "0123456789+-.eE")] == 0)
        return value;
    s->at = s->failed ? s->at : before;
    cairn__scan_fail(s, "a number");
    return 0;
}

/* Lists and objects inside one another are counted, not called. */
bool cairn__scan_skip(cairn__scan *s)
{
    char closing[CAIRN__SCAN_DEPTH], word[64];
    size_t n = 0, length;
    bool escapes;
    do {
        char c = cairn__scan_peek(s);
        if (c == '{' || c == '[') {
            if (n == CAIRN__SCAN_DEPTH)
                return cairn__scan_fail(s, "at most 64 lists and objects inside one another");
            closing[n++] = c == '{' ? '}' : ']';
            s->at++;
        } else if (n > 0 && c == closing[n - 1]) {
            n--;
            s->at++;
        } else if (n > 0 && (c == ',' || c == ':')) {
            s->at++;
        } else if (c == '"') {
            quoted(s, &length, &escapes);
        } else if (scalar(s, word) == 0) {
            return cairn__scan_fail(s, "a value");
        }
    } while (n > 0 && !s->failed);
    return !s->failed;
}

bool cairn__scan_end(cairn__scan *s)
{
    return (!cairn__scan_peek(s) && s->at == s->size && !s->failed) ||
           cairn__scan_fail(s, "the end of the file");
}
