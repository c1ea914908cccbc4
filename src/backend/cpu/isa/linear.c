/* Cholesky factors and triangular systems. Both are rows of inner products, so all that matters is
 * that these run through memory in order. */
#include <math.h>

#include "backend/cpu/isa/vector.h"
#include "backend/cpu/linear.h"

static float dot(const float *a, const float *b, int64_t n)
{
    vec sum[4] = {{0}};
    float lane[LANES], total = 0;
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES)
        for (int s = 0; s < 4; s++)
            sum[s] += vec_load(a + i + s * LANES) * vec_load(b + i + s * LANES);
    vec_store(lane, (sum[0] + sum[1]) + (sum[2] + sum[3]));
    for (int l = 0; l < LANES; l++)
        total += lane[l];
    for (; i < n; i++)
        total += a[i] * b[i];
    return total;
}

/* Row by row: l[i][j] = (x[i][j] - <l[i], l[j]> up to j) / l[j][j]. */
static void cholesky(float *l, const float *x, int64_t n)
{
    bool definite = true;
    for (int64_t i = 0; i < n && definite; i++) {
        for (int64_t j = 0; j < i; j++)
            l[i * n + j] = (x[i * n + j] - dot(l + i * n, l + j * n, j)) / l[j * n + j];
        float rest = x[i * n + i] - dot(l + i * n, l + i * n, i);
        definite = rest > 0;
        l[i * n + i] = sqrtf(rest);
        for (int64_t j = i + 1; j < n; j++)
            l[i * n + j] = 0;
    }
    for (int64_t i = 0; !definite && i < n * n; i++)
        l[i] = NAN;
}

enum { WIDTH = 64 };

/* y[row] = (b[row] - sum of l(row, j) y[j] over the rows that are solved) / l(row, row), for up to
 * WIDTH columns at once: each y[j] that is read serves all of them. */
INLINE void solve_row(float *y, const float *l, const float *b, int64_t n, int64_t k,
                      bool transpose, int64_t row, int64_t count)
{
    float sum[WIDTH];
    int64_t from = transpose ? row + 1 : 0, to = transpose ? n : row;
    for (int64_t c = 0; c < count; c++)
        sum[c] = b[row * k + c];
    for (int64_t j = from; j < to; j++) {
        float factor = transpose ? l[j * n + row] : l[row * n + j];
        for (int64_t c = 0; c < count; c++)
            sum[c] -= factor * y[j * k + c];
    }
    float diagonal = l[row * n + row];
    for (int64_t c = 0; c < count; c++)
        y[row * k + c] = sum[c] / diagonal;
}

static void solve(float *y, const float *l, const float *b, int64_t n, int64_t k, bool transpose,
                  int64_t first, int64_t count)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t row = transpose ? n - 1 - i : i;
        if (count == WIDTH)
            solve_row(y + first, l, b + first, n, k, transpose, row, WIDTH);
        else
            solve_row(y + first, l, b + first, n, k, transpose, row, count);
    }
}

const cairn__linear CAIRN__ISA_NAME(cairn__linear) = {.cholesky = cholesky, .solve = solve};
