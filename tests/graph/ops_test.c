/* The op table itself: every row is complete, and every sample builds or is refused as it says. */
#include "cairn/autodiff.h"
#include "sampler.h"

static void check_record(const cairn_op *op)
{
    bool leaf = op->kind == CAIRN__LEAF;
    test_check(op->name && op->summary, __FILE__, __LINE__, "an op without name or summary");
    test_check((op->gradient != NULL) != (op->no_gradient != NULL), __FILE__, __LINE__,
               "%s: needs a gradient, or else a reason why it has none", op->name);
    test_check(leaf || (op->reference != NULL) != (op->element != NULL), __FILE__, __LINE__,
               "%s: needs a reference, or else the value of one element", op->name);
    test_check(leaf || sampler_count(op) > 0, __FILE__, __LINE__, "%s: no samples", op->name);
    test_check((op->element != NULL) == (op->kind == CAIRN__ELEMENTWISE), __FILE__, __LINE__,
               "%s: element-wise ops, and only they, give one element", op->name);
}

static void check_sample(const cairn_op *op, const cairn__sample *sample, int index)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x[CAIRN__SAMPLE_INPUTS];
    sampler_inputs(g, sample, x);
    sample->build(x);
    cairn_status status = cairn_graph_status(g);
    if (!sample->refusal)
        test_check(status.code == CAIRN_OK, __FILE__, __LINE__, "%s, sample %d: %s", op->name,
                   index, status.message);
    else
        test_check(status.code != CAIRN_OK && strstr(status.message, sample->refusal), __FILE__,
                   __LINE__, "%s, sample %d: said \"%s\", expected \"%s\"", op->name, index,
                   status.message, sample->refusal);
    cairn_graph_free(g);
}

TEST(rows_are_complete)
{
    for (const cairn_op *const *op = cairn__ops; *op; op++) {
        check_record(*op);
        CHECK(cairn__op_find((*op)->name) == *op);
    }
}

TEST(samples_build_or_are_refused)
{
    for (const cairn_op *const *op = cairn__ops; *op; op++)
        for (int i = 0; i < sampler_count(*op); i++)
            check_sample(*op, &(*op)->samples[i], i);
}

/* The next block of the graph's arena is refused; how many nodes were added before decides whether
 * that happens to the op or within its gradient. A first block holds about a dozen. */
static void check_out_of_memory(const cairn_op *op, int64_t nodes)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x[CAIRN__SAMPLE_INPUTS], dx;
    sampler_inputs(g, &op->samples[0], x);
    cairn__alloc_fail_after(1);
    for (int64_t i = 0; i < nodes; i++)
        cairn_scalar(g, 0);
    cairn_tensor y = op->samples[0].build(x);
    bool differentiable = op->gradient && cairn_tensor_dtype(y) == CAIRN_F32;
    int which = op->samples[0].domain[0] >= CAIRN__INDEX && op->inputs > 1;
    if (differentiable && cairn_tensor_dtype(x[which]) == CAIRN_F32)
        cairn_gradients_from(y, y, &x[which], 1, &dx);
    cairn__alloc_fail_after(0);
    cairn_graph_free(g);
}

TEST(builders_and_gradients_survive_out_of_memory)
{
    for (const cairn_op *const *op = cairn__ops; *op; op++)
        for (int64_t nodes = 0; sampler_count(*op) > 0 && nodes < 12; nodes++)
            check_out_of_memory(*op, nodes);
}

TEST(the_first_error_stays)
{
    cairn_graph *g = cairn_graph_new();
    cairn_scope_push(g, "encoder");
    cairn_scope_push(g, "layer2");
    cairn_tensor a = cairn_input(g, "a", CAIRN_F32, CAIRN_SHAPE(1000, 784));
    cairn_tensor b = cairn_input(g, "b", CAIRN_F32, CAIRN_SHAPE(500, 1000));
    cairn_tensor c = cairn_matmul(a, b);
    cairn_tensor d = cairn_reshape(cairn_add(c, a), CAIRN_SHAPE(3));
    cairn_output(d, "d");
    CHECK_TEXT(cairn_graph_status(g).message,
               "encoder/layer2: matmul [1000,784] x [500,1000]: inner sizes 784 and 500 differ");
    cairn_graph_free(g);
}

TEST(mixed_graphs_and_bad_scopes_are_refused)
{
    cairn_graph *g = cairn_graph_new(), *h = cairn_graph_new();
    cairn_add(cairn_scalar(g, 1), cairn_scalar(h, 1));
    CHECK_CONTAINS(cairn_graph_status(g).message, "belongs to another graph");
    cairn_scope_pop(h);
    CHECK_CONTAINS(cairn_graph_status(h).message, "without cairn_scope_push");
    cairn_graph_free(g);
    cairn_graph_free(h);
}

TEST(sizes_that_overflow_are_refused)
{
    cairn_graph *g = cairn_graph_new();
    cairn_fill(g, CAIRN_F32, CAIRN_SHAPE((int64_t)1 << 40, (int64_t)1 << 40), 0);
    CHECK_CONTAINS(cairn_graph_status(g).message, "too large");
    cairn_graph_free(g);
}

TEST(variables_are_shared_by_name)
{
    cairn_graph *g = cairn_graph_new();
    cairn_parameter(g, "w", CAIRN_SHAPE(2, 3), CAIRN_ONES);
    cairn_graph *h = cairn_graph_new_sharing(g);
    cairn_parameter(h, "w", CAIRN_SHAPE(2, 3), CAIRN_ZEROS);
    CHECK(cairn_graph_variable(g, "w") == cairn_graph_variable(h, "w"));
    cairn_parameter(h, "w", CAIRN_SHAPE(2, 3), CAIRN_ZEROS);
    CHECK_CONTAINS(cairn_graph_status(h).message, "variable 'w' exists already");
    cairn_graph_free(g);
    cairn_graph *k = cairn_graph_new_sharing(h);
    CHECK(cairn_graph_status(k).code != CAIRN_OK);
    cairn_graph_free(h);
    cairn_graph_free(k);
}

TEST(out_of_memory_at_every_call_is_an_error_and_no_crash)
{
    for (int64_t n = 1; n < 40; n++) {
        cairn__alloc_fail_after(n);
        cairn_graph *g = cairn_graph_new();
        cairn_scope_push(g, "s");
        cairn_tensor w = cairn_parameter(g, "w", CAIRN_SHAPE(8, 8), CAIRN_ONES);
        cairn_tensor y = cairn_sum(cairn_tanh(cairn_matmul(w, w)));
        for (int i = 0; i < 100; i++)
            y = cairn_add(y, y);
        cairn_output(y, "y");
        cairn_assign(w, cairn_scale(w, 2));
        cairn__alloc_fail_after(0);
        if (n < 5)
            CHECK(cairn_graph_status(g).code == CAIRN_ERR_MEMORY);
        cairn_graph_free(g);
    }
}
