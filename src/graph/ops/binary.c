/* Element-wise functions of two operands, comparisons and choice.
 *
 * The nodes take operands of one shape: the builder puts a broadcast before an operand that is
 * repeated, so that each gradient rule is only its formula. */
#include <math.h>

#include "graph/graph.h"

/* ---- operands of one shape ------------------------------------------------------------------- */

/* The shape that two operands share, by NumPy's rule; false where they do not fit. */
static bool common_shape(cairn_shape a, cairn_shape b, cairn_shape *common)
{
    cairn_shape c = {.rank = CAIRN__MAX(a.rank, b.rank)};
    for (int i = 1; i <= c.rank; i++) {
        int64_t x = i <= a.rank ? a.size[a.rank - i] : 1, y = i <= b.rank ? b.size[b.rank - i] : 1;
        if (x != y && x != 1 && y != 1)
            return false;
        c.size[c.rank - i] = x == 1 ? y : x;
    }
    *common = c;
    return true;
}

static cairn_tensor same(cairn_graph *g, const cairn_op *op, const cairn_tensor *operands, int n)
{
    cairn_tensor x[CAIRN__SAMPLE_INPUTS];
    cairn_shape common = CAIRN_SCALAR;
    bool fits = true;
    for (int i = 0; i < n; i++) {
        if (cairn__none(operands[i]) || operands[i].graph != g)
            return cairn__node(g, op, operands, n, NULL); /* which reports it */
        fits = fits && common_shape(common, cairn_tensor_shape(operands[i]), &common);
    }
    for (int i = 0; i < n; i++)
        x[i] = fits ? cairn_broadcast(operands[i], common) : operands[i];
    return cairn__node(g, op, x, n, NULL);
}

static cairn_tensor pair(const cairn_op *op, cairn_tensor a, cairn_tensor b)
{
    return same(a.graph, op, (cairn_tensor[]){a, b}, 2);
}

static bool operands(cairn_graph *g, cairn_node *n, unsigned dtypes, const char *expected)
{
    const cairn_node *a = g->nodes[n->input[0]], *b = g->nodes[n->input[1]];
    if (a->dtype != b->dtype || !(dtypes >> a->dtype & 1))
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "operands must both be %s", expected);
    if (!cairn_shape_equal(a->shape, b->shape))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "shapes differ, and not only by sizes of 1");
    n->shape = a->shape;
    n->dtype = a->dtype;
    return true;
}

static bool float_shape(cairn_graph *g, cairn_node *n)
{
    return operands(g, n, 1u << CAIRN_F32, "f32");
}

static bool number_shape(cairn_graph *g, cairn_node *n)
{
    return operands(g, n, 1u << CAIRN_F32 | 1u << CAIRN_I32, "f32 or both i32");
}

static bool comparison_shape(cairn_graph *g, cairn_node *n)
{
    bool good = operands(g, n, ~0u, "of one dtype");
    n->dtype = CAIRN_BOOL;
    return good;
}

static bool logic_shape(cairn_graph *g, cairn_node *n)
{
    return operands(g, n, 1u << CAIRN_BOOL, "bool");
}

/* ---- the table ------------------------------------------------------------------------------- */

#define A cairn__input(n, y, 0)
#define B cairn__input(n, y, 1)

#define BINARY_RECORD(NAME, TEXT, VALUE, DOMAIN, SHAPE, GRADIENT, NONE)                            \
    cairn_tensor cairn_##NAME(cairn_tensor a, cairn_tensor b)                                      \
    {                                                                                              \
        return pair(&cairn__op_##NAME, a, b);                                                      \
    }                                                                                              \
    static double NAME##_element(const cairn_node *n, const double *in)                            \
    {                                                                                              \
        (void)n;                                                                                   \
        double a = in[0], b = in[1];                                                               \
        return VALUE;                                                                              \
    }                                                                                              \
    static cairn_tensor NAME##_sample(const cairn_tensor *x)                                       \
    {                                                                                              \
        return cairn_##NAME(x[0], x[1]);                                                           \
    }                                                                                              \
    static const cairn__sample NAME##_samples[] = {                                                \
        {{{2, {5, 19}}, {2, {5, 19}}}, {DOMAIN, DOMAIN}, 0, NAME##_sample, NULL, 0, NULL},         \
        {{{2, {6, 130}}, {1, {130}}}, {DOMAIN, DOMAIN}, 0, NAME##_sample, NULL, 0, NULL},          \
        {{{3, {3, 4, 1}}, {2, {1, 5}}}, {DOMAIN, DOMAIN}, 0, NAME##_sample, NULL, 0, NULL},        \
        {{{1, {2100}}, {0, {0}}}, {DOMAIN, DOMAIN}, 0, NAME##_sample, NULL, 0, NULL},              \
        {{{2, {2, 3}}, {2, {2, 4}}},                                                               \
         {DOMAIN, DOMAIN},                                                                         \
         0,                                                                                        \
         NAME##_sample,                                                                            \
         "shapes differ",                                                                          \
         0,                                                                                        \
         NULL},                                                                                    \
        CAIRN__SAMPLES_END,                                                                        \
    };                                                                                             \
    const cairn_op cairn__op_##NAME = {                                                            \
        .name = #NAME,                                                                             \
        .summary = TEXT,                                                                           \
        .kind = CAIRN__ELEMENTWISE,                                                                \
        .inputs = 2,                                                                               \
        .shape = SHAPE,                                                                            \
        .element = NAME##_element,                                                                 \
        .gradient = GRADIENT,                                                                      \
        .no_gradient = NONE,                                                                       \
        .samples = NAME##_samples,                                                                 \
    };

#define BINARY(NAME, TEXT, VALUE, DOMAIN, SHAPE, DA, DB)                                           \
    static void NAME##_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy,              \
                                cairn_tensor *dx)                                                  \
    {                                                                                              \
        (void)n, (void)y;                                                                          \
        dx[0] = DA;                                                                                \
        dx[1] = DB;                                                                                \
    }                                                                                              \
    BINARY_RECORD(NAME, TEXT, VALUE, DOMAIN, SHAPE, NAME##_gradient, NULL)

/* 1 where a > b, 0 where a < b, 1/2 where they are equal: each operand gets its share. */
static cairn_tensor share(cairn_tensor a, cairn_tensor b)
{
    cairn_graph *g = a.graph;
    return cairn_select(cairn_equal(a, b), cairn_scalar(g, 0.5),
                        cairn_cast(cairn_greater(a, b), CAIRN_F32));
}

BINARY(add, "a + b", a + b, CAIRN__ANY, number_shape, dy, dy)
BINARY(sub, "a - b", a - b, CAIRN__ANY, number_shape, dy, cairn_neg(dy))
BINARY(mul, "a b", a * b, CAIRN__ANY, number_shape, cairn_mul(dy, B), cairn_mul(dy, A))
BINARY(div, "a / b", a / b, CAIRN__NONZERO, float_shape, cairn_div(dy, B),
       cairn_neg(cairn_div(cairn_mul(dy, y), B)))
BINARY(pow, "a to the power b", pow(a, b), CAIRN__POSITIVE, float_shape,
       cairn_mul(dy, cairn_mul(B, cairn_pow(A, cairn_add_scalar(B, -1)))),
       cairn_mul(dy, cairn_mul(y, cairn_log(A))))
BINARY(maximum, "the larger", a > b || a != a ? a : b, CAIRN__SPREAD, number_shape,
       cairn_mul(dy, share(A, B)), cairn_mul(dy, share(B, A)))
BINARY(minimum, "the smaller", a < b || a != a ? a : b, CAIRN__SPREAD, number_shape,
       cairn_mul(dy, share(B, A)), cairn_mul(dy, share(A, B)))

#define IS_BOOL "the result is bool"
BINARY_RECORD(less, "a < b", a < b, CAIRN__SPREAD, comparison_shape, NULL, IS_BOOL)
BINARY_RECORD(less_equal, "a <= b", a <= b, CAIRN__SPREAD, comparison_shape, NULL, IS_BOOL)
BINARY_RECORD(equal, "a == b", a == b, CAIRN__BITS, comparison_shape, NULL, IS_BOOL)
BINARY_RECORD(and, "both", a != 0 && b != 0, CAIRN__BITS, logic_shape, NULL, IS_BOOL)
BINARY_RECORD(or, "either or both", a != 0 || b != 0, CAIRN__BITS, logic_shape, NULL, IS_BOOL)

/* ---- made of these --------------------------------------------------------------------------- */

cairn_tensor cairn_greater(cairn_tensor a, cairn_tensor b)
{
    return cairn_less(b, a);
}

cairn_tensor cairn_greater_equal(cairn_tensor a, cairn_tensor b)
{
    return cairn_less_equal(b, a);
}

cairn_tensor cairn_not_equal(cairn_tensor a, cairn_tensor b)
{
    return cairn_not(cairn_equal(a, b));
}

cairn_tensor cairn_add_scalar(cairn_tensor x, double value)
{
    return cairn_add(x, cairn_fill(x.graph, cairn_tensor_dtype(x), CAIRN_SCALAR, value));
}

cairn_tensor cairn_scale(cairn_tensor x, double factor)
{
    return cairn_mul(x, cairn_fill(x.graph, cairn_tensor_dtype(x), CAIRN_SCALAR, factor));
}

/* ---- select ---------------------------------------------------------------------------------- */

cairn_tensor cairn_select(cairn_tensor condition, cairn_tensor a, cairn_tensor b)
{
    return same(condition.graph, &cairn__op_select, (cairn_tensor[]){condition, a, b}, 3);
}

static bool select_shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *c = g->nodes[n->input[0]], *a = g->nodes[n->input[1]],
                     *b = g->nodes[n->input[2]];
    if (c->dtype != CAIRN_BOOL || a->dtype != b->dtype)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE,
                             "expected a bool condition and two values of one dtype");
    if (!cairn_shape_equal(c->shape, a->shape) || !cairn_shape_equal(a->shape, b->shape))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "shapes differ, and not only by sizes of 1");
    n->shape = a->shape;
    n->dtype = a->dtype;
    return true;
}

static double select_element(const cairn_node *n, const double *x)
{
    (void)n;
    return x[0] != 0 ? x[1] : x[2];
}

static void select_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_tensor zero = cairn_scalar(dy.graph, 0), condition = cairn__input(n, y, 0);
    dx[1] = cairn_select(condition, dy, zero);
    dx[2] = cairn_select(condition, zero, dy);
}

static cairn_tensor select_sample(const cairn_tensor *x)
{
    return cairn_select(x[0], x[1], x[2]);
}

static const cairn__sample select_samples[] = {
    {{{2, {7, 19}}, {2, {7, 19}}, {2, {7, 19}}},
     {CAIRN__BITS, CAIRN__ANY, CAIRN__ANY}, 0, select_sample, NULL, 0, NULL},
    {{{2, {7, 1}}, {1, {190}}, {0, {0}}},
     {CAIRN__BITS, CAIRN__ANY, CAIRN__ANY}, 0, select_sample, NULL, 0, NULL},
    {{{1, {3}}, {1, {3}}, {1, {3}}},
     {CAIRN__ANY, CAIRN__ANY, CAIRN__ANY}, 0, select_sample, "bool condition", 0, NULL},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_select = {
    .name = "select",
    .summary = "a where the condition holds, else b",
    .kind = CAIRN__ELEMENTWISE,
    .inputs = 3,
    .shape = select_shape,
    .element = select_element,
    .gradient = select_gradient,
    .samples = select_samples,
};
