/* Cairn, sound: decoding, resampling, the log-mel front end, and changes for training.
 *
 *   1. sounds       from WAV, and through FFmpeg from FLAC, MP3, Ogg and others, to floats
 *   2. resampling   to another rate
 *   3. log-mel      the pictures that networks see of speech
 *   4. changes      noise, shifts, masks: each a function of its arguments only
 *
 * Folders and tables of sounds are items, and streams read them: cairn/image.h. */
#ifndef CAIRN_AUDIO_H
#define CAIRN_AUDIO_H

#include "cairn/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. sounds ---------------------------------------------------------------------------------
 */

/* Start from all zero. The functions below that fill a sound reuse its memory and let it grow;
 * cairn_sound_free() ends it. */
typedef struct cairn_sound {
    int64_t length; /* samples of each channel */
    int64_t rate;   /* samples of a channel in a second */
    int channels;
    float *samples;  /* [length, channels], about -1 .. 1; owned; NULL when never filled */
    size_t capacity; /* floats at samples */
} cairn_sound;

/* What an integer of b bits is divided by. */
typedef enum cairn_sound_scale {
    CAIRN_SOUND_POWER,  /* 2^(b-1), as most libraries do: -1 is reached, 1 is not */
    CAIRN_SOUND_LARGEST /* 2^(b-1) - 1, as the front ends of TRILL and TRILLsson do */
} cairn_sound_scale;

typedef struct cairn_sound_options {
    int64_t rate;         /* to which the sound is resampled; 0: as it is stored */
    bool mono;            /* the mean of the channels, before it is resampled */
    int scale;            /* cairn_sound_scale */
    int64_t sample_limit; /* most samples of all channels together, decoded or resampled */
} cairn_sound_options;

/* As stored, but mono; divided by a power; at most 2^28 samples (1 GiB). */
CAIRN_API cairn_sound_options cairn_sound_defaults(void);

/* Decodes a sound held in memory (name for sentences; both borrowed during the call).
 *
 * WAV: integers of 8, 16, 24 and 32 bits, floats of 32 and 64, plain or WAVE_FORMAT_EXTENSIBLE.
 * With FFmpeg's libraries: FLAC, MP3, AAC, and Ogg, Matroska, MP4 and AIFF with Vorbis, Opus, FLAC,
 * MP3, AAC, ALAC or PCM in them. The best sound of a file counts. FFmpeg sees bytes only, never a
 * name, so no file can make it open another.
 *
 * Errors: CAIRN_ERR_FORMAT (none of these formats, cut short, damaged, a sample that is not finite,
 * more than sample_limit samples: the sentence names the file), CAIRN_ERR_MISSING (built without
 * FFmpeg), CAIRN_ERR_VALUE (options), CAIRN_ERR_MEMORY. A sound that could not be filled keeps its
 * memory, and its length is 0. */
CAIRN_API bool cairn_sound_decode(const void *bytes, size_t size, const char *name,
                                  const cairn_sound_options *options, cairn_sound *sound,
                                  cairn_status *status);

/* The same for a file, of at most limit_bytes. Errors: CAIRN_ERR_FILE too. */
CAIRN_API bool cairn_sound_read(const char *path, size_t limit_bytes,
                                const cairn_sound_options *options, cairn_sound *sound,
                                cairn_status *status);
CAIRN_API void cairn_sound_free(cairn_sound *sound);

/* ---- 2. resampling -----------------------------------------------------------------------------
 */

/* Each channel at `rate` samples a second, ceil(length rate / from->rate) of them: the band-limited
 * signal, by a sinc of 6 zero crossings on each side under a squared cosine, with its edge at 99 %
 * of the lower of the two half rates. Weights are made in f64, sums are f64 in a fixed order.
 * from and to must be two sounds.
 * Memory besides: at most 13 max(rate, from->rate) floats, and less for rates with a common factor.
 * Errors: CAIRN_ERR_VALUE when a rate is not 1 to 768000 or the result would be longer than 2^31
 * samples, CAIRN_ERR_MEMORY.
 * Source: J. O. Smith, "Digital Audio Resampling"; torchaudio's defaults for the two numbers. */
CAIRN_API bool cairn_sound_resample(const cairn_sound *from, int64_t rate, cairn_sound *to,
                                    cairn_status *status);

/* ---- 3. log-mel --------------------------------------------------------------------------------
 *
 *   frame t    samples t hop .. t hop + window - 1, times a periodic Hann window; no centring,
 *              an incomplete last frame is left out: T = 1 + floor((n - window) / hop)
 *   spectrum   |FFT| of the next power of two, magnitude and not power
 *   mel        triangles of height 1, linear in m(f) = 1127 ln(1 + f / 700), whose corners are
 *              bins + 2 equally spaced points from low to high; 0 Hz counts nowhere
 *   log        ln(max(x, floor) + offset)
 *
 * The front end of TRILL, FRILL (64 bins) and TRILLsson (80 bins), arXiv:2002.12764, 2203.00236. */

typedef struct cairn_logmel_options {
    int64_t rate;   /* samples a second */
    int64_t window; /* samples; the FFT is the next power of two, at most 4096 */
    int64_t hop;    /* samples from frame to frame */
    int64_t bins;
    double low, high; /* Hz; high at most half the rate */
    double floor, offset;
} cairn_logmel_options;

typedef struct cairn_logmel cairn_logmel;

/* 16000 Hz, 400 and 160 samples, 80 bins from 125 to 7500 Hz, 1e-12, 1e-3. */
CAIRN_API cairn_logmel_options cairn_logmel_defaults(void);

/* Tables for cairn_logmel_run(), which any number of threads may share. options: copied; NULL for
 * the defaults. The caller owns the result: cairn_logmel_free().
 * Errors: CAIRN_ERR_VALUE, CAIRN_ERR_MEMORY. */
CAIRN_API cairn_logmel *cairn_logmel_new(const cairn_logmel_options *options, cairn_status *status);
CAIRN_API void cairn_logmel_free(cairn_logmel *logmel);

/* T for n samples: 0 when n is less than a window. */
CAIRN_API int64_t cairn_logmel_frames(const cairn_logmel *logmel, int64_t n);

/* samples [n], mono, at the rate of the options; out [T, bins]. Computed in f64; allocates nothing,
 * cannot fail. */
CAIRN_API void cairn_logmel_run(const cairn_logmel *logmel, const float *samples, int64_t n,
                                float *out);

/* ---- 4. changes --------------------------------------------------------------------------------
 */

typedef enum cairn_sound_pad {
    CAIRN_SOUND_PAD_ZERO,
    CAIRN_SOUND_PAD_MIRROR, /* 0 1 2 and then 2 1 0 0 1 2 2 ...: the edge is repeated */
    CAIRN_SOUND_PAD_REPEAT  /* 0 1 2 and then 0 1 2 0 ... */
} cairn_sound_pad;

/* out[i] = samples[first + i] for i < wanted; what lies behind the end is made up by the rule,
 * which for n = 0 gives zeros. first in 0 .. n; out must not overlap samples. */
CAIRN_API void cairn_sound_cut(const float *samples, int64_t n, int64_t first, int64_t wanted,
                               cairn_sound_pad pad, float *out);

/* Adds g noise[i mod noise_n] to samples[i], with g such that the mean square of the samples is
 * 10^(snr / 10) times that of what is added. Silence, or noise that is silent, stays as it is. */
CAIRN_API void cairn_sound_add_noise(float *samples, int64_t n, const float *noise, int64_t noise_n,
                                     double snr);

/* Moves samples by `by` (later if positive); what is left behind becomes zero. */
CAIRN_API void cairn_sound_shift(float *samples, int64_t n, int64_t by);

/* SpecAugment's masks in place on x [frames, bins]: freq_masks bands of bins and time_masks runs of
 * frames become `value`. The width of a band is drawn from 0 .. freq_width, that of a run from
 * 0 .. min(time_width, time_share frames), both inclusive, the place uniformly. All of it follows
 * from (seed, stream) by Philox. Time warping is not done.
 * Source: Park et al. 2019, section 2. arXiv:1904.08779 */
typedef struct cairn_specaugment_options {
    int64_t freq_masks, freq_width, time_masks, time_width;
    double time_share; /* p in the paper */
} cairn_specaugment_options;

CAIRN_API void cairn_specaugment(float *x, int64_t frames, int64_t bins,
                                 const cairn_specaugment_options *options, float value,
                                 uint64_t seed, uint64_t stream);

#ifdef __cplusplus
}
#endif

#endif
