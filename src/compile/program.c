/* Programs: the passes in order, and what a user does with the result. */
#include "cairn/compile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compile/plan.h"

struct cairn_program {
    cairn__plan *plan;
    cairn_device *device;
    void *arena;    /* device memory */
    void *prepared; /* the device's own form */
    double compile_seconds;
};

/* ---- compiling ------------------------------------------------------------------------------- */

cairn__plan *cairn__plan_new(cairn_graph *lowered, cairn_status *status)
{
    cairn__plan *p = cairn__alloc(1, sizeof *p, status);
    if (!p) {
        cairn_graph_free(lowered);
        return NULL;
    }
    p->lowered = lowered;
    if (cairn__group(p, status) && cairn__schedule(p, status) && cairn__allocate(p, status) &&
        cairn__verify(p, status))
        return p;
    cairn__plan_free(p);
    return NULL;
}

static bool has_marked(const cairn_graph *g)
{
    for (int32_t i = 0; i < g->n; i++)
        if (g->nodes[i]->again)
            return true;
    return false;
}

static cairn__plan *make_plan(cairn_graph *g, const cairn__targets *targets, cairn_status *status)
{
    cairn_graph *lowered = cairn__rewrite(g, targets, status);
    if (!lowered || (!g->memory && !has_marked(lowered)))
        return lowered ? cairn__plan_new(lowered, status) : NULL;
    cairn__plan *p = cairn__plan_fit(lowered, g->memory, status);
    cairn_graph_free(lowered);
    return p;
}

/* Elements that a leaf brings along (constants, indices) go to their place once. */
static bool place_leaf(cairn_program *program, const cairn__value *v, cairn_status *status)
{
    const cairn_graph *g = program->plan->lowered;
    const cairn_node *n = g->nodes[v->node];
    const cairn__backend *backend = program->device->backend;
    if (v->producer >= 0 || n->op->kind != CAIRN__LEAF || !n->op->reference)
        return true;
    int64_t count = cairn_shape_count(n->shape);
    double *values = cairn__alloc((size_t)count, sizeof *values, status);
    void *elements = cairn__alloc(v->bytes, 1, status);
    bool good = values && elements;
    if (good) {
        cairn__evaluate_node(g, n, NULL, values);
        cairn__from_double(n->dtype, values, elements, count);
        good = backend->write(program->device, program->arena, v->offset, elements, v->bytes,
                              status);
    }
    cairn__free(values);
    cairn__free(elements);
    return good;
}

/* Storage for the variables, memory for the arena with the constants in it. */
static bool place_data(cairn_program *program, cairn_status *status)
{
    const cairn__plan *p = program->plan;
    const cairn__backend *backend = program->device->backend;
    for (int i = 0; i < p->n_values; i++)
        if (p->values[i].variable &&
            !cairn__variable_place(p->values[i].variable, program->device, status))
            return false;
    program->arena = backend->alloc(program->device, p->arena_bytes, status);
    for (int i = 0; program->arena && i < p->n_values; i++)
        if (p->values[i].place == CAIRN__ARENA && !place_leaf(program, &p->values[i], status))
            return false;
    return program->arena != NULL;
}

static cairn_program *compile(cairn_graph *graph, cairn_device *device,
                              const cairn__targets *targets, cairn_status *status)
{
    double start = cairn__seconds();
    cairn_program *program = cairn__alloc(1, sizeof *program, status);
    if (!program)
        return NULL;
    program->device = device;
    program->plan = make_plan(graph, targets, status);
    if (program->plan && place_data(program, status))
        program->prepared =
            device->backend->prepare(device, program->plan, program->arena, status);
    if (!program->prepared) {
        cairn_program_free(program);
        return NULL;
    }
    program->compile_seconds = cairn__seconds() - start;
    return program;
}

cairn_program *cairn_compile_outputs(cairn_graph *graph, cairn_device *device,
                                     const char *const *outputs, int n, bool updates,
                                     cairn_status *status)
{
    const cairn__targets targets = {.outputs = outputs, .n = n, .updates = updates};
    return compile(graph, device, &targets, status);
}

static bool has_set(const cairn_graph *g, const char *set)
{
    for (int i = 0; i < g->n_assignments; i++)
        if (strcmp(g->assignments[i].set, set) == 0)
            return true;
    return false;
}

cairn_program *cairn_compile_updates(cairn_graph *graph, cairn_device *device, const char *set,
                                     const char *const *outputs, int n, cairn_status *status)
{
    const cairn__targets targets = {
        .outputs = outputs, .n = n, .updates = true, .set = set, .no_outputs = n == 0};
    if (graph->status.code == CAIRN_OK && !has_set(graph, set))
        cairn__fail(status, CAIRN_ERR_NAME, "the graph assigns nothing in the set '%s'", set);
    return cairn_ok(status) ? compile(graph, device, &targets, status) : NULL;
}

cairn_program *cairn_compile(cairn_graph *graph, cairn_device *device, cairn_status *status)
{
    return cairn_compile_outputs(graph, device, NULL, 0, true, status);
}

void cairn_program_free(cairn_program *program)
{
    if (!program)
        return;
    const cairn__backend *backend = program->device->backend;
    if (program->prepared)
        backend->release(program->device, program->prepared);
    if (program->arena)
        backend->free(program->device, program->arena);
    cairn__plan_free(program->plan);
    cairn__free(program);
}

/* ---- running --------------------------------------------------------------------------------- */

static bool right_size(const char *kind, const char *name, size_t given, size_t needed,
                       cairn_status *status)
{
    if (given == needed)
        return true;
    return cairn__fail(status, CAIRN_ERR_SHAPE, "%s '%s': %zu bytes given, it has %zu", kind, name,
                       given, needed);
}

bool cairn_program_feed(cairn_program *program, const char *input, const void *data, size_t bytes,
                        cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    const cairn__plan *p = program->plan;
    for (int32_t i = 0; i < p->lowered->n; i++) {
        const cairn_node *n = p->lowered->nodes[i];
        if (n->op != &cairn__op_input || strcmp(n->at.data, input) != 0 || p->value_of[i] < 0)
            continue;
        const cairn__value *v = &p->values[p->value_of[i]];
        return right_size("input", input, bytes, v->bytes, status) &&
               program->device->backend->write(program->device, program->arena, v->offset, data,
                                               bytes, status);
    }
    return true; /* nothing depends on it */
}

bool cairn_program_run(cairn_program *program, cairn_status *status)
{
    return cairn_ok(status) &&
           program->device->backend->run(program->device, program->prepared, status);
}

static const cairn__value *find_output(const cairn_program *program, const char *output,
                                       cairn_status *status)
{
    const cairn__plan *p = program->plan;
    if (!cairn_ok(status))
        return NULL;
    for (int i = 0; i < p->lowered->n_outputs; i++)
        if (strcmp(p->lowered->outputs[i].name, output) == 0)
            return &p->values[p->value_of[p->lowered->outputs[i].value]];
    cairn__fail(status, CAIRN_ERR_NAME, "the program has no output '%s'", output);
    return NULL;
}

bool cairn_program_fetch(const cairn_program *program, const char *output, void *data, size_t bytes,
                         cairn_status *status)
{
    const cairn__value *v = find_output(program, output, status);
    if (!v || !right_size("output", output, bytes, v->bytes, status))
        return false;
    const void *from = v->place == CAIRN__VARIABLE ? v->variable->storage : program->arena;
    size_t offset = v->place == CAIRN__VARIABLE ? 0 : v->offset;
    return program->device->backend->read(program->device, from, offset, data, bytes, status);
}

const char *cairn_program_output(const cairn_program *program, int index)
{
    const cairn_graph *g = program->plan->lowered;
    return index >= 0 && index < g->n_outputs ? g->outputs[index].name : NULL;
}

double cairn_program_scalar(const cairn_program *program, const char *output, cairn_status *status)
{
    const cairn__value *v = find_output(program, output, status);
    union {
        float f32;
        int32_t i32;
    } element;
    if (!v || !cairn_program_fetch(program, output, &element, sizeof element, status))
        return NAN;
    bool whole = program->plan->lowered->nodes[v->node]->dtype == CAIRN_I32;
    return whole ? (double)element.i32 : (double)element.f32;
}

cairn_program_cost cairn_program_costs(const cairn_program *program)
{
    const cairn__plan *p = program->plan;
    cairn_program_cost cost = {.arena_bytes = p->arena_bytes,
                               .steps = p->n_steps,
                               .waves = p->n_waves,
                               .compile_seconds = program->compile_seconds};
    for (int i = 0; i < p->n_steps; i++) {
        cost.flops += p->steps[i].flops;
        cost.bytes_moved += p->steps[i].bytes;
    }
    for (int i = 0; i < p->n_values; i++)
        if (p->values[i].variable && p->values[i].producer < 0)
            cost.variable_bytes += p->values[i].bytes;
    return cost;
}

/* ---- looking inside -------------------------------------------------------------------------- */

static void write_stage(cairn_graph *g, cairn_device *device, const char *stage, bool dot,
                        cairn__text *out, cairn_status *status)
{
    const cairn__targets all = {.updates = true};
    if (strcmp(stage, "graph") == 0) {
        (dot ? cairn__graph_write_dot : cairn__graph_write_text)(g, out);
    } else if (strcmp(stage, "lowered") == 0) {
        cairn_graph *lowered = cairn__rewrite(g, &all, status);
        if (lowered)
            (dot ? cairn__graph_write_dot : cairn__graph_write_text)(lowered, out);
        cairn_graph_free(lowered);
    } else if (strcmp(stage, "plan") == 0 && !dot) {
        cairn__plan *p = make_plan(g, &all, status);
        if (p)
            cairn__plan_write_text(p, out);
        cairn__plan_free(p);
    } else if (strcmp(stage, "kernels") == 0 && !dot) {
        cairn_program *program = cairn_compile(g, device, status);
        if (program)
            device->backend->describe(device, program->prepared, out);
        cairn_program_free(program);
    } else {
        cairn__fail(status, CAIRN_ERR_NAME,
                    "no dump of stage '%s' as %s: expected graph or lowered (text or dot), or plan "
                    "or kernels (text)",
                    stage, dot ? "dot" : "text");
    }
}

char *cairn_graph_dump(cairn_graph *graph, cairn_device *device, const char *stage,
                       const char *format, cairn_status *status)
{
    cairn__text out = {.status = status};
    bool dot = strcmp(format, "dot") == 0;
    if (!dot && strcmp(format, "text") != 0)
        cairn__fail(status, CAIRN_ERR_NAME, "dump format '%s', expected text or dot", format);
    if (graph->status.code != CAIRN_OK)
        cairn__fail(status, graph->status.code, "%s", graph->status.message);
    if (cairn_ok(status))
        write_stage(graph, device, stage, dot, &out, status);
    if (cairn_ok(status) && !out.failed)
        return out.data;
    cairn__free(out.data);
    return NULL;
}
