/* The log-mel front end: see cairn/audio.h. */
#include <math.h>
#include <string.h>

#include "cairn/audio.h"
#include "data/fft.h"

/* A triangle is not 0 for frequencies first .. first + count - 1 only. */
typedef struct band {
    int32_t first, count, at; /* at: of its first weight */
} band;

struct cairn_logmel {
    cairn_logmel_options options;
    cairn__fft fft;
    double *window; /* [options.window], owned */
    band *bands;    /* [bins], owned */
    double *weight; /* owned */
};

cairn_logmel_options cairn_logmel_defaults(void)
{
    return (cairn_logmel_options){
        .rate = 16000,
        .window = 400,
        .hop = 160,
        .bins = 80,
        .low = 125,
        .high = 7500,
        .floor = 1e-12,
        .offset = 1e-3,
    };
}

static bool check(const cairn_logmel_options *o, cairn_status *status)
{
    if (o->rate < 1 || o->window < 3 || o->window > CAIRN__MOST_FFT || o->hop < 1 || o->bins < 1 ||
        o->bins > CAIRN__MOST_FFT)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "logmel: rate %lld, window %lld, hop %lld, %lld bins, expected a window "
                           "of 3 to %d, 1 to %d bins, the others at least 1",
                           (long long)o->rate, (long long)o->window, (long long)o->hop,
                           (long long)o->bins, CAIRN__MOST_FFT, CAIRN__MOST_FFT);
    if (!(o->low >= 0 && o->low < o->high && o->high <= (double)o->rate / 2))
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "logmel: from %g to %g Hz, expected 0 <= low < high <= %g, half the "
                           "rate",
                           o->low, o->high, (double)o->rate / 2);
    return (o->floor >= 0 && o->offset >= 0 && o->floor + o->offset > 0 && isfinite(o->floor) &&
            isfinite(o->offset)) ||
           cairn__fail(status, CAIRN_ERR_VALUE,
                       "logmel: floor %g and offset %g, expected both at least 0 and one above",
                       o->floor, o->offset);
}

static double mel(double hertz)
{
    return 1127 * log(1 + hertz / 700);
}

/* Height at frequency k of the triangle number b; 0 Hz counts nowhere. */
static double height(const cairn_logmel *l, int64_t b, int64_t k)
{
    const cairn_logmel_options *o = &l->options;
    double from = mel(o->low), step = (mel(o->high) - from) / (double)(o->bins + 1);
    double at = mel((double)k * (double)o->rate / (double)l->fft.n);
    double left = from + (double)b * step;
    double up = (at - left) / step, down = (left + 2 * step - at) / step;
    return k == 0 ? 0 : fmax(0, fmin(up, down));
}

/* Every frequency lies below at most two triangles, or by rounding three: 3 (n/2 + 1) <= 2 n + 1,
 * of which 0 Hz is none. */
static void weigh(cairn_logmel *l)
{
    int32_t at = 0;
    for (int64_t b = 0; b < l->options.bins; b++) {
        band *one = &l->bands[b];
        one->at = at;
        for (int32_t k = 0; k <= l->fft.n / 2; k++) {
            double value = height(l, b, k);
            if (value <= 0)
                continue;
            if (one->count++ == 0)
                one->first = k;
            l->weight[at++] = value;
        }
    }
}

static bool start(cairn_logmel *l, cairn_status *status)
{
    const double pi = 3.14159265358979323846;
    const cairn_logmel_options *o = &l->options;
    int64_t n = 4;
    while (n < o->window)
        n *= 2;
    l->window = cairn__alloc((size_t)o->window, sizeof *l->window, status);
    l->bands = cairn__alloc((size_t)o->bins, sizeof *l->bands, status);
    l->weight = cairn__alloc(2 * (size_t)n, sizeof *l->weight, status);
    if (!l->window || !l->bands || !l->weight || !cairn__fft_new(&l->fft, n, status))
        return false;
    for (int64_t i = 0; i < o->window; i++)
        l->window[i] = 0.5 - 0.5 * cos(2 * pi * (double)i / (double)o->window);
    weigh(l);
    return true;
}

cairn_logmel *cairn_logmel_new(const cairn_logmel_options *options, cairn_status *status)
{
    cairn_logmel_options standard = cairn_logmel_defaults();
    options = options ? options : &standard;
    if (!cairn_ok(status) || !check(options, status))
        return NULL;
    cairn_logmel *l = cairn__alloc(1, sizeof *l, status);
    if (!l)
        return NULL;
    l->options = *options;
    if (start(l, status))
        return l;
    cairn_logmel_free(l);
    return NULL;
}

void cairn_logmel_free(cairn_logmel *l)
{
    if (!l)
        return;
    cairn__fft_free(&l->fft);
    cairn__free(l->window);
    cairn__free(l->bands);
    cairn__free(l->weight);
    cairn__free(l);
}

int64_t cairn_logmel_frames(const cairn_logmel *l, int64_t n)
{
    return n < l->options.window ? 0 : 1 + (n - l->options.window) / l->options.hop;
}

void cairn_logmel_run(const cairn_logmel *l, const float *samples, int64_t n, float *out)
{
    const cairn_logmel_options *o = &l->options;
    double x[CAIRN__MOST_FFT], magnitude[CAIRN__MOST_FFT / 2 + 1];
    int64_t frames = cairn_logmel_frames(l, n);
    for (int64_t t = 0; t < frames; t++, samples += o->hop) {
        for (int64_t i = 0; i < o->window; i++)
            x[i] = l->window[i] * (double)samples[i];
        memset(x + o->window, 0, (size_t)(l->fft.n - o->window) * sizeof *x);
        cairn__fft_magnitude(&l->fft, x, magnitude);
        for (int64_t b = 0; b < o->bins; b++) {
            const band *one = &l->bands[b];
            double sum = 0;
            for (int32_t k = 0; k < one->count; k++)
                sum += l->weight[one->at + k] * magnitude[one->first + k];
            *out++ = (float)log(fmax(sum, o->floor) + o->offset);
        }
    }
}
