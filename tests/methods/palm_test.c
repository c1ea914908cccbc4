/* PaLM: the values of its description in double precision, properties, decoding. */
#include "cairn/palm.h"

#include "cairn/autodiff.h"
#include "cairn/compile.h"
#include "cairn/generate.h"
#include "cairn/nn.h"
#include "cairn/optim.h"
#include "methods/palm/model.h"
#include "methods/palm/run.h"
#include "test.h"

/* ---- running a graph ------------------------------------------------------------------------- */

static cairn_tensor constant(cairn_graph *g, cairn_shape shape, const float *x)
{
    return cairn_constant(g, CAIRN_F32, shape, x);
}

/* The output "y" of a graph that is freed; NaN where it failed. */
static void values_of(cairn_tensor y, float *out, size_t n)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_graph *g = y.graph;
    cairn_output(y, "y");
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    for (size_t i = 0; i < n; i++)
        out[i] = NAN;
    if (p && cairn_program_run(p, &status))
        cairn_program_fetch(p, "y", out, n * sizeof *out, &status);
    CHECK_OK(status);
    cairn_program_free(p);
    cairn_graph_free(g);
}

static void check_all(const float *x, const double *expected, int n, double tolerance)
{
    for (int i = 0; i < n; i++)
        CHECK_NEAR(x[i], expected[i], tolerance);
}

/* ---- accounts -------------------------------------------------------------------------------- */

static cairn_palm_options published(int64_t layers, int64_t heads, int64_t width)
{
    cairn_palm_options o = cairn_palm_defaults();
    o.vocabulary = 256000;
    o.layers = layers;
    o.heads = heads;
    o.width = width;
    o.head_size = 256;
    return o;
}

TEST(parameters_are_the_published_ones)
{
    cairn_palm_options a = published(32, 16, 4096), b = published(64, 32, 8192);
    cairn_palm_options c = published(118, 48, 18432);
    CHECK_INT(cairn_palm_parameters(&a), 8631877632);
    CHECK_INT(cairn_palm_parameters(&b), 62495129600);
    CHECK_INT(cairn_palm_parameters(&c), 540354281472);
}

TEST(parameters_are_those_of_the_graph)
{
    for (int way = 0; way < 8; way++) {
        cairn_palm_options o = cairn_palm_defaults();
        cairn_variable *const *list;
        int64_t found = 0, norms = 0;
        cairn_graph *g = cairn_graph_new();
        o.vocabulary = 50;
        o.layers = 3;
        o.parallel = way & 1;
        o.multi_query = way & 2;
        o.gated = way & 4;
        cairn_palm(cairn_input(g, "x", CAIRN_I32, CAIRN_SHAPE(2, 5)), &o);
        CHECK_OK(cairn_graph_status(g));
        for (int i = cairn_graph_variables(g, &list) - 1; i >= 0; i--) {
            int64_t n = cairn_shape_count(cairn_variable_shape(list[i]));
            *(strstr(cairn_variable_name(list[i]), "norm") ? &norms : &found) += n;
        }
        CHECK_INT(found, cairn_palm_parameters(&o));
        CHECK_INT(norms, ((o.parallel ? 1 : 2) * o.layers + 1) * o.width);
        cairn_graph_free(g);
    }
}

TEST(utilisation_of_540b_is_the_published_one)
{
    cairn_palm_options o = published(118, 48, 18432);
    const double peak = 6144 * 275e12, speed = 238.3e3;
    cairn_palm_work w = cairn_palm_work_of(&o, 2048, 0.75, 1);
    CHECK_NEAR(w.attention, 35634806784.0, 0.5);
    CHECK_NEAR(w.model, 3.27776e12, 1e7);
    CHECK_NEAR(w.hardware, 4.10e12, 0.005e12);
    /* The speed is known to four digits, and so are these. */
    CHECK_NEAR(cairn_palm_utilisation(6 * w.parameters, speed, peak), 0.45726, 2e-5);
    CHECK_NEAR(cairn_palm_utilisation(w.model, speed, peak), 0.46229, 2e-5);
    CHECK_NEAR(cairn_palm_utilisation(w.hardware, speed, peak), 0.57828, 2e-5);
    w = cairn_palm_work_of(&o, 2048, 1, 1);
    CHECK_NEAR(cairn_palm_utilisation(w.hardware, speed, peak), 0.61639, 2e-5);
    CHECK_NEAR(peak / w.model, 515478, 5);
    CHECK(isnan(cairn_palm_utilisation(w.model, speed, 0)));
}

TEST(work_of_the_smaller_models)
{
    cairn_palm_options a = published(32, 16, 4096), b = published(64, 32, 8192);
    cairn_palm_work w = cairn_palm_work_of(&a, 2048, 0, 1);
    CHECK_NEAR(w.model, 0.0550e12, 0.00005e12);
    CHECK_NEAR(w.hardware, 0.0561e12, 0.00005e12);
    w = cairn_palm_work_of(&b, 2048, 0, 1);
    CHECK_NEAR(w.model, 0.388e12, 0.0005e12);
    CHECK_NEAR(w.hardware, 0.392e12, 0.0005e12);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static void turned(const float *x, int64_t position, bool interleaved, float *out)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor t = constant(g, CAIRN_SHAPE(1, 4), x);
    if (interleaved)
        t = cairn_palm_halves(t, 1);
    t = cairn_rotary(cairn_reshape(t, CAIRN_SHAPE(1, 1, 4)), 1, position, 10000);
    if (interleaved) {
        const int order[] = {1, 0};
        t = cairn_transpose(cairn_reshape(t, CAIRN_SHAPE(2, 2)), order);
    }
    values_of(t, out, 4);
}

TEST(rotary_positions_in_both_layouts)
{
    const float x[] = {1, 2, 3, 4};
    float y[4];
    const double side[] = {-1.1426396637476532, 1.922075596544176, 2.9598506679133294,
                           4.029799501669161};
    const double half[] = {-1.9841106485555495, 1.959900667496664, 2.4623779024123156,
                           4.019799668334994};
    const double third[] = {-1.27223251272018, -1.8388649851410237, 2.87866810043698,
                            4.088186635603437};
    const double still[] = {1, 2, 3, 4};
    turned(x, 1, true, y);
    check_all(y, side, 4, 1e-6);
    turned(x, 1, false, y);
    check_all(y, half, 4, 1e-6);
    turned(x, 3, true, y);
    check_all(y, third, 4, 1e-6);
    turned(x, 0, true, y);
    check_all(y, still, 4, 0);
}

TEST(products_of_turned_rows_depend_on_their_distance)
{
    const float q[] = {0.5f, -1, 2, 0.25f}, k[] = {1, 2, 3, 4};
    const int at[][2] = {{5, 3}, {12, 10}, {2, 0}};
    for (int i = 0; i < 3; i++) {
        float a[4], b[4];
        double dot = 0;
        turned(q, at[i][0], true, a);
        turned(k, at[i][1], true, b);
        for (int j = 0; j < 4; j++)
            dot += (double)a[j] * (double)b[j];
        CHECK_NEAR(dot, 9.586405488664788, 5e-6);
    }
}

TEST(gated_units)
{
    const float x[] = {1, -2}, w[] = {.5f, -1, .25f, 1, .5f, -.75f}, v[] = {1, 0, -1, .5f, 2, 1};
    const float w2[] = {1, -1, .5f, 2, -.25f, 1};
    const double expected[] = {1.59499974, -2.56550546};
    float y[2];
    cairn_palm_options o = cairn_palm_defaults();
    cairn_graph *g = cairn_graph_new();
    cairn_tensor t = constant(g, CAIRN_SHAPE(1, 2), x);
    cairn_tensor a = cairn_matmul(t, constant(g, CAIRN_SHAPE(2, 3), w));
    cairn_tensor b = cairn_matmul(t, constant(g, CAIRN_SHAPE(2, 3), v));
    t = cairn_matmul(cairn__palm_gate(a, b, &o), constant(g, CAIRN_SHAPE(3, 2), w2));
    values_of(t, y, 2);
    check_all(y, expected, 2, 1e-6);
}

TEST(norm_without_bias)
{
    const float x[] = {1, 2, 4};
    const double expected[] = {-1.06904462, -0.26726116, 1.33630578};
    float y[3];
    cairn_graph *g = cairn_graph_new();
    values_of(cairn_layer_norm(constant(g, CAIRN_SHAPE(1, 3), x), "norm", 1e-6, false), y, 3);
    check_all(y, expected, 3, 1e-6);
}

TEST(one_head_of_keys_and_values)
{
    /* The queries at t = 0 see one key only, whatever they are. */
    const float q[] = {3, -1, 0.5f, 9, 1, 1, 2, 0}, k[] = {1, 0, 0, 1}, v[] = {1, 2, 3, 4};
    const double expected[] = {1, 2, 1, 2, 2, 3, 1.39114063, 2.39114063};
    float y[8];
    cairn_graph *g = cairn_graph_new();
    const cairn_attention_options o = {.causal = true};
    values_of(cairn_attention(constant(g, CAIRN_SHAPE(1, 2, 2, 2), q),
                              constant(g, CAIRN_SHAPE(1, 2, 1, 2), k),
                              constant(g, CAIRN_SHAPE(1, 2, 1, 2), v), &o),
              y, 8);
    check_all(y, expected, 8, 1e-6);
}

/* ---- the loss -------------------------------------------------------------------------------- */

TEST(loss_in_two_parts_and_its_gradient)
{
    const float logits[] = {2, 1, 0};
    const int32_t label[] = {0};
    float y[6];
    cairn_graph *g = cairn_graph_new();
    cairn_tensor z = cairn_parameter(g, "z", CAIRN_SHAPE(1, 3), CAIRN_ZEROS), dz;
    cairn_tensor at = cairn_add(z, constant(g, CAIRN_SHAPE(1, 3), logits));
    cairn_palm_loss l =
        cairn_palm_losses(at, cairn_constant(g, CAIRN_I32, CAIRN_SHAPE(1), label), 1e-4);
    cairn_gradients(l.total, &z, 1, &dz);
    const cairn_tensor all[] = {cairn_reshape(l.log_z, CAIRN_SHAPE(1)),
                                cairn_reshape(l.cross_entropy, CAIRN_SHAPE(1)),
                                cairn_reshape(l.z, CAIRN_SHAPE(1)),
                                cairn_reshape(dz, CAIRN_SHAPE(3))};
    const double expected[] = {2.40760596444438, 0.40760596444438013, 0.0005796566480028154,
                               -0.33443872, 0.24484631, 0.09007392};
    values_of(cairn_concat(all, 4, 0), y, 6);
    check_all(y, expected, 6, 3e-7);
}

/* ---- the optimiser --------------------------------------------------------------------------- */

TEST(adafactor_of_palm)
{
    const float first[] = {.5f, -.5f, .1f}, g1[] = {.1f, -.2f, .05f}, g2[] = {.3f, .1f, -.4f};
    const double after1[] = {0.49953768943743826, -0.49953768943743826, 0.09957768943743825};
    const double after2[] = {0.49865056392917695, -0.4993601935573529, 0.09967877153542895};
    const double v2[] = {0.055947934199881394, 0.02276952467504448, 0.09295999545601652};
    float x[3];
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_adafactor_options o = cairn_adafactor_defaults();
    o.factored = false;
    o.momentum = 0.9;
    o.rate_decay = true;
    cairn_graph *g = cairn_graph_new();
    cairn_tensor w = cairn_parameter(g, "w", CAIRN_SHAPE(3), CAIRN_ZEROS);
    cairn_tensor dw = cairn_input(g, "g", CAIRN_F32, CAIRN_SHAPE(3));
    cairn_apply_gradients(&w, &dw, 1, "adafactor", &o, NULL);
    cairn_variable *v = cairn_graph_variable(g, "w");
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    cairn_variable_write(v, first, sizeof first, &status);
    cairn_program_feed(p, "g", g1, sizeof g1, &status);
    cairn_program_run(p, &status);
    cairn_variable_read(v, x, sizeof x, &status);
    check_all(x, after1, 3, 1e-7);
    cairn_program_feed(p, "g", g2, sizeof g2, &status);
    cairn_program_run(p, &status);
    cairn_variable_read(v, x, sizeof x, &status);
    check_all(x, after2, 3, 1e-7);
    cairn_variable_read(cairn_graph_variable(g, "w/adafactor_v"), x, sizeof x, &status);
    check_all(x, v2, 3, 1e-7);
    CHECK_OK(status);
    cairn_program_free(p);
    cairn_graph_free(g);
}

TEST(gradients_are_clipped_by_their_common_norm)
{
    const float a[] = {3, 4}, b[] = {12};
    float x[3];
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_sgd_options o = {.learning_rate = 1};
    cairn_update_options common = cairn_update_defaults();
    common.clip_norm = 1;
    cairn_graph *g = cairn_graph_new();
    const cairn_tensor w[] = {cairn_parameter(g, "a", CAIRN_SHAPE(2), CAIRN_ZEROS),
                              cairn_parameter(g, "b", CAIRN_SHAPE(1), CAIRN_ZEROS)};
    const cairn_tensor dw[] = {constant(g, CAIRN_SHAPE(2), a), constant(g, CAIRN_SHAPE(1), b)};
    cairn_apply_gradients(w, dw, 2, "sgd", &o, &common);
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    cairn_program_run(p, &status);
    cairn_variable_read(cairn_graph_variable(g, "a"), x, 2 * sizeof *x, &status);
    cairn_variable_read(cairn_graph_variable(g, "b"), x + 2, sizeof *x, &status);
    CHECK_OK(status);
    CHECK_NEAR(x[0], -0.230769, 1e-6);
    CHECK_NEAR(x[1], -0.307692, 1e-6);
    CHECK_NEAR(x[2], -0.923077, 1e-6);
    cairn_program_free(p);
    cairn_graph_free(g);
}

/* ---- mistakes -------------------------------------------------------------------------------- */

TEST(options_that_cannot_be_are_refused)
{
    cairn_palm_options o = cairn_palm_defaults();
    cairn_graph *g = cairn_graph_new();
    cairn_palm(cairn_input(g, "x", CAIRN_I32, CAIRN_SHAPE(2, 5)), &o);
    CHECK_CONTAINS(cairn_graph_status(g).message, "a vocabulary of 0");
    cairn_graph_free(g);
    g = cairn_graph_new();
    o.vocabulary = 9;
    o.head_size = 5;
    cairn_palm(cairn_input(g, "x", CAIRN_I32, CAIRN_SHAPE(2, 5)), &o);
    CHECK_CONTAINS(cairn_graph_status(g).message, "head_size 5, expected an even number");
    cairn_graph_free(g);
}

/* ---- decoding -------------------------------------------------------------------------------- */

enum { VOCABULARY = 23, ROWS = 2, LENGTH = 12, PROMPT = 5 };

static cairn_palm_options small(int way)
{
    cairn_palm_options o = cairn_palm_defaults();
    o.vocabulary = VOCABULARY;
    o.layers = 2;
    o.width = 24;
    o.heads = 3;
    o.head_size = 6;
    o.parallel = way & 1;
    o.multi_query = way & 2;
    o.gated = way & 4;
    o.interleaved = way & 8;
    return o;
}

/* Logits [ROWS, LENGTH, VOCABULARY] of whole rows. */
static cairn_graph *whole(const cairn_palm_options *o, const int32_t *ids, float *out)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_graph *g = cairn_graph_new();
    cairn_output(cairn_palm(cairn_input(g, "x", CAIRN_I32, CAIRN_SHAPE(ROWS, LENGTH)), o), "y");
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    cairn_program_feed(p, "x", ids, ROWS * LENGTH * sizeof *ids, &status);
    cairn_program_run(p, &status);
    cairn_program_fetch(p, "y", out, ROWS * LENGTH * VOCABULARY * sizeof *out, &status);
    CHECK_OK(status);
    cairn_program_free(p);
    return g;
}

static void check_logits(const cairn_palm_decoder *d, const float *all, const int64_t *length)
{
    double most = 0;
    for (int b = 0; b < ROWS; b++)
        for (int v = 0; v < VOCABULARY; v++) {
            float x = cairn_palm_decoder_logits(d)[b * VOCABULARY + v];
            float y = all[(b * LENGTH + length[b] - 1) * VOCABULARY + v];
            most = fmax(most, fabs((double)(x - y)));
            CHECK(isfinite(x));
        }
    CHECK_NEAR(most, 0, 1e-5);
}

TEST(decoding_with_a_cache_is_the_whole_model)
{
    for (int way = 0; way < 16; way++) {
        static float all[ROWS * LENGTH * VOCABULARY];
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_palm_options o = small(way);
        int32_t ids[ROWS * LENGTH], prompt[ROWS * PROMPT], next[ROWS];
        int64_t length[ROWS] = {3, PROMPT}; /* rows of two lengths */
        for (int i = 0; i < ROWS * LENGTH; i++)
            ids[i] = (i * 7 + i / 5) % VOCABULARY;
        for (int i = 0; i < ROWS * PROMPT; i++)
            prompt[i] = ids[i / PROMPT * LENGTH + i % PROMPT];
        cairn_graph *g = whole(&o, ids, all);
        cairn_palm_decoder *d = cairn_palm_decoder_new(g, &o, ROWS, PROMPT, LENGTH, &status);
        cairn_graph_free(g);
        /* The second text finds what the first has left in the cache. */
        for (int text = 0; d && text < 2; text++) {
            length[0] = 3;
            length[1] = PROMPT;
            CHECK(cairn_palm_decoder_prompt(d, prompt, length, &status));
            check_logits(d, all, length);
            while (length[1] < LENGTH) {
                for (int b = 0; b < ROWS; b++)
                    next[b] = ids[b * LENGTH + length[b]++];
                CHECK(cairn_palm_decoder_next(d, next, &status));
                check_logits(d, all, length);
            }
        }
        CHECK_OK(status);
        CHECK(!cairn_palm_decoder_next(d, next, &status));
        CHECK_CONTAINS(status.message, "row 1 has 12 tokens, and room for no more");
        cairn_palm_decoder_free(d);
    }
}

TEST(a_row_that_rests_keeps_its_place)
{
    static float all[ROWS * LENGTH * VOCABULARY];
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_palm_options o = small(7);
    int32_t ids[ROWS * LENGTH];
    int64_t length[ROWS] = {1, 1};
    for (int i = 0; i < ROWS * LENGTH; i++)
        ids[i] = i % VOCABULARY;
    cairn_graph *g = whole(&o, ids, all);
    cairn_palm_decoder *d = cairn_palm_decoder_new(g, &o, ROWS, 1, LENGTH, &status);
    cairn_graph_free(g);
    CHECK_OK(status);
    const int32_t first[] = {ids[0], ids[LENGTH]}, rest[] = {-1, ids[LENGTH + 1]};
    const int32_t on[] = {ids[1], ids[LENGTH + 2]};
    cairn_palm_decoder_prompt(d, first, length, &status);
    cairn_palm_decoder_next(d, rest, &status);
    cairn_palm_decoder_next(d, on, &status);
    length[0] = 2;
    length[1] = 3;
    check_logits(d, all, length);
    CHECK_OK(status);
    cairn_palm_decoder_free(d);
}

TEST(one_head_keeps_that_much_less)
{
    cairn_palm_options one = small(7), all = small(5);
    CHECK_INT(cairn_palm_cache_bytes(&all, 4, 100),
              3 * cairn_palm_cache_bytes(&one, 4, 100));
}

/* ---- sampling -------------------------------------------------------------------------------- */

TEST(draws_have_their_probabilities)
{
    const float logits[] = {0, logf(2), logf(4), logf(1)};
    const double plain[] = {1 / 8.0, 2 / 8.0, 4 / 8.0, 1 / 8.0};
    const double cold[] = {1 / 22.0, 4 / 22.0, 16 / 22.0, 1 / 22.0}; /* temperature 1/2 */
    const double two[] = {0, 2 / 6.0, 4 / 6.0, 0};
    const double seven[] = {1 / 7.0, 2 / 7.0, 4 / 7.0, 0}; /* the lower of equal ones */
    const struct {
        double temperature, top_p;
        int64_t top_k;
        const double *expected;
    } cases[] = {{1, 1, 0, plain},   {0.5, 1, 0, cold}, {1, 1, 2, two},
                 {1, 0.74, 0, two},  {1, 0.76, 0, seven}, {1, 1, 3, seven}};
    for (size_t c = 0; c < CAIRN__COUNT(cases); c++) {
        enum { N = 20000 };
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_sampling_options o = cairn_sampling_defaults();
        int seen[4] = {0};
        o.temperature = cases[c].temperature;
        o.top_p = cases[c].top_p;
        o.top_k = cases[c].top_k;
        cairn_sampler *s = cairn_sampler_new(4, &o, &status);
        CHECK_OK(status);
        for (int i = 0; i < N; i++)
            seen[cairn_sampler_draw(s, logits, 1, i)]++;
        for (int i = 0; i < 4; i++) {
            double p = cases[c].expected[i]; /* five standard deviations */
            CHECK_NEAR((double)seen[i] / N, p, 5 * sqrt(p * (1 - p) / N));
        }
        cairn_sampler_free(s);
    }
}

TEST(draws_depend_on_seed_row_and_place_only)
{
    cairn_sampling_options o = cairn_sampling_defaults();
    float logits[50];
    int same[3] = {0};
    for (int i = 0; i < 50; i++)
        logits[i] = (float)(i % 7) / 7;
    cairn_sampler *a = cairn_sampler_new(50, &o, NULL), *b = cairn_sampler_new(50, &o, NULL);
    o.seed = 1;
    cairn_sampler *c = cairn_sampler_new(50, &o, NULL);
    for (int i = 199; i >= 0; i--) {
        int32_t x = cairn_sampler_draw(a, logits, 3, i);
        same[0] += x == cairn_sampler_draw(b, logits, 3, i);
        same[1] += x == cairn_sampler_draw(c, logits, 3, i);
        same[2] += x == cairn_sampler_draw(b, logits, 4, i);
    }
    CHECK_INT(same[0], 200);
    CHECK(same[1] < 20);
    CHECK(same[2] < 20);
    cairn_sampler_free(a);
    cairn_sampler_free(b);
    o.temperature = 0;
    cairn_sampler *greedy = cairn_sampler_new(50, &o, NULL);
    CHECK_INT(cairn_sampler_draw(greedy, logits, 0, 0), 6);
    cairn_sampler_free(greedy);
    cairn_sampler_free(c);
}

/* ---- training on shards ---------------------------------------------------------------------- */

static cairn_tokens *shard_of_numbers(int n)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_token_writer *w = cairn_tokens_create(test_path("t.tokens"), 11, 0, &status);
    for (int32_t i = 0, x = 1; i < n; i++, x = (x * 3 + i / 7) % 11)
        cairn_tokens_add(w, &x, 1, &status);
    cairn_tokens_finish(w, &status);
    cairn_token_writer_free(w);
    cairn_tokens *t = cairn_tokens_open(test_path("t.tokens"), &status);
    CHECK_OK(status);
    return t;
}

typedef struct training {
    cairn__palm_run run;
    cairn_problem problem;
    cairn_tokens *shard;
    cairn_token_data tokens;
    cairn_train_options options;
    cairn_train_setup setup;
} training;

static void training_open(training *t, const char *directory, int64_t steps)
{
    t->run = cairn__palm_run_defaults();
    t->run.model = small(7);
    t->run.training.peak = 1e12;
    t->shard = shard_of_numbers(1000);
    t->tokens = (cairn_token_data){.shards = (const cairn_tokens *const *)&t->shard,
                                   .n = 1,
                                   .length = 8,
                                   .test_fraction = 0.1};
    t->options = cairn_train_defaults();
    t->options.batch = 4;
    t->options.length = (cairn_span){(double)steps, CAIRN_STEPS};
    t->options.checkpoint = (cairn_span){5, CAIRN_STEPS};
    cairn__palm_run_problem(&t->run, &t->problem);
    t->setup = (cairn_train_setup){.problem = &t->problem,
                                   .tokens = &t->tokens,
                                   .options = &t->options,
                                   .directory = directory};
}

/* Trains to the end, or interrupts after `stop` steps. */
static void train(training *t, int64_t stop)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_trainer *trainer = cairn_trainer_new(&t->setup, &status);
    CHECK_OK(status);
    if (trainer) {
        CHECK_INT(cairn_trainer_items(trainer), 124 - 12);
        CHECK(!cairn_trainer_data(trainer));
    }
    while (trainer && cairn_trainer_advance(trainer, 0, &status))
        if (stop && cairn_trainer_progress(trainer).step == stop) {
            cairn_trainer_interrupt(trainer, &status);
            break;
        }
    CHECK_OK(status);
    cairn_trainer_free(trainer);
}

static char *model_of(const char *directory, size_t *n)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    return test_read_file(path, n);
}

TEST(a_run_on_tokens_goes_on_to_the_same_bits)
{
    char whole_run[1024], parts[1024];
    size_t n[2];
    training t;
    snprintf(whole_run, sizeof whole_run, "%s", test_path("whole"));
    snprintf(parts, sizeof parts, "%s", test_path("parts"));
    training_open(&t, whole_run, 40); /* more than an epoch of 28 batches */
    train(&t, 0);
    t.setup.directory = parts;
    train(&t, 7);
    t.setup.resume = true;
    train(&t, 33);
    train(&t, 0);
    char *a = model_of(whole_run, &n[0]), *b = model_of(parts, &n[1]);
    CHECK(a && b && n[0] == n[1] && memcmp(a, b, n[0]) == 0);
    cairn__free(a);
    cairn__free(b);
    cairn_tokens_free(t.shard);
}

/* The unigram entropy of the shard is near log 11: what is below it has been learned. */
TEST(a_small_model_learns_its_text)
{
    training t;
    cairn_status status = CAIRN_STATUS_INIT;
    training_open(&t, NULL, 300);
    cairn_trainer *trainer = cairn_trainer_new(&t.setup, &status);
    while (trainer && cairn_trainer_advance(trainer, 1, &status)) {}
    CHECK_OK(status);
    if (trainer) {
        double tokens = cairn_trainer_figure(trainer, "tokens_per_second");
        cairn_palm_options o = t.run.model;
        o.vocabulary = 11;
        cairn_palm_work w = cairn_palm_work_of(&o, 8, 0, 1);
        CHECK(cairn_trainer_figure(trainer, "train/loss") < 0.75 * log(11));
        CHECK_NEAR(cairn_trainer_figure(trainer, "mfu"), tokens * w.model / 1e12, 1e-12);
        CHECK_NEAR(cairn_trainer_figure(trainer, "hfu"), tokens * w.hardware / 1e12, 1e-12);
    }
    cairn_trainer_free(trainer);
    cairn_tokens_free(t.shard);
}

TEST(runs_on_tokens_refuse_what_is_for_data_sets)
{
    training t;
    cairn_status status = CAIRN_STATUS_INIT;
    training_open(&t, NULL, 3);
    t.options.shuffle_window = 5;
    CHECK(!cairn_trainer_new(&t.setup, &status));
    CHECK_CONTAINS(status.message, "shuffle_window and sum_seed are for data sets");
    status = (cairn_status)CAIRN_STATUS_INIT;
    t.options.shuffle_window = 0;
    t.tokens.length = 2000;
    CHECK(!cairn_trainer_new(&t.setup, &status));
    CHECK_CONTAINS(status.message, "0 windows of 2000 tokens");
    cairn_tokens_free(t.shard);
}

/* ---- the whole model, written again elsewhere ------------------------------------------------ */

/* As in tools/golden/palm.py. */
static void set_by_name(cairn_graph *g, cairn_status *status)
{
    cairn_variable *const *list;
    for (int i = cairn_graph_variables(g, &list) - 1; i >= 0; i--) {
        static float x[512];
        const char *name = cairn_variable_name(list[i]);
        int64_t n = cairn_shape_count(cairn_variable_shape(list[i]));
        double bytes = 0, one = strstr(name, "scale") ? 1 : 0;
        for (const char *c = name; *c; c++)
            bytes += *c;
        for (int64_t j = 0; j < n && CHECK(n <= 512); j++)
            x[j] = (float)(0.4 * sin(0.37 * (double)j + bytes) + one);
        cairn_variable_write(list[i], x, (size_t)n * sizeof *x, status);
    }
}

TEST(logits_and_loss_of_sixteen_models)
{
    static const int32_t tokens[] = {1, 5, 0, 6, 2}, next[] = {5, 0, 6, 2, 3};
    size_t size;
    int used = 0, way, models = 0;
    char *text = test_read_file(TEST_SOURCES "/methods/golden/palm.txt", &size);
    for (const char *rest = text; rest && sscanf(rest, "%d%n", &way, &used) == 1; models++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_palm_options o = small(way);
        float y[35];
        double expected[9];
        o.vocabulary = 7;
        o.width = 6;
        o.head_size = 4;
        rest += used;
        for (int i = 0; i < 9; i++, rest += used)
            CHECK(sscanf(rest, "%lf%n", &expected[i], &used) == 1);
        cairn_graph *g = cairn_graph_new();
        cairn_tensor logits =
            cairn_palm(cairn_constant(g, CAIRN_I32, CAIRN_SHAPE(1, 5), tokens), &o);
        cairn_palm_loss l = cairn_palm_losses(
            logits, cairn_constant(g, CAIRN_I32, CAIRN_SHAPE(1, 5), next), o.z_loss);
        cairn_output(logits, "logits");
        cairn_output(l.cross_entropy, "loss");
        cairn_output(l.log_z, "log_z");
        cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
        set_by_name(g, &status);
        cairn_program_run(p, &status);
        cairn_program_fetch(p, "logits", y, sizeof y, &status);
        check_all(y + 28, expected, 7, 1e-5);
        CHECK_NEAR(cairn_program_scalar(p, "loss", &status), expected[7], 1e-5);
        CHECK_NEAR(cairn_program_scalar(p, "log_z", &status), expected[8], 1e-5);
        CHECK_OK(status);
        cairn_program_free(p);
        cairn_graph_free(g);
    }
    CHECK_INT(models, 16);
    cairn__free(text);
}
