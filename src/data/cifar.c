/* CIFAR, records one after the other:
 *
 *     CIFAR-10   label (u8, 0 to 9)                       | red, green, blue: 32 x 32 bytes each
 *     CIFAR-100  coarse (u8, 0 to 19) | fine (u8, 0 to 99) | the same
 *
 * Source: A. Krizhevsky, "The CIFAR-10 and CIFAR-100 datasets", section "Binary version". */
#include "data/cifar.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/file.h"
#include "data/span.h"

enum { SIDE = 32, PIXELS = 3 * SIDE * SIDE, MOST_BATCHES = 5 };

/* What differs between the sets. */
typedef struct set {
    const char *kind, *first_file, *test_file, *names_file;
    int label_bytes; /* the last one is the label */
    int classes, coarse;
} set;

static const set sets[] = {
    {"CIFAR-10", "data_batch_1.bin", "test_batch.bin", "batches.meta.txt", 1, 10, 10},
    {"CIFAR-100", "train.bin", "test.bin", "fine_label_names.txt", 2, 100, 20},
};

static bool has(const char *folder, const char *name)
{
    char path[2 * CAIRN_TEXT_SIZE];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

static const set *set_of_folder(const char *path)
{
    for (size_t i = 0; i < CAIRN__COUNT(sets); i++)
        if (has(path, sets[i].first_file))
            return &sets[i];
    return NULL;
}

bool cairn__is_cifar_folder(const char *path)
{
    return set_of_folder(path) != NULL;
}

static size_t record_of(const set *s)
{
    return (size_t)s->label_bytes + PIXELS;
}

/* The set whose records these are; NULL if they are neither's. */
static const set *set_of_bytes(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < CAIRN__COUNT(sets); i++) {
        const set *s = &sets[i];
        size_t record = record_of(s), at = 0;
        if (size == 0 || size % record)
            continue;
        while (at < size && bytes[at] < s->coarse &&
               bytes[at + (size_t)s->label_bytes - 1] < s->classes)
            at += record;
        if (at == size)
            return s;
    }
    return NULL;
}

bool cairn__is_cifar(const void *bytes, size_t size, const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && strcmp(dot, ".bin") == 0 && set_of_bytes(bytes, size);
}

/* ---- records --------------------------------------------------------------------------------- */

static bool bad_label(const char *name, size_t offset, const char *what, int label, int classes,
                      cairn_status *status)
{
    return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: offset %zu: %s %d, expected 0 to %d", name,
                       offset, what, label, classes - 1);
}

/* Makes room for n items more behind those of the fields. */
static bool grow(cairn_field fields[2], int64_t n, cairn_status *status)
{
    int64_t all = fields[0].shape[0] + n;
    void *pixels = cairn__resize((void *)fields[0].data, (size_t)all, PIXELS, status);
    if (!pixels)
        return false;
    fields[0] = (cairn_field){.name = "image",
                              .type = CAIRN_DATA_U8,
                              .rank = 4,
                              .shape = {fields[0].shape[0], 3, SIDE, SIDE},
                              .data = pixels};
    void *labels = cairn__resize((void *)fields[1].data, (size_t)all, sizeof(int32_t), status);
    if (!labels)
        return false;
    fields[1] = (cairn_field){.name = "label",
                              .type = CAIRN_DATA_I32,
                              .rank = 1,
                              .shape = {fields[0].shape[0]},
                              .data = labels};
    return true;
}

static bool add_records(const set *s, const void *bytes, size_t size, const char *name,
                        cairn_field fields[2], cairn_status *status)
{
    size_t record = record_of(s);
    if (size % record)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: %zu bytes, expected a multiple of %zu as in %s", name, size, record,
                           s->kind);
    int64_t n = (int64_t)(size / record);
    if (!grow(fields, n, status))
        return false;
    int64_t at = fields[0].shape[0];
    cairn__reader r = cairn__reader_new(bytes, size, name, status);
    for (int64_t i = 0; i < n; i++, at++) {
        size_t offset = r.at;
        int coarse = s->label_bytes > 1 ? cairn__take_u8(&r, "coarse label") : 0;
        int label = cairn__take_u8(&r, "label");
        const unsigned char *pixels = cairn__take(&r, PIXELS, "pixels");
        if (!pixels)
            return false;
        if (coarse >= s->coarse)
            return bad_label(name, offset, "coarse label", coarse, s->coarse, status);
        if (label >= s->classes)
            return bad_label(name, offset, "label", label, s->classes, status);
        memcpy((unsigned char *)fields[0].data + (size_t)at * PIXELS, pixels, PIXELS);
        ((int32_t *)fields[1].data)[at] = label;
    }
    fields[0].shape[0] = fields[1].shape[0] = at;
    return true;
}

bool cairn__cifar_parse(cairn_dataset *d, const void *bytes, size_t size, const char *name,
                        cairn_status *status)
{
    const set *s = set_of_bytes(bytes, size);
    if (!s)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: holds no records of CIFAR", name);
    d->kind = s == &sets[0] ? "CIFAR-10 file" : "CIFAR-100 file";
    d->count = 2;
    return add_records(s, bytes, size, name, d->fields[CAIRN_SPLIT_TRAIN], status);
}

/* ---- folders --------------------------------------------------------------------------------- */

static bool add_file(cairn_dataset *d, const set *s, const char *file, cairn_split split,
                     size_t limit, cairn_status *status)
{
    cairn__content content;
    char *path = cairn__arena_text(&d->arena, status, "%s/%s", d->path, file);
    if (!path || !cairn__read_file(path, limit, &content, status))
        return false;
    bool good = add_records(s, content.data, content.size, path, d->fields[split], status);
    cairn__content_free(&content);
    return good;
}

/* A name a line; empty lines do not count. */
static bool read_names(cairn_dataset *d, const set *s, size_t limit, cairn_status *status)
{
    cairn__content content;
    char *path = cairn__arena_text(&d->arena, status, "%s/%s", d->path, s->names_file);
    const char **names = cairn__arena_alloc(&d->arena, (size_t)s->classes, sizeof *names, status);
    if (!path || !names || !cairn__read_file(path, limit, &content, status))
        return false;
    const char *at = (const char *)content.data, *end = at + content.size;
    int n = 0;
    bool good = true;
    while (good && at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end ? line_end : end;
        int length = (int)CAIRN__MIN(line_end - at, (ptrdiff_t)1000);
        while (length > 0 && (at[length - 1] == '\r' || at[length - 1] == ' '))
            length--;
        if (length > 0 && n == s->classes)
            good = cairn__fail(status, CAIRN_ERR_FORMAT, "%s: more than %d names of classes", path,
                               s->classes);
        else if (length > 0)
            good = (names[n++] = cairn__arena_text(&d->arena, status, "%.*s", length, at)) != NULL;
        at = line_end + 1;
    }
    cairn__content_free(&content);
    if (good && n != s->classes)
        good = cairn__fail(status, CAIRN_ERR_FORMAT, "%s: %d names of classes, expected %d", path,
                           n, s->classes);
    d->names = names;
    return good;
}

bool cairn__cifar_folder(cairn_dataset *d, size_t limit, cairn_status *status)
{
    const set *s = set_of_folder(d->path);
    char name[32];
    if (!s)
        return cairn__fail(status, CAIRN_ERR_FILE, "%s: holds no files of CIFAR", d->path);
    d->kind = s == &sets[0] ? "CIFAR-10 folder" : "CIFAR-100 folder";
    d->count = 2;
    if (!add_file(d, s, s->first_file, CAIRN_SPLIT_TRAIN, limit, status))
        return false;
    for (int i = 2; s == &sets[0] && i <= MOST_BATCHES; i++) {
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        if (has(d->path, name) && !add_file(d, s, name, CAIRN_SPLIT_TRAIN, limit, status))
            return false;
    }
    if (has(d->path, s->test_file) &&
        !add_file(d, s, s->test_file, CAIRN_SPLIT_TEST, limit, status))
        return false;
    d->classes = s->classes;
    return !has(d->path, s->names_file) || read_names(d, s, limit, status);
}
