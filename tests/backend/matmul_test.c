/* Every kernel for matrix products against sums in double precision, at every instruction set. */
#include "backend/cpu/matmul.h"

#include <omp.h>
#include <stdlib.h>

#include "test.h"

static const char *const names[] = {"vector", "onednn", "packed", "reference"};

enum { GUARD = 64 };
static const float guard_value = 12345.0f;

/* A product with its operands, what C should be, and how far it may be from that. */
typedef struct product {
    cairn__matmul_shape shape;
    int64_t size_a, size_b, size_c;
    float *a, *b, *c; /* each with GUARD words on both sides */
    float *a_copy, *b_copy;
    double *expected, *allowed;
} product;

/* ---- inputs ------------------------------------------------------------------------------------
 */

static int64_t extent(int64_t batch, int64_t stride, int64_t matrix)
{
    return batch ? (batch - 1) * stride + matrix : 0;
}

static float *guarded(int64_t n, uint64_t stream)
{
    float *x = cairn__alloc_aligned((size_t)(n + 2 * GUARD) * sizeof *x, NULL);
    cairn_random_normal_fill(test_seed(), stream, n, x + GUARD);
    for (int i = 0; i < GUARD; i++)
        x[i] = x[GUARD + n + i] = guard_value;
    return x + GUARD;
}

static bool guards_hold(const float *x, int64_t n)
{
    for (int i = 0; i < GUARD; i++)
        if (x[-1 - i] != guard_value || x[n + i] != guard_value)
            return false;
    return true;
}

/* An element is a sum of K products. Whatever the order, and with or without fused operations, each
 * product passes at most K roundings before it is part of the result, so the error is at most
 * K u / (1 - K u) times the sum of the products' magnitudes, u = 2^-24 (Higham 2002, "Accuracy and
 * stability of numerical algorithms", (3.5)). The reference adds one rounding. */
static void expect(product *p)
{
    const cairn__matmul_shape *s = &p->shape;
    for (int64_t e = 0; e < p->size_c; e++) {
        int64_t item = e / (s->M * s->N), i = e / s->N % s->M, j = e % s->N;
        const float *a = p->a + item * s->batch_stride_a, *b = p->b + item * s->batch_stride_b;
        double sum = 0, magnitude = 0;
        for (int64_t k = 0; k < s->K; k++) {
            double x = (double)a[s->transpose_a ? k * s->M + i : i * s->K + k] *
                       (double)b[s->transpose_b ? j * s->K + k : k * s->N + j];
            sum += x;
            magnitude += fabs(x);
        }
        double u = ldexp((double)(s->K + 2), -24);
        p->expected[e] = sum;
        p->allowed[e] = u / (1 - u) * magnitude;
    }
}

static product make(cairn__matmul_shape s)
{
    product p = {.shape = s};
    p.size_a = extent(s.batch, s.batch_stride_a, s.M * s.K);
    p.size_b = extent(s.batch, s.batch_stride_b, s.K * s.N);
    p.size_c = s.batch * s.M * s.N;
    p.a = guarded(p.size_a, 1);
    p.b = guarded(p.size_b, 2);
    p.c = guarded(p.size_c, 3);
    p.a_copy = cairn__alloc((size_t)p.size_a, sizeof *p.a, NULL);
    p.b_copy = cairn__alloc((size_t)p.size_b, sizeof *p.b, NULL);
    memcpy(p.a_copy, p.a, (size_t)p.size_a * sizeof *p.a);
    memcpy(p.b_copy, p.b, (size_t)p.size_b * sizeof *p.b);
    p.expected = cairn__alloc((size_t)p.size_c, sizeof *p.expected, NULL);
    p.allowed = cairn__alloc((size_t)p.size_c, sizeof *p.allowed, NULL);
    expect(&p);
    return p;
}

static void drop(product *p)
{
    cairn__free(p->a - GUARD);
    cairn__free(p->b - GUARD);
    cairn__free(p->c - GUARD);
    cairn__free(p->a_copy);
    cairn__free(p->b_copy);
    cairn__free(p->expected);
    cairn__free(p->allowed);
}

/* The dense shape with the given sizes. */
static cairn__matmul_shape dense(int64_t batch, int64_t M, int64_t N, int64_t K, bool ta, bool tb)
{
    return (cairn__matmul_shape){batch, M, N, K, ta, tb, M * K, K * N};
}

/* ---- checks ------------------------------------------------------------------------------------
 */

static void run_chunks(const cairn__matmul *m, const product *p, const float *packed, int threads)
{
    size_t bytes = (cairn__matmul_scratch(m) + 63) / 64 * 64;
    char *scratch = cairn__alloc_aligned(bytes * (size_t)threads, NULL);
    int64_t before = cairn__alloc_count();
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t chunk = 0; chunk < cairn__matmul_chunks(m); chunk++)
        cairn__matmul_run(m, chunk, p->a, p->b, packed, p->c,
                          scratch + bytes * (size_t)omp_get_thread_num());
    CHECK_INT(cairn__alloc_count(), before);
    cairn__free(scratch);
}

/* With a shared copy of B too, where there is one: it must give the same bits. */
static void run_all(const cairn__matmul *m, const product *p, int threads)
{
    size_t bytes = cairn__matmul_packed_bytes(m), size = (size_t)p->size_c * sizeof *p->c;
    run_chunks(m, p, NULL, threads);
    if (!bytes)
        return;
    float *packed = cairn__alloc_aligned(bytes, NULL), *alone = cairn__alloc(size, 1, NULL);
    memcpy(alone, p->c, size);
    for (int64_t part = 0; part < cairn__matmul_parts(m); part++)
        cairn__matmul_pack(m, part, p->b, packed);
    run_chunks(m, p, packed, threads);
    CHECK(memcmp(alone, p->c, size) == 0);
    cairn__free(packed);
    cairn__free(alone);
}

/* The first element that is too far from what is expected, or -1. NaN is too far. */
static int64_t first_wrong(const product *p)
{
    for (int64_t e = 0; e < p->size_c; e++)
        if (!(fabs((double)p->c[e] - p->expected[e]) <= p->allowed[e]))
            return e;
    return -1;
}

static bool covers_once(const cairn__matmul *m, int64_t size)
{
    int64_t next = 0, first, count;
    for (int64_t chunk = 0; chunk < cairn__matmul_chunks(m); chunk++, next += count) {
        cairn__matmul_span(m, chunk, &first, &count);
        if (first != next || count <= 0)
            return false;
    }
    return next == size;
}

static void check_kernel(const product *p, const char *name, cairn__isa_level level)
{
    const cairn__matmul_shape *s = &p->shape;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__matmul *m = cairn__matmul_new_with(s, name, level, &status);
    if (!m) {
        CHECK_INT(status.code, CAIRN_ERR_MISSING);
        return;
    }
    memset(p->c, 0xff, (size_t)p->size_c * sizeof *p->c);
    run_all(m, p, 1);
    int64_t e = first_wrong(p);
    test_check(e < 0, __FILE__, __LINE__,
               "%s at %s, %lld x [%lld,%lld,%lld]%s%s: element %lld is %.9g, expected %.9g +- %.3g",
               cairn__matmul_name(m), cairn__isa_name(level), (long long)s->batch, (long long)s->M,
               (long long)s->N, (long long)s->K, s->transpose_a ? " A^T" : "",
               s->transpose_b ? " B^T" : "", (long long)e, e < 0 ? 0 : (double)p->c[e],
               e < 0 ? 0 : p->expected[e], e < 0 ? 0 : p->allowed[e]);
    CHECK(covers_once(m, p->size_c));
    CHECK(guards_hold(p->a, p->size_a) && guards_hold(p->b, p->size_b) &&
          guards_hold(p->c, p->size_c));
    CHECK(memcmp(p->a, p->a_copy, (size_t)p->size_a * sizeof *p->a) == 0);
    CHECK(memcmp(p->b, p->b_copy, (size_t)p->size_b * sizeof *p->b) == 0);

    float *once = cairn__alloc((size_t)p->size_c, sizeof *once, NULL);
    memcpy(once, p->c, (size_t)p->size_c * sizeof *once);
    const int threads[] = {2, 3, 7};
    for (size_t i = 0; i < CAIRN__COUNT(threads); i++) {
        memset(p->c, 0xff, (size_t)p->size_c * sizeof *p->c);
        run_all(m, p, threads[i]);
        test_check(memcmp(once, p->c, (size_t)p->size_c * sizeof *once) == 0, __FILE__, __LINE__,
                   "%s at %s, %lld x [%lld,%lld,%lld]: other bits with %d threads", name,
                   cairn__isa_name(level), (long long)s->batch, (long long)s->M, (long long)s->N,
                   (long long)s->K, threads[i]);
    }
    cairn__free(once);
    cairn__matmul_free(m);
}

static void check_shape(cairn__matmul_shape s)
{
    product p = make(s);
    for (int level = 0; level < CAIRN__ISA_LEVELS; level++)
        for (size_t i = 0; i < CAIRN__COUNT(names); i++)
            if (cairn__isa_supported((cairn__isa_level)level))
                check_kernel(&p, names[i], (cairn__isa_level)level);
    drop(&p);
}

/* ---- tests -------------------------------------------------------------------------------------
 */

TEST(levels)
{
    for (int level = 0; level < CAIRN__ISA_LEVELS; level++)
        if (!cairn__isa_supported((cairn__isa_level)level))
            printf("    not tested: this machine has no %s\n",
                   cairn__isa_name((cairn__isa_level)level));
    CHECK(cairn__isa_supported(cairn__isa()));
}

TEST(edges_of_tiles)
{
    /* One below, at and above the heights and widths of all tiles, and the depths where the sums
     * are cut and where the transposing copy ends. */
    const int64_t rows[] = {1, 4, 6, 13, 14, 15, 29}, columns[] = {1, 8, 15, 16, 17, 32, 33, 65};
    const int64_t depths[] = {1, 15, 17, 130};
    for (size_t i = 0; i < CAIRN__COUNT(rows); i++)
        for (size_t j = 0; j < CAIRN__COUNT(columns); j++)
            for (size_t k = 0; k < CAIRN__COUNT(depths); k++)
                for (int t = 0; t < 4; t++)
                    check_shape(dense(1, rows[i], columns[j], depths[k], t & 1, t >> 1));
}

TEST(blocks)
{
    /* Beyond one block in each direction: rows, columns, depth. */
    for (int t = 0; t < 4; t++) {
        check_shape(dense(1, 2100, 20, 33, t & 1, t >> 1));
        check_shape(dense(1, 20, 600, 33, t & 1, t >> 1));
        check_shape(dense(1, 40, 40, 1000, t & 1, t >> 1));
        check_shape(dense(1, 120, 300, 400, t & 1, t >> 1));
    }
}

TEST(zero_sizes)
{
    check_shape(dense(1, 5, 7, 0, false, false));
    check_shape(dense(3, 5, 7, 0, true, true));
    check_shape(dense(1, 0, 7, 3, false, false));
    check_shape(dense(1, 5, 0, 3, false, true));
    check_shape(dense(0, 5, 7, 3, false, false));
    check_shape(dense(2, 1, 7, 0, false, false));
    check_shape(dense(2, 7, 1, 0, false, false));
}

TEST(vectors)
{
    for (int t = 0; t < 4; t++) {
        check_shape(dense(1, 1, 1003, 517, t & 1, t >> 1));
        check_shape(dense(1, 1003, 1, 517, t & 1, t >> 1));
        check_shape(dense(5, 1, 130, 70, t & 1, t >> 1));
        check_shape(dense(5, 130, 1, 70, t & 1, t >> 1));
        check_shape(dense(1, 1, 1, 999, t & 1, t >> 1));
    }
}

TEST(random_shapes)
{
    for (uint64_t n = 0; n < 150; n++) {
        uint32_t r[4], q[4];
        cairn_random_bits(test_seed(), cairn_random_stream("shapes"), n, r);
        cairn_random_bits(test_seed(), cairn_random_stream("flags"), n, q);
        cairn__matmul_shape s = dense(1 + r[3] % 5, 1 + r[0] % 90, 1 + r[1] % 90, 1 + r[2] % 90,
                                      q[0] & 1, q[0] >> 1 & 1);
        /* Shared operands, and items with a gap between them. */
        s.batch_stride_a = q[1] % 3 == 0 ? 0 : s.batch_stride_a + q[1] % 3 * 3 - 3;
        s.batch_stride_b = q[2] % 3 == 0 ? 0 : s.batch_stride_b + q[2] % 3 * 5 - 5;
        check_shape(s);
    }
}

TEST(large_batches)
{
    check_shape(dense(48, 64, 64, 32, false, true));
    cairn__matmul_shape s = dense(6, 100, 70, 50, false, false);
    s.batch_stride_b = 0; /* one product of 600 rows */
    check_shape(s);
}

TEST(parts_have_the_bits_of_the_whole)
{
    /* What "a product may be cut anywhere" promises: the first rows alone are the same. */
    for (int level = 0; level < CAIRN__ISA_LEVELS; level++) {
        if (!cairn__isa_supported((cairn__isa_level)level))
            continue;
        product p = make(dense(1, 100, 45, 500, false, false));
        float *whole = cairn__alloc((size_t)p.size_c, sizeof *whole, NULL);
        for (int64_t M = 100; M > 1; M -= 9) {
            cairn__matmul_shape s = dense(1, M, 45, 500, false, false);
            cairn__matmul *m = cairn__matmul_new_with(&s, "packed", (cairn__isa_level)level, NULL);
            run_all(m, &p, 1);
            if (M == 100)
                memcpy(whole, p.c, (size_t)p.size_c * sizeof *whole);
            CHECK(memcmp(whole, p.c, (size_t)(M * 45) * sizeof *whole) == 0);
            cairn__matmul_free(m);
        }
        cairn__free(whole);
        drop(&p);
    }
}

TEST(the_check_notices_a_fault)
{
    product p = make(dense(1, 20, 30, 40, false, false));
    for (int64_t e = 0; e < p.size_c; e++)
        p.c[e] = (float)p.expected[e];
    CHECK_INT(first_wrong(&p), -1);
    p.c[317] += 1e-4f;
    CHECK_INT(first_wrong(&p), 317);
    p.c[317] = NAN;
    CHECK_INT(first_wrong(&p), 317);
    drop(&p);
}

TEST(refusals)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__matmul_shape s = dense(1, 20, 30, -1, false, false);
    CHECK(!cairn__matmul_new(&s, &status));
    CHECK_INT(status.code, CAIRN_ERR_SHAPE);
    status = (cairn_status)CAIRN_STATUS_INIT;
    s = dense(1, (int64_t)1 << 30, (int64_t)1 << 30, 1, false, false);
    CHECK(!cairn__matmul_new(&s, &status));
    CHECK_INT(status.code, CAIRN_ERR_SHAPE);

    status = (cairn_status)CAIRN_STATUS_INIT;
    s = dense(1, 20, 30, 40, false, false);
    CHECK(!cairn__matmul_new_with(&s, "vector", cairn__isa(), &status));
    CHECK_INT(status.code, CAIRN_ERR_MISSING);
    CHECK_CONTAINS(status.message, "neither M nor N is 1");

    status = (cairn_status)CAIRN_STATUS_INIT;
    cairn__matmul *m = cairn__matmul_new(&s, &status);
    CHECK_OK(status);
    CHECK_CONTAINS(cairn__matmul_declined(m), "vector: neither M nor N is 1");
    cairn__matmul_free(m);
    cairn__matmul_free(NULL);
}

TEST(out_of_memory)
{
    cairn__matmul_shape s = dense(1, 200, 300, 400, false, false);
    for (size_t i = 0; i < CAIRN__COUNT(names); i++)
        for (int64_t n = 1;; n++) {
            cairn_status status = CAIRN_STATUS_INIT;
            cairn__alloc_fail_after(n);
            cairn__matmul *m = cairn__matmul_new_with(&s, names[i], cairn__isa(), &status);
            cairn__alloc_fail_after(0);
            cairn__matmul_free(m);
            if (m || status.code != CAIRN_ERR_MEMORY)
                break;
        }
}
