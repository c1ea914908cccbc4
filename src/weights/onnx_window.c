/* Convolutions and pooling for ONNX, where channels come before the places of a picture: operands
 * and results are transposed around each. Readers of ONNX move and join such transposes. */
#include "graph/conv.h"
#include "weights/onnx.h"

/* [N, S.., C] to [N, C, S..], and back. */
static const char *channels_first(cairn__onnx *o, const cairn_node *n, const char *x, int axes)
{
    int64_t order[CAIRN__CONV_AXES + 2] = {0, axes + 1};
    for (int i = 0; i < axes; i++)
        order[2 + i] = 1 + i;
    return cairn__onnx_transpose(o, n, x, order, axes + 2);
}

static const char *channels_last(cairn__onnx *o, const cairn_node *n, const char *x, int axes)
{
    int64_t order[CAIRN__CONV_AXES + 2] = {0};
    for (int i = 0; i < axes; i++)
        order[1 + i] = 2 + i;
    order[axes + 1] = 1;
    return cairn__onnx_transpose(o, n, x, order, axes + 2);
}

/* [k.., C / groups, O] to [O, C / groups, k..]: what both directions want. */
static const char *weight(cairn__onnx *o, const cairn_node *n, int axes)
{
    int64_t order[CAIRN__CONV_AXES + 2] = {axes + 1, axes};
    for (int i = 0; i < axes; i++)
        order[2 + i] = i;
    return cairn__onnx_transpose(o, n, cairn__onnx_value(o, n->input[1]), order, axes + 2);
}

/* kernel: the window's sizes. */
static void geometry(cairn__onnx *o, const cairn_node *n, const int64_t *kernel)
{
    const int axes = (int)n->at.axis;
    int64_t pads[2 * CAIRN__CONV_AXES];
    for (int i = 0; i < axes; i++) {
        pads[i] = n->at.list[CAIRN__CONV_LOW + i];
        pads[axes + i] = n->at.list[CAIRN__CONV_HIGH + i];
    }
    cairn__onnx_ints(o, "kernel_shape", kernel, axes);
    cairn__onnx_ints(o, "strides", n->at.list + CAIRN__CONV_STRIDE, axes);
    cairn__onnx_ints(o, "dilations", n->at.list + CAIRN__CONV_DILATION, axes);
    cairn__onnx_ints(o, "pads", pads, 2 * axes);
}

const char *cairn__onnx_conv(cairn__onnx *o, const cairn_node *n)
{
    const int axes = (int)n->at.axis;
    const char *x = channels_first(o, n, cairn__onnx_value(o, n->input[0]), axes);
    const char *w = weight(o, n, axes);
    geometry(o, n, o->g->nodes[n->input[1]]->shape.size);
    cairn__onnx_int(o, "group", n->at.list[CAIRN__CONV_GROUPS]);
    return channels_last(o, n, cairn__onnx_op(o, n, "Conv", x, w, NULL), axes);
}

/* What no window reaches at the far end is left over: "output_padding". */
const char *cairn__onnx_conv_transposed(cairn__onnx *o, const cairn_node *n)
{
    const int axes = (int)n->at.axis;
    const int64_t *list = n->at.list, *kernel = o->g->nodes[n->input[1]]->shape.size;
    const int64_t *from = o->g->nodes[n->input[0]]->shape.size;
    const char *x = channels_first(o, n, cairn__onnx_value(o, n->input[0]), axes);
    const char *w = weight(o, n, axes);
    int64_t over[CAIRN__CONV_AXES];
    for (int i = 0; i < axes; i++) {
        int64_t reach = (kernel[i] - 1) * list[CAIRN__CONV_DILATION + i] + 1;
        int64_t span = (from[1 + i] - 1) * list[CAIRN__CONV_STRIDE + i] + reach;
        over[i] =
            n->shape.size[1 + i] + list[CAIRN__CONV_LOW + i] + list[CAIRN__CONV_HIGH + i] - span;
    }
    geometry(o, n, kernel);
    cairn__onnx_ints(o, "output_padding", over, axes);
    cairn__onnx_int(o, "group", list[CAIRN__CONV_GROUPS]);
    return channels_last(o, n, cairn__onnx_op(o, n, "ConvTranspose", x, w, NULL), axes);
}

/* ---- pooling --------------------------------------------------------------------------------- */

/* Values and, where indices is not NULL, the places as i64, channels first. */
static const char *max_pool(cairn__onnx *o, const cairn_node *index, const char **indices)
{
    const int axes = (int)index->at.axis;
    const char *x = channels_first(o, index, cairn__onnx_value(o, index->input[0]), axes);
    const char *results[2] = {NULL, NULL};
    geometry(o, index, index->at.list + CAIRN__CONV_SIZES);
    if (!cairn__onnx_many(o, index, "MaxPool", &x, 1, results, indices ? 2 : 1))
        return NULL;
    if (indices)
        *indices = results[1];
    return results[0];
}

/* ONNX counts places through all pictures and channels. */
const char *cairn__onnx_pool_index(cairn__onnx *o, const cairn_node *n)
{
    const char *places = NULL;
    const int axes = (int)n->at.axis;
    const int64_t *x = o->g->nodes[n->input[0]]->shape.size;
    int64_t area = 1;
    for (int i = 0; i < axes; i++)
        area *= x[1 + i];
    if (!max_pool(o, n, &places))
        return NULL;
    places = cairn__onnx_op(o, n, "Mod", places, cairn__onnx_list(o, &area, 1), NULL);
    cairn__onnx_int(o, "to", CAIRN__ONNX_I32);
    return channels_last(o, n, cairn__onnx_op(o, n, "Cast", places, NULL), axes);
}

static const cairn_node *without_reshape(const cairn_graph *g, int32_t id)
{
    while (g->nodes[id]->op == &cairn__op_reshape)
        id = g->nodes[id]->input[0];
    return g->nodes[id];
}

const cairn_node *cairn__onnx_pool_of(const cairn_graph *g, const cairn_node *n)
{
    if (n->op != &cairn__op_gather_along || n->at.axis != 1 || n->shape.rank != 3)
        return NULL;
    const cairn_node *x = without_reshape(g, n->input[0]);
    const cairn_node *index = without_reshape(g, n->input[1]);
    if (index->op != &cairn__op_max_pool_index || without_reshape(g, index->input[0]) != x)
        return NULL;
    const cairn_shape all = g->nodes[index->input[0]]->shape;
    const cairn_shape flat = g->nodes[n->input[0]]->shape;
    bool same = flat.size[0] == all.size[0] && flat.size[2] == all.size[all.rank - 1] &&
                n->shape.size[0] == flat.size[0] && n->shape.size[2] == flat.size[2];
    return same ? index : NULL;
}

const char *cairn__onnx_pool(cairn__onnx *o, const cairn_node *n, const cairn_node *index)
{
    const char *values = channels_last(o, n, max_pool(o, index, NULL), (int)index->at.axis);
    return cairn__onnx_reshape(o, n, values, n->shape);
}
