/* The losses of a student. */
#include "cairn/ssd.h"
#include "graph/graph.h"

static bool warm(cairn_tensor student, double temperature)
{
    if (cairn__none(student))
        return false;
    return (temperature > 0 && temperature < 1e6) ||
           cairn__graph_fail(student.graph, CAIRN_ERR_VALUE,
                             "distillation: a temperature of %g, expected one above 0",
                             temperature);
}

/* sum of q log q along a row, with 0 log 0 = 0. */
static cairn_tensor negative_entropy(cairn_tensor q)
{
    cairn_tensor tiny = cairn_scalar(q.graph, 1e-30);
    return cairn_reduce_sum(cairn_mul(q, cairn_log(cairn_maximum(q, tiny))), CAIRN_AXIS(1), false);
}

cairn_tensor cairn_distillation_loss_of(cairn_tensor student, cairn_tensor q, double temperature)
{
    if (!warm(student, temperature) || cairn__none(q))
        return student;
    q = cairn_stop_gradient(q);
    cairn_tensor cross = cairn_soft_cross_entropy(cairn_scale(student, 1 / temperature), q);
    return cairn_scale(cairn_add(cross, negative_entropy(q)), temperature * temperature);
}

cairn_tensor cairn_distillation_loss(cairn_tensor student, cairn_tensor teacher, double temperature)
{
    if (!warm(student, temperature) || cairn__none(teacher))
        return student;
    cairn_tensor q = cairn_softmax(cairn_scale(teacher, 1 / temperature), 1);
    return cairn_distillation_loss_of(student, q, temperature);
}

cairn_tensor cairn_joint_loss(cairn_tensor labelled, cairn_tensor unlabelled, double ratio)
{
    if (ratio == 0) /* supervised training, to the bit */
        return cairn_mean(labelled);
    return cairn_add(cairn_mean(labelled), cairn_scale(cairn_mean(unlabelled), ratio));
}

double cairn_survival(int64_t block, int64_t blocks, double last)
{
    return 1 - (1 - last) * (double)block / (double)blocks;
}
