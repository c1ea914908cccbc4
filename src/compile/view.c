/* Views: what a chain of reshape, transpose, broadcast and slice nodes reads of its source.
 *
 * Such nodes move no data where their reader can step through memory by strides. */
#include <string.h>

#include "compile/plan.h"

static cairn__view dense(const cairn_graph *g, int32_t node)
{
    cairn__view v = {.source = node, .shape = g->nodes[node]->shape};
    cairn__strides(v.shape, v.stride);
    return v;
}

static void transpose(cairn__view *v, const cairn_node *n)
{
    int64_t stride[CAIRN_MAX_RANK];
    for (int i = 0; i < n->shape.rank; i++)
        stride[i] = v->stride[n->at.list[i]];
    memcpy(v->stride, stride, sizeof stride);
    v->shape = n->shape;
}

static void broadcast(cairn__view *v, const cairn_node *n)
{
    int64_t stride[CAIRN_MAX_RANK] = {0};
    int more = n->shape.rank - v->shape.rank;
    for (int i = 0; i < v->shape.rank; i++)
        stride[i + more] = v->shape.size[i] == n->shape.size[i + more] ? v->stride[i] : 0;
    memcpy(v->stride, stride, sizeof stride);
    v->shape = n->shape;
}

static void slice(cairn__view *v, const cairn_node *n)
{
    v->offset += n->at.list[0] * v->stride[n->at.axis];
    v->stride[n->at.axis] *= n->at.list[2];
    v->shape = n->shape;
}

bool cairn__is_view(const cairn_node *n)
{
    return n->op == &cairn__op_reshape || n->op == &cairn__op_transpose ||
           n->op == &cairn__op_broadcast || n->op == &cairn__op_slice;
}

/* Drops axes of size 1 and joins neighbours that are one run in memory. */
static int joined(const cairn__view *v, int64_t size[CAIRN_MAX_RANK],
                  int64_t stride[CAIRN_MAX_RANK])
{
    int rank = 0;
    for (int i = 0; i < v->shape.rank; i++) {
        if (v->shape.size[i] == 1)
            continue;
        if (rank && stride[rank - 1] == v->stride[i] * v->shape.size[i]) {
            size[rank - 1] *= v->shape.size[i];
            stride[rank - 1] = v->stride[i];
        } else {
            size[rank] = v->shape.size[i];
            stride[rank++] = v->stride[i];
        }
    }
    return rank;
}

/* Splits the joined axes to the new shape; false if the new shape cuts across them. */
static bool reshape(cairn__view *v, const cairn_node *n)
{
    int64_t size[CAIRN_MAX_RANK], stride[CAIRN_MAX_RANK], new_stride[CAIRN_MAX_RANK] = {0};
    int axis = joined(v, size, stride) - 1;
    int64_t done = 1; /* elements of the current joined axis that are covered */
    for (int i = n->shape.rank - 1; i >= 0; i--) {
        if (n->shape.size[i] == 1)
            continue;
        if (axis >= 0 && done == size[axis]) {
            axis--;
            done = 1;
        }
        if (axis < 0 || size[axis] % (done * n->shape.size[i]) != 0)
            return false;
        new_stride[i] = stride[axis] * done;
        done *= n->shape.size[i];
    }
    memcpy(v->stride, new_stride, sizeof new_stride);
    v->shape = n->shape;
    return true;
}

cairn__view cairn__view_of(const cairn_graph *g, int32_t node)
{
    const cairn_node *n = g->nodes[node];
    if (!cairn__is_view(n))
        return dense(g, node);
    if (cairn_shape_count(n->shape) == 0)
        return dense(g, node);
    cairn__view v = cairn__view_of(g, n->input[0]);
    if (n->op == &cairn__op_transpose)
        transpose(&v, n);
    else if (n->op == &cairn__op_broadcast)
        broadcast(&v, n);
    else if (n->op == &cairn__op_slice)
        slice(&v, n);
    else if (!reshape(&v, n))
        return dense(g, node);
    return v;
}

cairn__access cairn__access_of(const cairn_graph *g, const cairn__view *view, int64_t row)
{
    cairn__access a = {.value = -1, .dtype = g->nodes[view->source]->dtype, .offset = view->offset};
    int64_t count = cairn_shape_count(view->shape);
    a.rank = joined(view, a.size, a.stride);
    if (a.rank == 0 || (a.rank == 1 && a.stride[0] == 0))
        a.kind = CAIRN__SINGLE;
    else if (a.rank == 1 && a.stride[0] == 1 && a.offset == 0)
        a.kind = CAIRN__FULL;
    else if (row && a.offset == 0 && a.rank == 2 && a.stride[0] == 1 && a.stride[1] == 0 &&
             a.size[1] == row)
        a.kind = CAIRN__ROW;
    else
        a.kind = CAIRN__STRIDED;
    /* A single element that is also the whole is read as such, so that it may be updated in
     * place. */
    if (a.kind == CAIRN__SINGLE && count == 1 && a.offset == 0)
        a.kind = CAIRN__FULL;
    return a;
}
