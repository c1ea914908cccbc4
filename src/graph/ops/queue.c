/* Places in queues of limited length: of tokens at the experts they chose.
 *
 * Inputs: choices i32 [K, G, S], and maybe order i32 [G, S], the tokens of each group from first to
 * last. at.axis: the number of queues; at.list[0]: the capacity of each, in one group. */
#include "graph/graph.h"

cairn_tensor cairn_queue(cairn_tensor choices, const cairn_tensor *order, int64_t queues,
                         int64_t capacity)
{
    cairn_tensor inputs[2] = {choices, order ? *order : choices};
    return cairn__node(choices.graph, &cairn__op_queue, inputs, order ? 2 : 1,
                       &(cairn__attributes){.axis = queues, .list = {capacity}});
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *choices = g->nodes[n->input[0]];
    const cairn_shape s = choices->shape;
    const int64_t queues = n->at.axis, capacity = n->at.list[0];
    n->dtype = CAIRN_I32;
    n->shape = s;
    for (int i = 0; i < n->inputs; i++)
        if (g->nodes[n->input[i]]->dtype != CAIRN_I32)
            return cairn__refuse(g, n, CAIRN_ERR_TYPE, "choices and order must be i32");
    if (s.rank != 3)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "choices must be [choices, groups, tokens]");
    if (n->inputs == 2 &&
        !cairn_shape_equal(g->nodes[n->input[1]]->shape, CAIRN_SHAPE(s.size[1], s.size[2])))
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "the order must be [groups, tokens]");
    if (queues < 1 || capacity < 1 || queues > INT32_MAX || capacity > INT32_MAX ||
        (double)queues * (double)capacity * (double)s.size[1] > INT32_MAX)
        return cairn__refuse(g, n, CAIRN_ERR_VALUE,
                             "%lld queues of %lld places for each of %lld groups; expected at "
                             "least 1 of both, and less than 2^31 places in all",
                             (long long)queues, (long long)capacity, (long long)s.size[1]);
    return true;
}

/* The token that comes at place i of the group; -1 where the order names none. */
static int64_t token_at(const double *order, int64_t i, int64_t S)
{
    if (!order)
        return i;
    return order[i] >= 0 && order[i] < (double)S ? (int64_t)order[i] : -1;
}

/* Those that joined `queue` before step `end`; a step is a token's k-th choice, k = step / S. */
static int64_t ahead(const double *choices, const double *order, int64_t end, double queue,
                     cairn_shape s)
{
    const int64_t G = s.size[1], S = s.size[2];
    int64_t count = 0;
    for (int64_t step = 0; step < end; step++) {
        int64_t token = token_at(order, step % S, S);
        count += token >= 0 && choices[step / S * G * S + token] == queue;
    }
    return count;
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    const cairn_shape s = shapes[0];
    const int64_t K = s.size[0], G = s.size[1], S = s.size[2], capacity = n->at.list[0];
    for (int64_t i = 0; i < K * G * S; i++)
        out[i] = -1;
    for (int64_t g = 0; g < G; g++) {
        const double *choices = in[0] + g * S, *order = n->inputs == 2 ? in[1] + g * S : NULL;
        for (int64_t step = 0; step < K * S; step++) {
            int64_t token = token_at(order, step % S, S), at = step / S * G * S + token;
            if (token < 0 || !(choices[at] >= 0 && choices[at] < (double)n->at.axis))
                continue;
            int64_t place = ahead(choices, order, step, choices[at], s);
            out[g * S + at] =
                place < capacity
                    ? (choices[at] * (double)G + (double)g) * (double)capacity + (double)place
                    : -1;
        }
    }
}

static cairn_tensor in_order_of_tokens(const cairn_tensor *x)
{
    return cairn_queue(x[0], NULL, 4, 5);
}

static cairn_tensor in_given_order(const cairn_tensor *x)
{
    return cairn_queue(x[0], &x[1], 3, 4);
}

static cairn_tensor without_places(const cairn_tensor *x)
{
    return cairn_queue(x[0], NULL, 4, 0);
}

static const cairn__sample samples[] = {
    {.shape = {{3, {2, 3, 11}}}, .domain = {CAIRN__INDEX}, .limit = 5, .build = in_order_of_tokens},
    {.shape = {{3, {1, 2, 9}}, {2, {2, 9}}},
     .domain = {CAIRN__INDEX, CAIRN__INDEX},
     .limit = 10,
     .build = in_given_order},
    {.shape = {{3, {2, 1, 6}}, {2, {1, 6}}},
     .domain = {CAIRN__INDEX, CAIRN__INDEX},
     .limit = 3,
     .build = in_given_order},
    {.shape = {{3, {2, 3, 0}}}, .domain = {CAIRN__INDEX}, .limit = 4, .build = in_order_of_tokens},
    {.shape = {{3, {2, 3, 5}}},
     .domain = {CAIRN__INDEX},
     .limit = 4,
     .build = without_places,
     .refusal = "4 queues of 0 places"},
    {.shape = {{2, {3, 5}}},
     .domain = {CAIRN__INDEX},
     .limit = 4,
     .build = in_order_of_tokens,
     .refusal = "[choices, groups, tokens]"},
    {.shape = {{3, {1, 2, 9}}, {2, {2, 8}}},
     .domain = {CAIRN__INDEX, CAIRN__INDEX},
     .limit = 3,
     .build = in_given_order,
     .refusal = "the order must be [groups, tokens]"},
    {.shape = {{3, {1, 2, 9}}}, .build = in_order_of_tokens, .refusal = "must be i32"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_queue = {
    .name = "queue",
    .summary = "places in queues of limited length",
    .kind = CAIRN__OTHER,
    .inputs = -1,
    .shape = shape,
    .reference = reference,
    .no_gradient = "places are whole numbers",
    .samples = samples,
};
