/* K-FAC on small networks: against a twin that solves each layer by elimination, the distribution
 * of its sampled targets, and that it is worth its price. */
#include "cairn/compile.h"
#include "cairn/loss.h"
#include "cairn/optim.h"
#include "graph/graph.h"
#include "test.h"

enum { BATCH = 64, IN = 3, OUT = 2, SIDE = IN + 1 };

typedef struct problem {
    cairn_graph *g;
    cairn_dense layer;
    cairn_program *p, *refresh;
    float x[BATCH * IN], y[BATCH * OUT];
} problem;

/* Linear regression with inputs of very different sizes. */
static void open_problem(problem *q, const cairn_kfac_options *options, bool scaled)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_random_normal_fill(test_seed(), 1, BATCH * IN, q->x);
    for (int i = 0; i < BATCH; i++) {
        for (int j = 0; scaled && j < IN; j++)
            q->x[i * IN + j] *= j == 0 ? 10.0f : j == 1 ? 1.0f : 0.1f;
        for (int k = 0; k < OUT; k++)
            q->y[i * OUT + k] = q->x[i * IN] * 0.1f - 2 * q->x[i * IN + 2] + (float)k;
    }
    q->g = cairn_graph_new();
    cairn_tensor x = cairn_input(q->g, "x", CAIRN_F32, CAIRN_SHAPE(BATCH, IN));
    cairn_tensor y = cairn_input(q->g, "y", CAIRN_F32, CAIRN_SHAPE(BATCH, OUT));
    cairn_dense_options dense = cairn_dense_defaults(OUT);
    q->layer = cairn_dense_layer(x, "layer1", &dense);
    cairn_tensor loss = cairn_scale(cairn_mean(cairn_squared_error(q->layer.y, y)), 0.5);
    cairn_output(loss, "loss");
    cairn_kfac(q->g, loss, &q->layer, 1, CAIRN_OUTPUT_GAUSSIAN, options, NULL);
    q->p = cairn_compile(q->g, cairn_cpu(), &status);
    q->refresh = options->inverse_interval > 1
                     ? cairn_compile_updates(q->g, cairn_cpu(), CAIRN_REFRESH, NULL, 0, &status)
                     : NULL;
    cairn_program_feed(q->p, "x", q->x, sizeof q->x, &status);
    cairn_program_feed(q->p, "y", q->y, sizeof q->y, &status);
    CHECK_OK(status);
}

static void close_problem(problem *q)
{
    cairn_program_free(q->p);
    cairn_program_free(q->refresh);
    cairn_graph_free(q->g);
}

static double run(problem *q)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_program_run(q->p, &status);
    double loss = cairn_program_scalar(q->p, "loss", &status);
    CHECK_OK(status);
    return loss;
}

static void read(const problem *q, const char *name, float *out, int n)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_variable_read(cairn_graph_variable(q->g, name), out, (size_t)n * sizeof *out, &status);
    CHECK_OK(status);
}

/* Weight and bias as one matrix [SIDE, OUT]. */
static void read_layer(const problem *q, float *out)
{
    read(q, "layer1/weight", out, IN * OUT);
    read(q, "layer1/bias", out + IN * OUT, OUT);
}

/* x = m^-1 b for m [n, n] and b [n, k], by elimination without pivots (m is positive definite). */
static void solve(double *m, double *b, int n, int k)
{
    for (int i = 0; i < n; i++)
        for (int r = 0; r < n; r++) {
            double factor = m[r * n + i] / m[i * n + i];
            for (int c = 0; r != i && c < n; c++)
                m[r * n + c] -= factor * m[i * n + c];
            for (int c = 0; r != i && c < k; c++)
                b[r * k + c] -= factor * b[i * k + c];
        }
    for (int i = 0; i < n; i++)
        for (int c = 0; c < k; c++)
            b[i * k + c] /= m[i * n + i];
}

/* The gradient of the loss at `w`, [SIDE, OUT], by its definition. */
static void gradient(const problem *q, const float *w, double *g)
{
    memset(g, 0, SIDE * OUT * sizeof *g);
    for (int i = 0; i < BATCH; i++)
        for (int k = 0; k < OUT; k++) {
            double z = (double)w[IN * OUT + k];
            for (int j = 0; j < IN; j++)
                z += (double)(q->x[i * IN + j] * w[j * OUT + k]);
            double off = (z - (double)q->y[i * OUT + k]) / BATCH;
            for (int j = 0; j < SIDE; j++)
                g[j * OUT + k] += off * (j < IN ? (double)q->x[i * IN + j] : 1);
        }
}

/* (A + q sqrt(l) I)^-1 G (S + sqrt(l) / q I)^-1 in place of g. */
static void twin(const float *a, const float *s, double damping, double *g)
{
    double left[SIDE * SIDE], right[OUT * OUT], turned[OUT * SIDE], trace_a = 0, trace_s = 0;
    for (int i = 0; i < SIDE; i++)
        trace_a += (double)a[i * SIDE + i] / SIDE;
    for (int i = 0; i < OUT; i++)
        trace_s += (double)s[i * OUT + i] / OUT;
    double share = sqrt(trace_a / trace_s);
    for (int i = 0; i < SIDE * SIDE; i++)
        left[i] = (double)a[i] + (i % (SIDE + 1) == 0 ? share * sqrt(damping) : 0);
    for (int i = 0; i < OUT * OUT; i++)
        right[i] = (double)s[i] + (i % (OUT + 1) == 0 ? sqrt(damping) / share : 0);
    solve(left, g, SIDE, OUT);
    for (int i = 0; i < SIDE * OUT; i++)
        turned[i % OUT * SIDE + i / OUT] = g[i];
    solve(right, turned, OUT, SIDE); /* S is symmetric */
    for (int i = 0; i < SIDE * OUT; i++)
        g[i] = turned[i % OUT * SIDE + i / OUT];
}

TEST(the_first_step_solves_the_damped_system)
{
    cairn_kfac_options o = cairn_kfac_defaults();
    o.learning_rate = 0.5;
    o.damping = 0.1;
    problem q;
    float before[SIDE * OUT], after[SIDE * OUT], a[SIDE * SIDE], s[OUT * OUT];
    double g[SIDE * OUT];
    open_problem(&q, &o, false);
    read_layer(&q, before);
    run(&q);
    read_layer(&q, after);
    read(&q, "layer1/weight/kfac_a", a, SIDE * SIDE);
    read(&q, "layer1/weight/kfac_s", s, OUT * OUT);
    gradient(&q, before, g);
    twin(a, s, o.damping, g);
    for (int i = 0; i < SIDE * OUT; i++)
        CHECK_NEAR((double)after[i], (double)before[i] - 0.5 * g[i], 2e-6);
    close_problem(&q);
}

/* A is the second moment of [x, 1]. S of a Gaussian output is the identity but for sampling: an
 * entry is the mean of some 950 effective products of deviation 1 or sqrt(2); 5 deviations are
 * 0.23. */
TEST(factors_are_moments_of_inputs_and_sampled_gradients)
{
    cairn_kfac_options o = cairn_kfac_defaults();
    o.learning_rate = 0;
    problem q;
    float a[SIDE * SIDE], s[OUT * OUT];
    open_problem(&q, &o, true);
    for (int i = 0; i < 100; i++)
        run(&q);
    read(&q, "layer1/weight/kfac_a", a, SIDE * SIDE);
    read(&q, "layer1/weight/kfac_s", s, OUT * OUT);
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            double mean = 0;
            for (int b = 0; b < BATCH; b++)
                mean += (i < IN ? (double)q.x[b * IN + i] : 1) *
                        (j < IN ? (double)q.x[b * IN + j] : 1) / BATCH;
            CHECK_NEAR((double)a[i * SIDE + j], mean, 1e-5 * fmax(1, fabs(mean)));
        }
    for (int i = 0; i < OUT * OUT; i++)
        CHECK_NEAR((double)s[i], i % (OUT + 1) == 0 ? 1 : 0, 0.23);
    close_problem(&q);
}

/* The curvatures differ by 10^4: plain descent needs some 10^4 steps for what takes K-FAC a few. */
TEST(an_ill_conditioned_regression_takes_few_steps)
{
    cairn_kfac_options o = cairn_kfac_defaults();
    o.learning_rate = 1;
    o.momentum = 0;
    o.damping = 1e-6;
    problem q;
    open_problem(&q, &o, true);
    double first = run(&q), last = first;
    for (int i = 0; i < 30; i++)
        last = run(&q);
    test_check(last < 1e-4 * first, __FILE__, __LINE__, "loss %g, then %g", first, last);
    close_problem(&q);
}

TEST(inverses_by_refresh_begin_with_the_first_refresh)
{
    cairn_kfac_options o = cairn_kfac_defaults();
    o.inverse_interval = 5;
    o.learning_rate = 0.5;
    o.damping = 0.01;
    problem q;
    cairn_status status = CAIRN_STATUS_INIT;
    float before[SIDE * OUT], after[SIDE * OUT];
    CHECK_INT(o.inverse_interval, 5);
    open_problem(&q, &o, true);
    read_layer(&q, before);
    double first = run(&q), last = first;
    run(&q);
    read_layer(&q, after);
    CHECK(memcmp(before, after, sizeof before) == 0);
    for (int i = 2; i < 60; i++) {
        if (i % 5 == 0)
            cairn_program_run(q.refresh, &status);
        last = run(&q);
    }
    CHECK_OK(status);
    test_check(last < 0.1 * first, __FILE__, __LINE__, "loss %g, then %g", first, last);
    close_problem(&q);
}

/* <D, G> rate^2 is 1 at the limit: a step that the constraint shortened has exactly that length. */
TEST(the_norm_constraint_limits_the_step)
{
    cairn_kfac_options o = cairn_kfac_defaults();
    o.learning_rate = 0.5;
    o.norm_constraint = 1e-4;
    problem q;
    float before[SIDE * OUT], after[SIDE * OUT];
    double g[SIDE * OUT], free_length = 0, d[SIDE * OUT], length = 0;
    float a[SIDE * SIDE], s[OUT * OUT];
    open_problem(&q, &o, false);
    read_layer(&q, before);
    run(&q);
    read_layer(&q, after);
    read(&q, "layer1/weight/kfac_a", a, SIDE * SIDE);
    read(&q, "layer1/weight/kfac_s", s, OUT * OUT);
    gradient(&q, before, g);
    memcpy(d, g, sizeof d);
    twin(a, s, o.damping, d);
    for (int i = 0; i < SIDE * OUT; i++)
        free_length += 0.25 * d[i] * g[i];
    CHECK(free_length > 1e-4);
    /* The step is f rate D with f^2 rate^2 <D, G> = c, so <step, G> = f rate <D, G> = c / (f rate).
     */
    double f = sqrt(1e-4 / free_length);
    for (int i = 0; i < SIDE * OUT; i++)
        length += (double)(before[i] - after[i]) * g[i];
    CHECK_NEAR(length * f * 0.5, 1e-4, 1e-8);
    close_problem(&q);
}

/* ---- deep networks --------------------------------------------------------------------------- */

static void train_classifier(cairn_output_kind output, double most)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_graph *g = cairn_graph_new();
    const int64_t units[] = {8, 4};
    cairn_dense layers[2];
    cairn_mlp_options mlp = cairn_mlp_defaults(units, 2);
    mlp.hidden.kind = CAIRN_ACTIVATION_tanh;
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(BATCH, IN)), loss;
    cairn_tensor labels = cairn_input(g, "labels", CAIRN_I32, CAIRN_SHAPE(BATCH));
    cairn_tensor z = cairn_mlp(x, &mlp, layers);
    if (output == CAIRN_OUTPUT_CATEGORICAL)
        loss = cairn_mean(cairn_cross_entropy(z, labels));
    else
        loss = cairn_mean(cairn_binary_cross_entropy(z, cairn_one_hot(labels, 4)));
    cairn_output(loss, "loss");
    cairn_kfac_options o = cairn_kfac_defaults();
    o.learning_rate = 0.1;
    o.damping = 0.01;
    cairn_kfac(g, loss, layers, 2, output, &o, NULL);
    float inputs[BATCH * IN];
    int32_t classes[BATCH];
    cairn_random_normal_fill(test_seed(), 8, BATCH * IN, inputs);
    for (int i = 0; i < BATCH; i++)
        classes[i] = (inputs[i * IN] > 0) + 2 * (inputs[i * IN + 1] > 0);
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    cairn_program_feed(p, "x", inputs, sizeof inputs, &status);
    cairn_program_feed(p, "labels", classes, sizeof classes, &status);
    for (int i = 0; i < 60; i++)
        cairn_program_run(p, &status);
    double last = cairn_program_scalar(p, "loss", &status);
    CHECK_OK(status);
    test_check(last < most, __FILE__, __LINE__, "output kind %d: loss %g", (int)output, last);
    cairn_program_free(p);
    cairn_graph_free(g);
}

TEST(classifiers_are_trained)
{
    train_classifier(CAIRN_OUTPUT_CATEGORICAL, 0.2);
    train_classifier(CAIRN_OUTPUT_BERNOULLI, 0.3);
}

TEST(a_layer_list_without_layers_is_refused)
{
    cairn_graph *g = cairn_graph_new();
    cairn_kfac(g, cairn_scalar(g, 1), NULL, 0, CAIRN_OUTPUT_GAUSSIAN, NULL, NULL);
    CHECK_CONTAINS(cairn_graph_status(g).message, "at least one layer");
    cairn_graph_free(g);
}
