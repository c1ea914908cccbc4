/* Attention's operands in memory: shared by its two ops and by kernels.
 *
 * Queries, keys and values are one operand x, so that the projection that makes them is one product
 * and its gradient is read where it was written. Two layouts, both without transposed copies; heads
 * are D numbers behind one another:
 *
 *     together  [.., T, H + 2 Hkv, D]                       self-attention; T = Tq = Tk
 *     apart     [.., Tq H D + 2 Tk Hkv D], rows of q, then those of k, then those of v
 *
 * The second operand, if there is one, is added to the scores: [b, h, i, j], each axis of size 1 or
 * of the size of batch, H, Tq, Tk.
 *
 * Attributes: list = {H, Hkv, D, Tq, Tk, causal, apart}, value[0] = scale. */
#ifndef CAIRN_SRC_GRAPH_ATTENTION_H
#define CAIRN_SRC_GRAPH_ATTENTION_H

#include "graph/graph.h"

typedef struct cairn__attention {
    int64_t batch, Tq, Tk, H, Hkv, D;
    bool causal, apart;
    double scale;
    int64_t x_item;         /* numbers of one item of the batch */
    int64_t q_row, k_row;   /* from one position to the next */
    int64_t k_at, v_at;     /* of the first key and value of an item */
    int64_t bias_stride[4]; /* 0 where the axis has size 1 */
} cairn__attention;

enum {
    CAIRN__ATTENTION_H,
    CAIRN__ATTENTION_HKV,
    CAIRN__ATTENTION_D,
    CAIRN__ATTENTION_TQ,
    CAIRN__ATTENTION_TK,
    CAIRN__ATTENTION_CAUSAL,
    CAIRN__ATTENTION_APART
};

/* From attributes and the shapes of x and of the bias (NULL: none), which a shape rule has
 * accepted. */
cairn__attention cairn__attention_of(const cairn_node *n, cairn_shape x, const cairn_shape *bias);

/* Keys that query i sees: the first so many. */
static inline int64_t cairn__attention_sees(const cairn__attention *a, int64_t i)
{
    int64_t n = a->causal ? i + 1 + a->Tk - a->Tq : a->Tk;
    return n < 0 ? 0 : n > a->Tk ? a->Tk : n;
}

/* For the shape rules of both ops: whether x and the bias (-1: none) fit the attributes. */
bool cairn__attention_fits(cairn_graph *g, const cairn_node *n, int x, int bias);

/* The shape of the result [.., Tq, H, D]. */
cairn_shape cairn__attention_result(const cairn_node *n, cairn_shape x);

/* The gradient of x, and that of the bias from primitive operations. */
cairn_tensor cairn__attention_dx(const cairn_node *n, cairn_tensor x, cairn_tensor dy,
                                 const cairn_tensor *bias);
cairn_tensor cairn__attention_dbias(const cairn_node *n, cairn_tensor x, cairn_tensor dy,
                                    cairn_tensor bias);

/* The probabilities of query i of head h of item b; returns how many keys it sees. For
 * references. */
int64_t cairn__attention_row(const cairn__attention *a, const double *x, const double *bias,
                             int64_t b, int64_t h, int64_t i, double *p);

#endif
