/* Dense layers and stacks of them. */
#include <math.h>
#include <stdio.h>

#include "cairn/nn.h"
#include "graph/graph.h"

cairn_dense_options cairn_dense_defaults(int64_t units)
{
    return (cairn_dense_options){.units = units,
                                 .bias = true,
                                 .weight_init = {CAIRN_INIT_GLOROT_UNIFORM, 1},
                                 .bias_init = CAIRN_ZEROS};
}

cairn_dense cairn_dense_layer(cairn_tensor x, const char *name, const cairn_dense_options *options)
{
    cairn_dense layer = {.x = x, .y = x, .z = x, .weight = x, .activation = options->activation};
    cairn_shape shape = cairn_tensor_shape(x);
    char text[CAIRN_SHAPE_TEXT];
    if (cairn__none(x))
        return layer;
    if (shape.rank != 2) {
        cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE, "dense layer '%s': input %s, expected [B, in]",
                          name, cairn_shape_text(shape, text));
        return layer;
    }
    cairn_scope_push(x.graph, name);
    layer.weight = cairn_parameter(x.graph, "weight", CAIRN_SHAPE(shape.size[1], options->units),
                                   options->weight_init);
    layer.z = cairn_matmul(x, layer.weight);
    if (options->bias) {
        layer.bias =
            cairn_parameter(x.graph, "bias", CAIRN_SHAPE(options->units), options->bias_init);
        layer.z = cairn_add(layer.z, layer.bias);
    }
    layer.y = cairn_activate(layer.z, options->activation);
    cairn_scope_pop(x.graph);
    return layer;
}

cairn_tensor cairn_linear(cairn_tensor x, int64_t units, const char *name)
{
    cairn_dense_options options = cairn_dense_defaults(units);
    return cairn_dense_layer(x, name, &options).y;
}

/* ---- stacks ---------------------------------------------------------------------------------- */

cairn_mlp_options cairn_mlp_defaults(const int64_t *units, int layers)
{
    cairn_mlp_options o = {.layers = layers, .linear_layer = -1};
    o.hidden.kind = CAIRN_ACTIVATION_relu;
    for (int i = 0; i < layers && i < CAIRN_MLP_LAYERS; i++)
        o.units[i] = units[i];
    return o;
}

cairn_tensor cairn_mlp(cairn_tensor x, const cairn_mlp_options *o, cairn_dense *layers)
{
    if (!cairn__none(x) && (o->layers < 1 || o->layers > CAIRN_MLP_LAYERS))
        cairn__graph_fail(x.graph, CAIRN_ERR_VALUE, "mlp: %d layers, expected 1 to %d", o->layers,
                          CAIRN_MLP_LAYERS);
    for (int i = 0; i < o->layers && !cairn__none(x); i++) {
        char name[32];
        cairn_dense_options layer = cairn_dense_defaults(o->units[i]);
        bool last = i == o->layers - 1;
        snprintf(name, sizeof name, "layer%d", i + 1);
        if (i != o->linear_layer)
            layer.activation = last ? o->output : o->hidden;
        if (o->bias_scale != 0)
            layer.bias_init = (cairn_init){CAIRN_INIT_UNIFORM,
                                           o->bias_scale * sqrt(3 / (double)o->units[i])};
        layers[i] = cairn_dense_layer(x, name, &layer);
        x = layers[i].y;
    }
    return x;
}

cairn_mlp_options cairn_autoencoder_defaults(int64_t inputs, double width, int depth)
{
    const int64_t half[] = {1000, 500, 250};
    cairn_mlp_options o = {.hidden = {CAIRN_ACTIVATION_tanh, 0}, .bias_scale = 1};
    int n = 0;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < (i == 1 ? depth : 1) && n < CAIRN_MLP_LAYERS / 2 - 1; k++)
            o.units[n++] = (int64_t)llround((double)half[i] * width);
    o.linear_layer = n;
    o.units[n] = 30;
    for (int i = 1; i <= n; i++)
        o.units[n + i] = o.units[n - i];
    o.units[2 * n + 1] = inputs;
    o.layers = 2 * n + 2;
    return o;
}
