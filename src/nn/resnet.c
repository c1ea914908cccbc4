/* Residual networks: He et al. 2016, arXiv:1512.03385; of videos: Tran et al. 2018,
 * arXiv:1711.11248, section 3.2 (R3D). The bottleneck's stride is in its 3 x 3
 * convolution, as in most implementations, and not in the first 1 x 1. */
#include <math.h>
#include <stdio.h>

#include "nn/nn.h"

cairn_resnet_options cairn_resnet_defaults(int layers, int64_t classes)
{
    return (cairn_resnet_options){
        .layers = layers, .classes = classes, .width = 1, .norm = cairn_batch_norm_defaults()};
}

/* Blocks of each of the four stages. */
static const struct {
    int layers, blocks[4];
    bool bottleneck;
} kinds[] = {
    {18, {2, 2, 2, 2}, false},
    {34, {3, 4, 6, 3}, false},
    {50, {3, 4, 6, 3}, true},
};

static cairn_tensor conv_norm(cairn_tensor x, const char *name, int64_t channels, int64_t size,
                              int64_t stride, const cairn_resnet_options *o)
{
    return cairn__conv_norm(x, name, channels, size, stride, 1, &o->norm);
}

/* x + F(x), F two convolutions of size 3, or of 1, 3 and 1 with four times the channels at the
 * end; where shapes differ, x passes a convolution of size 1. */
static cairn_tensor block(cairn_tensor x, int64_t channels, int64_t stride, bool bottleneck,
                          const cairn_resnet_options *o)
{
    const int64_t out = bottleneck ? 4 * channels : channels;
    cairn_tensor y = x;
    if (bottleneck) {
        y = cairn_relu(conv_norm(y, "reduce", channels, 1, 1, o));
        y = cairn_relu(conv_norm(y, "middle", channels, 3, stride, o));
        y = conv_norm(y, "expand", out, 1, 1, o);
    } else {
        y = cairn_relu(conv_norm(y, "first", channels, 3, stride, o));
        y = conv_norm(y, "second", out, 3, 1, o);
    }
    const cairn_shape s = cairn_tensor_shape(x);
    if (stride != 1 || s.size[s.rank - 1] != out)
        x = conv_norm(x, "shortcut", out, 1, stride, o);
    return cairn_relu(cairn_add(y, x));
}

/* Of videos: three frames by 7 x 7, and no pooling. */
static cairn_tensor video_stem(cairn_tensor x, int64_t channels, const cairn_resnet_options *o)
{
    cairn_conv_layer_options conv = cairn_conv_layer_defaults(channels, 7);
    conv.size[0] = 3;
    conv.conv.low[0] = conv.conv.high[0] = 1;
    conv.conv.stride[1] = conv.conv.stride[2] = 2;
    return cairn_relu(cairn__conv_norm_of(x, "stem", &conv, &o->norm));
}

static cairn_tensor stem(cairn_tensor x, int64_t channels, const cairn_resnet_options *o)
{
    if (o->imagenet_stem && cairn_tensor_shape(x).rank == 5)
        return video_stem(x, channels, o);
    if (!o->imagenet_stem)
        return cairn_relu(conv_norm(x, "stem", channels, 3, 1, o));
    cairn_conv_options pool = cairn_conv_defaults();
    pool.stride[0] = pool.stride[1] = 2;
    pool.low[0] = pool.low[1] = pool.high[0] = pool.high[1] = 1;
    x = cairn_relu(conv_norm(x, "stem", channels, 7, 2, o));
    return cairn_max_pool(x, CAIRN_SHAPE(3, 3), &pool);
}

cairn_tensor cairn_resnet(cairn_tensor x, const cairn_resnet_options *o)
{
    size_t kind = 0;
    cairn_shape shape = cairn_tensor_shape(x);
    const int64_t first = (int64_t)llround(64 * o->width);
    char text[CAIRN_SHAPE_TEXT];
    if (cairn__none(x))
        return x;
    while (kind < CAIRN__COUNT(kinds) && kinds[kind].layers != o->layers)
        kind++;
    if (kind == CAIRN__COUNT(kinds) || first < 1 || o->classes < 1 ||
        (shape.rank != 4 && shape.rank != 5)) {
        cairn__graph_fail(
            x.graph, CAIRN_ERR_VALUE,
            "resnet: %d layers, %lld channels, %lld classes, input %s; expected 18, "
            "34 or 50 layers, at least 1 of both, and [N, H, W, C] or [N, T, H, W, C]",
            o->layers, (long long)first, (long long)o->classes, cairn_shape_text(shape, text));
        return x;
    }
    x = stem(x, first, o);
    for (int stage = 0; stage < 4; stage++)
        for (int i = 0; i < kinds[kind].blocks[stage] && !cairn__none(x); i++) {
            char name[48];
            snprintf(name, sizeof name, "stage%d_block%d", stage + 1, i + 1);
            cairn_scope_push(x.graph, name);
            x = block(x, first << stage, stage > 0 && i == 0 ? 2 : 1, kinds[kind].bottleneck, o);
            cairn_scope_pop(x.graph);
        }
    x = cairn__spatial_mean(x);
    return cairn_linear(x, o->classes, "head");
}
