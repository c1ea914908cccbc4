/* Sounds through FFmpeg's libavformat and libavcodec.
 *
 * They are given bytes in memory and nothing else: formats and decoders are those listed here, no
 * protocol is allowed, and the call by which a format opens another file fails always. Playlists
 * that made FFmpeg read local files (CVE-2016-1897, CVE-2017-9993) are neither listed nor would
 * they reach anything. One thread a decoder: files are what is done in parallel. */
#include "config.h"
#include "data/sound.h"

#if CAIRN__HAVE_FFMPEG
#include <string.h>

#include "data/ffmpeg.h"

static const char formats[] = "flac,mp3,aac,ogg,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,aiff";
static const char decoders[] =
    "flac,mp3,mp3float,aac,vorbis,opus,libopus,alac,pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,"
    "pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64be";

enum { WINDOW = 1 << 15 };

typedef struct source {
    const unsigned char *bytes; /* borrowed */
    size_t size, at;
    const char *name;
    const cairn_sound_options *options;
    cairn_sound *sound;
    cairn_status *status;
    AVIOContext *io;
    AVFormatContext *file;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    int stream;
    const cairn__ffmpeg *ff;
} source;

static bool fail(source *s, const char *what, int code)
{
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    s->ff->av_strerror(code, reason, sizeof reason);
    return cairn__fail(s->status, code == AVERROR(ENOMEM) ? CAIRN_ERR_MEMORY : CAIRN_ERR_FORMAT,
                       "%s: %s: %s", s->name, what, reason);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static int read_bytes(void *opaque, uint8_t *to, int n)
{
    source *s = opaque;
    size_t taken = CAIRN__MIN((size_t)n, s->size - s->at);
    if (taken == 0)
        return AVERROR_EOF;
    memcpy(to, s->bytes + s->at, taken);
    s->at += taken;
    return (int)taken;
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence)
{
    source *s = opaque;
    int64_t start = 0;
    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE)
        return (int64_t)s->size;
    if (whence == SEEK_CUR)
        start = (int64_t)s->at;
    else if (whence == SEEK_END)
        start = (int64_t)s->size;
    else if (whence != SEEK_SET)
        return AVERROR(EINVAL);
    if (offset < -start || offset > (int64_t)s->size - start)
        return AVERROR(EINVAL);
    s->at = (size_t)(start + offset);
    return (int64_t)s->at;
}

static int refuse_file(AVFormatContext *file, AVIOContext **io, const char *url, int flags,
                       AVDictionary **options)
{
    (void)file, (void)io, (void)url, (void)flags, (void)options;
    return AVERROR(EACCES);
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool open_file(source *s)
{
    AVDictionary *options = NULL;
    unsigned char *window = s->ff->av_malloc(WINDOW);
    if (window)
        s->io = s->ff->avio_alloc_context(window, WINDOW, 0, s, read_bytes, NULL, seek_bytes);
    s->file = s->io ? s->ff->avformat_alloc_context() : NULL;
    if (!s->io)
        s->ff->av_free(window);
    if (!s->file)
        return fail(s, "opening", AVERROR(ENOMEM));
    s->file->pb = s->io;
    s->file->io_open = refuse_file;
    s->ff->av_dict_set(&options, "format_whitelist", formats, 0);
    s->ff->av_dict_set(&options, "codec_whitelist", decoders, 0);
    s->ff->av_dict_set(&options, "protocol_whitelist", "", 0);
    /* Frees s->file when it fails. */
    int code = s->ff->avformat_open_input(&s->file, "", NULL, &options);
    s->ff->av_dict_free(&options);
    if (code < 0)
        return fail(s, "no sound that can be read (WAV, FLAC, MP3, AAC, Ogg, Matroska, MP4, AIFF)",
                    code);
    code = s->ff->avformat_find_stream_info(s->file, NULL);
    return code >= 0 || fail(s, "looking for a sound", code);
}

static bool open_decoder(source *s)
{
    AVDictionary *options = NULL;
    const AVCodec *codec = NULL;
    s->stream = s->ff->av_find_best_stream(s->file, AVMEDIA_TYPE_AUDIO, -1, -1, &codec, 0);
    if (s->stream < 0)
        return fail(s, "no sound in the file", s->stream);
    s->decoder = s->ff->avcodec_alloc_context3(codec);
    s->packet = s->ff->av_packet_alloc();
    s->frame = s->ff->av_frame_alloc();
    if (!s->decoder || !s->packet || !s->frame)
        return fail(s, "opening", AVERROR(ENOMEM));
    int code = s->ff->avcodec_parameters_to_context(s->decoder,
                                                    s->file->streams[s->stream]->codecpar);
    s->decoder->thread_count = 1;
    s->decoder->pkt_timebase = s->file->streams[s->stream]->time_base;
    s->ff->av_dict_set(&options, "codec_whitelist", decoders, 0);
    if (code >= 0)
        code = s->ff->avcodec_open2(s->decoder, codec, &options);
    s->ff->av_dict_free(&options);
    return code >= 0 || fail(s, "opening the decoder", code);
}

/* ---- samples --------------------------------------------------------------------------------- */

/* Sample i of n of one channel, in whatever form decoders give. */
static float value_of(const void *from, enum AVSampleFormat form, int64_t i, const double *divisors)
{
    switch (form) {
    case AV_SAMPLE_FMT_U8: return (float)((((const uint8_t *)from)[i] - 128) / divisors[0]);
    case AV_SAMPLE_FMT_S16: return (float)(((const int16_t *)from)[i] / divisors[1]);
    case AV_SAMPLE_FMT_S32: return (float)(((const int32_t *)from)[i] / divisors[2]);
    case AV_SAMPLE_FMT_FLT: return ((const float *)from)[i];
    default: return (float)((const double *)from)[i];
    }
}

static bool add_samples(source *s)
{
    cairn_sound *sound = s->sound;
    const AVFrame *f = s->frame;
    int scale = s->options->scale, channels = f->ch_layout.nb_channels;
    enum AVSampleFormat form = s->ff->av_get_packed_sample_fmt((enum AVSampleFormat)f->format);
    const double divisors[] = {cairn__sound_divisor(8, scale), cairn__sound_divisor(16, scale),
                               cairn__sound_divisor(32, scale)};
    if (sound->length == 0) {
        if (!cairn__sound_announced(s->name, f->sample_rate, channels, s->status))
            return false;
        sound->rate = f->sample_rate;
        sound->channels = channels;
    }
    if (sound->rate != f->sample_rate || sound->channels != channels)
        return cairn__fail(s->status, CAIRN_ERR_FORMAT,
                           "%s: from %lld samples a second of %d channels to %d of %d within the "
                           "file, expected one form",
                           s->name, (long long)sound->rate, sound->channels, f->sample_rate,
                           channels);
    if (form != AV_SAMPLE_FMT_U8 && form != AV_SAMPLE_FMT_S16 && form != AV_SAMPLE_FMT_S32 &&
        form != AV_SAMPLE_FMT_FLT && form != AV_SAMPLE_FMT_DBL)
        return cairn__fail(s->status, CAIRN_ERR_FORMAT,
                           "%s: samples of FFmpeg's form %d, which "
                           "is not known here",
                           s->name, f->format);
    int64_t n = (sound->length + f->nb_samples) * channels;
    if (!cairn__sound_limited(s->name, n, s->options->sample_limit, s->status))
        return false;
    if ((size_t)n > sound->capacity &&
        !cairn__sound_reserve(
            sound,
            CAIRN__MIN(CAIRN__MAX(n, 2 * sound->length * channels), s->options->sample_limit), true,
            s->status))
        return false;
    bool planar = form != (enum AVSampleFormat)f->format;
    float *to = sound->samples + sound->length * channels;
    for (int c = 0; c < channels; c++) {
        const void *from = f->extended_data[planar ? c : 0];
        for (int64_t i = 0; i < f->nb_samples; i++)
            to[i * channels + c] = value_of(from, form, planar ? i : i * channels + c, divisors);
    }
    sound->length += f->nb_samples;
    return true;
}

/* Takes what the decoder has ready. */
static bool take_frames(source *s)
{
    for (;;) {
        int code = s->ff->avcodec_receive_frame(s->decoder, s->frame);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return true;
        if (code < 0)
            return fail(s, "damaged", code);
        bool good = add_samples(s);
        s->ff->av_frame_unref(s->frame);
        if (!good)
            return false;
    }
}

static bool decode_all(source *s)
{
    for (;;) {
        int code = s->ff->av_read_frame(s->file, s->packet);
        if (code == AVERROR_EOF)
            break;
        if (code < 0)
            return fail(s, "damaged", code);
        if (s->packet->stream_index == s->stream)
            code = s->ff->avcodec_send_packet(s->decoder, s->packet);
        s->ff->av_packet_unref(s->packet);
        if (code < 0)
            return fail(s, "damaged", code);
        if (!take_frames(s))
            return false;
    }
    int code = s->ff->avcodec_send_packet(s->decoder, NULL);
    if (code < 0)
        return fail(s, "damaged", code);
    return take_frames(s);
}

/* FLAC says in its header how many samples there are; what is missing was cut off. */
static bool check_length(source *s)
{
    const AVStream *stream = s->file->streams[s->stream];
    if (s->sound->length == 0)
        return cairn__fail(s->status, CAIRN_ERR_FORMAT, "%s: holds no samples", s->name);
    if (strcmp(s->file->iformat->name, "flac") != 0 || stream->duration <= 0 ||
        (int64_t)stream->time_base.num * s->sound->rate != stream->time_base.den)
        return true;
    return s->sound->length >= stream->duration ||
           cairn__fail(s->status, CAIRN_ERR_FORMAT,
                       "%s: %lld samples, but the header announces "
                       "%lld: the file is cut short",
                       s->name, (long long)s->sound->length, (long long)stream->duration);
}

bool cairn__ffmpeg_sound(const void *bytes, size_t size, const char *name,
                         const cairn_sound_options *options, cairn_sound *sound,
                         cairn_status *status)
{
    source s = {.bytes = bytes,
                .size = size,
                .name = name,
                .options = options,
                .sound = sound,
                .status = status};
    sound->length = 0;
    if (!(s.ff = cairn__ffmpeg_load(name, status)))
        return false;
    bool good = open_file(&s) && open_decoder(&s) && decode_all(&s) && check_length(&s);
    s.ff->av_frame_free(&s.frame);
    s.ff->av_packet_free(&s.packet);
    s.ff->avcodec_free_context(&s.decoder);
    s.ff->avformat_close_input(&s.file);
    if (s.io)
        s.ff->av_freep(&s.io->buffer);
    s.ff->avio_context_free(&s.io);
    return good;
}

#else

bool cairn__ffmpeg_sound(const void *bytes, size_t size, const char *name,
                         const cairn_sound_options *options, cairn_sound *sound,
                         cairn_status *status)
{
    (void)bytes, (void)size, (void)options, (void)sound;
    return cairn__fail(status, CAIRN_ERR_MISSING,
                       "%s: is not WAV, and this build lacks FFmpeg, which reads other sounds",
                       name);
}

#endif
