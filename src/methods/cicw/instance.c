/* Weights of the examples of a batch. Every divergence but total variation is one of the family
 *
 *     w_i  ~  (1 + (1 - a) (l_i - min l) / s)^(-1 / (1 - a))       s = lambda + (1 - a) min l > 0
 *
 * which is that of the header divided by its largest value: it cannot overflow, log1p keeps it
 * exact near a = 1, and there it goes over into exp(-(l_i - min l) / lambda). */
#include <math.h>

#include "cairn/cicw.h"
#include "graph/graph.h"
#include "methods/cicw/weights.h"

/* What s is raised to: then all of the weight is on the lowest loss. */
#define LEAST_S 1e-20
#define LEAST_WEIGHT 1e-12
enum { BISECTIONS = 30 };

static double order_of(const cairn_reweight_options *o)
{
    switch ((cairn_divergence)o->reweight) {
    case CAIRN_DIVERGENCE_KL: return 1;
    case CAIRN_DIVERGENCE_REVERSE_KL: return 0;
    case CAIRN_DIVERGENCE_HELLINGER: return 0.5;
    case CAIRN_DIVERGENCE_CHI2: return 2;
    default: return fabs(o->reweight_alpha - 1) < 1e-6 ? 1 : o->reweight_alpha;
    }
}

/* d: l - min l, [n]; s: scalar. */
static cairn_tensor family(cairn_tensor d, cairn_tensor s, double a)
{
    cairn_tensor t = cairn_div(d, s), w;
    if (a == 1) {
        w = cairn_exp(cairn_neg(t));
    } else {
        cairn_tensor u = cairn_scale(t, 1 - a);
        w = cairn_exp(cairn_scale(cairn_log1p(u), -1 / (1 - a)));
        if (a > 1)
            w = cairn_select(cairn_less_equal(u, cairn_scalar(d.graph, -1)),
                             cairn_scalar(d.graph, 0), w);
    }
    return cairn_div(w, cairn_sum(w));
}

/* D_a(w, u) for weights that sum to 1, without subtracting numbers near 1 from one another:
 * n^(a-1) sum of w^a - 1 = sum of w ((n w)^(a-1) - 1). */
static cairn_tensor divergence(cairn_tensor w, double a)
{
    double n = (double)cairn_tensor_shape(w).size[0];
    w = cairn_maximum(w, cairn_scalar(w.graph, LEAST_WEIGHT));
    cairn_tensor log_nw = cairn_log(cairn_scale(w, n));
    if (a == 1)
        return cairn_sum(cairn_mul(w, log_nw));
    if (a == 0)
        return cairn_neg(cairn_mean(log_nw));
    cairn_tensor part = cairn_mul(w, cairn_expm1(cairn_scale(log_nw, a - 1)));
    return cairn_scale(cairn_sum(part), 1 / (a * (a - 1)));
}

/* The radius in units of D_a: scalar. */
static cairn_tensor family_radius(const cairn_reweight_options *o, cairn_tensor radius, double a)
{
    if (o->reweight == CAIRN_DIVERGENCE_CHI2)
        return cairn_scale(radius, 0.5);
    if (o->reweight == CAIRN_DIVERGENCE_RENYI && a != 1 && a != 0)
        return cairn_scale(cairn_expm1(cairn_scale(radius, a - 1)), 1 / (a * (a - 1)));
    return radius;
}

/* D falls as s rises: s is found on a logarithmic scale around the spread of the losses. */
static cairn_tensor by_radius(const cairn_reweight_options *o, cairn_tensor d, cairn_tensor radius,
                              double a)
{
    cairn_graph *g = d.graph;
    cairn_tensor limit = family_radius(o, radius, a);
    cairn_tensor spread = cairn_reduce_max(d, CAIRN_ALL_AXES, false);
    cairn_tensor x = cairn_log(cairn_maximum(spread, cairn_scalar(g, LEAST_WEIGHT)));
    double step = 8;
    for (int i = 0; i < BISECTIONS; i++, step /= 2) {
        cairn_tensor far = cairn_greater(divergence(family(d, cairn_exp(x), a), a), limit);
        x = cairn_add(x, cairn_select(far, cairn_scalar(g, step), cairn_scalar(g, -step)));
    }
    return family(d, cairn_exp(x), a);
}

/* By rank, highest loss first: 1/n - clip(radius - rank / n, 0, 1/n), and the rest to the last. */
static cairn_tensor by_total_variation(cairn_tensor losses, cairn_tensor radius)
{
    cairn_graph *g = losses.graph;
    cairn_shape shape = cairn_tensor_shape(losses);
    double each = 1 / (double)shape.size[0];
    cairn_tensor zero = cairn_scalar(g, 0), order = cairn_argsort(losses, 0, true);
    cairn_tensor rank = cairn_iota(g, CAIRN_F32, shape, 0);
    cairn_tensor last = cairn_equal(rank, cairn_scalar(g, (double)shape.size[0] - 1));
    cairn_tensor taken = cairn_sub(radius, cairn_scale(rank, each));
    taken = cairn_minimum(cairn_maximum(taken, zero), cairn_scalar(g, each));
    taken = cairn_select(last, zero, taken);
    cairn_tensor given = cairn_select(last, cairn_sum(taken), zero);
    cairn_tensor by_rank = cairn_add(cairn_sub(cairn_scalar(g, each), taken), given);
    return cairn_scatter_add(shape, order, by_rank, 0);
}

cairn_tensor cairn__instance_weights(cairn_tensor losses, const cairn_reweight_options *o,
                                     cairn_tensor factor)
{
    cairn_graph *g = losses.graph;
    cairn_shape shape = cairn_tensor_shape(losses);
    losses = cairn_stop_gradient(losses);
    cairn_tensor radius = cairn_div(cairn_scalar(g, o->reweight_radius), factor), w;
    bool tv = o->reweight == CAIRN_DIVERGENCE_TV;
    if (o->reweight == CAIRN_DIVERGENCE_NONE ||
        (!tv && o->reweight_radius <= 0 && isinf(o->reweight_lambda)))
        return cairn_fill(g, CAIRN_F32, shape, 1 / (double)shape.size[0]);
    if (tv)
        return cairn_stop_gradient(by_total_variation(losses, radius));
    double a = order_of(o);
    cairn_tensor least = cairn_reduce_min(losses, CAIRN_ALL_AXES, false);
    cairn_tensor d = cairn_sub(losses, least);
    if (o->reweight_radius > 0) {
        w = by_radius(o, d, radius, a);
    } else {
        cairn_tensor s = cairn_scale(factor, o->reweight_lambda);
        s = cairn_add(s, cairn_scale(least, 1 - a));
        w = family(d, cairn_maximum(s, cairn_scalar(g, LEAST_S)), a);
    }
    return cairn_stop_gradient(w);
}

cairn_tensor cairn_instance_weights(cairn_tensor losses, const cairn_reweight_options *options)
{
    cairn_reweight_options o = options ? *options : cairn_reweight_defaults();
    if (!cairn__reweight_ready(losses, &o))
        return losses;
    if (cairn_tensor_shape(losses).rank != 1) {
        char text[CAIRN_SHAPE_TEXT];
        cairn__graph_fail(losses.graph, CAIRN_ERR_SHAPE,
                          "instance weights: losses %s, expected [B]",
                          cairn_shape_text(cairn_tensor_shape(losses), text));
        return losses;
    }
    return cairn__instance_weights(losses, &o, cairn_scalar(losses.graph, 1));
}
