/* Lines of a file: see lines.h. */
#include "data/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "data/file.h"
#include "data/json.h"

enum { FIRST_ROOM = 1 << 16 };

static void close_file(cairn__lines *l)
{
    if (l->file >= 0)
        close(l->file);
    l->file = -1;
}

void cairn__lines_close(cairn__lines *l)
{
    close_file(l);
    cairn__free(l->buffer);
    *l = (cairn__lines){.file = -1};
}

bool cairn__lines_open(cairn__lines *l, const char *path, size_t limit, cairn_status *status)
{
    size_t size;
    close_file(l);
    l->path = path;
    l->limit = limit;
    l->start = l->end = 0;
    l->line = 0;
    l->ended = false;
    l->file = cairn__open_regular(path, &size, status);
    return l->file >= 0;
}

/* Reads more behind what is there, which is moved to the front or given more room. */
static bool read_more(cairn__lines *l, cairn_status *status)
{
    if (l->start > 0) {
        memmove(l->buffer, l->buffer + l->start, l->end - l->start);
        l->end -= l->start;
        l->start = 0;
    }
    if (l->end == l->room) {
        size_t room = l->room ? 2 * l->room : FIRST_ROOM;
        char *more = cairn__resize(l->buffer, room, 1, status);
        if (!more)
            return false;
        l->buffer = more;
        l->room = room;
    }
    ssize_t n;
    do
        n = read(l->file, l->buffer + l->end, l->room - l->end);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return cairn__fail_errno(status, l->path, "read");
    l->ended = n == 0;
    l->end += (size_t)n;
    return true;
}

static bool check(const cairn__lines *l, const char *line, size_t n, cairn_status *status)
{
    size_t good = cairn__utf8_prefix(line, n);
    return good == n || cairn__fail(status, CAIRN_ERR_FORMAT, "%s:%lld: byte %zu is not UTF-8",
                                    l->path, (long long)l->line, good + 1);
}

static bool too_long(const cairn__lines *l, cairn_status *status)
{
    return cairn__fail(status, CAIRN_ERR_FORMAT, "%s:%lld: longer than the limit of %zu bytes",
                       l->path, (long long)l->line + 1, l->limit);
}

bool cairn__lines_next(cairn__lines *l, const char **line, size_t *n, cairn_status *status)
{
    const char *end = NULL;
    size_t seen = 0;
    if (!cairn_ok(status) || l->file < 0)
        return false;
    for (;;) {
        size_t there = l->end - l->start;
        if (there > seen)
            end = memchr(l->buffer + l->start + seen, '\n', there - seen);
        if (end || l->ended)
            break;
        if (there > l->limit + 4) /* with "\r" and a byte order mark */
            return too_long(l, status);
        seen = there;
        if (!read_more(l, status))
            return false;
    }
    if (!end && l->start == l->end)
        return false;
    *line = l->buffer + l->start;
    *n = end ? (size_t)(end - *line) : l->end - l->start;
    l->start += *n + (end ? 1 : 0);
    if (*n > 0 && (*line)[*n - 1] == '\r')
        --*n;
    if (l->line == 0 && *n >= 3 && memcmp(*line, "\xEF\xBB\xBF", 3) == 0) {
        *line += 3;
        *n -= 3;
    }
    if (*n > l->limit)
        return too_long(l, status);
    l->line++;
    return check(l, *line, *n, status);
}
