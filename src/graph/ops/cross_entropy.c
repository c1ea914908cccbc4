/* Cross-entropy of softmax(logits) with class indices, and its gradient, without the probabilities
 * in memory. With C classes, y the label, e the smoothing and k the weight of the z-loss:
 *
 *     lse  = log(sum of exp(z))
 *     loss = lse - (1 - e) z[y] - e / C (sum of z) + k lse^2
 *     dz   = dy ((1 + 2 k lse) exp(z - lse) - (1 - e) [j = y] - e / C)
 *
 * cross_entropy: logits [.., C], labels [..] i32 -> [..]. cross_entropy_gradient: logits, labels,
 * dy [..] -> [.., C]. A label outside 0 .. C-1 gives 0. at.value = {e, k}.
 * Source: smoothing, Szegedy et al. 2016, section 7. arXiv:1512.00567; z-loss, Chowdhery et al.
 * 2022, section 5. arXiv:2204.02311 */
#include <math.h>

#include "graph/graph.h"

cairn_tensor cairn_softmax_cross_entropy(cairn_tensor logits, cairn_tensor labels, double smoothing,
                                         double z_loss)
{
    if (cairn__none(logits))
        return logits;
    if (!(smoothing >= 0 && smoothing < 1) || !(z_loss >= 0)) {
        cairn__graph_fail(logits.graph, CAIRN_ERR_VALUE,
                          "cross_entropy: smoothing %g and z_loss %g, expected 0 <= smoothing < 1 "
                          "and z_loss >= 0",
                          smoothing, z_loss);
        return logits;
    }
    return cairn__node(logits.graph, &cairn__op_cross_entropy, (cairn_tensor[]){logits, labels}, 2,
                       &(cairn__attributes){.value = {smoothing, z_loss}});
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static bool fits(cairn_graph *g, const cairn_node *n, cairn_shape *rows)
{
    const cairn_node *z = g->nodes[n->input[0]], *labels = g->nodes[n->input[1]];
    *rows = z->shape;
    if (z->dtype != CAIRN_F32 || labels->dtype != CAIRN_I32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "expected f32 logits and i32 labels");
    if (z->shape.rank == 0)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "expected logits [.., classes]");
    rows->size[--rows->rank] = 0;
    for (int i = 0; i < rows->rank; i++)
        if (labels->shape.rank != rows->rank || labels->shape.size[i] != rows->size[i])
            return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "expected a label for each row of logits");
    return labels->shape.rank == rows->rank ||
           cairn__refuse(g, n, CAIRN_ERR_SHAPE, "expected a label for each row of logits");
}

static bool loss_shape(cairn_graph *g, cairn_node *n)
{
    return fits(g, n, &n->shape);
}

static bool gradient_shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *dy = g->nodes[n->input[2]];
    cairn_shape rows;
    if (!fits(g, n, &rows))
        return false;
    n->shape = g->nodes[n->input[0]]->shape;
    if (dy->dtype != CAIRN_F32 || !cairn_shape_equal(dy->shape, rows))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "expected dy f32, one number a row");
    return true;
}

/* ---- gradients ------------------------------------------------------------------------------- */

static void loss_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_tensor in[3] = {cairn__input(n, y, 0), cairn__input(n, y, 1), dy};
    dx[0] = cairn__node(y.graph, &cairn__op_cross_entropy_gradient, in, 3, &n->at);
}

/* Of dz, with g the gradient that arrives; p = softmax(z), a = 1 + 2 k lse. */
static void second_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor g, cairn_tensor *dx)
{
    cairn_tensor z = cairn__input(n, y, 0), labels = cairn__input(n, y, 1);
    cairn_tensor dy = cairn_unsqueeze(cairn__input(n, y, 2), -1);
    int last = cairn_tensor_shape(z).rank - 1;
    int64_t classes = cairn_tensor_shape(z).size[last];
    unsigned axis = CAIRN_AXIS(last);
    double smoothing = n->at.value[0], k = n->at.value[1];
    cairn_tensor hot = cairn_one_hot(labels, classes), used = cairn_reduce_sum(hot, axis, true);
    cairn_tensor lse = cairn_reduce_logsumexp(z, axis, true), p = cairn_exp(cairn_sub(z, lse));
    cairn_tensor a = cairn_add_scalar(cairn_scale(lse, 2 * k), 1);
    cairn_tensor target = cairn_add_scalar(cairn_scale(hot, 1 - smoothing),
                                           smoothing / (double)CAIRN__MAX(classes, (int64_t)1));
    cairn_tensor along = cairn_reduce_sum(cairn_mul(p, g), axis, true);
    cairn_tensor inner = cairn_mul(a, cairn_sub(g, along));
    inner = cairn_add(inner, cairn_scale(along, 2 * k));
    dx[0] = cairn_mul(cairn_mul(dy, used), cairn_mul(p, inner));
    cairn_tensor slope = cairn_mul(g, cairn_sub(cairn_mul(a, p), target));
    cairn_tensor total = cairn_mul(used, cairn_reduce_sum(slope, axis, true));
    dx[2] = cairn_squeeze(total, -1);
}

/* ---- references ------------------------------------------------------------------------------ */

static double logsumexp(const double *z, int64_t n)
{
    double most = -INFINITY, total = 0;
    for (int64_t i = 0; i < n; i++)
        most = z[i] > most ? z[i] : most;
    double shift = isfinite(most) ? most : 0;
    for (int64_t i = 0; i < n; i++)
        total += exp(z[i] - shift);
    return log(total) + shift;
}

static void loss_reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                           double *out)
{
    int64_t C = shapes[0].size[shapes[0].rank - 1], rows = cairn_shape_count(n->shape);
    double e = n->at.value[0], k = n->at.value[1];
    for (int64_t r = 0; r < rows; r++) {
        const double *z = in[0] + r * C;
        double label = in[1][r], sum = 0;
        out[r] = 0;
        if (!(label >= 0 && label < (double)C))
            continue;
        double lse = logsumexp(z, C);
        for (int64_t i = 0; e > 0 && i < C; i++)
            sum += z[i];
        out[r] = lse - (1 - e) * z[(int64_t)label] - e / (double)C * sum + k * lse * lse;
    }
}

static void gradient_reference(const cairn_node *n, const cairn_shape *shapes,
                               const double *const *in, double *out)
{
    int64_t C = shapes[0].size[shapes[0].rank - 1], rows = cairn_shape_count(shapes[1]);
    double e = n->at.value[0], k = n->at.value[1];
    for (int64_t r = 0; r < rows; r++) {
        const double *z = in[0] + r * C;
        double label = in[1][r], dy = in[2][r];
        bool used = label >= 0 && label < (double)C;
        double lse = used ? logsumexp(z, C) : 0;
        for (int64_t i = 0; i < C; i++) {
            double target = (1 - e) * (i == (int64_t)label) + e / (double)C;
            out[r * C + i] = used ? dy * ((1 + 2 * k * lse) * exp(z[i] - lse) - target) : 0;
        }
    }
}

static double flops(const cairn_graph *g, const cairn_node *n)
{
    return 12 * (double)cairn_shape_count(g->nodes[n->input[0]]->shape);
}

/* ---- samples --------------------------------------------------------------------------------- */

static cairn_tensor plain(const cairn_tensor *x)
{
    return cairn_softmax_cross_entropy(x[0], x[1], 0, 0);
}

static cairn_tensor both(const cairn_tensor *x)
{
    return cairn_softmax_cross_entropy(x[0], x[1], 0.1, 0.01);
}

static cairn_tensor wrong(const cairn_tensor *x)
{
    return cairn_softmax_cross_entropy(x[0], x[1], 1, 0);
}

/* Some labels lie outside: limits above the number of classes. */
static const cairn__sample loss_samples[] = {
    {.shape = {{2, {6, 5}}, {1, {6}}},
     .domain = {CAIRN__ANY, CAIRN__INDEX},
     .limit = 5,
     .build = plain},
    {.shape = {{3, {2, 4, 7}}, {2, {2, 4}}},
     .domain = {CAIRN__ANY, CAIRN__INDEX},
     .limit = 9,
     .build = both},
    {.shape = {{2, {0, 5}}, {1, {0}}},
     .domain = {CAIRN__ANY, CAIRN__INDEX},
     .limit = 5,
     .build = both},
    {.shape = {{2, {9, 3001}}, {1, {9}}},
     .domain = {CAIRN__ANY, CAIRN__INDEX},
     .limit = 3001,
     .build = plain},
    {.shape = {{2, {70, 331}}, {1, {70}}},
     .domain = {CAIRN__ANY, CAIRN__INDEX},
     .limit = 400,
     .build = both},
    {.shape = {{2, {6, 5}}, {1, {6}}}, .build = plain, .refusal = "f32 logits and i32 labels"},
    {.shape = {{2, {6, 5}}, {1, {5}}},
     .domain = {CAIRN__ANY, CAIRN__INDEX},
     .limit = 5,
     .build = plain,
     .refusal = "a label for each row"},
    {.shape = {{2, {6, 5}}, {1, {6}}},
     .domain = {CAIRN__ANY, CAIRN__INDEX},
     .limit = 5,
     .build = wrong,
     .refusal = "0 <= smoothing < 1"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_cross_entropy = {
    .name = "cross_entropy",
    .summary = "cross-entropy of softmax(logits) with class indices",
    .kind = CAIRN__OTHER,
    .inputs = 2,
    .shape = loss_shape,
    .gradient = loss_gradient,
    .reference = loss_reference,
    .flops = flops,
    .samples = loss_samples,
};

static cairn_tensor pull(const cairn_tensor *x, double smoothing, double z_loss)
{
    return cairn__node(x[0].graph, &cairn__op_cross_entropy_gradient, x, 3,
                       &(cairn__attributes){.value = {smoothing, z_loss}});
}

static cairn_tensor pull_plain(const cairn_tensor *x)
{
    return pull(x, 0, 0);
}

static cairn_tensor pull_both(const cairn_tensor *x)
{
    return pull(x, 0.1, 0.01);
}

static const cairn__sample gradient_samples[] = {
    {.shape = {{2, {6, 5}}, {1, {6}}, {1, {6}}},
     .domain = {CAIRN__ANY, CAIRN__INDEX},
     .limit = 5,
     .build = pull_plain},
    {.shape = {{2, {6, 5}}, {1, {6}}, {1, {6}}},
     .domain = {CAIRN__ANY, CAIRN__INDEX},
     .limit = 7,
     .build = pull_both},
    {.shape = {{2, {70, 331}}, {1, {70}}, {1, {70}}},
     .domain = {CAIRN__ANY, CAIRN__INDEX},
     .limit = 400,
     .build = pull_both},
    {.shape = {{2, {6, 5}}, {1, {6}}, {1, {5}}},
     .domain = {CAIRN__ANY, CAIRN__INDEX},
     .limit = 5,
     .build = pull_plain,
     .refusal = "one number a row"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_cross_entropy_gradient = {
    .name = "cross_entropy_gradient",
    .summary = "the gradient of cross_entropy's logits",
    .kind = CAIRN__OTHER,
    .inputs = 3,
    .shape = gradient_shape,
    .gradient = second_gradient,
    .reference = gradient_reference,
    .flops = flops,
    .samples = gradient_samples,
};
