/* Writing videos: see cairn/video.h. One encoder thread and FFmpeg's "bit-exact" flags, so that the
 * same frames give the same bytes; the file goes through cairn__new_file. */
#include "data/video.h"

#include <math.h>
#include <string.h>

#if CAIRN__HAVE_FFMPEG

enum { WINDOW = 1 << 15, MOST_SIDE = 4096, MOST_FRAMES = 1 << 24 };

static const struct {
    const char *encoder; /* FFmpeg's own, which every build of it has */
    enum AVPixelFormat form;
    bool full;
} codecs[] = {
    [CAIRN_VIDEO_MPEG4] = {"mpeg4", AV_PIX_FMT_YUV420P, false},
    [CAIRN_VIDEO_MJPEG] = {"mjpeg", AV_PIX_FMT_YUVJ444P, true},
    [CAIRN_VIDEO_FFV1] = {"ffv1", AV_PIX_FMT_BGR0, true},
};

static const struct {
    const char *ending, *format;
} formats[] = {{".mp4", "mp4"}, {".mkv", "matroska"}, {".avi", "avi"}};

struct cairn_video_writer {
    const cairn__ffmpeg *ff;
    cairn__new_file out;
    char path[512]; /* for sentences, cut */
    cairn_video_codec codec;
    cairn_status failed; /* of writing, from inside FFmpeg */
    size_t at, end;
    int64_t frames;
    bool ended;
    AVIOContext *io;
    AVFormatContext *format;
    AVCodecContext *encoder;
    AVStream *stream;
    AVPacket *packet;
    AVFrame *frame;
};

static bool fail(cairn_video_writer *w, const char *what, int code, cairn_status *status)
{
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    if (!cairn_ok(&w->failed))
        return cairn__fail(status, w->failed.code, "%s", w->failed.message);
    w->ff->av_strerror(code, reason, sizeof reason);
    return cairn__fail(status, code == AVERROR(ENOMEM) ? CAIRN_ERR_MEMORY : CAIRN_ERR_FILE,
                       "%s: %s: %s", w->path, what, reason);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static int write_bytes(void *opaque, uint8_t *bytes, int n)
{
    cairn_video_writer *w = opaque;
    cairn__bytes piece = {bytes, (size_t)n};
    if (!cairn__new_file_put(&w->out, w->at, piece, &w->failed))
        return AVERROR(EIO);
    w->at += (size_t)n;
    w->end = CAIRN__MAX(w->end, w->at);
    return n;
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence)
{
    cairn_video_writer *w = opaque;
    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE)
        return (int64_t)w->end;
    if (whence == SEEK_CUR)
        offset += (int64_t)w->at;
    else if (whence == SEEK_END)
        offset += (int64_t)w->end;
    if (offset < 0)
        return AVERROR(EINVAL);
    w->at = (size_t)offset;
    return offset;
}

/* ---- opening --------------------------------------------------------------------------------- */

static const char *format_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < CAIRN__COUNT(formats); i++)
        if (strcmp(dot, formats[i].ending) == 0)
            return formats[i].format;
    return NULL;
}

static bool check(const char *path, int64_t width, int64_t height, double rate,
                  cairn_video_codec codec, cairn_status *status)
{
    const char *format = format_of(path);
    if (!format)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: the name of a video, expected one that ends in .mp4, .mkv or .avi",
                           path);
    if ((int)codec < 0 || (size_t)codec >= CAIRN__COUNT(codecs))
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: codec %d is unknown", path, (int)codec);
    if (codec == CAIRN_VIDEO_FFV1 && strcmp(format, "mp4") == 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: FFV1 cannot stand in MP4, expected .mkv or .avi", path);
    if (width < 1 || height < 1 || width > MOST_SIDE || height > MOST_SIDE)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: frames of %lld x %lld pixels, expected sides of 1 to %d", path,
                           (long long)width, (long long)height, MOST_SIDE);
    return (rate >= 0.01 && rate <= 1000) ||
           cairn__fail(status, CAIRN_ERR_VALUE, "%s: %g frames a second, expected 0.01 to 1000",
                       path, rate);
}

static bool open_encoder(cairn_video_writer *w, int64_t width, int64_t height, double rate,
                         cairn_status *status)
{
    const char *name = codecs[w->codec].encoder;
    const AVCodec *codec = w->ff->avcodec_find_encoder_by_name(name);
    if (!codec)
        return cairn__fail(status, CAIRN_ERR_MISSING, "%s: this FFmpeg has no encoder '%s'",
                           w->path, name);
    AVCodecContext *e = w->encoder = w->ff->avcodec_alloc_context3(codec);
    if (!e)
        return fail(w, "opening", AVERROR(ENOMEM), status);
    e->width = (int)width;
    e->height = (int)height;
    e->pix_fmt = codecs[w->codec].form;
    /* Thousandths, so that 29.97 is itself. MPEG-4 has 16 bits for the units in a second. */
    bool whole = rate == floor(rate);
    int unit = whole ? 1 : rate < 60 ? 1000 : 50;
    e->time_base = (AVRational){unit, (int)lrint(rate * unit)};
    e->framerate = (AVRational){e->time_base.den, e->time_base.num};
    e->thread_count = 1;
    e->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_QSCALE;
    e->global_quality = 2 * FF_QP2LAMBDA; /* the finest that is usual; 31 is the coarsest */
    e->gop_size = 12;
    e->max_b_frames = 0;
    e->color_range = codecs[w->codec].full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    if (w->codec != CAIRN_VIDEO_FFV1)
        e->colorspace = AVCOL_SPC_SMPTE170M; /* BT.601 */
    if (w->format->oformat->flags & AVFMT_GLOBALHEADER)
        e->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    int code = w->ff->avcodec_open2(e, codec, NULL);
    return code >= 0 || fail(w, "opening the encoder", code, status);
}

static bool open_format(cairn_video_writer *w, const char *path, cairn_status *status)
{
    int code = w->ff->avformat_alloc_output_context2(&w->format, NULL, format_of(path), NULL);
    if (code < 0)
        return fail(w, "opening", code, status);
    unsigned char *window = w->ff->av_malloc(WINDOW);
    if (window)
        w->io = w->ff->avio_alloc_context(window, WINDOW, 1, w, NULL, write_bytes, seek_bytes);
    if (!w->io) {
        w->ff->av_free(window);
        return fail(w, "opening", AVERROR(ENOMEM), status);
    }
    w->format->pb = w->io;
    w->format->flags |= AVFMT_FLAG_BITEXACT | AVFMT_FLAG_CUSTOM_IO;
    return true;
}

static bool begin(cairn_video_writer *w, cairn_status *status)
{
    w->stream = w->ff->avformat_new_stream(w->format, NULL);
    w->packet = w->ff->av_packet_alloc();
    w->frame = w->ff->av_frame_alloc();
    if (!w->stream || !w->packet || !w->frame)
        return fail(w, "opening", AVERROR(ENOMEM), status);
    w->stream->time_base = w->encoder->time_base;
    w->stream->avg_frame_rate = w->encoder->framerate;
    int code = w->ff->avcodec_parameters_from_context(w->stream->codecpar, w->encoder);
    w->frame->format = w->encoder->pix_fmt;
    w->frame->width = w->encoder->width;
    w->frame->height = w->encoder->height;
    w->frame->color_range = w->encoder->color_range;
    if (code >= 0)
        code = w->ff->av_frame_get_buffer(w->frame, 0);
    if (code >= 0)
        code = w->ff->avformat_write_header(w->format, NULL);
    return code >= 0 || fail(w, "beginning the file", code, status);
}

cairn_video_writer *cairn_video_create(const char *path, int64_t width, int64_t height, double rate,
                                       cairn_video_codec codec, cairn_status *status)
{
    if (!cairn_ok(status) || !check(path, width, height, rate, codec, status))
        return NULL;
    cairn_video_writer *w = cairn__alloc(1, sizeof *w, status);
    if (!w)
        return NULL;
    w->out.file = -1;
    w->codec = codec;
    snprintf(w->path, sizeof w->path, "%s", path);
    w->ff = cairn__ffmpeg_load(path, "FFmpeg, which writes videos,", status);
    if (w->ff && cairn__new_file_open(&w->out, path, status) && open_format(w, path, status) &&
        open_encoder(w, width, height, rate, status) && begin(w, status))
        return w;
    cairn_video_writer_free(w);
    return NULL;
}

void cairn_video_writer_free(cairn_video_writer *w)
{
    if (!w)
        return;
    if (w->ff) {
        w->ff->av_frame_free(&w->frame);
        w->ff->av_packet_free(&w->packet);
        w->ff->avcodec_free_context(&w->encoder);
        w->ff->avformat_free_context(w->format);
        if (w->io)
            w->ff->av_freep(&w->io->buffer);
        w->ff->avio_context_free(&w->io);
    }
    cairn__new_file_drop(&w->out);
    cairn__free(w);
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Luma and chroma of BT.601 (see video_colour.c), 16 fractional bits. */
static void luma_of(const unsigned char *rgb, bool full, int *y, int *cb, int *cr)
{
    double r = rgb[0], g = rgb[1], b = rgb[2];
    double luma = 0.299 * r + 0.587 * g + 0.114 * b;
    *y = (int)lrint(full ? luma : 16 + luma * 219 / 255);
    *cb = (int)lrint(128 + (b - luma) / 1.772 * (full ? 1 : 224.0 / 255));
    *cr = (int)lrint(128 + (r - luma) / 1.402 * (full ? 1 : 224.0 / 255));
}

static uint8_t byte_of(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* Chroma is the mean over the pixels that a sample covers: 1 x 1, or 2 x 2 and less at borders. */
static void put_luma(const AVFrame *frame, const unsigned char *pixels, int side, bool full)
{
    for (int64_t by = 0; by < frame->height; by += side)
        for (int64_t bx = 0; bx < frame->width; bx += side) {
            int sum_b = 0, sum_r = 0, n = 0;
            for (int64_t y = by; y < CAIRN__MIN(by + side, (int64_t)frame->height); y++)
                for (int64_t x = bx; x < CAIRN__MIN(bx + side, (int64_t)frame->width); x++) {
                    int luma, cb, cr;
                    luma_of(pixels + 3 * (y * frame->width + x), full, &luma, &cb, &cr);
                    frame->data[0][y * frame->linesize[0] + x] = byte_of(luma);
                    sum_b += cb;
                    sum_r += cr;
                    n++;
                }
            frame->data[1][by / side * frame->linesize[1] + bx / side] =
                byte_of((sum_b + n / 2) / n);
            frame->data[2][by / side * frame->linesize[2] + bx / side] =
                byte_of((sum_r + n / 2) / n);
        }
}

static void put_bgr(const AVFrame *frame, const unsigned char *pixels)
{
    for (int64_t y = 0; y < frame->height; y++)
        for (int64_t x = 0; x < frame->width; x++) {
            const unsigned char *from = pixels + 3 * (y * frame->width + x);
            uint8_t *to = frame->data[0] + y * frame->linesize[0] + 4 * x;
            to[0] = from[2];
            to[1] = from[1];
            to[2] = from[0];
            to[3] = 0;
        }
}

/* Encodes a frame, or with NULL what the encoder has kept. */
static bool encode(cairn_video_writer *w, const AVFrame *frame, cairn_status *status)
{
    int code = w->ff->avcodec_send_frame(w->encoder, frame);
    while (code >= 0) {
        code = w->ff->avcodec_receive_packet(w->encoder, w->packet);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return true;
        if (code < 0)
            break;
        w->packet->duration = 1;
        w->packet->stream_index = w->stream->index;
        w->ff->av_packet_rescale_ts(w->packet, w->encoder->time_base, w->stream->time_base);
        code = w->ff->av_interleaved_write_frame(w->format, w->packet);
        if (code >= 0 && !cairn_ok(&w->failed))
            code = AVERROR(EIO);
    }
    return fail(w, "encoding", code, status);
}

bool cairn_video_add(cairn_video_writer *w, const unsigned char *pixels, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (w->ended || w->frames == MOST_FRAMES)
        return cairn__fail(status, CAIRN_ERR_STATE, "%s: %s", w->path,
                           w->ended ? "a frame after the end of the video"
                                    : "more than 2^24 frames");
    int code = w->ff->av_frame_make_writable(w->frame);
    if (code < 0)
        return fail(w, "encoding", code, status);
    if (w->codec == CAIRN_VIDEO_FFV1)
        put_bgr(w->frame, pixels);
    else
        put_luma(w->frame, pixels, w->codec == CAIRN_VIDEO_MPEG4 ? 2 : 1, codecs[w->codec].full);
    w->frame->pts = w->frames++;
    w->frame->quality = w->encoder->global_quality;
    return encode(w, w->frame, status);
}

bool cairn_video_finish(cairn_video_writer *w, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (w->ended)
        return cairn__fail(status, CAIRN_ERR_STATE, "%s: the video has ended already", w->path);
    if (w->frames == 0)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: a video without frames", w->path);
    w->ended = true;
    if (!encode(w, NULL, status))
        return false;
    int code = w->ff->av_write_trailer(w->format);
    w->ff->avio_flush(w->io);
    if (code < 0 || !cairn_ok(&w->failed))
        return fail(w, "ending the file", code, status);
    return cairn__new_file_finish(&w->out, status);
}

#else

cairn_video_writer *cairn_video_create(const char *path, int64_t width, int64_t height, double rate,
                                       cairn_video_codec codec, cairn_status *status)
{
    (void)width, (void)height, (void)rate, (void)codec;
    cairn__fail(status, CAIRN_ERR_MISSING, "%s: this build lacks FFmpeg, which writes videos",
                path);
    return NULL;
}

bool cairn_video_add(cairn_video_writer *writer, const unsigned char *pixels, cairn_status *status)
{
    (void)writer, (void)pixels;
    return cairn__fail(status, CAIRN_ERR_MISSING, "this build lacks FFmpeg, which writes videos");
}

bool cairn_video_finish(cairn_video_writer *writer, cairn_status *status)
{
    (void)writer;
    return cairn__fail(status, CAIRN_ERR_MISSING, "this build lacks FFmpeg, which writes videos");
}

void cairn_video_writer_free(cairn_video_writer *writer)
{
    (void)writer;
}

#endif
