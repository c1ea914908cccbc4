/* The batched part of per-example gradients: where the batch is in the operands of each op, and the
 * gradient of a shared operand where it meets the batch. See per_example.c. */
#include "autodiff/autodiff.h"

typedef int place_rule(const cairn_graph *g, const cairn_node *n, int input, int axis, int64_t B);

/* ---- where the batch is ---------------------------------------------------------------------- */

static int reduced(const cairn_graph *g, const cairn_node *n, int input, int axis, int64_t B)
{
    (void)B;
    cairn_shape x = g->nodes[n->input[input]]->shape;
    for (int i = 0, kept = 0; i < x.rank; i++) {
        bool gone = n->at.list[0] >> i & 1;
        if (!gone && kept == axis)
            return i;
        kept += !gone || n->at.list[1];
    }
    return CAIRN__REFUSED;
}

/* Ops that mix the elements of one axis: it must be another one. */
static int beside(const cairn_graph *g, const cairn_node *n, int input, int axis, int64_t B)
{
    (void)g, (void)input, (void)B;
    return axis == n->at.axis ? CAIRN__REFUSED : axis;
}

static int transposed(const cairn_graph *g, const cairn_node *n, int input, int axis, int64_t B)
{
    (void)g, (void)input, (void)B;
    return (int)n->at.list[axis];
}

/* The axis with as many elements before it, which holds whole examples. */
static int reshaped(const cairn_graph *g, const cairn_node *n, int input, int axis, int64_t B)
{
    cairn_shape x = g->nodes[n->input[input]]->shape;
    int64_t outer = cairn__split_at(n->shape, axis).outer;
    for (int i = 0; i < x.rank; i++)
        if (x.size[i] % B == 0 && cairn__split_at(x, i).outer == outer)
            return i;
    return CAIRN__REFUSED;
}

static bool repeated(cairn_shape x, const cairn_node *n, int axis)
{
    int from = axis - (n->shape.rank - x.rank);
    return from < 0 || (x.size[from] == 1 && n->shape.size[axis] != 1);
}

static int broadcast(const cairn_graph *g, const cairn_node *n, int input, int axis, int64_t B)
{
    (void)B;
    cairn_shape x = g->nodes[n->input[input]]->shape;
    return repeated(x, n, axis) ? CAIRN__SHARED : axis - (n->shape.rank - x.rank);
}

/* The rows of the result come from the first operand, its columns from the second. */
static int product(const cairn_graph *g, const cairn_node *n, int input, int axis, int64_t B)
{
    (void)g, (void)B;
    int r = n->shape.rank;
    if (axis < r - 2)
        return axis;
    if (input != axis - (r - 2))
        return CAIRN__SHARED;
    return n->at.list[input] ? 2 * r - 3 - axis : axis;
}

static int matrices(const cairn_graph *g, const cairn_node *n, int input, int axis, int64_t B)
{
    (void)g, (void)input, (void)B;
    return axis < n->shape.rank - 2 ? axis : CAIRN__REFUSED;
}

static int gathered(const cairn_graph *g, const cairn_node *n, int input, int axis, int64_t B)
{
    (void)input, (void)B;
    int picks = g->nodes[n->input[1]]->shape.rank;
    if (axis < n->at.axis)
        return axis;
    return axis < n->at.axis + picks ? CAIRN__SHARED : axis - picks + 1;
}

static int scattered(const cairn_graph *g, const cairn_node *n, int input, int axis, int64_t B)
{
    (void)input, (void)B;
    int picks = g->nodes[n->input[0]]->shape.rank;
    if (axis == n->at.axis)
        return CAIRN__REFUSED;
    return axis < n->at.axis ? axis : axis + picks - 1;
}

static int row_losses(const cairn_graph *g, const cairn_node *n, int input, int axis, int64_t B)
{
    (void)g, (void)n, (void)input, (void)B;
    return axis;
}

/* [.., T, heads, D] of a packed operand; a bias has no such axes. */
static int attended(const cairn_graph *g, const cairn_node *n, int input, int axis, int64_t B)
{
    (void)g, (void)B;
    return input == 0 && axis < n->shape.rank - 3 ? axis : CAIRN__REFUSED;
}

static const struct {
    const cairn_op *op;
    place_rule *place;
} places[] = {
    {&cairn__op_sum, reduced},
    {&cairn__op_max, reduced},
    {&cairn__op_min, reduced},
    {&cairn__op_matmul, product},
    {&cairn__op_cholesky, matrices},
    {&cairn__op_solve_triangular, matrices},
    {&cairn__op_eigh, matrices},
    {&cairn__op_reshape, reshaped},
    {&cairn__op_transpose, transposed},
    {&cairn__op_broadcast, broadcast},
    {&cairn__op_slice, beside},
    {&cairn__op_concat, beside},
    {&cairn__op_pad, beside},
    {&cairn__op_flip, beside},
    {&cairn__op_cumsum, beside},
    {&cairn__op_gather, gathered},
    {&cairn__op_scatter_add, scattered},
    {&cairn__op_gather_along, beside},
    {&cairn__op_scatter_add_along, beside},
    {&cairn__op_cross_entropy, row_losses},
    {&cairn__op_attention, attended},
};

int cairn__batch_axis(const cairn_graph *g, const cairn_node *n, int input, int axis, int64_t B)
{
    if (n->op->kind == CAIRN__ELEMENTWISE)
        return axis;
    for (size_t i = 0; i < CAIRN__COUNT(places); i++)
        if (places[i].op == n->op)
            return places[i].place(g, n, input, axis, B);
    return CAIRN__REFUSED;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

/* Axis `axis` of size B m as two of sizes B and m. */
static cairn_tensor split(cairn_tensor x, int axis, int64_t B)
{
    cairn_shape old = cairn_tensor_shape(x), shape;
    if (cairn__none(x))
        return x;
    shape = cairn__lifted_shape(x.graph, old, B);
    for (int i = 0; i <= axis && i < CAIRN_MAX_RANK; i++)
        shape.size[i] = i < axis ? old.size[i] : B;
    if (axis + 1 < CAIRN_MAX_RANK)
        shape.size[axis + 1] = old.size[axis] / B;
    return cairn_reshape(x, shape);
}

static cairn_tensor move_axis(cairn_tensor x, int from, int to)
{
    int order[CAIRN_MAX_RANK], rank = cairn_tensor_shape(x).rank;
    if (from == to)
        return x;
    for (int i = 0, next = 0; i < rank; i++) {
        next += next == from;
        order[i] = i == to ? from : next++;
    }
    return cairn_transpose(x, order);
}

/* [B, .., m, ..] from [.., B m, ..]. */
static cairn_tensor lead(cairn_tensor x, int axis, int64_t B)
{
    return move_axis(split(x, axis, B), axis, 0);
}

/* ---- meetings -------------------------------------------------------------------------------- */

static cairn_tensor meet_broadcast(const cairn_node *n, cairn_tensor dy, int axis, int64_t B)
{
    cairn_shape x = dy.graph->nodes[n->input[0]]->shape;
    cairn_tensor d = lead(dy, axis, B);
    unsigned axes = 0;
    for (int i = 0; i < n->shape.rank; i++)
        if (repeated(x, n, i))
            axes |= CAIRN_AXIS(i + 1);
    return cairn_reshape(cairn_reduce_sum(d, axes, false), cairn__lifted_shape(dy.graph, x, B));
}

/* The rule of matmul with one more batch axis: what was summed over examples is a product each. */
static cairn_tensor meet_product(const cairn_node *n, int input, cairn_tensor dy, int axis,
                                 int64_t B)
{
    cairn_tensor other = {dy.graph, n->input[1 - input]};
    bool ta = n->at.list[0], tb = n->at.list[1];
    other = lead(other, product(dy.graph, n, 1 - input, axis, B), B);
    cairn_tensor d = lead(dy, axis, B);
    if (input == 0)
        return ta ? cairn_matmul_transposed(other, tb, d, true)
                  : cairn_matmul_transposed(d, false, other, !tb);
    return tb ? cairn_matmul_transposed(d, true, other, ta)
              : cairn_matmul_transposed(other, !ta, d, false);
}

/* Each example adds into a table of its own: the tables stand one below the other in one of B times
 * as many rows, and the indices of example b are moved on by b tables. */
static cairn_tensor own_rows(cairn_tensor indices, int64_t rows)
{
    cairn_graph *g = indices.graph;
    cairn_shape shape = cairn_tensor_shape(indices);
    cairn_tensor limit = cairn_fill(g, CAIRN_I32, CAIRN_SCALAR, (double)rows);
    cairn_tensor zero = cairn_fill(g, CAIRN_I32, CAIRN_SCALAR, 0);
    cairn_tensor inside = cairn_and(cairn_greater_equal(indices, zero),
                                    cairn_less(indices, limit));
    cairn_tensor table = cairn_mul(cairn_iota(g, CAIRN_I32, shape, 0), limit);
    return cairn_select(inside, cairn_add(indices, table),
                        cairn_fill(g, CAIRN_I32, CAIRN_SCALAR, -1));
}

static cairn_tensor meet_gather(const cairn_node *n, cairn_tensor dy, int axis, int64_t B)
{
    cairn_graph *g = dy.graph;
    int at = (int)n->at.axis;
    cairn_shape tables = g->nodes[n->input[0]]->shape;
    int64_t rows = tables.size[at];
    if (rows > INT32_MAX / B) {
        cairn__graph_fail(g, CAIRN_ERR_SHAPE, "per-example gradients: gather of %lld entries for "
                          "%lld examples needs larger indices than i32", (long long)rows,
                          (long long)B);
        return dy;
    }
    cairn_tensor indices = own_rows(lead((cairn_tensor){g, n->input[1]}, axis - at, B), rows);
    cairn_tensor d = move_axis(split(dy, axis, B), axis, at);
    tables.size[at] *= B;
    return lead(cairn_scatter_add(tables, indices, d, at), at, B);
}

cairn_tensor cairn__meet(const cairn_node *n, int input, cairn_tensor dy, int axis, int64_t B)
{
    return n->op == &cairn__op_broadcast ? meet_broadcast(n, dy, axis, B)
           : n->op == &cairn__op_matmul  ? meet_product(n, input, dy, axis, B)
                                         : meet_gather(n, dy, axis, B);
}
