/* Pictures: memory, recognising formats, and conversion between grey and RGB. */
#include "data/image.h"

#include <string.h>

#include "data/file.h"

const char *const cairn__filter_names[] = {"bilinear", "bicubic", "lanczos", "box", NULL};
const char *const cairn__color_names[] = {"rgb", "grey", "stored", NULL};

/* Twice what Pillow warns at; a picture of this size takes 512 MiB. */
static const int64_t standard_pixel_limit = 178956970;

cairn_image_options cairn_image_defaults(void)
{
    return (cairn_image_options){
        .color = CAIRN_IMAGE_RGB, .scale = 1, .pixel_limit = standard_pixel_limit, .orient = true};
}

/* ---- memory ---------------------------------------------------------------------------------- */

bool cairn__image_shape(cairn_image *image, int64_t width, int64_t height, int channels,
                        cairn_status *status)
{
    size_t bytes;
    if (!cairn_ok(status))
        return false;
    if (width < 1 || height < 1 || width > CAIRN__MOST_SIDE || height > CAIRN__MOST_SIDE)
        return cairn__fail(status, CAIRN_ERR_SHAPE,
                           "a picture of %lld x %lld pixels, expected sides of 1 to %d",
                           (long long)width, (long long)height, CAIRN__MOST_SIDE);
    bytes = (size_t)width * (size_t)height * (size_t)channels;
    if (bytes > image->capacity) {
        unsigned char *pixels = cairn__alloc_aligned(bytes, status);
        if (!pixels)
            return false;
        cairn__free(image->pixels);
        image->pixels = pixels;
        image->capacity = bytes;
    }
    image->width = width;
    image->height = height;
    image->channels = channels;
    return true;
}

void cairn_image_free(cairn_image *image)
{
    if (!image)
        return;
    cairn__free(image->pixels);
    *image = (cairn_image){0};
}

void cairn__image_swap(cairn_image *a, cairn_image *b)
{
    cairn_image was = *a;
    *a = *b;
    *b = was;
}

cairn__part cairn__whole_of(const cairn_image *image)
{
    return cairn__part_of(image, 0, 0, image->width, image->height);
}

cairn__part cairn__part_of(const cairn_image *image, int64_t x, int64_t y, int64_t width,
                           int64_t height)
{
    size_t stride = (size_t)image->width * (size_t)image->channels;
    return (cairn__part){
        .pixels = image->pixels + (size_t)y * stride + (size_t)x * (size_t)image->channels,
        .width = width,
        .height = height,
        .stride = stride,
        .channels = image->channels,
    };
}

/* ---- colours --------------------------------------------------------------------------------- */

static void to_grey(cairn_image *image)
{
    size_t n = (size_t)(image->width * image->height);
    for (size_t i = 0; i < n; i++)
        image->pixels[i] = cairn__grey(image->pixels + 3 * i);
    image->channels = 1;
}

/* From the last pixel on, so that none is overwritten before it is read. */
static bool to_rgb(cairn_image *image, cairn_status *status)
{
    size_t n = (size_t)(image->width * image->height);
    if (image->capacity < 3 * n) {
        cairn_image wide = {0};
        if (!cairn__image_shape(&wide, image->width, image->height, 3, status))
            return false;
        memcpy(wide.pixels, image->pixels, n);
        cairn__image_swap(image, &wide);
        cairn_image_free(&wide);
    }
    for (size_t i = n; i-- > 0;)
        memset(image->pixels + 3 * i, image->pixels[i], 3);
    image->channels = 3;
    return true;
}

/* ---- decoding -------------------------------------------------------------------------------- */

bool cairn__image_announced(const char *name, uint64_t width, uint64_t height, int64_t limit,
                            cairn_status *status)
{
    if (width < 1 || height < 1 || width > CAIRN__MOST_SIDE || height > CAIRN__MOST_SIDE)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: %llu x %llu pixels, expected sides of 1 to %d", name,
                           (unsigned long long)width, (unsigned long long)height, CAIRN__MOST_SIDE);
    if (width * height > (uint64_t)limit)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: %llu x %llu pixels, more than the limit of %lld pixels", name,
                           (unsigned long long)width, (unsigned long long)height, (long long)limit);
    return true;
}

static bool decode(const void *bytes, size_t size, const char *name,
                   const cairn_image_options *options, cairn_image *image, cairn_status *status)
{
    if (cairn__is_jpeg(bytes, size))
        return cairn__jpeg_decode(bytes, size, name, options, image, status);
    if (cairn__is_png(bytes, size))
        return cairn__png_decode(bytes, size, name, options, image, status);
    return cairn__fail(status, CAIRN_ERR_FORMAT,
                       "%s: starts neither as JPEG nor as PNG, expected one of the two", name);
}

bool cairn_image_decode(const void *bytes, size_t size, const char *name,
                        const cairn_image_options *options, cairn_image *image,
                        cairn_status *status)
{
    cairn_image_options standard = cairn_image_defaults();
    options = options ? options : &standard;
    image->width = image->height = 0;
    if (!cairn_ok(status))
        return false;
    if (options->scale != 1 && options->scale != 2 && options->scale != 4 && options->scale != 8)
        return cairn__fail(status, CAIRN_ERR_VALUE, "decode: scale %lld, expected 1, 2, 4 or 8",
                           (long long)options->scale);
    bool good = decode(bytes, size, name, options, image, status);
    if (good && options->color == CAIRN_IMAGE_RGB && image->channels == 1)
        good = to_rgb(image, status);
    if (good && options->color == CAIRN_IMAGE_GREY && image->channels == 3)
        to_grey(image);
    if (!good)
        image->width = image->height = 0;
    return good;
}

bool cairn_image_read(const char *path, size_t limit_bytes, const cairn_image_options *options,
                      cairn_image *image, cairn_status *status)
{
    cairn__content content;
    image->width = image->height = 0;
    if (!cairn__read_file(path, limit_bytes, &content, status))
        return false;
    bool good = cairn_image_decode(content.data, content.size, path, options, image, status);
    cairn__content_free(&content);
    return good;
}
