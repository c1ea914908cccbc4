/* Vision Transformers.
 * Source: Dosovitskiy et al. 2021, section 3.1. arXiv:2010.11929; the sizes below base: Touvron et
 * al. 2021, table 1. arXiv:2012.12877 */
#include "nn/nn.h"

const char *const cairn_vit_names[] = {"tiny", "small", "base", "large", NULL};

cairn_vit_options cairn_vit_defaults(cairn_vit_size size)
{
    static const struct {
        int layers;
        int64_t width, heads;
    } sizes[] = {{12, 192, 3}, {12, 384, 6}, {12, 768, 12}, {24, 1024, 16}};
    cairn_vit_options o = {.patch = 16, .classes = 1000, .class_token = true};
    o.blocks = cairn_transformer_defaults(sizes[size].layers, sizes[size].width, sizes[size].heads);
    o.blocks.epsilon = 1e-6;
    return o;
}

/* [B, H, W, C] as patches in rows, [B, n, patch patch C]. */
static cairn_tensor cut(cairn_tensor x, int64_t patch)
{
    const cairn_shape s = cairn_tensor_shape(x);
    const int64_t B = s.size[0], high = s.size[1] / patch, wide = s.size[2] / patch, C = s.size[3];
    x = cairn_reshape(x, CAIRN_SHAPE(B, high, patch, wide, patch, C));
    x = cairn_transpose(x, (const int[]){0, 1, 3, 2, 4, 5});
    return cairn_reshape(x, CAIRN_SHAPE(B, high * wide, patch * patch * C));
}

static cairn_tensor with_class_token(cairn_tensor x, const cairn_transformer_options *o)
{
    int64_t B = cairn_tensor_shape(x).size[0];
    cairn_tensor token = cairn_parameter(x.graph, "class", CAIRN_SHAPE(1, 1, o->width),
                                         (cairn_init){CAIRN_INIT_NORMAL, o->deviation});
    return cairn_concat((cairn_tensor[]){cairn_broadcast(token, CAIRN_SHAPE(B, 1, o->width)), x}, 2,
                        1);
}

static bool valid(cairn_tensor x, const cairn_vit_options *o)
{
    char text[CAIRN_SHAPE_TEXT];
    cairn_shape s = cairn_tensor_shape(x);
    if (cairn__none(x))
        return false;
    return (s.rank == 4 && o->patch > 0 && s.size[1] % o->patch == 0 &&
            s.size[2] % o->patch == 0) ||
           cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE,
                             "vit: input %s, expected [B, H, W, C] with H and W multiples of %lld",
                             cairn_shape_text(s, text), (long long)o->patch);
}

cairn_tensor cairn_vit(cairn_tensor x, const cairn_vit_options *o)
{
    const cairn_transformer_options *b = &o->blocks;
    const cairn_init init = {CAIRN_INIT_NORMAL, b->deviation};
    if (!valid(x, o))
        return x;
    x = cairn__project(cut(x, o->patch), b->width, "patch", true, init);
    if (o->class_token)
        x = with_class_token(x, b);
    if (cairn__none(x))
        return x;
    int64_t T = cairn_tensor_shape(x).size[1];
    x = cairn_add(x, cairn_parameter(x.graph, "position", CAIRN_SHAPE(T, b->width), init));
    x = cairn_transformer_stack(cairn_dropout(x, b->dropout), NULL, b);
    x = o->class_token ? cairn_squeeze(cairn_slice(x, 1, 0, 1, 1), 1)
                       : cairn_reduce_mean(x, CAIRN_AXIS(1), false);
    return cairn__project(x, o->classes, "head", true, init);
}
