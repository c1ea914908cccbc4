/* Record files: CRC-32C and framing, as TensorBoard and TFRecord files have them.
 *
 *   length u64 | masked CRC of the length u32 | data | masked CRC of the data u32   little-endian
 *
 * Source: RFC 3720, appendix B.4 (the CRC's known answers); the mask is TensorFlow's, made so that
 * the CRC of data that contains CRCs stays meaningful. */
#include "report/report.h"

/* Half a byte at a time: a table of 16 entries, for the reversed polynomial 0x82F63B78. Records are
 * small and few; speed does not matter here. */
uint32_t cairn__crc32c(const void *bytes, size_t n)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3,
        0x61C69362, 0x7198540D, 0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9,
        0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
    };
    const uint8_t *byte = bytes;
    uint32_t crc = ~(uint32_t)0;
    for (size_t i = 0; i < n; i++) {
        crc = table[(crc ^ byte[i]) & 15] ^ crc >> 4;
        crc = table[(crc ^ byte[i] >> 4) & 15] ^ crc >> 4;
    }
    return ~crc;
}

uint32_t cairn__crc32c_masked(const void *bytes, size_t n)
{
    uint32_t crc = cairn__crc32c(bytes, n);
    return (crc >> 15 | crc << 17) + 0xA282EAD8;
}

static void add_little_endian(cairn__text *out, uint64_t value, size_t bytes)
{
    uint8_t all[8];
    for (size_t i = 0; i < 8; i++)
        all[i] = (uint8_t)(value >> 8 * i);
    cairn__text_add_bytes(out, all, bytes);
}

void cairn__record(cairn__text *out, const void *data, size_t n)
{
    size_t start = out->length;
    add_little_endian(out, n, 8);
    if (!out->failed)
        add_little_endian(out, cairn__crc32c_masked(out->data + start, 8), 4);
    cairn__text_add_bytes(out, data, n);
    add_little_endian(out, cairn__crc32c_masked(data, n), 4);
}
