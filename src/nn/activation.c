/* Activations, written in the operations of graph.h. */
#include "cairn/nn.h"

#include "graph/graph.h"

const char *const cairn_activation_names[] = {
#define CAIRN_X(name, formula) #name,
    CAIRN_ACTIVATIONS(CAIRN_X)
#undef CAIRN_X
        NULL,
};

static cairn_tensor number(cairn_tensor like, double value)
{
    return cairn_scalar(like.graph, value);
}

static cairn_tensor positive_else(cairn_tensor x, cairn_tensor negative)
{
    return cairn_select(cairn_greater(x, number(x, 0)), x, negative);
}

/* x Phi(k x). */
static cairn_tensor gelu(cairn_tensor x, double k)
{
    return k == 1 ? cairn_gelu(x) : cairn_scale(cairn_gelu(cairn_scale(x, k)), 1 / k);
}

cairn_tensor cairn_hard_sigmoid(cairn_tensor x)
{
    if (cairn__none(x))
        return x;
    cairn_tensor y = cairn_maximum(cairn_add_scalar(x, 3), cairn_scalar(x.graph, 0));
    return cairn_scale(cairn_minimum(y, cairn_scalar(x.graph, 6)), 1.0 / 6);
}

cairn_tensor cairn_hard_swish(cairn_tensor x)
{
    return cairn_mul(x, cairn_hard_sigmoid(x));
}

cairn_tensor cairn_activate(cairn_tensor x, cairn_activation a)
{
    double k = a.k != 0 ? a.k : a.kind == CAIRN_ACTIVATION_leaky_relu ? 0.01 : 1;
    switch (a.kind) {
    case CAIRN_ACTIVATION_linear:
    case CAIRN_N_ACTIVATIONS: break;
    case CAIRN_ACTIVATION_relu: return cairn_relu(x);
    case CAIRN_ACTIVATION_leaky_relu: return positive_else(x, cairn_scale(x, k));
    case CAIRN_ACTIVATION_squared_relu: return cairn_square(cairn_relu(x));
    case CAIRN_ACTIVATION_smelu: return cairn_smelu(x, k);
    case CAIRN_ACTIVATION_elu:
        /* Of the negative part only: exp() of a large x would be infinite. */
        return positive_else(x, cairn_scale(cairn_expm1(cairn_minimum(x, number(x, 0))), k));
    case CAIRN_ACTIVATION_softplus:
        return k == 1 ? cairn_softplus(x) : cairn_scale(cairn_softplus(cairn_scale(x, k)), 1 / k);
    case CAIRN_ACTIVATION_tanh: return cairn_tanh(x);
    case CAIRN_ACTIVATION_sigmoid: return cairn_sigmoid(x);
    case CAIRN_ACTIVATION_gelu: return gelu(x, k);
    case CAIRN_ACTIVATION_gelu_tanh: return cairn_gelu_tanh(x);
    case CAIRN_ACTIVATION_swish:
        return cairn_mul(x, cairn_sigmoid(k == 1 ? x : cairn_scale(x, k)));
    case CAIRN_ACTIVATION_mish: return cairn_mul(x, cairn_tanh(cairn_softplus(x)));
    case CAIRN_ACTIVATION_softmax: return cairn_softmax(x, -1);
    }
    return x;
}

cairn_tensor cairn_softmax(cairn_tensor x, int axis)
{
    axis = cairn__axis(x, axis, "softmax");
    if (axis < 0)
        return x;
    cairn_tensor most = cairn_stop_gradient(cairn_reduce_max(x, CAIRN_AXIS(axis), true));
    cairn_tensor e = cairn_exp(cairn_sub(x, most));
    return cairn_div(e, cairn_reduce_sum(e, CAIRN_AXIS(axis), true));
}

cairn_tensor cairn_log_softmax(cairn_tensor x, int axis)
{
    axis = cairn__axis(x, axis, "log_softmax");
    return axis < 0 ? x : cairn_sub(x, cairn_reduce_logsumexp(x, CAIRN_AXIS(axis), true));
}
