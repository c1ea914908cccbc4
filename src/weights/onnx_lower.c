/* Ops that ONNX lacks, written with others, for onnx_ops.c. What is computed is what the reference
 * of each op computes, not only its formula: small operands keep their digits, rows without any
 * finite element stay zeros. */
#include <math.h>
#include <string.h>

#include "graph/attention.h"
#include "weights/onnx.h"

static cairn_tensor number(cairn_tensor like, double value)
{
    return cairn_scalar(like.graph, value);
}

static cairn_tensor index_number(cairn_tensor like, int64_t value)
{
    return cairn_fill(like.graph, CAIRN_I32, CAIRN_SCALAR, (double)value);
}

/* ---- leaves ---------------------------------------------------------------------------------- */

/* A constant along its axis, repeated. The graph is that of the operands elsewhere; a leaf has
 * none, so the caller hands over one tensor for it. */
cairn_tensor cairn__onnx_lower_iota(const cairn_node *n, const cairn_tensor *x)
{
    cairn_graph *g = x[0].graph;
    const int axis = (int)n->at.value[0];
    cairn_shape line = {.rank = n->shape.rank};
    for (int i = 0; i < line.rank; i++)
        line.size[i] = i == axis ? n->shape.size[i] : 1;
    const size_t count = (size_t)line.size[axis];
    double *values = cairn__alloc(count, sizeof *values, &g->status);
    void *elements = cairn__alloc(count, sizeof(int32_t), &g->status);
    cairn_tensor result = {g, 0};
    if (values && elements) {
        for (size_t i = 0; i < count; i++)
            values[i] = (double)i;
        cairn__from_double(n->dtype, values, elements, (int64_t)count);
        result = cairn_broadcast(cairn_constant(g, n->dtype, line, elements), n->shape);
    }
    cairn__free(values);
    cairn__free(elements);
    return result;
}

/* ---- element by element ---------------------------------------------------------------------- */

/* Near 0, where exp(x) - 1 loses digits: 2 t / (1 - t) with t = tanh(x / 2). */
cairn_tensor cairn__onnx_lower_expm1(const cairn_node *n, const cairn_tensor *x)
{
    (void)n;
    cairn_tensor t = cairn_tanh(cairn_scale(x[0], 0.5)), one = number(x[0], 1);
    cairn_tensor near = cairn_div(cairn_scale(t, 2), cairn_sub(one, t));
    return cairn_select(cairn_less(cairn_abs(x[0]), one), near, cairn_sub(cairn_exp(x[0]), one));
}

/* With w = 1 + x rounded, log(w) x / (w - 1) makes up for the rounding; beyond 1 there is no need.
 * Source: Goldberg 1991, theorem 4. */
cairn_tensor cairn__onnx_lower_log1p(const cairn_node *n, const cairn_tensor *x)
{
    (void)n;
    cairn_tensor one = number(x[0], 1), w = cairn_add(x[0], one), log = cairn_log(w);
    cairn_tensor near = cairn_mul(log, cairn_div(x[0], cairn_sub(w, one)));
    cairn_tensor all = cairn_select(cairn_less(x[0], one), near, log);
    return cairn_select(cairn_equal(w, one), x[0], all);
}

static const double root_half = 0.70710678118654752440, density_0 = 0.39894228040143267794;
static const double tanh_c = 0.79788456080286535588, tanh_a = 0.044715;

/* Phi(x). */
static cairn_tensor normal_integral(cairn_tensor x)
{
    return cairn_scale(cairn_add_scalar(cairn_erf(cairn_scale(x, root_half)), 1), 0.5);
}

cairn_tensor cairn__onnx_lower_gelu(const cairn_node *n, const cairn_tensor *x)
{
    (void)n;
    return cairn_mul(x[0], normal_integral(x[0]));
}

cairn_tensor cairn__onnx_lower_gelu_slope(const cairn_node *n, const cairn_tensor *x)
{
    (void)n;
    cairn_tensor density = cairn_scale(cairn_exp(cairn_scale(cairn_square(x[0]), -0.5)), density_0);
    return cairn_add(normal_integral(x[0]), cairn_mul(x[0], density));
}

static cairn_tensor bent_tanh(cairn_tensor x)
{
    cairn_tensor inner = cairn_add_scalar(cairn_scale(cairn_square(x), tanh_a), 1);
    return cairn_tanh(cairn_scale(cairn_mul(x, inner), tanh_c));
}

cairn_tensor cairn__onnx_lower_gelu_tanh(const cairn_node *n, const cairn_tensor *x)
{
    (void)n;
    return cairn_mul(x[0], cairn_scale(cairn_add_scalar(bent_tanh(x[0]), 1), 0.5));
}

cairn_tensor cairn__onnx_lower_gelu_tanh_slope(const cairn_node *n, const cairn_tensor *x)
{
    (void)n;
    cairn_tensor t = bent_tanh(x[0]), one = number(x[0], 1);
    cairn_tensor bend = cairn_sub(one, cairn_square(t));
    cairn_tensor inner = cairn_add_scalar(cairn_scale(cairn_square(x[0]), 3 * tanh_a), 1);
    cairn_tensor turn = cairn_scale(cairn_mul(cairn_mul(x[0], bend), inner), tanh_c);
    return cairn_scale(cairn_add(cairn_add_scalar(t, 1), turn), 0.5);
}

cairn_tensor cairn__onnx_lower_is_finite(const cairn_node *n, const cairn_tensor *x)
{
    (void)n;
    return cairn_less(cairn_abs(x[0]), number(x[0], INFINITY));
}

cairn_tensor cairn__onnx_lower_smooth_relu(const cairn_node *n, const cairn_tensor *x)
{
    (void)n;
    cairn_tensor b = x[1], bend = cairn_square(cairn_add(x[0], b));
    cairn_tensor between = cairn_div(bend, cairn_scale(b, 4));
    cairn_tensor low = cairn_select(cairn_less_equal(x[0], cairn_neg(b)), number(b, 0), between);
    return cairn_select(cairn_less_equal(b, x[0]), x[0], low);
}

cairn_tensor cairn__onnx_lower_smooth_relu_slope(const cairn_node *n, const cairn_tensor *x)
{
    (void)n;
    cairn_tensor outside = cairn_cast(cairn_less(number(x[0], 0), x[0]), CAIRN_F32);
    return cairn_select(cairn_less(x[0], x[1]), cairn_sqrt(cairn_div(x[0], x[1])), outside);
}

/* ---- statistics ------------------------------------------------------------------------------ */

/* [.., C] as [rows, C]. */
static cairn_tensor as_rows(cairn_tensor x)
{
    cairn_shape s = cairn_tensor_shape(x);
    return cairn_reshape(x, CAIRN_SHAPE(-1, s.size[s.rank - 1]));
}

cairn_tensor cairn__onnx_lower_moments(const cairn_node *n, const cairn_tensor *x)
{
    (void)n;
    cairn_tensor rows = as_rows(x[0]), mean = cairn_reduce_mean(rows, CAIRN_AXIS(0), true);
    cairn_tensor square = cairn_square(cairn_sub(rows, mean));
    cairn_tensor both[2] = {mean, cairn_reduce_mean(square, CAIRN_AXIS(0), true)};
    return cairn_concat(both, 2, 0);
}

cairn_tensor cairn__onnx_lower_centred_sums(const cairn_node *n, const cairn_tensor *x)
{
    (void)n;
    cairn_tensor a = as_rows(x[0]), product = cairn_mul(a, cairn_sub(as_rows(x[1]), x[2]));
    cairn_tensor both[2] = {cairn_reduce_sum(a, CAIRN_AXIS(0), true),
                            cairn_reduce_sum(product, CAIRN_AXIS(0), true)};
    return cairn_concat(both, 2, 0);
}

cairn_tensor cairn__onnx_lower_batch_norm(const cairn_node *n, const cairn_tensor *x)
{
    return cairn__batch_norm_expanded(x, &n->at);
}

/* ---- indices --------------------------------------------------------------------------------- */

cairn_tensor cairn__onnx_lower_one_hot(const cairn_node *n, const cairn_tensor *x)
{
    cairn_tensor places = cairn_iota(x[0].graph, CAIRN_I32, CAIRN_SHAPE(n->at.axis), 0);
    return cairn_cast(cairn_equal(cairn_unsqueeze(x[0], -1), places), CAIRN_F32);
}

/* As scatter_add_along over [outer, picks, inner]. */
cairn_tensor cairn__onnx_lower_scatter_add(const cairn_node *n, const cairn_tensor *x)
{
    const cairn__split to = cairn__split_at(n->shape, (int)n->at.axis);
    const int64_t picks = cairn_shape_count(cairn_tensor_shape(x[0]));
    const cairn_shape all = CAIRN_SHAPE(to.outer, picks, to.inner);
    cairn_tensor index = cairn_broadcast(cairn_reshape(x[0], CAIRN_SHAPE(1, picks, 1)), all);
    cairn_tensor sums = cairn_scatter_add_along(CAIRN_SHAPE(to.outer, to.n, to.inner), index,
                                                cairn_reshape(x[1], all), 1);
    return cairn_reshape(sums, n->shape);
}

/* ---- transformers ---------------------------------------------------------------------------- */

/* cos or sin of all angles, [T, 1, D / 2]. */
static cairn_tensor angles(cairn_graph *g, const cairn_node *n, int64_t T, int64_t D, bool sine)
{
    float *values = cairn__alloc((size_t)(T * D / 2), sizeof *values, &g->status);
    if (!values)
        return (cairn_tensor){g, 0};
    for (int64_t i = 0; i < T * (D / 2); i++) {
        double d = (double)(i % (D / 2)), t = (double)(i / (D / 2) + n->at.list[1]);
        double angle = t * pow(n->at.value[0], -2 * d / (double)D);
        values[i] = (float)(sine ? n->at.value[1] * sin(angle) : cos(angle));
    }
    cairn_tensor result = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(T, 1, D / 2), values);
    cairn__free(values);
    return result;
}

cairn_tensor cairn__onnx_lower_rotary(const cairn_node *n, const cairn_tensor *x)
{
    const cairn_shape s = n->shape;
    const int64_t T = s.size[s.rank - 3], all = s.size[s.rank - 2], D = s.size[s.rank - 1];
    const int64_t heads = n->at.list[0];
    if (cairn_shape_count(s) == 0 || heads == 0)
        return x[0];
    cairn_tensor c = angles(x[0].graph, n, T, D, false), sine = angles(x[0].graph, n, T, D, true);
    cairn_tensor turned = cairn_slice(x[0], -2, 0, heads, 1);
    cairn_tensor a = cairn_slice(turned, -1, 0, D / 2, 1);
    cairn_tensor b = cairn_slice(turned, -1, D / 2, D / 2, 1);
    cairn_tensor halves[2] = {cairn_sub(cairn_mul(c, a), cairn_mul(sine, b)),
                              cairn_add(cairn_mul(sine, a), cairn_mul(c, b))};
    cairn_tensor parts[2] = {cairn_concat(halves, 2, -1), x[0]};
    if (heads == all)
        return parts[0];
    parts[1] = cairn_slice(x[0], -2, heads, all - heads, 1);
    return cairn_concat(parts, 2, -2);
}

/* The three operands as [B, heads, T, D]. */
static void operands(const cairn__attention *a, cairn_tensor x, cairn_tensor out[3])
{
    static const int heads_first[4] = {0, 2, 1, 3};
    const int64_t heads[3] = {a->H, a->Hkv, a->Hkv}, T[3] = {a->Tq, a->Tk, a->Tk};
    int64_t start = 0;
    x = cairn_reshape(x, a->apart ? CAIRN_SHAPE(a->batch, a->x_item)
                                  : CAIRN_SHAPE(a->batch, a->Tq, a->H + 2 * a->Hkv, a->D));
    for (int i = 0; i < 3; i++) {
        const int64_t size = a->apart ? T[i] * heads[i] * a->D : heads[i];
        cairn_tensor part = cairn_slice(x, a->apart ? 1 : 2, start, size, 1);
        part = cairn_reshape(part, CAIRN_SHAPE(a->batch, T[i], heads[i], a->D));
        out[i] = cairn_transpose(part, heads_first);
        start += size;
    }
}

/* Each head of keys or values once for every head of queries that shares it. */
static cairn_tensor repeated(const cairn__attention *a, cairn_tensor x)
{
    if (a->H == a->Hkv)
        return x;
    cairn_shape wide = CAIRN_SHAPE(a->batch, a->Hkv, a->H / a->Hkv, a->Tk, a->D);
    x = cairn_broadcast(cairn_unsqueeze(x, 2), wide);
    return cairn_reshape(x, CAIRN_SHAPE(a->batch, a->H, a->Tk, a->D));
}

static cairn_tensor hidden_later(const cairn__attention *a, cairn_tensor scores)
{
    cairn_graph *g = scores.graph;
    cairn_tensor query = cairn_iota(g, CAIRN_I32, CAIRN_SHAPE(a->Tq, 1), 0);
    cairn_tensor key = cairn_iota(g, CAIRN_I32, CAIRN_SHAPE(1, a->Tk), 1);
    cairn_tensor last = cairn_add(query, index_number(query, a->Tk - a->Tq));
    return cairn_select(cairn_less_equal(key, last), scores, number(scores, -INFINITY));
}

/* Softmax of rows; zeros where every score is -inf. */
static cairn_tensor shares(cairn_tensor scores)
{
    const unsigned last = CAIRN_AXIS(3);
    cairn_tensor most = cairn_reduce_max(scores, last, true), zero = number(scores, 0);
    cairn_tensor shift = cairn_select(cairn_less(number(scores, -INFINITY), most), most, zero);
    cairn_tensor e = cairn_exp(cairn_sub(scores, shift));
    cairn_tensor total = cairn_reduce_sum(e, last, true);
    return cairn_div(e, cairn_select(cairn_equal(total, zero), number(scores, 1), total));
}

cairn_tensor cairn__onnx_lower_attention(const cairn_node *n, const cairn_tensor *x)
{
    static const int heads_first[4] = {0, 2, 1, 3};
    const cairn_shape bias = n->inputs > 1 ? cairn_tensor_shape(x[1]) : CAIRN_SCALAR;
    const cairn__attention a =
        cairn__attention_of(n, cairn_tensor_shape(x[0]), n->inputs > 1 ? &bias : NULL);
    cairn_tensor part[3];
    if (cairn_shape_count(n->shape) == 0 || a.Tk == 0)
        return cairn_fill(x[0].graph, CAIRN_F32, n->shape, 0);
    operands(&a, x[0], part);
    cairn_tensor scores = cairn_matmul_transposed(part[0], false, repeated(&a, part[1]), true);
    scores = cairn_scale(scores, a.scale);
    if (n->inputs > 1)
        scores = cairn_add(scores, x[1]);
    if (a.causal)
        scores = hidden_later(&a, scores);
    cairn_tensor y = cairn_matmul(shares(scores), repeated(&a, part[2]));
    return cairn_reshape(cairn_transpose(y, heads_first), n->shape);
}

/* lse - (1 - e) z[y] - e / C (sum of z) + k lse^2, and 0 where the label is no class. */
cairn_tensor cairn__onnx_lower_cross_entropy(const cairn_node *n, const cairn_tensor *x)
{
    const cairn_shape s = cairn_tensor_shape(x[0]);
    const int last = s.rank - 1;
    const int64_t C = s.size[last];
    if (cairn_shape_count(s) == 0)
        return cairn_fill(x[0].graph, CAIRN_F32, n->shape, 0);
    cairn_tensor lse = cairn_reduce_logsumexp(x[0], CAIRN_AXIS(last), false);
    cairn_tensor picked =
        cairn_squeeze(cairn_gather_along(x[0], cairn_unsqueeze(x[1], -1), last), -1);
    cairn_tensor sum = cairn_reduce_sum(x[0], CAIRN_AXIS(last), false);
    cairn_tensor loss = cairn_sub(lse, cairn_scale(picked, 1 - n->at.value[0]));
    if (n->at.value[0] != 0)
        loss = cairn_sub(loss, cairn_scale(sum, n->at.value[0] / (double)C));
    if (n->at.value[1] != 0)
        loss = cairn_add(loss, cairn_scale(cairn_square(lse), n->at.value[1]));
    cairn_tensor from = cairn_less_equal(index_number(x[1], 0), x[1]);
    cairn_tensor to = cairn_less(x[1], index_number(x[1], C));
    return cairn_select(cairn_and(from, to), loss, number(x[0], 0));
}
