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

cairn__rule_state cairn__state_like(const char *name, cairn_shape shape, double first)
{
    return (cairn__rule_state){name, shape, {CAIRN_INIT_CONSTANT, first}};
}
