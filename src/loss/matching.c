/* Matching losses: for each monotone activation f the convex F with F' = f.
 * Source: Amid, Anil, Warmuth 2022, section 3 and table 1. arXiv:2106.06199 */
#include "cairn/loss.h"

#include "graph/graph.h"

static cairn_tensor number(cairn_tensor like, double value)
{
    return cairn_scalar(like.graph, value);
}

static cairn_tensor half_square(cairn_tensor x)
{
    return cairn_scale(cairn_square(x), 0.5);
}

/* |z| + log(1 + exp(-2|z|)) - log 2: log cosh without overflow. */
static cairn_tensor log_cosh(cairn_tensor z)
{
    cairn_tensor a = cairn_abs(z);
    cairn_tensor tail = cairn_log1p(cairn_exp(cairn_scale(a, -2)));
    return cairn_add_scalar(cairn_add(a, tail), -0.69314718055994530942);
}

/* 0 below -k, (z + k)^3 / (12 k) between, z^2 / 2 + k^2 / 6 above. */
static cairn_tensor smelu_potential(cairn_tensor z, double k)
{
    cairn_tensor shifted = cairn_add_scalar(z, k);
    cairn_tensor middle =
        cairn_scale(cairn_mul(shifted, cairn_square(shifted)), 1 / (12 * k));
    cairn_tensor above = cairn_add_scalar(half_square(z), k * k / 6);
    cairn_tensor upper = cairn_select(cairn_greater_equal(z, number(z, k)), above, middle);
    return cairn_select(cairn_less_equal(z, number(z, -k)), number(z, 0), upper);
}

static cairn_tensor by_sign(cairn_tensor z, cairn_tensor positive, cairn_tensor negative)
{
    return cairn_select(cairn_greater(z, number(z, 0)), positive, negative);
}

bool cairn_activation_matches(cairn_activation_kind kind)
{
    switch (kind) {
    case CAIRN_ACTIVATION_linear:
    case CAIRN_ACTIVATION_relu:
    case CAIRN_ACTIVATION_leaky_relu:
    case CAIRN_ACTIVATION_squared_relu:
    case CAIRN_ACTIVATION_smelu:
    case CAIRN_ACTIVATION_elu:
    case CAIRN_ACTIVATION_tanh:
    case CAIRN_ACTIVATION_sigmoid:
    case CAIRN_ACTIVATION_softmax: return true;
    /* The integral of softplus is a dilogarithm, which no elementary function expresses. */
    case CAIRN_ACTIVATION_softplus:
    case CAIRN_ACTIVATION_gelu:
    case CAIRN_ACTIVATION_gelu_tanh:
    case CAIRN_ACTIVATION_swish:
    case CAIRN_ACTIVATION_mish:
    case CAIRN_N_ACTIVATIONS: break;
    }
    return false;
}

cairn_tensor cairn_matching_potential(cairn_tensor z, cairn_activation a)
{
    double k = a.k != 0 ? a.k : a.kind == CAIRN_ACTIVATION_leaky_relu ? 0.01 : 1;
    if (cairn__none(z))
        return z;
    switch (a.kind) {
    case CAIRN_ACTIVATION_linear: return half_square(z);
    case CAIRN_ACTIVATION_relu: return half_square(cairn_relu(z));
    case CAIRN_ACTIVATION_leaky_relu:
        return cairn_mul(half_square(z), by_sign(z, number(z, 1), number(z, k)));
    case CAIRN_ACTIVATION_squared_relu: {
        cairn_tensor r = cairn_relu(z);
        return cairn_scale(cairn_mul(r, cairn_square(r)), 1.0 / 3);
    }
    case CAIRN_ACTIVATION_smelu: return smelu_potential(z, k);
    case CAIRN_ACTIVATION_elu: {
        cairn_tensor low = cairn_minimum(z, number(z, 0));
        return by_sign(z, half_square(z), cairn_scale(cairn_sub(cairn_expm1(low), low), k));
    }
    case CAIRN_ACTIVATION_tanh: return log_cosh(z);
    case CAIRN_ACTIVATION_sigmoid: return cairn_softplus(z);
    case CAIRN_ACTIVATION_softmax:
        return cairn_reduce_logsumexp(z, CAIRN_AXIS(cairn_tensor_shape(z).rank - 1), true);
    default:
        cairn__graph_fail(z.graph, CAIRN_ERR_VALUE, "activation %s has no matching loss%s",
                          cairn_activation_names[a.kind],
                          a.kind == CAIRN_ACTIVATION_softplus ? " in closed form"
                                                              : ": it is not monotone");
        return z;
    }
}

cairn_tensor cairn_matching_loss(cairn_tensor z, cairn_tensor a, cairn_activation activation)
{
    cairn_shape shape = cairn_tensor_shape(z);
    if (cairn__none(z) || shape.rank == 0)
        return z;
    unsigned last = CAIRN_AXIS(shape.rank - 1);
    cairn_tensor y = cairn_activate(a, activation);
    cairn_tensor potential = cairn_sub(cairn_matching_potential(z, activation),
                                       cairn_matching_potential(a, activation));
    cairn_tensor linear = cairn_reduce_sum(cairn_mul(y, cairn_sub(z, a)), last, false);
    return cairn_sub(cairn_reduce_sum(potential, last, false), linear);
}
