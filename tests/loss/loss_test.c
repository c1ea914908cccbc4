/* Losses against values worked out in float64, and matching losses against their definition. */
#include "cairn/loss.h"

#include "cairn/autodiff.h"
#include "sampler.h"

static double at(cairn_activation_kind kind, double k, double z, double a, double *slope)
{
    cairn_graph *g = cairn_graph_new();
    double values[2] = {z, a}, *data[2] = {&values[0], &values[1]}, out[2], *to[2] = {out, out + 1};
    cairn_tensor tz = cairn_input(g, "x0", CAIRN_F32, CAIRN_SHAPE(1, 1));
    cairn_tensor ta = cairn_input(g, "x1", CAIRN_F32, CAIRN_SHAPE(1, 1)), both[2];
    both[0] = cairn_sum(cairn_matching_loss(tz, ta, (cairn_activation){kind, k}));
    cairn_gradients(both[0], &tz, 1, &both[1]);
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__evaluate(g, both, 2, to, sampler_source, data, false, &status);
    CHECK_OK(status);
    cairn_graph_free(g);
    if (slope)
        *slope = out[1];
    return out[0];
}

TEST(golden_matching_losses)
{
    static const struct {
        cairn_activation_kind kind;
        double k, z, a, loss, slope;
    } golden[] = {
        {CAIRN_ACTIVATION_tanh, 0, 0.5, -0.3, 0.3088238270, 0.7534297697},
        {CAIRN_ACTIVATION_tanh, 0, 3, 5, 0.0022486948, NAN},
        {CAIRN_ACTIVATION_sigmoid, 0, 0.5, -1, 0.2574031646, 0.3535179098},
        {CAIRN_ACTIVATION_relu, 0, -1, 2, 4, NAN},
        {CAIRN_ACTIVATION_relu, 0, -1, -2, 0, NAN},
        {CAIRN_ACTIVATION_relu, 0, 1, -2, 0.5, NAN},
        {CAIRN_ACTIVATION_relu, 0, 3, 2, 0.5, NAN},
        {CAIRN_ACTIVATION_leaky_relu, 0.1, -1, 2, 4.05, NAN},
        {CAIRN_ACTIVATION_leaky_relu, 0.1, -1, -2, 0.05, NAN},
        {CAIRN_ACTIVATION_leaky_relu, 0.1, 1, -2, 0.9, NAN},
        {CAIRN_ACTIVATION_smelu, 1, 0.5, -0.5, 0.2083333333, NAN},
    };
    for (size_t i = 0; i < CAIRN__COUNT(golden); i++) {
        double slope;
        double loss = at(golden[i].kind, golden[i].k, golden[i].z, golden[i].a, &slope);
        CHECK_NEAR(loss, golden[i].loss, 5e-11);
        if (!isnan(golden[i].slope))
            CHECK_NEAR(slope, golden[i].slope, 5e-11);
    }
}

TEST(golden_softmax_matching_loss)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor z = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(1, 3), (const float[]){1, 0, -1});
    cairn_tensor a = cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(1, 3), 0);
    cairn_tensor loss = cairn_matching_loss(z, a, (cairn_activation){CAIRN_ACTIVATION_softmax, 0});
    double out, *to = &out;
    cairn__evaluate(g, &loss, 1, &to, NULL, NULL, false, NULL);
    CHECK_NEAR(out, 0.3089936758, 5e-11);
    cairn_graph_free(g);
}

static double activation_at(cairn_activation_kind kind, double z)
{
    cairn_graph *g = cairn_graph_new();
    double *data[1] = {&z}, out, *to = &out;
    cairn_tensor x = cairn_input(g, "x0", CAIRN_F32, CAIRN_SCALAR);
    cairn_tensor y = cairn_activate(x, (cairn_activation){kind, 0});
    cairn__evaluate(g, &y, 1, &to, sampler_source, data, false, NULL);
    cairn_graph_free(g);
    return out;
}

TEST(slope_of_a_matching_loss_is_the_difference_of_outputs)
{
    for (int kind = 0; kind < CAIRN_N_ACTIVATIONS; kind++) {
        if (!cairn_activation_matches((cairn_activation_kind)kind) ||
            kind == CAIRN_ACTIVATION_softmax)
            continue;
        for (double z = -2.3; z < 2.5; z += 0.7) {
            double slope, h = 1e-4, a = 0.45;
            cairn_activation_kind k = (cairn_activation_kind)kind;
            double loss = at(k, 0, z, a, &slope);
            double measured = (at(k, 0, z + h, a, NULL) - at(k, 0, z - h, a, NULL)) / (2 * h);
            CHECK_NEAR(slope, activation_at(k, z) - activation_at(k, a), 1e-12);
            CHECK_NEAR(measured, slope, 1e-6);
            CHECK(loss >= -1e-12);
        }
    }
}

TEST(activations_without_matching_loss_are_refused)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor z = cairn_input(g, "z", CAIRN_F32, CAIRN_SHAPE(2, 3));
    cairn_matching_loss(z, z, (cairn_activation){CAIRN_ACTIVATION_gelu, 0});
    CHECK_CONTAINS(cairn_graph_status(g).message, "gelu has no matching loss: it is not monotone");
    cairn_graph_free(g);
}

TEST(cross_entropies)
{
    cairn_graph *g = cairn_graph_new();
    const float logits[6] = {2, -1, 0.5f, 100, 200, -300}, targets[6] = {0.25f, 0.5f, 1, 0, 1, 0};
    const int32_t labels[2] = {2, 0};
    cairn_tensor z = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(2, 3), logits), all[3];
    cairn_tensor t = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(2, 3), targets);
    all[0] = cairn_cross_entropy(z, cairn_constant(g, CAIRN_I32, CAIRN_SHAPE(2), labels));
    all[1] = cairn_binary_cross_entropy(z, t);
    all[2] = cairn_correct(z, cairn_constant(g, CAIRN_I32, CAIRN_SHAPE(2), (int32_t[]){0, 0}));
    double out[3][2], *to[3] = {out[0], out[1], out[2]};
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__evaluate(g, all, 3, to, NULL, NULL, false, &status);
    CHECK_OK(status);
    CHECK_NEAR(out[0][0], log(exp(2) + exp(-1) + exp(0.5)) - 0.5, 1e-12);
    CHECK_NEAR(out[0][1], 100, 1e-12);
    CHECK_NEAR(out[1][0], log1p(exp(2.0)) - 0.5 + log1p(exp(-1.0)) + 0.5 + log1p(exp(0.5)) - 0.5,
               1e-12);
    CHECK_NEAR(out[1][1], 100, 1e-9);
    CHECK(out[2][0] == 1 && out[2][1] == 0);
    cairn_graph_free(g);
}
