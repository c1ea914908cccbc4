/* Transformers against PyTorch in float64 (tools/golden/transformers.py), their published numbers
 * of parameters, and what they refuse. */
#include <stdlib.h>

#include "cairn/autodiff.h"
#include "cairn/compile.h"
#include "cairn/loss.h"
#include "sampler.h"

/* ---- golden values ------------------------------------------------------------------------------
 */

static double phase(const char *name)
{
    long total = 0;
    for (long i = 0; name[i]; i++)
        total += (i + 1) * name[i];
    return (double)(total % 997) * 0.37;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* What the script gives every parameter. */
static bool parameters(const cairn_node *leaf, double *out, void *user)
{
    (void)user;
    if (leaf->op != &cairn__op_variable)
        return false;
    const char *name = ((const cairn_variable *)leaf->at.data)->name;
    for (int64_t i = 0; i < cairn_shape_count(leaf->shape); i++)
        out[i] = 0.3 * sin(phase(name) + 1.3 * (double)i) + ends_with(name, "scale");
    return true;
}

static cairn_tensor tokens(cairn_graph *g, cairn_shape shape, int step)
{
    int32_t index[16];
    for (int i = 0; i < cairn_shape_count(shape); i++)
        index[i] = i * step % 11;
    return cairn_constant(g, CAIRN_I32, shape, index);
}

static cairn_tensor language_loss(cairn_tensor logits, int64_t n)
{
    cairn_tensor labels = tokens(logits.graph, CAIRN_SHAPE(n), 7);
    return cairn_mean(cairn_cross_entropy(cairn_reshape(logits, CAIRN_SHAPE(n, 11)), labels));
}

static cairn_transformer_options tiny(int layers, int64_t heads)
{
    cairn_transformer_options o = cairn_transformer_defaults(layers, 8, heads);
    o.hidden = 16;
    return o;
}

static cairn_tensor gpt(cairn_graph *g)
{
    cairn_gpt_options o = {.vocabulary = 11, .positions = 6, .tied = true, .blocks = tiny(2, 2)};
    o.blocks.attention.causal = true;
    o.blocks.activation.kind = CAIRN_ACTIVATION_gelu_tanh;
    return language_loss(cairn_gpt(tokens(g, CAIRN_SHAPE(2, 5), 3), &o), 10);
}

static cairn_tensor llama(cairn_graph *g)
{
    cairn_gpt_options o = {.vocabulary = 11, .blocks = tiny(2, 4)};
    o.blocks.attention.causal = o.blocks.gated = o.blocks.rms_norm = true;
    o.blocks.attention.kv_heads = 2;
    o.blocks.attention.rotary_base = 100;
    o.blocks.bias = false;
    o.blocks.hidden = 12;
    o.blocks.activation.kind = CAIRN_ACTIVATION_swish;
    return language_loss(cairn_gpt(tokens(g, CAIRN_SHAPE(2, 5), 3), &o), 10);
}

static cairn_tensor picture_model(cairn_graph *g, bool class_token, bool parallel)
{
    cairn_vit_options o = {
        .patch = 4, .classes = 5, .class_token = class_token, .blocks = tiny(2, 2)};
    cairn_shape shape = CAIRN_SHAPE(2, 8, 8, 3);
    o.blocks.epsilon = 1e-6;
    o.blocks.parallel = parallel;
    cairn_tensor i = cairn_iota(g, CAIRN_F32, CAIRN_SHAPE(2 * 3 * 8 * 8), 0);
    cairn_tensor x = cairn_reshape(cairn_sin(cairn_scale(i, 0.4)), shape);
    cairn_tensor labels = cairn_constant(g, CAIRN_I32, CAIRN_SHAPE(2), (int32_t[]){1, 3});
    return cairn_mean(cairn_cross_entropy(cairn_vit(x, &o), labels));
}

static cairn_tensor vit(cairn_graph *g)
{
    return picture_model(g, true, false);
}

static cairn_tensor vit_mean(cairn_graph *g)
{
    return picture_model(g, false, true);
}

static cairn_tensor encoder_decoder(cairn_graph *g)
{
    cairn_encoder_decoder_options o = {.vocabulary = 11,
                                       .positions = 6,
                                       .tied = true,
                                       .encoder = tiny(1, 2),
                                       .decoder = tiny(1, 2)};
    o.decoder.attention.causal = true;
    return language_loss(
        cairn_encoder_decoder(tokens(g, CAIRN_SHAPE(2, 6), 3), tokens(g, CAIRN_SHAPE(2, 4), 5), &o),
        8);
}

static cairn_tensor waves(cairn_graph *g, cairn_shape shape, double step, double start)
{
    cairn_tensor i = cairn_iota(g, CAIRN_F32, CAIRN_SHAPE(cairn_shape_count(shape)), 0);
    return cairn_reshape(cairn_sin(cairn_add_scalar(cairn_scale(i, step), start)), shape);
}

static cairn_tensor expert_loss(cairn_tensor y)
{
    cairn_tensor i =
        cairn_iota(y.graph, CAIRN_F32, CAIRN_SHAPE(cairn_shape_count(cairn_tensor_shape(y))), 0);
    cairn_tensor wave = cairn_reshape(cairn_cos(cairn_scale(i, 0.6)), cairn_tensor_shape(y));
    return cairn_sum(cairn_mul(y, wave));
}

static cairn_tensor moe_top2(cairn_graph *g)
{
    bool valid[14];
    cairn_moe_options o = cairn_moe_defaults(4);
    for (int i = 0; i < 14; i++)
        valid[i] = i != 4;
    o.hidden = 5;
    o.group = 7;
    o.capacity_factor = 1;
    o.activation.kind = CAIRN_ACTIVATION_swish;
    o.gated = o.bias = true;
    o.valid = cairn_constant(g, CAIRN_BOOL, CAIRN_SHAPE(2, 7), valid);
    cairn_moe m = cairn_moe_layer(waves(g, CAIRN_SHAPE(2, 7, 6), 0.9, 0.3), "moe", &o);
    CHECK_INT(m.capacity, 4);
    cairn_tensor loss = cairn_add(expert_loss(m.output), m.balance);
    return cairn_add(loss, cairn_add(cairn_scale(m.z, 0.5), cairn_scale(m.importance, 0.25)));
}

static cairn_tensor moe_switch(cairn_graph *g)
{
    bool even[16];
    cairn_tensor local, global;
    cairn_moe_options o = cairn_moe_defaults(3);
    for (int i = 0; i < 16; i++)
        even[i] = i % 2 == 0;
    o.hidden = 5;
    o.group = 8;
    o.choices = 1;
    o.capacity_factor = 1;
    o.gates = CAIRN_MOE_GATES_raw;
    o.by_priority = true;
    cairn_moe m = cairn_moe_layer(waves(g, CAIRN_SHAPE(4, 4, 6), 0.9, 0.3), "moe", &o);
    cairn_tensor member = cairn_constant(g, CAIRN_BOOL, CAIRN_SHAPE(2, 8), even);
    cairn_moe_entropies(m.probabilities, &member, 1.2, &local, &global);
    cairn_tensor loss = cairn_add(expert_loss(m.output), m.balance);
    loss = cairn_add(loss, cairn_scale(m.z, 0.5));
    return cairn_add(cairn_add(loss, local), cairn_scale(global, 2));
}

static cairn_tensor conformer(cairn_graph *g, bool relative)
{
    cairn_conformer_options o = cairn_conformer_defaults(2, 8, 2);
    o.hidden = 12;
    o.window = 5;
    o.layer_norm = relative;
    o.rotary_base = 100;
    o.positions = relative ? CAIRN_CONFORMER_relative : CAIRN_CONFORMER_rotary;
    if (relative) {
        bool valid[12];
        for (int i = 0; i < 12; i++)
            valid[i] = i < 10;
        o.valid = cairn_constant(g, CAIRN_BOOL, CAIRN_SHAPE(2, 6), valid);
    }
    return expert_loss(cairn_conformer(waves(g, CAIRN_SHAPE(2, 6, 8), 0.9, 0.3), &o));
}

static cairn_tensor conformer_relative(cairn_graph *g)
{
    return conformer(g, true);
}

static cairn_tensor conformer_rotary(cairn_graph *g)
{
    return conformer(g, false);
}

static const struct {
    const char *name;
    cairn_tensor (*build)(cairn_graph *g);
} models[] = {{"gpt", gpt},
              {"llama", llama},
              {"vit", vit},
              {"vit_mean", vit_mean},
              {"encoder_decoder", encoder_decoder},
              {"moe_top2", moe_top2},
              {"moe_switch", moe_switch},
              {"conformer_relative", conformer_relative},
              {"conformer_rotary", conformer_rotary}};

/* The number of a line "model name number"; NaN if there is none. */
static double golden(const char *text, const char *model, const char *name)
{
    char start[160];
    snprintf(start, sizeof start, "%s %s ", model, name);
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL)
        if (strncmp(line, start, strlen(start)) == 0)
            return strtod(line + strlen(start), NULL);
    return NAN;
}

enum { MOST = 96 };

/* The names of the trainable variables, in the order of creation. */
static int names_of(const cairn_graph *g, const char **name)
{
    cairn_variable *const *variables;
    int trainable = 0;
    for (int i = 0, n = cairn_graph_variables(g, &variables); i < n; i++)
        if (cairn_variable_trainable(variables[i]) && CHECK(trainable < MOST))
            name[trainable++] = cairn_variable_name(variables[i]);
    return trainable;
}

/* The loss, and for every parameter the sum of its gradient times cosines. */
static void check_model(const char *text, const char *model, cairn_tensor (*build)(cairn_graph *g))
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor loss = build(g), x[MOST], dx[MOST], wanted[MOST + 1] = {loss};
    double found[MOST + 1], *to[MOST + 1];
    const char *names[MOST];
    cairn_status status = CAIRN_STATUS_INIT;
    int n = cairn_graph_parameters(g, x, MOST);
    CHECK_OK(cairn_graph_status(g));
    CHECK_INT(names_of(g, names), n);
    cairn_gradients(loss, x, n, dx);
    for (int i = 0; i < n; i++) {
        cairn_shape shape = cairn_tensor_shape(x[i]);
        cairn_tensor at = cairn_iota(g, CAIRN_F32, CAIRN_SHAPE(cairn_shape_count(shape)), 0);
        double start = phase(names[i]);
        cairn_tensor wave = cairn_cos(cairn_add_scalar(cairn_scale(at, 0.7), start));
        wanted[i + 1] = cairn_sum(cairn_mul(dx[i], cairn_reshape(wave, shape)));
    }
    for (int i = 0; i <= n; i++)
        to[i] = &found[i];
    cairn__evaluate(g, wanted, n + 1, to, parameters, NULL, false, &status);
    CHECK_OK(status);
    for (int i = 0; i <= n; i++) {
        const char *name = i ? names[i - 1] : "loss";
        double expected = golden(text, model, name);
        test_check(fabs(found[i] - expected) <= 1e-10 * fmax(1, fabs(expected)), __FILE__, __LINE__,
                   "%s, %s: %.15g, expected %.15g", model, name, found[i], expected);
    }
    cairn_graph_free(g);
}

TEST(losses_and_gradients_are_those_of_pytorch)
{
    size_t n;
    char *text = test_read_file(TEST_SOURCES "/nn/golden/transformers.txt", &n);
    CHECK(text != NULL);
    for (size_t i = 0; text && i < CAIRN__COUNT(models); i++)
        check_model(text, models[i].name, models[i].build);
    cairn__free(text);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

TEST(models_have_the_published_numbers_of_parameters)
{
    static const int64_t vits[] = {5717416, 22050664, 86567656, 304326632};
    for (int size = 0; cairn_vit_names[size]; size++) {
        cairn_graph *g = cairn_graph_new();
        cairn_vit_options o = cairn_vit_defaults((cairn_vit_size)size);
        cairn_vit(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(1, 224, 224, 3)), &o);
        CHECK_OK(cairn_graph_status(g));
        CHECK_INT(sampler_parameters(g), vits[size]);
        cairn_graph_free(g);
    }
    cairn_graph *g = cairn_graph_new();
    cairn_gpt_options o = cairn_gpt_defaults();
    cairn_tensor y = cairn_gpt(cairn_input(g, "x", CAIRN_I32, CAIRN_SHAPE(2, 7)), &o);
    CHECK_INT(cairn_tensor_shape(y).size[2], 50257);
    CHECK_INT(sampler_parameters(g), 124439808);
    cairn_graph_free(g);
}

/* With batch norm, its states and dropout's absence, and the mask's infinities: on the processor as
 * in double precision. */
TEST(a_compiled_conformer_gives_its_loss_and_gradients)
{
    for (int relative = 0; relative < 2; relative++) {
        cairn_graph *g = cairn_graph_new();
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_tensor loss = conformer(g, relative), x[MOST], dx[MOST], sum = loss;
        int n = cairn_graph_parameters(g, x, MOST);
        cairn_gradients(loss, x, n, dx);
        for (int i = 0; i < n; i++)
            sum = cairn_add(sum, cairn_sum(cairn_square(dx[i])));
        float found = NAN;
        double exact = NAN, *to = &exact;
        cairn_output(sum, "y");
        cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
        if (p) {
            cairn_program_run(p, &status);
            cairn_program_fetch(p, "y", &found, sizeof found, &status);
        }
        cairn__evaluate(g, &sum, 1, &to, sampler_source, NULL, false, &status);
        CHECK_OK(status);
        CHECK_NEAR(found, exact, 1e-4 * (1 + fabs(exact)));
        cairn_program_free(p);
        cairn_graph_free(g);
    }
}

/* Of torchaudio.models.Conformer, layer by layer. */
TEST(conformers_have_as_many_parameters_as_those_of_torchaudio)
{
    const int64_t d = 80, hidden = 128, window = 31, layers = 4;
    const int64_t feed = 2 * d + d * hidden + hidden + hidden * d + d;
    const int64_t attention = 2 * d + 4 * (d * d + d);
    const int64_t conv = 2 * d + 2 * d * d + 2 * d + d * window + d + 2 * d + d * d + d;
    cairn_graph *g = cairn_graph_new();
    cairn_conformer_options o = cairn_conformer_defaults((int)layers, d, 4);
    o.hidden = hidden;
    o.positions = CAIRN_CONFORMER_none;
    cairn_tensor y = cairn_conformer(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(3, 50, d)), &o);
    CHECK_OK(cairn_graph_status(g));
    CHECK_INT(cairn_tensor_shape(y).size[2], d);
    CHECK_INT(sampler_parameters(g), layers * (2 * feed + attention + conv + 2 * d));
    cairn_graph_free(g);
}

/* ---- noise and refusals ---------------------------------------------------------------------- */

TEST(dropout_keeps_the_mean_and_whole_branches_go_together)
{
    enum { B = 400, N = 50 };
    static double a[B * N], b[B * N];
    double *to[2] = {a, b}, mean = 0;
    cairn_graph *g = cairn_graph_new();
    cairn_tensor one = cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(B, N), 1);
    cairn_tensor out[2] = {cairn_dropout(one, 0.25), cairn_stochastic_depth(one, 0.25)};
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(cairn_dropout(one, 0).id == one.id);
    cairn__evaluate(g, out, 2, to, sampler_source, NULL, false, &status);
    CHECK_OK(status);
    for (int i = 0; i < B * N; i++) {
        CHECK(a[i] == 0 || fabs(a[i] - 1 / 0.75) < 1e-6);
        CHECK(b[i] == b[i / N * N]);
        mean += a[i] / (B * N);
    }
    CHECK_NEAR(mean, 1, 0.02); /* five standard deviations */
    cairn_dropout(one, 1);
    CHECK_CONTAINS(cairn_graph_status(g).message, "dropout: rate 1, expected 0 <= rate < 1");
    cairn_graph_free(g);
}

static void check_refusal(cairn_graph *g, const char *expected)
{
    CHECK_CONTAINS(cairn_graph_status(g).message, expected);
    cairn_graph_free(g);
}

TEST(what_does_not_fit_is_refused)
{
    cairn_graph *g = cairn_graph_new();
    cairn_multihead_options heads = cairn_multihead_defaults(3);
    cairn_multihead_attention(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(2, 5, 8)), NULL, "a",
                              &heads);
    check_refusal(g, "attention 'a': 3 heads, 3 of keys and values, for a width of 8");

    g = cairn_graph_new();
    cairn_gpt_options o = cairn_gpt_defaults();
    cairn_gpt(cairn_input(g, "x", CAIRN_I32, CAIRN_SHAPE(2, 1025)), &o);
    check_refusal(g, "gpt: 1025 tokens in a row, expected at most 1024 positions");

    g = cairn_graph_new();
    cairn_vit_options v = cairn_vit_defaults(CAIRN_VIT_TINY);
    cairn_vit(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(2, 30, 32, 3)), &v);
    check_refusal(g, "vit: input [2,30,32,3], expected [B, H, W, C] with H and W multiples of 16");

    g = cairn_graph_new();
    cairn_conformer_options c = cairn_conformer_defaults(1, 8, 2);
    c.window = 4;
    cairn_conformer(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(2, 6, 8)), &c);
    check_refusal(g, "conformer: width 8, 2 heads, 32 hidden units, window 4; expected");
}
