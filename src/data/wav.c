/* WAV: a RIFF file of chunks, each a name of four letters, a length and that many bytes, padded to
 * an even number. Of them two count:
 *
 *     "fmt "  tag, channels, rate, bytes a second, bytes a frame, bits [, extension]
 *     "data"  frames of channels x bits / 8 bytes, little endian
 *
 * Source: Microsoft and IBM 1991, "Multimedia Programming Interface and Data Specifications";
 * WAVEFORMATEXTENSIBLE in Microsoft's documentation of mmreg.h. */
#include <string.h>

#include "data/sound.h"
#include "data/span.h"

enum { TAG_PCM = 1, TAG_FLOAT = 3, TAG_EXTENSIBLE = 0xFFFE };

/* Written by programs that did not know the length in advance. */
static const uint32_t unknown_length = 0xFFFFFFFF;

typedef struct format {
    int tag, channels, bits;
    int64_t rate;
} format;

bool cairn__is_wav(const void *bytes, size_t size)
{
    const char *b = bytes;
    return size >= 12 && memcmp(b, "RIFF", 4) == 0 && memcmp(b + 8, "WAVE", 4) == 0;
}

/* ---- chunks ---------------------------------------------------------------------------------- */

/* The extension repeats the tag as the start of a GUID. */
static bool take_extension(cairn__reader *r, format *f)
{
    static const unsigned char rest[14] = {0, 0, 0,    0, 0x10, 0,    0x80,
                                           0, 0, 0xAA, 0, 0x38, 0x9B, 0x71};
    cairn__take_u16_le(r, "length of the extension");
    cairn__take_u16_le(r, "valid bits");
    cairn__take_u32_le(r, "channel mask");
    f->tag = cairn__take_u16_le(r, "subformat");
    const unsigned char *guid = cairn__take(r, sizeof rest, "subformat");
    if (!guid)
        return false;
    return memcmp(guid, rest, sizeof rest) == 0 ||
           cairn__fail(r->status, CAIRN_ERR_FORMAT,
                       "%s: an unknown subformat, expected integers or floats", r->name);
}

static bool is_known(const format *f)
{
    if (f->tag == TAG_PCM)
        return f->bits == 8 || f->bits == 16 || f->bits == 24 || f->bits == 32;
    return f->tag == TAG_FLOAT && (f->bits == 32 || f->bits == 64);
}

static bool take_format(const unsigned char *bytes, size_t size, const char *name, format *f,
                        cairn_status *status)
{
    cairn__reader r = cairn__reader_new(bytes, size, name, status);
    f->tag = cairn__take_u16_le(&r, "format");
    f->channels = cairn__take_u16_le(&r, "channels");
    f->rate = cairn__take_u32_le(&r, "rate");
    cairn__take_u32_le(&r, "bytes a second");
    int frame = cairn__take_u16_le(&r, "bytes of a frame");
    f->bits = cairn__take_u16_le(&r, "bits");
    if (r.failed || (f->tag == TAG_EXTENSIBLE && !take_extension(&r, f)) ||
        !cairn__sound_announced(name, f->rate, f->channels, status))
        return false;
    if (!is_known(f))
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: format %d of %d bits, expected 1 (integers of 8, 16, 24 or 32 "
                           "bits) or 3 (floats of 32 or 64)",
                           name, f->tag, f->bits);
    return frame == f->channels * f->bits / 8 ||
           cairn__fail(status, CAIRN_ERR_FORMAT,
                       "%s: %d bytes a frame, expected %d for %d channels of %d bits", name, frame,
                       f->channels * f->bits / 8, f->channels, f->bits);
}

/* ---- samples --------------------------------------------------------------------------------- */

/* Integers as the upper bits of 32, so that one division serves all widths. */
static int32_t upper(const unsigned char *p, int bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint32_t)p[i] << 8 * (4 - bytes + i);
    return (int32_t)value;
}

static void take_integers(const unsigned char *p, int64_t n, int bits, double divisor, float *to)
{
    int bytes = bits / 8, shift = 32 - bits;
    for (int64_t i = 0; i < n; i++, p += bytes) {
        /* Eight bits alone are unsigned, around 128. */
        int32_t value = bits == 8 ? (int32_t)p[0] - 128 : upper(p, bytes) >> shift;
        to[i] = (float)(value / divisor);
    }
}

static float take_float(const unsigned char *p, int bytes)
{
    uint64_t word = 0;
    for (int i = bytes; i-- > 0;)
        word = word << 8 | p[i];
    if (bytes == 4) {
        uint32_t half = (uint32_t)word;
        float value;
        memcpy(&value, &half, sizeof value);
        return value;
    }
    double value;
    memcpy(&value, &word, sizeof value);
    return (float)value;
}

static bool take_samples(const unsigned char *bytes, size_t size, const char *name, const format *f,
                         const cairn_sound_options *options, cairn_sound *sound,
                         cairn_status *status)
{
    size_t frame = (size_t)(f->channels * f->bits / 8);
    int64_t length = (int64_t)(size / frame), n = length * f->channels;
    if (!cairn__sound_limited(name, n, options->sample_limit, status) ||
        !cairn__sound_reserve(sound, n, false, status))
        return false;
    if (f->tag == TAG_PCM)
        take_integers(bytes, n, f->bits, cairn__sound_divisor(f->bits, options->scale),
                      sound->samples);
    else
        for (int64_t i = 0; i < n; i++)
            sound->samples[i] = take_float(bytes + i * (f->bits / 8), f->bits / 8);
    sound->length = length;
    sound->channels = f->channels;
    sound->rate = f->rate;
    return true;
}

bool cairn__wav_decode(const void *bytes, size_t size, const char *name,
                       const cairn_sound_options *options, cairn_sound *sound, cairn_status *status)
{
    cairn__reader r = cairn__reader_new(bytes, size, name, status);
    format f = {0};
    cairn__take(&r, 12, "header");
    while (!r.failed) {
        if (cairn__left(&r) == 0)
            return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: ends without a data chunk", name);
        const unsigned char *id = cairn__take(&r, 4, "name of a chunk");
        uint32_t length = cairn__take_u32_le(&r, "length of a chunk");
        bool is_data = id && memcmp(id, "data", 4) == 0;
        size_t n = is_data && length == unknown_length ? cairn__left(&r) : length;
        const unsigned char *chunk = cairn__take(&r, n, is_data ? "samples" : "chunk");
        if (!chunk)
            return false;
        if (memcmp(id, "fmt ", 4) == 0 && !take_format(chunk, n, name, &f, status))
            return false;
        if (is_data && !f.tag)
            return cairn__fail(status, CAIRN_ERR_FORMAT,
                               "%s: the data chunk comes before any fmt chunk", name);
        if (is_data)
            return take_samples(chunk, n, name, &f, options, sound, status);
        if (n % 2 && cairn__left(&r))
            cairn__take(&r, 1, "padding");
    }
    return false;
}
