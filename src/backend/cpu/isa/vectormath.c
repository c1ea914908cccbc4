/* Element-wise functions as plain loops that the compiler turns into vector code at each level.
 *
 * A function of one element is `static inline` and free of branches: choices are conditional
 * expressions, which become masks. The polynomials are those of S. Moshier's Cephes library (single
 * precision), reductions are as explained at each function. */
#include <math.h>

#include "backend/cpu/isa/sigmoid.h"
#include "backend/cpu/vectormath.h"

#define LOOP _Pragma("omp simd") for (int64_t i = 0; i < n; i++)

/* ---- exponential and its kin ----------------------------------------------------------------- */

/* Near 0 a series, since exp(x) - 1 cancels there. */
INLINE float expm1_one(float x)
{
    float p = 2.48015873e-5f; /* 1/8! .. 1/2! */
    p = p * x + 1.98412698e-4f;
    p = p * x + 1.38888889e-3f;
    p = p * x + 8.33333333e-3f;
    p = p * x + 4.16666667e-2f;
    p = p * x + 1.66666667e-1f;
    p = p * x + 0.5f;
    float series = p * x * x + x;
    return fabsf(x) < 0.5f ? series : exp_one(x) - 1;
}

/* ---- logarithm and its kin ------------------------------------------------------------------- */

/* log x for positive normal numbers: x = m 2^e with m in [sqrt(1/2), sqrt(2)), and
 * log x = log m + e ln 2. */
INLINE float log_normal(float x)
{
    uint32_t b = bits(x);
    int32_t e = (int32_t)((b - 0x3f3504f3u) & 0xff800000u) >> 23;
    float m = from_bits(b - ((uint32_t)e << 23)) - 1, f = (float)e, z = m * m;
    float p = 7.0376836292e-2f;
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    return m * z * p - 2.12194440e-4f * f - 0.5f * z + m + 0.693359375f * f;
}

INLINE float log_one(float x)
{
    float y = log_normal(x);
    y = x > 3.4e38f ? x : y;                 /* infinity stays, and NaN below */
    y = x < 1.17549435e-38f ? -INFINITY : y; /* zero; denormals count as zero */
    return x < 0 || x != x ? NAN : y;
}

/* The rounding error of u = 1 + x is undone by the factor x / (u - 1) (Kahan). */
INLINE float log1p_one(float x)
{
    float u = 1 + x, d = u - 1;
    float y = log_one(u) * (x / (d == 0 ? 1 : d));
    y = u > 3.4e38f ? u : y;
    return d == 0 ? x : y;
}

/* max(x, 0) + log(1 + exp(-|x|)). The exponential is within 0 .. 1, so none of the logarithm's
 * special cases can occur; with them the compiler makes branches and no vector code. */
INLINE float softplus_one(float x)
{
    float e = exp_one(-fabsf(x)), u = 1 + e, d = u - 1;
    float y = log_normal(u) * (e / (d == 0 ? 1 : d));
    return (x > 0 ? x : 0) + (d == 0 ? e : y);
}

/* ---- the others ------------------------------------------------------------------------------ */

/* A rational function on |x| <= 4, where erf reaches 1 to the last bit. */
INLINE float erf_one(float x)
{
    float c = x > 4 ? 4 : x < -4 ? -4 : x, z = c * c;
    float p = -2.72614225801306e-10f;
    p = p * z + 2.77068142495902e-08f;
    p = p * z - 2.10102402082508e-06f;
    p = p * z - 5.69250639462346e-05f;
    p = p * z - 7.34990630326855e-04f;
    p = p * z - 2.95459980854025e-03f;
    p = p * z - 1.60960333262415e-02f;
    float q = -1.45660718464996e-05f;
    q = q * z - 2.13374055278905e-04f;
    q = q * z - 1.68282697438203e-03f;
    q = q * z - 7.37332916720468e-03f;
    q = q * z - 1.42647390514189e-02f;
    return c * p / q;
}

/* sin(x + quarter pi/2) for |x| <= 8192: x = k pi/2 + r, |r| <= pi/4, pi/2 in three parts. */
INLINE float sin_shifted(float x, int32_t quarter)
{
    float k = nearest(x * 0.636619772367581343f);
    float r = ((x - k * 1.5703125f) - k * 4.837512969970703125e-4f) - k * 7.54978995489188216e-8f;
    int32_t q = (int32_t)k + quarter;
    float z = r * r;
    float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * r + r;
    float c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) *
                  z * z -
              0.5f * z + 1;
    float y = q & 1 ? c : s;
    return q & 2 ? -y : y;
}

static bool all_within(const float *a, int64_t n, float bound)
{
    int outside = 0;
#pragma omp simd reduction(| : outside)
    for (int64_t i = 0; i < n; i++)
        outside |= !(fabsf(a[i]) <= bound);
    return !outside;
}

static void map_sin(float *out, const float *a, int64_t n)
{
    if (all_within(a, n, 8192))
        LOOP out[i] = sin_shifted(a[i], 0);
    else
        for (int64_t i = 0; i < n; i++)
            out[i] = sinf(a[i]);
}

static void map_cos(float *out, const float *a, int64_t n)
{
    if (all_within(a, n, 8192))
        LOOP out[i] = sin_shifted(a[i], 1);
    else
        for (int64_t i = 0; i < n; i++)
            out[i] = cosf(a[i]);
}

/* Phi(x), and x phi(x) behind it, with an exponential that cannot underflow to a slow number. */
INLINE float gelu_slope_one(float x)
{
    float phi = 0.3989422804f * exp_one(-0.5f * x * x);
    return 0.5f + 0.5f * erf_one(x * 0.7071067812f) + x * phi;
}

/* tanh(u) = 1 - 2 / (exp(2 u) + 1): an absolute error of 1e-7 is enough beside the 1. */
INLINE float gelu_tanh_inner(float x)
{
    float u = 0.7978845608f * x * (1 + 0.044715f * x * x);
    return 1 - 2 / (exp_one(2 * u) + 1);
}

/* x large: (1 - t^2) is 0 before x^2 overflows. */
INLINE float gelu_tanh_slope_one(float x)
{
    float c = x > 16 ? 16 : x < -16 ? -16 : x, t = gelu_tanh_inner(c);
    float slope = 0.7978845608f + 0.1070322243f * c * c;
    return x != x ? x : 0.5f * (1 + t) + 0.5f * c * (1 - t * t) * slope;
}

INLINE float gelu_tanh_one(float x)
{
    float c = x > 16 ? 16 : x < -16 ? -16 : x;
    return 0.5f * x * (1 + gelu_tanh_inner(c));
}

/* ---- tables of one operand ------------------------------------------------------------------- */

#define UNARY(name, expression)                                                                    \
    static void map_##name(float *out, const float *a, int64_t n)                                  \
    {                                                                                              \
        LOOP                                                                                       \
        {                                                                                          \
            float x = a[i];                                                                        \
            out[i] = expression;                                                                   \
        }                                                                                          \
    }

UNARY(neg, -x)
UNARY(abs, fabsf(x))
UNARY(sign, x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f)
UNARY(floor, floorf(x))
UNARY(ceil, ceilf(x))
UNARY(round, fabsf(x) < 4194304.0f ? copysignf(nearest(fabsf(x)), x) : x)
UNARY(square, x *x)
UNARY(sqrt, sqrtf(x))
UNARY(rsqrt, 1 / sqrtf(x))
UNARY(reciprocal, 1 / x)
UNARY(exp, exp_one(x))
UNARY(expm1, expm1_one(x))
UNARY(log, log_one(x))
UNARY(log1p, log1p_one(x))
UNARY(tanh, tanh_one(x))
UNARY(sigmoid, sigmoid_one(x))
UNARY(erf, erf_one(x))
UNARY(relu, x > 0 ? x : x != x ? x : 0)
UNARY(softplus, softplus_one(x))
UNARY(gelu, 0.5f * x * (1 + erf_one(x * 0.7071067812f)))
UNARY(gelu_slope, gelu_slope_one(x))
UNARY(gelu_tanh, gelu_tanh_one(x))
UNARY(gelu_tanh_slope, gelu_tanh_slope_one(x))
UNARY(is_finite, fabsf(x) <= 3.402823466e38f ? 1.0f : 0.0f)
UNARY(not, x == 0 ? 1.0f : 0.0f)
UNARY(cast, x) /* the conversion is done where the value is loaded or stored */

static void map_stop_gradient(float *out, const float *a, int64_t n)
{
    if (out != a)
        memcpy(out, a, (size_t)n * sizeof *out);
}

/* ---- tables of two operands ------------------------------------------------------------------ */

#define BINARY(name, expression)                                                                   \
    INLINE float one_##name(float x, float y)                                                      \
    {                                                                                              \
        return expression;                                                                         \
    }                                                                                              \
    static void map_##name(float *out, const float *a, const float *b, int64_t n)                  \
    {                                                                                              \
        LOOP out[i] = one_##name(a[i], b[i]);                                                      \
    }                                                                                              \
    static void map_##name##_right(float *out, const float *a, float b, int64_t n)                 \
    {                                                                                              \
        LOOP out[i] = one_##name(a[i], b);                                                         \
    }                                                                                              \
    static void map_##name##_left(float *out, float a, const float *b, int64_t n)                  \
    {                                                                                              \
        LOOP out[i] = one_##name(a, b[i]);                                                         \
    }

BINARY(add, x + y)
BINARY(sub, x - y)
BINARY(mul, x *y)
BINARY(div, x / y)
BINARY(pow, powf(x, y))
BINARY(maximum, x > y || x != x ? x : y)
BINARY(minimum, x < y || x != x ? x : y)
BINARY(less, x < y ? 1.0f : 0.0f)
BINARY(less_equal, x <= y ? 1.0f : 0.0f)
BINARY(equal, x == y ? 1.0f : 0.0f)
BINARY(and, x != 0 && y != 0 ? 1.0f : 0.0f)
BINARY(or, x != 0 || y != 0 ? 1.0f : 0.0f)
/* The division by the width y is taken out of the loop where the width is one number. */
BINARY(smooth_relu, x < y ? x > -y ? (x + y) * (x + y) * (0.25f / y) : 0 : x)
BINARY(smooth_relu_slope, x < y ? sqrtf(x * (1 / y)) : x > 0 ? 1.0f : 0.0f)

static void map_select(float *out, const float *condition, const float *a, const float *b,
                       int64_t n)
{
    LOOP out[i] = condition[i] != 0 ? a[i] : b[i];
}

static void map_fill(float *out, float value, int64_t n)
{
    LOOP out[i] = value;
}

static void combine(float *out, const float *a, float s, const float *b, float t, int64_t n)
{
    LOOP out[i] = a[i] * s + b[i] * t;
}

static void combine_square(float *out, const float *a, float s, const float *b, float t, int64_t n)
{
    LOOP out[i] = a[i] * s + b[i] * b[i] * t;
}

static void affine(float *out, const float *a, float s, float t, int64_t n)
{
    LOOP out[i] = a[i] * s + t;
}

/* ---- conversions ----------------------------------------------------------------------------- */

static void from_u8(float *out, const uint8_t *a, int64_t n)
{
    LOOP out[i] = (float)a[i];
}

static void from_i32(float *out, const int32_t *a, int64_t n)
{
    LOOP out[i] = (float)a[i];
}

static void to_u8(uint8_t *out, const float *a, int64_t n)
{
    LOOP out[i] = (uint8_t)(int32_t)(a[i] >= 255 ? 255 : a[i] > 0 ? a[i] : 0);
}

static void to_bool(uint8_t *out, const float *a, int64_t n)
{
    LOOP out[i] = a[i] != 0;
}

/* ---- folding --------------------------------------------------------------------------------- */

enum { STREAMS = 4 }; /* so many results are under way at once */

typedef int32_t vec_mask __attribute__((vector_size(4 * LANES)));

INLINE vec vec_choose(vec_mask mask, vec a, vec b)
{
    return (vec)((mask & (vec_mask)a) | (~mask & (vec_mask)b));
}

INLINE vec vec_max(vec a, vec b)
{
    return vec_choose((a > b) | (a != a), a, b);
}

INLINE vec vec_min(vec a, vec b)
{
    return vec_choose((a < b) | (a != a), a, b);
}

INLINE vec vec_add(vec a, vec b)
{
    return a + b;
}

/* Columns are summed side by side, ACROSS of them, with the sums in cache. */
enum { ACROSS = 256, DOWN = 64 };

#define FOLD(name, start, join, one)                                                               \
    static float fold_##name(const float *a, int64_t n)                                            \
    {                                                                                              \
        vec stream[STREAMS];                                                                       \
        float lane[LANES], result = start;                                                         \
        int64_t i = 0;                                                                             \
        for (int s = 0; s < STREAMS; s++)                                                          \
            stream[s] = vec_all(start);                                                            \
        for (; i + STREAMS * LANES <= n; i += STREAMS * LANES)                                     \
            for (int s = 0; s < STREAMS; s++)                                                      \
                stream[s] = join(stream[s], vec_load(a + i + s * LANES));                          \
        for (; i + LANES <= n; i += LANES)                                                         \
            stream[0] = join(stream[0], vec_load(a + i));                                          \
        vec all = join(join(stream[0], stream[1]), join(stream[2], stream[3]));                    \
        vec_store(lane, all);                                                                      \
        for (int half = LANES / 2; half; half /= 2)                                                \
            for (int l = 0; l < half; l++)                                                         \
                lane[l] = one(lane[l], lane[l + half]);                                            \
        result = lane[0];                                                                          \
        for (; i < n; i++)                                                                         \
            result = one(result, a[i]);                                                            \
        return result;                                                                             \
    }                                                                                              \
    /* Rows in pieces of 64, joined in order: the error grows with n / 64. */                      \
    static void fold_##name##_columns(float *out, const float *a, int64_t n, int64_t inner,        \
                                      int64_t first, int64_t count)                                \
    {                                                                                              \
        float piece[ACROSS];                                                                       \
        for (int64_t c = first; c < first + count; c += ACROSS) {                                  \
            const int64_t left = first + count - c, width = left < ACROSS ? left : ACROSS;         \
            for (int64_t i = 0; i < width; i++)                                                    \
                out[c + i] = start;                                                                \
            for (int64_t from = 0; from < n; from += DOWN) {                                       \
                const int64_t to = from + DOWN < n ? from + DOWN : n;                              \
                int64_t r = from;                                                                  \
                for (int64_t i = 0; i < width; i++)                                                \
                    piece[i] = start;                                                              \
                for (; r + 4 <= to; r += 4) {                                                      \
                    const float *row = a + r * inner + c;                                          \
                    for (int64_t i = 0; i < width; i++)                                            \
                        piece[i] = one(one(one(one(piece[i], row[i]), row[inner + i]),             \
                                           row[2 * inner + i]), row[3 * inner + i]);               \
                }                                                                                  \
                for (; r < to; r++)                                                                \
                    for (int64_t i = 0; i < width; i++)                                            \
                        piece[i] = one(piece[i], a[r * inner + c + i]);                            \
                for (int64_t i = 0; i < width; i++)                                                \
                    out[c + i] = one(out[c + i], piece[i]);                                        \
            }                                                                                      \
        }                                                                                          \
    }

FOLD(sum, 0, vec_add, one_add)
FOLD(max, -INFINITY, vec_max, one_maximum)
FOLD(min, INFINITY, vec_min, one_minimum)

const cairn__vectormath CAIRN__ISA_NAME(cairn__vectormath) = {
#define CAIRN_X(name) .name = map_##name,
    CAIRN__UNARY_KERNELS(CAIRN_X)
#undef CAIRN_X
#define CAIRN_X(name)                                                                              \
    .name = map_##name, .name##_right = map_##name##_right, .name##_left = map_##name##_left,
    CAIRN__BINARY_KERNELS(CAIRN_X)
#undef CAIRN_X
#define CAIRN_X(name) .name = fold_##name, .name##_columns = fold_##name##_columns,
    CAIRN__ROW_KERNELS(CAIRN_X)
#undef CAIRN_X
    .select = map_select,
    .fill = map_fill,
    .combine = combine,
    .combine_square = combine_square,
    .affine = affine,
    .from_u8 = from_u8,
    .from_i32 = from_i32,
    .to_u8 = to_u8,
    .to_bool = to_bool,
};
