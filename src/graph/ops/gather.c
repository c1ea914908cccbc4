/* Entries picked along one axis by indices of any shape, and the transpose of that.
 *
 *     x        [outer.., n, inner..]            at.axis is the axis of size n
 *     indices  [picks..]
 *     gather   [outer.., picks.., inner..]      scatter_add goes the other way
 *
 * scatter_add: at.list holds the shape of the result, at.value[0] its rank. */
#include <string.h>

#include "graph/graph.h"

cairn_tensor cairn_gather(cairn_tensor x, cairn_tensor indices, int axis)
{
    axis = cairn__axis(x, axis, "gather");
    if (axis < 0)
        return x;
    return cairn__node(x.graph, &cairn__op_gather, (cairn_tensor[]){x, indices}, 2,
                       &(cairn__attributes){.axis = axis});
}

cairn_tensor cairn_scatter_add(cairn_shape shape, cairn_tensor indices, cairn_tensor updates,
                               int axis)
{
    cairn__attributes at = {.axis = axis < 0 ? axis + shape.rank : axis,
                            .value = {shape.rank}};
    memcpy(at.list, shape.size, (size_t)shape.rank * sizeof *at.list);
    return cairn__node(updates.graph, &cairn__op_scatter_add, (cairn_tensor[]){indices, updates},
                       2, &at);
}

/* The shape of x with the axis replaced by the picks; false if it has too many axes. */
static bool picked(cairn_shape x, cairn_shape picks, int axis, cairn_shape *result)
{
    int rank = x.rank - 1 + picks.rank;
    if (rank > CAIRN_MAX_RANK)
        return false;
    *result = (cairn_shape){.rank = rank};
    for (int i = 0; i < rank; i++) {
        bool pick = i >= axis && i < axis + picks.rank;
        result->size[i] = pick ? picks.size[i - axis]
                               : x.size[i < axis ? i : i - picks.rank + 1];
    }
    return true;
}

static bool gather_shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]], *indices = g->nodes[n->input[1]];
    if (indices->dtype != CAIRN_I32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "indices must be i32");
    if (!picked(x->shape, indices->shape, (int)n->at.axis, &n->shape))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "the result would have more than %d axes",
                             CAIRN_MAX_RANK);
    n->dtype = x->dtype;
    return true;
}

static bool scatter_shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *indices = g->nodes[n->input[0]], *updates = g->nodes[n->input[1]];
    cairn_shape expected;
    char text[CAIRN_SHAPE_TEXT], wanted[CAIRN_SHAPE_TEXT];
    n->dtype = updates->dtype;
    n->shape.rank = (int)n->at.value[0];
    memcpy(n->shape.size, n->at.list, sizeof n->shape.size);
    cairn_shape_text(n->shape, text);
    if (indices->dtype != CAIRN_I32 || (n->dtype != CAIRN_F32 && n->dtype != CAIRN_I32))
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "expected i32 indices, and f32 or i32 updates");
    if (n->at.axis < 0 || n->at.axis >= n->shape.rank)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "axis %lld of %s", (long long)n->at.axis,
                             text);
    if (!picked(n->shape, indices->shape, (int)n->at.axis, &expected))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "updates of %s would have more than %d axes",
                             text, CAIRN_MAX_RANK);
    if (!cairn_shape_equal(updates->shape, expected))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "into axis %lld of %s updates must be %s",
                             (long long)n->at.axis, text, cairn_shape_text(expected, wanted));
    return true;
}

static void gather_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_shape x = cairn_tensor_shape(cairn__input(n, y, 0));
    dx[0] = cairn_scatter_add(x, cairn__input(n, y, 1), dy, (int)n->at.axis);
}

static void scatter_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy,
                             cairn_tensor *dx)
{
    dx[1] = cairn_gather(dy, cairn__input(n, y, 0), (int)n->at.axis);
}

static void gather_reference(const cairn_node *n, const cairn_shape *shapes,
                             const double *const *in, double *out)
{
    cairn__split s = cairn__split_at(shapes[0], (int)n->at.axis);
    int64_t picks = cairn_shape_count(shapes[1]);
    for (int64_t i = 0; i < s.outer * picks * s.inner; i++) {
        double index = in[1][i / s.inner % picks];
        bool inside = index >= 0 && index < (double)s.n;
        int64_t row = i / s.inner / picks * s.n + (inside ? (int64_t)index : 0);
        out[i] = inside ? in[0][row * s.inner + i % s.inner] : 0;
    }
}

static void scatter_reference(const cairn_node *n, const cairn_shape *shapes,
                              const double *const *in, double *out)
{
    cairn__split s = cairn__split_at(n->shape, (int)n->at.axis);
    int64_t picks = cairn_shape_count(shapes[0]), count = cairn_shape_count(n->shape);
    for (int64_t i = 0; i < count; i++)
        out[i] = 0;
    for (int64_t i = 0; i < s.outer * picks * s.inner; i++) {
        double index = in[0][i / s.inner % picks];
        if (index >= 0 && index < (double)s.n)
            out[(i / s.inner / picks * s.n + (int64_t)index) * s.inner + i % s.inner] += in[1][i];
    }
}

static cairn_tensor gather_rows(const cairn_tensor *x)
{
    return cairn_gather(x[0], x[1], 0);
}

static cairn_tensor gather_middle(const cairn_tensor *x)
{
    return cairn_gather(x[0], x[1], 1);
}

/* Some of the indices lie outside: limits above the size of the axis. */
static const cairn__sample gather_samples[] = {
    {.shape = {{2, {7, 5}}, {1, {9}}}, .domain = {CAIRN__ANY, CAIRN__INDEX}, .limit = 7,
     .build = gather_rows},
    {.shape = {{2, {7, 5}}, {2, {3, 4}}}, .domain = {CAIRN__ANY, CAIRN__INDEX}, .limit = 9,
     .build = gather_rows},
    {.shape = {{3, {3, 6, 4}}, {2, {2, 2}}}, .domain = {CAIRN__ANY, CAIRN__INDEX}, .limit = 6,
     .build = gather_middle},
    {.shape = {{1, {6}}, {0, {0}}}, .domain = {CAIRN__ANY, CAIRN__INDEX}, .limit = 6,
     .build = gather_rows},
    {.shape = {{2, {3, 6}}, {1, {0}}}, .domain = {CAIRN__ANY, CAIRN__INDEX}, .limit = 6,
     .build = gather_middle},
    {.shape = {{2, {0, 6}}, {1, {4}}}, .domain = {CAIRN__ANY, CAIRN__INDEX}, .limit = 6,
     .build = gather_rows},
    {.shape = {{2, {100, 70}}, {1, {300}}}, .domain = {CAIRN__ANY, CAIRN__INDEX}, .limit = 100,
     .build = gather_rows},
    {.shape = {{2, {7, 5}}, {1, {9}}}, .domain = {CAIRN__BITS, CAIRN__INDEX}, .limit = 7,
     .build = gather_rows},
    {.shape = {{2, {7, 5}}, {1, {9}}}, .build = gather_rows, .refusal = "indices must be i32"},
    {.shape = {{1, {7}}, {1, {9}}}, .domain = {CAIRN__ANY, CAIRN__INDEX}, .limit = 7,
     .build = gather_middle, .refusal = "gather [7]: axis 1"},
    {.shape = {{5, {1, 7, 1, 1, 1}}, {5, {1, 1, 1, 1, 1}}}, .domain = {CAIRN__ANY, CAIRN__INDEX},
     .limit = 7, .build = gather_middle, .refusal = "more than 8 axes"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_gather = {
    .name = "gather",
    .summary = "entries along one axis, picked by indices",
    .kind = CAIRN__OTHER,
    .inputs = 2,
    .shape = gather_shape,
    .gradient = gather_gradient,
    .reference = gather_reference,
    .samples = gather_samples,
};

static cairn_tensor scatter_rows(const cairn_tensor *x)
{
    return cairn_scatter_add(CAIRN_SHAPE(7, 5), x[0], x[1], 0);
}

static cairn_tensor scatter_middle(const cairn_tensor *x)
{
    return cairn_scatter_add(CAIRN_SHAPE(3, 6, 4), x[0], x[1], -2);
}

static cairn_tensor scatter_nowhere(const cairn_tensor *x)
{
    return cairn_scatter_add(CAIRN_SHAPE(7, 5), x[0], x[1], 2);
}

static const cairn__sample scatter_samples[] = {
    {.shape = {{1, {9}}, {2, {9, 5}}}, .domain = {CAIRN__INDEX}, .limit = 7,
     .build = scatter_rows},
    {.shape = {{2, {3, 4}}, {3, {3, 4, 5}}}, .domain = {CAIRN__INDEX}, .limit = 9,
     .build = scatter_rows},
    {.shape = {{2, {2, 2}}, {4, {3, 2, 2, 4}}}, .domain = {CAIRN__INDEX}, .limit = 6,
     .build = scatter_middle},
    {.shape = {{1, {0}}, {2, {0, 5}}}, .domain = {CAIRN__INDEX}, .limit = 7,
     .build = scatter_rows},
    {.shape = {{1, {600}}, {2, {600, 5}}}, .domain = {CAIRN__INDEX}, .limit = 7,
     .build = scatter_rows},
    {.shape = {{1, {9}}, {2, {9, 4}}}, .domain = {CAIRN__INDEX}, .limit = 7,
     .build = scatter_rows, .refusal = "into axis 0 of [7,5] updates must be [9,5]"},
    {.shape = {{1, {9}}, {2, {9, 5}}}, .build = scatter_rows, .refusal = "expected i32 indices"},
    {.shape = {{1, {9}}, {2, {9, 5}}}, .domain = {CAIRN__INDEX}, .limit = 7,
     .build = scatter_nowhere, .refusal = "axis 2 of [7,5]"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_scatter_add = {
    .name = "scatter_add",
    .summary = "zeros, with updates added at indices along one axis",
    .kind = CAIRN__OTHER,
    .inputs = 2,
    .shape = scatter_shape,
    .gradient = scatter_gradient,
    .reference = scatter_reference,
    .samples = scatter_samples,
};
