/* Resampling with Pillow's filters and rounding, so that pictures are those on which published
 * weights were trained.
 *
 * Output pixel i of n looks at the input around c = (i + 1/2) s, s = size / n, with the filter
 * widened to f = max(s, 1):
 *
 *     w[x] = filter((x + 1/2 - c) / f) / sum,   x from round(c - r f) to round(c + r f)
 *
 * Weights become integers of 22 fractional bits; a pass adds them up in 32 bits and rounds to a
 * byte. Rows come first, then columns; a pass that would change nothing is left out.
 *
 * Source: the behaviour of Pillow's Image.resize(), held by tests/data/golden/resize.txt. */
#include <math.h>
#include <string.h>

#include "data/image.h"

/* ---- filters --------------------------------------------------------------------------------- */

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static double sinc(double x)
{
    const double pi = 3.14159265358979323846;
    return x == 0 ? 1 : sin(x * pi) / (x * pi);
}

static double lanczos(double x)
{
    return -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

static double box(double x)
{
    return -0.5 < x && x <= 0.5 ? 1 : 0;
}

static const struct {
    double (*value)(double x);
    double radius;
} filters[] = {
    [CAIRN_FILTER_BILINEAR] = {triangle, 1},
    [CAIRN_FILTER_BICUBIC] = {cubic, 2},
    [CAIRN_FILTER_LANCZOS] = {lanczos, 3},
    [CAIRN_FILTER_BOX] = {box, 0.5},
};

/* ---- weights --------------------------------------------------------------------------------- */

enum { BITS = 22 };

/* For output i: input first[i] .. first[i] + count[i] - 1, weights weight[i * most ...]. */
typedef struct taps {
    int64_t n, most;
    int32_t *first, *count, *weight;
} taps;

static void weigh(double (*value)(double), double centre, double stretch, int64_t first, int64_t n,
                  double *w, int32_t *out)
{
    double sum = 0;
    for (int64_t x = 0; x < n; x++) {
        w[x] = value(((double)(x + first) - centre + 0.5) * (1.0 / stretch));
        sum += w[x];
    }
    for (int64_t x = 0; x < n; x++) {
        double scaled = (sum != 0 ? w[x] / sum : w[x]) * (1 << BITS);
        out[x] = (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    }
}

static void taps_free(taps *t)
{
    cairn__free(t->first);
}

/* One block: first, count, weights, and behind them the weights as f64 while they are made. */
static bool taps_new(taps *t, int64_t size, int64_t n, cairn_filter filter, cairn_status *status)
{
    double scale = (double)size / (double)n, stretch = CAIRN__MAX(scale, 1.0);
    double radius = filters[filter].radius * stretch;
    int64_t most = 2 * (int64_t)ceil(radius) + 1;
    size_t integers = (size_t)(n * (2 + most) + 1) / 2 * 2;
    *t = (taps){.n = n, .most = most};
    t->first = cairn__alloc(integers * sizeof(int32_t) + (size_t)most * sizeof(double), 1, status);
    if (!t->first)
        return false;
    t->count = t->first + n;
    t->weight = t->count + n;
    double *w = (double *)(void *)(t->first + integers);
    for (int64_t i = 0; i < n; i++) {
        double centre = ((double)i + 0.5) * scale;
        int64_t from = (int64_t)(centre - radius + 0.5), to = (int64_t)(centre + radius + 0.5);
        from = CAIRN__MAX(from, 0);
        to = CAIRN__MIN(to, size);
        t->first[i] = (int32_t)from;
        t->count[i] = (int32_t)(to - from);
        weigh(filters[filter].value, centre, stretch, from, to - from, w, t->weight + i * most);
    }
    return true;
}

/* ---- passes ---------------------------------------------------------------------------------- */

static inline unsigned char to_byte(int32_t sum)
{
    sum >>= BITS;
    return (unsigned char)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* One row of RGB. The sums of three channels share the weights. */
static void row_rgb(const unsigned char *from, const taps *t, unsigned char *to)
{
    for (int64_t i = 0; i < t->n; i++) {
        const unsigned char *p = from + 3 * (size_t)t->first[i];
        const int32_t *w = t->weight + i * t->most;
        int32_t r = 1 << (BITS - 1), g = r, b = r;
        for (int32_t x = 0; x < t->count[i]; x++, p += 3) {
            r += w[x] * p[0];
            g += w[x] * p[1];
            b += w[x] * p[2];
        }
        to[3 * i] = to_byte(r);
        to[3 * i + 1] = to_byte(g);
        to[3 * i + 2] = to_byte(b);
    }
}

static void row_grey(const unsigned char *from, const taps *t, unsigned char *to)
{
    for (int64_t i = 0; i < t->n; i++) {
        const unsigned char *p = from + t->first[i];
        const int32_t *w = t->weight + i * t->most;
        int32_t sum = 1 << (BITS - 1);
        for (int32_t x = 0; x < t->count[i]; x++)
            sum += w[x] * p[x];
        to[i] = to_byte(sum);
    }
}

static bool pass_rows(cairn__part from, const taps *t, cairn_image *to, cairn_status *status)
{
    if (!cairn__image_shape(to, t->n, from.height, from.channels, status))
        return false;
    for (int64_t y = 0; y < from.height; y++) {
        unsigned char *row = to->pixels + (size_t)(y * t->n * from.channels);
        (from.channels == 3 ? row_rgb : row_grey)(from.pixels + (size_t)y * from.stride, t, row);
    }
    return true;
}

/* Columns in pieces that stay in registers and cache: every tap is a row that is read straight on,
 * which compilers turn into vector code. */
enum { PIECE = 128 };

static void columns(const unsigned char *from, size_t stride, const int32_t *w, int32_t n, size_t m,
                    unsigned char *to)
{
    int32_t sums[PIECE];
    for (size_t x = 0; x < m; x++)
        sums[x] = 1 << (BITS - 1);
    for (int32_t k = 0; k < n; k++, from += stride)
        for (size_t x = 0; x < m; x++)
            sums[x] += w[k] * from[x];
    for (size_t x = 0; x < m; x++)
        to[x] = to_byte(sums[x]);
}

static bool pass_columns(cairn__part from, const taps *t, cairn_image *to, cairn_status *status)
{
    if (!cairn__image_shape(to, from.width, t->n, from.channels, status))
        return false;
    size_t row = (size_t)from.width * (size_t)from.channels;
    for (int64_t i = 0; i < t->n; i++)
        for (size_t x = 0; x < row; x += PIECE)
            columns(from.pixels + (size_t)t->first[i] * from.stride + x, from.stride,
                    t->weight + i * t->most, t->count[i], CAIRN__MIN((size_t)PIECE, row - x),
                    to->pixels + (size_t)i * row + x);
    return true;
}

static bool copy(cairn__part from, cairn_image *to, cairn_status *status)
{
    if (!cairn__image_shape(to, from.width, from.height, from.channels, status))
        return false;
    size_t row = (size_t)from.width * (size_t)from.channels;
    for (int64_t y = 0; y < from.height; y++)
        memcpy(to->pixels + (size_t)y * row, from.pixels + (size_t)y * from.stride, row);
    return true;
}

bool cairn__part_resize(cairn__part from, int64_t width, int64_t height, cairn_filter filter,
                        cairn_image *to, cairn_image *scratch, cairn_status *status)
{
    bool across = width != from.width, down = height != from.height, good = true;
    taps t;
    if (!cairn_ok(status))
        return false;
    if (width < 1 || height < 1 || width > CAIRN__MOST_SIDE || height > CAIRN__MOST_SIDE)
        return cairn__fail(status, CAIRN_ERR_SHAPE,
                           "resize: to %lld x %lld pixels, expected sides of 1 to %d",
                           (long long)width, (long long)height, CAIRN__MOST_SIDE);
    if (!across && !down)
        return copy(from, to, status);
    if (across) {
        if (!taps_new(&t, from.width, width, filter, status))
            return false;
        good = pass_rows(from, &t, down ? scratch : to, status);
        taps_free(&t);
        from = good && down ? cairn__whole_of(scratch) : from;
    }
    if (good && down) {
        if (!taps_new(&t, from.height, height, filter, status))
            return false;
        good = pass_columns(from, &t, to, status);
        taps_free(&t);
    }
    return good;
}

bool cairn_image_resize(const cairn_image *from, int64_t width, int64_t height, cairn_filter filter,
                        cairn_image *to, cairn_status *status)
{
    cairn_image scratch = {0};
    bool good =
        cairn__part_resize(cairn__whole_of(from), width, height, filter, to, &scratch, status);
    cairn_image_free(&scratch);
    return good;
}
