/* Reductions over a set of axes: at.list[0] holds the set, at.list[1] whether they stay. */
#include <math.h>

#include "graph/graph.h"

static cairn_tensor reduce(const cairn_op *op, cairn_tensor x, unsigned axes, bool keep)
{
    if (cairn__none(x))
        return x;
    unsigned all = (1u << cairn_tensor_shape(x).rank) - 1;
    if (axes != CAIRN_ALL_AXES && axes & ~all) {
        char text[CAIRN_SHAPE_TEXT];
        cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE, "%s %s: axes 0x%x, expected some of 0x%x",
                          op->name, cairn_shape_text(cairn_tensor_shape(x), text), axes, all);
        return x;
    }
    return cairn__node(x.graph, op, &x, 1, &(cairn__attributes){.list = {axes & all, keep}});
}

static bool reduced_shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]];
    if (x->dtype != CAIRN_F32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "the operand must be f32");
    for (int i = 0; i < x->shape.rank; i++) {
        bool gone = n->at.list[0] >> i & 1;
        if (gone && x->shape.size[i] == 0 && n->op != &cairn__op_sum)
            return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "axis %d is empty", i);
        if (!gone || n->at.list[1])
            n->shape.size[n->shape.rank++] = gone ? 1 : x->shape.size[i];
    }
    return true;
}

/* Where in the result each element of x goes: strides of the result along the axes of x. */
static void result_strides(const cairn_node *n, cairn_shape x, int64_t stride[CAIRN_MAX_RANK])
{
    int64_t next = 1;
    for (int i = x.rank - 1; i >= 0; i--) {
        bool gone = n->at.list[0] >> i & 1;
        stride[i] = gone ? 0 : next;
        next *= gone ? 1 : x.size[i];
    }
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    cairn_shape x = shapes[0];
    int64_t stride[CAIRN_MAX_RANK], count = cairn_shape_count(n->shape);
    bool is_max = n->op == &cairn__op_max, is_sum = n->op == &cairn__op_sum;
    result_strides(n, x, stride);
    for (int64_t i = 0; i < count; i++)
        out[i] = is_sum ? 0 : is_max ? -INFINITY : INFINITY;
    for (int64_t i = 0, total = cairn_shape_count(x); i < total; i++) {
        int64_t rest = i, to = 0;
        for (int a = x.rank - 1; a >= 0; a--) {
            to += rest % x.size[a] * stride[a];
            rest /= x.size[a];
        }
        double v = in[0][i], *o = &out[to];
        *o = is_sum ? *o + v : v != v || *o != *o ? NAN : is_max ? fmax(*o, v) : fmin(*o, v);
    }
}

/* `t`, a result without or with its reduced axes, spread over the shape of the operand. */
static cairn_tensor spread(const cairn_node *n, cairn_tensor t, cairn_shape x)
{
    cairn_shape kept = x;
    for (int i = 0; i < x.rank; i++)
        if (n->at.list[0] >> i & 1)
            kept.size[i] = 1;
    return cairn_broadcast(cairn_reshape(t, kept), x);
}

static void sum_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    dx[0] = spread(n, dy, cairn_tensor_shape(cairn__input(n, y, 0)));
}

/* Equal extremes share the gradient. */
static void extreme_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy,
                             cairn_tensor *dx)
{
    cairn_tensor x = cairn__input(n, y, 0);
    cairn_shape shape = cairn_tensor_shape(x);
    cairn_tensor here = cairn_cast(cairn_equal(x, spread(n, y, shape)), CAIRN_F32);
    cairn_tensor times = reduce(&cairn__op_sum, here, (unsigned)n->at.list[0], n->at.list[1]);
    dx[0] = cairn_mul(here, spread(n, cairn_div(dy, times), shape));
}

static double flops(const cairn_graph *g, const cairn_node *n)
{
    return (double)cairn_shape_count(g->nodes[n->input[0]]->shape);
}

#define REDUCTION(NAME, TEXT, GRADIENT, DOMAIN)                                                    \
    cairn_tensor cairn_reduce_##NAME(cairn_tensor x, unsigned axes, bool keep)                     \
    {                                                                                              \
        return reduce(&cairn__op_##NAME, x, axes, keep);                                           \
    }                                                                                              \
    static cairn_tensor NAME##_all(const cairn_tensor *x)                                          \
    {                                                                                              \
        return cairn_reduce_##NAME(x[0], CAIRN_ALL_AXES, false);                                   \
    }                                                                                              \
    static cairn_tensor NAME##_last(const cairn_tensor *x)                                         \
    {                                                                                              \
        return cairn_reduce_##NAME(x[0], CAIRN_AXIS(1), false);                                    \
    }                                                                                              \
    static cairn_tensor NAME##_first(const cairn_tensor *x)                                        \
    {                                                                                              \
        return cairn_reduce_##NAME(x[0], CAIRN_AXIS(0), true);                                     \
    }                                                                                              \
    static const cairn__sample NAME##_samples[] = {                                                \
        {.shape = {{2, {13, 21}}}, .domain = {DOMAIN}, .build = NAME##_all},                       \
        {.shape = {{2, {13, 21}}}, .domain = {DOMAIN}, .build = NAME##_last},                      \
        {.shape = {{2, {13, 21}}}, .domain = {DOMAIN}, .build = NAME##_first},                     \
        {.shape = {{3, {4, 5, 6}}}, .domain = {DOMAIN}, .build = NAME##_last},                     \
        {.shape = {{3, {4, 5, 6}}}, .domain = {DOMAIN}, .build = NAME##_first},                    \
        {.shape = {{1, {9001}}}, .domain = {DOMAIN}, .build = NAME##_all},                         \
        {.shape = {{0, {0}}}, .domain = {DOMAIN}, .build = NAME##_all},                            \
        {.shape = {{1, {3}}}, .domain = {DOMAIN}, .build = NAME##_last, .refusal = "axes 0x2"},    \
        CAIRN__SAMPLES_END,                                                                        \
    };                                                                                             \
    const cairn_op cairn__op_##NAME = {                                                            \
        .name = #NAME,                                                                             \
        .summary = TEXT,                                                                           \
        .kind = CAIRN__REDUCTION,                                                                  \
        .inputs = 1,                                                                               \
        .shape = reduced_shape,                                                                    \
        .gradient = GRADIENT,                                                                      \
        .reference = reference,                                                                    \
        .flops = flops,                                                                            \
        .samples = NAME##_samples,                                                                 \
    };

REDUCTION(sum, "sum over axes", sum_gradient, CAIRN__ANY)
REDUCTION(max, "largest over axes", extreme_gradient, CAIRN__SPREAD)
REDUCTION(min, "smallest over axes", extreme_gradient, CAIRN__SPREAD)

/* ---- made of these --------------------------------------------------------------------------- */

cairn_tensor cairn_reduce_mean(cairn_tensor x, unsigned axes, bool keep)
{
    if (cairn__none(x))
        return x;
    cairn_tensor total = cairn_reduce_sum(x, axes, keep);
    int64_t in = cairn_shape_count(cairn_tensor_shape(x));
    int64_t out = CAIRN__MAX(cairn_shape_count(cairn_tensor_shape(total)), (int64_t)1);
    return cairn_scale(total, (double)out / (double)CAIRN__MAX(in, (int64_t)1));
}

cairn_tensor cairn_reduce_logsumexp(cairn_tensor x, unsigned axes, bool keep)
{
    if (cairn__none(x))
        return x;
    /* Any finite shift gives the same value, so no gradient flows through it. A row that is -inf
     * throughout is shifted by 0: its sum is 0 and the result -inf, not NaN. */
    cairn_tensor most = cairn_stop_gradient(cairn_reduce_max(x, axes, true));
    cairn_tensor shift = cairn_select(cairn_is_finite(most), most, cairn_scalar(x.graph, 0));
    cairn_tensor total = cairn_reduce_sum(cairn_exp(cairn_sub(x, shift)), axes, true);
    cairn_tensor result = cairn_add(cairn_log(total), shift);
    return keep ? result
                : cairn_reshape(result,
                                cairn_tensor_shape(cairn_reduce_sum(x, axes, false)));
}

cairn_tensor cairn_sum(cairn_tensor x)
{
    return cairn_reduce_sum(x, CAIRN_ALL_AXES, false);
}

cairn_tensor cairn_mean(cairn_tensor x)
{
    return cairn_reduce_mean(x, CAIRN_ALL_AXES, false);
}
