/* Where each number stands: at.axis is how many numbers there are.
 *
 *     result[indices[.., i]] = i, the last in order where several are equal; else -1 */
#include "graph/graph.h"

cairn_tensor cairn_inverse_index(cairn_tensor indices, int64_t size)
{
    return cairn__node(indices.graph, &cairn__op_inverse_index, &indices, 1,
                       &(cairn__attributes){.axis = size});
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *indices = g->nodes[n->input[0]];
    if (indices->dtype != CAIRN_I32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "indices must be i32");
    if (indices->shape.rank == 0 || n->at.axis < 0 || n->at.axis > INT32_MAX)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE,
                             "expected [.., n], and 0 to 2^31 - 1 numbers instead of %lld",
                             (long long)n->at.axis);
    n->dtype = CAIRN_I32;
    n->shape = CAIRN_SHAPE(n->at.axis);
    return true;
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    const int64_t last = shapes[0].size[shapes[0].rank - 1], count = cairn_shape_count(shapes[0]);
    for (int64_t i = 0; i < n->at.axis; i++)
        out[i] = -1;
    for (int64_t i = 0; i < count; i++)
        if (in[0][i] >= 0 && in[0][i] < (double)n->at.axis)
            out[(int64_t)in[0][i]] = (double)(i % last);
}

static cairn_tensor of_eight(const cairn_tensor *x)
{
    return cairn_inverse_index(x[0], 8);
}

static cairn_tensor of_many(const cairn_tensor *x)
{
    return cairn_inverse_index(x[0], 70000);
}

static cairn_tensor of_none(const cairn_tensor *x)
{
    return cairn_inverse_index(x[0], -1);
}

static const cairn__sample samples[] = {
    {.shape = {{1, {5}}}, .domain = {CAIRN__INDEX}, .limit = 9, .build = of_eight},
    {.shape = {{3, {2, 3, 4}}}, .domain = {CAIRN__INDEX}, .limit = 40, .build = of_eight},
    {.shape = {{2, {3, 7000}}}, .domain = {CAIRN__INDEX}, .limit = 70001, .build = of_many},
    {.shape = {{2, {3, 0}}}, .domain = {CAIRN__INDEX}, .limit = 4, .build = of_eight},
    {.shape = {{1, {5}}}, .build = of_eight, .refusal = "indices must be i32"},
    {.shape = {{1, {5}}},
     .domain = {CAIRN__INDEX},
     .limit = 4,
     .build = of_none,
     .refusal = "2^31 - 1 numbers instead of -1"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_inverse_index = {
    .name = "inverse_index",
    .summary = "where each number stands among indices",
    .kind = CAIRN__OTHER,
    .inputs = 1,
    .shape = shape,
    .reference = reference,
    .no_gradient = "places are whole numbers",
    .samples = samples,
};
