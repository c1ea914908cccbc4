/* Rows standardized: what layer norm and root-mean-square norm do before scale and offset.
 *
 *     y = (x - mean) r,   r = 1 / sqrt(mean((x - mean)^2) + epsilon)      of each row
 *
 * at.value[0]: epsilon; at.list[0]: whether the mean is subtracted, else it counts as 0.
 *
 * The compiler writes the formula in its parts, so that they fuse with what is around them. That it
 * is one op in the graph is for the gradient's sake: derived from the parts, it would need x - mean
 * beside y.
 *
 *     dx = r (dy - mean(dy) - y mean(dy y)),    without the second term if not centred
 *
 * Sources: Ba et al. 2016, arXiv:1607.06450; Zhang and Sennrich 2019, arXiv:1910.07467. */
#include <math.h>

#include "graph/graph.h"

cairn_tensor cairn_standardize(cairn_tensor x, double epsilon, bool centre)
{
    return cairn__node(x.graph, &cairn__op_standardize, &x, 1,
                       &(cairn__attributes){.list = {centre}, .value = {epsilon}});
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]];
    n->shape = x->shape;
    if (x->dtype != CAIRN_F32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "the operand must be f32");
    if (x->shape.rank == 0)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "expected [.., n]");
    return n->at.value[0] >= 0 ||
           cairn__refuse(g, n, CAIRN_ERR_VALUE, "epsilon %g, expected at least 0", n->at.value[0]);
}

static cairn_tensor mean_last(cairn_tensor x)
{
    return cairn_reduce_mean(x, CAIRN_AXIS(cairn_tensor_shape(x).rank - 1), true);
}

static cairn_tensor centred(const cairn_node *n, cairn_tensor x)
{
    return n->at.list[0] ? cairn_sub(x, mean_last(x)) : x;
}

/* r of rows that are centred. */
static cairn_tensor factor(const cairn_node *n, cairn_tensor x)
{
    return cairn_rsqrt(cairn_add_scalar(mean_last(cairn_square(x)), n->at.value[0]));
}

static cairn_tensor expand(const cairn_node *n, const cairn_tensor *inputs)
{
    cairn_tensor x = centred(n, inputs[0]);
    return cairn_mul(x, factor(n, x));
}

static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_tensor r = factor(n, centred(n, (cairn_tensor){y.graph, n->input[0]}));
    cairn_tensor along = cairn_mul(y, mean_last(cairn_mul(dy, y)));
    dx[0] = cairn_mul(cairn_sub(n->at.list[0] ? cairn_sub(dy, mean_last(dy)) : dy, along), r);
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    const cairn_shape s = shapes[0];
    const int64_t D = s.size[s.rank - 1], rows = D ? cairn_shape_count(s) / D : 0;
    for (int64_t row = 0; row < rows; row++) {
        const double *x = in[0] + row * D;
        double mean = 0, square = 0;
        for (int64_t i = 0; n->at.list[0] && i < D; i++)
            mean += x[i] / (double)D;
        for (int64_t i = 0; i < D; i++)
            square += (x[i] - mean) * (x[i] - mean) / (double)D;
        for (int64_t i = 0; i < D; i++)
            out[row * D + i] = (x[i] - mean) / sqrt(square + n->at.value[0]);
    }
}

static double flops(const cairn_graph *g, const cairn_node *n)
{
    (void)g;
    return 5 * (double)cairn_shape_count(n->shape);
}

static cairn_tensor with_centre(const cairn_tensor *x)
{
    return cairn_standardize(x[0], 1e-5, true);
}

static cairn_tensor without_centre(const cairn_tensor *x)
{
    return cairn_standardize(x[0], 0.01, false);
}

static cairn_tensor negative(const cairn_tensor *x)
{
    return cairn_standardize(x[0], -1, true);
}

static const cairn__sample samples[] = {
    {.shape = {{2, {3, 7}}}, .build = with_centre},
    {.shape = {{2, {3, 7}}}, .build = without_centre},
    {.shape = {{3, {2, 5, 300}}}, .build = with_centre},
    {.shape = {{1, {20}}}, .build = without_centre},
    {.shape = {{2, {0, 7}}}, .build = with_centre},
    {.shape = {{2, {3, 7}}}, .build = negative, .refusal = "epsilon -1"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_standardize = {
    .name = "standardize",
    .summary = "rows with mean 0 and variance 1",
    .kind = CAIRN__OTHER,
    .inputs = 1,
    .shape = shape,
    .gradient = gradient,
    .expand = expand,
    .reference = reference,
    .flops = flops,
    .samples = samples,
};
