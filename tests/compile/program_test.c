/* Programs as users see them: feeding, running, fetching; updates that read and write each other;
 * the promises on memory, time and bits. */
#include "cairn/compile.h"

#include <stdlib.h>

#include "cairn/autodiff.h"
#include "cairn/loss.h"
#include "cairn/optim.h"
#include "compile/plan.h"
#include "test.h"

static float fetch_one(cairn_program *p, const char *name)
{
    cairn_status status = CAIRN_STATUS_INIT;
    float value = (float)cairn_program_scalar(p, name, &status);
    CHECK_OK(status);
    return value;
}

static cairn_program *compiled(cairn_graph *g)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    CHECK_OK(status);
    return p;
}

TEST(leaves_with_elements_of_their_own)
{
    cairn_graph *g = cairn_graph_new();
    const float data[3] = {10, 20, 30};
    float out[6];
    cairn_tensor i = cairn_iota(g, CAIRN_F32, CAIRN_SHAPE(2, 3), 0);
    cairn_tensor c = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(3), data);
    cairn_output(cairn_add(cairn_add(i, c), cairn_scalar(g, 0.5)), "sum");
    cairn_output(cairn_iota(g, CAIRN_I32, CAIRN_SHAPE(3), 0), "index");
    cairn_program *p = compiled(g);
    cairn_program_run(p, NULL);
    cairn_program_fetch(p, "sum", out, sizeof out, NULL);
    for (int k = 0; k < 6; k++)
        CHECK_NEAR(out[k], data[k % 3] + (float)(k / 3) + 0.5f, 0);
    int32_t index[3];
    cairn_program_fetch(p, "index", index, sizeof index, NULL);
    CHECK(index[0] == 0 && index[1] == 1 && index[2] == 2);
    cairn_program_free(p);
    cairn_graph_free(g);
}

TEST(updates_see_the_old_values)
{
    /* Fibonacci by exchange: a, b = b, a + b. Neither update may see the other's new value. */
    cairn_graph *g = cairn_graph_new();
    cairn_tensor a = cairn_state(g, "a", CAIRN_F32, CAIRN_SCALAR, CAIRN_ZEROS);
    cairn_tensor b = cairn_state(g, "b", CAIRN_F32, CAIRN_SCALAR, CAIRN_ONES);
    cairn_assign(a, b);
    cairn_assign(b, cairn_add(a, b));
    cairn_output(cairn_scale(a, 1), "before");
    cairn_program *p = compiled(g);
    static const float expected[] = {0, 1, 1, 2, 3, 5, 8, 13};
    for (size_t i = 0; i < CAIRN__COUNT(expected); i++) {
        cairn_program_run(p, NULL);
        CHECK_NEAR(fetch_one(p, "before"), expected[i], 0);
    }
    cairn_program_free(p);
    cairn_graph_free(g);
}

TEST(three_variables_in_a_ring)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor v[3];
    for (int i = 0; i < 3; i++) {
        char name[4] = {(char)('a' + i)};
        v[i] = cairn_state(g, name, CAIRN_F32, CAIRN_SHAPE(40),
                           (cairn_init){CAIRN_INIT_CONSTANT, i});
    }
    for (int i = 0; i < 3; i++)
        cairn_assign(v[i], v[(i + 1) % 3]);
    cairn_program *p = compiled(g);
    for (int step = 1; step <= 4; step++) {
        cairn_program_run(p, NULL);
        for (int i = 0; i < 3; i++) {
            char name[4] = {(char)('a' + i)};
            float x[40];
            cairn_variable_read(cairn_graph_variable(g, name), x, sizeof x, NULL);
            CHECK_INT(x[39], (i + step) % 3);
        }
    }
    cairn_program_free(p);
    cairn_graph_free(g);
}

TEST(a_matrix_is_not_overwritten_while_a_product_reads_it)
{
    /* w <- w - (x^T (x w)): the product reads w, the update writes it. */
    enum { N = 130 };
    cairn_graph *g = cairn_graph_new();
    cairn_graph_seed(g, 4);
    cairn_tensor w = cairn_parameter(g, "w", CAIRN_SHAPE(N, N),
                                     (cairn_init){CAIRN_INIT_NORMAL, 0.1});
    cairn_tensor x = cairn_parameter(g, "x", CAIRN_SHAPE(N, N),
                                     (cairn_init){CAIRN_INIT_NORMAL, 0.1});
    cairn_tensor next = cairn_sub(w, cairn_matmul(cairn_square(x), w));
    cairn_assign(w, next);
    cairn_output(cairn_sum(next), "sum");
    float *before = cairn__alloc(2 * N * N, sizeof *before, NULL), *after = before + N * N;
    static float xs[N * N];
    cairn_program *p = compiled(g);
    cairn_variable_read(cairn_graph_variable(g, "w"), before, sizeof *before * N * N, NULL);
    cairn_variable_read(cairn_graph_variable(g, "x"), xs, sizeof xs, NULL);
    cairn_program_run(p, NULL);
    cairn_variable_read(cairn_graph_variable(g, "w"), after, sizeof *after * N * N, NULL);
    double worst = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double total = (double)before[i * N + j];
            for (int k = 0; k < N; k++)
                total -= (double)xs[i * N + k] * (double)xs[i * N + k] * (double)before[k * N + j];
            worst = fmax(worst, fabs(total - (double)after[i * N + j]));
        }
    CHECK_NEAR(worst, 0, 1e-6);
    cairn__free(before);
    cairn_program_free(p);
    cairn_graph_free(g);
}

TEST(errors_of_a_program)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(4));
    cairn_output(cairn_square(x), "y");
    cairn_program *p = compiled(g);
    float data[8] = {0};
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(!cairn_program_feed(p, "x", data, sizeof data, &status));
    CHECK_TEXT(status.message, "input 'x': 32 bytes given, it has 16");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_program_fetch(p, "z", data, sizeof data, &status));
    CHECK_TEXT(status.message, "the program has no output 'z'");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_compile_outputs(g, cairn_cpu(), (const char *const[]){"loss"}, 1, true, &status));
    CHECK_TEXT(status.message, "the graph has no output 'loss'");
    cairn_program_free(p);
    cairn_graph_free(g);
}

/* ---- a training step of an autoencoder ------------------------------------------------------- */

typedef struct trained {
    cairn_graph *g;
    cairn_program *p;
    float *batch;
    size_t bytes;
} trained;

static trained new_training(int64_t batch, double width)
{
    trained t = {.g = cairn_graph_new(), .bytes = (size_t)batch * 784 * sizeof(float)};
    cairn_dense layers[CAIRN_MLP_LAYERS];
    cairn_mlp_options o = cairn_autoencoder_defaults(784, width, 1);
    cairn_graph_seed(t.g, 1);
    cairn_tensor x = cairn_input(t.g, "x", CAIRN_F32, CAIRN_SHAPE(batch, 784));
    cairn_tensor loss = cairn_mean(cairn_binary_cross_entropy(cairn_mlp(x, &o, layers), x));
    cairn_output(loss, "loss");
    cairn_adam(t.g, loss, NULL);
    t.p = compiled(t.g);
    t.batch = cairn__alloc(t.bytes, 1, NULL);
    cairn_random_uniform_fill(1, 2, batch * 784, t.batch);
    return t;
}

static void free_training(trained *t)
{
    cairn_program_free(t->p);
    cairn_graph_free(t->g);
    cairn__free(t->batch);
}

TEST(a_running_step_allocates_nothing)
{
    trained t = new_training(50, 0.1);
    cairn_program_feed(t.p, "x", t.batch, t.bytes, NULL);
    cairn_program_run(t.p, NULL);
    int64_t before = cairn__alloc_count();
    for (int i = 0; i < 5; i++) {
        cairn_program_feed(t.p, "x", t.batch, t.bytes, NULL);
        cairn_program_run(t.p, NULL);
        cairn_program_scalar(t.p, "loss", NULL);
    }
    CHECK_INT(cairn__alloc_count(), before);
    free_training(&t);
}

static uint64_t hash_of_training(int threads, int64_t batch, double width)
{
    uint64_t hash = 14695981039346656037u;
    cairn_variable *const *list;
    cairn_threads_set(threads);
    trained t = new_training(batch, width);
    cairn_program_feed(t.p, "x", t.batch, t.bytes, NULL);
    for (int i = 0; i < 4; i++)
        cairn_program_run(t.p, NULL);
    int n = cairn_graph_variables(t.g, &list);
    for (int i = 0; i < n; i++) {
        size_t bytes = (size_t)cairn_shape_count(cairn_variable_shape(list[i])) * 4;
        unsigned char *raw = cairn__alloc(bytes, 1, NULL);
        cairn_variable_read(list[i], raw, bytes, NULL);
        for (size_t b = 0; b < bytes; b++)
            hash = (hash ^ raw[b]) * 1099511628211u;
        cairn__free(raw);
    }
    free_training(&t);
    cairn_threads_set(0);
    return hash;
}

TEST(the_same_bits_on_any_number_of_threads)
{
    static const int threads[] = {1, 2, 3, 7};
    uint64_t first = hash_of_training(1, 250, 0.5);
    for (size_t i = 0; i < CAIRN__COUNT(threads); i++)
        test_check(hash_of_training(threads[i], 250, 0.5) == first, __FILE__, __LINE__,
                   "other bits on %d threads", threads[i]);
}

TEST(dumps_of_every_stage)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(8, 16));
    cairn_output(cairn_mean(cairn_tanh(cairn_linear(x, 4, "layer"))), "loss");
    static const char *const stages[][3] = {
        {"graph", "text", "matmul"},   {"graph", "dot", "digraph"},   {"lowered", "text", "tanh"},
        {"lowered", "dot", "digraph"}, {"plan", "text", "bytes"},     {"kernels", "text", "chunks"},
    };
    for (size_t i = 0; i < CAIRN__COUNT(stages); i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        char *text = cairn_graph_dump(g, cairn_cpu(), stages[i][0], stages[i][1], &status);
        CHECK_OK(status);
        CHECK_CONTAINS(text, stages[i][2]);
        free(text);
    }
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(!cairn_graph_dump(g, cairn_cpu(), "plan", "dot", &status));
    CHECK_CONTAINS(status.message, "expected graph or lowered");
    cairn_graph_free(g);
}

TEST(out_of_memory_at_every_call_of_a_compile)
{
    int64_t failures = 0;
    for (int64_t n = 1; n < 400; n++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_graph *g = cairn_graph_new();
        cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(8, 16));
        cairn_tensor loss = cairn_mean(cairn_square(cairn_linear(x, 4, "layer")));
        cairn_adam(g, loss, NULL);
        cairn__alloc_fail_after(n);
        cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
        cairn__alloc_fail_after(0);
        CHECK((p != NULL) == (status.code == CAIRN_OK));
        if (p)
            cairn_program_run(p, NULL);
        failures += !p;
        cairn_program_free(p);
        cairn_graph_free(g);
    }
    CHECK(failures > 50 && failures < 399);
}
