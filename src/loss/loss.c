/* Objectives. */
#include "cairn/loss.h"

#include "graph/graph.h"

static cairn_tensor sum_last(cairn_tensor x)
{
    int rank = cairn_tensor_shape(x).rank;
    return rank ? cairn_reduce_sum(x, CAIRN_AXIS(rank - 1), false) : x;
}

static cairn_tensor logsumexp_last(cairn_tensor x)
{
    int rank = cairn_tensor_shape(x).rank;
    return rank ? cairn_reduce_logsumexp(x, CAIRN_AXIS(rank - 1), false) : x;
}

cairn_tensor cairn_binary_cross_entropy(cairn_tensor logits, cairn_tensor targets)
{
    return sum_last(cairn_sub(cairn_softplus(logits), cairn_mul(logits, targets)));
}

cairn_tensor cairn_soft_cross_entropy(cairn_tensor logits, cairn_tensor targets)
{
    return cairn_sub(logsumexp_last(logits), sum_last(cairn_mul(logits, targets)));
}

cairn_tensor cairn_cross_entropy(cairn_tensor logits, cairn_tensor labels)
{
    return cairn_softmax_cross_entropy(logits, labels, 0, 0);
}

cairn_tensor cairn_squared_error(cairn_tensor y, cairn_tensor targets)
{
    return sum_last(cairn_square(cairn_sub(y, targets)));
}

cairn_tensor cairn_correct(cairn_tensor logits, cairn_tensor labels)
{
    return cairn_cast(cairn_equal(cairn_argmax(logits, -1), labels), CAIRN_F32);
}
