/* The same elements in the same order: at.list holds the shape, at.axis the rank. */
#include <string.h>

#include "graph/graph.h"

cairn_tensor cairn_reshape(cairn_tensor x, cairn_shape shape)
{
    if (cairn__none(x) || cairn_shape_equal(cairn_tensor_shape(x), shape))
        return x;
    int64_t rest = 1, open = -1;
    for (int i = 0; i < shape.rank; i++) {
        if (shape.size[i] == -1 && open < 0)
            open = i;
        else
            rest *= shape.size[i];
    }
    if (open >= 0 && rest > 0)
        shape.size[open] = cairn_shape_count(cairn_tensor_shape(x)) / rest;
    cairn__attributes at = {.axis = shape.rank};
    memcpy(at.list, shape.size, (size_t)shape.rank * sizeof *at.list);
    return cairn__node(x.graph, &cairn__op_reshape, &x, 1, &at);
}

cairn_tensor cairn_unsqueeze(cairn_tensor x, int axis)
{
    cairn_shape shape = cairn_tensor_shape(x);
    if (cairn__none(x))
        return x;
    if (axis < 0)
        axis += shape.rank + 1;
    if (axis < 0 || axis > shape.rank || shape.rank == CAIRN_MAX_RANK) {
        cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE, "unsqueeze: axis %d, expected 0 to %d", axis,
                          shape.rank);
        return x;
    }
    memmove(shape.size + axis + 1, shape.size + axis,
            (size_t)(shape.rank - axis) * sizeof *shape.size);
    shape.size[axis] = 1;
    shape.rank++;
    return cairn_reshape(x, shape);
}

cairn_tensor cairn_squeeze(cairn_tensor x, int axis)
{
    cairn_shape shape = cairn_tensor_shape(x);
    axis = cairn__axis(x, axis, "squeeze");
    if (axis < 0)
        return x;
    if (shape.size[axis] != 1) {
        cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE, "squeeze: axis %d has size %lld, expected 1",
                          axis, (long long)shape.size[axis]);
        return x;
    }
    memmove(shape.size + axis, shape.size + axis + 1,
            (size_t)(shape.rank - axis - 1) * sizeof *shape.size);
    shape.rank--;
    return cairn_reshape(x, shape);
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]];
    char text[CAIRN_SHAPE_TEXT];
    n->dtype = x->dtype;
    n->shape.rank = (int)n->at.axis;
    memcpy(n->shape.size, n->at.list, sizeof n->shape.size);
    for (int i = 0; i < n->shape.rank; i++)
        if (n->shape.size[i] < 0)
            return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "size %lld on axis %d",
                                 (long long)n->shape.size[i], i);
    if (cairn_shape_count(n->shape) != cairn_shape_count(x->shape))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "%s has another number of elements",
                             cairn_shape_text(n->shape, text));
    return true;
}

static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    dx[0] = cairn_reshape(dy, cairn_tensor_shape(cairn__input(n, y, 0)));
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    (void)n;
    memcpy(out, in[0], (size_t)cairn_shape_count(shapes[0]) * sizeof *out);
}

static cairn_tensor open_size(const cairn_tensor *x)
{
    return cairn_reshape(x[0], CAIRN_SHAPE(3, -1, 2));
}

static const cairn__sample samples[] = {
    {.shape = {{2, {6, 7}}}, .build = open_size},
    {.shape = {{2, {5, 7}}}, .build = open_size, .refusal = "another number of elements"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_reshape = {
    .name = "reshape",
    .summary = "the same elements in another shape",
    .kind = CAIRN__VIEW,
    .inputs = 1,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .samples = samples,
};
