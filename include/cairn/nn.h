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

/* min(max(x + 3, 0), 6) / 6, and x times that. Source: Howard et al. 2019, section 5.2. */
CAIRN_API cairn_tensor cairn_hard_sigmoid(cairn_tensor x);
CAIRN_API cairn_tensor cairn_hard_swish(cairn_tensor x);

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

/* ---- convolutions ---------------------------------------------------------------------------- */

typedef struct cairn_conv_layer_options {
    int64_t channels;        /* of the result */
    int64_t size[3];         /* of the window, along each spatial axis */
    cairn_conv_options conv; /* default: padding that keeps sizes at stride 1 */
    bool bias;               /* default no */
} cairn_conv_layer_options;

CAIRN_API cairn_conv_layer_options cairn_conv_layer_defaults(int64_t channels, int64_t size);

/* x: f32 [N, 1 to 3 sizes, C]. Parameters: "weight" [size.., C / groups, channels], normal with
 * deviation sqrt(2 / fan in), and "bias" [channels], zeros.
 * Errors (kept by the graph): CAIRN_ERR_SHAPE, and those of cairn_conv(). */
CAIRN_API cairn_tensor cairn_conv_layer(cairn_tensor x, const char *name,
                                        const cairn_conv_layer_options *options);

/* ---- normalisation by batch and by group ----------------------------------------------------- */

typedef struct cairn_batch_norm_options {
    double epsilon;  /* added to the variance; default 1e-5 */
    double momentum; /* share of the batch in the running statistics; default 0.1 */
    bool training;   /* default yes: by the batch, following it; else by the running statistics */
} cairn_batch_norm_options;

CAIRN_API cairn_batch_norm_options cairn_batch_norm_defaults(void);

/* cairn_batch_normalize() with parameters "scale" (ones) and "offset" (zeros) and the states "mean"
 * and "variance" [C], which each run with updates moves towards the batch's mean and its variance
 * without bias. options: NULL for the defaults.
 * Errors (kept by the graph): CAIRN_ERR_SHAPE when x has fewer than two axes or no elements. */
CAIRN_API cairn_tensor cairn_batch_norm_layer(cairn_tensor x, const char *name,
                                              const cairn_batch_norm_options *options);

/* Each example's channels in `groups` groups, each normalised by its own mean and variance, then
 * times "scale" plus "offset" [C]. x: f32 [N, .., C].
 * Errors (kept by the graph): CAIRN_ERR_SHAPE when the groups do not divide C. */
CAIRN_API cairn_tensor cairn_group_norm(cairn_tensor x, const char *name, int64_t groups,
                                        double epsilon);

/* ---- residual networks ----------------------------------------------------------------------- */

typedef struct cairn_resnet_options {
    int layers;         /* 18, 34 or 50 */
    int64_t classes;
    double width;       /* multiplies all channels, 64 in the first stage; default 1 */
    bool imagenet_stem; /* 7 x 7 of stride 2 and max pooling; default 3 x 3, for small pictures */
    cairn_batch_norm_options norm;
} cairn_resnet_options;

CAIRN_API cairn_resnet_options cairn_resnet_defaults(int layers, int64_t classes);

/* Logits [N, classes] of pictures x, f32 [N, H, W, C], or of videos, [N, T, H, W, C]: windows of 3
 * are 3 x 3 x 3 then, strides go along time too, and the large stem is 3 x 7 x 7, of stride 2 in
 * pictures only, without pooling (18 layers: 33,371,472 parameters for 400 classes). Parameters
 * "stem/..", "stageS_blockB/..", "head/..". Errors (kept by the graph): CAIRN_ERR_VALUE for other
 * options, and those of layers. Source: He et al. 2016. arXiv:1512.03385; R3D in Tran et al. 2018.
 * arXiv:1711.11248 */
CAIRN_API cairn_tensor cairn_resnet(cairn_tensor x, const cairn_resnet_options *options);

/* ---- small networks for pictures ------------------------------------------------------------- */

typedef enum cairn_mobilenet_size {
    CAIRN_MOBILENET_SMALL,
    CAIRN_MOBILENET_LARGE
} cairn_mobilenet_size;

CAIRN_API extern const char *const cairn_mobilenet_names[];

typedef struct cairn_mobilenet_options {
    cairn_mobilenet_size size;
    int64_t classes;
    double width;   /* multiplies all channels, which are then multiples of 8; default 1 */
    double dropout; /* rate before the classes, in training; default 0.2 */
    cairn_batch_norm_options norm; /* training: also says whether there is dropout */
} cairn_mobilenet_options;

CAIRN_API cairn_mobilenet_options cairn_mobilenet_defaults(cairn_mobilenet_size size,
                                                           int64_t classes);

/* MobileNetV3: logits [N, classes] of pictures x, f32 [N, H, W, C]. Parameters "stem/..",
 * "blockI/..", "last/..", "hidden/..", "head/..". Errors (kept by the graph): CAIRN_ERR_VALUE for
 * other options, and those of layers. Source: Howard et al. 2019. arXiv:1905.02244 */
CAIRN_API cairn_tensor cairn_mobilenet(cairn_tensor x, const cairn_mobilenet_options *options);

typedef struct cairn_efficientnet_options {
    int64_t classes;
    double width, depth;     /* multiply channels, which are then multiples of 8, and the blocks of
                              * each stage, rounded up; default 1 */
    double dropout;          /* rate before the classes, in training; default 0.2 */
    double stochastic_depth; /* of the block behind the last one; growing from 0 at the first;
                              * default 0.2 */
    cairn_batch_norm_options norm; /* training: also says whether there is dropout */
} cairn_efficientnet_options;

CAIRN_API cairn_efficientnet_options cairn_efficientnet_defaults(int64_t classes);

/* EfficientNetV2-S: logits [N, classes] of pictures x, f32 [N, H, W, C]; 21,458,488 parameters for
 * 1000 classes. Parameters "stem/..", "stageS_blockB/..", "last/..", "head/..". Errors (kept by the
 * graph): CAIRN_ERR_VALUE for other options, and those of layers.
 * Source: Tan and Le 2021, table 4. arXiv:2104.00298 */
CAIRN_API cairn_tensor cairn_efficientnet(cairn_tensor x,
                                          const cairn_efficientnet_options *options);

/* ---- norms and noise over the last axis ------------------------------------------------------ */

/* (x - mean) / sqrt(variance + epsilon) over the last axis, times the parameter "scale" [n], plus
 * "bias" [n] if wanted. x: f32 [.., n]. Source: Ba, Kiros, Hinton 2016. arXiv:1607.06450 */
CAIRN_API cairn_tensor cairn_layer_norm(cairn_tensor x, const char *name, double epsilon,
                                        bool bias);

/* x / sqrt(mean of x^2 + epsilon) over the last axis, times the parameter "scale" [n]. Source:
 * Zhang and Sennrich 2019. arXiv:1910.07467 */
CAIRN_API cairn_tensor cairn_rms_norm(cairn_tensor x, const char *name, double epsilon);

/* For training: each element is 0 with probability `rate`, else divided by 1 - rate; fresh in each
 * step. 0 <= rate < 1; a rate of 0 is x itself. Source: Srivastava et al. 2014. */
CAIRN_API cairn_tensor cairn_dropout(cairn_tensor x, double rate);

/* The same for all of an example at once: one draw for each entry of the first axis. Source: Huang
 * et al. 2016. arXiv:1603.09382 */
CAIRN_API cairn_tensor cairn_stochastic_depth(cairn_tensor x, double rate);

/* ---- attention and Transformers -------------------------------------------------------------- */

typedef struct cairn_multihead_options {
    int64_t heads;
    int64_t kv_heads;    /* heads of keys and values, a divisor of heads; 0: as many */
    bool causal;
    bool bias;           /* of the projections */
    bool qkv_bias;       /* of the projection "qkv" even without `bias`, as in Qwen2 */
    double rotary_base;  /* queries and keys are turned by their positions, see cairn_rotary(); 0:
                          * they are not. Of self-attention only */
    cairn_tensor mask;   /* see `bias` of cairn_attention_options; graph == NULL: none */
    cairn_init init, output_init; /* default Glorot uniform */
} cairn_multihead_options;

CAIRN_API cairn_multihead_options cairn_multihead_defaults(int64_t heads);

/* Multi-head attention: projections to queries, keys and values, attention, a projection.
 *
 * x        f32 [B,T,width]; heads divides width
 * context  what keys and values are made of, [B,Tk,any], or NULL: x itself
 *
 * Returns [B,T,width]. Parameters: "qkv" with the heads of queries, of keys and of values side by
 * side (of another context "query" and "key_value"), and "output", each with weight and bias. */
CAIRN_API cairn_tensor cairn_multihead_attention(cairn_tensor x, const cairn_tensor *context,
                                                 const char *name,
                                                 const cairn_multihead_options *options);

typedef struct cairn_transformer_options {
    int layers;
    int64_t width, hidden;
    cairn_multihead_options attention; /* its inits and bias are replaced by those below */
    cairn_activation activation;       /* default gelu */
    bool gated;    /* activation(x W) o (x V) instead of activation(x W): SwiGLU with swish */
    bool parallel; /* both branches read one norm of x and are added at once */
    bool rms_norm; /* instead of layer norm */
    bool bias;     /* of projections and layer norms */
    double epsilon;   /* of the norms, default 1e-5 */
    double deviation; /* of initial weights, default 0.02; into the sum over sqrt(2 layers) */
    double dropout, stochastic_depth; /* rates, for training */
    bool recompute; /* of each block only the result is kept: cairn_recompute_push() */
    cairn_tensor context_mask;        /* of the attention to a context; graph == NULL: none */
} cairn_transformer_options;

/* hidden is 4 width. */
CAIRN_API cairn_transformer_options cairn_transformer_defaults(int layers, int64_t width,
                                                               int64_t heads);

/* x + attention(norm(x)), then, with a context, + attention to it, then + mlp(norm(x)). x:
 * [B,T,width]; context: [B,Tk,any] or NULL. Returns [B,T,width]. Errors (kept by the graph):
 * those of the layers. */
CAIRN_API cairn_tensor cairn_transformer_block(cairn_tensor x, const cairn_tensor *context,
                                               const char *name,
                                               const cairn_transformer_options *options);

/* `layers` blocks "block1" .. and a last norm: an encoder without a context and with causal =
 * false, a decoder with causal = true. */
CAIRN_API cairn_tensor cairn_transformer_stack(cairn_tensor x, const cairn_tensor *context,
                                               const cairn_transformer_options *options);

/* ---- mixture of experts ----------------------------------------------------------------------
 *
 * In place of one feed-forward block there are E of them, the experts, and each token goes to the
 * few that a router chooses. Tokens are cut into groups of S, routed apart; in each group an expert
 * takes C = ceil(factor k S / E) tokens at most, a multiple of some number. All first choices find
 * their places before any second one. A choice without a place adds nothing: such a token passes
 * by what stands around the layer, as a residual sum.
 *
 *     p = softmax(x W)       e_1 .. e_k: the k largest, the lower index of equal ones
 *     y = sum of gate_j expert_(e_j)(x)          over the choices that have a place
 *
 * Sources: Shazeer et al. 2017, arXiv:1701.06538; Lepikhin et al. 2020 (GShard), arXiv:2006.16668;
 * Fedus et al. 2021 (Switch), arXiv:2101.03961; Riquelme et al. 2021 (V-MoE: priority, importance,
 * load), arXiv:2106.05974; Zoph et al. 2022 (z), arXiv:2202.08906; Mustafa et al. 2022 (LIMoE:
 * entropies), arXiv:2206.02770. */
#define CAIRN_MOE_GATES(X)                                                                         \
    X(raw, "the probabilities as they are")                                                        \
    X(normalised, "divided by the sum of those chosen: GShard")                                    \
    X(kept, "divided by the sum of those that have a place")

typedef enum cairn_moe_gates {
#define CAIRN_X(name, text) CAIRN_MOE_GATES_##name,
    CAIRN_MOE_GATES(CAIRN_X)
#undef CAIRN_X
    CAIRN_N_MOE_GATES
} cairn_moe_gates;

/* Names for option tables, NULL-terminated, in the order of the enumeration. */
CAIRN_API extern const char *const cairn_moe_gates_names[];

enum { CAIRN_MOE_CHOICES = 8 };

typedef struct cairn_moe_options {
    int64_t experts, hidden;   /* E, and units inside each */
    int choices;               /* k, at most CAIRN_MOE_CHOICES; of fewer experts, all of them */
    double capacity_factor;    /* of the mean load; 0: room for all, nothing is dropped */
    int64_t capacity_multiple; /* C is brought up to a multiple of this */
    int64_t group;             /* S, a divisor of the number of tokens; 0: all of them */
    cairn_moe_gates gates;
    bool by_priority;        /* in the order of their largest p, instead of as they stand */
    double noise;            /* deviation of what is added to the router's logits; for training */
    double second_threshold; /* a further choice stands with probability min(1, gate / threshold),
                              * drawn in each step; for training. 0: always */
    cairn_activation activation;
    bool gated, bias; /* of the experts, as in cairn_transformer_options */
    cairn_init router_init, init, output_init;
    cairn_tensor valid; /* bool of x's shape without the last axis: other tokens, as padding, take
                         * no place and do not count. graph == NULL: all are valid */
} cairn_moe_options;

/* hidden 4 times the last axis of x where it is 0; 2 choices, factor 1.25 with multiples of 1, one
 * group, normalised gates, gelu, no bias, initial weights normal with deviation 0.02. Switch: 1
 * choice and raw gates. LIMoE: that, with priority and a noise of 1 / E. */
CAIRN_API cairn_moe_options cairn_moe_defaults(int64_t experts);

/* What a layer gives. Losses are f32 scalars, means over the groups, for the user to weigh and add;
 * those that nobody reads cost nothing. n: valid tokens of a group; sums and means over them. */
typedef struct cairn_moe {
    cairn_tensor output;        /* f32, of the shape of x */
    cairn_tensor logits;        /* f32 [G, S, E], without noise */
    cairn_tensor probabilities; /* f32 [G, S, E], softmax of those */
    cairn_tensor choices;       /* i32 [k, G, S]: experts, -1 where there is none */
    cairn_tensor places;        /* i32 [k, G, S]: see cairn_queue(); -1: dropped */
    cairn_tensor gates;         /* f32 [k, G, S] */
    cairn_tensor balance; /* E sum over e of f_e P_e, f_e the share of tokens whose first choice is
                           * e, P_e the mean of p_e: 1 if balanced, E if not at all */
    cairn_tensor z;          /* mean of log(sum of exp(logits))^2 */
    cairn_tensor importance; /* (deviation / mean)^2 over the experts, of their sums of p */
    cairn_tensor spread; /* the same of the chance, with other noise, to be chosen ("load" in
                          * V-MoE): 1 - Phi((k-th largest noisy logit - logit) / noise). Without
                          * noise it is 0 */
    cairn_tensor load;    /* f32 [E]: tokens at each expert by the mean load k n / E; to report */
    cairn_tensor dropped; /* f32 [k]: the share of j-th choices without a place; to report */
    int64_t capacity;     /* C */
} cairn_moe;

/* x: f32 [.., D] with at least two axes. Parameters "router/weight" [D, E]; "hidden/weight" [E, D,
 * hidden], twice as wide when gated, and "hidden/bias" [E, 1, ..]; "output/weight" [E, hidden, D]
 * and "output/bias" [E, 1, D]. The gradient of `output` reaches the router through the gates.
 *
 * One expert with room for all gives the bits of the dense block of these layers. With room for
 * all, a token's result does not depend on the others: what evaluation wants.
 * Errors (kept by the graph): CAIRN_ERR_VALUE for other options, CAIRN_ERR_SHAPE. */
CAIRN_API cairn_moe cairn_moe_layer(cairn_tensor x, const char *name,
                                    const cairn_moe_options *options);

/* Entropies of routing, in nats, for the tokens of one modality: means over the groups of
 *
 *     local    the mean of H(p) over the members: small if each token is sure of its expert
 *     global   max(0, threshold - H(mean of p over the members)): 0 if the members use at least
 *              exp(threshold) experts between them
 *
 * with H(p) = -sum of p log p. p: f32 [G, S, E]; member: bool [G, S], or NULL: all. A group without
 * members counts as 0. Either result may be NULL. */
CAIRN_API void cairn_moe_entropies(cairn_tensor p, const cairn_tensor *member, double threshold,
                                   cairn_tensor *local, cairn_tensor *global);

typedef struct cairn_gpt_options {
    int64_t vocabulary, positions; /* default GPT-2's 50257 and 1024; rotary models learn none */
    bool tied;                     /* the logits use the table of the tokens */
    cairn_transformer_options blocks;
} cairn_gpt_options;

/* GPT-2 small: 12 blocks of width 768, 12 heads, 124,439,808 parameters. */
CAIRN_API cairn_gpt_options cairn_gpt_defaults(void);

/* A decoder-only language model: tokens i32 [B,T] to logits f32 [B,T,vocabulary]. Source: Radford
 * et al. 2019. */
CAIRN_API cairn_tensor cairn_gpt(cairn_tensor tokens, const cairn_gpt_options *options);

typedef struct cairn_encoder_decoder_options {
    int64_t vocabulary, positions;
    bool tied;
    cairn_transformer_options encoder, decoder; /* of one width */
} cairn_encoder_decoder_options;

/* source i32 [B,Ts] and target i32 [B,Tt] to logits f32 [B,Tt,vocabulary]; both use one table of
 * tokens, and positions of their own. */
CAIRN_API cairn_tensor cairn_encoder_decoder(cairn_tensor source, cairn_tensor target,
                                             const cairn_encoder_decoder_options *options);

typedef enum cairn_vit_size {
    CAIRN_VIT_TINY,
    CAIRN_VIT_SMALL,
    CAIRN_VIT_BASE,
    CAIRN_VIT_LARGE
} cairn_vit_size;

CAIRN_API extern const char *const cairn_vit_names[];

typedef struct cairn_vit_options {
    int64_t patch, classes; /* default 16 and 1000 */
    bool class_token;       /* the head reads a learned token; else the mean over patches */
    cairn_transformer_options blocks;
} cairn_vit_options;

CAIRN_API cairn_vit_options cairn_vit_defaults(cairn_vit_size size);

/* A vision Transformer: pictures f32 [B,H,W,C] to logits [B,classes]. H and W are multiples of
 * `patch`; the learned positions fit this size. Source: Dosovitskiy et al. 2021.
 * arXiv:2010.11929 */
CAIRN_API cairn_tensor cairn_vit(cairn_tensor x, const cairn_vit_options *options);

/* ---- Conformers ------------------------------------------------------------------------------ */

#define CAIRN_CONFORMER_POSITIONS(X)                                                               \
    X(none, "attention does not know positions")                                                   \
    X(relative, "sinusoids of distances, as in Transformer-XL")                                    \
    X(rotary, "queries and keys turned by their positions")

typedef enum cairn_conformer_positions {
#define CAIRN_X(name, text) CAIRN_CONFORMER_##name,
    CAIRN_CONFORMER_POSITIONS(CAIRN_X)
#undef CAIRN_X
    CAIRN_N_CONFORMER_POSITIONS
} cairn_conformer_positions;

/* Names for option tables, NULL-terminated, in the order of the enumeration. */
CAIRN_API extern const char *const cairn_conformer_positions_names[];

typedef struct cairn_conformer_options {
    int layers;
    int64_t width, hidden, heads;
    int64_t window; /* of the depthwise convolution: odd, default 31 */
    cairn_conformer_positions positions; /* default relative */
    double rotary_base;                  /* default 10000 */
    bool layer_norm; /* in the convolution module, instead of batch norm: examples stay apart */
    double epsilon;  /* of layer norms, default 1e-5 */
    double dropout;  /* rate, for training */
    cairn_batch_norm_options norm;
    cairn_tensor valid; /* bool [B, T]: others are no keys and count as zeros in the convolution;
                         * batch norm still sees them. graph == NULL: all */
} cairn_conformer_options;

/* hidden is 4 width. */
CAIRN_API cairn_conformer_options cairn_conformer_defaults(int layers, int64_t width,
                                                           int64_t heads);

/* The encoder of a Conformer, blocks "block1" .. of
 *
 *     x = x + feed1(x) / 2     x = x + attention(x)     x = x + conv(x)     x = x + feed2(x) / 2
 *
 * and a layer norm, each branch with a layer norm before it. conv: to twice the width, of which one
 * half gates the other; a depthwise convolution along time; a norm; swish; back. With relative
 * positions the score of query i and key j is
 *
 *     ((q_i + u) k_j + (q_i + v) r_(i - j)) / sqrt(D),    r a projection of sin and cos of i - j
 *
 * x: f32 [B, T, width]; returns [B, T, width]. With positions "none" parameters are those of
 * torchaudio.models.Conformer. Errors (kept by the graph): CAIRN_ERR_VALUE, CAIRN_ERR_SHAPE.
 * Sources: Gulati et al. 2020, arXiv:2005.08100; Dai et al. 2019, section 3.3, arXiv:1901.02860. */
CAIRN_API cairn_tensor cairn_conformer(cairn_tensor x, const cairn_conformer_options *options);

/* ---- fake quantisation -------------------------------------------------------------------------
 *
 * What a network of whole numbers would compute, in floating point, so that training takes the
 * rounding into account: for numbers q between `low` and `high`,
 *
 *     q = round(x / scale) + zero, cut to low .. high       y = (q - zero) scale
 *
 * The gradient passes rounding as if it were not there, and stops where x was cut. Halves round to
 * even. Source: Jacob et al. 2018, arXiv:1712.05877. */

/* x f32; scale (positive) and zero f32 that broadcast with x. A gradient reaches scale as well:
 * q - zero - x / scale inside, q - zero outside. Errors (kept by the graph): CAIRN_ERR_VALUE for
 * low >= high, CAIRN_ERR_SHAPE. */
CAIRN_API cairn_tensor cairn_fake_quantize_of(cairn_tensor x, cairn_tensor scale, cairn_tensor zero,
                                              double low, double high);

typedef enum cairn_quantize_range {
    CAIRN_RANGE_OBSERVED, /* moving averages of the least and the greatest, states "low" and "high":
                           * of activations */
    CAIRN_RANGE_NOW,      /* of x itself: of weights */
    CAIRN_RANGE_LEARNED   /* a parameter "scale" (LSQ). Source: Esser et al. 2020,
                           * arXiv:1902.08153 */
} cairn_quantize_range;

enum { CAIRN_QUANTIZE_ALL = -1 };

typedef struct cairn_quantize_options {
    int bits;       /* 2 to 16, default 8 */
    bool symmetric; /* zero is 0 and q from 1 - 2^(bits-1) to 2^(bits-1) - 1; else from 0 to
                     * 2^bits - 1 */
    int axis;       /* one scale for each element of it; CAIRN_QUANTIZE_ALL, the default: one */
    cairn_quantize_range range;
    double momentum; /* share of the present range in the moving average, default 0.01; the first
                      * is taken whole */
    double scale;    /* of learned scales: where they start, default 1 */
    bool training;   /* false: observed ranges stay as they are */
} cairn_quantize_options;

CAIRN_API cairn_quantize_options cairn_quantize_defaults(void);

/* The above with a range that always holds 0, named "name/..". */
CAIRN_API cairn_tensor cairn_fake_quantize(cairn_tensor x, const char *name,
                                           const cairn_quantize_options *options);

/* ---- recurrent layers ------------------------------------------------------------------------ */

/* Names for option tables, NULL-terminated, in the order of the enumeration. */
CAIRN_API extern const char *const cairn_recurrent_names[];

typedef struct cairn_recurrent_options {
    cairn_recurrent_kind kind;
    int64_t units;
    int layers;            /* one on top of the other; default 1 */
    int64_t projection;    /* h of each layer brought to this width by a linear layer; 0: not */
    double forget_bias;    /* added to the forget gate beside its bias; default 1 */
    double weight_dropout; /* rate on the recurrent weights, one draw for all steps of a run; for
                            * training. Source: Merity et al. 2018, arXiv:1708.02182 */
    double dropout;        /* rate between layers; for training */
} cairn_recurrent_options;

CAIRN_API cairn_recurrent_options cairn_recurrent_defaults(cairn_recurrent_kind kind,
                                                           int64_t units);

/* Layers "layer1" .. of cairn_recurrent(): parameters "input_weight" [in, G units], "weight"
 * [units, G units] (of a GRU with the row of its recurrent bias behind them) and "bias" [G units],
 * uniform within 1 / sqrt(units); "projection/..".
 *
 * x      f32 [T, B, in]: time first
 * start  the states before the first step, one for each layer, or NULL for zeros
 * last   room for the states behind the last step, one for each layer, or NULL
 *
 * Returns [T, B, units or projection]. Second derivatives are an error (see cairn_recurrent()).
 * Errors (kept by the graph): CAIRN_ERR_VALUE for bad options or an x without three axes. */
CAIRN_API cairn_tensor cairn_recurrent_layer(cairn_tensor x, const char *name,
                                             const cairn_recurrent_options *options,
                                             const cairn_tensor *start, cairn_tensor *last);

typedef struct cairn_recurrent_language_options {
    int64_t vocabulary, embedding;
    cairn_recurrent_options layers;
} cairn_recurrent_language_options;

/* Next-word prediction on Stack Overflow as in Reddi et al. 2021, arXiv:2003.00295: 10,000 words
 * and 4 special ones, embedding 96, one LSTM layer of 670, projection to 96; 4,050,748
 * parameters. */
CAIRN_API cairn_recurrent_language_options cairn_recurrent_language_defaults(void);

/* A language model: tokens i32 [T, B], time first, to logits [T, B, vocabulary]. Parameters
 * "embedding", "recurrent/..", "output/..". Errors (kept by the graph): CAIRN_ERR_VALUE. */
CAIRN_API cairn_tensor
cairn_recurrent_language_model(cairn_tensor tokens,
                               const cairn_recurrent_language_options *options);

#ifdef __cplusplus
}
#endif

#endif
