/* Statistics over all axes but the last, and batch normalisation made of them.
 *
 *     moments        x -> [2, C]: mean, variance
 *     centred_sums   x, y, centre -> [2, C]: sum of x, sum of x (y - centre)
 *     batch_norm     x, scale, offset -> normalised x; at.value[0] is epsilon
 *
 * batch_norm is an op for the sake of its gradient, which needs one pass over x and dy for all its
 * sums; what it computes is written with the others (cairn__batch_norm_expanded) and run so. */
#include <math.h>

#include "graph/graph.h"

/* ---- building -------------------------------------------------------------------------------- */

cairn_tensor cairn_moments(cairn_tensor x)
{
    return cairn__node(x.graph, &cairn__op_moments, &x, 1, NULL);
}

cairn_tensor cairn_centred_sums(cairn_tensor x, cairn_tensor y, cairn_tensor centre)
{
    return cairn__node(x.graph, &cairn__op_centred_sums, (cairn_tensor[]){x, y, centre}, 3, NULL);
}

cairn_tensor cairn_batch_normalize(cairn_tensor x, cairn_tensor scale, cairn_tensor offset,
                                   double epsilon)
{
    return cairn__node(x.graph, &cairn__op_batch_norm, (cairn_tensor[]){x, scale, offset}, 3,
                       &(cairn__attributes){.value = {epsilon}});
}

static int64_t channels(cairn_shape shape)
{
    return shape.size[shape.rank - 1];
}

/* Row `i` of [2, C], as [C]. */
static cairn_tensor row(cairn_tensor x, int i)
{
    return cairn_reshape(cairn_slice(x, 0, i, 1, 1), CAIRN_SHAPE(channels(cairn_tensor_shape(x))));
}


static cairn_tensor deviation(cairn_tensor variance, double epsilon)
{
    return cairn_rsqrt(cairn_add_scalar(variance, epsilon));
}

cairn_tensor cairn__batch_norm_expanded(const cairn_tensor *x, const cairn__attributes *at)
{
    cairn_tensor moments = cairn_moments(x[0]);
    if (cairn__none(moments))
        return moments;
    cairn_tensor factor = cairn_mul(deviation(row(moments, 1), at->value[0]), x[1]);
    cairn_tensor centred = cairn_sub(x[0], row(moments, 0));
    return cairn_add(cairn_mul(centred, factor), x[2]);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static bool is_matrix(cairn_graph *g, cairn_node *n)
{
    cairn_shape x = g->nodes[n->input[0]]->shape;
    for (int i = 0; i < n->inputs; i++)
        if (g->nodes[n->input[i]]->dtype != CAIRN_F32)
            return cairn__refuse(g, n, CAIRN_ERR_TYPE, "operands must be f32");
    if (x.rank < 2 || cairn_shape_count(x) == 0)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "expected at least one row of channels, "
                                                    "[.., C]");
    return true;
}

static bool is_row(cairn_graph *g, cairn_node *n, int i)
{
    cairn_shape row_shape = CAIRN_SHAPE(channels(g->nodes[n->input[0]]->shape));
    char text[CAIRN_SHAPE_TEXT];
    if (cairn_shape_equal(g->nodes[n->input[i]]->shape, row_shape))
        return true;
    return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "operand %d must be %s", i + 1,
                         cairn_shape_text(row_shape, text));
}

static bool moments_shape(cairn_graph *g, cairn_node *n)
{
    if (!is_matrix(g, n))
        return false;
    n->shape = CAIRN_SHAPE(2, channels(g->nodes[n->input[0]]->shape));
    return true;
}

static bool sums_shape(cairn_graph *g, cairn_node *n)
{
    if (!moments_shape(g, n))
        return false;
    if (!cairn_shape_equal(g->nodes[n->input[0]]->shape, g->nodes[n->input[1]]->shape))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "the first two operands must have one shape");
    return is_row(g, n, 2);
}

static bool norm_shape(cairn_graph *g, cairn_node *n)
{
    n->shape = g->nodes[n->input[0]]->shape;
    return is_matrix(g, n) && is_row(g, n, 1) && is_row(g, n, 2);
}

/* ---- gradients ------------------------------------------------------------------------------- */

static void moments_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_tensor x = cairn__input(n, y, 0);
    cairn_shape shape = cairn_tensor_shape(x);
    double each = (double)channels(shape) / (double)cairn_shape_count(shape);
    cairn_tensor centred = cairn_sub(x, row(y, 0));
    cairn_tensor slope = cairn_scale(row(dy, 1), 2 * each);
    dx[0] = cairn_add(cairn_mul(centred, slope), cairn_scale(row(dy, 0), each));
}

static void sums_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_tensor x = cairn__input(n, y, 0), other = cairn__input(n, y, 1);
    cairn_tensor centred = cairn_sub(other, cairn__input(n, y, 2));
    dx[0] = cairn_add(cairn_mul(centred, row(dy, 1)), row(dy, 0));
    dx[1] = cairn_mul(x, row(dy, 1));
    dx[2] = cairn_neg(cairn_mul(row(dy, 1), row(y, 0)));
}

/* With r = 1 / sqrt(variance + epsilon), m = x - mean and the mean taken over the M rows,
 *
 *     doffset = sum dy     dscale = r sum dy m
 *     dx = scale r (dy - doffset / M - m r dscale / M) */
static void norm_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_tensor x = cairn__input(n, y, 0), scale = cairn__input(n, y, 1);
    cairn_tensor moments = cairn_moments(x);
    if (cairn__none(moments))
        return;
    cairn_shape shape = cairn_tensor_shape(x);
    double each = (double)channels(shape) / (double)cairn_shape_count(shape);
    cairn_tensor mean = row(moments, 0), r = deviation(row(moments, 1), n->at.value[0]);
    cairn_tensor sums = cairn_centred_sums(dy, x, mean);
    cairn_tensor factor = cairn_mul(scale, r);
    dx[1] = cairn_mul(row(sums, 1), r);
    dx[2] = row(sums, 0);
    cairn_tensor slope = cairn_mul(factor, cairn_mul(r, cairn_scale(dx[1], -each)));
    cairn_tensor shift = cairn_mul(factor, cairn_scale(dx[2], -each));
    cairn_tensor along = cairn_add(cairn_mul(cairn_sub(x, mean), slope), shift);
    dx[0] = cairn_add(cairn_mul(dy, factor), along);
}

/* ---- definitions ----------------------------------------------------------------------------- */

static void moments_reference(const cairn_node *n, const cairn_shape *shapes,
                              const double *const *in, double *out)
{
    const int64_t C = channels(shapes[0]), M = cairn_shape_count(shapes[0]) / C;
    (void)n;
    for (int64_t c = 0; c < C; c++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < M; i++)
            sum += in[0][i * C + c];
        for (int64_t i = 0; i < M; i++)
            squares += pow(in[0][i * C + c] - sum / (double)M, 2);
        out[c] = sum / (double)M;
        out[C + c] = squares / (double)M;
    }
}

static void sums_reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                           double *out)
{
    const int64_t C = channels(shapes[0]), M = cairn_shape_count(shapes[0]) / C;
    (void)n;
    for (int64_t c = 0; c < C; c++) {
        out[c] = out[C + c] = 0;
        for (int64_t i = 0; i < M; i++) {
            out[c] += in[0][i * C + c];
            out[C + c] += in[0][i * C + c] * (in[1][i * C + c] - in[2][c]);
        }
    }
}

static void norm_reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                           double *out)
{
    const int64_t C = channels(shapes[0]), M = cairn_shape_count(shapes[0]) / C;
    for (int64_t c = 0; c < C; c++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < M; i++)
            sum += in[0][i * C + c];
        for (int64_t i = 0; i < M; i++)
            squares += pow(in[0][i * C + c] - sum / (double)M, 2);
        double r = 1 / sqrt(squares / (double)M + n->at.value[0]);
        for (int64_t i = 0; i < M; i++)
            out[i * C + c] =
                (in[0][i * C + c] - sum / (double)M) * r * in[1][c] + in[2][c];
    }
}

static double flops(const cairn_graph *g, const cairn_node *n)
{
    return 4 * (double)cairn_shape_count(g->nodes[n->input[0]]->shape);
}

/* ---- samples --------------------------------------------------------------------------------- */

static cairn_tensor moments(const cairn_tensor *x)
{
    return cairn_moments(x[0]);
}

static const cairn__sample moments_samples[] = {
    {.shape = {{2, {7, 5}}}, .build = moments},
    {.shape = {{4, {2, 3, 4, 9}}}, .build = moments},
    {.shape = {{3, {90, 31, 21}}}, .build = moments},
    {.shape = {{2, {1, 70}}}, .build = moments},
    {.shape = {{2, {700, 131}}}, .build = moments},
    {.shape = {{1, {70}}}, .build = moments, .refusal = "at least one row of channels"},
    {.shape = {{2, {0, 70}}}, .build = moments, .refusal = "at least one row of channels"},
    CAIRN__SAMPLES_END,
};

static cairn_tensor sums(const cairn_tensor *x)
{
    return cairn_centred_sums(x[0], x[1], x[2]);
}

static const cairn__sample sums_samples[] = {
    {.shape = {{2, {7, 5}}, {2, {7, 5}}, {1, {5}}}, .build = sums},
    {.shape = {{4, {2, 3, 2, 9}}, {4, {2, 3, 2, 9}}, {1, {9}}}, .build = sums},
    {.shape = {{3, {90, 31, 21}}, {3, {90, 31, 21}}, {1, {21}}}, .build = sums, .looser = 10,
     .why = "2790 terms of either sign leave less than the rounding of their partial sums allows"},
    {.shape = {{2, {70, 131}}, {2, {70, 131}}, {1, {131}}}, .build = sums},
    {.shape = {{2, {7, 5}}, {2, {5, 7}}, {1, {5}}}, .build = sums, .refusal = "have one shape"},
    {.shape = {{2, {7, 5}}, {2, {7, 5}}, {1, {4}}}, .build = sums,
     .refusal = "operand 3 must be [5]"},
    CAIRN__SAMPLES_END,
};

static cairn_tensor norm(const cairn_tensor *x)
{
    return cairn_batch_normalize(x[0], x[1], x[2], 1e-2);
}

static const cairn__sample norm_samples[] = {
    {.shape = {{2, {7, 5}}, {1, {5}}, {1, {5}}}, .build = norm},
    {.shape = {{4, {2, 3, 3, 9}}, {1, {9}}, {1, {9}}}, .build = norm},
    {.shape = {{3, {60, 31, 21}}, {1, {21}}, {1, {21}}}, .build = norm},
    {.shape = {{2, {7, 5}}, {1, {4}}, {1, {5}}}, .build = norm, .refusal = "operand 2 must be [5]"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_moments = {
    .name = "moments",
    .summary = "mean and variance over all axes but the last",
    .kind = CAIRN__OTHER,
    .inputs = 1,
    .shape = moments_shape,
    .gradient = moments_gradient,
    .reference = moments_reference,
    .flops = flops,
    .samples = moments_samples,
};

const cairn_op cairn__op_centred_sums = {
    .name = "centred_sums",
    .summary = "sums of x and of x (y - centre) over all axes but the last",
    .kind = CAIRN__OTHER,
    .inputs = 3,
    .shape = sums_shape,
    .gradient = sums_gradient,
    .reference = sums_reference,
    .flops = flops,
    .samples = sums_samples,
};

const cairn_op cairn__op_batch_norm = {
    .name = "batch_norm",
    .summary = "normalisation by mean and variance over all axes but the last",
    .kind = CAIRN__OTHER,
    .inputs = 3,
    .shape = norm_shape,
    .gradient = norm_gradient,
    .reference = norm_reference,
    .flops = flops,
    .samples = norm_samples,
};
