/* Sounds through FFmpeg: see ffmpeg_input.h for what keeps it in bounds. */
#include "config.h"
#include "data/sound.h"

#if CAIRN__HAVE_FFMPEG
#include <string.h>

#include "data/ffmpeg_input.h"

static const char formats[] = "flac,mp3,aac,ogg,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,aiff";
static const char decoders[] =
    "flac,mp3,mp3float,aac,vorbis,opus,libopus,alac,pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,"
    "pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64be";

static const cairn__ffmpeg_kind kind = {
    .media = AVMEDIA_TYPE_AUDIO,
    .missing = "is not WAV, and FFmpeg, which reads other sounds,",
    .none = "no sound in the file",
    .unreadable = "no sound that can be read (WAV, FLAC, MP3, AAC, Ogg, Matroska, MP4, AIFF)",
    .formats = formats,
    .decoders = decoders,
};

typedef struct source {
    cairn__ffmpeg_input in;
    const char *name;
    const cairn_sound_options *options;
    cairn_sound *sound;
    cairn_status *status;
} source;

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
    const AVFrame *f = s->in.frame;
    int scale = s->options->scale, channels = f->ch_layout.nb_channels;
    enum AVSampleFormat form = s->in.ff->av_get_packed_sample_fmt((enum AVSampleFormat)f->format);
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

static bool decode_all(source *s)
{
    for (;;) {
        int found = cairn__ffmpeg_next(&s->in);
        if (found <= 0)
            return found == 0;
        bool good = add_samples(s);
        s->in.ff->av_frame_unref(s->in.frame);
        if (!good)
            return false;
    }
}

/* FLAC says in its header how many samples there are; what is missing was cut off. */
static bool check_length(source *s)
{
    const AVStream *stream = s->in.format->streams[s->in.stream];
    if (s->sound->length == 0)
        return cairn__fail(s->status, CAIRN_ERR_FORMAT, "%s: holds no samples", s->name);
    if (strcmp(s->in.format->iformat->name, "flac") != 0 || stream->duration <= 0 ||
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
    source s = {.in = {.kind = &kind,
                       .bytes = bytes,
                       .file = -1,
                       .size = size,
                       .name = name,
                       .status = status},
                .name = name,
                .options = options,
                .sound = sound,
                .status = status};
    sound->length = 0;
    bool good = cairn__ffmpeg_open(&s.in) && decode_all(&s) && check_length(&s);
    cairn__ffmpeg_close(&s.in);
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
