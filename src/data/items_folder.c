/* A folder for each class:
 *
 *     PATH/cat/1.jpg          or   PATH/train/cat/1.jpg
 *     PATH/dog/7.png               PATH/val/cat/2.jpg
 *
 * Names are sorted by their bytes, so that a list does not depend on the file system. Links to
 * folders are not followed: they may lead in circles. */
#include <string.h>

#include "data/items.h"
#include "data/listing.h"

/* Deeper folders are an error: nobody sorts pictures so. */
enum { MOST_DEPTH = 16 };

/* All files in and below a folder. */
static bool take_class(cairn_items *items, cairn_split split, const char *path, int32_t label,
                       int depth, cairn_status *status)
{
    cairn__names folders = {0}, files = {0};
    if (depth > MOST_DEPTH)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: %d folders inside one another, expected at most %d", path, depth,
                           MOST_DEPTH);
    bool good =
        cairn__list_folder(path, cairn__is_item_name, &items->arena, &folders, &files, status);
    for (size_t i = 0; good && i < files.n; i++)
        good = cairn__items_add(
            items, split, cairn__arena_text(&items->arena, status, "%s/%s", path, files.name[i]),
            label, status);
    for (size_t i = 0; good && i < folders.n; i++) {
        const char *inner =
            cairn__arena_text(&items->arena, status, "%s/%s", path, folders.name[i]);
        good = inner && take_class(items, split, inner, label, depth + 1, status);
    }
    cairn__free(folders.name);
    cairn__free(files.name);
    return good;
}

static int64_t find_class(const cairn_items *items, const char *name)
{
    for (int64_t c = 0; c < items->classes; c++)
        if (strcmp(items->names[c], name) == 0)
            return c;
    return -1;
}

/* The classes of the train split are all that there are. */
static bool take_split(cairn_items *items, cairn_split split, const char *path,
                       const cairn__names *folders, cairn_status *status)
{
    bool good = true;
    for (size_t i = 0; good && i < folders->n; i++) {
        if (split == CAIRN_SPLIT_TRAIN)
            good = cairn__items_add_class(items, folders->name[i], status);
        int64_t label = good ? find_class(items, folders->name[i]) : 0;
        if (label < 0)
            return cairn__fail(status, CAIRN_ERR_FORMAT,
                               "%s: a folder '%s', which the train split does not have", path,
                               folders->name[i]);
        const char *inner =
            good ? cairn__arena_text(&items->arena, status, "%s/%s", path, folders->name[i]) : NULL;
        good = inner && take_class(items, split, inner, (int32_t)label, 0, status);
    }
    return good;
}

static bool take_part(cairn_items *items, cairn_split split, const char *name, cairn_status *status)
{
    cairn__names folders = {0}, files = {0};
    const char *path = cairn__arena_text(&items->arena, status, "%s/%s", items->path, name);
    bool good =
        path &&
        cairn__list_folder(path, cairn__is_item_name, &items->arena, &folders, &files, status) &&
        take_split(items, split, path, &folders, status);
    cairn__free(folders.name);
    cairn__free(files.name);
    return good;
}

static bool has(const cairn__names *folders, const char *name)
{
    for (size_t i = 0; i < folders->n; i++)
        if (strcmp(folders->name[i], name) == 0)
            return true;
    return false;
}

bool cairn__items_folder(cairn_items *items, cairn_status *status)
{
    static const char *const tests[] = {"test", "val", "validation"};
    cairn__names folders = {0}, files = {0};
    items->kind = "folder";
    bool good = cairn__list_folder(items->path, cairn__is_item_name, &items->arena, &folders,
                                   &files, status);
    if (good && has(&folders, "train")) {
        good = take_part(items, CAIRN_SPLIT_TRAIN, "train", status);
        for (size_t i = 0; good && !items->split && i < CAIRN__COUNT(tests); i++) {
            items->split = has(&folders, tests[i]);
            if (items->split)
                good = take_part(items, CAIRN_SPLIT_TEST, tests[i], status);
        }
    } else if (good && folders.n == 0) {
        good = cairn__fail(status, CAIRN_ERR_FORMAT, "%s: no folders, expected one for each class",
                           items->path);
    } else if (good) {
        good = take_split(items, CAIRN_SPLIT_TRAIN, items->path, &folders, status);
    }
    cairn__free(folders.name);
    cairn__free(files.name);
    return good;
}

bool cairn__has_folders(const char *path)
{
    cairn__names folders = {0}, files = {0};
    cairn__arena arena = {0};
    bool found = cairn__list_folder(path, cairn__is_item_name, &arena, &folders, &files, NULL) &&
                 folders.n > 0;
    cairn__free(folders.name);
    cairn__free(files.name);
    cairn__arena_free(&arena);
    return found;
}
