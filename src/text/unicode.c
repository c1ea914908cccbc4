/* Characters and their classes. The table is generated: see tools/unicode-classes. */
#include "data/json.h"
#include "text/vocabulary.h"

static const struct {
    int32_t from, to;
    cairn__class class;
} ranges[] = {
#define CAIRN_X(from, to, name) {from, to, CAIRN__CLASS_##name},
#include "text/unicode.def"
#undef CAIRN_X
};

cairn__class cairn__class_of(int32_t code)
{
    size_t low = 0, high = CAIRN__COUNT(ranges);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges[middle].to < code)
            low = middle + 1;
        else
            high = middle;
    }
    bool inside = low < CAIRN__COUNT(ranges) && ranges[low].from <= code;
    return inside ? ranges[low].class : CAIRN__CLASS_OTHER;
}

size_t cairn__character(const char *bytes, size_t n, int32_t *code)
{
    const unsigned char *b = (const unsigned char *)bytes;
    const size_t length = b[0] < 0x80 ? 1 : b[0] < 0xE0 ? 2 : b[0] < 0xF0 ? 3 : 4;
    static const unsigned char mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    *code = -1;
    if (length > n || cairn__utf8_prefix(bytes, length) != length)
        return 1;
    *code = b[0] & mask[length];
    for (size_t i = 1; i < length; i++)
        *code = *code << 6 | (b[i] & 0x3F);
    return length;
}
