/* All steps of recurrent layers, and back: see graph/recurrent.h.
 *
 *     step t:     h'  [B, H]  ->  product with W  ->  gates  ->  h, c
 *                 all rows        UNITS units at a time: a chunk, with all of their gates
 *
 * A step is a round of chunks: threads meet behind each, since the next product needs all units.
 * So a thread reads its units' part of W only, once a step for all rows, and gates find their
 * products in cache. (Chunks of rows need no meeting, but each reads all of W from beyond L2 in
 * each step, for fewer rows.) W is copied once for all steps into the order that products read. */
#include <string.h>

#include "backend/cpu/gemm.h"
#include "backend/cpu/recurrent.h"
#include "backend/cpu/task.h"
#include "graph/recurrent.h"

enum { UNITS = 32, ROWS = 128, ENOUGH = 1 << 20 };

typedef struct recurrent_state {
    cairn__recurrent r;
    const cairn__gemm_kernels *gemm;
    const cairn__recurrent_kernels *gates;
    const float *gx, *weight, *start, *dh, *dc;
    float *slots; /* written forward, read backward */
    float *rows;  /* backward: the result */
    float *packed;
    int64_t blocks, row_blocks; /* of units, of rows: chunks of a round are their product */
    int64_t room;               /* floats of `packed` for each block of units */
    bool zeros;                 /* the first product is of zeros */
} recurrent_state;

/* What a chunk covers. */
typedef struct piece {
    int64_t t, block, unit, units, row, rows;
} piece;

static piece piece_of(const recurrent_state *s, int64_t chunk)
{
    const int64_t each = s->blocks * s->row_blocks, at = chunk % each;
    piece p = {.t = chunk / each, .block = at / s->row_blocks};
    p.unit = p.block * UNITS;
    p.units = CAIRN__MIN((int64_t)UNITS, s->r.H - p.unit);
    p.row = at % s->row_blocks * ROWS;
    p.rows = CAIRN__MIN((int64_t)ROWS, s->r.B - p.row);
    return p;
}

/* The state before step t: h (0) or c (1). */
static const float *state_before(const recurrent_state *s, int64_t t, int which)
{
    const int64_t BH = s->r.B * s->r.H;
    return t ? s->slots + (which * s->r.T + t - 1) * BH : s->start + which * BH;
}

static cairn__recurrent_block block_of(const recurrent_state *s, const piece *p)
{
    const cairn__recurrent *r = &s->r;
    const int64_t at = p->row * r->H + p->unit, BH = r->B * r->H;
    return (cairn__recurrent_block){.rows = p->rows,
                                    .units = p->units,
                                    .H = r->H,
                                    .gate_row = r->gates * r->H,
                                    .before = state_before(s, p->t, r->states - 1) + at,
                                    .slot = s->slots + p->t * BH + at,
                                    .slot_step = r->T * BH};
}

/* Where gates of a piece are in gx and its gradient. */
static int64_t gates_at(const recurrent_state *s, const piece *p)
{
    return (p->t * s->r.B + p->row) * s->r.gates * s->r.H + p->unit;
}

/* ---- forward --------------------------------------------------------------------------------- */

/* Floats of the copy of one gate's columns; 0: products read W itself. A gate at a time, products
 * are narrow enough to read h' where it is, which every chunk would copy otherwise. */
static int64_t packed_forward(const recurrent_state *s, int64_t units)
{
    return s->gemm->packed_floats(ENOUGH, units, s->r.H);
}

static cairn__gemm_task gate_product(const recurrent_state *s, const piece *p, int64_t gate)
{
    const int64_t H = s->r.H, GH = s->r.gates * H;
    return (cairn__gemm_task){.M = p->rows,
                              .N = p->units,
                              .K = H,
                              .b = s->weight + gate * H + p->unit,
                              .b_depth = GH,
                              .b_column = 1};
}

static void pack_forward(const cairn__task *task, int64_t chunk, void *scratch)
{
    const recurrent_state *s = task->state;
    const piece p = piece_of(s, chunk * s->row_blocks);
    const int64_t room = packed_forward(s, p.units);
    (void)scratch;
    for (int64_t g = 0; room && g < s->r.gates; g++) {
        const cairn__gemm_task t = gate_product(s, &p, g);
        s->gemm->pack(&t, 0, s->packed + p.block * s->room + g * room);
    }
}

static void multiply_forward(const recurrent_state *s, const piece *p, float *product,
                             float *scratch)
{
    const int64_t room = packed_forward(s, p->units), H = s->r.H;
    for (int64_t g = 0; g < s->r.gates; g++) {
        cairn__gemm_task t = gate_product(s, p, g);
        t.a = state_before(s, p->t, 0) + p->row * H;
        t.a_row = H;
        t.a_depth = 1;
        t.c = product + g * p->units;
        t.c_row = s->r.gates * p->units;
        t.packed_b = room ? s->packed + p->block * s->room + g * room : NULL;
        s->gemm->product(&t, scratch);
    }
}

static void run_forward(const cairn__task *task, int64_t chunk, void *scratch)
{
    const recurrent_state *s = task->state;
    const piece p = piece_of(s, chunk);
    const int64_t all = s->r.gates * p.units;
    float *product = scratch;
    if (p.t == 0 && s->zeros)
        memset(product, 0, (size_t)(p.rows * all) * sizeof *product);
    else
        multiply_forward(s, &p, product, product + ROWS * 4 * UNITS);
    cairn__recurrent_block b = block_of(s, &p);
    b.product = product;
    b.product_row = all;
    b.gx = s->gx + gates_at(s, &p);
    b.bias = s->weight + s->r.H * b.gate_row + p.unit;
    s->gates->forward[s->r.kind](&b);
}

/* ---- backward -------------------------------------------------------------------------------- */

/* d W^T of a GRU is two products, since its d has dq in the place of dn. */
static int64_t first_depth(const recurrent_state *s)
{
    return s->r.kind == CAIRN_RECURRENT_gru ? 2 * s->r.H : s->r.gates * s->r.H;
}

static int64_t packed_backward(const recurrent_state *s, int64_t units, int64_t depth)
{
    return s->gemm->packed_floats(ENOUGH, units, depth);
}

/* W^T for the units of a piece, from row `from` of the gates on. */
static cairn__gemm_task turned(const recurrent_state *s, const piece *p, int64_t from,
                               int64_t depth)
{
    const int64_t GH = s->r.gates * s->r.H;
    return (cairn__gemm_task){.M = p->rows,
                              .N = p->units,
                              .K = depth,
                              .b = s->weight + p->unit * GH + from,
                              .b_depth = 1,
                              .b_column = GH};
}

static void pack_backward(const cairn__task *task, int64_t chunk, void *scratch)
{
    const recurrent_state *s = task->state;
    const piece p = piece_of(s, chunk * s->row_blocks);
    const int64_t depth = first_depth(s), rest = s->r.gates * s->r.H - depth;
    const int64_t room = packed_backward(s, p.units, depth);
    float *to = s->packed + p.block * s->room;
    cairn__gemm_task t = turned(s, &p, 0, depth);
    (void)scratch;
    if (room)
        s->gemm->pack(&t, 0, to);
    t = turned(s, &p, depth, rest);
    if (rest && packed_backward(s, p.units, rest))
        s->gemm->pack(&t, 0, to + room);
}

static void multiply_backward(const recurrent_state *s, const piece *p, float *product,
                              float *scratch)
{
    const int64_t GH = s->r.gates * s->r.H, depth = first_depth(s), rest = GH - depth;
    const int64_t room = packed_backward(s, p->units, depth), row = (p->t + 1) * s->r.B + p->row;
    const float *packed = s->packed + p->block * s->room;
    cairn__gemm_task t = turned(s, p, 0, depth);
    t.a = s->rows + row * GH;
    t.a_row = GH;
    t.a_depth = 1;
    t.c = product;
    t.c_row = p->units;
    t.packed_b = room ? packed : NULL;
    s->gemm->product(&t, scratch);
    if (!rest)
        return;
    cairn__gemm_task u = turned(s, p, depth, rest);
    u.a = s->rows + s->r.T * s->r.B * GH + row * s->r.H;
    u.a_row = s->r.H;
    u.a_depth = 1;
    u.c = product;
    u.c_row = p->units;
    u.packed_b = packed_backward(s, p->units, rest) ? packed + room : NULL;
    u.add = true;
    s->gemm->product(&u, scratch);
}

/* Rounds go from the last step to the first. */
static void run_backward(const cairn__task *task, int64_t chunk, void *scratch)
{
    const recurrent_state *s = task->state;
    const cairn__recurrent *r = &s->r;
    piece p = piece_of(s, chunk);
    float *product = scratch, *carry;
    p.t = r->T - 1 - p.t;
    cairn__recurrent_block b = block_of(s, &p);
    const int64_t at = p.row * r->H + p.unit;
    carry = s->rows + (cairn__recurrent_rows(r) - r->B) * r->H + at;
    if (p.t < r->T - 1) {
        multiply_backward(s, &p, product, product + ROWS * UNITS);
    } else {
        memset(product, 0, (size_t)(p.rows * p.units) * sizeof *product);
        for (int64_t i = 0; i < p.rows; i++)
            if (s->dc)
                memcpy(carry + i * r->H, s->dc + at + i * r->H, (size_t)p.units * sizeof *carry);
            else
                memset(carry + i * r->H, 0, (size_t)p.units * sizeof *carry);
    }
    b.product = product;
    b.product_row = p.units;
    b.dh = s->dh + p.t * r->B * r->H + at;
    b.carry = carry;
    b.dgx = s->rows + gates_at(s, &p);
    b.dq = s->rows + r->T * r->B * b.gate_row + p.t * r->B * r->H + at;
    s->gates->backward[r->kind](&b);
}

/* ---- preparing ------------------------------------------------------------------------------- */

static const char *declines(const cairn__cpu_context *c, const cairn__step *step)
{
    (void)c, (void)step;
    return NULL;
}

static void share(void *state, void *memory)
{
    ((recurrent_state *)state)->packed = memory;
}

static recurrent_state *new_state(const cairn__cpu_context *c, const cairn__step *step,
                                  cairn__task *task)
{
    const cairn_graph *g = c->plan->lowered;
    const cairn_node *n = g->nodes[step->node];
    recurrent_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return NULL;
    s->r = cairn__recurrent_of(n, g->nodes[n->input[0]]->shape);
    s->gemm = cairn__gemm_at(c->level);
    s->gates = cairn__recurrent_gates_at(c->level);
    s->weight = cairn__cpu_address(c, step->input[1]);
    s->blocks = (s->r.H + UNITS - 1) / UNITS;
    s->row_blocks = (s->r.B + ROWS - 1) / ROWS;
    task->state = c->before->state = s;
    task->release = cairn__free;
    task->chunks = s->blocks * s->row_blocks;
    task->rounds = s->r.T;
    task->share = share;
    task->cost = 0.015 * step->flops + 0.1 * step->bytes;
    c->before->chunks = s->blocks;
    c->before->cost = 0.4 * (double)(s->r.gates * s->r.H * s->r.H * 4);
    return s;
}

/* `room` floats for each block, or no copies at all. */
static void set_room(const cairn__cpu_context *c, cairn__task *task, recurrent_state *s,
                     int64_t room)
{
    s->room = (room + 15) / 16 * 16;
    task->shared = (size_t)(s->blocks * s->room) * sizeof(float);
    if (!task->shared)
        c->before->chunks = 0;
}

static bool prepare_forward(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_graph *g = c->plan->lowered;
    recurrent_state *s = new_state(c, step, task);
    if (!s)
        return false;
    const cairn_node *start = g->nodes[g->nodes[step->node]->input[2]];
    const int64_t units = CAIRN__MIN((int64_t)UNITS, s->r.H);
    s->gx = cairn__cpu_address(c, step->input[0]);
    s->start = cairn__cpu_address(c, step->input[2]);
    s->zeros = start->op == &cairn__op_fill && start->at.value[0] == 0;
    s->slots = cairn__cpu_address(c, step->output);
    set_room(c, task, s, s->r.gates * packed_forward(s, units));
    task->run = run_forward;
    task->scratch = (size_t)(ROWS * 4 * UNITS) * sizeof(float) +
                    s->gemm->scratch(CAIRN__MIN((int64_t)ROWS, s->r.B), units, s->r.H);
    c->before->run = pack_forward;
    c->before->kernel = "copy recurrent weights";
    return true;
}

static bool prepare_backward(const cairn__cpu_context *c, const cairn__step *step,
                             cairn__task *task)
{
    recurrent_state *s = new_state(c, step, task);
    if (!s)
        return false;
    const int64_t units = CAIRN__MIN((int64_t)UNITS, s->r.H), depth = first_depth(s);
    const int64_t rest = s->r.gates * s->r.H - depth;
    s->dh = cairn__cpu_address(c, step->input[0]);
    s->slots = cairn__cpu_address(c, step->input[2]);
    s->start = cairn__cpu_address(c, step->input[3]);
    s->dc = step->inputs > 4 ? cairn__cpu_address(c, step->input[4]) : NULL;
    s->rows = cairn__cpu_address(c, step->output);
    set_room(c, task, s,
             packed_backward(s, units, depth) + (rest ? packed_backward(s, units, rest) : 0));
    task->run = run_backward;
    task->scratch = (size_t)(ROWS * UNITS) * sizeof(float) +
                    s->gemm->scratch(CAIRN__MIN((int64_t)ROWS, s->r.B), units, depth);
    c->before->run = pack_backward;
    c->before->kernel = "copy recurrent weights";
    return true;
}

const cairn__cpu_kernel cairn__cpu_recurrent_steps = {
    .name = "recurrent steps",
    .declines = declines,
    .prepare = prepare_forward,
};

const cairn__cpu_kernel cairn__cpu_recurrent_steps_back = {
    .name = "recurrent steps back",
    .declines = declines,
    .prepare = prepare_backward,
};
