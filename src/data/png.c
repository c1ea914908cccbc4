/* PNG through libpng. The way out of a libpng call is longjmp: what must survive it is in the
 * record `decoder`, and setjmp stands in one function that holds nothing else. */
#include "data/image.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

bool cairn__is_png(const void *bytes, size_t size)
{
    return size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1A\n", 8) == 0;
}

#if CAIRN__HAVE_PNG
#include <png.h>

/* Chunks beside the picture, such as texts and colour profiles, are of no use to us. */
static const size_t most_chunk = (size_t)8 << 20;

typedef struct decoder {
    const unsigned char *bytes;
    size_t size, at;
    const char *name;
    char message[200];
    jmp_buf out;
    cairn_image *image;
    cairn_status *status;
    png_structp png;
    png_infop info;
    unsigned char **rows;
} decoder;

static void give_up(png_structp png, png_const_charp message)
{
    decoder *d = png_get_error_ptr(png);
    snprintf(d->message, sizeof d->message, "%s", message);
    longjmp(d->out, 1);
}

static void say_nothing(png_structp png, png_const_charp message)
{
    (void)png, (void)message;
}

static png_voidp allocate(png_structp png, png_alloc_size_t bytes)
{
    decoder *d = png_get_mem_ptr(png);
    return cairn__alloc(bytes, 1, d->status);
}

static void release(png_structp png, png_voidp memory)
{
    (void)png;
    cairn__free(memory);
}

static void take(png_structp png, png_bytep to, size_t n)
{
    decoder *d = png_get_io_ptr(png);
    if (n > d->size - d->at)
        give_up(png, "the data end before the picture does");
    memcpy(to, d->bytes + d->at, n);
    d->at += n;
}

/* Deflate makes at most 1032 bytes of one, so a header that announces more is lying: that is found
 * before memory is taken. */
static bool plausible(decoder *d, uint64_t width, uint64_t height, unsigned depth)
{
    uint64_t bytes = (width * depth * (unsigned)png_get_channels(d->png, d->info) / 8) * height;
    return bytes / 1032 <= d->size ||
           cairn__fail(d->status, CAIRN_ERR_FORMAT,
                       "%s: PNG: %llu x %llu pixels cannot come from %zu bytes", d->name,
                       (unsigned long long)width, (unsigned long long)height, d->size);
}

/* The steps that libpng wants, which it leaves by longjmp. */
static bool steps(decoder *d, const cairn_image_options *options)
{
    png_set_user_limits(d->png, CAIRN__MOST_SIDE, CAIRN__MOST_SIDE);
    png_set_chunk_malloc_max(d->png, most_chunk);
    png_set_read_fn(d->png, d, take);
    png_read_info(d->png, d->info);
    png_uint_32 width = png_get_image_width(d->png, d->info);
    png_uint_32 height = png_get_image_height(d->png, d->info);
    unsigned depth = png_get_bit_depth(d->png, d->info);
    if (!cairn__image_announced(d->name, width, height, options->pixel_limit, d->status) ||
        !plausible(d, width, height, depth))
        return false;
    bool grey = !(png_get_color_type(d->png, d->info) & PNG_COLOR_MASK_COLOR);
    png_set_strip_16(d->png);
    png_set_expand(d->png);
    png_set_strip_alpha(d->png);
    png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
    size_t stride = (size_t)width * (grey ? 1 : 3);
    if (png_get_rowbytes(d->png, d->info) != stride)
        png_error(d->png, "rows of an unexpected length");
    d->rows = cairn__alloc(height, sizeof *d->rows, d->status);
    if (!d->rows || !cairn__image_shape(d->image, width, height, grey ? 1 : 3, d->status))
        return false;
    for (png_uint_32 y = 0; y < height; y++)
        d->rows[y] = d->image->pixels + y * stride;
    png_read_image(d->png, d->rows);
    png_read_end(d->png, NULL);
    return true;
}

static bool guarded(decoder *d, const cairn_image_options *options)
{
    if (setjmp(d->out))
        return cairn__fail(d->status, CAIRN_ERR_FORMAT, "%s: PNG: %s", d->name, d->message);
    return steps(d, options);
}

bool cairn__png_decode(const void *bytes, size_t size, const char *name,
                       const cairn_image_options *options, cairn_image *image, cairn_status *status)
{
    decoder d = {.bytes = bytes, .size = size, .name = name, .image = image, .status = status};
    d.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &d, give_up, say_nothing, &d, allocate,
                                     release);
    d.info = d.png ? png_create_info_struct(d.png) : NULL;
    bool good = d.info ? guarded(&d, options) : cairn__fail_memory(status, sizeof d);
    png_destroy_read_struct(d.png ? &d.png : NULL, d.info ? &d.info : NULL, NULL);
    cairn__free(d.rows);
    return good;
}

#else

bool cairn__png_decode(const void *bytes, size_t size, const char *name,
                       const cairn_image_options *options, cairn_image *image, cairn_status *status)
{
    (void)bytes, (void)size, (void)options, (void)image;
    return cairn__fail(status, CAIRN_ERR_MISSING,
                       "%s: is a PNG, and this build has no libpng (Debian: libpng-dev)", name);
}

#endif
