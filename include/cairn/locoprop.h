/* Cairn, LocoProp: each layer is trained on a loss of its own.
 *
 * One ordinary forward and backward pass gives every dense layer a target: its output moved against
 * the gradient. Then every layer takes several cheap first-order steps towards its target, with its
 * input held fixed, so that layers do not wait for one another. Together the steps act like a
 * right-preconditioned, second-order update, and nothing is inverted.
 *
 * For a layer with input X [B,p], weight W [p,q], bias b, Z = X W + b, Y = f(Z) and E = dL/dZ:
 *
 *     squared    A = Z - gamma E     loss  ||X V + b - A||^2 / 2               (LocoProp-S)
 *     matching   A = Y - gamma E     loss  sum of F(X V + b) - A (X V + b)     (LocoProp-M)
 *
 * where F is the potential of f (loss.h). Both losses are summed over the rows of the batch.
 * Source: Amid, Anil, Warmuth 2022, "LocoProp: enhancing backprop via local loss optimization".
 * arXiv:2106.06199 */
#ifndef CAIRN_LOCOPROP_H
#define CAIRN_LOCOPROP_H

#include "cairn/nn.h"
#include "cairn/optim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- local problems -------------------------------------------------------------------------- */

typedef enum cairn_locoprop_loss {
    CAIRN_LOCOPROP_MATCHING,
    CAIRN_LOCOPROP_SQUARED
} cairn_locoprop_loss;

/* What one layer minimises. Users may fill it with a target of their own. All tensors are taken as
 * constants: no gradient flows through them. */
typedef struct cairn_local_problem {
    cairn_tensor x;      /* [B,p] */
    cairn_tensor target; /* [B,q] */
    cairn_tensor weight; /* [p,q], where the proximal term pulls to */
    cairn_tensor bias;   /* [q], or graph == NULL */
    cairn_activation activation;
    cairn_locoprop_loss loss;
    double proximal; /* eta of the term (1 / (2 eta)) ||V - W||^2; 0: no such term */
} cairn_local_problem;

/* The objective at V, b, a scalar: up to a constant that does not depend on V and b. */
CAIRN_API cairn_tensor cairn_local_value(const cairn_local_problem *p, cairn_tensor v,
                                         cairn_tensor bias);

/* Its gradients at V, b, from the formulas dV = X^T D, db = column sums of D, with D = X V + b - A
 * or f(X V + b) - A, plus (V - W) / eta and (b - b0) / eta. db may be NULL. */
CAIRN_API void cairn_local_gradient(const cairn_local_problem *p, cairn_tensor v,
                                    cairn_tensor bias, cairn_tensor *dv, cairn_tensor *db);

/* The minimum of a squared problem with a proximal term, by a Cholesky factorisation:
 * V = W - (X^T X + I / eta)^-1 X^T (X W + b - A), with the bias as one more row of W.
 * Errors (kept by the graph): CAIRN_ERR_VALUE for a matching loss or without proximal term. */
CAIRN_API void cairn_local_solution(const cairn_local_problem *p, cairn_tensor *v,
                                    cairn_tensor *bias);

/* ---- the method ------------------------------------------------------------------------------ */

typedef enum cairn_locoprop_solver {
    CAIRN_LOCOPROP_ITERATIVE,
    CAIRN_LOCOPROP_EXACT
} cairn_locoprop_solver;

typedef struct cairn_locoprop_options {
    int locoprop_loss;            /* cairn_locoprop_loss */
    int64_t locoprop_iters;       /* T, steps of each layer in one step of training */
    double locoprop_gamma;        /* gamma, how far the targets lie */
    int inner;                    /* optimiser of the local steps */
    double inner_lr;              /* eta */
    double inner_decay;           /* of the second moment */
    double inner_momentum;        /* mu */
    double inner_eps;             /* inside the root */
    double inner_v0;              /* first value of the second moment */
    double inner_lr_floor;        /* local step k of T has the rate eta max(1 - k/T, floor) */
    double locoprop_prox;         /* eta of the proximal term; 0: none */
    double locoprop_blend;        /* rho: the layer moves to (1 - rho) W + rho V */
    double locoprop_cap;          /* most that ||V - W|| may be of ||W||; 0: no cap */
    double grad_momentum;         /* average of E over batches: E' = m E' + (1 - m) E */
    int locoprop_solver;          /* cairn_locoprop_solver; exact: squared loss only */
    char locoprop_fallback[CAIRN_TEXT_SIZE]; /* optimiser of parameters in no layer */
    bool diagnostics;             /* outputs about each layer */
} cairn_locoprop_options;

/* The option table; and its defaults: T 10, gamma 10, RMSProp with rate 1e-5, decay 0.9, momentum
 * 0.999, epsilon 1e-5 inside the root and v0 1, floor 0.25, no proximal term.
 * Source: the authors' notebook, google-research/locoprop. */
CAIRN_API extern const cairn_option cairn_locoprop_table[];
CAIRN_API cairn_locoprop_options cairn_locoprop_defaults(void);

/* One LocoProp step for n dense layers of the graph that holds `loss`.
 *
 * loss     scalar, f32, the mean over the batch: E carries 1/B, which gamma is measured against
 * layers   n of them, none sharing a parameter with another
 * output   the activation of the last layer that the loss contains itself, such as sigmoid for
 *          binary cross-entropy from logits: its target is made with this one; NULL: the layer's
 *          own
 * options  copied; NULL for the defaults
 * common   schedule of the local learning rate; clipping and decay are not used. NULL: constant
 *
 * State: that of the inner optimiser, kept from batch to batch. Trainable parameters that belong to
 * no layer are updated by the fallback optimiser with its defaults. A layer whose activation has no
 * matching loss uses the squared one, with a warning in the log.
 * With `diagnostics` the outputs "LAYER/local_before", "local_after" (objective at the first and
 * the last step), "moved" (||V - W|| / ||W||), "cosine" (of V - W and -dL/dW) and, where f is
 * bounded, "outside" (share of targets that f cannot reach), scalars.
 * Errors (kept by the graph): CAIRN_ERR_SHAPE when loss is not a scalar, CAIRN_ERR_VALUE for
 * options out of range or an exact solution of a matching loss. */
CAIRN_API void cairn_locoprop(cairn_tensor loss, const cairn_dense *layers, int n,
                              const cairn_activation *output,
                              const cairn_locoprop_options *options,
                              const cairn_update_options *common);

#ifdef __cplusplus
}
#endif

#endif
