/* Cairn, optim: from a loss to updates of the parameters.
 *
 *   1. the optimisers as a list
 *   2. common options: schedule, clipping, weight decay
 *   3. minimising a loss
 *   4. first-order optimisers
 *   5. optimisers with a preconditioner
 *
 * An optimiser adds nodes to the graph that holds the loss: the gradients, the new value of each
 * parameter and the new value of each piece of state, which are assigned at the end of a run.
 * The state of a parameter is the variable PARAMETER/RULE_name, such as "layer1/weight/adam_m".
 *
 * In the formulas x is a parameter, g its gradient, t the number of the step (1 in the first),
 * `rate` the learning rate of the step, and a product of two arrays of one shape is element-wise.
 */
#ifndef CAIRN_OPTIM_H
#define CAIRN_OPTIM_H

#include "cairn/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. the optimisers as a list ------------------------------------------------------------- */

/* What help, reference pages and option readers need to know of an optimiser. Static. */
typedef struct cairn_optimizer {
    const char *name;            /* "adam" */
    const char *purpose;         /* one line, lower case, no full stop */
    const char *source;          /* the paper */
    const cairn_option *options; /* the table of its options; the first row is learning_rate */
    size_t options_size;         /* bytes of that struct */
    bool layers;                 /* works on dense layers instead of parameters: cairn_kfac() */
} cairn_optimizer;

/* All of them, in the order of this header. Returns how many. */
CAIRN_API int cairn_optimizers(const cairn_optimizer *const **list);

/* The one called `name`. NULL with CAIRN_ERR_NAME; the sentence offers the nearest name. */
CAIRN_API const cairn_optimizer *cairn_optimizer_find(const char *name, cairn_status *status);

/* ---- 2. common options ----------------------------------------------------------------------- */

/* The factor by which the learning rate of step s (0 in the first) is multiplied, after a warm-up
 * of W steps, for a training of D steps, with p = (s - W) / (D - W) kept within 0..1:
 *
 *   constant       1
 *   step           schedule_factor ^ floor((s - W) / schedule_interval)
 *   exponential    schedule_factor ^ ((s - W) / schedule_interval)
 *   linear         1 - (1 - final_factor) p
 *   cosine         final_factor + (1 - final_factor) (1 + cos(pi p)) / 2
 *   polynomial     final_factor + (1 - final_factor) (1 - p) ^ power
 *   inverse_sqrt   sqrt(W / max(W, s + 1)), with 1 for W = 0
 *
 * During the warm-up the factor is (s + 1) / W, or s / W with `warmup_from_zero`. With `hold` the
 * schedule is read at multiples of that many steps only: one rate for each epoch, say.
 * Source of cosine: Loshchilov and Hutter 2017, equation 5, without restarts. arXiv:1608.03983 */
typedef enum cairn_schedule {
    CAIRN_SCHEDULE_CONSTANT,
    CAIRN_SCHEDULE_STEP,
    CAIRN_SCHEDULE_EXPONENTIAL,
    CAIRN_SCHEDULE_LINEAR,
    CAIRN_SCHEDULE_COSINE,
    CAIRN_SCHEDULE_POLYNOMIAL,
    CAIRN_SCHEDULE_INVERSE_SQRT
} cairn_schedule;

/* What is done to gradients and rate whatever the optimiser, in this order: clip by value, clip by
 * the norm of all gradients together, add the coupled weight decay, apply the optimiser, subtract
 * the decoupled weight decay. */
typedef struct cairn_update_options {
    int schedule; /* a cairn_schedule */
    cairn_span warmup, duration, schedule_interval, hold;
    bool warmup_from_zero;
    double schedule_factor, final_factor, power;
    double clip_value, clip_norm; /* 0: no clipping */
    double weight_decay;
    bool decoupled_decay; /* x -= rate weight_decay x, instead of g += weight_decay x */
    bool decay_vectors;   /* also parameters of fewer than two axes, such as biases */
} cairn_update_options;

CAIRN_API extern const cairn_option cairn_update_table[];
CAIRN_API cairn_update_options cairn_update_defaults(void);

/* Turns the spans into steps, for a run of `total` steps, `steps_per_epoch` and `batch` examples a
 * step. Without it only spans in steps are accepted where the schedule uses them. */
CAIRN_API void cairn_update_resolve(cairn_update_options *options, int64_t total,
                                    int64_t steps_per_epoch, int64_t batch);

/* `rate` times the factor of the schedule in the current step: f32 scalar, a function of
 * cairn_step(). options: NULL for the defaults.
 * Errors (kept by the graph): CAIRN_ERR_VALUE for options out of range. */
CAIRN_API cairn_tensor cairn_learning_rate(cairn_graph *graph, double rate,
                                           const cairn_update_options *options);

/* The square root of the sum of all squares of n tensors: f32 scalar. */
CAIRN_API cairn_tensor cairn_global_norm(const cairn_tensor *x, int n);

/* ---- 3. minimising a loss -------------------------------------------------------------------- */

/* One step of the optimiser called `name` for every trainable parameter through which a gradient
 * flows to `loss`.
 *
 * loss      scalar, f32
 * options   the options struct of that optimiser, copied, or NULL for its defaults
 * common    copied, or NULL for the defaults
 *
 * Errors (kept by the graph): CAIRN_ERR_NAME for an unknown optimiser, CAIRN_ERR_VALUE for an
 * option out of range, CAIRN_ERR_SHAPE when loss is not a scalar, CAIRN_ERR_STATE when the loss
 * depends on no parameter, a parameter is assigned already, or the optimiser works on layers. */
CAIRN_API void cairn_minimize(cairn_tensor loss, const char *name, const void *options,
                              const cairn_update_options *common);

/* The same for the n given parameters only; all others stay as they are. */
CAIRN_API void cairn_minimize_over(cairn_tensor loss, const cairn_tensor *parameters, int n,
                                   const char *name, const void *options,
                                   const cairn_update_options *common);

/* The same with gradients that the caller computed (clipped, averaged, made private):
 * gradients[i] has the shape of parameters[i]. */
CAIRN_API void cairn_apply_gradients(const cairn_tensor *parameters, const cairn_tensor *gradients,
                                     int n, const char *name, const void *options,
                                     const cairn_update_options *common);

/* Optimisers whose preconditioner is renewed only every few steps assign it in the set "refresh".
 * The number of steps between two runs of the program that cairn_compile_updates() makes of that
 * set, or 0 when the optimiser with these options needs none. A loop runs that program before step
 * s (0 in the first) when s > 0 and s is a multiple of the interval. options: of the optimiser
 * called `name`, "kfac" included, or NULL for the defaults. */
#define CAIRN_REFRESH "refresh"
CAIRN_API int64_t cairn_refresh_interval(const char *name, const void *options);

/* ---- 4. first-order optimisers ------------------------------------------------------------------
 *
 * Each call below is cairn_minimize() with that optimiser and the default common options; loss,
 * options and errors are as there. */

/* x -= rate g. State: none.
 * Source: Robbins and Monro 1951. */
typedef struct cairn_sgd_options {
    double learning_rate;
} cairn_sgd_options;
CAIRN_API cairn_sgd_options cairn_sgd_defaults(void);
CAIRN_API void cairn_sgd(cairn_graph *g, cairn_tensor loss, const cairn_sgd_options *options);

/* u = momentum u + g     x -= rate u
 * State: u, of x's shape.
 * Source: Polyak 1964, equation 9. */
typedef struct cairn_momentum_options {
    double learning_rate, momentum;
} cairn_momentum_options;
CAIRN_API cairn_momentum_options cairn_momentum_defaults(void);
CAIRN_API void cairn_momentum(cairn_graph *g, cairn_tensor loss,
                              const cairn_momentum_options *options);

/* u = momentum u + g     x -= rate (g + momentum u)
 * State: u, of x's shape.
 * Source: Nesterov 1983, in the form of Sutskever et al. 2013, section 2. */
typedef struct cairn_nesterov_options {
    double learning_rate, momentum;
} cairn_nesterov_options;
CAIRN_API cairn_nesterov_options cairn_nesterov_defaults(void);
CAIRN_API void cairn_nesterov(cairn_graph *g, cairn_tensor loss,
                              const cairn_nesterov_options *options);

/* s = s + g^2     x -= rate g / sqrt(s)
 * State: s, of x's shape, epsilon at first.
 * Source: Duchi, Hazan, Singer 2011, figure 1, diagonal case. */
typedef struct cairn_adagrad_options {
    double learning_rate, epsilon;
} cairn_adagrad_options;
CAIRN_API cairn_adagrad_options cairn_adagrad_defaults(void);
CAIRN_API void cairn_adagrad(cairn_graph *g, cairn_tensor loss,
                             const cairn_adagrad_options *options);

/* v = decay v + (1 - decay) g^2, then with variant
 *   inside_root    u = momentum u + rate g / sqrt(v + epsilon)      x -= u
 *   outside_root   u = momentum u + g / (sqrt(v) + epsilon)         x -= rate u
 * State: v, of x's shape, v0 at first; u, when momentum is not 0.
 * Source: Hinton 2012, Neural Networks for Machine Learning, lecture 6e; momentum: Graves 2013,
 * equations 38 to 45, without the mean. arXiv:1308.0850 */
typedef struct cairn_rmsprop_options {
    double learning_rate, decay, momentum, epsilon, v0;
    int variant; /* 0: inside_root, 1: outside_root */
} cairn_rmsprop_options;
CAIRN_API cairn_rmsprop_options cairn_rmsprop_defaults(void);
CAIRN_API void cairn_rmsprop(cairn_graph *g, cairn_tensor loss,
                             const cairn_rmsprop_options *options);

/* m = beta1 m + (1 - beta1) g     v = beta2 v + (1 - beta2) g^2
 * x -= rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
 * State: m and v, of x's shape.
 * Source: Kingma and Ba 2015, algorithm 1. arXiv:1412.6980 */
typedef struct cairn_adam_options {
    double learning_rate, beta1, beta2, epsilon;
} cairn_adam_options;
CAIRN_API cairn_adam_options cairn_adam_defaults(void);
CAIRN_API void cairn_adam(cairn_graph *g, cairn_tensor loss, const cairn_adam_options *options);

/* As Adam, and x -= rate weight_decay x, with the old x.
 * State: m and v, of x's shape.
 * Source: Loshchilov and Hutter 2019, algorithm 2, with the rate as schedule multiplier.
 * arXiv:1711.05101 */
typedef struct cairn_adamw_options {
    double learning_rate, beta1, beta2, epsilon, weight_decay;
} cairn_adamw_options;
CAIRN_API cairn_adamw_options cairn_adamw_defaults(void);
CAIRN_API void cairn_adamw(cairn_graph *g, cairn_tensor loss, const cairn_adamw_options *options);

/* Second moments of a matrix kept as row means r and column means c of g^2 + epsilon1:
 *
 *   r = b r + (1 - b) mean over columns     c = b c + (1 - b) mean over rows
 *   b = 1 - t^-decay_power
 *   v = r c / mean(r)     u = g / sqrt(v)     u = u / max(1, rms(u) / clip)
 *   x -= a u     with a = rate, or min(rate, 1 / sqrt(t)) with `relative_step`,
 *                times max(epsilon2, rms(x)) with `scale_parameter`
 *
 * With `momentum` m = momentum m + (1 - momentum) a u, and x -= m. With `rate_decay` x is first
 * multiplied by 1 - rate^2, the rate before it is scaled by x. So PaLM is trained: momentum 0.9,
 * rate_decay, without `factored`.
 *
 * State: r and c; or v, of x's shape, for fewer than two axes and without `factored`; m with a
 * momentum. More than two axes count as a batch of matrices.
 * Source: Shazeer and Stern 2018, algorithms 4 and 5 and section 9. arXiv:1804.04235; rate_decay:
 * Chowdhery et al. 2022, section 5. arXiv:2204.02311 */
typedef struct cairn_adafactor_options {
    double learning_rate, epsilon1, epsilon2, clip, decay_power;
    bool relative_step, scale_parameter, factored;
    double momentum;
    bool rate_decay;
} cairn_adafactor_options;
CAIRN_API cairn_adafactor_options cairn_adafactor_defaults(void);
CAIRN_API void cairn_adafactor(cairn_graph *g, cairn_tensor loss,
                               const cairn_adafactor_options *options);

/* a = trust |x| / (|g| + weight_decay |x|), 1 where |x| or |g| is 0
 * u = momentum u + rate a (g + weight_decay x)     x -= u
 * State: u, of x's shape.
 * Source: You, Gitman, Ginsburg 2017, algorithm 1. arXiv:1708.03888 */
typedef struct cairn_lars_options {
    double learning_rate, momentum, weight_decay, trust;
} cairn_lars_options;
CAIRN_API cairn_lars_options cairn_lars_defaults(void);
CAIRN_API void cairn_lars(cairn_graph *g, cairn_tensor loss, const cairn_lars_options *options);

/* d = direction of Adam + weight_decay x     x -= rate |x| / |d| d
 * The quotient of norms is 1 where one of them is 0.
 * State: m and v, of x's shape.
 * Source: You et al. 2020, algorithm 2, with the identity for phi. arXiv:1904.00962 */
typedef struct cairn_lamb_options {
    double learning_rate, beta1, beta2, epsilon, weight_decay;
} cairn_lamb_options;
CAIRN_API cairn_lamb_options cairn_lamb_defaults(void);
CAIRN_API void cairn_lamb(cairn_graph *g, cairn_tensor loss, const cairn_lamb_options *options);

/* ---- 5. optimisers with a preconditioner ----------------------------------------------------- */

/* For a matrix, with b = 1 - beta2, or 1 for sums (beta2 = 1):
 *
 *   l = beta2 l + b g g^T     r = beta2 r + b g^T g
 *   d = (l + epsilon I)^(-1/4) g (r + epsilon I)^(-1/4)
 *   d = d |s| / |d|                 where s is the step of the optimiser `graft`; d = s for the
 *   u = momentum u + d              first `start_step` steps
 *   x -= rate u
 *
 * A vector has l only, with exponent -1/2; more than two axes count as one matrix whose columns are
 * the last axis. Rows and columns are cut into blocks of at most `block_size`, which have an l and
 * an r each.
 *
 * With root_interval 1 the roots are computed in each step. With a larger one they are states that
 * the set "refresh" renews: the loop runs cairn_compile_updates(graph, device, CAIRN_REFRESH, ..)
 * after every root_interval steps; until the first time they are identities.
 *
 * State, for each block: l, r, and both roots with a larger interval; of x's shape: the mean or sum
 * of squares of `graft`, and u when momentum is not 0.
 * Source: Gupta, Koren, Singer 2018, algorithms 1 and 2, arXiv:1802.09568; blocks and grafting:
 * Anil et al. 2020, arXiv:2002.09018. */
typedef struct cairn_shampoo_options {
    double learning_rate, momentum, beta2, epsilon;
    int64_t block_size, root_interval, start_step;
    int graft; /* 0: none, 1: sgd, 2: adagrad, 3: rmsprop */
    double graft_decay, graft_epsilon;
} cairn_shampoo_options;
CAIRN_API cairn_shampoo_options cairn_shampoo_defaults(void);
CAIRN_API void cairn_shampoo(cairn_graph *g, cairn_tensor loss,
                             const cairn_shampoo_options *options);

/* What the outputs of a network describe: z is the z of the last layer. */
typedef enum cairn_output_kind {
    CAIRN_OUTPUT_BERNOULLI,   /* each a probability: sigmoid(z) */
    CAIRN_OUTPUT_CATEGORICAL, /* one of several classes: softmax(z) */
    CAIRN_OUTPUT_GAUSSIAN     /* a mean, with deviation 1 */
} cairn_output_kind;

/* K-FAC for dense layers. With x1 the input of a layer with a 1 at its end (for the bias), s the
 * gradient with respect to z of an example's log-likelihood for a target drawn from the model, and
 * G the gradient of the loss with respect to weight and bias, [in + 1, out]:
 *
 *   e = min(1 - 1/t, decay)
 *   A = e A + (1 - e) E[x1 x1^T]     S = e S + (1 - e) E[s s^T]
 *   q = sqrt((tr A / dim A) / (tr S / dim S))
 *   D = (A + q sqrt(damping) I)^-1 G (S + sqrt(damping) / q I)^-1
 *   D = D min(1, sqrt(norm_constraint / (rate^2 sum over layers of <D, G>)))   unless that is 0
 *   u = momentum u + D     (weight, bias) -= rate u
 *
 * loss     scalar, f32: the mean over the batch of the negative log-likelihood
 * layers   n layers, the last of which gives the outputs; other parameters stay as they are
 * options  copied, or NULL for the defaults
 * common   copied, or NULL for the defaults
 *
 * A and S are renewed in each step. With inverse_interval 1 so are the inverses; with a larger one
 * the set "refresh" renews them, which the loop runs after every inverse_interval steps, and until
 * the first time they are 0: parameters do not move while the first statistics are gathered.
 *
 * State, of the layer's weight: kfac_a, kfac_s, and kfac_a_inverse, kfac_s_inverse with a larger
 * interval; of weight and bias: kfac_u.
 * Errors (kept by the graph): those of cairn_minimize(), and CAIRN_ERR_SHAPE for n < 1.
 * Source: Martens and Grosse 2015, sections 3, 5, 6.3 and 6.7. arXiv:1503.05671; norm constraint:
 * Ba, Grosse, Martens 2017, section 5. */
typedef struct cairn_kfac_options {
    double learning_rate, momentum, decay, damping, norm_constraint;
    int64_t inverse_interval;
} cairn_kfac_options;
CAIRN_API cairn_kfac_options cairn_kfac_defaults(void);
CAIRN_API void cairn_kfac(cairn_graph *g, cairn_tensor loss, const cairn_dense *layers, int n,
                          cairn_output_kind output, const cairn_kfac_options *options,
                          const cairn_update_options *common);

#ifdef __cplusplus
}
#endif

#endif
