/* Losses that bear wrong labels. */
#include <math.h>

#include "cairn/loss.h"
#include "graph/graph.h"

static cairn_tensor sum_row(cairn_tensor x)
{
    return cairn_reduce_sum(x, CAIRN_AXIS(1), true);
}

/* ---- bi-tempered ----------------------------------------------------------------------------- */

enum { NEWTON_STEPS = 10 };

/* exp_t(u)^power for t > 1 and u <= 0: (1 - (t - 1) u)^(-power / (t - 1)). */
static cairn_tensor tempered_exp(cairn_tensor u, double t, double power)
{
    cairn_tensor base = cairn_log1p(cairn_scale(u, 1 - t));
    return cairn_exp(cairn_scale(base, -power / (t - 1)));
}

/* q, [B, classes]. The sum of exp_t2(a - c) is convex and falls with c, so Newton's method from
 * c = max a, where it is at least 1, comes from the left and does not pass the root. Then c as a
 * function of the logits: dc/da_k = q_k^t2 / sum of q^t2. */
static cairn_tensor tempered_softmax(cairn_tensor a, double t2)
{
    cairn_tensor fixed = cairn_stop_gradient(a), c = cairn_reduce_max(fixed, CAIRN_AXIS(1), true);
    for (int i = 0; i < NEWTON_STEPS; i++) {
        cairn_tensor u = cairn_sub(fixed, c);
        cairn_tensor excess = cairn_add_scalar(sum_row(tempered_exp(u, t2, 1)), -1);
        c = cairn_add(c, cairn_div(excess, sum_row(tempered_exp(u, t2, t2))));
    }
    cairn_tensor slope = tempered_exp(cairn_sub(fixed, c), t2, t2);
    slope = cairn_stop_gradient(cairn_div(slope, sum_row(slope)));
    c = cairn_add(cairn_stop_gradient(c), sum_row(cairn_mul(slope, cairn_sub(a, fixed))));
    return tempered_exp(cairn_sub(a, c), t2, 1);
}

/* log_t1 x times y, for y that may be 0 where x is. */
static cairn_tensor tempered_log(cairn_tensor x, double t1)
{
    x = cairn_maximum(x, cairn_scalar(x.graph, 1e-30));
    if (t1 == 1)
        return cairn_log(x);
    cairn_tensor power = cairn_expm1(cairn_scale(cairn_log(x), 1 - t1));
    return cairn_scale(power, 1 / (1 - t1));
}

static cairn_tensor raised(cairn_tensor x, double power)
{
    x = cairn_maximum(x, cairn_scalar(x.graph, 1e-30));
    return cairn_exp(cairn_scale(cairn_log(x), power));
}

cairn_tensor cairn_bitempered_loss(cairn_tensor logits, cairn_tensor y, double t1, double t2)
{
    if (cairn__none(logits) || cairn__none(y))
        return logits;
    if (!(t1 >= 0 && t1 <= 1 && t2 >= 1 && t2 <= 10)) {
        cairn__graph_fail(logits.graph, CAIRN_ERR_VALUE,
                          "bi-tempered loss: temperatures %g and %g, expected 0 to 1 and 1 to 10",
                          t1, t2);
        return logits;
    }
    cairn_tensor q = t2 == 1 ? cairn_softmax(logits, 1) : tempered_softmax(logits, t2);
    cairn_tensor log_q = t1 == 1 && t2 == 1 ? cairn_log_softmax(logits, 1) : tempered_log(q, t1);
    cairn_tensor logs = cairn_mul(y, cairn_sub(tempered_log(y, t1), log_q));
    cairn_tensor powers = cairn_sub(raised(y, 2 - t1), raised(q, 2 - t1));
    cairn_tensor each = cairn_sub(logs, cairn_scale(powers, 1 / (2 - t1)));
    return cairn_reduce_sum(each, CAIRN_AXIS(1), false);
}

/* ---- active and passive ---------------------------------------------------------------------- */

cairn_tensor cairn_active_passive_loss(cairn_tensor logits, cairn_tensor y, double active,
                                       double passive, bool mean_absolute)
{
    const double log_zero = log(1e-4);
    if (cairn__none(logits) || cairn__none(y))
        return logits;
    cairn_graph *g = logits.graph;
    cairn_tensor l = cairn_neg(cairn_log_softmax(logits, 1)), p = cairn_exp(cairn_neg(l)), reverse;
    cairn_tensor normalized = cairn_div(sum_row(cairn_mul(y, l)), sum_row(l));
    if (mean_absolute) {
        reverse = cairn_add_scalar(cairn_neg(sum_row(cairn_mul(p, y))), 1);
    } else {
        cairn_tensor log_y = cairn_log(cairn_maximum(y, cairn_scalar(g, exp(log_zero))));
        reverse = cairn_neg(sum_row(cairn_mul(p, log_y)));
    }
    cairn_tensor both = cairn_add(cairn_scale(normalized, active), cairn_scale(reverse, passive));
    return cairn_squeeze(both, 1);
}
