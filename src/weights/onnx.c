/* A graph as an ONNX model: see onnx.h and cairn/weights.h. The file is written in order, variables
 * one after the other, so that no second copy of the model is in memory.
 *
 *   ModelProto           ir_version 1  producer_name 2  producer_version 3  graph 7  opset_import 8
 *   OperatorSetIdProto   domain 1  version 2
 *   GraphProto           node 1  name 2  initializer 5  input 11  output 12
 *   TensorProto          dims 1  data_type 2  name 8  raw_data 9
 *   ValueInfoProto       name 1  type 2;  TypeProto tensor_type 1 (elem_type 1, shape 2) */
#include "weights/onnx.h"

#include <string.h>

#include "base/wire.h"
#include "compile/plan.h"

/* ---- replacing what ONNX lacks --------------------------------------------------------------- */

static bool refused(const cairn_graph *g, cairn_status *status)
{
    for (int32_t i = 0; i < g->n; i++) {
        const cairn_node *n = g->nodes[i];
        const cairn__onnx_row *row = cairn__onnx_find(n->op);
        if (!row || row->refused)
            return !cairn__fail(status, CAIRN_ERR_VALUE, "%s%s%s cannot be written as ONNX: %s",
                                n->scope, *n->scope ? ": " : "", n->op->name,
                                row ? row->refused : "it is not in the table of ops");
    }
    return false;
}

static cairn_tensor replaced(cairn_graph *to, const cairn_node *n, const cairn_tensor *map,
                             bool *changed)
{
    const cairn__onnx_row *row = cairn__onnx_find(n->op);
    cairn_tensor x[CAIRN__MOST_INPUTS];
    x[0] = (cairn_tensor){to, 0};
    for (int i = 0; i < n->inputs; i++)
        x[i] = map[n->input[i]];
    to->scope = n->scope;
    if (!row->lower)
        return cairn__copy_node(to, n, x);
    *changed = true;
    return row->lower(n, x);
}

/* The graph again, each op with a `lower` replaced. */
static cairn_graph *lowered(const cairn_graph *g, bool *changed, cairn_status *status)
{
    const cairn__targets all = {.updates = false};
    cairn_graph *to = cairn_graph_new_sharing(g);
    cairn_tensor *map = cairn__alloc((size_t)g->n, sizeof *map, status);
    *changed = false;
    for (int32_t i = 0; map && i < g->n && to->status.code == CAIRN_OK; i++)
        map[i] = replaced(to, g->nodes[i], map, changed);
    if (map && to->status.code == CAIRN_OK) {
        cairn__copy_targets(g, &all, to, map);
        cairn__own_scopes(to);
    }
    bool good = map && to->status.code == CAIRN_OK;
    if (map && !good)
        cairn__fail(status, to->status.code, "%s", to->status.message);
    cairn__free(map);
    if (good)
        return to;
    cairn_graph_free(to);
    return NULL;
}

/* Formulas may use ops that are replaced themselves; none leads back to itself. */
static cairn_graph *all_lowered(const cairn_graph *g, const cairn__targets *targets,
                                cairn_status *status)
{
    cairn_graph *now = cairn__rewrite(g, targets, status);
    bool changed = true;
    while (now && changed) {
        cairn_graph *next = refused(now, status) ? NULL : lowered(now, &changed, status);
        cairn_graph_free(now);
        now = next;
    }
    return now;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* What outputs need; a MaxPool needs no places. */
static void mark(cairn__onnx *o)
{
    const cairn_graph *g = o->g;
    for (int i = 0; i < g->n_outputs; i++)
        o->needed[g->outputs[i].value] = true;
    for (int32_t i = g->n - 1; i >= 0; i--) {
        const cairn_node *n = g->nodes[i], *pool = cairn__onnx_pool_of(g, n);
        if (pool && o->needed[i])
            o->needed[pool->input[0]] = true;
        for (int j = 0; !pool && o->needed[i] && j < n->inputs; j++)
            o->needed[n->input[j]] = true;
    }
}

/* Made when they are asked for, since element-wise ops repeat their operands themselves. */
static bool on_demand(const cairn_node *n)
{
    return n->op == &cairn__op_fill || n->op == &cairn__op_constant ||
           n->op == &cairn__op_variable || n->op == &cairn__op_broadcast;
}

static void write_nodes(cairn__onnx *o)
{
    const cairn_graph *g = o->g;
    for (int32_t i = 0; i < g->n && cairn_ok(o->status); i++)
        if (g->nodes[i]->op == &cairn__op_input)
            o->names[i] = g->nodes[i]->at.data;
        else if (o->needed[i] && !on_demand(g->nodes[i]))
            o->names[i] = cairn__onnx_emit(o, g->nodes[i]);
    for (int i = 0; i < g->n_outputs && cairn_ok(o->status); i++) {
        const char *x = cairn__onnx_value(o, g->outputs[i].value), *name = g->outputs[i].name;
        cairn__onnx_many(o, g->nodes[g->outputs[i].value], "Identity", &x, 1, &name, 1);
    }
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Inputs, outputs and variables share one space of names, and ':' is for what lies between. */
static bool name_fits(const cairn__onnx *o, const char *name, const char *what, int *times)
{
    const cairn_graph *g = o->g;
    if (strchr(name, ':') || !*name)
        return cairn__fail(o->status, CAIRN_ERR_NAME,
                           "the %s '%s': names in an ONNX file here are not empty and have no ':'",
                           what, name);
    *times = 0;
    for (int32_t i = 0; i < g->n; i++)
        *times += g->nodes[i]->op == &cairn__op_input && strcmp(g->nodes[i]->at.data, name) == 0;
    for (int i = 0; i < g->n_outputs; i++)
        *times += strcmp(g->outputs[i].name, name) == 0;
    for (size_t i = 0; i < o->n_constants; i++)
        *times += o->constants[i].variable && strcmp(o->constants[i].name, name) == 0;
    return *times == 1 ||
           cairn__fail(o->status, CAIRN_ERR_NAME,
                       "'%s' names %d of the inputs, outputs and variables: ONNX has one value of "
                       "each name",
                       name, *times);
}

static bool names_fit(const cairn__onnx *o)
{
    bool good = true;
    int times;
    for (int32_t i = 0; good && i < o->g->n; i++)
        if (o->g->nodes[i]->op == &cairn__op_input)
            good = name_fits(o, o->g->nodes[i]->at.data, "input", &times);
    for (int i = 0; good && i < o->g->n_outputs; i++)
        good = name_fits(o, o->g->outputs[i].name, "output", &times);
    for (size_t i = 0; good && i < o->n_constants; i++)
        if (o->constants[i].variable)
            good = name_fits(o, o->constants[i].name, "variable", &times);
    return good;
}

/* ---- the file -------------------------------------------------------------------------------- */

void cairn__onnx_describe(cairn__text *out, int field, const char *name, int type,
                          cairn_shape shape)
{
    cairn__text dim = {.status = out->status}, dims = dim, tensor = dim, info = dim, kind = dim;
    for (int i = 0; i < shape.rank; i++) {
        cairn__wire_integer(&dim, 1, shape.size[i]);
        cairn__wire_message(&dims, 1, &dim);
    }
    cairn__wire_integer(&tensor, 1, type);
    cairn__wire_message(&tensor, 2, &dims);
    cairn__wire_message(&kind, 1, &tensor);
    cairn__wire_string(&info, 1, name);
    cairn__wire_message(&info, 2, &kind);
    cairn__wire_message(out, field, &info);
    cairn__text *const all[] = {&dim, &dims, &tensor, &info, &kind};
    for (size_t i = 0; i < CAIRN__COUNT(all); i++)
        cairn__free(all[i]->data);
}

/* All of a TensorProto but its elements, which come behind. */
static void constant_head(cairn__text *out, const cairn__onnx_constant *c)
{
    cairn__text head = {.status = out->status};
    for (int i = 0; i < c->shape.rank; i++)
        cairn__wire_integer(&head, 1, c->shape.size[i]);
    cairn__wire_integer(&head, 2, c->type);
    cairn__wire_string(&head, 8, c->name);
    cairn__wire_start(&head, 9, c->bytes);
    if (head.failed) {
        out->failed = true;
    } else {
        cairn__wire_start(out, 5, head.length + c->bytes);
        cairn__text_add_bytes(out, head.data, head.length);
    }
    cairn__free(head.data);
}

/* The end of the graph: its name, inputs and outputs. */
static void graph_end(const cairn__onnx *o, cairn__text *out)
{
    const cairn_graph *g = o->g;
    cairn__wire_string(out, 2, "cairn");
    for (int32_t i = 0; i < g->n; i++)
        if (g->nodes[i]->op == &cairn__op_input)
            cairn__onnx_describe(out, 11, g->nodes[i]->at.data,
                                 cairn__onnx_type(g->nodes[i]->dtype), g->nodes[i]->shape);
    for (int i = 0; i < g->n_outputs; i++) {
        const cairn_node *n = g->nodes[g->outputs[i].value];
        cairn__onnx_describe(out, 12, g->outputs[i].name, cairn__onnx_type(n->dtype), n->shape);
    }
}

/* Everything before the graph's own bytes, of which there are `size`. */
static void model_start(cairn__text *out, size_t size)
{
    cairn__text set = {.status = out->status};
    cairn__wire_integer(out, 1, CAIRN__ONNX_IR);
    cairn__wire_string(out, 2, "cairn");
    cairn__wire_string(out, 3, cairn_version());
    cairn__wire_string(&set, 1, "");
    cairn__wire_integer(&set, 2, CAIRN__ONNX_OPSET);
    cairn__wire_message(out, 8, &set);
    cairn__wire_start(out, 7, size);
    cairn__free(set.data);
}

/* A file of protocol buffers is at most 2 GiB - 1; larger models would need files beside theirs. */
static bool total_size(cairn__onnx *o, cairn__text *head, size_t rest, size_t *size)
{
    const size_t most = INT32_MAX;
    *size = rest;
    for (size_t i = 0; i < o->n_constants && !head->failed; i++) {
        head->length = 0;
        constant_head(head, &o->constants[i]);
        if (o->constants[i].bytes > most || *size > most - o->constants[i].bytes)
            return cairn__fail(o->status, CAIRN_ERR_VALUE,
                               "the model has more than 2 GiB, which an ONNX file cannot hold: "
                               "save it as safetensors (cairn_weights_save())");
        *size += head->length + o->constants[i].bytes;
    }
    head->length = 0;
    return !head->failed;
}

static bool add(cairn__new_file *file, const void *data, size_t size, cairn_status *status)
{
    return size == 0 || cairn__new_file_add(file, (cairn__bytes){data, size}, status);
}

static bool write_constant(cairn__new_file *file, const cairn__onnx_constant *c, cairn__text *head,
                           cairn_status *status)
{
    void *values = NULL;
    head->length = 0;
    constant_head(head, c);
    bool good = !head->failed && add(file, head->data, head->length, status);
    if (good && c->variable) {
        values = cairn__alloc(c->bytes, 1, status);
        good = values && cairn_variable_read(c->variable, values, c->bytes, status);
    }
    good = good && add(file, values ? values : c->data, c->bytes, status);
    cairn__free(values);
    return good;
}

static bool write_file(cairn__onnx *o, const char *path)
{
    cairn__text head = {.status = o->status}, end = head;
    cairn__new_file file = {.file = -1};
    size_t size = 0;
    graph_end(o, &end);
    bool good = !end.failed && !o->nodes.failed &&
                total_size(o, &head, o->nodes.length + end.length, &size);
    if (good)
        model_start(&head, size);
    good = good && !head.failed && cairn__new_file_open(&file, path, o->status) &&
           add(&file, head.data, head.length, o->status) &&
           add(&file, o->nodes.data, o->nodes.length, o->status);
    for (size_t i = 0; good && i < o->n_constants; i++)
        good = write_constant(&file, &o->constants[i], &head, o->status);
    good = good && add(&file, end.data, end.length, o->status) &&
           cairn__new_file_finish(&file, o->status);
    cairn__new_file_drop(&file);
    cairn__free(head.data);
    cairn__free(end.data);
    return good;
}

static bool save(const cairn_graph *g, const char *path, cairn_status *status)
{
    cairn__text empty = {.status = status};
    cairn__onnx o = {.g = g,
                     .status = status,
                     .nodes = empty,
                     .node = empty,
                     .attributes = empty,
                     .part = empty};
    o.names = cairn__alloc((size_t)g->n, sizeof *o.names, status);
    o.needed = cairn__alloc((size_t)g->n, sizeof *o.needed, status);
    bool good = o.names && o.needed;
    if (good) {
        mark(&o);
        write_nodes(&o);
        good = cairn_ok(status) && names_fit(&o) && write_file(&o, path);
    }
    cairn__free(o.names);
    cairn__free(o.needed);
    cairn__free(o.nodes.data);
    cairn__free(o.node.data);
    cairn__free(o.attributes.data);
    cairn__free(o.part.data);
    cairn__free(o.constants);
    cairn__arena_free(&o.arena);
    return good;
}

bool cairn_onnx_save(const cairn_graph *graph, const char *const *outputs, int n, const char *path,
                     cairn_status *status)
{
    const cairn__targets targets = {.outputs = outputs, .n = n};
    cairn_status own = CAIRN_STATUS_INIT;
    status = status ? status : &own;
    if (!cairn_ok(status))
        return false;
    cairn_graph *g = all_lowered(graph, &targets, status);
    bool good = g && (g->n_outputs > 0 ||
                      cairn__fail(status, CAIRN_ERR_NAME, "%s: the graph has no output", path));
    good = good && save(g, path, status);
    cairn_graph_free(g);
    return good;
}
