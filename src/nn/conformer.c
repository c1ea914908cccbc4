/* The Conformer's encoder: Gulati et al. 2020. arXiv:2005.08100 */
#include <math.h>
#include <stdio.h>

#include "nn/nn.h"

const char *const cairn_conformer_positions_names[] = {
#define CAIRN_X(name, text) #name,
    CAIRN_CONFORMER_POSITIONS(CAIRN_X)
#undef CAIRN_X
        NULL,
};

static const cairn_init glorot = {CAIRN_INIT_GLOROT_UNIFORM, 1};

cairn_conformer_options cairn_conformer_defaults(int layers, int64_t width, int64_t heads)
{
    return (cairn_conformer_options){.layers = layers,
                                     .width = width,
                                     .hidden = 4 * width,
                                     .heads = heads,
                                     .window = 31,
                                     .positions = CAIRN_CONFORMER_relative,
                                     .rotary_base = 10000,
                                     .epsilon = 1e-5,
                                     .norm = cairn_batch_norm_defaults()};
}

static cairn_tensor swish(cairn_tensor x)
{
    return cairn_activate(x, (cairn_activation){CAIRN_ACTIVATION_swish, 0});
}

static cairn_tensor feed_forward(cairn_tensor x, const char *name, const cairn_conformer_options *o)
{
    cairn_scope_push(x.graph, name);
    cairn_tensor y = cairn_layer_norm(x, "norm", o->epsilon, true);
    y = swish(cairn__project(y, o->hidden, "hidden", true, glorot));
    y = cairn__project(cairn_dropout(y, o->dropout), o->width, "output", true, glorot);
    cairn_scope_pop(x.graph);
    return cairn_add(x, cairn_scale(cairn_dropout(y, o->dropout), 0.5));
}

/* ---- attention ------------------------------------------------------------------------------- */

/* -inf for keys that are none: [B, 1, 1, T]. */
static cairn_tensor mask(const cairn_conformer_options *o)
{
    const cairn_shape s = cairn_tensor_shape(o->valid);
    cairn_tensor hidden = cairn_scalar(o->valid.graph, -INFINITY);
    cairn_tensor m = cairn_select(o->valid, cairn_scalar(o->valid.graph, 0), hidden);
    return cairn_reshape(m, CAIRN_SHAPE(s.size[0], 1, 1, s.size[1]));
}

/* sin and, behind them, cos of the distances T-1 .. -(T-1) times 10000^(-2 d / width): [2T-1,
 * width]. */
static cairn_tensor sinusoids(cairn_graph *g, int64_t T, int64_t width)
{
    const int64_t half = width / 2, n = 2 * T - 1;
    cairn_tensor d = cairn_iota(g, CAIRN_F32, CAIRN_SHAPE(1, half), 1);
    cairn_tensor distance = cairn_iota(g, CAIRN_F32, CAIRN_SHAPE(n, 1), 0);
    distance = cairn_sub(cairn_scalar(g, (double)(T - 1)), distance);
    cairn_tensor angle = cairn_mul(
        distance, cairn_exp(cairn_scale(d, -2 * log(10000.0) / (double)CAIRN__MAX(width, 1))));
    return cairn_concat((cairn_tensor[]){cairn_sin(angle), cairn_cos(angle)}, 2, 1);
}

/* Row i of [.., T, 2T-1] begins at entry T-1-i: [.., T, T]. A column put before all rows moves each
 * by one more than the row above. */
static cairn_tensor shifted(cairn_tensor x)
{
    const cairn_shape s = cairn_tensor_shape(x);
    const int64_t B = s.size[0], H = s.size[1], T = s.size[2];
    x = cairn_reshape(cairn_pad(x, 3, 1, 0, 0), CAIRN_SHAPE(B, H, 2 * T, T));
    x = cairn_reshape(cairn_slice(x, 2, 1, 2 * T - 1, 1), CAIRN_SHAPE(B, H, T, 2 * T - 1));
    return cairn_slice(x, 3, 0, T, 1);
}

/* The scores of distances (q + v) r / sqrt(D), [B, H, T, T]. q: [B, T, H, D]. */
static cairn_tensor distance_scores(cairn_tensor q, const cairn_conformer_options *o)
{
    const cairn_shape s = cairn_tensor_shape(q);
    const int64_t T = s.size[1], H = s.size[2], D = s.size[3];
    cairn_tensor r = sinusoids(q.graph, T, o->width);
    r = cairn__project(r, o->width, "position", false, glorot);
    r = cairn_reshape(r, CAIRN_SHAPE(2 * T - 1, H, D));
    r = cairn_transpose(r, (int[]){1, 2, 0}); /* [H, D, 2T-1] */
    q = cairn_transpose(q, (int[]){0, 2, 1, 3});
    return shifted(cairn_scale(cairn_matmul(q, r), 1 / sqrt((double)D)));
}

static cairn_tensor relative(cairn_tensor x, const cairn_conformer_options *o)
{
    const cairn_shape s = cairn_tensor_shape(x);
    const int64_t H = o->heads, D = o->width / H;
    const cairn_shape heads = CAIRN_SHAPE(H, D);
    cairn_scope_push(x.graph, "attention");
    cairn_tensor qkv = cairn__project(x, 3 * o->width, "qkv", true, glorot);
    qkv = cairn_reshape(qkv, CAIRN_SHAPE(s.size[0], s.size[1], 3 * H, D));
    cairn_tensor q = cairn_slice(qkv, 2, 0, H, 1);
    cairn_tensor u = cairn_parameter(x.graph, "content_bias", heads, CAIRN_ZEROS);
    cairn_tensor v = cairn_parameter(x.graph, "position_bias", heads, CAIRN_ZEROS);
    cairn_attention_options attention = cairn_attention_defaults();
    if (!cairn__none(v))
        attention.bias = distance_scores(cairn_add(q, v), o);
    if (o->valid.graph)
        attention.bias = cairn_add(attention.bias, mask(o));
    cairn_tensor y = cairn_attention(cairn_add(q, u), cairn_slice(qkv, 2, H, H, 1),
                                     cairn_slice(qkv, 2, 2 * H, H, 1), &attention);
    y = cairn__project(cairn_reshape(y, s), o->width, "output", true, glorot);
    cairn_scope_pop(x.graph);
    return y;
}

static cairn_tensor attend(cairn_tensor x, const cairn_conformer_options *o)
{
    cairn_tensor y = cairn_layer_norm(x, "attention_norm", o->epsilon, true);
    if (o->positions == CAIRN_CONFORMER_relative) {
        y = relative(y, o);
    } else {
        cairn_multihead_options attention = cairn_multihead_defaults(o->heads);
        if (o->positions == CAIRN_CONFORMER_rotary)
            attention.rotary_base = o->rotary_base;
        if (o->valid.graph)
            attention.mask = mask(o);
        y = cairn_multihead_attention(y, NULL, "attention", &attention);
    }
    return cairn_add(x, cairn_dropout(y, o->dropout));
}

/* ---- convolution ----------------------------------------------------------------------------- */

/* Gated by the second half: Dauphin et al. 2017. arXiv:1612.08083 */
static cairn_tensor gated(cairn_tensor x, int64_t width)
{
    return cairn_mul(cairn_slice(x, -1, 0, width, 1),
                     cairn_sigmoid(cairn_slice(x, -1, width, width, 1)));
}

static cairn_tensor convolve(cairn_tensor x, const cairn_conformer_options *o)
{
    cairn_conv_layer_options conv = cairn_conv_layer_defaults(o->width, o->window);
    conv.conv.groups = o->width;
    conv.bias = true;
    cairn_tensor y = cairn_layer_norm(x, "conv_norm", o->epsilon, true);
    cairn_scope_push(x.graph, "conv");
    y = gated(cairn__project(y, 2 * o->width, "expand", true, glorot), o->width);
    if (o->valid.graph)
        y = cairn_select(cairn_unsqueeze(o->valid, 2), y, cairn_scalar(x.graph, 0));
    y = cairn_conv_layer(y, "depthwise", &conv);
    y = o->layer_norm ? cairn_layer_norm(y, "norm", o->epsilon, true)
                      : cairn_batch_norm_layer(y, "norm", &o->norm);
    y = cairn__project(swish(y), o->width, "project", true, glorot);
    cairn_scope_pop(x.graph);
    return cairn_add(x, cairn_dropout(y, o->dropout));
}

/* ---- the encoder ----------------------------------------------------------------------------- */

static bool valid(cairn_tensor x, const cairn_conformer_options *o)
{
    char text[CAIRN_SHAPE_TEXT];
    const cairn_shape s = cairn_tensor_shape(x);
    if (cairn__none(x))
        return false;
    if (s.rank != 3 || s.size[2] != o->width)
        return cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE,
                                 "conformer: input %s, expected [B, T, %lld]",
                                 cairn_shape_text(s, text), (long long)o->width);
    if (o->heads < 1 || o->width % o->heads != 0 || o->width % 2 != 0 || o->hidden < 1 ||
        o->window < 1 || o->window % 2 == 0 ||
        (unsigned)o->positions >= CAIRN_N_CONFORMER_POSITIONS)
        return cairn__graph_fail(x.graph, CAIRN_ERR_VALUE,
                                 "conformer: width %lld, %lld heads, %lld hidden units, window "
                                 "%lld; expected an even width that the heads divide, hidden "
                                 "units, and an odd window",
                                 (long long)o->width, (long long)o->heads, (long long)o->hidden,
                                 (long long)o->window);
    const cairn_shape tokens = CAIRN_SHAPE(s.size[0], s.size[1]);
    return !o->valid.graph ||
           (cairn_tensor_dtype(o->valid) == CAIRN_BOOL &&
            cairn_shape_equal(cairn_tensor_shape(o->valid), tokens)) ||
           cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE,
                             "conformer: valid is %s %s, expected bool, the first two axes of x",
                             cairn_dtype_name(cairn_tensor_dtype(o->valid)),
                             cairn_shape_text(cairn_tensor_shape(o->valid), text));
}

cairn_tensor cairn_conformer(cairn_tensor x, const cairn_conformer_options *o)
{
    char name[32];
    if (!valid(x, o))
        return x;
    for (int i = 0; i < o->layers && !cairn__none(x); i++) {
        snprintf(name, sizeof name, "block%d", i + 1);
        cairn_scope_push(x.graph, name);
        x = attend(feed_forward(x, "feed1", o), o);
        x = feed_forward(convolve(x, o), "feed2", o);
        x = cairn_layer_norm(x, "norm", o->epsilon, true);
        cairn_scope_pop(x.graph);
    }
    return x;
}
