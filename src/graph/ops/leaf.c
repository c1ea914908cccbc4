/* Leaves: values that have no inputs. (Variables have a file of their own,
 * src/graph/variable.c.) */
#include <string.h>

#include "graph/graph.h"

/* ---- input: at.data is the name, at.list the shape, at.axis the dtype ------------------------ */

static bool listed_shape(cairn_graph *g, cairn_node *n)
{
    (void)g;
    n->dtype = (cairn_dtype)n->at.axis;
    n->shape.rank = (int)n->at.value[1];
    memcpy(n->shape.size, n->at.list, sizeof n->shape.size);
    return true;
}

static cairn__attributes leaf(cairn_dtype dtype, cairn_shape shape)
{
    cairn__attributes at = {.axis = dtype, .value = {0, shape.rank}};
    memcpy(at.list, shape.size, (size_t)shape.rank * sizeof *at.list);
    return at;
}

cairn_tensor cairn_input(cairn_graph *g, const char *name, cairn_dtype dtype, cairn_shape shape)
{
    cairn__attributes at = leaf(dtype, shape);
    if (g->status.code != CAIRN_OK)
        return (cairn_tensor){g, 0};
    for (int32_t i = 0; i < g->n; i++) {
        if (g->nodes[i]->op == &cairn__op_input && strcmp(g->nodes[i]->at.data, name) == 0) {
            cairn__graph_fail(g, CAIRN_ERR_NAME, "input '%s' exists already", name);
            return (cairn_tensor){g, 0};
        }
    }
    at.data = cairn__arena_text(&g->arena, &g->status, "%s", name);
    return cairn__node(g, &cairn__op_input, NULL, 0, &at);
}

const cairn_op cairn__op_input = {
    .name = "input",
    .summary = "a value fed before each run",
    .kind = CAIRN__LEAF,
    .shape = listed_shape,
    .no_gradient = "it has no inputs",
};

/* ---- constant: as input, at.data are the elements -------------------------------------------- */

cairn_tensor cairn_constant(cairn_graph *g, cairn_dtype dtype, cairn_shape shape, const void *data)
{
    cairn__attributes at = leaf(dtype, shape);
    size_t bytes = (size_t)cairn_shape_count(shape) * cairn_dtype_bytes(dtype);
    void *copy = cairn__arena_alloc(&g->arena, bytes, 1, &g->status);
    if (!copy)
        return (cairn_tensor){g, 0};
    memcpy(copy, data, bytes);
    at.data = copy;
    return cairn__node(g, &cairn__op_constant, NULL, 0, &at);
}

static void constant_reference(const cairn_node *n, const cairn_shape *shapes,
                               const double *const *in, double *out)
{
    (void)shapes, (void)in;
    cairn__to_double(n->dtype, n->at.data, out, cairn_shape_count(n->shape));
}

const cairn_op cairn__op_constant = {
    .name = "constant",
    .summary = "elements given when the graph was built",
    .kind = CAIRN__LEAF,
    .shape = listed_shape,
    .reference = constant_reference,
    .no_gradient = "it has no inputs",
};

/* ---- fill: as input, at.value[0] is the value ------------------------------------------------ */

cairn_tensor cairn_fill(cairn_graph *g, cairn_dtype dtype, cairn_shape shape, double value)
{
    cairn__attributes at = leaf(dtype, shape);
    at.value[0] = value;
    return cairn__node(g, &cairn__op_fill, NULL, 0, &at);
}

cairn_tensor cairn_scalar(cairn_graph *g, double value)
{
    return cairn_fill(g, CAIRN_F32, CAIRN_SCALAR, value);
}

static void fill_reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                           double *out)
{
    (void)shapes, (void)in;
    int64_t count = cairn_shape_count(n->shape);
    for (int64_t i = 0; i < count; i++)
        out[i] = n->at.value[0];
}

const cairn_op cairn__op_fill = {
    .name = "fill",
    .summary = "one value everywhere",
    .kind = CAIRN__LEAF,
    .shape = listed_shape,
    .reference = fill_reference,
    .no_gradient = "it has no inputs",
};

/* ---- iota: as input, at.value[0] is the axis ------------------------------------------------- */

cairn_tensor cairn_iota(cairn_graph *g, cairn_dtype dtype, cairn_shape shape, int axis)
{
    cairn__attributes at = leaf(dtype, shape);
    if (axis < 0)
        axis += shape.rank;
    if (axis < 0 || axis >= shape.rank || (dtype != CAIRN_F32 && dtype != CAIRN_I32)) {
        cairn__graph_fail(g, CAIRN_ERR_SHAPE, "iota: axis %d of %d axes and dtype %s, expected an "
                          "axis of the shape, and i32 or f32", axis, shape.rank,
                          cairn_dtype_name(dtype));
        return (cairn_tensor){g, 0};
    }
    at.value[0] = axis;
    return cairn__node(g, &cairn__op_iota, NULL, 0, &at);
}

static void iota_reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                           double *out)
{
    (void)shapes, (void)in;
    cairn__split s = cairn__split_at(n->shape, (int)n->at.value[0]);
    for (int64_t i = 0; i < s.outer * s.n * s.inner; i++)
        out[i] = (double)(i / s.inner % s.n);
}

const cairn_op cairn__op_iota = {
    .name = "iota",
    .summary = "the index along one axis",
    .kind = CAIRN__LEAF,
    .shape = listed_shape,
    .reference = iota_reference,
    .no_gradient = "it has no inputs",
};
