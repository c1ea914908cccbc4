/* Variables of a graph to a file and back. */
#include "samples.h"

static cairn_graph *model(int64_t hidden, bool with_state)
{
    cairn_graph *g = cairn_graph_new();
    cairn_graph_seed(g, 3);
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(2, 4));
    cairn_output(cairn_linear(cairn_tanh(cairn_linear(x, hidden, "a")), 3, "b"), "y");
    if (with_state)
        cairn_output(cairn_step(g), "n");
    return g;
}

TEST(saved_variables_are_loaded_into_a_graph_compiled_or_not)
{
    cairn_status status = CAIRN_STATUS_INIT;
    static const char *const metadata[] = {"made by", "a test", NULL};
    cairn_graph *g = model(5, true), *plain = model(5, true), *compiled = model(5, true);
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    float weight[20];
    int32_t step = 41;
    for (int i = 0; i < 20; i++)
        weight[i] = (float)i;
    CHECK(
        cairn_variable_write(cairn_graph_variable(g, "a/weight"), weight, sizeof weight, &status));
    CHECK(cairn_variable_write(cairn_graph_variable(g, "step"), &step, sizeof step, &status));
    const char *path = test_path("all.safetensors");
    CHECK(cairn_graph_save(g, path, false, metadata, &status));
    CHECK(cairn_graph_load(plain, path, &status));
    cairn_program *q = cairn_compile(compiled, cairn_cpu(), &status);
    CHECK(cairn_graph_load(compiled, path, &status));
    CHECK_OK(status);
    sample_weights a = sample_read(g), b = sample_read(plain), c = sample_read(compiled);
    CHECK_SAME_WEIGHTS(a, b);
    CHECK_SAME_WEIGHTS(a, c);
    cairn_program *late = cairn_compile(plain, cairn_cpu(), &status); /* keeps what was loaded */
    sample_weights d = sample_read(plain);
    CHECK_SAME_WEIGHTS(a, d);
    cairn_safetensors *file = cairn_safetensors_open(path, &status);
    CHECK_TEXT(cairn_safetensors_metadata(file, "made by"), "a test");
    cairn_safetensors_free(file);
    CHECK_OK(status);
    cairn_program_free(p);
    cairn_program_free(q);
    cairn_program_free(late);
    cairn_graph_free(g);
    cairn_graph_free(plain);
    cairn_graph_free(compiled);
}

TEST(trainable_variables_alone_make_a_model)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_graph *g = model(5, true), *other = model(6, true), *more = cairn_graph_new();
    const char *path = test_path("model.safetensors");
    CHECK(cairn_graph_save(g, path, true, NULL, &status));
    cairn_safetensors *file = cairn_safetensors_open(path, &status);
    CHECK_INT(cairn_safetensors_count(file), 4);
    cairn_safetensors_free(file);
    CHECK(cairn_graph_load(g, path, &status)); /* the step keeps its value */
    CHECK_OK(status);
    sample_weights before = sample_read(other);
    CHECK(!cairn_graph_load(other, path, &status));
    CHECK_INT(status.code, CAIRN_ERR_SHAPE);
    CHECK_CONTAINS(status.message, "'a/weight' is [4,5], expected [4,6]");
    sample_weights after = sample_read(other);
    CHECK_SAME_WEIGHTS(before, after);
    status = (cairn_status)CAIRN_STATUS_INIT;
    cairn_parameter(more, "c", CAIRN_SHAPE(2), CAIRN_ZEROS);
    CHECK(!cairn_graph_load(more, path, &status));
    CHECK_INT(status.code, CAIRN_ERR_NAME);
    CHECK_CONTAINS(status.message, "no array 'c'");
    cairn_graph_free(g);
    cairn_graph_free(other);
    cairn_graph_free(more);
}
