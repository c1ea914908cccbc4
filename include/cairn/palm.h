/* Cairn, PaLM: a dense decoder-only language model, and what its training costs.
 *
 *   1. the model       blocks whose two branches read one norm and are added at once
 *   2. the loss        cross-entropy, and what keeps the logits from drifting
 *   3. the accounts    parameters, FLOPs of a token, model and hardware FLOPs utilisation
 *   4. decoding        with a cache of keys and values (generate.h has sampling)
 *
 * Source: Chowdhery et al. 2022, "PaLM: scaling language modeling with Pathways".
 * arXiv:2204.02311 */
#ifndef CAIRN_PALM_H
#define CAIRN_PALM_H

#include "cairn/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. the model -----------------------------------------------------------------------------
 *
 *     u = norm(x)     y = x + mlp(u) + attention(u)                        parallel
 *     z = x + attention(norm(x))     y = z + mlp(norm(z))                  serial
 *     mlp(u) = (swish(u W) o (u V)) W2, or gelu(u W) W2 without `gated`
 *
 * Queries have `heads` heads of `head_size` numbers, which need not make up the width; keys and
 * values have one head for all of them with `multi_query`. The first two are turned by their
 * positions. No bias anywhere. Logits are norm(x) E^T / sqrt(width), E the table of the tokens. */
typedef struct cairn_palm_options {
    int64_t vocabulary, layers, width, heads, head_size;
    int64_t hidden; /* of the feed-forward branch; 0: 4 width, or 6 width without `gated`, which is
                     * as many products */
    bool parallel, multi_query, gated;
    bool interleaved;   /* pairs that are turned stand side by side, not half a head apart. A model
                         * is trained with one or the other: they are different functions */
    double rotary_base; /* of cairn_rotary() */
    double epsilon;     /* of the norms */
    double z_loss;      /* weight of log(Z)^2 in the loss */
} cairn_palm_options;

/* All but the vocabulary, which comes from the data and is 0 in the defaults. The rest of them is a
 * small model: 4 layers of width 128, 4 heads of 32. */
CAIRN_API extern const cairn_option cairn_palm_table[];
CAIRN_API cairn_palm_options cairn_palm_defaults(void);

/* tokens i32 [B,T] to logits f32 [B,T,vocabulary]. Parameters: "token" [vocabulary, width]; of
 * "block1" .. "norm/scale" (serial: "norm2/scale" too), "query", "key", "value",
 * "attention_output", "gate" (with `gated`), "hidden", "output"; "norm/scale". Each is a variable
 * of its own, so that an optimiser which looks at the size of a parameter sees them apart; query,
 * key and value are multiplied as one matrix, and so are gate and hidden.
 *
 * Initial values: normal, with deviation 1 / sqrt(inputs), the table with deviation 1.
 * Errors (kept by the graph): CAIRN_ERR_VALUE for other options, CAIRN_ERR_SHAPE. */
CAIRN_API cairn_tensor cairn_palm(cairn_tensor tokens, const cairn_palm_options *options);

/* Keys and values of the pairs of one head's numbers brought from side by side to half a head
 * apart: x [n, heads head_size]. What `interleaved` does to the columns of "query" and "key". */
CAIRN_API cairn_tensor cairn_palm_halves(cairn_tensor x, int64_t heads);

/* ---- 2. the loss ------------------------------------------------------------------------------
 *
 *     total = cross_entropy + z      z = z_loss mean(log(Z)^2)      Z = sum of exp(logits)
 */
typedef struct cairn_palm_loss {
    cairn_tensor total;         /* to minimise */
    cairn_tensor cross_entropy; /* mean over the tokens, in nats: what is called the loss */
    cairn_tensor z, log_z;      /* the second part; the mean of log(Z) */
} cairn_palm_loss;

/* logits f32 [..,vocabulary], labels i32 [..]: f32 scalars. */
CAIRN_API cairn_palm_loss cairn_palm_losses(cairn_tensor logits, cairn_tensor labels,
                                            double z_loss);

/* ---- 3. the accounts --------------------------------------------------------------------------
 *
 *     F = 6 N + 12 layers heads head_size T                      of the model, for one token
 *     hardware = F + r 2 N + a 4 layers heads head_size T
 *
 * N counts the matrices and the table of tokens (used as the last matrix), not the norms; causal
 * attention counts like full attention. r and a: the shares of the forward pass without attention
 * products, and of these products, that are computed again behind. */
typedef struct cairn_palm_work {
    double parameters; /* N */
    double attention;  /* 12 layers heads head_size T */
    double model, hardware;
} cairn_palm_work;

CAIRN_API int64_t cairn_palm_parameters(const cairn_palm_options *options);
CAIRN_API cairn_palm_work cairn_palm_work_of(const cairn_palm_options *options, int64_t tokens,
                                             double recomputed, double attention_recomputed);

/* work (one of those above) done `tokens_per_second` times by what could do `peak` FLOPs a second:
 * MFU for `model`, HFU for `hardware`. peak 0: NaN. */
CAIRN_API double cairn_palm_utilisation(double work, double tokens_per_second, double peak);

/* ---- 4. decoding ------------------------------------------------------------------------------
 *
 * A prompt is read whole; then each token costs one row. Turned keys and the values of all tokens
 * so far are kept, 2 layers kv_heads head_size numbers for a token: one head's with `multi_query`.
 * Results are those of cairn_palm() but for rounding. */
typedef struct cairn_palm_decoder cairn_palm_decoder;

/* graph     with the model's parameters (cairn_palm() was called in it), compiled or loaded. What
 *           is kept are further variables of it: use one decoder of a graph at a time
 * batch     rows decoded side by side, B
 * prompt    most tokens of a prompt, P
 * capacity  most tokens of a row, prompt and all, at least P
 *
 * The caller owns the result: cairn_palm_decoder_free(). It does not need the graph any more.
 * Errors: those of building and compiling, CAIRN_ERR_VALUE. */
CAIRN_API cairn_palm_decoder *cairn_palm_decoder_new(const cairn_graph *graph,
                                                     const cairn_palm_options *options,
                                                     int64_t batch, int64_t prompt,
                                                     int64_t capacity, cairn_status *status);
CAIRN_API void cairn_palm_decoder_free(cairn_palm_decoder *decoder);

/* Begins all rows anew. ids: [B, P], of which the first lengths[b] (1 to P) of row b count.
 * Errors: CAIRN_ERR_VALUE. */
CAIRN_API bool cairn_palm_decoder_prompt(cairn_palm_decoder *decoder, const int32_t *ids,
                                         const int64_t *lengths, cairn_status *status);

/* Adds one token to each row. ids: [B]; one below 0 leaves its row as it is, whose logits are then
 * of no use. Errors: CAIRN_ERR_STATE before a prompt, and for a row that is full. */
CAIRN_API bool cairn_palm_decoder_next(cairn_palm_decoder *decoder, const int32_t *ids,
                                       cairn_status *status);

/* Of the token that follows each row: [B, vocabulary], borrowed until the next call. */
CAIRN_API const float *cairn_palm_decoder_logits(const cairn_palm_decoder *decoder);

/* Bytes of keys and values that are kept. */
CAIRN_API int64_t cairn_palm_cache_bytes(const cairn_palm_options *options, int64_t batch,
                                         int64_t capacity);

#ifdef __cplusplus
}
#endif

#endif
