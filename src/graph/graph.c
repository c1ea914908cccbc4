/* Graphs: making them, the sticky error, scopes, and the one function that adds a node. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"

/* Handed out when there is no memory for a graph: already in error, never changed. */
static cairn_graph out_of_memory = {
    .status = {CAIRN_ERR_MEMORY, "out of memory: no room for a graph"},
    .scope = "",
};

static cairn_graph *new_graph(cairn__variables *variables)
{
    cairn_graph *g = cairn__alloc(1, sizeof *g, NULL);
    if (!g)
        return &out_of_memory;
    g->scope = "";
    g->variables = variables;
    if (variables)
        cairn__variables_keep(variables);
    else
        g->variables = cairn__alloc(1, sizeof *g->variables, NULL);
    if (!g->variables) {
        cairn__free(g);
        return &out_of_memory;
    }
    g->variables->references += !variables;
    return g;
}

cairn_graph *cairn_graph_new(void)
{
    return new_graph(NULL);
}

cairn_graph *cairn_graph_new_sharing(const cairn_graph *other)
{
    cairn_graph *g = new_graph(other->variables);
    if (g != &out_of_memory) {
        g->seed = other->seed;
        g->initial_seed = other->initial_seed;
        if (other->status.code != CAIRN_OK)
            g->status = other->status;
    }
    return g;
}

void cairn_graph_free(cairn_graph *g)
{
    if (!g || g == &out_of_memory)
        return;
    cairn__variables_drop(g->variables);
    cairn__arena_free(&g->arena);
    cairn__free(g->nodes);
    cairn__free(g->assignments);
    cairn__free(g->outputs);
    cairn__free(g);
}

cairn_status cairn_graph_status(const cairn_graph *g)
{
    return g->status;
}

void cairn_graph_seed(cairn_graph *g, uint64_t seed)
{
    if (g != &out_of_memory)
        g->seed = g->initial_seed = seed;
}

void cairn_graph_seed_initial(cairn_graph *g, uint64_t seed)
{
    if (g != &out_of_memory)
        g->initial_seed = seed;
}

void cairn_recompute_push(cairn_graph *g)
{
    if (g != &out_of_memory)
        g->recompute++;
}

void cairn_recompute_pop(cairn_graph *g)
{
    if (g == &out_of_memory)
        return;
    if (g->recompute == 0)
        cairn__graph_fail(g, CAIRN_ERR_STATE, "cairn_recompute_pop() without a push");
    else
        g->recompute--;
}

void cairn_graph_memory(cairn_graph *g, int64_t bytes)
{
    if (g != &out_of_memory)
        g->memory = bytes > 0 ? bytes : 0;
}

/* ---- errors and scopes ----------------------------------------------------------------------- */

bool cairn__graph_fail(cairn_graph *g, cairn_code code, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return cairn__fail(&g->status, code, "%s%s%s", g->scope, *g->scope ? ": " : "", text);
}

bool cairn__refuse(cairn_graph *g, const cairn_node *n, cairn_code code, const char *format, ...)
{
    char reason[200], shapes[200] = "", one[CAIRN_SHAPE_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    size_t at = 0;
    for (int i = 0; i < n->inputs && i < 4; i++) {
        const cairn_node *x = g->nodes[n->input[i]];
        int more = snprintf(shapes + at, sizeof shapes - at, "%s%s%s%s", i ? " x " : " ",
                            x->dtype == CAIRN_F32 ? "" : cairn_dtype_name(x->dtype),
                            x->dtype == CAIRN_F32 ? "" : " ", cairn_shape_text(x->shape, one));
        at = CAIRN__MIN(at + (size_t)more, sizeof shapes - 1);
    }
    return cairn__graph_fail(g, code, "%s%s: %s", n->op->name, shapes, reason);
}

const char *cairn__scoped(cairn_graph *g, const char *name)
{
    const char *text =
        cairn__arena_text(&g->arena, &g->status, "%s%s%s", g->scope, *g->scope ? "/" : "", name);
    return text ? text : "";
}

void cairn_scope_push(cairn_graph *g, const char *name)
{
    if (g->status.code == CAIRN_OK)
        g->scope = cairn__scoped(g, name);
}

void cairn_scope_pop(cairn_graph *g)
{
    if (g->status.code != CAIRN_OK)
        return;
    const char *slash = strrchr(g->scope, '/');
    if (!*g->scope)
        cairn__graph_fail(g, CAIRN_ERR_STATE, "cairn_scope_pop() without cairn_scope_push()");
    else if (!slash)
        g->scope = "";
    else
        g->scope = cairn__arena_text(&g->arena, &g->status, "%.*s", (int)(slash - g->scope),
                                     g->scope);
    if (!g->scope)
        g->scope = "";
}

/* ---- nodes ----------------------------------------------------------------------------------- */

bool cairn__none(cairn_tensor x)
{
    return !x.graph || x.graph->status.code != CAIRN_OK;
}

cairn_node *cairn__get(cairn_tensor x)
{
    return cairn__none(x) ? NULL : x.graph->nodes[x.id];
}

cairn_tensor cairn__input(const cairn_node *n, cairn_tensor y, int i)
{
    return (cairn_tensor){y.graph, n->input[i]};
}

cairn_shape cairn_tensor_shape(cairn_tensor x)
{
    const cairn_node *n = cairn__get(x);
    return n ? n->shape : CAIRN_SCALAR;
}

cairn_dtype cairn_tensor_dtype(cairn_tensor x)
{
    const cairn_node *n = cairn__get(x);
    return n ? n->dtype : CAIRN_F32;
}

int cairn__axis(cairn_tensor x, int axis, const char *op)
{
    const cairn_node *n = cairn__get(x);
    if (!n)
        return -1;
    char text[CAIRN_SHAPE_TEXT];
    int rank = n->shape.rank, from_start = axis < 0 ? axis + rank : axis;
    if (from_start >= 0 && from_start < rank)
        return from_start;
    cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE, "%s %s: axis %d, expected one of the %d axes", op,
                      cairn_shape_text(n->shape, text), axis, rank);
    return -1;
}

/* Room for one more node; NULL with the graph in error. */
static cairn_node *add_node(cairn_graph *g, int inputs)
{
    if (g->n == g->capacity) {
        int32_t capacity = 2 * g->capacity + 64;
        cairn_node **nodes =
            cairn__resize(g->nodes, (size_t)capacity, sizeof *nodes, &g->status);
        if (!nodes)
            return NULL;
        g->nodes = nodes;
        g->capacity = capacity;
    }
    cairn_node *n = cairn__arena_alloc(&g->arena, 1, sizeof *n, &g->status);
    int32_t *input = cairn__arena_alloc(&g->arena, (size_t)inputs, sizeof *input, &g->status);
    if (!n || !input)
        return NULL;
    n->id = g->n;
    n->inputs = inputs;
    n->input = input;
    n->scope = g->scope;
    n->again = g->recompute > 0;
    return n;
}

/* The shape rule of most element-wise ops. */
static bool same_shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *first = g->nodes[n->input[0]];
    for (int i = 0; i < n->inputs; i++) {
        const cairn_node *x = g->nodes[n->input[i]];
        if (x->dtype != CAIRN_F32)
            return cairn__refuse(g, n, CAIRN_ERR_TYPE, "operands must be f32");
        if (!cairn_shape_equal(first->shape, x->shape))
            return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "operands must have one shape");
    }
    n->shape = first->shape;
    return true;
}

static bool count_fits(cairn_shape shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape.rank; i++)
        if (shape.size[i] < 0 || __builtin_mul_overflow(count, shape.size[i], &count) ||
            count > (int64_t)1 << 46)
            return false;
    return true;
}

cairn_tensor cairn__node(cairn_graph *g, const cairn_op *op, const cairn_tensor *inputs, int count,
                         const cairn__attributes *at)
{
    const cairn_tensor failed = {g, 0};
    if (!g || g->status.code != CAIRN_OK)
        return failed;
    assert(count <= CAIRN__MOST_INPUTS);
    for (int i = 0; i < count; i++) {
        if (inputs[i].graph == g)
            continue;
        cairn__graph_fail(g, CAIRN_ERR_STATE, "%s: operand %d belongs to %s", op->name, i,
                          inputs[i].graph ? "another graph" : "no graph");
        return failed;
    }
    cairn_node *n = add_node(g, count);
    if (!n)
        return failed;
    n->op = op;
    for (int i = 0; i < count; i++)
        n->input[i] = inputs[i].id;
    if (at)
        n->at = *at;
    if (!(op->shape ? op->shape(g, n) : same_shape(g, n)))
        return failed;
    if (!count_fits(n->shape)) {
        char text[CAIRN_SHAPE_TEXT];
        cairn__refuse(g, n, CAIRN_ERR_SHAPE, "a result of shape %s is too large",
                      cairn_shape_text(n->shape, text));
        return failed;
    }
    g->nodes[g->n++] = n;
    return (cairn_tensor){g, n->id};
}

/* ---- outputs and updates --------------------------------------------------------------------- */

/* Room for one more of `n` elements; NULL with the graph in error. */
static void *grown(cairn_graph *g, void *old, int n, int *capacity, size_t size)
{
    if (n < *capacity)
        return old;
    void *grown_list = cairn__resize(old, (size_t)(2 * n + 16), size, &g->status);
    if (grown_list)
        *capacity = 2 * n + 16;
    return grown_list;
}

void cairn_output(cairn_tensor x, const char *name)
{
    if (cairn__none(x))
        return;
    cairn_graph *g = x.graph;
    for (int i = 0; i < g->n_outputs; i++) {
        if (strcmp(g->outputs[i].name, name) == 0) {
            cairn__graph_fail(g, CAIRN_ERR_NAME, "output '%s' exists already", name);
            return;
        }
    }
    const char *copy = cairn__arena_text(&g->arena, &g->status, "%s", name);
    cairn__output *list =
        grown(g, g->outputs, g->n_outputs, &g->outputs_capacity, sizeof *g->outputs);
    if (!list || !copy)
        return;
    g->outputs = list;
    g->outputs[g->n_outputs++] = (cairn__output){copy, x.id};
}

void cairn_assign(cairn_tensor variable, cairn_tensor value)
{
    cairn_assign_in("", variable, value);
}

void cairn_assign_in(const char *set, cairn_tensor variable, cairn_tensor value)
{
    if (cairn__none(variable) || cairn__none(value))
        return;
    cairn_graph *g = variable.graph;
    const cairn_node *to = cairn__get(variable), *from = cairn__get(value);
    if (value.graph != g || to->op != &cairn__op_variable) {
        cairn__graph_fail(g, CAIRN_ERR_STATE, "assign: the first operand is no variable of the "
                                              "value's graph");
        return;
    }
    cairn_variable *v = (cairn_variable *)to->at.data;
    char a[CAIRN_SHAPE_TEXT], b[CAIRN_SHAPE_TEXT];
    if (!cairn_shape_equal(to->shape, from->shape) || to->dtype != from->dtype) {
        cairn__graph_fail(g, CAIRN_ERR_SHAPE, "assign to '%s': %s %s, expected %s %s", v->name,
                          cairn_dtype_name(from->dtype), cairn_shape_text(from->shape, a),
                          cairn_dtype_name(to->dtype), cairn_shape_text(to->shape, b));
        return;
    }
    for (int i = 0; i < g->n_assignments; i++) {
        if (g->assignments[i].variable == v && strcmp(g->assignments[i].set, set) == 0) {
            cairn__graph_fail(g, CAIRN_ERR_STATE, "assign to '%s': it is assigned already",
                              v->name);
            return;
        }
    }
    const char *copy = *set ? cairn__arena_text(&g->arena, &g->status, "%s", set) : "";
    cairn__assignment *list = grown(g, g->assignments, g->n_assignments,
                                    &g->assignments_capacity, sizeof *g->assignments);
    if (!list || !copy)
        return;
    g->assignments = list;
    g->assignments[g->n_assignments++] = (cairn__assignment){v, value.id, copy};
}
