/* Transforms of the fast convolution F(4 x 4, 3 x 3): Winograd 1980; Lavin and Gray 2016,
 * arXiv:1509.09308.
 *
 * Polynomials are multiplied by their values at six points, 36 products a channel instead of 144
 * for a tile of 4 x 4. With the points 0, a, -a, b, -b and infinity, along each of the two axes,
 *
 *     input     6 numbers d: (x - p') .. divided out of M(x) = x (x^2 - a^2) (x^2 - b^2)
 *     weight    3 numbers g: g(p) / M'(p)
 *     output    4 numbers:   y_i = sum over p of p^i m_p
 *
 * The usual points 1 and 2 lose some 10 bits; a^2 = 1/2, b^2 = 2 keeps all powers near 1 and the
 * error below 1e-5 of the largest element (Barabasz et al. 2020, arXiv:1803.10986, on the choice of
 * points). All loops run along channels. */
#include "backend/cpu/winograd.h"

#include "backend/cpu/isa/transpose.h"

#define A 0.70710678118654752440f /* a; b = 2 a */
#define B 1.41421356237309504880f
#define AAA 0.35355339059327376220f /* a^3 */
#define BBB 2.82842712474619009760f
#define BOTH 2.5f /* a^2 + b^2; a^2 b^2 is 1 */

enum { POINTS = CAIRN__WINOGRAD_POINTS, IN = CAIRN__WINOGRAD_IN, OUT = CAIRN__WINOGRAD_OUT };

#define MIN(a, b) ((a) < (b) ? (a) : (b))

INLINE vec load(const float *x, int64_t count)
{
    return count >= LANES ? vec_load(x) : vec_load_first(x, count);
}

INLINE void store(float *x, vec v, int64_t count)
{
    if (count >= LANES)
        vec_store(x, v);
    else
        vec_store_first(x, v, count);
}

/* ---- along one axis -------------------------------------------------------------------------- */

INLINE void input_line(const vec d[IN], vec t[IN])
{
    const vec even_a = d[4] - 2.0f * d[2], odd_a = A * (d[3] - 2.0f * d[1]);
    const vec even_b = d[4] - 0.5f * d[2], odd_b = B * (d[3] - 0.5f * d[1]);
    t[0] = d[0] - BOTH * d[2] + d[4];
    t[1] = even_a + odd_a;
    t[2] = even_a - odd_a;
    t[3] = even_b + odd_b;
    t[4] = even_b - odd_b;
    t[5] = d[1] - BOTH * d[3] + d[5];
}

INLINE void output_line(const vec m[IN], vec y[OUT])
{
    const vec sum_a = m[1] + m[2], rest_a = m[1] - m[2];
    const vec sum_b = m[3] + m[4], rest_b = m[3] - m[4];
    y[0] = m[0] + sum_a + sum_b;
    y[1] = A * rest_a + B * rest_b;
    y[2] = 0.5f * sum_a + 2.0f * sum_b;
    y[3] = AAA * rest_a + BBB * rest_b + m[5];
}

/* The transpose of output_line. */
INLINE void spread_line(const vec y[OUT], vec m[IN])
{
    const vec even_a = y[0] + 0.5f * y[2], odd_a = A * y[1] + AAA * y[3];
    const vec even_b = y[0] + 2.0f * y[2], odd_b = B * y[1] + BBB * y[3];
    m[0] = y[0];
    m[1] = even_a + odd_a;
    m[2] = even_a - odd_a;
    m[3] = even_b + odd_b;
    m[4] = even_b - odd_b;
    m[5] = y[3];
}

/* M'(+-a) = -1.5, M'(+-b) = 6, M'(0) = 1. */
INLINE void weight_line(const vec g[3], vec u[IN])
{
    const vec even_a = (g[0] + 0.5f * g[2]) * (-1 / 1.5f), odd_a = g[1] * (-A / 1.5f);
    const vec even_b = (g[0] + 2.0f * g[2]) * (1 / 6.0f), odd_b = g[1] * (B / 6.0f);
    u[0] = g[0];
    u[1] = even_a + odd_a;
    u[2] = even_a - odd_a;
    u[3] = even_b + odd_b;
    u[4] = even_b - odd_b;
    u[5] = g[2];
}

/* The transpose of weight_line. */
INLINE void gradient_line(const vec u[IN], vec g[3])
{
    const vec sum_a = (u[1] + u[2]) * (-1 / 1.5f), rest_a = (u[1] - u[2]) * (-A / 1.5f);
    const vec sum_b = (u[3] + u[4]) * (1 / 6.0f), rest_b = (u[3] - u[4]) * (B / 6.0f);
    g[0] = u[0] + sum_a + sum_b;
    g[1] = rest_a + rest_b;
    g[2] = 0.5f * sum_a + 2.0f * sum_b + u[5];
}

/* ---- tiles ----------------------------------------------------------------------------------- */

/* Where elements `size` x `size` of a tile are; NULL outside the picture. */
INLINE void find(const cairn__winograd_tile *t, int size, const float **at)
{
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) {
            const int64_t y = t->y + i, x = t->x + j;
            const bool inside = y >= 0 && y < t->H && x >= 0 && x < t->W;
            at[i * size + j] = inside ? t->picture + (y * t->W + x) * t->C : 0;
        }
}

INLINE vec element(const float *at, int64_t c, int64_t count)
{
    return at ? load(at + c, count) : (vec){0};
}

/* A tile of n x n elements to IN x IN: `line` down the columns and then along the rows. Inlined
 * with a constant n, so that loops unroll and `line` is no call. */
INLINE void transform(const cairn__winograd_tile *tile, int n, void line(const vec *, vec *),
                      float *to, int64_t step)
{
    const float *at[IN * IN];
    find(tile, n, at);
    for (int64_t c = 0; c < tile->C; c += LANES) {
        const int64_t count = MIN(tile->C - c, LANES);
        vec half[IN][IN];
        UNROLL
        for (int j = 0; j < n; j++) {
            vec d[IN], t[IN];
            UNROLL
            for (int i = 0; i < n; i++)
                d[i] = element(at[i * n + j], c, count);
            line(d, t);
            UNROLL
            for (int i = 0; i < IN; i++)
                half[i][j] = t[i];
        }
        UNROLL
        for (int i = 0; i < IN; i++) {
            vec t[IN];
            line(half[i], t);
            UNROLL
            for (int j = 0; j < IN; j++)
                vec_store(to + (i * IN + j) * step + c, t[j]);
        }
    }
}

static void input(const cairn__winograd_tile *tile, float *to, int64_t step)
{
    transform(tile, IN, input_line, to, step);
}

static void spread(const cairn__winograd_tile *tile, float *to, int64_t step)
{
    transform(tile, OUT, spread_line, to, step);
}

static void output(const float *from, int64_t step, const cairn__winograd_tile *tile,
                   int64_t first, int64_t channels)
{
    float *picture = (float *)tile->picture;
    const int64_t rows = MIN(tile->H - tile->y, OUT), columns = MIN(tile->W - tile->x, OUT);
    for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t count = MIN(channels - c, LANES);
        vec half[OUT][IN];
        UNROLL
        for (int j = 0; j < IN; j++) {
            vec m[IN], y[OUT];
            UNROLL
            for (int i = 0; i < IN; i++)
                m[i] = vec_load(from + (i * IN + j) * step + c);
            output_line(m, y);
            UNROLL
            for (int i = 0; i < OUT; i++)
                half[i][j] = y[i];
        }
        for (int64_t i = 0; i < rows; i++) {
            vec y[OUT];
            float *row = picture + ((tile->y + i) * tile->W + tile->x) * tile->C + first + c;
            output_line(half[i], y);
            for (int64_t j = 0; j < columns; j++)
                store(row + j * tile->C, y[j], count);
        }
    }
}

/* ---- weights --------------------------------------------------------------------------------- */

/* The 36 values of a window g[3][3], `step` apart. */
INLINE void transform_window(vec g[3][3], float *to, int64_t step)
{
    vec half[IN][3];
    UNROLL
    for (int j = 0; j < 3; j++) {
        const vec line[3] = {g[0][j], g[1][j], g[2][j]};
        vec u[IN];
        weight_line(line, u);
        UNROLL
        for (int i = 0; i < IN; i++)
            half[i][j] = u[i];
    }
    UNROLL
    for (int i = 0; i < IN; i++) {
        vec u[IN];
        weight_line(half[i], u);
        UNROLL
        for (int j = 0; j < IN; j++)
            vec_store(to + (i * IN + j) * step, u[j]);
    }
}

/* One vector of columns of a panel, for all rows. */
static void panel(const float *weight, int64_t C, int64_t O, int64_t first, float *to)
{
    const int64_t count = MIN(O - first, LANES), step = C * 2 * LANES;
    for (int64_t c = 0; c < C; c++) {
        vec g[3][3];
        UNROLL
        for (int k = 0; k < 9; k++)
            g[k / 3][k % 3] =
                count > 0 ? load(weight + (k * C + c) * O + first, count) : (vec){0};
        transform_window(g, to + c * 2 * LANES, step);
    }
}

static void panel_turned(const float *weight, int64_t C, int64_t O, int64_t first, float *to)
{
    const int64_t count = MIN(C - first, LANES), step = O * 2 * LANES;
    for (int64_t o = 0; o < O; o += LANES) {
        const int64_t rows = MIN(O - o, LANES);
        vec turned[9][LANES];
        for (int k = 0; k < 9; k++) {
            UNROLL
            for (int i = 0; i < LANES; i++)
                turned[k][i] =
                    i < count ? load(weight + (k * C + first + i) * O + o, rows) : (vec){0};
            transpose(turned[k]);
        }
        for (int64_t i = 0; i < rows; i++) {
            vec g[3][3];
            UNROLL
            for (int k = 0; k < 9; k++)
                g[k / 3][k % 3] = turned[8 - k][i];
            transform_window(g, to + (o + i) * 2 * LANES, step);
        }
    }
}

static void weights(const float *weight, int64_t C, int64_t O, bool turned, int64_t first,
                    float *to)
{
    for (int i = 0; i < 2; i++) {
        if (turned)
            panel_turned(weight, C, O, first + i * LANES, to + i * LANES);
        else
            panel(weight, C, O, first + i * LANES, to + i * LANES);
    }
}

static void gradient(const float *du, int64_t C, int64_t O, int64_t first, int64_t count,
                     float *dweight)
{
    for (int64_t c = first; c < first + count; c++)
        for (int64_t o = 0; o < O; o += LANES) {
            const int64_t lanes = MIN(O - o, LANES);
            vec half[3][IN];
            UNROLL
            for (int j = 0; j < IN; j++) {
                vec u[IN], g[3];
                UNROLL
                for (int i = 0; i < IN; i++)
                    u[i] = load(du + ((i * IN + j) * C + c) * O + o, lanes);
                gradient_line(u, g);
                UNROLL
                for (int i = 0; i < 3; i++)
                    half[i][j] = g[i];
            }
            UNROLL
            for (int i = 0; i < 3; i++) {
                vec g[3];
                gradient_line(half[i], g);
                UNROLL
                for (int j = 0; j < 3; j++)
                    store(dweight + ((i * 3 + j) * C + c) * O + o, g[j], lanes);
            }
        }
}

const cairn__winograd CAIRN__ISA_NAME(cairn__winograd) = {
    .width = 2 * LANES,
    .input = input,
    .spread = spread,
    .output = output,
    .weights = weights,
    .gradient = gradient,
};
