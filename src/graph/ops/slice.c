/* Part of one axis: at.axis, at.list[0] the start, [1] the size, [2] the stride. */
#include "graph/graph.h"

cairn_tensor cairn_slice(cairn_tensor x, int axis, int64_t start, int64_t size, int64_t stride)
{
    axis = cairn__axis(x, axis, "slice");
    if (axis < 0)
        return x;
    if (start == 0 && stride == 1 && size == cairn_tensor_shape(x).size[axis])
        return x;
    return cairn__node(x.graph, &cairn__op_slice, &x, 1,
                       &(cairn__attributes){.axis = axis, .list = {start, size, stride}});
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]];
    int64_t start = n->at.list[0], size = n->at.list[1], stride = n->at.list[2];
    int64_t length = x->shape.size[n->at.axis];
    if (stride < 1)
        return cairn__refuse(g, n, CAIRN_ERR_VALUE, "stride %lld, expected at least 1",
                             (long long)stride);
    bool inside = start >= 0 && size >= 0 && start <= length &&
                  (size == 0 || (start < length && size - 1 <= (length - 1 - start) / stride));
    if (!inside)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE,
                             "%lld elements from %lld in steps of %lld do not lie on axis %lld",
                             (long long)size, (long long)start, (long long)stride,
                             (long long)n->at.axis);
    n->dtype = x->dtype;
    n->shape = x->shape;
    n->shape.size[n->at.axis] = size;
    return true;
}

/* Zeros where nothing was taken: between the elements by an axis of its own, then at both ends. */
static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    int axis = (int)n->at.axis;
    int64_t start = n->at.list[0], size = n->at.list[1], stride = n->at.list[2];
    int64_t length = cairn_tensor_shape(cairn__input(n, y, 0)).size[axis];
    if (stride > 1 && size > 1 && n->shape.rank < CAIRN_MAX_RANK) {
        cairn_shape wide = n->shape;
        wide.size[axis] = size * stride;
        dy = cairn_pad(cairn_unsqueeze(dy, axis + 1), axis + 1, 0, stride - 1, 0);
        size = (size - 1) * stride + 1;
        dy = cairn_slice(cairn_reshape(dy, wide), axis, 0, size, 1);
    } else if (stride > 1 && size > 1) {
        cairn__graph_fail(y.graph, CAIRN_ERR_SHAPE, "gradient of slice: a stride on %d axes, "
                          "expected fewer", n->shape.rank);
        return;
    }
    dx[0] = cairn_pad(dy, axis, start, length - start - size, 0);
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    cairn__split from = cairn__split_at(shapes[0], (int)n->at.axis);
    cairn__split to = cairn__split_at(n->shape, (int)n->at.axis);
    for (int64_t i = 0; i < to.outer * to.n * to.inner; i++) {
        int64_t index = n->at.list[0] + i / to.inner % to.n * n->at.list[2];
        int64_t outer = i / to.inner / to.n;
        out[i] = in[0][(outer * from.n + index) * from.inner + i % to.inner];
    }
}

static cairn_tensor middle(const cairn_tensor *x)
{
    return cairn_slice(x[0], 1, 2, 3, 1);
}

static cairn_tensor strided(const cairn_tensor *x)
{
    return cairn_slice(x[0], -2, 1, 3, 3);
}

static cairn_tensor single(const cairn_tensor *x)
{
    return cairn_slice(x[0], 0, 4, 1, 5);
}

static cairn_tensor nothing(const cairn_tensor *x)
{
    return cairn_slice(x[0], 0, 5, 0, 1);
}

static cairn_tensor backwards(const cairn_tensor *x)
{
    return cairn_slice(x[0], 0, 4, 2, -1);
}

static const cairn__sample samples[] = {
    {.shape = {{2, {4, 7}}}, .build = middle},
    {.shape = {{3, {3, 6, 5}}}, .build = middle},
    {.shape = {{2, {8, 6}}}, .build = strided},
    {.shape = {{3, {3, 9, 70}}}, .build = strided},
    {.shape = {{1, {5}}}, .build = single},
    {.shape = {{2, {5, 3}}}, .build = nothing},
    {.shape = {{2, {6, 5}}}, .domain = {CAIRN__INDEX}, .limit = 9, .build = middle},
    {.shape = {{2, {4, 4}}}, .build = middle, .refusal = "3 elements from 2 in steps of 1"},
    {.shape = {{1, {8}}}, .build = strided, .refusal = "axis -2, expected one of the 1 axes"},
    {.shape = {{2, {7, 2}}}, .build = strided, .refusal = "do not lie on axis 0"},
    {.shape = {{1, {5}}}, .build = backwards, .refusal = "stride -1, expected at least 1"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_slice = {
    .name = "slice",
    .summary = "part of one axis",
    .kind = CAIRN__VIEW,
    .inputs = 1,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .samples = samples,
};
