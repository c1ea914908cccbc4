/* Cairn, Noisy Student and SSD: accuracy from data without labels, and what a model does with
 * pictures that are worse than those it was trained on.
 *
 *   1. pseudo-labels   a teacher's probabilities, filtered, balanced, soft or hard
 *   2. losses          distillation with a temperature, and the joint loss of a student
 *   3. corruptions     noise, blur and others in five strengths, and the mean corruption error
 *
 * With labelled items (x, y), unlabelled items x, a teacher's probabilities q(x) and a student's
 * p(x), logits z:
 *
 *     Noisy Student   T on the labelled;  q = T(unlabelled);  T' at least as large, with noise, on
 *                     mean H(y, p) + rho mean H(q, p);  T <- T', again
 *     SSD             T on the labelled;  T' at least as large on both with q = T(unlabelled);
 *                     then a small S on both with q' = T'(unlabelled); no noise
 *     distillation    T on the labelled;  S on both with q = T(unlabelled)
 *
 * The stages themselves are `cairn train ssd`.
 *
 * Sources: Xie, Luong, Hovy, Le 2020, arXiv:1911.04252; Hinton, Vinyals, Dean 2015,
 * arXiv:1503.02531; Hendrycks and Dietterich 2019, arXiv:1903.12261 (corruption error). */
#ifndef CAIRN_SSD_H
#define CAIRN_SSD_H

#include "cairn/loss.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. pseudo-labels ------------------------------------------------------------------------ */

typedef enum cairn_pseudo_kind { CAIRN_PSEUDO_SOFT, CAIRN_PSEUDO_HARD } cairn_pseudo_kind;

/* How the classes that the teacher predicts get the same number of items, `per_class`:
 *
 *   none    every item that is kept, once
 *   topn    the most confident of a class that has more (ties: the earlier item)
 *   repeat  that, and an item of a class with n_c fewer stands floor(per_class / n_c) times, and
 *           once more with the probability of the fraction: the expected count is per_class */
typedef enum cairn_balance {
    CAIRN_BALANCE_NONE,
    CAIRN_BALANCE_TOPN,
    CAIRN_BALANCE_REPEAT
} cairn_balance;

typedef struct cairn_pseudo_options {
    int labels;            /* cairn_pseudo_kind */
    double temperature;    /* soft: q^(1/t), normalised; of the teacher alone */
    double smoothing;      /* hard: (1 - s) on the class, and s / classes on every one */
    double min_confidence; /* an item is kept when its largest q is at least this */
    int balance;           /* cairn_balance */
    int64_t per_class;     /* 0: the mean over the classes that have any, rounded up */
    bool binned;           /* as the published code: the threshold of a class is lowered in steps
                            * of 0.01 until it has per_class items, which are then thinned at
                            * random */
    int64_t pseudo_seed;   /* draws copies and thinning */
} cairn_pseudo_options;

CAIRN_API extern const cairn_option cairn_pseudo_table[];
CAIRN_API cairn_pseudo_options cairn_pseudo_defaults(void);

enum { CAIRN_CONFIDENCE_BINS = 20 };

/* Items in rising order, copies side by side. */
typedef struct cairn_pseudo {
    int64_t n, classes;
    int64_t *item; /* [n], of those that were labelled */
    float *target; /* [n, classes] */
    int64_t *predicted, *kept, *used; /* [classes]: items that the teacher puts there, those at the
                                       * threshold, and rows here with their copies */
    int64_t histogram[CAIRN_CONFIDENCE_BINS]; /* of the largest q of all items, 0 .. 1 */
} cairn_pseudo;

/* q: [items, classes], rows that sum to 1. The caller owns the result: cairn_pseudo_free(). The
 * same q gives the same bytes. Nothing kept is not an error here: n is 0.
 * Errors: CAIRN_ERR_VALUE for options out of range, fewer than 2 classes, or a q that is no
 * probability (the sentence names the row); CAIRN_ERR_MEMORY. */
CAIRN_API bool cairn_pseudo_label(const double *q, int64_t items, int64_t classes,
                                  const cairn_pseudo_options *options, cairn_pseudo *out,
                                  cairn_status *status);
CAIRN_API void cairn_pseudo_free(cairn_pseudo *pseudo);

/* q^(1/temperature), normalised: softmax(z / temperature) from q = softmax(z). One row of
 * `classes`; out may be q. */
CAIRN_API void cairn_sharpen(const double *q, int64_t classes, double temperature, double *out);

/* ---- 2. losses ------------------------------------------------------------------------------- */

/* t^2 KL(softmax(teacher / t) || softmax(student / t)), summed over classes: [B]. The factor keeps
 * the size of gradients at any t; for a large t it is the squared distance of centred logits over
 * twice the classes. No gradient flows to the teacher. student, teacher: logits, f32 [B, classes].
 * Errors (kept by the graph): CAIRN_ERR_VALUE for a temperature that is not above 0. */
CAIRN_API cairn_tensor cairn_distillation_loss(cairn_tensor student, cairn_tensor teacher,
                                               double temperature);

/* The same from probabilities q, f32 [B, classes], that already have the temperature
 * (cairn_sharpen()): t^2 (H(q, softmax(student / t)) - H(q, q)). A q of 0 counts nothing. */
CAIRN_API cairn_tensor cairn_distillation_loss_of(cairn_tensor student, cairn_tensor q,
                                                  double temperature);

/* Mean of `labelled` plus ratio times the mean of `unlabelled`, a scalar: the mean over a joint
 * batch with `ratio` unlabelled examples to a labelled one, times 1 + ratio. A ratio of 0 is the
 * mean of `labelled` itself, and `unlabelled` is not looked at. */
CAIRN_API cairn_tensor cairn_joint_loss(cairn_tensor labelled, cairn_tensor unlabelled,
                                        double ratio);

/* The survival of residual block 1 .. blocks under stochastic depth, falling to `last` in a line:
 * 1 - (1 - last) block / blocks. cairn_stochastic_depth() takes 1 minus this. */
CAIRN_API double cairn_survival(int64_t block, int64_t blocks, double last);

/* ---- 3. corruptions -------------------------------------------------------------------------- */

/* Name and strengths 1 to 5, for pictures of values 0 .. 1. Lengths are for sides of 28 to 32
 * pixels. */
#define CAIRN_CORRUPTIONS(X)                                                                       \
    X(gaussian_noise, "added noise of this deviation", 0.04, 0.08, 0.12, 0.18, 0.26)               \
    X(impulse_noise, "share of pixels made black or white", 0.02, 0.05, 0.09, 0.15, 0.25)          \
    X(blur, "Gaussian blur of this deviation in pixels", 0.5, 0.75, 1, 1.5, 2)                     \
    X(contrast, "distance from the mean times this", 0.75, 0.5, 0.4, 0.3, 0.15)                    \
    X(brightness, "this added", 0.1, 0.2, 0.3, 0.4, 0.5)                                           \
    X(fog, "mixed with white by this share, smoothly uneven", 0.15, 0.25, 0.35, 0.45, 0.55)        \
    X(pixelate, "side in blocks, as a share of its pixels", 0.6, 0.5, 0.4, 0.3, 0.25)              \
    X(shift, "moved by so many pixels in a drawn direction", 1, 2, 3, 4, 5)

typedef enum cairn_corruption {
#define CAIRN_X(name, help, a, b, c, d, e) CAIRN_CORRUPTION_##name,
    CAIRN_CORRUPTIONS(CAIRN_X)
#undef CAIRN_X
    CAIRN_N_CORRUPTIONS
} cairn_corruption;

enum { CAIRN_SEVERITIES = 5 };

CAIRN_API extern const char *const cairn_corruption_names[]; /* NULL-terminated */

/* Changes one picture in place: values 0 .. 1, in channels of [height, width] one after the other
 * (channels first). What is random depends on (seed, item, kind, severity) only.
 * Errors: CAIRN_ERR_VALUE for a kind or severity (1 to 5) that is none; CAIRN_ERR_SHAPE for a size
 * below 1; CAIRN_ERR_MEMORY. */
CAIRN_API bool cairn_corrupt(float *picture, int64_t channels, int64_t height, int64_t width,
                             cairn_corruption kind, int severity, int64_t seed, int64_t item,
                             cairn_status *status);

/* The mean over kinds of sum of error / sum of reference, each over the severities. error,
 * reference: [kinds, CAIRN_SEVERITIES]; reference: those of the model to compare with. NaN when a
 * kind has no error in the reference, or without kinds. */
CAIRN_API double cairn_mean_corruption_error(const double *error, const double *reference,
                                             int64_t kinds);

#ifdef __cplusplus
}
#endif

#endif
