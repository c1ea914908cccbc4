/* Element-wise functions of one operand, each with its derivative beside it.
 *
 * In the expressions below x is the operand, y the result and dy the gradient that arrives. */
#include <math.h>

#include "graph/graph.h"

#define X cairn__input(n, y, 0)

static cairn_tensor times(cairn_tensor a, cairn_tensor b)
{
    return cairn_mul(a, b);
}

/* A differentiable function: NAME, text, value of one element, gradient, domain of its samples. */
#define UNARY(NAME, TEXT, VALUE, GRADIENT, DOMAIN)                                                 \
    static double NAME##_element(const cairn_node *n, const double *in)                            \
    {                                                                                              \
        (void)n;                                                                                   \
        double x = in[0];                                                                          \
        return VALUE;                                                                              \
    }                                                                                              \
    static void NAME##_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy,              \
                                cairn_tensor *dx)                                                  \
    {                                                                                              \
        (void)n, (void)y;                                                                          \
        dx[0] = GRADIENT;                                                                          \
    }                                                                                              \
    UNARY_RECORD(NAME, TEXT, DOMAIN, NAME##_gradient, NULL, NULL)

/* A function whose derivative is zero wherever it exists. */
#define STEPPED(NAME, TEXT, VALUE, DOMAIN)                                                         \
    static double NAME##_element(const cairn_node *n, const double *in)                            \
    {                                                                                              \
        (void)n;                                                                                   \
        double x = in[0];                                                                          \
        return VALUE;                                                                              \
    }                                                                                              \
    UNARY_RECORD(NAME, TEXT, DOMAIN, NULL, "its derivative is zero or does not exist", NULL)

#define UNARY_RECORD(NAME, TEXT, DOMAIN, GRADIENT, NONE, SHAPE)                                    \
    cairn_tensor cairn_##NAME(cairn_tensor x)                                                      \
    {                                                                                              \
        return cairn__node(x.graph, &cairn__op_##NAME, &x, 1, NULL);                               \
    }                                                                                              \
    static cairn_tensor NAME##_sample(const cairn_tensor *x)                                       \
    {                                                                                              \
        return cairn_##NAME(x[0]);                                                                 \
    }                                                                                              \
    static const cairn__sample NAME##_samples[] = {                                                \
        {.shape = {{2, {7, 19}}}, .domain = {DOMAIN}, .build = NAME##_sample},                     \
        {.shape = {{0, {0}}}, .domain = {DOMAIN}, .build = NAME##_sample},                         \
        {.shape = {{1, {4099}}}, .domain = {DOMAIN}, .build = NAME##_sample},                      \
        CAIRN__SAMPLES_END,                                                                        \
    };                                                                                             \
    const cairn_op cairn__op_##NAME = {                                                            \
        .name = #NAME,                                                                             \
        .summary = TEXT,                                                                           \
        .kind = CAIRN__ELEMENTWISE,                                                                \
        .inputs = 1,                                                                               \
        .shape = SHAPE,                                                                            \
        .element = NAME##_element,                                                                 \
        .gradient = GRADIENT,                                                                      \
        .no_gradient = NONE,                                                                       \
        .samples = NAME##_samples,                                                                 \
    };

static bool bool_result(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]];
    if (x->dtype != CAIRN_F32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "the operand must be f32");
    n->dtype = CAIRN_BOOL;
    n->shape = x->shape;
    return true;
}

static bool bool_operand(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]];
    if (x->dtype != CAIRN_BOOL)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "the operand must be bool");
    n->dtype = CAIRN_BOOL;
    n->shape = x->shape;
    return true;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

UNARY(neg, "-x", -x, cairn_neg(dy), CAIRN__ANY)
UNARY(abs, "absolute value", fabs(x), times(dy, cairn_sign(X)), CAIRN__NONZERO)
UNARY(square, "x^2", x *x, times(dy, cairn_scale(X, 2)), CAIRN__ANY)
UNARY(sqrt, "square root", sqrt(x), times(dy, cairn_scale(cairn_reciprocal(y), 0.5)),
      CAIRN__POSITIVE)
UNARY(rsqrt, "1 / sqrt(x)", 1 / sqrt(x), times(dy, cairn_scale(times(y, cairn_square(y)), -0.5)),
      CAIRN__POSITIVE)
UNARY(reciprocal, "1 / x", 1 / x, cairn_neg(times(dy, cairn_square(y))), CAIRN__NONZERO)
UNARY(exp, "exponential", exp(x), times(dy, y), CAIRN__ANY)
UNARY(expm1, "exp(x) - 1", expm1(x), times(dy, cairn_add_scalar(y, 1)), CAIRN__ANY)
UNARY(log, "natural logarithm", log(x), cairn_div(dy, X), CAIRN__POSITIVE)
UNARY(log1p, "log(1 + x)", log1p(x), cairn_div(dy, cairn_add_scalar(X, 1)), CAIRN__POSITIVE)
UNARY(sin, "sine", sin(x), times(dy, cairn_cos(X)), CAIRN__ANY)
UNARY(cos, "cosine", cos(x), cairn_neg(times(dy, cairn_sin(X))), CAIRN__ANY)
UNARY(tanh, "hyperbolic tangent", tanh(x),
      times(dy, cairn_sub(cairn_scalar(dy.graph, 1), cairn_square(y))), CAIRN__ANY)
UNARY(sigmoid, "1 / (1 + exp(-x))", sigmoid(x),
      times(dy, times(y, cairn_sub(cairn_scalar(dy.graph, 1), y))), CAIRN__ANY)
UNARY(erf, "error function", erf(x),
      times(dy, cairn_scale(cairn_exp(cairn_neg(cairn_square(X))), 1.12837916709551257390)),
      CAIRN__ANY)
/* The result is positive where the operand is: the backward pass needs only one of them in
 * memory. */
UNARY(relu, "max(x, 0)", x > 0 ? x : 0,
      cairn_select(cairn_greater(y, cairn_scalar(dy.graph, 0)), dy, cairn_scalar(dy.graph, 0)),
      CAIRN__NONZERO)
/* Shifted by max(x, 0) so that exp() cannot overflow. */
UNARY(softplus, "log(1 + exp(x))", (x > 0 ? x : 0) + log1p(exp(-fabs(x))),
      times(dy, cairn_sigmoid(X)), CAIRN__ANY)

/* With Phi and phi the normal distribution's integral and density:
 * x Phi, Phi + x phi, phi (2 - x^2). */
static double gelu(double x)
{
    return 0.5 * x * (1 + erf(x * 0.70710678118654752440));
}

static double gelu_slope(double x)
{
    return 0.5 * (1 + erf(x * 0.70710678118654752440)) +
           0.39894228040143267794 * x * exp(-0.5 * x * x);
}

static cairn_tensor gelu_bend(cairn_tensor x)
{
    cairn_tensor square = cairn_square(x), two = cairn_scalar(x.graph, 2);
    cairn_tensor density =
        cairn_scale(cairn_exp(cairn_scale(square, -0.5)), 0.39894228040143267794);
    return times(density, cairn_sub(two, square));
}

UNARY(gelu, "x Phi(x)", gelu(x), times(dy, cairn_gelu_slope(X)), CAIRN__ANY)
UNARY(gelu_slope, "the derivative of x Phi(x)", gelu_slope(x), times(dy, gelu_bend(X)), CAIRN__ANY)

/* x (1 + t) / 2 with t = tanh(u), u = c (x + a x^3), u' = c (1 + 3 a x^2), u" = 6 a c x. */
static const double tanh_c = 0.79788456080286535588, tanh_a = 0.044715;

static double gelu_tanh(double x)
{
    return 0.5 * x * (1 + tanh(tanh_c * (x + tanh_a * x * x * x)));
}

static double gelu_tanh_slope(double x)
{
    double t = tanh(tanh_c * (x + tanh_a * x * x * x));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * tanh_c * (1 + 3 * tanh_a * x * x);
}

/* (1 - t^2) (u' + x u" / 2 - x t u'^2) */
static cairn_tensor gelu_tanh_bend(cairn_tensor x)
{
    cairn_tensor square = cairn_square(x), one = cairn_scalar(x.graph, 1);
    cairn_tensor inner = cairn_add_scalar(cairn_scale(square, tanh_a), 1);
    cairn_tensor t = cairn_tanh(cairn_scale(times(x, inner), tanh_c));
    cairn_tensor du = cairn_scale(cairn_add_scalar(cairn_scale(square, 3 * tanh_a), 1), tanh_c);
    cairn_tensor half = cairn_scale(square, 3 * tanh_a * tanh_c);
    cairn_tensor turn = times(times(x, t), cairn_square(du));
    return times(cairn_sub(one, cairn_square(t)), cairn_sub(cairn_add(du, half), turn));
}

UNARY(gelu_tanh, "x Phi(x), Phi by a tanh", gelu_tanh(x), times(dy, cairn_gelu_tanh_slope(X)),
      CAIRN__ANY)
UNARY(gelu_tanh_slope, "the derivative of gelu_tanh", gelu_tanh_slope(x),
      times(dy, gelu_tanh_bend(X)), CAIRN__ANY)

STEPPED(sign, "-1, 0 or 1", (x > 0) - (x < 0), CAIRN__NONZERO)
STEPPED(floor, "largest whole number not above x", floor(x), CAIRN__ANY)
STEPPED(ceil, "smallest whole number not below x", ceil(x), CAIRN__ANY)
STEPPED(round, "nearest whole number, halves to even", nearbyint(x), CAIRN__ANY)

static double is_finite_element(const cairn_node *n, const double *x)
{
    (void)n;
    return isfinite(x[0]);
}
UNARY_RECORD(is_finite, "neither infinite nor NaN", CAIRN__ANY, NULL, "the result is bool",
             bool_result)

static double not_element(const cairn_node *n, const double *x)
{
    (void)n;
    return x[0] == 0;
}
UNARY_RECORD(not, "logical negation", CAIRN__BITS, NULL, "the result is bool", bool_operand)
