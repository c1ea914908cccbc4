/* LocoProp against values worked out by hand in float64, its limits, and what must not change. */
#include "cairn/locoprop.h"

#include "cairn/autodiff.h"
#include "cairn/compile.h"
#include "cairn/loss.h"
#include "methods/locoprop/locoprop.h"
#include "sampler.h"

/* ---- one layer: X = [1, 2], W = [0.1, -0.2]^T, no bias, E = 0.5 ------------------------------ */

typedef struct golden {
    cairn_graph *g;
    cairn_local_problem p;
} golden;

static golden golden_layer(cairn_locoprop_loss loss, cairn_activation_kind kind, double gamma,
                           double proximal)
{
    /* f32 cannot hold 0.1: the constants are scaled inside the graph, which is evaluated in
     * double. */
    golden t = {.g = cairn_graph_new()};
    cairn_locoprop_options o = cairn_locoprop_defaults();
    cairn_tensor x = cairn_constant(t.g, CAIRN_F32, CAIRN_SHAPE(1, 2), (const float[]){1, 2});
    cairn_tensor w = cairn_constant(t.g, CAIRN_F32, CAIRN_SHAPE(2, 1), (const float[]){1, -2});
    cairn_tensor e = cairn_fill(t.g, CAIRN_F32, CAIRN_SHAPE(1, 1), 0.5);
    w = cairn_scale(w, 0.1);
    cairn_dense layer = {.x = x, .weight = w, .z = cairn_matmul(x, w), .activation = {kind, 0}};
    o.locoprop_loss = loss;
    o.locoprop_gamma = gamma;
    o.locoprop_prox = proximal;
    t.p = cairn__locoprop_problem(&layer, layer.activation, e, &o);
    return t;
}

static void evaluate(cairn_tensor x, double *out)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__evaluate(x.graph, &x, 1, &out, sampler_source, NULL, false, &status);
    CHECK_OK(status);
}

static void check_steps(golden t, double rate, int steps, const double (*expected)[2])
{
    cairn_tensor v = t.p.weight, dv;
    double now[2];
    for (int k = 0; k < steps; k++) {
        cairn_local_gradient(&t.p, v, t.p.bias, &dv, NULL);
        v = cairn_sub(v, cairn_scale(dv, rate));
        evaluate(v, now);
        CHECK_NEAR(now[0], expected[k][0], 5e-11);
        CHECK_NEAR(now[1], expected[k][1], 5e-11);
    }
    cairn_graph_free(t.g);
}

TEST(golden_squared_steps)
{
    static const double expected[][2] = {{0.05, -0.3}, {0.0025, -0.395}, {-0.042625, -0.48525}};
    check_steps(golden_layer(CAIRN_LOCOPROP_SQUARED, CAIRN_ACTIVATION_tanh, 10, 0), 0.01, 3,
                expected);
}

TEST(golden_matching_steps)
{
    static const double expected[][2] = {{0.095, -0.21},
                                         {0.0902270831, -0.2195458337},
                                         {0.0856676392, -0.2286647217}};
    check_steps(golden_layer(CAIRN_LOCOPROP_MATCHING, CAIRN_ACTIVATION_tanh, 1, 0), 0.01, 3,
                expected);
}

TEST(golden_exact_solution_and_what_converges_to_it)
{
    golden t = golden_layer(CAIRN_LOCOPROP_SQUARED, CAIRN_ACTIVATION_tanh, 10, 0.01);
    double solution[2], now[2] = {0.1, -0.2};
    cairn_tensor v, bias;
    cairn_local_solution(&t.p, &v, &bias);
    evaluate(v, solution);
    CHECK_NEAR(solution[0], 0.0523809524, 5e-11);
    CHECK_NEAR(solution[1], -0.2952380952, 5e-11);
    /* The same problem by gradient descent, a step of the graph at a time. */
    cairn_tensor at = cairn_input(t.g, "x0", CAIRN_F32, CAIRN_SHAPE(2, 1)), dv;
    cairn_local_gradient(&t.p, at, t.p.bias, &dv, NULL);
    cairn_tensor next = cairn_sub(at, cairn_scale(dv, 0.001));
    for (int k = 0; k < 5000; k++) {
        double *data[1] = {now}, out[2], *to = out;
        cairn__evaluate(t.g, &next, 1, &to, sampler_source, data, false, NULL);
        memcpy(now, out, sizeof now);
    }
    CHECK_NEAR(now[0], solution[0], 1e-9);
    CHECK_NEAR(now[1], solution[1], 1e-9);
    cairn_graph_free(t.g);
}

TEST(exact_solution_of_a_matching_loss_is_refused)
{
    golden t = golden_layer(CAIRN_LOCOPROP_MATCHING, CAIRN_ACTIVATION_tanh, 10, 0.01);
    cairn_tensor v, bias;
    cairn_local_solution(&t.p, &v, &bias);
    CHECK_CONTAINS(cairn_graph_status(t.g).message, "needs the squared loss");
    cairn_graph_free(t.g);
}

/* ---- whole networks -------------------------------------------------------------------------- */

enum { BATCH = 6, INPUTS = 5, LAYERS = 3 };

typedef struct network {
    cairn_graph *g;
    cairn_tensor x, loss;
    cairn_dense layers[LAYERS];
} network;

static network new_network(cairn_activation_kind hidden)
{
    static const int64_t units[LAYERS] = {7, 4, INPUTS};
    network n = {.g = cairn_graph_new()};
    cairn_mlp_options o = cairn_mlp_defaults(units, LAYERS);
    o.hidden.kind = hidden;
    o.bias_scale = 1;
    cairn_graph_seed(n.g, 3);
    n.x = cairn_input(n.g, "x0", CAIRN_F32, CAIRN_SHAPE(BATCH, INPUTS));
    n.loss = cairn_mean(cairn_binary_cross_entropy(cairn_mlp(n.x, &o, n.layers), n.x));
    return n;
}

static void draw_batch(float *x)
{
    cairn_random_uniform_fill(test_seed(), 8, (int64_t)BATCH * INPUTS, x);
}

/* Runs `steps` steps and copies the weights of all layers, one behind the other. */
static int run_network(network *n, int steps, float *weights)
{
    float x[BATCH * INPUTS];
    int at = 0;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_program *p = cairn_compile(n->g, cairn_cpu(), &status);
    draw_batch(x);
    CHECK_OK(status);
    for (int s = 0; p && s < steps; s++) {
        cairn_program_feed(p, "x0", x, sizeof x, &status);
        cairn_program_run(p, &status);
    }
    for (int i = 0; p && i < 2 * LAYERS; i++) {
        cairn_tensor t = i % 2 ? n->layers[i / 2].bias : n->layers[i / 2].weight;
        const cairn_variable *v = cairn__get(t)->at.data;
        cairn_variable_read(v, weights + at, v->bytes, &status);
        at += (int)(v->bytes / sizeof(float));
    }
    CHECK_OK(status);
    cairn_program_free(p);
    cairn_graph_free(n->g);
    return at;
}

static double furthest(const float *a, const float *b, int n)
{
    double most = 0;
    for (int i = 0; i < n; i++)
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

TEST(one_sgd_step_is_backprop_for_every_layer_at_once)
{
    static const cairn_activation_kind kinds[] = {CAIRN_ACTIVATION_tanh, CAIRN_ACTIVATION_relu,
                                                  CAIRN_ACTIVATION_leaky_relu,
                                                  CAIRN_ACTIVATION_smelu,
                                                  CAIRN_ACTIVATION_sigmoid};
    const cairn_activation output = {CAIRN_ACTIVATION_sigmoid, 0};
    for (size_t k = 0; k < CAIRN__COUNT(kinds); k++) {
        for (int loss = 0; loss < 2; loss++) {
            float local[200], backprop[200];
            network a = new_network(kinds[k]), b = new_network(kinds[k]);
            cairn_locoprop_options o = cairn_locoprop_defaults();
            cairn_sgd_options sgd = cairn_sgd_defaults();
            o.locoprop_loss = loss;
            o.locoprop_iters = 1;
            o.inner = 1; /* sgd */
            o.inner_lr = 0.01;
            o.locoprop_gamma = 10;
            sgd.learning_rate = 0.1; /* eta gamma */
            cairn_locoprop(a.loss, a.layers, LAYERS, &output, &o, NULL);
            cairn_sgd(b.g, b.loss, &sgd);
            int n = run_network(&a, 3, local);
            run_network(&b, 3, backprop);
            /* In each of 3 steps Y - (Y - gamma E) rounds E to the ulp of Y, 6e-8, over B rows, and
             * the new weight is rounded, 6e-8. */
            CHECK_NEAR(furthest(local, backprop, n), 0, 3 * (BATCH * 0.01 * 2e-7 + 6e-8));
        }
    }
}

TEST(no_error_changes_no_weight)
{
    float before[200], after[200];
    network a = new_network(CAIRN_ACTIVATION_tanh), b = new_network(CAIRN_ACTIVATION_tanh);
    /* A loss that does not depend on the network: E is zero. */
    cairn_tensor constant = cairn_scale(cairn_mean(b.layers[LAYERS - 1].y), 0);
    cairn_locoprop_options o = cairn_locoprop_defaults();
    o.inner_lr = 0.1;
    cairn_locoprop(constant, b.layers, LAYERS, NULL, &o, NULL);
    int n = run_network(&a, 0, before);
    run_network(&b, 3, after);
    CHECK(memcmp(before, after, (size_t)n * sizeof *before) == 0);
}

TEST(matching_a_linear_layer_is_squared)
{
    float matching[200], squared[200];
    for (int i = 0; i < 2; i++) {
        network a = new_network(CAIRN_ACTIVATION_linear);
        cairn_locoprop_options o = cairn_locoprop_defaults();
        o.locoprop_loss = i;
        o.inner_lr = 1e-3;
        cairn_locoprop(a.loss, a.layers, LAYERS, NULL, &o, NULL);
        int n = run_network(&a, 3, i ? squared : matching);
        /* Squared problems use X^T X here, which adds in another order. */
        if (i)
            CHECK_NEAR(furthest(matching, squared, n), 0, 1e-5);
    }
}

TEST(local_objectives_fall)
{
    /* With plain steps of a rate below 1 / lambda_max(X^T X) <= 1 / trace, and f' <= 1. */
    static const cairn_activation_kind kinds[] = {CAIRN_ACTIVATION_tanh, CAIRN_ACTIVATION_sigmoid};
    for (size_t k = 0; k < CAIRN__COUNT(kinds); k++) {
        for (int loss = 0; loss < 2; loss++) {
            network a = new_network(kinds[k]);
            cairn_locoprop_options o = cairn_locoprop_defaults();
            cairn_status status = CAIRN_STATUS_INIT;
            float x[BATCH * INPUTS];
            o.locoprop_loss = loss;
            o.inner = 1;
            o.inner_lr = 0.01;
            o.diagnostics = true;
            cairn_locoprop(a.loss, a.layers, LAYERS, NULL, &o, NULL);
            cairn_program *p = cairn_compile(a.g, cairn_cpu(), &status);
            draw_batch(x);
            CHECK_OK(status);
            cairn_program_feed(p, "x0", x, sizeof x, &status);
            cairn_program_run(p, &status);
            for (int i = 1; i <= LAYERS; i++) {
                char before[32], after[32];
                snprintf(before, sizeof before, "layer%d/local_before", i);
                snprintf(after, sizeof after, "layer%d/local_after", i);
                CHECK(cairn_program_scalar(p, after, &status) <=
                      cairn_program_scalar(p, before, &status));
            }
            CHECK_OK(status);
            CHECK(cairn_program_scalar(p, "layer1/cosine", NULL) > 0);
            cairn_program_free(p);
            cairn_graph_free(a.g);
        }
    }
}

TEST(the_order_of_layers_does_not_matter)
{
    float forward[200], backward[200];
    const cairn_activation output = {CAIRN_ACTIVATION_sigmoid, 0};
    cairn_locoprop_options o = cairn_locoprop_defaults();
    o.inner_lr = 1e-3;
    network a = new_network(CAIRN_ACTIVATION_tanh), b = new_network(CAIRN_ACTIVATION_tanh);
    a.layers[LAYERS - 1].activation = b.layers[LAYERS - 1].activation = output;
    cairn_locoprop(a.loss, a.layers, LAYERS, NULL, &o, NULL);
    cairn_dense swapped[LAYERS] = {b.layers[2], b.layers[0], b.layers[1]};
    cairn_locoprop(b.loss, swapped, LAYERS, NULL, &o, NULL);
    int n = run_network(&a, 3, forward);
    run_network(&b, 3, backward);
    CHECK(memcmp(forward, backward, (size_t)n * sizeof *forward) == 0);
}

TEST(blend_and_cap_bound_the_move)
{
    float start[200], moved[200];
    network a = new_network(CAIRN_ACTIVATION_tanh), b = new_network(CAIRN_ACTIVATION_tanh);
    cairn_locoprop_options o = cairn_locoprop_defaults();
    o.inner_lr = 1;
    o.locoprop_cap = 0.2;
    cairn_locoprop(b.loss, b.layers, LAYERS, NULL, &o, NULL);
    run_network(&a, 0, start);
    run_network(&b, 1, moved);
    double way = 0, size = 0;
    for (int i = 0; i < INPUTS * 7; i++) { /* the first weight */
        way += pow((double)moved[i] - (double)start[i], 2);
        size += pow((double)start[i], 2);
    }
    CHECK_NEAR(sqrt(way / size), 0.2, 1e-5);
}

TEST(every_option_combination_trains)
{
    const cairn_activation output = {CAIRN_ACTIVATION_sigmoid, 0};
    for (int i = 0; i < 8; i++) {
        float weights[200];
        network a = new_network(i & 1 ? CAIRN_ACTIVATION_relu : CAIRN_ACTIVATION_gelu);
        cairn_locoprop_options o = cairn_locoprop_defaults();
        cairn_status status = CAIRN_STATUS_INIT;
        o.inner = i / 2;
        o.inner_lr = 1e-3;
        o.inner_momentum = 0.9;
        o.locoprop_loss = i & 1;
        o.grad_momentum = i & 2 ? 0.5 : 0;
        o.locoprop_prox = i & 4 ? 0.5 : 0;
        o.locoprop_solver = i == 5 ? CAIRN_LOCOPROP_EXACT : CAIRN_LOCOPROP_ITERATIVE;
        o.locoprop_blend = i == 3 ? 0.5 : 1;
        cairn_locoprop(a.loss, a.layers, LAYERS, &output, &o, NULL);
        status = cairn_graph_status(a.g);
        CHECK_OK(status);
        int n = run_network(&a, 3, weights);
        double total = 0;
        for (int w = 0; w < n; w++)
            total += (double)weights[w];
        test_check(isfinite(total), __FILE__, __LINE__, "combination %d gives %g", i, total);
    }
}

TEST(parameters_outside_of_layers_fall_back)
{
    network a = new_network(CAIRN_ACTIVATION_tanh);
    cairn_tensor scale = cairn_parameter(a.g, "scale", CAIRN_SHAPE(INPUTS), CAIRN_ONES);
    cairn_tensor logits = cairn_mul(a.layers[LAYERS - 1].y, scale);
    cairn_tensor loss = cairn_mean(cairn_binary_cross_entropy(logits, a.x));
    cairn_locoprop(loss, a.layers, LAYERS, NULL, NULL, NULL);
    CHECK_OK(cairn_graph_status(a.g));
    CHECK(cairn_graph_variable(a.g, "scale/adam_m") != NULL);
    CHECK(cairn_graph_variable(a.g, "layer1/weight/adam_m") == NULL);
    cairn_graph_free(a.g);
}
