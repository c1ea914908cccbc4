/* The variables of a graph to and from a safetensors file. */
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"
#include "train/graph_file.h"

/* ---- writing
 * -------------------------------------------------------------------------------------- */

static cairn_data_type stored_type(cairn_dtype dtype)
{
    static const cairn_data_type types[] = {[CAIRN_F32] = CAIRN_DATA_F32,
                                            [CAIRN_I32] = CAIRN_DATA_I32,
                                            [CAIRN_U8] = CAIRN_DATA_U8,
                                            [CAIRN_BOOL] = CAIRN_DATA_BOOL};
    return types[dtype];
}

/* A copy of one variable as a field; its data is the caller's. */
static bool copy_out(const cairn_variable *v, cairn_field *field, cairn_status *status)
{
    void *data = cairn__alloc(v->bytes, 1, status);
    *field = (cairn_field){
        .name = v->name, .type = stored_type(v->dtype), .rank = v->shape.rank, .data = data};
    memcpy(field->shape, v->shape.size, (size_t)v->shape.rank * sizeof *field->shape);
    return data && cairn_variable_read(v, data, v->bytes, status);
}

bool cairn__graph_write(const cairn_graph *graph, const char *path, bool trainable_only,
                        const cairn_field *extra, const char *const *metadata, cairn_status *status)
{
    cairn_variable *const *variables;
    int n = cairn_graph_variables(graph, &variables), wanted = 0;
    cairn_field *fields = cairn__alloc((size_t)n + 1, sizeof *fields, status);
    bool good = fields != NULL;
    for (int i = 0; good && i < n; i++)
        if (variables[i]->trainable || !trainable_only)
            good = copy_out(variables[i], &fields[wanted++], status);
    int copies = wanted;
    if (good && extra)
        fields[wanted++] = *extra;
    good = good && cairn_safetensors_write(path, fields, wanted, metadata, status);
    for (int i = 0; i < copies; i++)
        cairn__free((void *)fields[i].data);
    cairn__free(fields);
    return good;
}

bool cairn_graph_save(const cairn_graph *graph, const char *path, bool trainable_only,
                      const char *const *metadata, cairn_status *status)
{
    return cairn__graph_write(graph, path, trainable_only, NULL, metadata, status);
}

/* ---- reading
 * -------------------------------------------------------------------------------------- */

static const char *field_shape(const cairn_field *field, char text[CAIRN_SHAPE_TEXT])
{
    cairn_shape shape = {.rank = field->rank};
    memcpy(shape.size, field->shape, (size_t)field->rank * sizeof *field->shape);
    return cairn_shape_text(shape, text);
}

/* True when the field can become the variable's value; `field` may be NULL. */
static bool fits(const cairn_variable *v, const cairn_field *field, const char *path,
                 cairn_status *status)
{
    char found[CAIRN_SHAPE_TEXT], expected[CAIRN_SHAPE_TEXT];
    if (!field)
        return cairn__fail(status, CAIRN_ERR_NAME, "%s: no array '%s', which the graph needs", path,
                           v->name);
    if (field->type != stored_type(v->dtype))
        return cairn__fail(status, CAIRN_ERR_TYPE, "%s: '%s' is %s, expected %s", path, v->name,
                           cairn_data_type_text(field->type), cairn_dtype_name(v->dtype));
    if (field->rank != v->shape.rank ||
        memcmp(field->shape, v->shape.size, (size_t)field->rank * sizeof *field->shape) != 0)
        return cairn__fail(status, CAIRN_ERR_SHAPE, "%s: '%s' is %s, expected %s", path, v->name,
                           field_shape(field, found), cairn_shape_text(v->shape, expected));
    return true;
}

static bool copy_in(cairn_variable *v, const void *data, cairn_status *status)
{
    /* Without storage no program uses it yet: it starts with the value read. */
    return cairn__variable_place(v, v->device ? v->device : cairn_cpu(), status) &&
           cairn_variable_write(v, data, v->bytes, status);
}

/* Everything is read before the first variable is changed. */
bool cairn__graph_read(cairn_graph *graph, const cairn_safetensors *file, const char *path,
                       bool all, cairn_status *status)
{
    cairn_variable *const *variables;
    int n = cairn_graph_variables(graph, &variables);
    void **data = cairn__alloc((size_t)n, sizeof *data, status);
    bool good = data != NULL;
    for (int i = 0; good && i < n; i++) {
        const cairn_variable *v = variables[i];
        const cairn_field *field = cairn_safetensors_find(file, v->name);
        if (!field && !all && !v->trainable)
            continue;
        good = fits(v, field, path, status) && (data[i] = cairn__alloc(v->bytes, 1, status)) &&
               cairn_safetensors_read(file, field, data[i], v->bytes, status);
    }
    for (int i = 0; i < n && data; i++) {
        if (good && data[i])
            good = copy_in(variables[i], data[i], status);
        cairn__free(data[i]);
    }
    cairn__free(data);
    return good;
}

bool cairn_graph_load(cairn_graph *graph, const char *path, cairn_status *status)
{
    cairn_safetensors *file = cairn_safetensors_open(path, status);
    bool good = file && cairn__graph_read(graph, file, path, false, status);
    cairn_safetensors_free(file);
    return good;
}
