/* Transformers: blocks, stacks of them, language models.
 * Source: Vaswani et al. 2017. arXiv:1706.03762; norm before each branch: Xiong et al. 2020.
 * arXiv:2002.04745 */
#include <math.h>
#include <stdio.h>

#include "nn/nn.h"

cairn_transformer_options cairn_transformer_defaults(int layers, int64_t width, int64_t heads)
{
    cairn_transformer_options o = {.layers = layers, .width = width, .hidden = 4 * width};
    o.attention = cairn_multihead_defaults(heads);
    o.activation.kind = CAIRN_ACTIVATION_gelu;
    o.bias = true;
    o.epsilon = 1e-5;
    o.deviation = 0.02;
    return o;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static cairn_tensor norm(cairn_tensor x, const char *name, const cairn_transformer_options *o)
{
    return o->rms_norm ? cairn_rms_norm(x, name, o->epsilon)
                       : cairn_layer_norm(x, name, o->epsilon, o->bias);
}

static cairn_init normal(double deviation)
{
    return (cairn_init){CAIRN_INIT_NORMAL, deviation};
}

/* Projections into the sum start smaller, by the root of their number. Source: Radford et al. 2019,
 * section 2.3. */
static cairn_init into_sum(const cairn_transformer_options *o)
{
    return normal(o->deviation / sqrt(2.0 * (o->layers > 0 ? o->layers : 1)));
}

/* Gated: activation(x W) o (x V), as one product. Source: Shazeer 2020. arXiv:2002.05202 */
static cairn_tensor feed_forward(cairn_tensor x, const cairn_transformer_options *o)
{
    cairn_scope_push(x.graph, "mlp");
    cairn_tensor h =
        cairn__project(x, (o->gated ? 2 : 1) * o->hidden, "hidden", o->bias, normal(o->deviation));
    if (o->gated)
        h = cairn_mul(cairn_activate(cairn_slice(h, -1, 0, o->hidden, 1), o->activation),
                      cairn_slice(h, -1, o->hidden, o->hidden, 1));
    else
        h = cairn_activate(h, o->activation);
    h = cairn__project(h, o->width, "output", o->bias, into_sum(o));
    cairn_scope_pop(x.graph);
    return h;
}

static cairn_tensor attend(cairn_tensor x, const cairn_tensor *context, const char *name,
                           const cairn_transformer_options *o)
{
    cairn_multihead_options attention = o->attention;
    attention.bias = o->bias;
    attention.init = normal(o->deviation);
    attention.output_init = into_sum(o);
    if (context) {
        attention.causal = false;
        attention.mask = o->context_mask;
    }
    return cairn_multihead_attention(x, context, name, &attention);
}

/* A branch, for training. */
static cairn_tensor thinned(cairn_tensor branch, const cairn_transformer_options *o)
{
    return cairn_stochastic_depth(cairn_dropout(branch, o->dropout), o->stochastic_depth);
}

cairn_tensor cairn_transformer_block(cairn_tensor x, const cairn_tensor *context, const char *name,
                                     const cairn_transformer_options *o)
{
    if (cairn__none(x))
        return x;
    cairn_scope_push(x.graph, name);
    if (o->recompute)
        cairn_recompute_push(x.graph);
    cairn_tensor n = norm(x, "norm1", o), branch = attend(n, NULL, "attention", o);
    if (o->parallel) {
        branch = cairn_add(branch, feed_forward(n, o));
    } else {
        x = cairn_add(x, thinned(branch, o));
        if (context)
            x = cairn_add(
                x, thinned(attend(norm(x, "norm_context", o), context, "context", o), o));
        branch = feed_forward(norm(x, "norm2", o), o);
    }
    branch = thinned(branch, o);
    if (o->recompute)
        cairn_recompute_pop(x.graph);
    cairn_scope_pop(x.graph);
    return cairn_add(x, branch);
}

cairn_tensor cairn_transformer_stack(cairn_tensor x, const cairn_tensor *context,
                                     const cairn_transformer_options *o)
{
    char text[CAIRN_SHAPE_TEXT], name[32];
    cairn_shape s = cairn_tensor_shape(x);
    if (cairn__none(x))
        return x;
    if (s.rank != 3 || s.size[2] != o->width) {
        cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE, "transformer: input %s, expected [B, T, %lld]",
                          cairn_shape_text(s, text), (long long)o->width);
        return x;
    }
    for (int i = 0; i < o->layers; i++) {
        snprintf(name, sizeof name, "block%d", i + 1);
        x = cairn_transformer_block(x, context, name, o);
    }
    return norm(x, "norm", o);
}

/* ---- language models ------------------------------------------------------------------------- */

cairn_gpt_options cairn_gpt_defaults(void)
{
    cairn_gpt_options o = {.vocabulary = 50257, .positions = 1024, .tied = true};
    o.blocks = cairn_transformer_defaults(12, 768, 12);
    o.blocks.attention.causal = true;
    o.blocks.activation.kind = CAIRN_ACTIVATION_gelu_tanh;
    return o;
}

static bool has_tokens(cairn_tensor tokens, const char *model, int64_t positions)
{
    char text[CAIRN_SHAPE_TEXT];
    cairn_shape s = cairn_tensor_shape(tokens);
    if (cairn__none(tokens))
        return false;
    if (s.rank != 2 || cairn_tensor_dtype(tokens) != CAIRN_I32)
        return cairn__graph_fail(
            tokens.graph, CAIRN_ERR_SHAPE, "%s: tokens %s %s, expected i32 [B, T]", model,
            cairn_dtype_name(cairn_tensor_dtype(tokens)), cairn_shape_text(s, text));
    return positions <= 0 || s.size[1] <= positions ||
           cairn__graph_fail(tokens.graph, CAIRN_ERR_SHAPE,
                             "%s: %lld tokens in a row, expected at most %lld positions", model,
                             (long long)s.size[1], (long long)positions);
}

/* Entries of the table for each token, and of the positions if there are any: [B, T, width]. */
static cairn_tensor embed(cairn_tensor tokens, cairn_tensor table, int64_t positions,
                          const cairn_transformer_options *o)
{
    cairn_tensor x = cairn_gather(table, tokens, 0);
    if (positions > 0) {
        cairn_tensor where = cairn_parameter(
            tokens.graph, "position", CAIRN_SHAPE(positions, o->width), normal(o->deviation));
        x = cairn_add(x, cairn_slice(where, 0, 0, cairn_tensor_shape(tokens).size[1], 1));
    }
    return cairn_dropout(x, o->dropout);
}

/* [B, T, width] to logits, by the table of the tokens or by one of their own. */
static cairn_tensor to_vocabulary(cairn_tensor x, cairn_tensor table, int64_t vocabulary, bool tied,
                                  const cairn_transformer_options *o)
{
    cairn_shape s = cairn_tensor_shape(x);
    if (cairn__none(x))
        return x;
    if (!tied)
        return cairn__project(x, vocabulary, "head", false, normal(o->deviation));
    s.size[2] = vocabulary;
    return cairn_reshape(cairn_matmul_transposed(cairn__as_rows(x), false, table, true), s);
}

cairn_tensor cairn_gpt(cairn_tensor tokens, const cairn_gpt_options *o)
{
    const cairn_transformer_options *b = &o->blocks;
    int64_t positions = b->attention.rotary_base > 0 ? 0 : o->positions;
    if (!has_tokens(tokens, "gpt", positions))
        return tokens;
    cairn_tensor table = cairn_parameter(
        tokens.graph, "token", CAIRN_SHAPE(o->vocabulary, b->width), normal(b->deviation));
    cairn_tensor x = cairn_transformer_stack(embed(tokens, table, positions, b), NULL, b);
    return to_vocabulary(x, table, o->vocabulary, o->tied, b);
}

cairn_tensor cairn_encoder_decoder(cairn_tensor source, cairn_tensor target,
                                   const cairn_encoder_decoder_options *o)
{
    if (!has_tokens(source, "encoder-decoder", o->positions) ||
        !has_tokens(target, "encoder-decoder", o->positions))
        return source;
    cairn_graph *g = source.graph;
    cairn_tensor table = cairn_parameter(g, "token", CAIRN_SHAPE(o->vocabulary, o->encoder.width),
                                         normal(o->encoder.deviation));
    cairn_scope_push(g, "encoder");
    cairn_tensor x =
        cairn_transformer_stack(embed(source, table, o->positions, &o->encoder), NULL, &o->encoder);
    cairn_scope_pop(g);
    cairn_scope_push(g, "decoder");
    cairn_tensor y =
        cairn_transformer_stack(embed(target, table, o->positions, &o->decoder), &x, &o->decoder);
    y = to_vocabulary(y, table, o->vocabulary, o->tied, &o->decoder);
    cairn_scope_pop(g);
    return y;
}
