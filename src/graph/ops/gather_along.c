/* One index for each element along an axis, and the transpose of that.
 *
 *     gather_along       result[o, i, k] = x[o, indices[o, i, k], k]
 *     scatter_add_along  result[o, indices[o, i, k], k] += updates[o, i, k]
 *
 * at.axis is the axis. scatter_add_along: at.list holds the shape of the result, at.value[0] its
 * rank. */
#include <string.h>

#include "graph/graph.h"

cairn_tensor cairn_gather_along(cairn_tensor x, cairn_tensor indices, int axis)
{
    axis = cairn__axis(x, axis, "gather_along");
    if (axis < 0)
        return x;
    return cairn__node(x.graph, &cairn__op_gather_along, (cairn_tensor[]){x, indices}, 2,
                       &(cairn__attributes){.axis = axis});
}

cairn_tensor cairn_scatter_add_along(cairn_shape shape, cairn_tensor indices, cairn_tensor updates,
                                     int axis)
{
    cairn__attributes at = {.axis = axis < 0 ? axis + shape.rank : axis,
                            .value = {shape.rank}};
    memcpy(at.list, shape.size, (size_t)shape.rank * sizeof *at.list);
    return cairn__node(updates.graph, &cairn__op_scatter_add_along,
                       (cairn_tensor[]){indices, updates}, 2, &at);
}

static bool equal_but(cairn_shape a, cairn_shape b, int axis)
{
    if (a.rank == b.rank)
        a.size[axis] = b.size[axis];
    return cairn_shape_equal(a, b);
}

static bool gather_shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]], *indices = g->nodes[n->input[1]];
    if (indices->dtype != CAIRN_I32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "indices must be i32");
    if (!equal_but(x->shape, indices->shape, (int)n->at.axis))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "shapes differ, and not only on axis %lld",
                             (long long)n->at.axis);
    n->dtype = x->dtype;
    n->shape = indices->shape;
    return true;
}

static bool scatter_shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *indices = g->nodes[n->input[0]], *updates = g->nodes[n->input[1]];
    char text[CAIRN_SHAPE_TEXT];
    n->dtype = updates->dtype;
    n->shape.rank = (int)n->at.value[0];
    memcpy(n->shape.size, n->at.list, sizeof n->shape.size);
    cairn_shape_text(n->shape, text);
    if (indices->dtype != CAIRN_I32 || (n->dtype != CAIRN_F32 && n->dtype != CAIRN_I32))
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "expected i32 indices, and f32 or i32 updates");
    if (n->at.axis < 0 || n->at.axis >= n->shape.rank)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "axis %lld of %s", (long long)n->at.axis,
                             text);
    if (!cairn_shape_equal(indices->shape, updates->shape) ||
        !equal_but(n->shape, updates->shape, (int)n->at.axis))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE,
                             "indices and updates must have the shape %s but for axis %lld", text,
                             (long long)n->at.axis);
    return true;
}

static void gather_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_shape x = cairn_tensor_shape(cairn__input(n, y, 0));
    dx[0] = cairn_scatter_add_along(x, cairn__input(n, y, 1), dy, (int)n->at.axis);
}

static void scatter_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy,
                             cairn_tensor *dx)
{
    dx[1] = cairn_gather_along(dy, cairn__input(n, y, 0), (int)n->at.axis);
}

/* Where element i of the indices points in an array of size n along the axis; -1: outside. */
static int64_t target(cairn__split indices, int64_t n, int64_t i, double index)
{
    if (!(index >= 0 && index < (double)n))
        return -1;
    int64_t outer = i / indices.inner / indices.n;
    return (outer * n + (int64_t)index) * indices.inner + i % indices.inner;
}

static void gather_reference(const cairn_node *n, const cairn_shape *shapes,
                             const double *const *in, double *out)
{
    cairn__split s = cairn__split_at(shapes[1], (int)n->at.axis);
    int64_t size = shapes[0].size[n->at.axis];
    for (int64_t i = 0; i < s.outer * s.n * s.inner; i++) {
        int64_t from = target(s, size, i, in[1][i]);
        out[i] = from < 0 ? 0 : in[0][from];
    }
}

static void scatter_reference(const cairn_node *n, const cairn_shape *shapes,
                              const double *const *in, double *out)
{
    cairn__split s = cairn__split_at(shapes[0], (int)n->at.axis);
    int64_t size = n->shape.size[n->at.axis], count = cairn_shape_count(n->shape);
    for (int64_t i = 0; i < count; i++)
        out[i] = 0;
    for (int64_t i = 0; i < s.outer * s.n * s.inner; i++) {
        int64_t to = target(s, size, i, in[0][i]);
        if (to >= 0)
            out[to] += in[1][i];
    }
}

static cairn_tensor gather_last(const cairn_tensor *x)
{
    return cairn_gather_along(x[0], x[1], -1);
}

static cairn_tensor gather_first(const cairn_tensor *x)
{
    return cairn_gather_along(x[0], x[1], 0);
}

static const cairn__sample gather_samples[] = {
    {.shape = {{2, {4, 7}}, {2, {4, 3}}}, .domain = {CAIRN__ANY, CAIRN__INDEX}, .limit = 7,
     .build = gather_last},
    {.shape = {{3, {5, 2, 3}}, {3, {8, 2, 3}}}, .domain = {CAIRN__ANY, CAIRN__INDEX}, .limit = 6,
     .build = gather_first},
    {.shape = {{2, {4, 7}}, {2, {4, 0}}}, .domain = {CAIRN__ANY, CAIRN__INDEX}, .limit = 7,
     .build = gather_last},
    {.shape = {{2, {60, 90}}, {2, {60, 120}}}, .domain = {CAIRN__ANY, CAIRN__INDEX}, .limit = 90,
     .build = gather_last},
    {.shape = {{2, {4, 7}}, {2, {3, 3}}}, .domain = {CAIRN__ANY, CAIRN__INDEX}, .limit = 7,
     .build = gather_last, .refusal = "shapes differ, and not only on axis 1"},
    {.shape = {{2, {4, 7}}, {2, {4, 3}}}, .build = gather_last, .refusal = "indices must be i32"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_gather_along = {
    .name = "gather_along",
    .summary = "one entry of an axis for each index",
    .kind = CAIRN__OTHER,
    .inputs = 2,
    .shape = gather_shape,
    .gradient = gather_gradient,
    .reference = gather_reference,
    .samples = gather_samples,
};

static cairn_tensor scatter_last(const cairn_tensor *x)
{
    return cairn_scatter_add_along(CAIRN_SHAPE(4, 7), x[0], x[1], -1);
}

static cairn_tensor scatter_first(const cairn_tensor *x)
{
    return cairn_scatter_add_along(CAIRN_SHAPE(5, 2, 3), x[0], x[1], 0);
}

static const cairn__sample scatter_samples[] = {
    {.shape = {{2, {4, 9}}, {2, {4, 9}}}, .domain = {CAIRN__INDEX}, .limit = 7,
     .build = scatter_last},
    {.shape = {{3, {8, 2, 3}}, {3, {8, 2, 3}}}, .domain = {CAIRN__INDEX}, .limit = 6,
     .build = scatter_first},
    {.shape = {{2, {4, 0}}, {2, {4, 0}}}, .domain = {CAIRN__INDEX}, .limit = 7,
     .build = scatter_last},
    {.shape = {{2, {4, 9}}, {2, {4, 8}}}, .domain = {CAIRN__INDEX}, .limit = 7,
     .build = scatter_last, .refusal = "must have the shape [4,7] but for axis 1"},
    {.shape = {{2, {4, 9}}, {2, {4, 9}}}, .build = scatter_last, .refusal = "i32 indices"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_scatter_add_along = {
    .name = "scatter_add_along",
    .summary = "zeros, with each update added at its index of an axis",
    .kind = CAIRN__OTHER,
    .inputs = 2,
    .shape = scatter_shape,
    .gradient = scatter_gradient,
    .reference = scatter_reference,
    .samples = scatter_samples,
};
