/* The passes of a resize. A pixel has 8 bits and a weight 22, so a product needs 32; there is no
 * fast one of that width. But w = 4096 h + l splits into two halves for the instruction that
 * multiplies 16-bit pairs and adds them, so that the sum over taps is 4096 (sum of h p) + (sum of
 * l p), modulo 2^32 and therefore exact.
 *
 * Rows: each 128 bits hold four pixels of a row of their own, sorted as r r g g b b for two taps:
 * 2 or 4 rows at a time share the weights. Columns: bytes of two rows interleaved. */
#include "data/resize.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif
#include <stdbool.h>
#include <string.h>

enum { BITS = CAIRN__RESIZE_BITS, ROUND = 1 << (BITS - 1) };

static inline unsigned char to_byte(int32_t sum)
{
    sum >>= BITS;
    return (unsigned char)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* ---- plain ----------------------------------------------------------------------------------- */

/* Outputs begin .. end-1 of one row. The sums of three channels share the weights. */
static void row_plain(const unsigned char *from, const cairn__taps *t, int64_t begin, int64_t end,
                      unsigned char *to)
{
    for (int64_t i = begin; i < end; i++) {
        const unsigned char *p = from + 3 * (size_t)t->first[i];
        const int32_t *w = t->weight + i * t->most;
        int32_t r = ROUND, g = r, b = r;
        for (int32_t x = 0; x < t->count[i]; x++, p += 3) {
            r += w[x] * p[0];
            g += w[x] * p[1];
            b += w[x] * p[2];
        }
        to[3 * i] = to_byte(r);
        to[3 * i + 1] = to_byte(g);
        to[3 * i + 2] = to_byte(b);
    }
}

/* Pieces stay in registers and cache: every tap is a row that is read straight on. */
enum { PIECE = 128 };

static void piece_plain(const unsigned char *from, size_t stride, const int32_t *w, int32_t n,
                        size_t m, unsigned char *to)
{
    int32_t sums[PIECE];
    for (size_t x = 0; x < m; x++)
        sums[x] = ROUND;
    for (int32_t k = 0; k < n; k++, from += stride)
        for (size_t x = 0; x < m; x++)
            sums[x] += w[k] * from[x];
    for (size_t x = 0; x < m; x++)
        to[x] = to_byte(sums[x]);
}

/* ---- vectors --------------------------------------------------------------------------------- */

#if defined(__AVX512BW__)
typedef __m512i vector;
#define V(name) _mm512_##name
#define ZERO _mm512_setzero_si512()
#elif defined(__AVX2__)
typedef __m256i vector;
#define V(name) _mm256_##name
#define ZERO _mm256_setzero_si256()
#endif

#if defined(__AVX2__)
enum { BYTES = sizeof(vector), LANES = BYTES / 16 };

static inline vector load(const void *from)
{
    vector v;
    memcpy(&v, from, sizeof v);
    return v;
}

static inline vector finish(vector high, vector low)
{
    return V(srai_epi32)(V(add_epi32)(V(slli_epi32)(high, 12), low), BITS);
}

/* 16 bytes of each of LANES rows. */
static inline vector load_rows(const unsigned char *from, size_t stride)
{
    __m128i part[LANES];
    for (int k = 0; k < LANES; k++)
        part[k] = _mm_loadu_si128((const void *)(from + (size_t)k * stride));
#if defined(__AVX512BW__)
    __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(part[0]), part[1], 1);
    __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(part[2]), part[3], 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
#else
    return _mm256_inserti128_si256(_mm256_castsi128_si256(part[0]), part[1], 1);
#endif
}

/* The first 32 bits of each lane, of which the last of a row has only 3 bytes. */
static inline void store_rows(vector v, unsigned char *to, size_t stride, bool last)
{
    uint32_t words[LANES];
#if defined(__AVX512BW__)
    __m128i low = _mm512_castsi512_si128(v);
    words[0] = (uint32_t)_mm_cvtsi128_si32(low);
    words[1] = (uint32_t)_mm_cvtsi128_si32(_mm512_extracti32x4_epi32(v, 1));
    words[2] = (uint32_t)_mm_cvtsi128_si32(_mm512_extracti32x4_epi32(v, 2));
    words[3] = (uint32_t)_mm_cvtsi128_si32(_mm512_extracti32x4_epi32(v, 3));
#else
    words[0] = (uint32_t)_mm_cvtsi128_si32(_mm256_castsi256_si128(v));
    words[1] = (uint32_t)_mm_cvtsi128_si32(_mm256_extracti128_si256(v, 1));
#endif
    for (int k = 0; k < LANES; k++)
        if (last)
            memcpy(to + (size_t)k * stride, &words[k], 3);
        else
            memcpy(to + (size_t)k * stride, &words[k], 4);
}

static inline vector both(const int16_t *halves)
{
    int32_t pair;
    memcpy(&pair, halves, sizeof pair);
    return V(set1_epi32)(pair);
}

/* Outputs 0 .. n-1 of LANES rows. A load takes four pixels and four bytes more, which the caller
 * knows to be there; storing four bytes for three is put right by the pixel after it. */
static void rows_vector(const unsigned char *from, size_t stride, const cairn__taps *t, int64_t n,
                        unsigned char *to)
{
    const char none = -1;
    const __m128i first =
        _mm_setr_epi8(0, none, 3, none, 1, none, 4, none, 2, none, 5, none, none, none, none, none);
    const __m128i second = _mm_setr_epi8(6, none, 9, none, 7, none, 10, none, 8, none, 11, none,
                                         none, none, none, none);
#if defined(__AVX512BW__)
    const vector pick01 = _mm512_broadcast_i32x4(first), pick23 = _mm512_broadcast_i32x4(second);
#else
    const vector pick01 = _mm256_broadcastsi128_si256(first);
    const vector pick23 = _mm256_broadcastsi128_si256(second);
#endif
    size_t to_stride = 3 * (size_t)t->n;
    for (int64_t i = 0; i < n; i++) {
        const unsigned char *p = from + 3 * (size_t)t->first[i];
        const int16_t *w = t->halves + 2 * i * t->most;
        vector high = ZERO, low = V(set1_epi32)(ROUND);
        for (int32_t x = 0; x < t->count[i]; x += 4, p += 12, w += 8) {
            vector pixels = load_rows(p, stride);
            vector one = V(shuffle_epi8)(pixels, pick01), two = V(shuffle_epi8)(pixels, pick23);
            high = V(add_epi32)(high, V(madd_epi16)(one, both(w)));
            low = V(add_epi32)(low, V(madd_epi16)(one, both(w + 2)));
            high = V(add_epi32)(high, V(madd_epi16)(two, both(w + 4)));
            low = V(add_epi32)(low, V(madd_epi16)(two, both(w + 6)));
        }
        vector sum = finish(high, low);
        sum = V(packs_epi32)(sum, sum);
        sum = V(packus_epi16)(sum, sum);
        store_rows(sum, to + 3 * i, to_stride, i + 1 == t->n);
    }
}

/* Outputs whose loads stay inside a row; those behind them are done plainly. */
static int64_t count_safe(const cairn__taps *t, int64_t width)
{
    for (int64_t i = 0; i < t->n; i++)
        if (3 * (t->first[i] + (int64_t)(t->count[i] + 3) / 4 * 4) + 4 > 3 * width)
            return i;
    return t->n;
}

/* BYTES bytes of one output row. */
static inline void piece_vector(const unsigned char *from, size_t stride, const int32_t *w,
                                int32_t n, unsigned char *to)
{
    vector high[4], low[4];
    for (int q = 0; q < 4; q++) {
        high[q] = ZERO;
        low[q] = V(set1_epi32)(ROUND);
    }
    for (int32_t k = 0; k < n; k += 2) {
        /* An odd last row is its own partner, with weight 0. */
        int32_t w1 = k + 1 < n ? w[k + 1] : 0;
        const unsigned char *p = from + (size_t)k * stride, *p1 = k + 1 < n ? p + stride : p;
        vector h = V(set1_epi32)((int32_t)((uint32_t)(w1 >> 12) << 16 | (uint16_t)(w[k] >> 12)));
        vector l = V(set1_epi32)((w1 & 4095) << 16 | (w[k] & 4095));
        vector a = load(p), b = load(p1);
        vector front = V(unpacklo_epi8)(a, b), back = V(unpackhi_epi8)(a, b);
        const vector pairs[4] = {V(unpacklo_epi8)(front, ZERO), V(unpackhi_epi8)(front, ZERO),
                                 V(unpacklo_epi8)(back, ZERO), V(unpackhi_epi8)(back, ZERO)};
        for (int q = 0; q < 4; q++) {
            high[q] = V(add_epi32)(high[q], V(madd_epi16)(pairs[q], h));
            low[q] = V(add_epi32)(low[q], V(madd_epi16)(pairs[q], l));
        }
    }
    vector front = V(packs_epi32)(finish(high[0], low[0]), finish(high[1], low[1]));
    vector back = V(packs_epi32)(finish(high[2], low[2]), finish(high[3], low[3]));
    vector all = V(packus_epi16)(front, back);
    memcpy(to, &all, sizeof all);
}
#endif

/* ---- passes ---------------------------------------------------------------------------------- */

static void rows(const unsigned char *from, size_t stride, int64_t width, int64_t height,
                 const cairn__taps *t, unsigned char *to)
{
    int64_t safe = 0, y = 0;
    size_t to_stride = 3 * (size_t)t->n;
    (void)width;
#if defined(__AVX2__)
    safe = height >= LANES ? count_safe(t, width) : 0;
    for (int64_t left = safe ? height : 0; left > 0; left -= LANES, y += LANES) {
        /* The last rows are done twice where their number is not a multiple. */
        int64_t at = left < LANES ? height - LANES : y;
        rows_vector(from + (size_t)at * stride, stride, t, safe, to + (size_t)at * to_stride);
    }
#endif
    for (y = 0; y < height && safe < t->n; y++)
        row_plain(from + (size_t)y * stride, t, safe, t->n, to + (size_t)y * to_stride);
}

static void column(const unsigned char *from, size_t stride, const int32_t *w, int32_t n, size_t m,
                   unsigned char *to)
{
    size_t x = 0;
#if defined(__AVX2__)
    for (; x + BYTES <= m; x += BYTES)
        piece_vector(from + x, stride, w, n, to + x);
    /* The last bytes together with some that are done twice. */
    if (x < m && m >= BYTES) {
        piece_vector(from + m - BYTES, stride, w, n, to + m - BYTES);
        x = m;
    }
#endif
    for (; x < m; x += PIECE)
        piece_plain(from + x, stride, w, n, m - x < PIECE ? m - x : PIECE, to + x);
}

const cairn__passes CAIRN__ISA_NAME(cairn__passes) = {.rows = rows, .column = column};
