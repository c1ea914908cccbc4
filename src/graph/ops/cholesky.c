/* The lower triangular L with x = L L^T. Only the lower half of x is read. */
#include <math.h>

#include "graph/graph.h"

cairn_tensor cairn_cholesky(cairn_tensor x)
{
    return cairn__node(x.graph, &cairn__op_cholesky, &x, 1, NULL);
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    n->shape = g->nodes[n->input[0]]->shape;
    return cairn__square(g, n, 0);
}

/* With P = half(L^T dL) and S = L^-T P L^-1, dx = half(S + S^T), where half() keeps the lower
 * triangle, its diagonal halved. The last half() says that an element below the diagonal stands
 * for both of its places. Source: Murray 2016, "Differentiation of the Cholesky decomposition",
 * section 3. arXiv:1602.07527 */
static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    (void)n;
    cairn_tensor p = cairn__lower_half(cairn_matmul_transposed(y, true, dy, false));
    cairn_tensor left = cairn_solve_triangular(y, p, true);
    cairn_tensor s = cairn_solve_triangular(y, cairn_transpose_last(left), true);
    dx[0] = cairn__lower_half(cairn_add(s, cairn_transpose_last(s)));
}

/* One matrix, row by row (Cholesky-Banachiewicz); false where it is not positive definite. */
static bool factor(const double *x, double *l, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            double rest = j <= i ? x[i * n + j] : 0;
            for (int64_t k = 0; k < j && j <= i; k++)
                rest -= l[i * n + k] * l[j * n + k];
            if (i == j && !(rest > 0))
                return false;
            l[i * n + j] = j > i ? 0 : i == j ? sqrt(rest) : rest / l[j * n + j];
        }
    }
    return true;
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    int64_t size = shapes[0].size[n->shape.rank - 1], count = cairn_shape_count(n->shape);
    for (int64_t at = 0; at < count; at += size * size)
        if (!factor(in[0] + at, out + at, size))
            for (int64_t i = 0; i < size * size; i++)
                out[at + i] = NAN;
}

static double flops(const cairn_graph *g, const cairn_node *n)
{
    (void)g;
    return (double)cairn_shape_count(n->shape) * (double)n->shape.size[n->shape.rank - 1] / 3;
}

static cairn_tensor plain(const cairn_tensor *x)
{
    return cairn_cholesky(x[0]);
}

static const cairn__sample samples[] = {
    {.shape = {{2, {6, 6}}}, .domain = {CAIRN__SPD}, .build = plain},
    {.shape = {{3, {3, 4, 4}}}, .domain = {CAIRN__SPD}, .build = plain},
    {.shape = {{2, {1, 1}}}, .domain = {CAIRN__SPD}, .build = plain},
    {.shape = {{2, {50, 50}}}, .domain = {CAIRN__SPD}, .build = plain},
    {.shape = {{3, {0, 4, 4}}}, .domain = {CAIRN__SPD}, .build = plain},
    {.shape = {{2, {0, 0}}}, .domain = {CAIRN__SPD}, .build = plain},
    {.shape = {{2, {6, 5}}}, .build = plain, .refusal = "cholesky [6,5]: expected square matrices"},
    {.shape = {{1, {6}}}, .build = plain, .refusal = "expected square matrices"},
    {.shape = {{2, {6, 6}}}, .domain = {CAIRN__BITS}, .build = plain, .refusal = "must be f32"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_cholesky = {
    .name = "cholesky",
    .summary = "the triangular L with x = L L^T",
    .kind = CAIRN__OTHER,
    .inputs = 1,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .flops = flops,
    .samples = samples,
};
