/* The steps of sounds: thin records over the functions of cairn/audio.h. */
#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "data/augment.h"

/* ---- decode ---------------------------------------------------------------------------------- */

static const cairn_option decode_table[] = {
    CAIRN_OPT_COUNT(cairn__sound_parameters, rate, 0, 0, CAIRN__MOST_RATE,
                    "samples a second after resampling; 0: as stored", ""),
    CAIRN_OPT_CHOICE(cairn__sound_parameters, scale, CAIRN_SOUND_POWER, cairn__sound_scale_names,
                     "what 16-bit integers are divided by: 32768, or 32767 as TRILL does", ""),
    CAIRN_OPT_END,
};

const cairn__augmentation cairn__augment_sound_decode = {
    .name = "decode",
    .stage = CAIRN__STAGE_DECODE,
    .table = decode_table,
    .size = sizeof(cairn__sound_parameters),
    .help = "reads a sound, mixed to one channel; taken for granted when it is not the first step",
    .source = "",
};

/* ---- cut ------------------------------------------------------------------------------------- */

typedef enum place { PLACE_RANDOM, PLACE_START, PLACE_CENTRE } place;
static const char *const places[] = {"random", "start", "centre", NULL};

typedef struct cut_parameters {
    int64_t length;
    int place, pad;
} cut_parameters;

static const cairn_option cut_table[] = {
    CAIRN_OPT_COUNT(cut_parameters, length, 16000, 1, 1 << 28, "samples", ""),
    CAIRN_OPT_CHOICE(cut_parameters, place, PLACE_RANDOM, places, "where in a longer sound", ""),
    CAIRN_OPT_CHOICE(cut_parameters, pad, CAIRN_SOUND_PAD_ZERO, cairn__sound_pad_names,
                     "what is added behind a shorter sound", "TRILLsson: mirror, FRILL: zero"),
    CAIRN_OPT_END,
};

static bool cut(const void *parameters, cairn__work *w, cairn__draws *draws, cairn_status *status)
{
    const cut_parameters *p = parameters;
    int64_t spare = CAIRN__MAX(w->sound.length - p->length, (int64_t)0);
    int64_t first = p->place == PLACE_RANDOM   ? cairn__draw_below(draws, spare + 1)
                    : p->place == PLACE_CENTRE ? spare / 2
                                               : 0;
    if (!cairn__sound_reserve(&w->other, p->length, false, status))
        return false;
    cairn_sound_cut(w->sound.samples, w->sound.length, first, p->length, (cairn_sound_pad)p->pad,
                    w->other.samples);
    w->other.length = p->length;
    w->other.rate = w->sound.rate;
    w->other.channels = 1;
    cairn__sound_swap(&w->sound, &w->other);
    return true;
}

static void cut_size(const void *parameters, int64_t *width, int64_t *height)
{
    (void)width;
    const cut_parameters *p = parameters;
    *height = p->length;
}

const cairn__augmentation cairn__augment_sound_cut = {
    .name = "cut",
    .stage = CAIRN__STAGE_PICTURE,
    .table = cut_table,
    .size = sizeof(cut_parameters),
    .help = "a part of fixed length, of a shorter sound with something added behind it",
    .source = "",
    .apply = cut,
    .size_of = cut_size,
};

/* ---- shift ----------------------------------------------------------------------------------- */

typedef struct shift_parameters {
    int64_t most;
} shift_parameters;

static const cairn_option shift_table[] = {
    CAIRN_OPT_COUNT(shift_parameters, most, 1600, 0, 1 << 28, "samples, in either direction", ""),
    CAIRN_OPT_END,
};

static bool shift(const void *parameters, cairn__work *w, cairn__draws *draws, cairn_status *status)
{
    const shift_parameters *p = parameters;
    (void)status;
    cairn_sound_shift(w->sound.samples, w->sound.length,
                      cairn__draw_below(draws, 2 * p->most + 1) - p->most);
    return true;
}

const cairn__augmentation cairn__augment_sound_shift = {
    .name = "shift",
    .stage = CAIRN__STAGE_PICTURE,
    .table = shift_table,
    .size = sizeof(shift_parameters),
    .help = "moves a sound in time by a random number of samples; zeros come in",
    .source = "",
    .apply = shift,
};

/* ---- noise ----------------------------------------------------------------------------------- */

typedef struct noise_parameters {
    double low, high;
} noise_parameters;

static const cairn_option noise_table[] = {
    CAIRN_OPT_REAL(noise_parameters, low, 10, -100, 200, "least ratio of signal to noise in dB",
                   ""),
    CAIRN_OPT_REAL(noise_parameters, high, 40, -100, 200, "greatest ratio", ""),
    CAIRN_OPT_END,
};

static bool check_noise(const void *parameters, cairn_status *status)
{
    const noise_parameters *p = parameters;
    return p->low <= p->high ||
           cairn__fail(status, CAIRN_ERR_VALUE, "low is %g and high %g, expected low <= high",
                       p->low, p->high);
}

/* The counts of one step on one item are too few for all samples: two draws are the key of a
 * sequence of its own. */
static bool noise(const void *parameters, cairn__work *w, cairn__draws *draws, cairn_status *status)
{
    const noise_parameters *p = parameters;
    int64_t n = w->sound.length;
    double snr = cairn__draw_between(draws, p->low, p->high);
    uint64_t key = (uint64_t)cairn__draw_below(draws, (int64_t)1 << 32) << 32 |
                   (uint64_t)cairn__draw_below(draws, (int64_t)1 << 32);
    if (!cairn__sound_reserve(&w->other, n, false, status))
        return false;
    for (int64_t i = 0; i < n; i += 4) {
        uint32_t words[4];
        float values[4];
        cairn__philox(key, 0, (uint64_t)i / 4, words);
        cairn__normal_pair(words, values);
        cairn__normal_pair(words + 2, values + 2);
        memcpy(w->other.samples + i, values,
               (size_t)CAIRN__MIN(n - i, (int64_t)4) * sizeof *values);
    }
    cairn_sound_add_noise(w->sound.samples, n, w->other.samples, n, snr);
    return true;
}

const cairn__augmentation cairn__augment_sound_noise = {
    .name = "noise",
    .stage = CAIRN__STAGE_PICTURE,
    .table = noise_table,
    .size = sizeof(noise_parameters),
    .help = "adds white normal noise, at a ratio drawn between low and high",
    .source = "",
    .check = check_noise,
    .apply = noise,
};

/* ---- log-mel --------------------------------------------------------------------------------- */

typedef struct logmel_parameters {
    int64_t bins, window, hop;
    double low, high;
} logmel_parameters;

static const cairn_option logmel_table[] = {
    CAIRN_OPT_COUNT(logmel_parameters, bins, 80, 1, 4096, "mel bins", "TRILLsson: 80, FRILL: 64"),
    CAIRN_OPT_COUNT(logmel_parameters, window, 400, 3, 4096, "samples of a frame", ""),
    CAIRN_OPT_COUNT(logmel_parameters, hop, 160, 1, 1 << 20, "samples from frame to frame", ""),
    CAIRN_OPT_REAL(logmel_parameters, low, 125, 0, 384000, "lowest frequency in Hz", ""),
    CAIRN_OPT_REAL(logmel_parameters, high, 7500, 0, 384000, "highest frequency in Hz", ""),
    CAIRN_OPT_END,
};

/* Tables stay with the work: they are made again only when rates change. */
static bool prepare(cairn__work *w, const logmel_parameters *p, cairn_status *status)
{
    cairn_logmel_options o = cairn_logmel_defaults(), *was = &w->logmel_options;
    o.rate = w->sound.rate;
    o.bins = p->bins;
    o.window = p->window;
    o.hop = p->hop;
    o.low = p->low;
    o.high = p->high;
    if (w->logmel && was->rate == o.rate)
        return true;
    cairn_logmel_free(w->logmel);
    w->logmel = cairn_logmel_new(&o, status);
    *was = o;
    return w->logmel != NULL;
}

static bool logmel(const void *parameters, cairn__work *w, cairn__draws *draws,
                   cairn_status *status)
{
    const logmel_parameters *p = parameters;
    (void)draws;
    if (!prepare(w, p, status))
        return false;
    int64_t frames = cairn_logmel_frames(w->logmel, w->sound.length);
    if (frames == 0)
        return cairn__fail(status, CAIRN_ERR_SHAPE,
                           "%lld samples, expected at least a window of "
                           "%lld",
                           (long long)w->sound.length, (long long)p->window);
    if (!cairn__sound_reserve(&w->other, frames * p->bins, false, status))
        return false;
    cairn_logmel_run(w->logmel, w->sound.samples, w->sound.length, w->other.samples);
    w->other.length = frames;
    w->other.channels = (int)p->bins;
    w->other.rate = w->sound.rate;
    cairn__sound_swap(&w->sound, &w->other);
    return true;
}

static void logmel_size(const void *parameters, int64_t *width, int64_t *height)
{
    const logmel_parameters *p = parameters;
    *width = p->bins;
    *height = *height < p->window ? 0 : 1 + (*height - p->window) / p->hop;
}

const cairn__augmentation cairn__augment_logmel = {
    .name = "logmel",
    .stage = CAIRN__STAGE_NUMBERS,
    .table = logmel_table,
    .size = sizeof(logmel_parameters),
    .help = "frames of log-mel energies, ln(x + 0.001); the rate is that of the sound",
    .source = "arXiv:2203.00236",
    .apply = logmel,
    .size_of = logmel_size,
};

/* ---- SpecAugment ----------------------------------------------------------------------------- */

static const cairn_option specaugment_table[] = {
    CAIRN_OPT_COUNT(cairn_specaugment_options, freq_masks, 2, 0, 100, "masks of bins", "LD"),
    CAIRN_OPT_COUNT(cairn_specaugment_options, freq_width, 27, 0, 4096, "most bins of one", "LD"),
    CAIRN_OPT_COUNT(cairn_specaugment_options, time_masks, 2, 0, 100, "masks of frames", "LD"),
    CAIRN_OPT_COUNT(cairn_specaugment_options, time_width, 100, 0, 1 << 20, "most frames of one",
                    "LD"),
    CAIRN_OPT_REAL(cairn_specaugment_options, time_share, 1, 0, 1,
                   "most of one as a share of all frames", "LD"),
    CAIRN_OPT_END,
};

/* Without normalisation behind it, the neutral value is the mean. */
static bool specaugment(const void *parameters, cairn__work *w, cairn__draws *draws,
                        cairn_status *status)
{
    int64_t frames = w->sound.length, bins = w->sound.channels;
    double sum = 0;
    (void)status;
    for (int64_t i = 0; i < frames * bins; i++)
        sum += (double)w->sound.samples[i];
    uint64_t key = (uint64_t)cairn__draw_below(draws, (int64_t)1 << 32) << 32 |
                   (uint64_t)cairn__draw_below(draws, (int64_t)1 << 32);
    cairn_specaugment(w->sound.samples, frames, bins, parameters,
                      (float)(sum / (double)(frames * bins)), key, 0);
    return true;
}

const cairn__augmentation cairn__augment_specaugment = {
    .name = "specaugment",
    .stage = CAIRN__STAGE_FEATURES,
    .table = specaugment_table,
    .size = sizeof(cairn_specaugment_options),
    .help = "sets random bands of bins and of frames to the mean; behind logmel",
    .source = "arXiv:1904.08779",
    .apply = specaugment,
};
