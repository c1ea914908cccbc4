/* Convolution and its two gradients: attributes as in conv.h.
 *
 *     conv                   x, weight -> y
 *     conv_input_gradient    dy, weight -> dx
 *     conv_weight_gradient   x, dy -> dweight
 *
 * All three come from one form that is linear in each of x, weight and dy,
 *
 *     F(x, w, dy) = sum over n, o, k, c of x[n, o * stride + k * dilation - low, c] w[k, c, j]
 *                                          dy[n, o, j],
 *
 * each being its derivative for the third; so the gradients of each are the two others. */
#include <string.h>

#include "graph/conv.h"

enum { AXES = CAIRN__CONV_AXES };

/* ---- building -------------------------------------------------------------------------------- */

cairn_conv_options cairn_conv_defaults(void)
{
    return (cairn_conv_options){.stride = {1, 1, 1}, .dilation = {1, 1, 1}, .groups = 1};
}

void cairn_conv_same(cairn_conv_options *o, cairn_shape x, cairn_shape window)
{
    for (int i = 0; i < AXES && i < x.rank - 2 && i < window.rank; i++) {
        int64_t stride = CAIRN__MAX(o->stride[i], (int64_t)1), in = x.size[1 + i];
        int64_t wanted = (in + stride - 1) / stride, reach = (window.size[i] - 1) * o->dilation[i];
        int64_t pad = CAIRN__MAX((wanted - 1) * stride + reach + 1 - in, (int64_t)0);
        o->low[i] = pad / 2;
        o->high[i] = pad - pad / 2;
    }
}

int64_t cairn__conv_positions(int64_t in, int64_t k, int64_t stride, int64_t dilation, int64_t pad)
{
    int64_t room = in + pad - (k - 1) * dilation - 1;
    return room < 0 || k < 1 ? 0 : room / stride + 1;
}

bool cairn__conv_attributes(cairn_graph *g, const char *op, const cairn_conv_options *options,
                            int axes, cairn__attributes *at)
{
    const cairn_conv_options o = options ? *options : cairn_conv_defaults();
    const int64_t most = (int64_t)1 << 30;
    *at = (cairn__attributes){.axis = axes};
    if (axes < 1 || axes > AXES)
        return cairn__graph_fail(g, CAIRN_ERR_SHAPE,
                                 "%s: %d spatial axes, expected 1 to 3: [N, spatial.., C]", op,
                                 axes);
    if (o.groups < 1)
        return cairn__graph_fail(g, CAIRN_ERR_VALUE, "%s: %lld groups, expected at least 1", op,
                                 (long long)o.groups);
    at->list[CAIRN__CONV_GROUPS] = o.groups;
    for (int i = 0; i < axes; i++) {
        const bool good = o.stride[i] >= 1 && o.dilation[i] >= 1 && o.low[i] >= 0 &&
                          o.high[i] >= 0 && o.stride[i] <= most && o.dilation[i] <= most &&
                          o.low[i] <= most && o.high[i] <= most;
        if (!good)
            return cairn__graph_fail(g, CAIRN_ERR_VALUE,
                                     "%s: stride %lld, dilation %lld, padding %lld and %lld on "
                                     "spatial axis %d, expected at least 1, 1, 0 and 0",
                                     op, (long long)o.stride[i], (long long)o.dilation[i],
                                     (long long)o.low[i], (long long)o.high[i], i);
        at->list[CAIRN__CONV_STRIDE + i] = o.stride[i];
        at->list[CAIRN__CONV_DILATION + i] = o.dilation[i];
        at->list[CAIRN__CONV_LOW + i] = o.low[i];
        at->list[CAIRN__CONV_HIGH + i] = o.high[i];
    }
    return true;
}

/* A window of one position that moves by one is a product of matrices. */
static bool is_product(cairn_shape weight, const cairn__attributes *at)
{
    bool plain = at->list[CAIRN__CONV_GROUPS] == 1 && weight.rank == at->axis + 2;
    for (int i = 0; plain && i < at->axis; i++)
        plain = weight.size[i] == 1 && at->list[CAIRN__CONV_STRIDE + i] == 1 &&
                at->list[CAIRN__CONV_LOW + i] == 0 && at->list[CAIRN__CONV_HIGH + i] == 0;
    return plain;
}

cairn_tensor cairn_conv(cairn_tensor x, cairn_tensor weight, const cairn_conv_options *options)
{
    cairn__attributes at;
    if (cairn__none(x) || cairn__none(weight))
        return x;
    cairn_shape w = cairn_tensor_shape(weight);
    if (!cairn__conv_attributes(x.graph, "conv", options, cairn_tensor_shape(x).rank - 2, &at))
        return x;
    if (is_product(w, &at))
        return cairn_matmul(
            x, cairn_reshape(weight, CAIRN_SHAPE(w.size[w.rank - 2], w.size[w.rank - 1])));
    return cairn__node(x.graph, &cairn__op_conv, (cairn_tensor[]){x, weight}, 2, &at);
}

/* The op `op` with the attributes of `n`, and the sizes of `sized` from axis `first` on where its
 * result cannot tell. */
static cairn_tensor other(const cairn_node *n, const cairn_op *op, cairn_tensor a, cairn_tensor b,
                          cairn_tensor sized, int first)
{
    cairn__attributes at = n->at;
    cairn_shape shape = cairn_tensor_shape(sized);
    for (int i = 0; i < AXES; i++)
        at.list[CAIRN__CONV_SIZES + i] =
            sized.graph && i < n->at.axis && first + i < shape.rank ? shape.size[first + i] : 0;
    return cairn__node(a.graph, op, (cairn_tensor[]){a, b}, 2, &at);
}

static const cairn_tensor nothing = {NULL, 0};

static cairn_tensor forward_like(const cairn_node *n, cairn_tensor x, cairn_tensor weight)
{
    return other(n, &cairn__op_conv, x, weight, nothing, 0);
}

static cairn_tensor input_like(const cairn_node *n, cairn_tensor dy, cairn_tensor weight,
                               cairn_tensor x)
{
    return other(n, &cairn__op_conv_input_gradient, dy, weight, x, 1);
}

static cairn_tensor weight_like(const cairn_node *n, cairn_tensor x, cairn_tensor dy,
                                cairn_tensor weight)
{
    return other(n, &cairn__op_conv_weight_gradient, x, dy, weight, 0);
}

cairn_tensor cairn_conv_input_gradient(cairn_tensor dy, cairn_tensor weight, cairn_shape x,
                                       const cairn_conv_options *options)
{
    cairn__attributes at;
    if (cairn__none(dy) || !cairn__conv_attributes(dy.graph, "conv_input_gradient", options,
                                                   cairn_tensor_shape(dy).rank - 2, &at))
        return dy;
    for (int i = 0; i < at.axis && 1 + i < x.rank; i++)
        at.list[CAIRN__CONV_SIZES + i] = x.size[1 + i];
    return cairn__node(dy.graph, &cairn__op_conv_input_gradient, (cairn_tensor[]){dy, weight}, 2,
                       &at);
}

cairn_tensor cairn_conv_weight_gradient(cairn_tensor x, cairn_tensor dy, cairn_shape weight,
                                        const cairn_conv_options *options)
{
    cairn__attributes at;
    if (cairn__none(x) || !cairn__conv_attributes(x.graph, "conv_weight_gradient", options,
                                                  cairn_tensor_shape(x).rank - 2, &at))
        return x;
    for (int i = 0; i < at.axis && i < weight.rank; i++)
        at.list[CAIRN__CONV_SIZES + i] = weight.size[i];
    return cairn__node(x.graph, &cairn__op_conv_weight_gradient, (cairn_tensor[]){x, dy}, 2, &at);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static bool is_forward(const cairn_node *n)
{
    return n->op == &cairn__op_conv;
}

static bool is_input(const cairn_node *n)
{
    return n->op == &cairn__op_conv_input_gradient;
}

cairn__conv cairn__conv_of(const cairn_node *n, const cairn_shape *shapes)
{
    const int axes = (int)n->at.axis, lead = AXES - axes, last = axes + 1;
    const bool forward = is_forward(n), input = is_input(n);
    const cairn_shape *x = input ? NULL : &shapes[0];
    const cairn_shape *weight = forward || input ? &shapes[1] : NULL;
    const cairn_shape *y = forward ? NULL : input ? &shapes[0] : &shapes[1];
    const int64_t *list = n->at.list;
    cairn__conv c = {.groups = list[CAIRN__CONV_GROUPS]};
    c.N = x ? x->size[0] : y->size[0];
    c.C = x ? x->size[last] : weight->size[axes] * c.groups;
    c.O = y ? y->size[last] : weight->size[last];
    for (int i = 0; i < AXES; i++) {
        c.in[i] = c.out[i] = c.k[i] = c.stride[i] = c.dilation[i] = 1;
        if (i < lead)
            continue;
        const int from = i - lead;
        c.stride[i] = list[CAIRN__CONV_STRIDE + from];
        c.dilation[i] = list[CAIRN__CONV_DILATION + from];
        c.low[i] = list[CAIRN__CONV_LOW + from];
        c.in[i] = x ? x->size[1 + from] : list[CAIRN__CONV_SIZES + from];
        c.k[i] = weight ? weight->size[from] : list[CAIRN__CONV_SIZES + from];
        c.out[i] = cairn__conv_positions(c.in[i], c.k[i], c.stride[i], c.dilation[i],
                                         c.low[i] + list[CAIRN__CONV_HIGH + from]);
    }
    return c;
}

/* The shapes of x, weight and y that belong to the geometry. */
static void shapes_of(const cairn_node *n, const cairn__conv *c, cairn_shape *x,
                      cairn_shape *weight, cairn_shape *y)
{
    const int axes = (int)n->at.axis, lead = AXES - axes;
    *x = *y = *weight = (cairn_shape){.rank = axes + 2};
    x->size[0] = y->size[0] = c->N;
    x->size[axes + 1] = c->C;
    weight->size[axes] = c->C / c->groups;
    weight->size[axes + 1] = y->size[axes + 1] = c->O;
    for (int i = 0; i < axes; i++) {
        x->size[1 + i] = c->in[lead + i];
        y->size[1 + i] = c->out[lead + i];
        weight->size[i] = c->k[lead + i];
    }
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *a = g->nodes[n->input[0]], *b = g->nodes[n->input[1]];
    const cairn_shape given[2] = {a->shape, b->shape};
    cairn_shape x, weight, y;
    char text[CAIRN_SHAPE_TEXT];
    if (a->dtype != CAIRN_F32 || b->dtype != CAIRN_F32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "operands must be f32");
    if (b->shape.rank != a->shape.rank)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "expected [N, spatial.., C] and a weight [k.., "
                                                    "C / groups, out] with as many axes");
    cairn__conv c = cairn__conv_of(n, given);
    if (c.C % c.groups || c.O % c.groups)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE,
                             "%lld and %lld channels cannot be cut into %lld groups",
                             (long long)c.C, (long long)c.O, (long long)c.groups);
    for (int i = 0; i < AXES; i++)
        if (c.out[i] < 1)
            return cairn__refuse(g, n, CAIRN_ERR_SHAPE,
                                 "a window of %lld, dilated by %lld, does not fit %lld positions",
                                 (long long)c.k[i], (long long)c.dilation[i], (long long)c.in[i]);
    shapes_of(n, &c, &x, &weight, &y);
    const cairn_shape *first = is_input(n) ? &y : &x;
    const cairn_shape *second = is_forward(n) || is_input(n) ? &weight : &y;
    if (!cairn_shape_equal(*first, a->shape))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "expected %s as the first operand",
                             cairn_shape_text(*first, text));
    if (!cairn_shape_equal(*second, b->shape))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "expected %s as the second operand",
                             cairn_shape_text(*second, text));
    n->shape = is_forward(n) ? y : is_input(n) ? x : weight;
    return true;
}

/* ---- gradients ------------------------------------------------------------------------------- */

static void forward_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_tensor x = cairn__input(n, y, 0), weight = cairn__input(n, y, 1);
    dx[0] = input_like(n, dy, weight, x);
    dx[1] = weight_like(n, x, dy, weight);
}

static void input_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_tensor weight = cairn__input(n, y, 1);
    dx[0] = forward_like(n, dy, weight);
    dx[1] = weight_like(n, dy, cairn__input(n, y, 0), weight);
}

static void weight_gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_tensor x = cairn__input(n, y, 0);
    dx[0] = input_like(n, cairn__input(n, y, 1), dy, x);
    dx[1] = forward_like(n, x, dy);
}

/* ---- the definition -------------------------------------------------------------------------- */

/* One output position and window element: all pairs of channels. The result is whichever of the
 * three is written, the others are read. */
static void pairs(const cairn_node *n, const cairn__conv *c, const double *x, const double *w,
                  const double *y, double *out)
{
    const int64_t inner = c->C / c->groups, outer = c->O / c->groups;
    for (int64_t j = 0; j < c->O; j++)
        for (int64_t i = 0; i < inner; i++) {
            int64_t channel = j / outer * inner + i;
            if (is_forward(n))
                out[j] += x[channel] * w[i * c->O + j];
            else if (is_input(n))
                out[channel] += y[j] * w[i * c->O + j];
            else
                out[i * c->O + j] += x[channel] * y[j];
        }
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    const cairn__conv c = cairn__conv_of(n, shapes);
    const bool forward = is_forward(n), input = is_input(n);
    const int64_t positions = cairn__conv_count(c.out), area = cairn__conv_count(c.in);
    const int64_t window = cairn__conv_count(c.k);
    memset(out, 0, (size_t)cairn_shape_count(n->shape) * sizeof *out);
    for (int64_t row = 0; row < c.N * positions; row++)
        for (int64_t e = 0; e < window; e++) {
            int64_t o[AXES], k[AXES];
            cairn__conv_split(row % positions, c.out, o);
            cairn__conv_split(e, c.k, k);
            int64_t at = cairn__conv_seen(&c, o, k);
            if (at < 0)
                continue;
            const int64_t of_x = (row / positions * area + at) * c.C, of_y = row * c.O;
            const int64_t of_w = e * (c.C / c.groups) * c.O;
            if (forward)
                pairs(n, &c, in[0] + of_x, in[1] + of_w, NULL, out + of_y);
            else if (input)
                pairs(n, &c, NULL, in[1] + of_w, in[0] + of_y, out + of_x);
            else
                pairs(n, &c, in[0] + of_x, NULL, in[1] + of_y, out + of_w);
        }
}

static double flops(const cairn_graph *g, const cairn_node *n)
{
    const cairn_shape shapes[2] = {g->nodes[n->input[0]]->shape, g->nodes[n->input[1]]->shape};
    const cairn__conv c = cairn__conv_of(n, shapes);
    const int64_t pairs_of_positions = cairn__conv_count(c.out) * cairn__conv_count(c.k);
    return 2.0 * (double)c.N * (double)pairs_of_positions * (double)c.C * (double)c.O /
           (double)c.groups;
}

/* ---- samples --------------------------------------------------------------------------------- */

static const cairn_conv_options plain = {{1, 1, 1}, {1, 1, 1}, {0}, {0}, 1};
static const cairn_conv_options padded = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, 1};
static const cairn_conv_options uneven = {{2, 3, 1}, {2, 1, 1}, {2, 0, 1}, {1, 1, 0}, 1};
static const cairn_conv_options strided = {{2, 2, 2}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, 1};
static const cairn_conv_options grouped = {{2, 1, 1}, {1, 2, 1}, {1, 2, 0}, {1, 1, 0}, 2};
static const cairn_conv_options depthwise = {{1, 1, 1}, {1, 1, 1}, {1, 2, 0}, {2, 1, 0}, 3};
static const cairn_conv_options depthwise20 = {{2, 1, 1}, {1, 2, 1}, {1, 2, 0}, {2, 1, 0}, 20};
static const cairn_conv_options depthwise70 = {{1}, {2}, {3}, {0}, 70};
static const cairn_conv_options narrow = {{1, 1, 1}, {1, 1, 1}, {0}, {0}, 4};
static const cairn_conv_options still = {{0, 1, 1}, {1, 1, 1}, {0}, {0}, 1};

#define SAMPLE(NAME, OPTIONS)                                                                      \
    static cairn_tensor NAME(const cairn_tensor *x)                                                \
    {                                                                                              \
        return cairn_conv(x[0], x[1], &(OPTIONS));                                                 \
    }
SAMPLE(conv_plain, plain)
SAMPLE(conv_padded, padded)
SAMPLE(conv_uneven, uneven)
SAMPLE(conv_strided, strided)
SAMPLE(conv_grouped, grouped)
SAMPLE(conv_depthwise, depthwise)
SAMPLE(conv_depthwise20, depthwise20)
SAMPLE(conv_depthwise70, depthwise70)
SAMPLE(conv_narrow, narrow)
SAMPLE(conv_still, still)

/* See isa/winograd.c. */
/* Results reach 100, so that 1e-6 of the largest is 1e-4 where a chain behind takes it as it is. */
#define ROUNDING .looser = 16, .why = "fast convolution loses bits, and sums are large"

static const cairn__sample conv_samples[] = {
    {.shape = {{4, {2, 5, 4, 3}}, {4, {3, 3, 3, 2}}}, .build = conv_padded},
    {.shape = {{4, {2, 7, 8, 2}}, {4, {3, 2, 2, 3}}}, .build = conv_uneven},
    {.shape = {{4, {2, 5, 6, 4}}, {4, {3, 3, 2, 6}}}, .build = conv_grouped},
    {.shape = {{4, {2, 4, 5, 3}}, {4, {4, 4, 1, 3}}}, .build = conv_depthwise},
    {.shape = {{3, {3, 9, 2}}, {3, {3, 2, 4}}}, .build = conv_uneven},
    {.shape = {{5, {1, 4, 5, 3, 2}}, {5, {2, 2, 2, 2, 3}}}, .build = conv_uneven},
    {.shape = {{5, {1, 3, 4, 3, 2}}, {5, {3, 3, 3, 2, 2}}}, .build = conv_strided},
    {.shape = {{4, {2, 6, 6, 2}}, {4, {1, 1, 2, 3}}}, .build = conv_strided},
    {.shape = {{4, {1, 1, 1, 2}}, {4, {3, 3, 2, 2}}}, .build = conv_padded},
    {.shape = {{4, {3, 11, 9, 20}}, {4, {3, 3, 1, 20}}}, .build = conv_depthwise20},
    {.shape = {{3, {3, 90, 70}}, {3, {4, 1, 70}}}, .build = conv_depthwise70},
    {.shape = {{4, {5, 17, 15, 24}}, {4, {3, 3, 24, 40}}}, .build = conv_padded, ROUNDING},
    {.shape = {{4, {9, 16, 16, 40}}, {4, {3, 3, 40, 36}}}, .build = conv_plain, ROUNDING},
    {.shape = {{4, {3, 6, 7, 70}}, {4, {3, 3, 70, 150}}}, .build = conv_padded, ROUNDING},
    {.shape = {{4, {3, 15, 12, 30}}, {4, {3, 3, 30, 36}}}, .build = conv_strided},
    {.shape = {{4, {2, 14, 13, 24}}, {4, {5, 5, 12, 20}}}, .build = conv_grouped},
    {.shape = {{4, {1, 5, 5, 2}}, {4, {3, 3, 3, 2}}}, .build = conv_plain,
     .refusal = "expected [3,3,2,2] as the second operand"},
    {.shape = {{4, {1, 2, 5, 2}}, {4, {3, 3, 2, 2}}}, .build = conv_plain,
     .refusal = "a window of 3, dilated by 1, does not fit 2 positions"},
    {.shape = {{2, {5, 2}}, {2, {2, 2}}}, .build = conv_plain, .refusal = "0 spatial axes"},
    {.shape = {{4, {1, 5, 5, 4}}, {4, {3, 3, 1, 6}}}, .build = conv_narrow,
     .refusal = "cannot be cut into 4 groups"},
    {.shape = {{3, {1, 5, 4}}, {3, {3, 4, 6}}}, .build = conv_still, .refusal = "stride 0"},
    {.shape = {{3, {1, 5, 4}}, {4, {3, 3, 4, 6}}}, .build = conv_plain,
     .refusal = "with as many axes"},
    {.shape = {{3, {1, 5, 4}}, {3, {3, 4, 6}}}, .domain = {CAIRN__BITS}, .build = conv_plain,
     .refusal = "must be f32"},
    CAIRN__SAMPLES_END,
};

static cairn_tensor input_padded(const cairn_tensor *x)
{
    return cairn_conv_input_gradient(x[0], x[1], CAIRN_SHAPE(2, 5, 4, 3), &padded);
}

static cairn_tensor input_uneven(const cairn_tensor *x)
{
    return cairn_conv_input_gradient(x[0], x[1], CAIRN_SHAPE(2, 8, 7, 2), &uneven);
}

static cairn_tensor input_large(const cairn_tensor *x)
{
    return cairn_conv_input_gradient(x[0], x[1], CAIRN_SHAPE(3, 15, 14, 24), &strided);
}

static const cairn__sample input_samples[] = {
    {.shape = {{4, {2, 5, 4, 2}}, {4, {3, 3, 3, 2}}}, .build = input_padded},
    {.shape = {{4, {2, 4, 3, 3}}, {4, {3, 2, 2, 3}}}, .build = input_uneven},
    {.shape = {{4, {3, 8, 7, 40}}, {4, {3, 3, 24, 40}}}, .build = input_large},
    {.shape = {{4, {2, 5, 5, 2}}, {4, {3, 3, 3, 2}}}, .build = input_padded,
     .refusal = "expected [2,5,4,2] as the first operand"},
    CAIRN__SAMPLES_END,
};

static cairn_tensor weight_padded(const cairn_tensor *x)
{
    return cairn_conv_weight_gradient(x[0], x[1], CAIRN_SHAPE(3, 3, 3, 2), &padded);
}

static cairn_tensor weight_uneven(const cairn_tensor *x)
{
    return cairn_conv_weight_gradient(x[0], x[1], CAIRN_SHAPE(3, 2, 2, 3), &uneven);
}

static cairn_tensor weight_large(const cairn_tensor *x)
{
    return cairn_conv_weight_gradient(x[0], x[1], CAIRN_SHAPE(3, 3, 24, 40), &strided);
}

static const cairn__sample weight_samples[] = {
    {.shape = {{4, {2, 5, 4, 3}}, {4, {2, 5, 4, 2}}}, .build = weight_padded},
    {.shape = {{4, {2, 8, 7, 2}}, {4, {2, 4, 3, 3}}}, .build = weight_uneven},
    {.shape = {{4, {3, 15, 14, 24}}, {4, {3, 8, 7, 40}}}, .build = weight_large},
    {.shape = {{4, {2, 5, 4, 3}}, {4, {2, 5, 5, 2}}}, .build = weight_padded,
     .refusal = "expected [2,5,4,2] as the second operand"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_conv = {
    .name = "conv",
    .summary = "convolution along 1 to 3 axes",
    .kind = CAIRN__OTHER,
    .inputs = 2,
    .shape = shape,
    .gradient = forward_gradient,
    .reference = reference,
    .takes_epilogue = true,
    .flops = flops,
    .samples = conv_samples,
};

const cairn_op cairn__op_conv_input_gradient = {
    .name = "conv_input_gradient",
    .summary = "a convolution's gradient at its input",
    .kind = CAIRN__OTHER,
    .inputs = 2,
    .shape = shape,
    .gradient = input_gradient,
    .reference = reference,
    .takes_epilogue = true,
    .flops = flops,
    .samples = input_samples,
};

const cairn_op cairn__op_conv_weight_gradient = {
    .name = "conv_weight_gradient",
    .summary = "a convolution's gradient at its weight",
    .kind = CAIRN__OTHER,
    .inputs = 2,
    .shape = shape,
    .gradient = weight_gradient,
    .reference = reference,
    .flops = flops,
    .samples = weight_samples,
};
