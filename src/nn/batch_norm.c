/* Batch normalisation as a layer: with running statistics for inference. */
#include "cairn/nn.h"
#include "graph/graph.h"

cairn_batch_norm_options cairn_batch_norm_defaults(void)
{
    return (cairn_batch_norm_options){.epsilon = 1e-5, .momentum = 0.1, .training = true};
}

/* running += momentum (now - running) */
static void follow(cairn_tensor running, cairn_tensor now, double momentum)
{
    cairn_assign_each(running, cairn_add(cairn_scale(running, 1 - momentum),
                                         cairn_scale(now, momentum)));
}

static cairn_tensor statistic(cairn_tensor moments, int row, int64_t C)
{
    return cairn_stop_gradient(
        cairn_reshape(cairn_slice(moments, 0, row, 1, 1), CAIRN_SHAPE(C)));
}

cairn_tensor cairn_batch_norm_layer(cairn_tensor x, const char *name,
                                    const cairn_batch_norm_options *options)
{
    const cairn_batch_norm_options o = options ? *options : cairn_batch_norm_defaults();
    cairn_shape shape = cairn_tensor_shape(x);
    if (cairn__none(x))
        return x;
    if (shape.rank < 2 || cairn_shape_count(shape) == 0) {
        char text[CAIRN_SHAPE_TEXT];
        cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE, "batch norm '%s': input %s, expected [.., C]",
                          name, cairn_shape_text(shape, text));
        return x;
    }
    const int64_t C = shape.size[shape.rank - 1], M = cairn_shape_count(shape) / C;
    const cairn_shape row = CAIRN_SHAPE(C);
    cairn_scope_push(x.graph, name);
    cairn_tensor scale = cairn_parameter(x.graph, "scale", row, CAIRN_ONES);
    cairn_tensor offset = cairn_parameter(x.graph, "offset", row, CAIRN_ZEROS);
    cairn_tensor mean = cairn_state(x.graph, "mean", CAIRN_F32, row, CAIRN_ZEROS);
    cairn_tensor variance = cairn_state(x.graph, "variance", CAIRN_F32, row, CAIRN_ONES);
    cairn_tensor y;
    if (o.training) {
        y = cairn_batch_normalize(x, scale, offset, o.epsilon);
        cairn_tensor moments = cairn_moments(x);
        /* The estimate without bias, which inference wants: M - 1 instead of M. */
        double unbiased = (double)M / (double)CAIRN__MAX(M - 1, (int64_t)1);
        follow(mean, statistic(moments, 0, C), o.momentum);
        follow(variance, cairn_scale(statistic(moments, 1, C), unbiased), o.momentum);
    } else {
        cairn_tensor factor =
            cairn_mul(cairn_rsqrt(cairn_add_scalar(variance, o.epsilon)), scale);
        /* (x - mean) factor + offset, with all but two operations an element done on rows. */
        y = cairn_add(cairn_mul(x, factor), cairn_sub(offset, cairn_mul(mean, factor)));
    }
    cairn_scope_pop(x.graph);
    return y;
}
