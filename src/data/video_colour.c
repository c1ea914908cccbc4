/* From the frames that decoders give to RGB.
 *
 * libavutil describes each of its forms of pixels: for every component the plane, the step from one
 * sample to the next, the offset and the depth. So one loop reads them all.
 *
 * Source: ITU-R BT.601-7 and BT.709-6, section 2.5 and 3: with Kr + Kg + Kb = 1,
 *
 *     R = Y + 2 (1 - Kr) Cr     B = Y + 2 (1 - Kb) Cb     G = (Y - Kr R - Kb B) / Kg
 *
 * where Y is 0..1 and Cb, Cr are -1/2..1/2; of 8 bits, 16..235 and 16..240 (or 0..255 where the
 * file says full range). */
#include "data/video.h"

#if CAIRN__HAVE_FFMPEG
#include <math.h>

/* Fractional bits of the matrix. */
enum { BITS = 14 };

/* Eight-bit samples to RGB, with BITS fractional bits. */
typedef struct matrix {
    int32_t y, y_zero, red, green_b, green_r, blue;
} matrix;

static matrix matrix_of(const AVFrame *frame, bool full)
{
    double kr = 0.299, kb = 0.114;
    if (frame->colorspace == AVCOL_SPC_BT709)
        kr = 0.2126, kb = 0.0722;
    else if (frame->colorspace == AVCOL_SPC_BT2020_NCL || frame->colorspace == AVCOL_SPC_BT2020_CL)
        kr = 0.2627, kb = 0.0593;
    double kg = 1 - kr - kb, one = ldexp(1, BITS);
    double luma = one * (full ? 1 : 255.0 / 219), chroma = one * (full ? 1 : 255.0 / 224);
    return (matrix){
        .y = (int32_t)lrint(luma),
        .y_zero = full ? 0 : 16,
        .red = (int32_t)lrint(chroma * 2 * (1 - kr)),
        .green_b = (int32_t)lrint(chroma * 2 * (1 - kb) * kb / kg),
        .green_r = (int32_t)lrint(chroma * 2 * (1 - kr) * kr / kg),
        .blue = (int32_t)lrint(chroma * 2 * (1 - kb)),
    };
}

static unsigned char to_byte(int32_t value)
{
    int32_t rounded = (value + (1 << (BITS - 1))) >> BITS;
    return (unsigned char)(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
}

/* Sample (x, y) of a component, as 8 bits. */
static int32_t sample(const AVFrame *frame, const AVComponentDescriptor *c, int64_t x, int64_t y)
{
    const uint8_t *at =
        frame->data[c->plane] + y * frame->linesize[c->plane] + x * c->step + c->offset;
    uint32_t value = c->depth + c->shift > 8 ? (uint32_t)at[0] | (uint32_t)at[1] << 8 : at[0];
    value = value >> c->shift & ((1u << c->depth) - 1);
    if (c->depth == 8)
        return (int32_t)value;
    if (c->depth > 8)
        return (int32_t)CAIRN__MIN((value + (1u << (c->depth - 9))) >> (c->depth - 8), 255u);
    return (int32_t)(value * 255 / ((1u << c->depth) - 1));
}

static void row_of_luma(const AVFrame *frame, const AVPixFmtDescriptor *form, const matrix *m,
                        int64_t y, unsigned char *to)
{
    const AVComponentDescriptor *c = form->comp;
    int64_t below = y >> form->log2_chroma_h;
    for (int64_t x = 0; x < frame->width; x++, to += 3) {
        int64_t beside = x >> form->log2_chroma_w;
        int32_t luma = m->y * (sample(frame, &c[0], x, y) - m->y_zero);
        int32_t cb = sample(frame, &c[1], beside, below) - 128;
        int32_t cr = sample(frame, &c[2], beside, below) - 128;
        to[0] = to_byte(luma + m->red * cr);
        to[1] = to_byte(luma - m->green_b * cb - m->green_r * cr);
        to[2] = to_byte(luma + m->blue * cb);
    }
}

static void row_of_rgb(const AVFrame *frame, const AVPixFmtDescriptor *form, int64_t y,
                       unsigned char *to)
{
    for (int64_t x = 0; x < frame->width; x++)
        for (int k = 0; k < 3; k++)
            *to++ = (unsigned char)sample(frame, &form->comp[k], x, y);
}

static void row_of_grey(const AVFrame *frame, const AVPixFmtDescriptor *form, const matrix *m,
                        int64_t y, unsigned char *to)
{
    for (int64_t x = 0; x < frame->width; x++, to += 3)
        to[0] = to[1] = to[2] = to_byte(m->y * (sample(frame, &form->comp[0], x, y) - m->y_zero));
}

/* A palette is 256 words of alpha, red, green, blue, the last one lowest. */
static void row_of_palette(const AVFrame *frame, int64_t y, unsigned char *to)
{
    const uint8_t *from = frame->data[0] + y * frame->linesize[0];
    for (int64_t x = 0; x < frame->width; x++, to += 3) {
        const uint8_t *entry = frame->data[1] + 4 * from[x];
        to[0] = entry[2];
        to[1] = entry[1];
        to[2] = entry[0];
    }
}

/* Forms whose samples are not plain little-endian integers of whole bytes. */
static const uint64_t unreadable = AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_BITSTREAM |
                                   AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BAYER |
                                   AV_PIX_FMT_FLAG_FLOAT;

static bool is_full(const AVFrame *frame)
{
    return frame->color_range == AVCOL_RANGE_JPEG || frame->format == AV_PIX_FMT_YUVJ420P ||
           frame->format == AV_PIX_FMT_YUVJ422P || frame->format == AV_PIX_FMT_YUVJ444P ||
           frame->format == AV_PIX_FMT_YUVJ440P || frame->format == AV_PIX_FMT_YUVJ411P;
}

bool cairn__frame_to_rgb(const cairn__ffmpeg *ff, const AVFrame *frame, const char *name,
                         cairn_image *image, cairn_status *status)
{
    const AVPixFmtDescriptor *form = ff->av_pix_fmt_desc_get((enum AVPixelFormat)frame->format);
    bool palette = frame->format == AV_PIX_FMT_PAL8;
    bool grey = form && form->nb_components < 3;
    if (!form || (form->flags & unreadable) || form->comp[0].depth > 16)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: pixels of the form %s, which cannot be read here", name,
                           form ? form->name : "without a name");
    if (!cairn__image_shape(image, frame->width, frame->height, 3, status))
        return false;
    /* Grey of whole files is full, unless they say otherwise; so is that of MJPEG. */
    matrix m = matrix_of(frame, is_full(frame) || (grey && frame->color_range != AVCOL_RANGE_MPEG));
    for (int64_t y = 0; y < frame->height; y++) {
        unsigned char *to = image->pixels + (size_t)y * (size_t)frame->width * 3;
        if (palette)
            row_of_palette(frame, y, to);
        else if (grey)
            row_of_grey(frame, form, &m, y, to);
        else if (form->flags & AV_PIX_FMT_FLAG_RGB)
            row_of_rgb(frame, form, y, to);
        else
            row_of_luma(frame, form, &m, y, to);
    }
    return true;
}
#endif
