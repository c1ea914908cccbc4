/* Adafactor: the mean squares of a matrix are kept as the product of a column and a row. */
#include <math.h>

#include "optim/rule.h"

static const cairn_option table[] = {
    CAIRN_OPT_REAL(cairn_adafactor_options, learning_rate, 1e-2, 0, 1e6,
                   "step size, the largest one with relative_step", "section 9"),
    CAIRN_OPT_REAL(cairn_adafactor_options, epsilon1, 1e-30, 0, 1, "added to squares of gradients",
                   "section 9"),
    CAIRN_OPT_REAL(cairn_adafactor_options, epsilon2, 1e-3, 0, 1,
                   "least size that a parameter counts with", "section 9"),
    CAIRN_OPT_REAL(cairn_adafactor_options, clip, 1, 1e-6, 1e6,
                   "largest root mean square of a step over its rate", "section 9"),
    CAIRN_OPT_REAL(cairn_adafactor_options, decay_power, 0.8, 0, 1,
                   "how fast the decay of the mean squares approaches 1", "section 7.2"),
    CAIRN_OPT_FLAG(cairn_adafactor_options, relative_step, true,
                   "let the rate fall with the root of the step number", "section 9"),
    CAIRN_OPT_FLAG(cairn_adafactor_options, scale_parameter, true,
                   "multiply the rate by the size of the parameter", "section 8"),
    CAIRN_OPT_FLAG(cairn_adafactor_options, factored, true,
                   "keep row and column means instead of all mean squares", "section 3"),
    CAIRN_OPT_REAL(cairn_adafactor_options, momentum, 0, 0, 1,
                   "decay of the mean of steps; 0 keeps none", "algorithm 4, beta1"),
    CAIRN_OPT_FLAG(cairn_adafactor_options, rate_decay, false,
                   "shrink parameters by the square of the rate", "Chowdhery et al. 2022"),
    CAIRN_OPT_END,
};

static bool factored(const cairn_adafactor_options *o, cairn_shape shape)
{
    return o->factored && shape.rank >= 2;
}

/* The shape without one axis. */
static cairn_shape without(cairn_shape shape, int axis)
{
    for (int i = axis; i + 1 < shape.rank; i++)
        shape.size[i] = shape.size[i + 1];
    shape.size[--shape.rank] = 0;
    return shape;
}

/* The momentum stands behind the mean squares. */
static int states(const void *options, cairn_shape shape, cairn__rule_state *states)
{
    const cairn_adafactor_options *o = options;
    int n = 0;
    if (!factored(o, shape)) {
        states[n++] = cairn__state_like("adafactor_v", shape, 0);
    } else {
        states[n++] = cairn__state_like("adafactor_r", without(shape, shape.rank - 1), 0);
        states[n++] = cairn__state_like("adafactor_c", without(shape, shape.rank - 2), 0);
    }
    if (o->momentum > 0)
        states[n++] = cairn__state_like("adafactor_m", shape, 0);
    return n;
}

/* old + (1 - b) (x - old), where 1 - b = t^-decay_power is 1 in the first step: no bias. */
static cairn_tensor average(cairn_tensor old, cairn_tensor x, cairn_tensor one_minus_b)
{
    return cairn_add(old, cairn_mul(one_minus_b, cairn_sub(x, old)));
}

/* g / sqrt(r c / mean(r)), in two factors: the product r c may be too small for f32. */
static cairn_tensor divided(cairn_tensor g, cairn_tensor r, cairn_tensor c)
{
    int last = cairn_tensor_shape(r).rank - 1;
    if (cairn__none(r))
        return g;
    cairn_tensor mean = cairn_reduce_mean(r, CAIRN_AXIS(last), true);
    cairn_tensor rows = cairn_unsqueeze(cairn_rsqrt(cairn_div(r, mean)), -1);
    cairn_tensor columns = cairn_unsqueeze(cairn_rsqrt(c), -2);
    return cairn_mul(cairn_mul(g, rows), columns);
}

static cairn_tensor direction(const cairn__rule_input *in, cairn_tensor *next)
{
    const cairn_adafactor_options *o = in->options;
    cairn_tensor g = in->gradient, squares = cairn_add_scalar(cairn_square(g), o->epsilon1);
    cairn_tensor share = cairn_pow(in->t, cairn_scalar(g.graph, -o->decay_power));
    int rank = cairn_tensor_shape(g).rank;
    if (!factored(o, cairn_tensor_shape(g))) {
        next[0] = average(in->state[0], squares, share);
        return cairn_mul(g, cairn_rsqrt(next[0]));
    }
    cairn_tensor rows = cairn_reduce_mean(squares, CAIRN_AXIS(rank - 1), false);
    cairn_tensor columns = cairn_reduce_mean(squares, CAIRN_AXIS(rank - 2), false);
    next[0] = average(in->state[0], rows, share);
    next[1] = average(in->state[1], columns, share);
    return divided(g, next[0], next[1]);
}

/* The rate before it is scaled by the parameter. */
static cairn_tensor rate(const cairn__rule_input *in)
{
    const cairn_adafactor_options *o = in->options;
    return o->relative_step ? cairn_minimum(in->rate, cairn_rsqrt(in->t)) : in->rate;
}

static cairn_tensor step_size(const cairn__rule_input *in)
{
    const cairn_adafactor_options *o = in->options;
    cairn_tensor size = rate(in);
    if (o->scale_parameter)
        size = cairn_mul(
            size, cairn_maximum(cairn__rms(in->value), cairn_scalar(size.graph, o->epsilon2)));
    return size;
}

static cairn_tensor apply(const cairn__rule_input *in, cairn_tensor *next)
{
    const cairn_adafactor_options *o = in->options;
    cairn_tensor u = direction(in, next), one = cairn_scalar(u.graph, 1), value = in->value;
    u = cairn_div(u, cairn_maximum(cairn_scale(cairn__rms(u), 1 / o->clip), one));
    if (o->rate_decay)
        value = cairn__descend(value, cairn_square(rate(in)), value);
    if (o->momentum == 0)
        return cairn__descend(value, step_size(in), u);
    /* The mean is of whole steps, so that a later rate does not change the earlier ones. */
    int m = factored(o, cairn_tensor_shape(u)) ? 2 : 1;
    next[m] = cairn__average(in->state[m], cairn_mul(step_size(in), u), o->momentum);
    return cairn_sub(value, next[m]);
}

const cairn__rule cairn__rule_adafactor = {
    .about = {"adafactor", "mean squares of a matrix as a product of a column and a row",
              "Shazeer and Stern 2018", table, sizeof(cairn_adafactor_options), false},
    .states = states,
    .apply = apply,
};
