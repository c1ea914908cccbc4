/* From the gradients of h, and of the last c, back through all steps (recurrent.h): at.list[0] is
 * the kind.
 *
 * With s = x (1 - x) the slope of a sigmoid that gave x, and d.. the gradient of what stands before
 * the gate's function:
 *
 *     lstm   do = dh tanh(c) s(o)          dc += dh o (1 - tanh(c)^2)
 *            di = dc g s(i)   df = dc c' s(f)   dg = dc i (1 - g^2)      dc' = dc f
 *     cifg   the same with i = 1 - f:  df = dc (c' - g) s(f)
 *     gru    dz = dh (h' - n) s(z)     dn = dh (1 - z) (1 - n^2)
 *            dq = dn r                 dr = dn q s(r)                    dh' = dh z
 *
 * and in all dh' += d W^T, where d are the gates' gradients, with dq in the place of dn. The carry
 * that is given out is dc, or dh z, behind the first step. */
#include "graph/recurrent.h"

#include <math.h>

cairn_tensor cairn__recurrent_gradient(cairn_recurrent_kind kind, cairn_tensor dh,
                                       cairn_tensor weight, cairn_tensor slots, cairn_tensor start,
                                       cairn_tensor dc)
{
    const cairn_tensor x[5] = {dh, weight, slots, start, dc};
    return cairn__node(dh.graph, &cairn__op_recurrent_gradient, x,
                       kind == CAIRN_RECURRENT_gru ? 4 : 5, &(cairn__attributes){.list = {kind}});
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    cairn_shape dh = g->nodes[n->input[0]]->shape;
    for (int i = 0; i < n->inputs; i++)
        if (g->nodes[n->input[i]]->dtype != CAIRN_F32)
            return cairn__refuse(g, n, CAIRN_ERR_TYPE, "operands must be f32");
    if (dh.rank != 3 || cairn_shape_count(dh) == 0)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE,
                             "the first operand must be [T, B, H], none of "
                             "them 0");
    const cairn__recurrent r = cairn__recurrent_of(n, dh);
    const cairn_shape expected[5] = {
        dh, CAIRN_SHAPE(r.H + (r.kind == CAIRN_RECURRENT_gru), r.gates * r.H),
        CAIRN_SHAPE(r.slots, r.T, r.B, r.H), CAIRN_SHAPE(r.states, r.B, r.H),
        CAIRN_SHAPE(r.B, r.H)};
    for (int i = 0; i < n->inputs; i++) {
        char text[CAIRN_SHAPE_TEXT];
        if (!cairn_shape_equal(g->nodes[n->input[i]]->shape, expected[i]))
            return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "operand %d must be %s", i + 1,
                                 cairn_shape_text(expected[i], text));
    }
    n->dtype = CAIRN_F32;
    n->shape = CAIRN_SHAPE(cairn__recurrent_rows(&r), r.H);
    return true;
}

/* ---- definition ------------------------------------------------------------------------------ */

static double slope(double x)
{
    return x * (1 - x);
}

/* One unit of one row: slot as in recurrent.h, `before` c' or h'. d: the gates' gradients, dq
 * behind them. Changes the carry, in which dh arrives for a GRU. */
static void unit(const cairn__recurrent *r, const double *slot, int64_t step, double before,
                 double dh, double *carry, double d[4])
{
    const bool lstm = r->kind == CAIRN_RECURRENT_lstm;
    if (r->kind == CAIRN_RECURRENT_gru) {
        double reset = slot[step], z = slot[2 * step], n = slot[3 * step], q = slot[4 * step];
        d[1] = dh * (before - n) * slope(z);
        d[2] = dh * (1 - z) * (1 - n * n);
        d[3] = d[2] * reset;
        d[0] = d[2] * q * slope(reset);
        *carry = dh * z;
        return;
    }
    double f = slot[(2 + lstm) * step], g = slot[(3 + lstm) * step], o = slot[(4 + lstm) * step];
    double i = lstm ? slot[2 * step] : 1 - f, c = tanh(slot[step]);
    double dc = *carry + dh * o * (1 - c * c);
    d[2 + lstm] = dh * c * slope(o);
    d[1 + lstm] = dc * i * (1 - g * g);
    d[lstm] = dc * (lstm ? before : before - g) * slope(f);
    if (lstm)
        d[0] = dc * g * slope(i);
    *carry = dc * f;
}

/* Gradient of h' of row b by the product of step t. */
static double through_product(const cairn__recurrent *r, const double *weight, const double *out,
                              int64_t row, int64_t u)
{
    const int64_t GH = r->gates * r->H;
    const double *d = out + row * GH, *dq = out + r->T * r->B * GH + row * r->H;
    double sum = 0;
    for (int64_t j = 0; j < GH; j++) {
        bool behind_reset = r->kind == CAIRN_RECURRENT_gru && j >= 2 * r->H;
        sum += weight[u * GH + j] * (behind_reset ? dq[j - 2 * r->H] : d[j]);
    }
    return sum;
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    const cairn__recurrent r = cairn__recurrent_of(n, shapes[0]);
    const bool gru = r.kind == CAIRN_RECURRENT_gru;
    const int64_t BH = r.B * r.H, GH = r.gates * r.H, all = r.T * BH;
    double *carry = out + (cairn__recurrent_rows(&r) - r.B) * r.H;
    for (int64_t i = 0; i < BH; i++)
        carry[i] = gru ? 0 : in[4][i];
    for (int64_t t = r.T - 1; t >= 0; t--)
        for (int64_t i = 0; i < BH; i++) {
            const int64_t row = t * r.B + i / r.H, u = i % r.H;
            const double *slot = in[2] + t * BH + i;
            const double *start = in[3] + (gru ? 0 : BH);
            double dh = in[0][t * BH + i] + (gru ? carry[i] : 0), d[4];
            double before = t ? slot[(gru ? 0 : all) - BH] : start[i];
            if (t < r.T - 1)
                dh += through_product(&r, in[1], out, row + r.B, u);
            unit(&r, slot, all, before, dh, carry + i, d);
            for (int k = 0; k < r.gates; k++)
                out[row * GH + k * r.H + u] = d[k];
            if (gru)
                out[r.T * r.B * GH + row * r.H + u] = d[3];
        }
}

static double flops(const cairn_graph *g, const cairn_node *n)
{
    const cairn__recurrent r = cairn__recurrent_of(n, g->nodes[n->input[0]]->shape);
    return 2.0 * (double)(r.T * r.B * r.H) * (double)(r.gates * r.H);
}

/* ---- samples --------------------------------------------------------------------------------- */

static cairn_tensor node(cairn_recurrent_kind kind, const cairn_tensor *x)
{
    cairn_tensor slots =
        cairn__node(x[0].graph, &cairn__op_recurrent, x, 3, &(cairn__attributes){.list = {kind}});
    if (cairn__none(slots))
        return slots;
    cairn_tensor h = cairn_squeeze(cairn_slice(slots, 0, 0, 1, 1), 0), dh = cairn_square(h);
    cairn_tensor dc = cairn_squeeze(cairn_slice(dh, 0, 0, 1, 1), 0);
    return cairn__recurrent_gradient(kind, dh, x[1], slots, x[2], dc);
}

static cairn_tensor lstm(const cairn_tensor *x)
{
    return node(CAIRN_RECURRENT_lstm, x);
}

static cairn_tensor cifg(const cairn_tensor *x)
{
    return node(CAIRN_RECURRENT_cifg, x);
}

static cairn_tensor gru(const cairn_tensor *x)
{
    return node(CAIRN_RECURRENT_gru, x);
}

static cairn_tensor without_slots(const cairn_tensor *x)
{
    return cairn__recurrent_gradient(CAIRN_RECURRENT_gru, x[0], x[1], x[0], x[2], x[0]);
}

static const cairn__sample samples[] = {
    {.shape = {{3, {4, 2, 12}}, {2, {3, 12}}, {3, {2, 2, 3}}},
     .build = lstm,
     .looser = 4,
     .why = "rounded values of the forward pass, handed back through four steps"},
    {.shape = {{3, {3, 2, 12}}, {2, {4, 12}}, {3, {2, 2, 4}}},
     .build = cifg,
     .looser = 4,
     .why = "rounded values of the forward pass, handed back through three steps"},
    {.shape = {{3, {4, 3, 9}}, {2, {4, 9}}, {3, {1, 3, 3}}},
     .build = gru,
     .looser = 4,
     .why = "rounded values of the forward pass, handed back through four steps"},
    {.shape = {{3, {3, 2, 6}}, {2, {4, 9}}, {3, {1, 2, 3}}},
     .build = without_slots,
     .refusal = "operand 2 must be [7,18]"},
    {.shape = {{3, {3, 2, 3}}, {2, {4, 9}}, {3, {1, 2, 3}}},
     .build = without_slots,
     .refusal = "operand 3 must be [5,3,2,3]"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_recurrent_gradient = {
    .name = "recurrent_gradient",
    .summary = "gradients through all steps of an LSTM or GRU",
    .kind = CAIRN__OTHER,
    .inputs = -1,
    .shape = shape,
    .no_gradient = CAIRN__RECURRENT_FIRST_ONLY,
    .first_only = CAIRN__RECURRENT_FIRST_ONLY,
    .reference = reference,
    .flops = flops,
    .samples = samples,
};
