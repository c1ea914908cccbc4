/* Collections of tensors: a Hugging Face directory or a GGUF file, and a model built from one. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "weights/weights.h"

/* ---- opening --------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
    const cairn__weight_entry *a = left, *b = right;
    return strcmp(a->weight.name, b->weight.name);
}

static bool sort(cairn_weights *w, cairn_status *status)
{
    qsort(w->entries, (size_t)w->count, sizeof *w->entries, compare);
    for (int64_t i = 1; i < w->count; i++)
        if (compare(&w->entries[i - 1], &w->entries[i]) == 0)
            return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: '%.100s' is there twice", w->path,
                               w->entries[i].weight.name);
    return true;
}

static bool is_directory(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

cairn_weights *cairn_weights_open(const char *path, cairn_status *status)
{
    cairn_weights *w = cairn_ok(status) ? cairn__alloc(1, sizeof *w, status) : NULL;
    if (!w)
        return NULL;
    w->path = cairn__arena_text(&w->arena, status, "%s", path);
    w->is_gguf = !is_directory(path);
    bool good = w->path &&
                (w->is_gguf ? cairn__gguf_collect(w, status) : cairn__huggingface_open(w, status));
    if (good && sort(w, status))
        return w;
    cairn_weights_free(w);
    return NULL;
}

void cairn_weights_free(cairn_weights *w)
{
    if (!w)
        return;
    for (int64_t i = 0; i < w->file_count; i++)
        cairn_safetensors_free(w->files[i]);
    cairn_gguf_free(w->gguf);
    cairn__arena_free(&w->arena);
    cairn__free(w);
}

/* ---- asking ---------------------------------------------------------------------------------- */

int64_t cairn_weights_count(const cairn_weights *w)
{
    return w->count;
}

const cairn_weight *cairn_weights_at(const cairn_weights *w, int64_t index)
{
    return index >= 0 && index < w->count ? &w->entries[index].weight : NULL;
}

const cairn__weight_entry *cairn__weights_find(const cairn_weights *w, const char *name)
{
    const cairn__weight_entry wanted = {.weight.name = name};
    return bsearch(&wanted, w->entries, (size_t)w->count, sizeof *w->entries, compare);
}

static bool read_stored(const cairn__weight_entry *e, int64_t blocks, float *out,
                        cairn_status *status)
{
    if (e->bytes) {
        e->type->decode(e->bytes, blocks, out);
        return true;
    }
    unsigned char *stored = cairn__alloc(e->weight.bytes, 1, status);
    bool good =
        stored && cairn_safetensors_read(e->file, e->field, stored, e->weight.bytes, status);
    if (good)
        e->type->decode(stored, blocks, out);
    cairn__free(stored);
    return good;
}

bool cairn_weights_read(const cairn_weights *w, int64_t index, float *out, int64_t n,
                        cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (index < 0 || index >= w->count)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: tensor %lld, expected 0 to %lld", w->path,
                           (long long)index, (long long)w->count - 1);
    const cairn__weight_entry *e = &w->entries[index];
    if (!e->type || !e->type->decode)
        return cairn__fail(status, CAIRN_ERR_TYPE, "%s: '%.100s' is %s, which cannot be read",
                           w->path, e->weight.name, e->weight.type);
    const int64_t blocks = (int64_t)(e->weight.bytes / e->type->bytes);
    if (n != blocks * e->type->elements)
        return cairn__fail(status, CAIRN_ERR_SHAPE,
                           "%s: '%.100s': %lld elements, but room for %lld", w->path,
                           e->weight.name, (long long)(blocks * e->type->elements), (long long)n);
    return read_stored(e, blocks, out, status);
}

/* ---- models ---------------------------------------------------------------------------------- */

const cairn_architecture *cairn_weights_architecture(const cairn_weights *w, cairn_status *status)
{
    if (!cairn_ok(status))
        return NULL;
    if (cairn_ok(&w->unknown))
        return &w->architecture;
    cairn__fail(status, w->unknown.code, "%s", w->unknown.message);
    return NULL;
}

cairn_tensor cairn_architecture_build(cairn_tensor x, const cairn_architecture *a)
{
    switch (a->family) {
    case CAIRN_FAMILY_vit: return cairn_vit(x, &a->vit);
    case CAIRN_FAMILY_resnet: return cairn_resnet(x, &a->resnet);
    default: return cairn_gpt(x, &a->gpt);
    }
}
