/* What the files of the reweighting share. */
#ifndef CAIRN_SRC_CICW_WEIGHTS_H
#define CAIRN_SRC_CICW_WEIGHTS_H

#include <math.h>

#include "cairn/cicw.h"

/* The rows of the table, with the defaults that differ between methods. */
#define CAIRN__REWEIGHT_ROWS(divergence, burn, ramp)                                               \
    CAIRN_OPT_CHOICE(cairn_reweight_options, reweight, divergence, cairn__divergences,             \
                     "weights of the examples of a batch: the divergence that keeps them near "    \
                     "uniform",                                                                    \
                     "section 3"),                                                                 \
        CAIRN_OPT_REAL(cairn_reweight_options, reweight_alpha, 0.1, -10, 10,                       \
                       "order of the divergences alpha and renyi", "published code"),              \
        CAIRN_OPT_REAL(cairn_reweight_options, reweight_lambda, 0.1, 1e-6, INFINITY,               \
                       "temperature: large is near uniform, small prefers low losses",             \
                       "published code"),                                                          \
        CAIRN_OPT_REAL(cairn_reweight_options, reweight_radius, 0, 0, 1e6,                         \
                       "distance from uniform, in place of the temperature where above 0; the "    \
                       "mass that tv moves",                                                       \
                       ""),                                                                        \
        CAIRN_OPT_CHOICE(cairn_reweight_options, class_reweight, CAIRN_CLASS_NONE,                 \
                         cairn__class_divergences,                                                 \
                         "weights of the classes of an example: the divergence that keeps them "   \
                         "near its label",                                                         \
                         "section 4"),                                                             \
        CAIRN_OPT_REAL(cairn_reweight_options, class_gamma, 0.01, 0, 1e6,                          \
                       "distance of the class weights from the label", "published code"),          \
        CAIRN_OPT_REAL(cairn_reweight_options, class_alpha, 0.5, 0.01, 0.99,                       \
                       "order of the class divergence alpha", ""),                                 \
        CAIRN_OPT_SPAN(cairn_reweight_options, burn_in, burn,                                      \
                       "first part of the run, without weights", "published code: 8 %"),           \
        CAIRN_OPT_SPAN(cairn_reweight_options, reweight_ramp, ramp,                                \
                       "then so long until the temperature has fallen to its value",               \
                       "published code: 6 %"),                                                     \
        CAIRN_OPT_REAL(cairn_reweight_options, reweight_start, 10, 1, 1e6,                         \
                       "factor of the temperature when that begins", "published code")

extern const char *const cairn__divergences[], *const cairn__class_divergences[];

/* False when x is none or an option is out of range, which the graph then says. */
bool cairn__reweight_ready(cairn_tensor x, const cairn_reweight_options *o);

/* Weights with lambda multiplied, and the radius divided, by a scalar `factor`. */
cairn_tensor cairn__instance_weights(cairn_tensor losses, const cairn_reweight_options *o,
                                     cairn_tensor factor);

/* Targets as distributions, f32 [B, classes]. */
cairn_tensor cairn__distributions(cairn_tensor logits, cairn_tensor targets);

#endif
