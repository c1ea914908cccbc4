/* Max pooling: where the largest elements of the windows are, and then a gather of those, whose
 * gradients serve. Attributes as in conv.h, the window's sizes among them.
 *
 *     max_pool_index   x [N, in.., C] -> [N, out.., C] i32: positions in the flattened in.. */
#include <math.h>

#include "graph/conv.h"

enum { AXES = CAIRN__CONV_AXES };

/* x [N, S.., C] as [N, positions, C]. */
static cairn_shape flattened(cairn_shape x)
{
    int64_t N = x.size[0], C = x.size[x.rank - 1], positions = 1;
    for (int i = 1; i < x.rank - 1; i++)
        positions *= x.size[i];
    return CAIRN_SHAPE(N, positions, C);
}

cairn_tensor cairn_max_pool(cairn_tensor x, cairn_shape window, const cairn_conv_options *options)
{
    cairn__attributes at;
    cairn_shape shape = cairn_tensor_shape(x);
    if (cairn__none(x) ||
        !cairn__conv_attributes(x.graph, "max_pool", options, shape.rank - 2, &at))
        return x;
    at.list[CAIRN__CONV_GROUPS] = 0;
    for (int i = 0; i < shape.rank - 2; i++)
        at.list[CAIRN__CONV_SIZES + i] = i < window.rank ? window.size[i] : 0;
    cairn_tensor index = cairn__node(x.graph, &cairn__op_max_pool_index, &x, 1, &at);
    cairn_shape result = cairn_tensor_shape(index);
    if (cairn__none(index))
        return index;
    cairn_tensor flat = cairn_reshape(x, flattened(shape));
    index = cairn_reshape(index, flattened(result));
    return cairn_reshape(cairn_gather_along(flat, index, 1), result);
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]];
    if (x->dtype != CAIRN_F32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "the operand must be f32");
    n->dtype = CAIRN_I32;
    n->shape = x->shape;
    for (int i = 0; i < n->at.axis; i++) {
        const int64_t *list = n->at.list, in = x->shape.size[1 + i];
        int64_t k = list[CAIRN__CONV_SIZES + i], low = list[CAIRN__CONV_LOW + i];
        int64_t high = list[CAIRN__CONV_HIGH + i], dilation = list[CAIRN__CONV_DILATION + i];
        int64_t out =
            cairn__conv_positions(in, k, list[CAIRN__CONV_STRIDE + i], dilation, low + high);
        if (out < 1 || in < 1)
            return cairn__refuse(g, n, CAIRN_ERR_SHAPE,
                                 "a window of %lld, dilated by %lld, does not fit %lld positions",
                                 (long long)k, (long long)dilation, (long long)in);
        /* Otherwise a window might lie in the padding. */
        if (dilation == 1 ? low >= k || high >= k : low || high)
            return cairn__refuse(g, n, CAIRN_ERR_VALUE,
                                 "padding %lld and %lld around a window of %lld, dilated by %lld: "
                                 "expected less than a dense window, or none",
                                 (long long)low, (long long)high, (long long)k,
                                 (long long)dilation);
        n->shape.size[1 + i] = out;
    }
    return cairn_shape_count(flattened(x->shape)) / CAIRN__MAX(x->shape.size[0], (int64_t)1) <
               INT32_MAX ||
           cairn__refuse(g, n, CAIRN_ERR_SHAPE, "too many positions for an i32");
}

/* The position of the largest element of a window, as in x[n, .., c]. */
static int64_t largest(const cairn_node *n, const int64_t in[AXES], const int64_t at[AXES],
                       const double *x, int64_t C)
{
    const int axes = (int)n->at.axis;
    int64_t window = 1, best = -1;
    for (int a = 0; a < axes; a++)
        window *= n->at.list[CAIRN__CONV_SIZES + a];
    for (int64_t e = 0; e < window; e++) {
        int64_t rest = e, position = 0, area = 1;
        for (int a = axes - 1; a >= 0 && position >= 0; a--) {
            int64_t k = n->at.list[CAIRN__CONV_SIZES + a];
            int64_t i = at[a] * n->at.list[CAIRN__CONV_STRIDE + a] +
                        rest % k * n->at.list[CAIRN__CONV_DILATION + a] -
                        n->at.list[CAIRN__CONV_LOW + a];
            position = i < 0 || i >= in[a] ? -1 : position + i * area;
            area *= in[a];
            rest /= k;
        }
        if (position >= 0 && (best < 0 || x[position * C] > x[best * C] ||
                              (isnan(x[position * C]) && !isnan(x[best * C]))))
            best = position;
    }
    return best;
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    const int axes = (int)n->at.axis;
    const cairn_shape from = flattened(shapes[0]);
    const int64_t C = from.size[2];
    for (int64_t i = 0, count = cairn_shape_count(n->shape); i < count; i++) {
        int64_t rest = i / C, at[AXES];
        for (int a = axes - 1; a >= 0; a--) {
            at[a] = rest % n->shape.size[1 + a];
            rest /= n->shape.size[1 + a];
        }
        const double *x = in[0] + rest * from.size[1] * C + i % C;
        out[i] = (double)largest(n, shapes[0].size + 1, at, x, C);
    }
}

static const cairn_conv_options halved = {{2, 2, 2}, {1, 1, 1}, {1, 1, 1}, {1, 1, 0}, 1};
static const cairn_conv_options wide = {{1, 1, 1}, {2, 1, 1}, {0}, {0}, 1};
static const cairn_conv_options far = {{1, 1, 1}, {1, 1, 1}, {3}, {0}, 1};

static cairn_tensor three(const cairn_tensor *x)
{
    return cairn_max_pool(x[0], CAIRN_SHAPE(3, 3, 2), &halved);
}

static cairn_tensor dilated(const cairn_tensor *x)
{
    return cairn_max_pool(x[0], CAIRN_SHAPE(2, 3), &wide);
}

static cairn_tensor outside(const cairn_tensor *x)
{
    return cairn_max_pool(x[0], CAIRN_SHAPE(3), &far);
}

static const cairn__sample samples[] = {
    {.shape = {{4, {2, 5, 6, 3}}}, .domain = {CAIRN__SPREAD}, .build = three},
    {.shape = {{4, {3, 5, 6, 5}}}, .domain = {CAIRN__SPREAD}, .build = dilated},
    {.shape = {{3, {2, 9, 3}}}, .domain = {CAIRN__SPREAD}, .build = three},
    {.shape = {{5, {2, 3, 4, 4, 2}}}, .domain = {CAIRN__SPREAD}, .build = three},
    {.shape = {{4, {4, 31, 30, 19}}}, .domain = {CAIRN__SPREAD}, .build = three},
    {.shape = {{4, {2, 5, 2, 3}}}, .build = dilated, .refusal = "does not fit 2 positions"},
    {.shape = {{3, {2, 5, 2}}}, .build = outside, .refusal = "padding 3 and 0 around a window"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_max_pool_index = {
    .name = "max_pool_index",
    .summary = "the position of the largest element of each window",
    .kind = CAIRN__OTHER,
    .inputs = 1,
    .shape = shape,
    .no_gradient = "positions are whole numbers",
    .reference = reference,
    .samples = samples,
};
