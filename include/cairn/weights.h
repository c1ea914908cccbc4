/* Cairn, weights: models that others trained, and models for others to use.
 *
 *   1. GGUF              the file format of llama.cpp, read
 *   2. collections       a Hugging Face directory or a GGUF file as one list of tensors
 *   3. architectures     what config.json or a GGUF header says, as options of nn.h
 *   4. in and out        values into a graph's variables, and back into a directory
 *   5. ONNX              a graph with its values as a model that others run
 *
 *     cairn_weights *w = cairn_weights_open("tiny-llama", &status);
 *     const cairn_architecture *a = cairn_weights_architecture(w, &status);
 *     cairn_graph *g = cairn_graph_new();
 *     cairn_tensor x = cairn_input(g, "x", CAIRN_I32, CAIRN_SHAPE(1, 12));
 *     cairn_output(cairn_architecture_build(x, a), "logits");
 *     cairn_weights_load(w, g, &status);
 *     cairn_weights_free(w);
 */
#ifndef CAIRN_WEIGHTS_H
#define CAIRN_WEIGHTS_H

#include "cairn/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One tensor of a file. shape: row-major, the slowest axis first, whatever the file's own order.
 * type: "f32", "bf16", "q4_K", ...: the types of safetensors (data.h) and of GGUF. */
typedef struct cairn_weight {
    const char *name, *type;
    int rank;
    int64_t shape[CAIRN_MAX_RANK];
    size_t bytes;
} cairn_weight;

/* ---- 1. GGUF ----------------------------------------------------------------------------------
 *
 * Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */

typedef struct cairn_gguf cairn_gguf;

/* Opens a file, which is mapped, or one held in memory (bytes borrowed until it is freed, name
 * during the call). Versions 2 and 3, little endian. Everything is checked: lengths against the
 * rest of the file, no key and no tensor twice, names of at most 64 bytes, 1 to 4 axes, the
 * alignment a power of two from 8, tensors aligned, in order, without overlap and within the file.
 * The caller owns the result: cairn_gguf_free().
 * Errors: CAIRN_ERR_FILE, CAIRN_ERR_FORMAT, CAIRN_ERR_MEMORY. */
CAIRN_API cairn_gguf *cairn_gguf_open(const char *path, cairn_status *status);
CAIRN_API cairn_gguf *cairn_gguf_parse(const void *bytes, size_t size, const char *name,
                                       cairn_status *status);
CAIRN_API void cairn_gguf_free(cairn_gguf *file);

/* The tensors in the order of the file; NULL past the last. Borrowed until the file is freed. */
CAIRN_API int64_t cairn_gguf_count(const cairn_gguf *file);
CAIRN_API const cairn_weight *cairn_gguf_at(const cairn_gguf *file, int64_t index);

/* The elements of a tensor as f32; n: how many there are.
 * Errors: CAIRN_ERR_TYPE for a type that cannot be read, CAIRN_ERR_SHAPE for another n. */
CAIRN_API bool cairn_gguf_read(const cairn_gguf *file, int64_t index, float *out, int64_t n,
                               cairn_status *status);

/* A text in the file: not ended by 0, and maybe with zeros inside. */
typedef struct cairn_gguf_text {
    const char *bytes;
    size_t n;
} cairn_gguf_text;

/* Entry `index` of what stands under `key`: 0 of a single value, 0 .. length-1 of an array, as the
 * tokens, scores, types and merges of a vocabulary ("tokenizer.ggml.tokens"). false when there is
 * none, or it is no number (bool counts as 0 or 1), or no text. A whole number beyond 2^53 is
 * rounded. */
CAIRN_API bool cairn_gguf_number(const cairn_gguf *file, const char *key, int64_t index,
                                 double *value);
CAIRN_API bool cairn_gguf_string(const cairn_gguf *file, const char *key, int64_t index,
                                 cairn_gguf_text *value);

/* Entries under `key`: 1 of a single value, -1 when there is no such key. */
CAIRN_API int64_t cairn_gguf_length(const cairn_gguf *file, const char *key);

/* The keys in the order of the file; NULL past the last. */
CAIRN_API const char *cairn_gguf_key(const cairn_gguf *file, int64_t index);

/* ---- 2. collections ---------------------------------------------------------------------------
 */

typedef struct cairn_weights cairn_weights;

/* Opens a Hugging Face directory (config.json with model.safetensors, or with
 * model.safetensors.index.json and the files it names, which lie in that directory), or a GGUF
 * file. The caller owns the result: cairn_weights_free().
 * Errors: CAIRN_ERR_FILE, CAIRN_ERR_FORMAT, CAIRN_ERR_MEMORY. */
CAIRN_API cairn_weights *cairn_weights_open(const char *path, cairn_status *status);
CAIRN_API void cairn_weights_free(cairn_weights *weights);

/* The tensors, sorted by name; NULL past the last. */
CAIRN_API int64_t cairn_weights_count(const cairn_weights *weights);
CAIRN_API const cairn_weight *cairn_weights_at(const cairn_weights *weights, int64_t index);

/* The elements of one as f32: f16, bf16 and GGUF's blocks are converted.
 * Errors: CAIRN_ERR_TYPE for other types, CAIRN_ERR_SHAPE for another n, CAIRN_ERR_FILE. */
CAIRN_API bool cairn_weights_read(const cairn_weights *weights, int64_t index, float *out,
                                  int64_t n, cairn_status *status);

/* Architecture, parameters, and each tensor with its type, shape and bytes: for people, or as JSON.
 * The caller frees the text with cairn_description_free(). NULL on failure. */
CAIRN_API char *cairn_weights_describe(const cairn_weights *weights, bool json,
                                       cairn_status *status);

/* ---- 3. architectures -------------------------------------------------------------------------
 */

/* name (`model_type`), summary */
#define CAIRN_FAMILIES(X)                                                                          \
    X(gpt2, "GPT-2: learned positions, layer norm, GELU by tanh")                                  \
    X(llama, "Llama: rotary positions, RMS norm, SwiGLU, grouped heads")                           \
    X(mistral, "Mistral: as Llama, without a sliding window")                                      \
    X(qwen2, "Qwen2: as Llama, with a bias of queries, keys and values")                           \
    X(vit, "vision Transformer with a class token")                                                \
    X(resnet, "residual network of 18, 34 or 50 layers")

typedef enum cairn_family {
#define CAIRN_X(name, summary) CAIRN_FAMILY_##name,
    CAIRN_FAMILIES(CAIRN_X)
#undef CAIRN_X
        CAIRN_N_FAMILIES
} cairn_family;

/* A model as options of nn.h. Which of the three counts follows from the family. */
typedef struct cairn_architecture {
    cairn_family family;
    cairn_gpt_options gpt;
    cairn_vit_options vit;
    cairn_resnet_options resnet;  /* with training = false */
    int64_t positions;            /* tokens that the model was trained for */
    int64_t image_size, channels; /* of the pictures of a vit; channels of a resnet's */
} cairn_architecture;

/* What the collection says of the model, every size within bounds; borrowed until it is freed. NULL
 * where this version cannot build it, such as another family, scaled rotary positions, or heads
 * that are not width / heads wide: the sentence says what was found.
 * Errors: CAIRN_ERR_FORMAT, CAIRN_ERR_VALUE, CAIRN_ERR_NAME. */
CAIRN_API const cairn_architecture *cairn_weights_architecture(const cairn_weights *weights,
                                                               cairn_status *status);

/* The model with its parameters under the names of nn.h: tokens i32 [B,T] to logits
 * [B,T,vocabulary], or pictures f32 [B,H,W,C] (channels last, unlike PyTorch) to [B,classes].
 * Errors (kept by the graph): those of cairn_gpt(), cairn_vit(), cairn_resnet(). */
CAIRN_API cairn_tensor cairn_architecture_build(cairn_tensor x, const cairn_architecture *a);

/* ---- 4. in and out ----------------------------------------------------------------------------
 */

/* Gives the variables of a graph, in which cairn_architecture_build() was called outside of any
 * scope, the values of the collection. First all names and shapes are compared: a tensor that is
 * missing, that nobody wants, or that has another shape is an error which names it, and nothing is
 * changed. Then one variable after the other is read; after a CAIRN_ERR_FILE there the graph's
 * values are partly new. Variables of others in the graph are left alone.
 * Errors: those of cairn_weights_architecture(), CAIRN_ERR_NAME, CAIRN_ERR_SHAPE, CAIRN_ERR_TYPE,
 * CAIRN_ERR_FILE. */
CAIRN_API bool cairn_weights_load(const cairn_weights *weights, cairn_graph *graph,
                                  cairn_status *status);

/* Writes config.json and model.safetensors (f32) into an existing directory, so that
 * `transformers` and cairn_weights_open() load the model. architecture: what the graph's variables
 * were built from.
 * Errors: CAIRN_ERR_NAME when the graph lacks a variable; CAIRN_ERR_VALUE for options that the
 * family does not have, CAIRN_ERR_FILE. */
CAIRN_API bool cairn_weights_save(const cairn_graph *graph, const cairn_architecture *architecture,
                                  const char *directory, cairn_status *status);

/* ---- 5. ONNX ----------------------------------------------------------------------------------
 *
 * Source: https://github.com/onnx/onnx, release 1.13: file version 8, operator set 18 */

/* Writes what outputs depend on as an ONNX model, whole or not at all, with the values of the
 * variables inside. Inputs and outputs keep names, dtypes, shapes and the order of their axes:
 * channels stay last, transposes stand around convolutions. Ops that ONNX lacks are written with
 * others; recurrent layers are a Scan.
 *
 * outputs  n names, or all of the graph when n is 0
 *
 * Errors: CAIRN_ERR_VALUE for an op that has no place in ONNX (random values, gradients, linear
 * algebra, queues of experts), which the sentence names with its scope, and for more than 2 GiB;
 * CAIRN_ERR_NAME for an output that is not there, a name that two of inputs, outputs and variables
 * have, or one with ':'; CAIRN_ERR_FILE, and what the graph kept. */
CAIRN_API bool cairn_onnx_save(const cairn_graph *graph, const char *const *outputs, int n,
                               const char *path, cairn_status *status);

#ifdef __cplusplus
}
#endif

#endif
