/* IDX, all numbers big endian:
 *
 *     00 00 type rank | size 0 (u32) | ... | size rank-1 | elements, row-major
 *
 * Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "File formats". */
#include "data/idx.h"

#include <string.h>

#include "data/span.h"

static const struct {
    uint8_t code;
    cairn_data_type type;
} codes[] = {
    {0x08, CAIRN_DATA_U8},  {0x09, CAIRN_DATA_I8},  {0x0b, CAIRN_DATA_I16},
    {0x0c, CAIRN_DATA_I32}, {0x0d, CAIRN_DATA_F32}, {0x0e, CAIRN_DATA_F64},
};

bool cairn__is_idx(const void *bytes, size_t size)
{
    return size >= 2 && memcmp(bytes, "\0\0", 2) == 0;
}

static bool take_type(cairn__reader *r, cairn_data_type *type)
{
    uint8_t code = cairn__take_u8(r, "type");
    for (size_t i = 0; i < CAIRN__COUNT(codes); i++) {
        if (codes[i].code == code) {
            *type = codes[i].type;
            return true;
        }
    }
    if (!r->failed)
        cairn__fail(r->status, CAIRN_ERR_FORMAT,
                    "%s: offset 2: type 0x%02x, expected one of 0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e",
                    r->name, code);
    r->failed = true;
    return false;
}

static bool take_head(cairn__reader *r, cairn_field *field)
{
    uint16_t magic = cairn__take_u16_be(r, "magic");
    if (!r->failed && magic != 0) {
        r->failed = true;
        return cairn__fail(r->status, CAIRN_ERR_FORMAT,
                           "%s: starts with bytes %02x %02x, expected 00 00 as in IDX", r->name,
                           magic >> 8, magic & 0xff);
    }
    if (!take_type(r, &field->type))
        return false;
    field->rank = cairn__take_u8(r, "number of dimensions");
    if (!r->failed && (field->rank < 1 || field->rank > CAIRN_FIELD_RANK)) {
        r->failed = true;
        return cairn__fail(r->status, CAIRN_ERR_FORMAT,
                           "%s: offset 3: %d dimensions, expected 1 to %d", r->name, field->rank,
                           CAIRN_FIELD_RANK);
    }
    for (int i = 0; i < field->rank && !r->failed; i++)
        field->shape[i] = cairn__take_u32_be(r, "size of a dimension");
    return !r->failed;
}

/* Copies n elements of `bytes` bytes, the last byte first. */
static void copy_swapped(unsigned char *to, const unsigned char *from, size_t n, size_t bytes)
{
    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < bytes; b++)
            to[i * bytes + b] = from[i * bytes + (bytes - 1 - b)];
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "copy_swapped() assumes little endian");

bool cairn__idx_parse(const void *bytes, size_t size, const char *name, cairn_field *field,
                      cairn_status *status)
{
    cairn__reader r = cairn__reader_new(bytes, size, name, status);
    cairn_field f = {0};
    int64_t elements;
    size_t total;
    if (!take_head(&r, &f))
        return false;
    if (!cairn__field_size(&f, &elements, &total))
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: offset 4: the sizes of %d dimensions multiply to more than memory "
                           "can hold",
                           name, f.rank);
    size_t unit = cairn_data_type_bytes(f.type);
    const unsigned char *from = cairn__take_array(&r, (size_t)elements, unit, "elements");
    if (!cairn__take_end(&r, "the elements"))
        return false;
    unsigned char *data = cairn__alloc(total, 1, status);
    if (!data)
        return false;
    if (unit == 1)
        memcpy(data, from, total);
    else
        copy_swapped(data, from, (size_t)elements, unit);
    f.data = data;
    *field = f;
    return true;
}
