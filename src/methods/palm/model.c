/* PaLM's model and loss: see cairn/palm.h. */
#include "methods/palm/model.h"

#include <math.h>
#include <stdio.h>

#include "graph/graph.h"
#include "nn/nn.h"

/* ---- options --------------------------------------------------------------------------------- */

#define P cairn_palm_options
const cairn_option cairn_palm_table[] = {
    CAIRN_OPT_COUNT(P, layers, 4, 1, 1024, "blocks", "table 1"),
    CAIRN_OPT_COUNT(P, width, 128, 1, 1 << 20, "numbers of a token between blocks", "table 1"),
    CAIRN_OPT_COUNT(P, heads, 4, 1, 4096, "heads of queries", "table 1"),
    CAIRN_OPT_COUNT(P, head_size, 32, 2, 1 << 16, "numbers of a head, even", "section 2"),
    CAIRN_OPT_COUNT(P, hidden, 0, 0, 1 << 24,
                    "units of the feed-forward branch; 0: 4 width, 6 width without --gated",
                    "section 2"),
    CAIRN_OPT_FLAG(P, parallel, true, "add both branches of a block at once", "section 2"),
    CAIRN_OPT_FLAG(P, multi_query, true, "one head of keys and values for all heads of queries",
                   "section 2"),
    CAIRN_OPT_FLAG(P, gated, true, "SwiGLU; without it GELU", "section 2"),
    CAIRN_OPT_FLAG(P, interleaved, false,
                   "rotary pairs stand side by side instead of half a head apart", "section 2"),
    CAIRN_OPT_REAL(P, rotary_base, 10000, 1, 1e9, "base of the rotary angles", "section 2"),
    CAIRN_OPT_REAL(P, epsilon, 1e-6, 0, 1, "added to the variance in norms", ""),
    CAIRN_OPT_REAL(P, z_loss, 1e-4, 0, 1, "weight of log(Z)^2 in the loss", "section 5"),
    CAIRN_OPT_END,
};
#undef P

cairn_palm_options cairn_palm_defaults(void)
{
    cairn_palm_options o = {.vocabulary = 0};
    cairn_options_defaults(cairn_palm_table, &o);
    return o;
}

int64_t cairn__palm_kv_heads(const cairn_palm_options *o)
{
    return o->multi_query ? 1 : o->heads;
}

int64_t cairn__palm_hidden(const cairn_palm_options *o)
{
    return o->hidden ? o->hidden : (o->gated ? 4 : 6) * o->width;
}

bool cairn__palm_check(cairn_graph *g, const cairn_palm_options *o)
{
    cairn_status status = CAIRN_STATUS_INIT;
    if (!cairn__options_check(cairn_palm_table, o, &status))
        return cairn__graph_fail(g, status.code, "palm: %s", status.message);
    if (o->vocabulary < 1)
        return cairn__graph_fail(g, CAIRN_ERR_VALUE, "palm: a vocabulary of %lld, expected 1 or "
                                 "more", (long long)o->vocabulary);
    return o->head_size % 2 == 0 ||
           cairn__graph_fail(g, CAIRN_ERR_VALUE,
                             "palm: head_size %lld, expected an even number: its numbers are "
                             "turned in pairs",
                             (long long)o->head_size);
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* Source: section 5, weight initialization. */
static cairn_tensor matrix(cairn_graph *g, const char *name, int64_t inputs, int64_t outputs)
{
    const cairn_init init = {CAIRN_INIT_NORMAL, 1 / sqrt((double)inputs)};
    return cairn_parameter(g, name, CAIRN_SHAPE(inputs, outputs), init);
}

cairn_tensor cairn__palm_table(cairn_graph *g, const cairn_palm_options *o)
{
    return cairn_parameter(g, "token", CAIRN_SHAPE(o->vocabulary, o->width),
                           (cairn_init){CAIRN_INIT_NORMAL, 1});
}

const char *cairn__palm_block(int64_t layer, char name[CAIRN__PALM_NAME])
{
    snprintf(name, CAIRN__PALM_NAME, "block%lld", (long long)layer + 1);
    return name;
}

cairn_tensor cairn_palm_halves(cairn_tensor x, int64_t heads)
{
    cairn_shape s = cairn_tensor_shape(x);
    if (cairn__none(x))
        return x;
    if (s.rank != 2 || heads < 1 || s.size[1] % (2 * heads) != 0) {
        cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE,
                          "palm halves: expected [n, heads head_size] with an even head_size");
        return x;
    }
    const int order[] = {0, 1, 3, 2};
    x = cairn_reshape(x, CAIRN_SHAPE(s.size[0], heads, s.size[1] / heads / 2, 2));
    return cairn_reshape(cairn_transpose(x, order), s);
}

cairn__palm_matrices cairn__palm_matrices_of(cairn_graph *g, const cairn_palm_options *o)
{
    int64_t d = o->width, n = cairn__palm_hidden(o), q = o->heads * o->head_size;
    int64_t heads = cairn__palm_kv_heads(o), kv = heads * o->head_size;
    cairn__palm_matrices m = {
        .query = matrix(g, "query", d, q),
        .key = matrix(g, "key", d, kv),
        .value = matrix(g, "value", d, kv),
        .attention_output = matrix(g, "attention_output", q, d),
        .hidden = matrix(g, "hidden", d, n),
        .output = matrix(g, "output", n, d),
    };
    if (o->gated)
        m.gate = matrix(g, "gate", d, n);
    /* Turned alike, queries and keys have the same products in any order of their numbers. */
    if (o->interleaved) {
        m.query = cairn_palm_halves(m.query, o->heads);
        m.key = cairn_palm_halves(m.key, heads);
    }
    return m;
}

cairn_tensor cairn__palm_gate(cairn_tensor a, cairn_tensor b, const cairn_palm_options *o)
{
    if (!o->gated)
        return cairn_gelu(b);
    return cairn_mul(cairn_mul(a, cairn_sigmoid(a)), b);
}

cairn_tensor cairn__palm_logits(cairn_tensor x, cairn_tensor table, const cairn_palm_options *o)
{
    x = cairn_layer_norm(x, "norm", o->epsilon, false);
    return cairn_scale(cairn_matmul_transposed(x, false, table, true),
                       1 / sqrt((double)o->width));
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* u times several matrices as one. All that a parallel block reads as one product took longer than
 * these two: its parts are far apart in each row, and have to be copied for what follows. */
static cairn_tensor product(cairn_tensor u, const cairn_tensor *matrices, int n)
{
    return cairn_matmul(u, cairn_concat(matrices, n, 1));
}

/* qkv: rows [B T, (heads + 2 kv_heads) head_size]; turned: room for what stands in palm.h. */
static cairn_tensor attend(cairn_tensor qkv, int64_t B, const cairn_palm_options *o,
                           const cairn__palm_matrices *m, cairn_tensor *turned)
{
    int64_t kv = cairn__palm_kv_heads(o), rows = cairn_tensor_shape(qkv).size[0];
    qkv = cairn_reshape(qkv, CAIRN_SHAPE(B, rows / B, o->heads + 2 * kv, o->head_size));
    qkv = cairn_rotary(qkv, o->heads + kv, 0, o->rotary_base);
    if (turned)
        *turned = qkv;
    const cairn_attention_options attention = {.causal = true};
    cairn_tensor y = cairn_self_attention(qkv, o->heads, kv, &attention);
    return cairn_matmul(cairn_reshape(y, CAIRN_SHAPE(rows, o->heads * o->head_size)),
                        m->attention_output);
}

/* hidden: rows [B T, units or 2 units], the gate first. */
static cairn_tensor feed(cairn_tensor hidden, const cairn_palm_options *o,
                         const cairn__palm_matrices *m)
{
    int64_t n = cairn__palm_hidden(o);
    cairn_tensor gate = o->gated ? cairn_slice(hidden, 1, 0, n, 1) : hidden;
    cairn_tensor up = o->gated ? cairn_slice(hidden, 1, n, n, 1) : hidden;
    return cairn_matmul(cairn__palm_gate(gate, up, o), m->output);
}

/* x: rows [B T, width]. */
static cairn_tensor block(cairn_tensor x, int64_t B, const cairn_palm_options *o,
                          cairn_tensor *turned)
{
    const cairn__palm_matrices m = cairn__palm_matrices_of(x.graph, o);
    const cairn_tensor first[] = {m.query, m.key, m.value, o->gated ? m.gate : m.hidden, m.hidden};
    int n = o->gated ? 2 : 1;
    cairn_tensor u = cairn_layer_norm(x, "norm", o->epsilon, false);
    if (o->parallel) {
        cairn_tensor a = attend(product(u, first, 3), B, o, &m, turned);
        return cairn_add(x, cairn_add(a, feed(product(u, first + 3, n), o, &m)));
    }
    x = cairn_add(x, attend(product(u, first, 3), B, o, &m, turned));
    u = cairn_layer_norm(x, "norm2", o->epsilon, false);
    return cairn_add(x, feed(product(u, first + 3, n), o, &m));
}

cairn_tensor cairn__palm_rows(cairn_tensor tokens, cairn_tensor table, const cairn_palm_options *o,
                              cairn_tensor *qkv)
{
    char name[CAIRN__PALM_NAME];
    cairn_graph *g = tokens.graph;
    int64_t B = cairn_tensor_shape(tokens).size[0];
    cairn_tensor x = cairn__as_rows(cairn_gather(table, tokens, 0));
    for (int64_t i = 0; i < o->layers && !cairn__none(x); i++) {
        cairn_scope_push(g, cairn__palm_block(i, name));
        x = block(x, B, o, qkv ? &qkv[i] : NULL);
        cairn_scope_pop(g);
    }
    return x;
}

cairn_tensor cairn_palm(cairn_tensor tokens, const cairn_palm_options *o)
{
    char text[CAIRN_SHAPE_TEXT];
    cairn_shape s = cairn_tensor_shape(tokens);
    if (cairn__none(tokens) || !cairn__palm_check(tokens.graph, o))
        return tokens;
    if (s.rank != 2 || s.size[0] < 1 || cairn_tensor_dtype(tokens) != CAIRN_I32) {
        cairn__graph_fail(tokens.graph, CAIRN_ERR_SHAPE, "palm: tokens %s %s, expected i32 [B, T]",
                          cairn_dtype_name(cairn_tensor_dtype(tokens)), cairn_shape_text(s, text));
        return tokens;
    }
    cairn_tensor table = cairn__palm_table(tokens.graph, o);
    cairn_tensor x = cairn__palm_logits(cairn__palm_rows(tokens, table, o, NULL), table, o);
    return cairn_reshape(x, CAIRN_SHAPE(s.size[0], s.size[1], o->vocabulary));
}

/* ---- the loss -------------------------------------------------------------------------------- */

cairn_palm_loss cairn_palm_losses(cairn_tensor logits, cairn_tensor labels, double z_loss)
{
    int rank = cairn_tensor_shape(logits).rank;
    cairn_palm_loss l = {logits, logits, logits, logits};
    if (cairn__none(logits) || rank < 1)
        return l;
    cairn_tensor log_z = cairn_reduce_logsumexp(cairn_stop_gradient(logits),
                                                CAIRN_AXIS(rank - 1), false);
    l.total = cairn_mean(cairn_softmax_cross_entropy(logits, labels, 0, z_loss));
    l.z = cairn_scale(cairn_mean(cairn_square(log_z)), z_loss);
    l.cross_entropy = cairn_sub(l.total, l.z);
    l.log_z = cairn_mean(log_z);
    return l;
}
