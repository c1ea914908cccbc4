/* ONNX files, read back field by field; every op of the table; and what is refused. That others get
 * the same numbers from them is tested by tools/onnx/check.py. */
#include <stdlib.h>
#include <unistd.h>

#include "cairn/nn.h"
#include "cairn/weights.h"
#include "sampler.h"
#include "weights/onnx.h"

/* ---- a reader of protocol buffers ------------------------------------------------------------ */

typedef struct bytes {
    const unsigned char *at, *end;
} bytes;

typedef struct field {
    int number, kind;
    uint64_t value; /* of a varint */
    bytes inside;   /* of kind 2 */
} field;

static uint64_t varint(bytes *b, bool *good)
{
    uint64_t value = 0;
    for (int shift = 0; b->at < b->end && shift < 64; shift += 7) {
        unsigned char c = *b->at++;
        value |= (uint64_t)(c & 127) << shift;
        if (c < 128)
            return value;
    }
    *good = false;
    return 0;
}

/* The next field; false at the end, or with *good false. Kinds that ONNX files of ours do not have
 * are errors. */
static bool next(bytes *b, field *f, bool *good)
{
    if (b->at == b->end || !*good)
        return false;
    uint64_t key = varint(b, good);
    f->number = (int)(key >> 3);
    f->kind = (int)(key & 7);
    f->value = varint(b, good);
    if (f->kind == 2 && f->value <= (uint64_t)(b->end - b->at)) {
        f->inside = (bytes){b->at, b->at + f->value};
        b->at += f->value;
    } else if (f->kind != 0) {
        *good = false;
    }
    return *good;
}

/* Field `number` for the i-th time; false when there are not so many. */
static bool find(bytes b, int number, int i, field *f)
{
    bool good = true;
    while (next(&b, f, &good))
        if (f->number == number && i-- == 0)
            return true;
    return false;
}

static int times(bytes b, int number)
{
    field f;
    int n = 0;
    while (find(b, number, n, &f))
        n++;
    return n;
}

static bool is(bytes b, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(b.end - b.at) == n && memcmp(b.at, text, n) == 0;
}

/* The message `number` of `b` whose field `name` is `text`. */
static bool named(bytes b, int number, int name, const char *text, bytes *found)
{
    field f, n;
    for (int i = 0; find(b, number, i, &f); i++)
        if (find(f.inside, name, 0, &n) && is(n.inside, text)) {
            *found = f.inside;
            return true;
        }
    return false;
}

/* Saves and reads; *data is to be freed by cairn__free(). */
static bytes saved(const cairn_graph *g, char **data, bytes *graph)
{
    cairn_status status = CAIRN_STATUS_INIT;
    size_t n = 0;
    CHECK(cairn_onnx_save(g, NULL, 0, test_path("model.onnx"), &status));
    CHECK_OK(status);
    *data = test_read_file(test_path("model.onnx"), &n);
    bytes model = {(unsigned char *)*data, (unsigned char *)*data + n};
    field f;
    *graph = model;
    if (CHECK(*data && find(model, 7, 0, &f)))
        *graph = f.inside;
    return model;
}

/* ---- structure ------------------------------------------------------------------------------- */

static cairn_graph *classifier(void)
{
    static const int64_t units[] = {4, 2};
    cairn_graph *g = cairn_graph_new();
    cairn_dense layers[2];
    cairn_mlp_options o = cairn_mlp_defaults(units, 2);
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(3, 5));
    cairn_output(cairn_mlp(x, &o, layers), "logits");
    return g;
}

static void check_value(bytes graph, int number, const char *name, int64_t rows, int64_t columns)
{
    bytes info, shape = graph;
    field type, tensor, dims, dim, size;
    if (!CHECK(named(graph, number, 1, name, &info)))
        return;
    CHECK(find(info, 2, 0, &type) && find(type.inside, 1, 0, &tensor));
    CHECK(find(tensor.inside, 1, 0, &size) && size.value == CAIRN__ONNX_F32);
    if (CHECK(find(tensor.inside, 2, 0, &dims)))
        shape = dims.inside;
    CHECK_INT(times(shape, 1), 2);
    CHECK(find(shape, 1, 0, &dim) && find(dim.inside, 1, 0, &size));
    CHECK_INT(size.value, rows);
    CHECK(find(shape, 1, 1, &dim) && find(dim.inside, 1, 0, &size));
    CHECK_INT(size.value, columns);
}

static void check_weights(const cairn_graph *g, bytes graph)
{
    cairn_variable *const *list;
    for (int i = 0, n = cairn_graph_variables(g, &list); i < n; i++) {
        bytes tensor;
        field raw;
        const cairn_variable *v = list[i];
        float *values = malloc(v->bytes);
        CHECK(cairn_variable_read(v, values, v->bytes, NULL));
        if (CHECK(named(graph, 5, 8, v->name, &tensor)) && CHECK(find(tensor, 9, 0, &raw))) {
            CHECK_INT(raw.inside.end - raw.inside.at, v->bytes);
            CHECK(memcmp(raw.inside.at, values, v->bytes) == 0);
            CHECK_INT(times(tensor, 1), v->shape.rank);
        }
        free(values);
    }
    CHECK(cairn_graph_variables(g, &list) == 4);
}

/* Each operand is an input, a constant or the result of an earlier node; no result comes twice. */
static void check_order(bytes graph)
{
    field node, operand, result;
    for (int i = 0; find(graph, 1, i, &node); i++) {
        for (int j = 0; find(node.inside, 1, j, &operand); j++) {
            char name[256];
            bytes found;
            snprintf(name, sizeof name, "%.*s", (int)(operand.inside.end - operand.inside.at),
                     (const char *)operand.inside.at);
            bool known = named(graph, 11, 1, name, &found) || named(graph, 5, 8, name, &found);
            field earlier;
            for (int k = 0; !known && k < i && find(graph, 1, k, &earlier); k++)
                known = find(earlier.inside, 2, 0, &result) && is(result.inside, name);
            test_check(known, __FILE__, __LINE__, "node %d: nothing makes '%s'", i, name);
        }
    }
    CHECK(times(graph, 1) > 4);
}

TEST(a_model_has_its_inputs_outputs_and_weights)
{
    cairn_graph *g = classifier();
    char *data;
    bytes graph, model = saved(g, &data, &graph);
    field f, version;
    CHECK(find(model, 1, 0, &f) && f.value == CAIRN__ONNX_IR);
    CHECK(find(model, 8, 0, &f) && find(f.inside, 2, 0, &version));
    CHECK_INT(version.value, CAIRN__ONNX_OPSET);
    CHECK_INT(times(graph, 11), 1);
    CHECK_INT(times(graph, 12), 1);
    check_value(graph, 11, "x", 3, 5);
    check_value(graph, 12, "logits", 3, 2);
    check_weights(g, graph);
    check_order(graph);
    bytes relu;
    CHECK(named(graph, 1, 4, "Relu", &relu));
    CHECK(named(graph, 1, 4, "MatMul", &relu) || named(graph, 1, 4, "Gemm", &relu));
    cairn__free(data);
    cairn_graph_free(g);
}

TEST(a_max_pool_is_one_node_without_places)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(1, 4, 4, 2));
    cairn_output(cairn_max_pool(x, CAIRN_SHAPE(2, 2), NULL), "y");
    char *data;
    bytes graph, pool = {NULL, NULL};
    saved(g, &data, &graph);
    if (CHECK(named(graph, 1, 4, "MaxPool", &pool)))
        CHECK_INT(times(pool, 2), 1);
    CHECK(!named(graph, 1, 4, "GatherElements", &pool));
    cairn__free(data);
    cairn_graph_free(g);
}

/* ---- every op -------------------------------------------------------------------------------- */

static void check_sample(const cairn_op *op, const cairn__sample *sample)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x[CAIRN__SAMPLE_INPUTS];
    cairn_status status = CAIRN_STATUS_INIT;
    const char *refused = NULL;
    sampler_inputs(g, sample, x);
    cairn_output(sample->build(x), "y");
    for (int32_t i = 0; !refused && i < g->n; i++)
        refused = cairn__onnx_find(g->nodes[i]->op)->refused;
    bool good = cairn_onnx_save(g, NULL, 0, test_path("op.onnx"), &status);
    if (refused)
        test_check(!good && strstr(status.message, "cannot be written as ONNX") &&
                       strstr(status.message, refused),
                   __FILE__, __LINE__, "%s: said \"%s\"", op->name, status.message);
    else
        test_check(good, __FILE__, __LINE__, "%s: %s", op->name, status.message);
    cairn_graph_free(g);
}

TEST(every_op_is_written_or_refused)
{
    for (const cairn_op *const *op = cairn__ops; *op; op++) {
        const cairn__onnx_row *row = cairn__onnx_find(*op);
        if (!test_check(row != NULL, __FILE__, __LINE__, "%s: no row", (*op)->name))
            continue;
        int ways = (row->type != NULL) + (row->emit != NULL) + (row->lower != NULL) +
                   (row->refused != NULL);
        test_check(ways == 1, __FILE__, __LINE__, "%s: %d ways", (*op)->name, ways);
        for (int i = 0; i < sampler_count(*op); i++)
            if (!(*op)->samples[i].refusal)
                check_sample(*op, &(*op)->samples[i]);
    }
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void check_refused(cairn_graph *g, const char *output, cairn_code code, const char *part)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const char *path = test_path("refused.onnx");
    CHECK(!cairn_onnx_save(g, &output, output ? 1 : 0, path, &status));
    CHECK_INT(status.code, code);
    CHECK_CONTAINS(status.message, part);
    CHECK(access(path, F_OK) != 0);
    cairn_graph_free(g);
}

TEST(what_onnx_cannot_hold_is_named_with_its_scope)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(3));
    cairn_scope_push(g, "noise");
    cairn_output(cairn_add(x, cairn_random_normal(g, CAIRN_SHAPE(3))), "y");
    cairn_scope_pop(g);
    check_refused(g, NULL, CAIRN_ERR_VALUE, "noise: random_normal cannot be written as ONNX");
}

TEST(names_must_differ)
{
    check_refused(classifier(), "logit", CAIRN_ERR_NAME, "no output 'logit'");
    cairn_graph *g = cairn_graph_new();
    cairn_output(cairn_exp(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(3))), "x");
    check_refused(g, NULL, CAIRN_ERR_NAME, "'x' names 2 of the inputs, outputs and variables");
    g = cairn_graph_new();
    cairn_output(cairn_exp(cairn_input(g, "a:1", CAIRN_F32, CAIRN_SHAPE(3))), "y");
    check_refused(g, NULL, CAIRN_ERR_NAME, "the input 'a:1'");
    check_refused(cairn_graph_new(), NULL, CAIRN_ERR_NAME, "has no output");
}

TEST(more_than_a_file_can_hold_is_refused)
{
    cairn_graph *g = cairn_graph_new();
    cairn_init init = {CAIRN_INIT_CONSTANT, 0};
    cairn_tensor huge = cairn_parameter(g, "huge", CAIRN_SHAPE(1 << 15, 1 << 14), init);
    cairn_output(cairn_sum(huge), "y");
    check_refused(g, NULL, CAIRN_ERR_VALUE, "more than 2 GiB");
}

TEST(a_failure_leaves_the_file_that_was_there)
{
    cairn_graph *g = classifier();
    cairn_status status = CAIRN_STATUS_INIT;
    const char *path = test_path("kept.onnx");
    test_write_file(path, "kept", 4);
    int64_t before = cairn__alloc_count();
    CHECK(cairn_onnx_save(g, NULL, 0, test_path("counted.onnx"), &status));
    int64_t calls = cairn__alloc_count() - before;
    for (int64_t n = 1; n <= calls; n++) {
        cairn_status failed = CAIRN_STATUS_INIT;
        cairn__alloc_fail_after(n);
        bool good = cairn_onnx_save(g, NULL, 0, path, &failed);
        cairn__alloc_fail_after(0);
        test_check(!good && failed.code == CAIRN_ERR_MEMORY, __FILE__, __LINE__,
                   "call %lld of %lld: %s", (long long)n, (long long)calls, failed.message);
    }
    size_t size = 0;
    char *data = test_read_file(path, &size);
    CHECK(size == 4 && memcmp(data, "kept", 4) == 0);
    cairn__free(data);
    cairn_graph_free(g);
}
