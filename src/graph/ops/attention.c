/* Scaled dot-product attention: softmax(scale q k^T + bias) v for each head. Layouts and
 * attributes: graph/attention.h.
 * Source: Vaswani et al. 2017, section 3.2. arXiv:1706.03762; heads that share keys and values:
 * Ainslie et al. 2023. arXiv:2305.13245 */
#include "graph/attention.h"

#include <math.h>
#include <string.h>

/* ---- the layout ------------------------------------------------------------------------------ */

cairn__attention cairn__attention_of(const cairn_node *n, cairn_shape x, const cairn_shape *bias)
{
    const int64_t *l = n->at.list;
    cairn__attention a = {.batch = 1,
                          .H = l[CAIRN__ATTENTION_H],
                          .Hkv = l[CAIRN__ATTENTION_HKV],
                          .D = l[CAIRN__ATTENTION_D],
                          .Tq = l[CAIRN__ATTENTION_TQ],
                          .Tk = l[CAIRN__ATTENTION_TK],
                          .causal = l[CAIRN__ATTENTION_CAUSAL],
                          .apart = l[CAIRN__ATTENTION_APART],
                          .scale = n->at.value[0]};
    for (int i = 0; i < x.rank - (a.apart ? 1 : 3); i++)
        a.batch *= x.size[i];
    a.x_item = (a.Tq * a.H + 2 * a.Tk * a.Hkv) * a.D;
    a.q_row = (a.apart ? a.H : a.H + 2 * a.Hkv) * a.D;
    a.k_row = a.apart ? a.Hkv * a.D : a.q_row;
    a.k_at = a.apart ? a.Tq * a.H * a.D : a.H * a.D;
    a.v_at = a.k_at + (a.apart ? a.Tk : 1) * a.Hkv * a.D;
    for (int64_t i = 3, stride = 1; bias && i >= 0; i--) {
        a.bias_stride[i] = bias->size[i] == 1 ? 0 : stride;
        stride *= bias->size[i];
    }
    return a;
}

cairn_shape cairn__attention_result(const cairn_node *n, cairn_shape x)
{
    const int64_t *l = n->at.list;
    x.rank = x.rank - (l[CAIRN__ATTENTION_APART] ? 1 : 3) + 3;
    x.size[x.rank - 3] = l[CAIRN__ATTENTION_TQ];
    x.size[x.rank - 2] = l[CAIRN__ATTENTION_H];
    x.size[x.rank - 1] = l[CAIRN__ATTENTION_D];
    return x;
}

static bool bias_fits(cairn_graph *g, const cairn_node *n, const cairn__attention *a,
                      const cairn_node *bias)
{
    const int64_t wanted[4] = {a->batch, a->H, a->Tq, a->Tk};
    bool good = bias->shape.rank == 4;
    if (bias->dtype != CAIRN_F32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "the bias must be f32");
    for (int i = 0; good && i < 4; i++)
        good = bias->shape.size[i] == 1 || bias->shape.size[i] == wanted[i];
    return good || cairn__refuse(g, n, CAIRN_ERR_SHAPE,
                                 "the bias must be [%lld,%lld,%lld,%lld] or 1 in some axes",
                                 (long long)wanted[0], (long long)wanted[1], (long long)wanted[2],
                                 (long long)wanted[3]);
}

bool cairn__attention_fits(cairn_graph *g, const cairn_node *n, int x, int bias)
{
    const cairn_node *from = g->nodes[n->input[x]];
    const int64_t *l = n->at.list;
    const cairn_shape s = from->shape;
    bool apart = l[CAIRN__ATTENTION_APART];
    if (from->dtype != CAIRN_F32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "operands must be f32");
    if (l[CAIRN__ATTENTION_HKV] < 1 || l[CAIRN__ATTENTION_H] < 1 ||
        l[CAIRN__ATTENTION_H] % l[CAIRN__ATTENTION_HKV] != 0)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE,
                             "%lld query heads cannot share %lld heads of keys and values",
                             (long long)l[CAIRN__ATTENTION_H], (long long)l[CAIRN__ATTENTION_HKV]);
    if (s.rank < (apart ? 1 : 3) || s.rank > CAIRN_MAX_RANK - 2)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "expected [.., T, heads, D]");
    cairn__attention a = cairn__attention_of(n, s, NULL);
    bool good = apart ? s.size[s.rank - 1] == a.x_item
                      : s.size[s.rank - 3] == a.Tq && a.Tq == a.Tk &&
                            s.size[s.rank - 2] == a.H + 2 * a.Hkv && s.size[s.rank - 1] == a.D;
    if (!good)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE,
                             "expected %lld heads of queries and %lld each of keys and values",
                             (long long)a.H, (long long)a.Hkv);
    return bias < 0 || bias_fits(g, n, &a, g->nodes[n->input[bias]]);
}

/* ---- builders -------------------------------------------------------------------------------- */

cairn_attention_options cairn_attention_defaults(void)
{
    return (cairn_attention_options){.causal = false, .scale = 0};
}

/* A bias of fewer axes gets leading ones of size 1. */
static cairn_tensor widened(cairn_tensor bias)
{
    cairn_shape s = cairn_tensor_shape(bias), wide = {.rank = 4, .size = {1, 1, 1, 1}};
    if (s.rank >= 4)
        return bias;
    memcpy(wide.size + 4 - s.rank, s.size, (size_t)s.rank * sizeof *s.size);
    return cairn_reshape(bias, wide);
}

static cairn_tensor make(cairn_tensor x, const cairn__attributes *layout,
                         const cairn_attention_options *o)
{
    cairn__attributes at = *layout;
    cairn_tensor in[2] = {x, x};
    bool biased = o && o->bias.graph;
    at.list[CAIRN__ATTENTION_CAUSAL] = o && o->causal;
    at.value[0] = o && o->scale != 0
                      ? o->scale
                      : 1 / sqrt((double)CAIRN__MAX(at.list[CAIRN__ATTENTION_D], (int64_t)1));
    if (biased)
        in[1] = widened(o->bias);
    return cairn__node(x.graph, &cairn__op_attention, in, biased ? 2 : 1, &at);
}

cairn_tensor cairn_self_attention(cairn_tensor qkv, int64_t heads, int64_t kv_heads,
                                  const cairn_attention_options *options)
{
    cairn_shape s = cairn_tensor_shape(qkv);
    if (cairn__none(qkv))
        return qkv;
    int64_t T = s.rank >= 3 ? s.size[s.rank - 3] : 0, D = s.rank >= 3 ? s.size[s.rank - 1] : 0;
    return make(qkv, &(cairn__attributes){.list = {heads, kv_heads, D, T, T}}, options);
}

cairn_tensor cairn_attention(cairn_tensor q, cairn_tensor k, cairn_tensor v,
                             const cairn_attention_options *options)
{
    cairn_shape sq = cairn_tensor_shape(q), sk = cairn_tensor_shape(k);
    char tq[CAIRN_SHAPE_TEXT], tk[CAIRN_SHAPE_TEXT], tv[CAIRN_SHAPE_TEXT];
    if (cairn__none(q))
        return q;
    if (sq.rank != 4 || sk.rank != 4 || !cairn_shape_equal(sk, cairn_tensor_shape(v)) ||
        sq.size[0] != sk.size[0] || sq.size[3] != sk.size[3]) {
        cairn__graph_fail(q.graph, CAIRN_ERR_SHAPE,
                          "attention: q %s, k %s, v %s; expected q [B,Tq,H,D] and k, v "
                          "[B,Tk,Hkv,D]",
                          cairn_shape_text(sq, tq), cairn_shape_text(sk, tk),
                          cairn_shape_text(cairn_tensor_shape(v), tv));
        return q;
    }
    cairn_tensor rows[3] = {q, k, v};
    for (int i = 0; i < 3; i++) {
        cairn_shape s = i ? sk : sq;
        rows[i] = cairn_reshape(rows[i], CAIRN_SHAPE(s.size[0], s.size[1] * s.size[2] * s.size[3]));
    }
    return make(cairn_concat(rows, 3, 1),
                &(cairn__attributes){
                    .list = {sq.size[2], sk.size[2], sq.size[3], sq.size[1], sk.size[1], 0, 1}},
                options);
}

/* ---- the op ---------------------------------------------------------------------------------- */

static bool shape(cairn_graph *g, cairn_node *n)
{
    if (!cairn__attention_fits(g, n, 0, n->inputs > 1 ? 1 : -1))
        return false;
    n->shape = cairn__attention_result(n, g->nodes[n->input[0]]->shape);
    return true;
}

static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_tensor x = cairn__input(n, y, 0), bias = cairn__input(n, y, n->inputs - 1);
    bool biased = n->inputs > 1;
    dx[0] = cairn__attention_dx(n, x, dy, biased ? &bias : NULL);
    if (biased)
        dx[1] = cairn__attention_dbias(n, x, dy, bias);
}

int64_t cairn__attention_row(const cairn__attention *a, const double *x, const double *bias,
                             int64_t b, int64_t h, int64_t i, double *p)
{
    const int64_t *s = a->bias_stride, sees = cairn__attention_sees(a, i);
    const double *q = x + b * a->x_item + i * a->q_row + h * a->D;
    const double *k = x + b * a->x_item + a->k_at + h / (a->H / a->Hkv) * a->D;
    double most = -INFINITY, total = 0;
    for (int64_t j = 0; j < sees; j++) {
        double dot = 0;
        for (int64_t d = 0; d < a->D; d++)
            dot += q[d] * k[j * a->k_row + d];
        p[j] = a->scale * dot + (bias ? bias[b * s[0] + h * s[1] + i * s[2] + j * s[3]] : 0);
        most = p[j] > most ? p[j] : most;
    }
    /* A query that sees nothing, for want of keys or by a bias of -inf, gets zeros. */
    for (int64_t j = 0; j < sees; j++)
        total += p[j] = most == -INFINITY ? 0 : exp(p[j] - most);
    for (int64_t j = 0; j < sees; j++)
        p[j] /= total == 0 ? 1 : total;
    return sees;
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    cairn__attention a = cairn__attention_of(n, shapes[0], n->inputs > 1 ? &shapes[1] : NULL);
    double *p = cairn__alloc((size_t)a.Tk, sizeof *p, NULL);
    for (int64_t row = 0; row < a.batch * a.Tq * a.H; row++) {
        int64_t b = row / a.H / a.Tq, i = row / a.H % a.Tq, h = row % a.H;
        const double *v = in[0] + b * a.x_item + a.v_at + h / (a.H / a.Hkv) * a.D;
        int64_t sees =
            p ? cairn__attention_row(&a, in[0], n->inputs > 1 ? in[1] : NULL, b, h, i, p) : 0;
        for (int64_t d = 0; d < a.D; d++) {
            double sum = p ? 0 : NAN;
            for (int64_t j = 0; j < sees; j++)
                sum += p[j] * v[j * a.k_row + d];
            out[row * a.D + d] = sum;
        }
    }
    cairn__free(p);
}

/* Two products of each visible pair of query and key, a sum and an exponential. */
static double flops(const cairn_graph *g, const cairn_node *n)
{
    cairn__attention a = cairn__attention_of(n, g->nodes[n->input[0]]->shape, NULL);
    double pairs = 0;
    for (int64_t i = 0; i < a.Tq; i++)
        pairs += (double)cairn__attention_sees(&a, i);
    return (double)(a.batch * a.H) * pairs * (4 * (double)a.D + 10);
}

/* ---- samples --------------------------------------------------------------------------------- */

static cairn_tensor plain(const cairn_tensor *x)
{
    return cairn_attention(x[0], x[1], x[2], NULL);
}

static cairn_tensor causal(const cairn_tensor *x)
{
    return cairn_attention(x[0], x[1], x[2], &(cairn_attention_options){.causal = true});
}

static cairn_tensor together(const cairn_tensor *x)
{
    return cairn_self_attention(x[0], 2, 1, &(cairn_attention_options){.causal = true});
}

static cairn_tensor sharp(const cairn_tensor *x)
{
    return cairn_self_attention(x[0], 3, 3, &(cairn_attention_options){.scale = 0.7});
}

static cairn_tensor biased(const cairn_tensor *x)
{
    return cairn_self_attention(x[0], 2, 1,
                                &(cairn_attention_options){.bias = x[1], .causal = true});
}

static const char *const exponentials = "exponentials of products of many terms";

static const cairn__sample samples[] = {
    {.shape = {{4, {2, 3, 2, 4}}, {4, {2, 5, 2, 4}}, {4, {2, 5, 2, 4}}}, .build = plain},
    {.shape = {{4, {2, 3, 4, 2}}, {4, {2, 5, 2, 2}}, {4, {2, 5, 2, 2}}}, .build = causal},
    {.shape = {{4, {1, 5, 2, 3}}, {4, {1, 3, 1, 3}}, {4, {1, 3, 1, 3}}}, .build = causal},
    {.shape = {{4, {2, 5, 4, 3}}}, .build = together},
    {.shape = {{3, {6, 9, 2}}}, .build = sharp},
    {.shape = {{4, {2, 5, 4, 3}}, {3, {2, 5, 5}}}, .build = biased},
    {.shape = {{4, {2, 5, 4, 3}}, {4, {2, 1, 1, 5}}}, .build = biased},
    {.shape = {{4, {2, 0, 4, 3}}}, .build = together},
    {.shape = {{4, {2, 150, 4, 40}}}, .build = together, .looser = 4, .why = exponentials},
    {.shape = {{4, {3, 65, 9, 16}}}, .build = sharp, .looser = 8, .why = exponentials},
    {.shape = {{4, {1, 70, 4, 8}}, {4, {1, 131, 2, 8}}, {4, {1, 131, 2, 8}}},
     .build = causal,
     .looser = 4,
     .why = exponentials},
    {.shape = {{4, {2, 5, 5, 3}}}, .build = together, .refusal = "expected 2 heads of queries"},
    {.shape = {{4, {2, 5, 4, 3}}, {2, {5, 4}}},
     .build = biased,
     .refusal = "the bias must be [2,2,5,5]"},
    {.shape = {{4, {2, 3, 3, 4}}, {4, {2, 5, 2, 4}}, {4, {2, 5, 2, 4}}},
     .build = plain,
     .refusal = "3 query heads cannot share 2"},
    {.shape = {{4, {2, 3, 2, 4}}, {4, {2, 5, 2, 4}}, {4, {2, 5, 2, 3}}},
     .build = plain,
     .refusal = "expected q [B,Tq,H,D]"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_attention = {
    .name = "attention",
    .summary = "softmax(scale q k^T + bias) v for each head",
    .kind = CAIRN__OTHER,
    .inputs = -1,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .flops = flops,
    .samples = samples,
};
