/* CSV as RFC 4180 has it, except that lines may end in LF alone and the last one without either,
 * and that empty lines do not count as records. Cells of a record go to one buffer that grows to
 * the longest record and is then reused: millions of records cost no allocation. */
#include "data/csv.h"

#include <string.h>

#include "data/json.h"

static bool bad(cairn__csv *csv, int64_t line, const char *what)
{
    csv->failed = true;
    return cairn__fail(csv->status, CAIRN_ERR_FORMAT, "%s:%lld: %s", csv->name, (long long)line,
                       what);
}

static bool check_text(cairn__csv *csv)
{
    size_t good = cairn__utf8_prefix(csv->bytes, csv->size);
    const char *zero = memchr(csv->bytes, 0, good);
    if (!zero && good == csv->size)
        return true;
    size_t offset = zero ? (size_t)(zero - csv->bytes) : good;
    int64_t line = 1;
    for (size_t i = 0; i < offset; i++)
        line += csv->bytes[i] == '\n';
    csv->failed = true;
    return cairn__fail(csv->status, CAIRN_ERR_FORMAT, "%s:%lld: offset %zu: %s", csv->name,
                       (long long)line, offset, zero ? "a zero byte, expected text" : "not UTF-8");
}

void cairn__csv_rewind(cairn__csv *csv)
{
    bool mark = csv->size >= 3 && memcmp(csv->bytes, "\xEF\xBB\xBF", 3) == 0;
    csv->at = mark ? 3 : 0;
    csv->line = csv->next_line = 1;
    csv->columns = 0;
}

bool cairn__csv_start(cairn__csv *csv, const char *bytes, size_t size, const char *name,
                      cairn_status *status)
{
    *csv = (cairn__csv){.bytes = bytes, .size = size, .name = name, .status = status};
    csv->text.status = status;
    csv->failed = !cairn_ok(status);
    if (csv->failed || !check_text(csv))
        return false;
    cairn__csv_rewind(csv);
    return true;
}

/* Length of the end of line at offset i: 1 for LF, 2 for CR LF, 0 for anything else. */
static size_t line_end(const cairn__csv *csv, size_t i)
{
    if (i < csv->size && csv->bytes[i] == '\n')
        return 1;
    if (i + 1 < csv->size && csv->bytes[i] == '\r' && csv->bytes[i + 1] == '\n')
        return 2;
    return 0;
}

static bool start_cell(cairn__csv *csv)
{
    if (csv->columns == csv->capacity) {
        size_t capacity = 2 * csv->capacity + 16;
        size_t *starts = cairn__resize(csv->starts, capacity, sizeof *starts, csv->status);
        if (!starts) {
            csv->failed = true;
            return false;
        }
        csv->starts = starts;
        csv->capacity = capacity;
    }
    csv->starts[csv->columns++] = csv->text.length;
    return true;
}

static bool add(cairn__csv *csv, const char *bytes, size_t n)
{
    cairn__text_add_bytes(&csv->text, bytes, n);
    csv->failed |= csv->text.failed;
    return !csv->failed;
}

static bool plain_cell(cairn__csv *csv)
{
    size_t i = csv->at;
    while (i < csv->size && csv->bytes[i] != ',' && !line_end(csv, i)) {
        if (csv->bytes[i] == '"')
            return bad(csv, csv->next_line, "a quote inside a cell that does not begin with one");
        i++;
    }
    bool good = add(csv, csv->bytes + csv->at, i - csv->at);
    csv->at = i;
    return good;
}

/* "a ""quoted"" cell, with commas
 * and lines" */
static bool quoted_cell(cairn__csv *csv)
{
    for (;;) {
        const char *from = csv->bytes + csv->at + 1;
        const char *quote = memchr(from, '"', csv->size - csv->at - 1);
        if (!quote)
            return bad(csv, csv->line, "a quoted cell does not end");
        for (const char *c = from; c < quote; c++)
            csv->next_line += *c == '\n';
        csv->at = (size_t)(quote - csv->bytes) + 1;
        if (csv->at == csv->size || csv->bytes[csv->at] != '"')
            return add(csv, from, (size_t)(quote - from));
        /* Two quotes are one: keep the first, go on after the second. */
        if (!add(csv, from, (size_t)(quote - from) + 1))
            return false;
    }
}

static bool cell(cairn__csv *csv)
{
    if (!start_cell(csv))
        return false;
    bool quoted = csv->at < csv->size && csv->bytes[csv->at] == '"';
    if (!(quoted ? quoted_cell(csv) : plain_cell(csv)))
        return false;
    if (csv->at < csv->size && csv->bytes[csv->at] != ',' && !line_end(csv, csv->at))
        return bad(csv, csv->next_line, "text after a closing quote, expected a comma");
    return add(csv, "", 1);
}

bool cairn__csv_next(cairn__csv *csv)
{
    for (size_t n; (n = line_end(csv, csv->at)) > 0; csv->at += n)
        csv->next_line++;
    if (csv->failed || csv->at == csv->size)
        return false;
    csv->line = csv->next_line;
    csv->columns = 0;
    csv->text.length = 0;
    for (;;) {
        if (!cell(csv))
            return false;
        if (csv->at == csv->size)
            return true;
        size_t n = line_end(csv, csv->at);
        csv->at += CAIRN__MAX(n, (size_t)1); /* the end of the line, or the comma */
        if (n > 0) {
            csv->next_line++;
            return true;
        }
    }
}

const char *cairn__csv_cell(const cairn__csv *csv, size_t i)
{
    return csv->text.data + csv->starts[i];
}

void cairn__csv_end(cairn__csv *csv)
{
    cairn__free(csv->text.data);
    cairn__free(csv->starts);
    csv->text.data = NULL;
    csv->starts = NULL;
}
