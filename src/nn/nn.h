/* Shared by the files of nn. */
#ifndef CAIRN_SRC_NN_H
#define CAIRN_SRC_NN_H

#include "cairn/nn.h"
#include "graph/graph.h"

/* x weight + bias over the last axis of x [.., in]: [.., units]. */
cairn_tensor cairn__project(cairn_tensor x, int64_t units, const char *name, bool bias,
                            cairn_init init);

/* All axes but the last as one. */
cairn_tensor cairn__as_rows(cairn_tensor x);

/* The rows [B T, n] as [B, T, n]. */
cairn_tensor cairn__with_time(cairn_tensor rows, int64_t B);

/* "NAME/conv", a convolution of `size` and `stride` along each axis that keeps sizes at stride 1,
 * and "NAME/norm" behind it. */
cairn_tensor cairn__conv_norm(cairn_tensor x, const char *name, int64_t channels, int64_t size,
                              int64_t stride, int64_t groups, const cairn_batch_norm_options *norm);

/* The same with other options of the convolution. */
cairn_tensor cairn__conv_norm_of(cairn_tensor x, const char *name,
                                 const cairn_conv_layer_options *conv,
                                 const cairn_batch_norm_options *norm);

/* The channels of x [N, .., C] times a share that two small layers, "squeeze" with `units` and
 * "excite", find from the means of all channels: gate(excite(bend(squeeze(means)))). Source: Hu et
 * al. 2018. arXiv:1709.01507 */
cairn_tensor cairn__excite(cairn_tensor x, int64_t units, cairn_activation_kind bend,
                           cairn_tensor (*gate)(cairn_tensor));

/* The mean over all axes between the first and the last: [N, C]. */
cairn_tensor cairn__spatial_mean(cairn_tensor x);

/* The multiple of 8 nearest to `channels`, and not below nine tenths of it. */
int64_t cairn__rounded_channels(double channels);

#endif
