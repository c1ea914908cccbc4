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
#include "data/resize.h"

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

enum { BITS = CAIRN__RESIZE_BITS };

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

static void halve(const int32_t *w, int64_t n, int16_t *out)
{
    for (int64_t x = 0; x < n; x++) {
        int64_t at = x / 2 * 4 + x % 2;
        out[at] = (int16_t)(w[x] >> 12);
        out[at + 2] = (int16_t)(w[x] & 4095);
    }
}

static void taps_free(cairn__taps *t)
{
    cairn__free(t->first);
}

/* For the outputs begin .. begin + n - 1 of `all`, from an input of `size`. One block: first,
 * count, weights, halves, and behind them the weights as f64 while they are made. */
static bool taps_new(cairn__taps *t, int64_t size, int64_t all, int64_t begin, int64_t n,
                     cairn_filter filter, cairn_status *status)
{
    double scale = (double)size / (double)all, stretch = CAIRN__MAX(scale, 1.0);
    double radius = filters[filter].radius * stretch;
    int64_t most = (2 * (int64_t)ceil(radius) + 1 + 3) / 4 * 4;
    size_t integers = (size_t)(n * (2 + 2 * most) + 1) / 2 * 2;
    *t = (cairn__taps){.n = n, .most = most};
    t->first = cairn__alloc(integers * sizeof(int32_t) + (size_t)most * sizeof(double), 1, status);
    if (!t->first)
        return false;
    t->count = t->first + n;
    t->weight = t->count + n;
    t->halves = (int16_t *)(void *)(t->weight + n * most);
    double *w = (double *)(void *)(t->first + integers);
    for (int64_t i = 0; i < n; i++) {
        double centre = ((double)(begin + i) + 0.5) * scale;
        int64_t from = (int64_t)(centre - radius + 0.5), to = (int64_t)(centre + radius + 0.5);
        from = CAIRN__MAX(from, 0);
        to = CAIRN__MIN(to, size);
        t->first[i] = (int32_t)from;
        t->count[i] = (int32_t)(to - from);
        weigh(filters[filter].value, centre, stretch, from, to - from, w, t->weight + i * most);
        halve(t->weight + i * most, most, t->halves + 2 * i * most);
    }
    return true;
}

/* ---- passes ---------------------------------------------------------------------------------- */

static void row_grey(const unsigned char *from, const cairn__taps *t, unsigned char *to)
{
    for (int64_t i = 0; i < t->n; i++) {
        const unsigned char *p = from + t->first[i];
        const int32_t *w = t->weight + i * t->most;
        int32_t sum = 1 << (BITS - 1);
        for (int32_t x = 0; x < t->count[i]; x++)
            sum += w[x] * p[x];
        sum >>= BITS;
        to[i] = (unsigned char)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
}

static bool pass_rows(const cairn__passes *kernels, cairn__part from, const cairn__taps *t,
                      cairn_image *to, cairn_status *status)
{
    if (!cairn__image_shape(to, t->n, from.height, from.channels, status))
        return false;
    if (from.channels == 3)
        kernels->rows(from.pixels, from.stride, from.width, from.height, t, to->pixels);
    else
        for (int64_t y = 0; y < from.height; y++)
            row_grey(from.pixels + (size_t)y * from.stride, t, to->pixels + (size_t)(y * t->n));
    return true;
}

static bool pass_columns(const cairn__passes *kernels, cairn__part from, const cairn__taps *t,
                         cairn_image *to, cairn_status *status)
{
    if (!cairn__image_shape(to, from.width, t->n, from.channels, status))
        return false;
    size_t row = (size_t)from.width * (size_t)from.channels;
    for (int64_t i = 0; i < t->n; i++)
        kernels->column(from.pixels + (size_t)t->first[i] * from.stride, from.stride,
                        t->weight + i * t->most, t->count[i], row, to->pixels + (size_t)i * row);
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

/* Columns first (which rows of the input they want), then rows, so that only what is wanted is
 * computed: `window` is a rectangle of the result. */
static bool resize(const cairn__passes *kernels, cairn__part from, int64_t width, int64_t height,
                   cairn__window window, cairn_filter filter, cairn_image *to, cairn_image *scratch,
                   cairn_status *status)
{
    bool across = width != from.width, down = height != from.height;
    cairn__taps rows = {0}, columns = {0};
    int64_t top = window.y, wanted = window.height;
    bool good =
        !down || taps_new(&columns, from.height, height, window.y, window.height, filter, status);
    if (good && down) {
        top = columns.first[0];
        wanted = columns.first[window.height - 1] + columns.count[window.height - 1] - top;
        for (int64_t i = 0; i < window.height; i++)
            columns.first[i] -= (int32_t)top;
    }
    from.pixels += (size_t)top * from.stride;
    from.height = wanted;
    if (good && across) {
        good = taps_new(&rows, from.width, width, window.x, window.width, filter, status) &&
               pass_rows(kernels, from, &rows, down ? scratch : to, status);
        from = good && down ? cairn__whole_of(scratch) : from;
    } else {
        from.pixels += (size_t)window.x * (size_t)from.channels;
        from.width = window.width;
    }
    if (good && down)
        good = pass_columns(kernels, from, &columns, to, status);
    else if (good && !across)
        good = copy(from, to, status);
    taps_free(&rows);
    taps_free(&columns);
    return good;
}

bool cairn__window_resize(cairn__isa_level level, cairn__part from, int64_t width, int64_t height,
                          cairn__window window, cairn_filter filter, cairn_image *to,
                          cairn_image *scratch, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (width < 1 || height < 1 || width > CAIRN__MOST_SIDE || height > CAIRN__MOST_SIDE)
        return cairn__fail(status, CAIRN_ERR_SHAPE,
                           "resize: to %lld x %lld pixels, expected sides of 1 to %d",
                           (long long)width, (long long)height, CAIRN__MOST_SIDE);
    return resize(cairn__passes_at(level), from, width, height, window, filter, to, scratch,
                  status);
}

bool cairn__part_resize(cairn__part from, int64_t width, int64_t height, cairn_filter filter,
                        cairn_image *to, cairn_image *scratch, cairn_status *status)
{
    return cairn__window_resize(cairn__isa(), from, width, height,
                                (cairn__window){0, 0, width, height}, filter, to, scratch, status);
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
