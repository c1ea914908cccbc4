/* Gradient descent, with and without momentum. */
#include "optim/rule.h"

static const cairn_option sgd_table[] = {
    CAIRN_OPT_REAL(cairn_sgd_options, learning_rate, 0.01, 0, 1e6, "step size", ""),
    CAIRN_OPT_END,
};

static const cairn_option momentum_table[] = {
    CAIRN_OPT_REAL(cairn_momentum_options, learning_rate, 0.01, 0, 1e6, "step size", ""),
    CAIRN_OPT_REAL(cairn_momentum_options, momentum, 0.9, 0, 1, "decay of the sum of gradients",
                   "Sutskever et al. 2013"),
    CAIRN_OPT_END,
};

static const cairn_option nesterov_table[] = {
    CAIRN_OPT_REAL(cairn_nesterov_options, learning_rate, 0.01, 0, 1e6, "step size", ""),
    CAIRN_OPT_REAL(cairn_nesterov_options, momentum, 0.9, 0, 1, "decay of the sum of gradients",
                   "Sutskever et al. 2013"),
    CAIRN_OPT_END,
};

static cairn_tensor sgd_apply(const cairn__rule_input *in, cairn_tensor *next)
{
    (void)next;
    return cairn__descend(in->value, in->rate, in->gradient);
}

static int momentum_states(const void *options, cairn_shape shape, cairn__rule_state *states)
{
    (void)options;
    states[0] = cairn__state_like("momentum_u", shape, 0);
    return 1;
}

static cairn_tensor momentum_apply(const cairn__rule_input *in, cairn_tensor *next)
{
    const cairn_momentum_options *o = in->options;
    next[0] = cairn_add(cairn_scale(in->state[0], o->momentum), in->gradient);
    return cairn__descend(in->value, in->rate, next[0]);
}

static int nesterov_states(const void *options, cairn_shape shape, cairn__rule_state *states)
{
    (void)options;
    states[0] = cairn__state_like("nesterov_u", shape, 0);
    return 1;
}

/* The gradient is taken where the parameters are, not where they would be: the parameters kept are
 * the shifted ones of Sutskever et al., equations 3 and 4. */
static cairn_tensor nesterov_apply(const cairn__rule_input *in, cairn_tensor *next)
{
    const cairn_nesterov_options *o = in->options;
    next[0] = cairn_add(cairn_scale(in->state[0], o->momentum), in->gradient);
    cairn_tensor ahead = cairn_add(in->gradient, cairn_scale(next[0], o->momentum));
    return cairn__descend(in->value, in->rate, ahead);
}

const cairn__rule cairn__rule_sgd = {
    .about = {"sgd", "gradient descent", "Robbins and Monro 1951", sgd_table,
              sizeof(cairn_sgd_options), false},
    .apply = sgd_apply,
};

const cairn__rule cairn__rule_momentum = {
    .about = {"momentum", "gradient descent along a decaying sum of gradients", "Polyak 1964",
              momentum_table, sizeof(cairn_momentum_options), false},
    .states = momentum_states,
    .apply = momentum_apply,
};

const cairn__rule cairn__rule_nesterov = {
    .about = {"nesterov", "momentum that looks one step ahead",
              "Nesterov 1983; Sutskever et al. 2013", nesterov_table,
              sizeof(cairn_nesterov_options), false},
    .states = nesterov_states,
    .apply = nesterov_apply,
};
