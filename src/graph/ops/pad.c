/* One value around an axis: at.axis, at.list[0] elements before, [1] after, at.value[0]. */
#include "graph/graph.h"

cairn_tensor cairn_pad(cairn_tensor x, int axis, int64_t before, int64_t after, double value)
{
    axis = cairn__axis(x, axis, "pad");
    if (axis < 0 || (before == 0 && after == 0))
        return x;
    return cairn__node(x.graph, &cairn__op_pad, &x, 1,
                       &(cairn__attributes){
                           .axis = axis, .list = {before, after}, .value = {value}});
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]];
    int64_t before = n->at.list[0], after = n->at.list[1], most = (int64_t)1 << 46;
    if (before < 0 || after < 0 || before > most || after > most)
        return cairn__refuse(g, n, CAIRN_ERR_VALUE, "%lld elements before and %lld after",
                             (long long)before, (long long)after);
    n->dtype = x->dtype;
    n->shape = x->shape;
    n->shape.size[n->at.axis] += before + after;
    return true;
}

static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    int64_t size = cairn_tensor_shape(cairn__input(n, y, 0)).size[n->at.axis];
    dx[0] = cairn_slice(dy, (int)n->at.axis, n->at.list[0], size, 1);
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    cairn__split from = cairn__split_at(shapes[0], (int)n->at.axis);
    cairn__split to = cairn__split_at(n->shape, (int)n->at.axis);
    for (int64_t i = 0; i < to.outer * to.n * to.inner; i++) {
        int64_t index = i / to.inner % to.n - n->at.list[0], outer = i / to.inner / to.n;
        bool inside = index >= 0 && index < from.n;
        out[i] = inside ? in[0][(outer * from.n + index) * from.inner + i % to.inner]
                        : n->at.value[0];
    }
}

static cairn_tensor around(const cairn_tensor *x)
{
    return cairn_pad(x[0], 0, 2, 1, 0);
}

static cairn_tensor behind(const cairn_tensor *x)
{
    return cairn_pad(x[0], -1, 0, 4, -1.5);
}

static cairn_tensor fewer(const cairn_tensor *x)
{
    return cairn_pad(x[0], 0, 2, -1, 0);
}

static const cairn__sample samples[] = {
    {.shape = {{2, {4, 7}}}, .build = around},
    {.shape = {{3, {3, 2, 5}}}, .build = behind},
    {.shape = {{2, {40, 90}}}, .build = behind},
    {.shape = {{2, {0, 3}}}, .build = around},
    {.shape = {{1, {5}}}, .domain = {CAIRN__INDEX}, .limit = 4, .build = around},
    {.shape = {{1, {5}}}, .build = fewer, .refusal = "2 elements before and -1 after"},
    {.shape = {{0, {0}}}, .build = around, .refusal = "expected one of the 0 axes"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_pad = {
    .name = "pad",
    .summary = "one value around an axis",
    .kind = CAIRN__OTHER,
    .inputs = 1,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .samples = samples,
};
