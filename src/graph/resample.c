/* Average pooling and interpolation: linear along each axis, so each axis is multiplied by a small
 * constant matrix [result, size]. Gradients are those of the product. */
#include <math.h>

#include "graph/conv.h"

/* Fills row `o` of the matrix of one axis, weights[in], which holds zeros before. */
typedef void fill_row(const cairn__attributes *at, int axis, int64_t in, int64_t out, int64_t o,
                      float *weights);

/* x with spatial axis `axis` multiplied by the matrix, unless that changes nothing. */
static cairn_tensor along(cairn_tensor x, int axis, int64_t out, fill_row *fill,
                          const cairn__attributes *at)
{
    cairn_shape shape = cairn_tensor_shape(x);
    const cairn__split s = cairn__split_at(shape, axis + 1);
    const int64_t in = s.n;
    bool identity = in == out;
    float *matrix = cairn__alloc((size_t)(in * out), sizeof *matrix, &x.graph->status);
    if (!matrix)
        return x;
    for (int64_t o = 0; o < out; o++) {
        fill(at, axis, in, out, o, matrix + o * in);
        identity = identity && matrix[o * in + o] == 1;
    }
    cairn_tensor a = cairn_constant(x.graph, CAIRN_F32, CAIRN_SHAPE(out, in), matrix);
    cairn__free(matrix);
    if (identity)
        return x;
    shape.size[axis + 1] = out;
    x = cairn_reshape(x, CAIRN_SHAPE(s.outer, in, s.inner));
    return cairn_reshape(cairn_matmul(a, x), shape);
}

/* True when x is f32 [N, 1 to 3 sizes, C] without an empty axis; else the graph is in error. */
static bool is_picture(cairn_tensor x, const char *name)
{
    if (cairn__none(x))
        return false;
    cairn_shape shape = cairn_tensor_shape(x);
    char text[CAIRN_SHAPE_TEXT];
    if (cairn_tensor_dtype(x) == CAIRN_F32 && shape.rank >= 3 && shape.rank <= 5 &&
        cairn_shape_count(shape) > 0)
        return true;
    return cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE,
                             "%s %s: expected f32 [N, 1 to 3 sizes, C] with elements", name,
                             cairn_shape_text(shape, text));
}

/* ---- pooling --------------------------------------------------------------------------------- */

/* at->value[0]: whether the padding counts. */
static void window_row(const cairn__attributes *at, int axis, int64_t in, int64_t out, int64_t o,
                       float *weights)
{
    const int64_t *list = at->list, k = list[CAIRN__CONV_SIZES + axis];
    const int64_t from = o * list[CAIRN__CONV_STRIDE + axis] - list[CAIRN__CONV_LOW + axis];
    const int64_t dilation = list[CAIRN__CONV_DILATION + axis];
    int64_t inside = 0;
    (void)out;
    for (int64_t e = 0; e < k; e++)
        inside += from + e * dilation >= 0 && from + e * dilation < in;
    for (int64_t e = 0; e < k; e++) {
        const int64_t i = from + e * dilation;
        if (i >= 0 && i < in)
            weights[i] = (float)(1 / (double)(at->value[0] != 0 ? k : inside));
    }
}

cairn_tensor cairn_average_pool(cairn_tensor x, cairn_shape window,
                                const cairn_conv_options *options, bool count_padding)
{
    cairn__attributes at;
    const int axes = cairn_tensor_shape(x).rank - 2;
    if (!is_picture(x, "average_pool") ||
        !cairn__conv_attributes(x.graph, "average_pool", options, axes, &at))
        return x;
    at.value[0] = count_padding;
    for (int i = 0; i < axes && !cairn__none(x); i++) {
        const int64_t in = cairn_tensor_shape(x).size[1 + i], low = at.list[CAIRN__CONV_LOW + i];
        const int64_t k = at.list[CAIRN__CONV_SIZES + i] = i < window.rank ? window.size[i] : 0;
        const int64_t out =
            cairn__conv_positions(in, k, at.list[CAIRN__CONV_STRIDE + i],
                                  at.list[CAIRN__CONV_DILATION + i],
                                  low + at.list[CAIRN__CONV_HIGH + i]);
        if (out < 1) {
            cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE,
                              "average_pool: a window of %lld does not fit the %lld positions of "
                              "spatial axis %d",
                              (long long)k, (long long)in, i);
            return x;
        }
        x = along(x, i, out, window_row, &at);
    }
    return x;
}

/* Bins from floor(o in / out) up to ceil((o + 1) in / out). */
static void bin_row(const cairn__attributes *at, int axis, int64_t in, int64_t out, int64_t o,
                    float *weights)
{
    const int64_t from = o * in / out, to = ((o + 1) * in + out - 1) / out;
    (void)at, (void)axis;
    for (int64_t i = from; i < to; i++)
        weights[i] = (float)(1 / (double)(to - from));
}

/* ---- interpolation --------------------------------------------------------------------------- */

static void nearest_row(const cairn__attributes *at, int axis, int64_t in, int64_t out, int64_t o,
                        float *weights)
{
    (void)at, (void)axis;
    weights[o * in / out] = 1;
}

/* Centres of elements are at whole numbers plus 1/2 on both sides; beyond the outermost ones the
 * value stays. */
static void linear_row(const cairn__attributes *at, int axis, int64_t in, int64_t out, int64_t o,
                       float *weights)
{
    double place = ((double)o + 0.5) * (double)in / (double)out - 0.5;
    (void)at, (void)axis;
    place = fmin(fmax(place, 0), (double)(in - 1));
    const int64_t low = (int64_t)floor(place), high = CAIRN__MIN(low + 1, in - 1);
    weights[low] += (float)(1 - (place - (double)low));
    weights[high] += (float)(place - (double)low);
}

static cairn_tensor resize(cairn_tensor x, cairn_shape sizes, fill_row *fill, const char *name)
{
    char text[CAIRN_SHAPE_TEXT];
    if (!is_picture(x, name))
        return x;
    const int axes = cairn_tensor_shape(x).rank - 2;
    bool good = sizes.rank == axes;
    for (int i = 0; good && i < axes; i++)
        good = sizes.size[i] >= 1 && sizes.size[i] <= (int64_t)1 << 20;
    if (!good) {
        cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE,
                          "%s to %s: expected %d sizes of at least 1 and at most 2^20", name,
                          cairn_shape_text(sizes, text), axes);
        return x;
    }
    for (int i = 0; i < axes && !cairn__none(x); i++)
        x = along(x, i, sizes.size[i], fill, NULL);
    return x;
}

cairn_tensor cairn_adaptive_average_pool(cairn_tensor x, cairn_shape sizes)
{
    return resize(x, sizes, bin_row, "adaptive_average_pool");
}

cairn_tensor cairn_resize_nearest(cairn_tensor x, cairn_shape sizes)
{
    return resize(x, sizes, nearest_row, "resize_nearest");
}

cairn_tensor cairn_resize_linear(cairn_tensor x, cairn_shape sizes)
{
    return resize(x, sizes, linear_row, "resize_linear");
}
