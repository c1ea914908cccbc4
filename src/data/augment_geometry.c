/* Augmentations that choose and move pixels: resize, crops, flip, cutout. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/augment.h"

/* ---- decode ---------------------------------------------------------------------------------- */

static const cairn_option decode_table[] = {
    CAIRN_OPT_CHOICE(cairn__decode_parameters, color, CAIRN_IMAGE_RGB, cairn__color_names,
                     "what pixels are converted to", "Pillow's convert()"),
    CAIRN_OPT_COUNT(cairn__decode_parameters, scale, 1, 1, 8,
                    "decode JPEG at 1/2, 1/4 or 1/8 of the size, which is faster", ""),
    CAIRN_OPT_FLAG(cairn__decode_parameters, orient, true, "turn JPEG as its EXIF orientation says",
                   "Pillow's exif_transpose()"),
    CAIRN_OPT_END,
};

static bool check_decode(const void *parameters, cairn_status *status)
{
    const cairn__decode_parameters *p = parameters;
    return p->scale != 3 && (p->scale < 5 || p->scale == 8)
               ? true
               : cairn__fail(status, CAIRN_ERR_VALUE, "scale is %lld, expected 1, 2, 4 or 8",
                             (long long)p->scale);
}

const cairn__augmentation cairn__augment_decode = {
    .name = "decode",
    .stage = CAIRN__STAGE_DECODE,
    .table = decode_table,
    .size = sizeof(cairn__decode_parameters),
    .help = "reads a JPEG or PNG; taken for granted when it is not the first step",
    .source = "",
    .check = check_decode,
};

/* ---- resize ---------------------------------------------------------------------------------- */

typedef struct resize_parameters {
    int64_t size;
    int filter;
    bool exact;
} resize_parameters;

static const cairn_option resize_table[] = {
    CAIRN_OPT_COUNT(resize_parameters, size, 256, 1, CAIRN__MOST_SIDE, "pixels of the shorter side",
                    "torchvision Resize"),
    CAIRN_OPT_CHOICE(resize_parameters, filter, CAIRN_FILTER_BILINEAR, cairn__filter_names,
                     "filter, widened when shrinking", "Pillow"),
    CAIRN_OPT_FLAG(resize_parameters, exact, false, "both sides become `size`", ""),
    CAIRN_OPT_END,
};

static bool resize_to(cairn__work *w, cairn__part from, int64_t width, int64_t height, int filter,
                      cairn_status *status)
{
    if (from.width == width && from.height == height && from.width == w->image.width &&
        from.height == w->image.height)
        return true;
    if (!cairn__part_resize(from, width, height, (cairn_filter)filter, &w->spare, &w->scratch,
                            status))
        return false;
    cairn__image_swap(&w->image, &w->spare);
    return true;
}

/* The longer side is rounded down, as torchvision does. */
static void size_after(const resize_parameters *p, int64_t width, int64_t height, int64_t *to_width,
                       int64_t *to_height)
{
    *to_width = *to_height = p->size;
    if (!p->exact && width < height)
        *to_height = p->size * height / width;
    else if (!p->exact)
        *to_width = p->size * width / height;
}

static bool apply_resize(const void *parameters, cairn__work *w, cairn__draws *draws,
                         cairn_status *status)
{
    const resize_parameters *p = parameters;
    int64_t to_width, to_height;
    (void)draws;
    size_after(p, w->image.width, w->image.height, &to_width, &to_height);
    return resize_to(w, cairn__whole_of(&w->image), to_width, to_height, p->filter, status);
}

static void size_of_resize(const void *parameters, int64_t *width, int64_t *height)
{
    const resize_parameters *p = parameters;
    *width = *height = p->exact ? p->size : 0;
}

const cairn__augmentation cairn__augment_resize = {
    .name = "resize",
    .stage = CAIRN__STAGE_PICTURE,
    .table = resize_table,
    .size = sizeof(resize_parameters),
    .help = "changes the size, keeping the proportions unless exact",
    .source = "Pillow resize()",
    .apply = apply_resize,
    .size_of = size_of_resize,
};

/* ---- crops ----------------------------------------------------------------------------------- */

typedef struct crop_parameters {
    int64_t size, padding, fill;
} crop_parameters;

static const cairn_option centre_crop_table[] = {
    CAIRN_OPT_COUNT(crop_parameters, size, 224, 1, CAIRN__MOST_SIDE, "pixels of both sides", ""),
    CAIRN_OPT_COUNT(crop_parameters, fill, 0, 0, 255, "value outside of smaller pictures", ""),
    CAIRN_OPT_END,
};

static const cairn_option crop_table[] = {
    CAIRN_OPT_COUNT(crop_parameters, size, 224, 1, CAIRN__MOST_SIDE, "pixels of both sides", ""),
    CAIRN_OPT_COUNT(crop_parameters, padding, 0, 0, 4096, "pixels added on each side before", ""),
    CAIRN_OPT_COUNT(crop_parameters, fill, 0, 0, 255, "value of what is added", ""),
    CAIRN_OPT_END,
};

/* The size x size square whose corner is (x, y) of the picture; what lies outside is `fill`. */
static bool cut(cairn__work *w, int64_t x, int64_t y, int64_t size, int64_t fill,
                cairn_status *status)
{
    const cairn_image *from = &w->image;
    size_t c = (size_t)from->channels;
    if (!cairn__image_shape(&w->spare, size, size, from->channels, status))
        return false;
    int64_t left = CAIRN__MIN(CAIRN__MAX(-x, 0), size);
    int64_t right = CAIRN__MAX(CAIRN__MIN(from->width - x, size), left);
    for (int64_t row = 0; row < size; row++) {
        unsigned char *to = w->spare.pixels + (size_t)(row * size) * c;
        bool inside = y + row >= 0 && y + row < from->height && right > left;
        if (!inside || right - left < size)
            memset(to, (int)fill, (size_t)size * c);
        if (inside)
            memcpy(to + (size_t)left * c,
                   from->pixels + (size_t)((y + row) * from->width + x + left) * c,
                   (size_t)(right - left) * c);
    }
    cairn__image_swap(&w->image, &w->spare);
    return true;
}

/* Odd differences are halved as torchvision does: to the nearest even number. */
static int64_t centre(int64_t all, int64_t part)
{
    return (int64_t)nearbyint((double)(all - part) / 2);
}

bool cairn__resize_and_crop(const void *resize, const void *crop, cairn__work *w, bool *done,
                            cairn_status *status)
{
    const resize_parameters *p = resize;
    const crop_parameters *c = crop;
    int64_t width, height;
    size_after(p, w->image.width, w->image.height, &width, &height);
    *done = width >= c->size && height >= c->size && width <= CAIRN__MOST_SIDE &&
            height <= CAIRN__MOST_SIDE;
    if (!*done)
        return true;
    cairn__window window = {centre(width, c->size), centre(height, c->size), c->size, c->size};
    if (!cairn__window_resize(cairn__isa(), cairn__whole_of(&w->image), width, height, window,
                              (cairn_filter)p->filter, &w->spare, &w->scratch, status))
        return false;
    cairn__image_swap(&w->image, &w->spare);
    return true;
}

static bool apply_centre_crop(const void *parameters, cairn__work *w, cairn__draws *draws,
                              cairn_status *status)
{
    const crop_parameters *p = parameters;
    (void)draws;
    return cut(w, centre(w->image.width, p->size), centre(w->image.height, p->size), p->size,
               p->fill, status);
}

/* Where the padded picture is still too small, the place is drawn so that all of it is inside. */
static bool apply_crop(const void *parameters, cairn__work *w, cairn__draws *draws,
                       cairn_status *status)
{
    const crop_parameters *p = parameters;
    int64_t across = w->image.width + 2 * p->padding - p->size;
    int64_t down = w->image.height + 2 * p->padding - p->size;
    int64_t x = cairn__draw_below(draws, llabs(across) + 1);
    int64_t y = cairn__draw_below(draws, llabs(down) + 1);
    return cut(w, (across < 0 ? -x : x) - p->padding, (down < 0 ? -y : y) - p->padding, p->size,
               p->fill, status);
}

static void size_of_crop(const void *parameters, int64_t *width, int64_t *height)
{
    const crop_parameters *p = parameters;
    *width = *height = p->size;
}

const cairn__augmentation cairn__augment_centre_crop = {
    .name = "centre_crop",
    .stage = CAIRN__STAGE_PICTURE,
    .table = centre_crop_table,
    .size = sizeof(crop_parameters),
    .help = "the square in the middle",
    .source = "torchvision CenterCrop",
    .apply = apply_centre_crop,
    .size_of = size_of_crop,
};

const cairn__augmentation cairn__augment_crop = {
    .name = "crop",
    .stage = CAIRN__STAGE_PICTURE,
    .table = crop_table,
    .size = sizeof(crop_parameters),
    .help = "a square at a random place, of the picture with a border added",
    .source = "torchvision RandomCrop",
    .apply = apply_crop,
    .size_of = size_of_crop,
};

/* ---- resized crop ---------------------------------------------------------------------------- */

typedef struct resized_crop_parameters {
    int64_t size;
    double from, to, narrowest, widest;
    int filter;
} resized_crop_parameters;

static const cairn_option resized_crop_table[] = {
    CAIRN_OPT_COUNT(resized_crop_parameters, size, 224, 1, CAIRN__MOST_SIDE,
                    "pixels of both sides of the result", ""),
    CAIRN_OPT_REAL(resized_crop_parameters, from, 0.08, 1e-4, 1, "least share of the area",
                   "Szegedy et al. 2015"),
    CAIRN_OPT_REAL(resized_crop_parameters, to, 1, 1e-4, 1, "greatest share of the area", ""),
    CAIRN_OPT_REAL(resized_crop_parameters, narrowest, 0.75, 0.01, 100,
                   "least width / height of the part", ""),
    CAIRN_OPT_REAL(resized_crop_parameters, widest, 4.0 / 3, 0.01, 100,
                   "greatest width / height of the part", ""),
    CAIRN_OPT_CHOICE(resized_crop_parameters, filter, CAIRN_FILTER_BILINEAR, cairn__filter_names,
                     "filter, widened when shrinking", "Pillow"),
    CAIRN_OPT_END,
};

static bool check_resized_crop(const void *parameters, cairn_status *status)
{
    const resized_crop_parameters *p = parameters;
    if (p->from > p->to)
        return cairn__fail(status, CAIRN_ERR_VALUE, "from is %g, expected at most to, %g", p->from,
                           p->to);
    return p->narrowest <= p->widest ||
           cairn__fail(status, CAIRN_ERR_VALUE, "narrowest is %g, expected at most widest, %g",
                       p->narrowest, p->widest);
}

/* The largest part of the picture's middle with proportions in range: after ten misfits. */
static void middle(const resized_crop_parameters *p, int64_t width, int64_t height, int64_t part[4])
{
    double ratio = (double)width / (double)height;
    int64_t w = width, h = height;
    if (ratio < p->narrowest)
        h = (int64_t)nearbyint((double)w / p->narrowest);
    else if (ratio > p->widest)
        w = (int64_t)nearbyint((double)h * p->widest);
    part[2] = CAIRN__MAX(CAIRN__MIN(w, width), 1);
    part[3] = CAIRN__MAX(CAIRN__MIN(h, height), 1);
    part[0] = (width - part[2]) / 2;
    part[1] = (height - part[3]) / 2;
}

static bool apply_resized_crop(const void *parameters, cairn__work *w, cairn__draws *draws,
                               cairn_status *status)
{
    const resized_crop_parameters *p = parameters;
    int64_t width = w->image.width, height = w->image.height, part[4];
    bool found = false;
    for (int attempt = 0; attempt < 10 && !found; attempt++) {
        double area = (double)(width * height) * cairn__draw_between(draws, p->from, p->to);
        double ratio = exp(cairn__draw_between(draws, log(p->narrowest), log(p->widest)));
        part[2] = (int64_t)nearbyint(sqrt(area * ratio));
        part[3] = (int64_t)nearbyint(sqrt(area / ratio));
        found = part[2] > 0 && part[2] <= width && part[3] > 0 && part[3] <= height;
    }
    if (found) {
        part[0] = cairn__draw_below(draws, width - part[2] + 1);
        part[1] = cairn__draw_below(draws, height - part[3] + 1);
    } else {
        middle(p, width, height, part);
    }
    return resize_to(w, cairn__part_of(&w->image, part[0], part[1], part[2], part[3]), p->size,
                     p->size, p->filter, status);
}

static void size_of_resized_crop(const void *parameters, int64_t *width, int64_t *height)
{
    const resized_crop_parameters *p = parameters;
    *width = *height = p->size;
}

const cairn__augmentation cairn__augment_resized_crop = {
    .name = "resized_crop",
    .stage = CAIRN__STAGE_PICTURE,
    .table = resized_crop_table,
    .size = sizeof(resized_crop_parameters),
    .help = "a random part of random proportions, resized to a square",
    .source = "torchvision RandomResizedCrop",
    .check = check_resized_crop,
    .apply = apply_resized_crop,
    .size_of = size_of_resized_crop,
};

/* ---- flip ------------------------------------------------------------------------------------ */

typedef struct flip_parameters {
    double p;
} flip_parameters;

static const cairn_option flip_table[] = {
    CAIRN_OPT_REAL(flip_parameters, p, 0.5, 0, 1, "probability", ""),
    CAIRN_OPT_END,
};

static bool apply_flip(const void *parameters, cairn__work *w, cairn__draws *draws,
                       cairn_status *status)
{
    const flip_parameters *p = parameters;
    size_t c = (size_t)w->image.channels;
    (void)status;
    if (cairn__draw(draws) >= p->p)
        return true;
    for (int64_t y = 0; y < w->image.height; y++) {
        unsigned char *left = w->image.pixels + (size_t)(y * w->image.width) * c;
        unsigned char *right = left + (size_t)(w->image.width - 1) * c;
        for (; left < right; left += c, right -= c) {
            for (size_t i = 0; i < c; i++) {
                unsigned char swap = left[i];
                left[i] = right[i];
                right[i] = swap;
            }
        }
    }
    return true;
}

const cairn__augmentation cairn__augment_flip = {
    .name = "flip",
    .stage = CAIRN__STAGE_PICTURE,
    .table = flip_table,
    .size = sizeof(flip_parameters),
    .help = "exchanges left and right",
    .source = "",
    .apply = apply_flip,
};

/* ---- cutout ---------------------------------------------------------------------------------- */

typedef struct cutout_parameters {
    int64_t size, fill;
    double p;
} cutout_parameters;

static const cairn_option cutout_table[] = {
    CAIRN_OPT_COUNT(cutout_parameters, size, 16, 1, CAIRN__MOST_SIDE, "pixels of both sides",
                    "DeVries and Taylor 2017, CIFAR-10"),
    CAIRN_OPT_COUNT(cutout_parameters, fill, 128, 0, 255, "value of the square", ""),
    CAIRN_OPT_REAL(cutout_parameters, p, 1, 0, 1, "probability", ""),
    CAIRN_OPT_END,
};

/* The centre may be any pixel, so that the square is often cut by the border, as in the paper. */
static bool apply_cutout(const void *parameters, cairn__work *w, cairn__draws *draws,
                         cairn_status *status)
{
    const cutout_parameters *p = parameters;
    cairn_image *i = &w->image;
    (void)status;
    if (cairn__draw(draws) >= p->p)
        return true;
    int64_t x = cairn__draw_below(draws, i->width) - p->size / 2;
    int64_t y = cairn__draw_below(draws, i->height) - p->size / 2;
    int64_t left = CAIRN__MAX(x, 0), right = CAIRN__MIN(x + p->size, i->width);
    int64_t bottom = CAIRN__MIN(y + p->size, i->height);
    for (int64_t row = CAIRN__MAX(y, 0); row < bottom && left < right; row++)
        memset(i->pixels + (size_t)((row * i->width + left) * i->channels), (int)p->fill,
               (size_t)((right - left) * i->channels));
    return true;
}

const cairn__augmentation cairn__augment_cutout = {
    .name = "cutout",
    .stage = CAIRN__STAGE_PICTURE,
    .table = cutout_table,
    .size = sizeof(cutout_parameters),
    .help = "covers a square at a random place",
    .source = "arXiv:1708.04552",
    .apply = apply_cutout,
};
