/* Ranges of options that were set in C rather than read from text. */
#include "base/base.h"

static bool number_of(const cairn_option *row, const void *options, double *value)
{
    const void *at = (const char *)options + row->offset;
    switch (row->kind) {
    case CAIRN_OPTION_REAL: *value = *(const double *)at; return true;
    case CAIRN_OPTION_BYTES:
    case CAIRN_OPTION_COUNT: *value = (double)*(const int64_t *)at; return true;
    case CAIRN_OPTION_CHOICE: *value = *(const int *)at; return true;
    default: return false;
    }
}

static double greatest(const cairn_option *row)
{
    int n = 0;
    if (row->kind != CAIRN_OPTION_CHOICE)
        return row->to;
    while (row->choices[n])
        n++;
    return n - 1;
}

bool cairn__options_check(const cairn_option *table, const void *options, cairn_status *status)
{
    for (const cairn_option *row = table; row->kind; row++) {
        double value, to;
        if (!number_of(row, options, &value))
            continue;
        to = greatest(row);
        /* Written so that not-a-number is out of range too. */
        if (!(value >= row->from && value <= to))
            return cairn__fail(status, CAIRN_ERR_VALUE, "%s: %g, expected a number from %g to %g",
                               row->name, value, row->from, to);
    }
    return true;
}
