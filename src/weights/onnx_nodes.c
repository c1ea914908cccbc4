/* The nodes and constants of an ONNX model as they are made: see onnx.h.
 *
 *   NodeProto       input 1  output 2  name 3  op_type 4  attribute 5
 *   AttributeProto  name 1  i 3  s 4  g 6  ints 8  type 20 */
#include <string.h>

#include "base/wire.h"
#include "weights/onnx.h"

enum { ATTRIBUTE_INT = 2, ATTRIBUTE_STRING = 3, ATTRIBUTE_GRAPH = 5, ATTRIBUTE_INTS = 7 };

int cairn__onnx_type(cairn_dtype dtype)
{
    static const int types[] = {[CAIRN_F32] = CAIRN__ONNX_F32,
                                [CAIRN_I32] = CAIRN__ONNX_I32,
                                [CAIRN_U8] = CAIRN__ONNX_U8,
                                [CAIRN_BOOL] = CAIRN__ONNX_BOOL};
    return types[dtype];
}

/* ---- attributes ------------------------------------------------------------------------------ */

static void attribute(cairn__onnx *o, const char *name, int type)
{
    cairn__wire_string(&o->part, 1, name);
    cairn__wire_integer(&o->part, 20, type);
}

void cairn__onnx_int(cairn__onnx *o, const char *name, int64_t value)
{
    attribute(o, name, ATTRIBUTE_INT);
    cairn__wire_integer(&o->part, 3, value);
    cairn__wire_message(&o->attributes, 5, &o->part);
}

void cairn__onnx_ints(cairn__onnx *o, const char *name, const int64_t *values, int n)
{
    attribute(o, name, ATTRIBUTE_INTS);
    for (int i = 0; i < n; i++)
        cairn__wire_integer(&o->part, 8, values[i]);
    cairn__wire_message(&o->attributes, 5, &o->part);
}

void cairn__onnx_text(cairn__onnx *o, const char *name, const char *value)
{
    attribute(o, name, ATTRIBUTE_STRING);
    cairn__wire_string(&o->part, 4, value);
    cairn__wire_message(&o->attributes, 5, &o->part);
}

void cairn__onnx_graph(cairn__onnx *o, const char *name, cairn__text *graph)
{
    attribute(o, name, ATTRIBUTE_GRAPH);
    cairn__wire_message(&o->part, 6, graph);
    cairn__wire_message(&o->attributes, 5, &o->part);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

const char *cairn__onnx_fresh(cairn__onnx *o, const cairn_node *n)
{
    return cairn__arena_text(&o->arena, o->status, "%s%s%s:%d", n->scope, *n->scope ? "/" : "",
                             n->op->name, o->made++);
}

const char *cairn__onnx_many(cairn__onnx *o, const cairn_node *n, const char *type,
                             const char *const *operands, int count, const char **results,
                             int n_results)
{
    for (int i = 0; i < count; i++) {
        if (!operands[i])
            return NULL;
        cairn__wire_string(&o->node, 1, operands[i]);
    }
    for (int i = 0; i < n_results; i++) {
        results[i] = results[i] ? results[i] : cairn__onnx_fresh(o, n);
        if (!results[i])
            return NULL;
        cairn__wire_string(&o->node, 2, results[i]);
    }
    cairn__wire_string(&o->node, 3, results[0]);
    cairn__wire_string(&o->node, 4, type);
    if (o->attributes.length)
        cairn__text_add_bytes(&o->node, o->attributes.data, o->attributes.length);
    o->attributes.length = 0;
    cairn__wire_message(&o->nodes, 1, &o->node);
    return results[0];
}

enum { MOST_OPERANDS = 8 };

const char *cairn__onnx_op(cairn__onnx *o, const cairn_node *n, const char *type, ...)
{
    const char *operands[MOST_OPERANDS], *result = NULL;
    int count = 0;
    va_list rest;
    va_start(rest, type);
    for (const char *x; count < MOST_OPERANDS && (x = va_arg(rest, const char *));)
        operands[count++] = x;
    va_end(rest);
    return cairn_ok(o->status) ? cairn__onnx_many(o, n, type, operands, count, &result, 1) : NULL;
}

/* ---- constants ------------------------------------------------------------------------------- */

const char *cairn__onnx_keep(cairn__onnx *o, cairn__onnx_constant constant)
{
    if (o->n_constants == o->room) {
        size_t room = CAIRN__MAX(2 * o->room, (size_t)64);
        cairn__onnx_constant *more = cairn__resize(o->constants, room, sizeof *more, o->status);
        if (!more)
            return NULL;
        o->constants = more;
        o->room = room;
    }
    if (!constant.name)
        constant.name = cairn__arena_text(&o->arena, o->status, "constant:%d", o->made++);
    if (constant.name)
        o->constants[o->n_constants++] = constant;
    return constant.name;
}

const char *cairn__onnx_list(cairn__onnx *o, const int64_t *values, int n)
{
    int64_t *copy = cairn__arena_alloc(&o->arena, (size_t)n, sizeof *copy, o->status);
    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, values, (size_t)n * sizeof *copy);
    return cairn__onnx_keep(o, (cairn__onnx_constant){.type = CAIRN__ONNX_I64,
                                                      .shape = CAIRN_SHAPE(n),
                                                      .bytes = (size_t)n * sizeof *copy,
                                                      .data = copy});
}

const char *cairn__onnx_scalar(cairn__onnx *o, cairn_dtype dtype, double value)
{
    void *copy = cairn__arena_alloc(&o->arena, 1, sizeof(double), o->status);
    if (!copy)
        return NULL;
    cairn__from_double(dtype, &value, copy, 1);
    return cairn__onnx_keep(o, (cairn__onnx_constant){.type = cairn__onnx_type(dtype),
                                                      .shape = CAIRN_SCALAR,
                                                      .bytes = cairn_dtype_bytes(dtype),
                                                      .data = copy});
}

/* ---- values on demand ------------------------------------------------------------------------ */

static const char *expanded(cairn__onnx *o, const cairn_node *n, const char *x)
{
    return cairn__onnx_op(o, n, "Expand", x, cairn__onnx_list(o, n->shape.size, n->shape.rank),
                          NULL);
}

static const char *leaf(cairn__onnx *o, const cairn_node *n)
{
    const size_t bytes = (size_t)cairn_shape_count(n->shape) * cairn_dtype_bytes(n->dtype);
    cairn__onnx_constant c = {
        .type = cairn__onnx_type(n->dtype), .shape = n->shape, .bytes = bytes};
    if (n->op == &cairn__op_variable) {
        c.variable = n->at.data;
        c.name = c.variable->name;
    } else if (n->op == &cairn__op_constant) {
        c.data = n->at.data;
    } else {
        const char *x = cairn__onnx_scalar(o, n->dtype, n->at.value[0]);
        return n->shape.rank ? expanded(o, n, x) : x;
    }
    return cairn__onnx_keep(o, c);
}

const char *cairn__onnx_value(cairn__onnx *o, int32_t id)
{
    const cairn_node *n = o->g->nodes[id];
    if (o->names[id] || !cairn_ok(o->status))
        return cairn_ok(o->status) ? o->names[id] : NULL;
    if (n->op == &cairn__op_broadcast)
        o->names[id] = expanded(o, n, cairn__onnx_value(o, n->input[0]));
    else
        o->names[id] = leaf(o, n);
    return o->names[id];
}

/* ---- shared forms ---------------------------------------------------------------------------- */

const char *cairn__onnx_transpose(cairn__onnx *o, const cairn_node *n, const char *x,
                                  const int64_t *order, int rank)
{
    cairn__onnx_ints(o, "perm", order, rank);
    return cairn__onnx_op(o, n, "Transpose", x, NULL);
}

/* Without `allowzero` a size of 0 would stand for the operand's own. */
const char *cairn__onnx_reshape(cairn__onnx *o, const cairn_node *n, const char *x,
                                cairn_shape shape)
{
    if (cairn_shape_count(shape) == 0)
        cairn__onnx_int(o, "allowzero", 1);
    return cairn__onnx_op(o, n, "Reshape", x, cairn__onnx_list(o, shape.size, shape.rank), NULL);
}
