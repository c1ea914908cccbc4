/* Pictures made worse, to see what a model bears: each kind is one function of a picture and the
 * number of its strength. */
#include <math.h>
#include <string.h>

#include "base/base.h"
#include "cairn/ssd.h"
#include "data/augment.h"

typedef struct picture {
    float *x, *spare; /* [channels, height, width] */
    int64_t channels, height, width;
    cairn__draws draws;
} picture;

static int64_t count(const picture *p)
{
    return p->channels * p->height * p->width;
}

static double normal(cairn__draws *d)
{
    double radius = sqrt(-2 * log(1 - cairn__draw(d)));
    return radius * cos(6.283185307179586 * cairn__draw(d));
}

static float clamp(double value)
{
    return (float)fmin(fmax(value, 0), 1);
}

static int64_t within(int64_t i, int64_t n)
{
    return CAIRN__MIN(CAIRN__MAX(i, (int64_t)0), n - 1);
}

static void gaussian_noise(picture *p, double deviation)
{
    for (int64_t i = 0; i < count(p); i++)
        p->x[i] = clamp((double)p->x[i] + deviation * normal(&p->draws));
}

static void impulse_noise(picture *p, double share)
{
    for (int64_t i = 0; i < count(p); i++) {
        double u = cairn__draw(&p->draws);
        p->x[i] = u < share / 2 ? 0 : u < share ? 1 : p->x[i];
    }
}

enum { MOST_REACH = 8 };

/* One pass along rows (step 1, n = width) or columns (step width, n = height); edges are
 * repeated. */
static void blur_line(const float *from, float *to, int64_t n, int64_t step, const double *weight,
                      int reach)
{
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int k = -reach; k <= reach; k++)
            sum += weight[k + reach] * (double)from[within(i + k, n) * step];
        to[i * step] = (float)sum;
    }
}

static void blur(picture *p, double deviation)
{
    double weight[2 * MOST_REACH + 1], sum = 0;
    int reach = (int)CAIRN__MIN(ceil(3 * deviation), MOST_REACH);
    for (int k = -reach; k <= reach; k++)
        sum += weight[k + reach] = exp(-0.5 * k * k / (deviation * deviation));
    for (int k = 0; k <= 2 * reach; k++)
        weight[k] /= sum;
    for (int64_t row = 0; row < p->channels * p->height; row++)
        blur_line(p->x + row * p->width, p->spare + row * p->width, p->width, 1, weight, reach);
    for (int64_t c = 0; c < p->channels; c++)
        for (int64_t column = 0; column < p->width; column++) {
            int64_t at = c * p->height * p->width + column;
            blur_line(p->spare + at, p->x + at, p->height, p->width, weight, reach);
        }
}

static void contrast(picture *p, double factor)
{
    double mean = 0;
    for (int64_t i = 0; i < count(p); i++)
        mean += (double)p->x[i] / (double)count(p);
    for (int64_t i = 0; i < count(p); i++)
        p->x[i] = clamp(mean + factor * ((double)p->x[i] - mean));
}

static void brightness(picture *p, double added)
{
    for (int64_t i = 0; i < count(p); i++)
        p->x[i] = clamp((double)p->x[i] + added);
}

/* The density of the fog is a plane wave of drawn direction and phase around its mean, one period
 * across the picture. */
static void fog(picture *p, double share)
{
    double turn = 6.283185307179586, angle = turn * cairn__draw(&p->draws);
    double phase = turn * cairn__draw(&p->draws);
    for (int64_t i = 0; i < count(p); i++) {
        double row = (double)(i / p->width % p->height) / (double)p->height;
        double column = (double)(i % p->width) / (double)p->width;
        double wave = sin(turn * (cos(angle) * column + sin(angle) * row) + phase);
        double density = share * (1 + 0.5 * wave);
        p->x[i] = clamp((1 - density) * (double)p->x[i] + density);
    }
}

/* Means of blocks, as equal in size as whole pixels allow. */
static void pixelate(picture *p, double share)
{
    int64_t rows = CAIRN__MAX(llround(share * (double)p->height), 1);
    int64_t columns = CAIRN__MAX(llround(share * (double)p->width), 1);
    for (int64_t b = 0; b < p->channels * rows * columns; b++) {
        int64_t c = b / (rows * columns), r = b / columns % rows, k = b % columns;
        int64_t top = r * p->height / rows, bottom = (r + 1) * p->height / rows;
        int64_t left = k * p->width / columns, right = (k + 1) * p->width / columns;
        float *x = p->x + c * p->height * p->width;
        double sum = 0;
        for (int64_t i = top; i < bottom; i++)
            for (int64_t j = left; j < right; j++)
                sum += (double)x[i * p->width + j];
        for (int64_t i = top; i < bottom; i++)
            for (int64_t j = left; j < right; j++)
                x[i * p->width + j] = (float)(sum / (double)((bottom - top) * (right - left)));
    }
}

/* One of eight directions; what comes in is black. */
static void shift(picture *p, double pixels)
{
    static const int directions[8][2] = {{0, 1},  {1, 1},   {1, 0},  {1, -1},
                                         {0, -1}, {-1, -1}, {-1, 0}, {-1, 1}};
    const int *d = directions[cairn__draw_below(&p->draws, 8)];
    int64_t down = d[0] * (int64_t)pixels, right = d[1] * (int64_t)pixels;
    memcpy(p->spare, p->x, (size_t)count(p) * sizeof *p->x);
    for (int64_t i = 0; i < count(p); i++) {
        int64_t row = i / p->width % p->height - down, column = i % p->width - right;
        bool inside = row >= 0 && row < p->height && column >= 0 && column < p->width;
        p->x[i] = inside ? p->spare[i - down * p->width - right] : 0;
    }
}

/* ---- the table ------------------------------------------------------------------------------- */

typedef struct corruption {
    void (*apply)(picture *p, double strength);
    double strength[CAIRN_SEVERITIES];
} corruption;

static const corruption corruptions[] = {
#define CAIRN_X(name, help, a, b, c, d, e) {name, {a, b, c, d, e}},
    CAIRN_CORRUPTIONS(CAIRN_X)
#undef CAIRN_X
};

const char *const cairn_corruption_names[] = {
#define CAIRN_X(name, help, a, b, c, d, e) #name,
    CAIRN_CORRUPTIONS(CAIRN_X)
#undef CAIRN_X
        NULL};

bool cairn_corrupt(float *x, int64_t channels, int64_t height, int64_t width, cairn_corruption kind,
                   int severity, int64_t seed, int64_t item, cairn_status *status)
{
    int64_t pixels, all;
    if (!cairn_ok(status))
        return false;
    if ((int)kind < 0 || kind >= CAIRN_N_CORRUPTIONS || severity < 1 || severity > CAIRN_SEVERITIES)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "corruption: kind %d of severity %d, expected 0 to %d of 1 to %d",
                           (int)kind, severity, CAIRN_N_CORRUPTIONS - 1, CAIRN_SEVERITIES);
    if (channels < 1 || height < 1 || width < 1 || __builtin_mul_overflow(height, width, &pixels) ||
        __builtin_mul_overflow(pixels, channels, &all))
        return cairn__fail(status, CAIRN_ERR_SHAPE,
                           "corruption: a picture of %lld x %lld and %lld channels, expected "
                           "sizes of at least 1",
                           (long long)height, (long long)width, (long long)channels);
    picture p = {
        x,
        NULL,
        channels,
        height,
        width,
        cairn__draws_new(seed, (int64_t)kind * (CAIRN_SEVERITIES + 1) + severity, item, 63)};
    p.spare = cairn__alloc((size_t)all, sizeof *x, status);
    if (!p.spare)
        return false;
    corruptions[kind].apply(&p, corruptions[kind].strength[severity - 1]);
    cairn__free(p.spare);
    return true;
}

double cairn_mean_corruption_error(const double *error, const double *reference, int64_t kinds)
{
    double mean = 0;
    for (int64_t k = 0; k < kinds; k++) {
        double above = 0, below = 0;
        for (int s = 0; s < CAIRN_SEVERITIES; s++) {
            above += error[k * CAIRN_SEVERITIES + s];
            below += reference[k * CAIRN_SEVERITIES + s];
        }
        mean += below > 0 ? above / below / (double)kinds : NAN;
    }
    return kinds > 0 ? mean : NAN;
}
