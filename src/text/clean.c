/* Cleaning of text and LaTeX; HTML is in clean_html.c. */
#include <string.h>

#include "text/corpus.h"

/* Ends lines with '\n' only, drops control characters but tabs, blanks at ends of lines, and all
 * but one of empty lines that follow one another, those at both ends wholly. In place. */
static size_t tidy(char *text, size_t n)
{
    size_t to = 0, line = 0;
    int empty = 2; /* empty lines at the end of what is kept, at the start as many as allowed */
    for (size_t i = 0; i <= n; i++) {
        if (i < n && text[i] != '\n') {
            const unsigned char c = (unsigned char)text[i];
            if (c >= 0x20 || c == '\t')
                text[to++] = text[i];
            continue;
        }
        while (to > line && (text[to - 1] == ' ' || text[to - 1] == '\t'))
            to--;
        empty = to > line ? 0 : empty + 1;
        if (empty < 2)
            text[to++] = '\n';
        line = to;
    }
    while (to > 0 && text[to - 1] == '\n')
        to--;
    text[to] = 0;
    return to;
}

/* Position of `word` in n bytes; n when it is not there. */
static size_t find(const char *bytes, size_t n, const char *word)
{
    const char *place = memmem(bytes, n, word, strlen(word));
    return place ? (size_t)(place - bytes) : n;
}

/* The body without comments: a % that no \ stands before, to the end of its line; a line that is
 * nothing but a comment goes wholly, as TeX has it. */
static void latex(const char *bytes, size_t n, cairn__text *out)
{
    static const char begin[] = "\\begin{document}", end[] = "\\end{document}";
    const size_t start = find(bytes, n, begin);
    if (start < n) {
        bytes += start + strlen(begin);
        n -= start + strlen(begin);
    }
    n = find(bytes, n, end);
    bool blank = true; /* of the line so far */
    for (size_t i = 0, length; i < n; i += length) {
        length = bytes[i] == '\\' && i + 1 < n ? 2 : 1;
        if (bytes[i] == '%') {
            const char *stop = memchr(bytes + i, '\n', n - i);
            length = (stop ? (size_t)(stop - bytes) : n) - i + (stop && blank);
            continue;
        }
        cairn__text_add_bytes(out, bytes + i, length);
        blank = bytes[i + length - 1] == '\n' || (blank && (bytes[i] == ' ' || bytes[i] == '\t'));
    }
}

char *cairn_clean(cairn_clean_kind kind, const char *bytes, size_t n, size_t *size,
                  cairn_status *status)
{
    cairn__text out = {.status = status};
    if (!cairn_ok(status))
        return NULL;
    cairn__text_add(&out, "%s", "");
    bool good = true;
    switch (kind) {
    case CAIRN_CLEAN_TEXT: cairn__text_add_bytes(&out, bytes, n); break;
    case CAIRN_CLEAN_HTML: good = cairn__clean_html(bytes, n, &out, status); break;
    case CAIRN_CLEAN_LATEX: latex(bytes, n, &out); break;
    default: good = cairn__fail(status, CAIRN_ERR_VALUE, "clean: kind %d, expected 0 to 2", kind);
    }
    cairn__text_add_bytes(&out, "\n", 1); /* tidy() writes an end of line for the last one, too */
    if (!good || out.failed) {
        cairn__free(out.data);
        return NULL;
    }
    *size = tidy(out.data, out.length - 1);
    return out.data;
}
