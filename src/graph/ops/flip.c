/* One axis (at.axis) from its end to its start. */
#include "graph/graph.h"

cairn_tensor cairn_flip(cairn_tensor x, int axis)
{
    axis = cairn__axis(x, axis, "flip");
    if (axis < 0)
        return x;
    return cairn__node(x.graph, &cairn__op_flip, &x, 1, &(cairn__attributes){.axis = axis});
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    n->dtype = g->nodes[n->input[0]]->dtype;
    n->shape = g->nodes[n->input[0]]->shape;
    return true;
}

static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    (void)y;
    dx[0] = cairn_flip(dy, (int)n->at.axis);
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    cairn__split s = cairn__split_at(shapes[0], (int)n->at.axis);
    for (int64_t i = 0; i < s.outer * s.n * s.inner; i++) {
        int64_t index = i / s.inner % s.n;
        out[i] = in[0][i + (s.n - 1 - 2 * index) * s.inner];
    }
}

static cairn_tensor first(const cairn_tensor *x)
{
    return cairn_flip(x[0], 0);
}

static cairn_tensor last(const cairn_tensor *x)
{
    return cairn_flip(x[0], -1);
}

static const cairn__sample samples[] = {
    {.shape = {{2, {5, 7}}}, .build = first},
    {.shape = {{3, {3, 4, 6}}}, .build = last},
    {.shape = {{2, {30, 130}}}, .build = last},
    {.shape = {{2, {0, 4}}}, .build = first},
    {.shape = {{1, {6}}}, .domain = {CAIRN__BITS}, .build = first},
    {.shape = {{0, {0}}}, .build = first, .refusal = "flip []: axis 0"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_flip = {
    .name = "flip",
    .summary = "one axis from its end to its start",
    .kind = CAIRN__VIEW,
    .inputs = 1,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .samples = samples,
};
