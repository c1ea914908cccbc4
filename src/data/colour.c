/* Changes of colour and place: see colour.h. */
#include "data/colour.h"

#include <math.h>
#include <string.h>

static size_t bytes_of(const cairn_image *image)
{
    return (size_t)(image->width * image->height * image->channels);
}

/* a + factor (b - a), cut to a byte; fractions are dropped, as in Pillow's blend(). */
static unsigned char blend(int a, int b, float factor)
{
    float value = (float)a + factor * (float)(b - a);
    return (unsigned char)(value <= 0 ? 0 : value >= 255 ? 255 : value);
}

/* ---- blends ---------------------------------------------------------------------------------- */

void cairn__brightness(cairn_image *image, double factor)
{
    unsigned char table[256];
    for (int i = 0; i < 256; i++)
        table[i] = blend(0, i, (float)factor);
    for (size_t i = 0, n = bytes_of(image); i < n; i++)
        image->pixels[i] = table[image->pixels[i]];
}

static int mean_grey(const cairn_image *image)
{
    uint64_t sum = 0;
    size_t n = (size_t)(image->width * image->height);
    for (size_t i = 0; i < n; i++)
        sum += image->channels == 3 ? cairn__grey(image->pixels + 3 * i) : image->pixels[i];
    return (int)((double)sum / (double)n + 0.5);
}

void cairn__contrast(cairn_image *image, double factor)
{
    unsigned char table[256];
    int mean = mean_grey(image);
    for (int i = 0; i < 256; i++)
        table[i] = blend(mean, i, (float)factor);
    for (size_t i = 0, n = bytes_of(image); i < n; i++)
        image->pixels[i] = table[image->pixels[i]];
}

void cairn__saturation(cairn_image *image, double factor)
{
    if (image->channels != 3)
        return;
    for (size_t i = 0, n = bytes_of(image); i < n; i += 3) {
        int grey = cairn__grey(image->pixels + i);
        for (size_t c = 0; c < 3; c++)
            image->pixels[i + c] = blend(grey, image->pixels[i + c], (float)factor);
    }
}

void cairn__to_grey(cairn_image *image)
{
    if (image->channels != 3)
        return;
    for (size_t i = 0, n = bytes_of(image); i < n; i += 3)
        memset(image->pixels + i, cairn__grey(image->pixels + i), 3);
}

/* The smooth picture: 5 parts the pixel, 1 part each neighbour; the border stays. */
bool cairn__sharpness(cairn__work *w, double factor, cairn_status *status)
{
    cairn_image *from = &w->image, *to = &w->spare;
    if (!cairn__image_shape(to, from->width, from->height, from->channels, status))
        return false;
    size_t c = (size_t)from->channels, stride = (size_t)from->width * c;
    memcpy(to->pixels, from->pixels, bytes_of(from));
    for (int64_t y = 1; y + 1 < from->height; y++) {
        for (size_t x = c; x + c < stride; x++) {
            const unsigned char *p = from->pixels + (size_t)y * stride + x;
            int sum = 5 * p[0] + p[-(ptrdiff_t)c] + p[c];
            for (size_t i = 0; i < 3; i++)
                sum += (p - stride - c)[i * c] + (p + stride - c)[i * c];
            to->pixels[(size_t)y * stride + x] = (unsigned char)((2 * sum + 13) / 26);
        }
    }
    for (size_t i = 0, n = bytes_of(from); i < n; i++)
        to->pixels[i] = blend(to->pixels[i], from->pixels[i], (float)factor);
    cairn__image_swap(from, to);
    return true;
}

/* ---- hue ------------------------------------------------------------------------------------- */

/* Hue in sixths of the circle: which channel is greatest, and how far the two others differ. */
static float hue_of(const unsigned char *p, float greatest, float range)
{
    float r = p[0], g = p[1], b = p[2];
    if (r == greatest)
        return (g - b) / range;
    return g == greatest ? 2 + (b - r) / range : 4 + (r - g) / range;
}

void cairn__hue(cairn_image *image, double turns)
{
    if (image->channels != 3 || turns == 0)
        return;
    for (size_t i = 0, n = bytes_of(image); i < n; i += 3) {
        unsigned char *p = image->pixels + i;
        float greatest = CAIRN__MAX(CAIRN__MAX(p[0], p[1]), p[2]);
        float range = greatest - (float)CAIRN__MIN(CAIRN__MIN(p[0], p[1]), p[2]);
        if (range == 0)
            continue;
        float hue = hue_of(p, greatest, range) + 6 * (float)turns;
        for (int c = 0; c < 3; c++) {
            /* Full within one sixth and a half of the channel's own hue 2c, falling to none. */
            float away = fabsf(hue - 2 * (float)c);
            away = fmodf(away, 6);
            away = away > 3 ? 6 - away : away;
            float part = away <= 1 ? 1 : away >= 2 ? 0 : 2 - away;
            p[c] = (unsigned char)(greatest - range + range * part + 0.5f);
        }
    }
}

/* ---- tables of values ------------------------------------------------------------------------ */

void cairn__solarise(cairn_image *image, int threshold)
{
    for (size_t i = 0, n = bytes_of(image); i < n; i++) {
        unsigned char value = image->pixels[i];
        image->pixels[i] = (unsigned char)(value < threshold ? value : 255 - value);
    }
}

void cairn__posterise(cairn_image *image, int bits)
{
    unsigned char mask = (unsigned char)(0xFF << (8 - bits));
    for (size_t i = 0, n = bytes_of(image); i < n; i++)
        image->pixels[i] &= mask;
}

static void count(const cairn_image *image, int channel, int64_t histogram[256])
{
    memset(histogram, 0, 256 * sizeof *histogram);
    for (size_t i = (size_t)channel, n = bytes_of(image); i < n; i += (size_t)image->channels)
        histogram[image->pixels[i]]++;
}

static void look_up(cairn_image *image, int channel, const unsigned char table[256])
{
    for (size_t i = (size_t)channel, n = bytes_of(image); i < n; i += (size_t)image->channels)
        image->pixels[i] = table[image->pixels[i]];
}

void cairn__autocontrast(cairn_image *image)
{
    for (int c = 0; c < image->channels; c++) {
        int64_t histogram[256];
        unsigned char table[256];
        int low = 0, high = 255;
        count(image, c, histogram);
        while (low < 255 && !histogram[low])
            low++;
        while (high > 0 && !histogram[high])
            high--;
        if (high <= low)
            continue;
        double scale = 255.0 / (high - low), offset = -low * scale;
        for (int i = 0; i < 256; i++) {
            int value = (int)(i * scale + offset);
            table[i] = (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
        look_up(image, c, table);
    }
}

void cairn__equalise(cairn_image *image)
{
    for (int c = 0; c < image->channels; c++) {
        int64_t histogram[256], all = 0, last = 0;
        unsigned char table[256];
        count(image, c, histogram);
        for (int i = 0; i < 256; i++) {
            all += histogram[i];
            last = histogram[i] ? histogram[i] : last;
        }
        int64_t step = (all - last) / 255, n = step / 2;
        if (step == 0)
            continue;
        for (int i = 0; i < 256; i++) {
            table[i] = (unsigned char)CAIRN__MIN(n / step, 255);
            n += histogram[i];
        }
        look_up(image, c, table);
    }
}

/* ---- places ---------------------------------------------------------------------------------- */

/* 16 bits behind the point, as Pillow: places of pixels are added up, not multiplied. */
static int64_t fixed(double value)
{
    return (int64_t)floor(value * 65536 + 0.5);
}

bool cairn__affine(cairn__work *w, const double m[6], int fill, cairn_status *status)
{
    const cairn_image *from = &w->image;
    if (!cairn__image_shape(&w->spare, from->width, from->height, from->channels, status))
        return false;
    size_t c = (size_t)from->channels;
    unsigned char *to = w->spare.pixels;
    int64_t row_x = fixed(m[2] + m[0] * 0.5 + m[1] * 0.5);
    int64_t row_y = fixed(m[5] + m[3] * 0.5 + m[4] * 0.5);
    for (int64_t y = 0; y < from->height; y++) {
        int64_t at_x = row_x, at_y = row_y;
        for (int64_t x = 0; x < from->width; x++, to += c) {
            int64_t px = at_x >> 16, py = at_y >> 16;
            if (px >= 0 && px < from->width && py >= 0 && py < from->height)
                memcpy(to, from->pixels + (size_t)(py * from->width + px) * c, c);
            else
                memset(to, fill, c);
            at_x += fixed(m[0]);
            at_y += fixed(m[3]);
        }
        row_x += fixed(m[1]);
        row_y += fixed(m[4]);
    }
    cairn__image_swap(&w->image, &w->spare);
    return true;
}

bool cairn__rotate(cairn__work *w, double degrees, int fill, cairn_status *status)
{
    double angle = -degrees * (3.14159265358979323846 / 180), c = cos(angle), s = sin(angle);
    double x = (double)w->image.width / 2, y = (double)w->image.height / 2;
    double m[6] = {c, s, x - c * x - s * y, -s, c, y + s * x - c * y};
    return cairn__affine(w, m, fill, status);
}
