/* Axes in another order: axis i of the result is axis at.list[i] of the operand. */
#include "graph/graph.h"

cairn_tensor cairn_transpose(cairn_tensor x, const int *order)
{
    cairn_shape shape = cairn_tensor_shape(x);
    cairn__attributes at = {0};
    for (int i = 0; i < shape.rank; i++)
        at.list[i] = order[i];
    return cairn__node(x.graph, &cairn__op_transpose, &x, 1, &at);
}

cairn_tensor cairn_transpose_last(cairn_tensor x)
{
    int rank = cairn_tensor_shape(x).rank, order[CAIRN_MAX_RANK];
    for (int i = 0; i < rank; i++)
        order[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    if (rank < 2)
        order[0] = 1; /* refused by the shape rule */
    return cairn_transpose(x, order);
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]];
    unsigned seen = 0;
    for (int i = 0; i < x->shape.rank; i++) {
        int64_t from = n->at.list[i];
        if (from < 0 || from >= x->shape.rank || seen >> from & 1)
            return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "the order must name each axis once");
        seen |= 1u << from;
        n->shape.size[i] = x->shape.size[from];
    }
    n->shape.rank = x->shape.rank;
    n->dtype = x->dtype;
    return true;
}

static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    (void)y;
    int back[CAIRN_MAX_RANK];
    for (int i = 0; i < n->shape.rank; i++)
        back[n->at.list[i]] = i;
    dx[0] = cairn_transpose(dy, back);
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    int64_t stride[CAIRN_MAX_RANK];
    cairn__strides(shapes[0], stride);
    for (int64_t i = 0, count = cairn_shape_count(n->shape); i < count; i++) {
        int64_t rest = i, from = 0;
        for (int a = n->shape.rank - 1; a >= 0; a--) {
            from += rest % n->shape.size[a] * stride[n->at.list[a]];
            rest /= n->shape.size[a];
        }
        out[i] = in[0][from];
    }
}

static cairn_tensor turned(const cairn_tensor *x)
{
    return cairn_transpose(x[0], (const int[]){2, 0, 1});
}

static cairn_tensor last(const cairn_tensor *x)
{
    return cairn_transpose_last(x[0]);
}

static cairn_tensor twice_the_same(const cairn_tensor *x)
{
    return cairn_transpose(x[0], (const int[]){0, 0, 1});
}

static const cairn__sample samples[] = {
    {.shape = {{3, {4, 5, 6}}}, .build = turned},
    {.shape = {{2, {40, 70}}}, .build = last},
    {.shape = {{3, {4, 5, 6}}}, .build = twice_the_same, .refusal = "each axis once"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_transpose = {
    .name = "transpose",
    .summary = "axes in another order",
    .kind = CAIRN__VIEW,
    .inputs = 1,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .samples = samples,
};
