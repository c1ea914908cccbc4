/* From CSV to arrays, in two passes over the text: the first checks the shape and learns whether
 * labels are integers, so that the second fills arrays of exactly the right size.
 *
 *     height,width,label         x      [[1.5, 2], [0.5, 3]]
 *     1.5,2,cat            ->    label  [0, 1]
 *     0.5,3,dog                  names  cat, dog     columns  height, width
 */
#include "data/table.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/csv.h"

/* More distinct texts than this are not classes: somebody chose a column of identifiers. It also
 * bounds the cost of keeping them sorted while reading. */
enum { MOST_NAMES = 65536, NO_LABEL = -1 };

typedef struct name_entry {
    const char *text;
    int32_t seen; /* how many distinct names had been seen before it */
} name_entry;

typedef struct import {
    cairn__csv csv;
    const cairn_data_options *options;
    cairn__arena *arena;
    cairn_status *status;
    locale_t locale; /* "C": numbers have a point, whatever the host's locale */
    bool header;
    char **heads; /* cells of the header, or NULL */
    int64_t rows, columns, label;
    bool integers;     /* labels so far are integers */
    name_entry *names; /* sorted by text */
    int32_t name_count, name_capacity;
} import;

/* ---- cells ---------------------------------------------------------------------------------- */

/* Only decimal numbers: strtod() would also take hexadecimal ones, "inf" and "nan", and in a table
 * those are nearly always damage. */
static bool number(const import *in, const char *cell, double *value)
{
    char *end;
    while (*cell == ' ' || *cell == '\t')
        cell++;
    size_t length = strspn(cell, "0123456789+-.eE");
    size_t blanks = strspn(cell + length, " \t");
    *value = strtod_l(cell, &end, in->locale);
    return length > 0 && end == cell + length && !cell[length + blanks] && isfinite(*value);
}

static bool integer(const char *cell, int32_t *value)
{
    char *end;
    if (!isdigit((unsigned char)*cell) && *cell != '-')
        return false;
    errno = 0;
    long long wide = strtoll(cell, &end, 10);
    *value = (int32_t)wide;
    return end != cell && !*end && !errno && wide >= INT32_MIN && wide <= INT32_MAX;
}

static bool fail_cell(import *in, size_t column, const char *expected)
{
    const char *cell = cairn__csv_cell(&in->csv, column);
    if (in->heads)
        return cairn__fail(in->status, CAIRN_ERR_FORMAT,
                           "%s:%lld: column %zu (%.60s): '%.60s', expected %s", in->csv.name,
                           (long long)in->csv.line, column + 1, in->heads[column], cell, expected);
    return cairn__fail(in->status, CAIRN_ERR_FORMAT, "%s:%lld: column %zu: '%.60s', expected %s",
                       in->csv.name, (long long)in->csv.line, column + 1, cell, expected);
}

/* ---- the header and the label column -------------------------------------------------------- */

static bool is_header(const import *in)
{
    double ignored;
    if (in->options->header != CAIRN_CSV_HEADER_AUTO)
        return in->options->header == CAIRN_CSV_HEADER_YES;
    for (size_t i = 0; i < in->csv.columns; i++)
        if (number(in, cairn__csv_cell(&in->csv, i), &ignored))
            return false;
    return true;
}

static bool keep_heads(import *in)
{
    in->heads = cairn__arena_alloc(in->arena, (size_t)in->columns, sizeof *in->heads, in->status);
    for (int64_t i = 0; in->heads && i < in->columns; i++) {
        in->heads[i] =
            cairn__arena_text(in->arena, in->status, "%s", cairn__csv_cell(&in->csv, (size_t)i));
        if (!in->heads[i])
            return false;
    }
    return in->heads != NULL;
}

static int64_t head_called(const import *in, const char *name)
{
    for (int64_t i = 0; in->heads && i < in->columns; i++)
        if (strcasecmp(in->heads[i], name) == 0)
            return i;
    return NO_LABEL;
}

static bool unknown_column(const import *in, const char *wanted)
{
    const char *nearest =
        in->heads ? cairn__nearest(wanted, (const char *const *)in->heads, (size_t)in->columns)
                  : NULL;
    if (nearest)
        return cairn__fail(in->status, CAIRN_ERR_NAME,
                           "%s: no column '%.60s' for the labels; did you mean '%.60s'?",
                           in->csv.name, wanted, nearest);
    return cairn__fail(in->status, CAIRN_ERR_NAME,
                       "%s: no column '%.60s' for the labels, expected %sa number from 1 to %lld, "
                       "last or none",
                       in->csv.name, wanted, in->heads ? "a name of the header, " : "",
                       (long long)in->columns);
}

/* A name in the header wins over a number, and both over the words: a header may well hold "last".
 */
static bool choose_label(import *in)
{
    const char *wanted = in->options->label_column;
    int32_t place;
    if (!*wanted) {
        in->label = head_called(in, "label");
        if (in->label == NO_LABEL)
            in->label = head_called(in, "class");
        return true;
    }
    in->label = head_called(in, wanted);
    if (in->label != NO_LABEL || strcmp(wanted, "none") == 0)
        return true;
    if (strcmp(wanted, "last") == 0)
        in->label = in->columns - 1;
    else if (integer(wanted, &place) && place >= 1 && place <= in->columns)
        in->label = place - 1;
    return in->label != NO_LABEL || unknown_column(in, wanted);
}

static bool start(import *in)
{
    if (!cairn__csv_next(&in->csv))
        return in->csv.failed
                   ? false
                   : cairn__fail(in->status, CAIRN_ERR_FORMAT, "%s: holds no lines", in->csv.name);
    in->columns = (int64_t)in->csv.columns;
    in->header = is_header(in);
    if ((in->header && !keep_heads(in)) || !choose_label(in))
        return false;
    if (in->columns == 1 && in->label == 0)
        return cairn__fail(in->status, CAIRN_ERR_FORMAT,
                           "%s:1: the label is the only column, expected numbers beside it",
                           in->csv.name);
    return true;
}

/* To the first record after the header. */
static void rewind_rows(import *in)
{
    cairn__csv_rewind(&in->csv);
    if (in->header)
        cairn__csv_next(&in->csv);
}

/* ---- first pass ----------------------------------------------------------------------------- */

static bool count_rows(import *in)
{
    int32_t ignored;
    rewind_rows(in);
    int64_t first = in->csv.line;
    in->integers = true;
    while (cairn__csv_next(&in->csv)) {
        if (in->rows == 0 && !in->header)
            first = in->csv.line;
        if ((int64_t)in->csv.columns != in->columns)
            return cairn__fail(in->status, CAIRN_ERR_FORMAT,
                               "%s:%lld: %zu columns, expected %lld as in %s", in->csv.name,
                               (long long)in->csv.line, in->csv.columns, (long long)in->columns,
                               in->header ? "the header" : "the first line");
        if (in->label != NO_LABEL)
            in->integers =
                in->integers && integer(cairn__csv_cell(&in->csv, (size_t)in->label), &ignored);
        in->rows++;
    }
    if (!in->csv.failed && in->rows == 0)
        return cairn__fail(in->status, CAIRN_ERR_FORMAT, "%s:%lld: nothing after the header",
                           in->csv.name, (long long)first);
    return !in->csv.failed;
}

/* ---- second pass ---------------------------------------------------------------------------- */

static bool insert_name(import *in, int32_t at, const char *text)
{
    if (in->name_count == MOST_NAMES)
        return cairn__fail(in->status, CAIRN_ERR_FORMAT,
                           "%s:%lld: more than %d different labels: is column %lld the right one?",
                           in->csv.name, (long long)in->csv.line, MOST_NAMES,
                           (long long)in->label + 1);
    if (in->name_count == in->name_capacity) {
        int32_t capacity = 2 * in->name_capacity + 16;
        name_entry *names = cairn__resize(in->names, (size_t)capacity, sizeof *names, in->status);
        if (!names)
            return false;
        in->names = names;
        in->name_capacity = capacity;
    }
    const char *copy = cairn__arena_text(in->arena, in->status, "%s", text);
    if (!copy)
        return false;
    memmove(in->names + at + 1, in->names + at, (size_t)(in->name_count - at) * sizeof *in->names);
    in->names[at] = (name_entry){copy, in->name_count};
    in->name_count++;
    return true;
}

/* The number that `text` has for now: the order of first appearance. */
static bool name_number(import *in, const char *text, int32_t *value)
{
    int32_t from = 0, to = in->name_count;
    while (from < to) {
        int32_t middle = from + (to - from) / 2;
        int order = strcmp(text, in->names[middle].text);
        if (order == 0) {
            *value = in->names[middle].seen;
            return true;
        }
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    *value = in->name_count;
    return insert_name(in, from, text);
}

static bool fill_label(import *in, int32_t *value)
{
    const char *cell = cairn__csv_cell(&in->csv, (size_t)in->label);
    if (in->integers)
        return integer(cell, value);
    if (!*cell)
        return fail_cell(in, (size_t)in->label, "a label");
    return name_number(in, cell, value);
}

static bool fill_row(import *in, float *x, int32_t *label)
{
    for (size_t i = 0; i < in->csv.columns; i++) {
        double value;
        if ((int64_t)i == in->label)
            continue;
        if (!number(in, cairn__csv_cell(&in->csv, i), &value))
            return fail_cell(in, i, "a number");
        *x = (float)value;
        if (!isfinite(*x++))
            return fail_cell(in, i, "a number that fits f32");
    }
    return in->label == NO_LABEL || fill_label(in, label);
}

static bool fill(import *in, cairn__table *table)
{
    bool labelled = in->label != NO_LABEL;
    int64_t width = in->columns - labelled;
    /* rows * width is less than the cells of the text, which were all read, so it cannot overflow.
     */
    float *x = cairn__alloc((size_t)(in->rows * width), sizeof *x, in->status);
    int32_t *label = labelled ? cairn__alloc((size_t)in->rows, sizeof *label, in->status) : NULL;
    table->x = (cairn_field){"x", CAIRN_DATA_F32, 2, {in->rows, width}, x};
    table->label = (cairn_field){"label", CAIRN_DATA_I32, 1, {in->rows}, label};
    if (!x || (labelled && !label))
        return false;
    rewind_rows(in);
    for (int64_t row = 0; row < in->rows; row++) {
        if (!cairn__csv_next(&in->csv) ||
            !fill_row(in, x + row * width, labelled ? label + row : NULL))
            return false;
    }
    return true;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* Numbers the classes by the order of their bytes, so that the numbers do not depend on the order
 * of the rows. */
static bool sort_classes(import *in, cairn__table *table)
{
    if (!table->label.data || in->integers)
        return true;
    size_t n = (size_t)in->name_count;
    const char **names = cairn__arena_alloc(in->arena, n, sizeof *names, in->status);
    int32_t *place = cairn__alloc(n, sizeof *place, in->status);
    if (!names || !place) {
        cairn__free(place);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        names[i] = in->names[i].text;
        place[in->names[i].seen] = (int32_t)i;
    }
    int32_t *label = (int32_t *)table->label.data;
    for (int64_t row = 0; row < in->rows; row++)
        label[row] = place[label[row]];
    cairn__free(place);
    table->names = names;
    table->classes = (int64_t)n;
    return true;
}

static bool name_columns(import *in, cairn__table *table)
{
    if (!in->heads)
        return true;
    const char **columns =
        cairn__arena_alloc(in->arena, (size_t)in->columns, sizeof *columns, in->status);
    if (!columns)
        return false;
    int64_t n = 0;
    for (int64_t i = 0; i < in->columns; i++)
        if (i != in->label)
            columns[n++] = in->heads[i];
    table->columns = columns;
    return true;
}

bool cairn__table_parse(const char *bytes, size_t size, const char *name,
                        const cairn_data_options *options, cairn__arena *arena, cairn__table *table,
                        cairn_status *status)
{
import in = {.options = options, .arena = arena, .status = status, .label = NO_LABEL };
    *table = (cairn__table){0};
    in.locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!in.locale)
        return cairn__fail_memory(status, 0);
    bool good = cairn__csv_start(&in.csv, bytes, size, name, status) && start(&in) &&
                count_rows(&in) && fill(&in, table) && sort_classes(&in, table) &&
                name_columns(&in, table);
    if (!good) {
        cairn__free((void *)table->x.data);
        cairn__free((void *)table->label.data);
        *table = (cairn__table){0};
    }
    cairn__free(in.names);
    cairn__csv_end(&in.csv);
    freelocale(in.locale);
    return good;
}
