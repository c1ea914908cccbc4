/* The end of a pipeline: from bytes to numbers, and the two augmentations that mix a batch. */
#include <math.h>
#include <string.h>

#include "data/augment.h"

/* ---- normalise ------------------------------------------------------------------------------- */

#define IMAGENET "mean and deviation of ImageNet"

static const cairn_option normalise_table[] = {
    CAIRN_OPT_REAL(cairn__normalise_parameters, red, 0.485, -10, 10, "mean of red", IMAGENET),
    CAIRN_OPT_REAL(cairn__normalise_parameters, green, 0.456, -10, 10, "mean of green", IMAGENET),
    CAIRN_OPT_REAL(cairn__normalise_parameters, blue, 0.406, -10, 10, "mean of blue", IMAGENET),
    CAIRN_OPT_REAL(cairn__normalise_parameters, red_sd, 0.229, 1e-6, 10, "deviation of red",
                   IMAGENET),
    CAIRN_OPT_REAL(cairn__normalise_parameters, green_sd, 0.224, 1e-6, 10, "deviation of green",
                   IMAGENET),
    CAIRN_OPT_REAL(cairn__normalise_parameters, blue_sd, 0.225, 1e-6, 10, "deviation of blue",
                   IMAGENET),
    CAIRN_OPT_END,
};

const cairn__augmentation cairn__augment_normalise = {
    .name = "normalise",
    .stage = CAIRN__STAGE_NUMBERS,
    .table = normalise_table,
    .size = sizeof(cairn__normalise_parameters),
    .help = "(value / 255 - mean) / deviation for each channel; red's for grey pictures",
    .source = "torchvision Normalize",
};

/* A byte has 256 values: each channel is a table. */
static void make_table(const cairn_pipeline *p, int channel, float table[256])
{
    double mean = 0, sd = 1;
    for (int i = p->pictures; i < p->n; i++) {
        const void *bytes = p->steps[i].parameters.bytes;
        const cairn__normalise_parameters *n = bytes;
        if (p->steps[i].kind->stage == CAIRN__STAGE_NUMBERS) {
            mean = (const double[]){n->red, n->green, n->blue}[channel];
            sd = (const double[]){n->red_sd, n->green_sd, n->blue_sd}[channel];
        }
    }
    for (int i = 0; i < 256; i++)
        table[i] = (float)((i / 255.0 - mean) / sd);
}

void cairn__pipeline_numbers(const cairn_pipeline *p, const cairn_image *image, bool planes,
                             float *out)
{
    size_t n = (size_t)(image->width * image->height), c = (size_t)image->channels;
    float tables[3][256];
    for (size_t k = 0; k < c; k++)
        make_table(p, (int)k, tables[k]);
    if (planes && c == 3) {
        for (size_t i = 0; i < n; i++) {
            out[i] = tables[0][image->pixels[3 * i]];
            out[n + i] = tables[1][image->pixels[3 * i + 1]];
            out[2 * n + i] = tables[2][image->pixels[3 * i + 2]];
        }
        return;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < c; k++)
            out[i * c + k] = tables[k][image->pixels[i * c + k]];
}

/* ---- mixup and CutMix ------------------------------------------------------------------------ */

static const cairn_option mixup_table[] = {
    CAIRN_OPT_REAL(cairn__mix_parameters, alpha, 0.2, 1e-3, 100,
                   "of the distribution Beta(alpha, alpha) of the share", "section 4.1, ImageNet"),
    CAIRN_OPT_END,
};

static const cairn_option cutmix_table[] = {
    CAIRN_OPT_REAL(cairn__mix_parameters, alpha, 1, 1e-3, 100,
                   "of the distribution Beta(alpha, alpha) of the share", "section 3.1"),
    CAIRN_OPT_END,
};

const cairn__augmentation cairn__augment_mixup = {
    .name = "mixup",
    .stage = CAIRN__STAGE_BATCH,
    .table = mixup_table,
    .size = sizeof(cairn__mix_parameters),
    .help = "adds to each item its partner in the batch, in random shares",
    .source = "arXiv:1710.09412",
};

const cairn__augmentation cairn__augment_cutmix = {
    .name = "cutmix",
    .stage = CAIRN__STAGE_BATCH,
    .table = cutmix_table,
    .size = sizeof(cairn__mix_parameters),
    .help = "puts a rectangle of its partner in the batch into each item",
    .source = "arXiv:1905.04899",
};

/* Rows i and n-1-i mix with each other, so that both can be done where they are. */
static void mix_rows(float *a, float *b, size_t n, float share)
{
    for (size_t i = 0; i < n; i++) {
        float x = a[i], y = b[i];
        a[i] = share * x + (1 - share) * y;
        b[i] = share * y + (1 - share) * x;
    }
}

static void swap_values(float *a, float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float was = a[i];
        a[i] = b[i];
        b[i] = was;
    }
}

/* left, top, width, height */
static void swap_rectangle(float *a, float *b, const int64_t size[3], bool planes,
                           const int64_t part[4])
{
    size_t c = (size_t)size[0], h = (size_t)size[1], w = (size_t)size[2];
    size_t left = (size_t)part[0], top = (size_t)part[1];
    for (size_t y = top; y < top + (size_t)part[3]; y++) {
        if (!planes) {
            size_t at = (y * w + left) * c;
            swap_values(a + at, b + at, (size_t)part[2] * c);
        }
        for (size_t k = 0; k < c && planes; k++) {
            size_t at = (k * h + y) * w + left;
            swap_values(a + at, b + at, (size_t)part[2]);
        }
    }
}

/* The rectangle of CutMix, whose area is 1 - share before the border cuts it: section 3.1. */
static void draw_rectangle(cairn__draws *draws, double share, const int64_t size[3],
                           int64_t part[4])
{
    for (int i = 0; i < 2; i++) {
        int64_t whole = size[2 - i], length = (int64_t)((double)whole * sqrt(1 - share));
        int64_t from = cairn__draw_below(draws, whole) - length / 2;
        int64_t to = CAIRN__MIN(from + length, whole);
        part[i] = CAIRN__MAX(from, 0);
        part[2 + i] = CAIRN__MAX(to - part[i], 0);
    }
}

bool cairn__pipeline_mixes(const cairn_pipeline *p)
{
    return p->n > 0 && p->steps[p->n - 1].kind->stage == CAIRN__STAGE_BATCH;
}

bool cairn__pipeline_mix(const cairn_pipeline *p, int64_t seed, int64_t epoch, int64_t index,
                         int64_t n, const int64_t size[3], bool planes, float *x,
                         const int32_t *label, int32_t *other, float *share_out)
{
    int first = p->n;
    while (first > 0 && p->steps[first - 1].kind->stage == CAIRN__STAGE_BATCH)
        first--;
    if (first == p->n)
        return false;
    /* A place that no item has: the step behind the last. */
    cairn__draws draws = cairn__draws_new(seed, epoch, index, CAIRN__MOST_STEPS);
    int which = first + (int)cairn__draw_below(&draws, p->n - first);
    const void *bytes = p->steps[which].parameters.bytes;
    const cairn__mix_parameters *parameters = bytes;
    double share = cairn__draw_beta(&draws, parameters->alpha);
    int64_t part[4] = {0};
    bool cut = p->steps[which].kind == &cairn__augment_cutmix;
    if (cut) {
        draw_rectangle(&draws, share, size, part);
        share = 1 - (double)(part[2] * part[3]) / (double)(size[1] * size[2]);
    }
    int64_t width = size[0] * size[1] * size[2];
    for (int64_t i = 0; i < n; i++) {
        if (label)
            other[i] = label[n - 1 - i];
        share_out[i] = 2 * i + 1 == n ? 1 : (float)share;
        float *a = x + i * width, *b = x + (n - 1 - i) * width;
        if (2 * i + 1 < n && cut)
            swap_rectangle(a, b, size, planes, part);
        else if (2 * i + 1 < n)
            mix_rows(a, b, (size_t)width, (float)share);
    }
    return true;
}
