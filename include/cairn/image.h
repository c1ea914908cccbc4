/* Cairn, pictures: decoding, resizing, and the augmentations of a pipeline.
 *
 *   1. pictures    from JPEG and PNG to 8-bit grey or RGB
 *   2. resizing    Pillow's filters with Pillow's rounding: the same bytes
 *   3. pipelines   decoding and augmentation as a text
 */
#ifndef CAIRN_IMAGE_H
#define CAIRN_IMAGE_H

#include "cairn/data.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. pictures ------------------------------------------------------------------------------
 */

/* height rows of width pixels of 1 (grey) or 3 (red, green, blue) bytes, no gaps. Start from all
 * zero. The functions below that fill a picture reuse its memory and let it grow, so that a picture
 * that is filled again and again settles; cairn_image_free() ends it. */
typedef struct cairn_image {
    int64_t width, height;
    int channels;
    unsigned char *pixels; /* owned; NULL when nothing was ever put in */
    size_t capacity;       /* bytes at pixels */
} cairn_image;

typedef enum cairn_image_color {
    CAIRN_IMAGE_RGB,
    CAIRN_IMAGE_GREY,
    CAIRN_IMAGE_STORED
} cairn_image_color;

typedef struct cairn_image_options {
    int color;           /* cairn_image_color: to what pixels are converted; STORED: 1 or 3 bytes */
    int64_t scale;       /* JPEG only: 1, or decode at 1/2, 1/4, 1/8 of the size */
    int64_t pixel_limit; /* most pixels that a header may announce */
} cairn_image_options;

CAIRN_API cairn_image_options cairn_image_defaults(void);

/* Decodes a JPEG or PNG held in memory (name for sentences; both borrowed during the call).
 *
 * Pixels are those that Pillow gives: JPEG by libjpeg-turbo with the accurate integer transform and
 * smooth chroma; CMYK becomes RGB as 255 - K scaled; of PNG, palettes are looked up, transparency
 * is dropped, 16 bits lose the lower 8. Grey of RGB is (19595 r + 38470 g + 7471 b + 2^15) / 2^16.
 *
 * Errors: CAIRN_ERR_FORMAT (neither format, cut short, damaged, or more than pixel_limit pixels:
 * the sentence names the file), CAIRN_ERR_MISSING (built without libjpeg or libpng),
 * CAIRN_ERR_MEMORY. A picture that could not be filled keeps its memory, and its size is 0. */
CAIRN_API bool cairn_image_decode(const void *bytes, size_t size, const char *name,
                                  const cairn_image_options *options, cairn_image *image,
                                  cairn_status *status);

/* The same for a file, of at most limit_bytes. Errors: CAIRN_ERR_FILE too. */
CAIRN_API bool cairn_image_read(const char *path, size_t limit_bytes,
                                const cairn_image_options *options, cairn_image *image,
                                cairn_status *status);
CAIRN_API void cairn_image_free(cairn_image *image);

/* ---- 2. resizing ------------------------------------------------------------------------------
 */

typedef enum cairn_filter {
    CAIRN_FILTER_BILINEAR, /* the triangle */
    CAIRN_FILTER_BICUBIC,  /* Keys 1981, a = -1/2 */
    CAIRN_FILTER_LANCZOS,  /* three lobes */
    CAIRN_FILTER_BOX
} cairn_filter;

/* Resamples `from` to width x height. Filters are widened when shrinking (antialiased); rows first,
 * then columns, each with 22-bit integer weights and rounded to bytes, as in Pillow's resize().
 * from and to must be two pictures.
 * Errors: CAIRN_ERR_SHAPE when a size is below 1 or above 65535, CAIRN_ERR_MEMORY. */
CAIRN_API bool cairn_image_resize(const cairn_image *from, int64_t width, int64_t height,
                                  cairn_filter filter, cairn_image *to, cairn_status *status);

/* ---- 3. pipelines -----------------------------------------------------------------------------
 *
 * Steps joined by '|', each a name with its parameters in parentheses: by place or by name, and
 * what is left out has its default. cairn_pipeline_help() lists them.
 *
 *     decode|resize(256)|centre_crop(224)|normalise
 *     resized_crop(224, filter=bicubic)|flip|randaugment(2, 9)|normalise|mixup(0.2)|cutmix(1)
 *
 * In this order: decode (taken for granted if absent), changes of pictures, normalise (if absent,
 * values are divided by 255), and mixup or cutmix; of both, one is drawn for each batch.
 *
 * What is random depends on seed, epoch, item and the place of the step, and on nothing else. */

typedef struct cairn_pipeline cairn_pipeline;

/* The caller owns the result: cairn_pipeline_free().
 * Errors: CAIRN_ERR_NAME (no such step or parameter), CAIRN_ERR_VALUE (anything else; the sentence
 * names the character and the form that is expected there), CAIRN_ERR_MEMORY. */
CAIRN_API cairn_pipeline *cairn_pipeline_parse(const char *text, cairn_status *status);
CAIRN_API void cairn_pipeline_free(cairn_pipeline *pipeline);

/* The pipeline with every parameter spelled out, which parses to the same one; and all steps that
 * there are, with parameters, ranges, defaults and sources, for people. The caller owns the texts:
 * cairn_description_free(). NULL with CAIRN_ERR_MEMORY. */
CAIRN_API char *cairn_pipeline_text(const cairn_pipeline *pipeline, cairn_status *status);
CAIRN_API char *cairn_pipeline_help(cairn_status *status);

/* Decodes one picture and runs the steps before normalise on it, as item `item` (below 2^41) of
 * `epoch`. Any number of threads may share a pipeline. Errors: those of cairn_image_decode(). */
CAIRN_API bool cairn_pipeline_apply(const cairn_pipeline *pipeline, const void *bytes, size_t size,
                                    const char *name, int64_t seed, int64_t epoch, int64_t item,
                                    cairn_image *image, cairn_status *status);

#ifdef __cplusplus
}
#endif

#endif
