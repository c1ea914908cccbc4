/* The geometry of convolutions and pooling, read from a node: shared with the kernels.
 *
 * Fewer than three spatial axes are seen as three, with leading ones of size 1:
 *
 *     x       [N, in0, in1, in2, C]
 *     weight  [k0, k1, k2, C / groups, O]
 *     y       [N, out0, out1, out2, O]
 *     y[o] = sum over k of x[o * stride + k * dilation - low] weight[k] */
#ifndef CAIRN_SRC_GRAPH_CONV_H
#define CAIRN_SRC_GRAPH_CONV_H

#include "graph/graph.h"

enum { CAIRN__CONV_AXES = 3 };

/* Where attributes are in at.list, three numbers each but for the groups; at.axis holds the number
 * of spatial axes. SIZES: what the operands do not tell: the input's of conv_input_gradient, the
 * window's of conv_weight_gradient and of pooling. */
enum {
    CAIRN__CONV_STRIDE = 0,
    CAIRN__CONV_DILATION = 3,
    CAIRN__CONV_LOW = 6,
    CAIRN__CONV_HIGH = 9,
    CAIRN__CONV_GROUPS = 12,
    CAIRN__CONV_SIZES = 13
};

typedef struct cairn__conv {
    int64_t N, C, O, groups;
    int64_t in[CAIRN__CONV_AXES], out[CAIRN__CONV_AXES], k[CAIRN__CONV_AXES];
    int64_t stride[CAIRN__CONV_AXES], dilation[CAIRN__CONV_AXES], low[CAIRN__CONV_AXES];
} cairn__conv;

/* Of a node of one of the three convolutions. shapes: of its operands. */
cairn__conv cairn__conv_of(const cairn_node *n, const cairn_shape *shapes);

/* The same of node `id` of a graph. */
static inline cairn__conv cairn__conv_at(const cairn_graph *g, int32_t id)
{
    const cairn_node *n = g->nodes[id];
    const cairn_shape shapes[2] = {g->nodes[n->input[0]]->shape, g->nodes[n->input[1]]->shape};
    return cairn__conv_of(n, shapes);
}

/* Elements of a picture or a window. */
static inline int64_t cairn__conv_count(const int64_t size[CAIRN__CONV_AXES])
{
    return size[0] * size[1] * size[2];
}

/* Splits `i` into one number for each size, the last running fastest. */
static inline void cairn__conv_split(int64_t i, const int64_t size[CAIRN__CONV_AXES],
                                     int64_t at[CAIRN__CONV_AXES])
{
    for (int a = CAIRN__CONV_AXES - 1; a >= 0; a--) {
        at[a] = i % size[a];
        i /= size[a];
    }
}

/* Where in x position `o` of y sees element `k` of the window, or -1 in the padding. */
static inline int64_t cairn__conv_seen(const cairn__conv *c, const int64_t o[CAIRN__CONV_AXES],
                                       const int64_t k[CAIRN__CONV_AXES])
{
    int64_t at = 0;
    for (int a = 0; a < CAIRN__CONV_AXES; a++) {
        int64_t i = o[a] * c->stride[a] + k[a] * c->dilation[a] - c->low[a];
        if (i < 0 || i >= c->in[a])
            return -1;
        at = at * c->in[a] + i;
    }
    return at;
}

/* Positions that a window takes along an axis; 0 where it does not fit once. */
int64_t cairn__conv_positions(int64_t in, int64_t k, int64_t stride, int64_t dilation, int64_t pad);

/* The attributes for an option list (NULL: the defaults), or false with the graph in error. */
bool cairn__conv_attributes(cairn_graph *g, const char *op, const cairn_conv_options *options,
                            int axes, cairn__attributes *at);

#endif
