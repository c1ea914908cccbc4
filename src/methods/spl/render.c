/* Untrimmed videos of moving shapes: see render.h. */
#include "methods/spl/render.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cairn/video.h"

const char *const cairn__shape_names[CAIRN__SHAPES] = {"bar",  "cross",  "disk",
                                                       "ring", "square", "triangle"};

/* ---- chance ---------------------------------------------------------------------------------- */

/* Draws of one video in the order they are made. */
typedef struct dice {
    uint64_t seed, stream, position;
} dice;

static double draw(dice *d)
{
    uint32_t w[4];
    cairn_random_bits(d->seed, d->stream, d->position++, w);
    return w[0] / 4294967296.0;
}

static double between(dice *d, double low, double high)
{
    return low + (high - low) * draw(d);
}

/* ---- one shape ------------------------------------------------------------------------------- */

/* Whether the point (x, y) belongs to a shape that fills -1 .. 1. */
static bool covers(int shape, double x, double y)
{
    double r = x * x + y * y;
    switch (shape) {
    case 0: return fabs(y) < 0.35 && fabs(x) < 1;
    case 1: return (fabs(x) < 0.3 && fabs(y) < 1) || (fabs(y) < 0.3 && fabs(x) < 1);
    case 2: return r < 0.8;
    case 3: return r > 0.35 && r < 1;
    case 4: return fabs(x) < 0.8 && fabs(y) < 0.8;
    default: return y < 0.8 && fabs(x) < (y + 1) * 0.55;
    }
}

typedef struct body {
    int shape;
    double x, y, dx, dy, radius, colour[3], opacity;
} body;

static body make_body(dice *d, int shape, double size, double opacity)
{
    body b = {.shape = shape, .opacity = opacity};
    double angle = between(d, 0, 6.283185307179586), speed = between(d, 0.3, 1);
    b.radius = between(d, 0.2, 0.3) * size;
    b.x = between(d, b.radius, size - b.radius);
    b.y = between(d, b.radius, size - b.radius);
    b.dx = speed * cos(angle);
    b.dy = speed * sin(angle);
    for (int c = 0; c < 3; c++)
        b.colour[c] = between(d, 130, 255);
    return b;
}

/* One frame on; walls throw it back. */
static void move(body *b, double size)
{
    b->x += b->dx;
    b->y += b->dy;
    if (b->x < b->radius || b->x > size - b->radius)
        b->dx = -b->dx;
    if (b->y < b->radius || b->y > size - b->radius)
        b->dy = -b->dy;
}

static void paint(const body *b, int64_t size, uint8_t *pixels)
{
    for (int64_t y = 0; y < size; y++)
        for (int64_t x = 0; x < size; x++) {
            double dx = ((double)x + 0.5 - b->x) / b->radius;
            double dy = ((double)y + 0.5 - b->y) / b->radius;
            uint8_t *p = pixels + 3 * (y * size + x);
            for (int c = 0; covers(b->shape, dx, dy) && c < 3; c++)
                p[c] = (uint8_t)lround(p[c] + b->opacity * (b->colour[c] - p[c]));
        }
}

/* ---- one video ------------------------------------------------------------------------------- */

static int related(dice *d, int query)
{
    double u = draw(d);
    return (query + (u < 0.6 ? 1 : u < 0.9 ? 2 : 3)) % CAIRN__SHAPES;
}

/* Squares of dark colours. */
static void paint_background(dice *d, int64_t size, uint8_t *pixels)
{
    enum { SQUARES = 4 };
    uint8_t colour[SQUARES * SQUARES][3];
    for (int i = 0; i < SQUARES * SQUARES; i++)
        for (int c = 0; c < 3; c++)
            colour[i][c] = (uint8_t)lround(between(d, 0, 110));
    for (int64_t p = 0; p < size * size; p++) {
        int64_t square = p / size * SQUARES / size * SQUARES + p % size * SQUARES / size;
        memcpy(pixels + 3 * p, colour[square], 3);
    }
}

static bool add_frames(const cairn__scenes *s, dice *d, int query, const uint8_t *background,
                       uint8_t *pixels, cairn_video_writer *w, cairn_status *status)
{
    size_t bytes = (size_t)(s->size * s->size) * 3;
    double size = (double)s->size;
    for (int64_t segment = 0; segment < s->segments; segment++) {
        bool shows = draw(d) < s->share;
        body main = make_body(d, shows ? query : related(d, query), size, 1);
        body behind = make_body(d, query, size, !shows && s->contextual ? 0.5 : 0);
        for (int64_t t = 0; t < s->frames; t++) {
            memcpy(pixels, background, bytes);
            paint(&behind, s->size, pixels);
            paint(&main, s->size, pixels);
            if (!cairn_video_add(w, pixels, status))
                return false;
            move(&behind, size);
            move(&main, size);
        }
    }
    return cairn_video_finish(w, status);
}

static bool write_video(const cairn__scenes *s, int query, int64_t number, const char *path,
                        cairn_status *status)
{
    size_t bytes = (size_t)(s->size * s->size) * 3;
    dice d = {.seed = (uint64_t)s->seed,
              .stream = cairn_random_stream("spl/scenes") + (uint64_t)query,
              .position = (uint64_t)number << 20};
    uint8_t *pixels = cairn__alloc(2, bytes, status);
    cairn_video_writer *w =
        cairn_video_create(path, s->size, s->size, 12, CAIRN_VIDEO_FFV1, status);
    bool good = pixels && w;
    if (good) {
        paint_background(&d, s->size, pixels + bytes);
        good = add_frames(s, &d, query, pixels + bytes, pixels, w, status);
    }
    cairn_video_writer_free(w);
    cairn__free(pixels);
    return good;
}

/* ---- all of them ----------------------------------------------------------------------------- */

enum { PATH_ROOM = CAIRN_TEXT_SIZE + 64 };

static const char *path_of(const char *directory, int query, int64_t number, char path[PATH_ROOM])
{
    if (number < 0)
        snprintf(path, PATH_ROOM, "%.900s/%s", directory, cairn__shape_names[query]);
    else
        snprintf(path, PATH_ROOM, "%.900s/%s/%04lld.mkv", directory, cairn__shape_names[query],
                 (long long)number);
    return path;
}

static bool make_directory(const char *path, cairn_status *status)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST ||
           cairn__fail_errno(status, path, "make the directory");
}

bool cairn__scenes_write(const cairn__scenes *s, const char *directory, cairn_status *status)
{
    char path[PATH_ROOM];
    if (!cairn_ok(status) || !make_directory(directory, status))
        return false;
    for (int query = 0; query < CAIRN__SHAPES; query++) {
        if (!make_directory(path_of(directory, query, -1, path), status))
            return false;
        for (int64_t i = 0; i < s->videos; i++)
            if (!write_video(s, query, i, path_of(directory, query, i, path), status))
                return false;
    }
    return true;
}

void cairn__scenes_remove(const cairn__scenes *s, const char *directory)
{
    char path[PATH_ROOM];
    for (int query = 0; query < CAIRN__SHAPES; query++) {
        for (int64_t i = 0; i < s->videos; i++)
            unlink(path_of(directory, query, i, path));
        rmdir(path_of(directory, query, -1, path));
    }
    rmdir(directory);
}
