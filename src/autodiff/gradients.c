/* Reverse mode, graph to graph.
 *
 * Nodes are in topological order, so one pass from y downwards meets every node after all of its
 * consumers: by then its gradient is complete. Only nodes between x and y are visited. */
#include "autodiff/autodiff.h"
#include "cairn/autodiff.h"

void cairn__mark_dependent(const cairn_graph *g, const cairn_tensor *x, int n, int32_t last,
                           bool *dependent)
{
    for (int i = 0; i < n; i++)
        if (x[i].id <= last)
            dependent[x[i].id] = true;
    for (int32_t i = 0; i <= last; i++)
        for (int j = 0; j < g->nodes[i]->inputs; j++)
            dependent[i] = dependent[i] || dependent[g->nodes[i]->input[j]];
}

void cairn__refuse_higher(cairn_graph *g, const cairn_op *op)
{
    if (op->first_only)
        cairn__graph_fail(g, CAIRN_ERR_STATE,
                          "gradients: %s has no derivative, expected first derivatives only: %s",
                          op->name, op->first_only);
}

/* Hands the gradient of one node to its inputs. */
static void distribute(cairn_graph *g, const cairn_node *n, const bool *dependent,
                       cairn_tensor *gradient)
{
    cairn_tensor y = {g, n->id}, dx[CAIRN__MOST_INPUTS] = {{NULL, 0}};
    if (!n->op->gradient) {
        cairn__refuse_higher(g, n->op);
        return;
    }
    n->op->gradient(n, y, gradient[n->id], dx);
    for (int j = 0; j < n->inputs && !cairn__none(y); j++) {
        int32_t to = n->input[j];
        if (!dx[j].graph || !dependent[to] || g->nodes[to]->dtype != CAIRN_F32)
            continue;
        gradient[to] = gradient[to].graph ? cairn_add(gradient[to], dx[j]) : dx[j];
    }
}

bool cairn__differentiable(cairn_tensor y, const cairn_tensor *x, int n)
{
    cairn_graph *g = y.graph;
    if (cairn__none(y))
        return false;
    if (cairn_tensor_dtype(y) != CAIRN_F32)
        return cairn__graph_fail(g, CAIRN_ERR_TYPE, "gradients: y is %s, expected f32",
                                 cairn_dtype_name(cairn_tensor_dtype(y)));
    for (int i = 0; i < n; i++) {
        if (x[i].graph != g)
            return cairn__graph_fail(g, CAIRN_ERR_STATE, "gradients: x[%d] is of another graph", i);
        if (cairn_tensor_dtype(x[i]) != CAIRN_F32)
            return cairn__graph_fail(g, CAIRN_ERR_TYPE, "gradients: x[%d] is %s, expected f32", i,
                                     cairn_dtype_name(cairn_tensor_dtype(x[i])));
    }
    return true;
}

static bool valid(cairn_tensor y, cairn_tensor dy, const cairn_tensor *x, int n)
{
    if (!cairn__differentiable(y, x, n) || cairn__none(dy))
        return false;
    return cairn_shape_equal(cairn_tensor_shape(y), cairn_tensor_shape(dy)) ||
           cairn__graph_fail(y.graph, CAIRN_ERR_SHAPE, "gradients: dy has not the shape of y");
}

static void run(cairn_tensor y, cairn_tensor dy, const cairn_tensor *x, int n, cairn_tensor *dx,
                bool *dependent, cairn_tensor *gradient)
{
    cairn_graph *g = y.graph;
    cairn__mark_dependent(g, x, n, y.id, dependent);
    gradient[y.id] = dy;
    for (int32_t i = y.id; i >= 0; i--)
        if (gradient[i].graph && dependent[i])
            distribute(g, g->nodes[i], dependent, gradient);
    for (int i = 0; i < n; i++) {
        bool reached = x[i].id <= y.id && gradient[x[i].id].graph;
        dx[i] = reached ? gradient[x[i].id] : cairn_fill(g, CAIRN_F32, cairn_tensor_shape(x[i]), 0);
    }
}

void cairn_gradients_from(cairn_tensor y, cairn_tensor dy, const cairn_tensor *x, int n,
                          cairn_tensor *dx)
{
    for (int i = 0; i < n; i++)
        dx[i] = x[i]; /* something harmless when the graph is in error */
    if (!valid(y, dy, x, n))
        return;
    size_t nodes = (size_t)y.id + 1;
    bool *dependent = cairn__alloc(nodes, sizeof *dependent, &y.graph->status);
    cairn_tensor *gradient = cairn__alloc(nodes, sizeof *gradient, &y.graph->status);
    if (dependent && gradient)
        run(y, dy, x, n, dx, dependent, gradient);
    cairn__free(dependent);
    cairn__free(gradient);
}

void cairn_gradients(cairn_tensor y, const cairn_tensor *x, int n, cairn_tensor *dx)
{
    char text[CAIRN_SHAPE_TEXT];
    if (!cairn__none(y) && cairn_tensor_shape(y).rank != 0)
        cairn__graph_fail(y.graph, CAIRN_ERR_SHAPE, "gradients: y is %s, expected a scalar",
                          cairn_shape_text(cairn_tensor_shape(y), text));
    cairn_gradients_from(y, cairn_scalar(y.graph, 1), x, n, dx);
}
