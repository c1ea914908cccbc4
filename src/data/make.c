/* Data sets from arrays: items picked from another data set, and decoded pictures and clips. */
#include <string.h>

#include "cairn/video.h"
#include "data/data.h"
#include "data/items.h"

/* ---- from arrays ----------------------------------------------------------------------------- */

static bool take_names(cairn_dataset *d, const char *const *names, int64_t classes,
                       cairn_status *status)
{
    const char **copy =
        names ? cairn__arena_alloc(&d->arena, (size_t)classes, sizeof *copy, status) : NULL;
    for (int64_t i = 0; copy && i < classes; i++)
        copy[i] = cairn__arena_text(&d->arena, status, "%s", names[i]);
    d->names = copy;
    return cairn_ok(status);
}

cairn_dataset *cairn__dataset_make(const char *path, const char *kind,
                                   const cairn__made_split splits[CAIRN__SPLITS], int64_t classes,
                                   const char *const *names, cairn_status *status)
{
    cairn_status own = CAIRN_STATUS_INIT;
    if (status && !cairn_ok(status))
        own = *status;
    cairn_dataset *d = cairn__alloc(1, sizeof *d, &own);
    if (d) {
        d->kind = kind;
        d->count = 2;
        d->classes = classes;
        d->path = cairn__arena_text(&d->arena, &own, "%s", path);
        for (int s = 0; s < CAIRN__SPLITS; s++) {
            d->fields[s][0] = splits[s].features;
            d->fields[s][1] = (cairn_field){.name = "label",
                                            .type = CAIRN_DATA_I32,
                                            .rank = 1,
                                            .shape = {splits[s].features.shape[0]},
                                            .data = splits[s].labels};
        }
        if (cairn_ok(&own) && take_names(d, names, classes, &own))
            return d;
        cairn_dataset_free(d);
    } else {
        for (int s = 0; s < CAIRN__SPLITS; s++) {
            cairn__free((void *)splits[s].features.data);
            cairn__free(splits[s].labels);
        }
    }
    cairn__fail(status, own.code, "%s", own.message);
    return NULL;
}

cairn_dataset *cairn__dataset_pick(const cairn_dataset *from, const int64_t *rows, int64_t n,
                                   const int32_t *labels, int64_t classes, const char *const *names,
                                   cairn_status *status)
{
    const cairn_field *f = &from->fields[CAIRN_SPLIT_TRAIN][0];
    cairn__made_split splits[CAIRN__SPLITS] = {{.features = *f}, {.features = *f}};
    size_t item = (size_t)cairn__item_elements(f) * cairn_data_type_bytes(f->type);
    unsigned char *x = cairn__alloc((size_t)n, item, status);
    int32_t *label = cairn__alloc((size_t)n, sizeof *label, status);
    splits[CAIRN_SPLIT_TEST].features.data = cairn__alloc(1, 1, status);
    splits[CAIRN_SPLIT_TEST].labels = cairn__alloc(1, sizeof *label, status);
    for (int64_t i = 0; x && label && i < n; i++) {
        memcpy(x + (size_t)i * item, (const unsigned char *)f->data + (size_t)rows[i] * item, item);
        label[i] = labels[i];
    }
    splits[CAIRN_SPLIT_TRAIN].features.data = x;
    splits[CAIRN_SPLIT_TRAIN].features.shape[0] = n;
    splits[CAIRN_SPLIT_TRAIN].labels = label;
    splits[CAIRN_SPLIT_TEST].features.shape[0] = 0;
    return cairn__dataset_make(from->path, from->kind, splits, classes, names, status);
}

/* ---- from files ------------------------------------------------------------------------------ */

/* One picture, resized, as planes [3, size, size]. `image` is reused. */
static bool decode_picture(const cairn_items *items, cairn_split split, int64_t index, int64_t size,
                           cairn_image *image, unsigned char *out, cairn_status *status)
{
    const char *file = cairn_items_file(items, split, index);
    size_t limit = (size_t)items->options.memory_limit_mib << 20;
    cairn_image_options as = cairn_image_defaults();
    cairn_image whole = {0};
    bool good = cairn_image_read(file, limit, &as, &whole, status) &&
                cairn_image_resize(&whole, size, size, CAIRN_FILTER_BILINEAR, image, status);
    for (int64_t p = 0; good && p < size * size; p++)
        for (int c = 0; c < 3; c++)
            out[c * size * size + p] = image->pixels[3 * p + c];
    cairn_image_free(&whole);
    return good;
}

/* All of a split; of videos `clips` each, which lie side by side. */
static bool decode_split(const cairn_items *items, cairn_split split,
                         const cairn__decode_options *o, cairn__made_split *to,
                         cairn_status *status)
{
    bool video = items->media == CAIRN_MEDIA_VIDEO;
    int64_t n = items->lists[split].n, clips = video ? o->clips : 1;
    int64_t frames = video ? o->frames : 1, item = frames * o->size * o->size * 3;
    double mib = (double)n * (double)clips * (double)item / 1048576;
    if (mib > (double)items->options.memory_limit_mib)
        return cairn__fail(status, CAIRN_ERR_MEMORY,
                           "%s: %.0f MiB of pixels, memory_limit_mib is %lld", items->path, mib,
                           (long long)items->options.memory_limit_mib);
    cairn_clip_options clip = cairn_clip_defaults();
    cairn_image image = {0};
    unsigned char *x =
        cairn__alloc((size_t)CAIRN__MAX(n * clips, (int64_t)1), (size_t)item, status);
    int32_t *label = cairn__alloc((size_t)CAIRN__MAX(n * clips, (int64_t)1), sizeof *label, status);
    bool good = x && label;
    clip.frames = o->frames;
    clip.stride = o->stride;
    clip.width = clip.height = o->size;
    clip.random = clips > 1;
    clip.seed = o->seed;
    for (int64_t i = 0; good && i < n * clips; i++) {
        unsigned char *out = x + i * item;
        label[i] = items->lists[split].items[i / clips].label;
        good = video
                   ? cairn_items_clip(items, split, i / clips, &clip, i % clips, out, NULL, status)
                   : decode_picture(items, split, i, o->size, &image, out, status);
    }
    cairn_image_free(&image);
    to->labels = label;
    to->features = (cairn_field){.name = "image", .type = CAIRN_DATA_U8, .data = x};
    int64_t planes[] = {n, 3, o->size, o->size};
    int64_t pixels[] = {n * clips, frames, o->size, o->size, 3};
    to->features.rank = video ? 5 : 4;
    memcpy(to->features.shape, video ? pixels : planes,
           (size_t)to->features.rank * sizeof(int64_t));
    return good;
}

/* Every class has items: a folder without any is likelier a mistake than a wish. */
static bool check_items(const cairn_items *items, cairn_status *status)
{
    if (items->media == CAIRN_MEDIA_SOUND)
        return cairn__fail(status, CAIRN_ERR_TYPE, "%s: sounds, expected pictures or videos",
                           items->path);
    for (int64_t c = 0; c < items->classes; c++) {
        int64_t n = 0;
        for (int s = 0; s < CAIRN__SPLITS; s++)
            for (int64_t i = 0; i < items->lists[s].n; i++)
                n += items->lists[s].items[i].label == c;
        if (n == 0)
            return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: class '%s' has no items", items->path,
                               items->names[c]);
    }
    return true;
}

cairn_dataset *cairn__dataset_decode(const cairn_items *items, const cairn__decode_options *o,
                                     cairn_status *status)
{
    cairn__made_split splits[CAIRN__SPLITS] = {{.labels = NULL}, {.labels = NULL}};
    bool good = check_items(items, status);
    for (int s = 0; good && s < CAIRN__SPLITS; s++)
        good = decode_split(items, (cairn_split)s, o, &splits[s], status);
    if (good)
        return cairn__dataset_make(
            items->path, items->media == CAIRN_MEDIA_VIDEO ? "videos" : "pictures", splits,
            items->classes, (const char *const *)items->names, status);
    for (int s = 0; s < CAIRN__SPLITS; s++) {
        cairn__free((void *)splits[s].features.data);
        cairn__free(splits[s].labels);
    }
    return NULL;
}
