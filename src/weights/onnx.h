/* Writing ONNX models: what the files onnx*.c share.
 *
 * A graph is rewritten as for a program (compile/plan.h), ops that ONNX lacks are replaced by
 * others until none is left, and each node becomes nodes of ONNX. The table in onnx_ops.c says how,
 * or why not. Values have the names of their nodes, "SCOPE/OP:ID".
 *
 * Source: onnx.proto and Operators.md, github.com/onnx/onnx, release 1.13 (operator set 18). */
#ifndef CAIRN_SRC_ONNX_H
#define CAIRN_SRC_ONNX_H

#include "base/base.h"
#include "cairn/weights.h"
#include "graph/graph.h"

/* The version of the file and that of the operators. */
enum { CAIRN__ONNX_IR = 8, CAIRN__ONNX_OPSET = 18 };

/* TensorProto.DataType. */
enum {
    CAIRN__ONNX_F32 = 1,
    CAIRN__ONNX_U8 = 2,
    CAIRN__ONNX_I32 = 6,
    CAIRN__ONNX_I64 = 7,
    CAIRN__ONNX_BOOL = 9
};
int cairn__onnx_type(cairn_dtype dtype);

/* A constant of the model: elements in memory, or those of a variable, read when it is written. */
typedef struct cairn__onnx_constant {
    const char *name;
    int type;
    cairn_shape shape;
    size_t bytes;
    const void *data;
    const cairn_variable *variable;
} cairn__onnx_constant;

typedef struct cairn__onnx {
    const cairn_graph *g;
    cairn_status *status;
    cairn__arena arena;                 /* names, elements */
    cairn__text nodes;                  /* NodeProto messages so far */
    cairn__text node, attributes, part; /* of the node being made; empty between */
    const char **names;                 /* of values by node id, NULL before they are made */
    bool *needed;
    cairn__onnx_constant *constants;
    size_t n_constants, room;
    int made; /* names so far */
} cairn__onnx;

/* One row for each op: exactly one of the members behind `op` is set. */
typedef struct cairn__onnx_row {
    const cairn_op *op;
    const char *type; /* a node of ONNX with the same operands and no attributes */
    const char *(*emit)(cairn__onnx *o, const cairn_node *n);
    cairn_tensor (*lower)(const cairn_node *n, const cairn_tensor *x); /* with other ops */
    const char *refused;                                               /* why there is none */
} cairn__onnx_row;

/* NULL when the table has no row, which is our fault. */
const cairn__onnx_row *cairn__onnx_find(const cairn_op *op);

/* The nodes for `n`, which has a row with `type` or `emit`; the name of its value. */
const char *cairn__onnx_emit(cairn__onnx *o, const cairn_node *n);

/* ---- writing nodes ---------------------------------------------------------------------------
 *
 * Names come back; NULL after an error, which later calls pass on. */

/* The value of node `id`; values that need no computation are made when they are asked for. */
const char *cairn__onnx_value(cairn__onnx *o, int32_t id);

/* Attributes of the next node. */
void cairn__onnx_int(cairn__onnx *o, const char *name, int64_t value);
void cairn__onnx_ints(cairn__onnx *o, const char *name, const int64_t *values, int n);
void cairn__onnx_text(cairn__onnx *o, const char *name, const char *value);
void cairn__onnx_graph(cairn__onnx *o, const char *name, cairn__text *graph);

/* A node for `n`. operands, results: names, "" for one that is left out; a result NULL gets a new
 * name. The first result's name is returned. */
const char *cairn__onnx_many(cairn__onnx *o, const cairn_node *n, const char *type,
                             const char *const *operands, int count, const char **results,
                             int n_results);

/* The same with one result, and operands ended by NULL: cairn__onnx_op(o, n, "Add", a, b, NULL).
 * An operand that is NULL after an error ends them too, which does no harm. */
const char *cairn__onnx_op(cairn__onnx *o, const cairn_node *n, const char *type, ...);

const char *cairn__onnx_fresh(cairn__onnx *o, const cairn_node *n);

/* Constants: whole numbers for sizes and axes [n], and one number of a node's dtype. */
const char *cairn__onnx_list(cairn__onnx *o, const int64_t *values, int n);
const char *cairn__onnx_scalar(cairn__onnx *o, cairn_dtype dtype, double value);
const char *cairn__onnx_keep(cairn__onnx *o, cairn__onnx_constant constant);

/* Shared forms. */
const char *cairn__onnx_transpose(cairn__onnx *o, const cairn_node *n, const char *x,
                                  const int64_t *order, int rank);
const char *cairn__onnx_reshape(cairn__onnx *o, const cairn_node *n, const char *x,
                                cairn_shape shape);

/* name, dtype and shape of an input or output of a graph, as field `field`. */
void cairn__onnx_describe(cairn__text *out, int field, const char *name, int type,
                          cairn_shape shape);

/* ---- ops with files of their own ------------------------------------------------------------- */

/* onnx_window.c */
const char *cairn__onnx_conv(cairn__onnx *o, const cairn_node *n);
const char *cairn__onnx_conv_transposed(cairn__onnx *o, const cairn_node *n);
const char *cairn__onnx_pool_index(cairn__onnx *o, const cairn_node *n);

/* The max_pool_index whose picks a gather_along takes from the pool's own operand, or NULL: the two
 * are one MaxPool. */
const cairn_node *cairn__onnx_pool_of(const cairn_graph *g, const cairn_node *n);
const char *cairn__onnx_pool(cairn__onnx *o, const cairn_node *n, const cairn_node *index);

/* onnx_index.c */
const char *cairn__onnx_gather(cairn__onnx *o, const cairn_node *n);
const char *cairn__onnx_gather_along(cairn__onnx *o, const cairn_node *n);
const char *cairn__onnx_scatter_add_along(cairn__onnx *o, const cairn_node *n);
const char *cairn__onnx_argsort(cairn__onnx *o, const cairn_node *n);
const char *cairn__onnx_extreme_index(cairn__onnx *o, const cairn_node *n);

/* onnx_recurrent.c */
const char *cairn__onnx_recurrent(cairn__onnx *o, const cairn_node *n);

/* onnx_lower.c */
cairn_tensor cairn__onnx_lower_iota(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_expm1(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_log1p(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_gelu(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_gelu_slope(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_gelu_tanh(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_gelu_tanh_slope(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_is_finite(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_smooth_relu(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_smooth_relu_slope(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_moments(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_centred_sums(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_batch_norm(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_one_hot(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_scatter_add(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_rotary(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_attention(const cairn_node *n, const cairn_tensor *x);
cairn_tensor cairn__onnx_lower_cross_entropy(const cairn_node *n, const cairn_tensor *x);

#endif
