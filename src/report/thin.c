/* Thinning a curve so that what remains looks the same.
 *
 * A screen has fewer columns than a long run has steps. Between the first and the last point the
 * curve is cut into buckets of nearly equal length, and each keeps its smallest and its largest
 * value: a spike of one step survives, where an average or every k-th point would lose it. A
 * smoothed curve, on the other hand, must not be made from extremes: noise is rarely symmetric. So
 * each kept point also carries the mean of its bucket. */
#include <math.h>

#include "report/report.h"

/* What one bucket keeps. */
typedef struct bucket {
    int64_t low, high;
    double mean;
} bucket;

/* The smallest and largest finite value in from .. to-1, and the mean of the finite ones. A bucket
 * that has none keeps its first point, which is drawn as a gap. */
static bucket summary(const cairn_report_point *points, const double *levels, int64_t from,
                      int64_t to)
{
    bucket b = {-1, -1, NAN};
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = from; i < to; i++) {
        if (!isfinite(points[i].value))
            continue;
        if (b.low < 0 || points[i].value < points[b.low].value)
            b.low = i;
        if (b.high < 0 || points[i].value > points[b.high].value)
            b.high = i;
        sum += levels ? levels[i] : points[i].value;
        n++;
    }
    if (n)
        b.mean = sum / (double)n;
    else
        b.low = b.high = from;
    return b;
}

int64_t cairn__thin(const cairn_report_point *points, const double *levels, int64_t n,
                    int64_t limit, int64_t *kept, double *means)
{
    const bool all = n <= limit;
    const int64_t buckets = all ? n - 2 : (limit - 2) / 2;
    int64_t count = 0;
    for (int64_t b = -1, from = 0; b <= buckets && from < n; b++) {
        /* The first and the last point are buckets of their own. The others share what is between,
         * the first few one point more than the rest. */
        bool inner = b >= 0 && b < buckets && !all;
        int64_t to = from + (inner ? (n - 2) / buckets + (b < (n - 2) % buckets) : 1);
        bucket one = summary(points, levels, from, to);
        const int64_t two[] = {CAIRN__MIN(one.low, one.high), CAIRN__MAX(one.low, one.high)};
        for (int i = 0; i < 1 + (one.low != one.high); i++) {
            kept[count] = two[i];
            means[count++] = one.mean;
        }
        from = to;
    }
    return count;
}
