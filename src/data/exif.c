/* Orientation by EXIF. The segment holds "Exif", two zeros, and a TIFF file:
 *
 *     II or MM | 42 (u16) | offset of the first directory (u32)
 *     directory: entries (u16), each: tag (u16) | type (u16) | count (u32) | value or offset (4)
 *
 * Source: CIPA DC-008 (Exif 2.32), sections 4.5.2 and 4.6.4 (tag 0x0112); TIFF 6.0, section 2. */
#include "data/exif.h"

#include <string.h>

#include "data/image.h"
#include "data/span.h"

enum { ORIENTATION = 0x0112, SHORT = 3, ENTRY = 12, HEAD = 6 };

static uint32_t take(cairn__reader *r, bool big, int bytes)
{
    if (bytes == 2)
        return big ? cairn__take_u16_be(r, "exif") : cairn__take_u16_le(r, "exif");
    return big ? cairn__take_u32_be(r, "exif") : cairn__take_u32_le(r, "exif");
}

/* The value of an entry, 0 when it is another tag's. */
static uint32_t take_entry(cairn__reader *r, bool big)
{
    uint32_t tag = take(r, big, 2), type = take(r, big, 2), count = take(r, big, 4);
    uint32_t value = take(r, big, 2);
    cairn__take(r, 2, "exif");
    return !r->failed && tag == ORIENTATION && type == SHORT && count == 1 ? value : 0;
}

int cairn__exif_orientation(const void *bytes, size_t size)
{
    if (size < HEAD || memcmp(bytes, "Exif\0\0", HEAD) != 0)
        return 1;
    cairn__reader r =
        cairn__reader_new((const unsigned char *)bytes + HEAD, size - HEAD, "exif", NULL);
    const unsigned char *order = cairn__take(&r, 2, "exif");
    if (!order || (memcmp(order, "II", 2) != 0 && memcmp(order, "MM", 2) != 0))
        return 1;
    bool big = order[0] == 'M';
    if (take(&r, big, 2) != 42)
        return 1;
    uint32_t offset = take(&r, big, 4);
    if (r.failed || offset < 8)
        return 1;
    cairn__take(&r, offset - 8, "exif");
    uint32_t entries = take(&r, big, 2), value = 0;
    for (uint32_t i = 0; i < entries && !r.failed && !value; i++)
        value = take_entry(&r, big);
    return value >= 1 && value <= 8 ? (int)value : 1;
}

/* Of each orientation: does the stored row run along the columns of what is seen, and do x and y of
 * what is stored run backwards? */
static const struct {
    bool swap, back_x, back_y;
} ways[] = {
    [1] = {false, false, false}, [2] = {false, true, false}, [3] = {false, true, true},
    [4] = {false, false, true},  [5] = {true, false, false}, [6] = {true, false, true},
    [7] = {true, true, true},    [8] = {true, true, false},
};

bool cairn__image_orient(cairn_image *image, int orientation, cairn_status *status)
{
    cairn_image turned = {0};
    if (orientation <= 1 || orientation > 8)
        return true;
    bool swap = ways[orientation].swap;
    int64_t w = swap ? image->height : image->width, h = swap ? image->width : image->height;
    size_t channels = (size_t)image->channels;
    if (!cairn__image_shape(&turned, w, h, image->channels, status))
        return false;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            int64_t from_x = swap ? y : x, from_y = swap ? x : y;
            if (ways[orientation].back_x)
                from_x = image->width - 1 - from_x;
            if (ways[orientation].back_y)
                from_y = image->height - 1 - from_y;
            memcpy(turned.pixels + (size_t)(y * w + x) * channels,
                   image->pixels + (size_t)(from_y * image->width + from_x) * channels, channels);
        }
    cairn__image_swap(image, &turned);
    cairn_image_free(&turned);
    return true;
}
