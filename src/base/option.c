/* Option tables: the only place where an option's name or text is looked at. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

enum { MOST_NAMES = 256 };

static void *field(const cairn_option *row, void *options)
{
    return (char *)options + row->offset;
}

static const void *const_field(const cairn_option *row, const void *options)
{
    return (const char *)options + row->offset;
}

/* ---- spans: 500, 5ep, 20000ex, 10% ----------------------------------------------------------- */

static const char *const units[] = {"", "ep", "ex", "%"};

static bool parse_span(const char *text, cairn_span *span)
{
    char *end;
    double amount = strtod(text, &end);
    if (end == text || !isfinite(amount) || amount < 0)
        return false;
    for (size_t u = 0; u < CAIRN__COUNT(units); u++) {
        if (strcmp(end, units[u]) == 0) {
            *span = (cairn_span){amount, (cairn_span_unit)u};
            return true;
        }
    }
    return false;
}

/* ---- sizes: 4096, 500MB, 2GiB ---------------------------------------------------------------- */

static const struct {
    const char *name;
    int64_t bytes;
} sizes[] = {{"TiB", (int64_t)1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
             {"TB", 1000000000000},     {"GB", 1000000000}, {"MB", 1000000}, {"kB", 1000},
             {"", 1}};

static bool parse_bytes(const char *text, int64_t *bytes)
{
    char *end;
    double amount = strtod(text, &end);
    if (end == text || !isfinite(amount) || amount < 0)
        return false;
    for (size_t i = 0; i < CAIRN__COUNT(sizes); i++) {
        if (strcmp(end, sizes[i].name) != 0)
            continue;
        amount *= (double)sizes[i].bytes;
        if (amount <= 1e18)
            *bytes = (int64_t)amount;
        return amount <= 1e18;
    }
    return false;
}

/* In the largest unit that divides it. */
static int bytes_text(int64_t bytes, char *text, size_t size)
{
    size_t i = 0;
    while (bytes && bytes % sizes[i].bytes)
        i++;
    return snprintf(text, size, "%lld%s", bytes ? (long long)(bytes / sizes[i].bytes) : 0,
                    bytes ? sizes[i].name : "");
}

int64_t cairn_span_steps(cairn_span span, int64_t total, int64_t steps_per_epoch, int64_t batch)
{
    double steps = span.amount;
    switch (span.unit) {
    case CAIRN_STEPS: break;
    case CAIRN_EPOCHS: steps *= (double)steps_per_epoch; break;
    case CAIRN_EXAMPLES: steps /= (double)CAIRN__MAX(batch, 1); break;
    case CAIRN_PERCENT: steps *= (double)total / 100; break;
    }
    return (int64_t)ceil(steps - 1e-9);
}

/* ---- defaults -------------------------------------------------------------------------------- */

static void set_default(const cairn_option *row, void *options)
{
    void *at = field(row, options);
    switch (row->kind) {
    case CAIRN_OPTION_END: break;
    case CAIRN_OPTION_REAL: *(double *)at = row->standard; break;
    case CAIRN_OPTION_BYTES:
    case CAIRN_OPTION_COUNT: *(int64_t *)at = (int64_t)row->standard; break;
    case CAIRN_OPTION_FLAG: *(bool *)at = row->standard != 0; break;
    case CAIRN_OPTION_CHOICE: *(int *)at = (int)row->standard; break;
    case CAIRN_OPTION_TEXT:
    case CAIRN_OPTION_PATH:
        snprintf(at, CAIRN_TEXT_SIZE, "%s", row->standard_text ? row->standard_text : "");
        break;
    case CAIRN_OPTION_SPAN: parse_span(row->standard_text, at); break;
    }
}

void cairn_options_defaults(const cairn_option *table, void *options)
{
    for (const cairn_option *row = table; row->kind; row++)
        set_default(row, options);
}

/* ---- finding --------------------------------------------------------------------------------- */

static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
            return false;
    }
    return *a == *b;
}

const cairn_option *cairn_option_find(const cairn_option *table, const char *name)
{
    for (const cairn_option *row = table; row->kind; row++)
        if (same_name(row->name, name))
            return row;
    return NULL;
}

static bool unknown(const cairn_option *table, const char *name, cairn_status *status)
{
    const char *names[MOST_NAMES];
    size_t n = 0;
    for (const cairn_option *row = table; row->kind && n < MOST_NAMES; row++)
        names[n++] = row->name;
    const char *nearest = cairn__nearest(name, names, n);
    if (nearest)
        return cairn__fail(status, CAIRN_ERR_NAME, "unknown option '%s'; did you mean '%s'?", name,
                           nearest);
    return cairn__fail(status, CAIRN_ERR_NAME, "unknown option '%s'", name);
}

/* ---- reading values -------------------------------------------------------------------------- */

static bool in_range(const cairn_option *row, double value)
{
    return value >= row->from && value <= row->to;
}

static bool set_real(const cairn_option *row, void *at, const char *text, cairn_status *status)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || isnan(value) || !in_range(row, value))
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: '%s', expected a number from %g to %g",
                           row->name, text, row->from, row->to);
    *(double *)at = value;
    return true;
}

static bool set_count(const cairn_option *row, void *at, const char *text, cairn_status *status)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || !in_range(row, (double)value))
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: '%s', expected a whole number from %.0f to %.0f", row->name, text,
                           row->from, row->to);
    *(int64_t *)at = value;
    return true;
}

static bool set_flag(const cairn_option *row, void *at, const char *text, cairn_status *status)
{
    bool yes = !strcmp(text, "true") || !strcmp(text, "yes") || !strcmp(text, "1");
    bool no = !strcmp(text, "false") || !strcmp(text, "no") || !strcmp(text, "0");
    if (!yes && !no)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: '%s', expected true or false", row->name,
                           text);
    *(bool *)at = yes;
    return true;
}

static bool set_choice(const cairn_option *row, void *at, const char *text, cairn_status *status)
{
    cairn__text list = {.status = status};
    for (int i = 0; row->choices[i]; i++) {
        if (same_name(row->choices[i], text)) {
            *(int *)at = i;
            cairn__free(list.data);
            return true;
        }
        cairn__text_add(&list, "%s%s", i ? ", " : "", row->choices[i]);
    }
    if (!list.failed)
        cairn__fail(status, CAIRN_ERR_VALUE, "%s: '%s', expected one of: %s", row->name, text,
                    list.data ? list.data : "");
    cairn__free(list.data);
    return false;
}

static bool set_text(const cairn_option *row, void *at, const char *text, cairn_status *status)
{
    size_t length = strlen(text);
    if (length >= CAIRN_TEXT_SIZE)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: %zu bytes long, expected at most %d",
                           row->name, length, CAIRN_TEXT_SIZE - 1);
    memcpy(at, text, length + 1);
    return true;
}

static bool set_span(const cairn_option *row, void *at, const char *text, cairn_status *status)
{
    cairn_span span;
    if (!parse_span(text, &span) || !in_range(row, span.amount))
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: '%s', expected a length like 500 (steps), 5ep, 20000ex or 10%%",
                           row->name, text);
    *(cairn_span *)at = span;
    return true;
}

static bool set_bytes(const cairn_option *row, void *at, const char *text, cairn_status *status)
{
    return parse_bytes(text, at) ||
           cairn__fail(status, CAIRN_ERR_VALUE, "%s: '%s', expected a size like 500MB or 2GiB",
                       row->name, text);
}

bool cairn_options_set(const cairn_option *table, void *options, const char *name,
                       const char *text, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    const cairn_option *row = cairn_option_find(table, name);
    if (!row)
        return unknown(table, name, status);
    void *at = field(row, options);
    switch (row->kind) {
    case CAIRN_OPTION_REAL: return set_real(row, at, text, status);
    case CAIRN_OPTION_COUNT: return set_count(row, at, text, status);
    case CAIRN_OPTION_FLAG: return set_flag(row, at, text, status);
    case CAIRN_OPTION_CHOICE: return set_choice(row, at, text, status);
    case CAIRN_OPTION_TEXT:
    case CAIRN_OPTION_PATH: return set_text(row, at, text, status);
    case CAIRN_OPTION_SPAN: return set_span(row, at, text, status);
    case CAIRN_OPTION_BYTES: return set_bytes(row, at, text, status);
    case CAIRN_OPTION_END: break;
    }
    return false;
}

/* ---- writing values -------------------------------------------------------------------------- */

/* The shortest text that reads back to the same double. */
static int real_text(double value, char *text, size_t size)
{
    char trial[40];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(trial, sizeof trial, "%.*g", digits, value);
        if (strtod(trial, NULL) == value)
            break;
    }
    return snprintf(text, size, "%s", trial);
}

size_t cairn_option_text(const cairn_option *row, const void *options, char *text, size_t size)
{
    const void *at = const_field(row, options);
    char number[40];
    switch (row->kind) {
    case CAIRN_OPTION_REAL: return (size_t)real_text(*(const double *)at, text, size);
    case CAIRN_OPTION_COUNT:
        return (size_t)snprintf(text, size, "%lld", (long long)*(const int64_t *)at);
    case CAIRN_OPTION_FLAG:
        return (size_t)snprintf(text, size, "%s", *(const bool *)at ? "true" : "false");
    case CAIRN_OPTION_CHOICE:
        return (size_t)snprintf(text, size, "%s", row->choices[*(const int *)at]);
    case CAIRN_OPTION_TEXT:
    case CAIRN_OPTION_PATH: return (size_t)snprintf(text, size, "%s", (const char *)at);
    case CAIRN_OPTION_BYTES: return (size_t)bytes_text(*(const int64_t *)at, text, size);
    case CAIRN_OPTION_SPAN: {
        const cairn_span *span = at;
        real_text(span->amount, number, sizeof number);
        return (size_t)snprintf(text, size, "%s%s", number, units[span->unit]);
    }
    case CAIRN_OPTION_END: break;
    }
    return 0;
}
