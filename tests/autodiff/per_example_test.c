/* Per-example gradients against B separate gradients of one example each, in double precision. */
#include "cairn/autodiff.h"
#include "sampler.h"

enum { B = 3, MOST_PARAMETERS = 6, MOST = 4096 };

/* A model: losses [b] of b examples; x0 f32 [b, T, C] and x1 i32 [b, T] are its inputs. */
enum { T = 4, C = 5, WORDS = 7 };
typedef cairn_tensor model(cairn_graph *g, int64_t b, cairn_tensor x, cairn_tensor words);

static cairn_tensor parameter(cairn_graph *g, const char *name, cairn_shape shape)
{
    return cairn_parameter(g, name, shape, (cairn_init){CAIRN_INIT_UNIFORM, 0.9});
}

/* [b] from anything with the examples first. */
static cairn_tensor losses(cairn_tensor y, int64_t b)
{
    return cairn_reduce_mean(cairn_reshape(cairn_square(y), CAIRN_SHAPE(b, -1)), CAIRN_AXIS(1),
                             false);
}

/* Linear layers with biases, on examples that are several rows each. */
static cairn_tensor layers(cairn_graph *g, int64_t b, cairn_tensor x, cairn_tensor words)
{
    (void)words;
    cairn_tensor h = cairn_add(cairn_matmul(x, parameter(g, "w1", CAIRN_SHAPE(C, 6))),
                               parameter(g, "b1", CAIRN_SHAPE(6)));
    h = cairn_reshape(cairn_tanh(h), CAIRN_SHAPE(b, T * 6));
    cairn_tensor w2 = parameter(g, "w2", CAIRN_SHAPE(2, T * 6));
    h = cairn_matmul_transposed(h, false, w2, true);
    return losses(cairn_add(h, parameter(g, "b2", CAIRN_SHAPE(1, 2))), b);
}

/* What is computed from parameters before they meet the batch. */
static cairn_tensor prepared(cairn_graph *g, int64_t b, cairn_tensor x, cairn_tensor words)
{
    (void)words;
    cairn_tensor w = parameter(g, "w", CAIRN_SHAPE(6, C)), u = parameter(g, "u", CAIRN_SHAPE(C, C));
    cairn_tensor length = cairn_sqrt(cairn_reduce_sum(cairn_square(w), CAIRN_AXIS(1), true));
    cairn_tensor unit = cairn_transpose_last(cairn_div(w, length));
    cairn_tensor both = cairn_matmul(cairn_scale(u, 0.5), unit);
    both = cairn_concat((cairn_tensor[]){both, cairn_flip(both, 0)}, 2, 0);
    both = cairn_cumsum(cairn_slice(both, 0, 1, C, 2), 1, false, false);
    cairn_tensor gain = cairn_exp(parameter(g, "gain", CAIRN_SHAPE(6)));
    return losses(cairn_mul(cairn_matmul(x, both), gain), b);
}

/* A table of words, looked up and multiplied with; and one that is looked up along its columns. */
static cairn_tensor embedding(cairn_graph *g, int64_t b, cairn_tensor x, cairn_tensor words)
{
    cairn_tensor table = parameter(g, "table", CAIRN_SHAPE(WORDS, C));
    cairn_tensor columns = parameter(g, "columns", CAIRN_SHAPE(2, WORDS, 3));
    cairn_tensor h = cairn_mul(cairn_gather(table, words, 0), x);
    cairn_tensor logits = cairn_matmul_transposed(cairn_sin(h), false, table, true);
    cairn_tensor picked = cairn_gather(columns, words, 1); /* [2, b, T, 3] */
    picked = cairn_transpose(picked, (const int[]){1, 0, 2, 3});
    return cairn_add(losses(logits, b), losses(picked, b));
}

/* Attention: products of two batched operands, a shift by position, normal rows. */
static cairn_tensor attention(cairn_graph *g, int64_t b, cairn_tensor x, cairn_tensor words)
{
    (void)words;
    cairn_tensor wq = parameter(g, "q", CAIRN_SHAPE(C, 6));
    cairn_tensor wk = parameter(g, "k", CAIRN_SHAPE(C, 6));
    cairn_tensor place = parameter(g, "place", CAIRN_SHAPE(T, C));
    cairn_tensor h = cairn_add(x, place);
    cairn_tensor mean = cairn_reduce_mean(h, CAIRN_AXIS(2), true);
    h = cairn_mul(cairn_sub(h, mean), parameter(g, "gain", CAIRN_SHAPE(C)));
    const cairn_shape split = CAIRN_SHAPE(b, T, 2, 3);
    const int heads[] = {0, 2, 1, 3};
    cairn_tensor q = cairn_transpose(cairn_reshape(cairn_matmul(h, wq), split), heads);
    cairn_tensor k = cairn_transpose(cairn_reshape(cairn_matmul(h, wk), split), heads);
    cairn_tensor score = cairn_matmul_transposed(q, false, k, true);
    cairn_tensor weight =
        cairn_exp(cairn_sub(score, cairn_reduce_logsumexp(score, CAIRN_AXIS(3), true)));
    return losses(cairn_matmul(weight, cairn_sort(k, 2, false)), b);
}

/* The batch in columns of a product, and in the middle of it. */
static cairn_tensor columns(cairn_graph *g, int64_t b, cairn_tensor x, cairn_tensor words)
{
    (void)words;
    cairn_tensor flat = cairn_reshape(x, CAIRN_SHAPE(b * T, C));
    cairn_tensor w = parameter(g, "w", CAIRN_SHAPE(6, C)), v = parameter(g, "v", CAIRN_SHAPE(C, 6));
    cairn_tensor y = cairn_matmul_transposed(w, false, flat, true); /* [6, b T] */
    cairn_tensor z = cairn_matmul_transposed(v, true, cairn_transpose_last(flat), false);
    return losses(cairn_transpose_last(cairn_mul(y, cairn_sin(z))), b);
}

/* A bias that is repeated for each example before anything else happens to it. */
static cairn_tensor repeated(cairn_graph *g, int64_t b, cairn_tensor x, cairn_tensor words)
{
    (void)words;
    cairn_tensor bias = parameter(g, "bias", CAIRN_SHAPE(1, 1, C));
    cairn_tensor scalar = parameter(g, "scalar", CAIRN_SCALAR);
    cairn_tensor wide = cairn_mul(cairn_broadcast(bias, CAIRN_SHAPE(b, T, C)), scalar);
    cairn_tensor matrix = cairn_broadcast(parameter(g, "matrix", CAIRN_SHAPE(C, 2)),
                                          CAIRN_SHAPE(b, C, 2));
    parameter(g, "unused", CAIRN_SHAPE(2, 3));
    return losses(cairn_matmul(cairn_mul(wide, cairn_stop_gradient(wide)),
                               cairn_mul(matrix, cairn_slice(cairn_transpose_last(x), 2, 1, 2, 2))),
                  b);
}

/* ---- the comparison -------------------------------------------------------------------------- */

typedef struct data {
    double *x, *words;
} data;

/* dx of all examples at once (separate < 0), or of example `separate` alone. Returns elements. */
static int64_t gradients(model *m, const data *all, int separate, int which, double *out)
{
    int64_t b = separate < 0 ? B : 1;
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x = cairn_input(g, "x0", CAIRN_F32, CAIRN_SHAPE(b, T, C));
    cairn_tensor words = cairn_input(g, "x1", CAIRN_I32, CAIRN_SHAPE(b, T));
    cairn_tensor loss = m(g, b, x, words), w[MOST_PARAMETERS], dw[MOST_PARAMETERS];
    int n = cairn_graph_parameters(g, w, MOST_PARAMETERS);
    int64_t first = separate < 0 ? 0 : separate, elements = -1;
    double *at[] = {all->x + first * T * C, all->words + first * T};
    if (separate < 0)
        cairn_per_example_gradients(loss, w, n, dw);
    else
        cairn_gradients(cairn_sum(loss), w, n, dw);
    cairn_status status = cairn_graph_status(g);
    if (which < n && status.code == CAIRN_OK) {
        elements = cairn_shape_count(cairn_tensor_shape(dw[which]));
        cairn__evaluate(g, &dw[which], 1, &out, sampler_source, at, false, &status);
    }
    CHECK_OK(status);
    cairn_graph_free(g);
    return elements;
}

static void check_model(model *m)
{
    cairn__sample s = {.shape = {CAIRN_SHAPE(B, T, C), CAIRN_SHAPE(B, T)},
                       .domain = {CAIRN__ANY, CAIRN__INDEX},
                       .limit = WORDS + 1}; /* some words are not in the table */
    data all = {sampler_draw(&s, 0, test_seed()), sampler_draw(&s, 1, test_seed())};
    static double together[MOST], alone[MOST];
    int64_t size, most = 0;
    for (int which = 0; (size = gradients(m, &all, -1, which, together)) >= 0; which++) {
        most = CAIRN__MAX(most, size);
        for (int b = 0; b < B; b++) {
            CHECK_INT(gradients(m, &all, b, which, alone) * B, size);
            double worst = 0;
            for (int64_t i = 0; i < size / B; i++)
                worst = fmax(worst, fabs(alone[i] - together[b * (size / B) + i]));
            test_check(worst < 1e-12, __FILE__, __LINE__, "parameter %d, example %d: off by %.3g",
                       which, b, worst);
        }
    }
    CHECK(most > 0);
    cairn__free(all.x);
    cairn__free(all.words);
}

TEST(linear_layers_and_biases)
{
    check_model(layers);
}

TEST(parameters_that_are_prepared_first)
{
    check_model(prepared);
}

TEST(tables_of_words)
{
    check_model(embedding);
}

TEST(attention_keeps_examples_apart)
{
    check_model(attention);
}

TEST(examples_in_columns)
{
    check_model(columns);
}

TEST(parameters_repeated_for_each_example)
{
    check_model(repeated);
}

/* ---- shapes and refusals --------------------------------------------------------------------- */

static void check_refused(cairn_tensor loss, cairn_tensor w, const char *sentence)
{
    cairn_tensor dw;
    cairn_per_example_gradients(loss, &w, 1, &dw);
    cairn_status status = cairn_graph_status(loss.graph);
    CHECK_CONTAINS(status.message, sentence);
    cairn_graph_free(loss.graph);
}

TEST(other_uses_are_refused_by_name)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor w = parameter(g, "w", CAIRN_SHAPE(B, C));
    cairn_tensor x = cairn_input(g, "x0", CAIRN_F32, CAIRN_SHAPE(B, C));
    check_refused(losses(cairn_mul(x, w), B), w,
                  "mul uses a parameter as if its rows were examples");

    g = cairn_graph_new();
    w = parameter(g, "w", CAIRN_SHAPE(C, C));
    x = cairn_input(g, "x0", CAIRN_F32, CAIRN_SHAPE(B, C));
    cairn_tensor h = cairn_matmul(x, w);
    check_refused(losses(cairn_sub(h, cairn_reduce_mean(h, CAIRN_AXIS(0), true)), B), w,
                  "so that examples depend on one another");

    g = cairn_graph_new();
    w = parameter(g, "w", CAIRN_SHAPE(C, C));
    x = cairn_input(g, "x0", CAIRN_F32, CAIRN_SHAPE(B, C));
    check_refused(losses(cairn_cumsum(cairn_matmul(x, w), 0, false, false), B), w,
                  "per-example gradients: cumsum has no rule");
}

TEST(losses_have_one_axis)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor w = parameter(g, "w", CAIRN_SHAPE(2));
    check_refused(cairn_sum(w), w, "loss is [], expected one axis");
}

TEST(one_example_is_a_batch_too)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor w = parameter(g, "w", CAIRN_SHAPE(C)), dw;
    cairn_tensor x = cairn_input(g, "x0", CAIRN_F32, CAIRN_SHAPE(1, C));
    cairn_tensor loss = cairn_reduce_sum(cairn_mul(x, w), CAIRN_AXIS(1), false);
    cairn_per_example_gradients(loss, &w, 1, &dw);
    CHECK_OK(cairn_graph_status(g));
    CHECK(cairn_shape_equal(cairn_tensor_shape(dw), CAIRN_SHAPE(1, C)));
    cairn_graph_free(g);
}

/* Their sum is the gradient of the sum, also when both are differentiated again. */
TEST(per_example_gradients_can_be_differentiated)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor w = parameter(g, "w", CAIRN_SHAPE(C, 2)), each, whole, a, b;
    cairn_tensor x = cairn_input(g, "x0", CAIRN_F32, CAIRN_SHAPE(B, C));
    cairn_tensor loss = losses(cairn_tanh(cairn_matmul(x, w)), B);
    cairn_per_example_gradients(loss, &w, 1, &each);
    cairn_gradients(cairn_sum(loss), &w, 1, &whole);
    cairn_gradients(cairn_sum(cairn_sin(cairn_reduce_sum(each, CAIRN_AXIS(0), false))), &w, 1, &a);
    cairn_gradients(cairn_sum(cairn_sin(whole)), &w, 1, &b);
    cairn__sample s = {.shape = {CAIRN_SHAPE(B, C)}};
    double *x0 = sampler_draw(&s, 0, test_seed()), out[2][C * 2], *to[] = {out[0], out[1]};
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__evaluate(g, (cairn_tensor[]){a, b}, 2, to, sampler_source, &x0, false, &status);
    CHECK_OK(status);
    for (int i = 0; i < C * 2; i++)
        CHECK_NEAR(out[0][i], out[1][i], 1e-13);
    cairn__free(x0);
    cairn_graph_free(g);
}

TEST(out_of_memory_at_every_call_is_an_error_and_no_crash)
{
    model *const models[] = {layers, prepared, embedding, attention, columns, repeated};
    for (size_t i = 0; i < CAIRN__COUNT(models); i++)
        for (int64_t n = 1; n < 40; n++) {
            cairn_graph *g = cairn_graph_new();
            cairn_tensor x = cairn_input(g, "x0", CAIRN_F32, CAIRN_SHAPE(B, T, C));
            cairn_tensor words = cairn_input(g, "x1", CAIRN_I32, CAIRN_SHAPE(B, T));
            cairn_tensor w[MOST_PARAMETERS], dw[MOST_PARAMETERS], loss = models[i](g, B, x, words);
            int parameters = cairn_graph_parameters(g, w, MOST_PARAMETERS);
            cairn__alloc_fail_after(n);
            cairn_per_example_gradients(loss, w, parameters, dw);
            cairn__alloc_fail_after(0);
            if (n == 1)
                CHECK(cairn_graph_status(g).code == CAIRN_ERR_MEMORY);
            cairn_graph_free(g);
        }
}
