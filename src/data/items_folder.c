/* A folder for each class:
 *
 *     PATH/cat/1.jpg          or   PATH/train/cat/1.jpg
 *     PATH/dog/7.png               PATH/val/cat/2.jpg
 *
 * Names are sorted by their bytes, so that a list does not depend on the file system. Links to
 * folders are not followed: they may lead in circles. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/items.h"

/* Deeper folders are an error: nobody sorts pictures so. */
enum { MOST_DEPTH = 16 };

typedef struct names {
    char **name; /* in the arena of the items */
    size_t n, room;
} names;

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_name(names *list, cairn__arena *arena, const char *name, cairn_status *status)
{
    if (list->n == list->room) {
        size_t room = CAIRN__MAX(2 * list->room, 64);
        char **more = cairn__resize(list->name, room, sizeof *more, status);
        if (!more)
            return false;
        list->name = more;
        list->room = room;
    }
    list->name[list->n] = cairn__arena_text(arena, status, "%s", name);
    return list->name[list->n] && ++list->n;
}

static bool is_folder(DIR *directory, const struct dirent *entry)
{
    struct stat about;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(dirfd(directory), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(about.st_mode);
}

/* The folders and the pictures or sounds in a folder, sorted; hidden ones are left out. */
static bool list(const char *path, cairn__arena *arena, names *folders, names *files,
                 cairn_status *status)
{
    DIR *directory = opendir(path);
    bool good = true;
    if (!directory)
        return cairn__fail_errno(status, path, "open");
    for (const struct dirent *e; good && (errno = 0, e = readdir(directory));) {
        if (e->d_name[0] == '.')
            continue;
        if (is_folder(directory, e))
            good = add_name(folders, arena, e->d_name, status);
        else if (cairn__is_item_name(e->d_name))
            good = add_name(files, arena, e->d_name, status);
    }
    if (good && errno)
        good = cairn__fail_errno(status, path, "read");
    closedir(directory);
    if (good && folders->n)
        qsort(folders->name, folders->n, sizeof *folders->name, by_bytes);
    if (good && files->n)
        qsort(files->name, files->n, sizeof *files->name, by_bytes);
    return good;
}

/* All files in and below a folder. */
static bool take_class(cairn_items *items, cairn_split split, const char *path, int32_t label,
                       int depth, cairn_status *status)
{
    names folders = {0}, files = {0};
    if (depth > MOST_DEPTH)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: %d folders inside one another, expected at most %d", path, depth,
                           MOST_DEPTH);
    bool good = list(path, &items->arena, &folders, &files, status);
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
                       const names *folders, cairn_status *status)
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
    names folders = {0}, files = {0};
    const char *path = cairn__arena_text(&items->arena, status, "%s/%s", items->path, name);
    bool good = path && list(path, &items->arena, &folders, &files, status) &&
                take_split(items, split, path, &folders, status);
    cairn__free(folders.name);
    cairn__free(files.name);
    return good;
}

static bool has(const names *folders, const char *name)
{
    for (size_t i = 0; i < folders->n; i++)
        if (strcmp(folders->name[i], name) == 0)
            return true;
    return false;
}

bool cairn__items_folder(cairn_items *items, cairn_status *status)
{
    static const char *const tests[] = {"test", "val", "validation"};
    names folders = {0}, files = {0};
    items->kind = "folder";
    bool good = list(items->path, &items->arena, &folders, &files, status);
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
    names folders = {0}, files = {0};
    cairn__arena arena = {0};
    bool found = list(path, &arena, &folders, &files, NULL) && folders.n > 0;
    cairn__free(folders.name);
    cairn__free(files.name);
    cairn__arena_free(&arena);
    return found;
}
