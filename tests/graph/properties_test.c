/* What the ops promise beyond their shapes: laws, and dumb twins on random data. */
#include "sampler.h"

#include <stdlib.h>

enum { MOST = 4096 };

/* A graph with inputs x0, x1 .. whose elements are data[0], data[1] .. */
typedef struct world {
    cairn_graph *g;
    double *data[4];
    int n;
} world;

static world new_world(void)
{
    return (world){.g = cairn_graph_new()};
}

static cairn_tensor drawn(world *w, cairn_shape shape, cairn__domain domain, int64_t limit)
{
    cairn__sample sample = {.limit = limit};
    char name[8];
    for (int i = 0; i <= w->n; i++) {
        sample.shape[i] = shape;
        sample.domain[i] = domain;
    }
    snprintf(name, sizeof name, "x%d", w->n);
    w->data[w->n] = sampler_draw(&sample, w->n, test_seed());
    w->n++;
    return cairn_input(w->g, name, domain == CAIRN__INDEX ? CAIRN_I32 : CAIRN_F32, shape);
}

static void values(world *w, cairn_tensor x, double *out)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__evaluate(w->g, &x, 1, &out, sampler_source, w->data, false, &status);
    CHECK_OK(status);
}

static double scalar(world *w, cairn_tensor x)
{
    double out = NAN;
    values(w, x, &out);
    return out;
}

static void end(world *w)
{
    for (int i = 0; i < w->n; i++)
        cairn__free(w->data[i]);
    cairn_graph_free(w->g);
}

/* The largest |a - b|. */
static cairn_tensor distance(cairn_tensor a, cairn_tensor b)
{
    return cairn_reduce_max(cairn_abs(cairn_sub(a, b)), CAIRN_ALL_AXES, false);
}

/* ---- order ----------------------------------------------------------------------------------- */

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

TEST(sort_agrees_with_qsort)
{
    for (int64_t n = 1; n < 70; n = 2 * n + 1) {
        world w = new_world();
        cairn_tensor x = drawn(&w, CAIRN_SHAPE(3, n), CAIRN__ANY, 0);
        double up[MOST], down[MOST], twin[MOST];
        values(&w, cairn_sort(x, 1, false), up);
        values(&w, cairn_sort(x, -1, true), down);
        memcpy(twin, w.data[0], (size_t)(3 * n) * sizeof *twin);
        for (int64_t row = 0; row < 3; row++)
            qsort(twin + row * n, (size_t)n, sizeof *twin, rising);
        for (int64_t i = 0; i < 3 * n; i++) {
            CHECK(up[i] == twin[i]);
            CHECK(down[i] == twin[i / n * n + n - 1 - i % n]);
        }
        end(&w);
    }
}

TEST(equal_elements_keep_their_order_and_nan_is_last)
{
    const float x[] = {2, NAN, 1, 2, 1, NAN, 2};
    const double up[] = {2, 4, 0, 3, 6, 1, 5}, down[] = {0, 3, 6, 2, 4, 1, 5};
    world w = new_world();
    cairn_tensor c = cairn_constant(w.g, CAIRN_F32, CAIRN_SHAPE(7), x);
    double a[7], b[7];
    values(&w, cairn_argsort(c, 0, false), a);
    values(&w, cairn_argsort(c, 0, true), b);
    for (int i = 0; i < 7; i++) {
        CHECK_INT(a[i], up[i]);
        CHECK_INT(b[i], down[i]);
    }
    end(&w);
}

TEST(top_k_takes_the_first_of_equals)
{
    const float x[] = {1, 3, 2, 3, 0, 3};
    world w = new_world();
    cairn_tensor c = cairn_constant(w.g, CAIRN_F32, CAIRN_SHAPE(6), x), top, where;
    double a[4], b[4];
    cairn_top_k(c, 4, 0, &top, &where);
    cairn_top_k(c, 4, 0, NULL, NULL);
    values(&w, top, a);
    values(&w, where, b);
    const double value[] = {3, 3, 3, 2}, index[] = {1, 3, 5, 2};
    for (int i = 0; i < 4; i++) {
        CHECK_INT(a[i], value[i]);
        CHECK_INT(b[i], index[i]);
    }
    cairn_top_k(c, 7, 0, &top, NULL);
    CHECK_CONTAINS(cairn_graph_status(w.g).message, "7 elements from 0");
    end(&w);
}

TEST(argmax_takes_the_first_and_a_nan_first_of_all)
{
    const float x[] = {1, 3, 3, 0, 4, NAN, 9, NAN, 0, 0, 0, 0};
    world w = new_world();
    cairn_tensor c = cairn_constant(w.g, CAIRN_F32, CAIRN_SHAPE(3, 4), x);
    double most[3], least[3];
    values(&w, cairn_argmax(c, 1), most);
    values(&w, cairn_argmin(c, 1), least);
    const double first_most[] = {1, 1, 0}, first_least[] = {3, 1, 0};
    for (int i = 0; i < 3; i++) {
        CHECK_INT(most[i], first_most[i]);
        CHECK_INT(least[i], first_least[i]);
    }
    end(&w);
}

/* ---- moving ---------------------------------------------------------------------------------- */

TEST(concat_and_slice_are_inverse_for_many_operands)
{
    world w = new_world();
    cairn_tensor x = drawn(&w, CAIRN_SHAPE(2, 150), CAIRN__ANY, 0), part[150];
    for (int i = 0; i < 150; i++)
        part[i] = cairn_slice(x, 1, i, 1, 1);
    CHECK(scalar(&w, distance(cairn_concat(part, 150, 1), x)) == 0);
    for (int i = 0; i < 10; i++)
        part[i] = cairn_slice(x, 1, 15 * i, 15, 1);
    CHECK(scalar(&w, distance(cairn_concat(part, 10, -1), x)) == 0);
    end(&w);
}

TEST(gather_and_scatter_add_are_adjoint)
{
    world w = new_world();
    cairn_shape shape = CAIRN_SHAPE(3, 6, 4);
    cairn_tensor x = drawn(&w, shape, CAIRN__ANY, 0);
    cairn_tensor indices = drawn(&w, CAIRN_SHAPE(5, 2), CAIRN__INDEX, 8);
    cairn_tensor y = drawn(&w, CAIRN_SHAPE(3, 5, 2, 4), CAIRN__ANY, 0);
    double a = scalar(&w, cairn_sum(cairn_mul(cairn_gather(x, indices, 1), y)));
    double b = scalar(&w, cairn_sum(cairn_mul(x, cairn_scatter_add(shape, indices, y, 1))));
    CHECK_NEAR(a, b, 1e-12);
    end(&w);
}

TEST(gather_and_scatter_add_along_are_adjoint)
{
    world w = new_world();
    cairn_shape shape = CAIRN_SHAPE(3, 6, 4);
    cairn_tensor x = drawn(&w, shape, CAIRN__ANY, 0);
    cairn_tensor indices = drawn(&w, CAIRN_SHAPE(3, 9, 4), CAIRN__INDEX, 7);
    cairn_tensor y = drawn(&w, CAIRN_SHAPE(3, 9, 4), CAIRN__ANY, 0);
    double a = scalar(&w, cairn_sum(cairn_mul(cairn_gather_along(x, indices, 1), y)));
    double b = scalar(&w, cairn_sum(cairn_mul(x, cairn_scatter_add_along(shape, indices, y, 1))));
    CHECK_NEAR(a, b, 1e-12);
    end(&w);
}

TEST(gather_by_one_hot_is_a_product)
{
    world w = new_world();
    cairn_tensor x = drawn(&w, CAIRN_SHAPE(6, 4), CAIRN__ANY, 0);
    cairn_tensor indices = drawn(&w, CAIRN_SHAPE(9), CAIRN__INDEX, 8);
    cairn_tensor product = cairn_matmul(cairn_one_hot(indices, 6), x);
    CHECK(scalar(&w, distance(cairn_gather(x, indices, 0), product)) == 0);
    end(&w);
}

TEST(negative_indices_give_zeros)
{
    world w = new_world();
    const int32_t index[] = {-1, 2};
    cairn_tensor x = drawn(&w, CAIRN_SHAPE(3), CAIRN__POSITIVE, 0);
    cairn_tensor indices = cairn_constant(w.g, CAIRN_I32, CAIRN_SHAPE(2), index);
    double out[2];
    values(&w, cairn_gather(x, indices, 0), out);
    CHECK(out[0] == 0 && out[1] == w.data[0][2]);
    CHECK_NEAR(scalar(&w, cairn_sum(cairn_scatter_add(CAIRN_SHAPE(3), indices,
                                                      cairn_fill(w.g, CAIRN_F32, CAIRN_SHAPE(2), 1),
                                                      0))), 1, 0);
    end(&w);
}

TEST(cumsum_agrees_with_a_loop)
{
    for (int kind = 0; kind < 4; kind++) {
        world w = new_world();
        bool reverse = kind & 1, exclusive = kind & 2;
        cairn_tensor x = drawn(&w, CAIRN_SHAPE(4, 7, 3), CAIRN__ANY, 0);
        double out[4 * 7 * 3];
        values(&w, cairn_cumsum(x, 1, reverse, exclusive), out);
        for (int64_t i = 0; i < 4 * 7 * 3; i++) {
            int64_t at = i / 3 % 7, base = i - at * 3;
            double twin = 0;
            for (int64_t k = 0; k < 7; k++)
                if ((reverse ? k > at : k < at) || (k == at && !exclusive))
                    twin += w.data[0][base + k * 3];
            CHECK_NEAR(out[i], twin, 1e-13);
        }
        end(&w);
    }
}

/* ---- linear algebra -------------------------------------------------------------------------- */

TEST(cholesky_times_its_transpose_is_the_matrix)
{
    world w = new_world();
    cairn_tensor x = drawn(&w, CAIRN_SHAPE(3, 8, 8), CAIRN__SPD, 0), l = cairn_cholesky(x);
    CHECK(scalar(&w, distance(cairn_matmul_transposed(l, false, l, true), x)) < 1e-12);
    cairn_tensor b = drawn(&w, CAIRN_SHAPE(3, 8, 2), CAIRN__ANY, 0);
    CHECK(scalar(&w, distance(cairn_matmul(x, cairn_solve_positive(x, b)), b)) < 1e-11);
    double out[64];
    values(&w, cairn_cholesky(cairn_neg(cairn_slice(x, 0, 0, 1, 1))), out);
    CHECK(isnan(out[0]) && isnan(out[63]));
    end(&w);
}

TEST(solutions_of_triangular_systems_fulfil_them)
{
    world w = new_world();
    cairn_tensor l = drawn(&w, CAIRN_SHAPE(9, 9), CAIRN__LOWER, 0);
    cairn_tensor b = drawn(&w, CAIRN_SHAPE(9, 4), CAIRN__ANY, 0);
    for (int t = 0; t < 2; t++) {
        cairn_tensor y = cairn_solve_triangular(l, b, t);
        CHECK(scalar(&w, distance(cairn_matmul_transposed(l, t, y, false), b)) < 1e-10);
    }
    end(&w);
}

static void check_eigh(world *w, cairn_tensor x, int64_t n)
{
    cairn_tensor value, v;
    cairn_eigh(x, &value, &v);
    cairn_tensor scaled = cairn_mul(v, cairn_unsqueeze(value, -2));
    cairn_tensor unit = cairn_broadcast(cairn__identity(w->g, n), cairn_tensor_shape(x));
    CHECK(scalar(w, distance(cairn_matmul_transposed(scaled, false, v, true), x)) < 1e-12);
    CHECK(scalar(w, distance(cairn_matmul_transposed(v, true, v, false), unit)) < 1e-12);
    cairn_tensor rise = cairn_sub(cairn_slice(value, -1, 1, n - 1, 1),
                                  cairn_slice(value, -1, 0, n - 1, 1));
    CHECK(scalar(w, cairn_reduce_min(rise, CAIRN_ALL_AXES, false)) >= 0);
    cairn_tensor most = cairn_reduce_max(v, CAIRN_AXIS(1), false);
    cairn_tensor least = cairn_reduce_min(v, CAIRN_AXIS(1), false);
    CHECK(scalar(w, cairn_reduce_min(cairn_add(most, least), CAIRN_ALL_AXES, false)) >= -1e-12);
}

TEST(eigenvectors_are_orthogonal_and_make_the_matrix)
{
    world w = new_world();
    cairn_tensor x = drawn(&w, CAIRN_SHAPE(2, 9, 9), CAIRN__SPD, 0);
    check_eigh(&w, x, 9);
    /* Repeated eigenvalues, negative ones and zeros. */
    check_eigh(&w, cairn_broadcast(cairn__identity(w.g, 5), CAIRN_SHAPE(1, 5, 5)), 5);
    check_eigh(&w, cairn_fill(w.g, CAIRN_F32, CAIRN_SHAPE(1, 6, 6), -2), 6);
    check_eigh(&w, cairn_fill(w.g, CAIRN_F32, CAIRN_SHAPE(1, 3, 3), 0), 3);
    end(&w);
}

static cairn_tensor to_the(cairn_tensor x, int p)
{
    cairn_tensor power = x;
    for (int i = 1; i < p; i++)
        power = cairn_matmul(power, x);
    return power;
}

TEST(inverse_roots_times_the_matrix_are_the_identity)
{
    for (int p = 1; p <= 5; p++) {
        world w = new_world();
        cairn_tensor x = drawn(&w, CAIRN_SHAPE(2, 7, 7), CAIRN__SPD, 0);
        cairn_tensor unit = cairn_broadcast(cairn__identity(w.g, 7), CAIRN_SHAPE(2, 7, 7));
        cairn_tensor exact = cairn_inverse_root(x, p, 1e-12);
        cairn_tensor newton = cairn_inverse_root_newton(x, p, 0, 30);
        CHECK(scalar(&w, distance(cairn_matmul(to_the(exact, p), x), unit)) < 1e-11);
        CHECK(scalar(&w, distance(cairn_matmul(to_the(newton, p), x), unit)) < 1e-9);
        cairn_tensor damped = cairn_add(x, cairn_scale(cairn__identity(w.g, 7), 0.25));
        newton = cairn_inverse_root_newton(x, p, 0.25, 30);
        CHECK(scalar(&w, distance(cairn_matmul(to_the(newton, p), damped), unit)) < 1e-9);
        end(&w);
    }
}

TEST(small_eigenvalues_are_raised_to_epsilon)
{
    world w = new_world();
    cairn_tensor zero = cairn_fill(w.g, CAIRN_F32, CAIRN_SHAPE(3, 3), 0);
    cairn_tensor expected = cairn_scale(cairn__identity(w.g, 3), 2);
    CHECK(scalar(&w, distance(cairn_inverse_root(zero, 2, 0.25), expected)) < 1e-13);
    cairn_inverse_root(zero, 0, 0.25);
    CHECK_CONTAINS(cairn_graph_status(w.g).message, "inverse_root: root 0");
    end(&w);
}

/* ---- random values --------------------------------------------------------------------------- */

/* The step as a variable source: what the leaf "step" is in the next evaluation. */
static bool step_source(const cairn_node *leaf, double *out, void *step)
{
    *out = *(double *)step;
    return leaf->op == &cairn__op_variable;
}

static void at_step(cairn_graph *g, cairn_tensor x, double step, double *out)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__evaluate(g, &x, 1, &out, step_source, &step, true, &status);
    CHECK_OK(status);
}

static double moment(const double *x, int n, int power)
{
    double total = 0;
    for (int i = 0; i < n; i++)
        total += pow(x[i], power) / n;
    return total;
}

/* Mean of n values of deviation s: s / sqrt(n); five of these. */
TEST(random_moments)
{
    cairn_graph *g = cairn_graph_new();
    double u[MOST], z[MOST], b[MOST], five = 5 / sqrt(MOST);
    cairn_tensor p = cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(MOST), 0.25);
    at_step(g, cairn_random_uniform(g, CAIRN_SHAPE(MOST)), 3, u);
    at_step(g, cairn_random_normal(g, CAIRN_SHAPE(MOST)), 3, z);
    at_step(g, cairn_random_bernoulli(p), 3, b);
    CHECK_NEAR(moment(u, MOST, 1), 1.0 / 2, five * 0.29);
    CHECK_NEAR(moment(u, MOST, 2), 1.0 / 3, five * 0.30);
    CHECK_NEAR(moment(z, MOST, 1), 0, five);
    CHECK_NEAR(moment(z, MOST, 2), 1, five * sqrt(2));
    CHECK_NEAR(moment(z, MOST, 4), 3, five * sqrt(96));
    CHECK_NEAR(moment(b, MOST, 1), 0.25, five * 0.44);
    CHECK_NEAR(moment(b, MOST, 2), moment(b, MOST, 1), 0);
    cairn_graph_free(g);
}

static double correlation(const double *a, const double *b)
{
    double total = 0;
    for (int i = 0; i < MOST; i++)
        total += a[i] * b[i] / MOST;
    return total;
}

TEST(streams_and_steps_are_independent)
{
    cairn_graph *g = cairn_graph_new();
    double a[MOST], b[MOST], c[MOST], again[MOST], five = 5 / sqrt(MOST);
    cairn_tensor x = cairn_random_normal(g, CAIRN_SHAPE(MOST));
    cairn_tensor y = cairn_random_normal(g, CAIRN_SHAPE(MOST));
    at_step(g, x, 0, a);
    at_step(g, x, 1, b);
    at_step(g, y, 0, c);
    at_step(g, x, 0, again);
    CHECK(memcmp(a, again, sizeof a) == 0);
    CHECK_NEAR(correlation(a, b), 0, five);
    CHECK_NEAR(correlation(a, c), 0, five);
    for (int i = 1; i < MOST; i++)
        a[i - 1] = a[i]; /* one stream is not the other one shifted */
    CHECK_NEAR(correlation(a, c), 0, five);
    cairn_graph_free(g);
}

TEST(values_depend_on_seed_scope_and_order_only)
{
    double first[8], other[8];
    float expected[8];
    for (int kind = 0; kind < 4; kind++) {
        cairn_graph *g = cairn_graph_new();
        cairn_graph_seed(g, kind == 1 ? 6 : 5);
        cairn_scope_push(g, kind == 2 ? "other" : "noise");
        if (kind == 3)
            cairn_random_uniform(g, CAIRN_SHAPE(1));
        cairn_tensor x = cairn_random_uniform(g, CAIRN_SHAPE(8));
        at_step(g, x, 0, kind ? other : first);
        CHECK(kind == 0 || memcmp(first, other, sizeof first) != 0);
        if (kind == 0) {
            cairn_random_uniform_fill(5, cairn__get(x)->at.stream, 8, expected);
            for (int i = 0; i < 8; i++)
                CHECK((double)expected[i] == first[i]);
        }
        cairn_graph_free(g);
    }
}

TEST(normal_values_are_those_of_the_host)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x = cairn_random_normal(g, CAIRN_SHAPE(3, 5));
    double out[15];
    float expected[15];
    at_step(g, x, 0, out);
    cairn_random_normal_fill(0, cairn__get(x)->at.stream, 15, expected);
    for (int i = 0; i < 15; i++)
        CHECK((double)expected[i] == out[i]);
    cairn_graph_free(g);
}
