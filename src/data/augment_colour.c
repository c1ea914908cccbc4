/* Augmentations of colour: jitter, grey, blur, solarise. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/colour.h"

/* ---- jitter ---------------------------------------------------------------------------------- */

typedef struct jitter_parameters {
    double strength, p, brightness, contrast, saturation, hue;
} jitter_parameters;

static const cairn_option jitter_table[] = {
    CAIRN_OPT_REAL(jitter_parameters, strength, 0.5, 0, 2, "multiplies the four ranges",
                   "Chen et al. 2020, SimCLR"),
    CAIRN_OPT_REAL(jitter_parameters, p, 0.8, 0, 1, "probability", "SimCLR"),
    CAIRN_OPT_REAL(jitter_parameters, brightness, 0.8, 0, 10, "factor from 1 - this to 1 + this",
                   "SimCLR"),
    CAIRN_OPT_REAL(jitter_parameters, contrast, 0.8, 0, 10, "the same", "SimCLR"),
    CAIRN_OPT_REAL(jitter_parameters, saturation, 0.8, 0, 10, "the same", "SimCLR"),
    CAIRN_OPT_REAL(jitter_parameters, hue, 0.2, 0, 0.5, "turns of the circle of colours, each way",
                   "SimCLR"),
    CAIRN_OPT_END,
};

static double factor(cairn__draws *draws, double range)
{
    return cairn__draw_between(draws, CAIRN__MAX(1 - range, 0), 1 + range);
}

/* The four changes in random order. All factors are drawn first, whatever the order. */
static bool apply_jitter(const void *parameters, cairn__work *w, cairn__draws *draws,
                         cairn_status *status)
{
    const jitter_parameters *p = parameters;
    int order[4] = {0, 1, 2, 3};
    (void)status;
    if (cairn__draw(draws) >= p->p)
        return true;
    double brightness = factor(draws, p->strength * p->brightness);
    double contrast = factor(draws, p->strength * p->contrast);
    double saturation = factor(draws, p->strength * p->saturation);
    double hue = CAIRN__MIN(p->strength * p->hue, 0.5) * cairn__draw_between(draws, -1, 1);
    for (int i = 3; i > 0; i--) {
        int j = (int)cairn__draw_below(draws, i + 1), swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
    for (int i = 0; i < 4; i++) {
        if (order[i] == 0)
            cairn__brightness(&w->image, brightness);
        else if (order[i] == 1)
            cairn__contrast(&w->image, contrast);
        else if (order[i] == 2)
            cairn__saturation(&w->image, saturation);
        else
            cairn__hue(&w->image, hue);
    }
    return true;
}

const cairn__augmentation cairn__augment_jitter = {
    .name = "jitter",
    .stage = CAIRN__STAGE_PICTURE,
    .table = jitter_table,
    .size = sizeof(jitter_parameters),
    .help = "changes brightness, contrast, saturation and hue in random order",
    .source = "torchvision ColorJitter",
    .apply = apply_jitter,
};

/* ---- grey, solarise -------------------------------------------------------------------------- */

typedef struct chance_parameters {
    double p;
    int64_t threshold;
} chance_parameters;

static const cairn_option grey_table[] = {
    CAIRN_OPT_REAL(chance_parameters, p, 0.2, 0, 1, "probability", "SimCLR"),
    CAIRN_OPT_END,
};

static const cairn_option solarise_table[] = {
    CAIRN_OPT_REAL(chance_parameters, p, 0.2, 0, 1, "probability", "Grill et al. 2020, BYOL"),
    CAIRN_OPT_COUNT(chance_parameters, threshold, 128, 0, 256, "values from it on are inverted",
                    "BYOL"),
    CAIRN_OPT_END,
};

static bool apply_grey(const void *parameters, cairn__work *w, cairn__draws *draws,
                       cairn_status *status)
{
    const chance_parameters *p = parameters;
    (void)status;
    if (cairn__draw(draws) < p->p)
        cairn__to_grey(&w->image);
    return true;
}

static bool apply_solarise(const void *parameters, cairn__work *w, cairn__draws *draws,
                           cairn_status *status)
{
    const chance_parameters *p = parameters;
    (void)status;
    if (cairn__draw(draws) < p->p)
        cairn__solarise(&w->image, (int)p->threshold);
    return true;
}

const cairn__augmentation cairn__augment_grey = {
    .name = "grey",
    .stage = CAIRN__STAGE_PICTURE,
    .table = grey_table,
    .size = sizeof(chance_parameters),
    .help = "takes the colour away; the channels stay",
    .source = "torchvision RandomGrayscale",
    .apply = apply_grey,
};

const cairn__augmentation cairn__augment_solarise = {
    .name = "solarise",
    .stage = CAIRN__STAGE_PICTURE,
    .table = solarise_table,
    .size = sizeof(chance_parameters),
    .help = "inverts bright values",
    .source = "Pillow solarize()",
    .apply = apply_solarise,
};

/* ---- blur ------------------------------------------------------------------------------------ */

typedef struct blur_parameters {
    double p, from, to;
} blur_parameters;

static const cairn_option blur_table[] = {
    CAIRN_OPT_REAL(blur_parameters, p, 0.5, 0, 1, "probability", "SimCLR"),
    CAIRN_OPT_REAL(blur_parameters, from, 0.1, 0.01, 10, "least standard deviation in pixels",
                   "SimCLR"),
    CAIRN_OPT_REAL(blur_parameters, to, 2, 0.01, 10, "greatest standard deviation in pixels",
                   "SimCLR"),
    CAIRN_OPT_END,
};

static bool check_blur(const void *parameters, cairn_status *status)
{
    const blur_parameters *p = parameters;
    return p->from <= p->to || cairn__fail(status, CAIRN_ERR_VALUE,
                                           "from is %g, expected at most to, %g", p->from, p->to);
}

/* Weights in 16 bits behind the point; what rounding leaves over goes to the middle, so that a flat
 * picture stays as it is. Cut off at three standard deviations. */
enum { MOST_RADIUS = 30, ONE = 1 << 16 };

static int blur_weights(double sd, int32_t weight[MOST_RADIUS + 1])
{
    int radius = (int)ceil(3 * sd);
    double sum = 1;
    for (int i = 1; i <= radius; i++)
        sum += 2 * exp(-0.5 * i * i / (sd * sd));
    weight[0] = ONE;
    for (int i = 1; i <= radius; i++) {
        weight[i] = (int32_t)(exp(-0.5 * i * i / (sd * sd)) / sum * ONE + 0.5);
        weight[0] -= 2 * weight[i];
    }
    return radius;
}

/* The index inside 0..n-1 that -1, -2, ... or n, n+1, ... mirror, the border not repeated. */
static int64_t mirror(int64_t i, int64_t n)
{
    int64_t period = CAIRN__MAX(2 * (n - 1), 1);
    i = llabs(i) % period;
    return i < n ? i : period - i;
}

/* Along one direction: n pixels that are `step` bytes apart. */
static void blur_line(const unsigned char *from, unsigned char *to, int64_t n, size_t step,
                      const int32_t *weight, int radius)
{
    for (int64_t i = 0; i < n; i++) {
        int32_t sum = ONE / 2 + weight[0] * from[(size_t)i * step];
        for (int k = 1; k <= radius; k++)
            sum += weight[k] *
                   (from[(size_t)mirror(i - k, n) * step] + from[(size_t)mirror(i + k, n) * step]);
        to[(size_t)i * step] = (unsigned char)(sum >> 16);
    }
}

static bool apply_blur(const void *parameters, cairn__work *w, cairn__draws *draws,
                       cairn_status *status)
{
    const blur_parameters *p = parameters;
    cairn_image *i = &w->image;
    if (cairn__draw(draws) >= p->p)
        return true;
    int32_t weight[MOST_RADIUS + 1];
    int radius = blur_weights(cairn__draw_between(draws, p->from, p->to), weight);
    if (!cairn__image_shape(&w->spare, i->width, i->height, i->channels, status))
        return false;
    size_t c = (size_t)i->channels, row = (size_t)i->width * c;
    for (int64_t y = 0; y < i->height; y++)
        for (size_t k = 0; k < c; k++)
            blur_line(i->pixels + (size_t)y * row + k, w->spare.pixels + (size_t)y * row + k,
                      i->width, c, weight, radius);
    for (size_t x = 0; x < row; x++)
        blur_line(w->spare.pixels + x, i->pixels + x, i->height, row, weight, radius);
    return true;
}

const cairn__augmentation cairn__augment_blur = {
    .name = "blur",
    .stage = CAIRN__STAGE_PICTURE,
    .table = blur_table,
    .size = sizeof(blur_parameters),
    .help = "blurs by a normal distribution of random width",
    .source = "SimCLR, appendix A",
    .check = check_blur,
    .apply = apply_blur,
};
