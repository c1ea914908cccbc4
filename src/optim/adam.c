/* Adam, and AdamW, which takes weight decay out of the gradient. */
#include <math.h>

#include "optim/rule.h"

static const cairn_option adam_table[] = {
    CAIRN_OPT_REAL(cairn_adam_options, learning_rate, 1e-3, 0, 1e6, "step size", "algorithm 1"),
    CAIRN_OPT_REAL(cairn_adam_options, beta1, 0.9, 0, 0.999999, "decay of the mean", "algorithm 1"),
    CAIRN_OPT_REAL(cairn_adam_options, beta2, 0.999, 0, 0.999999, "decay of the mean square",
                   "algorithm 1"),
    CAIRN_OPT_REAL(cairn_adam_options, epsilon, 1e-8, 0, 1, "added to the divisor", "algorithm 1"),
    CAIRN_OPT_END,
};

static const cairn_option adamw_table[] = {
    CAIRN_OPT_REAL(cairn_adamw_options, learning_rate, 1e-3, 0, 1e6, "step size", "algorithm 2"),
    CAIRN_OPT_REAL(cairn_adamw_options, beta1, 0.9, 0, 0.999999, "decay of the mean",
                   "algorithm 2"),
    CAIRN_OPT_REAL(cairn_adamw_options, beta2, 0.999, 0, 0.999999, "decay of the mean square",
                   "algorithm 2"),
    CAIRN_OPT_REAL(cairn_adamw_options, epsilon, 1e-8, 0, 1, "added to the divisor", "algorithm 2"),
    CAIRN_OPT_REAL(cairn_adamw_options, weight_decay, 0.01, 0, 1e3,
                   "share of a parameter, times the rate, that each step takes away", ""),
    CAIRN_OPT_END,
};

/* 1 - beta^t, as -expm1(t ln beta): a difference from 1 would lose half of the digits of f32 in the
 * first steps with beta = 0.999. */
static cairn_tensor correction(cairn_tensor t, double beta)
{
    if (beta == 0)
        return cairn_scalar(t.graph, 1);
    return cairn_neg(cairn_expm1(cairn_scale(t, log(beta))));
}

/* The mean over the root of the mean square; the direction is *scale = 1 / (1 - beta1^t) times it.
 * It is m / c1 / (sqrt(v / c2) + epsilon) in the order of section 2 of the paper: numbers are
 * divided by numbers, so that an element costs one division. */
static cairn_tensor ratio(const cairn__rule_input *in, double beta1, double beta2, double epsilon,
                          cairn_tensor *next, cairn_tensor *scale)
{
    next[0] = cairn__average(in->state[0], in->gradient, beta1);
    next[1] = cairn__average(in->state[1], cairn_square(in->gradient), beta2);
    cairn_tensor root = cairn_mul(cairn_sqrt(next[1]), cairn_rsqrt(correction(in->t, beta2)));
    *scale = cairn_reciprocal(correction(in->t, beta1));
    return cairn_div(next[0], cairn_add_scalar(root, epsilon));
}

cairn_tensor cairn__adam_direction(const cairn__rule_input *in, double beta1, double beta2,
                                   double epsilon, cairn_tensor *next)
{
    cairn_tensor scale, direction = ratio(in, beta1, beta2, epsilon, next, &scale);
    return cairn_mul(direction, scale);
}

static int adam_states(const void *options, cairn_shape shape, cairn__rule_state *states)
{
    (void)options;
    states[0] = cairn__state_like("adam_m", shape, 0);
    states[1] = cairn__state_like("adam_v", shape, 0);
    return 2;
}

static cairn_tensor adam_apply(const cairn__rule_input *in, cairn_tensor *next)
{
    const cairn_adam_options *o = in->options;
    cairn_tensor scale, direction = ratio(in, o->beta1, o->beta2, o->epsilon, next, &scale);
    return cairn__descend(in->value, cairn_mul(in->rate, scale), direction);
}

static int adamw_states(const void *options, cairn_shape shape, cairn__rule_state *states)
{
    (void)options;
    states[0] = cairn__state_like("adamw_m", shape, 0);
    states[1] = cairn__state_like("adamw_v", shape, 0);
    return 2;
}

static cairn_tensor adamw_apply(const cairn__rule_input *in, cairn_tensor *next)
{
    const cairn_adamw_options *o = in->options;
    cairn_tensor direction = cairn__adam_direction(in, o->beta1, o->beta2, o->epsilon, next);
    direction = cairn_add(direction, cairn_scale(in->value, o->weight_decay));
    return cairn__descend(in->value, in->rate, direction);
}

const cairn__rule cairn__rule_adam = {
    .about = {"adam", "mean gradient over the root of the mean square, corrected for the start",
              "Kingma and Ba 2015", adam_table, sizeof(cairn_adam_options), false},
    .states = adam_states,
    .apply = adam_apply,
};

const cairn__rule cairn__rule_adamw = {
    .about = {"adamw", "Adam with weight decay apart from the gradient",
              "Loshchilov and Hutter 2019", adamw_table, sizeof(cairn_adamw_options), false},
    .states = adamw_states,
    .apply = adamw_apply,
};
