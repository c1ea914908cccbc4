/* Models that `transformers` wrote, with its logits (tools/golden/huggingface.py); writing them
 * back; and what is refused. */
#include <stdlib.h>
#include <sys/stat.h>

#include "cairn/compile.h"
#include "cairn/data.h"
#include "cairn/weights.h"
#include "test.h"

#define GOLDEN TEST_SOURCES "/weights/golden/"

/* ---- logits ---------------------------------------------------------------------------------- */

typedef struct expected {
    cairn_safetensors *file;
    const cairn_field *x, *logits;
} expected;

static expected open_expected(const char *path)
{
    expected e = {.file = cairn_safetensors_open(path, NULL)};
    e.x = e.file ? cairn_safetensors_find(e.file, "x") : NULL;
    e.logits = e.file ? cairn_safetensors_find(e.file, "logits") : NULL;
    CHECK(e.x && e.logits);
    return e;
}

static void *values(const expected *e, const cairn_field *field)
{
    const size_t n = cairn_field_bytes(field);
    void *data = malloc(n);
    CHECK(cairn_safetensors_read(e->file, field, data, n, NULL));
    return data;
}

/* A graph with the model for the input of `e`, whose parameters still have first values. */
static cairn_graph *build(const cairn_weights *w, const expected *e, cairn_status *status)
{
    const cairn_architecture *a = cairn_weights_architecture(w, status);
    if (!a)
        return NULL;
    cairn_graph *g = cairn_graph_new();
    cairn_shape shape = {.rank = e->x->rank};
    memcpy(shape.size, e->x->shape, sizeof e->x->shape);
    cairn_tensor x =
        cairn_input(g, "x", e->x->type == CAIRN_DATA_I32 ? CAIRN_I32 : CAIRN_F32, shape);
    cairn_output(cairn_architecture_build(x, a), "logits");
    return g;
}

/* The largest difference, over the largest logit. */
static double distance(cairn_graph *g, const expected *e, cairn_status *status)
{
    const size_t n = (size_t)cairn_field_elements(e->logits), bytes = n * sizeof(float);
    float *wanted = values(e, e->logits), *found = malloc(bytes);
    void *x = values(e, e->x);
    double most = 0, size = 0;
    cairn_program *p = cairn_compile_outputs(g, cairn_cpu(), NULL, 0, false, status);
    if (!p || !cairn_program_feed(p, "x", x, cairn_field_bytes(e->x), status) ||
        !cairn_program_run(p, status) || !cairn_program_fetch(p, "logits", found, bytes, status))
        most = INFINITY;
    for (size_t i = 0; i < n && most < INFINITY; i++) {
        most = fmax(most, fabs((double)found[i] - (double)wanted[i]));
        size = fmax(size, fabs((double)wanted[i]));
    }
    cairn_program_free(p);
    free(wanted);
    free(found);
    free(x);
    return most / size;
}

/* Loads the model at `path` and compares. Leaves nothing. */
static void check_model(const char *path, const char *logits, double tolerance)
{
    cairn_status status = CAIRN_STATUS_INIT;
    expected e = open_expected(logits);
    cairn_weights *w = cairn_weights_open(path, &status);
    cairn_graph *g = w ? build(w, &e, &status) : NULL;
    if (test_check(g && cairn_weights_load(w, g, &status), __FILE__, __LINE__, "%s: %s", path,
                   status.message)) {
        double found = distance(g, &e, &status);
        test_check(found <= tolerance, __FILE__, __LINE__, "%s: logits differ by %.3g, expected %g",
                   path, found, tolerance);
        printf("    %s: logits differ by %.2g\n", strrchr(path, '/') + 1, found);
    }
    cairn_graph_free(g);
    cairn_weights_free(w);
    cairn_safetensors_free(e.file);
}

static const char *const models[] = {"gpt2", "llama",  "mistral",  "qwen2",
                                     "vit",  "resnet", "resnet50", "shards"};

TEST(logits_are_those_of_transformers)
{
    for (size_t i = 0; i < CAIRN__COUNT(models); i++) {
        char path[512], logits[560];
        snprintf(path, sizeof path, GOLDEN "%s", models[i]);
        snprintf(logits, sizeof logits, "%s/expected.safetensors", path);
        check_model(path, logits, 1e-5);
    }
}

TEST(logits_are_those_of_gguf)
{
    check_model(GOLDEN "llama_f32.gguf", GOLDEN "llama_f32.safetensors", 1e-5);
    check_model(GOLDEN "llama_q8_0.gguf", GOLDEN "llama_q8_0.safetensors", 1e-5);
}

/* The same file through other values must not pass. */
TEST(other_values_are_noticed)
{
    cairn_status status = CAIRN_STATUS_INIT;
    expected e = open_expected(GOLDEN "llama/expected.safetensors");
    cairn_weights *w = cairn_weights_open(GOLDEN "llama_q8_0.gguf", &status);
    cairn_graph *g = w ? build(w, &e, &status) : NULL;
    CHECK(g && cairn_weights_load(w, g, &status));
    CHECK(g && distance(g, &e, &status) > 1e-4);
    cairn_graph_free(g);
    cairn_weights_free(w);
    cairn_safetensors_free(e.file);
}

/* ---- there and back -------------------------------------------------------------------------- */

static void check_same_tensors(const cairn_weights *a, const cairn_weights *b, const char *name)
{
    int64_t found = 0;
    for (int64_t i = 0; i < cairn_weights_count(a); i++)
        found += strcmp(cairn_weights_at(a, i)->type, "f32") == 0;
    CHECK_INT(cairn_weights_count(b), found);
    for (int64_t i = 0, k = 0; i < cairn_weights_count(a); i++) {
        const cairn_weight *x = cairn_weights_at(a, i), *y = cairn_weights_at(b, k);
        if (strcmp(x->type, "f32") != 0)
            continue;
        const int64_t n = (int64_t)(x->bytes / sizeof(float));
        float *p = malloc(x->bytes), *q = malloc(x->bytes);
        test_check(y && strcmp(x->name, y->name) == 0 && x->rank == y->rank &&
                       memcmp(x->shape, y->shape, sizeof x->shape) == 0 &&
                       cairn_weights_read(a, i, p, n, NULL) &&
                       cairn_weights_read(b, k, q, n, NULL) && memcmp(p, q, x->bytes) == 0,
                   __FILE__, __LINE__, "%s: '%s' changed on the way", name, x->name);
        free(p);
        free(q);
        k++;
    }
}

TEST(a_model_written_is_the_model_read)
{
    for (size_t i = 0; i < CAIRN__COUNT(models) - 1; i++) {
        char path[512], logits[560], copy[512];
        cairn_status status = CAIRN_STATUS_INIT;
        snprintf(path, sizeof path, GOLDEN "%s", models[i]);
        snprintf(logits, sizeof logits, "%s/expected.safetensors", path);
        snprintf(copy, sizeof copy, "%s", test_path(models[i]));
        mkdir(copy, 0777);
        expected e = open_expected(logits);
        cairn_weights *w = cairn_weights_open(path, &status);
        cairn_graph *g = w ? build(w, &e, &status) : NULL;
        bool good = g && cairn_weights_load(w, g, &status) &&
                    cairn_weights_save(g, cairn_weights_architecture(w, &status), copy, &status);
        cairn_weights *again = good ? cairn_weights_open(copy, &status) : NULL;
        if (test_check(again != NULL, __FILE__, __LINE__, "%s: %s", models[i], status.message)) {
            check_same_tensors(w, again, models[i]);
            check_model(copy, logits, 1e-5);
        }
        cairn_weights_free(again);
        cairn_weights_free(w);
        cairn_graph_free(g);
        cairn_safetensors_free(e.file);
    }
}

/* The n-th allocation fails, for every n: an error, and nothing lost. */
TEST(no_memory_is_an_error)
{
    static const char *const paths[] = {GOLDEN "gpt2", GOLDEN "shards", GOLDEN "llama_q8_0.gguf"};
    for (size_t i = 0; i < CAIRN__COUNT(paths); i++) {
        bool good = false;
        int64_t n = 0;
        while (!good && ++n < 10000) {
            cairn_status status = CAIRN_STATUS_INIT;
            cairn_graph *g = cairn_graph_new();
            cairn__alloc_fail_after(n);
            cairn_weights *w = cairn_weights_open(paths[i], &status);
            const cairn_architecture *a = w ? cairn_weights_architecture(w, &status) : NULL;
            if (a)
                cairn_architecture_build(cairn_input(g, "x", CAIRN_I32, CAIRN_SHAPE(1, 2)), a);
            cairn_status built = cairn_graph_status(g);
            good = a && cairn_ok(&built) && cairn_weights_load(w, g, &status) &&
                   cairn_weights_save(g, a, test_directory(), &status);
            cairn__alloc_fail_after(0);
            CHECK_INT(good         ? CAIRN_ERR_MEMORY
                      : built.code ? built.code
                                   : status.code,
                      CAIRN_ERR_MEMORY);
            cairn_graph_free(g);
            cairn_weights_free(w);
        }
        CHECK(good && n > 100);
    }
}

/* ---- refusals -------------------------------------------------------------------------------- */

/* Writes a copy of a model's tensors, one renamed, left out (to NULL) or cut to half its rows. */
static void write_variant(const char *from, const char *to, const char *name, const char *other,
                          bool half)
{
    char path[512];
    snprintf(path, sizeof path, "%s/model.safetensors", from);
    cairn_safetensors *file = cairn_safetensors_open(path, NULL);
    cairn_field fields[128];
    int64_t n = 0;
    for (int64_t i = 0; file && i < cairn_safetensors_count(file); i++) {
        cairn_field *f = &fields[n];
        *f = *cairn_safetensors_at(file, i);
        void *data = malloc(cairn_field_bytes(f));
        CHECK(cairn_safetensors_read(file, f, data, cairn_field_bytes(f), NULL));
        f->data = data;
        n++;
        if (strcmp(f->name, name) != 0)
            continue;
        f->shape[0] /= half ? 2 : 1;
        f->name = other;
        if (!other) {
            free(data);
            n--;
        }
    }
    snprintf(path, sizeof path, "%s/model.safetensors", to);
    CHECK(cairn_safetensors_write(path, fields, n, NULL, NULL));
    for (int64_t i = 0; i < n; i++)
        free((void *)fields[i].data);
    cairn_safetensors_free(file);
}

static void copy_config(const char *from, const char *to, const char *find, const char *replace)
{
    char path[512];
    size_t n;
    snprintf(path, sizeof path, "%s/config.json", from);
    char *text = test_read_file(path, &n), *at = text ? strstr(text, find) : NULL;
    snprintf(path, sizeof path, "%s/config.json", to);
    if (CHECK(at != NULL)) {
        cairn__text out = {0};
        cairn__text_add(&out, "%.*s%s%.*s", (int)(at - text), text, replace,
                        (int)(n - (size_t)(at - text) - strlen(find)), at + strlen(find));
        test_write_file(path, out.data, out.length);
        cairn__free(out.data);
    }
    cairn__free(text);
}

static void check_refused(const char *path, const char *sentence)
{
    cairn_status status = CAIRN_STATUS_INIT;
    expected e = open_expected(GOLDEN "gpt2/expected.safetensors");
    cairn_weights *w = cairn_weights_open(path, &status);
    cairn_graph *g = w ? build(w, &e, &status) : NULL;
    CHECK(!g || !cairn_weights_load(w, g, &status));
    test_check(strstr(status.message, sentence) != NULL, __FILE__, __LINE__,
               "refused with \"%s\", expected \"%s\"", status.message, sentence);
    cairn_graph_free(g);
    cairn_weights_free(w);
    cairn_safetensors_free(e.file);
}

static const struct {
    const char *name, *other;
    bool half;
    const char *sentence;
} tensors[] = {
    {"transformer.ln_f.bias", NULL, false, "no tensor 'transformer.ln_f.bias', which is"},
    {"transformer.ln_f.bias", "transformer.ln_g.bias", false, "no tensor 'transformer.ln_f.bias'"},
    {"transformer.h.1.mlp.c_fc.weight", "transformer.h.1.mlp.c_fc.weight", true,
     "'transformer.h.1.mlp.c_fc.weight' is [16,128], expected [32,128]"},
};

TEST(wrong_tensors_are_named)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s", test_path("wrong"));
    mkdir(folder, 0777);
    copy_config(GOLDEN "gpt2", folder, "\"n_layer\": 2", "\"n_layer\": 2");
    for (size_t i = 0; i < CAIRN__COUNT(tensors); i++) {
        write_variant(GOLDEN "gpt2", folder, tensors[i].name, tensors[i].other, tensors[i].half);
        check_refused(folder, tensors[i].sentence);
    }
    write_variant(GOLDEN "gpt2", folder, "", NULL, false);
    copy_config(GOLDEN "gpt2", folder, "\"n_layer\": 2", "\"n_layer\": 1");
    check_refused(folder, "tensor 'transformer.h.1.attn.c_attn.bias' has no place in this gpt2");
}

static const struct {
    const char *model, *find, *replace, *sentence;
} configs[] = {
    {"gpt2", "\"gelu_new\"", "\"relu\"", "'activation_function' is \"relu\", expected gelu_new"},
    {"gpt2", "\"n_layer\": 2", "\"n_layer\": 2.5", "'n_layer' is 2.5, expected a whole number"},
    {"gpt2", "\"n_layer\": 2,", "", "'n_layer' is absent, expected a value"},
    {"gpt2", "\"n_layer\": 2", "\"n_layer\": 99999999", "layers: 99999999, expected 1 to 4096"},
    {"gpt2", "\"n_head\": 4", "\"n_head\": 0", "heads: 0, expected 1"},
    {"gpt2", "\"n_head\": 4", "\"n_head\": 5", "5 heads, 5 of keys and values, for a width of 32"},
    {"gpt2", "\"gpt2\"", "\"bert\"", "model_type 'bert', expected one of gpt2 llama"},
    {"gpt2", "\"scale_attn_weights\": true", "\"scale_attn_weights\": false", "this version has"},
    {"llama", "\"rope_type\": \"default\"", "\"rope_type\": \"llama3\"", "without scaling"},
    {"llama", "\"head_dim\": 8", "\"head_dim\": 32", "head_dim is 32, expected hidden_size /"},
    {"llama", "\"mlp_bias\": false", "\"mlp_bias\": true", "'mlp_bias' is true"},
    {"mistral", "\"sliding_window\": null", "\"sliding_window\": 4096", "'sliding_window' is 4096"},
    {"vit", "\"patch_size\": 8", "\"patch_size\": 7", "pictures of 24 in patches of 7"},
    {"resnet", "\"basic\"", "\"bottleneck\"", "hidden_sizes has 4 for stage 1"},
    {"resnet", "\"downsample_in_first_stage\": false", "\"downsample_in_first_stage\": true",
     "'downsample_in_first_stage' is true"},
    {"gpt2", "{", "[", "config.json:"},
};

TEST(configurations_that_cannot_be_built_are_refused)
{
    char folder[512], from[512];
    snprintf(folder, sizeof folder, "%s", test_path("config"));
    mkdir(folder, 0777);
    for (size_t i = 0; i < CAIRN__COUNT(configs); i++) {
        snprintf(from, sizeof from, GOLDEN "%s", configs[i].model);
        write_variant(from, folder, "", NULL, false);
        copy_config(from, folder, configs[i].find, configs[i].replace);
        check_refused(folder, configs[i].sentence);
    }
}

TEST(an_index_is_checked)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"{\"weight_map\": {\"a\": \"../x.safetensors\"}}", "'a': expected the name of a file"},
        {"{\"weight_map\": {\"a\": 1}}", "'a': expected the name of a file"},
        {"{\"weight_map\": {\"a\": \"model.safetensors\"}}", "'a' should be in model.safetensors"},
        {"{\"weight_map\": {\"transformer.wte.weight\": \"model.safetensors\"}}",
         "lists 1 tensors, but its files hold"},
        {"{\"weight_map\": []}", "no object 'weight_map'"},
    };
    char folder[512], index[600];
    snprintf(folder, sizeof folder, "%s", test_path("index"));
    mkdir(folder, 0777);
    copy_config(GOLDEN "gpt2", folder, "\"n_layer\": 2", "\"n_layer\": 2");
    write_variant(GOLDEN "gpt2", folder, "", NULL, false);
    snprintf(index, sizeof index, "%s/model.safetensors.index.json", folder);
    for (size_t i = 0; i < CAIRN__COUNT(cases); i++) {
        test_write_file(index, cases[i].text, strlen(cases[i].text));
        check_refused(folder, cases[i].sentence);
    }
}

TEST(options_that_no_configuration_says_are_not_written)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_weights *w = cairn_weights_open(GOLDEN "gpt2", &status);
    expected e = open_expected(GOLDEN "gpt2/expected.safetensors");
    cairn_graph *g = w ? build(w, &e, &status) : NULL;
    if (CHECK(g != NULL)) {
        cairn_architecture a = *cairn_weights_architecture(w, NULL);
        a.gpt.blocks.activation.kind = CAIRN_ACTIVATION_relu;
        CHECK(!cairn_weights_save(g, &a, test_directory(), &status));
        CHECK(strstr(status.message, "options that no gpt2 model has") != NULL);
        status = (cairn_status)CAIRN_STATUS_INIT;
        a = *cairn_weights_architecture(w, NULL);
        a.gpt.blocks.layers = 3;
        CHECK(!cairn_weights_save(g, &a, test_directory(), &status));
        CHECK(strstr(status.message, "'block3/norm1/scale' is not there") != NULL);
    }
    cairn_graph_free(g);
    cairn_weights_free(w);
    cairn_safetensors_free(e.file);
}
