/* Lists of pictures, sounds and videos: see items.h and cairn/image.h. Folders and tables fill them
 * (items_folder.c, items_table.c); here are the list itself, its test split, and its description.
 */
#include "data/items.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "data/json.h"

enum { PICTURE_ENDINGS = 3, SOUND_ENDINGS = 11 };

const char *const cairn__item_endings[] = {
    ".jpg",  ".jpeg", ".png", ".wav",  ".flac", ".mp3", ".ogg", ".oga", ".opus",
    ".aac",  ".m4a",  ".mka", ".aif",  ".aiff", ".mp4", ".m4v", ".mov", ".mkv",
    ".webm", ".avi",  ".mpg", ".mpeg", ".ogv",  ".gif", NULL};

static const char *const nouns[] = {[CAIRN_MEDIA_PICTURE] = "pictures",
                                    [CAIRN_MEDIA_SOUND] = "sounds",
                                    [CAIRN_MEDIA_VIDEO] = "videos"};

/* The place of a name's ending in the list; -1: not there. */
static int ending_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (int i = 0; dot && cairn__item_endings[i]; i++)
        if (strcasecmp(dot, cairn__item_endings[i]) == 0)
            return i;
    return -1;
}

bool cairn__is_item_name(const char *name)
{
    return ending_of(name) >= 0;
}

cairn_media cairn__media_of_name(const char *name)
{
    int ending = ending_of(name);
    return ending < PICTURE_ENDINGS                   ? CAIRN_MEDIA_PICTURE
           : ending < PICTURE_ENDINGS + SOUND_ENDINGS ? CAIRN_MEDIA_SOUND
                                                      : CAIRN_MEDIA_VIDEO;
}

bool cairn__holds_items(const char *path, const cairn_data_options *options, bool *holds,
                        cairn_status *status)
{
    struct stat about;
    if (!cairn_ok(status))
        return false;
    if (stat(path, &about) != 0)
        return cairn__fail_errno(status, path, "open");
    *holds =
        S_ISDIR(about.st_mode) ? cairn__has_folders(path) : cairn__has_item_column(path, options);
    return true;
}

bool cairn__items_add(cairn_items *items, cairn_split split, const char *file, int32_t label,
                      cairn_status *status)
{
    cairn__list *l = &items->lists[split];
    if (!file)
        return false;
    cairn_media media = cairn__media_of_name(file);
    if (!items->first) {
        items->first = file;
        items->media = media;
    }
    if (media != items->media)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: holds %s and %s (%s and %s), expected one of the two", items->path,
                           nouns[items->media], nouns[media], items->first, file);
    if (l->n == l->room) {
        int64_t room = CAIRN__MAX(2 * l->room, 64);
        cairn__item *more = cairn__resize(l->items, (size_t)room, sizeof *more, status);
        if (!more)
            return false;
        l->items = more;
        l->room = room;
    }
    l->items[l->n++] = (cairn__item){file, label};
    return true;
}

bool cairn__items_add_class(cairn_items *items, const char *name, cairn_status *status)
{
    if (items->classes == items->room) {
        int64_t room = CAIRN__MAX(2 * items->room, 16);
        const char **more = cairn__resize(items->names, (size_t)room, sizeof *more, status);
        if (!more)
            return false;
        items->names = more;
        items->room = room;
    }
    const char *copy = cairn__arena_text(&items->arena, status, "%s", name);
    if (!copy)
        return false;
    items->names[items->classes++] = copy;
    return true;
}

/* ---- the test split -------------------------------------------------------------------------- */

/* Both splits keep the order of the list, as those of cairn_dataset_open() do. */
static bool draw_split(cairn_items *items, cairn_status *status)
{
    cairn__list *all = &items->lists[CAIRN_SPLIT_TRAIN];
    int64_t n_test = (int64_t)(items->options.test_fraction * (double)all->n), kept = 0;
    int64_t *order = cairn__alloc((size_t)all->n, sizeof *order, status);
    bool *marks = cairn__alloc((size_t)all->n, sizeof *marks, status);
    bool good = order && marks;
    if (good) {
        cairn_random_permutation((uint64_t)items->options.split_seed,
                                 cairn_random_stream("data/test split"), all->n, order);
        for (int64_t i = 0; i < n_test; i++)
            marks[order[i]] = true;
    }
    for (int64_t i = 0; good && i < all->n; i++) {
        if (marks[i])
            good = cairn__items_add(items, CAIRN_SPLIT_TEST, all->items[i].file,
                                    all->items[i].label, status);
        else
            all->items[kept++] = all->items[i];
    }
    if (good)
        all->n = kept;
    cairn__free(order);
    cairn__free(marks);
    return good;
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool fill(cairn_items *items, const char *path, cairn_status *status)
{
    struct stat about;
    items->path = cairn__arena_text(&items->arena, status, "%s", path);
    if (!items->path)
        return false;
    if (stat(path, &about) != 0)
        return cairn__fail_errno(status, path, "open");
    if (!(S_ISDIR(about.st_mode) ? cairn__items_folder : cairn__items_table)(items, status))
        return false;
    if (items->lists[CAIRN_SPLIT_TRAIN].n == 0)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: no pictures, sounds or videos, expected .jpg, .jpeg or .png, .wav, "
                           ".flac, .mp3, .ogg or other sounds, .mp4, .mkv, .avi or other videos",
                           path);
    if (!items->split && !draw_split(items, status))
        return false;
    int64_t limit = items->options.limit, *n = &items->lists[CAIRN_SPLIT_TRAIN].n;
    *n = limit > 0 ? CAIRN__MIN(*n, limit) : *n;
    return true;
}

cairn_items *cairn_items_open(const char *path, const cairn_data_options *options,
                              cairn_status *status)
{
    cairn_data_options standard = cairn_data_defaults();
    options = options ? options : &standard;
    if (!cairn_ok(status) || !cairn__options_check(cairn__data_table, options, status))
        return NULL;
    cairn_items *items = cairn__alloc(1, sizeof *items, status);
    if (!items)
        return NULL;
    items->options = *options;
    if (fill(items, path, status))
        return items;
    cairn_items_free(items);
    return NULL;
}

void cairn_items_free(cairn_items *items)
{
    if (!items)
        return;
    for (int split = 0; split < CAIRN__SPLITS; split++)
        cairn__free(items->lists[split].items);
    cairn__free(items->names);
    cairn__arena_free(&items->arena);
    cairn__free(items);
}

/* ---- asking ---------------------------------------------------------------------------------- */

cairn_media cairn_items_media(const cairn_items *items)
{
    return items->media;
}

int64_t cairn_items_count(const cairn_items *items, cairn_split split)
{
    return items->lists[split].n;
}

const char *cairn_items_file(const cairn_items *items, cairn_split split, int64_t index)
{
    return items->lists[split].items[index].file;
}

int32_t cairn_items_label(const cairn_items *items, cairn_split split, int64_t index)
{
    return items->lists[split].items[index].label;
}

int64_t cairn_items_classes(const cairn_items *items)
{
    return items->classes;
}

const char *cairn_items_class_name(const cairn_items *items, int64_t index)
{
    return index >= 0 && index < items->classes ? items->names[index] : NULL;
}

/* ---- describing ------------------------------------------------------------------------------ */

static const char *const split_names[] = {"train", "test"};

/* Classes listed for people. */
enum { MOST_LISTED = 20 };

/* Items of each class, and in the last place those without one. */
static int64_t *count(const cairn_items *items, int split, cairn_status *status)
{
    int64_t *counts = cairn__alloc((size_t)items->classes + 1, sizeof *counts, status);
    const cairn__list *l = &items->lists[split];
    for (int64_t i = 0; counts && i < l->n; i++)
        counts[l->items[i].label < 0 ? items->classes : l->items[i].label]++;
    return counts;
}

static void say_split(cairn__text *out, const cairn_items *items, int split, const int64_t *counts)
{
    int64_t classes = items->classes, listed = CAIRN__MIN(classes, (int64_t)MOST_LISTED);
    cairn__text_add(out, "  %s: %lld %s\n", split_names[split], (long long)items->lists[split].n,
                    nouns[items->media]);
    for (int64_t c = 0; c < listed; c++)
        cairn__text_add(out, "%s%lld (%s)",
                        c ? ", " : "    items of each class: ", (long long)counts[c],
                        items->names[c]);
    if (listed < classes)
        cairn__text_add(out, ", and %lld classes more", (long long)(classes - listed));
    if (classes > 0 && counts[classes] > 0)
        cairn__text_add(out, "; %lld without a label", (long long)counts[classes]);
    if (classes > 0)
        cairn__text_add(out, "\n");
}

static void json_split(cairn__text *out, const cairn_items *items, int split, const int64_t *counts)
{
    cairn__text_add(out, "%s{\"name\": \"%s\", \"items\": %lld", split ? ", " : "",
                    split_names[split], (long long)items->lists[split].n);
    for (int64_t c = 0; c < items->classes; c++)
        cairn__text_add(out, "%s%lld", c ? ", " : ", \"class_counts\": [", (long long)counts[c]);
    cairn__text_add(out, "%s}", items->classes ? "]" : "");
}

typedef void add_split(cairn__text *out, const cairn_items *items, int split,
                       const int64_t *counts);

static void add_splits(cairn__text *out, const cairn_items *items, add_split *add)
{
    for (int split = 0; split < CAIRN__SPLITS && !out->failed; split++) {
        int64_t *counts = count(items, split, out->status);
        if (counts)
            add(out, items, split, counts);
        else
            out->failed = true;
        cairn__free(counts);
    }
}

static char *finish(cairn__text *out)
{
    if (!out->failed)
        return out->data;
    cairn__free(out->data);
    return NULL;
}

char *cairn_items_describe(const cairn_items *items, cairn_status *status)
{
    cairn__text out = {.status = status};
    cairn__text_add(&out, "%s: %s of %s", items->path, items->kind, nouns[items->media]);
    if (items->classes > 0)
        cairn__text_add(&out, ", %lld classes", (long long)items->classes);
    cairn__text_add(&out, "\n");
    add_splits(&out, items, say_split);
    return finish(&out);
}

char *cairn_items_describe_json(const cairn_items *items, cairn_status *status)
{
    cairn__text out = {.status = status};
    cairn__text_add(&out, "{\"path\": ");
    cairn__json_add_string(&out, items->path);
    cairn__text_add(&out, ", \"kind\": \"%s of %s\", \"classes\": %lld", items->kind,
                    nouns[items->media], (long long)items->classes);
    for (int64_t c = 0; c < items->classes; c++) {
        cairn__text_add(&out, c ? ", " : ", \"class_names\": [");
        cairn__json_add_string(&out, items->names[c]);
    }
    cairn__text_add(&out, "%s, \"splits\": [", items->classes ? "]" : "");
    add_splits(&out, items, json_split);
    cairn__text_add(&out, "]}");
    return finish(&out);
}
