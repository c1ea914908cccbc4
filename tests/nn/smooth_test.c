/* Smooth activations: golden values (tools/golden/smelu.py) and the properties of SmeLU. */
#include "cairn/autodiff.h"
#include "cairn/compile.h"
#include "cairn/nn.h"
#include "sampler.h"

enum { N = 401 };

typedef cairn_tensor function(cairn_tensor x, const void *options);

static cairn_tensor smelu(cairn_tensor x, const void *beta)
{
    return cairn_smelu(x, *(const double *)beta);
}

static cairn_tensor gsmelu(cairn_tensor x, const void *options)
{
    return cairn_gsmelu(x, options);
}

static cairn_tensor activation(cairn_tensor x, const void *a)
{
    return cairn_activate(x, *(const cairn_activation *)a);
}

/* Value and derivative at n points, in double precision. */
static void evaluate(function *f, const void *options, const float *x, int n, double *y,
                     double *slope)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_graph *g = cairn_graph_new();
    cairn_tensor in = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(n), x);
    cairn_tensor out[2] = {f(in, options)};
    cairn_gradients(cairn_sum(out[0]), &in, 1, &out[1]);
    cairn__evaluate(g, out, 2, (double *[]){y, slope}, sampler_source, NULL, false, &status);
    CHECK_OK(status);
    cairn_graph_free(g);
}

/* -5 to 5 in steps of 0.025, each a float with few bits so that sums with widths are exact. */
static void points(float x[N])
{
    for (int i = 0; i < N; i++)
        x[i] = (float)(i - N / 2) * 0.0234375f;
}

TEST(golden_smelu)
{
    static const struct {
        double beta;
        float x;
        double y, slope;
    } golden[] = {
        {1, -0.5f, 0.0625, 0.25}, {1, 0, 0.25, 0.5},    {1, 0.25f, 0.390625, 0.625},
        {1, 0.5f, 0.5625, 0.75},  {1, 1, 1, 1},         {1, -1, 0, 0},
        {0.5, 0, 0.125, 0.5},     {2, -1, 0.125, 0.25}, {0.5, 0.25f, 0.28125, 0.75},
        {2, 0, 0.5, 0.5},         {2, 1, 1.125, 0.75},  {0, -1, 0, 0},
        {0, 0, 0, 0},             {0, 0.5f, 0.5, 1},
    };
    double y, slope;
    for (size_t i = 0; i < CAIRN__COUNT(golden); i++) {
        evaluate(smelu, &golden[i].beta, &golden[i].x, 1, &y, &slope);
        CHECK_NEAR(y, golden[i].y, 1e-12);
        CHECK_NEAR(slope, golden[i].slope, 1e-12);
    }
    /* ReLU averaged over a box of width 2 around 0.3; the nearest float to 0.3 is 1.2e-8 off. */
    evaluate(smelu, &(double){1}, &(float){0.3f}, 1, &y, &slope);
    CHECK_NEAR(y, 0.4225, 1e-8);
}

TEST(golden_asymmetric)
{
    static const cairn_gsmelu_options first = {0.5, 1, 0.1, 1, 0};
    static const cairn_gsmelu_options second = {0.1, 0.1, 0.01, 1, -0.001};
    static const float x[] = {-1.5f, -0.5f, 0, 0.5f, 1, 2}, u[] = {-1, 0, 0.1f, 1};
    static const double y[] = {-0.1, 0, 0.125, 0.4, 0.825, 1.825}, v[] = {-0.01, 0.02475, 0.1, 1};
    double out[6], slope[6];
    evaluate(gsmelu, &first, x, 6, out, slope);
    for (int i = 0; i < 6; i++)
        CHECK_NEAR(out[i], y[i], 1e-8); /* 0.1 is kept as a float */
    CHECK_NEAR(slope[0], 0.1, 1e-8);
    CHECK_NEAR(slope[2], 0.4, 1e-7);
    CHECK_NEAR(slope[5], 1, 1e-8);
    evaluate(gsmelu, &second, u, 4, out, slope);
    for (int i = 0; i < 4; i++)
        CHECK_NEAR(out[i], v[i], 1e-8);
}

TEST(golden_other_smooth_activations)
{
    static const float x[] = {-1, 0, 1};
    static const struct {
        cairn_activation a;
        double y[3];
    } golden[] = {
        {{CAIRN_ACTIVATION_gelu, 0}, {-0.1586552539, 0, 0.8413447461}},
        {{CAIRN_ACTIVATION_gelu, 1}, {-0.1586552539, 0, 0.8413447461}},
        {{CAIRN_ACTIVATION_gelu, 2}, {-0.0227501319, 0, 0.9772498681}},
        {{CAIRN_ACTIVATION_gelu_tanh, 0}, {-0.1588080094, 0, 0.8411919906}},
        {{CAIRN_ACTIVATION_swish, 1}, {-0.2689414214, 0, 0.7310585786}},
        {{CAIRN_ACTIVATION_swish, 2}, {-0.1192029220, 0, 0.8807970780}},
        {{CAIRN_ACTIVATION_softplus, 1}, {0.3132616875, 0.6931471806, 1.3132616875}},
        {{CAIRN_ACTIVATION_softplus, 2}, {0.0634640055, 0.3465735903, 1.0634640055}},
    };
    double y[3], slope[3];
    for (size_t i = 0; i < CAIRN__COUNT(golden); i++) {
        evaluate(activation, &golden[i].a, x, 3, y, slope);
        for (int k = 0; k < 3; k++)
            CHECK_NEAR(y[k], golden[i].y[k], 5e-8); /* numbers of the graph are floats */
    }
}

/* Far out softplus is its operand and not infinite, whatever its sharpness. */
TEST(softplus_does_not_overflow)
{
    const cairn_activation a = {CAIRN_ACTIVATION_softplus, 8};
    static const float x[] = {1000, -1000};
    double y[2], slope[2];
    evaluate(activation, &a, x, 2, y, slope);
    CHECK(y[0] == 1000 && y[1] == 0 && slope[0] == 1 && slope[1] == 0);
}

TEST(odd_part_is_half_the_operand)
{
    float x[N], minus[N];
    double a[N], b[N], slope[N];
    points(x);
    for (int i = 0; i < N; i++)
        minus[i] = -x[i];
    for (double beta = 0; beta <= 8; beta = beta ? 2 * beta : 0.25) {
        evaluate(smelu, &beta, x, N, a, slope);
        evaluate(smelu, &beta, minus, N, b, slope);
        for (int i = 0; i < N; i++)
            CHECK_NEAR(a[i] - b[i], (double)x[i], 1e-12);
    }
}

TEST(limits_are_relu_and_a_line)
{
    float x[N];
    double y[N], slope[N], worst = 0;
    points(x);
    for (double beta = 1; beta > 1e-3; beta /= 2) {
        evaluate(smelu, &beta, x, N, y, slope);
        worst = 0;
        for (int i = 0; i < N; i++) {
            double distance = y[i] - fmax((double)x[i], 0);
            CHECK(distance >= 0 && distance <= beta / 4 + 1e-12);
            worst = fmax(worst, distance);
        }
        CHECK_NEAR(worst, beta / 4, 1e-12); /* at 0, which is one of the points */
    }
    double beta = 1 << 20;
    evaluate(smelu, &beta, x, N, y, slope);
    for (int i = 0; i < N; i++)
        CHECK_NEAR(y[i] - beta / 4, (double)x[i] / 2, 25.0 / (4 * beta) + 1e-9);
}

TEST(scale_law)
{
    float x[N], larger[N];
    double y[N], scaled[N], slope[N], beta = 0.75, wide = 3;
    points(x);
    for (int i = 0; i < N; i++)
        larger[i] = 4 * x[i];
    evaluate(smelu, &beta, x, N, y, slope);
    evaluate(smelu, &wide, larger, N, scaled, slope);
    for (int i = 0; i < N; i++)
        CHECK_NEAR(scaled[i], 4 * y[i], 1e-12);
}

TEST(asymmetric_with_equal_widths_is_smelu)
{
    float x[N];
    double a[N], b[N], da[N], db[N];
    const cairn_gsmelu_options o = {0.5, 0.5, 0, 1, 0};
    points(x);
    evaluate(gsmelu, &o, x, N, a, da);
    evaluate(smelu, &(double){0.5}, x, N, b, db);
    for (int i = 0; i < N; i++)
        CHECK(fabs(a[i] - b[i]) < 1e-12 && fabs(da[i] - db[i]) < 1e-12);
}

/* In f32, by the kernels: the same values, ReLU's bits for beta = 0, and NaN is not swallowed. */
TEST(kernels_agree_with_the_definition)
{
    cairn_status status = CAIRN_STATUS_INIT;
    float x[N], y[N], relu[N];
    double exact[N], slope[N], beta = 0.7;
    points(x);
    cairn_graph *g = cairn_graph_new();
    cairn_tensor in = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(N));
    cairn_output(cairn_smelu(in, beta), "y");
    cairn_output(cairn_smooth_relu(in, cairn_scalar(g, 0)), "relu");
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    cairn_program_feed(p, "x", x, sizeof x, &status);
    cairn_program_run(p, &status);
    cairn_program_fetch(p, "y", y, sizeof y, &status);
    cairn_program_fetch(p, "relu", relu, sizeof relu, &status);
    CHECK_OK(status);
    evaluate(smelu, &beta, x, N, exact, slope);
    for (int i = 0; i < N; i++) {
        CHECK_NEAR((double)y[i], exact[i], 1e-6);
        CHECK(relu[i] == (x[i] > 0 ? x[i] : 0));
    }
    x[7] = NAN;
    cairn_program_feed(p, "x", x, sizeof x, &status);
    cairn_program_run(p, &status);
    cairn_program_fetch(p, "y", y, sizeof y, &status);
    CHECK(isnan(y[7]) && !isnan(y[8]));
    cairn_program_free(p);
    cairn_graph_free(g);
}

/* ---- learnt widths --------------------------------------------------------------------------- */

TEST(a_learnt_layer_starts_where_it_was_told)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const cairn_gsmelu_options o = {0.5, 1, 0.1, 1, 0.25};
    float x[N];
    double fixed[N], slope[N], learnt[N];
    points(x);
    evaluate(gsmelu, &o, x, N, fixed, slope);
    cairn_graph *g = cairn_graph_new();
    cairn_tensor in = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(N), x);
    cairn_tensor y = cairn_gsmelu_layer(in, "bend", &o);
    cairn__evaluate(g, &y, 1, (double *[]){learnt}, sampler_source, NULL, false, &status);
    CHECK_OK(status);
    for (int i = 0; i < N; i++)
        CHECK_NEAR(learnt[i], fixed[i], 1e-6);
    cairn_graph_free(g);
}

/* Parameters: all five have a gradient, and no value of them makes a width fall below the floor. */
TEST(learnt_widths_have_gradients_and_a_floor)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const cairn_gsmelu_options o = {0.5, 1, 0.1, 1, 0.25};
    const float at[] = {-2, -0.25f, 0.5f, 3};
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(4), at);
    cairn_tensor raw = cairn_constant(g, CAIRN_F32, CAIRN_SCALAR, &(float){-80});
    cairn_tensor p[5], y, d[5];
    double alpha, out[5], narrow[4];
    for (int i = 0; i < 5; i++)
        p[i] = cairn_scalar(g, (&o.alpha)[i]);
    y = cairn_sum(cairn_square(cairn_gsmelu_of(x, p[0], p[1], p[2], p[3], p[4])));
    cairn_gradients(y, p, 5, d);
    for (int i = 0; i < 5; i++) {
        cairn__evaluate(g, &d[i], 1, (double *[]){&out[i]}, sampler_source, NULL, false, &status);
        /* Against a central difference in the parameter. */
        double side[2];
        for (int s = 0; s < 2; s++) {
            cairn_tensor q[5];
            memcpy(q, p, sizeof q);
            q[i] = cairn_scalar(g, (&o.alpha)[i] + (s ? 1 : -1) * 0.0078125);
            cairn_tensor z = cairn_sum(cairn_square(cairn_gsmelu_of(x, q[0], q[1], q[2], q[3],
                                                                    q[4])));
            cairn__evaluate(g, &z, 1, (double *[]){&side[s]}, sampler_source, NULL, false,
                            &status);
        }
        CHECK_NEAR(out[i], (side[1] - side[0]) / 0.015625, 2e-3 * (1 + fabs(out[i])));
        CHECK(fabs(out[i]) > 1e-3);
    }
    cairn_tensor width = cairn_add_scalar(cairn_softplus(raw), CAIRN_GSMELU_FLOOR);
    cairn__evaluate(g, &width, 1, (double *[]){&alpha}, sampler_source, NULL, false, &status);
    CHECK(alpha >= (1 - 1e-6) * CAIRN_GSMELU_FLOOR);
    y = cairn_gsmelu_of(x, width, width, p[2], p[3], p[4]);
    cairn__evaluate(g, &y, 1, (double *[]){narrow}, sampler_source, NULL, false, &status);
    for (int i = 0; i < 4; i++)
        CHECK(isfinite(narrow[i]));
    CHECK_OK(status);
    cairn_graph_free(g);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void check_refused(function *f, const void *options, const char *part)
{
    cairn_graph *g = cairn_graph_new();
    f(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(2)), options);
    CHECK_INT(cairn_graph_status(g).code, CAIRN_ERR_VALUE);
    CHECK_CONTAINS(cairn_graph_status(g).message, part);
    cairn_graph_free(g);
}

static cairn_tensor learnt(cairn_tensor x, const void *options)
{
    return cairn_gsmelu_layer(x, "bend", options);
}

TEST(bad_widths_are_errors)
{
    check_refused(smelu, &(double){-0.5}, "beta -0.5, expected a half-width from 0");
    check_refused(smelu, &(double){NAN}, "smelu: beta");
    check_refused(activation, &(cairn_activation){CAIRN_ACTIVATION_smelu, -1}, "beta -1");
    check_refused(gsmelu, &(cairn_gsmelu_options){-1, 2, 0, 1, 0}, "alpha -1");
    check_refused(gsmelu, &(cairn_gsmelu_options){0, 0, 0, 1, 0}, "not both 0");
    check_refused(learnt, &(cairn_gsmelu_options){0, 1, 0, 1, 0}, "expected finite numbers");
}
