/* ReLU smoothed by a parabola (SmeLU), and its slope.
 *
 *     y = 0                      s = 0              x <= -b
 *     y = (x + b)^2 / (4 b)      s = (x + b) / 2b   between
 *     y = x                      s = 1              x >= b
 *
 * The slope is an op of y, s = min(1, sqrt(y / b)): so the backward pass needs y only, as that of
 * ReLU does, and the forward pass may overwrite x. With b = 0 both are those of ReLU.
 * Source: Shamir, Lin, Coviello 2020, "Smooth activations and reproducibility in deep networks",
 * equation 2. arXiv:2010.09931 */
#include <math.h>

#include "graph/graph.h"

#define A cairn__input(n, y, 0)
#define B cairn__input(n, y, 1)

static cairn_tensor build(const cairn_op *op, cairn_tensor x, cairn_tensor width)
{
    cairn_tensor in[] = {x, width};
    if (!cairn__none(x) && !cairn__none(width) && x.graph == width.graph)
        in[1] = cairn_broadcast(width, cairn_tensor_shape(x));
    return cairn__node(x.graph, op, in, 2, NULL);
}

/* ---- the function ---------------------------------------------------------------------------- */

cairn_tensor cairn_smooth_relu(cairn_tensor x, cairn_tensor width)
{
    return build(&cairn__op_smooth_relu, x, width);
}

static double value(const cairn_node *n, const double *in)
{
    double x = in[0], b = in[1];
    (void)n;
    return x >= b ? x : x > -b ? (x + b) * (x + b) / (4 * b) : x != x ? x : 0;
}

/* dy/db = (x + b) (b - x) / (4 b^2) = s (1 - s), which is 0 outside as well. */
static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_tensor s = cairn_smooth_relu_slope(y, B);
    dx[0] = cairn_mul(dy, s);
    dx[1] = cairn_mul(dx[0], cairn_sub(cairn_scalar(dy.graph, 1), s));
}

/* x is a multiple of the width, so that the ends, where the second derivative jumps, are missed. */
static cairn_tensor sample(const cairn_tensor *x)
{
    return cairn_smooth_relu(cairn_mul(x[0], x[1]), x[1]);
}

static cairn_tensor plain(const cairn_tensor *x)
{
    return cairn_smooth_relu(x[0], x[1]);
}

static const cairn__sample samples[] = {
    {.shape = {{2, {5, 19}}, {2, {5, 19}}},
     .domain = {CAIRN__SPREAD, CAIRN__POSITIVE},
     .build = sample},
    {.shape = {{2, {6, 30}}, {1, {30}}},
     .domain = {CAIRN__SPREAD, CAIRN__POSITIVE},
     .build = sample},
    {.shape = {{1, {81}}, {0, {0}}}, .domain = {CAIRN__SPREAD, CAIRN__POSITIVE}, .build = sample},
    {.shape = {{2, {4, 0}}, {0, {0}}}, .domain = {CAIRN__ANY, CAIRN__POSITIVE}, .build = plain},
    {.shape = {{2, {2, 3}}, {2, {2, 4}}},
     .domain = {CAIRN__ANY, CAIRN__POSITIVE},
     .build = plain,
     .refusal = "broadcast"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_smooth_relu = {
    .name = "smooth_relu",
    .summary = "0 below -b, a above b, (a + b)^2 / (4 b) between",
    .kind = CAIRN__ELEMENTWISE,
    .inputs = 2,
    .element = value,
    .gradient = gradient,
    .samples = samples,
};

/* ---- its slope, from its value --------------------------------------------------------------- */

cairn_tensor cairn_smooth_relu_slope(cairn_tensor y, cairn_tensor width)
{
    return build(&cairn__op_smooth_relu_slope, y, width);
}

static double slope_value(const cairn_node *n, const double *in)
{
    double y = in[0], b = in[1];
    (void)n;
    return y < b ? sqrt(y / b) : y > 0;
}

/* ds/dy = 1 / (2 b s) and ds/db = -s / (2 b) inside. What is divided by is 1 elsewhere, so that no
 * infinity arises that a later derivative would multiply by 0. */
static void slope_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_tensor zero = cairn_scalar(dy.graph, 0), one = cairn_scalar(dy.graph, 1);
    cairn_tensor inside = cairn_and(cairn_greater(A, zero), cairn_less(A, B));
    cairn_tensor by_y = cairn_select(inside, cairn_mul(B, y), one);
    cairn_tensor by_b = cairn_select(inside, B, one);
    cairn_tensor half = cairn_scale(dy, 0.5);
    dx[0] = cairn_select(inside, cairn_div(half, by_y), zero);
    dx[1] = cairn_select(inside, cairn_neg(cairn_div(cairn_mul(half, y), by_b)), zero);
}

/* Values of the function at x from -2.5 to 2.5 times the width, both ends missed. */
static cairn_tensor slope_sample(const cairn_tensor *x)
{
    return cairn_smooth_relu_slope(cairn_mul(cairn_square(x[0]), x[1]), x[1]);
}

static const cairn__sample slope_samples[] = {
    {.shape = {{2, {5, 19}}, {2, {5, 19}}},
     .domain = {CAIRN__SPREAD, CAIRN__POSITIVE},
     .build = slope_sample},
    {.shape = {{2, {6, 30}}, {1, {30}}},
     .domain = {CAIRN__SPREAD, CAIRN__POSITIVE},
     .build = slope_sample},
    {.shape = {{1, {81}}, {0, {0}}},
     .domain = {CAIRN__SPREAD, CAIRN__POSITIVE},
     .build = slope_sample},
    {.shape = {{2, {4, 0}}, {0, {0}}},
     .domain = {CAIRN__POSITIVE, CAIRN__POSITIVE},
     .build = slope_sample},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_smooth_relu_slope = {
    .name = "smooth_relu_slope",
    .summary = "slope of smooth_relu from its value: min(1, sqrt(a / b))",
    .kind = CAIRN__ELEMENTWISE,
    .inputs = 2,
    .element = slope_value,
    .gradient = slope_gradient,
    .samples = slope_samples,
};
