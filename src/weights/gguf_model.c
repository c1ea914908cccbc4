/* A GGUF file as a collection, and the model that its header describes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "weights/weights.h"

bool cairn__gguf_collect(cairn_weights *w, cairn_status *status)
{
    w->gguf = cairn_gguf_open(w->path, status);
    if (!w->gguf)
        return false;
    w->count = cairn_gguf_count(w->gguf);
    w->entries = cairn__arena_alloc(&w->arena, (size_t)w->count, sizeof *w->entries, status);
    if (!w->entries)
        return false;
    for (int64_t i = 0; i < w->count; i++) {
        cairn__weight_entry *e = &w->entries[i];
        *e = (cairn__weight_entry){.weight = *cairn_gguf_at(w->gguf, i)};
        e->type = cairn__weight_type_named(e->weight.type);
        e->bytes = cairn__gguf_bytes(w->gguf, i);
    }
    cairn__gguf_architecture(w, &w->architecture, &w->unknown);
    return true;
}

/* ---- the header ------------------------------------------------------------------------------ */

typedef struct header {
    const cairn_weights *weights;
    const char *family;
    cairn_status *status;
} header;

static bool find_number(const header *h, const char *name, double *value)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", h->family, name);
    return cairn_gguf_number(h->weights->gguf, key, 0, value);
}

/* The whole number under FAMILY.name; `absent` where there is none, or, below 0, an error. */
static bool count(const header *h, const char *name, int64_t absent, int64_t *to)
{
    double value = (double)absent;
    const bool found = find_number(h, name, &value);
    if ((!found && absent < 0) || !(value >= 0 && value <= 1 << 30) || value != floor(value))
        return cairn__fail(h->status, CAIRN_ERR_VALUE, "%s: %s.%s is %s, expected a whole number",
                           h->weights->path, h->family, name, found ? "no such number" : "absent");
    *to = (int64_t)value;
    return true;
}

static bool find_family(const cairn_weights *w, cairn_family *family, cairn_status *status)
{
    cairn_gguf_text name = {"absent", 6};
    cairn_gguf_string(w->gguf, "general.architecture", 0, &name);
    for (int i = 0; i < CAIRN_N_FAMILIES; i++)
        if (cairn__families[i].gguf && strlen(cairn__families[i].name) == name.n &&
            memcmp(cairn__families[i].name, name.bytes, name.n) == 0) {
            *family = (cairn_family)i;
            return true;
        }
    return cairn__fail(status, CAIRN_ERR_NAME,
                       "%s: general.architecture '%.*s', expected llama or qwen2", w->path,
                       (int)CAIRN__MIN(name.n, (size_t)60), name.bytes);
}

/* The entries are not sorted yet. */
static const cairn__weight_entry *find_entry(const cairn_weights *w, const char *name)
{
    for (int64_t i = 0; i < w->count; i++)
        if (strcmp(w->entries[i].weight.name, name) == 0)
            return &w->entries[i];
    return NULL;
}

/* What would change the rotation, and is not built here. */
static bool check_rotation(const header *h, const cairn__facts *f)
{
    char key[96];
    int64_t turned = 0;
    cairn_gguf_text scaling = {"none", 4};
    const cairn_weights *w = h->weights;
    snprintf(key, sizeof key, "%s.rope.scaling.type", h->family);
    cairn_gguf_string(w->gguf, key, 0, &scaling);
    if (scaling.n != 4 || memcmp(scaling.bytes, "none", 4) != 0)
        return cairn__fail(h->status, CAIRN_ERR_VALUE, "%s: %s is '%.*s', expected none", w->path,
                           key, (int)CAIRN__MIN(scaling.n, (size_t)40), scaling.bytes);
    if (find_entry(w, "rope_freqs.weight"))
        return cairn__fail(h->status, CAIRN_ERR_VALUE,
                           "%s: tensor 'rope_freqs.weight', expected rotary positions without "
                           "scaling",
                           w->path);
    if (!count(h, "rope.dimension_count", f->width / f->heads, &turned))
        return false;
    return turned == f->width / f->heads ||
           cairn__fail(h->status, CAIRN_ERR_VALUE,
                       "%s: %lld numbers of each head are turned, expected all %lld", w->path,
                       (long long)turned, (long long)(f->width / f->heads));
}

bool cairn__gguf_architecture(const cairn_weights *w, cairn_architecture *a, cairn_status *status)
{
    cairn_family family = CAIRN_N_FAMILIES;
    cairn__facts f = {.epsilon = 1e-5, .rotary_base = 10000};
    if (!find_family(w, &family, status))
        return false;
    const header h = {w, cairn__families[family].name, status};
    if (!count(&h, "block_count", -1, &f.layers) ||
        !count(&h, "context_length", -1, &f.positions) ||
        !count(&h, "embedding_length", -1, &f.width) ||
        !count(&h, "feed_forward_length", -1, &f.hidden) ||
        !count(&h, "attention.head_count", -1, &f.heads) ||
        !count(&h, "attention.head_count_kv", f.heads, &f.kv_heads))
        return false;
    if (f.heads < 1)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: no heads, expected at least 1", w->path);
    if (!count(&h, "attention.key_length", f.width / f.heads, &f.head_width) ||
        !check_rotation(&h, &f))
        return false;
    if (f.head_width != f.width / f.heads)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: heads of %lld, expected %lld / %lld",
                           w->path, (long long)f.head_width, (long long)f.width,
                           (long long)f.heads);
    find_number(&h, "attention.layer_norm_rms_epsilon", &f.epsilon);
    find_number(&h, "rope.freq_base", &f.rotary_base);
    const cairn__weight_entry *tokens = find_entry(w, "token_embd.weight");
    f.tied = !find_entry(w, "output.weight");
    f.vocabulary = tokens ? tokens->weight.shape[0] : 0;
    f.qkv_bias = family == CAIRN_FAMILY_qwen2;
    return cairn__facts_apply(&f, family, w->path, a, status);
}
