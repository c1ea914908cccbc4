/* Lists of pictures with boxes: see cairn/detection.h. Here are the list itself, its test split and
 * its description; detections_voc.c and detections_coco.c fill it. */
#include "data/detections.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "data/json.h"

bool cairn__detections_add(cairn_detections *d, cairn_split split, const char *file, int64_t width,
                           int64_t height, cairn_status *status)
{
    cairn__detection_list *l = &d->lists[split];
    if (l->n == l->room) {
        int64_t room = CAIRN__MAX(2 * l->room, 64);
        cairn__detection *more = cairn__resize(l->items, (size_t)room, sizeof *more, status);
        if (!more)
            return false;
        l->items = more;
        l->room = room;
    }
    l->items[l->n++] =
        (cairn__detection){.file = file, .width = width, .height = height, .first = d->n_boxes};
    return true;
}

bool cairn__detections_add_box(cairn_detections *d, cairn__detection *item, const cairn_box *box,
                               cairn_status *status)
{
    if (d->n_boxes == d->box_room) {
        int64_t room = CAIRN__MAX(2 * d->box_room, 256);
        cairn_box *more = cairn__resize(d->boxes, (size_t)room, sizeof *more, status);
        if (!more)
            return false;
        d->boxes = more;
        d->box_room = room;
    }
    d->boxes[d->n_boxes++] = *box;
    if (item)
        item->count++;
    return true;
}

bool cairn__detections_add_class(cairn_detections *d, const char *name, cairn_status *status)
{
    if (d->classes == CAIRN__MOST_BOX_CLASSES)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: more than %d classes", d->path,
                           CAIRN__MOST_BOX_CLASSES);
    if (d->classes == d->class_room) {
        int64_t room = CAIRN__MAX(2 * d->class_room, 16);
        const char **more = cairn__resize(d->names, (size_t)room, sizeof *more, status);
        if (!more)
            return false;
        d->names = more;
        d->class_room = room;
    }
    const char *copy = cairn__arena_text(&d->arena, status, "%s", name);
    if (!copy)
        return false;
    d->names[d->classes++] = copy;
    return true;
}

void cairn__detections_skip(cairn_detections *d, const char *file, int64_t box)
{
    d->skipped++;
    cairn__log(CAIRN_LOG_WARNING, "%s: box %lld has no area and is left out", file, (long long)box);
}

bool cairn__holds_detections(const char *path)
{
    char inner[2 * CAIRN_TEXT_SIZE];
    struct stat about;
    if (cairn__holds_coco(path))
        return true;
    int n = snprintf(inner, sizeof inner, "%s/Annotations", path);
    return n > 0 && (size_t)n < sizeof inner && stat(inner, &about) == 0 && S_ISDIR(about.st_mode);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Both splits keep the order of the list. */
static bool draw_split(cairn_detections *d, cairn_status *status)
{
    cairn__detection_list *all = &d->lists[CAIRN_SPLIT_TRAIN], *test = &d->lists[CAIRN_SPLIT_TEST];
    int64_t n_test = (int64_t)(d->options.test_fraction * (double)all->n), kept = 0;
    int64_t *order = cairn__alloc((size_t)all->n, sizeof *order, status);
    bool *marks = cairn__alloc((size_t)all->n, sizeof *marks, status);
    test->items = cairn__alloc((size_t)n_test, sizeof *test->items, status);
    bool good = order && marks && test->items;
    if (good) {
        test->room = n_test;
        cairn_random_permutation((uint64_t)d->options.split_seed,
                                 cairn_random_stream("data/test split"), all->n, order);
        for (int64_t i = 0; i < n_test; i++)
            marks[order[i]] = true;
        for (int64_t i = 0; i < all->n; i++) {
            if (marks[i])
                test->items[test->n++] = all->items[i];
            else
                all->items[kept++] = all->items[i];
        }
        all->n = kept;
    }
    cairn__free(order);
    cairn__free(marks);
    return good;
}

static bool fill(cairn_detections *d, const char *path, cairn_status *status)
{
    int64_t *n = &d->lists[CAIRN_SPLIT_TRAIN].n;
    d->path = cairn__arena_text(&d->arena, status, "%s", path);
    if (!d->path || !(cairn__holds_coco(path) ? cairn__detections_coco(d, status)
                                              : cairn__detections_voc(d, status)))
        return false;
    if (*n == 0)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: no pictures in the train split", path);
    if (!d->split && !draw_split(d, status))
        return false;
    *n = d->options.limit > 0 ? CAIRN__MIN(*n, d->options.limit) : *n;
    return true;
}

cairn_detections *cairn_detections_open(const char *path, const cairn_data_options *options,
                                        cairn_status *status)
{
    cairn_data_options standard = cairn_data_defaults();
    options = options ? options : &standard;
    if (!cairn_ok(status) || !cairn__options_check(cairn__data_table, options, status))
        return NULL;
    cairn_detections *d = cairn__alloc(1, sizeof *d, status);
    if (!d)
        return NULL;
    d->options = *options;
    if (fill(d, path, status))
        return d;
    cairn_detections_free(d);
    return NULL;
}

void cairn_detections_free(cairn_detections *d)
{
    if (!d)
        return;
    for (int split = 0; split < CAIRN__SPLITS; split++)
        cairn__free(d->lists[split].items);
    cairn__free(d->boxes);
    cairn__free(d->names);
    cairn__arena_free(&d->arena);
    cairn__free(d);
}

/* ---- asking ---------------------------------------------------------------------------------- */

int64_t cairn_detections_count(const cairn_detections *d, cairn_split split)
{
    return d->lists[split].n;
}

cairn_detection_item cairn_detections_at(const cairn_detections *d, cairn_split split,
                                         int64_t index)
{
    const cairn__detection *item = &d->lists[split].items[index];
    return (cairn_detection_item){.file = item->file,
                                  .width = item->width,
                                  .height = item->height,
                                  .boxes = item->count ? d->boxes + item->first : NULL,
                                  .count = item->count};
}

int64_t cairn_detections_classes(const cairn_detections *d)
{
    return d->classes;
}

const char *cairn_detections_class_name(const cairn_detections *d, int64_t index)
{
    return index >= 0 && index < d->classes ? d->names[index] : NULL;
}

int64_t cairn_detections_skipped(const cairn_detections *d)
{
    return d->skipped;
}

/* ---- describing ------------------------------------------------------------------------------ */

static const char *const split_names[] = {"train", "test"};

/* Boxes of each class of a split, and in the last place all of them. */
static int64_t *count_boxes(const cairn_detections *d, int split, cairn_status *status)
{
    const cairn__detection_list *l = &d->lists[split];
    int64_t *counts = cairn__alloc((size_t)d->classes + 1, sizeof *counts, status);
    for (int64_t i = 0; counts && i < l->n; i++)
        for (int64_t b = 0; b < l->items[i].count; b++) {
            counts[d->boxes[l->items[i].first + b].label]++;
            counts[d->classes]++;
        }
    return counts;
}

static char *finish(cairn__text *out)
{
    if (!out->failed)
        return out->data;
    cairn__free(out->data);
    return NULL;
}

char *cairn_detections_describe(const cairn_detections *d, cairn_status *status)
{
    cairn__text out = {.status = status};
    cairn__text_add(&out, "%s: %s, %lld classes", d->path, d->kind, (long long)d->classes);
    if (d->skipped)
        cairn__text_add(&out, ", %lld boxes without area left out", (long long)d->skipped);
    cairn__text_add(&out, "\n");
    for (int split = 0; split < CAIRN__SPLITS && !out.failed; split++) {
        int64_t *counts = count_boxes(d, split, status);
        out.failed = out.failed || !counts;
        if (counts)
            cairn__text_add(&out, "  %s: %lld pictures, %lld boxes\n", split_names[split],
                            (long long)d->lists[split].n, (long long)counts[d->classes]);
        for (int64_t c = 0; counts && c < d->classes; c++)
            cairn__text_add(&out, "%s%lld (%s)%s",
                            c ? ", " : "    boxes of each class: ", (long long)counts[c],
                            d->names[c], c + 1 == d->classes ? "\n" : "");
        cairn__free(counts);
    }
    return finish(&out);
}

char *cairn_detections_describe_json(const cairn_detections *d, cairn_status *status)
{
    cairn__text out = {.status = status};
    cairn__text_add(&out, "{\"path\": ");
    cairn__json_add_string(&out, d->path);
    cairn__text_add(&out, ", \"kind\": \"%s\", \"skipped\": %lld, \"class_names\": [", d->kind,
                    (long long)d->skipped);
    for (int64_t c = 0; c < d->classes; c++) {
        cairn__text_add(&out, c ? ", " : "");
        cairn__json_add_string(&out, d->names[c]);
    }
    cairn__text_add(&out, "], \"splits\": [");
    for (int split = 0; split < CAIRN__SPLITS && !out.failed; split++) {
        int64_t *counts = count_boxes(d, split, status);
        out.failed = out.failed || !counts;
        if (counts)
            cairn__text_add(&out, "%s{\"name\": \"%s\", \"pictures\": %lld, \"boxes\": %lld",
                            split ? ", " : "", split_names[split], (long long)d->lists[split].n,
                            (long long)counts[d->classes]);
        for (int64_t c = 0; counts && c < d->classes; c++)
            cairn__text_add(&out, "%s%lld", c ? ", " : ", \"class_counts\": [",
                            (long long)counts[c]);
        cairn__text_add(&out, "%s}", d->classes ? "]" : "");
        cairn__free(counts);
    }
    cairn__text_add(&out, "]}");
    return finish(&out);
}
