/* The first passes, in one walk: dead nodes, equal nodes, constants, identities.
 *
 * The live nodes of the graph are built again in a new one, each through cairn__simplify(); ops
 * that stand for a formula are replaced by it. The walk is repeated on its own result while it
 * still gets smaller, at most a few times: a rule can make the operands of a later one dead or
 * equal. */
#include <string.h>

#include "compile/plan.h"

enum { MOST_WALKS = 4, LARGEST_FOLDED = 4096 };

/* ---- equal nodes ----------------------------------------------------------------------------- */

static uint64_t hash_node(const cairn_op *op, const cairn_tensor *inputs, int n,
                          const cairn__attributes *at)
{
    uint64_t h = (uint64_t)(uintptr_t)op;
    const uint64_t *words = (const uint64_t *)at;
    for (size_t i = 0; i < sizeof *at / sizeof *words; i++)
        h = (h ^ words[i]) * 0x9E3779B97F4A7C15u + (h >> 29);
    for (int i = 0; i < n; i++)
        h = (h ^ (uint64_t)inputs[i].id) * 0x9E3779B97F4A7C15u + (h >> 29);
    return h;
}

static bool equal_node(const cairn_node *a, const cairn_op *op, const cairn_tensor *inputs, int n,
                       const cairn__attributes *at)
{
    if (a->op != op || a->inputs != n || memcmp(&a->at, at, sizeof *at) != 0)
        return false;
    for (int i = 0; i < n; i++)
        if (a->input[i] != inputs[i].id)
            return false;
    return true;
}

/* An open hash table of the nodes of the graph being made; node ids + 1, 0 is empty. */
typedef struct table {
    int32_t *slots;
    size_t mask;
} table;

static bool table_new(table *t, int32_t nodes, cairn_status *status)
{
    size_t size = 64;
    while (size < 4 * (size_t)nodes)
        size *= 2;
    t->slots = cairn__alloc(size, sizeof *t->slots, status);
    t->mask = size - 1;
    return t->slots != NULL;
}

/* The equal node that exists already, or a new one. */
static cairn_tensor unique(table *t, cairn_graph *g, const cairn_op *op, const cairn_tensor *inputs,
                           int n, const cairn__attributes *at)
{
    size_t slot = hash_node(op, inputs, n, at) & t->mask;
    for (; t->slots[slot]; slot = (slot + 1) & t->mask)
        if (equal_node(g->nodes[t->slots[slot] - 1], op, inputs, n, at))
            return (cairn_tensor){g, t->slots[slot] - 1};
    cairn_tensor made = cairn__node(g, op, inputs, n, at);
    if (!cairn__none(made))
        t->slots[slot] = made.id + 1;
    return made;
}

/* ---- constants ------------------------------------------------------------------------------- */

static bool is_constant(const cairn_graph *g, cairn_tensor x)
{
    const cairn_op *op = g->nodes[x.id]->op;
    return op == &cairn__op_fill || op == &cairn__op_constant;
}

/* The node replaced by its value, if all its inputs are constants and it is small. */
static cairn_tensor folded(cairn_graph *g, cairn_tensor x)
{
    const cairn_node *n = cairn__get(x);
    if (!n || n->op->kind == CAIRN__LEAF || !(n->op->element || n->op->reference) ||
        cairn_shape_count(n->shape) > LARGEST_FOLDED)
        return x;
    for (int i = 0; i < n->inputs; i++)
        if (!is_constant(g, (cairn_tensor){g, n->input[i]}))
            return x;
    double values[LARGEST_FOLDED], *to = values;
    if (n->inputs == 0 || !cairn__evaluate(g, &x, 1, &to, NULL, NULL, true, &g->status))
        return x;
    int64_t count = cairn_shape_count(n->shape);
    bool same = count > 0;
    for (int64_t i = 1; same && i < count; i++)
        same = values[i] == values[0];
    if (same)
        return cairn_fill(g, n->dtype, n->shape, values[0]);
    char elements[LARGEST_FOLDED * 4];
    cairn__from_double(n->dtype, values, elements, count);
    return cairn_constant(g, n->dtype, n->shape, elements);
}

/* ---- the walk -------------------------------------------------------------------------------- */

static bool wanted(const cairn__output *output, const cairn__targets *targets)
{
    if (targets->n == 0)
        return !targets->no_outputs;
    for (int i = 0; i < targets->n; i++)
        if (strcmp(targets->outputs[i], output->name) == 0)
            return true;
    return false;
}

static bool assigned(const cairn__assignment *assignment, const cairn__targets *targets)
{
    return targets->updates && strcmp(assignment->set, targets->set ? targets->set : "") == 0;
}

static void mark_live(const cairn_graph *g, const cairn__targets *targets, bool *live)
{
    for (int i = 0; i < g->n_outputs; i++)
        if (wanted(&g->outputs[i], targets))
            live[g->outputs[i].value] = true;
    for (int i = 0; i < g->n_assignments; i++)
        if (assigned(&g->assignments[i], targets))
            live[g->assignments[i].value] = true;
    for (int32_t i = g->n - 1; i >= 0; i--)
        for (int j = 0; live[i] && j < g->nodes[i]->inputs; j++)
            live[g->nodes[i]->input[j]] = true;
}

/* Data of leaves is copied by those that own it. */
cairn_tensor cairn__copy_node(cairn_graph *to, const cairn_node *n, const cairn_tensor *inputs)
{
    to->recompute = n->again;
    if (n->op == &cairn__op_constant)
        return cairn_constant(to, n->dtype, n->shape, n->at.data);
    if (n->op == &cairn__op_input)
        return cairn_input(to, n->at.data, n->dtype, n->shape);
    return cairn__node(to, n->op, inputs, n->inputs, &n->at);
}

/* One node again, in the new graph. */
static cairn_tensor again(table *t, cairn_graph *to, const cairn_node *n, const cairn_tensor *map)
{
    cairn_tensor few[8], *inputs = few, result;
    if (n->inputs > (int)CAIRN__COUNT(few))
        inputs = cairn__arena_alloc(&to->arena, (size_t)n->inputs, sizeof *inputs, &to->status);
    if (!inputs)
        return (cairn_tensor){to, 0};
    for (int i = 0; i < n->inputs; i++)
        inputs[i] = map[n->input[i]];
    to->scope = n->scope;
    to->recompute = n->again;
    if (n->op == &cairn__op_constant || n->op == &cairn__op_input)
        return cairn__copy_node(to, n, inputs);
    if (n->op->expand)
        return n->op->expand(n, inputs);
    result = n->op->kind == CAIRN__LEAF
                 ? (cairn_tensor){NULL, 0}
                 : cairn__simplify(to, n->op, inputs, n->inputs, &n->at);
    if (!result.graph)
        result = unique(t, to, n->op, inputs, n->inputs, &n->at);
    return folded(to, result);
}

void cairn__copy_targets(const cairn_graph *g, const cairn__targets *targets, cairn_graph *to,
                         const cairn_tensor *map)
{
    to->recompute = 0;
    for (int i = 0; i < g->n_outputs; i++)
        if (wanted(&g->outputs[i], targets))
            cairn_output(map[g->outputs[i].value], g->outputs[i].name);
    /* The chosen set is the ordinary one of the new graph: later passes know of no other. */
    for (int i = 0; i < g->n_assignments; i++) {
        if (!assigned(&g->assignments[i], targets))
            continue;
        cairn_tensor variable = cairn__variable_tensor(to, g->assignments[i].variable);
        cairn_assign(variable, map[g->assignments[i].value]);
    }
}

/* Scopes are texts in the arena of the graph they come from: the new graph needs its own. */
void cairn__own_scopes(cairn_graph *to)
{
    const char *before = NULL, *copy = NULL;
    for (int32_t i = 0; i < to->n; i++) {
        if (to->nodes[i]->scope != before) {
            before = to->nodes[i]->scope;
            copy = cairn__arena_text(&to->arena, &to->status, "%s", before);
        }
        to->nodes[i]->scope = copy ? copy : "";
    }
    to->scope = "";
}

static cairn_graph *walk(const cairn_graph *g, const cairn__targets *targets, cairn_status *status)
{
    cairn_graph *to = cairn_graph_new_sharing(g);
    table t = {NULL, 0};
    bool *live = cairn__alloc((size_t)g->n, sizeof *live, status);
    cairn_tensor *map = cairn__alloc((size_t)g->n, sizeof *map, status);
    bool good = live && map && table_new(&t, g->n, status);
    if (good) {
        mark_live(g, targets, live);
        for (int32_t i = 0; i < g->n && to->status.code == CAIRN_OK; i++)
            if (live[i])
                map[i] = again(&t, to, g->nodes[i], map);
        cairn__copy_targets(g, targets, to, map);
        cairn__own_scopes(to);
        if (to->status.code != CAIRN_OK)
            good = cairn__fail(status, to->status.code, "%s", to->status.message);
    }
    cairn__free(t.slots);
    cairn__free(live);
    cairn__free(map);
    if (good)
        return to;
    cairn_graph_free(to);
    return NULL;
}

static bool output_exists(const cairn_graph *g, const char *name)
{
    for (int i = 0; i < g->n_outputs; i++)
        if (strcmp(g->outputs[i].name, name) == 0)
            return true;
    return false;
}

cairn_graph *cairn__rewrite(const cairn_graph *g, const cairn__targets *targets,
                            cairn_status *status)
{
    if (g->status.code != CAIRN_OK)
        cairn__fail(status, g->status.code, "%s", g->status.message);
    for (int i = 0; i < targets->n; i++)
        if (!output_exists(g, targets->outputs[i]))
            cairn__fail(status, CAIRN_ERR_NAME, "the graph has no output '%s'",
                        targets->outputs[i]);
    if (!cairn_ok(status))
        return NULL;
    const cairn__targets all = {.updates = true};
    cairn_graph *now = walk(g, targets, status);
    for (int i = 1; now && i < MOST_WALKS; i++) {
        cairn_graph *next = walk(now, &all, status);
        bool smaller = next && next->n < now->n;
        cairn_graph_free(now);
        now = next;
        if (!smaller)
            break;
    }
    return now;
}
