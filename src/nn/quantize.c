/* Fake quantisation: see nn.h. */
#include <math.h>

#include "cairn/nn.h"
#include "graph/graph.h"

cairn_quantize_options cairn_quantize_defaults(void)
{
    return (cairn_quantize_options){
        .bits = 8, .symmetric = true, .axis = CAIRN_QUANTIZE_ALL, .momentum = 0.01, .scale = 1,
        .training = true};
}

/* The least and the greatest whole number. Symmetric ones leave the least out, so that negating a
 * number never leaves the range. */
typedef struct grid {
    double low, high;
} grid;

static grid grid_of(const cairn_quantize_options *o)
{
    const double half = ldexp(1, o->bits - 1);
    return o->symmetric ? (grid){1 - half, half - 1} : (grid){0, 2 * half - 1};
}

/* ---- the function ---------------------------------------------------------------------------- */

cairn_tensor cairn_fake_quantize_of(cairn_tensor x, cairn_tensor scale, cairn_tensor zero,
                                    double low, double high)
{
    if (cairn__none(x))
        return x;
    cairn_graph *g = x.graph;
    if (!(low < high)) {
        cairn__graph_fail(g, CAIRN_ERR_VALUE, "fake quantisation: from %g to %g, expected a range",
                          low, high);
        return x;
    }
    cairn_tensor least = cairn_scalar(g, low), most = cairn_scalar(g, high);
    cairn_tensor v = cairn_div(x, scale);
    /* round(v), with the gradient of v. */
    cairn_tensor whole = cairn_add(v, cairn_stop_gradient(cairn_sub(cairn_round(v), v)));
    cairn_tensor u = cairn_add(whole, zero);
    cairn_tensor inside = cairn_and(cairn_greater_equal(u, least), cairn_less_equal(u, most));
    cairn_tensor ends = cairn_stop_gradient(cairn_minimum(cairn_maximum(u, least), most));
    return cairn_mul(cairn_sub(cairn_select(inside, u, ends), zero), scale);
}

/* ---- ranges ---------------------------------------------------------------------------------- */

typedef struct range {
    cairn_tensor low, high;
} range;

/* Axes that share a scale, and the shape of the scales. */
static unsigned shared_axes(cairn_shape shape, int axis, cairn_shape *of_scales)
{
    unsigned axes = 0;
    *of_scales = shape;
    for (int i = 0; i < shape.rank; i++)
        if (i != axis) {
            axes |= CAIRN_AXIS(i);
            of_scales->size[i] = 1;
        }
    return axes;
}

static range range_now(cairn_tensor x, unsigned axes)
{
    return (range){cairn_stop_gradient(cairn_reduce_min(x, axes, true)),
                   cairn_stop_gradient(cairn_reduce_max(x, axes, true))};
}

/* running + momentum (now - running), and what is there now when nothing was seen yet. */
static cairn_tensor follow(cairn_tensor running, cairn_tensor now, cairn_tensor fresh,
                           double momentum)
{
    cairn_tensor next = cairn_add(running, cairn_scale(cairn_sub(now, running), momentum));
    next = cairn_select(fresh, now, next);
    cairn_assign_each(running, next);
    return next;
}

static range observed(cairn_tensor x, unsigned axes, cairn_shape shape,
                      const cairn_quantize_options *o)
{
    cairn_graph *g = x.graph;
    range r = {cairn_state(g, "low", CAIRN_F32, shape, CAIRN_ZEROS),
               cairn_state(g, "high", CAIRN_F32, shape, CAIRN_ZEROS)};
    if (!o->training)
        return r;
    const range now = range_now(x, axes);
    cairn_tensor fresh = cairn_equal(r.low, r.high);
    return (range){follow(r.low, now.low, fresh, o->momentum),
                   follow(r.high, now.high, fresh, o->momentum)};
}

/* Jacob et al. 2018, equations 12 and 13, with a range that holds 0; all-zero data get scale 1. */
static cairn_tensor from_range(cairn_tensor x, range r, const cairn_quantize_options *o)
{
    cairn_graph *g = x.graph;
    const grid q = grid_of(o);
    cairn_tensor nothing = cairn_scalar(g, 0), one = cairn_scalar(g, 1);
    cairn_tensor low = cairn_minimum(r.low, nothing), high = cairn_maximum(r.high, nothing);
    cairn_tensor width = o->symmetric ? cairn_maximum(cairn_neg(low), high) : cairn_sub(high, low);
    cairn_tensor scale = cairn_scale(width, 1 / (o->symmetric ? q.high : q.high - q.low));
    scale = cairn_stop_gradient(cairn_select(cairn_equal(scale, nothing), one, scale));
    cairn_tensor zero = nothing;
    if (!o->symmetric)
        zero = cairn_stop_gradient(cairn_round(cairn_neg(cairn_div(low, scale))));
    return cairn_fake_quantize_of(x, scale, zero, q.low, q.high);
}

/* ---- learned scales -------------------------------------------------------------------------- */

/* LSQ: the scale is a parameter, its gradient divided by the root of how many numbers share it
 * times the greatest whole number. Source: Esser et al. 2020, section 2.2. arXiv:1902.08153 */
static cairn_tensor learned(cairn_tensor x, cairn_shape shape, const cairn_quantize_options *o)
{
    cairn_graph *g = x.graph;
    const grid q = grid_of(o);
    const cairn_init start = {CAIRN_INIT_CONSTANT, o->scale};
    cairn_tensor scale = cairn_parameter(g, "scale", shape, start);
    const double sharing = (double)cairn_shape_count(cairn_tensor_shape(x)) /
                           (double)CAIRN__MAX(cairn_shape_count(shape), (int64_t)1);
    cairn_tensor slow = cairn_scale(scale, 1 / sqrt(CAIRN__MAX(sharing, 1.0) * q.high));
    scale = cairn_add(slow, cairn_stop_gradient(cairn_sub(scale, slow)));
    return cairn_fake_quantize_of(x, scale, cairn_scalar(g, 0), q.low, q.high);
}

/* ---- the layer ------------------------------------------------------------------------------- */

static bool check(cairn_tensor x, const char *name, const cairn_quantize_options *o)
{
    const cairn_shape shape = cairn_tensor_shape(x);
    const bool axis = o->axis == CAIRN_QUANTIZE_ALL || (o->axis >= 0 && o->axis < shape.rank);
    if (o->bits >= 2 && o->bits <= 16 && axis && o->momentum > 0 && o->momentum <= 1 &&
        o->scale > 0 && (o->symmetric || o->range != CAIRN_RANGE_LEARNED))
        return true;
    return cairn__graph_fail(x.graph, CAIRN_ERR_VALUE,
                             "fake quantisation '%s': %d bits, axis %d of %d, momentum %g, scale "
                             "%g; expected 2 to 16 bits, an axis that there is, a momentum above 0 "
                             "and up to 1, a positive scale; learned scales are symmetric",
                             name, o->bits, o->axis, shape.rank, o->momentum, o->scale);
}

cairn_tensor cairn_fake_quantize(cairn_tensor x, const char *name,
                                 const cairn_quantize_options *options)
{
    const cairn_quantize_options o = options ? *options : cairn_quantize_defaults();
    if (cairn__none(x) || !check(x, name, &o))
        return x;
    cairn_shape shape;
    const unsigned axes = shared_axes(cairn_tensor_shape(x), o.axis, &shape);
    cairn_scope_push(x.graph, name);
    cairn_tensor y;
    if (o.range == CAIRN_RANGE_LEARNED)
        y = learned(x, shape, &o);
    else if (o.range == CAIRN_RANGE_NOW)
        y = from_range(x, range_now(x, axes), &o);
    else
        y = from_range(x, observed(x, axes, shape, &o), &o);
    cairn_scope_pop(x.graph);
    return y;
}
