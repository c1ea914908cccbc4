/* Changes of sounds and of their log-mel pictures: see cairn/audio.h. */
#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "data/sound.h"

void cairn_sound_cut(const float *samples, int64_t n, int64_t first, int64_t wanted,
                     cairn_sound_pad pad, float *out)
{
    int64_t there = CAIRN__MIN(wanted, n - first);
    if (there > 0)
        memcpy(out, samples + first, (size_t)there * sizeof *out);
    for (int64_t i = CAIRN__MAX(there, (int64_t)0); i < wanted; i++) {
        int64_t at = n ? (first + i) % n : 0;
        if (pad == CAIRN_SOUND_PAD_ZERO || n == 0)
            out[i] = 0;
        else if (pad == CAIRN_SOUND_PAD_REPEAT || (first + i) / n % 2 == 0)
            out[i] = samples[at];
        else
            out[i] = samples[n - 1 - at];
    }
}

static double power_of(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return n ? sum / (double)n : 0;
}

/* The power of what is added, which may be a part of the noise, or some of it several times. */
static double power_of_added(const float *noise, int64_t noise_n, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0, k = 0; i < n; i++, k = k + 1 == noise_n ? 0 : k + 1)
        sum += (double)noise[k] * (double)noise[k];
    return n ? sum / (double)n : 0;
}

void cairn_sound_add_noise(float *samples, int64_t n, const float *noise, int64_t noise_n,
                           double snr)
{
    double signal = power_of(samples, n), other = noise_n ? power_of_added(noise, noise_n, n) : 0;
    if (signal <= 0 || other <= 0)
        return;
    double gain = sqrt(signal / other) * pow(10, -snr / 20);
    for (int64_t i = 0, k = 0; i < n; i++, k = k + 1 == noise_n ? 0 : k + 1)
        samples[i] = (float)((double)samples[i] + gain * (double)noise[k]);
}

void cairn_sound_shift(float *samples, int64_t n, int64_t by)
{
    int64_t gap = by < -n || by > n ? n : by < 0 ? -by : by, kept = n - gap;
    if (by >= 0) {
        memmove(samples + gap, samples, (size_t)kept * sizeof *samples);
        memset(samples, 0, (size_t)gap * sizeof *samples);
    } else {
        memmove(samples, samples + gap, (size_t)kept * sizeof *samples);
        memset(samples + kept, 0, (size_t)gap * sizeof *samples);
    }
}

/* 0 .. n-1: the upper half of a product, whose bias is below n / 2^32. */
static int64_t below(uint32_t word, int64_t n)
{
    return (int64_t)((uint64_t)word * (uint64_t)n >> 32);
}

typedef struct mask {
    int64_t first, count;
} mask;

static mask draw_mask(uint64_t seed, uint64_t stream, uint64_t k, int64_t width, int64_t n)
{
    uint32_t words[4];
    cairn__philox(seed, stream, k, words);
    int64_t count = CAIRN__MIN(below(words[0], width + 1), n);
    return (mask){below(words[1], n - count + 1), count};
}

void cairn_specaugment(float *x, int64_t frames, int64_t bins, const cairn_specaugment_options *o,
                       float value, uint64_t seed, uint64_t stream)
{
    int64_t longest = (int64_t)(o->time_share * (double)frames);
    for (int64_t k = 0; k < o->freq_masks; k++) {
        mask m = draw_mask(seed, stream, (uint64_t)k, CAIRN__MIN(o->freq_width, bins), bins);
        for (int64_t t = 0; t < frames; t++)
            for (int64_t b = m.first; b < m.first + m.count; b++)
                x[t * bins + b] = value;
    }
    for (int64_t k = 0; k < o->time_masks; k++) {
        mask m = draw_mask(seed, stream, (uint64_t)(o->freq_masks + k),
                           CAIRN__MIN(o->time_width, CAIRN__MIN(longest, frames)), frames);
        for (int64_t i = m.first * bins; i < (m.first + m.count) * bins; i++)
            x[i] = value;
    }
}
