/* Layer norm and root-mean-square norm, over the last axis. */
#include "nn/nn.h"

static bool has_rows(cairn_tensor x, const char *what, const char *name)
{
    char text[CAIRN_SHAPE_TEXT];
    cairn_shape shape = cairn_tensor_shape(x);
    if (cairn__none(x))
        return false;
    return shape.rank > 0 ||
           cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE, "%s '%s': input %s, expected [.., n]", what,
                             name, cairn_shape_text(shape, text));
}

static cairn_tensor scaled(cairn_tensor x, bool shift)
{
    cairn_shape shape = cairn_tensor_shape(x);
    cairn_shape last = CAIRN_SHAPE(shape.size[shape.rank - 1]);
    x = cairn_mul(x, cairn_parameter(x.graph, "scale", last, CAIRN_ONES));
    return shift ? cairn_add(x, cairn_parameter(x.graph, "bias", last, CAIRN_ZEROS)) : x;
}

cairn_tensor cairn_layer_norm(cairn_tensor x, const char *name, double epsilon, bool bias)
{
    if (!has_rows(x, "layer norm", name))
        return x;
    cairn_scope_push(x.graph, name);
    cairn_tensor y = scaled(cairn_standardize(x, epsilon, true), bias);
    cairn_scope_pop(x.graph);
    return y;
}

cairn_tensor cairn_rms_norm(cairn_tensor x, const char *name, double epsilon)
{
    if (!has_rows(x, "rms norm", name))
        return x;
    cairn_scope_push(x.graph, name);
    cairn_tensor y = scaled(cairn_standardize(x, epsilon, false), false);
    cairn_scope_pop(x.graph);
    return y;
}
