/* What tests of pictures share with tools/golden/pictures.py. */
#ifndef CAIRN_TESTS_DATA_PICTURES_H
#define CAIRN_TESTS_DATA_PICTURES_H

#include "data/image.h"
#include "test.h"

#define FOLDER TEST_SOURCES "/data/golden/pictures/"

/* FNV-1a of the pixels. */
static inline uint64_t hash(const cairn_image *image)
{
    uint64_t value = 14695981039346656037u;
    size_t n = (size_t)(image->width * image->height * image->channels);
    for (size_t i = 0; i < n; i++)
        value = (value ^ image->pixels[i]) * 1099511628211u;
    return value;
}

/* The picture of tools/golden/pictures.py. */
static inline void make_picture(cairn_image *image, int width, int height, int channels)
{
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(cairn__image_shape(image, width, height, channels, &status));
    uint64_t n = (uint64_t)(width * height * channels);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t noise = ((i * 2654435761u + i * i * 40503u) & 0xFFFFFFFFu) >> 24;
        image->pixels[i] = (unsigned char)((noise >> 1) + ((i * 255 / n) >> 1));
    }
}

#endif
