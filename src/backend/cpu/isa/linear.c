/* Cholesky factors and triangular systems: rows of inner products, in blocks where a block of
 * results fits the registers. */
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

enum { WIDTH = 64, ROWS = 4, VECTORS = WIDTH / LANES };

INLINE float factor_at(const float *l, int64_t n, bool transpose, int64_t row, int64_t j)
{
    return transpose ? l[j * n + row] : l[row * n + j];
}

/* sum[r] = b[row + r] - sum of l(row + r, j) y[j] over j from .. to, for ROWS rows and WIDTH
 * columns: each y[j] that is read serves all rows, each factor all columns. */
INLINE void subtract_block(float sum[ROWS][WIDTH], const float *y, const float *l, const float *b,
                           int64_t n, int64_t k, bool transpose, int64_t row, int64_t from,
                           int64_t to)
{
    vec total[ROWS][VECTORS];
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < VECTORS; v++)
            total[r][v] = vec_load(b + (row + r) * k + v * LANES);
    for (int64_t j = from; j < to; j++)
        for (int r = 0; r < ROWS; r++) {
            vec factor = vec_all(factor_at(l, n, transpose, row + r, j));
            for (int v = 0; v < VECTORS; v++)
                total[r][v] -= factor * vec_load(y + j * k + v * LANES);
        }
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < VECTORS; v++)
            vec_store(&sum[r][v * LANES], total[r][v]);
}

/* The same for one row and any number of columns. */
static void subtract_row(float *sum, const float *y, const float *l, const float *b, int64_t n,
                         int64_t k, bool transpose, int64_t row, int64_t from, int64_t to,
                         int64_t count)
{
    for (int64_t c = 0; c < count; c++)
        sum[c] = b[row * k + c];
    for (int64_t j = from; j < to; j++) {
        float factor = factor_at(l, n, transpose, row, j);
        for (int64_t c = 0; c < count; c++)
            sum[c] -= factor * y[j * k + c];
    }
}

/* ROWS rows from `row` on, given all rows from .. to that were solved before. Within the block each
 * row also waits for those that come first in the order of the solution. */
static void solve_block(float *y, const float *l, const float *b, int64_t n, int64_t k,
                        bool transpose, int64_t row, int64_t from, int64_t to)
{
    float sum[ROWS][WIDTH];
    subtract_block(sum, y, l, b, n, k, transpose, row, from, to);
    for (int i = 0; i < ROWS; i++) {
        int r = transpose ? ROWS - 1 - i : i;
        for (int before = 0; before < i; before++) {
            int s = transpose ? ROWS - 1 - before : before;
            float factor = factor_at(l, n, transpose, row + r, row + s);
            for (int c = 0; c < WIDTH; c++)
                sum[r][c] -= factor * y[(row + s) * k + c];
        }
        for (int c = 0; c < WIDTH; c++)
            y[(row + r) * k + c] = sum[r][c] / l[(row + r) * n + row + r];
    }
}

static void solve_row(float *y, const float *l, const float *b, int64_t n, int64_t k,
                      bool transpose, int64_t row, int64_t count)
{
    float sum[WIDTH];
    subtract_row(sum, y, l, b, n, k, transpose, row, transpose ? row + 1 : 0, transpose ? n : row,
                 count);
    for (int64_t c = 0; c < count; c++)
        y[row * k + c] = sum[c] / l[row * n + row];
}

static void solve(float *y, const float *l, const float *b, int64_t n, int64_t k, bool transpose,
                  int64_t first, int64_t count)
{
    int64_t done = 0;
    y += first;
    b += first;
    for (; count == WIDTH && done + ROWS <= n; done += ROWS) {
        int64_t row = transpose ? n - done - ROWS : done;
        solve_block(y, l, b, n, k, transpose, row, transpose ? row + ROWS : 0,
                    transpose ? n : row);
    }
    for (; done < n; done++)
        solve_row(y, l, b, n, k, transpose, transpose ? n - 1 - done : done, count);
}

const cairn__linear CAIRN__ISA_NAME(cairn__linear) = {.cholesky = cholesky, .solve = solve};
