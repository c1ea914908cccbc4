/* Changes of colour and place that several augmentations share, each with the arithmetic of Pillow
 * (ImageEnhance, ImageOps, Image.transform): tests/data/golden/operations.txt holds them to it. */
#ifndef CAIRN_SRC_DATA_COLOUR_H
#define CAIRN_SRC_DATA_COLOUR_H

#include "data/augment.h"

/* Pictures are changed in place. factor 1 changes nothing, 0 gives black, one grey, the picture in
 * grey, or a smoothed one; above 1 goes the other way. */
void cairn__brightness(cairn_image *image, double factor);
void cairn__contrast(cairn_image *image, double factor);
void cairn__saturation(cairn_image *image, double factor);
bool cairn__sharpness(cairn__work *work, double factor, cairn_status *status);

/* Turns the hue by `turns` of the circle of colours. Nothing for grey pictures. */
void cairn__hue(cairn_image *image, double turns);

void cairn__solarise(cairn_image *image, int threshold); /* values from it on are inverted */
void cairn__posterise(cairn_image *image, int bits);     /* keeps the upper bits */
void cairn__autocontrast(cairn_image *image);            /* stretches each channel to 0..255 */
void cairn__equalise(cairn_image *image);                /* flattens each channel's histogram */
void cairn__to_grey(cairn_image *image);                 /* three equal channels */

/* Pixel (x, y) becomes that at m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5] (nearest, centres of
 * pixels at halves), or `fill` where that is outside. */
bool cairn__affine(cairn__work *work, const double m[6], int fill, cairn_status *status);

/* Turns the picture by an angle against the clock, around its middle. */
bool cairn__rotate(cairn__work *work, double degrees, int fill, cairn_status *status);

#endif
