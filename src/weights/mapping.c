/* A family's table applied to a graph: which tensor goes to which columns of which variable, and
 * the copy itself, in both directions. */
#include <string.h>

#include "graph/graph.h"
#include "weights/weights.h"

/* ---- names ----------------------------------------------------------------------------------- */

static int indices_of(const char *name)
{
    int n = 0;
    for (; *name; name++)
        n += *name == '#' || *name == '@';
    return n;
}

/* The template with its indices put in. */
static const char *full_name(cairn__arena *arena, const char *name, const char *prefix,
                             const int64_t index[2], cairn_status *status)
{
    cairn__text text = {.status = status};
    int next = 0;
    cairn__text_add(&text, "%s", "");
    for (; *name; name++) {
        if (*name == '~')
            cairn__text_add(&text, "%s", prefix);
        else if (*name == '#' || *name == '@')
            cairn__text_add(&text, "%lld", (long long)(index[next++] + (*name == '@')));
        else
            cairn__text_add_bytes(&text, name, 1);
    }
    char *copy = text.failed ? NULL : cairn__arena_text(arena, status, "%s", text.data);
    cairn__free(text.data);
    return copy;
}

/* ---- one piece ------------------------------------------------------------------------------- */

/* Columns of the variable's last axis, of `all`. */
static void part_columns(cairn__piece *p, const cairn_architecture *a, int64_t all)
{
    const cairn_transformer_options *o =
        a->family == CAIRN_FAMILY_vit ? &a->vit.blocks : &a->gpt.blocks;
    const int64_t heads = o->attention.heads;
    const int64_t D = heads > 0 ? o->width / heads : 0;
    const int64_t kv = D * (o->attention.kv_heads ? o->attention.kv_heads : heads);
    const int64_t query = D * heads;
    switch (p->rule->part) {
    case CAIRN__PART_ALL: p->columns = all; break;
    case CAIRN__PART_QUERY: p->columns = query; break;
    case CAIRN__PART_KEY: p->offset = query, p->columns = kv; break;
    case CAIRN__PART_VALUE: p->offset = query + kv, p->columns = kv; break;
    case CAIRN__PART_FIRST: p->columns = all / 2; break;
    case CAIRN__PART_SECOND: p->offset = p->columns = all / 2; break;
    }
}

/* The shape that the published tensor must have. */
static cairn_shape published_shape(const cairn__piece *p, const cairn_architecture *a)
{
    cairn_shape s = p->variable->shape;
    const int64_t P = a->vit.patch;
    switch (p->rule->layout) {
    case CAIRN__LAYOUT_LINEAR:
    case CAIRN__LAYOUT_ROTARY: return CAIRN_SHAPE(p->columns, s.size[0]);
    case CAIRN__LAYOUT_CONV:
        return s.rank == 2 ? CAIRN_SHAPE(p->columns, a->channels, P, P)
                           : CAIRN_SHAPE(p->columns, s.size[2], s.size[0], s.size[1]);
    case CAIRN__LAYOUT_FRONT: return CAIRN_SHAPE(1, s.size[0], p->columns);
    case CAIRN__LAYOUT_SAME: break;
    }
    s.size[s.rank - 1] = p->columns;
    return s;
}

/* False when the variable is not of the kind that the rule is for. */
static bool measure(cairn__piece *p, const cairn_architecture *a, cairn_status *status)
{
    static const int ranks[] = {[CAIRN__LAYOUT_FRONT] = 2,
                                [CAIRN__LAYOUT_LINEAR] = 2,
                                [CAIRN__LAYOUT_ROTARY] = 2,
                                [CAIRN__LAYOUT_CONV] = 4};
    const cairn_variable *v = p->variable;
    const int rank = v->shape.rank, wanted = ranks[p->rule->layout];
    const bool patches = p->rule->layout == CAIRN__LAYOUT_CONV && rank == 2;
    char text[CAIRN_SHAPE_TEXT];
    if (v->dtype == CAIRN_F32 && rank > 0 && (wanted == 0 || rank == wanted || patches)) {
        const int64_t all = v->shape.size[rank - 1];
        part_columns(p, a, all);
        if (p->offset + p->columns <= all) {
            p->shape = published_shape(p, a);
            /* Only the pictures' sizes are not the variable's own. */
            if (!patches ||
                cairn_shape_count(p->shape) == cairn_shape_count(v->shape) / all * p->columns)
                return true;
        }
    }
    return cairn__fail(status, CAIRN_ERR_SHAPE,
                       "variable '%s' is %s, which is not of this %s model", v->name,
                       cairn_shape_text(v->shape, text), cairn__families[a->family].name);
}

/* ---- all pieces ------------------------------------------------------------------------------ */

typedef struct maker {
    cairn__mapping *mapping;
    const cairn_graph *graph;
    const cairn_architecture *architecture;
    const char *prefix;
    cairn_status *status;
    bool counting; /* the first of two passes */
} maker;

static bool add_piece(maker *m, const cairn__rule *rule, const int64_t index[2])
{
    cairn__mapping *mapping = m->mapping;
    if (m->counting) {
        mapping->n++;
        return true;
    }
    cairn__piece *p = &mapping->pieces[mapping->n];
    *p = (cairn__piece){.rule = rule};
    if (rule->variable) {
        const char *name = full_name(&mapping->arena, rule->variable, "", index, m->status);
        if (!name)
            return false;
        p->variable = cairn_graph_variable(m->graph, name);
    }
    if (!p->variable && rule->variable && !rule->ignorable)
        return true;
    p->tensor = full_name(&mapping->arena, rule->tensor, m->prefix, index, m->status);
    if (!p->tensor || (p->variable && !measure(p, m->architecture, m->status)))
        return false;
    mapping->n++;
    return true;
}

/* The rules from `first` that have as many indices, for each index. */
static bool add_run(maker *m, const cairn__rule *first, const cairn__rule *end)
{
    const cairn__facts facts = cairn__facts_of(m->architecture);
    const int n = indices_of(first->tensor);
    const int64_t outer = n == 0 ? 1 : n == 1 ? facts.layers : 4;
    for (int64_t i = 0; i < outer; i++) {
        const int64_t inner = n == 2 ? facts.depths[i] : 1;
        for (int64_t j = 0; j < inner; j++)
            for (const cairn__rule *rule = first; rule < end; rule++)
                if (!add_piece(m, rule, (const int64_t[]){i, j}))
                    return false;
    }
    return true;
}

static bool add_all(maker *m, const cairn__rule *rules)
{
    m->mapping->n = 0;
    for (const cairn__rule *end; rules->tensor; rules = end) {
        for (end = rules; end->tensor && indices_of(end->tensor) == indices_of(rules->tensor);)
            end++;
        if (!add_run(m, rules, end))
            return false;
    }
    return true;
}

bool cairn__mapping_make(cairn__mapping *mapping, const cairn_graph *g, const cairn_architecture *a,
                         const cairn__rule *rules, const char *prefix, cairn_status *status)
{
    maker m = {mapping, g, a, prefix, status, true};
    *mapping = (cairn__mapping){0};
    if (!cairn_ok(status) || !add_all(&m, rules))
        return false;
    mapping->pieces =
        cairn__arena_alloc(&mapping->arena, (size_t)mapping->n, sizeof *mapping->pieces, status);
    m.counting = false;
    return mapping->pieces && add_all(&m, rules);
}

void cairn__mapping_free(cairn__mapping *mapping)
{
    cairn__arena_free(&mapping->arena);
    *mapping = (cairn__mapping){0};
}

/* ---- the copy -------------------------------------------------------------------------------- */

/* n elements `step` apart in `values`, next to one another in `published`. */
static void copy_line(float *published, float *values, int64_t n, int64_t step, bool back)
{
    for (int64_t i = 0; i < n; i++)
        if (back)
            published[i] = values[i * step];
        else
            values[i * step] = published[i];
}

/* Where row o of queries or keys goes: llama.cpp turns neighbours, we numbers d and d + D/2. */
static int64_t turned(int64_t o, int64_t D)
{
    const int64_t r = o % D;
    return o - r + r / 2 + r % 2 * (D / 2);
}

void cairn__piece_copy(const cairn__piece *p, const cairn_architecture *a, float *published,
                       float *values, bool back)
{
    const cairn_shape v = p->variable->shape, s = p->shape;
    const int64_t all = v.size[v.rank - 1], rows = all ? cairn_shape_count(v) / all : 0;
    const int64_t O = p->columns;
    values += p->offset;
    if (p->rule->layout == CAIRN__LAYOUT_SAME || p->rule->layout == CAIRN__LAYOUT_FRONT) {
        for (int64_t row = 0; row < rows; row++)
            copy_line(published + row * O, values + row * all, O, 1, back);
        return;
    }
    /* [O, I, places] to [places, I, O] */
    const int64_t I = s.size[1], places = I ? rows / I : 0;
    const int64_t D = p->rule->layout == CAIRN__LAYOUT_ROTARY
                          ? a->gpt.blocks.width / a->gpt.blocks.attention.heads
                          : 0;
    for (int64_t o = 0; o < O; o++)
        for (int64_t i = 0; i < I; i++)
            copy_line(published + (o * I + i) * places, values + i * all + (D ? turned(o, D) : o),
                      places, I * all, back);
}
