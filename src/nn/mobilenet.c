/* MobileNetV3: Howard et al. 2019, tables 1 and 2. arXiv:1905.02244 */
#include <stdio.h>

#include "nn/nn.h"

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

/* ---- layers ---------------------------------------------------------------------------------- */

static cairn_tensor bend(cairn_tensor x, bool hard_swish)
{
    return hard_swish ? cairn_hard_swish(x) : cairn_relu(x);
}

static cairn_tensor conv_norm(cairn_tensor x, const char *name, int64_t channels, int64_t size,
                              int64_t stride, bool depthwise, const cairn_mobilenet_options *o)
{
    return cairn__conv_norm(x, name, channels, size, stride, depthwise ? channels : 1, &o->norm);
}

static cairn_tensor block(cairn_tensor x, const bottleneck *b, const cairn_mobilenet_options *o)
{
    const int64_t inputs = cairn_tensor_shape(x).size[3];
    const int64_t expanded = cairn__rounded_channels(b->expanded * o->width);
    const int64_t channels = cairn__rounded_channels(b->channels * o->width);
    cairn_tensor y = x;
    if (expanded != inputs)
        y = bend(conv_norm(y, "expand", expanded, 1, 1, false, o), b->hard_swish);
    y = bend(conv_norm(y, "depthwise", expanded, b->size, b->stride, true, o), b->hard_swish);
    if (b->squeeze && !cairn__none(y))
        y = cairn__excite(y, cairn__rounded_channels((double)expanded / 4), CAIRN_ACTIVATION_relu,
                          cairn_hard_sigmoid);
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
    x = cairn_hard_swish(
        conv_norm(x, "stem", cairn__rounded_channels(16 * o->width), 3, 2, false, o));
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
    x = cairn__spatial_mean(x);
    x = cairn_hard_swish(cairn_linear(x, kinds[o->size].hidden, "hidden"));
    return cairn_linear(o->norm.training ? cairn_dropout(x, o->dropout) : x, o->classes, "head");
}
