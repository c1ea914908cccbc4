/* Reading whole files: see file.h. */
#include "data/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool over_limit(const char *name, const char *what, size_t limit, cairn_status *status)
{
    return cairn__fail(status, CAIRN_ERR_MEMORY, "%s: %s is longer than the limit of %zu bytes",
                       name, what, limit);
}

static bool read_all(int file, const char *path, unsigned char *to, size_t size,
                     cairn_status *status)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(file, to + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cairn__fail_errno(status, path, "read");
        if (n == 0)
            return cairn__fail(status, CAIRN_ERR_FILE,
                               "%s: became shorter while it was read: %zu bytes, expected %zu",
                               path, done, size);
        done += (size_t)n;
    }
    return true;
}

/* The length of a regular file. */
static bool length_of(int file, const char *path, size_t *size, cairn_status *status)
{
    struct stat about;
    if (fstat(file, &about) != 0)
        return cairn__fail_errno(status, path, "look at");
    if (!S_ISREG(about.st_mode))
        return cairn__fail(status, CAIRN_ERR_FILE, "%s: is %s, expected a regular file", path,
                           S_ISDIR(about.st_mode) ? "a directory" : "a device, socket or pipe");
    *size = (size_t)about.st_size;
    return true;
}

static bool read_open(int file, const char *path, size_t limit, cairn__content *content,
                      cairn_status *status)
{
    size_t size;
    if (!length_of(file, path, &size, status))
        return false;
    if (size > limit)
        return over_limit(path, "the file", limit, status);
    unsigned char *data = cairn__alloc(size, 1, status);
    if (!data)
        return false;
    if (!read_all(file, path, data, size, status)) {
        cairn__free(data);
        return false;
    }
    *content = (cairn__content){data, size};
    return true;
}

/* O_NONBLOCK: opening a pipe that nobody writes must not hang; it has no effect on files. */
static int open_file(const char *path, cairn_status *status)
{
    int file = cairn_ok(status) ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (file < 0)
        cairn__fail_errno(status, path, "open");
    return file;
}

int cairn__open_regular(const char *path, size_t *size, cairn_status *status)
{
    int file = open_file(path, status);
    if (file < 0 || length_of(file, path, size, status))
        return file;
    close(file);
    return -1;
}

void *cairn__map_file(const char *path, size_t *size, cairn_status *status)
{
    int file = cairn__open_regular(path, size, status);
    if (file < 0)
        return NULL;
    void *map = *size ? mmap(NULL, *size, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
    if (*size == 0)
        cairn__fail(status, CAIRN_ERR_FILE, "%s: the file is empty", path);
    else if (map == MAP_FAILED)
        cairn__fail_errno(status, path, "map");
    close(file);
    return map == MAP_FAILED ? NULL : map;
}

void cairn__unmap_file(void *map, size_t size)
{
    if (map)
        munmap(map, size);
}

bool cairn__read_file(const char *path, size_t limit, cairn__content *content, cairn_status *status)
{
    int file = open_file(path, status);
    if (file < 0)
        return false;
    cairn__content raw;
    bool good = read_open(file, path, limit, &raw, status);
    close(file);
    if (!good)
        return false;
    if (!cairn__is_gzip(raw.data, raw.size)) {
        *content = raw;
        return true;
    }
    good = cairn__gunzip(raw.data, raw.size, path, limit, content, status);
    cairn__free(raw.data);
    return good;
}

void cairn__content_free(cairn__content *content)
{
    cairn__free(content->data);
    *content = (cairn__content){NULL, 0};
}
