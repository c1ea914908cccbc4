/* Cairn, CICW: constrained reweighting for labels that may be wrong.
 *
 *   1. options      one table that any classification method can include
 *   2. weights      of the examples of a batch (CIW), of the classes of an example (CICW)
 *   3. objective    cross-entropy with both
 *   4. mixing       examples mixed by their weights (CICW-Mixup)
 *
 * For losses l_1 .. l_n of a batch, with u = 1/n, CIW takes the weights that solve
 *
 *     min over w   sum of w_i l_i      w >= 0,   sum w = 1,   D(w, u) <= radius
 *
 * and trains on the sum of w_i l_i with w held constant, which by the envelope theorem is the
 * gradient of the minimum. CICW first solves the same for the classes of each example: v near the
 * label y, sum of v_k l_k smallest with l_k = -log p_k; that sum is then the example's loss.
 * Weights are relative to the batch and sum to 1, so nothing is divided by n again. Nothing is kept
 * for an example, and no clean data are needed.
 *
 * Source: Kumar, Amid 2021, "Constrained instance and class reweighting for robust learning under
 * label noise". arXiv:2111.05428 */
#ifndef CAIRN_CICW_H
#define CAIRN_CICW_H

#include "cairn/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. options ------------------------------------------------------------------------------ */

/* What keeps w near uniform, and the weights before they are normalised, with the multiplier lambda
 * of the constraint. D is the divergence that a radius is measured in.
 *
 *   none        1
 *   alpha       max(lambda + (1 - a) l, 0)^(1 / (a-1))    D = (n^(a-1) sum of w^a - 1) / (a (a-1))
 *   kl          exp(-l / lambda)                          D = sum of w log(n w)
 *   reverse_kl  1 / (l + lambda)                          D = -mean of log(n w)
 *   hellinger   (lambda + l / 2)^-2                       D = 4 (1 - sum of sqrt(w / n))
 *   chi2        max(lambda - l, 0)                        D = sum of n (w - 1/n)^2
 *   renyi       as alpha                                  D = log(n^(a-1) sum of w^a) / (a - 1)
 *   tv          `radius` of mass is taken from the highest losses, each down to 0, and given to the
 *               lowest                                    D = sum of |w - 1/n| / 2
 *
 * Only kl and tv are unchanged when a constant is added to all losses; for the others lambda is a
 * level of the loss. Where lambda leaves nothing (chi2 with all losses above it) the lowest loss
 * takes all. */
typedef enum cairn_divergence {
    CAIRN_DIVERGENCE_NONE,
    CAIRN_DIVERGENCE_ALPHA,
    CAIRN_DIVERGENCE_KL,
    CAIRN_DIVERGENCE_REVERSE_KL,
    CAIRN_DIVERGENCE_HELLINGER,
    CAIRN_DIVERGENCE_CHI2,
    CAIRN_DIVERGENCE_RENYI,
    CAIRN_DIVERGENCE_TV
} cairn_divergence;

/* What keeps v near the label y, by at most class_gamma, and the mass that leaves a label that is
 * one class. It goes to the most probable class, k; for `l2` to several. With `tv` this is static
 * hard bootstrapping, v = (1 - gamma) y + gamma e_k (Reed et al. 2015, arXiv:1412.6596).
 *
 *   none       0
 *   tv         gamma                            D = sum of |v - y| / 2
 *   l1         gamma / 2                        D = sum of |v - y|
 *   kl         1 - exp(-gamma)                  D = sum of y log(y / v)
 *   hellinger  1 - (1 - gamma)^2                D = 1 - sum of sqrt(v y)
 *   alpha      1 - (1 - a (1 - a) gamma)^(1/a)  D = (1 - sum of v^a y^(1-a)) / (a (1 - a))
 *   l2         projection of y - tau l          D = sum of (v - y)^2 */
typedef enum cairn_class_divergence {
    CAIRN_CLASS_NONE,
    CAIRN_CLASS_TV,
    CAIRN_CLASS_L1,
    CAIRN_CLASS_KL,
    CAIRN_CLASS_HELLINGER,
    CAIRN_CLASS_ALPHA,
    CAIRN_CLASS_L2
} cairn_class_divergence;

typedef struct cairn_reweight_options {
    int reweight;           /* cairn_divergence, of examples */
    double reweight_alpha;  /* a, of alpha and renyi; 1 is kl, 0 is reverse_kl */
    double reweight_lambda; /* INFINITY: uniform */
    double reweight_radius; /* in place of lambda where above 0, and for tv */
    int class_reweight;     /* cairn_class_divergence */
    double class_gamma;
    double class_alpha;       /* a, of alpha; 0 < a < 1 */
    cairn_span burn_in;       /* first steps, on uniform weights and given labels */
    cairn_span reweight_ramp; /* then so many in which lambda falls to its value, linearly, */
    double reweight_start;    /* from so many times it; a radius is divided by the same factor */
} cairn_reweight_options;

/* Everything starts at "none": a method that includes the table trains as before. */
CAIRN_API extern const cairn_option cairn_reweight_table[];
CAIRN_API cairn_reweight_options cairn_reweight_defaults(void);

/* Turns the spans into steps, for a run of `total` steps, `steps_per_epoch` and `batch` examples a
 * step. Without it only spans in steps are accepted. */
CAIRN_API void cairn_reweight_resolve(cairn_reweight_options *options, int64_t total,
                                      int64_t steps_per_epoch, int64_t batch);

/* ---- 2. weights ------------------------------------------------------------------------------ */

/* The weights of n examples: f32 [n], their sum is 1; no gradient flows through them.
 *
 * losses   f32 [n], of any objective
 * options  NULL for the defaults; burn-in and ramp do not matter here
 *
 * A radius is met by 30 steps of bisection in the graph. Equal losses share their weight, but for
 * tv, which takes the first of them as the highest.
 * Errors (kept by the graph): CAIRN_ERR_SHAPE when losses have not one axis; CAIRN_ERR_VALUE for an
 * option out of range. */
CAIRN_API cairn_tensor cairn_instance_weights(cairn_tensor losses,
                                              const cairn_reweight_options *options);

/* The weights of the classes of each example: f32 [B, classes], of the row's sum of targets; no
 * gradient flows through them.
 *
 * logits   f32 [B, classes], or log-probabilities: what is added to a row does not matter
 * targets  i32 [B], classes (a row with another number, say -1, gets zeros); or f32 [B, classes],
 *          distributions
 * options  as above
 *
 * For classes this is one element-wise pass, but for l2. For distributions tv and l1 sort each row;
 * kl, hellinger, alpha and l2 bisect 30 times.
 * Errors (kept by the graph): CAIRN_ERR_SHAPE, CAIRN_ERR_TYPE, CAIRN_ERR_VALUE. */
CAIRN_API cairn_tensor cairn_class_weights(cairn_tensor logits, cairn_tensor targets,
                                           const cairn_reweight_options *options);

/* ---- 3. objective ---------------------------------------------------------------------------- */

typedef struct cairn_reweighted {
    cairn_tensor loss;      /* scalar to minimise: sum of weights times losses */
    cairn_tensor losses;    /* [B], sum over classes of v_k l_k */
    cairn_tensor weights;   /* [B] */
    cairn_tensor classes;   /* [B, classes], v; without class weights the targets as given */
    cairn_tensor effective; /* scalar, 1 / (B sum of w^2): 1 when uniform, 1/B when one counts */
    cairn_tensor moved;     /* scalar, share of examples whose v is not their label */
    cairn_tensor burning;   /* bool scalar: the burn-in; graph == NULL: there is none */
} cairn_reweighted;

/* Cross-entropy with weights of classes and then of examples, burn-in and ramp by cairn_step().
 * Without both it is the mean of cairn_cross_entropy(), to the bit. logits, targets, options: as of
 * cairn_class_weights(), spans in steps. */
CAIRN_API cairn_reweighted cairn_reweighted_cross_entropy(cairn_tensor logits, cairn_tensor targets,
                                                          const cairn_reweight_options *options);

/* The weights of the examples by another objective: `losses` [B]. */
CAIRN_API cairn_reweighted cairn_reweighted_losses(cairn_tensor losses,
                                                   const cairn_reweight_options *options);

/* ---- 4. mixing ------------------------------------------------------------------------------- */

/* With m = w^power / sum of w^power, partners j(i) and ratios r_i:
 *
 *     x'_i = r_i x_i + (1 - r_i) x_j      y'_i = r_i y_i + (1 - r_i) y_j
 *
 *   none           nothing is mixed
 *   beta           j a random order, r drawn from Beta(a, a) for each example: ordinary mixup
 *                  (Zhang et al. 2018, arXiv:1710.09412)
 *   weight         j a random order, r_i = m_i / (m_i + m_j)
 *   sample         j drawn with probabilities m, with replacement; r from Beta
 *   sample_weight  j drawn with probabilities m, r_i = m_i / (m_i + m_j)
 *   label_smooth   first y_i <- s_i y_i + (1 - s_i) onehot(argmax p_i) with s_i = (m_i - lo) /
 *                  (hi - lo), lo = max(min m - 0.01, 0), hi = min(max m + 0.01, 1); then `beta` */
typedef enum cairn_mixup_kind {
    CAIRN_MIXUP_NONE,
    CAIRN_MIXUP_BETA,
    CAIRN_MIXUP_WEIGHT,
    CAIRN_MIXUP_SAMPLE,
    CAIRN_MIXUP_SAMPLE_WEIGHT,
    CAIRN_MIXUP_LABEL_SMOOTH
} cairn_mixup_kind;

typedef struct cairn_mixup_options {
    int mixup;          /* cairn_mixup_kind */
    double mixup_alpha; /* a of Beta(a, a), 0.05 to 32 */
    double mixup_power;
} cairn_mixup_options;

CAIRN_API extern const cairn_option cairn_mixup_table[];
CAIRN_API cairn_mixup_options cairn_mixup_defaults(void);

typedef struct cairn_mixed {
    cairn_tensor x;       /* as x */
    cairn_tensor targets; /* [B, classes] */
    cairn_tensor partner; /* i32 [B] */
    cairn_tensor ratio;   /* [B] */
} cairn_mixed;

/* x        f32 [B, ..]
 * targets  i32 [B] or f32 [B, classes]
 * logits   f32 [B, classes], of x: for label_smooth, and for the number of classes
 * weights  f32 [B], of cairn_instance_weights(); not used by `beta`
 * burning  bool scalar: while true, ordinary mixup; graph == NULL: never
 *
 * Partners and ratios are fresh in each step; no gradient flows through weights, ratios and y'.
 * Errors (kept by the graph): CAIRN_ERR_SHAPE, CAIRN_ERR_TYPE, CAIRN_ERR_VALUE. */
CAIRN_API cairn_mixed cairn_mix(cairn_tensor x, cairn_tensor targets, cairn_tensor logits,
                                cairn_tensor weights, cairn_tensor burning,
                                const cairn_mixup_options *options);

/* The parts of it, with partners and ratios that are given: ratios m_i / (m_i + m_j) for partner
 * [B]; s_i of label_smooth; x' for x of any shape [B, ..]. */
CAIRN_API cairn_tensor cairn_mix_ratio(cairn_tensor m, cairn_tensor partner);
CAIRN_API cairn_tensor cairn_mix_trust(cairn_tensor m);
CAIRN_API cairn_tensor cairn_mix_rows(cairn_tensor x, cairn_tensor partner, cairn_tensor ratio);

/* n values of Beta(a, a), fresh in each step: f32 of `shape`. By the quantile function, tabulated
 * for 2048 intervals when the graph is built and linear between. */
CAIRN_API cairn_tensor cairn_random_beta(cairn_graph *graph, double a, cairn_shape shape);

#ifdef __cplusplus
}
#endif

#endif
