/* Attention over one head: rows of scores for some queries at a time, all of their keys at once.
 *
 *             keys that the block's last query sees
 *            +-------------+
 *     ROWS   | s or p      |  in scratch, so an exact softmax needs no second pass over the keys
 *            +-------------+
 *
 * Memory is ROWS numbers for each key and thread. Blocks of keys that `causal` hides from all
 * queries of a block are no part of any product. The gradient goes from the last block, which sees
 * all keys, to the first, so that the first product to reach a row of dk or dv overwrites it. */
#include "backend/cpu/attention.h"
#include "backend/cpu/gemm.h"
#include "backend/cpu/isa/exponential.h"

#define GEMM CAIRN__ISA_NAME(cairn__gemm)

enum { ROWS = 64 };

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Rows of scores are padded to whole cache lines. */
static int64_t row_of(const cairn__attention *a)
{
    return (a->Tk + 15) / 16 * 16;
}

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t forward_scratch(const cairn__attention *a)
{
    size_t products = largest(GEMM.scratch(ROWS, a->Tk, a->D), GEMM.scratch(ROWS, a->D, a->Tk));
    return (size_t)(ROWS * row_of(a)) * sizeof(float) + products + 64;
}

static size_t backward_scratch(const cairn__attention *a)
{
    return forward_scratch(a) + (size_t)(ROWS * row_of(a)) * sizeof(float) +
           GEMM.scratch(a->Tk, a->D, ROWS);
}

/* ---- products -------------------------------------------------------------------------------- */

/* One head of an operand in memory: rows of D numbers, `row` apart. */
typedef struct head {
    const float *at;
    int64_t row;
} head;

/* c [rows, n] = x y^T: scores, and the gradient of probabilities. */
static void times_transposed(int64_t rows, int64_t n, int64_t D, head x, head y, float *c,
                             int64_t c_row, float *scratch)
{
    const cairn__gemm_task task = {.M = rows,
                                   .N = n,
                                   .K = D,
                                   .a = x.at,
                                   .a_row = x.row,
                                   .a_depth = 1,
                                   .b = y.at,
                                   .b_depth = 1,
                                   .b_column = y.row,
                                   .c = c,
                                   .c_row = c_row};
    GEMM.product(&task, scratch);
}

/* c [rows, D] (+)= p y, with p [rows, n]. */
static void times(int64_t rows, int64_t n, int64_t D, const float *p, int64_t p_row, head y,
                  float *c, int64_t c_row, bool add, float *scratch)
{
    const cairn__gemm_task task = {.M = rows,
                                   .N = D,
                                   .K = n,
                                   .a = p,
                                   .a_row = p_row,
                                   .a_depth = 1,
                                   .b = y.at,
                                   .b_depth = y.row,
                                   .b_column = 1,
                                   .c = c,
                                   .c_row = c_row,
                                   .add = add};
    GEMM.product(&task, scratch);
}

/* c [n, D] (+)= p^T y. */
static void transposed_times(int64_t rows, int64_t n, int64_t D, const float *p, int64_t p_row,
                             head y, float *c, int64_t c_row, bool add, float *scratch)
{
    const cairn__gemm_task task = {.M = n,
                                   .N = D,
                                   .K = rows,
                                   .a = p,
                                   .a_row = 1,
                                   .a_depth = p_row,
                                   .b = y.at,
                                   .b_depth = y.row,
                                   .b_column = 1,
                                   .c = c,
                                   .c_row = c_row,
                                   .add = add};
    GEMM.product(&task, scratch);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* s = scale s + bias; returns the largest. */
static float scaled(float *s, int64_t n, float scale, const float *bias, int64_t bias_step)
{
    float most = -INFINITY;
    if (bias)
        for (int64_t j = 0; j < n; j++)
            s[j] = s[j] * scale + bias[j * bias_step];
    else
#pragma omp simd
        for (int64_t j = 0; j < n; j++)
            s[j] *= scale;
#pragma omp simd reduction(max : most)
    for (int64_t j = 0; j < n; j++)
        most = s[j] > most ? s[j] : most;
    return most;
}

/* p = exp(s - max(s)), zeros up to `width`; returns one over the sum. A row that is -inf throughout
 * (all keys hidden) is zeros. */
static float exponentials(float *s, int64_t n, int64_t width, float most)
{
    float total = 0;
    if (most == -INFINITY) {
        int hidden = 1;
        for (int64_t j = 0; j < n; j++)
            hidden &= s[j] == -INFINITY;
        if (hidden) {
            memset(s, 0, (size_t)width * sizeof *s);
            return 0;
        }
    }
#pragma omp simd reduction(+ : total)
    for (int64_t j = 0; j < n; j++) {
        s[j] = exp_one(s[j] - most);
        total += s[j];
    }
    if (n < width)
        memset(s + n, 0, (size_t)(width - n) * sizeof *s);
    return 1 / total;
}

static const float *bias_row(const cairn__attention_task *t, int64_t item, int64_t h, int64_t i)
{
    const int64_t *stride = t->a.bias_stride;
    return t->bias ? t->bias + item * stride[0] + h * stride[1] + i * stride[2] : NULL;
}

/* Row r of a block of scores, of query i: see exponentials(). */
static float softmax_row(const cairn__attention_task *t, int64_t item, int64_t h, int64_t i,
                         float *s, int64_t width)
{
    int64_t sees = cairn__attention_sees(&t->a, i);
    float most = scaled(s, sees, (float)t->a.scale, bias_row(t, item, h, i), t->a.bias_stride[3]);
    return exponentials(s, sees, width, most);
}

/* From p, not divided by its sum yet, and dp to p and scale ds = scale p (dp - sum of p dp). */
static void pull_row(float *p, float *dp, int64_t n, float factor, float scale)
{
    float inner = 0;
#pragma omp simd reduction(+ : inner)
    for (int64_t j = 0; j < n; j++) {
        p[j] *= factor;
        inner += p[j] * dp[j];
    }
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        dp[j] = scale * p[j] * (dp[j] - inner);
}

/* ---- one head -------------------------------------------------------------------------------- */

static head head_of(const cairn__attention_task *t, int64_t item, int64_t at, int64_t h,
                    int64_t row)
{
    return (head){t->x + item * t->a.x_item + at + h * t->a.D, row};
}

static head below(head x, int64_t rows)
{
    return (head){x.at + rows * x.row, x.row};
}

static void zero_rows(float *c, int64_t row, int64_t rows, int64_t D)
{
    for (int64_t i = 0; i < rows; i++)
        memset(c + i * row, 0, (size_t)D * sizeof *c);
}

static void forward(const cairn__attention_task *t, int64_t item, int64_t h, int64_t first,
                    int64_t last, float *s)
{
    const cairn__attention *a = &t->a;
    const int64_t width = row_of(a), out_row = a->H * a->D, kv = h / (a->H / a->Hkv);
    const head q = head_of(t, item, 0, h, a->q_row), k = head_of(t, item, a->k_at, kv, a->k_row);
    const head v = head_of(t, item, a->v_at, kv, a->k_row);
    float *out = t->out + (item * a->Tq * a->H + h) * a->D, *scratch = s + ROWS * width;
    for (int64_t i = first; i < last; i += ROWS) {
        int64_t rows = least(ROWS, last - i), n = cairn__attention_sees(a, i + rows - 1);
        float factor[ROWS], *c = out + i * out_row;
        if (n == 0) {
            zero_rows(c, out_row, rows, a->D);
            continue;
        }
        times_transposed(rows, n, a->D, below(q, i), k, s, width, scratch);
        for (int64_t r = 0; r < rows; r++)
            factor[r] = softmax_row(t, item, h, i + r, s + r * width, n);
        times(rows, n, a->D, s, width, v, c, out_row, false, scratch);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t d = 0; d < a->D; d++)
                c[r * out_row + d] *= factor[r];
    }
}

static void backward(const cairn__attention_task *t, int64_t item, int64_t kv, float *p)
{
    const cairn__attention *a = &t->a;
    const int64_t width = row_of(a), D = a->D, shared = a->H / a->Hkv, dy_row = a->H * D;
    const int64_t at_k = item * a->x_item + a->k_at + kv * D;
    const int64_t at_v = item * a->x_item + a->v_at + kv * D;
    const head k = head_of(t, item, a->k_at, kv, a->k_row);
    const head v = head_of(t, item, a->v_at, kv, a->k_row);
    float *dp = p + ROWS * width, *scratch = dp + ROWS * width;
    bool add = false;
    for (int64_t h = kv * shared; h < (kv + 1) * shared; h++) {
        const head q = head_of(t, item, 0, h, a->q_row);
        const head dy = {t->dy + (item * a->Tq * a->H + h) * D, dy_row};
        float *dq = t->out + item * a->x_item + h * D;
        for (int64_t i = (a->Tq - 1) / ROWS * ROWS; i >= 0; i -= ROWS) {
            int64_t rows = least(ROWS, a->Tq - i), n = cairn__attention_sees(a, i + rows - 1);
            if (n == 0) {
                zero_rows(dq + i * a->q_row, a->q_row, rows, D);
                continue;
            }
            times_transposed(rows, n, D, below(q, i), k, p, width, scratch);
            times_transposed(rows, n, D, below(dy, i), v, dp, width, scratch);
            for (int64_t r = 0; r < rows; r++) {
                float factor = softmax_row(t, item, h, i + r, p + r * width, n);
                pull_row(p + r * width, dp + r * width, n, factor, (float)a->scale);
            }
            times(rows, n, D, dp, width, k, dq + i * a->q_row, a->q_row, false, scratch);
            transposed_times(rows, n, D, dp, width, below(q, i), t->out + at_k, a->k_row, add,
                             scratch);
            transposed_times(rows, n, D, p, width, below(dy, i), t->out + at_v, a->k_row, add,
                             scratch);
            add = true;
        }
    }
}

const cairn__attention_kernels CAIRN__ISA_NAME(cairn__attention_cpu) = {
    .rows = ROWS,
    .forward_scratch = forward_scratch,
    .backward_scratch = backward_scratch,
    .forward = forward,
    .backward = backward,
};
