/* The variables of a graph as a Hugging Face directory. */
#include <string.h>

#include "graph/graph.h"
#include "weights/weights.h"

/* Options beyond those that a configuration can say would be lost. */
static bool sayable(const cairn_architecture *a, cairn_status *status)
{
    cairn_architecture b;
    const cairn__facts facts = cairn__facts_of(a);
    if ((int)a->family < 0 || a->family >= CAIRN_N_FAMILIES)
        return cairn__fail(status, CAIRN_ERR_VALUE, "architecture: unknown family %d",
                           (int)a->family);
    if (!cairn__facts_apply(&facts, a->family, "architecture", &b, status))
        return false;
    const bool pictures = a->family == CAIRN_FAMILY_vit;
    const cairn_transformer_options *x = pictures ? &a->vit.blocks : &a->gpt.blocks;
    const cairn_transformer_options *y = pictures ? &b.vit.blocks : &b.gpt.blocks;
    bool same = x->activation.kind == y->activation.kind && x->gated == y->gated &&
                x->parallel == y->parallel && x->rms_norm == y->rms_norm && x->bias == y->bias &&
                x->attention.causal == y->attention.causal &&
                x->attention.qkv_bias == y->attention.qkv_bias &&
                x->attention.rotary_base == y->attention.rotary_base &&
                a->vit.class_token == b.vit.class_token;
    if (a->family == CAIRN_FAMILY_resnet)
        same = a->resnet.imagenet_stem && a->resnet.norm.epsilon == b.resnet.norm.epsilon;
    return same ||
           cairn__fail(status, CAIRN_ERR_VALUE, "architecture: options that no %s model has",
                       cairn__families[a->family].name);
}

/* A copy of one piece as a field; its data is the caller's. */
static bool copy_out(const cairn__piece *p, const cairn_architecture *a, cairn_field *field,
                     cairn_status *status)
{
    const size_t n = (size_t)cairn_shape_count(p->shape);
    float *published = cairn__alloc(n, sizeof *published, status);
    float *values = cairn__alloc(p->variable->bytes, 1, status);
    *field = (cairn_field){
        .name = p->tensor, .type = CAIRN_DATA_F32, .rank = p->shape.rank, .data = published};
    memcpy(field->shape, p->shape.size, (size_t)p->shape.rank * sizeof *field->shape);
    bool good =
        published && values && cairn_variable_read(p->variable, values, p->variable->bytes, status);
    if (good)
        cairn__piece_copy(p, a, published, values, true);
    cairn__free(values);
    return good;
}

static bool write_tensors(const cairn__mapping *mapping, const cairn_architecture *a,
                          const char *path, cairn_status *status)
{
    static const char *const metadata[] = {"format", "pt", NULL};
    cairn_field *fields = cairn__alloc((size_t)mapping->n, sizeof *fields, status);
    bool good = fields != NULL;
    int64_t n = 0;
    for (int64_t i = 0; good && i < mapping->n; i++)
        if (mapping->pieces[i].variable)
            good = copy_out(&mapping->pieces[i], a, &fields[n++], status);
    good = good && cairn_safetensors_write(path, fields, n, metadata, status);
    for (int64_t i = 0; i < n; i++)
        cairn__free((void *)fields[i].data);
    cairn__free(fields);
    return good;
}

/* Every variable that the architecture has must be there; others do not matter. */
static bool has_all(const cairn_graph *graph, const cairn_architecture *a, cairn_status *status)
{
    cairn_graph *model = cairn_graph_new();
    cairn_variable *const *variables;
    const bool tokens = a->family != CAIRN_FAMILY_vit && a->family != CAIRN_FAMILY_resnet;
    const int64_t size = a->family == CAIRN_FAMILY_vit ? a->image_size : 64;
    cairn_architecture_build(
        cairn_input(model, "x", tokens ? CAIRN_I32 : CAIRN_F32,
                    tokens ? CAIRN_SHAPE(1, 1) : CAIRN_SHAPE(1, size, size, a->channels)),
        a);
    cairn_status built = cairn_graph_status(model);
    bool good = cairn_ok(&built) || cairn__fail(status, built.code, "%s", built.message);
    int n = cairn_graph_variables(model, &variables);
    for (int i = 0; good && i < n; i++) {
        const cairn_variable *v = cairn_graph_variable(graph, variables[i]->name);
        if (!v || !cairn_shape_equal(v->shape, variables[i]->shape))
            good = cairn__fail(status, v ? CAIRN_ERR_SHAPE : CAIRN_ERR_NAME,
                               "the graph's variable '%s' %s", variables[i]->name,
                               v ? "has another shape than the architecture's" : "is not there");
    }
    cairn_graph_free(model);
    return good;
}

bool cairn_weights_save(const cairn_graph *graph, const cairn_architecture *a,
                        const char *directory, cairn_status *status)
{
    cairn__mapping mapping = {0};
    if (!cairn_ok(status) || !sayable(a, status) || !has_all(graph, a, status))
        return false;
    const cairn__family *family = &cairn__families[a->family];
    bool good = cairn__mapping_make(&mapping, graph, a, family->rules, family->prefix, status);
    const char *tensors =
        cairn__arena_text(&mapping.arena, status, "%s/model.safetensors", directory);
    const char *config = cairn__arena_text(&mapping.arena, status, "%s/config.json", directory);
    good = good && tensors && config && write_tensors(&mapping, a, tensors, status) &&
           cairn__model_config_write(config, a, status);
    cairn__mapping_free(&mapping);
    return good;
}
