/* Noise for training: dropout of elements and of whole branches. */
#include "nn/nn.h"

/* x times 1/keep with probability keep, else 0; one draw for each element of `shape`. */
static cairn_tensor thinned(cairn_tensor x, double rate, cairn_shape shape, const char *what)
{
    if (cairn__none(x) || rate == 0)
        return x;
    if (!(rate > 0 && rate < 1)) {
        cairn__graph_fail(x.graph, CAIRN_ERR_VALUE, "%s: rate %g, expected 0 <= rate < 1", what,
                          rate);
        return x;
    }
    cairn_tensor keep = cairn_fill(x.graph, CAIRN_F32, shape, 1 - rate);
    return cairn_mul(x, cairn_scale(cairn_random_bernoulli(keep), 1 / (1 - rate)));
}

cairn_tensor cairn_dropout(cairn_tensor x, double rate)
{
    return thinned(x, rate, cairn_tensor_shape(x), "dropout");
}

cairn_tensor cairn_stochastic_depth(cairn_tensor x, double rate)
{
    cairn_shape shape = cairn_tensor_shape(x);
    for (int i = 1; i < shape.rank; i++)
        shape.size[i] = 1;
    return thinned(x, rate, shape, "stochastic depth");
}
