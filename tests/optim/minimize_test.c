/* Rules and the calls that use them on the processor: published values, properties, refusals. */
#include "cairn/compile.h"
#include "cairn/optim.h"
#include "graph/graph.h"
#include "optim/rule.h"
#include "test.h"

#include "cairn/autodiff.h"
#include "cairn/loss.h"

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

TEST(kfac_is_no_rule_for_single_parameters)
{
    cairn_graph *g = scalar_problem("kfac", NULL, NULL);
    CHECK_CONTAINS(cairn_graph_status(g).message, "works on layers: see cairn_kfac()");
    cairn_graph_free(g);
}

TEST(only_large_intervals_need_a_refresh)
{
    cairn_shampoo_options shampoo = cairn_shampoo_defaults();
    cairn_kfac_options kfac = cairn_kfac_defaults();
    CHECK_INT(cairn_refresh_interval("adam", NULL), 0);
    CHECK_INT(cairn_refresh_interval("shampoo", NULL), 0);
    CHECK_INT(cairn_refresh_interval("kfac", NULL), 0);
    shampoo.root_interval = kfac.inverse_interval = 20;
    CHECK_INT(cairn_refresh_interval("shampoo", &shampoo), 20);
    CHECK_INT(cairn_refresh_interval("kfac", &kfac), 20);
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

/* ---- the list -------------------------------------------------------------------------------- */

TEST(every_optimizer_is_listed_with_its_rate_first)
{
    const cairn_optimizer *const *list;
    int n = cairn_optimizers(&list), with_layers = 0;
    for (int i = 0; i < n; i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        CHECK(cairn_optimizer_find(list[i]->name, &status) == list[i]);
        CHECK_TEXT(list[i]->options->name, "learning_rate");
        CHECK_INT(list[i]->options->offset, 0);
        CHECK(list[i]->options_size <= CAIRN__RULE_OPTIONS_SIZE);
        CHECK(*list[i]->purpose && *list[i]->source);
        with_layers += list[i]->layers;
    }
    CHECK_INT(n, 12);
    CHECK_INT(with_layers, 1);
}

TEST(every_bound_of_every_option_is_checked)
{
    const cairn_optimizer *const *list;
    int n = cairn_optimizers(&list);
    for (int i = 0; i < n; i++) {
        for (const cairn_option *row = list[i]->options; row->kind && !list[i]->layers; row++) {
            _Alignas(max_align_t) char options[CAIRN__RULE_OPTIONS_SIZE];
            cairn_options_defaults(list[i]->options, options);
            if (row->kind != CAIRN_OPTION_REAL)
                continue;
            *(double *)(options + row->offset) = i % 2 ? row->to * 2 + 1 : NAN;
            cairn_graph *g = scalar_problem(list[i]->name, options, NULL);
            CHECK_INT(cairn_graph_status(g).code, CAIRN_ERR_VALUE);
            CHECK_CONTAINS(cairn_graph_status(g).message, row->name);
            cairn_graph_free(g);
        }
    }
}

/* ---- properties of all rules ----------------------------------------------------------------- */

enum { ROWS = 4, COLUMNS = 3, ELEMENTS = ROWS * COLUMNS };

/* The loss sum of c (w - a)^2 / 2 with curvatures 1 to 4, from a start at random. */
static cairn_graph *quadratic(const char *rule, const void *options,
                              const cairn_update_options *common)
{
    float curvature[ELEMENTS], aim[ELEMENTS];
    cairn_random_uniform_fill(test_seed(), 3, ELEMENTS, aim);
    for (int i = 0; i < ELEMENTS; i++)
        curvature[i] = (float)(1 + i % 4);
    cairn_graph *g = cairn_graph_new();
    cairn_tensor w =
        cairn_parameter(g, "w", CAIRN_SHAPE(ROWS, COLUMNS), (cairn_init){CAIRN_INIT_UNIFORM, 1});
    cairn_tensor c = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(ROWS, COLUMNS), curvature);
    cairn_tensor a = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(ROWS, COLUMNS), aim);
    cairn_tensor loss = cairn_scale(cairn_sum(cairn_mul(c, cairn_square(cairn_sub(w, a)))), 0.5);
    cairn_output(loss, "loss");
    cairn_minimize(loss, rule, options, common);
    return g;
}

/* The loss before the first and before the last of `steps` steps. */
static void descend(cairn_graph *g, int steps, double *first, double *last)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    for (int i = 0; i < steps; i++) {
        cairn_program_run(p, &status);
        *last = cairn_program_scalar(p, "loss", &status);
        if (i == 0)
            *first = *last;
    }
    CHECK_OK(status);
    cairn_program_free(p);
    cairn_graph_free(g);
}

/* A rate that suits a problem whose curvatures and distances are about 1. */
static double suitable_rate(const char *rule)
{
    const char *const large[] = {"adagrad", "lars", "adafactor"};
    for (size_t i = 0; i < CAIRN__COUNT(large); i++)
        if (strcmp(rule, large[i]) == 0)
            return i == 1 ? 30 : 0.5;
    return 0.03;
}

TEST(a_quadratic_is_minimised_by_every_rule)
{
    const cairn_optimizer *const *list;
    cairn_update_options common = cairn_update_defaults();
    common.schedule = CAIRN_SCHEDULE_COSINE;
    common.duration = (cairn_span){400, CAIRN_STEPS};
    int n = cairn_optimizers(&list);
    for (int i = 0; i < n; i++) {
        _Alignas(max_align_t) char options[CAIRN__RULE_OPTIONS_SIZE];
        double first = NAN, last = NAN;
        if (list[i]->layers)
            continue;
        cairn_options_defaults(list[i]->options, options);
        *(double *)options = suitable_rate(list[i]->name);
        descend(quadratic(list[i]->name, options, &common), 400, &first, &last);
        /* Rules with weight decay of their own stop a little beside the minimum. */
        test_check(last < 2e-3 * first, __FILE__, __LINE__, "%s: loss %g, then %g", list[i]->name,
                   first, last);
    }
}

/* Without gradient and decay nothing moves, to the bit. */
TEST(a_zero_gradient_leaves_parameters_alone)
{
    const cairn_optimizer *const *list;
    int n = cairn_optimizers(&list);
    for (int i = 0; i < n; i++) {
        _Alignas(max_align_t) char options[CAIRN__RULE_OPTIONS_SIZE];
        if (list[i]->layers)
            continue;
        cairn_options_defaults(list[i]->options, options);
        const cairn_option *decay = cairn_option_find(list[i]->options, "weight_decay");
        if (decay)
            *(double *)(options + decay->offset) = 0;
        cairn_graph *g = scalar_problem(list[i]->name, options, NULL);
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
        const float start = 0.7f, none = 0;
        float now = NAN;
        cairn_variable_write(cairn_graph_variable(g, "w"), &start, sizeof start, &status);
        cairn_program_feed(p, "g", &none, sizeof none, &status);
        for (int k = 0; k < 7; k++)
            cairn_program_run(p, &status);
        cairn_variable_read(cairn_graph_variable(g, "w"), &now, sizeof now, &status);
        CHECK_OK(status);
        test_check(now == start, __FILE__, __LINE__, "%s: %.9g became %.9g", list[i]->name,
                   (double)start, (double)now);
        cairn_program_free(p);
        cairn_graph_free(g);
    }
}

/* One step from w = 2 with gradient `slope`; returns how far it went. */
static double first_step(const char *rule, const void *options, float slope)
{
    cairn_graph *g = scalar_problem(rule, options, NULL);
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    const float start = 2;
    cairn_variable_write(cairn_graph_variable(g, "w"), &start, sizeof start, &status);
    cairn_program_feed(p, "g", &slope, sizeof slope, &status);
    cairn_program_run(p, &status);
    CHECK_OK(status);
    double moved = 2 - value_of(g, "w");
    cairn_program_free(p);
    cairn_graph_free(g);
    return moved;
}

TEST(steps_of_lars_and_lamb_do_not_depend_on_the_scale_of_the_gradient)
{
    cairn_lars_options lars = cairn_lars_defaults();
    lars.weight_decay = 0;
    lars.trust = 0.1;
    CHECK_NEAR(first_step("lars", &lars, 0.001f), 0.2, 1e-6);
    CHECK_NEAR(first_step("lars", &lars, 1000), 0.2, 1e-6);
    cairn_lamb_options lamb = cairn_lamb_defaults();
    lamb.weight_decay = 0;
    lamb.learning_rate = 0.1;
    CHECK_NEAR(first_step("lamb", &lamb, 0.01f), 0.2, 1e-6);
    CHECK_NEAR(first_step("lamb", &lamb, 1000), 0.2, 1e-6);
}

/* ---- parameters and states ------------------------------------------------------------------- */

TEST(states_are_named_after_parameter_and_rule)
{
    cairn_graph *g = cairn_graph_new();
    cairn_scope_push(g, "net");
    cairn_tensor y = cairn_linear(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(2, 3)), 4, "layer1");
    cairn_scope_push(g, "training");
    cairn_adam(g, cairn_mean(cairn_square(y)), NULL);
    CHECK_OK(cairn_graph_status(g));
    CHECK(cairn_graph_variable(g, "net/layer1/weight/adam_m") != NULL);
    CHECK(cairn_graph_variable(g, "net/layer1/bias/adam_v") != NULL);
    CHECK(!cairn_variable_trainable(cairn_graph_variable(g, "net/layer1/weight/adam_m")));
    cairn_graph_free(g);
}

TEST(only_parameters_of_the_loss_are_updated)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor a = cairn_parameter(g, "a", CAIRN_SHAPE(3), CAIRN_ONES);
    cairn_tensor b = cairn_parameter(g, "b", CAIRN_SHAPE(3), CAIRN_ONES);
    cairn_tensor c = cairn_parameter(g, "c", CAIRN_SHAPE(3), CAIRN_ONES);
    cairn_parameter(g, "d", CAIRN_SHAPE(3), CAIRN_ONES);
    cairn_tensor product = cairn_mul(cairn_mul(a, b), cairn_stop_gradient(c));
    cairn_minimize(cairn_sum(product), "sgd", NULL, NULL);
    CHECK_INT(g->n_assignments, 3); /* a, b and the step */
    cairn_minimize_over(cairn_sum(product), &c, 1, "sgd", NULL, NULL);
    CHECK_INT(g->n_assignments, 4);
    cairn_minimize_over(cairn_sum(product), &a, 1, "sgd", NULL, NULL);
    CHECK_CONTAINS(cairn_graph_status(g).message, "'a': it is assigned already");
    cairn_graph_free(g);
}

TEST(a_loss_without_parameters_is_refused)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(3));
    cairn_minimize(cairn_sum(x), "sgd", NULL, NULL);
    CHECK_CONTAINS(cairn_graph_status(g).message, "there is no parameter to change");
    cairn_graph_free(g);
    g = cairn_graph_new();
    cairn_tensor w = cairn_parameter(g, "w", CAIRN_SHAPE(3), CAIRN_ONES);
    cairn_minimize(w, "sgd", NULL, NULL);
    CHECK_CONTAINS(cairn_graph_status(g).message, "expected a scalar");
    cairn_graph_free(g);
}

TEST(spans_are_resolved_to_steps)
{
    cairn_update_options o = cairn_update_defaults();
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_options_set(cairn_update_table, &o, "warmup", "5ep", &status);
    cairn_options_set(cairn_update_table, &o, "hold", "1ep", &status);
    CHECK_OK(status);
    cairn_update_resolve(&o, 6000, 60, 1000);
    CHECK_NEAR(o.warmup.amount, 300, 0);
    CHECK_NEAR(o.duration.amount, 6000, 0);
    CHECK_NEAR(o.schedule_interval.amount, 600, 0);
    CHECK_NEAR(o.hold.amount, 60, 0);
    CHECK_INT(o.duration.unit, CAIRN_STEPS);
}

/* ---- sets of updates ------------------------------------------------------------------------- */

TEST(a_named_set_of_updates_is_a_program_of_its_own)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor a = cairn_state(g, "a", CAIRN_F32, CAIRN_SCALAR, CAIRN_ONES);
    cairn_tensor b = cairn_state(g, "b", CAIRN_F32, CAIRN_SCALAR, CAIRN_ZEROS);
    cairn_step(g);
    cairn_assign(a, cairn_add_scalar(a, 1));
    cairn_assign_in("slow", b, cairn_scale(a, 10));
    cairn_assign_in("slow", a, cairn_scale(a, -1));
    cairn_output(cairn_add(a, b), "sum");
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_program *fast = cairn_compile(g, cairn_cpu(), &status);
    cairn_program *slow = cairn_compile_updates(g, cairn_cpu(), "slow", NULL, 0, &status);
    int32_t steps = -1;
    cairn_program_run(fast, &status);
    cairn_program_run(slow, &status);
    cairn_variable_read(cairn_graph_variable(g, "step"), &steps, sizeof steps, &status);
    CHECK_OK(status);
    CHECK_NEAR(value_of(g, "a"), -2, 0);
    CHECK_NEAR(value_of(g, "b"), 20, 0);
    CHECK_INT(steps, 1);
    CHECK(!cairn_compile_updates(g, cairn_cpu(), "fast", NULL, 0, &status));
    CHECK_CONTAINS(status.message, "nothing in the set 'fast'");
    cairn_assign_in("slow", b, a);
    CHECK_CONTAINS(cairn_graph_status(g).message, "'b': it is assigned already");
    cairn_program_free(fast);
    cairn_program_free(slow);
    cairn_graph_free(g);
}

/* ---- memory
 * -------------------------------------------------------------------------------------- */

TEST(out_of_memory_at_every_call_is_an_error_and_no_crash)
{
    const char *const names[] = {"adam", "adafactor", "shampoo"};
    for (int64_t n = 1; n < 60; n++) {
        for (size_t i = 0; i < CAIRN__COUNT(names); i++) {
            cairn_graph *g = cairn_graph_new();
            cairn_tensor w = cairn_parameter(g, "w", CAIRN_SHAPE(5, 4), CAIRN_ONES);
            cairn__alloc_fail_after(n);
            cairn_minimize(cairn_sum(cairn_square(w)), names[i], NULL, NULL);
            cairn__alloc_fail_after(0);
            cairn_status status = cairn_graph_status(g);
            CHECK(status.code == CAIRN_OK || status.code == CAIRN_ERR_MEMORY);
            CHECK(n > 1 || status.code == CAIRN_ERR_MEMORY);
            cairn_graph_free(g);
        }
    }
}
