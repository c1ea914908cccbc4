/* Another dtype (at.axis), and the value through which no gradient flows. */
#include <math.h>

#include "graph/graph.h"

cairn_tensor cairn_cast(cairn_tensor x, cairn_dtype dtype)
{
    if (!cairn__none(x) && cairn_tensor_dtype(x) == dtype)
        return x;
    return cairn__node(x.graph, &cairn__op_cast, &x, 1, &(cairn__attributes){.axis = dtype});
}

static bool cast_shape(cairn_graph *g, cairn_node *n)
{
    n->dtype = (cairn_dtype)n->at.axis;
    n->shape = g->nodes[n->input[0]]->shape;
    return true;
}

static double cast_element(const cairn_node *n, const double *x)
{
    switch (n->dtype) {
    case CAIRN_F32: break;
    case CAIRN_I32: return x[0] != x[0] ? 0 : fmax(fmin(trunc(x[0]), INT32_MAX), INT32_MIN);
    case CAIRN_U8: return x[0] != x[0] ? 0 : fmax(fmin(trunc(x[0]), 255), 0);
    case CAIRN_BOOL: return x[0] != 0;
    }
    return x[0];
}

static cairn_tensor cast_to_float(const cairn_tensor *x)
{
    return cairn_cast(x[0], CAIRN_F32);
}

static cairn_tensor cast_to_bool(const cairn_tensor *x)
{
    return cairn_cast(x[0], CAIRN_BOOL);
}

static cairn_tensor cast_to_i32(const cairn_tensor *x)
{
    return cairn_cast(x[0], CAIRN_I32);
}

static const cairn__sample cast_samples[] = {
    {.shape = {{2, {7, 19}}}, .domain = {CAIRN__BITS}, .build = cast_to_float},
    {.shape = {{2, {7, 19}}}, .domain = {CAIRN__INDEX}, .limit = 50, .build = cast_to_float},
    {.shape = {{2, {7, 19}}}, .domain = {CAIRN__NONZERO}, .build = cast_to_bool},
    {.shape = {{2, {7, 19}}}, .domain = {CAIRN__ANY}, .build = cast_to_i32},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_cast = {
    .name = "cast",
    .summary = "another dtype",
    .kind = CAIRN__ELEMENTWISE,
    .inputs = 1,
    .shape = cast_shape,
    .element = cast_element,
    .no_gradient = "whole numbers and bool have no derivative",
    .samples = cast_samples,
};

cairn_tensor cairn_stop_gradient(cairn_tensor x)
{
    return cairn__node(x.graph, &cairn__op_stop_gradient, &x, 1, NULL);
}

static bool stop_shape(cairn_graph *g, cairn_node *n)
{
    n->dtype = g->nodes[n->input[0]]->dtype;
    n->shape = g->nodes[n->input[0]]->shape;
    return true;
}

static double stop_element(const cairn_node *n, const double *x)
{
    (void)n;
    return x[0];
}

static cairn_tensor stop_sample(const cairn_tensor *x)
{
    return cairn_stop_gradient(x[0]);
}

static const cairn__sample stop_samples[] = {
    {.shape = {{2, {7, 19}}}, .domain = {CAIRN__ANY}, .build = stop_sample},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_stop_gradient = {
    .name = "stop_gradient",
    .summary = "the value itself, through which no gradient flows",
    .kind = CAIRN__ELEMENTWISE,
    .inputs = 1,
    .shape = stop_shape,
    .element = stop_element,
    .no_gradient = "that is its purpose",
    .samples = stop_samples,
};
