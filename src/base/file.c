/* Writing a file whole or not at all: checkpoints, configurations and reports must never be found
 * half written, neither after a crash nor on a full disk.
 *
 *     open PATH.tmp-PID-K  ->  write  ->  fsync  ->  rename to PATH  ->  fsync the directory
 *
 * The order matters: without the first fsync a crash may leave the new name on an empty file, and
 * without the second it may bring the old file back after we said that the new one is there. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

/* One write() moves at most about 2 GiB on Linux; smaller steps keep the process interruptible. */
static const size_t most_at_once = (size_t)256 << 20;

enum { MOST_ATTEMPTS = 1000 };

/* Opens a new file beside `path`. K makes the name free even when threads of one process write the
 * same file, or when a killed process with our number has left one behind. */
static int open_beside(const char *path, char temporary[PATH_MAX], cairn_status *status)
{
    for (int k = 0; k < MOST_ATTEMPTS; k++) {
        int length = snprintf(temporary, PATH_MAX, "%s.tmp-%ld-%d", path, (long)getpid(), k);
        if (length >= PATH_MAX) {
            errno = ENAMETOOLONG;
            break;
        }
        int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0)
            return file;
        if (errno != EEXIST)
            break;
    }
    cairn__fail_errno(status, path, "create a file beside it");
    return -1;
}

static bool write_all(int file, const char *path, cairn__bytes piece, cairn_status *status)
{
    const char *at = piece.data;
    for (size_t left = piece.size; left > 0;) {
        ssize_t written = write(file, at, CAIRN__MIN(left, most_at_once));
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return cairn__fail_errno(status, path, "write");
        at += written;
        left -= (size_t)written;
    }
    return true;
}

static bool sync_directory(const char *path, cairn_status *status)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)CAIRN__MAX(slash - path, 1) : 1;
    snprintf(directory, sizeof directory, "%.*s", length, slash ? path : ".");
    int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return cairn__fail_errno(status, directory, "open");
    /* Some network file systems cannot sync a directory and say EINVAL: nothing more can be done.
     */
    bool good = fsync(file) == 0 || errno == EINVAL || errno == ENOTSUP;
    if (!good)
        cairn__fail_errno(status, directory, "sync");
    close(file);
    return good;
}

static void forget(cairn__new_file *file)
{
    cairn__free(file->path);
    cairn__free(file->temporary);
    *file = (cairn__new_file){.file = -1};
}

void cairn__new_file_drop(cairn__new_file *file)
{
    if (file->file >= 0) {
        close(file->file);
        unlink(file->temporary);
    }
    forget(file);
}

static char *copy_text(const char *text, cairn_status *status)
{
    size_t n = strlen(text) + 1;
    char *copy = cairn__alloc(n, 1, status);
    return copy ? memcpy(copy, text, n) : NULL;
}

bool cairn__new_file_open(cairn__new_file *file, const char *path, cairn_status *status)
{
    char temporary[PATH_MAX];
    *file = (cairn__new_file){.file = -1};
    if (!cairn_ok(status))
        return false;
    int opened = open_beside(path, temporary, status);
    if (opened < 0)
        return false;
    file->path = copy_text(path, status);
    file->temporary = copy_text(temporary, status);
    if (file->path && file->temporary) {
        file->file = opened;
        return true;
    }
    close(opened);
    unlink(temporary);
    forget(file);
    return false;
}

bool cairn__new_file_add(cairn__new_file *file, cairn__bytes piece, cairn_status *status)
{
    return cairn_ok(status) && write_all(file->file, file->path, piece, status);
}

bool cairn__new_file_put(cairn__new_file *file, size_t offset, cairn__bytes piece,
                         cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (lseek(file->file, (off_t)offset, SEEK_SET) < 0)
        return cairn__fail_errno(status, file->path, "write");
    bool good = write_all(file->file, file->path, piece, status);
    if (lseek(file->file, 0, SEEK_END) < 0 && good)
        good = cairn__fail_errno(status, file->path, "write");
    return good;
}

bool cairn__new_file_finish(cairn__new_file *file, cairn_status *status)
{
    bool good = cairn_ok(status);
    if (good && fsync(file->file) != 0)
        good = cairn__fail_errno(status, file->path, "sync");
    /* Network file systems report a full disk at close. */
    if (close(file->file) != 0 && good)
        good = cairn__fail_errno(status, file->path, "close");
    file->file = -1;
    if (good && rename(file->temporary, file->path) != 0)
        good = cairn__fail_errno(status, file->path, "replace");
    if (!good)
        unlink(file->temporary);
    good = good && sync_directory(file->path, status);
    forget(file);
    return good;
}

bool cairn__write_file_atomically(const char *path, const cairn__bytes *pieces, size_t n,
                                  cairn_status *status)
{
    cairn__new_file file;
    if (!cairn__new_file_open(&file, path, status))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!cairn__new_file_add(&file, pieces[i], status)) {
            cairn__new_file_drop(&file);
            return false;
        }
    return cairn__new_file_finish(&file, status);
}
