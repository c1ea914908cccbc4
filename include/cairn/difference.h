/* Cairn, difference: how much the predictions of models that should be equal differ.
 *
 * Models that are trained alike agree on average and still disagree on single examples. Predictions
 * p are numbers from 0 (probabilities, click rates), double, `n` examples of each of M models:
 *
 *     p1[n], p2[n] ..          const double *p[] = {p1, p2};
 *     cairn_difference d;
 *     cairn_difference_of(p, 2, n, &d, &status);
 *     printf("relative %g, absolute %g\n", d.relative, d.absolute);
 *
 * Compare differences of models of about the same loss only: a model that always predicts the mean
 * agrees with everybody.
 * Source: Shamir, Lin, Coviello 2020, "Smooth activations and reproducibility in deep networks",
 * arXiv:2010.09931; and the announcing article of 2022, from which the relative form is. */
#ifndef CAIRN_DIFFERENCE_H
#define CAIRN_DIFFERENCE_H

#include "cairn/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CAIRN_DIFFERENCE_MODELS = 64 }; /* the most at once */

/* Added to nothing and only compared with: where p + q (or a mean) is below it, the quotient counts
 * as 0, and the example counts in `tiny`. */
#define CAIRN_DIFFERENCE_EPSILON 1e-12

/* Means over the n examples, and over the M (M - 1) / 2 pairs or over the M models. */
typedef struct cairn_difference {
    double relative;           /* pairs: 2 |p - q| / (p + q), from 0 to 2 */
    double absolute;           /* pairs: |p - q| */
    double pd1;                /* models: |p - mean| */
    double pd2;                /* the root of the mean of (p - mean)^2 over the models */
    double relative_deviation; /* models: |p - mean| / mean; half of `relative` for two models */
    double tiny;               /* share of quotients, of pairs, whose divisor was below epsilon */
} cairn_difference;

/* p: M rows of n. Allocates nothing.
 * Errors: CAIRN_ERR_VALUE for fewer than 2 or more than 64 models, no example, or a prediction that
 * is negative or not finite (the sentence names model and example). */
CAIRN_API bool cairn_difference_of(const double *const *p, int models, int64_t n,
                                   cairn_difference *d, cairn_status *status);

/* The relative and the absolute difference of each pair, at [i * models + j] and [j * models + i];
 * the diagonal is 0. relative, absolute: M * M numbers, or NULL. Errors as above. */
CAIRN_API bool cairn_difference_pairs(const double *const *p, int models, int64_t n,
                                      double *relative, double *absolute, cairn_status *status);

/* ---- classes ---------------------------------------------------------------------------------
 *
 * p: M rows of [n, classes], probabilities. Errors as above, and CAIRN_ERR_VALUE for fewer than
 * two classes or a label that is none of them. */

/* The mean over examples of the sum over classes of |p - q|, from 0 to 2, of each pair: `total`;
 * and the same with the examples' classes apart, averaged over pairs: per_class [classes]. Either
 * may be NULL. */
CAIRN_API bool cairn_difference_classes(const double *const *p, int models, int64_t n, int classes,
                                        double *total, double *per_class, cairn_status *status);

/* Copies the probability of each example's label, [n, classes] to [n]: what a relative difference
 * of classifiers is taken of, since over all classes the improbable ones would dominate it. */
CAIRN_API bool cairn_label_predictions(const double *p, int64_t n, int classes,
                                       const int32_t *label, double *out, cairn_status *status);

/* Churn: the share of examples whose most probable class (the first of equals) differs, of each
 * pair: churn [M * M]. */
CAIRN_API bool cairn_churn_pairs(const double *const *p, int models, int64_t n, int classes,
                                 double *churn, cairn_status *status);

/* ---- rankings --------------------------------------------------------------------------------
 */

/* The swap rate of two models: the share of pairs of items of one query whose order differs. A pair
 * that only one of the models ties counts one half. query: [n], items of one query stand together.
 * Returns NaN where no query has two items. Errors: CAIRN_ERR_VALUE for a score that is NaN. */
CAIRN_API double cairn_swap_rate(const double *p, const double *q, const int64_t *query, int64_t n,
                                 cairn_status *status);

/* ---- uncertainty -----------------------------------------------------------------------------
 *
 * Pairs that share a model are not independent, so errors come from leaving out one model at a
 * time. */

/* The mean over the pairs of `models` models without model `without` (-1: all of them). pairs: as
 * cairn_difference_pairs() gives them. */
CAIRN_API double cairn_pairs_mean(const double *pairs, int models, int without);

/* The jackknife error of a statistic from its n values with one model left out each:
 * sqrt((n - 1) / n sum of (x - mean x)^2). NaN for n < 2. */
CAIRN_API double cairn_jackknife_error(const double *left_out, int n);

/* Both at once: the mean over all pairs, and its error (NaN with fewer than 3 models). */
CAIRN_API double cairn_pairs_jackknife(const double *pairs, int models, double *error);

#ifdef __cplusplus
}
#endif

#endif
