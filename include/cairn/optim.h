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

/* ---- 1. the optimisers as a list ---------------------------------------------------------------- */

/* What help, reference pages and option readers need to know of an optimiser. Static. */
typedef struct cairn_optimizer {
    const char *name;            /* "adam" */
    const char *purpose;         /* one line, lower case, no full stop */
    const char *source;          /* the paper */
    const cairn_option *options; /* the table of its options struct; the first row is learning_rate */
    size_t options_size;         /* bytes of that struct */
    bool layers;                 /* works on dense layers instead of parameters: cairn_kfac() */
} cairn_optimizer;

/* All of them, in the order of this header. Returns how many. */
CAIRN_API int cairn_optimizers(const cairn_optimizer *const **list);

/* The one called `name`. NULL with CAIRN_ERR_NAME; the sentence offers the nearest name. */
CAIRN_API const cairn_optimizer *cairn_optimizer_find(const char *name, cairn_status *status);

/* ---- 2. common options -------------------------------------------------------------------------- */

/* The factor by which the learning rate of step s (0 in the first) is multiplied, after a warm-up of
 * W steps, for a training of D steps, with p = (s - W) / (D - W) kept within 0..1:
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

/* ---- 3. minimising a loss ----------------------------------------------------------------------- */

/* One step of the optimiser called `name` for every trainable parameter through which a gradient
 * flows to `loss`.
 *
 * loss      scalar, f32
 * options   the options struct of that optimiser, copied, or NULL for its defaults
 * common    copied, or NULL for the defaults
 *
 * Errors (kept by the graph): CAIRN_ERR_NAME for an unknown optimiser, CAIRN_ERR_VALUE for an option
 * out of range, CAIRN_ERR_SHAPE when loss is not a scalar, CAIRN_ERR_STATE when the loss depends on
 * no parameter or a parameter is assigned already. */
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
 * set, or 0 when the optimiser with these options needs none. */
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

#ifdef __cplusplus
}
#endif

#endif
