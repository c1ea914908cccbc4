/* Fake quantisation against its formulas, number by number. */
#include <math.h>

#include "cairn/autodiff.h"
#include "cairn/compile.h"
#include "cairn/nn.h"
#include "test.h"

enum { ROWS = 3, COLUMNS = 40, N = ROWS * COLUMNS };

/* Values with ties and with numbers outside of most ranges. */
static float value(int i)
{
    return (float)((i * 37 % 101) - 50) / 16;
}

typedef struct run {
    float y[N], dx[N];
    cairn_status status;
} run;

/* y, and dx of sum(y w) with w = 1 .. N, after `steps` runs on x * 2^(step). */
static run quantize(const cairn_quantize_options *o, int steps)
{
    run r = {.status = CAIRN_STATUS_INIT};
    float data[N], weight[N];
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(ROWS, COLUMNS)), dx;
    cairn_tensor w = cairn_input(g, "w", CAIRN_F32, CAIRN_SHAPE(ROWS, COLUMNS));
    cairn_tensor y = cairn_fake_quantize(x, "q", o);
    cairn_gradients(cairn_sum(cairn_mul(y, w)), &x, 1, &dx);
    cairn_output(y, "y");
    cairn_output(dx, "dx");
    cairn_program *p = cairn_compile(g, cairn_cpu(), &r.status);
    for (int step = 0; p && step < steps; step++) {
        for (int i = 0; i < N; i++) {
            data[i] = ldexpf(value(i), step);
            weight[i] = (float)(i + 1);
        }
        cairn_program_feed(p, "x", data, sizeof data, &r.status);
        cairn_program_feed(p, "w", weight, sizeof weight, &r.status);
        cairn_program_run(p, &r.status);
        cairn_program_fetch(p, "y", r.y, sizeof r.y, &r.status);
        cairn_program_fetch(p, "dx", r.dx, sizeof r.dx, &r.status);
    }
    cairn_program_free(p);
    cairn_graph_free(g);
    return r;
}

static void check(const run *r, int i, double x, double scale, double zero, double low, double high)
{
    const double u = rint(x / scale) + zero, q = fmin(fmax(u, low), high);
    CHECK_NEAR(r->y[i], (q - zero) * scale, 1e-6 * fabs(x) + 1e-6);
    /* Times the scale and over it: two roundings. */
    CHECK_NEAR(r->dx[i], u >= low && u <= high ? i + 1 : 0, ldexp(i + 1, -22));
}

TEST(weights_have_a_scale_for_each_row)
{
    cairn_quantize_options o = cairn_quantize_defaults();
    o.range = CAIRN_RANGE_NOW;
    o.axis = 0;
    for (o.bits = 2; o.bits <= 8; o.bits += 3) {
        run r = quantize(&o, 1);
        CHECK_OK(r.status);
        const double high = ldexp(1, o.bits - 1) - 1;
        for (int row = 0; row < ROWS; row++) {
            double most = 0;
            for (int i = 0; i < COLUMNS; i++)
                most = fmax(most, fabs(value(row * COLUMNS + i)));
            for (int i = row * COLUMNS; i < (row + 1) * COLUMNS; i++)
                check(&r, i, value(i), (float)(most / high), 0, -high, high);
        }
    }
}

/* The first range is taken whole, the second with its share: then the ends of x are cut. */
TEST(activations_follow_a_moving_range)
{
    cairn_quantize_options o = cairn_quantize_defaults();
    o.symmetric = false;
    o.momentum = 0.25;
    double low = 0, high = 0;
    for (int i = 0; i < N; i++) {
        low = fmin(low, value(i));
        high = fmax(high, value(i));
    }
    run first = quantize(&o, 1), second = quantize(&o, 2);
    CHECK_OK(first.status);
    CHECK_OK(second.status);
    int cut = 0;
    for (int i = 0; i < N; i++) {
        double scale = (float)((high - low) / 255);
        check(&first, i, value(i), scale, rint(-low / scale), 0, 255);
        scale = (float)(1.25 * (high - low) / 255); /* low + 0.25 (2 low - low) */
        check(&second, i, 2.0 * value(i), scale, rint(-1.25 * low / scale), 0, 255);
        cut += second.dx[i] == 0;
    }
    CHECK(cut > 10);
}

/* LSQ's gradient: q - x / s inside, the end outside, over the root of n and the greatest q. */
TEST(a_learned_scale_has_the_gradient_of_lsq)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_quantize_options o = cairn_quantize_defaults();
    o.range = CAIRN_RANGE_LEARNED;
    o.bits = 4;
    o.scale = 0.3;
    float data[N], found;
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(ROWS, COLUMNS)), scale, ds;
    cairn_tensor y = cairn_fake_quantize(x, "q", &o);
    CHECK_INT(cairn_graph_parameters(g, &scale, 1), 1);
    cairn_gradients(cairn_sum(y), &scale, 1, &ds);
    cairn_output(ds, "ds");
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    double sum = 0;
    for (int i = 0; i < N; i++) {
        data[i] = value(i);
        const double v = data[i] / (double)0.3f, q = fmin(fmax(rint(v), -7), 7);
        sum += fabs(rint(v)) <= 7 ? q - v : q;
    }
    cairn_program_feed(p, "x", data, sizeof data, &status);
    cairn_program_run(p, &status);
    cairn_program_fetch(p, "ds", &found, sizeof found, &status);
    CHECK_OK(status);
    CHECK_NEAR(found, sum / sqrt(7.0 * N), 1e-5);
    cairn_program_free(p);
    cairn_graph_free(g);
}

TEST(bad_options_are_named)
{
    cairn_quantize_options o = cairn_quantize_defaults();
    o.axis = 2;
    run r = quantize(&o, 1);
    CHECK_CONTAINS(r.status.message, "fake quantisation 'q': 8 bits, axis 2 of 2");
    o = cairn_quantize_defaults();
    o.symmetric = false;
    o.range = CAIRN_RANGE_LEARNED;
    r = quantize(&o, 1);
    CHECK_CONTAINS(r.status.message, "learned scales are symmetric");
}
