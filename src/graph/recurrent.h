/* Sizes of a recurrent layer, for its op, its gradient and their kernels.
 *
 *     recurrent            gx [T, B, G H], weight [H (+ 1), G H], start [states, B, H]
 *                          -> slots [slots, T, B, H]
 *     recurrent_gradient   dh [T, B, H], weight, slots, start, and of LSTMs dc [B, H]
 *                          -> rows of H: dgx [T B G], of a GRU dq [T B], carry [B]
 *
 * Slots, of each step and unit: h first, and c behind it where there is one, then what the
 * gradient needs.
 *
 *     lstm   h c i f g o     c = f c' + i g          h = o tanh(c)
 *     cifg   h c f g o       c = f c' + (1 - f) g    h = o tanh(c)
 *     gru    h r z n q       q = h' W + b, n = tanh(gx + r q)    h = (1 - z) n + z h'
 *
 * Gates i f g o, f g o and r z n are blocks of H columns of gx and weight, in this order; g and n
 * go through tanh, the others through the sigmoid. Only a GRU has the row H of weight, b. */
#ifndef CAIRN_SRC_GRAPH_RECURRENT_H
#define CAIRN_SRC_GRAPH_RECURRENT_H

#include "graph/graph.h"

typedef struct cairn__recurrent {
    cairn_recurrent_kind kind;
    int64_t T, B, H;
    int gates, slots, states;
} cairn__recurrent;

/* All but T, B and H. */
static inline cairn__recurrent cairn__recurrent_sizes(cairn_recurrent_kind kind)
{
    const bool lstm = kind == CAIRN_RECURRENT_lstm, gru = kind == CAIRN_RECURRENT_gru;
    return (cairn__recurrent){
        .kind = kind, .gates = lstm ? 4 : 3, .slots = lstm ? 6 : 5, .states = gru ? 1 : 2};
}

/* Of a node of either op, from its kind and the shape of its first operand. */
static inline cairn__recurrent cairn__recurrent_of(const cairn_node *n, cairn_shape first)
{
    cairn__recurrent r = cairn__recurrent_sizes((cairn_recurrent_kind)n->at.list[0]);
    r.T = first.size[0];
    r.B = first.size[1];
    r.H = n->op == &cairn__op_recurrent ? first.size[2] / r.gates : first.size[2];
    return r;
}

static inline int64_t cairn__recurrent_rows(const cairn__recurrent *r)
{
    return (r->T * (r->gates + (r->kind == CAIRN_RECURRENT_gru)) + 1) * r->B;
}

/* The gradient of recurrent: dc may have no graph for a GRU. */
cairn_tensor cairn__recurrent_gradient(cairn_recurrent_kind kind, cairn_tensor dh,
                                       cairn_tensor weight, cairn_tensor slots, cairn_tensor start,
                                       cairn_tensor dc);

/* Why both ops have first derivatives only. */
#define CAIRN__RECURRENT_FIRST_ONLY                                                                \
    "the steps are one kernel; cairn_recurrent_cell() is made of ops that have all derivatives"

#endif
