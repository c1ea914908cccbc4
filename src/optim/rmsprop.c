/* RMSProp: gradients divided by the root of a running mean of their squares, with momentum.
 *
 * Two forms are in use, and they differ by more than a rounding error: where epsilon is added, and
 * whether a change of the rate reaches the steps that the momentum still carries. */
#include "optim/rule.h"

enum { INSIDE_ROOT, OUTSIDE_ROOT };
static const char *const variants[] = {"inside_root", "outside_root", NULL};

static const cairn_option table[] = {
    CAIRN_OPT_REAL(cairn_rmsprop_options, learning_rate, 1e-3, 0, 1e6, "step size", ""),
    CAIRN_OPT_REAL(cairn_rmsprop_options, decay, 0.9, 0, 1, "decay of the mean square",
                   "Hinton 2012, lecture 6e"),
    CAIRN_OPT_REAL(cairn_rmsprop_options, momentum, 0, 0, 1, "decay of the sum of steps", ""),
    CAIRN_OPT_REAL(cairn_rmsprop_options, epsilon, 1e-8, 0, 1, "keeps the divisor above zero", ""),
    CAIRN_OPT_REAL(cairn_rmsprop_options, v0, 0, 0, 1e6, "first value of the mean square", ""),
    CAIRN_OPT_CHOICE(cairn_rmsprop_options, variant, INSIDE_ROOT, variants,
                     "epsilon inside the root and the rate before the momentum, or neither", ""),
    CAIRN_OPT_END,
};

static int states(const void *options, cairn_shape shape, cairn__rule_state *states)
{
    const cairn_rmsprop_options *o = options;
    states[0] = cairn__state_like("rmsprop_v", shape, o->v0);
    states[1] = cairn__state_like("rmsprop_u", shape, 0);
    return o->momentum > 0 ? 2 : 1;
}

/* u = momentum u + step; without momentum there is no state for it. */
static cairn_tensor carried(const cairn__rule_input *in, cairn_tensor step, cairn_tensor *next)
{
    const cairn_rmsprop_options *o = in->options;
    if (o->momentum == 0)
        return step;
    return next[1] = cairn_add(cairn_scale(in->state[1], o->momentum), step);
}

static cairn_tensor apply(const cairn__rule_input *in, cairn_tensor *next)
{
    const cairn_rmsprop_options *o = in->options;
    next[0] = cairn__average(in->state[0], cairn_square(in->gradient), o->decay);
    if (o->variant == INSIDE_ROOT) {
        cairn_tensor root = cairn_sqrt(cairn_add_scalar(next[0], o->epsilon));
        cairn_tensor step = cairn_div(cairn_mul(in->rate, in->gradient), root);
        return cairn_sub(in->value, carried(in, step, next));
    }
    cairn_tensor root = cairn_add_scalar(cairn_sqrt(next[0]), o->epsilon);
    return cairn__descend(in->value, in->rate, carried(in, cairn_div(in->gradient, root), next));
}

const cairn__rule cairn__rule_rmsprop = {
    .about = {"rmsprop", "gradients over the root of their running mean square",
              "Hinton 2012, lecture 6e; Graves 2013", table, sizeof(cairn_rmsprop_options), false},
    .states = states,
    .apply = apply,
};
