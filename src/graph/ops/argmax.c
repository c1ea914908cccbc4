/* Where the first largest or smallest element of an axis (at.axis) is. A NaN counts as both, as it
 * is what the reductions give then. */
#include "graph/graph.h"

static cairn_tensor position(const cairn_op *op, cairn_tensor x, int axis)
{
    axis = cairn__axis(x, axis, op->name);
    if (axis < 0)
        return x;
    return cairn__node(x.graph, op, &x, 1, &(cairn__attributes){.axis = axis});
}

cairn_tensor cairn_argmax(cairn_tensor x, int axis)
{
    return position(&cairn__op_argmax, x, axis);
}

cairn_tensor cairn_argmin(cairn_tensor x, int axis)
{
    return position(&cairn__op_argmin, x, axis);
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]];
    if (x->dtype != CAIRN_F32 && x->dtype != CAIRN_I32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "the operand must be f32 or i32");
    if (x->shape.size[n->at.axis] == 0)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "axis %lld is empty", (long long)n->at.axis);
    for (int i = 0; i < x->shape.rank; i++)
        if (i != n->at.axis)
            n->shape.size[n->shape.rank++] = x->shape.size[i];
    n->dtype = CAIRN_I32;
    return true;
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    cairn__split s = cairn__split_at(shapes[0], (int)n->at.axis);
    bool largest = n->op == &cairn__op_argmax;
    for (int64_t i = 0; i < s.outer * s.inner; i++) {
        const double *x = in[0] + i / s.inner * s.n * s.inner + i % s.inner;
        int64_t best = 0;
        for (int64_t k = 1; k < s.n && x[best * s.inner] == x[best * s.inner]; k++) {
            double old = x[best * s.inner], next = x[k * s.inner];
            if (next != next || (largest ? next > old : next < old))
                best = k;
        }
        out[i] = (double)best;
    }
}

static double flops(const cairn_graph *g, const cairn_node *n)
{
    return (double)cairn_shape_count(g->nodes[n->input[0]]->shape);
}

#define POSITION(NAME, TEXT)                                                                       \
    static cairn_tensor NAME##_last(const cairn_tensor *x)                                         \
    {                                                                                              \
        return cairn_##NAME(x[0], -1);                                                             \
    }                                                                                              \
    static cairn_tensor NAME##_first(const cairn_tensor *x)                                        \
    {                                                                                              \
        return cairn_##NAME(x[0], 0);                                                              \
    }                                                                                              \
    static const cairn__sample NAME##_samples[] = {                                                \
        {.shape = {{2, {5, 17}}}, .domain = {CAIRN__SPREAD}, .build = NAME##_last},                \
        {.shape = {{3, {9, 2, 3}}}, .domain = {CAIRN__SPREAD}, .build = NAME##_first},             \
        {.shape = {{2, {3, 900}}}, .domain = {CAIRN__ANY}, .build = NAME##_last},                  \
        {.shape = {{1, {40}}}, .domain = {CAIRN__INDEX}, .limit = 5, .build = NAME##_first},       \
        {.shape = {{2, {0, 4}}}, .domain = {CAIRN__ANY}, .build = NAME##_last},                    \
        {.shape = {{2, {0, 4}}}, .build = NAME##_first, .refusal = "axis 0 is empty"},             \
        {.shape = {{1, {6}}}, .domain = {CAIRN__BITS}, .build = NAME##_first,                      \
         .refusal = "f32 or i32"},                                                                 \
        CAIRN__SAMPLES_END,                                                                        \
    };                                                                                             \
    const cairn_op cairn__op_##NAME = {                                                            \
        .name = #NAME,                                                                             \
        .summary = TEXT,                                                                           \
        .kind = CAIRN__OTHER,                                                                      \
        .inputs = 1,                                                                               \
        .shape = shape,                                                                            \
        .reference = reference,                                                                    \
        .no_gradient = "the result is whole numbers",                                              \
        .flops = flops,                                                                            \
        .samples = NAME##_samples,                                                                 \
    };

POSITION(argmax, "where the first largest element is")
POSITION(argmin, "where the first smallest element is")
