/* What is in a folder: see listing.h. */
#include "data/listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_name(cairn__names *list, cairn__arena *arena, const char *name,
                     cairn_status *status)
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

bool cairn__list_folder(const char *path, bool (*accepts)(const char *name), cairn__arena *arena,
                        cairn__names *folders, cairn__names *files, cairn_status *status)
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
        else if (accepts(e->d_name))
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
