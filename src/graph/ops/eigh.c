/* Symmetric eigendecomposition x = V diag(w) V^T, in one result [.., n+1, n]:
 *
 *     row 0        w, ascending
 *     rows 1 ..    V, an eigenvector in each column; its component of largest magnitude (the first
 *                  of them) is positive
 *
 * Only the lower half of x is read. */
#include <math.h>
#include <string.h>

#include "graph/graph.h"

static void unpack(cairn_tensor packed, int64_t n, cairn_tensor *w, cairn_tensor *v)
{
    *w = cairn_squeeze(cairn_slice(packed, -2, 0, 1, 1), -2);
    *v = cairn_slice(packed, -2, 1, n, 1);
}

void cairn_eigh(cairn_tensor x, cairn_tensor *w, cairn_tensor *v)
{
    cairn_tensor packed = cairn__node(x.graph, &cairn__op_eigh, &x, 1, NULL), both[2] = {x, x};
    if (!cairn__none(packed))
        unpack(packed, cairn_tensor_shape(packed).size[cairn_tensor_shape(packed).rank - 1],
               &both[0], &both[1]);
    if (w)
        *w = both[0];
    if (v)
        *v = both[1];
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    n->shape = g->nodes[n->input[0]]->shape;
    if (!cairn__square(g, n, 0))
        return false;
    n->shape.size[n->shape.rank - 2]++;
    return true;
}

/* S = V (diag(dw) + F o (V^T dV)) V^T with F_ij = 1 / (w_j - w_i) and 0 on the diagonal; then the
 * lower half of S + S^T as for cholesky. Source: Giles 2008, section 3.1. */
static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    int64_t size = n->shape.size[n->shape.rank - 1];
    cairn_tensor w, v, dw, dv, unit = cairn__identity(y.graph, size);
    unpack(y, size, &w, &v);
    unpack(dy, size, &dw, &dv);
    cairn_tensor gap = cairn_sub(cairn_unsqueeze(w, -2), cairn_unsqueeze(w, -1));
    cairn_tensor f = cairn_div(cairn_sub(cairn_scalar(y.graph, 1), unit), cairn_add(gap, unit));
    cairn_tensor turn = cairn_mul(f, cairn_matmul_transposed(v, true, dv, false));
    cairn_tensor inner = cairn_add(turn, cairn_mul(unit, cairn_unsqueeze(dw, -1)));
    cairn_tensor s = cairn_matmul_transposed(cairn_matmul(v, inner), false, v, true);
    dx[0] = cairn__lower_half(cairn_add(s, cairn_transpose_last(s)));
}

/* ---- Jacobi's method ----------------------------------------------------------------------------
 *
 * Slower than a reduction to tridiagonal form, and as exact as the arithmetic: what a reference
 * should be. Source: Golub and Van Loan 2013, section 8.5. */

enum { MOST_SWEEPS = 60 };

/* Columns p and q of m turned by the angle. */
static void turn_columns(double *m, int64_t n, int64_t p, int64_t q, double c, double s)
{
    for (int64_t k = 0; k < n; k++) {
        double x = m[k * n + p], y = m[k * n + q];
        m[k * n + p] = c * x - s * y;
        m[k * n + q] = s * x + c * y;
    }
}

static void turn_rows(double *m, int64_t n, int64_t p, int64_t q, double c, double s)
{
    for (int64_t k = 0; k < n; k++) {
        double x = m[p * n + k], y = m[q * n + k];
        m[p * n + k] = c * x - s * y;
        m[q * n + k] = s * x + c * y;
    }
}

/* Makes a[p][q] zero by a rotation, which V collects. */
static void rotate(double *a, double *v, int64_t n, int64_t p, int64_t q)
{
    double off = a[p * n + q];
    if (off == 0)
        return;
    double tau = (a[q * n + q] - a[p * n + p]) / (2 * off);
    double t = (tau >= 0 ? 1 : -1) / (fabs(tau) + sqrt(1 + tau * tau));
    double c = 1 / sqrt(1 + t * t), s = t * c;
    turn_columns(a, n, p, q, c, s);
    turn_rows(a, n, p, q, c, s);
    a[p * n + q] = a[q * n + p] = 0;
    turn_columns(v, n, p, q, c, s);
}

static void diagonalise(double *a, double *v, int64_t n)
{
    for (int64_t i = 0; i < n * n; i++)
        v[i] = i / n == i % n;
    for (int sweep = 0; sweep < MOST_SWEEPS; sweep++) {
        double off = 0, all = 0;
        for (int64_t i = 0; i < n * n; i++) {
            all += a[i] * a[i];
            off += i / n == i % n ? 0 : a[i] * a[i];
        }
        if (!(off > 1e-40 * all))
            return;
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++)
                rotate(a, v, n, p, q);
    }
}

/* Eigenvalues in rising order with their columns, by selection. */
static void order(double *w, double *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t least = i;
        for (int64_t j = i + 1; j < n; j++)
            least = w[j] < w[least] ? j : least;
        double swap = w[i];
        w[i] = w[least];
        w[least] = swap;
        for (int64_t k = 0; k < n; k++) {
            swap = v[k * n + i];
            v[k * n + i] = v[k * n + least];
            v[k * n + least] = swap;
        }
    }
}

static void choose_signs(double *v, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        int64_t most = 0;
        for (int64_t k = 1; k < n; k++)
            most = fabs(v[k * n + j]) > fabs(v[most * n + j]) ? k : most;
        double sign = v[most * n + j] < 0 ? -1 : 1;
        for (int64_t k = 0; k < n; k++)
            v[k * n + j] *= sign;
    }
}

/* One matrix; NaN when it is not finite. */
static void decompose(const double *x, double *a, double *w, int64_t n)
{
    double *v = w + n;
    bool finite = a != NULL;
    for (int64_t i = 0; finite && i < n * n; i++) {
        a[i] = i / n >= i % n ? x[i] : x[i % n * n + i / n];
        finite = isfinite(a[i]);
    }
    if (!finite) {
        for (int64_t i = 0; i < (n + 1) * n; i++)
            w[i] = NAN;
        return;
    }
    diagonalise(a, v, n);
    for (int64_t i = 0; i < n; i++)
        w[i] = a[i * n + i];
    order(w, v, n);
    choose_signs(v, n);
}

/* A reference cannot report that memory is short: the result is NaN then, which shows. */
static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    int64_t size = n->shape.size[n->shape.rank - 1], count = cairn_shape_count(shapes[0]);
    double *a = cairn__alloc((size_t)(size * size), sizeof *a, NULL);
    for (int64_t i = 0; count && i < count / (size * size); i++)
        decompose(in[0] + i * size * size, a, out + i * (size + 1) * size, size);
    cairn__free(a);
}

/* What LAPACK's symmetric solvers need, about. */
static double flops(const cairn_graph *g, const cairn_node *n)
{
    double size = (double)n->shape.size[n->shape.rank - 1];
    return 9 * size * (double)cairn_shape_count(g->nodes[n->input[0]]->shape);
}

static cairn_tensor packed(const cairn_tensor *x)
{
    return cairn__node(x[0].graph, &cairn__op_eigh, x, 1, NULL);
}

static cairn_tensor vectors(const cairn_tensor *x)
{
    cairn_tensor v;
    cairn_eigh(x[0], NULL, &v);
    return v;
}

static const cairn__sample samples[] = {
    {.shape = {{2, {5, 5}}}, .domain = {CAIRN__SPD}, .build = packed, .looser = 20,
     .why = "vectors turn by the error over the gap of two eigenvalues"},
    {.shape = {{3, {2, 3, 3}}}, .domain = {CAIRN__SPD}, .build = packed},
    {.shape = {{3, {2, 3, 3}}}, .domain = {CAIRN__SPD}, .build = vectors},
    {.shape = {{2, {1, 1}}}, .domain = {CAIRN__SPD}, .build = packed},
    {.shape = {{2, {30, 30}}}, .domain = {CAIRN__SPD}, .build = packed, .looser = 100,
     .why = "vectors turn by the error over the gap of two eigenvalues"},
    {.shape = {{3, {0, 4, 4}}}, .domain = {CAIRN__SPD}, .build = packed},
    {.shape = {{2, {5, 6}}}, .build = packed, .refusal = "eigh [5,6]: expected square matrices"},
    {.shape = {{2, {5, 5}}}, .domain = {CAIRN__BITS}, .build = packed, .refusal = "must be f32"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_eigh = {
    .name = "eigh",
    .summary = "eigenvalues and eigenvectors of symmetric matrices",
    .kind = CAIRN__OTHER,
    .inputs = 1,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .flops = flops,
    .samples = samples,
};
