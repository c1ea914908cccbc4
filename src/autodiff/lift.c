/* The shared part of per-example gradients: from dy [B, shape of a node] to dx [B, shape of each
 * operand]. See per_example.c.
 *
 * The rule of an element-wise op is itself element-wise in dy: broadcasting carries the leading
 * axis through it. For any other op the same op is built with that axis before all others, and its
 * own rule is applied to this; what the rule does not read of it is dead code. */
#include <string.h>

#include "autodiff/autodiff.h"

cairn_shape cairn__lifted_shape(cairn_graph *g, cairn_shape shape, int64_t B)
{
    cairn_shape lifted = {.rank = shape.rank + 1, .size = {B}};
    if (shape.rank == CAIRN_MAX_RANK) {
        cairn__graph_fail(g, CAIRN_ERR_SHAPE, "per-example gradients: a value of %d axes, expected "
                          "fewer", shape.rank);
        return shape;
    }
    memcpy(lifted.size + 1, shape.size, (size_t)shape.rank * sizeof *shape.size);
    return lifted;
}

/* What the leading axis changes in the attributes, and an operand that has none. */
enum { AXIS = 1, SHAPE = 2, RANK = 4, ORDER = 8, SET = 16 };

static const struct {
    const cairn_op *op;
    int change;
    int plain; /* the operand that stays as it is, or -1 */
} lifts[] = {
    {&cairn__op_sum, SET, -1},
    {&cairn__op_max, SET, -1},
    {&cairn__op_min, SET, -1},
    {&cairn__op_matmul, 0, -1},
    {&cairn__op_cholesky, 0, -1},
    {&cairn__op_solve_triangular, 0, -1},
    {&cairn__op_eigh, 0, -1},
    {&cairn__op_reshape, AXIS | SHAPE, -1},
    {&cairn__op_transpose, ORDER, -1},
    {&cairn__op_broadcast, AXIS | SHAPE, -1},
    {&cairn__op_slice, AXIS, -1},
    {&cairn__op_concat, AXIS, -1},
    {&cairn__op_pad, AXIS, -1},
    {&cairn__op_flip, AXIS, -1},
    {&cairn__op_cumsum, AXIS, -1},
    {&cairn__op_gather, AXIS, 1},
    {&cairn__op_scatter_add, AXIS | SHAPE | RANK, 0},
    {&cairn__op_gather_along, AXIS, -1},
    {&cairn__op_scatter_add_along, AXIS | SHAPE | RANK, -1},
    {&cairn__op_cross_entropy, 0, -1},
    {&cairn__op_attention, 0, -1},
    {&cairn__op_standardize, 0, -1},
};

static cairn__attributes changed(const cairn_node *n, int change, int64_t B)
{
    cairn__attributes at = n->at;
    at.axis += (change & AXIS) != 0;
    at.value[0] += (change & RANK) != 0;
    if (change & SET)
        at.list[0] <<= 1;
    if (change & (SHAPE | ORDER)) {
        memmove(at.list + 1, at.list, CAIRN_MAX_RANK * sizeof *at.list);
        at.list[0] = change & SHAPE ? B : 0;
    }
    for (int i = 1; change & ORDER && i <= n->shape.rank; i++)
        at.list[i]++;
    return at;
}

/* Operand j for each example. Of a broadcast: in the rank of the result, so that axes match. */
static cairn_tensor repeated(cairn_graph *g, const cairn_node *n, int j, int64_t B)
{
    cairn_tensor x = {g, n->input[j]};
    cairn_shape shape = cairn_tensor_shape(x), wide = shape;
    if (n->op == &cairn__op_broadcast) {
        wide.rank = n->shape.rank;
        for (int i = 0, more = wide.rank - shape.rank; i < wide.rank; i++)
            wide.size[i] = i < more ? 1 : shape.size[i - more];
        x = cairn_reshape(x, wide);
    }
    return cairn_broadcast(x, cairn__lifted_shape(g, wide, B));
}

static cairn_tensor lifted(cairn_graph *g, const cairn_node *n, int change, int plain, int64_t B)
{
    cairn_tensor x[CAIRN__MOST_INPUTS];
    cairn__attributes at = changed(n, change, B);
    for (int j = 0; j < n->inputs; j++)
        x[j] = j == plain ? (cairn_tensor){g, n->input[j]} : repeated(g, n, j, B);
    return cairn__node(g, n->op, x, n->inputs, &at);
}

bool cairn__pull_lifted(const cairn_node *n, cairn_tensor dy, int64_t B, cairn_tensor *dx)
{
    cairn_graph *g = dy.graph;
    if (n->op->kind == CAIRN__ELEMENTWISE) {
        n->op->gradient(n, (cairn_tensor){g, n->id}, dy, dx);
        return true;
    }
    for (size_t i = 0; i < CAIRN__COUNT(lifts); i++) {
        if (lifts[i].op != n->op)
            continue;
        cairn_tensor y = lifted(g, n, lifts[i].change, lifts[i].plain, B);
        if (cairn__none(y))
            return true; /* the graph has the error */
        n->op->gradient(cairn__get(y), y, dy, dx);
        for (int j = 0; j < n->inputs; j++) /* a broadcast's operand had axes added */
            if (dx[j].graph && j != lifts[i].plain)
                dx[j] = cairn_reshape(
                    dx[j], cairn__lifted_shape(g, g->nodes[n->input[j]]->shape, B));
        return true;
    }
    return false;
}
