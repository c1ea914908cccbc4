/* All steps of a recurrent layer (recurrent.h): at.list[0] is the kind. */
#include "graph/recurrent.h"

#include <math.h>

/* ---- building -------------------------------------------------------------------------------- */

/* Part `index` of axis 0, without that axis. */
static cairn_tensor part(cairn_tensor x, int64_t index)
{
    return cairn_squeeze(cairn_slice(x, 0, index, 1, 1), 0);
}

cairn_tensor cairn_recurrent(cairn_recurrent_kind kind, cairn_tensor gx, cairn_tensor weight,
                             cairn_tensor start, cairn_tensor *last)
{
    cairn_tensor slots =
        cairn__node(gx.graph, &cairn__op_recurrent, (cairn_tensor[]){gx, weight, start}, 3,
                    &(cairn__attributes){.list = {kind}});
    if (last)
        *last = slots; /* something harmless when the graph is in error */
    if (cairn__none(slots))
        return slots;
    int64_t T = cairn_tensor_shape(slots).size[1], states = cairn_tensor_shape(start).size[0];
    if (last)
        *last = cairn_squeeze(cairn_slice(cairn_slice(slots, 0, 0, states, 1), 1, T - 1, 1, 1), 1);
    return part(slots, 0);
}

/* Block `gate` of H columns. */
static cairn_tensor gate(cairn_tensor x, int index, int64_t H)
{
    return cairn_slice(x, -1, index * H, H, 1);
}

static cairn_tensor one_less(cairn_tensor x)
{
    return cairn_sub(cairn_scalar(x.graph, 1), x);
}

static cairn_tensor gru_cell(cairn_tensor gx, cairn_tensor weight, cairn_tensor h, int64_t H)
{
    cairn_tensor b = part(weight, H);
    cairn_tensor q = cairn_add(cairn_matmul(h, cairn_slice(weight, 0, 0, H, 1)), b);
    cairn_tensor r = cairn_sigmoid(cairn_add(gate(gx, 0, H), gate(q, 0, H)));
    cairn_tensor z = cairn_sigmoid(cairn_add(gate(gx, 1, H), gate(q, 1, H)));
    cairn_tensor n = cairn_tanh(cairn_add(gate(gx, 2, H), cairn_mul(r, gate(q, 2, H))));
    return cairn_unsqueeze(cairn_add(cairn_mul(one_less(z), n), cairn_mul(z, h)), 0);
}

cairn_tensor cairn_recurrent_cell(cairn_recurrent_kind kind, cairn_tensor gx, cairn_tensor weight,
                                  cairn_tensor state)
{
    const bool lstm = kind == CAIRN_RECURRENT_lstm;
    if (cairn__none(gx) || cairn__none(weight) || cairn__none(state))
        return state;
    int64_t H = cairn_tensor_shape(gx).size[1] / cairn__recurrent_sizes(kind).gates;
    cairn_tensor h = part(state, 0);
    if (kind == CAIRN_RECURRENT_gru)
        return gru_cell(gx, weight, h, H);
    cairn_tensor a = cairn_add(gx, cairn_matmul(h, weight));
    cairn_tensor f = cairn_sigmoid(gate(a, lstm ? 1 : 0, H));
    cairn_tensor i = lstm ? cairn_sigmoid(gate(a, 0, H)) : one_less(f);
    cairn_tensor g = cairn_tanh(gate(a, lstm ? 2 : 1, H));
    cairn_tensor o = cairn_sigmoid(gate(a, lstm ? 3 : 2, H));
    cairn_tensor c = cairn_add(cairn_mul(f, part(state, 1)), cairn_mul(i, g));
    cairn_tensor both[2] = {cairn_mul(o, cairn_tanh(c)), c};
    both[0] = cairn_unsqueeze(both[0], 0);
    both[1] = cairn_unsqueeze(both[1], 0);
    return cairn_concat(both, 2, 0);
}

/* ---- shape ----------------------------------------------------------------------------------- */

static bool shape(cairn_graph *g, cairn_node *n)
{
    cairn_shape gx = g->nodes[n->input[0]]->shape, weight = g->nodes[n->input[1]]->shape;
    cairn_shape start = g->nodes[n->input[2]]->shape;
    char a[CAIRN_SHAPE_TEXT], b[CAIRN_SHAPE_TEXT];
    if (n->at.list[0] < 0 || n->at.list[0] >= CAIRN_N_RECURRENT_KINDS)
        return cairn__refuse(g, n, CAIRN_ERR_VALUE, "kind %lld, expected one of %d",
                             (long long)n->at.list[0], CAIRN_N_RECURRENT_KINDS);
    cairn__recurrent r = cairn__recurrent_sizes((cairn_recurrent_kind)n->at.list[0]);
    for (int i = 0; i < 3; i++)
        if (g->nodes[n->input[i]]->dtype != CAIRN_F32)
            return cairn__refuse(g, n, CAIRN_ERR_TYPE, "operands must be f32");
    if (gx.rank != 3 || cairn_shape_count(gx) == 0 || gx.size[2] % r.gates)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE,
                             "the first operand must be [T, B, %d H], none "
                             "of them 0",
                             r.gates);
    r = cairn__recurrent_of(n, gx);
    cairn_shape to = CAIRN_SHAPE(r.H + (r.kind == CAIRN_RECURRENT_gru), r.gates * r.H);
    cairn_shape from = CAIRN_SHAPE(r.states, r.B, r.H);
    if (!cairn_shape_equal(weight, to) || !cairn_shape_equal(start, from))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "weight and start must be %s and %s",
                             cairn_shape_text(to, a), cairn_shape_text(from, b));
    n->dtype = CAIRN_F32;
    n->shape = CAIRN_SHAPE(r.slots, r.T, r.B, r.H);
    return true;
}

/* ---- gradient -------------------------------------------------------------------------------- */

/* What the product of each step multiplies: h of the step before, [T B, H]. */
static cairn_tensor h_before(cairn_tensor slots, cairn_tensor start, const cairn__recurrent *r)
{
    cairn_tensor h = cairn_slice(part(slots, 0), 0, 0, r->T - 1, 1);
    cairn_tensor both[2] = {cairn_slice(start, 0, 0, 1, 1), h};
    return cairn_reshape(cairn_concat(both, r->T > 1 ? 2 : 1, 0), CAIRN_SHAPE(r->T * r->B, r->H));
}

/* The gradient of the products and of b, [T B, G H]; a GRU's reset gate stands between the product
 * and n. */
static cairn_tensor of_products(cairn_tensor rows, const cairn__recurrent *r)
{
    const int64_t steps = r->T * r->B, GH = r->gates * r->H;
    cairn_tensor dgx = cairn_slice(rows, 0, 0, steps * r->gates, 1);
    dgx = cairn_reshape(dgx, CAIRN_SHAPE(steps, GH));
    if (r->kind != CAIRN_RECURRENT_gru)
        return dgx;
    cairn_tensor dq = cairn_slice(rows, 0, steps * r->gates, steps, 1);
    return cairn_concat((cairn_tensor[]){cairn_slice(dgx, 1, 0, 2 * r->H, 1), dq}, 2, 1);
}

/* Of the start: what the first step's product hands on, and what passes it by. */
static cairn_tensor of_start(cairn_tensor products, cairn_tensor carry, cairn_tensor weight,
                             const cairn__recurrent *r)
{
    cairn_tensor first = cairn_slice(products, 0, 0, r->B, 1);
    cairn_tensor dh = cairn_matmul_transposed(first, false, weight, true);
    if (r->kind == CAIRN_RECURRENT_gru)
        return cairn_unsqueeze(cairn_add(dh, carry), 0);
    cairn_tensor both[2] = {cairn_unsqueeze(dh, 0), cairn_unsqueeze(carry, 0)};
    return cairn_concat(both, 2, 0);
}

static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_tensor gx = cairn__input(n, y, 0), weight = cairn__input(n, y, 1);
    cairn_tensor start = cairn__input(n, y, 2), dc = {NULL, 0};
    const cairn__recurrent r = cairn__recurrent_of(n, cairn_tensor_shape(gx));
    const bool gru = r.kind == CAIRN_RECURRENT_gru;
    if (!gru) /* nobody sees an earlier c */
        dc = part(cairn_slice(part(dy, 1), 0, r.T - 1, 1, 1), 0);
    cairn_tensor rows = cairn__recurrent_gradient(r.kind, part(dy, 0), weight, y, start, dc);
    if (cairn__none(rows))
        return;
    const int64_t steps = r.T * r.B;
    cairn_tensor products = of_products(rows, &r);
    cairn_tensor carry = cairn_slice(rows, 0, cairn__recurrent_rows(&r) - r.B, r.B, 1);
    cairn_tensor dw = cairn_matmul_transposed(h_before(y, start, &r), true, products, false);
    if (gru) {
        cairn_tensor db = cairn_reduce_sum(products, CAIRN_AXIS(0), true);
        dw = cairn_concat((cairn_tensor[]){dw, db}, 2, 0);
        weight = cairn_slice(weight, 0, 0, r.H, 1);
    }
    dx[0] = cairn_reshape(cairn_slice(rows, 0, 0, steps * r.gates, 1),
                          CAIRN_SHAPE(r.T, r.B, r.gates * r.H));
    dx[1] = dw;
    dx[2] = of_start(products, carry, weight, &r);
}

/* ---- definition ------------------------------------------------------------------------------ */

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* One unit of one row. a, q: its gates' gx and products; before: h or c of the step before. */
static void unit(const cairn__recurrent *r, const double *a, const double *q, double before,
                 double *slot, int64_t step)
{
    const bool lstm = r->kind == CAIRN_RECURRENT_lstm;
    if (r->kind == CAIRN_RECURRENT_gru) {
        double reset = sigmoid(a[0] + q[0]), z = sigmoid(a[1] + q[1]);
        double n = tanh(a[2] + reset * q[2]);
        slot[0] = (1 - z) * n + z * before;
        slot[step] = reset, slot[2 * step] = z, slot[3 * step] = n, slot[4 * step] = q[2];
        return;
    }
    double f = sigmoid(a[lstm] + q[lstm]), i = lstm ? sigmoid(a[0] + q[0]) : 1 - f;
    double g = tanh(a[1 + lstm] + q[1 + lstm]), o = sigmoid(a[2 + lstm] + q[2 + lstm]);
    double c = f * before + i * g;
    slot[0] = o * tanh(c);
    slot[step] = c;
    if (lstm)
        slot[2 * step] = i;
    slot[(2 + lstm) * step] = f, slot[(3 + lstm) * step] = g, slot[(4 + lstm) * step] = o;
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    const cairn__recurrent r = cairn__recurrent_of(n, shapes[0]);
    const int64_t GH = r.gates * r.H, BH = r.B * r.H;
    for (int64_t i = 0; i < r.T * BH; i++) {
        const int64_t t = i / BH, b = i / r.H % r.B, u = i % r.H;
        const double *state = t ? out + (t - 1) * BH : in[2], *h = state + b * r.H;
        const double *c = t ? out + (r.T + t - 1) * BH : in[2] + BH;
        double a[4], q[4];
        for (int k = 0; k < r.gates; k++) {
            a[k] = in[0][(t * r.B + b) * GH + k * r.H + u];
            q[k] = r.kind == CAIRN_RECURRENT_gru ? in[1][r.H * GH + k * r.H + u] : 0;
            for (int64_t j = 0; j < r.H; j++)
                q[k] += h[j] * in[1][j * GH + k * r.H + u];
        }
        unit(&r, a, q, r.states == 1 ? h[u] : c[b * r.H + u], out + i, r.T * BH);
    }
}

static double flops(const cairn_graph *g, const cairn_node *n)
{
    const cairn__recurrent r = cairn__recurrent_of(n, g->nodes[n->input[0]]->shape);
    return 2.0 * (double)(r.T * r.B * r.H) * (double)(r.gates * r.H);
}

/* ---- samples --------------------------------------------------------------------------------- */

/* What users see of the result, in rows of H. */
static cairn_tensor seen(cairn_recurrent_kind kind, const cairn_tensor *x)
{
    cairn_tensor last, h = cairn_recurrent(kind, x[0], x[1], x[2], &last);
    if (cairn__none(h))
        return h;
    int64_t H = cairn_tensor_shape(h).size[2];
    cairn_tensor both[2] = {cairn_reshape(h, CAIRN_SHAPE(-1, H)),
                            cairn_reshape(last, CAIRN_SHAPE(-1, H))};
    return cairn_concat(both, 2, 0);
}

static cairn_tensor lstm(const cairn_tensor *x)
{
    return seen(CAIRN_RECURRENT_lstm, x);
}

static cairn_tensor cifg(const cairn_tensor *x)
{
    return seen(CAIRN_RECURRENT_cifg, x);
}

static cairn_tensor gru(const cairn_tensor *x)
{
    return seen(CAIRN_RECURRENT_gru, x);
}

static cairn_tensor only_h(const cairn_tensor *x)
{
    return cairn_recurrent(CAIRN_RECURRENT_lstm, x[0], x[1], x[2], NULL);
}

static cairn_tensor fourth(const cairn_tensor *x)
{
    return cairn_recurrent(CAIRN_N_RECURRENT_KINDS, x[0], x[1], x[2], NULL);
}

/* Weights are drawn from -2 .. 2: gates saturate where many are summed, and differences shrink
 * through that no further than by the slopes' factor of 4. */
static const cairn__sample samples[] = {
    {.shape = {{3, {4, 2, 12}}, {2, {3, 12}}, {3, {2, 2, 3}}}, .build = lstm},
    {.shape = {{3, {3, 2, 12}}, {2, {4, 12}}, {3, {2, 2, 4}}}, .build = cifg},
    {.shape = {{3, {4, 3, 9}}, {2, {4, 9}}, {3, {1, 3, 3}}}, .build = gru},
    {.shape = {{3, {1, 2, 8}}, {2, {2, 8}}, {3, {2, 2, 2}}}, .build = lstm},
    {.shape = {{3, {3, 1, 8}}, {2, {2, 8}}, {3, {2, 1, 2}}}, .build = only_h},
    {.shape = {{3, {3, 5, 152}}, {2, {38, 152}}, {3, {2, 5, 38}}},
     .build = lstm,
     .looser = 20,
     .why = "sums of 38 products of up to 4, handed on through three steps"},
    {.shape = {{3, {2, 3, 489}}, {2, {163, 489}}, {3, {2, 3, 163}}},
     .build = cifg,
     .looser = 50,
     .why = "sums of 163 products of up to 4, handed on through two steps"},
    {.shape = {{3, {2, 140, 300}}, {2, {101, 300}}, {3, {1, 140, 100}}},
     .build = gru,
     .looser = 50,
     .why = "sums of 100 products of up to 4, handed on through two steps"},
    {.shape = {{3, {4, 2, 11}}, {2, {3, 12}}, {3, {2, 2, 3}}},
     .build = lstm,
     .refusal = "must be [T, B, 4 H]"},
    {.shape = {{3, {0, 2, 12}}, {2, {3, 12}}, {3, {2, 2, 3}}},
     .build = lstm,
     .refusal = "none of them 0"},
    {.shape = {{3, {4, 2, 9}}, {2, {3, 9}}, {3, {1, 2, 3}}},
     .build = gru,
     .refusal = "weight and start must be [4,9] and [1,2,3]"},
    {.shape = {{3, {4, 2, 12}}, {2, {3, 12}}, {3, {2, 2, 3}}},
     .build = fourth,
     .refusal = "kind 3, expected one of 3"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_recurrent = {
    .name = "recurrent",
    .summary = "all steps of an LSTM or GRU",
    .kind = CAIRN__OTHER,
    .inputs = 3,
    .shape = shape,
    .gradient = gradient,
    .first_only = CAIRN__RECURRENT_FIRST_ONLY,
    .reference = reference,
    .flops = flops,
    .samples = samples,
};
