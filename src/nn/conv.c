/* Convolution layers. */
#include <math.h>

#include "cairn/nn.h"
#include "graph/graph.h"

cairn_conv_layer_options cairn_conv_layer_defaults(int64_t channels, int64_t size)
{
    cairn_conv_layer_options o = {.channels = channels, .conv = cairn_conv_defaults()};
    for (int i = 0; i < 3; i++) {
        o.size[i] = size;
        o.conv.low[i] = (size - 1) / 2;
        o.conv.high[i] = size - 1 - o.conv.low[i];
    }
    return o;
}

cairn_tensor cairn_conv_layer(cairn_tensor x, const char *name,
                              const cairn_conv_layer_options *options)
{
    const cairn_conv_layer_options *o = options;
    cairn_shape shape = cairn_tensor_shape(x), weight = {.rank = shape.rank};
    const int axes = shape.rank - 2;
    char text[CAIRN_SHAPE_TEXT];
    if (cairn__none(x))
        return x;
    if (axes < 1 || axes > 3 || o->conv.groups < 1 || o->channels < 1) {
        cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE,
                          "convolution '%s': input %s, %lld channels, %lld groups; expected [N, 1 "
                          "to 3 sizes, C] and at least 1 of both",
                          name, cairn_shape_text(shape, text), (long long)o->channels,
                          (long long)o->conv.groups);
        return x;
    }
    double fan_in = (double)shape.size[shape.rank - 1] / (double)o->conv.groups;
    for (int i = 0; i < axes; i++) {
        weight.size[i] = o->size[i];
        fan_in *= (double)o->size[i];
    }
    weight.size[axes] = shape.size[axes + 1] / o->conv.groups;
    weight.size[axes + 1] = o->channels;
    cairn_scope_push(x.graph, name);
    /* He et al. 2015, equation 10. arXiv:1502.01852 */
    cairn_init init = {CAIRN_INIT_NORMAL, sqrt(2 / CAIRN__MAX(fan_in, 1))};
    cairn_tensor y = cairn_conv(x, cairn_parameter(x.graph, "weight", weight, init), &o->conv);
    if (o->bias)
        y = cairn_add(y, cairn_parameter(x.graph, "bias", CAIRN_SHAPE(o->channels), CAIRN_ZEROS));
    cairn_scope_pop(x.graph);
    return y;
}
