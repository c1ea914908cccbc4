/* Statistics of columns. A block of four vectors of columns is summed down all rows at a time. */
#include "backend/cpu/columns.h"

#include "backend/cpu/isa/vector.h"

enum { WIDE = 4 };

#define MIN(a, b) ((a) < (b) ? (a) : (b))

INLINE vec load(const float *x, int64_t count)
{
    return count >= LANES ? vec_load(x) : vec_load_first(x, count);
}

INLINE void store(float *x, vec v, int64_t count)
{
    vec_store_first(x, v, MIN(count, LANES));
}

/* `vectors` vectors from column c on; only the last may be cut. */
INLINE void moments_block(int vectors, const float *x, int64_t rows, int64_t C, int64_t c,
                          float *out)
{
    vec sum[WIDE] = {{0}}, squares[WIDE] = {{0}};
    const int64_t last = MIN(C - c - (vectors - 1) * LANES, LANES);
    for (int64_t i = 0; i < rows; i++)
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[v] += load(x + i * C + c + v * LANES, v < vectors - 1 ? LANES : last);
    UNROLL
    for (int v = 0; v < vectors; v++)
        sum[v] /= (float)rows;
    for (int64_t i = 0; i < rows; i++)
        UNROLL
        for (int v = 0; v < vectors; v++) {
            vec d = load(x + i * C + c + v * LANES, v < vectors - 1 ? LANES : last) - sum[v];
            squares[v] += d * d;
        }
    for (int v = 0; v < vectors; v++) {
        store(out + c + v * LANES, sum[v], v < vectors - 1 ? LANES : last);
        store(out + C + c + v * LANES, squares[v], v < vectors - 1 ? LANES : last);
    }
}

static void moments(const float *x, int64_t rows, int64_t C, float *out)
{
    int64_t c = 0;
    for (; c + WIDE * LANES <= C; c += WIDE * LANES)
        moments_block(WIDE, x, rows, C, c, out);
    for (; c < C; c += LANES)
        moments_block(1, x, rows, C, c, out);
}

/* Chan, Golub, LeVeque 1983, equation 2.1. */
static void join_moments(float *a, double n, const float *b, double m, int64_t C)
{
    const float share = (float)(m / (n + m)), weight = (float)(n * m / (n + m));
    for (int64_t c = 0; c < C; c++) {
        float d = b[c] - a[c];
        a[c] = fused(d, share, a[c]);
        a[C + c] = fused(d * d, weight, a[C + c] + b[C + c]);
    }
}

INLINE void sums_block(int vectors, const float *x, const float *y, const float *centre,
                       int64_t rows, int64_t C, int64_t c, float *out)
{
    vec sum[WIDE] = {{0}}, products[WIDE] = {{0}}, middle[WIDE];
    const int64_t last = MIN(C - c - (vectors - 1) * LANES, LANES);
    UNROLL
    for (int v = 0; v < vectors; v++)
        middle[v] = load(centre + c + v * LANES, v < vectors - 1 ? LANES : last);
    for (int64_t i = 0; i < rows; i++)
        UNROLL
        for (int v = 0; v < vectors; v++) {
            const int64_t at = i * C + c + v * LANES, count = v < vectors - 1 ? LANES : last;
            vec d = load(x + at, count);
            sum[v] += d;
            products[v] += d * (load(y + at, count) - middle[v]);
        }
    for (int v = 0; v < vectors; v++) {
        store(out + c + v * LANES, sum[v], v < vectors - 1 ? LANES : last);
        store(out + C + c + v * LANES, products[v], v < vectors - 1 ? LANES : last);
    }
}

static void sums(const float *x, const float *y, const float *centre, int64_t rows, int64_t C,
                 float *out)
{
    int64_t c = 0;
    for (; c + WIDE * LANES <= C; c += WIDE * LANES)
        sums_block(WIDE, x, y, centre, rows, C, c, out);
    for (; c < C; c += LANES)
        sums_block(1, x, y, centre, rows, C, c, out);
}

static void add(float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        a[i] += b[i];
}

const cairn__columns CAIRN__ISA_NAME(cairn__columns) = {
    .moments = moments,
    .join_moments = join_moments,
    .sums = sums,
    .add = add,
};
