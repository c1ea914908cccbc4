/* Recurrent layers (graph/recurrent.h) as a Scan: the body is one step. The LSTM and GRU of ONNX
 * would multiply the input by a matrix of their own, which has happened here before, and they do
 * not give the states in between. */
#include <string.h>

#include "base/wire.h"
#include "graph/recurrent.h"
#include "weights/onnx.h"

enum { MOST_GATES = 4 };

/* Axis `axis` cut into parts of one size. */
static void parts(cairn__onnx *o, const cairn_node *n, const char *x, int64_t axis, int count,
                  int64_t size, const char **out)
{
    int64_t sizes[MOST_GATES];
    for (int i = 0; i < count; i++) {
        sizes[i] = size;
        out[i] = NULL;
    }
    const char *operands[2] = {x, cairn__onnx_list(o, sizes, count)};
    cairn__onnx_int(o, "axis", axis);
    cairn__onnx_many(o, n, "Split", operands, 2, out, count);
}

static const char *pair(cairn__onnx *o, const cairn_node *n, const char *type, const char *a,
                        const char *b)
{
    return cairn__onnx_op(o, n, type, a, b, NULL);
}

static const char *one(cairn__onnx *o, const cairn_node *n, const char *type, const char *x)
{
    return cairn__onnx_op(o, n, type, x, NULL);
}

static const char *less_than_one(cairn__onnx *o, const cairn_node *n, const char *x)
{
    return pair(o, n, "Sub", cairn__onnx_scalar(o, CAIRN_F32, 1), x);
}

/* What a step has: its part of gx, the states before, the matrix and, of a GRU, b. */
typedef struct step {
    const char *gx, *state[2], *matrix, *b;
} step;

/* Both fill the slots and the new states. */
static void lstm_step(cairn__onnx *o, const cairn_node *n, const cairn__recurrent *r, const step *s,
                      const char **slot)
{
    const bool lstm = r->kind == CAIRN_RECURRENT_lstm;
    const char *gate[MOST_GATES], *a = pair(o, n, "MatMul", s->state[0], s->matrix);
    parts(o, n, pair(o, n, "Add", s->gx, a), 1, r->gates, r->H, gate);
    const char **to = slot + 2;
    const char *i = lstm ? *to++ = one(o, n, "Sigmoid", gate[0]) : NULL;
    const char *f = *to++ = one(o, n, "Sigmoid", gate[lstm]);
    const char *g = *to++ = one(o, n, "Tanh", gate[lstm + 1]);
    const char *out = *to++ = one(o, n, "Sigmoid", gate[lstm + 2]);
    i = lstm ? i : less_than_one(o, n, f);
    slot[1] = pair(o, n, "Add", pair(o, n, "Mul", f, s->state[1]), pair(o, n, "Mul", i, g));
    slot[0] = pair(o, n, "Mul", out, one(o, n, "Tanh", slot[1]));
}

static void gru_step(cairn__onnx *o, const cairn_node *n, const cairn__recurrent *r, const step *s,
                     const char **slot)
{
    const char *x[MOST_GATES], *q[MOST_GATES];
    parts(o, n, s->gx, 1, 3, r->H, x);
    parts(o, n, pair(o, n, "Add", pair(o, n, "MatMul", s->state[0], s->matrix), s->b), 1, 3, r->H,
          q);
    slot[1] = one(o, n, "Sigmoid", pair(o, n, "Add", x[0], q[0]));
    slot[2] = one(o, n, "Sigmoid", pair(o, n, "Add", x[1], q[1]));
    slot[3] = one(o, n, "Tanh", pair(o, n, "Add", x[2], pair(o, n, "Mul", slot[1], q[2])));
    slot[4] = q[2];
    const char *fresh = pair(o, n, "Mul", less_than_one(o, n, slot[2]), slot[3]);
    slot[0] = pair(o, n, "Add", fresh, pair(o, n, "Mul", slot[2], s->state[0]));
}

/* The slots of one step as [slots, B, H]. */
static const char *stacked(cairn__onnx *o, const cairn_node *n, const cairn__recurrent *r,
                           const char *const *slot)
{
    static const int64_t front = 0;
    const char *operands[6], *result = NULL, *axis = cairn__onnx_list(o, &front, 1);
    for (int i = 0; i < r->slots; i++)
        operands[i] = pair(o, n, "Unsqueeze", slot[i], axis);
    cairn__onnx_int(o, "axis", 0);
    return cairn__onnx_many(o, n, "Concat", operands, r->slots, &result, 1);
}

/* The graph of the Scan. GraphProto: node 1, name 2, input 11, output 12. */
static bool body(cairn__onnx *o, const cairn_node *n, const cairn__recurrent *r, step s,
                 cairn__text *out)
{
    const cairn_shape row = CAIRN_SHAPE(r->B, r->H);
    const char *slot[6] = {NULL}, *after[2];
    cairn__text outside = o->nodes;
    o->nodes = (cairn__text){.status = o->status};
    s.gx = cairn__onnx_fresh(o, n);
    for (int i = 0; i < r->states; i++)
        s.state[i] = cairn__onnx_fresh(o, n);
    if (r->kind == CAIRN_RECURRENT_gru)
        gru_step(o, n, r, &s, slot);
    else
        lstm_step(o, n, r, &s, slot);
    const char *all = stacked(o, n, r, slot);
    for (int i = 0; i < r->states; i++)
        after[i] = one(o, n, "Identity", slot[i]);
    cairn__text inside = o->nodes;
    o->nodes = outside;
    bool good = cairn_ok(o->status) && all && !inside.failed;
    if (good) {
        cairn__text_add_bytes(out, inside.data, inside.length);
        cairn__wire_string(out, 2, "step");
        for (int i = 0; i < r->states; i++)
            cairn__onnx_describe(out, 11, s.state[i], CAIRN__ONNX_F32, row);
        cairn__onnx_describe(out, 11, s.gx, CAIRN__ONNX_F32, CAIRN_SHAPE(r->B, r->gates * r->H));
        for (int i = 0; i < r->states; i++)
            cairn__onnx_describe(out, 12, after[i], CAIRN__ONNX_F32, row);
        cairn__onnx_describe(out, 12, all, CAIRN__ONNX_F32, CAIRN_SHAPE(r->slots, r->B, r->H));
    }
    cairn__free(inside.data);
    return good;
}

/* A GRU's weight has b below its matrix. */
static step matrices(cairn__onnx *o, const cairn_node *n, const cairn__recurrent *r)
{
    const char *weight = cairn__onnx_value(o, n->input[1]), *part[2] = {NULL, NULL};
    if (r->kind != CAIRN_RECURRENT_gru)
        return (step){.matrix = weight};
    const char *operands[2] = {weight, cairn__onnx_list(o, (int64_t[]){r->H, 1}, 2)};
    cairn__onnx_int(o, "axis", 0);
    cairn__onnx_many(o, n, "Split", operands, 2, part, 2);
    return (step){.matrix = part[0], .b = part[1]};
}

const char *cairn__onnx_recurrent(cairn__onnx *o, const cairn_node *n)
{
    static const int64_t slots_first[4] = {1, 0, 2, 3}, front = 0;
    const cairn__recurrent r = cairn__recurrent_of(n, o->g->nodes[n->input[0]]->shape);
    const char *operands[3], *results[3] = {NULL, NULL, NULL}, *start[MOST_GATES];
    cairn__text graph = {.status = o->status};
    step s = matrices(o, n, &r);
    parts(o, n, cairn__onnx_value(o, n->input[2]), 0, r.states, 1, start);
    for (int i = 0; i < r.states; i++)
        operands[i] = pair(o, n, "Squeeze", start[i], cairn__onnx_list(o, &front, 1));
    operands[r.states] = cairn__onnx_value(o, n->input[0]);
    if (body(o, n, &r, s, &graph)) {
        cairn__onnx_graph(o, "body", &graph);
        cairn__onnx_int(o, "num_scan_inputs", 1);
        cairn__onnx_many(o, n, "Scan", operands, r.states + 1, results, r.states + 1);
    }
    cairn__free(graph.data);
    return results[r.states] ? cairn__onnx_transpose(o, n, results[r.states], slots_first, 4)
                             : NULL;
}
