/* Mixing of examples: who with whom, and in which proportion. */
#include <math.h>

#include "cairn/cicw.h"
#include "cairn/nn.h"
#include "graph/graph.h"
#include "methods/cicw/weights.h"

static const char *const kinds[] = {"none",          "beta",         "weight", "sample",
                                    "sample_weight", "label_smooth", NULL};

const cairn_option cairn_mixup_table[] = {
    CAIRN_OPT_CHOICE(cairn_mixup_options, mixup, CAIRN_MIXUP_NONE, kinds,
                     "examples are mixed: beta is ordinary mixup, sample_weight that of CICW",
                     "section 5"),
    CAIRN_OPT_REAL(cairn_mixup_options, mixup_alpha, 2, 0.05, 32,
                   "a of Beta(a, a), from which ratios are drawn", "published code"),
    CAIRN_OPT_REAL(cairn_mixup_options, mixup_power, 1, 0, 100,
                   "power of the weights that mixing uses", "published code"),
    CAIRN_OPT_END,
};

cairn_mixup_options cairn_mixup_defaults(void)
{
    cairn_mixup_options o;
    cairn_options_defaults(cairn_mixup_table, &o);
    return o;
}

/* ---- Beta(a, a) ------------------------------------------------------------------------------ */

enum { CELLS = 2048, FINE = 1 << 15 };

/* The density of the lower half, up to a factor, over s in 0 .. 1. For a >= 1 t = s / 2; else the
 * density has a pole at 0, which t = s^(1/a) / 2 takes away: (1 - t)^(a-1) remains. */
static double point_of(double s, double a)
{
    return 0.5 * (a < 1 ? pow(s, 1 / a) : s);
}

static double density_of(double s, double a)
{
    double t = point_of(s, a);
    return pow(a < 1 ? 1 - t : 4 * t * (1 - t), a - 1);
}

/* Quantiles at i / CELLS by the trapezoid rule; the upper half is the mirror of the lower. */
static bool beta_quantiles(double a, float *out, cairn_status *status)
{
    double *mass = cairn__alloc(FINE + 1, sizeof *mass, status), last = density_of(0, a);
    if (!mass)
        return false;
    for (int i = 1; i <= FINE; i++) {
        double height = density_of((double)i / FINE, a);
        mass[i] = mass[i - 1] + 0.5 * (last + height);
        last = height;
    }
    for (int i = 0, k = 0; i <= CELLS / 2; i++) {
        double wanted = mass[FINE] * 2 * i / CELLS;
        while (k < FINE - 1 && mass[k + 1] < wanted)
            k++;
        double part = (wanted - mass[k]) / fmax(mass[k + 1] - mass[k], 1e-300);
        double t = point_of((k + fmin(fmax(part, 0), 1)) / FINE, a);
        out[i] = (float)t;
        out[CELLS - i] = (float)(1 - t);
    }
    cairn__free(mass);
    return true;
}

cairn_tensor cairn_random_beta(cairn_graph *g, double a, cairn_shape shape)
{
    float table[CELLS + 1];
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_tensor u = cairn_random_uniform(g, shape);
    if (cairn__none(u))
        return u;
    if (!(a >= 0.05 && a <= 32)) {
        cairn__graph_fail(g, CAIRN_ERR_VALUE, "random_beta: a is %g, expected 0.05 to 32", a);
        return u;
    }
    if (!beta_quantiles(a, table, &status)) {
        cairn__graph_fail(g, status.code, "%s", status.message);
        return u;
    }
    cairn_tensor at = cairn_scale(u, CELLS), cell = cairn_floor(at);
    cairn_tensor low = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(CELLS), table);
    cairn_tensor high = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(CELLS), table + 1);
    cairn_tensor index = cairn_cast(cell, CAIRN_I32), from = cairn_gather(low, index, 0);
    cairn_tensor rise = cairn_sub(cairn_gather(high, index, 0), from);
    return cairn_add(from, cairn_mul(rise, cairn_sub(at, cell)));
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* One number a row, brought to the rank of x. */
static cairn_tensor by_row(cairn_tensor ratio, cairn_tensor x)
{
    cairn_shape shape = {.rank = cairn_tensor_shape(x).rank};
    for (int i = 0; i < shape.rank; i++)
        shape.size[i] = i ? 1 : cairn_tensor_shape(ratio).size[0];
    return cairn_reshape(ratio, shape);
}

cairn_tensor cairn_mix_rows(cairn_tensor x, cairn_tensor partner, cairn_tensor ratio)
{
    cairn_tensor other = cairn_gather(x, partner, 0);
    if (cairn__none(other) || cairn__none(ratio))
        return x;
    return cairn_add(other, cairn_mul(by_row(ratio, x), cairn_sub(x, other)));
}

cairn_tensor cairn_mix_ratio(cairn_tensor m, cairn_tensor partner)
{
    cairn_tensor both = cairn_add(m, cairn_gather(m, partner, 0));
    cairn_tensor some = cairn_greater(both, cairn_scalar(m.graph, 0));
    /* Two examples without weight are mixed half and half. */
    return cairn_select(some, cairn_div(m, both), cairn_scalar(m.graph, 0.5));
}

cairn_tensor cairn_mix_trust(cairn_tensor m)
{
    cairn_tensor lo = cairn_add_scalar(cairn_reduce_min(m, CAIRN_ALL_AXES, false), -0.01);
    cairn_tensor hi = cairn_add_scalar(cairn_reduce_max(m, CAIRN_ALL_AXES, false), 0.01);
    lo = cairn_maximum(lo, cairn_scalar(m.graph, 0));
    hi = cairn_minimum(hi, cairn_scalar(m.graph, 1));
    return cairn_div(cairn_sub(m, lo), cairn_sub(hi, lo));
}

static cairn_tensor random_order(cairn_graph *g, int64_t n)
{
    return cairn_argsort(cairn_random_uniform(g, CAIRN_SHAPE(n)), 0, false);
}

/* n indices drawn with probabilities m: how many running sums lie at or below a uniform number.
 * Running sums of some thousand f32 err by less than their smallest step. */
static cairn_tensor drawn(cairn_tensor m, int64_t n)
{
    cairn_graph *g = m.graph;
    cairn_tensor u = cairn_random_uniform(g, CAIRN_SHAPE(n, 1));
    cairn_tensor sums = cairn_cumsum(m, 0, false, false);
    cairn_tensor below = cairn_cast(
        cairn_less_equal(cairn_unsqueeze(sums, 0), cairn_mul(u, cairn_sum(m))), CAIRN_F32);
    cairn_tensor index = cairn_reduce_sum(below, CAIRN_AXIS(1), false);
    index = cairn_minimum(index, cairn_scalar(g, (double)n - 1));
    return cairn_cast(index, CAIRN_I32);
}

/* ---- mixing ---------------------------------------------------------------------------------- */

static cairn_tensor unless(cairn_tensor burning, cairn_tensor plain, cairn_tensor other)
{
    return burning.graph ? cairn_select(burning, plain, other) : other;
}

static cairn_tensor smoothed(cairn_tensor y, cairn_tensor logits, cairn_tensor m)
{
    int64_t classes = cairn_tensor_shape(logits).size[1];
    cairn_tensor trust = cairn_unsqueeze(cairn_mix_trust(m), 1);
    cairn_tensor guess = cairn_one_hot(cairn_argmax(logits, 1), classes);
    return cairn_add(guess, cairn_mul(trust, cairn_sub(y, guess)));
}

static bool check(cairn_tensor x, cairn_tensor logits, const cairn_mixup_options *o)
{
    cairn_status status = CAIRN_STATUS_INIT;
    if (cairn__none(x) || cairn__none(logits))
        return false;
    if (!cairn__options_check(cairn_mixup_table, o, &status))
        return cairn__graph_fail(x.graph, status.code, "%s", status.message);
    return (cairn_tensor_shape(x).rank >= 1 && cairn_tensor_shape(logits).rank == 2) ||
           cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE,
                             "mixing: x must be [B, ..] and logits [B, classes]");
}

cairn_mixed cairn_mix(cairn_tensor x, cairn_tensor targets, cairn_tensor logits,
                      cairn_tensor weights, cairn_tensor burning,
                      const cairn_mixup_options *options)
{
    cairn_mixup_options o = options ? *options : cairn_mixup_defaults();
    cairn_mixed mixed = {.x = x, .targets = targets, .partner = x, .ratio = x};
    if (!check(x, logits, &o))
        return mixed;
    mixed.targets = cairn__distributions(logits, targets);
    if (o.mixup == CAIRN_MIXUP_NONE)
        return mixed;
    cairn_graph *g = x.graph;
    int64_t n = cairn_tensor_shape(x).size[0];
    cairn_mixup_kind kind = (cairn_mixup_kind)o.mixup;
    bool by_draw = kind == CAIRN_MIXUP_SAMPLE || kind == CAIRN_MIXUP_SAMPLE_WEIGHT;
    bool by_weight = kind == CAIRN_MIXUP_WEIGHT || kind == CAIRN_MIXUP_SAMPLE_WEIGHT;
    cairn_tensor order = random_order(g, n),
                 beta = cairn_random_beta(g, o.mixup_alpha, CAIRN_SHAPE(n));
    mixed.partner = order;
    mixed.ratio = beta;
    if (kind != CAIRN_MIXUP_BETA) {
        cairn_tensor m = cairn_stop_gradient(weights);
        if (o.mixup_power != 1)
            m = cairn_pow(m, cairn_scalar(g, o.mixup_power));
        m = cairn_div(m, cairn_sum(m));
        if (by_draw)
            mixed.partner = unless(burning, order, drawn(m, n));
        if (by_weight)
            mixed.ratio = unless(burning, beta, cairn_mix_ratio(m, mixed.partner));
        if (kind == CAIRN_MIXUP_LABEL_SMOOTH)
            mixed.targets = unless(burning, mixed.targets, smoothed(mixed.targets, logits, m));
    }
    mixed.x = cairn_mix_rows(x, mixed.partner, mixed.ratio);
    mixed.targets = cairn_stop_gradient(cairn_mix_rows(mixed.targets, mixed.partner, mixed.ratio));
    return mixed;
}
