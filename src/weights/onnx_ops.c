/* From ops to ONNX: one table, and the nodes of ops that need attributes. */
#include "weights/onnx.h"

/* ---- element by element ---------------------------------------------------------------------- */

static cairn_shape joined(cairn_shape a, cairn_shape b)
{
    cairn_shape c = {.rank = CAIRN__MAX(a.rank, b.rank)};
    for (int i = 1; i <= c.rank; i++) {
        int64_t x = i <= a.rank ? a.size[a.rank - i] : 1, y = i <= b.rank ? b.size[b.rank - i] : 1;
        c.size[c.rank - i] = x == 1 ? y : x;
    }
    return c;
}

/* The value that operand `id` repeats: ONNX repeats by the same rule, so that the broadcast itself
 * need not be there. */
static const char *unrepeated(cairn__onnx *o, int32_t id, cairn_shape *shape)
{
    const cairn_node *x = o->g->nodes[id];
    *shape = CAIRN_SCALAR;
    if (x->op == &cairn__op_fill)
        return cairn__onnx_scalar(o, x->dtype, x->at.value[0]);
    if (x->op == &cairn__op_broadcast)
        return unrepeated(o, x->input[0], shape);
    *shape = x->shape;
    return cairn__onnx_value(o, id);
}

/* An op of the same name elsewhere, of any number of operands. */
static const char *same(cairn__onnx *o, const cairn_node *n, const char *type)
{
    const char *operands[CAIRN__SAMPLE_INPUTS] = {NULL}, *result = NULL;
    cairn_shape all = CAIRN_SCALAR, one;
    for (int i = 0; i < n->inputs && n->inputs > 1; i++) {
        operands[i] = unrepeated(o, n->input[i], &one);
        all = joined(all, one);
    }
    /* One operand in its full shape is enough for the result's. */
    if (n->inputs == 1 || !cairn_shape_equal(all, n->shape))
        operands[0] = cairn__onnx_value(o, n->input[0]);
    return cairn__onnx_many(o, n, type, operands, n->inputs, &result, 1);
}

static const char *square(cairn__onnx *o, const cairn_node *n)
{
    const char *x = cairn__onnx_value(o, n->input[0]);
    return cairn__onnx_op(o, n, "Mul", x, x, NULL);
}

static const char *rsqrt(cairn__onnx *o, const cairn_node *n)
{
    const char *root = cairn__onnx_op(o, n, "Sqrt", cairn__onnx_value(o, n->input[0]), NULL);
    return cairn__onnx_op(o, n, "Reciprocal", root, NULL);
}

/* Order is defined for numbers only: bool and u8 are compared as i32. */
static const char *compared(cairn__onnx *o, const cairn_node *n)
{
    const char *type = n->op == &cairn__op_less ? "Less" : "LessOrEqual", *operands[2];
    const cairn_dtype dtype = o->g->nodes[n->input[0]]->dtype;
    if (dtype == CAIRN_F32 || dtype == CAIRN_I32)
        return same(o, n, type);
    for (int i = 0; i < 2; i++) {
        cairn__onnx_int(o, "to", CAIRN__ONNX_I32);
        operands[i] = cairn__onnx_op(o, n, "Cast", cairn__onnx_value(o, n->input[i]), NULL);
    }
    return cairn__onnx_op(o, n, type, operands[0], operands[1], NULL);
}

/* Ours stays within the range of the new dtype; that of ONNX is not defined outside. 2147483520 is
 * the largest f32 in the range of an i32. */
static const char *cast(cairn__onnx *o, const cairn_node *n)
{
    const cairn_dtype from = o->g->nodes[n->input[0]]->dtype;
    const char *x = cairn__onnx_value(o, n->input[0]);
    const bool wide = from == CAIRN_F32 || from == CAIRN_I32;
    if (n->dtype == CAIRN_U8 && wide)
        x = cairn__onnx_op(o, n, "Clip", x, cairn__onnx_scalar(o, from, 0),
                           cairn__onnx_scalar(o, from, 255), NULL);
    else if (n->dtype == CAIRN_I32 && from == CAIRN_F32)
        x = cairn__onnx_op(o, n, "Clip", x, cairn__onnx_scalar(o, from, -2147483648.0),
                           cairn__onnx_scalar(o, from, 2147483520.0), NULL);
    cairn__onnx_int(o, "to", cairn__onnx_type(n->dtype));
    return cairn__onnx_op(o, n, "Cast", x, NULL);
}

/* ---- sums and products ----------------------------------------------------------------------- */

static const char *reduced(cairn__onnx *o, const cairn_node *n)
{
    const char *type = n->op == &cairn__op_sum   ? "ReduceSum"
                       : n->op == &cairn__op_max ? "ReduceMax"
                                                 : "ReduceMin";
    const char *x = cairn__onnx_value(o, n->input[0]);
    int64_t axes[CAIRN_MAX_RANK];
    int count = 0;
    for (int i = 0; i < CAIRN_MAX_RANK; i++)
        if (n->at.list[0] >> i & 1)
            axes[count++] = i;
    if (count == 0)
        return cairn__onnx_op(o, n, "Identity", x, NULL);
    cairn__onnx_int(o, "keepdims", n->at.list[1]);
    return cairn__onnx_op(o, n, type, x, cairn__onnx_list(o, axes, count), NULL);
}

static const char *cumsum(cairn__onnx *o, const cairn_node *n)
{
    const char *x = cairn__onnx_value(o, n->input[0]);
    cairn__onnx_int(o, "reverse", n->at.list[0]);
    cairn__onnx_int(o, "exclusive", n->at.list[1]);
    return cairn__onnx_op(o, n, "CumSum", x, cairn__onnx_scalar(o, CAIRN_I32, (double)n->at.axis),
                          NULL);
}

/* Gemm exchanges axes itself, of matrices only. */
static const char *matmul(cairn__onnx *o, const cairn_node *n)
{
    const char *x[2];
    const int r = n->shape.rank;
    const bool gemm = r == 2 && (n->at.list[0] || n->at.list[1]);
    for (int i = 0; i < 2; i++) {
        int64_t order[CAIRN_MAX_RANK];
        x[i] = cairn__onnx_value(o, n->input[i]);
        for (int a = 0; a < r; a++)
            order[a] = a < r - 2 ? a : 2 * r - 3 - a;
        if (n->at.list[i] && !gemm)
            x[i] = cairn__onnx_transpose(o, n, x[i], order, r);
    }
    if (!gemm)
        return cairn__onnx_op(o, n, "MatMul", x[0], x[1], NULL);
    cairn__onnx_int(o, "transA", n->at.list[0]);
    cairn__onnx_int(o, "transB", n->at.list[1]);
    return cairn__onnx_op(o, n, "Gemm", x[0], x[1], NULL);
}

/* ---- moving data ----------------------------------------------------------------------------- */

static const char *reshape(cairn__onnx *o, const cairn_node *n)
{
    return cairn__onnx_reshape(o, n, cairn__onnx_value(o, n->input[0]), n->shape);
}

static const char *transpose(cairn__onnx *o, const cairn_node *n)
{
    return cairn__onnx_transpose(o, n, cairn__onnx_value(o, n->input[0]), n->at.list,
                                 n->shape.rank);
}

static const char *part(cairn__onnx *o, const cairn_node *n, int64_t start, int64_t end,
                        int64_t step)
{
    const char *x = cairn__onnx_value(o, n->input[0]);
    return cairn__onnx_op(o, n, "Slice", x, cairn__onnx_list(o, &start, 1),
                          cairn__onnx_list(o, &end, 1), cairn__onnx_list(o, &n->at.axis, 1),
                          cairn__onnx_list(o, &step, 1), NULL);
}

static const char *slice(cairn__onnx *o, const cairn_node *n)
{
    const int64_t start = n->at.list[0], size = n->at.list[1], stride = n->at.list[2];
    return part(o, n, start, size ? start + (size - 1) * stride + 1 : start, stride);
}

static const char *flip(cairn__onnx *o, const cairn_node *n)
{
    return part(o, n, -1, INT64_MIN, -1);
}

static const char *concat(cairn__onnx *o, const cairn_node *n)
{
    const char *operands[CAIRN__MOST_INPUTS], *result = NULL;
    for (int i = 0; i < n->inputs; i++)
        operands[i] = cairn__onnx_value(o, n->input[i]);
    cairn__onnx_int(o, "axis", n->at.axis);
    return cairn__onnx_many(o, n, "Concat", operands, n->inputs, &result, 1);
}

static const char *pad(cairn__onnx *o, const cairn_node *n)
{
    const char *x = cairn__onnx_value(o, n->input[0]);
    int64_t pads[2 * CAIRN_MAX_RANK] = {0};
    pads[n->at.axis] = n->at.list[0];
    pads[n->shape.rank + n->at.axis] = n->at.list[1];
    return cairn__onnx_op(o, n, "Pad", x, cairn__onnx_list(o, pads, 2 * n->shape.rank),
                          cairn__onnx_scalar(o, n->dtype, n->at.value[0]), NULL);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define SAME(NAME, TYPE)                                                                           \
    {                                                                                              \
        .op = &cairn__op_##NAME, .type = TYPE                                                      \
    }
#define EMIT(NAME, FUNCTION)                                                                       \
    {                                                                                              \
        .op = &cairn__op_##NAME, .emit = FUNCTION                                                  \
    }
#define LOWER(NAME)                                                                                \
    {                                                                                              \
        .op = &cairn__op_##NAME, .lower = cairn__onnx_lower_##NAME                                 \
    }
#define REFUSED(NAME, WHY)                                                                         \
    {                                                                                              \
        .op = &cairn__op_##NAME, .refused = WHY                                                    \
    }

#define RANDOM "its values come from Cairn's own generator: build the model without training"
#define TRAINING "only gradients need it: build the model without training"
#define ALGEBRA "ONNX has no linear algebra beyond products"
#define QUEUES "ONNX has no queues of limited length, by which tokens go to experts"
#define LAST "ONNX has no index of which the last of several entries counts"

static const char *named(cairn__onnx *o, const cairn_node *n)
{
    return cairn__onnx_value(o, n->id);
}

/* The compiler has replaced it by its parts. */
static cairn_tensor expanded(const cairn_node *n, const cairn_tensor *x)
{
    return n->op->expand(n, x);
}

static const cairn__onnx_row rows[] = {
    EMIT(input, named),
    EMIT(variable, named),
    EMIT(constant, named),
    EMIT(fill, named),
    EMIT(broadcast, named),
    LOWER(iota),
    REFUSED(random_uniform, RANDOM),
    REFUSED(random_normal, RANDOM),

    SAME(neg, "Neg"),
    SAME(abs, "Abs"),
    SAME(sign, "Sign"),
    SAME(floor, "Floor"),
    SAME(ceil, "Ceil"),
    SAME(round, "Round"),
    EMIT(square, square),
    SAME(sqrt, "Sqrt"),
    EMIT(rsqrt, rsqrt),
    SAME(reciprocal, "Reciprocal"),
    SAME(exp, "Exp"),
    LOWER(expm1),
    SAME(log, "Log"),
    LOWER(log1p),
    SAME(sin, "Sin"),
    SAME(cos, "Cos"),
    SAME(tanh, "Tanh"),
    SAME(sigmoid, "Sigmoid"),
    SAME(erf, "Erf"),
    SAME(relu, "Relu"),
    SAME(softplus, "Softplus"),
    LOWER(gelu),
    LOWER(gelu_slope),
    LOWER(gelu_tanh),
    LOWER(gelu_tanh_slope),
    LOWER(is_finite),
    SAME(not, "Not"),

    SAME(add, "Add"),
    SAME(sub, "Sub"),
    SAME(mul, "Mul"),
    SAME(div, "Div"),
    SAME(pow, "Pow"),
    SAME(maximum, "Max"),
    SAME(minimum, "Min"),
    EMIT(less, compared),
    EMIT(less_equal, compared),
    SAME(equal, "Equal"),
    SAME(and, "And"),
    SAME(or, "Or"),
    LOWER(smooth_relu),
    LOWER(smooth_relu_slope),
    SAME(select, "Where"),
    EMIT(cast, cast),
    SAME(stop_gradient, "Identity"),

    EMIT(sum, reduced),
    EMIT(max, reduced),
    EMIT(min, reduced),
    LOWER(moments),
    LOWER(centred_sums),
    LOWER(batch_norm),
    EMIT(max_pool_index, cairn__onnx_pool_index),

    EMIT(matmul, matmul),
    EMIT(conv, cairn__onnx_conv),
    EMIT(conv_input_gradient, cairn__onnx_conv_transposed),
    REFUSED(conv_weight_gradient, TRAINING),
    EMIT(recurrent, cairn__onnx_recurrent),
    REFUSED(recurrent_gradient, TRAINING),
    REFUSED(cholesky, ALGEBRA),
    REFUSED(solve_triangular, ALGEBRA),
    REFUSED(eigh, ALGEBRA),

    EMIT(reshape, reshape),
    EMIT(transpose, transpose),
    EMIT(slice, slice),
    EMIT(concat, concat),
    EMIT(pad, pad),
    EMIT(flip, flip),

    EMIT(cumsum, cumsum),
    EMIT(gather, cairn__onnx_gather),
    LOWER(scatter_add),
    EMIT(gather_along, cairn__onnx_gather_along),
    EMIT(scatter_add_along, cairn__onnx_scatter_add_along),
    EMIT(argsort, cairn__onnx_argsort),
    EMIT(argmax, cairn__onnx_extreme_index),
    EMIT(argmin, cairn__onnx_extreme_index),
    LOWER(one_hot),
    REFUSED(queue, QUEUES),
    REFUSED(inverse_index, LAST),

    LOWER(rotary),
    {.op = &cairn__op_standardize, .lower = expanded},
    LOWER(attention),
    REFUSED(attention_gradient, TRAINING),
    LOWER(cross_entropy),
    REFUSED(cross_entropy_gradient, TRAINING),
    {.op = NULL},
};

const cairn__onnx_row *cairn__onnx_find(const cairn_op *op)
{
    const cairn__onnx_row *row = rows;
    while (row->op && row->op != op)
        row++;
    return row->op ? row : NULL;
}

const char *cairn__onnx_emit(cairn__onnx *o, const cairn_node *n)
{
    const cairn__onnx_row *row = cairn__onnx_find(n->op);
    return row->type ? same(o, n, row->type) : row->emit(o, n);
}
