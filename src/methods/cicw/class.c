/* Weights of the classes of each example. Losses enter as their distance from the row's lowest,
 * d_k = l_k - min l = max z - z_k, which is all that the solutions depend on. Below, y are the
 * targets of a row, v its weights and k the class of the lowest loss. */
#include <math.h>

#include "cairn/cicw.h"
#include "graph/graph.h"
#include "methods/cicw/weights.h"

#define LEAST 1e-12
enum { BISECTIONS = 30 };

static cairn_tensor sum_row(cairn_tensor x)
{
    return cairn_reduce_sum(x, CAIRN_AXIS(1), true);
}

static double order_of(const cairn_reweight_options *o)
{
    return o->class_reweight == CAIRN_CLASS_KL          ? 0
           : o->class_reweight == CAIRN_CLASS_HELLINGER ? 0.5
                                                        : o->class_alpha;
}

/* What sum of v^a y^(1-a) must at least be. */
static double least_overlap(const cairn_reweight_options *o, double a)
{
    double gamma = o->class_reweight == CAIRN_CLASS_HELLINGER ? 4 * o->class_gamma : o->class_gamma;
    return fmax(1 - a * (1 - a) * gamma, 0);
}

/* The mass that leaves a label that is one class. */
static double moved_mass(const cairn_reweight_options *o)
{
    double a = order_of(o);
    switch ((cairn_class_divergence)o->class_reweight) {
    case CAIRN_CLASS_TV: return fmin(o->class_gamma, 1);
    case CAIRN_CLASS_L1: return fmin(o->class_gamma / 2, 1);
    case CAIRN_CLASS_KL: return -expm1(-o->class_gamma);
    case CAIRN_CLASS_HELLINGER:
    case CAIRN_CLASS_ALPHA: return 1 - pow(least_overlap(o, a), 1 / a);
    default: return 0;
    }
}

/* y + mass (e_k - y), for labels that are one class. */
static cairn_tensor of_label(cairn_tensor logits, cairn_tensor labels, double mass)
{
    cairn_graph *g = logits.graph;
    int64_t classes = cairn_tensor_shape(logits).size[1];
    cairn_tensor none = cairn_fill(g, CAIRN_I32, CAIRN_SCALAR, -1);
    cairn_tensor number = cairn_fill(g, CAIRN_I32, CAIRN_SCALAR, (double)classes);
    cairn_tensor valid = cairn_and(cairn_greater(labels, none), cairn_less(labels, number));
    cairn_tensor best = cairn_select(valid, cairn_argmax(logits, 1), none);
    return cairn_add(cairn_scale(cairn_one_hot(labels, classes), 1 - mass),
                     cairn_scale(cairn_one_hot(best, classes), mass));
}

/* ---- distributions: total variation ---------------------------------------------------------- */

/* From the highest losses up to `mass`, to the lowest. */
static cairn_tensor by_total_variation(cairn_tensor d, cairn_tensor y, double mass)
{
    cairn_graph *g = d.graph;
    cairn_shape shape = cairn_tensor_shape(d);
    cairn_tensor order = cairn_argsort(d, 1, true), zero = cairn_scalar(g, 0);
    cairn_tensor sorted = cairn_gather_along(y, order, 1);
    cairn_tensor last =
        cairn_equal(cairn_iota(g, CAIRN_F32, shape, 1), cairn_scalar(g, (double)shape.size[1] - 1));
    cairn_tensor before = cairn_cumsum(sorted, 1, false, true);
    cairn_tensor taken = cairn_maximum(cairn_sub(cairn_scalar(g, mass), before), zero);
    taken = cairn_select(last, zero, cairn_minimum(taken, sorted));
    cairn_tensor given = cairn_select(last, sum_row(taken), zero);
    cairn_tensor v = cairn_add(cairn_sub(sorted, taken), given);
    return cairn_scatter_add_along(shape, order, v, 1);
}

/* ---- distributions: divergences that see the support of y ------------------------------------ */

/* v_k = y_k (1 + d_k / s)^(-1 / (1 - a)) / Z: its divergence from y falls as s > 0 rises. */
typedef struct weighted {
    cairn_tensor v, divergence; /* [B, classes]; [B, 1] */
} weighted;

static weighted at_level(cairn_tensor d, cairn_tensor y, cairn_tensor s, double a)
{
    cairn_tensor log_r = cairn_log1p(cairn_div(d, s));
    cairn_tensor part = cairn_mul(y, cairn_exp(cairn_scale(log_r, -1 / (1 - a))));
    cairn_tensor z = sum_row(part);
    weighted w = {.v = cairn_div(part, z)};
    if (a == 0) {
        w.divergence = cairn_add(sum_row(cairn_mul(y, log_r)), cairn_log(z));
    } else {
        cairn_tensor overlap = sum_row(cairn_mul(y, cairn_exp(cairn_scale(log_r, -a / (1 - a)))));
        overlap = cairn_div(overlap, cairn_exp(cairn_scale(cairn_log(z), a)));
        w.divergence = cairn_scale(cairn_add_scalar(cairn_neg(overlap), 1), 1 / (a * (1 - a)));
    }
    return w;
}

/* The limit s -> 0 where k has no share of y and the constraint still leaves room: v_k = mu y_k
 * d_k^(-1 / (1 - a)) with mu so that it is tight, and what remains to k. */
static cairn_tensor at_limit(cairn_tensor d, cairn_tensor y, const cairn_reweight_options *o,
                             double a)
{
    cairn_tensor log_d = cairn_log(cairn_maximum(d, cairn_scalar(d.graph, LEAST))), log_mu;
    if (a == 0) {
        log_mu = cairn_add_scalar(sum_row(cairn_mul(y, log_d)), -o->class_gamma);
    } else {
        cairn_tensor sum = sum_row(cairn_mul(y, cairn_exp(cairn_scale(log_d, -a / (1 - a)))));
        log_mu = cairn_scale(
            cairn_add_scalar(cairn_neg(cairn_log(sum)), log(fmax(least_overlap(o, a), LEAST))),
            1 / a);
    }
    return cairn_mul(y, cairn_exp(cairn_sub(log_mu, cairn_scale(log_d, 1 / (1 - a)))));
}

static cairn_tensor by_divergence(cairn_tensor d, cairn_tensor y, cairn_tensor best,
                                  const cairn_reweight_options *o)
{
    cairn_graph *g = d.graph;
    double a = order_of(o), step = 12;
    double limit = a == 0 ? o->class_gamma : (1 - least_overlap(o, a)) / (a * (1 - a));
    cairn_tensor x = cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(cairn_tensor_shape(d).size[0], 1), 0);
    for (int i = 0; i < BISECTIONS; i++, step /= 2) {
        weighted w = at_level(d, y, cairn_exp(x), a);
        x = cairn_add(x, cairn_select(cairn_greater(w.divergence, cairn_scalar(g, limit)),
                                      cairn_scalar(g, step), cairn_scalar(g, -step)));
    }
    cairn_tensor inside = at_level(d, y, cairn_exp(x), a).v, edge = at_limit(d, y, o, a);
    cairn_tensor rest = cairn_add_scalar(cairn_neg(sum_row(edge)), 1);
    cairn_tensor outside = cairn_equal(sum_row(cairn_mul(y, best)), cairn_scalar(g, 0));
    cairn_tensor room = cairn_and(outside, cairn_greater(rest, cairn_scalar(g, 0)));
    return cairn_select(room, cairn_add(edge, cairn_mul(rest, best)), inside);
}

/* ---- distributions: squared distance --------------------------------------------------------- */

/* The nearest point of the simplex to each row (Held, Wolfe, Crowder 1974): max(z - theta, 0). */
static cairn_tensor onto_simplex(cairn_tensor z)
{
    cairn_graph *g = z.graph;
    cairn_tensor sorted = cairn_sort(z, 1, true);
    cairn_tensor count = cairn_add_scalar(cairn_iota(g, CAIRN_F32, cairn_tensor_shape(z), 1), 1);
    cairn_tensor sums = cairn_add_scalar(cairn_cumsum(sorted, 1, false, false), -1);
    cairn_tensor in = cairn_cast(cairn_greater(cairn_mul(sorted, count), sums), CAIRN_F32);
    cairn_tensor theta =
        cairn_div(cairn_add_scalar(sum_row(cairn_mul(in, sorted)), -1), sum_row(in));
    return cairn_maximum(cairn_sub(z, theta), cairn_scalar(g, 0));
}

/* The projection of y - tau d, whose distance from y rises with tau. */
static cairn_tensor by_square(cairn_tensor d, cairn_tensor y, double limit)
{
    cairn_graph *g = d.graph;
    double step = 8;
    cairn_tensor x = cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(cairn_tensor_shape(d).size[0], 1), 0);
    for (int i = 0; i < BISECTIONS; i++, step /= 2) {
        cairn_tensor v = onto_simplex(cairn_sub(y, cairn_mul(d, cairn_exp(x))));
        cairn_tensor far =
            cairn_greater(sum_row(cairn_square(cairn_sub(v, y))), cairn_scalar(g, limit));
        x = cairn_add(x, cairn_select(far, cairn_scalar(g, -step), cairn_scalar(g, step)));
    }
    return onto_simplex(cairn_sub(y, cairn_mul(d, cairn_exp(x))));
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool check(cairn_tensor logits, cairn_tensor targets)
{
    cairn_shape z = cairn_tensor_shape(logits), y = cairn_tensor_shape(targets);
    bool labels = cairn_tensor_dtype(targets) == CAIRN_I32;
    char a[CAIRN_SHAPE_TEXT], b[CAIRN_SHAPE_TEXT];
    if (cairn__none(targets))
        return false;
    if (!labels && cairn_tensor_dtype(targets) != CAIRN_F32)
        return cairn__graph_fail(logits.graph, CAIRN_ERR_TYPE,
                                 "class weights: targets are %s, expected i32 or f32",
                                 cairn_dtype_name(cairn_tensor_dtype(targets)));
    if (z.rank != 2 || y.rank != (labels ? 1 : 2) || y.size[0] != z.size[0] ||
        (!labels && y.size[1] != z.size[1]))
        return cairn__graph_fail(logits.graph, CAIRN_ERR_SHAPE,
                                 "class weights: logits %s and targets %s, expected [B, classes] "
                                 "and [B] of i32 or [B, classes] of f32",
                                 cairn_shape_text(z, a), cairn_shape_text(y, b));
    return true;
}

cairn_tensor cairn__distributions(cairn_tensor logits, cairn_tensor targets)
{
    if (cairn_tensor_dtype(targets) == CAIRN_F32)
        return targets;
    return cairn_one_hot(targets, cairn_tensor_shape(logits).size[1]);
}

cairn_tensor cairn_class_weights(cairn_tensor logits, cairn_tensor targets,
                                 const cairn_reweight_options *options)
{
    cairn_reweight_options o = options ? *options : cairn_reweight_defaults();
    if (!cairn__reweight_ready(logits, &o) || !check(logits, targets))
        return logits;
    logits = cairn_stop_gradient(logits);
    cairn_tensor y = cairn_stop_gradient(cairn__distributions(logits, targets)), v;
    bool labels = cairn_tensor_dtype(targets) == CAIRN_I32, l2 = o.class_reweight == CAIRN_CLASS_L2;
    if (o.class_reweight == CAIRN_CLASS_NONE || o.class_gamma <= 0)
        return y;
    if (labels && !l2)
        return cairn_stop_gradient(of_label(logits, targets, moved_mass(&o)));
    cairn_tensor d = cairn_sub(cairn_reduce_max(logits, CAIRN_AXIS(1), true), logits);
    if (l2) {
        v = by_square(d, y, o.class_gamma);
        if (labels) /* rows without a label stay so */
            v = cairn_mul(v, sum_row(y));
    } else if (o.class_reweight == CAIRN_CLASS_TV || o.class_reweight == CAIRN_CLASS_L1) {
        v = by_total_variation(d, y, moved_mass(&o));
    } else {
        int64_t classes = cairn_tensor_shape(logits).size[1];
        v = by_divergence(d, y, cairn_one_hot(cairn_argmax(logits, 1), classes), &o);
    }
    return cairn_stop_gradient(v);
}
