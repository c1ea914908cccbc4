/* JPEG through libjpeg-turbo's libjpeg interface.
 *
 * libjpeg reports by calling back, and its way out of a call is longjmp: everything that must
 * survive the jump is in the record `decoder`, and setjmp stands in one function that holds nothing
 * else. A file that ends too early is an error here, while libjpeg itself would go on with grey. */
#include "data/exif.h"
#include "data/image.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

bool cairn__is_jpeg(const void *bytes, size_t size)
{
    return size >= 3 && memcmp(bytes, "\xFF\xD8\xFF", 3) == 0;
}

#if CAIRN__HAVE_JPEG
#include <jerror.h>
#include <jpeglib.h>

/* Progressive files may have any number of scans, each as much work as a picture. libjpeg-turbo's
 * own command stops at a number given by hand; real files have about ten. */
enum { MOST_SCANS = 128 };

/* A segment is never longer. */
enum { MOST_MARKER = 0xFFFF };

typedef struct decoder {
    struct jpeg_decompress_struct jpeg; /* first: callbacks get its address */
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    struct jpeg_source_mgr source;
    jmp_buf out;
    char message[JMSG_LENGTH_MAX];
    const char *name;
    cairn_image *image;
    cairn_status *status;
    cairn_image row; /* of CMYK */
    int orientation;
} decoder;

/* ---- callbacks ------------------------------------------------------------------------------- */

static void give_up(j_common_ptr jpeg)
{
    decoder *d = (decoder *)jpeg;
    if (!d->message[0])
        d->errors.format_message(jpeg, d->message);
    longjmp(d->out, 1);
}

/* Warnings about lost pixels end the call; others, such as bytes between segments, do not: many
 * pictures found in the wild have them and are whole. */
static void on_message(j_common_ptr jpeg, int level)
{
    int code = jpeg->err->msg_code;
    if (level < 0 &&
        (code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_JPEG_EOF))
        give_up(jpeg);
}

static void say_nothing(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void on_progress(j_common_ptr jpeg)
{
    decoder *d = (decoder *)jpeg;
    if (d->jpeg.input_scan_number > MOST_SCANS) {
        snprintf(d->message, sizeof d->message, "more than %d scans", MOST_SCANS);
        give_up(jpeg);
    }
}

static void start_source(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

/* All bytes were given at the start: being asked for more means that the file ends too early. */
static boolean no_more(j_decompress_ptr jpeg)
{
    decoder *d = (decoder *)jpeg;
    snprintf(d->message, sizeof d->message, "the data end before the picture does");
    give_up((j_common_ptr)jpeg);
    return FALSE;
}

static void skip(j_decompress_ptr jpeg, long n)
{
    if (n <= 0)
        return;
    if ((size_t)n > jpeg->src->bytes_in_buffer)
        no_more(jpeg);
    jpeg->src->next_input_byte += n;
    jpeg->src->bytes_in_buffer -= (size_t)n;
}

/* ---- decoding -------------------------------------------------------------------------------- */

/* As Pillow: r = (255 - k) - c (255 - k) / 255, rounded. Adobe's files hold all four inverted. */
static void row_to_rgb(const unsigned char *from, bool inverted, int64_t n, unsigned char *to)
{
    for (int64_t i = 0; i < n; i++, from += 4) {
        unsigned white = inverted ? from[3] : 255u - from[3];
        for (int c = 0; c < 3; c++) {
            unsigned ink = inverted ? 255u - from[c] : from[c];
            unsigned t = ink * white + 128;
            to[3 * i + c] = (unsigned char)(white - (((t >> 8) + t) >> 8));
        }
    }
}

/* The steps that libjpeg wants, which it leaves by longjmp. */
static bool steps(decoder *d, const void *bytes, size_t size, const cairn_image_options *options)
{
    struct jpeg_decompress_struct *j = &d->jpeg;
    jpeg_create_decompress(j);
    d->source = (struct jpeg_source_mgr){.next_input_byte = bytes,
                                         .bytes_in_buffer = size,
                                         .init_source = start_source,
                                         .fill_input_buffer = no_more,
                                         .skip_input_data = skip,
                                         .resync_to_restart = jpeg_resync_to_restart,
                                         .term_source = start_source};
    j->src = &d->source;
    d->progress.progress_monitor = on_progress;
    j->progress = &d->progress;
    if (options->orient)
        jpeg_save_markers(j, JPEG_APP0 + 1, MOST_MARKER);
    jpeg_read_header(j, TRUE);
    for (jpeg_saved_marker_ptr m = j->marker_list; m && d->orientation == 1; m = m->next)
        d->orientation = cairn__exif_orientation(m->data, m->data_length);
    if (!cairn__image_announced(d->name, j->image_width, j->image_height, options->pixel_limit,
                                d->status))
        return false;
    bool cmyk = j->num_components == 4;
    j->out_color_space = cmyk ? JCS_CMYK : j->num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    j->scale_num = 1;
    j->scale_denom = (unsigned)options->scale;
    jpeg_start_decompress(j);
    int channels = j->num_components == 1 ? 1 : 3;
    if (!cairn__image_shape(d->image, j->output_width, j->output_height, channels, d->status) ||
        (cmyk && !cairn__image_shape(&d->row, j->output_width, 1, 4, d->status)))
        return false;
    while (j->output_scanline < j->output_height) {
        unsigned char *to =
            d->image->pixels + (size_t)j->output_scanline * j->output_width * (size_t)channels;
        unsigned char *row = cmyk ? d->row.pixels : to;
        jpeg_read_scanlines(j, &row, 1);
        if (cmyk)
            row_to_rgb(row, j->saw_Adobe_marker, d->image->width, to);
    }
    jpeg_finish_decompress(j);
    return true;
}

static bool guarded(decoder *d, const void *bytes, size_t size, const cairn_image_options *options)
{
    if (setjmp(d->out))
        return cairn__fail(d->status, CAIRN_ERR_FORMAT, "%s: JPEG: %s", d->name, d->message);
    return steps(d, bytes, size, options);
}

bool cairn__jpeg_decode(const void *bytes, size_t size, const char *name,
                        const cairn_image_options *options, cairn_image *image,
                        cairn_status *status)
{
    decoder d = {.name = name, .image = image, .status = status, .orientation = 1};
    cairn_status local = CAIRN_STATUS_INIT;
    if (!d.status)
        d.status = &local;
    d.jpeg.err = jpeg_std_error(&d.errors);
    d.errors.error_exit = give_up;
    d.errors.emit_message = on_message;
    d.errors.output_message = say_nothing;
    bool good = guarded(&d, bytes, size, options);
    jpeg_destroy_decompress(&d.jpeg);
    cairn_image_free(&d.row);
    return good && cairn__image_orient(image, d.orientation, status);
}

#else

bool cairn__jpeg_decode(const void *bytes, size_t size, const char *name,
                        const cairn_image_options *options, cairn_image *image,
                        cairn_status *status)
{
    (void)bytes, (void)size, (void)options, (void)image;
    return cairn__fail(status, CAIRN_ERR_MISSING,
                       "%s: is a JPEG, and this build has no libjpeg (Debian: libjpeg-dev)", name);
}

#endif
