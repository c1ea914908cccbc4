/* Cairn, autodiff: derivatives as graph nodes.
 *
 * What these functions return are ordinary tensors: they can be clipped, summed, assigned or
 * differentiated again. */
#ifndef CAIRN_AUTODIFF_H
#define CAIRN_AUTODIFF_H

#include "cairn/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* dx[i] = d y / d x[i], reverse mode.
 *
 * y   scalar, f32
 * x   n tensors of the same graph: parameters, inputs or anything between
 * dx  n tensors, f32, each of the shape of x[i]; zeros where y does not depend on x[i]
 *
 * Errors (kept by the graph): CAIRN_ERR_SHAPE when y is not a scalar, CAIRN_ERR_TYPE when y or an
 * x[i] is not f32. */
CAIRN_API void cairn_gradients(cairn_tensor y, const cairn_tensor *x, int n, cairn_tensor *dx);

/* The product of a row vector with the Jacobian: dx[i] = sum over y of dy * d y / d x[i].
 * y may have any shape; dy has the shape of y. */
CAIRN_API void cairn_gradients_from(cairn_tensor y, cairn_tensor dy, const cairn_tensor *x, int n,
                                    cairn_tensor *dx);

/* The gradient of each example's loss by itself, for differential privacy and for curvature.
 *
 * loss  f32 [B], where loss[b] depends on row b of the inputs and on the parameters only
 * x     n parameters
 * dx    n tensors f32 [B, shape of x[i]]
 *
 * Vectorised: where a parameter meets the batch, in a product, a broadcast or a gather, its
 * gradient keeps the batch axis instead of being summed over it. Errors (kept by the graph):
 * CAIRN_ERR_STATE when a parameter is used in another way; the sentence names the op. */
CAIRN_API void cairn_per_example_gradients(cairn_tensor loss, const cairn_tensor *x, int n,
                                           cairn_tensor *dx);

#ifdef __cplusplus
}
#endif

#endif
