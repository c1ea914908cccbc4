/* Values computed again instead of being kept: less memory, the same training. */
#include "cairn/compile.h"
#include "cairn/loss.h"
#include "cairn/nn.h"
#include "cairn/optim.h"
#include "test.h"

enum { B = 4, T = 32, VOCABULARY = 50, STEPS = 4 };

typedef struct run {
    double loss[STEPS];
    cairn_program_cost cost;
    cairn_status status;
} run;

/* A small GPT with dropout, whose masks must be those of the first computation. */
static run train(bool annotated, int64_t memory)
{
    run r = {.status = CAIRN_STATUS_INIT};
    int32_t tokens[B * T], labels[B * T];
    cairn_graph *g = cairn_graph_new();
    cairn_graph_memory(g, memory);
    cairn_gpt_options o = cairn_gpt_defaults();
    o.vocabulary = VOCABULARY;
    o.positions = T;
    o.blocks = cairn_transformer_defaults(6, 32, 2);
    o.blocks.attention.causal = true;
    o.blocks.dropout = 0.2;
    o.blocks.recompute = annotated;
    cairn_tensor x = cairn_input(g, "tokens", CAIRN_I32, CAIRN_SHAPE(B, T));
    cairn_tensor label = cairn_input(g, "labels", CAIRN_I32, CAIRN_SHAPE(B * T));
    cairn_tensor logits = cairn_reshape(cairn_gpt(x, &o), CAIRN_SHAPE(B * T, VOCABULARY));
    cairn_tensor loss = cairn_mean(cairn_cross_entropy(logits, label));
    cairn_output(loss, "loss");
    cairn_sgd_options sgd = cairn_sgd_defaults();
    sgd.learning_rate = 0.1;
    cairn_sgd(g, loss, &sgd);
    cairn_program *p = cairn_compile(g, cairn_cpu(), &r.status);
    for (int i = 0; i < B * T; i++) {
        tokens[i] = i * 7 % VOCABULARY;
        labels[i] = (i * 7 + 3) % VOCABULARY;
    }
    for (int i = 0; p && i < STEPS; i++) {
        cairn_program_feed(p, "tokens", tokens, sizeof tokens, &r.status);
        cairn_program_feed(p, "labels", labels, sizeof labels, &r.status);
        cairn_program_run(p, &r.status);
        r.loss[i] = cairn_program_scalar(p, "loss", &r.status);
    }
    if (p)
        r.cost = cairn_program_costs(p);
    cairn_program_free(p);
    cairn_graph_free(g);
    return r;
}

/* Programs that are fused otherwise may round otherwise: some 2^-24 of a loss of 4 in a step. */
static void check_same(const run *a, const run *b)
{
    CHECK_OK(b->status);
    for (int i = 0; i < STEPS; i++)
        CHECK_NEAR(a->loss[i], b->loss[i], 4e-6);
}

TEST(annotated_blocks_need_less_memory_and_more_operations)
{
    run plain = train(false, 0), again = train(true, 0);
    CHECK_OK(plain.status);
    check_same(&plain, &again);
    CHECK(plain.loss[STEPS - 1] < plain.loss[0]);
    test_check(again.cost.arena_bytes < 0.6 * (double)plain.cost.arena_bytes, __FILE__, __LINE__,
               "%zu of %zu bytes", again.cost.arena_bytes, plain.cost.arena_bytes);
    /* At most one more forward pass, which is a third of a step. */
    CHECK(again.cost.flops > plain.cost.flops);
    CHECK(again.cost.flops < 1.34 * plain.cost.flops);
}

TEST(a_limit_is_kept_at_the_lowest_price_that_is_found)
{
    run plain = train(false, 0);
    const double bytes = (double)(plain.cost.arena_bytes + plain.cost.variable_bytes);
    double flops = plain.cost.flops;
    for (int percent = 100; percent >= 70; percent -= 10) {
        const int64_t limit = (int64_t)(bytes * percent / 100);
        run r = train(false, limit);
        check_same(&plain, &r);
        CHECK((int64_t)(r.cost.arena_bytes + r.cost.variable_bytes) <= limit);
        CHECK(r.cost.flops >= flops);
        flops = r.cost.flops;
    }
    CHECK(flops > plain.cost.flops);
}

TEST(a_limit_that_cannot_be_kept_is_an_error)
{
    run r = train(false, 1000);
    CHECK_INT(r.status.code, CAIRN_ERR_MEMORY);
    CHECK_CONTAINS(r.status.message, "at least, and 1000 are allowed");
}

TEST(a_pop_needs_a_push)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_graph *g = cairn_graph_new();
    cairn_recompute_pop(g);
    CHECK(!cairn_compile(g, cairn_cpu(), &status));
    CHECK_CONTAINS(status.message, "without a push");
    cairn_graph_free(g);
}
