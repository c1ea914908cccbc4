/* Fields: sizes, conversion to f32, and the figures that describe one. */
#include <math.h>

#include "data/data.h"

static const struct {
    const char *text;
    size_t bytes;
} types[] = {
#define CAIRN_X(name, text, bytes) {text, bytes},
    CAIRN_DATA_TYPES(CAIRN_X)
#undef CAIRN_X
};

const char *cairn_data_type_text(cairn_data_type type)
{
    return (size_t)type < CAIRN__COUNT(types) ? types[type].text : "unknown";
}

size_t cairn_data_type_bytes(cairn_data_type type)
{
    return (size_t)type < CAIRN__COUNT(types) ? types[type].bytes : 0;
}

bool cairn__field_size(const cairn_field *field, int64_t *elements, size_t *bytes)
{
    int64_t product = 1;
    for (int i = 0; i < field->rank; i++) {
        if (field->shape[i] < 0 || __builtin_mul_overflow(product, field->shape[i], &product))
            return false;
    }
    *elements = product;
    return !__builtin_mul_overflow((size_t)product, cairn_data_type_bytes(field->type), bytes) &&
           *bytes <= PTRDIFF_MAX;
}

int64_t cairn_field_elements(const cairn_field *field)
{
    int64_t elements = 0;
    size_t bytes;
    return cairn__field_size(field, &elements, &bytes) ? elements : 0;
}

size_t cairn_field_bytes(const cairn_field *field)
{
    int64_t elements;
    size_t bytes = 0;
    return cairn__field_size(field, &elements, &bytes) ? bytes : 0;
}

int64_t cairn__item_elements(const cairn_field *field)
{
    int64_t product = 1;
    for (int i = 1; i < field->rank; i++)
        product *= field->shape[i];
    return product;
}

/* ---- kernels, one pair for each type that the readers make ---------------------------------- */

/* Sums are kept 2^64 times too small, so that no number of large f64 values can overflow. A power
 * of two costs no precision: the sum of integers stays exact. */
static const double scale = 0x1p64;

static void add_to(cairn__measure *m, double value)
{
    if (!isfinite(value)) {
        m->not_finite++;
        return;
    }
    m->least = m->finite == 0 ? value : fmin(m->least, value);
    m->greatest = m->finite == 0 ? value : fmax(m->greatest, value);
    m->mean += value / scale;
    m->finite++;
}

#define KERNELS(name, type, divisor)                                                               \
    static void convert_##name(const void *from, int64_t n, float *to)                             \
    {                                                                                              \
        const type *values = from;                                                                 \
        for (int64_t i = 0; i < n; i++)                                                            \
            to[i] = (float)values[i] / divisor;                                                    \
    }                                                                                              \
    static void measure_##name(const void *from, int64_t n, cairn__measure *m)                     \
    {                                                                                              \
        const type *values = from;                                                                 \
        for (int64_t i = 0; i < n; i++)                                                            \
            add_to(m, (double)values[i]);                                                          \
    }

KERNELS(u8, uint8_t, 255.0f)
KERNELS(i8, int8_t, 1.0f)
KERNELS(i16, int16_t, 1.0f)
KERNELS(i32, int32_t, 1.0f)
KERNELS(f32, float, 1.0f)
KERNELS(f64, double, 1.0f)

static const struct {
    cairn__converter *convert;
    void (*measure)(const void *from, int64_t n, cairn__measure *m);
} kernels[CAIRN__COUNT(types)] = {
    [CAIRN_DATA_U8] = {convert_u8, measure_u8},    [CAIRN_DATA_I8] = {convert_i8, measure_i8},
    [CAIRN_DATA_I16] = {convert_i16, measure_i16}, [CAIRN_DATA_I32] = {convert_i32, measure_i32},
    [CAIRN_DATA_F32] = {convert_f32, measure_f32}, [CAIRN_DATA_F64] = {convert_f64, measure_f64},
};

cairn__converter *cairn__converter_of(cairn_data_type type)
{
    return (size_t)type < CAIRN__COUNT(kernels) ? kernels[type].convert : NULL;
}

cairn__measure cairn__measure_field(const cairn_field *field)
{
    cairn__measure m = {0};
    if (kernels[field->type].measure)
        kernels[field->type].measure(field->data, cairn_field_elements(field), &m);
    if (m.finite > 0)
        m.mean = m.mean / (double)m.finite * scale;
    return m;
}
