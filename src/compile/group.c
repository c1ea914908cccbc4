/* Which nodes share a step.
 *
 * The graph is walked from the results to the leaves. A fusable node joins a cluster of its
 * readers: it lives in registers there, and goes to memory only for readers elsewhere. It must not
 * join where one of those leads back into the cluster, which would then wait for itself. A node
 * that fits nowhere starts a cluster. So the derivative of an activation lands with the backward
 * pass that needs it and not with the forward pass that could also compute it.
 *
 *     rows x row elements        wide: x ── sub ── exp ─┬─────── div ──> y
 *     one value a row          narrow:  max ┘          sum ──────┘
 *
 * At the end a matrix product or a convolution joins a cluster that reads it, as its head: the
 * cluster becomes the epilogue and runs on each piece of the result while that is in cache. */
#include "compile/group.h"

enum { LONGEST_FUSED_ROW = 16384, MOST_MEMBERS = 48 };

/* ---- kinds of nodes -------------------------------------------------------------------------- */

int64_t cairn__reduced_row(const cairn_graph *g, const cairn_node *n)
{
    if (n->op->kind != CAIRN__REDUCTION)
        return 0;
    cairn_shape x = g->nodes[n->input[0]]->shape;
    int64_t row = 1;
    bool trailing = true;
    for (int i = x.rank - 1; i >= 0; i--) {
        bool gone = n->at.list[0] >> i & 1;
        if (gone && !trailing && x.size[i] != 1)
            return 0;
        if (gone)
            row *= x.size[i];
        else if (x.size[i] != 1)
            trailing = false;
    }
    return row > 1 && row <= LONGEST_FUSED_ROW ? row : 0;
}

static bool small_dtype(cairn_dtype dtype)
{
    return dtype == CAIRN_F32 || dtype == CAIRN_BOOL || dtype == CAIRN_U8;
}

bool cairn__fusable(const cairn__grouping *s, const cairn_node *n)
{
    if (cairn_shape_count(n->shape) == 0)
        return false;
    if (n->op->kind == CAIRN__REDUCTION)
        return cairn__reduced_row(s->g, n) > 0;
    if (s->material[n->id])
        return small_dtype(n->dtype);
    if (n->op->kind != CAIRN__ELEMENTWISE || (n->dtype != CAIRN_F32 && n->dtype != CAIRN_BOOL))
        return n->op == &cairn__op_stop_gradient && n->dtype == CAIRN_U8;
    for (int i = 0; i < n->inputs; i++) {
        cairn_dtype dtype = s->g->nodes[n->input[i]]->dtype;
        if (!small_dtype(dtype) && n->op != &cairn__op_cast)
            return false;
    }
    return true;
}

bool cairn__computed(const cairn__grouping *s, const cairn_node *n)
{
    if (s->material[n->id])
        return true;
    if (n->op->kind == CAIRN__LEAF)
        return false;
    return !cairn__is_view(n) || cairn__view_of(s->g, n->id).source == n->id;
}

bool cairn__live(const cairn__grouping *s, const cairn_node *n)
{
    return s->first_use[n->id] >= 0 || s->sink[n->id];
}

/* ---- uses ------------------------------------------------------------------------------------ */

static bool add_use(cairn__grouping *s, int32_t node, int32_t reader, int operand, bool dense)
{
    if (s->n_uses == s->uses_capacity) {
        int capacity = 2 * s->uses_capacity + 256;
        cairn__use *uses = cairn__resize(s->uses, (size_t)capacity, sizeof *uses, s->status);
        if (!uses)
            return false;
        s->uses = uses;
        s->uses_capacity = capacity;
    }
    s->uses[s->n_uses] = (cairn__use){reader, operand, dense, s->first_use[node]};
    s->first_use[node] = s->n_uses++;
    return true;
}

/* An element-wise reader follows views; a number is part of the instruction and has no reader. */
static bool use_fused(cairn__grouping *s, const cairn_node *n)
{
    /* A materialised view or fill reads what it is a view of. */
    if (s->material[n->id]) {
        if (n->op == &cairn__op_fill)
            return true;
        cairn__view v = cairn__view_of(s->g, n->id);
        return s->g->nodes[v.source]->op == &cairn__op_fill ||
               add_use(s, v.source, n->id, 0, false);
    }
    for (int i = 0; i < n->inputs; i++) {
        int32_t source = cairn__view_of(s->g, n->input[i]).source;
        if (s->g->nodes[source]->op != &cairn__op_fill && !add_use(s, source, n->id, i, false))
            return false;
    }
    return true;
}

/* Other readers need their operands in memory and in order: the source of a mere reshape, or of its
 * first elements, will do; any other view is written out. */
static bool use_dense(cairn__grouping *s, const cairn_node *n)
{
    for (int i = 0; i < n->inputs; i++) {
        int32_t operand = n->input[i];
        cairn__view v = cairn__view_of(s->g, operand);
        cairn__access a = cairn__access_of(s->g, &v, 0);
        if (a.kind == CAIRN__FULL && s->g->nodes[v.source]->op != &cairn__op_fill)
            operand = v.source;
        else if (cairn__is_view(s->g->nodes[operand]) ||
                 s->g->nodes[operand]->op == &cairn__op_fill)
            s->material[operand] = true;
        if (!add_use(s, operand, n->id, i, true))
            return false;
    }
    return true;
}

/* ---- joining --------------------------------------------------------------------------------- */

/* Where a node would stand in a cluster. */
typedef enum role { NO_ROLE, WIDE_ROLE, NARROW_ROLE } role;

/* How operand `use` of a member sees the node, given rows of length `row` (0: not known yet; then a
 * repeated row decides it). */
static role role_for(const cairn__grouping *s, const cairn__cluster *c, const cairn__use *use,
                     int64_t *row)
{
    const cairn_node *reader = s->g->nodes[use->reader];
    int32_t operand = s->material[reader->id] ? reader->id : reader->input[use->operand];
    cairn__view v = cairn__view_of(s->g, operand);
    bool wide_space = !s->narrow[reader->id] || reader->op->kind == CAIRN__REDUCTION;
    cairn__access a = cairn__access_of(s->g, &v, *row);
    bool whole = cairn_shape_count(s->g->nodes[v.source]->shape) == cairn_shape_count(v.shape);
    if (!wide_space)
        return a.kind == CAIRN__FULL && whole ? NARROW_ROLE : NO_ROLE;
    if (a.kind == CAIRN__FULL && whole)
        return WIDE_ROLE;
    if (a.kind == CAIRN__ROW)
        return NARROW_ROLE;
    if (a.kind == CAIRN__SINGLE && *row && *row == c->count &&
        cairn_shape_count(s->g->nodes[v.source]->shape) == 1)
        return NARROW_ROLE;
    if (*row == 0 && a.kind == CAIRN__STRIDED && a.rank == 2 && a.stride[0] == 1 &&
        a.stride[1] == 0 && a.size[1] <= LONGEST_FUSED_ROW && a.offset == 0 &&
        cairn_shape_count(s->g->nodes[v.source]->shape) == a.size[0]) {
        *row = a.size[1];
        return NARROW_ROLE;
    }
    return NO_ROLE;
}

/* Whether all that an instruction on narrow registers loads is one value a row, or one in all. */
static bool loads_narrow(const cairn__grouping *s, const cairn_node *n)
{
    for (int i = 0; i < n->inputs; i++) {
        cairn__view v = cairn__view_of(s->g, n->input[i]);
        if (s->g->nodes[v.source]->op == &cairn__op_fill)
            continue;
        cairn__access a = cairn__access_of(s->g, &v, 0);
        if (a.kind == CAIRN__STRIDED)
            return false;
    }
    return !s->material[n->id];
}

/* All members become narrow, so that a reduction whose result they use can join below them. */
static bool rebase(cairn__grouping *s, int32_t cluster, int64_t row)
{
    cairn__cluster *c = &s->clusters[cluster];
    for (int32_t m = c->last_member; m >= 0; m = s->next_member[m])
        if (!loads_narrow(s, s->g->nodes[m]))
            return false;
    for (int32_t m = c->last_member; m >= 0; m = s->next_member[m])
        s->narrow[m] = true;
    c->count *= row;
    c->row = row;
    return true;
}

static int push_unseen(cairn__grouping *s, int top, int32_t node)
{
    if (s->seen[node] != s->round) {
        s->seen[node] = s->round;
        s->stack[top++] = node;
    }
    return top;
}

/* Whether a reader of `node` outside the cluster leads back into it: then the node must not join,
 * or the cluster would wait for itself. A cluster met on the way is passed through as a whole. */
static bool leads_back(cairn__grouping *s, int32_t node, int32_t cluster)
{
    int top = 0;
    s->round++;
    for (int u = s->first_use[node]; u >= 0; u = s->uses[u].next)
        if (s->uses[u].dense || s->cluster_of[s->uses[u].reader] != cluster)
            top = push_unseen(s, top, s->uses[u].reader);
    while (top > 0) {
        int32_t now = s->stack[--top], of = s->cluster_of[now];
        if (of == cluster)
            return true;
        for (int u = s->first_use[now]; u >= 0; u = s->uses[u].next)
            top = push_unseen(s, top, s->uses[u].reader);
        for (int32_t m = of >= 0 ? s->clusters[of].last_member : -1; m >= 0; m = s->next_member[m])
            top = push_unseen(s, top, m);
    }
    return false;
}

static void add_member(cairn__grouping *s, int32_t cluster, int32_t node, bool narrow)
{
    cairn__cluster *c = &s->clusters[cluster];
    s->cluster_of[node] = cluster;
    s->narrow[node] = narrow;
    s->next_member[node] = c->last_member;
    c->last_member = node;
    c->members++;
}

/* Joins `cluster`, as all readers there see it alike; readers elsewhere will find it in memory. */
static bool join(cairn__grouping *s, const cairn_node *n, int32_t cluster)
{
    cairn__cluster *c = &s->clusters[cluster];
    int64_t row = c->row, reduced = cairn__reduced_row(s->g, n);
    role wanted = NO_ROLE;
    if (c->members >= MOST_MEMBERS)
        return false;
    for (int u = s->first_use[n->id]; u >= 0; u = s->uses[u].next) {
        if (s->uses[u].dense || s->cluster_of[s->uses[u].reader] != cluster)
            continue;
        role r = role_for(s, c, &s->uses[u], &row);
        if (r == NO_ROLE || (wanted != NO_ROLE && r != wanted))
            return false;
        wanted = r;
    }
    bool lift = reduced && wanted == WIDE_ROLE; /* a reduction's result cannot be wide */
    if (wanted == NARROW_ROLE && ((reduced && reduced != row) || (!reduced && !loads_narrow(s, n))))
        return false;
    if ((lift && c->row) || leads_back(s, n->id, cluster) || (lift && !rebase(s, cluster, reduced)))
        return false;
    c->row = lift ? reduced : row;
    add_member(s, cluster, n->id, lift || wanted == NARROW_ROLE);
    return true;
}

/* The latest reader's cluster is tried first: where a forward and a backward pass both read a
 * value, only the forward one can take it in, and it is found at the end. */
static bool try_join(cairn__grouping *s, const cairn_node *n)
{
    for (int u = s->first_use[n->id]; u >= 0; u = s->uses[u].next) {
        int32_t cluster = s->uses[u].dense ? CAIRN__NO_CLUSTER : s->cluster_of[s->uses[u].reader];
        bool tried = cluster == CAIRN__NO_CLUSTER;
        for (int v = s->first_use[n->id]; !tried && v != u; v = s->uses[v].next)
            tried = !s->uses[v].dense && s->cluster_of[s->uses[v].reader] == cluster;
        if (!tried && join(s, n, cluster))
            return true;
    }
    return false;
}

static bool start_cluster(cairn__grouping *s, const cairn_node *n)
{
    if (s->n_clusters == s->clusters_capacity) {
        int capacity = 2 * s->clusters_capacity + 64;
        cairn__cluster *list =
            cairn__resize(s->clusters, (size_t)capacity, sizeof *list, s->status);
        if (!list)
            return false;
        s->clusters = list;
        s->clusters_capacity = capacity;
    }
    int64_t row = cairn__reduced_row(s->g, n), count = cairn_shape_count(n->shape);
    s->clusters[s->n_clusters] = (cairn__cluster){
        .count = row ? count * row : count, .row = row, .head = -1, .last_member = -1};
    add_member(s, s->n_clusters++, n->id, row != 0);
    return true;
}

/* ---- heads ----------------------------------------------------------------------------------- */

/* Whether the cluster can follow the head: every member that reads it sees it in order. */
static bool follows(const cairn__grouping *s, const cairn_node *n, int32_t cluster)
{
    const cairn__cluster *c = &s->clusters[cluster];
    int64_t row = c->row;
    if (c->head >= 0 || c->count != cairn_shape_count(n->shape) ||
        (row && n->shape.size[n->shape.rank - 1] % row != 0))
        return false;
    for (int u = s->first_use[n->id]; u >= 0; u = s->uses[u].next)
        if (!s->uses[u].dense && s->cluster_of[s->uses[u].reader] == cluster &&
            role_for(s, c, &s->uses[u], &row) != WIDE_ROLE)
            return false;
    return row == c->row;
}

/* The latest cluster that can follow takes the head, unless it also waits for what other readers
 * make of it; those find it in memory. */
static void attach_head(cairn__grouping *s, const cairn_node *n)
{
    for (int u = s->first_use[n->id]; u >= 0; u = s->uses[u].next) {
        const int32_t cluster =
            s->uses[u].dense ? CAIRN__NO_CLUSTER : s->cluster_of[s->uses[u].reader];
        if (cluster == CAIRN__NO_CLUSTER || !follows(s, n, cluster) ||
            leads_back(s, n->id, cluster))
            continue;
        s->clusters[cluster].head = n->id;
        return;
    }
}

/* ---- the pass -------------------------------------------------------------------------------- */

/* An output or update of a leaf, or of a view that is not a mere reshape, gets a copy of its
 * own. */
static int32_t sink_node(cairn__grouping *s, int32_t node)
{
    cairn_graph *g = s->g;
    cairn__view v = cairn__view_of(g, node);
    cairn__access a = cairn__access_of(g, &v, 0);
    bool in_order = a.kind == CAIRN__FULL &&
                    cairn_shape_count(v.shape) == cairn_shape_count(g->nodes[v.source]->shape);
    if (in_order && g->nodes[v.source]->op->kind != CAIRN__LEAF)
        return v.source;
    cairn_tensor copy = cairn_stop_gradient((cairn_tensor){g, node});
    return cairn__none(copy) ? node : copy.id;
}

static void mark_sinks(cairn_graph *g, bool *sink)
{
    for (int i = 0; i < g->n_outputs; i++)
        sink[g->outputs[i].value] = true;
    for (int i = 0; i < g->n_assignments; i++)
        sink[g->assignments[i].value] = true;
}

static bool group_node(cairn__grouping *s, const cairn_node *n)
{
    if (!cairn__live(s, n) || !cairn__computed(s, n))
        return true;
    if (!cairn__fusable(s, n))
        return use_dense(s, n);
    return (try_join(s, n) || start_cluster(s, n)) && use_fused(s, n);
}

static bool allocate_lists(cairn__grouping *s)
{
    size_t n = (size_t)s->g->n;
    s->cluster_of = cairn__alloc(n, sizeof *s->cluster_of, s->status);
    s->narrow = cairn__alloc(n, sizeof *s->narrow, s->status);
    s->material = cairn__alloc(n, sizeof *s->material, s->status);
    s->sink = cairn__alloc(n, sizeof *s->sink, s->status);
    s->first_use = cairn__alloc(n, sizeof *s->first_use, s->status);
    s->next_member = cairn__alloc(n, sizeof *s->next_member, s->status);
    s->seen = cairn__alloc(n, sizeof *s->seen, s->status);
    s->stack = cairn__alloc(n, sizeof *s->stack, s->status);
    if (!s->cluster_of || !s->narrow || !s->material || !s->sink || !s->first_use ||
        !s->next_member || !s->seen || !s->stack)
        return false;
    for (size_t i = 0; i < n; i++) {
        s->cluster_of[i] = CAIRN__NO_CLUSTER;
        s->first_use[i] = -1;
    }
    return true;
}

bool cairn__group(cairn__plan *plan, cairn_status *status)
{
    cairn__grouping s = {.plan = plan, .g = plan->lowered, .status = status};
    cairn_graph *g = plan->lowered;
    for (int i = 0; i < g->n_outputs; i++)
        g->outputs[i].value = sink_node(&s, g->outputs[i].value);
    for (int i = 0; i < g->n_assignments; i++)
        g->assignments[i].value = sink_node(&s, g->assignments[i].value);
    if (g->status.code != CAIRN_OK)
        return cairn__fail(status, g->status.code, "%s", g->status.message);
    bool good = allocate_lists(&s);
    if (good)
        mark_sinks(g, s.sink);
    for (int32_t i = g->n - 1; good && i >= 0; i--)
        good = group_node(&s, g->nodes[i]);
    for (int32_t i = 0; good && i < g->n; i++)
        if (g->nodes[i]->op->takes_epilogue)
            attach_head(&s, g->nodes[i]);
    good = good && cairn__emit(&s);
    cairn__free(s.cluster_of);
    cairn__free(s.narrow);
    cairn__free(s.material);
    cairn__free(s.sink);
    cairn__free(s.first_use);
    cairn__free(s.next_member);
    cairn__free(s.seen);
    cairn__free(s.stack);
    cairn__free(s.uses);
    cairn__free(s.clusters);
    return good;
}
