/* Functions of square matrices made of other ops, and what the linear algebra ops share. */
#include "graph/graph.h"

/* ---- shared ---------------------------------------------------------------------------------- */

bool cairn__square(cairn_graph *g, const cairn_node *n, int i)
{
    const cairn_node *x = g->nodes[n->input[i]];
    int r = x->shape.rank;
    if (r < 2 || x->shape.size[r - 2] != x->shape.size[r - 1])
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE,
                             "expected square matrices in the last two axes");
    if (x->dtype != CAIRN_F32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "operands must be f32");
    return true;
}

/* Row and column numbers of an n x n matrix. */
static cairn_tensor number(cairn_graph *g, int64_t n, int axis)
{
    return cairn_iota(g, CAIRN_F32, CAIRN_SHAPE(n, n), axis);
}

cairn_tensor cairn__identity(cairn_graph *g, int64_t n)
{
    return cairn_cast(cairn_equal(number(g, n, 0), number(g, n, 1)), CAIRN_F32);
}

static int64_t last_size(cairn_tensor x)
{
    cairn_shape shape = cairn_tensor_shape(x);
    return shape.rank ? shape.size[shape.rank - 1] : 1;
}

/* x where `test` holds between row and column, else 0: not a product, since x may not be finite
 * where it is not wanted. */
static cairn_tensor masked(cairn_tensor x, cairn_tensor (*test)(cairn_tensor, cairn_tensor))
{
    int64_t n = last_size(x);
    cairn_tensor where = test(number(x.graph, n, 0), number(x.graph, n, 1));
    return cairn_select(where, x, cairn_scalar(x.graph, 0));
}

cairn_tensor cairn__lower(cairn_tensor x)
{
    return masked(x, cairn_greater_equal);
}

cairn_tensor cairn__lower_half(cairn_tensor x)
{
    return cairn_scale(cairn_add(masked(x, cairn_greater_equal), masked(x, cairn_greater)), 0.5);
}

/* ---- inverse roots --------------------------------------------------------------------------- */

static bool valid_root(cairn_tensor x, const char *name, int p, double epsilon, int iterations)
{
    cairn_shape shape = cairn_tensor_shape(x);
    char text[CAIRN_SHAPE_TEXT];
    int r = shape.rank;
    if (cairn__none(x))
        return false;
    if (r < 2 || shape.size[r - 2] != shape.size[r - 1])
        return cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE,
                                 "%s %s: expected square matrices in the last two axes", name,
                                 cairn_shape_text(shape, text));
    if (p < 1 || iterations < 1 || !(epsilon >= 0))
        return cairn__graph_fail(x.graph, CAIRN_ERR_VALUE,
                                 "%s: root %d, epsilon %g and %d iterations, expected at least 1, "
                                 "0 and 1",
                                 name, p, epsilon, iterations);
    return true;
}

cairn_tensor cairn_inverse_root(cairn_tensor x, int p, double epsilon)
{
    cairn_tensor w, v;
    if (!valid_root(x, "inverse_root", p, epsilon, 1))
        return x;
    cairn_graph *g = x.graph;
    cairn_eigh(x, &w, &v);
    cairn_tensor root = cairn_pow(cairn_maximum(w, cairn_scalar(g, epsilon)),
                                  cairn_scalar(g, -1.0 / p));
    return cairn_matmul_transposed(cairn_mul(v, cairn_unsqueeze(root, -2)), false, v, true);
}

/* x to the power p >= 1 by squaring. */
static cairn_tensor matrix_power(cairn_tensor x, int p)
{
    if (p == 1)
        return x;
    cairn_tensor half = matrix_power(x, p / 2), square = cairn_matmul(half, half);
    return p % 2 ? cairn_matmul(square, x) : square;
}

/* With A = x + epsilon I: M_0 = z A and X_0 = z^(1/p) I, then
 *
 *     T = ((p+1) I - M) / p     X = X T     M = T^p M
 *
 * M goes to I and X to A^(-1/p), provided that the eigenvalues of M_0 lie in (0, p+1). The
 * Frobenius norm bounds the largest one: z = (p+1) / (2 |A|) leaves them in (0, (p+1)/2]. Small
 * eigenvalues grow by about e in each iteration. Source: Higham 2008, "Functions of Matrices",
 * section 7.3. */
cairn_tensor cairn_inverse_root_newton(cairn_tensor x, int p, double epsilon, int iterations)
{
    if (!valid_root(x, "inverse_root_newton", p, epsilon, iterations))
        return x;
    cairn_graph *g = x.graph;
    int rank = cairn_tensor_shape(x).rank;
    unsigned last_two = CAIRN_AXIS(rank - 2) | CAIRN_AXIS(rank - 1);
    cairn_tensor unit = cairn__identity(g, last_size(x));
    cairn_tensor a = cairn_add(x, cairn_scale(unit, epsilon));
    cairn_tensor norm = cairn_sqrt(cairn_reduce_sum(cairn_square(a), last_two, true));
    cairn_tensor z = cairn_scale(cairn_reciprocal(norm), (p + 1) / 2.0);
    cairn_tensor m = cairn_mul(a, z);
    cairn_tensor root = cairn_mul(unit, cairn_pow(z, cairn_scalar(g, 1.0 / p)));
    for (int i = 0; i < iterations; i++) {
        cairn_tensor t = cairn_scale(cairn_sub(cairn_scale(unit, p + 1), m), 1.0 / p);
        root = cairn_matmul(root, t);
        if (i + 1 < iterations)
            m = cairn_matmul(matrix_power(t, p), m);
    }
    return root;
}
