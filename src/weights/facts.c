/* What a configuration says, as options of nn.h, and back. */
#include <string.h>

#include "weights/weights.h"

/* Sizes beyond these are no models, and products of two still fit. */
enum { MOST_LAYERS = 4096, MOST_SIZE = 1 << 28 };

/* Blocks of each stage by the number of layers. */
static const struct {
    int layers;
    int64_t depths[4];
    bool bottleneck;
} resnets[] = {{18, {2, 2, 2, 2}, false}, {34, {3, 4, 6, 3}, false}, {50, {3, 4, 6, 3}, true}};

typedef struct limit {
    const char *name;
    size_t offset;
    int64_t least, most;
} limit;

#define SIZE(field, least)                                                                         \
    {                                                                                              \
#field, offsetof(cairn__facts, field), least, MOST_SIZE                                    \
    }

static const limit language_limits[] = {{"layers", offsetof(cairn__facts, layers), 1, MOST_LAYERS},
                                        SIZE(width, 1),
                                        SIZE(heads, 1),
                                        SIZE(kv_heads, 1),
                                        SIZE(hidden, 1),
                                        SIZE(positions, 1),
                                        SIZE(vocabulary, 1),
                                        {NULL, 0, 0, 0}};
static const limit vit_limits[] = {{"layers", offsetof(cairn__facts, layers), 1, MOST_LAYERS},
                                   SIZE(width, 1),
                                   SIZE(heads, 1),
                                   SIZE(hidden, 1),
                                   SIZE(image_size, 1),
                                   SIZE(patch, 1),
                                   SIZE(channels, 1),
                                   SIZE(classes, 1),
                                   {NULL, 0, 0, 0}};
static const limit resnet_limits[] = {
    SIZE(width, 1), SIZE(channels, 1), SIZE(classes, 1), {NULL, 0, 0, 0}};

static bool within(const cairn__facts *f, const limit *limits, const char *path,
                   cairn_status *status)
{
    for (; limits->name; limits++) {
        const int64_t value = *(const int64_t *)((const char *)f + limits->offset);
        if (value < limits->least || value > limits->most)
            return cairn__fail(status, CAIRN_ERR_VALUE, "%s: %s: %lld, expected %lld to %lld", path,
                               limits->name, (long long)value, (long long)limits->least,
                               (long long)limits->most);
    }
    return true;
}

static bool check_heads(const cairn__facts *f, const char *path, cairn_status *status)
{
    return (f->width % f->heads == 0 && f->heads % f->kv_heads == 0) ||
           cairn__fail(status, CAIRN_ERR_VALUE,
                       "%s: %lld heads, %lld of keys and values, for a width of %lld; expected "
                       "divisors",
                       path, (long long)f->heads, (long long)f->kv_heads, (long long)f->width);
}

static bool check_numbers(const cairn__facts *f, bool rotary, const char *path,
                          cairn_status *status)
{
    if (!(f->epsilon >= 0 && f->epsilon < 1))
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: epsilon of the norms: %g, expected 0 to 1",
                           path, f->epsilon);
    return !rotary || (f->rotary_base > 0 && f->rotary_base < 1e30) ||
           cairn__fail(status, CAIRN_ERR_VALUE,
                       "%s: base of the rotary positions: %g, expected a positive number", path,
                       f->rotary_base);
}

static cairn_transformer_options blocks(const cairn__facts *f)
{
    cairn_transformer_options o = cairn_transformer_defaults((int)f->layers, f->width, f->heads);
    o.hidden = f->hidden;
    o.epsilon = f->epsilon;
    return o;
}

static bool apply_language(const cairn__facts *f, const char *path, cairn_architecture *a,
                           cairn_status *status)
{
    const bool gpt2 = a->family == CAIRN_FAMILY_gpt2;
    cairn_gpt_options *o = &a->gpt;
    if (!within(f, language_limits, path, status) || !check_heads(f, path, status) ||
        !check_numbers(f, !gpt2, path, status))
        return false;
    *o = cairn_gpt_defaults();
    o->vocabulary = f->vocabulary;
    o->positions = a->positions = f->positions;
    o->tied = f->tied;
    o->blocks = blocks(f);
    o->blocks.attention.causal = true;
    o->blocks.activation.kind = gpt2 ? CAIRN_ACTIVATION_gelu_tanh : CAIRN_ACTIVATION_swish;
    if (gpt2)
        return true;
    o->blocks.attention.kv_heads = f->kv_heads;
    o->blocks.attention.rotary_base = f->rotary_base;
    o->blocks.attention.qkv_bias = f->qkv_bias;
    o->blocks.gated = o->blocks.rms_norm = true;
    o->blocks.bias = false;
    return true;
}

static bool apply_vit(const cairn__facts *f, const char *path, cairn_architecture *a,
                      cairn_status *status)
{
    if (!within(f, vit_limits, path, status) || !check_heads(f, path, status) ||
        !check_numbers(f, false, path, status))
        return false;
    if (f->image_size % f->patch != 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: pictures of %lld in patches of %lld, expected a divisor", path,
                           (long long)f->image_size, (long long)f->patch);
    a->vit = cairn_vit_defaults(CAIRN_VIT_BASE);
    a->vit.patch = f->patch;
    a->vit.classes = f->classes;
    a->vit.blocks = blocks(f);
    a->image_size = f->image_size;
    a->channels = f->channels;
    return true;
}

static bool apply_resnet(const cairn__facts *f, const char *path, cairn_architecture *a,
                         cairn_status *status)
{
    if (!within(f, resnet_limits, path, status))
        return false;
    for (size_t i = 0; i < CAIRN__COUNT(resnets); i++) {
        if (f->bottleneck != resnets[i].bottleneck ||
            memcmp(f->depths, resnets[i].depths, sizeof f->depths) != 0)
            continue;
        a->resnet = cairn_resnet_defaults(resnets[i].layers, f->classes);
        a->resnet.width = (double)f->width / 64;
        a->resnet.imagenet_stem = true;
        a->resnet.norm.training = false;
        a->channels = f->channels;
        return true;
    }
    return cairn__fail(status, CAIRN_ERR_VALUE,
                       "%s: stages of %lld, %lld, %lld, %lld %s blocks; expected those of 18, 34 "
                       "or 50 layers",
                       path, (long long)f->depths[0], (long long)f->depths[1],
                       (long long)f->depths[2], (long long)f->depths[3],
                       f->bottleneck ? "bottleneck" : "basic");
}

bool cairn__facts_apply(const cairn__facts *f, cairn_family family, const char *path,
                        cairn_architecture *a, cairn_status *status)
{
    *a = (cairn_architecture){.family = family};
    switch (family) {
    case CAIRN_FAMILY_vit: return apply_vit(f, path, a, status);
    case CAIRN_FAMILY_resnet: return apply_resnet(f, path, a, status);
    default: return apply_language(f, path, a, status);
    }
}

/* ---- back ------------------------------------------------------------------------------------ */

static void facts_of_blocks(cairn__facts *f, const cairn_transformer_options *o)
{
    f->layers = o->layers;
    f->width = o->width;
    f->heads = o->attention.heads;
    f->kv_heads = o->attention.kv_heads ? o->attention.kv_heads : o->attention.heads;
    f->hidden = o->hidden;
    f->epsilon = o->epsilon;
    f->rotary_base = o->attention.rotary_base;
    f->qkv_bias = o->attention.qkv_bias;
}

static void facts_of_resnet(cairn__facts *f, const cairn_architecture *a)
{
    f->width = (int64_t)(64 * a->resnet.width + 0.5);
    f->classes = a->resnet.classes;
    for (size_t i = 0; i < CAIRN__COUNT(resnets); i++)
        if (resnets[i].layers == a->resnet.layers) {
            memcpy(f->depths, resnets[i].depths, sizeof f->depths);
            f->bottleneck = resnets[i].bottleneck;
        }
}

cairn__facts cairn__facts_of(const cairn_architecture *a)
{
    cairn__facts f = {.image_size = a->image_size, .channels = a->channels};
    if (a->family == CAIRN_FAMILY_resnet) {
        facts_of_resnet(&f, a);
        return f;
    }
    facts_of_blocks(&f, a->family == CAIRN_FAMILY_vit ? &a->vit.blocks : &a->gpt.blocks);
    f.patch = a->vit.patch;
    f.classes = a->vit.classes;
    f.vocabulary = a->gpt.vocabulary;
    f.positions = a->positions;
    f.tied = a->gpt.tied;
    return f;
}
