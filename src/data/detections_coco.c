/* COCO: one file of JSON for a split, mapped.
 *
 *     {"images":      [{"id", "file_name", "width", "height"}, ..],
 *      "categories":  [{"id", "name"}, ..],
 *      "annotations": [{"id", "image_id", "category_id", "bbox": [x, y, width, height],
 *                       "area", "iscrowd"}, ..]}
 *
 * in any order. A first pass finds the three lists; then each is read, an element at a time. Boxes
 * come in any order of pictures: they are sorted behind one another at the end. What else is there,
 * outlines above all, is passed over.
 *
 * Source: Lin and others 2014, arXiv:1405.0312; cocodataset.org, "Data format". */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/detections.h"
#include "data/file.h"
#include "data/json_scan.h"
#include "data/listing.h"

/* A number of the file and what it stands for here: a place in a list, or a class. */
typedef struct number {
    int64_t id, index;
} number;

typedef struct numbers {
    number *list; /* owned; sorted once it is complete */
    int64_t n, room;
} numbers;

typedef struct coco {
    cairn_detections *d;
    cairn_split split;
    cairn__scan scan;
    const char *folder;
    numbers images, categories;
    int64_t *owner; /* owned: the item of each box from `first_box` on */
    int64_t owner_room, first_box, first_item;
} coco;

static bool add_number(numbers *all, int64_t id, int64_t index, cairn_status *status)
{
    if (all->n == all->room) {
        int64_t room = CAIRN__MAX(2 * all->room, 256);
        number *more = cairn__resize(all->list, (size_t)room, sizeof *more, status);
        if (!more)
            return false;
        all->list = more;
        all->room = room;
    }
    all->list[all->n++] = (number){id, index};
    return true;
}

static int by_id(const void *a, const void *b)
{
    int64_t x = ((const number *)a)->id, y = ((const number *)b)->id;
    return (x > y) - (x < y);
}

static bool sort_numbers(numbers *all, const char *what, coco *c)
{
    if (all->n)
        qsort(all->list, (size_t)all->n, sizeof *all->list, by_id);
    for (int64_t i = 1; i < all->n; i++)
        if (all->list[i].id == all->list[i - 1].id)
            return cairn__fail(c->scan.status, CAIRN_ERR_FORMAT, "%s: two %s have the id %lld",
                               c->scan.name, what, (long long)all->list[i].id);
    return true;
}

static const number *find(const numbers *all, int64_t id)
{
    const number wanted = {id, 0};
    return all->n ? bsearch(&wanted, all->list, (size_t)all->n, sizeof *all->list, by_id) : NULL;
}

/* ---- elements -------------------------------------------------------------------------------- */

/* Ids are whole numbers, exact as doubles. */
static int64_t take_id(cairn__scan *s)
{
    double value = cairn__scan_number(s);
    if (fabs(value) <= 9007199254740992.0 && value == floor(value))
        return (int64_t)value;
    cairn__scan_fail(s, "a whole number up to 2^53 before");
    return 0;
}

static double take_pixels(cairn__scan *s)
{
    double value = cairn__scan_number(s);
    if (!(fabs(value) <= 1e6))
        cairn__scan_fail(s, "at most a million pixels before");
    return value;
}

/* A path below the folder of the pictures. */
static bool stays_inside(const char *file)
{
    if (!*file || *file == '/')
        return false;
    for (const char *part = file; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2]))
            return false;
    }
    return true;
}

static bool take_image(coco *c)
{
    char key[CAIRN__SCAN_KEY], file[1024] = "";
    cairn__scan *s = &c->scan;
    int64_t id = 0;
    double width = 0, height = 0;
    bool first = true, has_id = false;
    cairn__scan_open(s, '{');
    while (cairn__scan_more(s, '}', &first) && cairn__scan_key(s, key)) {
        if (strcmp(key, "id") == 0) {
            id = take_id(s);
            has_id = true;
        } else if (strcmp(key, "file_name") == 0) {
            cairn__scan_text(s, file, sizeof file);
        } else if (strcmp(key, "width") == 0) {
            width = take_pixels(s);
        } else if (strcmp(key, "height") == 0) {
            height = take_pixels(s);
        } else {
            cairn__scan_skip(s);
        }
    }
    if (s->failed)
        return false;
    if (!has_id || width < 1 || height < 1)
        return cairn__scan_fail(s, "id, width and height in the image before");
    if (!stays_inside(file))
        return cairn__scan_fail(s, "a file_name below the folder of the pictures in the image "
                                   "before");
    const char *path = cairn__arena_text(&c->d->arena, s->status, "%s/%s", c->folder, file);
    return path && add_number(&c->images, id, c->d->lists[c->split].n, s->status) &&
           cairn__detections_add(c->d, c->split, path, (int64_t)width, (int64_t)height, s->status);
}

static bool take_category(coco *c)
{
    char key[CAIRN__SCAN_KEY], name[CAIRN__MOST_BOX_NAME] = "";
    cairn__scan *s = &c->scan;
    cairn_detections *d = c->d;
    int64_t id = 0, label = 0;
    bool first = true, has_id = false;
    cairn__scan_open(s, '{');
    while (cairn__scan_more(s, '}', &first) && cairn__scan_key(s, key)) {
        if (strcmp(key, "id") == 0) {
            id = take_id(s);
            has_id = true;
        } else if (strcmp(key, "name") == 0) {
            cairn__scan_text(s, name, sizeof name);
        } else {
            cairn__scan_skip(s);
        }
    }
    if (s->failed)
        return false;
    if (!has_id || !*name)
        return cairn__scan_fail(s, "id and name in the category before");
    /* The files of two splits share their classes by name. */
    while (label < d->classes && strcmp(d->names[label], name) != 0)
        label++;
    return (label < d->classes || cairn__detections_add_class(d, name, s->status)) &&
           add_number(&c->categories, id, label, s->status);
}

/* Four numbers in a list. */
static bool take_sides(cairn__scan *s, double side[4])
{
    bool first = true;
    int n = 0;
    cairn__scan_open(s, '[');
    while (cairn__scan_more(s, ']', &first)) {
        double value = take_pixels(s);
        if (n < 4)
            side[n] = value;
        n++;
    }
    return n == 4 || cairn__scan_fail(s, "4 numbers in the bbox before");
}

static bool keep_box(coco *c, const cairn_box *box, int64_t item)
{
    int64_t n = c->d->n_boxes - c->first_box;
    if (n == c->owner_room) {
        int64_t room = CAIRN__MAX(2 * n, (int64_t)256);
        int64_t *more = cairn__resize(c->owner, (size_t)room, sizeof *more, c->scan.status);
        if (!more)
            return false;
        c->owner = more;
        c->owner_room = room;
    }
    c->owner[n] = item;
    return cairn__detections_add_box(c->d, &c->d->lists[c->split].items[item], box, c->scan.status);
}

static bool take_annotation(coco *c)
{
    char key[CAIRN__SCAN_KEY];
    cairn__scan *s = &c->scan;
    cairn_box box = {.id = 0};
    double side[4] = {0}, area = -1;
    int64_t image = 0, category = 0;
    int seen = 0;
    bool first = true;
    cairn__scan_open(s, '{');
    while (cairn__scan_more(s, '}', &first) && cairn__scan_key(s, key)) {
        if (strcmp(key, "id") == 0) {
            box.id = take_id(s);
        } else if (strcmp(key, "image_id") == 0) {
            image = take_id(s);
            seen |= 1;
        } else if (strcmp(key, "category_id") == 0) {
            category = take_id(s);
            seen |= 2;
        } else if (strcmp(key, "bbox") == 0) {
            take_sides(s, side);
            seen |= 4;
        } else if (strcmp(key, "area") == 0) {
            area = cairn__scan_number(s);
        } else if (strcmp(key, "iscrowd") == 0) {
            box.crowd = cairn__scan_number(s) != 0;
        } else {
            cairn__scan_skip(s);
        }
    }
    if (s->failed)
        return false;
    if (seen != 7)
        return cairn__scan_fail(s, "image_id, category_id and bbox in the annotation before");
    const number *of_image = find(&c->images, image), *of = find(&c->categories, category);
    if (!of_image || !of)
        return cairn__scan_fail(s, "an image_id and a category_id of this file in the annotation "
                                   "before");
    if (!(side[2] > 0 && side[3] > 0)) {
        cairn__detections_skip(c->d, s->name, box.id);
        return true;
    }
    box.x = (float)side[0];
    box.y = (float)side[1];
    box.width = (float)side[2];
    box.height = (float)side[3];
    box.area = (float)(area >= 0 && area <= 1e12 ? area : side[2] * side[3]);
    box.label = (int32_t)of->index;
    return keep_box(c, &box, of_image->index);
}

/* ---- the file -------------------------------------------------------------------------------- */

static const struct list {
    const char *name;
    bool (*take)(coco *c);
} lists[] = {
    {"images", take_image}, {"categories", take_category}, {"annotations", take_annotation}};

enum { LISTS = CAIRN__COUNT(lists) };

/* Where each of the lists begins; SIZE_MAX: nowhere yet. */
static bool find_lists(cairn__scan *s, size_t at[LISTS])
{
    char key[CAIRN__SCAN_KEY];
    bool first = true;
    for (int i = 0; i < LISTS; i++)
        at[i] = SIZE_MAX;
    cairn__scan_open(s, '{');
    while (cairn__scan_more(s, '}', &first) && cairn__scan_key(s, key)) {
        for (int i = 0; i < LISTS; i++) {
            if (strcmp(key, lists[i].name) != 0)
                continue;
            if (at[i] != SIZE_MAX)
                return cairn__scan_fail(s, "no second list of this name");
            at[i] = s->at;
        }
        cairn__scan_skip(s);
    }
    if (!cairn__scan_end(s))
        return false;
    for (int i = 0; i < LISTS; i++)
        if (at[i] == SIZE_MAX)
            return cairn__fail(s->status, CAIRN_ERR_FORMAT,
                               "%s: no list \"%s\", which a file of COCO has", s->name,
                               lists[i].name);
    return true;
}

/* The boxes of each item behind one another, in the order of the file. */
static bool sort_boxes(coco *c)
{
    cairn_detections *d = c->d;
    const int64_t n = d->n_boxes - c->first_box;
    cairn__detection *items = d->lists[c->split].items;
    cairn_box *sorted = cairn__alloc((size_t)n, sizeof *sorted, c->scan.status);
    if (!sorted)
        return false;
    int64_t next = c->first_box;
    for (int64_t i = c->first_item; i < d->lists[c->split].n; i++) {
        items[i].first = next;
        next += items[i].count;
        items[i].count = 0;
    }
    for (int64_t b = 0; b < n; b++) {
        cairn__detection *item = &items[c->owner[b]];
        sorted[item->first - c->first_box + item->count++] = d->boxes[c->first_box + b];
    }
    if (n)
        memcpy(d->boxes + c->first_box, sorted, (size_t)n * sizeof *sorted);
    cairn__free(sorted);
    return true;
}

static bool read_lists(coco *c)
{
    size_t at[LISTS];
    if (!find_lists(&c->scan, at))
        return false;
    for (int i = 0; i < LISTS; i++) {
        bool first = true;
        c->scan.at = at[i];
        cairn__scan_open(&c->scan, '[');
        while (cairn__scan_more(&c->scan, ']', &first))
            if (!lists[i].take(c))
                return false;
        if (c->scan.failed || !sort_numbers(&c->images, "images", c) ||
            !sort_numbers(&c->categories, "categories", c))
            return false;
    }
    return sort_boxes(c);
}

bool cairn__coco_parse(cairn_detections *d, cairn_split split, const void *bytes, size_t size,
                       const char *name, const char *folder, cairn_status *status)
{
    coco c = {.d = d,
              .split = split,
              .scan = cairn__scan_new(bytes, size, name, status),
              .folder = folder,
              .first_box = d->n_boxes,
              .first_item = d->lists[split].n};
    bool good = !c.scan.failed && read_lists(&c);
    cairn__free(c.images.list);
    cairn__free(c.categories.list);
    cairn__free(c.owner);
    return good;
}

static bool take_file(cairn_detections *d, cairn_split split, const char *path, const char *folder,
                      cairn_status *status)
{
    size_t size;
    void *map = cairn__map_file(path, &size, status);
    bool good = map && cairn__coco_parse(d, split, map, size, path, folder, status);
    if (map)
        cairn__unmap_file(map, size);
    return good;
}

/* ---- a directory ----------------------------------------------------------------------------- */

static const char prefix[] = "instances_", ending[] = ".json";

/* NAME of "instances_NAME.json" in `name`, or false. */
static bool split_name(const char *file, char name[256])
{
    size_t n = strlen(file), around = sizeof prefix + sizeof ending - 2;
    if (n <= around || n - around >= 256 || strncmp(file, prefix, sizeof prefix - 1) != 0 ||
        strcmp(file + n - (sizeof ending - 1), ending) != 0)
        return false;
    memcpy(name, file + sizeof prefix - 1, n - around);
    name[n - around] = 0;
    return true;
}

bool cairn__holds_coco(const char *path)
{
    static const char *const names[] = {"train",   "val",       "train2014",
                                        "val2014", "train2017", "val2017"};
    char file[CAIRN_TEXT_SIZE + 64];
    struct stat about;
    const size_t n = strlen(path);
    const char *last = strrchr(path, '/');
    char name[256];
    last = last ? last + 1 : path;
    if (n > 5 && split_name(last, name) && stat(path, &about) == 0 && S_ISREG(about.st_mode))
        return true;
    for (size_t i = 0; i < CAIRN__COUNT(names) && n < CAIRN_TEXT_SIZE; i++) {
        snprintf(file, sizeof file, "%s/annotations/instances_%s.json", path, names[i]);
        if (stat(file, &about) == 0)
            return true;
    }
    return false;
}

/* One file: its pictures are in NAME/ beside annotations/. */
static bool take_one(cairn_detections *d, const char *path, cairn_status *status)
{
    const char *last = strrchr(path, '/');
    char name[256];
    last = last ? last + 1 : path;
    split_name(last, name);
    const char *folder =
        cairn__arena_text(&d->arena, status, "%.*s../%s", (int)(last - path), path, name);
    return folder && take_file(d, CAIRN_SPLIT_TRAIN, path, folder, status);
}

static bool is_instances(const char *file)
{
    char name[256];
    return split_name(file, name);
}

bool cairn__detections_coco(cairn_detections *d, cairn_status *status)
{
    struct stat about;
    cairn__names folders = {0}, files = {0};
    char name[256];
    d->kind = "COCO";
    if (stat(d->path, &about) == 0 && S_ISREG(about.st_mode))
        return take_one(d, d->path, status);
    const char *inner = cairn__arena_text(&d->arena, status, "%s/annotations", d->path);
    bool good =
        inner && cairn__list_folder(inner, is_instances, &d->arena, &folders, &files, status);
    for (size_t i = 0; good && i < files.n; i++) {
        split_name(files.name[i], name);
        const bool train = strncmp(name, "train", 5) == 0, test = strncmp(name, "val", 3) == 0;
        const char *path = cairn__arena_text(&d->arena, status, "%s/%s", inner, files.name[i]);
        const char *folder = cairn__arena_text(&d->arena, status, "%s/%s", d->path, name);
        d->split = d->split || test;
        if (train || test)
            good = path && folder &&
                   take_file(d, test ? CAIRN_SPLIT_TEST : CAIRN_SPLIT_TRAIN, path, folder, status);
    }
    cairn__free(folders.name);
    cairn__free(files.name);
    return good;
}
