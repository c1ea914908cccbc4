/* Pooling and interpolation against plain loops, known values, and gradients by linearity. */
#include "cairn/autodiff.h"
#include "sampler.h"

enum { N = 2, H = 5, W = 7, C = 3 };

typedef cairn_tensor builder(cairn_tensor x);

/* y of x, in double precision; gradient of sum(y) at x too where wanted. */
static cairn_shape run(builder *build, const double *x, cairn_shape shape, double *y, double *dx)
{
    cairn_graph *g = cairn_graph_new();
    double *data[1] = {(double *)x}, *out[2] = {y, dx};
    cairn_tensor in = cairn_input(g, "x0", CAIRN_F32, shape), both[2];
    cairn_status status = CAIRN_STATUS_INIT;
    both[0] = build(in);
    if (dx)
        cairn_gradients(cairn_sum(both[0]), &in, 1, &both[1]);
    cairn__evaluate(g, both, dx ? 2 : 1, out, sampler_source, data, false, &status);
    CHECK_OK(status);
    cairn_shape result = cairn_tensor_shape(both[0]);
    cairn_graph_free(g);
    return result;
}

static const cairn_conv_options pool = {{2, 3, 1}, {1, 2, 1}, {1, 0, 0}, {1, 1, 0}, 1};

static cairn_tensor counted(cairn_tensor x)
{
    return cairn_average_pool(x, CAIRN_SHAPE(3, 2), &pool, true);
}

static cairn_tensor inside_only(cairn_tensor x)
{
    return cairn_average_pool(x, CAIRN_SHAPE(3, 2), &pool, false);
}

static cairn_tensor adaptive(cairn_tensor x)
{
    return cairn_adaptive_average_pool(x, CAIRN_SHAPE(3, 4));
}

static cairn_tensor linear(cairn_tensor x)
{
    return cairn_resize_linear(x, CAIRN_SHAPE(8));
}

static cairn_tensor nearest(cairn_tensor x)
{
    return cairn_resize_nearest(x, CAIRN_SHAPE(10, 3));
}

static void draw(double *x)
{
    float values[N * H * W * C];
    cairn_random_normal_fill(test_seed(), 5, N * H * W * C, values);
    for (int i = 0; i < N * H * W * C; i++)
        x[i] = (double)values[i];
}

static void check_pool(bool count)
{
    double x[N * H * W * C], y[N * H * W * C];
    draw(x);
    cairn_shape shape = run(count ? counted : inside_only, x, CAIRN_SHAPE(N, H, W, C), y, NULL);
    CHECK(cairn_shape_equal(shape, CAIRN_SHAPE(N, 3, 2, C)));
    for (int i = 0; i < N * 3 * 2 * C; i++) {
        int c = i % C, q = i / C % 2, p = i / C / 2 % 3, n = i / C / 6, seen = 0;
        double sum = 0;
        for (int k = 0; k < 3; k++)
            for (int l = 0; l < 2; l++) {
                int h = 2 * p + k - 1, w = 3 * q + 2 * l;
                if (h < 0 || h >= H || w >= W)
                    continue;
                sum += x[((n * H + h) * W + w) * C + c];
                seen++;
            }
        CHECK_NEAR(y[i], sum / (count ? 6 : seen), 1e-6);
    }
}

TEST(average_pool)
{
    check_pool(true);
    check_pool(false);
}

TEST(adaptive_average_pool)
{
    static const int from[2][5] = {{0, 1, 3}, {0, 1, 3, 5}}, to[2][5] = {{2, 4, 5}, {2, 4, 6, 7}};
    double x[N * H * W * C], y[N * 12 * C];
    draw(x);
    run(adaptive, x, CAIRN_SHAPE(N, H, W, C), y, NULL);
    for (int i = 0; i < N * 12 * C; i++) {
        int c = i % C, q = i / C % 4, p = i / C / 4 % 3, n = i / C / 12, seen = 0;
        double sum = 0;
        for (int h = from[0][p]; h < to[0][p]; h++)
            for (int w = from[1][q]; w < to[1][q]; w++, seen++)
                sum += x[((n * H + h) * W + w) * C + c];
        CHECK_NEAR(y[i], sum / seen, 1e-6);
    }
}

TEST(nearest_repeats_and_drops)
{
    double x[N * H * W * C], y[N * 30 * C];
    draw(x);
    run(nearest, x, CAIRN_SHAPE(N, H, W, C), y, NULL);
    for (int i = 0; i < N * 30 * C; i++) {
        int c = i % C, q = i / C % 3, p = i / C / 3 % 10, n = i / C / 30;
        CHECK_NEAR(y[i], x[((n * H + p / 2) * W + q * 7 / 3) * C + c], 0);
    }
}

/* 1, 2, 4, 0 to twice as many: a quarter and three quarters of the neighbours. */
TEST(linear_as_worked_out)
{
    const double x[4] = {1, 2, 4, 0}, expected[8] = {1, 1.25, 1.75, 2.5, 3.5, 3, 1, 0};
    double y[8], dx[4];
    run(linear, x, CAIRN_SHAPE(1, 4, 1), y, dx);
    for (int i = 0; i < 8; i++)
        CHECK_NEAR(y[i], expected[i], 1e-12);
    for (int i = 0; i < 4; i++)
        CHECK_NEAR(dx[i], 2, 1e-12);
}

TEST(bad_sizes_are_refused)
{
    cairn_graph *g = cairn_graph_new();
    cairn_resize_linear(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(1, 4, 1)), CAIRN_SHAPE(0));
    CHECK_CONTAINS(cairn_graph_status(g).message, "resize_linear to [0]: expected 1 sizes");
    cairn_graph_free(g);
    g = cairn_graph_new();
    cairn_average_pool(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(1, 4, 1)), CAIRN_SHAPE(5), NULL,
                       true);
    CHECK_CONTAINS(cairn_graph_status(g).message, "a window of 5 does not fit the 4 positions");
    cairn_graph_free(g);
}
