/* Values of a collection into the variables of a graph. */
#include <string.h>

#include "cairn/compile.h"
#include "graph/graph.h"
#include "weights/weights.h"

typedef struct loader {
    const cairn_weights *weights;
    const cairn_architecture *architecture;
    cairn__mapping mapping;
    cairn_status *status;
} loader;

static cairn_shape shape_of(const cairn_weight *weight)
{
    cairn_shape shape = {.rank = weight->rank};
    memcpy(shape.size, weight->shape, (size_t)weight->rank * sizeof *weight->shape);
    return shape;
}

static bool check_piece(loader *l, const cairn__piece *p, bool *used)
{
    char found[CAIRN_SHAPE_TEXT], expected[CAIRN_SHAPE_TEXT];
    const cairn_weights *w = l->weights;
    const cairn__weight_entry *e = cairn__weights_find(w, p->tensor);
    if (e)
        used[e - w->entries] = true;
    if (!p->variable)
        return true;
    if (!e)
        return cairn__fail(l->status, CAIRN_ERR_NAME, "%s: no tensor '%s', which is '%s' here",
                           w->path, p->tensor, p->variable->name);
    const cairn_shape shape = shape_of(&e->weight);
    if (!cairn_shape_equal(shape, p->shape))
        return cairn__fail(l->status, CAIRN_ERR_SHAPE, "%s: '%s' is %s, expected %s", w->path,
                           p->tensor, cairn_shape_text(shape, found),
                           cairn_shape_text(p->shape, expected));
    return (e->type && e->type->decode) ||
           cairn__fail(l->status, CAIRN_ERR_TYPE, "%s: '%s' is %s, which cannot be read", w->path,
                       p->tensor, e->weight.type);
}

static bool check_all(loader *l)
{
    const cairn_weights *w = l->weights;
    bool *used = cairn__alloc((size_t)w->count, sizeof *used, l->status), good = used != NULL;
    for (int64_t i = 0; good && i < l->mapping.n; i++)
        good = check_piece(l, &l->mapping.pieces[i], used);
    for (int64_t i = 0; good && i < w->count; i++)
        if (!used[i])
            good = cairn__fail(
                l->status, CAIRN_ERR_NAME, "%s: tensor '%.100s' has no place in this %s model",
                w->path, w->entries[i].weight.name, cairn__families[l->architecture->family].name);
    cairn__free(used);
    return good;
}

/* ---- the values ------------------------------------------------------------------------------ */

static bool read_piece(loader *l, const cairn__piece *p, float *values)
{
    const cairn__weight_entry *e = cairn__weights_find(l->weights, p->tensor);
    const int64_t n = cairn_shape_count(p->shape);
    float *published = cairn__alloc((size_t)n, sizeof *published, l->status);
    bool good = published &&
                cairn_weights_read(l->weights, e - l->weights->entries, published, n, l->status);
    if (good)
        cairn__piece_copy(p, l->architecture, published, values, false);
    cairn__free(published);
    return good;
}

/* Reads the pieces from i on that belong to one variable, and gives it their values. */
static bool read_variable(loader *l, int64_t i, int64_t *next)
{
    cairn_variable *v = l->mapping.pieces[i].variable;
    float *values = cairn__alloc(v->bytes, 1, l->status);
    bool good = values != NULL;
    for (*next = i; *next < l->mapping.n && l->mapping.pieces[*next].variable == v; ++*next)
        good = good && read_piece(l, &l->mapping.pieces[*next], values);
    good = good && cairn__variable_place(v, v->device ? v->device : cairn_cpu(), l->status) &&
           cairn_variable_write(v, values, v->bytes, l->status);
    cairn__free(values);
    return good;
}

static bool read_all(loader *l)
{
    for (int64_t i = 0, next; i < l->mapping.n; i = next) {
        next = i + 1;
        if (l->mapping.pieces[i].variable && !read_variable(l, i, &next))
            return false;
    }
    return true;
}

/* Files of the bare model, without its head, lack the family's prefix. */
static const char *prefix_of(const cairn_weights *w, const cairn__family *family)
{
    const size_t n = strlen(family->prefix);
    for (int64_t i = 0; i < w->count; i++)
        if (strncmp(w->entries[i].weight.name, family->prefix, n) == 0)
            return family->prefix;
    return "";
}

bool cairn_weights_load(const cairn_weights *w, cairn_graph *graph, cairn_status *status)
{
    loader l = {.weights = w, .status = status};
    l.architecture = cairn_weights_architecture(w, status);
    if (!l.architecture)
        return false;
    const cairn__family *family = &cairn__families[l.architecture->family];
    bool good = cairn__mapping_make(&l.mapping, graph, l.architecture,
                                    w->is_gguf ? family->gguf : family->rules,
                                    w->is_gguf ? "" : prefix_of(w, family), status) &&
                check_all(&l) && read_all(&l);
    cairn__mapping_free(&l.mapping);
    return good;
}
