/* A curve in one line of a terminal. */
#include <math.h>

#include "report/report.h"

/* The mean of the finite values in from .. to-1; NaN if there is none. */
static double mean(const double *values, int64_t from, int64_t to)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = from; i < to; i++) {
        if (isfinite(values[i])) {
            sum += values[i];
            n++;
        }
    }
    return n ? sum / (double)n : NAN;
}

/* The mean of column `c` of `width`. Shares overlap when there are fewer values than columns. */
static double column(const double *values, int64_t n, int64_t c, int64_t width)
{
    int64_t from = c * n / width, to = (c + 1) * n / width;
    return mean(values, from, CAIRN__MAX(to, from + 1));
}

void cairn__sparkline(const double *values, int64_t n, int64_t width, cairn__text *out)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    enum { LEVELS = CAIRN__COUNT(blocks) };
    double low = INFINITY, high = -INFINITY;
    if (n < 1)
        return;
    for (int64_t c = 0; c < width; c++) {
        double value = column(values, n, c, width);
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    for (int64_t c = 0; c < width; c++) {
        double value = column(values, n, c, width);
        double share = high > low ? (value - low) / (high - low) : 0.5;
        int level = (int)(CAIRN__MIN(share, 1.0) * (LEVELS - 1) + 0.5);
        cairn__text_add(out, "%s", isnan(value) ? " " : blocks[isnan(share) ? 0 : level]);
    }
}
