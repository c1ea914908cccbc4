/* LARS and LAMB: each parameter moves by a share of its own norm. */
#include "optim/rule.h"

static const cairn_option lars_table[] = {
    CAIRN_OPT_REAL(cairn_lars_options, learning_rate, 1, 0, 1e6, "step size", ""),
    CAIRN_OPT_REAL(cairn_lars_options, momentum, 0.9, 0, 1, "decay of the sum of steps",
                   "section 5"),
    CAIRN_OPT_REAL(cairn_lars_options, weight_decay, 5e-4, 0, 1e3, "added to the gradient",
                   "section 5"),
    CAIRN_OPT_REAL(cairn_lars_options, trust, 1e-3, 0, 1e3,
                   "norm of a step over that of its parameter, at rate 1", "section 4"),
    CAIRN_OPT_END,
};

static const cairn_option lamb_table[] = {
    CAIRN_OPT_REAL(cairn_lamb_options, learning_rate, 1e-3, 0, 1e6, "step size", ""),
    CAIRN_OPT_REAL(cairn_lamb_options, beta1, 0.9, 0, 0.999999, "decay of the mean", "section 4"),
    CAIRN_OPT_REAL(cairn_lamb_options, beta2, 0.999, 0, 0.999999, "decay of the mean square",
                   "section 4"),
    CAIRN_OPT_REAL(cairn_lamb_options, epsilon, 1e-6, 0, 1, "added to the divisor", "section 4"),
    CAIRN_OPT_REAL(cairn_lamb_options, weight_decay, 0.01, 0, 1e3, "added to the direction",
                   "section 4"),
    CAIRN_OPT_END,
};

static int lars_states(const void *options, cairn_shape shape, cairn__rule_state *states)
{
    (void)options;
    states[0] = cairn__state_like("lars_u", shape, 0);
    return 1;
}

/* trust |x| / (|g| + weight_decay |x|): 1 when there is no direction or no size to compare with. */
static cairn_tensor lars_ratio(const cairn__rule_input *in)
{
    const cairn_lars_options *o = in->options;
    cairn_tensor x = cairn__norm(in->value), g = cairn__norm(in->gradient);
    cairn_tensor zero = cairn_scalar(x.graph, 0), one = cairn_scalar(x.graph, 1);
    cairn_tensor divisor = cairn_add(g, cairn_scale(x, o->weight_decay));
    cairn_tensor both = cairn_and(cairn_greater(x, zero), cairn_greater(g, zero));
    return cairn_select(both, cairn_div(cairn_scale(x, o->trust), divisor), one);
}

static cairn_tensor lars_apply(const cairn__rule_input *in, cairn_tensor *next)
{
    const cairn_lars_options *o = in->options;
    cairn_tensor pulled = cairn_add(in->gradient, cairn_scale(in->value, o->weight_decay));
    cairn_tensor step = cairn_mul(cairn_mul(in->rate, lars_ratio(in)), pulled);
    next[0] = cairn_add(cairn_scale(in->state[0], o->momentum), step);
    return cairn_sub(in->value, next[0]);
}

static int lamb_states(const void *options, cairn_shape shape, cairn__rule_state *states)
{
    (void)options;
    states[0] = cairn__state_like("lamb_m", shape, 0);
    states[1] = cairn__state_like("lamb_v", shape, 0);
    return 2;
}

static cairn_tensor lamb_apply(const cairn__rule_input *in, cairn_tensor *next)
{
    const cairn_lamb_options *o = in->options;
    cairn_tensor d = cairn__adam_direction(in, o->beta1, o->beta2, o->epsilon, next);
    d = cairn_add(d, cairn_scale(in->value, o->weight_decay));
    cairn_tensor ratio = cairn__trust(cairn__norm(in->value), cairn__norm(d));
    return cairn__descend(in->value, cairn_mul(in->rate, ratio), d);
}

const cairn__rule cairn__rule_lars = {
    .about = {"lars", "momentum with steps of a fixed share of each parameter's norm",
              "You, Gitman, Ginsburg 2017", lars_table, sizeof(cairn_lars_options), false},
    .states = lars_states,
    .apply = lars_apply,
};

const cairn__rule cairn__rule_lamb = {
    .about = {"lamb", "Adam with steps of a fixed share of each parameter's norm",
              "You et al. 2020", lamb_table, sizeof(cairn_lamb_options), false},
    .states = lamb_states,
    .apply = lamb_apply,
};
