/* Cairn, nn: layers and models, built from the operations of graph.h.
 *
 * A layer creates its parameters under its name: "encoder1/weight" [in, out], "encoder1/bias"
 * [out]. */
#ifndef CAIRN_NN_H
#define CAIRN_NN_H

#include "cairn/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- activations ----------------------------------------------------------------------------- */

/* name, formula; k is the activation's parameter. A monotone one has a matching loss (loss.h). */
#define CAIRN_ACTIVATIONS(X)                                                                       \
    X(linear, "x")                                                                                 \
    X(relu, "max(x, 0)")                                                                           \
    X(leaky_relu, "x for x > 0, else k x")                                                         \
    X(squared_relu, "max(x, 0)^2")                                                                 \
    X(smelu, "0 below -k, x above k, (x + k)^2 / (4 k) between")                                   \
    X(elu, "x for x > 0, else k (exp(x) - 1)")                                                     \
    X(softplus, "log(1 + exp(k x)) / k")                                                           \
    X(tanh, "tanh(x)")                                                                             \
    X(sigmoid, "1 / (1 + exp(-x))")                                                                \
    X(gelu, "x Phi(x), with the error function")                                                   \
    X(gelu_tanh, "x Phi(x), Phi approximated by tanh")                                             \
    X(swish, "x sigmoid(k x)")                                                                     \
    X(mish, "x tanh(log(1 + exp(x)))")                                                             \
    X(softmax, "exp(x) / sum of exp(x) along the last axis")

typedef enum cairn_activation_kind {
#define CAIRN_X(name, formula) CAIRN_ACTIVATION_##name,
    CAIRN_ACTIVATIONS(CAIRN_X)
#undef CAIRN_X
    CAIRN_N_ACTIVATIONS
} cairn_activation_kind;

typedef struct cairn_activation {
    cairn_activation_kind kind;
    double k; /* slope, width or sharpness; 0 is the usual value: 0.01 for leaky_relu, else 1 */
} cairn_activation;

/* Names for option tables, NULL-terminated, in the order of the enumeration. */
CAIRN_API extern const char *const cairn_activation_names[];

/* Applies the activation to f32 values. */
CAIRN_API cairn_tensor cairn_activate(cairn_tensor x, cairn_activation activation);

CAIRN_API cairn_tensor cairn_softmax(cairn_tensor x, int axis);
CAIRN_API cairn_tensor cairn_log_softmax(cairn_tensor x, int axis);

/* ---- dense layers ---------------------------------------------------------------------------- */

/* A dense layer with all that layer-wise methods (LocoProp, K-FAC) need of it. */
typedef struct cairn_dense {
    cairn_tensor x;      /* [B, in] input */
    cairn_tensor weight; /* [in, out] parameter */
    cairn_tensor bias;   /* [out] parameter, or graph == NULL */
    cairn_tensor z;      /* [B, out] = x weight + bias */
    cairn_tensor y;      /* [B, out] = activation(z) */
    cairn_activation activation;
} cairn_dense;

typedef struct cairn_dense_options {
    int64_t units;
    cairn_activation activation;
    bool bias;
    cairn_init weight_init; /* default Glorot uniform */
    cairn_init bias_init;   /* default zeros */
} cairn_dense_options;

CAIRN_API cairn_dense_options cairn_dense_defaults(int64_t units);

/* x: f32 [B, in]. Errors (kept by the graph): CAIRN_ERR_SHAPE when x has not two axes. */
CAIRN_API cairn_dense cairn_dense_layer(cairn_tensor x, const char *name,
                                        const cairn_dense_options *options);

/* x weight + bias with default initial values: the short form. */
CAIRN_API cairn_tensor cairn_linear(cairn_tensor x, int64_t units, const char *name);

/* ---- multi-layer perceptrons ----------------------------------------------------------------- */

enum { CAIRN_MLP_LAYERS = 64 };

typedef struct cairn_mlp_options {
    int layers;
    int64_t units[CAIRN_MLP_LAYERS]; /* of each layer; the last is the output */
    cairn_activation hidden;
    cairn_activation output;
    int linear_layer;     /* index of a hidden layer without activation (a bottleneck), or -1 */
    double bias_scale;    /* biases start uniform within bias_scale * sqrt(3 / units); 0: zeros */
} cairn_mlp_options;

CAIRN_API cairn_mlp_options cairn_mlp_defaults(const int64_t *units, int layers);

/* A stack of dense layers named "layer1" .. in the current scope. layers: room for options->layers.
 * Returns the last layer's y. */
CAIRN_API cairn_tensor cairn_mlp(cairn_tensor x, const cairn_mlp_options *options,
                                 cairn_dense *layers);

/* The deep autoencoder of Hinton and Salakhutdinov (2006) as used by Amid et al. (2022):
 * inputs-1000-500-250-30-250-500-1000-inputs, the code layer linear, the output logits (linear).
 * `width` multiplies the hidden sizes but not the code's, `depth` repeats the layers of 500. */
CAIRN_API cairn_mlp_options cairn_autoencoder_defaults(int64_t inputs, double width, int depth);

#ifdef __cplusplus
}
#endif

#endif
