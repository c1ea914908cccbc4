/* Matrix times vector: y[i] = sum over k of A(i, k) x[k]. Bound by reading A once, so the only care
 * is to keep several streams of sums going. */
#include "backend/cpu/gemm.h"

#include "backend/cpu/isa/vector.h"

/* ---- rows of A lie along k: an inner product each ----------------------------------------------
 */

static float sum_lanes(vec x)
{
    float lane[LANES];
    vec_store(lane, x);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

/* `rows` inner products at once share the loads of x; each has two sums, so that one addition need
 * not wait for the last. The order of a row's sums does not depend on `rows`. */
INLINE void dots(int rows, int64_t K, const float *a, int64_t a_row, const float *x, float *y)
{
    vec even[4] = {{0}}, odd[4] = {{0}};
    float tail[4] = {0};
    int64_t k = 0;
    for (; k + 2 * LANES <= K; k += 2 * LANES) {
        vec x0 = vec_load(x + k), x1 = vec_load(x + k + LANES);
        UNROLL
        for (int r = 0; r < rows; r++) {
            even[r] += vec_load(a + r * a_row + k) * x0;
            odd[r] += vec_load(a + r * a_row + k + LANES) * x1;
        }
    }
    for (; k < K; k++)
        UNROLL
    for (int r = 0; r < rows; r++)
        tail[r] = fused(a[r * a_row + k], x[k], tail[r]);
    UNROLL
    for (int r = 0; r < rows; r++)
        y[r] = sum_lanes(even[r] + odd[r]) + tail[r];
}

/* ---- columns of A lie along i: y is a sum of them ----------------------------------------------
 */

/* `vectors` * LANES numbers of y stay in registers while k runs. */
INLINE void combine(int vectors, int64_t K, const float *a, int64_t a_depth, const float *x,
                    float *y)
{
    vec sum[8] = {{0}};
    for (int64_t k = 0; k < K; k++, a += a_depth) {
        vec all = vec_all(x[k]);
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[v] += vec_load(a + v * LANES) * all;
    }
    UNROLL
    for (int v = 0; v < vectors; v++)
        vec_store(y + v * LANES, sum[v]);
}

/* The numbers that do not fill a vector, added up as the lanes of one would be. */
static void combine_rest(int64_t n, int64_t K, const float *a, int64_t a_depth, const float *x,
                         float *y)
{
    float block[LANES * 16], result[LANES];
    vec sum = {0};
    for (int64_t k0 = 0; k0 < K; k0 += 16) {
        int64_t steps = K - k0 < 16 ? K - k0 : 16;
        memset(block, 0, sizeof block);
        for (int64_t k = 0; k < steps; k++)
            for (int64_t i = 0; i < n; i++)
                block[k * LANES + i] = a[(k0 + k) * a_depth + i];
        for (int64_t k = 0; k < steps; k++)
            sum += vec_load(block + k * LANES) * vec_all(x[k0 + k]);
    }
    vec_store(result, sum);
    memcpy(y, result, (size_t)n * sizeof *y);
}

static void product(int64_t M, int64_t K, const float *a, int64_t a_row, int64_t a_depth,
                    const float *x, float *y)
{
    int64_t i = 0;
    if (a_depth == 1) {
        for (; i + 4 <= M; i += 4)
            dots(4, K, a + i * a_row, a_row, x, y + i);
        for (; i < M; i++)
            dots(1, K, a + i * a_row, a_row, x, y + i);
        return;
    }
    for (; i + 8 * LANES <= M; i += 8 * LANES)
        combine(8, K, a + i, a_depth, x, y + i);
    for (; i + LANES <= M; i += LANES)
        combine(1, K, a + i, a_depth, x, y + i);
    if (i < M)
        combine_rest(M - i, K, a + i, a_depth, x, y + i);
}

const cairn__gemv_kernels CAIRN__ISA_NAME(cairn__gemv) = {.product = product};
