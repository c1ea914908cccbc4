/* MobileNetV3: Howard et al. 2019, tables 1 and 2. arXiv:1905.02244 */
#include <stdio.h>

#include "cairn/nn.h"
#include "graph/graph.h"

enum { MOST_BLOCKS = 15 };

typedef struct bottleneck {
    int size, expanded, channels; /* of the window; channels inside and of the result */
    bool squeeze, hard_swish;     /* squeeze and excite; hard swish instead of ReLU */
    int stride;
} bottleneck;

static const struct {
    bottleneck blocks[MOST_BLOCKS];
    int n, hidden; /* blocks; units before the classes */
} kinds[] = {
    [CAIRN_MOBILENET_SMALL] = {{{3, 16, 16, true, false, 2},
                                {3, 72, 24, false, false, 2},
                                {3, 88, 24, false, false, 1},
                                {5, 96, 40, true, true, 2},
                                {5, 240, 40, true, true, 1},
                                {5, 240, 40, true, true, 1},
                                {5, 120, 48, true, true, 1},
                                {5, 144, 48, true, true, 1},
                                {5, 288, 96, true, true, 2},
                                {5, 576, 96, true, true, 1},
                                {5, 576, 96, true, true, 1}},
                               11,
                               1024},
    [CAIRN_MOBILENET_LARGE] = {{{3, 16, 16, false, false, 1},
                                {3, 64, 24, false, false, 2},
                                {3, 72, 24, false, false, 1},
                                {5, 72, 40, true, false, 2},
                                {5, 120, 40, true, false, 1},
                                {5, 120, 40, true, false, 1},
                                {3, 240, 80, false, true, 2},
                                {3, 200, 80, false, true, 1},
                                {3, 184, 80, false, true, 1},
                                {3, 184, 80, false, true, 1},
                                {3, 480, 112, true, true, 1},
                                {3, 672, 112, true, true, 1},
                                {5, 672, 160, true, true, 2},
                                {5, 960, 160, true, true, 1},
                                {5, 960, 160, true, true, 1}},
                               15,
                               1280},
};

const char *const cairn_mobilenet_names[] = {"small", "large", NULL};

cairn_mobilenet_options cairn_mobilenet_defaults(cairn_mobilenet_size size, int64_t classes)
{
    cairn_mobilenet_options o = {.size = size, .classes = classes, .width = 1, .dropout = 0.2};
    o.norm = cairn_batch_norm_defaults();
    o.norm.epsilon = 1e-3;
    o.norm.momentum = 0.01;
    return o;
}

/* The multiple of 8 nearest to `channels`, and not below nine tenths of it. */
static int64_t rounded(double channels)
{
    int64_t n = (int64_t)(channels + 4) / 8 * 8;
    n = CAIRN__MAX(n, (int64_t)8);
    return (double)n < 0.9 * channels ? n + 8 : n;
}

/* ---- layers ---------------------------------------------------------------------------------- */

static cairn_tensor bend(cairn_tensor x, bool hard_swish)
{
    return hard_swish ? cairn_hard_swish(x) : cairn_relu(x);
}

static cairn_tensor conv_norm(cairn_tensor x, const char *name, int64_t channels, int64_t size,
                              int64_t stride, bool depthwise, const cairn_mobilenet_options *o)
{
    cairn_conv_layer_options conv = cairn_conv_layer_defaults(channels, size);
    conv.conv.stride[0] = conv.conv.stride[1] = stride;
    conv.conv.groups = depthwise ? channels : 1;
    cairn_scope_push(x.graph, name);
    x = cairn_batch_norm_layer(cairn_conv_layer(x, "conv", &conv), "norm", &o->norm);
    cairn_scope_pop(x.graph);
    return x;
}

/* Channels times a share that two small layers find from the means of all. Hu et al. 2018.
 * arXiv:1709.01507 */
static cairn_tensor excite(cairn_tensor x)
{
    const cairn_shape s = cairn_tensor_shape(x);
    const int64_t C = s.size[3];
    cairn_tensor y = cairn_reduce_mean(x, CAIRN_AXIS(1) | CAIRN_AXIS(2), false);
    y = cairn_relu(cairn_linear(y, rounded((double)C / 4), "squeeze"));
    y = cairn_hard_sigmoid(cairn_linear(y, C, "excite"));
    return cairn_mul(x, cairn_reshape(y, CAIRN_SHAPE(s.size[0], 1, 1, C)));
}

static cairn_tensor block(cairn_tensor x, const bottleneck *b, const cairn_mobilenet_options *o)
{
    const int64_t inputs = cairn_tensor_shape(x).size[3];
    const int64_t expanded = rounded(b->expanded * o->width);
    const int64_t channels = rounded(b->channels * o->width);
    cairn_tensor y = x;
    if (expanded != inputs)
        y = bend(conv_norm(y, "expand", expanded, 1, 1, false, o), b->hard_swish);
    y = bend(conv_norm(y, "depthwise", expanded, b->size, b->stride, true, o), b->hard_swish);
    if (b->squeeze && !cairn__none(y))
        y = excite(y);
    y = conv_norm(y, "project", channels, 1, 1, false, o);
    return b->stride == 1 && inputs == channels ? cairn_add(y, x) : y;
}

/* ---- the model ------------------------------------------------------------------------------- */

static bool valid(cairn_tensor x, const cairn_mobilenet_options *o)
{
    char text[CAIRN_SHAPE_TEXT];
    if (cairn__none(x))
        return false;
    return (cairn_tensor_shape(x).rank == 4 && o->classes > 0 && o->width > 0) ||
           cairn__graph_fail(x.graph, CAIRN_ERR_VALUE,
                             "mobilenet: input %s, %lld classes, width %g; expected [N, H, W, C] "
                             "and positive numbers",
                             cairn_shape_text(cairn_tensor_shape(x), text), (long long)o->classes,
                             o->width);
}

cairn_tensor cairn_mobilenet(cairn_tensor x, const cairn_mobilenet_options *o)
{
    char name[24];
    if (!valid(x, o))
        return x;
    x = cairn_hard_swish(conv_norm(x, "stem", rounded(16 * o->width), 3, 2, false, o));
    for (int i = 0; i < kinds[o->size].n && !cairn__none(x); i++) {
        snprintf(name, sizeof name, "block%d", i + 1);
        cairn_scope_push(x.graph, name);
        x = block(x, &kinds[o->size].blocks[i], o);
        cairn_scope_pop(x.graph);
    }
    if (cairn__none(x))
        return x;
    const int64_t last = 6 * cairn_tensor_shape(x).size[3];
    x = cairn_hard_swish(conv_norm(x, "last", last, 1, 1, false, o));
    x = cairn_reduce_mean(x, CAIRN_AXIS(1) | CAIRN_AXIS(2), false);
    x = cairn_hard_swish(cairn_linear(x, kinds[o->size].hidden, "hidden"));
    return cairn_linear(o->norm.training ? cairn_dropout(x, o->dropout) : x, o->classes, "head");
}
