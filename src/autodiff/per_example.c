/* The gradient of each example's loss, in one backward pass for the whole batch.
 *
 * Walking down from the losses, a value belongs to one of two kinds:
 *
 *     batched   one axis holds the examples. Since example b reaches only row b, the ordinary rule
 *               of each op gives the gradient of all losses at once, row by row.
 *     shared    all examples use it: the parameters, and what is computed from them alone. Its
 *               gradient is kept apart for each example, [B, shape], from where it meets the batch.
 *
 *       losses [B]  <─  batched  <─┬─  inputs
 *                                  └─  meeting  <─  shared  <─  parameters
 *
 * lift.c has the rules of the shared part, meet.c those of the batched one. */
#include "autodiff/autodiff.h"
#include "cairn/autodiff.h"

/* What is known of a node's gradient. */
typedef struct pulled {
    cairn_tensor d;       /* d.graph is NULL: nothing yet */
    int axis;             /* of the batch, or CAIRN__SHARED: d is [B, shape] */
    const cairn_op *from; /* the op that gave it first */
} pulled;

typedef struct walk {
    cairn_graph *g;
    int64_t B;
    bool *dependent;
    pulled *at; /* of each node */
} walk;

static bool refuse(walk *w, const cairn_op *op, const char *reason)
{
    return cairn__graph_fail(w->g, CAIRN_ERR_STATE, "per-example gradients: %s %s", op->name,
                             reason);
}

static void give(walk *w, const cairn_node *n, int j, cairn_tensor d, int axis)
{
    pulled *to = &w->at[n->input[j]];
    if (!d.graph || cairn__none(d))
        return;
    if (to->d.graph && to->axis != axis)
        refuse(w, n->op, "uses a value for each example that another op uses for all of them, so "
                         "that examples depend on one another");
    else if (to->d.graph)
        to->d = cairn_add(to->d, d);
    else
        *to = (pulled){d, axis, n->op};
}

static bool wanted(const walk *w, const cairn_node *n, int j)
{
    return w->dependent[n->input[j]] && w->g->nodes[n->input[j]]->dtype == CAIRN_F32;
}

static void pull_batched(walk *w, const cairn_node *n, cairn_tensor dy, int axis)
{
    cairn_tensor y = {w->g, n->id}, dx[CAIRN__MOST_INPUTS] = {{NULL, 0}};
    n->op->gradient(n, y, dy, dx);
    for (int j = 0; j < n->inputs && !cairn__none(y); j++) {
        if (!wanted(w, n, j) || !dx[j].graph)
            continue;
        int where = cairn__batch_axis(w->g, n, j, axis, w->B);
        if (where == CAIRN__REFUSED)
            refuse(w, n->op, "has no rule that keeps examples apart along this axis");
        else if (where == CAIRN__SHARED)
            give(w, n, j, cairn__meet(n, j, dy, axis, w->B), CAIRN__SHARED);
        else
            give(w, n, j, dx[j], where);
    }
}

static void pull_shared(walk *w, const cairn_node *n, cairn_tensor dy)
{
    cairn_tensor dx[CAIRN__MOST_INPUTS] = {{NULL, 0}};
    if (!cairn__pull_lifted(n, dy, w->B, dx))
        refuse(w, n->op, "has no rule for a value that all examples share");
    for (int j = 0; j < n->inputs && w->g->status.code == CAIRN_OK; j++)
        if (wanted(w, n, j))
            give(w, n, j, dx[j], CAIRN__SHARED);
}

/* What became of x: its gradient for each example, or zeros. */
static cairn_tensor result(walk *w, cairn_tensor x, int32_t last)
{
    const pulled *p = &w->at[x.id];
    if (x.id > last || !p->d.graph)
        return cairn_fill(w->g, CAIRN_F32,
                          cairn__lifted_shape(w->g, cairn_tensor_shape(x), w->B), 0);
    if (p->axis != CAIRN__SHARED)
        refuse(w, p->from ? p->from : w->g->nodes[x.id]->op,
               "uses a parameter as if its rows were examples");
    return p->d;
}

static void run(walk *w, cairn_tensor loss, const cairn_tensor *x, int n, cairn_tensor *dx)
{
    cairn__mark_dependent(w->g, x, n, loss.id, w->dependent);
    cairn_tensor ones = cairn_fill(w->g, CAIRN_F32, cairn_tensor_shape(loss), 1);
    w->at[loss.id] = (pulled){ones, 0, NULL};
    for (int32_t i = loss.id; i >= 0 && w->g->status.code == CAIRN_OK; i--) {
        const cairn_node *node = w->g->nodes[i];
        pulled p = w->at[i];
        if (!p.d.graph || !w->dependent[i])
            continue;
        if (!node->op->gradient)
            cairn__refuse_higher(w->g, node->op);
        else if (p.axis == CAIRN__SHARED)
            pull_shared(w, node, p.d);
        else
            pull_batched(w, node, p.d, p.axis);
    }
    for (int i = 0; i < n && w->g->status.code == CAIRN_OK; i++)
        dx[i] = result(w, x[i], loss.id);
}

/* Where there is one example, an axis of size 1 tells nothing: and nothing needs telling apart. */
static void single(cairn_tensor loss, const cairn_tensor *x, int n, cairn_tensor *dx)
{
    cairn_gradients_from(loss, cairn_fill(loss.graph, CAIRN_F32, CAIRN_SHAPE(1), 1), x, n, dx);
    for (int i = 0; i < n; i++)
        dx[i] = cairn_unsqueeze(dx[i], 0);
}

void cairn_per_example_gradients(cairn_tensor loss, const cairn_tensor *x, int n, cairn_tensor *dx)
{
    char text[CAIRN_SHAPE_TEXT];
    for (int i = 0; i < n; i++)
        dx[i] = x[i]; /* something harmless when the graph is in error */
    if (!cairn__differentiable(loss, x, n))
        return;
    cairn_shape shape = cairn_tensor_shape(loss);
    if (shape.rank != 1 || shape.size[0] < 1) {
        cairn__graph_fail(loss.graph, CAIRN_ERR_SHAPE, "per-example gradients: loss is %s, "
                          "expected one axis, the examples", cairn_shape_text(shape, text));
        return;
    }
    if (shape.size[0] == 1) {
        single(loss, x, n, dx);
        return;
    }
    walk w = {.g = loss.graph, .B = shape.size[0]};
    size_t nodes = (size_t)w.g->n;
    w.dependent = cairn__alloc(nodes, sizeof *w.dependent, &w.g->status);
    w.at = cairn__alloc(nodes, sizeof *w.at, &w.g->status);
    if (w.dependent && w.at)
        run(&w, loss, x, n, dx);
    cairn__free(w.dependent);
    cairn__free(w.at);
}
