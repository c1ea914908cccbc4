/* The bounded reader: see span.h. */
#include "data/span.h"

cairn__reader cairn__reader_new(const void *bytes, size_t size, const char *name,
                                cairn_status *status)
{
    return (cairn__reader){
        .bytes = bytes, .size = size, .name = name, .status = status, .failed = !cairn_ok(status)};
}

size_t cairn__left(const cairn__reader *reader)
{
    return reader->size - reader->at;
}

const unsigned char *cairn__take_array(cairn__reader *reader, size_t n, size_t size,
                                       const char *field)
{
    size_t bytes;
    if (reader->failed)
        return NULL;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        cairn__fail(reader->status, CAIRN_ERR_FORMAT,
                    "%s: offset %zu: %s: %zu elements of %zu bytes are more than memory can hold",
                    reader->name, reader->at, field, n, size);
        reader->failed = true;
        return NULL;
    }
    if (bytes > cairn__left(reader)) {
        cairn__fail(reader->status, CAIRN_ERR_FORMAT,
                    "%s: offset %zu: %s: %zu bytes, but the data end after %zu", reader->name,
                    reader->at, field, bytes, cairn__left(reader));
        reader->failed = true;
        return NULL;
    }
    const unsigned char *taken = reader->bytes + reader->at;
    reader->at += bytes;
    return taken;
}

const unsigned char *cairn__take(cairn__reader *reader, size_t n, const char *field)
{
    return cairn__take_array(reader, n, 1, field);
}

static uint64_t little(cairn__reader *reader, int bytes, const char *field)
{
    const unsigned char *from = cairn__take(reader, (size_t)bytes, field);
    uint64_t value = 0;
    for (int i = bytes - 1; from && i >= 0; i--)
        value = value << 8 | from[i];
    return value;
}

static uint64_t big(cairn__reader *reader, int bytes, const char *field)
{
    const unsigned char *from = cairn__take(reader, (size_t)bytes, field);
    uint64_t value = 0;
    for (int i = 0; from && i < bytes; i++)
        value = value << 8 | from[i];
    return value;
}

uint8_t cairn__take_u8(cairn__reader *reader, const char *field)
{
    return (uint8_t)little(reader, 1, field);
}

uint16_t cairn__take_u16_le(cairn__reader *reader, const char *field)
{
    return (uint16_t)little(reader, 2, field);
}

uint16_t cairn__take_u16_be(cairn__reader *reader, const char *field)
{
    return (uint16_t)big(reader, 2, field);
}

uint32_t cairn__take_u32_le(cairn__reader *reader, const char *field)
{
    return (uint32_t)little(reader, 4, field);
}

uint32_t cairn__take_u32_be(cairn__reader *reader, const char *field)
{
    return (uint32_t)big(reader, 4, field);
}

uint64_t cairn__take_u64_le(cairn__reader *reader, const char *field)
{
    return little(reader, 8, field);
}

uint64_t cairn__take_u64_be(cairn__reader *reader, const char *field)
{
    return big(reader, 8, field);
}

bool cairn__take_end(cairn__reader *reader, const char *after)
{
    if (!reader->failed && cairn__left(reader) > 0) {
        cairn__fail(reader->status, CAIRN_ERR_FORMAT, "%s: offset %zu: %zu bytes too many after %s",
                    reader->name, reader->at, cairn__left(reader), after);
        reader->failed = true;
    }
    return !reader->failed;
}
