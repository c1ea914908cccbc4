/* Every gradient rule of the op table against central differences, first and second order, in
 * double precision along random directions; and a planted fault that the check must find. */
#include "cairn/autodiff.h"
#include "sampler.h"

typedef struct checked {
    cairn_graph *g;
    cairn_tensor x[CAIRN__SAMPLE_INPUTS];
    double *data[CAIRN__SAMPLE_INPUTS], *direction[CAIRN__SAMPLE_INPUTS];
    int n; /* operands that are differentiated */
    int which[CAIRN__SAMPLE_INPUTS];
} checked;

/* A fixed weighting makes a scalar of a tensor, so that each element counts. */
static cairn_tensor weighted(cairn_tensor y)
{
    int64_t n = cairn_shape_count(cairn_tensor_shape(y));
    float *w = cairn__alloc((size_t)n, sizeof *w, NULL);
    cairn_random_uniform_fill(5, 9, n, w);
    cairn_tensor weights = cairn_constant(y.graph, CAIRN_F32, cairn_tensor_shape(y), w);
    cairn__free(w);
    return cairn_sum(cairn_mul(y, cairn_add_scalar(weights, 0.5)));
}

static double value(checked *c, cairn_tensor y)
{
    double out = 0, *to = &out;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__evaluate(c->g, &y, 1, &to, sampler_source, c->data, false, &status);
    CHECK_OK(status);
    return out;
}

static void move(checked *c, double step)
{
    for (int k = 0; k < c->n; k++) {
        int i = c->which[k];
        int64_t count = cairn_shape_count(cairn_tensor_shape(c->x[i]));
        for (int64_t e = 0; e < count; e++)
            c->data[i][e] += step * c->direction[i][e];
    }
}

/* d y along the direction, by a difference of fourth order. */
static double difference(checked *c, cairn_tensor y)
{
    const double h = 1e-3;
    double f[4];
    const double at[4] = {-2 * h, -h, h, 2 * h};
    double now = 0;
    for (int k = 0; k < 4; k++) {
        move(c, at[k] - now);
        now = at[k];
        f[k] = value(c, y);
    }
    move(c, -now);
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h);
}

/* The directional derivative as a graph node: sum of gradient times direction. */
static cairn_tensor directional(checked *c, cairn_tensor y)
{
    cairn_tensor x[CAIRN__SAMPLE_INPUTS], dx[CAIRN__SAMPLE_INPUTS], total = cairn_scalar(c->g, 0);
    for (int k = 0; k < c->n; k++)
        x[k] = c->x[c->which[k]];
    cairn_gradients(y, x, c->n, dx);
    for (int k = 0; k < c->n; k++) {
        int i = c->which[k];
        int64_t count = cairn_shape_count(cairn_tensor_shape(x[k]));
        float *d = cairn__alloc((size_t)count, sizeof *d, NULL);
        for (int64_t e = 0; e < count; e++)
            d[e] = (float)c->direction[i][e];
        cairn_tensor along = cairn_constant(c->g, CAIRN_F32, cairn_tensor_shape(x[k]), d);
        total = cairn_add(total, cairn_sum(cairn_mul(dx[k], along)));
        cairn__free(d);
    }
    return total;
}

static void draw(checked *c, const cairn__sample *s, const cairn_op *op)
{
    int operands = sampler_inputs(c->g, s, c->x);
    operands = op->inputs > 0 ? op->inputs : operands;
    for (int i = 0; i < CAIRN__SAMPLE_INPUTS; i++) {
        c->data[i] = sampler_draw(s, i, test_seed());
        int64_t count = cairn_shape_count(s->shape[i]);
        float *d = cairn__alloc((size_t)count, sizeof *d, NULL);
        c->direction[i] = cairn__alloc((size_t)count, sizeof(double), NULL);
        cairn_random_normal_fill(test_seed(), 40 + (uint64_t)i, count, d);
        for (int64_t e = 0; e < count; e++)
            /* Exact in f32, since the graph holds the direction as a constant too. */
            c->direction[i][e] = (double)(float)((double)d[e] / sqrt((double)count));
        cairn__free(d);
        if (i < operands && s->domain[i] != CAIRN__INDEX && s->domain[i] != CAIRN__BITS)
            c->which[c->n++] = i;
    }
}

static void release(checked *c)
{
    for (int i = 0; i < CAIRN__SAMPLE_INPUTS; i++) {
        cairn__free(c->data[i]);
        cairn__free(c->direction[i]);
    }
    cairn_graph_free(c->g);
}

/* The relative distance of derivative and difference; a fourth-order difference in double precision
 * is good to about 1e-9 here. */
static double distance(checked *c, cairn_tensor y, cairn_tensor derivative)
{
    double exact = value(c, derivative), measured = difference(c, y);
    return fabs(exact - measured) / fmax(1, fabs(measured));
}

/* Asking for what does not exist must be an error that says why, and no silent zero. */
static void check_refusal(const cairn_op *op, int i, cairn_status status)
{
    test_check(status.code == CAIRN_ERR_STATE && strstr(status.message, op->first_only), __FILE__,
               __LINE__, "%s, sample %d: said \"%s\", expected \"%s\"", op->name, i,
               status.message, op->first_only);
}

static void check_sample(const cairn_op *op, int i)
{
    const cairn__sample *s = &op->samples[i];
    checked c = {.g = cairn_graph_new()};
    draw(&c, s, op);
    cairn_tensor result = s->build(c.x);
    if (cairn_tensor_dtype(result) == CAIRN_F32) { /* data of other dtypes can be moved too */
        /* The sine makes second derivatives of linear ops matter. */
        cairn_tensor y = weighted(cairn_sin(result));
        cairn_tensor first = directional(&c, y);
        double d1 = distance(&c, y, first), d2 = 0;
        cairn_tensor second = directional(&c, first);
        cairn_status status = cairn_graph_status(c.g);
        if (op->first_only)
            check_refusal(op, i, status);
        else
            CHECK_OK(status);
        if (status.code == CAIRN_OK)
            d2 = distance(&c, first, second);
        test_check(d1 < 1e-7, __FILE__, __LINE__, "%s, sample %d: first derivative off by %.3g",
                   op->name, i, d1);
        test_check(d2 < 1e-6, __FILE__, __LINE__, "%s, sample %d: second derivative off by %.3g",
                   op->name, i, d2);
    }
    release(&c);
}

TEST(first_and_second_derivatives_of_every_op)
{
    for (const cairn_op *const *op = cairn__ops; *op; op++)
        for (int i = 0; (*op)->gradient && i < sampler_count(*op); i++)
            if (!(*op)->samples[i].refusal && cairn_shape_count((*op)->samples[i].shape[0]) <= 500)
                check_sample(*op, i);
}

TEST(ops_without_any_derivative_refuse_where_they_say_so)
{
    int found = 0;
    for (const cairn_op *const *op = cairn__ops; *op; op++)
        for (int i = 0; !(*op)->gradient && (*op)->first_only && i < sampler_count(*op); i++) {
            if ((*op)->samples[i].refusal)
                continue;
            checked c = {.g = cairn_graph_new()};
            draw(&c, &(*op)->samples[i], *op);
            directional(&c, weighted((*op)->samples[i].build(c.x)));
            check_refusal(*op, i, cairn_graph_status(c.g));
            release(&c);
            found++;
        }
    CHECK(found > 0);
}

TEST(a_wrong_gradient_is_found)
{
    const cairn__sample *s = &cairn__op_mul.samples[0];
    checked c = {.g = cairn_graph_new()};
    draw(&c, s, &cairn__op_mul);
    cairn_tensor y = weighted(s->build(c.x));
    cairn_tensor wrong = cairn_scale(directional(&c, y), 1.0001);
    CHECK(distance(&c, y, wrong) > 1e-6);
    release(&c);
}

TEST(tensors_without_influence_get_zeros)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x = cairn_input(g, "x0", CAIRN_F32, CAIRN_SHAPE(2));
    cairn_tensor z = cairn_input(g, "x1", CAIRN_F32, CAIRN_SHAPE(3)), dx[2];
    cairn_gradients(cairn_sum(cairn_stop_gradient(cairn_square(x))), (cairn_tensor[]){x, z}, 2, dx);
    CHECK_INT(cairn_tensor_shape(dx[1]).size[0], 3);
    double a[2] = {1, 2}, b[3] = {1, 2, 3}, *data[2] = {a, b}, out[3] = {7, 7, 7}, *to = out;
    cairn__evaluate(g, &dx[0], 1, &to, sampler_source, data, false, NULL);
    CHECK(out[0] == 0 && out[1] == 0);
    cairn__evaluate(g, &dx[1], 1, &to, sampler_source, data, false, NULL);
    CHECK(out[0] == 0 && out[2] == 0);
    cairn_graph_free(g);
}

TEST(bad_operands_are_refused)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(2)), dx;
    cairn_gradients(x, &x, 1, &dx);
    CHECK_CONTAINS(cairn_graph_status(g).message, "y is [2], expected a scalar");
    cairn_graph_free(g);
    g = cairn_graph_new();
    cairn_tensor i = cairn_input(g, "i", CAIRN_I32, CAIRN_SHAPE(2));
    cairn_gradients(cairn_scalar(g, 1), &i, 1, &dx);
    CHECK_CONTAINS(cairn_graph_status(g).message, "x[0] is i32, expected f32");
    cairn_graph_free(g);
}
