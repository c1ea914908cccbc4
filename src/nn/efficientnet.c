/* EfficientNetV2-S: Tan and Le 2021, arXiv:2104.00298. Blocks of inverted bottlenecks; in the first
 * stages one dense convolution stands for the expansion and the depthwise one ("fused"). */
#include <math.h>
#include <stdio.h>

#include "nn/nn.h"

/* Table 4. All windows are 3 x 3; `fused` blocks have no squeeze and excite. */
static const struct {
    int expansion, channels, blocks, stride;
    bool fused;
} stages[] = {
    {1, 24, 2, 1, true},   {4, 48, 4, 2, true},   {4, 64, 4, 2, true},
    {4, 128, 6, 2, false}, {6, 160, 9, 1, false}, {6, 256, 15, 2, false},
};

enum { STEM = 24, LAST = 1280, SQUEEZED = 4 };

cairn_efficientnet_options cairn_efficientnet_defaults(int64_t classes)
{
    cairn_efficientnet_options o = {
        .classes = classes, .width = 1, .depth = 1, .dropout = 0.2, .stochastic_depth = 0.2};
    o.norm = cairn_batch_norm_defaults();
    o.norm.epsilon = 1e-3;
    return o;
}

static cairn_tensor silu(cairn_tensor x)
{
    return cairn_activate(x, (cairn_activation){CAIRN_ACTIVATION_swish, 0});
}

static int blocks_of(int stage, const cairn_efficientnet_options *o)
{
    return (int)ceil(stages[stage].blocks * o->depth);
}

/* rate: of dropping the whole branch, in training. */
static cairn_tensor block(cairn_tensor x, int stage, int64_t stride, double rate,
                          const cairn_efficientnet_options *o)
{
    const int64_t inputs = cairn_tensor_shape(x).size[3];
    const int64_t channels = cairn__rounded_channels(stages[stage].channels * o->width);
    const int64_t expanded = cairn__rounded_channels((double)(stages[stage].expansion * inputs));
    cairn_tensor y = x;
    if (stages[stage].fused && expanded == inputs) {
        y = silu(cairn__conv_norm(y, "fused", channels, 3, stride, 1, &o->norm));
    } else if (stages[stage].fused) {
        y = silu(cairn__conv_norm(y, "fused", expanded, 3, stride, 1, &o->norm));
        y = cairn__conv_norm(y, "project", channels, 1, 1, 1, &o->norm);
    } else {
        y = silu(cairn__conv_norm(y, "expand", expanded, 1, 1, 1, &o->norm));
        y = silu(cairn__conv_norm(y, "depthwise", expanded, 3, stride, expanded, &o->norm));
        y = cairn__excite(y, CAIRN__MAX(inputs / SQUEEZED, (int64_t)1), CAIRN_ACTIVATION_swish,
                          cairn_sigmoid);
        y = cairn__conv_norm(y, "project", channels, 1, 1, 1, &o->norm);
    }
    if (stride != 1 || inputs != channels)
        return y;
    return cairn_add(o->norm.training ? cairn_stochastic_depth(y, rate) : y, x);
}

static bool valid(cairn_tensor x, const cairn_efficientnet_options *o)
{
    char text[CAIRN_SHAPE_TEXT];
    const bool numbers = o->classes > 0 && o->width > 0 && o->depth > 0 && o->depth <= 100;
    if (cairn__none(x))
        return false;
    return (cairn_tensor_shape(x).rank == 4 && numbers) ||
           cairn__graph_fail(x.graph, CAIRN_ERR_VALUE,
                             "efficientnet: input %s, %lld classes, width %g, depth %g; expected "
                             "[N, H, W, C], positive numbers, and a depth of at most 100",
                             cairn_shape_text(cairn_tensor_shape(x), text), (long long)o->classes,
                             o->width, o->depth);
}

cairn_tensor cairn_efficientnet(cairn_tensor x, const cairn_efficientnet_options *o)
{
    enum { STAGES = CAIRN__COUNT(stages) };
    int all = 0, done = 0;
    if (!valid(x, o))
        return x;
    for (int stage = 0; stage < STAGES; stage++)
        all += blocks_of(stage, o);
    x = silu(
        cairn__conv_norm(x, "stem", cairn__rounded_channels(STEM * o->width), 3, 2, 1, &o->norm));
    for (int stage = 0; stage < STAGES; stage++)
        for (int i = 0; i < blocks_of(stage, o) && !cairn__none(x); i++, done++) {
            char name[48];
            snprintf(name, sizeof name, "stage%d_block%d", stage + 1, i + 1);
            cairn_scope_push(x.graph, name);
            x = block(x, stage, i ? 1 : stages[stage].stride, o->stochastic_depth * done / all, o);
            cairn_scope_pop(x.graph);
        }
    if (cairn__none(x))
        return x;
    const int64_t last = cairn__rounded_channels(LAST * o->width);
    x = cairn__spatial_mean(silu(cairn__conv_norm(x, "last", last, 1, 1, 1, &o->norm)));
    return cairn_linear(o->norm.training ? cairn_dropout(x, o->dropout) : x, o->classes, "head");
}
