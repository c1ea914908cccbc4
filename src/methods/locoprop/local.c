/* Local problems of LocoProp: objective, gradient, exact solution. */
#include "cairn/locoprop.h"
#include "cairn/loss.h"
#include "graph/graph.h"

static bool has(cairn_tensor x)
{
    return x.graph != NULL;
}

static cairn_tensor preactivation(const cairn_local_problem *p, cairn_tensor v, cairn_tensor bias)
{
    cairn_tensor z = cairn_matmul(cairn_stop_gradient(p->x), v);
    return has(bias) ? cairn_add(z, bias) : z;
}

cairn_tensor cairn_local_value(const cairn_local_problem *p, cairn_tensor v, cairn_tensor bias)
{
    cairn_tensor z = preactivation(p, v, bias), target = cairn_stop_gradient(p->target), value;
    if (p->loss == CAIRN_LOCOPROP_SQUARED) {
        value = cairn_scale(cairn_sum(cairn_square(cairn_sub(z, target))), 0.5);
    } else {
        cairn_tensor potential = cairn_sum(cairn_matching_potential(z, p->activation));
        value = cairn_sub(potential, cairn_sum(cairn_mul(target, z)));
    }
    if (p->proximal == 0)
        return value;
    cairn_tensor away = cairn_sum(cairn_square(cairn_sub(v, cairn_stop_gradient(p->weight))));
    if (has(bias))
        away = cairn_add(
            away, cairn_sum(cairn_square(cairn_sub(bias, cairn_stop_gradient(p->bias)))));
    return cairn_add(value, cairn_scale(away, 0.5 / p->proximal));
}

/* The pull back to where the step began: 0 in the first local step. */
static cairn_tensor with_pull(const cairn_local_problem *p, cairn_tensor gradient, cairn_tensor now,
                              cairn_tensor start)
{
    if (p->proximal == 0)
        return gradient;
    return cairn_add(gradient, cairn_scale(cairn_sub(now, start), 1 / p->proximal));
}

/* For the squared loss with p < 2B it is cheaper to keep C = X^T X, 2 p^2 q operations a step
 * instead of 4 B p q. The products with C and the like are found again by the compiler in later
 * steps. */
static bool gram_pays(const cairn_local_problem *p)
{
    cairn_shape x = cairn_tensor_shape(p->x);
    return p->loss == CAIRN_LOCOPROP_SQUARED && x.rank == 2 && x.size[1] < 2 * x.size[0];
}

static void gram_gradient(const cairn_local_problem *p, cairn_tensor v, cairn_tensor bias,
                          cairn_tensor *dv, cairn_tensor *db)
{
    double rows = (double)cairn_tensor_shape(p->x).size[0];
    cairn_tensor c = cairn_matmul_transposed(p->x, true, p->x, false);
    cairn_tensor r = cairn_matmul_transposed(p->x, true, p->target, false);
    cairn_tensor s = cairn_reduce_sum(p->x, CAIRN_AXIS(0), true); /* [1,p] */
    *dv = cairn_sub(cairn_matmul(c, v), r);
    if (!has(bias))
        return;
    *dv = cairn_add(*dv, cairn_mul(cairn_transpose_last(s), bias));
    cairn_tensor sv = cairn_squeeze(cairn_matmul(s, v), 0);
    *db = cairn_sub(cairn_add(sv, cairn_scale(bias, rows)),
                    cairn_reduce_sum(p->target, CAIRN_AXIS(0), false));
}

void cairn_local_gradient(const cairn_local_problem *p, cairn_tensor v, cairn_tensor bias,
                          cairn_tensor *dv, cairn_tensor *db)
{
    cairn_tensor unused;
    if (!db)
        db = &unused;
    if (gram_pays(p)) {
        gram_gradient(p, v, bias, dv, db);
    } else {
        cairn_tensor z = preactivation(p, v, bias);
        cairn_tensor y = p->loss == CAIRN_LOCOPROP_SQUARED ? z : cairn_activate(z, p->activation);
        cairn_tensor d = cairn_sub(y, p->target);
        *dv = cairn_matmul_transposed(p->x, true, d, false);
        if (has(bias))
            *db = cairn_reduce_sum(d, CAIRN_AXIS(0), false);
    }
    *dv = with_pull(p, *dv, v, p->weight);
    if (has(bias))
        *db = with_pull(p, *db, bias, p->bias);
}

/* X with a column of ones, so that the bias is one more row of W. */
static cairn_tensor with_ones(cairn_tensor x)
{
    int64_t rows = cairn_tensor_shape(x).size[0];
    cairn_tensor ones = cairn_fill(x.graph, CAIRN_F32, CAIRN_SHAPE(rows, 1), 1);
    return cairn_concat((cairn_tensor[]){x, ones}, 2, 1);
}

void cairn_local_solution(const cairn_local_problem *p, cairn_tensor *v, cairn_tensor *bias)
{
    cairn_graph *g = p->x.graph;
    *v = p->weight;
    *bias = p->bias;
    if (cairn__none(p->x))
        return;
    if (p->loss != CAIRN_LOCOPROP_SQUARED || p->proximal <= 0) {
        cairn__graph_fail(g, CAIRN_ERR_VALUE, "locoprop: the exact solution needs the squared loss "
                                              "and a proximal term above 0");
        return;
    }
    cairn_tensor x = has(p->bias) ? with_ones(p->x) : p->x;
    int64_t inputs = cairn_tensor_shape(p->weight).size[0], n = cairn_tensor_shape(x).size[1];
    cairn_tensor residual = cairn_sub(preactivation(p, p->weight, p->bias), p->target);
    cairn_tensor gram = cairn_matmul_transposed(x, true, x, false);
    cairn_tensor row = cairn_iota(g, CAIRN_I32, CAIRN_SHAPE(n, 1), 0);
    cairn_tensor column = cairn_iota(g, CAIRN_I32, CAIRN_SHAPE(1, n), 1);
    cairn_tensor identity = cairn_cast(cairn_equal(row, column), CAIRN_F32);
    cairn_tensor damped = cairn_add(gram, cairn_scale(identity, 1 / p->proximal));
    cairn_tensor step =
        cairn_solve_positive(damped, cairn_matmul_transposed(x, true, residual, false));
    *v = cairn_sub(p->weight, cairn_slice(step, 0, 0, inputs, 1));
    if (has(p->bias))
        *bias = cairn_sub(p->bias, cairn_squeeze(cairn_slice(step, 0, inputs, 1, 1), 0));
}
