/* Indices in ONNX count from the end where they are negative, and must be inside. Ours outside give
 * zeros, or are dropped: they are moved inside, and what they pick is replaced by zeros. */
#include "weights/onnx.h"

/* The indices moved to 0 .. size - 1, and in *inside whether they were there before. */
static const char *moved(cairn__onnx *o, const cairn_node *n, const char *index, int64_t size,
                         const char **inside)
{
    const char *within = cairn__onnx_op(
        o, n, "Clip", index, cairn__onnx_scalar(o, CAIRN_I32, 0),
        cairn__onnx_scalar(o, CAIRN_I32, (double)CAIRN__MAX(size - 1, (int64_t)0)), NULL);
    *inside = cairn__onnx_op(o, n, "Equal", index, within, NULL);
    return within;
}

/* Runtimes lack a Where of bool. */
static const char *or_zero(cairn__onnx *o, const cairn_node *n, const char *inside,
                           const char *values)
{
    if (n->dtype == CAIRN_BOOL)
        return cairn__onnx_op(o, n, "And", inside, values, NULL);
    return cairn__onnx_op(o, n, "Where", inside, values, cairn__onnx_scalar(o, n->dtype, 0), NULL);
}

/* An operand without elements to pick from gives zeros. */
static const char *zeros(cairn__onnx *o, const cairn_node *n)
{
    return cairn__onnx_op(o, n, "Expand", cairn__onnx_scalar(o, n->dtype, 0),
                          cairn__onnx_list(o, n->shape.size, n->shape.rank), NULL);
}

const char *cairn__onnx_gather(cairn__onnx *o, const cairn_node *n)
{
    const cairn_node *x = o->g->nodes[n->input[0]], *index = o->g->nodes[n->input[1]];
    const int64_t size = x->shape.size[n->at.axis];
    cairn_shape spread = index->shape;
    const char *inside;
    if (size == 0)
        return zeros(o, n);
    const char *within = moved(o, n, cairn__onnx_value(o, n->input[1]), size, &inside);
    cairn__onnx_int(o, "axis", n->at.axis);
    const char *picks =
        cairn__onnx_op(o, n, "Gather", cairn__onnx_value(o, n->input[0]), within, NULL);
    /* A picked entry has all axes behind the axis of x. */
    for (int i = (int)n->at.axis + 1; i < x->shape.rank; i++)
        spread.size[spread.rank++] = 1;
    return or_zero(o, n, cairn__onnx_reshape(o, n, inside, spread), picks);
}

const char *cairn__onnx_gather_along(cairn__onnx *o, const cairn_node *n)
{
    const cairn_node *pool = cairn__onnx_pool_of(o->g, n);
    const int64_t size = o->g->nodes[n->input[0]]->shape.size[n->at.axis];
    const char *inside;
    if (pool)
        return cairn__onnx_pool(o, n, pool);
    if (size == 0)
        return zeros(o, n);
    const char *within = moved(o, n, cairn__onnx_value(o, n->input[1]), size, &inside);
    cairn__onnx_int(o, "axis", n->at.axis);
    const char *picks =
        cairn__onnx_op(o, n, "GatherElements", cairn__onnx_value(o, n->input[0]), within, NULL);
    return or_zero(o, n, inside, picks);
}

const char *cairn__onnx_scatter_add_along(cairn__onnx *o, const cairn_node *n)
{
    const char *inside;
    if (cairn_shape_count(n->shape) == 0)
        return zeros(o, n);
    const char *within =
        moved(o, n, cairn__onnx_value(o, n->input[0]), n->shape.size[n->at.axis], &inside);
    const char *updates = or_zero(o, n, inside, cairn__onnx_value(o, n->input[1]));
    const char *to = zeros(o, n);
    cairn__onnx_int(o, "axis", n->at.axis);
    cairn__onnx_text(o, "reduction", "add");
    return cairn__onnx_op(o, n, "ScatterElements", to, within, updates, NULL);
}

static const char *as_i32(cairn__onnx *o, const cairn_node *n, const char *x)
{
    cairn__onnx_int(o, "to", CAIRN__ONNX_I32);
    return cairn__onnx_op(o, n, "Cast", x, NULL);
}

/* TopK of all: equal elements stay in their order. NaN has no place of its own there. */
const char *cairn__onnx_argsort(cairn__onnx *o, const cairn_node *n)
{
    const char *results[2] = {NULL, NULL};
    const char *operands[2] = {cairn__onnx_value(o, n->input[0]),
                               cairn__onnx_list(o, &n->shape.size[n->at.axis], 1)};
    cairn__onnx_int(o, "axis", n->at.axis);
    cairn__onnx_int(o, "largest", n->at.list[0]);
    cairn__onnx_int(o, "sorted", 1);
    if (!cairn__onnx_many(o, n, "TopK", operands, 2, results, 2))
        return NULL;
    return as_i32(o, n, results[1]);
}

const char *cairn__onnx_extreme_index(cairn__onnx *o, const cairn_node *n)
{
    const char *x = cairn__onnx_value(o, n->input[0]);
    cairn__onnx_int(o, "axis", n->at.axis);
    cairn__onnx_int(o, "keepdims", 0);
    return as_i32(o, n,
                  cairn__onnx_op(o, n, n->op == &cairn__op_argmax ? "ArgMax" : "ArgMin", x, NULL));
}
