/* Cairn, loss: objectives as graph builders. Each returns one value an example unless it says
 * otherwise; cairn_mean() makes the scalar to minimise. */
#ifndef CAIRN_LOSS_H
#define CAIRN_LOSS_H

#include "cairn/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Binary cross-entropy from logits, summed over the last axis: sum of softplus(z) - t z.
 * logits, targets: f32 [B, n], targets in 0..1. Returns [B], in nats. */
CAIRN_API cairn_tensor cairn_binary_cross_entropy(cairn_tensor logits, cairn_tensor targets);

/* Cross-entropy of softmax(logits) with class indices: logsumexp(z) - z[label].
 * logits: f32 [B, classes]; labels: i32 [B]. Returns [B], in nats. A row whose label is no class,
 * say -1, counts 0. With label smoothing or z-loss: cairn_softmax_cross_entropy(). */
CAIRN_API cairn_tensor cairn_cross_entropy(cairn_tensor logits, cairn_tensor labels);

/* The same with a distribution over classes: logsumexp(z) - sum of t z. targets: f32 [B,
 * classes]. */
CAIRN_API cairn_tensor cairn_soft_cross_entropy(cairn_tensor logits, cairn_tensor targets);

/* Sum over the last axis of (y - t)^2. Returns [B]. */
CAIRN_API cairn_tensor cairn_squared_error(cairn_tensor y, cairn_tensor targets);

/* 1 where the largest logit is the label, else 0. Returns f32 [B]. */
CAIRN_API cairn_tensor cairn_correct(cairn_tensor logits, cairn_tensor labels);

/* The matching loss of an activation f: the Bregman divergence of the convex F with f = F',
 *
 *     D(z, a) = F(z) - F(a) - f(a) (z - a) = F(z) + F*(y) - y z   with y = f(a),
 *
 * whose gradient with respect to z is f(z) - y. Summed over the last axis; z and a: f32 [B, n].
 * Returns [B]. Errors (kept by the graph): CAIRN_ERR_VALUE for an activation that is not monotone
 * (gelu, gelu_tanh, swish, mish), whose F is not convex, and for softplus, whose F has no closed
 * form.
 * Source: Amid, Anil, Warmuth 2022, section 3. arXiv:2106.06199 */
CAIRN_API cairn_tensor cairn_matching_loss(cairn_tensor z, cairn_tensor a,
                                           cairn_activation activation);

/* F itself, element by element (softmax: one value a row, [B, 1]): the objective of a local problem
 * up to a constant is F(z) - y z, also for targets y that are no value of f. */
CAIRN_API cairn_tensor cairn_matching_potential(cairn_tensor z, cairn_activation activation);

/* Whether an activation has a matching loss. */
CAIRN_API bool cairn_activation_matches(cairn_activation_kind kind);

/* ---- losses that bear wrong labels -------------------------------------------------------------
 *
 * logits: f32 [B, classes]; targets: f32 [B, classes], distributions. Each returns [B].
 *
 * cairn_bitempered_loss  with log_t(u) = (u^(1-t) - 1) / (1 - t), its inverse exp_t(u) = max(1 +
 *                        (1-t) u, 0)^(1/(1-t)), and q_k = exp_t2(a_k - c), c so that they sum to 1:
 *                        sum of y (log_t1 y - log_t1 q) - (y^(2-t1) - q^(2-t1)) / (2 - t1).
 *                        t1 = 1 and t2 = 1 is cross-entropy less the entropy of y. t1: 0 to 1;
 *                        t2: 1 to 10. c is found by ten Newton steps; there are first derivatives
 *                        only. Source: Amid et al. 2019, arXiv:1906.03361
 * cairn_active_passive_loss
 *                        active times the cross-entropy divided by its sum over all classes as
 *                        label, plus passive times reverse cross-entropy, -sum of p log y with log
 *                        0 = -9.2103 (log 1e-4), or 1 - sum of p y for `mean_absolute`.
 *                        Source: Ma et al. 2020, arXiv:2006.13554
 * Errors (kept by the graph): CAIRN_ERR_VALUE for a temperature out of range. */
CAIRN_API cairn_tensor cairn_bitempered_loss(cairn_tensor logits, cairn_tensor targets, double t1,
                                             double t2);
CAIRN_API cairn_tensor cairn_active_passive_loss(cairn_tensor logits, cairn_tensor targets,
                                                 double active, double passive,
                                                 bool mean_absolute);

#ifdef __cplusplus
}
#endif

#endif
