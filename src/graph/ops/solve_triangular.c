/* Solves L y = b, or L^T y = b where at.list[0] is set. Only the lower half of L is read. The node
 * takes operands of one batch shape; the builder sees to that. */
#include "graph/graph.h"

cairn_tensor cairn_solve_triangular(cairn_tensor l, cairn_tensor b, bool transpose)
{
    cairn__share_batch(&l, &b);
    return cairn__node(l.graph, &cairn__op_solve_triangular, (cairn_tensor[]){l, b}, 2,
                       &(cairn__attributes){.list = {transpose}});
}

cairn_tensor cairn_solve_positive(cairn_tensor x, cairn_tensor b)
{
    cairn_tensor l = cairn_cholesky(x);
    return cairn_solve_triangular(l, cairn_solve_triangular(l, b, false), true);
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *l = g->nodes[n->input[0]], *b = g->nodes[n->input[1]];
    int r = l->shape.rank;
    if (!cairn__square(g, n, 0))
        return false;
    if (b->dtype != CAIRN_F32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "operands must be f32");
    cairn_shape expected = l->shape;
    if (b->shape.rank == r)
        expected.size[r - 1] = b->shape.size[r - 1];
    if (!cairn_shape_equal(b->shape, expected))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE,
                             "the right-hand sides must be columns of %lld elements",
                             (long long)l->shape.size[r - 1]);
    n->shape = b->shape;
    return true;
}

/* db = L^-T dy and dL = -lower(db y^T); for the transposed system db = L^-1 dy and
 * dL = -lower(y db^T). Source: Giles 2008, "An extended collection of matrix derivative results for
 * forward and reverse mode algorithmic differentiation", section 2.2.3. */
static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    bool transposed = n->at.list[0];
    dx[1] = cairn_solve_triangular(cairn__input(n, y, 0), dy, !transposed);
    cairn_tensor outer = transposed ? cairn_matmul_transposed(y, false, dx[1], true)
                                    : cairn_matmul_transposed(dx[1], false, y, true);
    dx[0] = cairn_neg(cairn__lower(outer));
}

/* One system: y starts as b, and each row takes what is known already off the others. */
static void substitute(const double *l, double *y, int64_t n, int64_t k, bool transposed)
{
    for (int64_t step = 0; step < n; step++) {
        int64_t i = transposed ? n - 1 - step : step;
        for (int64_t c = 0; c < k; c++)
            y[i * k + c] /= l[i * n + i];
        for (int64_t j = transposed ? 0 : i + 1; j < (transposed ? i : n); j++)
            for (int64_t c = 0; c < k; c++)
                y[j * k + c] -= l[transposed ? i * n + j : j * n + i] * y[i * k + c];
    }
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    int r = n->shape.rank;
    int64_t size = n->shape.size[r - 2], k = n->shape.size[r - 1];
    int64_t count = cairn_shape_count(shapes[1]), batch = count ? count / (size * k) : 0;
    for (int64_t i = 0; i < count; i++)
        out[i] = in[1][i];
    for (int64_t i = 0; i < batch; i++)
        substitute(in[0] + i * size * size, out + i * size * k, size, k, n->at.list[0]);
}

static double flops(const cairn_graph *g, const cairn_node *n)
{
    (void)g;
    return (double)cairn_shape_count(n->shape) * (double)n->shape.size[n->shape.rank - 2];
}

static cairn_tensor plain(const cairn_tensor *x)
{
    return cairn_solve_triangular(x[0], x[1], false);
}

static cairn_tensor transposed(const cairn_tensor *x)
{
    return cairn_solve_triangular(x[0], x[1], true);
}

static const cairn__sample samples[] = {
    {.shape = {{2, {5, 5}}, {2, {5, 3}}}, .domain = {CAIRN__LOWER}, .build = plain},
    {.shape = {{2, {5, 5}}, {2, {5, 3}}}, .domain = {CAIRN__LOWER}, .build = transposed},
    {.shape = {{3, {2, 4, 4}}, {3, {2, 4, 1}}}, .domain = {CAIRN__LOWER}, .build = plain},
    {.shape = {{2, {4, 4}}, {3, {3, 4, 2}}}, .domain = {CAIRN__LOWER}, .build = transposed},
    {.shape = {{3, {3, 4, 4}}, {2, {4, 2}}}, .domain = {CAIRN__LOWER}, .build = plain},
    {.shape = {{2, {4, 4}}, {2, {4, 0}}}, .domain = {CAIRN__LOWER}, .build = plain},
    {.shape = {{2, {5, 5}}, {2, {4, 3}}}, .domain = {CAIRN__LOWER}, .build = plain,
     .refusal = "columns of 5 elements"},
    {.shape = {{2, {5, 4}}, {2, {5, 3}}}, .build = plain, .refusal = "expected square matrices"},
    {.shape = {{2, {5, 5}}, {2, {5, 3}}}, .domain = {CAIRN__LOWER, CAIRN__BITS}, .build = plain,
     .refusal = "operands must be f32"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_solve_triangular = {
    .name = "solve_triangular",
    .summary = "the solution of a triangular system",
    .kind = CAIRN__OTHER,
    .inputs = 2,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .flops = flops,
    .samples = samples,
};
