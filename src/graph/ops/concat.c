/* Tensors one behind the other along an axis (at.axis). */
#include "graph/graph.h"

static cairn_tensor node(const cairn_tensor *x, int n, int axis)
{
    return n == 1 ? x[0]
                  : cairn__node(x[0].graph, &cairn__op_concat, x, n,
                                &(cairn__attributes){.axis = axis});
}

/* A node holds a bounded number of operands; more are joined in groups first. */
cairn_tensor cairn_concat(const cairn_tensor *x, int n, int axis)
{
    cairn_tensor groups[CAIRN__MOST_INPUTS];
    if (n < 1)
        return (cairn_tensor){NULL, 0};
    axis = cairn__axis(x[0], axis, "concat");
    if (axis < 0 || n <= CAIRN__MOST_INPUTS)
        return axis < 0 ? x[0] : node(x, n, axis);
    int group = (n + CAIRN__MOST_INPUTS - 1) / CAIRN__MOST_INPUTS, count = 0;
    for (int i = 0; i < n; i += group)
        groups[count++] = cairn_concat(x + i, CAIRN__MIN(group, n - i), axis);
    return node(groups, count, axis);
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *first = g->nodes[n->input[0]];
    int axis = (int)n->at.axis;
    n->dtype = first->dtype;
    n->shape = first->shape;
    for (int i = 1; i < n->inputs; i++) {
        const cairn_node *x = g->nodes[n->input[i]];
        if (x->dtype != first->dtype)
            return cairn__refuse(g, n, CAIRN_ERR_TYPE, "operands must be of one dtype");
        cairn_shape same = first->shape;
        if (x->shape.rank == same.rank)
            same.size[axis] = x->shape.size[axis];
        if (!cairn_shape_equal(x->shape, same))
            return cairn__refuse(g, n, CAIRN_ERR_SHAPE,
                                 "operand %d differs from the first, and not only on axis %d", i,
                                 axis);
        n->shape.size[axis] += x->shape.size[axis];
    }
    return true;
}

static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    int64_t start = 0;
    for (int i = 0; i < n->inputs; i++) {
        int64_t size = cairn_tensor_shape(cairn__input(n, y, i)).size[n->at.axis];
        dx[i] = cairn_slice(dy, (int)n->at.axis, start, size, 1);
        start += size;
    }
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    cairn__split to = cairn__split_at(n->shape, (int)n->at.axis);
    int64_t start = 0;
    for (int k = 0; k < n->inputs; k++) {
        cairn__split from = cairn__split_at(shapes[k], (int)n->at.axis);
        int64_t run = from.n * from.inner;
        for (int64_t i = 0; i < from.outer * run; i++)
            out[i / run * to.n * to.inner + start + i % run] = in[k][i];
        start += run;
    }
}

static cairn_tensor two(const cairn_tensor *x)
{
    return cairn_concat(x, 2, 0);
}

static cairn_tensor three(const cairn_tensor *x)
{
    return cairn_concat(x, 3, -1);
}

static const cairn__sample samples[] = {
    {.shape = {{2, {4, 7}}, {2, {2, 7}}}, .build = two},
    {.shape = {{1, {100}}, {1, {73}}}, .build = two},
    {.shape = {{3, {2, 3, 4}}, {3, {2, 3, 1}}, {3, {2, 3, 6}}}, .build = three},
    {.shape = {{2, {3, 4}}, {2, {3, 0}}, {2, {3, 2}}}, .build = three},
    {.shape = {{1, {4}}, {1, {3}}},
     .domain = {CAIRN__INDEX, CAIRN__INDEX},
     .limit = 5,
     .build = two},
    {.shape = {{2, {4, 7}}, {2, {2, 6}}}, .build = two, .refusal = "operand 1 differs"},
    {.shape = {{2, {4, 7}}, {1, {7}}}, .build = two, .refusal = "not only on axis 0"},
    {.shape = {{1, {4}}, {1, {7}}},
     .domain = {CAIRN__ANY, CAIRN__BITS},
     .build = two,
     .refusal = "of one dtype"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_concat = {
    .name = "concat",
    .summary = "one behind the other along an axis",
    .kind = CAIRN__OTHER,
    .inputs = -1,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .samples = samples,
};
