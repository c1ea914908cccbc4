/* Sounds: memory, recognising formats, mixing to one channel. */
#include "data/sound.h"

#include <math.h>
#include <string.h>

#include "data/file.h"

const char *const cairn__sound_scale_names[] = {"power", "largest", NULL};
const char *const cairn__sound_pad_names[] = {"zero", "mirror", "repeat", NULL};

cairn_sound_options cairn_sound_defaults(void)
{
    return (cairn_sound_options){
        .mono = true, .scale = CAIRN_SOUND_POWER, .sample_limit = (int64_t)1 << 28};
}

/* ---- memory ---------------------------------------------------------------------------------- */

bool cairn__sound_reserve(cairn_sound *sound, int64_t samples, bool keep, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if ((size_t)samples <= sound->capacity && sound->samples)
        return true;
    /* What is not kept need not be copied. */
    if (!keep) {
        cairn__free(sound->samples);
        sound->samples = NULL;
        sound->capacity = 0;
    }
    float *more = cairn__resize(sound->samples, (size_t)samples, sizeof *more, status);
    if (!more)
        return false;
    sound->samples = more;
    sound->capacity = (size_t)samples;
    return true;
}

void cairn__sound_swap(cairn_sound *a, cairn_sound *b)
{
    cairn_sound was = *a;
    *a = *b;
    *b = was;
}

void cairn_sound_free(cairn_sound *sound)
{
    if (!sound)
        return;
    cairn__free(sound->samples);
    *sound = (cairn_sound){0};
}

/* ---- what readers check ---------------------------------------------------------------------- */

double cairn__sound_divisor(int bits, int scale)
{
    return ldexp(1, bits - 1) - (scale == CAIRN_SOUND_LARGEST);
}

bool cairn__sound_announced(const char *name, int64_t rate, int64_t channels, cairn_status *status)
{
    if (rate < 1 || rate > CAIRN__MOST_RATE)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: %lld samples a second, expected 1 to %d",
                           name, (long long)rate, CAIRN__MOST_RATE);
    return (channels >= 1 && channels <= CAIRN__MOST_CHANNELS) ||
           cairn__fail(status, CAIRN_ERR_FORMAT, "%s: %lld channels, expected 1 to %d", name,
                       (long long)channels, CAIRN__MOST_CHANNELS);
}

bool cairn__sound_limited(const char *name, int64_t samples, int64_t limit, cairn_status *status)
{
    return samples <= limit ||
           cairn__fail(status, CAIRN_ERR_FORMAT, "%s: more than the limit of %lld samples", name,
                       (long long)limit);
}

/* ---- decoding -------------------------------------------------------------------------------- */

static bool check_finite(const cairn_sound *sound, const char *name, cairn_status *status)
{
    for (int64_t i = 0; i < sound->length * sound->channels; i++)
        if (!isfinite(sound->samples[i]))
            return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: sample %lld is not a finite number",
                               name, (long long)(i / sound->channels));
    return true;
}

static void mix(cairn_sound *sound)
{
    int channels = sound->channels;
    for (int64_t i = 0; channels > 1 && i < sound->length; i++) {
        double sum = 0;
        for (int c = 0; c < channels; c++)
            sum += (double)sound->samples[i * channels + c];
        sound->samples[i] = (float)(sum / channels);
    }
    sound->channels = 1;
}

/* What resampling makes longer counts as what a file makes longer. */
static bool to_rate(const char *name, const cairn_sound_options *options, cairn_sound *sound,
                    cairn_sound *spare, cairn_status *status)
{
    if (!options->rate || options->rate == sound->rate)
        return true;
    double length = (double)sound->length * (double)options->rate / (double)sound->rate;
    if (length * sound->channels > (double)options->sample_limit)
        return cairn__sound_limited(name, INT64_MAX, options->sample_limit, status);
    if (!cairn_sound_resample(sound, options->rate, spare, status))
        return false;
    cairn__sound_swap(sound, spare);
    return true;
}

bool cairn__sound_run(const void *bytes, size_t size, const char *name,
                      const cairn_sound_options *options, cairn_sound *sound, cairn_sound *spare,
                      cairn_status *status)
{
    sound->length = 0;
    if (!cairn_ok(status))
        return false;
    bool good = (cairn__is_wav(bytes, size) ? cairn__wav_decode : cairn__ffmpeg_sound)(
                    bytes, size, name, options, sound, status) &&
                check_finite(sound, name, status);
    if (good && options->mono)
        mix(sound);
    if (good && to_rate(name, options, sound, spare, status))
        return true;
    sound->length = 0;
    return false;
}

static bool check(const cairn_sound_options *o, cairn_status *status)
{
    if (o->rate < 0 || o->rate > CAIRN__MOST_RATE)
        return cairn__fail(status, CAIRN_ERR_VALUE, "sound: rate %lld, expected 0 to %d",
                           (long long)o->rate, CAIRN__MOST_RATE);
    if (o->sample_limit < 1 || o->sample_limit > CAIRN__MOST_SAMPLES)
        return cairn__fail(status, CAIRN_ERR_VALUE, "sound: sample_limit %lld, expected 1 to %lld",
                           (long long)o->sample_limit, (long long)CAIRN__MOST_SAMPLES);
    return true;
}

bool cairn_sound_decode(const void *bytes, size_t size, const char *name,
                        const cairn_sound_options *options, cairn_sound *sound,
                        cairn_status *status)
{
    cairn_sound_options standard = cairn_sound_defaults();
    cairn_sound spare = {0};
    options = options ? options : &standard;
    sound->length = 0;
    if (!cairn_ok(status) || !check(options, status))
        return false;
    bool good = cairn__sound_run(bytes, size, name, options, sound, &spare, status);
    cairn_sound_free(&spare);
    return good;
}

bool cairn_sound_read(const char *path, size_t limit_bytes, const cairn_sound_options *options,
                      cairn_sound *sound, cairn_status *status)
{
    cairn__content content;
    sound->length = 0;
    if (!cairn__read_file(path, limit_bytes, &content, status))
        return false;
    bool good = cairn_sound_decode(content.data, content.size, path, options, sound, status);
    cairn__content_free(&content);
    return good;
}
