/* What the files about pictures share: parts of pictures, and the decoders of each format. */
#ifndef CAIRN_SRC_DATA_IMAGE_H
#define CAIRN_SRC_DATA_IMAGE_H

#include "base/base.h"
#include "base/isa.h"
#include "cairn/image.h"

/* A rectangle of a picture; pixels are borrowed. */
typedef struct cairn__part {
    const unsigned char *pixels; /* of its first row */
    int64_t width, height;
    size_t stride; /* bytes from row to row */
    int channels;
} cairn__part;

enum { CAIRN__MOST_SIDE = 65535 };

/* The whole picture; and the part whose upper left pixel is (x, y), which must lie inside. */
cairn__part cairn__whole_of(const cairn_image *image);
cairn__part cairn__part_of(const cairn_image *image, int64_t x, int64_t y, int64_t width,
                           int64_t height);

/* Makes room for a picture of this size; its pixels are not set. Errors: CAIRN_ERR_MEMORY. */
bool cairn__image_shape(cairn_image *image, int64_t width, int64_t height, int channels,
                        cairn_status *status);

/* Exchanges two pictures, memory and all. */
void cairn__image_swap(cairn_image *a, cairn_image *b);

/* As cairn_image_resize(), of a part: nothing outside of it has influence. `scratch` is a picture
 * for the half-finished rows. */
bool cairn__part_resize(cairn__part from, int64_t width, int64_t height, cairn_filter filter,
                        cairn_image *to, cairn_image *scratch, cairn_status *status);

/* A rectangle of a result. */
typedef struct cairn__window {
    int64_t x, y, width, height;
} cairn__window;

/* As cairn__part_resize(), of which only the window is computed: the same bytes. It must lie inside
 * and not be empty. The level makes no difference either. */
bool cairn__window_resize(cairn__isa_level level, cairn__part from, int64_t width, int64_t height,
                          cairn__window window, cairn_filter filter, cairn_image *to,
                          cairn_image *scratch, cairn_status *status);

/* Grey as Pillow computes it. */
static inline unsigned char cairn__grey(const unsigned char *rgb)
{
    return (unsigned char)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 0x8000u) >> 16);
}

bool cairn__is_jpeg(const void *bytes, size_t size);
bool cairn__is_png(const void *bytes, size_t size);

/* Checks a size that a header announces, before anything is allocated for it. */
bool cairn__image_announced(const char *name, uint64_t width, uint64_t height, int64_t limit,
                            cairn_status *status);

/* Decode to 1 or 3 channels, whichever the file has. */
bool cairn__jpeg_decode(const void *bytes, size_t size, const char *name,
                        const cairn_image_options *options, cairn_image *image,
                        cairn_status *status);
bool cairn__png_decode(const void *bytes, size_t size, const char *name,
                       const cairn_image_options *options, cairn_image *image,
                       cairn_status *status);

extern const char *const cairn__filter_names[];
extern const char *const cairn__color_names[];

#endif
