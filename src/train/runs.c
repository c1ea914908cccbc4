/* The runs below a directory. A listing looks at every directory but reads only the run.json that
 * the index does not know in its present state. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "train/runs.h"

enum { DEEPEST = 4 };

/* ---- looking
 * -------------------------------------------------------------------------------------- */

static bool add(cairn__run_list *list, const char *directory, const struct stat *info,
                cairn_status *status)
{
    if (list->n == list->capacity) {
        int64_t capacity = 2 * list->capacity + 16;
        cairn__found_run *found =
            cairn__resize(list->found, (size_t)capacity, sizeof *found, status);
        if (!found)
            return false;
        list->found = found;
        list->capacity = capacity;
    }
    cairn__found_run *f = &list->found[list->n];
    *f = (cairn__found_run){.changed =
                                (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec,
                            .bytes = info->st_size};
    snprintf(f->entry.directory, sizeof f->entry.directory, "%s", directory);
    list->n++;
    return true;
}

/* A directory that cannot be read, or whose path is too long, holds nothing that could be listed.
 */
static bool look(cairn__run_list *list, const char *directory, int depth, cairn_status *status)
{
    char path[CAIRN_TEXT_SIZE];
    struct stat info;
    int length = snprintf(path, sizeof path, "%s/run.json", directory);
    if (length < (int)sizeof path && lstat(path, &info) == 0 && S_ISREG(info.st_mode))
        return add(list, directory, &info, status);
    DIR *open = depth < DEEPEST ? opendir(directory) : NULL;
    bool good = true;
    for (struct dirent *d; good && open && (d = readdir(open));) {
        length = snprintf(path, sizeof path, "%s/%s", directory, d->d_name);
        if (d->d_name[0] != '.' && length < (int)sizeof path && lstat(path, &info) == 0 &&
            S_ISDIR(info.st_mode))
            good = look(list, path, depth + 1, status);
    }
    if (open)
        closedir(open);
    return good;
}

/* ---- reading
 * -------------------------------------------------------------------------------------- */

void cairn__found_run_read(cairn__found_run *run)
{
    char path[CAIRN_TEXT_SIZE + 16], directory[CAIRN_TEXT_SIZE];
    memcpy(directory, run->entry.directory, sizeof directory);
    snprintf(path, sizeof path, "%s/run.json", directory);
    if (!cairn__run_json_read(path, &run->entry, &(cairn_status){CAIRN_OK, {0}})) {
        run->entry = (cairn_run_entry){.loss = NAN, .seconds = NAN};
        snprintf(run->entry.state, sizeof run->entry.state, "damaged");
    }
    memcpy(run->entry.directory, directory, sizeof directory);
    run->known = true;
}

/* The lock of the log is the only witness of life: a killed process cannot write that it is. */
static void look_for_life(cairn_run_entry *entry)
{
    char path[CAIRN_TEXT_SIZE + 16];
    snprintf(path, sizeof path, "%s/log.jsonl", entry->directory);
    if (strcmp(entry->state, "running") == 0 && !cairn__log_locked(path))
        snprintf(entry->state, sizeof entry->state, "killed");
}

static int newest_first(const void *a, const void *b)
{
    const cairn_run_entry *x = a, *y = b;
    int order = strcmp(y->started, x->started);
    return order ? order : strcmp(x->directory, y->directory);
}

cairn_run_entry *cairn_runs(const char *root, int64_t *n, cairn_status *status)
{
    cairn__run_list list = {0};
    cairn_run_entry *runs = NULL;
    *n = 0;
    struct stat info;
    if (cairn_ok(status) && stat(root, &info) != 0)
        cairn__fail_errno(status, root, "open");
    if (!cairn_ok(status) || !look(&list, root, 0, status))
        goto done;
    cairn__index_update(root, &list);
    runs = cairn__alloc((size_t)list.n, sizeof *runs, status);
    for (int64_t i = 0; runs && i < list.n; i++) {
        if (!list.found[i].known)
            cairn__found_run_read(&list.found[i]);
        runs[i] = list.found[i].entry;
        look_for_life(&runs[i]);
    }
    if (runs) {
        qsort(runs, (size_t)list.n, sizeof *runs, newest_first);
        *n = list.n;
    }
done:
    cairn__free(list.found);
    return runs;
}

void cairn_runs_free(cairn_run_entry *runs)
{
    cairn__free(runs);
}
