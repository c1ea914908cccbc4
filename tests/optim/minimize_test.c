/* Rules and the calls that use them on the processor: published values, properties, refusals. */
#include "cairn/compile.h"
#include "cairn/optim.h"
#include "graph/graph.h"
#include "optim/rule.h"
#include "test.h"

/* One scalar parameter "w" from 0, whose gradient is the input "g". */
static cairn_graph *scalar_problem(const char *rule, const void *options,
                                   const cairn_update_options *common)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor w = cairn_parameter(g, "w", CAIRN_SCALAR, CAIRN_ZEROS);
    cairn_tensor slope = cairn_input(g, "g", CAIRN_F32, CAIRN_SCALAR);
    cairn_apply_gradients(&w, &slope, 1, rule, options, common);
    cairn_output(cairn_global_norm(&w, 1), "norm");
    return g;
}

static double value_of(const cairn_graph *g, const char *name)
{
    float x = NAN;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_variable_read(cairn_graph_variable(g, name), &x, sizeof x, &status);
    CHECK_OK(status);
    return (double)x;
}

static void check_path(cairn_graph *g, const float *slopes, const double *expected, int n)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    for (int i = 0; i < n; i++) {
        cairn_program_feed(p, "g", &slopes[i], sizeof slopes[i], &status);
        cairn_program_run(p, &status);
        CHECK_OK(status);
        CHECK_NEAR(value_of(g, "w"), expected[i], 2e-8);
    }
    cairn_program_free(p);
    cairn_graph_free(g);
}

TEST(rmsprop_both_variants)
{
    const float slopes[] = {0.5f, 0.5f, -0.2f};
    cairn_rmsprop_options o = cairn_rmsprop_defaults();
    o.learning_rate = 0.01;
    o.momentum = 0.9;
    o.epsilon = 1e-5;
    o.v0 = 1;
    const double inside[] = {-0.0051987243, -0.0152770372, -0.0220767846};
    check_path(scalar_problem("rmsprop", &o, NULL), slopes, inside, 3);
    o.v0 = 0;
    o.epsilon = 1e-8;
    o.variant = 1;
    const double outside[] = {-0.0316227766, -0.0830248441, -0.1200367612};
    check_path(scalar_problem("rmsprop", &o, NULL), slopes, outside, 3);
}

TEST(an_unknown_rule_is_refused_with_the_nearest_name)
{
    cairn_graph *g = scalar_problem("adma", NULL, NULL);
    CHECK_CONTAINS(cairn_graph_status(g).message, "unknown optimizer 'adma'; did you mean 'adam'?");
    cairn_graph_free(g);
}

TEST(options_out_of_range_are_refused)
{
    cairn_adam_options o = cairn_adam_defaults();
    o.beta1 = 1.5;
    cairn_graph *g = scalar_problem("adam", &o, NULL);
    CHECK_CONTAINS(cairn_graph_status(g).message, "adam: beta1 is 1.5, expected 0 to");
    cairn_graph_free(g);
    cairn_update_options common = cairn_update_defaults();
    common.schedule = CAIRN_SCHEDULE_COSINE;
    g = scalar_problem("adam", NULL, &common);
    CHECK_CONTAINS(cairn_graph_status(g).message, "duration is not in steps");
    cairn_graph_free(g);
}
