/* Running sum along at.axis; at.list[0] from the end, at.list[1] without the element itself. */
#include "graph/graph.h"

cairn_tensor cairn_cumsum(cairn_tensor x, int axis, bool reverse, bool exclusive)
{
    axis = cairn__axis(x, axis, "cumsum");
    if (axis < 0)
        return x;
    return cairn__node(x.graph, &cairn__op_cumsum, &x, 1,
                       &(cairn__attributes){.axis = axis, .list = {reverse, exclusive}});
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]];
    if (x->dtype != CAIRN_F32 && x->dtype != CAIRN_I32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "the operand must be f32 or i32");
    n->dtype = x->dtype;
    n->shape = x->shape;
    return true;
}

/* What x[j] was added to: the elements on its other side. */
static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    (void)y;
    dx[0] = cairn_cumsum(dy, (int)n->at.axis, !n->at.list[0], n->at.list[1]);
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    cairn__split s = cairn__split_at(shapes[0], (int)n->at.axis);
    bool reverse = n->at.list[0], exclusive = n->at.list[1];
    for (int64_t line = 0; line < s.outer * s.inner; line++) {
        int64_t base = line / s.inner * s.n * s.inner + line % s.inner;
        double total = 0;
        for (int64_t k = 0; k < s.n; k++) {
            int64_t at = base + (reverse ? s.n - 1 - k : k) * s.inner;
            double before = total;
            total += in[0][at];
            out[at] = exclusive ? before : total;
        }
    }
}

static cairn_tensor forward(const cairn_tensor *x)
{
    return cairn_cumsum(x[0], -1, false, false);
}

static cairn_tensor backward(const cairn_tensor *x)
{
    return cairn_cumsum(x[0], 0, true, false);
}

static cairn_tensor before(const cairn_tensor *x)
{
    return cairn_cumsum(x[0], 0, false, true);
}

static cairn_tensor behind(const cairn_tensor *x)
{
    return cairn_cumsum(x[0], 1, true, true);
}

static const cairn__sample samples[] = {
    {.shape = {{2, {5, 9}}}, .build = forward},
    {.shape = {{2, {5, 9}}}, .build = backward},
    {.shape = {{3, {5, 3, 2}}}, .build = before},
    {.shape = {{3, {2, 6, 3}}}, .build = behind},
    {.shape = {{2, {3, 1000}}}, .domain = {CAIRN__POSITIVE}, .build = forward},
    {.shape = {{2, {4, 0}}}, .build = forward},
    {.shape = {{1, {8}}}, .domain = {CAIRN__INDEX}, .limit = 9, .build = before},
    {.shape = {{1, {8}}}, .domain = {CAIRN__BITS}, .build = before, .refusal = "f32 or i32"},
    {.shape = {{1, {8}}}, .build = behind, .refusal = "cumsum [8]: axis 1"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_cumsum = {
    .name = "cumsum",
    .summary = "running sum along one axis",
    .kind = CAIRN__OTHER,
    .inputs = 1,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .samples = samples,
};
