/* Rotary positions: pairs of numbers of a head turned by angles that grow with the position.
 *
 *     x        [.., T, heads, D], D even; the first at.list[0] heads are turned, others copied
 *     angle    of pair d at position t: (t + at.list[1]) base^(-2 d / D), base = at.value[0]
 *     pair d   numbers d and d + D/2
 *
 * at.value[1] is 1, or -1 to turn back, which is the transpose.
 * Source: Su et al. 2021, section 3.2. arXiv:2104.09864 */
#include <math.h>

#include "graph/graph.h"

static cairn_tensor turn(cairn_tensor x, int64_t heads, int64_t start, double base, double sign)
{
    return cairn__node(x.graph, &cairn__op_rotary, &x, 1,
                       &(cairn__attributes){.list = {heads, start}, .value = {base, sign}});
}

cairn_tensor cairn_rotary(cairn_tensor x, int64_t heads, int64_t start, double base)
{
    return turn(x, heads, start, base, 1);
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]];
    int r = x->shape.rank;
    n->shape = x->shape;
    if (x->dtype != CAIRN_F32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "the operand must be f32");
    if (r < 3 || x->shape.size[r - 1] % 2 != 0)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "expected [.., T, heads, D] with an even D");
    if (n->at.list[0] < 0 || n->at.list[0] > x->shape.size[r - 2])
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "%lld heads to turn of %lld",
                             (long long)n->at.list[0], (long long)x->shape.size[r - 2]);
    return n->at.value[0] > 0 ||
           cairn__refuse(g, n, CAIRN_ERR_VALUE, "base %g, expected a positive number",
                         n->at.value[0]);
}

static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    (void)y;
    dx[0] = turn(dy, n->at.list[0], n->at.list[1], n->at.value[0], -n->at.value[1]);
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    const cairn_shape s = shapes[0];
    const int64_t T = s.size[s.rank - 3], heads = s.size[s.rank - 2], D = s.size[s.rank - 1];
    const int64_t rows = D ? cairn_shape_count(s) / D : 0;
    for (int64_t row = 0; row < rows; row++) {
        const double *x = in[0] + row * D, t = (double)(row / heads % T + n->at.list[1]);
        bool turned = row % heads < n->at.list[0];
        for (int64_t d = 0; d < D / 2; d++) {
            double angle = turned ? t * pow(n->at.value[0], -2.0 * (double)d / (double)D) : 0;
            double c = cos(angle), sine = n->at.value[1] * sin(angle);
            out[row * D + d] = c * x[d] - sine * x[d + D / 2];
            out[row * D + d + D / 2] = sine * x[d] + c * x[d + D / 2];
        }
    }
}

static double flops(const cairn_graph *g, const cairn_node *n)
{
    (void)g;
    return 3 * (double)cairn_shape_count(n->shape);
}

static cairn_tensor all(const cairn_tensor *x)
{
    return cairn_rotary(x[0], 2, 0, 10000);
}

static cairn_tensor later(const cairn_tensor *x)
{
    return cairn_rotary(x[0], 3, 7, 100);
}

static const cairn__sample samples[] = {
    {.shape = {{3, {5, 2, 6}}}, .build = all},
    {.shape = {{4, {2, 5, 4, 4}}}, .build = later},
    {.shape = {{4, {2, 0, 4, 4}}}, .build = later},
    {.shape = {{4, {3, 40, 6, 64}}}, .build = later},
    {.shape = {{3, {5, 2, 5}}}, .build = all, .refusal = "an even D"},
    {.shape = {{3, {5, 2, 6}}}, .build = later, .refusal = "3 heads to turn of 2"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_rotary = {
    .name = "rotary",
    .summary = "pairs turned by angles that grow with the position",
    .kind = CAIRN__OTHER,
    .inputs = 1,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .flops = flops,
    .samples = samples,
};
