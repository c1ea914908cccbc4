/* Small-sample statistics for verdicts. */
#ifndef CAIRN_SRC_STATISTICS_H
#define CAIRN_SRC_STATISTICS_H

#include "base/base.h"

/* A mean and its 95 % confidence interval by Student's t with n - 1 degrees of freedom. With fewer
 * than two values the interval is infinite; without any, the mean is NaN. */
typedef struct cairn__estimate {
    double mean, lower, upper;
    int n;
} cairn__estimate;

cairn__estimate cairn__estimate_mean(const double *values, int n);

/* Of the differences a[i] - b[i]: seeds are shared, so what they have in common cancels. */
cairn__estimate cairn__estimate_difference(const double *a, const double *b, int n);

/* Of the quotients a[i] / b[i]. */
cairn__estimate cairn__estimate_ratio(const double *a, const double *b, int n);

/* The 97.5 % quantile of Student's t. */
double cairn__student_quantile(int degrees);

#endif
