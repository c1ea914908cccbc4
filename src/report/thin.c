/* Thinning a curve so that what remains looks the same.
 *
 * A screen has fewer columns than a long run has steps. Between the first and the last point the
 * curve is cut into buckets of nearly equal length, and each keeps its smallest and its largest
 * value: a spike of one step survives, where an average or every k-th point would lose it. */
#include <math.h>

#include "report/report.h"

/* The indices of the smallest and largest finite value in from .. to-1. A bucket that has none
 * keeps its first point, which is drawn as a gap. */
static void extremes(const cairn_report_point *points, int64_t from, int64_t to, int64_t *low,
                     int64_t *high)
{
    *low = *high = -1;
    for (int64_t i = from; i < to; i++) {
        if (!isfinite(points[i].value))
            continue;
        if (*low < 0 || points[i].value < points[*low].value)
            *low = i;
        if (*high < 0 || points[i].value > points[*high].value)
            *high = i;
    }
    if (*low < 0)
        *low = *high = from;
}

int64_t cairn__thin(const cairn_report_point *points, int64_t n, int64_t limit, int64_t *kept)
{
    int64_t count = 0;
    if (n <= limit) {
        while (count < n) {
            kept[count] = count;
            count++;
        }
        return count;
    }
    int64_t buckets = (limit - 2) / 2, inner = n - 2;
    int64_t whole = inner / buckets, rest = inner % buckets; /* the first `rest` have one more */
    kept[count++] = 0;
    for (int64_t b = 0, from = 1; b < buckets; b++) {
        int64_t to = from + whole + (b < rest), low, high;
        extremes(points, from, to, &low, &high);
        kept[count++] = CAIRN__MIN(low, high);
        if (low != high)
            kept[count++] = CAIRN__MAX(low, high);
        from = to;
    }
    kept[count++] = n - 1;
    return count;
}
