/* Reading one file through FFmpeg: see ffmpeg_input.h. */
#include "config.h"

#if CAIRN__HAVE_FFMPEG
#include "data/ffmpeg_input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 1 << 15 };

bool cairn__ffmpeg_fail(const cairn__ffmpeg_input *in, const char *what, int code)
{
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    in->ff->av_strerror(code, reason, sizeof reason);
    return cairn__fail(in->status, code == AVERROR(ENOMEM) ? CAIRN_ERR_MEMORY : CAIRN_ERR_FORMAT,
                       "%s: %s: %s", in->name, what, reason);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static int read_bytes(void *opaque, uint8_t *to, int n)
{
    cairn__ffmpeg_input *in = opaque;
    ssize_t taken = (ssize_t)CAIRN__MIN((size_t)n, in->size - in->at);
    if (taken == 0)
        return AVERROR_EOF;
    if (in->bytes) {
        memcpy(to, in->bytes + in->at, (size_t)taken);
    } else {
        do
            taken = pread(in->file, to, (size_t)n, (off_t)in->at);
        while (taken < 0 && errno == EINTR);
        if (taken < 0)
            return AVERROR(errno);
        if (taken == 0)
            return AVERROR_EOF;
    }
    in->at += (size_t)taken;
    return (int)taken;
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence)
{
    cairn__ffmpeg_input *in = opaque;
    int64_t start = 0;
    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE)
        return (int64_t)in->size;
    if (whence == SEEK_CUR)
        start = (int64_t)in->at;
    else if (whence == SEEK_END)
        start = (int64_t)in->size;
    else if (whence != SEEK_SET)
        return AVERROR(EINVAL);
    if (offset < -start || offset > (int64_t)in->size - start)
        return AVERROR(EINVAL);
    in->at = (size_t)(start + offset);
    return (int64_t)in->at;
}

static int refuse_file(AVFormatContext *file, AVIOContext **io, const char *url, int flags,
                       AVDictionary **options)
{
    (void)file, (void)io, (void)url, (void)flags, (void)options;
    return AVERROR(EACCES);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Looking for streams decodes some frames already: their pixels are limited, too. */
static int find_streams(cairn__ffmpeg_input *in)
{
    unsigned n = in->format->nb_streams;
    AVDictionary **options = in->pixel_limit ? cairn__alloc(n, sizeof *options, in->status) : NULL;
    char limit[32];
    if (in->pixel_limit && !options)
        return AVERROR(ENOMEM);
    snprintf(limit, sizeof limit, "%lld", (long long)in->pixel_limit);
    for (unsigned i = 0; options && i < n; i++)
        in->ff->av_dict_set(&options[i], "max_pixels", limit, 0);
    int code = in->ff->avformat_find_stream_info(in->format, options);
    for (unsigned i = 0; options && i < n; i++)
        in->ff->av_dict_free(&options[i]);
    cairn__free(options);
    return code;
}

static bool open_file(cairn__ffmpeg_input *in)
{
    AVDictionary *options = NULL;
    unsigned char *window = in->ff->av_malloc(WINDOW);
    if (window)
        in->io = in->ff->avio_alloc_context(window, WINDOW, 0, in, read_bytes, NULL, seek_bytes);
    in->format = in->io ? in->ff->avformat_alloc_context() : NULL;
    if (!in->io)
        in->ff->av_free(window);
    if (!in->format)
        return cairn__ffmpeg_fail(in, "opening", AVERROR(ENOMEM));
    in->format->pb = in->io;
    in->format->io_open = refuse_file;
    in->ff->av_dict_set(&options, "format_whitelist", in->kind->formats, 0);
    in->ff->av_dict_set(&options, "codec_whitelist", in->kind->decoders, 0);
    in->ff->av_dict_set(&options, "protocol_whitelist", "", 0);
    /* Frees in->format when it fails. */
    int code = in->ff->avformat_open_input(&in->format, "", NULL, &options);
    in->ff->av_dict_free(&options);
    if (code < 0)
        return cairn__ffmpeg_fail(in, in->kind->unreadable, code);
    code = find_streams(in);
    return code >= 0 || cairn__ffmpeg_fail(in, "looking for what the file holds", code);
}

static bool open_decoder(cairn__ffmpeg_input *in)
{
    AVDictionary *options = NULL;
    const AVCodec *codec = NULL;
    in->stream = in->ff->av_find_best_stream(in->format, in->kind->media, -1, -1, &codec, 0);
    if (in->stream < 0)
        return cairn__ffmpeg_fail(in, in->kind->none, in->stream);
    in->decoder = in->ff->avcodec_alloc_context3(codec);
    in->packet = in->ff->av_packet_alloc();
    in->frame = in->ff->av_frame_alloc();
    if (!in->decoder || !in->packet || !in->frame)
        return cairn__ffmpeg_fail(in, "opening", AVERROR(ENOMEM));
    const AVStream *stream = in->format->streams[in->stream];
    int code = in->ff->avcodec_parameters_to_context(in->decoder, stream->codecpar);
    in->decoder->thread_count = 1;
    in->decoder->pkt_timebase = stream->time_base;
    if (in->pixel_limit)
        in->decoder->max_pixels = in->pixel_limit;
    in->ff->av_dict_set(&options, "codec_whitelist", in->kind->decoders, 0);
    if (code >= 0)
        code = in->ff->avcodec_open2(in->decoder, codec, &options);
    in->ff->av_dict_free(&options);
    return code >= 0 || cairn__ffmpeg_fail(in, "opening the decoder", code);
}

bool cairn__ffmpeg_open(cairn__ffmpeg_input *in)
{
    in->at = 0;
    in->ended = false;
    in->ff = cairn__ffmpeg_load(in->name, in->kind->missing, in->status);
    return in->ff && open_file(in) && open_decoder(in);
}

void cairn__ffmpeg_close(cairn__ffmpeg_input *in)
{
    if (!in->ff)
        return;
    in->ff->av_frame_free(&in->frame);
    in->ff->av_packet_free(&in->packet);
    in->ff->avcodec_free_context(&in->decoder);
    in->ff->avformat_close_input(&in->format);
    if (in->io)
        in->ff->av_freep(&in->io->buffer);
    in->ff->avio_context_free(&in->io);
}

/* ---- frames ---------------------------------------------------------------------------------- */

int cairn__ffmpeg_packet(cairn__ffmpeg_input *in)
{
    for (;;) {
        int code = in->ff->av_read_frame(in->format, in->packet);
        if (code == AVERROR_EOF)
            return 0;
        if (code < 0)
            return cairn__ffmpeg_fail(in, "damaged", code) ? 0 : -1;
        if (in->packet->stream_index == in->stream)
            return 1;
        in->ff->av_packet_unref(in->packet);
    }
}

/* Gives the decoder a packet, or says that none follows. */
static bool feed(cairn__ffmpeg_input *in)
{
    int found = cairn__ffmpeg_packet(in);
    if (found < 0)
        return false;
    in->ended = found == 0;
    int code = in->ff->avcodec_send_packet(in->decoder, found ? in->packet : NULL);
    if (found)
        in->ff->av_packet_unref(in->packet);
    return code >= 0 || cairn__ffmpeg_fail(in, "damaged", code);
}

int cairn__ffmpeg_next(cairn__ffmpeg_input *in)
{
    for (;;) {
        int code = in->ff->avcodec_receive_frame(in->decoder, in->frame);
        if (code >= 0)
            return 1;
        if (code == AVERROR_EOF || (code == AVERROR(EAGAIN) && in->ended))
            return 0;
        if (code != AVERROR(EAGAIN))
            return cairn__ffmpeg_fail(in, "damaged", code) ? 0 : -1;
        if (!feed(in))
            return -1;
    }
}
#else
typedef int no_ffmpeg; /* a file may not be empty */
#endif
