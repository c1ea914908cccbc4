/* MobileNetV3: numbers of parameters as published. */
#include "cairn/nn.h"
#include "sampler.h"

static int64_t trainable(cairn_mobilenet_size size, double width)
{
    cairn_graph *g = cairn_graph_new();
    cairn_mobilenet_options o = cairn_mobilenet_defaults(size, 1000);
    cairn_variable *const *list;
    int64_t total = 0;
    o.width = width;
    cairn_tensor y =
        cairn_mobilenet(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(1, 64, 64, 3)), &o);
    CHECK_OK(cairn_graph_status(g));
    CHECK(cairn_shape_equal(cairn_tensor_shape(y), CAIRN_SHAPE(1, 1000)));
    for (int i = 0, n = cairn_graph_variables(g, &list); i < n; i++)
        if (cairn_variable_trainable(list[i]))
            total += cairn_shape_count(cairn_variable_shape(list[i]));
    cairn_graph_free(g);
    return total;
}

TEST(parameters_are_as_many_as_published)
{
    CHECK_INT(trainable(CAIRN_MOBILENET_SMALL, 1), 2542856);
    CHECK_INT(trainable(CAIRN_MOBILENET_LARGE, 1), 5483032);
}
