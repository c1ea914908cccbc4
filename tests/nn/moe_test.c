/* Mixture of experts by what routing promises; values and gradients are in transformer_test.c. */
#include "cairn/autodiff.h"
#include "cairn/compile.h"
#include "cairn/nn.h"
#include "sampler.h"

/* Runs the graph once on `threads` threads and reads outputs "y0" .. */
static void run(cairn_graph *g, int threads, void *const *to, const size_t *bytes, int n)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_threads_set(threads);
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    if (p)
        cairn_program_run(p, &status);
    for (int i = 0; p && i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "y%d", i);
        cairn_program_fetch(p, name, to[i], bytes[i], &status);
    }
    CHECK_OK(status);
    cairn_program_free(p);
    cairn_threads_set(0);
}

/* A router whose logits are the tokens themselves. */
static cairn_moe routed(cairn_graph *g, const float *logits, int64_t S, int64_t E,
                        cairn_moe_options *o)
{
    o->hidden = 2;
    o->router_init = (cairn_init){CAIRN_INIT_IDENTITY, 1};
    return cairn_moe_layer(cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(S, E), logits), "moe", o);
}

static void check_numbers(const float *found, const double *expected, int n)
{
    for (int i = 0; i < n; i++)
        CHECK_NEAR(found[i], expected[i], 2e-6);
}

static void check_indices(const int32_t *found, const int32_t *expected, int n)
{
    for (int i = 0; i < n; i++)
        CHECK_INT(found[i], expected[i]);
}

/* Worked by hand: four tokens, three experts of two places; the third token loses its first choice
 * and the fourth its second. */
static void check_two_choices(cairn_moe_gates kind, const double *expected)
{
    static const float logits[12] = {2, 1, 0, 1.5f, .5f, 1, 3, 0, 1, 0, 2, 1};
    static const int32_t choices[8] = {0, 0, 0, 1, 1, 2, 2, 2};
    /* The fourth token's first choice of expert 1 comes before the first token's second. */
    static const int32_t places[8] = {0, 1, -1, 2, 3, 4, 5, -1};
    int32_t chosen[8], at[8];
    float gates[8], balance, dropped[2], load[3];
    cairn_graph *g = cairn_graph_new();
    cairn_moe_options o = cairn_moe_defaults(3);
    o.capacity_factor = 0.75;
    o.gates = kind;
    cairn_moe m = routed(g, logits, 4, 3, &o);
    CHECK_INT(m.capacity, 2);
    cairn_output(m.choices, "y0");
    cairn_output(m.places, "y1");
    cairn_output(m.gates, "y2");
    cairn_output(m.balance, "y3");
    cairn_output(m.dropped, "y4");
    cairn_output(m.load, "y5");
    run(g, 1, (void *[]){chosen, at, gates, &balance, dropped, load},
        (size_t[]){sizeof chosen, sizeof at, sizeof gates, sizeof balance, sizeof dropped,
                   sizeof load},
        6);
    check_indices(chosen, choices, 8);
    check_indices(at, places, 8);
    check_numbers(gates, expected, 8);
    check_numbers(&balance, (double[]){1.3978018461817727}, 1);
    check_numbers(dropped, (double[]){0.25, 0.25}, 2);
    check_numbers(load, (double[]){0.75, 0.75, 0.75}, 3);
    cairn_graph_free(g);
}

TEST(second_choices_find_the_places_that_first_ones_left)
{
    static const double before[8] = {.73105858, .62245933, .88079708, .73105858,
                                     .26894142, .37754067, .11920292, .26894142};
    static const double after[8] = {.73105858, .62245933, 0, 1, .26894142, .37754067, 1, 0};
    check_two_choices(CAIRN_MOE_GATES_normalised, before);
    check_two_choices(CAIRN_MOE_GATES_kept, after);
}

/* Six tokens of which two experts of three places take four: the first, or the surest. */
TEST(the_surest_tokens_come_first)
{
    static const double p[6] = {.9, .8, .7, .6, .95, .2};
    static const int32_t places[2][6] = {{0, 1, 2, -1, -1, 3}, {1, 2, -1, -1, 0, 3}};
    float logits[12], share[6], load[2];
    int32_t at[6];
    for (int i = 0; i < 6; i++) {
        logits[2 * i] = (float)log(p[i]);
        logits[2 * i + 1] = (float)log(1 - p[i]);
    }
    for (int priority = 0; priority < 2; priority++) {
        cairn_graph *g = cairn_graph_new();
        cairn_moe_options o = cairn_moe_defaults(2);
        o.capacity_factor = o.choices = 1;
        o.gates = CAIRN_MOE_GATES_raw;
        o.by_priority = priority;
        cairn_moe m = routed(g, logits, 6, 2, &o);
        bool text[6] = {0, 0, 0, 0, 1, 1};
        cairn_tensor who = cairn_constant(g, CAIRN_BOOL, CAIRN_SHAPE(1, 6), text), local, global;
        cairn_moe_entropies(m.probabilities, &who, log(2), &local, &global);
        cairn_tensor numbers[6] = {m.importance, local, global, m.dropped, m.z, m.spread};
        for (int i = 0; i < 6; i++)
            numbers[i] = cairn_reshape(numbers[i], CAIRN_SHAPE(1));
        cairn_output(m.places, "y0");
        cairn_output(cairn_concat(numbers, 6, 0), "y1");
        cairn_output(m.load, "y2");
        run(g, 1, (void *[]){at, share, load}, (size_t[]){sizeof at, sizeof share, sizeof load}, 3);
        check_indices(at, places[priority], 6);
        check_numbers(share, (double[]){.14694444444, .34945883344, .01129257183, 1.0 / 3, 0, 0},
                      6);
        check_numbers(load, (double[]){1, 1.0 / 3}, 2);
        cairn_graph_free(g);
    }
}

enum { T = 37, D = 24, H = 40 };

static void draw(float *x)
{
    cairn_random_normal_fill(test_seed(), 5, T * D, x);
}

static bool same_variable(cairn_graph *from, const char *a, cairn_graph *to, const char *b)
{
    static float room[D * 2 * H];
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_variable *x = cairn_graph_variable(from, a), *y = cairn_graph_variable(to, b);
    if (!test_check(x != NULL && y != NULL, __FILE__, __LINE__, "no %s or no %s", a, b))
        return false;
    size_t bytes = (size_t)cairn_shape_count(cairn_variable_shape(x)) * sizeof *room;
    cairn_variable_read(x, room, bytes, &status);
    return cairn_variable_write(y, room, bytes, &status) && CHECK_OK(status);
}

/* The feed-forward block of a Transformer, from dense layers. */
static cairn_tensor dense_block(cairn_tensor x, bool gated)
{
    cairn_dense_options o = cairn_dense_defaults(gated ? 2 * H : H);
    cairn_scope_push(x.graph, "dense");
    cairn_tensor h = cairn_dense_layer(x, "hidden", &o).y;
    h = gated ? cairn_mul(cairn_gelu(cairn_slice(h, 1, 0, H, 1)), cairn_slice(h, 1, H, H, 1))
              : cairn_gelu(h);
    o = cairn_dense_defaults(D);
    h = cairn_dense_layer(h, "output", &o).y;
    cairn_scope_pop(x.graph);
    return h;
}

static void check_single(bool gated)
{
    static const char *const names[] = {"hidden/weight", "hidden/bias", "output/weight",
                                        "output/bias"};
    static float x[T * D], y[T * D], z[T * D];
    cairn_graph *g = cairn_graph_new();
    cairn_moe_options o = cairn_moe_defaults(1);
    draw(x);
    o.hidden = H;
    o.gated = gated;
    o.bias = true;
    cairn_tensor in = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(T, D), x);
    cairn_output(cairn_moe_layer(in, "moe", &o).output, "y0");
    cairn_output(dense_block(in, gated), "y1");
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status); /* gives the variables storage */
    CHECK_OK(status);
    for (int i = 0; i < 4; i++) {
        char from[40], to[40];
        snprintf(from, sizeof from, "moe/%s", names[i]);
        snprintf(to, sizeof to, "dense/%s", names[i]);
        same_variable(g, from, g, to);
    }
    cairn_program_run(p, &status);
    cairn_program_fetch(p, "y0", y, sizeof y, &status);
    cairn_program_fetch(p, "y1", z, sizeof z, &status);
    CHECK_OK(status);
    CHECK(memcmp(y, z, sizeof y) == 0);
    cairn_program_free(p);
    cairn_graph_free(g);
}

TEST(one_expert_is_the_dense_block_to_the_bit)
{
    check_single(false);
    check_single(true);
}

/* With noise, drawn second choices, padding and tight capacity; the step of all parameters too. */
TEST(same_bits_on_every_number_of_threads)
{
    static float x[T * D], y[4][T * D], dx[4][D * 5];
    static const int threads[4] = {1, 2, 3, 7};
    bool valid[T];
    float losses[4];
    draw(x);
    for (int i = 0; i < T; i++)
        valid[i] = i % 5 != 3;
    for (int i = 0; i < 4; i++) {
        cairn_graph *g = cairn_graph_new();
        cairn_moe_options o = cairn_moe_defaults(5);
        o.hidden = H;
        o.noise = 0.2;
        o.second_threshold = 0.5;
        o.capacity_factor = 0.6;
        o.capacity_multiple = 4;
        o.by_priority = true;
        o.router_init.scale = 1;
        o.valid = cairn_constant(g, CAIRN_BOOL, CAIRN_SHAPE(T), valid);
        cairn_moe m =
            cairn_moe_layer(cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(T, D), x), "moe", &o);
        CHECK_INT(m.capacity, 12);
        cairn_tensor w, dw, loss = cairn_add(cairn_sum(m.output), m.spread);
        CHECK(cairn_graph_parameters(g, &w, 1) == 3);
        cairn_gradients(loss, &w, 1, &dw);
        cairn_output(m.output, "y0");
        cairn_output(dw, "y1");
        cairn_output(m.spread, "y2");
        run(g, threads[i], (void *[]){y[i], dx[i], &losses[i]},
            (size_t[]){sizeof y[i], sizeof dx[i], sizeof losses[i]}, 3);
        CHECK(memcmp(y[i], y[0], sizeof y[0]) == 0 && memcmp(dx[i], dx[0], sizeof dx[0]) == 0);
        cairn_graph_free(g);
    }
    CHECK(losses[0] > 1e-4 && losses[0] < 5); /* (deviation / mean)^2 of 5 is at most 4 */
    for (int i = 0; i < T; i++)
        for (int d = 0; d < D && !valid[i]; d++)
            CHECK(y[0][i * D + d] == 0);
}

/* A token's result does not depend on the others when there is room for all. */
TEST(with_room_for_all_tokens_are_on_their_own)
{
    enum { LESS = 8 };
    static float x[T * D], all[T * D], few[LESS * D];
    draw(x);
    for (int part = 0; part < 2; part++) {
        cairn_graph *g = cairn_graph_new();
        cairn_moe_options o = cairn_moe_defaults(6);
        o.capacity_factor = 0;
        o.router_init.scale = 1;
        cairn_shape shape = CAIRN_SHAPE(part ? LESS : T, D);
        cairn_output(cairn_moe_layer(cairn_constant(g, CAIRN_F32, shape, x), "moe", &o).output,
                     "y0");
        run(g, 2, (void *[]){part ? few : all}, (size_t[]){part ? sizeof few : sizeof all}, 1);
        cairn_graph_free(g);
    }
    for (int i = 0; i < LESS * D; i++)
        CHECK_NEAR(few[i], all[i], 1e-6);
}

TEST(uniform_routing_is_balanced_and_has_all_entropy)
{
    static const float logits[4 * 32] = {0};
    float found[4];
    cairn_graph *g = cairn_graph_new();
    cairn_moe_options o = cairn_moe_defaults(32);
    cairn_moe m = routed(g, logits, 4, 32, &o);
    cairn_tensor numbers[4] = {m.balance, m.importance};
    cairn_moe_entropies(m.probabilities, NULL, 4, &numbers[2], &numbers[3]);
    for (int i = 0; i < 4; i++)
        numbers[i] = cairn_reshape(numbers[i], CAIRN_SHAPE(1));
    cairn_output(cairn_concat(numbers, 4, 0), "y0");
    run(g, 1, (void *[]){found}, (size_t[]){sizeof found}, 1);
    check_numbers(found, (double[]){1, 0, log(32), 4 - log(32)}, 4);
    cairn_graph_free(g);
}

static void check_refused(void (*spoil)(cairn_moe_options *o), const char *expected)
{
    cairn_graph *g = cairn_graph_new();
    cairn_moe_options o = cairn_moe_defaults(4);
    spoil(&o);
    cairn_moe_layer(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(3, 5, 8)), "moe", &o);
    CHECK_CONTAINS(cairn_graph_status(g).message, expected);
    cairn_graph_free(g);
}

static void no_experts(cairn_moe_options *o)
{
    o->experts = 0;
}

static void odd_group(cairn_moe_options *o)
{
    o->group = 4;
}

static void negative_factor(cairn_moe_options *o)
{
    o->capacity_factor = -1;
}

static void negative_noise(cairn_moe_options *o)
{
    o->noise = -1;
}

TEST(what_does_not_fit_is_refused)
{
    check_refused(no_experts, "experts 'moe': 0 experts of 0 units, 2 choices");
    check_refused(odd_group, "groups of 4 for 15 tokens; expected a divisor");
    check_refused(negative_factor, "capacity factor -1 in multiples of 1");
    check_refused(negative_noise, "noise -1, threshold 0, gates 1");
}
