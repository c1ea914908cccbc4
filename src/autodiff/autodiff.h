/* Shared by the files of autodiff. */
#ifndef CAIRN_SRC_AUTODIFF_H
#define CAIRN_SRC_AUTODIFF_H

#include "graph/graph.h"

/* Whether y and the x[i] are f32 tensors of one graph; if not, the graph keeps the error. */
bool cairn__differentiable(cairn_tensor y, const cairn_tensor *x, int n);

/* Where the walk meets an op without gradient: an error if it says why (cairn_op.first_only). */
void cairn__refuse_higher(cairn_graph *g, const cairn_op *op);

/* Marks the nodes up to `last` that depend on one of x. dependent: last + 1 elements, all false. */
void cairn__mark_dependent(const cairn_graph *g, const cairn_tensor *x, int n, int32_t last,
                           bool *dependent);

/* Where the batch is in an operand: an axis, or one of these. */
enum {
    CAIRN__SHARED = -1,  /* nowhere: all examples use the same operand */
    CAIRN__REFUSED = -2, /* the op mixes examples, or has no rule */
};

/* Where the batch of B examples is in operand `input` of node n, when it is in axis `axis` of the
 * result. An axis may hold B times m rows, those of one example together. */
int cairn__batch_axis(const cairn_graph *g, const cairn_node *n, int input, int axis, int64_t B);

/* The gradient [B, shape] of an operand that all examples share, where it meets the batch: in a
 * broadcast, a product or a gather. dy: of the result, the batch in `axis`. */
cairn_tensor cairn__meet(const cairn_node *n, int input, cairn_tensor dy, int axis, int64_t B);

/* The gradients [B, shape] of all operands of a node that all examples share, from dy, [B, shape of
 * the node]. False: the op has no rule. */
bool cairn__pull_lifted(const cairn_node *n, cairn_tensor dy, int64_t B, cairn_tensor *dx);

/* `shape` with an axis of size B before it; the graph is in error where there is no room. */
cairn_shape cairn__lifted_shape(cairn_graph *g, cairn_shape shape, int64_t B);

#endif
