/* Less memory for more time: values of the forward pass that are computed again for the backward
 * pass instead of being kept (Chen et al. 2016, arXiv:1604.06174).
 *
 *     kept    x ── h ── y ── .. ── dy ── dh        h waits in memory for dh
 *     again   x ── h ── y ── .. ── dy ── dh        a second h, made from x right before dh, as late
 *              └──────────────── h ──────┘         as the schedule allows
 *
 * Nodes are in the order in which the graph was built, so the forward pass ends where most bytes
 * are needed later: the boundary. What is computed again is chosen by annotation (`again` of a
 * node), or by the price, operations for each byte that is saved, until the plan fits. What is not
 * marked and read by a second computation is kept. A value may be marked with a chain of others
 * that it needs and that are not kept anyway; what a chain costs is limited, since one through the
 * whole network would bring all of it back at once. */
#include <stdlib.h>
#include <string.h>

#include "compile/plan.h"

enum { MOST_PLANS = 24, LONGEST_CHAIN = 4 /* part of all operations of the forward pass */ };

typedef struct fitter {
    const cairn_graph *g;
    int32_t boundary;  /* the last node of the forward pass */
    bool *again, *sink;
    int32_t *last;     /* the last node that reads each, through views */
    int *seen, round;
    int32_t *stack;
    double forward;    /* operations of the forward pass */
} fitter;

/* ---- what is kept ---------------------------------------------------------------------------- */

/* The node whose elements this one only shows, or itself. */
static int32_t source_of(const cairn_graph *g, int32_t node)
{
    return cairn__is_view(g->nodes[node]) ? cairn__view_of(g, node).source : node;
}

static double bytes_of(const cairn_node *n)
{
    return (double)cairn_shape_count(n->shape) * (double)cairn_dtype_bytes(n->dtype);
}

static bool is_computed(const fitter *f, int32_t node)
{
    return f->g->nodes[node]->op->kind != CAIRN__LEAF && source_of(f->g, node) == node;
}

static void find_last(fitter *f)
{
    const cairn_graph *g = f->g;
    for (int32_t i = 0; i < g->n; i++)
        f->last[i] = -1;
    for (int32_t i = 0; i < g->n; i++)
        for (int j = 0; source_of(g, i) == i && j < g->nodes[i]->inputs; j++)
            f->last[source_of(g, g->nodes[i]->input[j])] = i;
}

/* Behind the node after which most bytes are still needed. */
static bool find_boundary(fitter *f, cairn_status *status)
{
    const int32_t n = f->g->n;
    double *change = cairn__alloc((size_t)n + 1, sizeof *change, status), live = 0, most = -1;
    if (!change)
        return false;
    for (int32_t i = 0; i < n; i++)
        if (is_computed(f, i) && f->last[i] > i) {
            change[i] += bytes_of(f->g->nodes[i]);
            change[f->last[i]] -= bytes_of(f->g->nodes[i]);
        }
    for (int32_t i = 0; i < n; i++) {
        live += change[i];
        if (live > most) {
            most = live;
            f->boundary = i;
        }
    }
    for (int32_t i = 0; i <= f->boundary; i++)
        f->forward += cairn__node_flops(f->g, f->g->nodes[i]);
    cairn__free(change);
    return true;
}

static bool is_kept(const fitter *f, int32_t node)
{
    return is_computed(f, node) && node <= f->boundary && f->last[node] > f->boundary &&
           !f->again[node] && !f->sink[node];
}

/* ---- prices ---------------------------------------------------------------------------------- */

/* Operations that a second computation of `node` takes, from what is kept; on demand all nodes on
 * the way are marked. */
static double chain_flops(fitter *f, int32_t node, bool mark)
{
    int top = 0;
    double flops = 0;
    f->round++;
    f->stack[top++] = node;
    f->seen[node] = f->round;
    while (top > 0) {
        const cairn_node *n = f->g->nodes[f->stack[--top]];
        flops += cairn__node_flops(f->g, n);
        f->again[n->id] = f->again[n->id] || mark;
        for (int j = 0; j < n->inputs; j++) {
            const int32_t from = source_of(f->g, n->input[j]);
            if (f->seen[from] == f->round || !is_computed(f, from) || is_kept(f, from) ||
                f->sink[from])
                continue;
            f->seen[from] = f->round;
            f->stack[top++] = from;
        }
    }
    return flops;
}

typedef struct offer {
    int32_t node;
    double bytes, price;
} offer;

static int by_price(const void *a, const void *b)
{
    const offer *x = a, *y = b;
    if (x->price != y->price)
        return x->price < y->price ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

/* Marks the cheapest values that save `bytes` together; false when there is none left. */
static bool mark_more(fitter *f, double bytes, cairn_status *status)
{
    offer *list = cairn__alloc((size_t)f->g->n, sizeof *list, status);
    int n = 0;
    bool marked = false;
    for (int32_t i = 0; list && i <= f->boundary; i++) {
        if (!is_kept(f, i))
            continue;
        const double size = bytes_of(f->g->nodes[i]), flops = chain_flops(f, i, false);
        if (size > 0 && flops <= f->forward / LONGEST_CHAIN)
            list[n++] = (offer){i, size, flops / size};
    }
    qsort(list, (size_t)n, sizeof *list, by_price);
    for (int i = 0; i < n && bytes > 0; i++) {
        /* Those marked before it may have made its chain longer. */
        if (chain_flops(f, list[i].node, false) > f->forward / LONGEST_CHAIN)
            continue;
        chain_flops(f, list[i].node, true);
        marked = true;
        bytes -= list[i].bytes;
    }
    cairn__free(list);
    return marked;
}

/* ---- the graph with second computations ------------------------------------------------------ */

typedef struct builder {
    const fitter *f;
    cairn_graph *to;
    cairn_tensor *map, *second; /* of each node: its copy, and its second computation */
    bool *doubled, *needed;
} builder;

/* Whether late readers may have a second computation of the node. */
static bool is_doubled(const builder *b, int32_t i)
{
    const fitter *f = b->f;
    if (f->g->nodes[i]->op->kind == CAIRN__LEAF || f->sink[i])
        return false;
    if (source_of(f->g, i) != i)
        return b->doubled[f->g->nodes[i]->input[0]];
    return f->again[i];
}

/* Which nodes have one: those to which late readers lead. */
static void find_needed(builder *b)
{
    const cairn_graph *g = b->f->g;
    for (int32_t i = 0; i <= b->f->boundary; i++)
        b->doubled[i] = is_doubled(b, i);
    for (int32_t i = g->n - 1; i >= 0; i--)
        for (int j = 0; (i > b->f->boundary || b->needed[i]) && j < g->nodes[i]->inputs; j++)
            b->needed[g->nodes[i]->input[j]] |= b->doubled[g->nodes[i]->input[j]];
}

static cairn_tensor copy(builder *b, const cairn_node *n, bool second)
{
    cairn_tensor inputs[CAIRN__MOST_INPUTS];
    const bool late = second || n->id > b->f->boundary;
    for (int j = 0; j < n->inputs; j++)
        inputs[j] = late && b->needed[n->input[j]] ? b->second[n->input[j]] : b->map[n->input[j]];
    b->to->scope = n->scope;
    cairn_tensor x = cairn__copy_node(b->to, n, inputs);
    if (second && !cairn__none(x))
        b->to->nodes[x.id]->late = true;
    return x;
}

static void copy_all(builder *b)
{
    const cairn__targets all = {.updates = true};
    const cairn_graph *g = b->f->g;
    for (int32_t i = 0; i < g->n && b->to->status.code == CAIRN_OK; i++) {
        b->map[i] = copy(b, g->nodes[i], false);
        for (int32_t k = 0; i == b->f->boundary && k <= i && b->to->status.code == CAIRN_OK; k++)
            if (b->needed[k])
                b->second[k] = copy(b, g->nodes[k], true);
    }
    if (b->to->status.code == CAIRN_OK)
        cairn__copy_targets(g, &all, b->to, b->map);
    cairn__own_scopes(b->to);
}

static cairn_graph *rebuild(const fitter *f, cairn_status *status)
{
    const size_t n = (size_t)f->g->n;
    builder b = {.f = f, .to = cairn_graph_new_sharing(f->g)};
    b.map = cairn__alloc(n, sizeof *b.map, status);
    b.second = cairn__alloc(n, sizeof *b.second, status);
    b.doubled = cairn__alloc(n, sizeof *b.doubled, status);
    b.needed = cairn__alloc(n, sizeof *b.needed, status);
    bool good = b.map && b.second && b.doubled && b.needed;
    if (good) {
        find_needed(&b);
        copy_all(&b);
        good = b.to->status.code == CAIRN_OK ||
               cairn__fail(status, b.to->status.code, "%s", b.to->status.message);
    }
    cairn__free(b.map);
    cairn__free(b.second);
    cairn__free(b.doubled);
    cairn__free(b.needed);
    if (good)
        return b.to;
    cairn_graph_free(b.to);
    return NULL;
}

/* ---- fitting --------------------------------------------------------------------------------- */

static bool start(fitter *f, cairn_status *status)
{
    const cairn_graph *g = f->g;
    const size_t n = (size_t)g->n;
    f->again = cairn__alloc(n, sizeof *f->again, status);
    f->sink = cairn__alloc(n, sizeof *f->sink, status);
    f->last = cairn__alloc(n, sizeof *f->last, status);
    f->seen = cairn__alloc(n, sizeof *f->seen, status);
    f->stack = cairn__alloc(n, sizeof *f->stack, status);
    if (!f->again || !f->sink || !f->last || !f->seen || !f->stack)
        return false;
    for (int32_t i = 0; i < g->n; i++)
        f->again[i] = g->nodes[i]->again;
    for (int i = 0; i < g->n_outputs; i++)
        f->sink[source_of(g, g->outputs[i].value)] = true;
    for (int i = 0; i < g->n_assignments; i++)
        f->sink[source_of(g, g->assignments[i].value)] = true;
    find_last(f);
    return find_boundary(f, status);
}

static cairn__plan *fit(fitter *f, int64_t limit, cairn_status *status)
{
    int64_t smallest = INT64_MAX;
    for (int i = 0; i < MOST_PLANS; i++) {
        cairn_graph *g = rebuild(f, status);
        cairn__plan *p = g ? cairn__plan_new(g, status) : NULL;
        const int64_t bytes = p ? cairn__plan_bytes(p) : 0;
        if (!p || !limit || bytes <= limit)
            return p;
        cairn__plan_free(p);
        smallest = CAIRN__MIN(smallest, bytes);
        if (!mark_more(f, (double)(bytes - limit), status))
            break;
    }
    if (cairn_ok(status))
        cairn__fail(status, CAIRN_ERR_MEMORY,
                    "memory: a program of %lld bytes at least, and %lld are allowed",
                    (long long)smallest, (long long)limit);
    return NULL;
}

cairn__plan *cairn__plan_fit(const cairn_graph *g, int64_t limit, cairn_status *status)
{
    fitter f = {.g = g};
    cairn__plan *p = start(&f, status) ? fit(&f, limit, status) : NULL;
    cairn__free(f.again);
    cairn__free(f.sink);
    cairn__free(f.last);
    cairn__free(f.seen);
    cairn__free(f.stack);
    return p;
}
