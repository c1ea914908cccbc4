/* Where the items of a run come from: data sets, and folders of pictures and videos. */
#include <stdio.h>
#include <string.h>

#include "cairn/video.h"
#include "data/items.h"
#include "methods/spl/run.h"

static cairn__decode_options decode_options(const cairn__spl_source *s, int64_t clips, int64_t seed)
{
    return (cairn__decode_options){.size = s->picture_size,
                                   .frames = s->clip_frames,
                                   .stride = s->clip_stride,
                                   .clips = clips,
                                   .seed = seed};
}

/* Whatever lies at `path`, in memory. */
static cairn_dataset *open_any(const cairn__spl_source *s, const char *path, int64_t clips,
                               const cairn_data_options *options, cairn_status *status)
{
    bool holds = false;
    cairn__decode_options o = decode_options(s, clips, options->split_seed);
    if (!cairn__holds_items(path, options, &holds, status))
        return NULL;
    if (!holds)
        return cairn_dataset_open(path, options, status);
    cairn_items *items = cairn_items_open(path, options, status);
    cairn_dataset *d = items ? cairn__dataset_decode(items, &o, status) : NULL;
    cairn_items_free(items);
    return d;
}

cairn_dataset *cairn__spl_open(const void *options, const cairn_data_options *data,
                               cairn_status *status)
{
    const cairn__spl_run *run = options;
    return open_any(&run->source, data->data, 1, data, status);
}

/* ---- weak items ------------------------------------------------------------------------------ */

/* The number that `clean` has for class c of `weak`; -1 with an error. */
static int32_t match_class(const cairn_dataset *weak, const cairn_dataset *clean, int64_t c,
                           cairn_status *status)
{
    int64_t n = cairn_dataset_classes(clean);
    const char *name = cairn_dataset_class_name(weak, c);
    for (int64_t k = 0; name && k < n; k++) {
        const char *other = cairn_dataset_class_name(clean, k);
        if (other && strcmp(other, name) == 0)
            return (int32_t)k;
    }
    if ((!name || !cairn_dataset_class_name(clean, 0)) && c < n)
        return (int32_t)c;
    cairn__fail(status, CAIRN_ERR_VALUE,
                "%s: class '%s' of %lld is none of the %lld classes of the clean data %s",
                weak->path, name ? name : "?", (long long)c, (long long)n, clean->path);
    return -1;
}

static bool match_labels(const cairn_dataset *weak, const cairn_dataset *clean, int32_t *labels,
                         cairn_status *status)
{
    const cairn_field *f = cairn_dataset_field(weak, CAIRN_SPLIT_TRAIN, "label");
    int64_t classes = cairn_dataset_classes(weak);
    if (!f || classes < 1)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: the weak items have no labels",
                           weak->path);
    int32_t *to = cairn__alloc((size_t)classes, sizeof *to, status);
    bool good = to != NULL;
    for (int64_t c = 0; good && c < classes; c++)
        good = (to[c] = match_class(weak, clean, c, status)) >= 0;
    for (int64_t i = 0; good && i < f->shape[0]; i++) {
        int32_t label = ((const int32_t *)f->data)[i];
        good = (label >= 0 && label < classes) ||
               cairn__fail(status, CAIRN_ERR_VALUE, "%s: item %lld has no label", weak->path,
                           (long long)i);
        labels[i] = good ? to[label] : -1;
    }
    cairn__free(to);
    return good;
}

/* Items are alike when a network for one takes the other. */
static bool check_alike(const cairn_dataset *weak, const cairn_dataset *clean, cairn_status *status)
{
    const cairn_field *a = cairn_dataset_field_at(weak, CAIRN_SPLIT_TRAIN, 0);
    const cairn_field *b = cairn_dataset_field_at(clean, CAIRN_SPLIT_TRAIN, 0);
    bool same = a->rank == b->rank && strcmp(a->name, b->name) == 0;
    for (int i = 1; same && i < a->rank; i++)
        same = a->shape[i] == b->shape[i];
    return same || cairn__fail(status, CAIRN_ERR_SHAPE,
                               "%s: items of %lld numbers in %d axes, those of %s have %lld in %d",
                               weak->path, (long long)cairn__item_elements(a), a->rank - 1,
                               clean->path, (long long)cairn__item_elements(b), b->rank - 1);
}

/* The part that was asked for, with labels as those of `clean`, and noise. */
static cairn_dataset *select_items(const cairn__spl_source *s, const cairn_dataset *weak,
                                   const cairn_dataset *clean, cairn_status *status)
{
    int64_t all = cairn_dataset_count(weak, CAIRN_SPLIT_TRAIN);
    int64_t n = all - CAIRN__MIN(s->weak_skip, all), classes = cairn_dataset_classes(clean);
    n = s->weak_limit ? CAIRN__MIN(n, s->weak_limit) : n;
    int32_t *labels = cairn__alloc((size_t)all, sizeof *labels, status);
    int64_t *rows = cairn__alloc((size_t)CAIRN__MAX(n, (int64_t)1), sizeof *rows, status);
    cairn_dataset *d = NULL;
    bool good = labels && rows && match_labels(weak, clean, labels, status);
    if (good && n < 1)
        good = cairn__fail(status, CAIRN_ERR_VALUE,
                           "weak_skip: %lld of the %lld items of %s, which leaves none",
                           (long long)s->weak_skip, (long long)all, weak->path);
    for (int64_t i = 0; good && i < n; i++)
        rows[i] = s->weak_skip + i;
    if (good)
        d = cairn__dataset_pick(weak, rows, n, labels + s->weak_skip, classes, clean->names,
                                status);
    cairn__free(rows);
    cairn__free(labels);
    return d;
}

cairn_dataset *cairn__spl_open_weak(const cairn__spl_run *run, const cairn_dataset *clean,
                                    const cairn_data_options *options, cairn_status *status)
{
    const cairn__spl_source *s = &run->source;
    cairn_data_options o = *options;
    cairn_dataset *d = NULL;
    o.limit = 0;
    o.test_fraction = 0; /* weak labels test nothing */
    if (!*s->weak) {
        cairn__fail(status, CAIRN_ERR_VALUE,
                    "--weak is missing: items with weak labels, as folders of pictures or videos, "
                    "IDX or CSV");
        return NULL;
    }
    cairn_dataset *weak = open_any(s, s->weak, s->clips, &o, status);
    if (weak && check_alike(weak, clean, status))
        d = select_items(s, weak, clean, status);
    cairn_dataset_free(weak);
    if (d && s->weak_noise_rate > 0) {
        cairn_noise_options noise = cairn_noise_defaults();
        noise.noise = CAIRN_NOISE_PAIRS;
        noise.noise_rate = s->weak_noise_rate;
        memcpy(noise.noise_pairs, s->weak_noise_pairs, sizeof noise.noise_pairs);
        if (!cairn__dataset_add_noise(d, &noise, status)) {
            cairn_dataset_free(d);
            d = NULL;
        }
    }
    return d;
}
