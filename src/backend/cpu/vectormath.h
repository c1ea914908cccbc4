/* Element-wise and row-wise kernels on f32, compiled for each instruction set (isa/vectormath.c).
 *
 * The result may be one of the operands, and nothing else may overlap. Operands that are one number
 * for all elements are passed by value. bool is 0 or 1. Accuracy: within 4 ulp of the exact value
 * unless a comment in isa/vectormath.c says otherwise; tests/backend/vectormath_test.c measures it.
 * Denormal operands and results may count as 0. */
#ifndef CAIRN_SRC_BACKEND_CPU_VECTORMATH_H
#define CAIRN_SRC_BACKEND_CPU_VECTORMATH_H

#include "backend/cpu/isa.h"
#include "base/base.h"

#define CAIRN__UNARY_KERNELS(X)                                                                    \
    X(neg) X(abs) X(sign) X(floor) X(ceil) X(round) X(square) X(sqrt) X(rsqrt) X(reciprocal)       \
    X(exp) X(expm1) X(log) X(log1p) X(sin) X(cos) X(tanh) X(sigmoid) X(erf) X(relu) X(softplus)    \
    X(gelu) X(gelu_slope) X(gelu_tanh) X(gelu_tanh_slope)                                          \
    X(is_finite) X(not) X(cast) X(stop_gradient)

#define CAIRN__BINARY_KERNELS(X)                                                                   \
    X(add) X(sub) X(mul) X(div) X(pow) X(maximum) X(minimum) X(less) X(less_equal) X(equal)        \
    X(and) X(or) X(smooth_relu) X(smooth_relu_slope)

#define CAIRN__ROW_KERNELS(X) X(sum) X(max) X(min)

typedef void cairn__map1(float *out, const float *a, int64_t n);
typedef void cairn__map2(float *out, const float *a, const float *b, int64_t n);
typedef void cairn__map2_right(float *out, const float *a, float b, int64_t n);
typedef void cairn__map2_left(float *out, float a, const float *b, int64_t n);

/* Sums, largest and smallest of n numbers; the order of additions depends on n only. */
typedef float cairn__fold(const float *a, int64_t n);

/* The same of `n` rows of `inner` columns each, a column at a time: columns first .. first+count of
 * out[inner] from a[n][inner]. */
typedef void cairn__fold_columns(float *out, const float *a, int64_t n, int64_t inner,
                                 int64_t first, int64_t count);

typedef struct cairn__vectormath {
#define CAIRN_X(name) cairn__map1 *name;
    CAIRN__UNARY_KERNELS(CAIRN_X)
#undef CAIRN_X
#define CAIRN_X(name)                                                                              \
    cairn__map2 *name;                                                                             \
    cairn__map2_right *name##_right;                                                               \
    cairn__map2_left *name##_left;
    CAIRN__BINARY_KERNELS(CAIRN_X)
#undef CAIRN_X
#define CAIRN_X(name)                                                                              \
    cairn__fold *name;                                                                             \
    cairn__fold_columns *name##_columns;
    CAIRN__ROW_KERNELS(CAIRN_X)
#undef CAIRN_X
    void (*select)(float *out, const float *condition, const float *a, const float *b, int64_t n);
    void (*fill)(float *out, float value, int64_t n);

    /* a s + b t, a s + b^2 t, a s + t. */
    void (*combine)(float *out, const float *a, float s, const float *b, float t, int64_t n);
    void (*combine_square)(float *out, const float *a, float s, const float *b, float t, int64_t n);
    void (*affine)(float *out, const float *a, float s, float t, int64_t n);

    /* Conversions between memory and registers. */
    void (*from_u8)(float *out, const uint8_t *a, int64_t n);
    void (*from_i32)(float *out, const int32_t *a, int64_t n);
    void (*to_u8)(uint8_t *out, const float *a, int64_t n);   /* truncated, 0 .. 255 */
    void (*to_bool)(uint8_t *out, const float *a, int64_t n); /* != 0 */
} cairn__vectormath;

CAIRN__ISA_TABLE(cairn__vectormath, cairn__vectormath)

#endif
