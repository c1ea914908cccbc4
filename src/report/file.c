/* Replacing a file whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/report.h"

static bool write_all(int file, const char *bytes, size_t n)
{
    while (n) {
        ssize_t done = write(file, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        bytes += done;
        n -= (size_t)done;
    }
    return true;
}

/* The new name is durable only once its directory is. A file system that cannot sync a directory
 * (some network ones) is no reason to fail: the file itself is complete. Cuts `path` at its last
 * slash. */
static void sync_directory(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path] = 0;
    int directory = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return;
    fsync(directory);
    close(directory);
}

bool cairn__replace_file(const char *path, const void *bytes, size_t n, cairn_status *status)
{
    bool good = false;
    cairn__arena arena = {0};
    char *temporary = cairn__arena_text(&arena, status, "%s.XXXXXX", path);
    if (!temporary)
        goto done;
    int file = mkostemp(temporary, O_CLOEXEC);
    if (file < 0) {
        cairn__fail_errno(status, path, "create");
        goto done;
    }
    /* mkostemp makes a private file; a report is as readable as any other new file. */
    mode_t mask = umask(0);
    umask(mask);
    good = write_all(file, bytes, n) && fchmod(file, 0666 & ~mask) == 0 && fsync(file) == 0;
    if (!good)
        cairn__fail_errno(status, path, "write");
    if (close(file) != 0 && good)
        good = cairn__fail_errno(status, path, "write");
    if (good && rename(temporary, path) != 0)
        good = cairn__fail_errno(status, path, "replace");
    if (good)
        sync_directory(temporary);
    else
        unlink(temporary);
done:
    cairn__arena_free(&arena);
    return good;
}
