/* Speed of matrix products: every kernel on the shapes of small and middle-sized training, on one
 * thread and on two. One JSON object a line:
 *
 *     {"set": "autoencoder", "name": "weights 784x1000", "shape": "1x784x1000x1000 A^T",
 *      "kernel": "packed", "chosen": true, "chunks": 4, "gflops": [120.1, 233.4]}
 *
 * Kernels take turns in every round, so that a disturbance meets all of them, and medians are
 * reported. A last line a kernel and set sums up the medians of all its products: what a training
 * step spends in them.   bench_matmul [rounds [set]] */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/matmul.h"

enum { MOST_ROUNDS = 999, THREADS = 2, KERNELS = 4, MOST_ROWS = 64 };

/* The last is the one that the library chooses by itself. */
static const char *const kernel_names[KERNELS] = {"vector", "onednn", "packed", NULL};

typedef struct row {
    const char *set;
    char name[48];
    cairn__matmul_shape shape;
} row;

static row rows[MOST_ROWS];
static int row_count;

static void add(const char *set, const char *name, int64_t batch, int64_t M, int64_t N, int64_t K,
                bool transpose_a, bool transpose_b)
{
    row *r = &rows[row_count++];
    *r = (row){.set = set, .shape = {batch, M, N, K, transpose_a, transpose_b, M * K, K * N}};
    snprintf(r->name, sizeof r->name, "%s", name);
}

/* The three products of each layer; nobody asks for the gradient of the data itself. */
static void add_network(const char *set, int64_t batch, const int *width, int layers)
{
    char name[48];
    for (int i = 0; i < layers; i++) {
        int64_t p = width[i], q = width[i + 1];
        snprintf(name, sizeof name, "forward %dx%d", width[i], width[i + 1]);
        add(set, name, 1, batch, q, p, false, false);
        snprintf(name, sizeof name, "inputs %dx%d", width[i], width[i + 1]);
        if (i > 0)
            add(set, name, 1, batch, p, q, false, true);
        snprintf(name, sizeof name, "weights %dx%d", width[i], width[i + 1]);
        add(set, name, 1, p, q, batch, true, false);
    }
}

static void add_all(void)
{
    add_network("autoencoder", 1000, (int[]){784, 1000, 500, 250, 30, 250, 500, 1000, 784}, 8);
    add_network("mlp", 64, (int[]){784, 128, 10}, 2);
    add("square", "256", 1, 256, 256, 256, false, false);
    add("transformer", "up", 1, 2048, 1536, 384, false, false);
    add("transformer", "up, inputs", 1, 2048, 384, 1536, false, true);
    add("transformer", "up, weights", 1, 384, 1536, 2048, true, false);
    add("transformer", "scores", 48, 256, 256, 64, false, true);
    add("transformer", "values", 48, 256, 64, 256, false, false);
    add("tiny", "16", 1, 16, 16, 16, false, false);
    add("tiny", "64x10x128", 1, 64, 10, 128, false, false);
    add("tiny", "10x128x64", 1, 10, 128, 64, true, false);
    add("tiny", "32x2680x670", 1, 32, 2680, 670, false, false);
    add("vector", "1x4096x1024", 1, 1, 4096, 1024, false, false);
    add("vector", "1x4096x1024 B^T", 1, 1, 4096, 1024, false, true);
    add("vector", "4096x1x1024", 1, 4096, 1, 1024, false, false);
}

/* Seconds of one product, averaged over as many as make some 200 us. */
static double measure(const cairn__matmul *m, double work, const float *a, const float *b, float *c,
                      char *scratch, int threads)
{
    size_t bytes = (cairn__matmul_scratch(m) + 4095) / 4096 * 4096;
    int64_t repeats = work < 2e7 ? (int64_t)(2e7 / work) : 1;
    double start = cairn__seconds();
#pragma omp parallel num_threads(threads)
    for (int64_t i = 0; i < repeats; i++)
#pragma omp for schedule(dynamic)
        for (int64_t chunk = 0; chunk < cairn__matmul_chunks(m); chunk++)
            cairn__matmul_run(m, chunk, a, b, NULL, c,
                              scratch + bytes * (size_t)omp_get_thread_num());
    return (cairn__seconds() - start) / (double)repeats;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static float *random_matrix(int64_t n, uint64_t stream)
{
    float *x = cairn__alloc_aligned((size_t)n * sizeof *x, NULL);
    cairn_random_uniform_fill(1, stream, n, x);
    return x;
}

static double seconds[KERNELS][THREADS][MOST_ROUNDS];
static double totals[KERNELS][THREADS];

static void print_row(const row *r, const cairn__matmul *m, bool chosen,
                      const double gflops[THREADS])
{
    const cairn__matmul_shape *s = &r->shape;
    printf("{\"set\": \"%s\", \"name\": \"%s\", \"shape\": \"%lldx%lldx%lldx%lld%s%s\", "
           "\"kernel\": \"%s\", \"chosen\": %s, \"chunks\": %lld, \"gflops\": [%.1f, %.1f]}\n",
           r->set, r->name, (long long)s->batch, (long long)s->M, (long long)s->N, (long long)s->K,
           s->transpose_a ? " A^T" : "", s->transpose_b ? " B^T" : "", cairn__matmul_name(m),
           chosen ? "true" : "false", (long long)cairn__matmul_chunks(m), gflops[0], gflops[1]);
}

static void bench_row(const row *r, int rounds)
{
    const cairn__matmul_shape *s = &r->shape;
    double work = 2.0 * (double)s->batch * (double)s->M * (double)s->N * (double)s->K;
    float *a = random_matrix(s->batch * s->M * s->K, 1),
          *b = random_matrix(s->batch * s->K * s->N, 2);
    float *c = random_matrix(s->batch * s->M * s->N, 3);
    cairn__matmul *m[KERNELS];
    size_t scratch_bytes = 4096;
    for (int k = 0; k < KERNELS; k++) {
        m[k] = cairn__matmul_new_with(s, kernel_names[k], cairn__isa(), NULL);
        if (m[k])
            scratch_bytes = CAIRN__MAX(scratch_bytes, cairn__matmul_scratch(m[k]) + 4096);
    }
    char *scratch = cairn__alloc_aligned(THREADS * scratch_bytes, NULL);
    for (int round = -1; round < rounds; round++)
        for (int k = 0; k < KERNELS; k++)
            for (int t = 0; t < THREADS; t++)
                if (m[k])
                    seconds[k][t][CAIRN__MAX(round, 0)] =
                        measure(m[k], work, a, b, c, scratch, t + 1);
    for (int k = 0; k < KERNELS; k++) {
        double gflops[THREADS];
        for (int t = 0; t < THREADS && m[k]; t++) {
            qsort(seconds[k][t], (size_t)rounds, sizeof(double), rising);
            double median = seconds[k][t][rounds / 2];
            gflops[t] = work / median / 1e9;
            totals[k][t] += median;
        }
        if (m[k])
            print_row(r, m[k], !kernel_names[k], gflops);
        cairn__matmul_free(m[k]);
    }
    cairn__free(scratch);
    cairn__free(a);
    cairn__free(b);
    cairn__free(c);
}

static void print_totals(const char *set)
{
    for (int k = 1; k < KERNELS; k++)
        if (totals[k][0] > 0)
            printf("{\"set\": \"%s\", \"kernel\": \"%s\", \"total_ms\": [%.3f, %.3f]}\n", set,
                   kernel_names[k] ? kernel_names[k] : "chosen", 1e3 * totals[k][0],
                   1e3 * totals[k][1]);
    memset(totals, 0, sizeof totals);
}

int main(int count, char **arguments)
{
    int rounds = count > 1 ? atoi(arguments[1]) : 11;
    rounds = rounds < 1 ? 1 : CAIRN__MIN(rounds, MOST_ROUNDS);
    add_all();
    for (int i = 0; i < row_count; i++) {
        if (count > 2 && strcmp(rows[i].set, arguments[2]) != 0)
            continue;
        bench_row(&rows[i], rounds);
        if (i + 1 == row_count || strcmp(rows[i].set, rows[i + 1].set) != 0)
            print_totals(rows[i].set);
    }
    return 0;
}
