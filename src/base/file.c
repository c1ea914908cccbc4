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

bool cairn__write_file_atomically(const char *path, const cairn__bytes *pieces, size_t n,
                                  cairn_status *status)
{
    char temporary[PATH_MAX];
    if (!cairn_ok(status))
        return false;
    int file = open_beside(path, temporary, status);
    if (file < 0)
        return false;
    bool good = true;
    for (size_t i = 0; good && i < n; i++)
        good = write_all(file, path, pieces[i], status);
    if (good && fsync(file) != 0)
        good = cairn__fail_errno(status, path, "sync");
    /* Network file systems report a full disk at close. */
    if (close(file) != 0 && good)
        good = cairn__fail_errno(status, path, "close");
    if (good && rename(temporary, path) != 0)
        good = cairn__fail_errno(status, path, "replace");
    if (!good) {
        unlink(temporary);
        return false;
    }
    return sync_directory(path, status);
}
