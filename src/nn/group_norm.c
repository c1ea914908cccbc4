/* Group normalisation: Wu and He 2018. arXiv:1803.08494 */
#include "cairn/nn.h"
#include "graph/graph.h"

cairn_tensor cairn_group_norm(cairn_tensor x, const char *name, int64_t groups, double epsilon)
{
    cairn_shape shape = cairn_tensor_shape(x);
    if (cairn__none(x))
        return x;
    const int64_t C = shape.rank ? shape.size[shape.rank - 1] : 0;
    if (shape.rank < 2 || cairn_shape_count(shape) == 0 || groups < 1 || C % groups) {
        char text[CAIRN_SHAPE_TEXT];
        cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE,
                          "group norm '%s': input %s in %lld groups, expected [N, .., C] and "
                          "groups that divide C",
                          name, cairn_shape_text(shape, text), (long long)groups);
        return x;
    }
    const int64_t N = shape.size[0], inner = cairn_shape_count(shape) / N / C;
    cairn_tensor cut = cairn_reshape(x, CAIRN_SHAPE(N, inner, groups, C / groups));
    const unsigned axes = CAIRN_AXIS(1) | CAIRN_AXIS(3);
    cairn_tensor centred = cairn_sub(cut, cairn_reduce_mean(cut, axes, true));
    cairn_tensor variance = cairn_reduce_mean(cairn_square(centred), axes, true);
    cairn_tensor y = cairn_mul(centred, cairn_rsqrt(cairn_add_scalar(variance, epsilon)));
    cairn_scope_push(x.graph, name);
    cairn_tensor scale = cairn_parameter(x.graph, "scale", CAIRN_SHAPE(C), CAIRN_ONES);
    cairn_tensor offset = cairn_parameter(x.graph, "offset", CAIRN_SHAPE(C), CAIRN_ZEROS);
    cairn_scope_pop(x.graph);
    return cairn_add(cairn_mul(cairn_reshape(y, shape), scale), offset);
}
