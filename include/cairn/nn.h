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
    X(gelu, "x Phi(k x), with the error function")                                                 \
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

/* SmeLU and its relatives, for those who need more than one number:
 *
 * cairn_smelu    of half-width beta, 0 meaning ReLU. Errors (kept by the graph): CAIRN_ERR_VALUE
 *                for a negative or infinite beta, as cairn_activate() gives it for a negative k.
 * cairn_gsmelu   a line of slope g_minus up to -alpha, a line of slope g_plus from beta on, and the
 *                parabola that joins them smoothly; t is the value at -alpha. Five numbers or
 *                tensors that can be repeated to the shape of x. With alpha = beta, slopes 0 and 1
 *                and t = 0 it is SmeLU. It is computed as
 *
 *                    t + g_minus (x + alpha) + (g_plus - g_minus) S(x - (beta - alpha) / 2)
 *
 *                where S is SmeLU of half-width (alpha + beta) / 2.
 * cairn_gsmelu_layer
 *                the same with parameters "alpha", "beta", "g_minus", "g_plus" and "t" under
 *                `name`, one number each for the whole layer, that start at `start` and are
 *                learnt. Widths are floor + softplus(parameter), so they never fall below
 *                CAIRN_GSMELU_FLOOR.
 * Errors: CAIRN_ERR_VALUE for a negative width, both widths 0, or (learnt) one at or below the
 * floor.
 * Source: Shamir, Lin, Coviello 2020, equations 2 and 11. arXiv:2010.09931 */
typedef struct cairn_gsmelu_options {
    double alpha, beta, g_minus, g_plus, t;
} cairn_gsmelu_options;

#define CAIRN_GSMELU_FLOOR 1e-3

/* alpha = beta = 1, slopes 0 and 1, t = 0. */
CAIRN_API cairn_gsmelu_options cairn_gsmelu_defaults(void);
CAIRN_API cairn_tensor cairn_smelu(cairn_tensor x, double beta);
CAIRN_API cairn_tensor cairn_gsmelu(cairn_tensor x, const cairn_gsmelu_options *options);
CAIRN_API cairn_tensor cairn_gsmelu_of(cairn_tensor x, cairn_tensor alpha, cairn_tensor beta,
                                       cairn_tensor g_minus, cairn_tensor g_plus, cairn_tensor t);
CAIRN_API cairn_tensor cairn_gsmelu_layer(cairn_tensor x, const char *name,
                                          const cairn_gsmelu_options *start);

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
