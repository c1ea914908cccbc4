/* 1 at the index, else 0, along a new last axis of size at.axis. */
#include "graph/graph.h"

cairn_tensor cairn_one_hot(cairn_tensor indices, int64_t depth)
{
    return cairn__node(indices.graph, &cairn__op_one_hot, &indices, 1,
                       &(cairn__attributes){.axis = depth});
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *indices = g->nodes[n->input[0]];
    if (indices->dtype != CAIRN_I32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "indices must be i32");
    if (indices->shape.rank == CAIRN_MAX_RANK || n->at.axis < 0)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "no room for one more axis of size %lld",
                             (long long)n->at.axis);
    n->dtype = CAIRN_F32;
    n->shape = indices->shape;
    n->shape.size[n->shape.rank++] = n->at.axis;
    return true;
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    int64_t depth = n->at.axis, count = cairn_shape_count(shapes[0]) * depth;
    for (int64_t i = 0; i < count; i++)
        out[i] = in[0][i / depth] == (double)(i % depth);
}

static cairn_tensor four(const cairn_tensor *x)
{
    return cairn_one_hot(x[0], 4);
}

static cairn_tensor negative(const cairn_tensor *x)
{
    return cairn_one_hot(x[0], -1);
}

static const cairn__sample samples[] = {
    {.shape = {{1, {9}}}, .domain = {CAIRN__INDEX}, .limit = 4, .build = four},
    {.shape = {{2, {3, 5}}}, .domain = {CAIRN__INDEX}, .limit = 6, .build = four},
    {.shape = {{0, {0}}}, .domain = {CAIRN__INDEX}, .limit = 4, .build = four},
    {.shape = {{1, {0}}}, .domain = {CAIRN__INDEX}, .limit = 4, .build = four},
    {.shape = {{1, {9}}}, .build = four, .refusal = "indices must be i32"},
    {.shape = {{1, {9}}}, .domain = {CAIRN__INDEX}, .limit = 4, .build = negative,
     .refusal = "one more axis of size -1"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_one_hot = {
    .name = "one_hot",
    .summary = "1 at the index along a new last axis, else 0",
    .kind = CAIRN__OTHER,
    .inputs = 1,
    .shape = shape,
    .reference = reference,
    .no_gradient = "indices are whole numbers",
    .samples = samples,
};
