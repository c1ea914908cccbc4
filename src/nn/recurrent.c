/* Recurrent layers and the language model made of them. */
#include <math.h>
#include <stdio.h>

#include "nn/nn.h"

const char *const cairn_recurrent_names[] = {
#define CAIRN_X(name, text) #name,
    CAIRN_RECURRENT_KINDS(CAIRN_X)
#undef CAIRN_X
        NULL,
};

cairn_recurrent_options cairn_recurrent_defaults(cairn_recurrent_kind kind, int64_t units)
{
    return (cairn_recurrent_options){.kind = kind, .units = units, .layers = 1, .forget_bias = 1};
}

static int64_t gates_of(cairn_recurrent_kind kind)
{
    return kind == CAIRN_RECURRENT_lstm ? 4 : 3;
}

/* Adds the forget bias to that block of the bias [G H]. */
static cairn_tensor with_forget_bias(cairn_tensor bias, const cairn_recurrent_options *o)
{
    if (o->kind == CAIRN_RECURRENT_gru || o->forget_bias == 0 || cairn__none(bias))
        return bias;
    const int64_t n = gates_of(o->kind) * o->units;
    const int64_t first = o->kind == CAIRN_RECURRENT_lstm ? o->units : 0;
    float *extra = cairn__alloc((size_t)n, sizeof *extra, &bias.graph->status);
    for (int64_t i = first; extra && i < first + o->units; i++)
        extra[i] = (float)o->forget_bias;
    if (extra)
        bias = cairn_add(bias, cairn_constant(bias.graph, CAIRN_F32, CAIRN_SHAPE(n), extra));
    cairn__free(extra);
    return bias;
}

/* One layer: the input's part of all steps as one product, then the steps. */
static cairn_tensor one_layer(cairn_tensor x, const cairn_recurrent_options *o,
                              const cairn_tensor *start, cairn_tensor *last)
{
    const cairn_shape shape = cairn_tensor_shape(x);
    const int64_t T = shape.size[0], B = shape.size[1], GH = gates_of(o->kind) * o->units;
    const bool gru = o->kind == CAIRN_RECURRENT_gru;
    const cairn_init init = {CAIRN_INIT_UNIFORM, 1 / sqrt((double)o->units)};
    cairn_graph *g = x.graph;
    cairn_tensor input = cairn_parameter(g, "input_weight", CAIRN_SHAPE(shape.size[2], GH), init);
    cairn_tensor weight = cairn_parameter(g, "weight", CAIRN_SHAPE(o->units + gru, GH), init);
    cairn_tensor bias = with_forget_bias(cairn_parameter(g, "bias", CAIRN_SHAPE(GH), init), o);
    cairn_tensor gx = cairn_add(cairn_matmul(cairn__as_rows(x), input), bias), first;
    first = start ? *start : cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(gru ? 1 : 2, B, o->units), 0);
    return cairn_recurrent(o->kind, cairn_reshape(gx, CAIRN_SHAPE(T, B, GH)),
                           cairn_dropout(weight, o->weight_dropout), first, last);
}

static bool acceptable(cairn_tensor x, const char *name, const cairn_recurrent_options *o)
{
    char text[CAIRN_SHAPE_TEXT];
    if (cairn__none(x))
        return false;
    if (cairn_tensor_shape(x).rank == 3 && o->units > 0 && o->layers > 0 && o->projection >= 0 &&
        (unsigned)o->kind < CAIRN_N_RECURRENT_KINDS)
        return true;
    return cairn__graph_fail(x.graph, CAIRN_ERR_VALUE,
                             "recurrent layer '%s': input %s, kind %d, %lld units, %d layers, "
                             "projection %lld; expected [T, B, in], one of %d kinds, at least 1 "
                             "unit and layer",
                             name, cairn_shape_text(cairn_tensor_shape(x), text), (int)o->kind,
                             (long long)o->units, o->layers, (long long)o->projection,
                             CAIRN_N_RECURRENT_KINDS);
}

cairn_tensor cairn_recurrent_layer(cairn_tensor x, const char *name,
                                   const cairn_recurrent_options *o, const cairn_tensor *start,
                                   cairn_tensor *last)
{
    const bool good = acceptable(x, name, o);
    for (int i = 0; last && i < o->layers; i++)
        last[i] = x; /* something harmless when the graph is in error */
    if (!good)
        return x;
    cairn_scope_push(x.graph, name);
    for (int i = 0; i < o->layers && !cairn__none(x); i++) {
        char layer[32];
        snprintf(layer, sizeof layer, "layer%d", i + 1);
        cairn_scope_push(x.graph, layer);
        x = one_layer(i ? cairn_dropout(x, o->dropout) : x, o, start ? start + i : NULL,
                      last ? last + i : NULL);
        if (o->projection)
            x = cairn__project(x, o->projection, "projection", true,
                               (cairn_init){CAIRN_INIT_GLOROT_UNIFORM, 1});
        cairn_scope_pop(x.graph);
    }
    cairn_scope_pop(x.graph);
    return x;
}

/* ---- the language model ---------------------------------------------------------------------- */

cairn_recurrent_language_options cairn_recurrent_language_defaults(void)
{
    cairn_recurrent_language_options o = {.vocabulary = 10004, .embedding = 96};
    o.layers = cairn_recurrent_defaults(CAIRN_RECURRENT_lstm, 670);
    o.layers.projection = 96;
    return o;
}

cairn_tensor cairn_recurrent_language_model(cairn_tensor tokens,
                                            const cairn_recurrent_language_options *o)
{
    char text[CAIRN_SHAPE_TEXT];
    if (cairn__none(tokens))
        return tokens;
    const cairn_shape shape = cairn_tensor_shape(tokens);
    cairn_graph *g = tokens.graph;
    if (shape.rank != 2 || o->vocabulary < 1 || o->embedding < 1) {
        cairn__graph_fail(g, CAIRN_ERR_VALUE,
                          "recurrent language model: tokens %s, %lld words, embedding %lld; "
                          "expected [T, B], and at least 1 of both",
                          cairn_shape_text(shape, text), (long long)o->vocabulary,
                          (long long)o->embedding);
        return tokens;
    }
    cairn_tensor table = cairn_parameter(g, "embedding", CAIRN_SHAPE(o->vocabulary, o->embedding),
                                         (cairn_init){CAIRN_INIT_UNIFORM, 0.05});
    cairn_tensor x = cairn_gather(table, tokens, 0);
    x = cairn_recurrent_layer(x, "recurrent", &o->layers, NULL, NULL);
    return cairn__project(x, o->vocabulary, "output", true,
                          (cairn_init){CAIRN_INIT_GLOROT_UNIFORM, 1});
}
