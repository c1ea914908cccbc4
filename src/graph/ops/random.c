/* Random values, fresh in each step. The one input is the step, an i32 scalar.
 *
 *     at.stream        from the scope and the number of random ops before this one in the graph
 *     at.list[0]       the graph's seed
 *     at.list[1 ..]    the shape, at.axis its rank
 *
 * Element i takes word i % 4 of Philox(seed, stream, step * 2^40 + i / 4): any kernel that follows
 * this, in whatever order, gives the same values. Four elements to a position leave room for 2^42
 * elements and 2^24 steps before one step reaches into another. Where a batch comes in parts, a
 * part counts as a step here. */
#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "graph/graph.h"

/* Inverted, since the first value of a variable of that name has the stream of its name. */
static uint64_t next_stream(cairn_graph *g)
{
    const char *name = cairn__arena_text(&g->arena, &g->status, "%s/random/%d", g->scope,
                                         (int)g->randoms++);
    return name ? ~cairn_random_stream(name) : 0;
}

static cairn_tensor draw(const cairn_op *op, cairn_tensor step, cairn_shape shape)
{
    cairn_graph *g = step.graph;
    if (g->status.code != CAIRN_OK)
        return step;
    cairn__attributes at = {.axis = shape.rank, .stream = next_stream(g)};
    at.list[0] = (int64_t)g->seed;
    memcpy(at.list + 1, shape.size, (size_t)shape.rank * sizeof *at.list);
    return cairn__node(g, op, &step, 1, &at);
}

static cairn_tensor position(cairn_graph *g)
{
    cairn_tensor step = cairn_step(g);
    if (!cairn__in_parts(g) || g->status.code != CAIRN_OK)
        return step;
    cairn_tensor parts = cairn_fill(g, CAIRN_I32, CAIRN_SCALAR, (double)g->parts);
    return cairn_add(cairn_mul(step, parts), cairn__part_number(g));
}

cairn_tensor cairn_random_uniform(cairn_graph *g, cairn_shape shape)
{
    return draw(&cairn__op_random_uniform, position(g), shape);
}

cairn_tensor cairn_random_normal(cairn_graph *g, cairn_shape shape)
{
    return draw(&cairn__op_random_normal, position(g), shape);
}

cairn_tensor cairn_random_bernoulli(cairn_tensor probability)
{
    if (cairn__none(probability))
        return probability;
    cairn_tensor u = cairn_random_uniform(probability.graph, cairn_tensor_shape(probability));
    return cairn_cast(cairn_less(u, probability), CAIRN_F32);
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *step = g->nodes[n->input[0]];
    if (step->dtype != CAIRN_I32 || step->shape.rank != 0)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "the step must be an i32 scalar");
    n->shape.rank = (int)n->at.axis;
    memcpy(n->shape.size, n->at.list + 1, (size_t)n->shape.rank * sizeof *n->at.list);
    return true;
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    (void)shapes;
    uint64_t seed = (uint64_t)n->at.list[0], first = (uint64_t)(int64_t)in[0][0] << 40;
    int64_t count = cairn_shape_count(n->shape);
    bool normal = n->op == &cairn__op_random_normal;
    for (int64_t i = 0; i < count; i += 4) {
        uint32_t words[4];
        float values[4];
        cairn__philox(seed, n->at.stream, first + (uint64_t)i / 4, words);
        for (int j = 0; j < 4; j++)
            values[j] = cairn__uniform(words[j]);
        for (int j = 0; normal && j < 4; j += 2)
            cairn__normal_pair(words + j, values + j);
        for (int64_t j = 0; j < 4 && i + j < count; j++)
            out[i + j] = (double)values[j];
    }
}

#define RANDOM(NAME, TEXT, FLOPS)                                                                  \
    static double NAME##_flops(const cairn_graph *g, const cairn_node *n)                          \
    {                                                                                              \
        (void)g;                                                                                   \
        return FLOPS * (double)cairn_shape_count(n->shape);                                        \
    }                                                                                              \
    static cairn_tensor NAME##_matrix(const cairn_tensor *x)                                       \
    {                                                                                              \
        return draw(&cairn__op_random_##NAME, x[0], CAIRN_SHAPE(7, 19));                           \
    }                                                                                              \
    static cairn_tensor NAME##_scalar(const cairn_tensor *x)                                       \
    {                                                                                              \
        return draw(&cairn__op_random_##NAME, x[0], CAIRN_SCALAR);                                 \
    }                                                                                              \
    static cairn_tensor NAME##_long(const cairn_tensor *x)                                         \
    {                                                                                              \
        return draw(&cairn__op_random_##NAME, x[0], CAIRN_SHAPE(40003));                           \
    }                                                                                              \
    static cairn_tensor NAME##_empty(const cairn_tensor *x)                                        \
    {                                                                                              \
        return draw(&cairn__op_random_##NAME, x[0], CAIRN_SHAPE(3, 0));                            \
    }                                                                                              \
    static const cairn__sample NAME##_samples[] = {                                                \
        {.domain = {CAIRN__INDEX}, .limit = 100000, .build = NAME##_matrix},                       \
        {.domain = {CAIRN__INDEX}, .limit = 3, .build = NAME##_scalar},                            \
        {.domain = {CAIRN__INDEX}, .limit = 1, .build = NAME##_long},                              \
        {.domain = {CAIRN__INDEX}, .limit = 1, .build = NAME##_empty},                             \
        {.domain = {CAIRN__ANY}, .build = NAME##_matrix, .refusal = "must be an i32 scalar"},      \
        CAIRN__SAMPLES_END,                                                                        \
    };                                                                                             \
    const cairn_op cairn__op_random_##NAME = {                                                     \
        .name = "random_" #NAME,                                                                   \
        .summary = TEXT,                                                                           \
        .kind = CAIRN__OTHER,                                                                      \
        .inputs = 1,                                                                               \
        .shape = shape,                                                                            \
        .reference = reference,                                                                    \
        .no_gradient = "it does not depend on anything that is trained",                           \
        .flops = NAME##_flops,                                                                     \
        .samples = NAME##_samples,                                                                 \
    };

/* The operations of ten rounds of Philox, and of the logarithm, root, sine and cosine. */
RANDOM(uniform, "uniform in [0, 1), fresh in each step", 20)
RANDOM(normal, "standard normal, fresh in each step", 60)
