/* From clusters of nodes to steps: values in memory, element-wise programs, registers. */
#include <limits.h>
#include <string.h>

#include "compile/group.h"

/* ---- values ---------------------------------------------------------------------------------- */

static int32_t new_value(cairn__plan *p, const cairn_graph *g, int32_t node)
{
    const cairn_node *n = g->nodes[node];
    cairn__value *v = &p->values[p->n_values];
    *v = (cairn__value){.node = node,
                        .bytes = (size_t)cairn_shape_count(n->shape) * cairn_dtype_bytes(n->dtype),
                        .place = CAIRN__ARENA,
                        .last = -1,
                        .producer = -1};
    if (n->op == &cairn__op_variable) {
        v->place = CAIRN__VARIABLE;
        v->variable = (cairn_variable *)n->at.data;
    } else if (n->op->kind == CAIRN__LEAF && n->op != &cairn__op_fill) {
        v->last = INT_MAX; /* inputs and constants keep their places */
    }
    return p->value_of[node] = p->n_values++;
}

/* Whether something outside the cluster needs the node in memory. */
static bool leaves_cluster(const cairn__grouping *s, int32_t node, int32_t cluster)
{
    if (s->sink[node])
        return true;
    for (int u = s->first_use[node]; u >= 0; u = s->uses[u].next)
        if (s->uses[u].dense || s->cluster_of[s->uses[u].reader] != cluster)
            return true;
    return false;
}

static bool make_values(cairn__grouping *s)
{
    cairn__plan *p = s->plan;
    int32_t n = s->g->n;
    /* One more for each variable: the target of a copy may never be read. */
    size_t most = (size_t)n + (size_t)s->g->n_assignments;
    p->values = cairn__arena_alloc(&p->arena, most, sizeof *p->values, s->status);
    p->value_of = cairn__arena_alloc(&p->arena, (size_t)n, sizeof *p->value_of, s->status);
    if (!p->values || !p->value_of)
        return false;
    for (int32_t i = 0; i < n; i++) {
        const cairn_node *node = s->g->nodes[i];
        int32_t cluster = s->cluster_of[i];
        bool leaf = node->op->kind == CAIRN__LEAF && !s->material[i];
        p->value_of[i] = -1;
        if (!cairn__live(s, node) || (!leaf && !cairn__computed(s, node)))
            continue;
        if (cluster == CAIRN__NO_CLUSTER || leaves_cluster(s, i, cluster))
            new_value(p, s->g, i);
    }
    for (int c = 0; c < s->n_clusters; c++) {
        /* Pieces of a product may stay with the thread that made them. */
        int32_t head = s->clusters[c].head;
        if (head >= 0 && s->g->nodes[head]->op == &cairn__op_matmul &&
            !leaves_cluster(s, head, c))
            p->values[p->value_of[head]].place = CAIRN__NOWHERE;
    }
    return true;
}

/* ---- operands -------------------------------------------------------------------------------- */

static bool same_access(const cairn__access *a, const cairn__access *b)
{
    return a->value == b->value && a->kind == b->kind && a->rank == b->rank &&
           a->offset == b->offset &&
           memcmp(a->size, b->size, (size_t)a->rank * sizeof *a->size) == 0 &&
           memcmp(a->stride, b->stride, (size_t)a->rank * sizeof *a->stride) == 0;
}

static int access_index(cairn__fused *f, const cairn__access *a)
{
    for (int i = 0; i < f->accesses; i++)
        if (same_access(&f->access[i], a))
            return i;
    f->access[f->accesses] = *a;
    return f->accesses++;
}

/* Where an instruction finds what `node` (an operand, maybe a view) stands for. */
static cairn__operand operand_of(const cairn__grouping *s, int32_t cluster, cairn__fused *f,
                                 const int *result_of, int32_t node, bool wide_space)
{
    const cairn__plan *p = s->plan;
    cairn__view v = cairn__view_of(s->g, node);
    const cairn_node *source = s->g->nodes[v.source];
    if (source->op == &cairn__op_fill && !(s->material[v.source] && v.source != node))
        return (cairn__operand){CAIRN__IMMEDIATE, 0, (float)source->at.value[0]};
    if (v.source == s->clusters[cluster].head)
        return (cairn__operand){.kind = CAIRN__HEAD};
    if (v.source != node || s->cluster_of[node] == cluster)
        if (s->cluster_of[v.source] == cluster && result_of[v.source] >= 0)
            return (cairn__operand){s->narrow[v.source] ? CAIRN__NARROW : CAIRN__WIDE,
                                    result_of[v.source], 0};
    cairn__access a = cairn__access_of(s->g, &v, f->row);
    a.value = p->value_of[v.source];
    if (!wide_space && a.kind == CAIRN__FULL)
        a.kind = CAIRN__ROW;
    return (cairn__operand){CAIRN__LOADED, access_index(f, &a), 0};
}

static void emit_instruction(cairn__grouping *s, int32_t cluster, cairn__fused *f, int *result_of,
                             const cairn_node *n)
{
    cairn__instruction *in = &f->instruction[f->instructions];
    bool narrow = s->narrow[n->id];
    bool wide_space = !narrow || n->op->kind == CAIRN__REDUCTION;
    in->store = -1;
    in->op = s->material[n->id] ? &cairn__op_stop_gradient : n->op;
    in->operands = s->material[n->id] ? 1 : n->inputs;
    for (int i = 0; i < in->operands; i++) {
        int32_t operand = s->material[n->id] ? n->id : n->input[i];
        in->operand[i] = operand_of(s, cluster, f, result_of, operand, wide_space);
    }
    in->result.kind = narrow ? CAIRN__NARROW : CAIRN__WIDE;
    result_of[n->id] = f->instructions;
    if (leaves_cluster(s, n->id, cluster)) {
        in->store = f->stores;
        f->store[f->stores++] = (cairn__store){s->plan->value_of[n->id], n->dtype, narrow,
                                               f->instructions};
    }
    f->instructions++;
}

/* ---- registers ------------------------------------------------------------------------------- */

enum { MOST_REGISTERS = 256 };

/* Results are numbered by instruction so far. A register is free again behind its last reader, so a
 * result may take the register of an operand that ends there: kernels allow it. */
static void assign_registers(cairn__fused *f)
{
    int last[MOST_REGISTERS], assigned[MOST_REGISTERS];
    bool busy[2][MOST_REGISTERS] = {{false}};
    for (int i = 0; i < f->instructions; i++) {
        last[i] = i;
        for (int j = 0; j < f->instruction[i].operands; j++) {
            cairn__operand_kind kind = f->instruction[i].operand[j].kind;
            if (kind == CAIRN__WIDE || kind == CAIRN__NARROW)
                last[f->instruction[i].operand[j].index] = i;
        }
    }
    for (int i = 0; i < f->instructions; i++) {
        cairn__instruction *in = &f->instruction[i];
        for (int j = 0; j < in->operands; j++) {
            cairn__operand *o = &in->operand[j];
            if (o->kind != CAIRN__WIDE && o->kind != CAIRN__NARROW)
                continue;
            int from = o->index;
            o->index = assigned[from];
            /* A reduction reads all of a wide tile while it writes a narrow one: no matter. */
            if (last[from] == i)
                busy[o->kind == CAIRN__NARROW][assigned[from]] = false;
        }
        bool narrow = in->result.kind == CAIRN__NARROW;
        int r = 0;
        while (busy[narrow][r])
            r++;
        busy[narrow][r] = last[i] > i;
        assigned[i] = in->result.index = r;
        int *count = narrow ? &f->narrow : &f->wide;
        *count = CAIRN__MAX(*count, r + 1);
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

static double access_bytes(const cairn__plan *p, const cairn__fused *f)
{
    double bytes = 0;
    for (int i = 0; i < f->accesses; i++)
        bytes += (double)p->values[f->access[i].value].bytes;
    for (int i = 0; i < f->stores; i++)
        bytes += (double)p->values[f->store[i].value].bytes;
    return bytes;
}

/* The op's operands as values. */
static bool op_inputs(cairn__grouping *s, cairn__step *step, const cairn_node *n)
{
    cairn__plan *p = s->plan;
    step->node = n->id;
    step->inputs = n->op == &cairn__op_fill ? 0 : n->inputs;
    step->input = cairn__arena_alloc(&p->arena, (size_t)step->inputs, sizeof *step->input,
                                     s->status);
    if (!step->input)
        return false;
    for (int i = 0; i < step->inputs; i++) {
        int32_t operand = n->input[i];
        if (p->value_of[operand] < 0 || !(s->material[operand]))
            operand = cairn__view_of(s->g, operand).source;
        step->input[i] = p->value_of[operand];
        step->bytes += (double)p->values[step->input[i]].bytes;
    }
    step->output = p->value_of[n->id];
    step->bytes += (double)p->values[step->output].bytes;
    step->flops += cairn__node_flops(s->g, n);
    p->values[step->output].producer = (int)(step - p->steps);
    return true;
}

static bool emit_op(cairn__grouping *s, const cairn_node *n)
{
    cairn__step *step = &s->plan->steps[s->plan->n_steps++];
    *step = (cairn__step){
        .node = -1, .output = -1, .copy_from = -1, .late = n->late, .scope = n->scope};
    return op_inputs(s, step, n);
}

static bool reserve_program(cairn__grouping *s, cairn__fused *f, const cairn__cluster *c)
{
    size_t most = (size_t)c->members;
    f->rows = c->row ? c->count / c->row : c->count;
    f->row = c->row;
    f->access = cairn__arena_alloc(&s->plan->arena, 3 * most, sizeof *f->access, s->status);
    f->instruction = cairn__arena_alloc(&s->plan->arena, most, sizeof *f->instruction, s->status);
    f->store = cairn__arena_alloc(&s->plan->arena, most, sizeof *f->store, s->status);
    return f->access && f->instruction && f->store;
}

static bool emit_cluster(cairn__grouping *s, int32_t cluster, const int32_t *members, int n,
                         int *result_of)
{
    cairn__plan *p = s->plan;
    const cairn__cluster *c = &s->clusters[cluster];
    cairn__step *step = &p->steps[p->n_steps++];
    *step = (cairn__step){.node = -1, .output = -1, .copy_from = -1,
                          .scope = s->g->nodes[members[n - 1]]->scope};
    if (!reserve_program(s, &step->fused, c))
        return false;
    step->late = c->head < 0 || s->g->nodes[c->head]->late;
    for (int i = 0; i < n; i++) {
        step->late = step->late && s->g->nodes[members[i]]->late;
        emit_instruction(s, cluster, &step->fused, result_of, s->g->nodes[members[i]]);
        step->flops += cairn__node_flops(s->g, s->g->nodes[members[i]]);
    }
    assign_registers(&step->fused);
    step->bytes = access_bytes(p, &step->fused);
    for (int i = 0; i < step->fused.stores; i++)
        p->values[step->fused.store[i].value].producer = p->n_steps - 1;
    return c->head < 0 || op_inputs(s, step, s->g->nodes[c->head]);
}

/* Members of each cluster in order, behind one another: first[c] .. first[c + 1]. */
static void list_members(const cairn__grouping *s, int *first, int32_t *members)
{
    for (int32_t i = 0; i < s->g->n; i++)
        if (s->cluster_of[i] >= 0)
            first[s->cluster_of[i] + 1]++;
    for (int c = 0; c < s->n_clusters; c++)
        first[c + 1] += first[c];
    for (int32_t i = s->g->n - 1; i >= 0; i--)
        if (s->cluster_of[i] >= 0)
            members[--first[s->cluster_of[i] + 1]] = i;
    /* Every start was moved one place down. */
    for (int c = 0; c < s->n_clusters; c++)
        first[c] = first[c + 1];
    first[s->n_clusters] = 0;
    for (int32_t i = 0; i < s->g->n; i++)
        first[s->n_clusters] += s->cluster_of[i] >= 0;
}

static bool is_attached(const cairn__grouping *s, int32_t node)
{
    for (int c = 0; c < s->n_clusters; c++)
        if (s->clusters[c].head == node)
            return true;
    return false;
}

static bool emit_steps(cairn__grouping *s, int *first, int32_t *members, int *result_of)
{
    list_members(s, first, members);
    for (int32_t i = 0; i < s->g->n; i++) {
        const cairn_node *n = s->g->nodes[i];
        int32_t c = s->cluster_of[i];
        result_of[i] = -1;
        bool own = c == CAIRN__NO_CLUSTER && cairn__live(s, n) && cairn__computed(s, n);
        if (own && !is_attached(s, i) && !emit_op(s, n))
            return false;
    }
    for (int c = 0; c < s->n_clusters; c++)
        if (!emit_cluster(s, c, members + first[c], first[c + 1] - first[c], result_of))
            return false;
    return true;
}

bool cairn__emit(cairn__grouping *s)
{
    cairn__plan *p = s->plan;
    size_t nodes = (size_t)s->g->n, clusters = (size_t)s->n_clusters;
    if (!make_values(s))
        return false;
    /* Each node is at most one step; updates may add a copy each. */
    size_t most = nodes + clusters + (size_t)s->g->n_assignments;
    p->steps = cairn__arena_alloc(&p->arena, most, sizeof *p->steps, s->status);
    int *first = cairn__alloc(clusters + 2, sizeof *first, s->status);
    int32_t *members = cairn__alloc(nodes, sizeof *members, s->status);
    int *result_of = cairn__alloc(nodes, sizeof *result_of, s->status);
    bool good = p->steps && first && members && result_of &&
                emit_steps(s, first, members, result_of);
    cairn__free(first);
    cairn__free(members);
    cairn__free(result_of);
    return good;
}
