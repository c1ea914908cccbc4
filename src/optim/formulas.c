/* Formulas that several rules share. */
#include "optim/rule.h"

cairn_tensor cairn__average(cairn_tensor old, cairn_tensor x, double decay)
{
    return cairn_add(cairn_scale(old, decay), cairn_scale(x, 1 - decay));
}

cairn_tensor cairn__descend(cairn_tensor value, cairn_tensor factor, cairn_tensor direction)
{
    return cairn_sub(value, cairn_mul(factor, direction));
}

cairn_tensor cairn__norm(cairn_tensor x)
{
    return cairn_sqrt(cairn_sum(cairn_square(x)));
}

cairn_tensor cairn__rms(cairn_tensor x)
{
    return cairn_sqrt(cairn_mean(cairn_square(x)));
}

cairn_tensor cairn__trust(cairn_tensor a, cairn_tensor b)
{
    cairn_tensor zero = cairn_scalar(a.graph, 0), one = cairn_scalar(a.graph, 1);
    cairn_tensor both = cairn_and(cairn_greater(a, zero), cairn_greater(b, zero));
    return cairn_select(both, cairn_div(a, b), one);
}

cairn__rule_state cairn__state_like(const char *name, cairn_shape shape, double first)
{
    return (cairn__rule_state){name, shape, {CAIRN_INIT_CONSTANT, first}};
}
