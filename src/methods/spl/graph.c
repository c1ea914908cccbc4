/* SPL in graphs: the loss, the step from pre-training to fine-tuning, Grad-CAM. */
#include <string.h>

#include "cairn/autodiff.h"
#include "cairn/loss.h"
#include "cairn/spl.h"
#include "graph/graph.h"

/* ---- the loss -------------------------------------------------------------------------------- */

cairn_tensor cairn_spl_loss(cairn_tensor logits, cairn_tensor labels)
{
    cairn_graph *g = logits.graph;
    cairn_tensor each = cairn_cross_entropy(logits, labels);
    if (cairn__none(each))
        return each;
    int32_t none = -1, classes = (int32_t)cairn_tensor_shape(logits).size[1];
    cairn_tensor low = cairn_constant(g, CAIRN_I32, CAIRN_SCALAR, &none);
    cairn_tensor high = cairn_constant(g, CAIRN_I32, CAIRN_SCALAR, &classes);
    cairn_tensor counts = cairn_and(cairn_greater(labels, low), cairn_less(labels, high));
    cairn_tensor n = cairn_sum(cairn_cast(counts, CAIRN_F32));
    return cairn_div(cairn_sum(each), cairn_maximum(n, cairn_scalar(g, 1)));
}

/* ---- from pre-training to fine-tuning -------------------------------------------------------- */

static bool below(const char *name, const char *scope)
{
    size_t n = strlen(scope);
    return strncmp(name, scope, n) == 0 && (name[n] == '/' || name[n] == 0);
}

static bool ends(const char *name, const char *end)
{
    const char *slash = strrchr(name, '/');
    return slash && strcmp(slash + 1, end) == 0;
}

/* What is copied: parameters outside the head, and with `statistics` those of batch norms. */
static bool takes(const cairn_variable *v, const char *head, bool statistics)
{
    const char *name = cairn_variable_name(v);
    if (below(name, head))
        return false;
    if (cairn_variable_trainable(v))
        return true;
    return statistics && (ends(name, "mean") || ends(name, "variance"));
}

static bool check_variable(const cairn_variable *from, const cairn_variable *to,
                           cairn_status *status)
{
    char a[CAIRN_SHAPE_TEXT], b[CAIRN_SHAPE_TEXT];
    const char *name = cairn_variable_name(to);
    if (!from)
        return !cairn_variable_trainable(to) ||
               cairn__fail(status, CAIRN_ERR_NAME,
                           "%s: the pre-trained model has no such parameter", name);
    cairn_shape x = cairn_variable_shape(from), y = cairn_variable_shape(to);
    return (cairn_shape_equal(x, y) && cairn_variable_dtype(from) == cairn_variable_dtype(to)) ||
           cairn__fail(status, CAIRN_ERR_SHAPE, "%s: %s was pre-trained, expected %s", name,
                       cairn_shape_text(x, a), cairn_shape_text(y, b));
}

static bool copy_variable(const cairn_variable *from, cairn_variable *to, cairn_status *status)
{
    size_t bytes = (size_t)cairn_shape_count(cairn_variable_shape(to)) *
                   cairn_dtype_bytes(cairn_variable_dtype(to));
    char *data = cairn__alloc(bytes, 1, status);
    bool good = data && cairn_variable_read(from, data, bytes, status) &&
                cairn_variable_write(to, data, bytes, status);
    cairn__free(data);
    return good;
}

bool cairn_spl_transfer(const cairn_graph *from, cairn_graph *to, const char *head, bool statistics,
                        int64_t *moved, cairn_status *status)
{
    cairn_variable *const *list;
    int n = cairn_graph_variables(to, &list);
    int64_t copied = 0;
    if (!cairn_ok(status))
        return false;
    for (int i = 0; i < n; i++)
        if (takes(list[i], head, statistics) &&
            !check_variable(cairn_graph_variable(from, cairn_variable_name(list[i])), list[i],
                            status))
            return false;
    for (int i = 0; i < n; i++) {
        const cairn_variable *source = cairn_graph_variable(from, cairn_variable_name(list[i]));
        if (!source || !takes(list[i], head, statistics))
            continue;
        if (!copy_variable(source, list[i], status))
            return false;
        copied++;
    }
    if (moved)
        *moved = copied;
    return true;
}

/* ---- Grad-CAM -------------------------------------------------------------------------------- */

static bool check_shapes(cairn_tensor logits, cairn_tensor features, cairn_tensor classes,
                         cairn_shape sizes)
{
    char a[CAIRN_SHAPE_TEXT], b[CAIRN_SHAPE_TEXT], c[CAIRN_SHAPE_TEXT];
    if (cairn__none(logits) || cairn__none(features) || cairn__none(classes))
        return false;
    cairn_shape z = cairn_tensor_shape(logits), x = cairn_tensor_shape(features);
    cairn_shape k = cairn_tensor_shape(classes);
    bool good = z.rank == 2 && k.rank == 1 && x.rank >= 3 && x.rank <= 5 &&
                z.size[0] == x.size[0] && k.size[0] == z.size[0] && sizes.rank == x.rank - 2;
    return good || cairn__graph_fail(logits.graph, CAIRN_ERR_SHAPE,
                                     "grad_cam: logits %s, features %s, classes %s; expected "
                                     "[B, classes], [B, 1 to 3 sizes, C], [B], and a size for "
                                     "each spatial axis",
                                     cairn_shape_text(z, a), cairn_shape_text(x, b),
                                     cairn_shape_text(k, c));
}

cairn_tensor cairn_grad_cam(cairn_tensor logits, cairn_tensor features, cairn_tensor classes,
                            cairn_shape sizes)
{
    if (!check_shapes(logits, features, classes, sizes))
        return logits;
    cairn_shape x = cairn_tensor_shape(features), out = {.rank = sizes.rank + 1, .size = {0}};
    unsigned positions = 0;
    out.size[0] = x.size[0];
    for (int i = 0; i < sizes.rank; i++) {
        positions |= CAIRN_AXIS(i + 1);
        out.size[i + 1] = sizes.size[i];
    }
    /* Rows do not touch one another, so one gradient of the sum has all of them. */
    cairn_tensor picked = cairn_gather_along(logits, cairn_unsqueeze(classes, 1), 1), gradient;
    cairn_gradients(cairn_sum(picked), &features, 1, &gradient);
    cairn_tensor weight = cairn_reduce_mean(gradient, positions, true); /* equation 1 */
    cairn_tensor map = cairn_relu(cairn_reduce_sum(cairn_mul(weight, features),
                                                   CAIRN_AXIS(x.rank - 1), true)); /* equation 2 */
    return cairn_reshape(cairn_resize_linear(map, sizes), out);
}
