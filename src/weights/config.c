/* config.json of `transformers`: one table for each family, read and written. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/json.h"
#include "weights/json_file.h"
#include "weights/weights.h"

enum { MOST_BYTES = 1 << 20 };

typedef enum kind {
    COUNT,   /* a whole number */
    REAL,    /* a number */
    FLAG,    /* true or false */
    CHOICE,  /* one of two texts, a flag */
    LIST,    /* four whole numbers */
    CLASSES, /* an object with an entry for each class */
    IS_TEXT, /* must be the one text, or the other */
    IS_NOT,  /* must be false, null or 0 */
    IS,      /* must be true */
    TURNED   /* must be a description of rotary positions that are not scaled */
} kind;

typedef struct key {
    const char *name;
    kind kind;
    size_t offset;   /* into cairn__facts */
    double standard; /* where it is absent or null; NAN: it may not be */
    const char *text, *other;
} key;

#define FACT(field) offsetof(cairn__facts, field)
#define NEEDED NAN
#define KEYS_END                                                                                   \
    {                                                                                              \
        NULL, COUNT, 0, 0, NULL, NULL                                                              \
    }

/* What only the reader of one family needs beside the facts. */
static const key gpt2[] = {
    {"vocab_size", COUNT, FACT(vocabulary), NEEDED, NULL, NULL},
    {"n_positions", COUNT, FACT(positions), NEEDED, NULL, NULL},
    {"n_embd", COUNT, FACT(width), NEEDED, NULL, NULL},
    {"n_layer", COUNT, FACT(layers), NEEDED, NULL, NULL},
    {"n_head", COUNT, FACT(heads), NEEDED, NULL, NULL},
    {"n_inner", COUNT, FACT(hidden), 0, NULL, NULL},
    {"layer_norm_epsilon", REAL, FACT(epsilon), 1e-5, NULL, NULL},
    {"tie_word_embeddings", FLAG, FACT(tied), 1, NULL, NULL},
    {"activation_function", IS_TEXT, 0, 0, "gelu_new", "gelu_pytorch_tanh"},
    {"scale_attn_weights", IS, 0, 0, NULL, NULL},
    {"scale_attn_by_inverse_layer_idx", IS_NOT, 0, 0, NULL, NULL},
    {"add_cross_attention", IS_NOT, 0, 0, NULL, NULL},
    KEYS_END,
};

#define LLAMA_KEYS                                                                                 \
    {"vocab_size", COUNT, FACT(vocabulary), NEEDED, NULL, NULL},                                   \
        {"max_position_embeddings", COUNT, FACT(positions), 2048, NULL, NULL},                     \
        {"hidden_size", COUNT, FACT(width), NEEDED, NULL, NULL},                                   \
        {"num_hidden_layers", COUNT, FACT(layers), NEEDED, NULL, NULL},                            \
        {"num_attention_heads", COUNT, FACT(heads), NEEDED, NULL, NULL},                           \
        {"num_key_value_heads", COUNT, FACT(kv_heads), 0, NULL, NULL},                             \
        {"head_dim", COUNT, FACT(head_width), 0, NULL, NULL},                                      \
        {"intermediate_size", COUNT, FACT(hidden), NEEDED, NULL, NULL},                            \
        {"rms_norm_eps", REAL, FACT(epsilon), 1e-6, NULL, NULL},                                   \
        {"rope_theta", REAL, FACT(rotary_base), 10000, NULL, NULL},                                \
        {"rope_scaling", TURNED, 0, 0, NULL, NULL}, {"rope_parameters", TURNED, 0, 0, NULL, NULL}, \
        {"hidden_act", IS_TEXT, 0, 0, "silu", "swish"},                                            \
    {                                                                                              \
        "tie_word_embeddings", FLAG, FACT(tied), 0, NULL, NULL                                     \
    }

static const key llama[] = {
    LLAMA_KEYS,
    {"attention_bias", IS_NOT, 0, 0, NULL, NULL},
    {"mlp_bias", IS_NOT, 0, 0, NULL, NULL},
    KEYS_END,
};
static const key mistral[] = {
    LLAMA_KEYS,
    {"sliding_window", IS_NOT, 0, 0, NULL, NULL},
    KEYS_END,
};
static const key qwen2[] = {
    LLAMA_KEYS,
    {"use_sliding_window", IS_NOT, 0, 0, NULL, NULL},
    KEYS_END,
};

static const key vit[] = {
    {"hidden_size", COUNT, FACT(width), NEEDED, NULL, NULL},
    {"num_hidden_layers", COUNT, FACT(layers), NEEDED, NULL, NULL},
    {"num_attention_heads", COUNT, FACT(heads), NEEDED, NULL, NULL},
    {"intermediate_size", COUNT, FACT(hidden), NEEDED, NULL, NULL},
    {"image_size", COUNT, FACT(image_size), NEEDED, NULL, NULL},
    {"patch_size", COUNT, FACT(patch), NEEDED, NULL, NULL},
    {"num_channels", COUNT, FACT(channels), 3, NULL, NULL},
    {"layer_norm_eps", REAL, FACT(epsilon), 1e-12, NULL, NULL},
    {"hidden_act", IS_TEXT, 0, 0, "gelu", "gelu"},
    {"qkv_bias", IS, 0, 0, NULL, NULL},
    {"id2label", CLASSES, FACT(classes), 2, NULL, NULL},
    KEYS_END,
};

static const key resnet[] = {
    {"embedding_size", COUNT, FACT(width), NEEDED, NULL, NULL},
    {"hidden_sizes", LIST, FACT(sizes), NEEDED, NULL, NULL},
    {"depths", LIST, FACT(depths), NEEDED, NULL, NULL},
    {"layer_type", CHOICE, FACT(bottleneck), 1, "basic", "bottleneck"},
    {"num_channels", COUNT, FACT(channels), 3, NULL, NULL},
    {"hidden_act", IS_TEXT, 0, 0, "relu", "relu"},
    {"downsample_in_first_stage", IS_NOT, 0, 0, NULL, NULL},
    {"downsample_in_bottleneck", IS_NOT, 0, 0, NULL, NULL},
    {"id2label", CLASSES, FACT(classes), 2, NULL, NULL},
    KEYS_END,
};

static const key *const tables[CAIRN_N_FAMILIES] = {
    [CAIRN_FAMILY_gpt2] = gpt2,   [CAIRN_FAMILY_llama] = llama, [CAIRN_FAMILY_mistral] = mistral,
    [CAIRN_FAMILY_qwen2] = qwen2, [CAIRN_FAMILY_vit] = vit,     [CAIRN_FAMILY_resnet] = resnet,
};

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct reading {
    const char *path;
    json_t *root;
    cairn__facts *facts;
    cairn_status *status;
} reading;

static bool wrong(const reading *r, const key *k, const json_t *value, const char *expected)
{
    char *found = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    cairn__fail(r->status, CAIRN_ERR_VALUE, "%s: '%s' is %.60s, expected %s", r->path, k->name,
                found ? found : "absent", expected);
    free(found);
    return false;
}

static bool read_list(const reading *r, const key *k, const json_t *value, int64_t to[4])
{
    for (size_t i = 0; i < 4; i++) {
        const json_t *entry = json_array_get(value, i);
        if (json_array_size(value) != 4 || !json_is_integer(entry))
            return wrong(r, k, value, "four whole numbers");
        to[i] = json_integer_value(entry);
    }
    return true;
}

static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* Older files say it in "rope_scaling", null for none; newer ones in "rope_parameters". */
static bool check_turned(const reading *r, const key *k, const json_t *value)
{
    const json_t *type = json_object_get(value, "rope_type");
    const json_t *share = json_object_get(value, "partial_rotary_factor");
    type = type ? type : json_object_get(value, "type");
    return (is_text(type, "default") && (!share || json_number_value(share) == 1)) ||
           wrong(r, k, value, "rotary positions of the type \"default\", without scaling");
}

static bool read_present(const reading *r, const key *k, const json_t *value)
{
    void *to = (char *)r->facts + k->offset;
    switch (k->kind) {
    case COUNT:
        *(int64_t *)to = json_integer_value(value);
        return json_is_integer(value) || wrong(r, k, value, "a whole number");
    case REAL:
        *(double *)to = json_number_value(value);
        return json_is_number(value) || wrong(r, k, value, "a number");
    case FLAG:
        *(bool *)to = json_is_true(value);
        return json_is_boolean(value) || wrong(r, k, value, "true or false");
    case CHOICE:
        *(bool *)to = is_text(value, k->other);
        return is_text(value, k->text) || is_text(value, k->other) ||
               wrong(r, k, value, "\"basic\" or \"bottleneck\"");
    case LIST: return read_list(r, k, value, to);
    case CLASSES:
        *(int64_t *)to = (int64_t)json_object_size(value);
        return json_is_object(value) || wrong(r, k, value, "an object");
    case IS_TEXT:
        return is_text(value, k->text) || is_text(value, k->other) || wrong(r, k, value, k->text);
    case IS_NOT:
        return json_is_false(value) || (json_is_number(value) && json_number_value(value) == 0) ||
               wrong(r, k, value, "what this version has: false or null");
    case IS: return json_is_true(value) || wrong(r, k, value, "what this version has: true");
    case TURNED: return check_turned(r, k, value);
    }
    return false;
}

static bool read_absent(const reading *r, const key *k)
{
    void *to = (char *)r->facts + k->offset;
    if (k->standard != k->standard)
        return wrong(r, k, NULL, "a value");
    if (k->kind == COUNT || k->kind == CLASSES)
        *(int64_t *)to = (int64_t)k->standard;
    else if (k->kind == REAL)
        *(double *)to = k->standard;
    else if (k->kind == FLAG || k->kind == CHOICE)
        *(bool *)to = k->standard != 0;
    return true;
}

static bool read_key(const reading *r, const key *k)
{
    const json_t *value = json_object_get(r->root, k->name);
    if (!value && strcmp(k->name, "rope_theta") == 0)
        value = json_object_get(json_object_get(r->root, "rope_parameters"), k->name);
    return !value || json_is_null(value) ? read_absent(r, k) : read_present(r, k, value);
}

static bool find_family(const reading *r, cairn_family *family)
{
    const char *type = json_string_value(json_object_get(r->root, "model_type"));
    for (int i = 0; type && i < CAIRN_N_FAMILIES; i++)
        if (strcmp(type, cairn__families[i].name) == 0) {
            *family = (cairn_family)i;
            return true;
        }
    return cairn__fail(r->status, CAIRN_ERR_NAME,
                       "%s: model_type '%.60s', expected one of"
#define CAIRN_X(name, summary) " " #name
                       CAIRN_FAMILIES(CAIRN_X),
#undef CAIRN_X
                       r->path, type ? type : "absent");
}

/* What one key alone cannot say. */
static bool complete(const reading *r, cairn_family family)
{
    cairn__facts *f = r->facts;
    f->hidden = f->hidden ? f->hidden : f->width < INT64_MAX / 4 ? 4 * f->width : 0;
    f->kv_heads = f->kv_heads ? f->kv_heads : f->heads;
    f->qkv_bias = family == CAIRN_FAMILY_qwen2;
    if (f->head_width && (f->heads < 1 || f->head_width != f->width / f->heads))
        return cairn__fail(r->status, CAIRN_ERR_VALUE,
                           "%s: head_dim is %lld, expected hidden_size / num_attention_heads",
                           r->path, (long long)f->head_width);
    for (int i = 0; family == CAIRN_FAMILY_resnet && i < 4; i++)
        if (f->width < 1 || f->width > 1 << 20 ||
            f->sizes[i] != (f->width << i) * (f->bottleneck ? 4 : 1))
            return cairn__fail(r->status, CAIRN_ERR_VALUE,
                               "%s: hidden_sizes has %lld for stage %d, expected embedding_size "
                               "times %d",
                               r->path, (long long)f->sizes[i], i + 1,
                               (1 << i) * (f->bottleneck ? 4 : 1));
    return true;
}

bool cairn__model_config_read(const char *path, cairn_architecture *a, cairn_status *status)
{
    cairn__facts facts = {0};
    cairn_family family = CAIRN_N_FAMILIES;
    reading r = {path, cairn__json_file(path, MOST_BYTES, status), &facts, status};
    bool good = r.root && find_family(&r, &family);
    for (const key *k = good ? tables[family] : NULL; good && k->name; k++)
        good = read_key(&r, k);
    json_decref(r.root);
    return good && complete(&r, family) && cairn__facts_apply(&facts, family, path, a, status);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_classes(cairn__text *out, int64_t n)
{
    cairn__text_add(out, "{");
    for (int64_t i = 0; i < n; i++)
        cairn__text_add(out, "%s\"%lld\": \"LABEL_%lld\"", i ? ", " : "", (long long)i,
                        (long long)i);
    cairn__text_add(out, "},\n  \"label2id\": {");
    for (int64_t i = 0; i < n; i++)
        cairn__text_add(out, "%s\"LABEL_%lld\": %lld", i ? ", " : "", (long long)i, (long long)i);
    cairn__text_add(out, "}");
}

static void write_value(cairn__text *out, const key *k, const void *from)
{
    const int64_t *counts = from;
    switch (k->kind) {
    case COUNT: cairn__text_add(out, "%lld", (long long)*counts); break;
    case REAL: cairn__json_add_number(out, *(const double *)from); break;
    case FLAG: cairn__text_add(out, *(const bool *)from ? "true" : "false"); break;
    case CHOICE: cairn__json_add_string(out, *(const bool *)from ? k->other : k->text); break;
    case LIST:
        cairn__text_add(out, "[%lld, %lld, %lld, %lld]", (long long)counts[0], (long long)counts[1],
                        (long long)counts[2], (long long)counts[3]);
        break;
    case CLASSES: write_classes(out, *counts); break;
    case IS_TEXT: cairn__json_add_string(out, k->text); break;
    case IS: cairn__text_add(out, "true"); break;
    case IS_NOT: cairn__text_add(out, strcmp(k->name, "sliding_window") ? "false" : "null"); break;
    case TURNED: cairn__text_add(out, "null"); break;
    }
}

bool cairn__model_config_write(const char *path, const cairn_architecture *a, cairn_status *status)
{
    cairn__facts facts = cairn__facts_of(a);
    const cairn__family *family = &cairn__families[a->family];
    cairn__text out = {.status = status};
    facts.head_width = facts.heads ? facts.width / facts.heads : 0;
    for (int i = 0; i < 4; i++)
        facts.sizes[i] = (facts.width << i) * (facts.bottleneck ? 4 : 1);
    cairn__text_add(&out, "{\n  \"architectures\": [\"%s\"],\n  \"model_type\": \"%s\"",
                    family->class_name, family->name);
    for (const key *k = tables[a->family]; k->name; k++) {
        /* Without it "rope_theta" stands for itself, which readers of either kind understand. */
        if (k->kind == TURNED)
            continue;
        cairn__text_add(&out, ",\n  \"%s\": ", k->name);
        write_value(&out, k, (const char *)&facts + k->offset);
    }
    cairn__text_add(&out, ",\n  \"torch_dtype\": \"float32\"\n}\n");
    bool good = !out.failed && cairn__write_file_atomically(
                                   path, &(cairn__bytes){out.data, out.length}, 1, status);
    cairn__free(out.data);
    return good;
}
