/* Variables: named arrays that live across runs, in a set that graphs may share. */
#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "graph/graph.h"

/* ---- the set --------------------------------------------------------------------------------- */

void cairn__variables_keep(cairn__variables *set)
{
    set->references++;
}

void cairn__variables_drop(cairn__variables *set)
{
    if (!set || --set->references > 0)
        return;
    for (int i = 0; i < set->n; i++) {
        cairn_variable *v = set->list[i];
        if (v->device)
            v->device->backend->free(v->device, v->storage);
    }
    cairn__arena_free(&set->arena);
    cairn__free(set->list);
    cairn__free(set);
}

cairn_variable *cairn__find_variable(const cairn__variables *set, const char *name)
{
    for (int i = 0; i < set->n; i++)
        if (strcmp(set->list[i]->name, name) == 0)
            return set->list[i];
    return NULL;
}

static cairn_variable *add_variable(cairn_graph *g, const char *name, cairn_dtype dtype,
                                    cairn_shape shape, cairn_init init, bool trainable)
{
    cairn__variables *set = g->variables;
    if (set->n == set->capacity) {
        int capacity = 2 * set->capacity + 16;
        cairn_variable **list =
            cairn__resize(set->list, (size_t)capacity, sizeof *list, &g->status);
        if (!list)
            return NULL;
        set->list = list;
        set->capacity = capacity;
    }
    cairn_variable *v = cairn__arena_alloc(&set->arena, 1, sizeof *v, &g->status);
    char *copy = cairn__arena_text(&set->arena, &g->status, "%s", name);
    if (!v || !copy)
        return NULL;
    *v = (cairn_variable){.name = copy,
                          .dtype = dtype,
                          .shape = shape,
                          .trainable = trainable,
                          .init = init,
                          .seed = g->initial_seed,
                          .bytes = (size_t)cairn_shape_count(shape) * cairn_dtype_bytes(dtype)};
    set->list[set->n++] = v;
    return v;
}

/* ---- the op ---------------------------------------------------------------------------------- */

static bool variable_shape(cairn_graph *g, cairn_node *n)
{
    (void)g;
    const cairn_variable *v = n->at.data;
    n->dtype = v->dtype;
    n->shape = v->shape;
    return true;
}

const cairn_op cairn__op_variable = {
    .name = "variable",
    .summary = "the value of a variable at the start of the run",
    .kind = CAIRN__LEAF,
    .shape = variable_shape,
    .no_gradient = "it has no inputs",
};

cairn_tensor cairn__variable_tensor(cairn_graph *g, cairn_variable *variable)
{
    if (g->status.code == CAIRN_OK)
        for (int32_t i = 0; i < g->n; i++)
            if (g->nodes[i]->at.data == variable)
                return (cairn_tensor){g, i};
    return cairn__node(g, &cairn__op_variable, NULL, 0, &(cairn__attributes){.data = variable});
}

static bool used_here(const cairn_graph *g, const cairn_variable *variable)
{
    for (int32_t i = 0; i < g->n; i++)
        if (g->nodes[i]->at.data == variable)
            return true;
    return false;
}

static cairn_tensor declare(cairn_graph *g, const char *name, cairn_dtype dtype, cairn_shape shape,
                            cairn_init init, bool trainable)
{
    if (g->status.code != CAIRN_OK)
        return (cairn_tensor){g, 0};
    const char *full = cairn__scoped(g, name);
    cairn_variable *v = cairn__find_variable(g->variables, full);
    char found[CAIRN_SHAPE_TEXT], asked[CAIRN_SHAPE_TEXT];
    if (v && used_here(g, v)) {
        cairn__graph_fail(g, CAIRN_ERR_NAME, "variable '%s' exists already", name);
        return (cairn_tensor){g, 0};
    }
    if (v && (v->dtype != dtype || !cairn_shape_equal(v->shape, shape))) {
        cairn__graph_fail(g, CAIRN_ERR_SHAPE, "variable '%s' is %s, asked for as %s", name,
                          cairn_shape_text(v->shape, found), cairn_shape_text(shape, asked));
        return (cairn_tensor){g, 0};
    }
    if (!v)
        v = add_variable(g, full, dtype, shape, init, trainable);
    return v ? cairn__variable_tensor(g, v) : (cairn_tensor){g, 0};
}

cairn_tensor cairn_parameter(cairn_graph *g, const char *name, cairn_shape shape, cairn_init init)
{
    return declare(g, name, CAIRN_F32, shape, init, true);
}

cairn_tensor cairn_state(cairn_graph *g, const char *name, cairn_dtype dtype, cairn_shape shape,
                         cairn_init init)
{
    return declare(g, name, dtype, shape, init, false);
}

cairn_tensor cairn_step(cairn_graph *g)
{
    cairn_variable *v = cairn__find_variable(g->variables, "step");
    if (g->status.code != CAIRN_OK)
        return (cairn_tensor){g, 0};
    if (v && used_here(g, v))
        return cairn__variable_tensor(g, v);
    if (!v)
        v = add_variable(g, "step", CAIRN_I32, CAIRN_SCALAR, CAIRN_ZEROS, false);
    if (!v)
        return (cairn_tensor){g, 0};
    cairn_tensor step = cairn__variable_tensor(g, v);
    cairn_assign(step, cairn_add(step, cairn_fill(g, CAIRN_I32, CAIRN_SCALAR, 1)));
    return step;
}

/* ---- batches in parts ------------------------------------------------------------------------ */

void cairn_graph_accumulate(cairn_graph *g, int64_t parts)
{
    if (g->status.code != CAIRN_OK)
        return;
    if (parts < 1 || g->n > 0)
        cairn__graph_fail(g, CAIRN_ERR_VALUE,
                          "gradient accumulation: %lld parts in a graph of %d nodes, expected at "
                          "least 1 in an empty one",
                          (long long)parts, (int)g->n);
    else
        g->parts = parts;
}

bool cairn__in_parts(const cairn_graph *g)
{
    return g->parts > 1;
}

bool cairn__refuse_parts(cairn_graph *g, const char *what)
{
    return !cairn__in_parts(g) ||
           cairn__graph_fail(g, CAIRN_ERR_STATE,
                             "%s needs the whole batch at once: no gradient accumulation", what);
}

cairn_tensor cairn__part_number(cairn_graph *g)
{
    cairn_variable *v = cairn__find_variable(g->variables, "part");
    if (g->status.code != CAIRN_OK)
        return (cairn_tensor){g, 0};
    if (v && used_here(g, v))
        return cairn__variable_tensor(g, v);
    if (!v)
        v = add_variable(g, "part", CAIRN_I32, CAIRN_SCALAR, CAIRN_ZEROS, false);
    if (!v)
        return (cairn_tensor){g, 0};
    cairn_tensor part = cairn__variable_tensor(g, v);
    cairn_tensor next = cairn_add(part, cairn_fill(g, CAIRN_I32, CAIRN_SCALAR, 1));
    cairn_assign_in(CAIRN_ACCUMULATE, part, next);
    cairn_assign(part, cairn_fill(g, CAIRN_I32, CAIRN_SCALAR, 0));
    return part;
}

void cairn_assign_each(cairn_tensor variable, cairn_tensor value)
{
    cairn_assign(variable, value);
    if (!cairn__none(variable) && cairn__in_parts(variable.graph))
        cairn_assign_in(CAIRN_ACCUMULATE, variable, value);
}

/* ---- first values ---------------------------------------------------------------------------- */

static double glorot_bound(const cairn_variable *v)
{
    int r = v->shape.rank;
    double out = r > 0 ? (double)v->shape.size[r - 1] : 1;
    double in = r > 1 ? (double)v->shape.size[r - 2] : 0;
    return sqrt(6 / CAIRN__MAX(in + out, 1));
}

static double fan_in(const cairn_variable *v)
{
    int r = v->shape.rank;
    return r > 1 ? (double)CAIRN__MAX(v->shape.size[r - 2], (int64_t)1) : 1;
}

/* Elements first .. first + n of a variable. */
typedef struct stretch {
    int64_t first, n;
    float *x;
} stretch;

static void fill_uniform(const cairn_variable *v, stretch s, double bound)
{
    cairn__random_uniform_run(v->seed, cairn_random_stream(v->name), s.first, s.n, s.x);
    for (int64_t i = 0; i < s.n; i++)
        s.x[i] = (float)(bound * (2 * (double)s.x[i] - 1));
}

static void fill_normal(const cairn_variable *v, stretch s, double deviation)
{
    cairn__random_normal_run(v->seed, cairn_random_stream(v->name), s.first, s.n, s.x);
    for (int64_t i = 0; i < s.n; i++)
        s.x[i] = (float)(deviation * (double)s.x[i]);
}

static void fill_identity(const cairn_variable *v, stretch s)
{
    int r = v->shape.rank;
    int64_t rows = r > 1 ? v->shape.size[r - 2] : 1, columns = r > 0 ? v->shape.size[r - 1] : 1;
    for (int64_t i = s.first; i < s.first + s.n; i++)
        s.x[i - s.first] = i % columns == i / columns % rows ? (float)v->init.scale : 0;
}

bool cairn__variable_initial(const cairn_variable *v, int64_t first, int64_t n, void *data,
                             cairn_status *status)
{
    double scale = v->init.scale;
    size_t size = cairn_dtype_bytes(v->dtype);
    const stretch s = {first, n, data};
    if (v->init.kind == CAIRN_INIT_CONSTANT) {
        for (int64_t i = 0; i < n; i++)
            cairn__from_double(v->dtype, &scale, (char *)data + (size_t)i * size, 1);
        return true;
    }
    if (v->dtype != CAIRN_F32)
        return cairn__fail(status, CAIRN_ERR_TYPE, "%s: only f32 variables start at random",
                           v->name);
    switch (v->init.kind) {
    case CAIRN_INIT_CONSTANT: break;
    case CAIRN_INIT_UNIFORM: fill_uniform(v, s, scale); break;
    case CAIRN_INIT_NORMAL: fill_normal(v, s, scale); break;
    case CAIRN_INIT_GLOROT_UNIFORM: fill_uniform(v, s, scale * glorot_bound(v)); break;
    case CAIRN_INIT_HE_NORMAL: fill_normal(v, s, scale * sqrt(2 / fan_in(v))); break;
    case CAIRN_INIT_LECUN_NORMAL: fill_normal(v, s, scale * sqrt(1 / fan_in(v))); break;
    case CAIRN_INIT_IDENTITY: fill_identity(v, s); break;
    }
    return true;
}

/* Through a room that stays in cache: a second array of the variable's size would be fresh memory,
 * which costs more than the numbers. */
static bool write_initial(const cairn_variable *v, cairn_device *device, void *storage,
                          cairn_status *status)
{
    enum { PIECE = 1 << 18 };
    const int64_t count = cairn_shape_count(v->shape), most = CAIRN__MIN(count, (int64_t)PIECE);
    const size_t size = cairn_dtype_bytes(v->dtype);
    void *room = cairn__alloc((size_t)CAIRN__MAX(most, (int64_t)1), size, status);
    bool good = room != NULL;
    for (int64_t i = 0; good && i < count; i += PIECE) {
        int64_t n = CAIRN__MIN(count - i, most);
        good = cairn__variable_initial(v, i, n, room, status) &&
               device->backend->write(device, storage, (size_t)i * size, room, (size_t)n * size,
                                      status);
    }
    cairn__free(room);
    return good;
}

bool cairn__variable_place(cairn_variable *v, cairn_device *device, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (v->device == device)
        return true;
    if (v->device)
        return cairn__fail(status, CAIRN_ERR_STATE, "variable '%s' lives on another device",
                           v->name);
    void *storage = device->backend->alloc(device, v->bytes, status);
    if (!storage)
        return false;
    bool zero = v->init.kind == CAIRN_INIT_CONSTANT && v->init.scale == 0; /* as memory comes */
    if (!zero && !write_initial(v, device, storage, status)) {
        device->backend->free(device, storage);
        return false;
    }
    v->device = device;
    v->storage = storage;
    return true;
}

/* ---- public access --------------------------------------------------------------------------- */

int cairn_graph_variables(const cairn_graph *g, cairn_variable *const **variables)
{
    if (variables)
        *variables = g->variables ? g->variables->list : NULL;
    return g->variables ? g->variables->n : 0;
}

cairn_variable *cairn_graph_variable(const cairn_graph *g, const char *full_name)
{
    return g->variables ? cairn__find_variable(g->variables, full_name) : NULL;
}

int cairn_graph_parameters(cairn_graph *g, cairn_tensor *tensors, int most)
{
    int found = 0;
    for (int32_t i = 0; g->status.code == CAIRN_OK && i < g->n; i++) {
        const cairn_node *n = g->nodes[i];
        if (n->op != &cairn__op_variable || !((const cairn_variable *)n->at.data)->trainable)
            continue;
        if (found < most)
            tensors[found] = (cairn_tensor){g, i};
        found++;
    }
    return found;
}

const char *cairn_variable_name(const cairn_variable *v)
{
    return v->name;
}

cairn_shape cairn_variable_shape(const cairn_variable *v)
{
    return v->shape;
}

cairn_dtype cairn_variable_dtype(const cairn_variable *v)
{
    return v->dtype;
}

bool cairn_variable_trainable(const cairn_variable *v)
{
    return v->trainable;
}

static bool fits(const cairn_variable *v, size_t bytes, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (bytes != v->bytes)
        return cairn__fail(status, CAIRN_ERR_SHAPE, "variable '%s': %zu bytes given, it has %zu",
                           v->name, bytes, v->bytes);
    return true;
}

bool cairn_variable_read(const cairn_variable *v, void *data, size_t bytes, cairn_status *status)
{
    if (!fits(v, bytes, status))
        return false;
    if (!v->device)
        return cairn__variable_initial(v, 0, cairn_shape_count(v->shape), data, status);
    return v->device->backend->read(v->device, v->storage, 0, data, bytes, status);
}

bool cairn_variable_write(cairn_variable *v, const void *data, size_t bytes, cairn_status *status)
{
    if (!fits(v, bytes, status))
        return false;
    if (!v->device)
        return cairn__fail(status, CAIRN_ERR_STATE,
                           "variable '%s' has no storage before a program that uses it is compiled",
                           v->name);
    return v->device->backend->write(v->device, v->storage, 0, data, bytes, status);
}
