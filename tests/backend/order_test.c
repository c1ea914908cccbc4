/* Sorting, indexing and running sums on the processor where the samples of the op table do not
 * reach: numbers that are hard to order, and shapes that are cut in other ways. What moves or
 * orders elements must agree with the definition exactly. */
#include "cairn/compile.h"
#include "sampler.h"

/* Runs y, made from parameters, and evaluates it; the largest difference. NaN agrees with NaN. */
static double difference(cairn_graph *g, cairn_tensor y, int threads)
{
    const int64_t n = cairn_shape_count(cairn_tensor_shape(y));
    const size_t bytes = (size_t)n * sizeof(float);
    double *exact = cairn__alloc((size_t)n, sizeof *exact, NULL), worst = 0;
    double *found = cairn__alloc((size_t)n, sizeof *found, NULL);
    void *raw = cairn__alloc(1, bytes, NULL);
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_output(y, "y");
    cairn_threads_set(threads);
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    if (p) {
        cairn_program_run(p, &status);
        cairn_program_fetch(p, "y", raw, bytes, &status);
    }
    cairn__evaluate(g, &y, 1, &exact, sampler_source, NULL, true, &status);
    CHECK_OK(status);
    cairn__to_double(cairn_tensor_dtype(y), raw, found, n);
    for (int64_t i = 0; i < n; i++)
        if (!(found[i] == exact[i] || (isnan(found[i]) && isnan(exact[i]))))
            worst = fmax(worst, isnan(found[i] - exact[i]) ? INFINITY : fabs(found[i] - exact[i]));
    cairn_program_free(p);
    cairn_threads_set(0);
    cairn__free(exact);
    cairn__free(found);
    cairn__free(raw);
    return worst;
}

/* Values of a parameter: uniform from -1 to 1; and whole numbers below `limit`. */
static cairn_tensor drawn(cairn_graph *g, const char *name, cairn_shape shape)
{
    return cairn_parameter(g, name, shape, (cairn_init){CAIRN_INIT_UNIFORM, 1});
}

static cairn_tensor indices(cairn_graph *g, const char *name, cairn_shape shape, int64_t limit)
{
    cairn_tensor u = cairn_abs(drawn(g, name, shape));
    return cairn_cast(cairn_floor(cairn_scale(u, (double)limit)), CAIRN_I32);
}

/* Zeros of both signs, infinities, NaN of both signs, small and equal numbers. */
static cairn_tensor hard(cairn_graph *g, int64_t n)
{
    static const float few[] = {0,      -0.0f,   INFINITY, -INFINITY, NAN, 1,    1, -1,
                                1e-40f, -1e-40f, 3,        -3,        0,   -NAN, 2, 1};
    float *x = cairn__alloc((size_t)n, sizeof *x, NULL);
    for (int64_t i = 0; i < n; i++)
        x[i] = few[i * i % 16 ^ i / 16 % 16];
    cairn_tensor c = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(n), x);
    cairn__free(x);
    return c;
}

TEST(hard_numbers_are_ordered_as_defined)
{
    static const int64_t sizes[] = {16, 40, 41, 700};
    for (size_t i = 0; i < CAIRN__COUNT(sizes); i++)
        for (int descending = 0; descending < 2; descending++) {
            cairn_graph *g = cairn_graph_new();
            cairn_tensor never = cairn_cast(drawn(g, "u", CAIRN_SHAPE(1)), CAIRN_BOOL);
            never = cairn_and(never, cairn_not(never));
            cairn_tensor x = hard(g, sizes[i]); /* chosen at run time, so not folded */
            x = cairn_select(never, cairn_scalar(g, 0), x);
            CHECK(difference(g, cairn_argsort(x, 0, descending), 2) == 0);
            cairn_graph_free(g);
        }
}

TEST(long_lines_and_whole_numbers_are_sorted)
{
    for (int kind = 0; kind < 4; kind++) {
        cairn_graph *g = cairn_graph_new();
        cairn_shape shape = kind < 2 ? CAIRN_SHAPE(50000) : CAIRN_SHAPE(300, 37);
        cairn_tensor x = kind % 2 ? indices(g, "x", shape, 99) : drawn(g, "x", shape);
        CHECK(difference(g, cairn_argsort(x, 0, kind == 1), 3) == 0);
        cairn_graph_free(g);
    }
}

TEST(elements_are_gathered_and_scattered_in_all_cuts)
{
    static const struct {
        cairn_shape x;
        int64_t picks;
    } cases[] = {{{1, {100000}}, 60000},
                 {{2, {40000, 3}}, 9000},
                 {{2, {50, 1100}}, 70},
                 {{3, {5, 300, 77}}, 90},
                 {{3, {200, 40, 1}}, 30}};
    for (size_t i = 0; i < CAIRN__COUNT(cases); i++)
        for (int threads = 1; threads < 4; threads += 2) {
            cairn_shape shape = cases[i].x, picked = shape;
            const int axis = shape.rank == 3 ? 1 : 0;
            picked.size[axis] = cases[i].picks;
            cairn_graph *g = cairn_graph_new();
            cairn_tensor at = indices(g, "at", picked, shape.size[axis] + 3);
            CHECK(difference(g, cairn_gather_along(drawn(g, "x", shape), at, axis), threads) == 0);
            cairn_graph_free(g);
            g = cairn_graph_new();
            at = indices(g, "at", picked, shape.size[axis] + 3);
            cairn_tensor y = cairn_scatter_add_along(shape, at, drawn(g, "u", picked), axis);
            CHECK(difference(g, y, threads) < 2e-6); /* sums of a few numbers below 1 */
            cairn_graph_free(g);
        }
}

TEST(running_sums_of_many_columns)
{
    for (int kind = 0; kind < 4; kind++) {
        cairn_graph *g = cairn_graph_new();
        cairn_tensor x = drawn(g, "x", CAIRN_SHAPE(3, 90, 700));
        CHECK(difference(g, cairn_cumsum(x, kind & 1 ? 1 : 2, kind > 1, kind == 2), 3) < 4e-6);
        cairn_graph_free(g);
    }
}

TEST(padding_of_both_kinds_and_ends)
{
    for (int axis = 0; axis < 3; axis++)
        for (int whole = 0; whole < 2; whole++) {
            cairn_graph *g = cairn_graph_new();
            cairn_shape shape = CAIRN_SHAPE(30, 40, 70);
            cairn_tensor x = whole ? indices(g, "x", shape, 1000) : drawn(g, "x", shape);
            CHECK(difference(g, cairn_pad(x, axis, axis == 1 ? 0 : 900, axis * 7, -3), 3) == 0);
            cairn_graph_free(g);
        }
}

TEST(the_largest_of_windows_of_pictures_and_of_what_is_no_number)
{
    cairn_conv_options o = cairn_conv_defaults();
    o.stride[0] = o.stride[1] = 2;
    o.low[0] = o.low[1] = o.high[0] = o.high[1] = 1;
    for (int spoilt = 0; spoilt < 2; spoilt++) {
        cairn_graph *g = cairn_graph_new();
        cairn_tensor x = drawn(g, "x", CAIRN_SHAPE(3, 33, 31, 21));
        if (spoilt) /* the root of negative numbers: NaN for half of them */
            x = cairn_sqrt(x);
        CHECK(difference(g, cairn_max_pool(x, CAIRN_SHAPE(3, 3), &o), 3) <= 2e-7);
        cairn_graph_free(g);
    }
}

TEST(the_first_of_the_largest_and_smallest)
{
    static const int64_t sizes[] = {1, 16, 63, 64, 65, 700};
    for (size_t i = 0; i < CAIRN__COUNT(sizes); i++)
        for (int kind = 0; kind < 8; kind++) {
            cairn_graph *g = cairn_graph_new();
            cairn_tensor x = drawn(g, "x", CAIRN_SHAPE(9, sizes[i], 5));
            x = kind & 2 ? cairn_floor(cairn_scale(x, 3)) : x;        /* equal ones */
            x = kind & 4 ? cairn_sqrt(cairn_add_scalar(x, 0.98)) : x; /* some NaN */
            x = i % 2 ? x : cairn_reshape(x, CAIRN_SHAPE(9, sizes[i] * 5));
            CHECK(difference(g, kind & 1 ? cairn_argmin(x, 1) : cairn_argmax(x, 1), 3) == 0);
            cairn_graph_free(g);
        }
}
