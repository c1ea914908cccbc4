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

enum { DEPTH = 8 };

/* `vectors` * LANES numbers of y gain `depth` terms each; the first gain sets them. */
INLINE void combine(int vectors, int depth, bool first, const float *a, int64_t a_depth,
                    const float *x, float *y)
{
    vec sum[4];
    UNROLL
    for (int v = 0; v < vectors; v++)
        sum[v] = first ? (vec){0} : vec_load(y + v * LANES);
    UNROLL
    for (int k = 0; k < depth; k++) {
        const vec all = vec_all(x[k]);
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[v] += vec_load(a + k * a_depth + v * LANES) * all;
    }
    UNROLL
    for (int v = 0; v < vectors; v++)
        vec_store(y + v * LANES, sum[v]);
}

/* All whole vectors of y: DEPTH columns of A at a time, read from end to end, as the processor
 * fetches them ahead. The order of a number's sum is that of k. */
static int64_t combine_all(int64_t M, int64_t K, const float *a, int64_t a_depth, const float *x,
                           float *y)
{
    const int64_t whole = M / LANES * LANES;
    if (K == 0)
        memset(y, 0, (size_t)whole * sizeof *y);
    for (int64_t k = 0; k < K; k += DEPTH) {
        const float *from = a + k * a_depth;
        if (k + DEPTH > K) {
            for (; k < K; k++, from += a_depth)
                for (int64_t i = 0; i < whole; i += LANES)
                    combine(1, 1, k == 0, from + i, a_depth, x + k, y + i);
            break;
        }
        int64_t i = 0;
        for (; i + 2 * LANES <= whole; i += 2 * LANES)
            combine(2, DEPTH, k == 0, from + i, a_depth, x + k, y + i);
        for (; i < whole; i += LANES)
            combine(1, DEPTH, k == 0, from + i, a_depth, x + k, y + i);
    }
    return whole;
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
    i = combine_all(M, K, a, a_depth, x, y);
    if (i < M)
        combine_rest(M - i, K, a + i, a_depth, x, y + i);
}

const cairn__gemv_kernels CAIRN__ISA_NAME(cairn__gemv) = {.product = product};
