/* Recurrent layers: values and gradients against PyTorch in float64 (tools/golden/recurrent.py), by
 * definition and compiled; against the same steps made of other ops; numbers of parameters. */
#include "cairn/autodiff.h"
#include "cairn/compile.h"
#include "cairn/nn.h"
#include "compile/plan.h"
#include "sampler.h"

enum { T = 4, B = 3, INPUTS = 5, H = 6, WANTED = 7, MOST = 1 << 10 };

static const char *const names[WANTED] = {"h",      "last", "x",   "start", "input_weight",
                                          "weight", "bias"};

/* Number i of a stream: value() of the script. */
static double value(uint32_t stream, int64_t i)
{
    uint32_t h = (uint32_t)((uint64_t)i * 2654435761u + (uint64_t)stream * 40503u);
    h ^= h >> 15;
    h *= 2246822519u;
    h ^= h >> 13;
    return h / 4294967296.0 - 0.5;
}

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

/* Element i of an input or a parameter, as in the script. */
static double element(const char *name, int64_t i)
{
    if (ends_with(name, "input_weight"))
        return 4 * value(3, i);
    if (ends_with(name, "weight"))
        return 4 * value(4, i);
    return value(ends_with(name, "bias") ? 5 : ends_with(name, "start") ? 2 : 1, i);
}

static bool source(const cairn_node *leaf, double *out, void *user)
{
    const bool variable = leaf->op == &cairn__op_variable;
    const char *name = variable ? ((const cairn_variable *)leaf->at.data)->name : leaf->at.data;
    (void)user;
    for (int64_t i = 0; i < cairn_shape_count(leaf->shape); i++)
        out[i] = element(name, i);
    return true;
}

static cairn_tensor weighted(cairn_tensor x, uint32_t stream)
{
    float weights[MOST];
    int64_t n = cairn_shape_count(cairn_tensor_shape(x));
    for (int64_t i = 0; i < n && i < MOST; i++)
        weights[i] = (float)value(stream, i);
    cairn_tensor w = cairn_constant(x.graph, CAIRN_F32, cairn_tensor_shape(x), weights);
    return cairn_sum(cairn_mul(x, w));
}

static cairn_tensor parameter_of(cairn_graph *g, const char *name)
{
    cairn_tensor none = {NULL, 0};
    for (int32_t i = 0; i < g->n; i++)
        if (g->nodes[i]->op == &cairn__op_variable &&
            strcmp(((const cairn_variable *)g->nodes[i]->at.data)->name, name) == 0)
            return (cairn_tensor){g, i};
    return none;
}

/* h, last and the gradients, in the order of `names`. */
static cairn_graph *build(cairn_recurrent_kind kind, double forget_bias, cairn_tensor out[WANTED])
{
    cairn_graph *g = cairn_graph_new();
    cairn_recurrent_options o = cairn_recurrent_defaults(kind, H);
    const int64_t states = kind == CAIRN_RECURRENT_gru ? 1 : 2;
    cairn_tensor x[5] = {cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(T, B, INPUTS)),
                         cairn_input(g, "start", CAIRN_F32, CAIRN_SHAPE(states, B, H))};
    o.forget_bias = forget_bias;
    out[0] = cairn_recurrent_layer(x[0], "rnn", &o, &x[1], &out[1]);
    x[2] = parameter_of(g, "rnn/layer1/input_weight");
    x[3] = parameter_of(g, "rnn/layer1/weight");
    x[4] = parameter_of(g, "rnn/layer1/bias");
    cairn_tensor loss = cairn_add(weighted(out[0], 50), weighted(out[1], 51));
    cairn_gradients(loss, x, 5, out + 2);
    CHECK_OK(cairn_graph_status(g));
    return g;
}

static cairn_program *compiled(cairn_graph *g, cairn_status *status)
{
    float data[MOST];
    cairn_variable *const *list;
    cairn_program *p = cairn_compile(g, cairn_cpu(), status);
    for (int i = 0, n = cairn_graph_variables(g, &list); p && i < n; i++) {
        int64_t count = cairn_shape_count(cairn_variable_shape(list[i]));
        for (int64_t e = 0; e < count; e++)
            data[e] = (float)element(cairn_variable_name(list[i]), e);
        cairn_variable_write(list[i], data, (size_t)count * sizeof *data, status);
    }
    for (int64_t i = 0; i < MOST; i++)
        data[i] = (float)element("x", i);
    cairn_program_feed(p, "x", data, sizeof(float) * T * B * INPUTS, status);
    for (int64_t i = 0; i < MOST; i++)
        data[i] = (float)element("start", i);
    const int32_t states = ((const cairn_variable *)list[1])->shape.size[0] == H ? 2 : 1;
    cairn_program_feed(p, "start", data, sizeof(float) * (size_t)states * B * H, status);
    cairn_program_run(p, status);
    return p;
}

/* One case of the file; false: there is none. */
static bool check_case(FILE *file)
{
    char word[32];
    double forget_bias = 0, expected = 0, exact[MOST], *to = exact;
    float found[MOST];
    int kind = 0, count = 0;
    cairn_tensor out[WANTED];
    cairn_status status = CAIRN_STATUS_INIT;
    if (fscanf(file, " case %31s %lf", word, &forget_bias) != 2)
        return false;
    while (kind < CAIRN_N_RECURRENT_KINDS - 1 && strcmp(cairn_recurrent_names[kind], word) != 0)
        kind++;
    CHECK(strcmp(cairn_recurrent_names[kind], word) == 0);
    cairn_graph *g = build((cairn_recurrent_kind)kind, forget_bias, out);
    for (int i = 0; i < WANTED; i++)
        cairn_output(out[i], names[i]);
    cairn_program *p = compiled(g, &status);
    for (int i = 0; i < WANTED && CHECK(fscanf(file, "%31s %d", word, &count) == 2); i++) {
        CHECK(strcmp(word, names[i]) == 0);
        if (!CHECK(count == cairn_shape_count(cairn_tensor_shape(out[i])) && count <= MOST))
            break;
        cairn__evaluate(g, &out[i], 1, &to, source, NULL, false, &status);
        cairn_program_fetch(p, names[i], found, (size_t)count * sizeof *found, &status);
        CHECK_OK(status);
        for (int e = 0; e < count; e++) {
            CHECK(fscanf(file, "%lf", &expected) == 1);
            /* The weights of the loss are constants, rounded to f32. */
            CHECK_NEAR(exact[e], expected, i < 2 ? 1e-13 : 1e-6);
            CHECK_NEAR(found[e], expected, 1e-5 * fmax(1, fabs(expected)));
        }
    }
    cairn_program_free(p);
    cairn_graph_free(g);
    return true;
}

TEST(layers_as_in_float64)
{
    FILE *file = fopen(TEST_SOURCES "/nn/golden/recurrent.txt", "r");
    int cases = 0;
    if (!CHECK(file != NULL))
        return;
    while (check_case(file))
        cases++;
    CHECK_INT(cases, 4);
    fclose(file);
}

/* ---- the same steps made of other ops -------------------------------------------------------- */

typedef struct steps {
    cairn_graph *g;
    cairn_tensor x[3]; /* gx, weight, start */
    cairn_tensor h, last;
} steps;

static steps inputs_of(cairn_recurrent_kind kind)
{
    const bool gru = kind == CAIRN_RECURRENT_gru;
    const int64_t G = kind == CAIRN_RECURRENT_lstm ? 4 : 3;
    steps s = {.g = cairn_graph_new()};
    s.x[0] = cairn_input(s.g, "x", CAIRN_F32, CAIRN_SHAPE(T, B, G * H));
    s.x[1] = cairn_input(s.g, "weight", CAIRN_F32, CAIRN_SHAPE(H + gru, G * H));
    s.x[2] = cairn_input(s.g, "start", CAIRN_F32, CAIRN_SHAPE(gru ? 1 : 2, B, H));
    return s;
}

static void by_cells(steps *s, cairn_recurrent_kind kind)
{
    cairn_tensor state = s->x[2], h[T];
    for (int t = 0; t < T; t++) {
        cairn_tensor gx = cairn_squeeze(cairn_slice(s->x[0], 0, t, 1, 1), 0);
        state = cairn_recurrent_cell(kind, gx, s->x[1], state);
        h[t] = cairn_slice(state, 0, 0, 1, 1);
    }
    s->h = cairn_concat(h, T, 0);
    s->last = state;
}

static double difference(cairn_graph *g, cairn_tensor a, cairn_tensor b)
{
    double distance = NAN, *to = &distance;
    cairn_tensor worst = cairn_reduce_max(cairn_abs(cairn_sub(a, b)), CAIRN_ALL_AXES, false);
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__evaluate(g, &worst, 1, &to, source, NULL, false, &status);
    CHECK_OK(status);
    return distance;
}

TEST(cells_are_the_same_steps)
{
    for (int kind = 0; kind < CAIRN_N_RECURRENT_KINDS; kind++) {
        steps s = inputs_of((cairn_recurrent_kind)kind), c = s;
        cairn_tensor ds[3], dc[3], dd[3];
        s.h = cairn_recurrent((cairn_recurrent_kind)kind, s.x[0], s.x[1], s.x[2], &s.last);
        by_cells(&c, (cairn_recurrent_kind)kind);
        CHECK(difference(s.g, s.h, c.h) < 1e-14);
        CHECK(difference(s.g, s.last, c.last) < 1e-14);
        cairn_gradients(cairn_add(weighted(s.h, 50), weighted(s.last, 51)), s.x, 3, ds);
        cairn_gradients(cairn_add(weighted(c.h, 50), weighted(c.last, 51)), s.x, 3, dc);
        for (int i = 0; i < 3; i++)
            CHECK(difference(s.g, ds[i], dc[i]) < 1e-13);
        /* Cells can be differentiated again. */
        cairn_gradients(cairn_sum(cairn_square(dc[0])), s.x, 3, dd);
        CHECK(difference(s.g, dd[1], cairn_scale(dd[1], 0)) > 1e-3);
        cairn_graph_free(s.g);
    }
}

/* From the last state of the first half on, the second half goes as without the cut. */
TEST(a_state_goes_on)
{
    for (int kind = 0; kind < CAIRN_N_RECURRENT_KINDS; kind++) {
        const cairn_recurrent_kind k = (cairn_recurrent_kind)kind;
        steps s = inputs_of(k);
        cairn_tensor whole, half, middle;
        s.h = cairn_recurrent(k, s.x[0], s.x[1], s.x[2], &whole);
        cairn_recurrent(k, cairn_slice(s.x[0], 0, 0, 2, 1), s.x[1], s.x[2], &middle);
        half = cairn_recurrent(k, cairn_slice(s.x[0], 0, 2, T - 2, 1), s.x[1], middle, &s.last);
        CHECK(difference(s.g, whole, s.last) == 0);
        CHECK(difference(s.g, cairn_slice(s.h, 0, 2, T - 2, 1), half) == 0);
        cairn_graph_free(s.g);
    }
}

TEST(second_derivatives_are_refused)
{
    steps s = inputs_of(CAIRN_RECURRENT_lstm);
    cairn_tensor dx[3], dd[3];
    s.h = cairn_recurrent(CAIRN_RECURRENT_lstm, s.x[0], s.x[1], s.x[2], NULL);
    cairn_gradients(cairn_sum(s.h), s.x, 3, dx);
    CHECK_OK(cairn_graph_status(s.g));
    cairn_gradients(cairn_sum(dx[1]), s.x, 3, dd);
    CHECK_CONTAINS(cairn_graph_status(s.g).message,
                   "gradients: recurrent_gradient has no derivative, expected first derivatives "
                   "only: the steps are one kernel; cairn_recurrent_cell()");
    cairn_graph_free(s.g);
}

TEST(per_example_gradients_are_refused)
{
    steps s = inputs_of(CAIRN_RECURRENT_gru);
    cairn_tensor dw;
    s.h = cairn_recurrent(CAIRN_RECURRENT_gru, s.x[0], s.x[1], s.x[2], NULL);
    cairn_tensor loss = cairn_reduce_sum(s.h, CAIRN_AXIS(0) | CAIRN_AXIS(2), false);
    cairn_per_example_gradients(loss, &s.x[1], 1, &dw);
    CHECK_CONTAINS(cairn_graph_status(s.g).message, "recurrent");
    cairn_graph_free(s.g);
}

/* The gradients of h and of the last state arrive as padded parts of one array of all slots, and
 * are taken out of it again. */
TEST(gradients_are_not_padded)
{
    cairn_tensor out[WANTED];
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_graph *g = build(CAIRN_RECURRENT_lstm, 1, out);
    int64_t before = 0, most = 0;
    for (int i = 0; i < WANTED; i++)
        cairn_output(out[i], names[i]);
    for (int32_t i = 0; i < g->n; i++)
        before += g->nodes[i]->op == &cairn__op_pad;
    cairn_graph *lowered = cairn__rewrite(g, &(cairn__targets){.updates = true}, &status);
    CHECK_OK(status);
    for (int32_t i = 0; lowered && i < lowered->n; i++)
        if (lowered->nodes[i]->op == &cairn__op_pad)
            most = CAIRN__MAX(most, cairn_shape_count(lowered->nodes[i]->shape));
    CHECK(before >= 3);
    CHECK(most <= T * B * H); /* the last h within all h */
    cairn_graph_free(lowered);
    cairn_graph_free(g);
}

/* ---- models ---------------------------------------------------------------------------------- */

TEST(language_model_has_as_many_parameters_as_published)
{
    cairn_graph *g = cairn_graph_new();
    cairn_recurrent_language_options o = cairn_recurrent_language_defaults();
    cairn_tensor tokens = cairn_input(g, "tokens", CAIRN_I32, CAIRN_SHAPE(20, 2));
    cairn_tensor logits = cairn_recurrent_language_model(tokens, &o);
    CHECK_OK(cairn_graph_status(g));
    CHECK(cairn_shape_equal(cairn_tensor_shape(logits), CAIRN_SHAPE(20, 2, 10004)));
    CHECK_INT(sampler_parameters(g), 4050748);
    cairn_graph_free(g);
}

TEST(layers_stack)
{
    cairn_graph *g = cairn_graph_new();
    cairn_recurrent_options o = cairn_recurrent_defaults(CAIRN_RECURRENT_gru, 7);
    cairn_tensor last[2], y;
    o.layers = 2;
    o.dropout = o.weight_dropout = 0.5;
    y = cairn_recurrent_layer(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(2, 3, 5)), "rnn", &o, NULL,
                              last);
    CHECK_OK(cairn_graph_status(g));
    CHECK(cairn_shape_equal(cairn_tensor_shape(y), CAIRN_SHAPE(2, 3, 7)));
    CHECK(cairn_shape_equal(cairn_tensor_shape(last[1]), CAIRN_SHAPE(1, 3, 7)));
    /* input [5 | 7, 21], weight [8, 21] with the recurrent bias, bias [21] */
    CHECK_INT(sampler_parameters(g), 21 * (5 + 8 + 1) + 21 * (7 + 8 + 1));
    cairn_graph_free(g);
}

TEST(bad_options_are_refused)
{
    cairn_graph *g = cairn_graph_new();
    cairn_recurrent_options o = cairn_recurrent_defaults(CAIRN_RECURRENT_lstm, 0);
    cairn_recurrent_layer(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(2, 3, 5)), "rnn", &o, NULL,
                          NULL);
    CHECK_CONTAINS(cairn_graph_status(g).message, "recurrent layer 'rnn': input [2,3,5], kind 0, "
                                                  "0 units");
    cairn_graph_free(g);
}
