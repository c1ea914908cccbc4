/* Cairn, pictures: decoding, resizing, and the augmentations of a pipeline.
 *
 *   1. pictures    from JPEG and PNG to 8-bit grey or RGB
 *   2. resizing    Pillow's filters with Pillow's rounding: the same bytes
 *   3. pipelines   decoding and augmentation as a text
 *   4. items       pictures that stay in their files
 *   5. streams     batches of them, decoded and augmented by many threads
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
    bool orient;         /* JPEG only: turn the picture as its EXIF orientation says */
} cairn_image_options;

CAIRN_API cairn_image_options cairn_image_defaults(void);

/* Decodes a JPEG or PNG held in memory (name for sentences; both borrowed during the call).
 *
 * Pixels are those that Pillow gives: JPEG by libjpeg-turbo with the accurate integer transform and
 * smooth chroma; CMYK becomes RGB as 255 - K scaled; of PNG, palettes are looked up, transparency
 * is dropped, 16 bits lose the lower 8. Pillow itself does not turn pictures by their EXIF
 * orientation, as its ImageOps.exif_transpose() does; that is done here unless `orient` is false.
 * Grey of RGB is (19595 r + 38470 g + 7471 b + 2^15) / 2^16.
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

/* What a pipeline is for. Steps for sounds, in the order decode (with a rate), changes of samples,
 * logmel, specaugment, mixup:
 *
 *     decode(16000)|cut(32000, pad=mirror)|noise(5, 30)|logmel(80)|specaugment */
typedef enum cairn_media {
    CAIRN_MEDIA_PICTURE,
    CAIRN_MEDIA_SOUND,
    CAIRN_MEDIA_VIDEO /* no pipeline: see cairn_items_clip() of cairn/video.h */
} cairn_media;

/* The caller owns the result: cairn_pipeline_free().
 * Errors: CAIRN_ERR_NAME (no such step or parameter), CAIRN_ERR_VALUE (anything else; the sentence
 * names the character and the form that is expected there), CAIRN_ERR_MEMORY. */
CAIRN_API cairn_pipeline *cairn_pipeline_parse(const char *text, cairn_status *status);

/* The same for other media; cairn_pipeline_parse() is for pictures. */
CAIRN_API cairn_pipeline *cairn_pipeline_parse_for(const char *text, cairn_media media,
                                                   cairn_status *status);
CAIRN_API void cairn_pipeline_free(cairn_pipeline *pipeline);

/* The pipeline with every parameter spelled out, which parses to the same one; and all steps that
 * there are, with parameters, ranges, defaults and sources, for people. The caller owns the texts:
 * cairn_description_free(). NULL with CAIRN_ERR_MEMORY. */
CAIRN_API char *cairn_pipeline_text(const cairn_pipeline *pipeline, cairn_status *status);
CAIRN_API char *cairn_pipeline_help(cairn_media media, cairn_status *status);

/* Decodes one picture, with a pipeline for pictures, and runs the steps before normalise on it, as
 * item `item` (below 2^41) of `epoch`. Any number of threads may share a pipeline. Errors: those of
 * cairn_image_decode(). */
CAIRN_API bool cairn_pipeline_apply(const cairn_pipeline *pipeline, const void *bytes, size_t size,
                                    const char *name, int64_t seed, int64_t epoch, int64_t item,
                                    cairn_image *image, cairn_status *status);

/* ---- 4. items ---------------------------------------------------------------------------------
 *
 * A list of pictures, of sounds or of videos, with their labels. They stay in their files until a
 * stream (or cairn_items_clip(), for videos) decodes them. */

typedef struct cairn_items cairn_items;

/* Lists the pictures (.jpg, .jpeg, .png, in any case), the sounds (.wav, .flac, .mp3, .ogg, .oga,
 * .opus, .aac, .m4a, .mka, .aif, .aiff) or the videos (.mp4, .m4v, .mov, .mkv, .webm, .avi, .mpg,
 * .mpeg, .ogv, .gif) of what lies at `path`; two of these together are an error:
 *
 *   a directory  a folder for each class, whose name is that of the class, numbered in the order of
 *                their bytes; folders inside are searched too. Either the class folders themselves,
 *                or train/ and test/ (or val/, or validation/) with class folders of the same names
 *   a CSV file   with a header that has a column image, audio, sound, filename, file, file_name or
 * path. Names are relative to the file's folder, to images/ or audio/ in it, or to audio/ beside it
 * (as ESC-50 has it), and may leave out the ending. The label column is chosen as in
 * cairn_dataset_open(), and is text; an empty cell is label -1
 *
 * options  test_fraction, split_seed, label_column, limit and memory_limit_mib, as for data sets;
 *          copied; NULL for the defaults. What has no test split gets one drawn.
 *
 * Takes memory for the names only. The caller owns the result: cairn_items_free().
 * Errors: CAIRN_ERR_FILE, CAIRN_ERR_FORMAT, CAIRN_ERR_NAME, CAIRN_ERR_MEMORY. */
CAIRN_API cairn_items *cairn_items_open(const char *path, const cairn_data_options *options,
                                        cairn_status *status);
CAIRN_API void cairn_items_free(cairn_items *items);

/* What the items are. */
CAIRN_API cairn_media cairn_items_media(const cairn_items *items);

/* Items of a split; the file of one, and its label (-1: none). index must be below the count. */
CAIRN_API int64_t cairn_items_count(const cairn_items *items, cairn_split split);
CAIRN_API const char *cairn_items_file(const cairn_items *items, cairn_split split, int64_t index);
CAIRN_API int32_t cairn_items_label(const cairn_items *items, cairn_split split, int64_t index);

/* Number of classes (0: no labels), and the name of one; NULL beyond. Borrowed. */
CAIRN_API int64_t cairn_items_classes(const cairn_items *items);
CAIRN_API const char *cairn_items_class_name(const cairn_items *items, int64_t index);

/* What the list holds, as cairn_dataset_describe() does for a data set. */
CAIRN_API char *cairn_items_describe(const cairn_items *items, cairn_status *status);
CAIRN_API char *cairn_items_describe_json(const cairn_items *items, cairn_status *status);

/* ---- 5. streams -------------------------------------------------------------------------------
 *
 * As a loader, for items that are decoded on demand. What is in a batch depends on the items, the
 * options and the batch's place (epoch, index) only, never on threads. */

typedef enum cairn_bad_files { CAIRN_BAD_FILES_STOP, CAIRN_BAD_FILES_SKIP } cairn_bad_files;
typedef enum cairn_stream_layout {
    CAIRN_STREAM_PLANES, /* x [B,C,H,W] */
    CAIRN_STREAM_PIXELS  /* x [B,H,W,C] */
} cairn_stream_layout;

typedef struct cairn_stream_options {
    char pipeline[CAIRN_TEXT_SIZE];
    int64_t batch; /* items, B */
    bool shuffle;  /* a new order in each epoch */
    int64_t seed;  /* draws orders and augmentations */
    bool drop_last;
    int64_t threads;          /* that decode; 0: one for each core */
    int64_t ahead;            /* batches prepared before they are asked for */
    int bad_files;            /* cairn_bad_files */
    int layout;               /* cairn_stream_layout */
    int64_t memory_limit_mib; /* most that batches and one file may take */
} cairn_stream_options;

CAIRN_API cairn_stream_options cairn_stream_defaults(void);

/* Rows from base.size on hold zeros and -1, as in a cairn_batch; besides the end of an epoch, that
 * happens where bad files were skipped, which may leave no row at all. */
typedef struct cairn_stream_batch {
    cairn_batch base;
    int64_t skipped;      /* bad files in this batch */
    const int32_t *other; /* [B], labels mixed in by mixup or cutmix; NULL without these */
    const float *share;   /* [B], the share of label in a row, 1 - share that of other; or NULL */
} cairn_stream_batch;

typedef struct cairn_stream cairn_stream;

/* items    borrowed until the stream is freed
 * options  copied; NULL for the defaults
 *
 * Of sounds x is [B, samples], or [B, frames, bins] when the pipeline has logmel.
 *
 * Where the pipeline leaves the size open, that of the first item (in the list's order) that can be
 * decoded counts, and the others must have it.
 *
 * Memory: ahead + 1 batches, one order, and for each thread three pictures of the largest size met.
 * The caller owns the result: cairn_stream_free().
 * Errors: those of cairn_pipeline_parse(); CAIRN_ERR_VALUE when the split has no items, or fewer
 * than a batch with drop_last; CAIRN_ERR_TYPE for a list of videos; CAIRN_ERR_MEMORY when batches
 * exceed memory_limit_mib. */
CAIRN_API cairn_stream *cairn_stream_new(const cairn_items *items, cairn_split split,
                                         const cairn_stream_options *options, cairn_status *status);
CAIRN_API void cairn_stream_free(cairn_stream *stream);

/* The next batch; NULL with CAIRN_OK at the end of an epoch (the call after that begins the next).
 * Borrowed until the next call. A bad file is an error that names it (stop: the stream gives the
 * same error again), or is left out, logged as a warning and counted (skip). */
CAIRN_API const cairn_stream_batch *cairn_stream_next(cairn_stream *stream, cairn_status *status);

/* Batches in an epoch; bad files met in the batches handed out so far. */
CAIRN_API int64_t cairn_stream_batches(const cairn_stream *stream);
CAIRN_API int64_t cairn_stream_skipped(const cairn_stream *stream);

/* As cairn_loader_tell() and cairn_loader_seek(). */
CAIRN_API cairn_loader_position cairn_stream_tell(const cairn_stream *stream);
CAIRN_API bool cairn_stream_seek(cairn_stream *stream, cairn_loader_position position,
                                 cairn_status *status);

#ifdef __cplusplus
}
#endif

#endif
