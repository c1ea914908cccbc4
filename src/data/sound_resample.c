/* Resampling by a windowed sinc.
 *
 * With r = to / gcd and s = from / gcd, output j = k r + p looks at the input around
 * c = j s / r, so that its weights depend on the phase p only:
 *
 *     y[j] = sum over x of (b / from) w(t) sinc(t) x[.],   t = (x - c) b / from, |t| < 6
 *     b = 0.99 min(from, to),   w(t) = cos^2(pi t / 12)
 *
 * Source: see cairn/audio.h. */
#include <math.h>

#include "data/sound.h"

static const double pi = 3.14159265358979323846, rolloff = 0.99;
enum { ZEROS = 6 };

/* For phase p: input (block s) + first[p] + 0 .. count-1, weights weight[p count ..]. */
typedef struct taps {
    int64_t s, r, phases, count;
    int64_t *first;
    float *weight;
} taps;

static int64_t common_factor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static double weight_at(double t)
{
    if (fabs(t) >= ZEROS)
        return 0;
    double window = cos(pi * t / (2 * ZEROS));
    return window * window * (t == 0 ? 1 : sin(pi * t) / (pi * t));
}

static void taps_free(taps *t)
{
    cairn__free(t->first);
    cairn__free(t->weight);
}

static bool taps_new(taps *t, int64_t from, int64_t to, int64_t length, cairn_status *status)
{
    int64_t g = common_factor(from, to);
    double base = rolloff * (double)CAIRN__MIN(from, to) / (double)from; /* band of the input */
    *t = (taps){.s = from / g, .r = to / g};
    t->phases = CAIRN__MIN(t->r, length);
    t->count = (int64_t)floor(2 * ZEROS / base) + 1;
    t->first = cairn__alloc((size_t)t->phases, sizeof *t->first, status);
    t->weight = cairn__alloc((size_t)(t->phases * t->count), sizeof *t->weight, status);
    if (!t->first || !t->weight) {
        taps_free(t);
        return false;
    }
    for (int64_t p = 0; p < t->phases; p++) {
        double centre = (double)(p * t->s) / (double)t->r;
        t->first[p] = (int64_t)ceil(centre - ZEROS / base);
        for (int64_t i = 0; i < t->count; i++)
            t->weight[p * t->count + i] =
                (float)(base * weight_at(((double)(t->first[p] + i) - centre) * base));
    }
    return true;
}

/* Beyond its ends a sound is silent. */
static void filter(const cairn_sound *from, const taps *t, int channel, cairn_sound *to)
{
    int64_t step = from->channels;
    for (int64_t j = 0, p = 0, block = 0; j < to->length; j++) {
        const float *w = t->weight + p * t->count;
        int64_t first = block * t->s + t->first[p], begin = CAIRN__MAX(-first, (int64_t)0);
        int64_t end = CAIRN__MIN(t->count, from->length - first);
        const float *x = from->samples + channel;
        double sum = 0;
        for (int64_t i = begin; i < end; i++)
            sum += (double)w[i] * (double)x[(first + i) * step];
        to->samples[j * step + channel] = (float)sum;
        if (++p == t->r) {
            p = 0;
            block++;
        }
    }
}

bool cairn_sound_resample(const cairn_sound *from, int64_t rate, cairn_sound *to,
                          cairn_status *status)
{
    taps t;
    if (!cairn_ok(status))
        return false;
    to->length = 0;
    if (rate < 1 || rate > CAIRN__MOST_RATE || from->rate < 1 || from->rate > CAIRN__MOST_RATE)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "resample: from %lld to %lld samples a second, expected 1 to %d",
                           (long long)from->rate, (long long)rate, CAIRN__MOST_RATE);
    if ((double)from->length * (double)rate / (double)from->rate * from->channels >
        (double)CAIRN__MOST_SAMPLES)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "resample: %lld samples from %lld to %lld a second, which gives more "
                           "than %lld",
                           (long long)from->length, (long long)from->rate, (long long)rate,
                           (long long)CAIRN__MOST_SAMPLES);
    int64_t length = (from->length * rate + from->rate - 1) / from->rate;
    if (!cairn__sound_reserve(to, length * from->channels, false, status) ||
        !taps_new(&t, from->rate, rate, length, status))
        return false;
    to->length = length;
    to->rate = rate;
    to->channels = from->channels;
    for (int channel = 0; channel < from->channels; channel++)
        filter(from, &t, channel, to);
    taps_free(&t);
    return true;
}
