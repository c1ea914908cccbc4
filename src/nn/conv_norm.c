/* What convolutional networks are made of. */
#include "nn/nn.h"

cairn_tensor cairn__conv_norm_of(cairn_tensor x, const char *name,
                                 const cairn_conv_layer_options *conv,
                                 const cairn_batch_norm_options *norm)
{
    cairn_scope_push(x.graph, name);
    x = cairn_batch_norm_layer(cairn_conv_layer(x, "conv", conv), "norm", norm);
    cairn_scope_pop(x.graph);
    return x;
}

cairn_tensor cairn__conv_norm(cairn_tensor x, const char *name, int64_t channels, int64_t size,
                              int64_t stride, int64_t groups, const cairn_batch_norm_options *norm)
{
    cairn_conv_layer_options conv = cairn_conv_layer_defaults(channels, size);
    for (int i = 0; i < 3; i++)
        conv.conv.stride[i] = stride;
    conv.conv.groups = groups;
    return cairn__conv_norm_of(x, name, &conv, norm);
}

cairn_tensor cairn__spatial_mean(cairn_tensor x)
{
    unsigned axes = 0;
    for (int i = 1; i < cairn_tensor_shape(x).rank - 1; i++)
        axes |= CAIRN_AXIS(i);
    return cairn_reduce_mean(x, axes, false);
}

cairn_tensor cairn__excite(cairn_tensor x, int64_t units, cairn_activation_kind bend,
                           cairn_tensor (*gate)(cairn_tensor))
{
    cairn_shape s = cairn_tensor_shape(x);
    if (cairn__none(x))
        return x;
    cairn_tensor y = cairn_linear(cairn__spatial_mean(x), units, "squeeze");
    y = cairn_activate(y, (cairn_activation){bend, 0});
    y = gate(cairn_linear(y, s.size[s.rank - 1], "excite"));
    for (int i = 1; i < s.rank - 1; i++)
        s.size[i] = 1;
    return cairn_mul(x, cairn_reshape(y, s));
}

int64_t cairn__rounded_channels(double channels)
{
    int64_t n = (int64_t)(channels + 4) / 8 * 8;
    n = CAIRN__MAX(n, (int64_t)8);
    return (double)n < 0.9 * channels ? n + 8 : n;
}
