/* Axes of size 1 repeated, leading axes added: at.list holds the shape, at.axis the rank. */
#include <string.h>

#include "graph/graph.h"

cairn_tensor cairn_broadcast(cairn_tensor x, cairn_shape shape)
{
    if (cairn__none(x) || cairn_shape_equal(cairn_tensor_shape(x), shape))
        return x;
    cairn__attributes at = {.axis = shape.rank};
    memcpy(at.list, shape.size, (size_t)shape.rank * sizeof *at.list);
    return cairn__node(x.graph, &cairn__op_broadcast, &x, 1, &at);
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]];
    int more = (int)n->at.axis - x->shape.rank;
    char text[CAIRN_SHAPE_TEXT];
    n->dtype = x->dtype;
    n->shape.rank = (int)n->at.axis;
    memcpy(n->shape.size, n->at.list, sizeof n->shape.size);
    bool fits = more >= 0;
    for (int i = 0; fits && i < x->shape.rank; i++)
        fits = x->shape.size[i] == 1 || x->shape.size[i] == n->shape.size[i + more];
    return fits || cairn__refuse(g, n, CAIRN_ERR_SHAPE, "cannot be repeated to %s",
                                 cairn_shape_text(n->shape, text));
}

static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_shape x = cairn_tensor_shape(cairn__input(n, y, 0));
    int more = n->shape.rank - x.rank;
    unsigned repeated = 0;
    for (int i = 0; i < n->shape.rank; i++)
        if (i < more || (x.size[i - more] == 1 && n->shape.size[i] != 1))
            repeated |= CAIRN_AXIS(i);
    dx[0] = cairn_reshape(repeated ? cairn_reduce_sum(dy, repeated, true) : dy, x);
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    int64_t stride[CAIRN_MAX_RANK];
    int more = n->shape.rank - shapes[0].rank;
    cairn__strides(shapes[0], stride);
    for (int64_t i = 0, count = cairn_shape_count(n->shape); i < count; i++) {
        int64_t rest = i, from = 0;
        for (int a = n->shape.rank - 1; a >= more; a--) {
            int64_t index = rest % n->shape.size[a];
            from += shapes[0].size[a - more] == 1 ? 0 : index * stride[a - more];
            rest /= n->shape.size[a];
        }
        out[i] = in[0][from];
    }
}

static cairn_tensor wide(const cairn_tensor *x)
{
    return cairn_broadcast(x[0], CAIRN_SHAPE(3, 4, 7));
}

static const cairn__sample samples[] = {
    {.shape = {{0, {0}}}, .build = wide},
    {.shape = {{1, {7}}}, .build = wide},
    {.shape = {{3, {3, 1, 7}}}, .build = wide},
    {.shape = {{2, {4, 1}}}, .build = wide},
    {.shape = {{2, {4, 6}}}, .build = wide, .refusal = "cannot be repeated to [3,4,7]"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_broadcast = {
    .name = "broadcast",
    .summary = "axes of size 1 repeated",
    .kind = CAIRN__VIEW,
    .inputs = 1,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .samples = samples,
};
