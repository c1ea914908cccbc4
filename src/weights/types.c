/* Stored types to f32. A block of GGUF is a scale, or two levels of them, and small integers:
 *
 *     q4_0, q5_0, q8_0   32 numbers, one scale d: x = d q
 *     q4_1, q5_1         32 numbers, a scale and a minimum: x = d q + m
 *     q2_K               256 numbers in 16 parts: x = d s q - m t, 4-bit s and t of each part
 *     q3_K               256 numbers in 16 parts: x = d s q, 6-bit s of each part
 *     q4_K, q5_K         256 numbers in 8 parts: x = d s q - m t, 6-bit s and t of each part
 *     q6_K               256 numbers in 16 parts: x = d s q, 8-bit s of each part
 *
 * Values are little endian. Source: the tables of https://github.com/ggml-org/ggml. */
#include <math.h>
#include <string.h>

#include "weights/weights.h"

static unsigned u16(const unsigned char *b)
{
    return (unsigned)b[0] | (unsigned)b[1] << 8;
}

/* IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of mantissa. */
static float half(const unsigned char *b)
{
    const unsigned bits = u16(b), exponent = bits >> 10 & 31, mantissa = bits & 1023;
    float x = exponent == 0    ? ldexpf((float)mantissa, -24)
              : exponent == 31 ? (mantissa ? NAN : INFINITY)
                               : ldexpf((float)(mantissa | 1024), (int)exponent - 25);
    return bits >> 15 ? -x : x;
}

static void decode_f32(const unsigned char *from, int64_t blocks, float *to)
{
    memcpy(to, from, (size_t)blocks * sizeof *to);
}

static void decode_f16(const unsigned char *from, int64_t blocks, float *to)
{
    for (int64_t i = 0; i < blocks; i++)
        to[i] = half(from + 2 * i);
}

/* The upper half of an f32. */
static void decode_bf16(const unsigned char *from, int64_t blocks, float *to)
{
    for (int64_t i = 0; i < blocks; i++) {
        uint32_t bits = u16(from + 2 * i) << 16;
        memcpy(&to[i], &bits, sizeof bits);
    }
}

static void decode_q8_0(const unsigned char *from, int64_t blocks, float *to)
{
    for (; blocks > 0; blocks--, from += 34, to += 32)
        for (int i = 0; i < 32; i++)
            to[i] = half(from) * (float)(signed char)from[2 + i];
}

/* The lower four bits of 16 bytes are the first half of the block, the upper ones the second. */
static void decode_q4_0(const unsigned char *from, int64_t blocks, float *to)
{
    for (; blocks > 0; blocks--, from += 18, to += 32)
        for (int i = 0; i < 32; i++) {
            int q = from[2 + i % 16] >> (i < 16 ? 0 : 4) & 15;
            to[i] = half(from) * (float)(q - 8);
        }
}

static void decode_q4_1(const unsigned char *from, int64_t blocks, float *to)
{
    for (; blocks > 0; blocks--, from += 20, to += 32)
        for (int i = 0; i < 32; i++) {
            int q = from[4 + i % 16] >> (i < 16 ? 0 : 4) & 15;
            to[i] = half(from) * (float)q + half(from + 2);
        }
}

/* The same with a fifth bit in four bytes before. */
static void decode_q5_0(const unsigned char *from, int64_t blocks, float *to)
{
    for (; blocks > 0; blocks--, from += 22, to += 32)
        for (int i = 0; i < 32; i++) {
            int q = from[6 + i % 16] >> (i < 16 ? 0 : 4) & 15;
            q |= (from[2 + i / 8] >> i % 8 & 1) << 4;
            to[i] = half(from) * (float)(q - 16);
        }
}

static void decode_q5_1(const unsigned char *from, int64_t blocks, float *to)
{
    for (; blocks > 0; blocks--, from += 24, to += 32)
        for (int i = 0; i < 32; i++) {
            int q = from[8 + i % 16] >> (i < 16 ? 0 : 4) & 15;
            q |= (from[4 + i / 8] >> i % 8 & 1) << 4;
            to[i] = half(from) * (float)q + half(from + 2);
        }
}

/* The two lower bits of number i, of which 64 bytes hold 256: two halves of 128, where byte l of 32
 * holds numbers l, 32 + l, 64 + l and 96 + l. */
static int two_bits(const unsigned char *low, int i)
{
    return low[i / 128 * 32 + i % 32] >> 2 * (i % 128 / 32) & 3;
}

static void decode_q2_k(const unsigned char *from, int64_t blocks, float *to)
{
    for (; blocks > 0; blocks--, from += 84, to += 256)
        for (int i = 0; i < 256; i++) {
            const float scale = half(from + 80) * (float)(from[i / 16] & 15);
            const float minimum = half(from + 82) * (float)(from[i / 16] >> 4);
            to[i] = scale * (float)two_bits(from + 16, i) - minimum;
        }
}

/* A third bit of number i is bit i / 32 of byte i % 32: 4 less where it is not set. Scales have
 * their lower four bits in 8 bytes, the first eight in the lower halves, and two more in the next 4
 * bytes, at bit 2 (part / 4). */
static void decode_q3_k(const unsigned char *from, int64_t blocks, float *to)
{
    for (; blocks > 0; blocks--, from += 110, to += 256)
        for (int i = 0; i < 256; i++) {
            const unsigned char *scales = from + 96;
            const int part = i / 16;
            int s = scales[part % 8] >> (part < 8 ? 0 : 4) & 15;
            s |= (scales[8 + part % 4] >> 2 * (part / 4) & 3) << 4;
            int q = two_bits(from + 32, i) - (from[i % 32] >> i / 32 & 1 ? 0 : 4);
            to[i] = half(from + 108) * (float)(s - 32) * (float)q;
        }
}

/* Scale and minimum of part j of 8, six bits each in 12 bytes: of the first four parts in the lower
 * bits of bytes j and j + 4; of the others four bits in byte j + 4, and two above those of j - 4.
 */
static void part_scales(const unsigned char *b, int j, float *scale, float *minimum)
{
    int s = j < 4 ? b[j] & 63 : (b[j + 4] & 15) | (b[j - 4] >> 6) << 4;
    int m = j < 4 ? b[j + 4] & 63 : b[j + 4] >> 4 | (b[j] >> 6) << 4;
    *scale = (float)s;
    *minimum = (float)m;
}

/* Part j: 32 four-bit numbers in the lower (j even) or upper half of 32 bytes; a fifth bit, where
 * there is one, is bit j of 32 bytes `high`. */
static void decode_parts(const unsigned char *block, const unsigned char *high,
                         const unsigned char *low, float *to)
{
    const float d = half(block), dm = half(block + 2);
    for (int j = 0; j < 8; j++) {
        float scale, minimum;
        part_scales(block + 4, j, &scale, &minimum);
        scale *= d;
        minimum *= dm;
        for (int i = 0; i < 32; i++) {
            int q = low[32 * (j / 2) + i] >> 4 * (j % 2) & 15;
            q |= high ? (high[i] >> j & 1) << 4 : 0;
            to[32 * j + i] = scale * (float)q - minimum;
        }
    }
}

static void decode_q4_k(const unsigned char *from, int64_t blocks, float *to)
{
    for (; blocks > 0; blocks--, from += 144, to += 256)
        decode_parts(from, NULL, from + 16, to);
}

static void decode_q5_k(const unsigned char *from, int64_t blocks, float *to)
{
    for (; blocks > 0; blocks--, from += 176, to += 256)
        decode_parts(from, from + 16, from + 48, to);
}

/* Two halves of 128: number i has its lower four bits in byte i % 64 of 64, in the upper part of it
 * from i = 64 on, and two more in byte i % 32 of 32, at bit 2 (i / 32). */
static void decode_q6_k(const unsigned char *from, int64_t blocks, float *to)
{
    for (; blocks > 0; blocks--, from += 210, to += 256)
        for (int i = 0; i < 256; i++) {
            const int part = i / 128, k = i % 128;
            const unsigned char *low = from + 64 * part, *high = from + 128 + 32 * part;
            int q = low[k % 64] >> 4 * (k / 64) & 15;
            q |= (high[k % 32] >> 2 * (k / 32) & 3) << 4;
            to[i] = half(from + 208) * (float)(signed char)from[192 + i / 16] * (float)(q - 32);
        }
}

/* All types that a file may hold, so that a tensor of one that cannot be read is still described
 * and checked. */
static const cairn__weight_type types[] = {
    {"f32", 0, 1, 4, decode_f32},
    {"f16", 1, 1, 2, decode_f16},
    {"q4_0", 2, 32, 18, decode_q4_0},
    {"q4_1", 3, 32, 20, decode_q4_1},
    {"q5_0", 6, 32, 22, decode_q5_0},
    {"q5_1", 7, 32, 24, decode_q5_1},
    {"q8_0", 8, 32, 34, decode_q8_0},
    {"q2_K", 10, 256, 84, decode_q2_k},
    {"q3_K", 11, 256, 110, decode_q3_k},
    {"q4_K", 12, 256, 144, decode_q4_k},
    {"q5_K", 13, 256, 176, decode_q5_k},
    {"q6_K", 14, 256, 210, decode_q6_k},
    {"q8_K", 15, 256, 292, NULL},
    {"i8", 24, 1, 1, NULL},
    {"i16", 25, 1, 2, NULL},
    {"i32", 26, 1, 4, NULL},
    {"i64", 27, 1, 8, NULL},
    {"f64", 28, 1, 8, NULL},
    {"bf16", 30, 1, 2, decode_bf16},
};

const cairn__weight_type *cairn__weight_type_gguf(uint32_t number)
{
    for (size_t i = 0; i < CAIRN__COUNT(types); i++)
        if ((uint32_t)types[i].gguf == number)
            return &types[i];
    return NULL;
}

const cairn__weight_type *cairn__weight_type_named(const char *name)
{
    for (size_t i = 0; i < CAIRN__COUNT(types); i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}
