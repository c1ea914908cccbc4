/* The families: which published tensor is which variable. One row, both directions. */
#include "weights/weights.h"

#define SAME CAIRN__LAYOUT_SAME
#define FRONT CAIRN__LAYOUT_FRONT
#define LINEAR CAIRN__LAYOUT_LINEAR
#define ROTARY CAIRN__LAYOUT_ROTARY
#define CONV CAIRN__LAYOUT_CONV
#define ALL CAIRN__PART_ALL
#define QUERY CAIRN__PART_QUERY
#define KEY CAIRN__PART_KEY
#define VALUE CAIRN__PART_VALUE
#define FIRST CAIRN__PART_FIRST
#define SECOND CAIRN__PART_SECOND

/* A weight and a bias. */
#define PAIR(tensor, variable, layout, part)                                                       \
    {tensor ".weight", variable "/weight", layout, part, false},                                   \
    {                                                                                              \
        tensor ".bias", variable "/bias", SAME, part, false                                        \
    }
#define LAYER_NORM(tensor, variable)                                                               \
    {tensor ".weight", variable "/scale", SAME, ALL, false},                                       \
    {                                                                                              \
        tensor ".bias", variable "/bias", SAME, ALL, false                                         \
    }
#define RMS_NORM(tensor, variable)                                                                 \
    {                                                                                              \
        tensor ".weight", variable "/scale", SAME, ALL, false                                      \
    }

/* Its linear layers are stored [in, out]. The two masks are constants that older files hold. */
static const cairn__rule gpt2[] = {
    {"~wte.weight", "token", SAME, ALL, false},
    {"~wpe.weight", "position", SAME, ALL, false},
    LAYER_NORM("~h.#.ln_1", "block@/norm1"),
    PAIR("~h.#.attn.c_attn", "block@/attention/qkv", SAME, ALL),
    PAIR("~h.#.attn.c_proj", "block@/attention/output", SAME, ALL),
    LAYER_NORM("~h.#.ln_2", "block@/norm2"),
    PAIR("~h.#.mlp.c_fc", "block@/mlp/hidden", SAME, ALL),
    PAIR("~h.#.mlp.c_proj", "block@/mlp/output", SAME, ALL),
    LAYER_NORM("~ln_f", "norm"),
    {"lm_head.weight", "head/weight", LINEAR, ALL, true},
    {"~h.#.attn.bias", NULL, SAME, ALL, true},
    {"~h.#.attn.masked_bias", NULL, SAME, ALL, true},
    {NULL, NULL, SAME, ALL, false},
};

static const cairn__rule llama[] = {
    {"~embed_tokens.weight", "token", SAME, ALL, false},
    RMS_NORM("~layers.#.input_layernorm", "block@/norm1"),
    {"~layers.#.self_attn.q_proj.weight", "block@/attention/qkv/weight", LINEAR, QUERY, false},
    {"~layers.#.self_attn.k_proj.weight", "block@/attention/qkv/weight", LINEAR, KEY, false},
    {"~layers.#.self_attn.v_proj.weight", "block@/attention/qkv/weight", LINEAR, VALUE, false},
    {"~layers.#.self_attn.q_proj.bias", "block@/attention/qkv/bias", SAME, QUERY, false},
    {"~layers.#.self_attn.k_proj.bias", "block@/attention/qkv/bias", SAME, KEY, false},
    {"~layers.#.self_attn.v_proj.bias", "block@/attention/qkv/bias", SAME, VALUE, false},
    {"~layers.#.self_attn.o_proj.weight", "block@/attention/output/weight", LINEAR, ALL, false},
    RMS_NORM("~layers.#.post_attention_layernorm", "block@/norm2"),
    {"~layers.#.mlp.gate_proj.weight", "block@/mlp/hidden/weight", LINEAR, FIRST, false},
    {"~layers.#.mlp.up_proj.weight", "block@/mlp/hidden/weight", LINEAR, SECOND, false},
    {"~layers.#.mlp.down_proj.weight", "block@/mlp/output/weight", LINEAR, ALL, false},
    RMS_NORM("~norm", "norm"),
    {"lm_head.weight", "head/weight", LINEAR, ALL, true},
    {"~layers.#.self_attn.rotary_emb.inv_freq", NULL, SAME, ALL, true},
    {NULL, NULL, SAME, ALL, false},
};

/* llama.cpp stores the rows of Llama's queries and keys in the order of its own rotation, and those
 * of Qwen2 as they were. */
#define GGUF_BLOCKS(rotary)                                                                        \
    {"token_embd.weight", "token", SAME, ALL, false}, RMS_NORM("blk.#.attn_norm", "block@/norm1"), \
        {"blk.#.attn_q.weight", "block@/attention/qkv/weight", rotary, QUERY, false},              \
        {"blk.#.attn_k.weight", "block@/attention/qkv/weight", rotary, KEY, false},                \
        {"blk.#.attn_v.weight", "block@/attention/qkv/weight", LINEAR, VALUE, false},              \
        {"blk.#.attn_q.bias", "block@/attention/qkv/bias", SAME, QUERY, false},                    \
        {"blk.#.attn_k.bias", "block@/attention/qkv/bias", SAME, KEY, false},                      \
        {"blk.#.attn_v.bias", "block@/attention/qkv/bias", SAME, VALUE, false},                    \
        {"blk.#.attn_output.weight", "block@/attention/output/weight", LINEAR, ALL, false},        \
        RMS_NORM("blk.#.ffn_norm", "block@/norm2"),                                                \
        {"blk.#.ffn_gate.weight", "block@/mlp/hidden/weight", LINEAR, FIRST, false},               \
        {"blk.#.ffn_up.weight", "block@/mlp/hidden/weight", LINEAR, SECOND, false},                \
        {"blk.#.ffn_down.weight", "block@/mlp/output/weight", LINEAR, ALL, false},                 \
        RMS_NORM("output_norm", "norm"), {"output.weight", "head/weight", LINEAR, ALL, false},     \
        {NULL, NULL, SAME, ALL, false},

static const cairn__rule llama_gguf[] = {GGUF_BLOCKS(ROTARY)};
static const cairn__rule qwen2_gguf[] = {GGUF_BLOCKS(LINEAR)};

static const cairn__rule vit[] = {
    {"~embeddings.cls_token", "class", SAME, ALL, false},
    {"~embeddings.position_embeddings", "position", FRONT, ALL, false},
    PAIR("~embeddings.patch_embeddings.projection", "patch", CONV, ALL),
    LAYER_NORM("~encoder.layer.#.layernorm_before", "block@/norm1"),
    {"~encoder.layer.#.attention.attention.query.weight", "block@/attention/qkv/weight", LINEAR,
     QUERY, false},
    {"~encoder.layer.#.attention.attention.key.weight", "block@/attention/qkv/weight", LINEAR, KEY,
     false},
    {"~encoder.layer.#.attention.attention.value.weight", "block@/attention/qkv/weight", LINEAR,
     VALUE, false},
    {"~encoder.layer.#.attention.attention.query.bias", "block@/attention/qkv/bias", SAME, QUERY,
     false},
    {"~encoder.layer.#.attention.attention.key.bias", "block@/attention/qkv/bias", SAME, KEY,
     false},
    {"~encoder.layer.#.attention.attention.value.bias", "block@/attention/qkv/bias", SAME, VALUE,
     false},
    PAIR("~encoder.layer.#.attention.output.dense", "block@/attention/output", LINEAR, ALL),
    LAYER_NORM("~encoder.layer.#.layernorm_after", "block@/norm2"),
    PAIR("~encoder.layer.#.intermediate.dense", "block@/mlp/hidden", LINEAR, ALL),
    PAIR("~encoder.layer.#.output.dense", "block@/mlp/output", LINEAR, ALL),
    LAYER_NORM("~layernorm", "norm"),
    PAIR("classifier", "head", LINEAR, ALL),
    {NULL, NULL, SAME, ALL, false},
};

#define CONV_NORM(tensor, variable)                                                                \
    {tensor ".convolution.weight", variable "/conv/weight", CONV, ALL, false},                     \
        {tensor ".normalization.weight", variable "/norm/scale", SAME, ALL, false},                \
        {tensor ".normalization.bias", variable "/norm/offset", SAME, ALL, false},                 \
        {tensor ".normalization.running_mean", variable "/norm/mean", SAME, ALL, false},           \
        {tensor ".normalization.running_var", variable "/norm/variance", SAME, ALL, false},        \
    {                                                                                              \
        tensor ".normalization.num_batches_tracked", NULL, SAME, ALL, true                         \
    }

/* A block of two convolutions has "first" and "second", one of three "reduce", "middle", "expand";
 * a graph has the variables of one kind. */
static const cairn__rule resnet[] = {
    CONV_NORM("~embedder.embedder", "stem"),
    CONV_NORM("~encoder.stages.#.layers.#.shortcut", "stage@_block@/shortcut"),
    CONV_NORM("~encoder.stages.#.layers.#.layer.0", "stage@_block@/first"),
    CONV_NORM("~encoder.stages.#.layers.#.layer.1", "stage@_block@/second"),
    CONV_NORM("~encoder.stages.#.layers.#.layer.0", "stage@_block@/reduce"),
    CONV_NORM("~encoder.stages.#.layers.#.layer.1", "stage@_block@/middle"),
    CONV_NORM("~encoder.stages.#.layers.#.layer.2", "stage@_block@/expand"),
    PAIR("classifier.1", "head", LINEAR, ALL),
    {NULL, NULL, SAME, ALL, false},
};

const cairn__family cairn__families[CAIRN_N_FAMILIES] = {
    [CAIRN_FAMILY_gpt2] = {"gpt2", "GPT2LMHeadModel", "transformer.", gpt2, NULL},
    [CAIRN_FAMILY_llama] = {"llama", "LlamaForCausalLM", "model.", llama, llama_gguf},
    [CAIRN_FAMILY_mistral] = {"mistral", "MistralForCausalLM", "model.", llama, NULL},
    [CAIRN_FAMILY_qwen2] = {"qwen2", "Qwen2ForCausalLM", "model.", llama, qwen2_gguf},
    [CAIRN_FAMILY_vit] = {"vit", "ViTForImageClassification", "vit.", vit, NULL},
    [CAIRN_FAMILY_resnet] = {"resnet", "ResNetForImageClassification", "resnet.", resnet, NULL},
};
