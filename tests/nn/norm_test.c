/* Normalisation layers by their properties: results have the mean and variance they promise. */
#include "cairn/compile.h"
#include "cairn/nn.h"
#include "sampler.h"

enum { N = 3, S = 5, C = 6, ALL = N * S * C };

/* Runs a graph with the input x [N, S, C] and the output y, `times` times. */
static void run(cairn_graph *g, const float *x, float *y, int times)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    if (p)
        cairn_program_feed(p, "x", x, ALL * sizeof *x, &status);
    for (int i = 0; p && i < times; i++)
        cairn_program_run(p, &status);
    if (p)
        cairn_program_fetch(p, "y", y, ALL * sizeof *y, &status);
    CHECK_OK(status);
    cairn_program_free(p);
}

static void draw(float *x)
{
    cairn_random_normal_fill(test_seed(), 3, ALL, x);
    for (int i = 0; i < ALL; i++)
        x[i] = 3 * x[i] + (float)(i % C);
}

TEST(groups_have_mean_0_and_variance_1)
{
    float x[ALL], y[ALL];
    cairn_graph *g = cairn_graph_new();
    cairn_tensor in = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(N, S, C));
    cairn_output(cairn_group_norm(in, "norm", 2, 0), "y");
    draw(x);
    run(g, x, y, 1);
    for (int n = 0; n < N; n++)
        for (int group = 0; group < 2; group++) {
            double sum = 0, squares = 0;
            for (int s = 0; s < S; s++)
                for (int c = 0; c < C / 2; c++) {
                    double v = y[(n * S + s) * C + group * C / 2 + c];
                    sum += v;
                    squares += v * v;
                }
            CHECK_NEAR(sum, 0, 1e-4);
            CHECK_NEAR(squares / (S * C / 2.0), 1, 1e-5);
        }
    cairn_graph_free(g);
}

TEST(group_norm_refuses_groups_that_do_not_divide)
{
    cairn_graph *g = cairn_graph_new();
    cairn_group_norm(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(N, S, C)), "norm", 4, 1e-5);
    CHECK_CONTAINS(cairn_graph_status(g).message, "group norm 'norm': input [3,5,6] in 4 groups");
    cairn_graph_free(g);
}

/* After many steps on one batch the running statistics are the batch's, so inference gives the
 * same but for M - 1 instead of M. */
TEST(inference_follows_training)
{
    float x[ALL], trained[ALL], inferred[ALL];
    cairn_graph *g = cairn_graph_new(), *h;
    cairn_batch_norm_options o = cairn_batch_norm_defaults();
    o.epsilon = 0;
    draw(x);
    cairn_tensor in = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(N, S, C));
    cairn_output(cairn_batch_norm_layer(in, "norm", &o), "y");
    run(g, x, trained, 300);
    h = cairn_graph_new_sharing(g);
    o.training = false;
    in = cairn_input(h, "x", CAIRN_F32, CAIRN_SHAPE(N, S, C));
    cairn_output(cairn_batch_norm_layer(in, "norm", &o), "y");
    run(h, x, inferred, 1);
    for (int c = 0; c < C; c++) {
        double sum = 0, squares = 0;
        for (int i = c; i < ALL; i += C) {
            sum += trained[i];
            squares += trained[i] * trained[i];
            CHECK_NEAR(inferred[i], trained[i] * sqrt((N * S - 1.0) / (N * S)), 1e-5);
        }
        CHECK_NEAR(sum, 0, 1e-4);
        CHECK_NEAR(squares / (N * S), 1, 1e-5);
    }
    cairn_graph_free(g);
    cairn_graph_free(h);
}
