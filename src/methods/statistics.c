/* Small-sample statistics for verdicts. */
#include "methods/statistics.h"

#include <math.h>

double cairn__student_quantile(int degrees)
{
    static const double table[] = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646,
                                   2.3060,  2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
                                   2.1314,  2.1199, 2.1098, 2.1009, 2.0930, 2.0860};
    const double z = 1.959964;
    if (degrees < 1)
        return INFINITY;
    if (degrees <= (int)CAIRN__COUNT(table))
        return table[degrees - 1];
    /* The first terms of the expansion in 1 / degrees (Abramowitz and Stegun 26.7.5). */
    double n = degrees, z3 = z * z * z, z5 = z3 * z * z;
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n);
}

cairn__estimate cairn__estimate_mean(const double *values, int n)
{
    cairn__estimate e = {NAN, -INFINITY, INFINITY, n};
    double sum = 0, square = 0;
    for (int i = 0; i < n; i++)
        sum += values[i];
    if (n > 0)
        e.mean = sum / n;
    if (n < 2)
        return e;
    for (int i = 0; i < n; i++)
        square += (values[i] - e.mean) * (values[i] - e.mean);
    double half = cairn__student_quantile(n - 1) * sqrt(square / (n - 1) / n);
    e.lower = e.mean - half;
    e.upper = e.mean + half;
    return e;
}

enum { MOST_VALUES = 256 };

cairn__estimate cairn__estimate_difference(const double *a, const double *b, int n)
{
    double d[MOST_VALUES];
    n = CAIRN__MIN(n, (int)MOST_VALUES);
    for (int i = 0; i < n; i++)
        d[i] = a[i] - b[i];
    return cairn__estimate_mean(d, n);
}

cairn__estimate cairn__estimate_ratio(const double *a, const double *b, int n)
{
    double d[MOST_VALUES];
    n = CAIRN__MIN(n, (int)MOST_VALUES);
    for (int i = 0; i < n; i++)
        d[i] = a[i] / b[i];
    return cairn__estimate_mean(d, n);
}
