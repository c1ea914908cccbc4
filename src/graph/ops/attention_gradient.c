/* The gradient of attention's packed operand: inputs x, dy and maybe the bias; attributes and
 * layouts as in graph/attention.h. The probabilities p are computed again from x:
 *
 *     dv = p^T dy     dp = dy v^T     ds = p o (dp - rowsum(p o dp))
 *     dq = scale ds k                 dk = scale ds^T q
 *
 * Second derivatives, and that of the bias, are written in primitive operations. */
#include <math.h>

#include "graph/attention.h"

cairn_tensor cairn__attention_dx(const cairn_node *n, cairn_tensor x, cairn_tensor dy,
                                 const cairn_tensor *bias)
{
    cairn_tensor in[3] = {x, dy, bias ? *bias : x};
    return cairn__node(x.graph, &cairn__op_attention_gradient, in, bias ? 3 : 2, &n->at);
}

/* ---- in primitive operations ----------------------------------------------------------------- */

/* All of it [batch, H, T, D] or [batch, H, Tq, Tk]. */
typedef struct parts {
    cairn__attention a;
    cairn_tensor q, k, v, dy, seen, p, dp, inner;
} parts;

static cairn_tensor swap_middle(cairn_tensor x)
{
    return cairn_transpose(x, (const int[]){0, 2, 1, 3});
}

/* [batch, T, heads, D] as [batch, H, T, D], each head repeated for those that share it. */
static cairn_tensor by_head(const cairn__attention *a, cairn_tensor x, int64_t heads)
{
    cairn_shape s = cairn_tensor_shape(x);
    int64_t T = s.size[1], shared = a->H / heads;
    x = cairn_reshape(swap_middle(x), CAIRN_SHAPE(a->batch, heads, 1, T, a->D));
    x = cairn_broadcast(x, CAIRN_SHAPE(a->batch, heads, shared, T, a->D));
    return cairn_reshape(x, CAIRN_SHAPE(a->batch, a->H, T, a->D));
}

/* The transpose of by_head(). */
static cairn_tensor by_position(const cairn__attention *a, cairn_tensor x, int64_t heads)
{
    int64_t T = cairn_tensor_shape(x).size[2];
    x = cairn_reshape(x, CAIRN_SHAPE(a->batch, heads, a->H / heads, T, a->D));
    return swap_middle(cairn_reduce_sum(x, CAIRN_AXIS(2), false));
}

/* Queries (0), keys (1) or values (2) of a packed operand. */
static cairn_tensor unpack(const cairn__attention *a, cairn_tensor x, int which)
{
    int64_t heads = which ? a->Hkv : a->H, T = which ? a->Tk : a->Tq;
    if (!a->apart) {
        x = cairn_reshape(x, CAIRN_SHAPE(a->batch, a->Tq, a->H + 2 * a->Hkv, a->D));
        x = cairn_slice(x, 2, which ? a->H + (which - 1) * a->Hkv : 0, heads, 1);
    } else {
        int64_t start = which == 0 ? 0 : which == 1 ? a->k_at : a->v_at;
        x = cairn_slice(cairn_reshape(x, CAIRN_SHAPE(a->batch, a->x_item)), 1, start,
                        heads * T * a->D, 1);
        x = cairn_reshape(x, CAIRN_SHAPE(a->batch, T, heads, a->D));
    }
    return by_head(a, x, heads);
}

static cairn_tensor pack(const cairn__attention *a, const cairn_tensor part[3], cairn_shape shape)
{
    cairn_tensor rows[3];
    for (int i = 0; i < 3; i++) {
        rows[i] = by_position(a, part[i], i ? a->Hkv : a->H);
        if (a->apart)
            rows[i] = cairn_reshape(
                rows[i], CAIRN_SHAPE(a->batch, i ? a->Tk * a->Hkv * a->D : a->Tq * a->H * a->D));
    }
    return cairn_reshape(cairn_concat(rows, 3, a->apart ? 1 : 2), shape);
}

static cairn_tensor row_sum(cairn_tensor x)
{
    return cairn_reduce_sum(x, CAIRN_AXIS(3), true);
}

/* 1 where query i sees key j, [Tq, Tk]. */
static cairn_tensor visible(cairn_graph *g, const cairn__attention *a)
{
    cairn_shape shape = CAIRN_SHAPE(a->Tq, a->Tk);
    cairn_tensor i = cairn_iota(g, CAIRN_F32, shape, 0), j = cairn_iota(g, CAIRN_F32, shape, 1);
    return a->causal ? cairn_cast(cairn_less_equal(j, cairn_add_scalar(i, (double)(a->Tk - a->Tq))),
                                  CAIRN_F32)
                     : cairn_fill(g, CAIRN_F32, shape, 1);
}

/* Shifted by the largest score, through which no gradient needs to flow; a row that sees nothing is
 * zeros. */
static cairn_tensor probabilities(cairn_tensor scores, cairn_tensor seen)
{
    cairn_graph *g = scores.graph;
    cairn_tensor zero = cairn_scalar(g, 0);
    scores = cairn_select(cairn_greater(seen, zero), scores, cairn_scalar(g, -1e30));
    cairn_tensor most = cairn_stop_gradient(cairn_reduce_max(scores, CAIRN_AXIS(3), true));
    most = cairn_select(cairn_is_finite(most), most, zero);
    cairn_tensor e = cairn_mul(cairn_exp(cairn_sub(scores, most)), seen), total = row_sum(e);
    return cairn_div(e, cairn_add(total, cairn_cast(cairn_equal(total, zero), CAIRN_F32)));
}

static parts expand(const cairn_node *n, cairn_tensor x, cairn_tensor dy, const cairn_tensor *bias)
{
    cairn_shape shape = bias ? cairn_tensor_shape(*bias) : CAIRN_SCALAR;
    parts c = {.a = cairn__attention_of(n, cairn_tensor_shape(x), bias ? &shape : NULL)};
    c.q = unpack(&c.a, x, 0);
    c.k = unpack(&c.a, x, 1);
    c.v = unpack(&c.a, x, 2);
    dy = cairn_reshape(dy, CAIRN_SHAPE(c.a.batch, c.a.Tq, c.a.H, c.a.D));
    c.dy = by_head(&c.a, dy, c.a.H);
    cairn_tensor scores = cairn_scale(cairn_matmul_transposed(c.q, false, c.k, true), c.a.scale);
    c.seen = visible(x.graph, &c.a);
    c.p = probabilities(bias ? cairn_add(scores, *bias) : scores, c.seen);
    c.dp = cairn_matmul_transposed(c.dy, false, c.v, true);
    c.inner = row_sum(cairn_mul(c.p, c.dp));
    return c;
}

/* Without a query or without a key there is nothing to differentiate. */
static bool has_pairs(const cairn_node *n)
{
    return n->at.list[CAIRN__ATTENTION_TQ] > 0 && n->at.list[CAIRN__ATTENTION_TK] > 0;
}

/* Summed over the axes along which the bias was repeated. */
static cairn_tensor to_bias(cairn_tensor ds, cairn_tensor bias)
{
    cairn_shape from = cairn_tensor_shape(ds), to = cairn_tensor_shape(bias);
    unsigned axes = 0;
    for (int i = 0; i < 4 && from.rank == 4; i++)
        axes |= to.size[i] != from.size[i] ? CAIRN_AXIS(i) : 0;
    return axes ? cairn_reduce_sum(ds, axes, true) : ds;
}

cairn_tensor cairn__attention_dbias(const cairn_node *n, cairn_tensor x, cairn_tensor dy,
                                    cairn_tensor bias)
{
    if (!has_pairs(n))
        return (cairn_tensor){NULL, 0};
    parts c = expand(n, x, dy, &bias);
    return to_bias(cairn_mul(c.p, cairn_sub(c.dp, c.inner)), bias);
}

/* Reverse mode by hand through the formulas at the top: zX is the gradient of X, from those of dq,
 * dk and dv, which are the parts gq, gk, gv of dz. */
static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dz, cairn_tensor *dx)
{
    bool biased = n->inputs > 2;
    cairn_tensor x = cairn__input(n, y, 0), bias = cairn__input(n, y, n->inputs - 1);
    const cairn_shape x_shape = cairn_tensor_shape(x);
    const cairn_shape dy_shape = cairn_tensor_shape(cairn__input(n, y, 1));
    if (!has_pairs(n))
        return;
    parts c = expand(n, x, cairn__input(n, y, 1), biased ? &bias : NULL);
    double scale = c.a.scale;
    cairn_tensor gq = unpack(&c.a, dz, 0), gk = unpack(&c.a, dz, 1), gv = unpack(&c.a, dz, 2);
    cairn_tensor difference = cairn_sub(c.dp, c.inner), ds = cairn_mul(c.p, difference);

    /* dq = scale ds k, dk = scale ds^T q, dv = p^T dy. */
    cairn_tensor zds = cairn_scale(cairn_add(cairn_matmul_transposed(gq, false, c.k, true),
                                             cairn_matmul_transposed(c.q, false, gk, true)),
                                   scale);
    cairn_tensor zk = cairn_scale(cairn_matmul_transposed(ds, true, gq, false), scale);
    cairn_tensor zq = cairn_scale(cairn_matmul(ds, gk), scale);
    cairn_tensor zp = cairn_matmul_transposed(c.dy, false, gv, true);
    cairn_tensor zdy = cairn_matmul(c.p, gv);

    /* ds = p o (dp - inner), inner = rowsum(p o dp), dp = dy v^T. */
    cairn_tensor zinner = cairn_neg(row_sum(cairn_mul(zds, c.p)));
    zp = cairn_add(cairn_add(zp, cairn_mul(zds, difference)), cairn_mul(zinner, c.dp));
    cairn_tensor zdp = cairn_mul(c.p, cairn_add(zds, zinner));
    zdy = cairn_add(zdy, cairn_matmul(zdp, c.v));
    cairn_tensor zv = cairn_matmul_transposed(zdp, true, c.dy, false);

    /* p = softmax(s), s = scale q k^T + bias. */
    cairn_tensor zs = cairn_mul(c.p, cairn_sub(zp, row_sum(cairn_mul(c.p, zp))));
    zq = cairn_add(zq, cairn_scale(cairn_matmul(zs, c.k), scale));
    zk = cairn_add(zk, cairn_scale(cairn_matmul_transposed(zs, true, c.q, false), scale));
    dx[0] = pack(&c.a, (cairn_tensor[]){zq, zk, zv}, x_shape);
    dx[1] = cairn_reshape(by_position(&c.a, zdy, c.a.H), dy_shape);
    if (biased)
        dx[2] = to_bias(zs, bias);
}

/* ---- the op ---------------------------------------------------------------------------------- */

static bool shape(cairn_graph *g, cairn_node *n)
{
    if (!cairn__attention_fits(g, n, 0, n->inputs > 2 ? 2 : -1))
        return false;
    n->shape = g->nodes[n->input[0]]->shape;
    const cairn_node *dy = g->nodes[n->input[1]];
    if (dy->dtype != CAIRN_F32 ||
        !cairn_shape_equal(dy->shape, cairn__attention_result(n, n->shape)))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "dy must have the shape of the result");
    return true;
}

/* One query: adds to dq, dk and dv. */
static void pull_row(const cairn__attention *a, const double *q, const double *k, const double *v,
                     const double *dy, const double *p, int64_t sees, double *dq, double *dk,
                     double *dv)
{
    double inner = 0;
    for (int64_t j = 0; j < sees; j++)
        for (int64_t d = 0; d < a->D; d++)
            inner += p[j] * dy[d] * v[j * a->k_row + d];
    for (int64_t j = 0; j < sees; j++) {
        double dp = 0;
        for (int64_t d = 0; d < a->D; d++)
            dp += dy[d] * v[j * a->k_row + d];
        double ds = a->scale * p[j] * (dp - inner);
        for (int64_t d = 0; d < a->D; d++) {
            dq[d] += ds * k[j * a->k_row + d];
            dk[j * a->k_row + d] += ds * q[d];
            dv[j * a->k_row + d] += p[j] * dy[d];
        }
    }
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    cairn__attention a = cairn__attention_of(n, shapes[0], n->inputs > 2 ? &shapes[2] : NULL);
    double *p = cairn__alloc((size_t)a.Tk, sizeof *p, NULL);
    for (int64_t i = 0; i < a.batch * a.x_item; i++)
        out[i] = p ? 0 : NAN;
    for (int64_t row = 0; p && row < a.batch * a.Tq * a.H; row++) {
        int64_t b = row / a.H / a.Tq, i = row / a.H % a.Tq, h = row % a.H;
        int64_t q = b * a.x_item + i * a.q_row + h * a.D, kv = h / (a.H / a.Hkv) * a.D;
        int64_t k = b * a.x_item + a.k_at + kv, v = b * a.x_item + a.v_at + kv;
        int64_t sees = cairn__attention_row(&a, in[0], n->inputs > 2 ? in[2] : NULL, b, h, i, p);
        pull_row(&a, in[0] + q, in[0] + k, in[0] + v, in[1] + row * a.D, p, sees, out + q, out + k,
                 out + v);
    }
    cairn__free(p);
}

/* Five products of each visible pair. */
static double flops(const cairn_graph *g, const cairn_node *n)
{
    cairn__attention a = cairn__attention_of(n, g->nodes[n->input[0]]->shape, NULL);
    double pairs = 0;
    for (int64_t i = 0; i < a.Tq; i++)
        pairs += (double)cairn__attention_sees(&a, i);
    return (double)(a.batch * a.H) * pairs * (10 * (double)a.D + 15);
}

/* ---- samples --------------------------------------------------------------------------------- */

static cairn_tensor pull(const cairn_tensor *x, const cairn__attributes *at, bool biased)
{
    const cairn_node n = {.at = *at};
    return cairn__attention_dx(&n, x[0], x[1], biased ? &x[2] : NULL);
}

static cairn_tensor together(const cairn_tensor *x)
{
    return pull(x, &(cairn__attributes){.list = {2, 1, 3, 5, 5, 1, 0}, .value = {0.6}}, false);
}

static cairn_tensor apart(const cairn_tensor *x)
{
    return pull(x, &(cairn__attributes){.list = {2, 2, 2, 3, 4, 0, 1}, .value = {0.5}}, false);
}

static cairn_tensor few_keys(const cairn_tensor *x)
{
    return pull(x, &(cairn__attributes){.list = {2, 1, 2, 5, 3, 1, 1}, .value = {0.5}}, false);
}

static cairn_tensor biased(const cairn_tensor *x)
{
    return pull(x, &(cairn__attributes){.list = {2, 1, 3, 5, 5, 1, 0}, .value = {0.6}}, true);
}

static cairn_tensor large(const cairn_tensor *x)
{
    return pull(x, &(cairn__attributes){.list = {4, 2, 16, 131, 131, 1}, .value = {0.25}}, false);
}

static const cairn__sample samples[] = {
    {.shape = {{4, {2, 5, 4, 3}}, {4, {2, 5, 2, 3}}}, .build = together},
    {.shape = {{2, {2, 44}}, {4, {2, 3, 2, 2}}}, .build = apart},
    {.shape = {{2, {1, 32}}, {4, {1, 5, 2, 2}}}, .build = few_keys},
    {.shape = {{4, {2, 5, 4, 3}}, {4, {2, 5, 2, 3}}, {4, {1, 2, 5, 5}}}, .build = biased},
    {.shape = {{4, {2, 131, 8, 16}}, {4, {2, 131, 4, 16}}},
     .build = large,
     .looser = 8,
     .why = "exponentials of products of many terms"},
    {.shape = {{4, {2, 5, 4, 3}}, {4, {2, 5, 3, 3}}},
     .build = together,
     .refusal = "dy must have the shape of the result"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_attention_gradient = {
    .name = "attention_gradient",
    .summary = "the gradient of attention's queries, keys and values",
    .kind = CAIRN__OTHER,
    .inputs = -1,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .flops = flops,
    .samples = samples,
};
