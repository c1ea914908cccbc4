/* AdaGrad: the rate of each element falls with the squares of its gradients so far. */
#include "optim/rule.h"

static const cairn_option table[] = {
    CAIRN_OPT_REAL(cairn_adagrad_options, learning_rate, 0.01, 0, 1e6, "step size", ""),
    CAIRN_OPT_REAL(cairn_adagrad_options, epsilon, 1e-8, 1e-30, 1,
                   "first value of the sum of squares", ""),
    CAIRN_OPT_END,
};

/* The sum starts above 0, so that an element whose gradient is 0 so far divides 0 by something. */
static int states(const void *options, cairn_shape shape, cairn__rule_state *states)
{
    const cairn_adagrad_options *o = options;
    states[0] = cairn__state_like("adagrad_s", shape, o->epsilon);
    return 1;
}

static cairn_tensor apply(const cairn__rule_input *in, cairn_tensor *next)
{
    next[0] = cairn_add(in->state[0], cairn_square(in->gradient));
    return cairn__descend(in->value, in->rate, cairn_div(in->gradient, cairn_sqrt(next[0])));
}

const cairn__rule cairn__rule_adagrad = {
    .about = {"adagrad", "each element's rate falls with the squares of its gradients",
              "Duchi, Hazan, Singer 2011", table, sizeof(cairn_adagrad_options), false},
    .states = states,
    .apply = apply,
};
