/* The multi-head attention layer.
 * Source: Vaswani et al. 2017, section 3.2.2. arXiv:1706.03762 */
#include "nn/nn.h"

cairn_tensor cairn__as_rows(cairn_tensor x)
{
    cairn_shape s = cairn_tensor_shape(x);
    return s.rank ? cairn_reshape(x, CAIRN_SHAPE(-1, s.size[s.rank - 1])) : x;
}

cairn_tensor cairn__with_time(cairn_tensor rows, int64_t B)
{
    cairn_shape s = cairn_tensor_shape(rows);
    return cairn_reshape(rows, CAIRN_SHAPE(B, -1, s.size[1]));
}

cairn_tensor cairn__project(cairn_tensor x, int64_t units, const char *name, bool bias,
                            cairn_init init)
{
    cairn_shape shape = cairn_tensor_shape(x);
    cairn_dense_options dense = cairn_dense_defaults(units);
    if (cairn__none(x))
        return x;
    dense.bias = bias;
    dense.weight_init = init;
    shape.size[shape.rank - 1] = units;
    return cairn_reshape(cairn_dense_layer(cairn__as_rows(x), name, &dense).y, shape);
}

cairn_multihead_options cairn_multihead_defaults(int64_t heads)
{
    return (cairn_multihead_options){.heads = heads,
                                     .bias = true,
                                     .init = {CAIRN_INIT_GLOROT_UNIFORM, 1},
                                     .output_init = {CAIRN_INIT_GLOROT_UNIFORM, 1}};
}

static bool valid(cairn_tensor x, const char *name, const cairn_multihead_options *o, int64_t kv)
{
    char text[CAIRN_SHAPE_TEXT];
    cairn_shape s = cairn_tensor_shape(x);
    if (cairn__none(x))
        return false;
    if (s.rank != 3)
        return cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE,
                                 "attention '%s': input %s, expected [B, T, width]", name,
                                 cairn_shape_text(s, text));
    if (o->heads < 1 || s.size[2] % o->heads != 0 || kv < 1 || o->heads % kv != 0)
        return cairn__graph_fail(x.graph, CAIRN_ERR_VALUE,
                                 "attention '%s': %lld heads, %lld of keys and values, for a width "
                                 "of %lld; expected divisors",
                                 name, (long long)o->heads, (long long)kv, (long long)s.size[2]);
    return true;
}

/* Queries from x, keys and values from the context. */
static cairn_tensor across(cairn_tensor x, cairn_tensor context, const cairn_multihead_options *o,
                           int64_t kv, int64_t D, const cairn_attention_options *attention)
{
    cairn_shape sx = cairn_tensor_shape(x), sc = cairn_tensor_shape(context);
    cairn_tensor q = cairn__project(x, o->heads * D, "query", o->bias, o->init);
    cairn_tensor both = cairn__project(context, 2 * kv * D, "key_value", o->bias, o->init);
    q = cairn_reshape(q, CAIRN_SHAPE(sx.size[0], sx.size[1], o->heads, D));
    both = cairn_reshape(both, CAIRN_SHAPE(sc.size[0], sc.size[1], 2 * kv, D));
    return cairn_attention(q, cairn_slice(both, 2, 0, kv, 1), cairn_slice(both, 2, kv, kv, 1),
                           attention);
}

static cairn_tensor within(cairn_tensor x, const cairn_multihead_options *o, int64_t kv, int64_t D,
                           const cairn_attention_options *attention)
{
    cairn_shape s = cairn_tensor_shape(x);
    int64_t all = o->heads + 2 * kv;
    cairn_tensor qkv = cairn__project(x, all * D, "qkv", o->bias || o->qkv_bias, o->init);
    qkv = cairn_reshape(qkv, CAIRN_SHAPE(s.size[0], s.size[1], all, D));
    if (o->rotary_base > 0)
        qkv = cairn_rotary(qkv, o->heads + kv, 0, o->rotary_base);
    return cairn_self_attention(qkv, o->heads, kv, attention);
}

cairn_tensor cairn_multihead_attention(cairn_tensor x, const cairn_tensor *context,
                                       const char *name, const cairn_multihead_options *o)
{
    cairn_shape s = cairn_tensor_shape(x);
    int64_t kv = o->kv_heads ? o->kv_heads : o->heads;
    if (!valid(x, name, o, kv))
        return x;
    int64_t D = s.size[2] / o->heads;
    const cairn_attention_options attention = {.causal = o->causal, .bias = o->mask};
    cairn_scope_push(x.graph, name);
    cairn_tensor y =
        context ? across(x, *context, o, kv, D, &attention) : within(x, o, kv, D, &attention);
    y = cairn_reshape(y, s);
    y = cairn__project(y, s.size[2], "output", o->bias, o->output_init);
    cairn_scope_pop(x.graph);
    return y;
}
