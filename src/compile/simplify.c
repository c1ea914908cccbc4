/* Algebra: rules that replace one node by a cheaper one of the same value.
 *
 * Each rule looks at one op whose operands are simplified already and returns the replacement, or
 * none. Rules keep values to the bit, except that constant factors are multiplied together
 * first. */
#include <string.h>

#include "compile/plan.h"

static const cairn_tensor none = {NULL, 0};

static const cairn_node *get(cairn_tensor x)
{
    return x.graph->nodes[x.id];
}

static bool is(cairn_tensor x, const cairn_op *op)
{
    return get(x)->op == op;
}

static cairn_tensor operand(cairn_tensor x, int i)
{
    return (cairn_tensor){x.graph, get(x)->input[i]};
}

static bool is_number(cairn_tensor x, double value)
{
    return is(x, &cairn__op_fill) && get(x)->at.value[0] == value;
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

static cairn_tensor simplify_add(const cairn_tensor *x)
{
    if (is_number(x[1], 0))
        return x[0];
    if (is_number(x[0], 0))
        return x[1];
    if (is(x[1], &cairn__op_neg))
        return cairn_sub(x[0], operand(x[1], 0));
    if (is(x[0], &cairn__op_neg))
        return cairn_sub(x[1], operand(x[0], 0));
    return none;
}

static cairn_tensor simplify_sub(const cairn_tensor *x)
{
    if (is_number(x[1], 0))
        return x[0];
    if (is_number(x[0], 0))
        return cairn_neg(x[1]);
    if (is(x[1], &cairn__op_neg))
        return cairn_add(x[0], operand(x[1], 0));
    return none;
}

/* (x c) d = x (c d), where c and d are numbers. */
static cairn_tensor join_factors(cairn_tensor x, cairn_tensor number)
{
    if (!is(number, &cairn__op_fill) || !is(x, &cairn__op_mul))
        return none;
    cairn_tensor inner = operand(x, 1), factor = operand(x, 0);
    if (!is(inner, &cairn__op_fill)) {
        cairn_tensor swap = inner;
        inner = factor;
        factor = swap;
    }
    if (!is(inner, &cairn__op_fill) || get(x)->dtype != CAIRN_F32)
        return none;
    double product = get(inner)->at.value[0] * get(number)->at.value[0];
    return cairn_mul(factor, cairn_fill(x.graph, CAIRN_F32, get(x)->shape, product));
}

static cairn_tensor simplify_mul(const cairn_tensor *x)
{
    if (is_number(x[1], 1))
        return x[0];
    if (is_number(x[0], 1))
        return x[1];
    if (is_number(x[1], -1))
        return cairn_neg(x[0]);
    if (is_number(x[0], -1))
        return cairn_neg(x[1]);
    if (x[0].id == x[1].id && get(x[0])->dtype == CAIRN_F32)
        return cairn_square(x[0]);
    cairn_tensor joined = join_factors(x[0], x[1]);
    return joined.graph ? joined : join_factors(x[1], x[0]);
}

static cairn_tensor simplify_div(const cairn_tensor *x)
{
    if (is_number(x[1], 1))
        return x[0];
    if (is_number(x[0], 1))
        return cairn_reciprocal(x[1]);
    return none;
}

static cairn_tensor simplify_neg(const cairn_tensor *x)
{
    if (is(x[0], &cairn__op_neg))
        return operand(x[0], 0);
    if (is(x[0], &cairn__op_sub))
        return cairn_sub(operand(x[0], 1), operand(x[0], 0));
    return none;
}

/* Gradients have been taken: nothing is left to stop. */
static cairn_tensor simplify_stop_gradient(const cairn_tensor *x)
{
    return x[0];
}

/* ---- views ----------------------------------------------------------------------------------- */

/* One value everywhere stays that, however it is looked at. */
static cairn_tensor view_of_fill(cairn_tensor x, cairn_shape shape)
{
    if (!is(x, &cairn__op_fill))
        return none;
    return cairn_fill(x.graph, get(x)->dtype, shape, get(x)->at.value[0]);
}

static cairn_shape listed(const cairn__attributes *at)
{
    cairn_shape shape = {.rank = (int)at->axis};
    memcpy(shape.size, at->list, sizeof shape.size);
    return shape;
}

static cairn_tensor simplify_reshape(const cairn_tensor *x, const cairn__attributes *at)
{
    cairn_shape shape = listed(at);
    if (cairn_shape_equal(get(x[0])->shape, shape))
        return x[0];
    if (is(x[0], &cairn__op_reshape))
        return cairn_reshape(operand(x[0], 0), shape);
    return view_of_fill(x[0], shape);
}

static cairn_tensor simplify_broadcast(const cairn_tensor *x, const cairn__attributes *at)
{
    cairn_shape shape = listed(at);
    if (cairn_shape_equal(get(x[0])->shape, shape))
        return x[0];
    if (is(x[0], &cairn__op_broadcast))
        return cairn_broadcast(operand(x[0], 0), shape);
    return view_of_fill(x[0], shape);
}

static cairn_tensor simplify_transpose(const cairn_tensor *x, const cairn__attributes *at)
{
    const cairn_node *n = get(x[0]);
    int order[CAIRN_MAX_RANK];
    bool identity = true;
    cairn_shape shape = {.rank = n->shape.rank};
    for (int i = 0; i < n->shape.rank; i++) {
        order[i] = (int)at->list[i];
        identity = identity && order[i] == i;
        shape.size[i] = n->shape.size[order[i]];
    }
    if (identity)
        return x[0];
    if (is(x[0], &cairn__op_transpose)) {
        for (int i = 0; i < n->shape.rank; i++)
            order[i] = (int)n->at.list[order[i]];
        return cairn_transpose(operand(x[0], 0), order);
    }
    return view_of_fill(x[0], shape);
}

/* A part of what padding surrounds needs no padding: inside the operand it is a part of that,
 * outside one value. So where gradients of parts are padded and added to be one, and that is taken
 * apart again, nothing of it remains. `none` where x is no such thing. */
static cairn_tensor part_of(cairn_tensor x, int axis, int64_t start, int64_t size)
{
    const cairn_node *n = get(x);
    if (n->op == &cairn__op_pad) {
        cairn_tensor inner = operand(x, 0);
        int64_t before = n->at.list[0], length = get(inner)->shape.size[axis];
        cairn_shape shape = n->shape;
        shape.size[axis] = size;
        if (n->at.axis != axis) {
            cairn_tensor less = part_of(inner, axis, start, size);
            less = less.graph ? less : cairn_slice(inner, axis, start, size, 1);
            return cairn_pad(less, (int)n->at.axis, before, n->at.list[1], n->at.value[0]);
        }
        if (start + size <= before || start >= before + length)
            return cairn_fill(x.graph, n->dtype, shape, n->at.value[0]);
        if (start < before || start + size > before + length)
            return none;
        cairn_tensor less = part_of(inner, axis, start - before, size);
        return less.graph ? less : cairn_slice(inner, axis, start - before, size, 1);
    }
    if (n->op != &cairn__op_add)
        return none;
    cairn_tensor half[2], sum;
    for (int i = 0; i < 2; i++) {
        half[i] = part_of(operand(x, i), axis, start, size);
        if (!half[i].graph)
            return none;
    }
    sum = simplify_add(half);
    return sum.graph ? sum : cairn_add(half[0], half[1]);
}

static cairn_tensor simplify_slice(const cairn_tensor *x, const cairn__attributes *at)
{
    return at->list[2] == 1 ? part_of(x[0], (int)at->axis, at->list[0], at->list[1]) : none;
}

/* ---- products -------------------------------------------------------------------------------- */

static bool exchanges_last(cairn_tensor x)
{
    const cairn_node *n = get(x);
    int rank = n->shape.rank;
    if (n->op != &cairn__op_transpose || rank < 2)
        return false;
    for (int i = 0; i < rank; i++)
        if (n->at.list[i] != (i < rank - 2 ? i : 2 * rank - 3 - i))
            return false;
    return true;
}

/* A transposed operand costs nothing: the product reads it the other way. */
static cairn_tensor simplify_matmul(const cairn_tensor *x, const cairn__attributes *at)
{
    bool first = exchanges_last(x[0]), second = exchanges_last(x[1]);
    if (!first && !second)
        return none;
    return cairn_matmul_transposed(first ? operand(x[0], 0) : x[0], at->list[0] ^ first,
                                   second ? operand(x[1], 0) : x[1], at->list[1] ^ second);
}

/* ---- reductions ------------------------------------------------------------------------------ */

enum { LONGEST_ROW = 8192, SHORTEST_PIECE = 256 };

/* The longest piece that divides a row of n elements, or 0. */
static int64_t piece_of(int64_t n)
{
    for (int64_t piece = LONGEST_ROW; piece >= SHORTEST_PIECE; piece--)
        if (n % piece == 0)
            return piece;
    return 0;
}

static cairn_tensor reduce_again(const cairn_op *op, cairn_tensor x, unsigned axes)
{
    return cairn__node(x.graph, op, &x, 1, &(cairn__attributes){.list = {axes, 0}});
}

/* Reductions in a form that kernels like: one run of neighbouring axes at a time, without kept
 * axes, and rows not longer than a tile can hold. */
static cairn_tensor simplify_reduction(const cairn_op *op, const cairn_tensor *x,
                                       const cairn__attributes *at)
{
    cairn_shape shape = get(x[0])->shape, kept = shape, gone = {0};
    unsigned axes = (unsigned)at->list[0], run = 0;
    int last = -1;
    int64_t reduced = 1;
    for (int i = 0; i < shape.rank; i++) {
        if (axes >> i & 1)
            kept.size[i] = 1, last = i, reduced *= shape.size[i];
        else
            gone.size[gone.rank++] = shape.size[i];
    }
    if (reduced == 1)
        return cairn_reshape(x[0], at->list[1] ? kept : gone);
    if (at->list[1])
        return cairn_reshape(reduce_again(op, x[0], axes), kept);
    int first = last;
    while (first >= 0 && axes >> first & 1)
        run |= CAIRN_AXIS(first--);
    if (run != axes) /* the last run now, the others next */
        return reduce_again(op, reduce_again(op, x[0], run), axes & ~run);
    int64_t outer = 1, inner = 1;
    for (int i = 0; i <= first; i++)
        outer *= shape.size[i];
    for (int i = last + 1; i < shape.rank; i++)
        inner *= shape.size[i];
    int64_t piece = inner == 1 && reduced > LONGEST_ROW ? piece_of(reduced) : 0;
    if (!piece)
        return none;
    cairn_tensor cut = cairn_reshape(x[0], CAIRN_SHAPE(outer, reduced / piece, piece));
    cairn_tensor twice = reduce_again(op, reduce_again(op, cut, 4u), 2u);
    return cairn_reshape(twice, gone);
}

/* ---- the rules ------------------------------------------------------------------------------- */

typedef cairn_tensor plain_rule(const cairn_tensor *x);
typedef cairn_tensor listed_rule(const cairn_tensor *x, const cairn__attributes *at);

static const struct {
    const cairn_op *op;
    plain_rule *plain;
    listed_rule *listed;
} rules[] = {
    {&cairn__op_add, simplify_add, NULL},
    {&cairn__op_sub, simplify_sub, NULL},
    {&cairn__op_mul, simplify_mul, NULL},
    {&cairn__op_div, simplify_div, NULL},
    {&cairn__op_neg, simplify_neg, NULL},
    {&cairn__op_stop_gradient, simplify_stop_gradient, NULL},
    {&cairn__op_reshape, NULL, simplify_reshape},
    {&cairn__op_broadcast, NULL, simplify_broadcast},
    {&cairn__op_transpose, NULL, simplify_transpose},
    {&cairn__op_slice, NULL, simplify_slice},
    {&cairn__op_matmul, NULL, simplify_matmul},
    {&cairn__op_batch_norm, NULL, cairn__batch_norm_expanded},
};

cairn_tensor cairn__simplify(cairn_graph *g, const cairn_op *op, const cairn_tensor *inputs, int n,
                             const cairn__attributes *at)
{
    (void)n;
    if (g->status.code != CAIRN_OK)
        return none;
    if (op->kind == CAIRN__REDUCTION)
        return simplify_reduction(op, inputs, at);
    for (size_t i = 0; i < CAIRN__COUNT(rules); i++)
        if (rules[i].op == op)
            return rules[i].plain ? rules[i].plain(inputs) : rules[i].listed(inputs, at);
    return none;
}
