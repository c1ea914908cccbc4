/* What a graph means: every node by its reference, in double precision.
 *
 * Used to fold constants (a handful of small values) and as the oracle of tests. Everything stays
 * in memory until the end, and each node is visited once in the order of the list. */
#include <math.h>
#include <string.h>

#include "graph/graph.h"

void cairn__to_double(cairn_dtype dtype, const void *from, double *to, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        switch (dtype) {
        case CAIRN_F32: to[i] = (double)((const float *)from)[i]; break;
        case CAIRN_I32: to[i] = ((const int32_t *)from)[i]; break;
        case CAIRN_U8:
        case CAIRN_BOOL: to[i] = ((const uint8_t *)from)[i]; break;
        }
    }
}

static int32_t to_i32(double x)
{
    return x >= 2147483647.0 ? INT32_MAX : x <= -2147483648.0 ? INT32_MIN : x != x ? 0 : (int32_t)x;
}

void cairn__from_double(cairn_dtype dtype, const double *from, void *to, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        switch (dtype) {
        case CAIRN_F32: ((float *)to)[i] = (float)from[i]; break;
        case CAIRN_I32: ((int32_t *)to)[i] = to_i32(from[i]); break;
        case CAIRN_U8:
            ((uint8_t *)to)[i] = (uint8_t)CAIRN__MIN(CAIRN__MAX(to_i32(from[i]), 0), 255);
            break;
        case CAIRN_BOOL: ((uint8_t *)to)[i] = from[i] != 0; break;
        }
    }
}

static void round_to(cairn_dtype dtype, double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        union {
            float f32;
            int32_t i32;
            uint8_t u8;
        } exact;
        cairn__from_double(dtype, &x[i], &exact, 1);
        cairn__to_double(dtype, &exact, &x[i], 1);
    }
}

void cairn__evaluate_node(const cairn_graph *g, const cairn_node *n, const double *const *in,
                          double *out)
{
    cairn_shape shapes[CAIRN__MOST_INPUTS];
    if (n->op->reference) {
        for (int i = 0; i < n->inputs; i++)
            shapes[i] = g->nodes[n->input[i]]->shape;
        n->op->reference(n, shapes, in, out);
        return;
    }
    int64_t count = cairn_shape_count(n->shape);
    for (int64_t i = 0; i < count; i++) {
        double x[CAIRN__SAMPLE_INPUTS];
        for (int j = 0; j < n->inputs; j++)
            x[j] = in[j][i];
        out[i] = n->op->element(n, x);
    }
}

/* Marks what the wanted nodes need. */
static void mark(const cairn_graph *g, const cairn_tensor *wanted, int n, bool *needed)
{
    for (int i = 0; i < n; i++)
        needed[wanted[i].id] = true;
    for (int32_t i = g->n - 1; i >= 0; i--)
        for (int j = 0; needed[i] && j < g->nodes[i]->inputs; j++)
            needed[g->nodes[i]->input[j]] = true;
}

static bool evaluate(const cairn_graph *g, const cairn_node *n, double **values,
                     cairn__leaf_source *source, void *user, bool round, cairn_status *status)
{
    int64_t count = cairn_shape_count(n->shape);
    double *out = values[n->id] = cairn__alloc((size_t)count, sizeof *out, status);
    const double **in = cairn__alloc((size_t)n->inputs, sizeof *in, status);
    bool good = out && in;
    for (int i = 0; good && i < n->inputs; i++)
        in[i] = values[n->input[i]];
    if (good && (n->op->reference || n->op->element))
        cairn__evaluate_node(g, n, in, out);
    else if (good)
        good = (source && source(n, out, user)) ||
               cairn__fail(status, CAIRN_ERR_STATE, "%s has no value here", n->op->name);
    if (good && round)
        round_to(n->dtype, out, count);
    cairn__free(in);
    return good;
}

bool cairn__evaluate(const cairn_graph *g, const cairn_tensor *wanted, int n, double *const *out,
                     cairn__leaf_source *source, void *user, bool round, cairn_status *status)
{
    if (g->status.code != CAIRN_OK)
        return cairn__fail(status, g->status.code, "%s", g->status.message);
    bool *needed = cairn__alloc((size_t)g->n, sizeof *needed, status);
    double **values = cairn__alloc((size_t)g->n, sizeof *values, status);
    bool good = needed && values;
    if (good)
        mark(g, wanted, n, needed);
    for (int32_t i = 0; good && i < g->n; i++)
        if (needed[i])
            good = evaluate(g, g->nodes[i], values, source, user, round, status);
    for (int i = 0; good && i < n; i++) {
        int64_t count = cairn_shape_count(g->nodes[wanted[i].id]->shape);
        memcpy(out[i], values[wanted[i].id], (size_t)count * sizeof **out);
    }
    for (int32_t i = 0; values && i < g->n; i++)
        cairn__free(values[i]);
    cairn__free(values);
    cairn__free(needed);
    return good;
}
