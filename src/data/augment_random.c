/* RandAugment: n of 14 changes, drawn with replacement, all of magnitude m.
 *
 * Magnitudes run from 0 to 10 as in the paper; each change maps them to its own range, that of
 * AutoAugment (Cubuk et al. 2018, table 6). Changes with two directions draw the sign.
 *
 * Source: Cubuk, Zoph, Shlens, Le 2019, "RandAugment". arXiv:1909.13719 */
#include <math.h>

#include "data/colour.h"

enum { GREY = 128 }; /* what comes in from outside the picture */

typedef bool change(cairn__work *w, double part, double sign, cairn_status *status);

static bool identity(cairn__work *w, double part, double sign, cairn_status *status)
{
    (void)w, (void)part, (void)sign, (void)status;
    return true;
}

static bool auto_contrast(cairn__work *w, double part, double sign, cairn_status *status)
{
    (void)part, (void)sign, (void)status;
    cairn__autocontrast(&w->image);
    return true;
}

static bool equalise(cairn__work *w, double part, double sign, cairn_status *status)
{
    (void)part, (void)sign, (void)status;
    cairn__equalise(&w->image);
    return true;
}

static bool rotate(cairn__work *w, double part, double sign, cairn_status *status)
{
    return cairn__rotate(w, sign * 30 * part, GREY, status);
}

static bool solarise(cairn__work *w, double part, double sign, cairn_status *status)
{
    (void)sign, (void)status;
    cairn__solarise(&w->image, (int)(256 - 256 * part));
    return true;
}

static bool colour(cairn__work *w, double part, double sign, cairn_status *status)
{
    (void)status;
    cairn__saturation(&w->image, 1 + sign * 0.9 * part);
    return true;
}

static bool posterise(cairn__work *w, double part, double sign, cairn_status *status)
{
    (void)sign, (void)status;
    cairn__posterise(&w->image, 8 - (int)nearbyint(4 * part));
    return true;
}

static bool contrast(cairn__work *w, double part, double sign, cairn_status *status)
{
    (void)status;
    cairn__contrast(&w->image, 1 + sign * 0.9 * part);
    return true;
}

static bool brightness(cairn__work *w, double part, double sign, cairn_status *status)
{
    (void)status;
    cairn__brightness(&w->image, 1 + sign * 0.9 * part);
    return true;
}

static bool sharpness(cairn__work *w, double part, double sign, cairn_status *status)
{
    return cairn__sharpness(w, 1 + sign * 0.9 * part, status);
}

static bool shear_x(cairn__work *w, double part, double sign, cairn_status *status)
{
    return cairn__affine(w, (double[]){1, sign * 0.3 * part, 0, 0, 1, 0}, GREY, status);
}

static bool shear_y(cairn__work *w, double part, double sign, cairn_status *status)
{
    return cairn__affine(w, (double[]){1, 0, 0, sign * 0.3 * part, 1, 0}, GREY, status);
}

/* AutoAugment moves pictures of 331 pixels by at most 150. */
static bool translate_x(cairn__work *w, double part, double sign, cairn_status *status)
{
    double by = sign * nearbyint(part * 150 / 331 * (double)w->image.width);
    return cairn__affine(w, (double[]){1, 0, by, 0, 1, 0}, GREY, status);
}

static bool translate_y(cairn__work *w, double part, double sign, cairn_status *status)
{
    double by = sign * nearbyint(part * 150 / 331 * (double)w->image.height);
    return cairn__affine(w, (double[]){1, 0, 0, 0, 1, by}, GREY, status);
}

static change *const changes[] = {
    identity, auto_contrast, equalise,  rotate,  solarise, colour,      posterise,
    contrast, brightness,    sharpness, shear_x, shear_y,  translate_x, translate_y,
};

typedef struct randaugment_parameters {
    int64_t n;
    double m;
} randaugment_parameters;

static const cairn_option table[] = {
    CAIRN_OPT_COUNT(randaugment_parameters, n, 2, 0, 32, "changes to each picture",
                    "section 4.4, ResNet-50"),
    CAIRN_OPT_REAL(randaugment_parameters, m, 9, 0, 10, "magnitude", "section 4.4, ResNet-50"),
    CAIRN_OPT_END,
};

static bool apply(const void *parameters, cairn__work *w, cairn__draws *draws, cairn_status *status)
{
    const randaugment_parameters *p = parameters;
    for (int64_t i = 0; i < p->n; i++) {
        int64_t which = cairn__draw_below(draws, (int64_t)CAIRN__COUNT(changes));
        double sign = cairn__draw(draws) < 0.5 ? -1 : 1;
        if (!changes[which](w, p->m / 10, sign, status))
            return false;
    }
    return true;
}

const cairn__augmentation cairn__augment_randaugment = {
    .name = "randaugment",
    .stage = CAIRN__STAGE_PICTURE,
    .table = table,
    .size = sizeof(randaugment_parameters),
    .help = "n of 14 changes of colour and place, drawn anew for each picture",
    .source = "arXiv:1909.13719",
    .apply = apply,
};
