/* Writing protocol buffers: a field is a key (number and kind) and a value.
 *
 * Kinds: 0 a varint (seven bits a byte, lowest first), 1 eight bytes, 2 a length and that many
 * bytes (texts, messages, packed arrays), 5 four bytes. Source: "Encoding", protobuf.dev. */
#include "base/wire.h"

#include <string.h>

enum kind { VARINT = 0, EIGHT = 1, BYTES = 2, FOUR = 5 };

static void varint(cairn__text *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;
    do {
        bytes[n++] = (uint8_t)(value & 127) | (value > 127 ? 128 : 0);
        value >>= 7;
    } while (value);
    cairn__text_add_bytes(out, bytes, n);
}

static void key(cairn__text *out, int field, enum kind kind)
{
    varint(out, (uint64_t)field << 3 | kind);
}

static void eight(cairn__text *out, double value)
{
    uint64_t bits;
    uint8_t bytes[8];
    memcpy(&bits, &value, 8);
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(bits >> 8 * i);
    cairn__text_add_bytes(out, bytes, 8);
}

void cairn__wire_integer(cairn__text *out, int field, int64_t value)
{
    key(out, field, VARINT);
    varint(out, (uint64_t)value);
}

void cairn__wire_double(cairn__text *out, int field, double value)
{
    key(out, field, EIGHT);
    eight(out, value);
}

void cairn__wire_float(cairn__text *out, int field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16),
                        (uint8_t)(bits >> 24)};
    key(out, field, FOUR);
    cairn__text_add_bytes(out, bytes, 4);
}

void cairn__wire_start(cairn__text *out, int field, size_t n)
{
    key(out, field, BYTES);
    varint(out, n);
}

void cairn__wire_bytes(cairn__text *out, int field, const void *bytes, size_t n)
{
    cairn__wire_start(out, field, n);
    if (n)
        cairn__text_add_bytes(out, bytes, n);
}

void cairn__wire_string(cairn__text *out, int field, const char *text)
{
    cairn__wire_bytes(out, field, text, strlen(text));
}

void cairn__wire_doubles(cairn__text *out, int field, const double *values, size_t n)
{
    cairn__wire_start(out, field, 8 * n);
    for (size_t i = 0; i < n; i++)
        eight(out, values[i]);
}

void cairn__wire_message(cairn__text *out, int field, cairn__text *part)
{
    if (part->failed)
        out->failed = true;
    cairn__wire_bytes(out, field, part->data, part->length);
    part->length = 0;
}
