/* Prediction difference: see difference.h. All sums run over examples in their order, then over
 * models or pairs in theirs. */
#include "cairn/difference.h"

#include <math.h>
#include <stdlib.h>

#include "base/base.h"

static bool check_counts(int models, int64_t n, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (models < 2 || models > CAIRN_DIFFERENCE_MODELS)
        return cairn__fail(status, CAIRN_ERR_VALUE, "difference of %d models, expected 2 to %d",
                           models, CAIRN_DIFFERENCE_MODELS);
    return n > 0 || cairn__fail(status, CAIRN_ERR_VALUE,
                                "difference over %lld examples, expected at least 1", (long long)n);
}

static bool check(const double *const *p, int models, int64_t n, int width, cairn_status *status)
{
    if (!check_counts(models, n, status))
        return false;
    for (int m = 0; m < models; m++)
        for (int64_t i = 0; i < n * width; i++)
            if (!(p[m][i] >= 0 && isfinite(p[m][i])))
                return cairn__fail(status, CAIRN_ERR_VALUE,
                                   "model %d, example %lld: prediction %g, expected a finite "
                                   "number from 0",
                                   m + 1, (long long)(i / width), p[m][i]);
    return true;
}

static bool check_classes(const double *const *p, int models, int64_t n, int classes,
                          cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (classes < 2)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%d classes, expected at least 2", classes);
    return check(p, models, n, classes, status);
}

/* ---- one number an example ------------------------------------------------------------------- */

/* a / b, or 0 where b is tiny. */
static double quotient(double a, double b)
{
    return b < CAIRN_DIFFERENCE_EPSILON ? 0 : a / b;
}

static void pair_difference(const double *p, const double *q, int64_t n, double *relative,
                            double *absolute)
{
    double sum = 0, share = 0;
    for (int64_t t = 0; t < n; t++) {
        double d = fabs(p[t] - q[t]);
        sum += d;
        share += 2 * quotient(d, p[t] + q[t]);
    }
    *absolute = sum / (double)n;
    *relative = share / (double)n;
}

bool cairn_difference_pairs(const double *const *p, int models, int64_t n, double *relative,
                            double *absolute, cairn_status *status)
{
    if (!check(p, models, n, 1, status))
        return false;
    for (int i = 0; i < models; i++)
        for (int j = 0; j <= i; j++) {
            double r, a;
            pair_difference(p[i], p[j], n, &r, &a);
            if (relative)
                relative[i * models + j] = relative[j * models + i] = r;
            if (absolute)
                absolute[i * models + j] = absolute[j * models + i] = a;
        }
    return true;
}

/* The deviations of one example from its mean over the models. */
static void add_deviations(const double *const *p, int models, int64_t t, cairn_difference *d)
{
    double mean = 0, deviation = 0, square = 0;
    for (int m = 0; m < models; m++)
        mean += p[m][t];
    mean /= models;
    for (int m = 0; m < models; m++) {
        deviation += fabs(p[m][t] - mean);
        square += (p[m][t] - mean) * (p[m][t] - mean);
    }
    d->pd1 += deviation / models;
    d->pd2 += sqrt(square / models);
    d->relative_deviation += quotient(deviation / models, mean);
}

bool cairn_difference_of(const double *const *p, int models, int64_t n, cairn_difference *d,
                         cairn_status *status)
{
    if (!check(p, models, n, 1, status))
        return false;
    double pairs = 0.5 * models * (models - 1), tiny = 0;
    *d = (cairn_difference){0};
    for (int i = 0; i < models; i++)
        for (int j = 0; j < i; j++) {
            double r, a;
            pair_difference(p[i], p[j], n, &r, &a);
            d->relative += r / pairs;
            d->absolute += a / pairs;
            for (int64_t t = 0; t < n; t++)
                tiny += p[i][t] + p[j][t] < CAIRN_DIFFERENCE_EPSILON;
        }
    for (int64_t t = 0; t < n; t++)
        add_deviations(p, models, t, d);
    d->pd1 /= (double)n;
    d->pd2 /= (double)n;
    d->relative_deviation /= (double)n;
    d->tiny = tiny / pairs / (double)n;
    return true;
}

/* ---- classes --------------------------------------------------------------------------------- */

bool cairn_difference_classes(const double *const *p, int models, int64_t n, int classes,
                              double *total, double *per_class, cairn_status *status)
{
    if (!check_classes(p, models, n, classes, status))
        return false;
    double pairs = 0.5 * models * (models - 1);
    for (int c = 0; per_class && c < classes; c++)
        per_class[c] = 0;
    for (int i = 0; i < models; i++)
        for (int j = 0; j <= i; j++) {
            double all = 0;
            for (int64_t t = 0; t < n; t++)
                for (int c = 0; c < classes; c++) {
                    double d = fabs(p[i][t * classes + c] - p[j][t * classes + c]) / (double)n;
                    all += d;
                    if (per_class)
                        per_class[c] += d / pairs;
                }
            if (total)
                total[i * models + j] = total[j * models + i] = all;
        }
    return true;
}

bool cairn_label_predictions(const double *p, int64_t n, int classes, const int32_t *label,
                             double *out, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    for (int64_t t = 0; t < n; t++) {
        if (label[t] < 0 || label[t] >= classes)
            return cairn__fail(status, CAIRN_ERR_VALUE,
                               "example %lld: label %d, expected one of %d classes", (long long)t,
                               (int)label[t], classes);
        out[t] = p[t * classes + label[t]];
    }
    return true;
}

static int most_probable(const double *p, int classes)
{
    int best = 0;
    for (int c = 1; c < classes; c++)
        if (p[c] > p[best])
            best = c;
    return best;
}

bool cairn_churn_pairs(const double *const *p, int models, int64_t n, int classes, double *churn,
                       cairn_status *status)
{
    if (!check_classes(p, models, n, classes, status))
        return false;
    for (int i = 0; i < models; i++)
        for (int j = 0; j <= i; j++) {
            int64_t changed = 0;
            for (int64_t t = 0; t < n; t++)
                changed += most_probable(p[i] + t * classes, classes) !=
                           most_probable(p[j] + t * classes, classes);
            churn[i * models + j] = churn[j * models + i] = (double)changed / (double)n;
        }
    return true;
}

/* ---- rankings -------------------------------------------------------------------------------- */

static int order_of(const double *p, int64_t i, int64_t j)
{
    return (p[i] > p[j]) - (p[i] < p[j]);
}

double cairn_swap_rate(const double *p, const double *q, const int64_t *query, int64_t n,
                       cairn_status *status)
{
    double swaps = 0, pairs = 0;
    if (!cairn_ok(status))
        return NAN;
    for (int64_t i = 0; i < n; i++)
        if (isnan(p[i]) || isnan(q[i])) {
            cairn__fail(status, CAIRN_ERR_VALUE, "item %lld: a score is not a number",
                        (long long)i);
            return NAN;
        }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n && query[j] == query[i]; j++) {
            swaps += 0.5 * abs(order_of(p, i, j) - order_of(q, i, j));
            pairs++;
        }
    return swaps / pairs;
}

/* ---- uncertainty ----------------------------------------------------------------------------- */

double cairn_pairs_mean(const double *pairs, int models, int without)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < models; i++)
        for (int j = 0; j < i; j++)
            if (i != without && j != without) {
                sum += pairs[i * models + j];
                n++;
            }
    return sum / n;
}

double cairn_jackknife_error(const double *x, int n)
{
    double mean = 0, square = 0;
    if (n < 2)
        return NAN;
    for (int i = 0; i < n; i++)
        mean += x[i] / n;
    for (int i = 0; i < n; i++)
        square += (x[i] - mean) * (x[i] - mean);
    return sqrt(square * (n - 1) / n);
}

double cairn_pairs_jackknife(const double *pairs, int models, double *error)
{
    double left_out[CAIRN_DIFFERENCE_MODELS];
    for (int m = 0; m < models && m < CAIRN_DIFFERENCE_MODELS; m++)
        left_out[m] = cairn_pairs_mean(pairs, models, m);
    if (error)
        *error = models > 2 && models <= CAIRN_DIFFERENCE_MODELS
                     ? cairn_jackknife_error(left_out, models)
                     : NAN;
    return cairn_pairs_mean(pairs, models, -1);
}
