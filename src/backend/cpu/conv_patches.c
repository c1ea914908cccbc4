/* Convolutions as products of patches: any stride, dilation, padding and groups.
 *
 *     rows of the result    patches [rows, taps * channels] x weight [taps * channels, channels]
 *
 * The patches of some hundred rows at a time are gathered in scratch, which stays in cache. The
 * gradient for the input is such a product too, of patches of dy: with a stride of s, positions of
 * one remainder modulo s see the same taps, so each remainder is a class of rows with a matrix of
 * its own, made of the transposed weight beforehand. */
#include <string.h>

#include "backend/cpu/columns.h"
#include "backend/cpu/gemm.h"
#include "backend/cpu/task.h"
#include "graph/conv.h"

enum { AXES = CAIRN__CONV_AXES };

/* Positions start + step * j of the result, j < count, see the source at j * move + shift[tap]. */
typedef struct row_class {
    int64_t start[AXES], step[AXES], count[AXES], move[AXES];
    int64_t (*shift)[AXES];
    int64_t *element; /* of the window, for each tap */
    int64_t taps, rows, chunks, block;
    int64_t weight; /* its matrix: so many floats behind the first */
} row_class;

typedef struct patches_state {
    const cairn__gemm_kernels *k;
    cairn__conv c;
    bool input;             /* the gradient for the input */
    const float *from, *weight;
    float *to, *turned;     /* turned: the transposed weight, by class and group */
    int64_t size[AXES], channels;   /* of what patches are taken from */
    int64_t result[AXES], columns;  /* of the result */
    row_class *classes;
    int n_classes;
    size_t out, gemm; /* offsets in scratch */
} patches_state;

static int64_t floor_mod(int64_t a, int64_t b)
{
    return (a % b + b) % b;
}

/* ---- gathering ------------------------------------------------------------------------------- */

/* Channels first .. first+count at each tap of position j of example n, one tap after another. */
static void gather(const row_class *r, const float *from, const int64_t size[AXES],
                   int64_t channels, int64_t n, const int64_t j[AXES], int64_t first, int64_t count,
                   int64_t tap0, int64_t taps, float *to)
{
    const float *image = from + n * cairn__conv_count(size) * channels + first;
    for (int64_t t = tap0; t < tap0 + taps; t++, to += count) {
        int64_t at = 0;
        bool inside = true;
        for (int a = 0; a < AXES; a++) {
            const int64_t i = j[a] * r->move[a] + r->shift[t][a];
            inside = inside && i >= 0 && i < size[a];
            at = at * size[a] + i;
        }
        if (!inside)
            memset(to, 0, (size_t)count * sizeof *to);
        else if (count >= 16)
            memcpy(to, image + at * channels, (size_t)count * sizeof *to);
        else
            for (int64_t i = 0; i < count; i++)
                to[i] = image[at * channels + i];
    }
}

/* ---- the classes ----------------------------------------------------------------------------- */

/* Taps of a class: elements k of the window with (start + low - k * dilation) divisible by the
 * stride, for the input's gradient; all of them for the forward pass. */
static void list_taps(patches_state *s, row_class *r)
{
    const cairn__conv *c = &s->c;
    r->taps = 0;
    for (int64_t e = 0, window = cairn__conv_count(c->k); e < window; e++) {
        int64_t k[AXES], shift[AXES];
        bool member = true;
        cairn__conv_split(e, c->k, k);
        for (int a = 0; a < AXES; a++) {
            const int64_t offset = r->start[a] + c->low[a] - k[a] * c->dilation[a];
            shift[a] = s->input ? (offset - floor_mod(offset, c->stride[a])) / c->stride[a]
                                : k[a] * c->dilation[a] - c->low[a];
            member = member && (!s->input || floor_mod(offset, c->stride[a]) == 0);
        }
        if (!member)
            continue;
        memcpy(r->shift[r->taps], shift, sizeof shift);
        r->element[r->taps++] = e;
    }
}

/* Rows at a time: their patches fill about half of L2. */
static int64_t block_of(int64_t rows, int64_t depth)
{
    int64_t block = (192 << 10) / CAIRN__MAX(depth, (int64_t)1);
    block = CAIRN__MAX(CAIRN__MIN(block, (int64_t)504), (int64_t)112);
    int64_t blocks = CAIRN__MAX((rows + block - 1) / block, (int64_t)1);
    return (rows + blocks - 1) / blocks;
}

static bool make_class(patches_state *s, row_class *r, int index, cairn_status *status)
{
    const cairn__conv *c = &s->c;
    const size_t window = (size_t)cairn__conv_count(c->k);
    int64_t rest = index;
    r->shift = cairn__alloc(window, sizeof *r->shift, status);
    r->element = cairn__alloc(window, sizeof *r->element, status);
    if (!r->shift || !r->element)
        return false;
    for (int a = AXES - 1; a >= 0; a--) {
        r->step[a] = s->input ? c->stride[a] : 1;
        r->move[a] = s->input ? 1 : c->stride[a];
        r->start[a] = rest % r->step[a];
        rest /= r->step[a];
        r->count[a] =
            CAIRN__MAX((s->result[a] - r->start[a] + r->step[a] - 1) / r->step[a], (int64_t)0);
    }
    list_taps(s, r);
    r->rows = c->N * cairn__conv_count(r->count);
    r->block = block_of(r->rows, r->taps * s->channels / c->groups);
    r->chunks = r->block ? (r->rows + r->block - 1) / r->block : 0;
    return true;
}

/* ---- running --------------------------------------------------------------------------------- */

static void copy_rows(const patches_state *s, const row_class *r, int64_t first, int64_t rows,
                      const float *from)
{
    const int64_t positions = cairn__conv_count(r->count), columns = s->columns;
    for (int64_t i = 0; i < rows; i++, from += columns) {
        int64_t j[AXES], at = (first + i) / positions;
        cairn__conv_split((first + i) % positions, r->count, j);
        for (int a = 0; a < AXES; a++)
            at = at * s->result[a] + r->start[a] + j[a] * r->step[a];
        memcpy(s->to + at * columns, from, (size_t)columns * sizeof *from);
    }
}

static void run_class(const patches_state *s, const row_class *r, int64_t chunk, char *scratch)
{
    const int64_t groups = s->c.groups, inner = s->channels / groups, outer = s->columns / groups;
    const int64_t first = chunk * r->block, rows = CAIRN__MIN(r->block, r->rows - first);
    const int64_t positions = cairn__conv_count(r->count), depth = r->taps * inner;
    float *patches = (float *)(void *)scratch;
    float *out = s->input ? (float *)(void *)(scratch + s->out) : s->to + first * s->columns;
    for (int64_t group = 0; group < groups; group++) {
        for (int64_t i = 0; i < rows; i++) {
            int64_t j[AXES];
            cairn__conv_split((first + i) % positions, r->count, j);
            gather(r, s->from, s->size, s->channels, (first + i) / positions, j, group * inner,
                   inner, 0, r->taps, patches + i * depth);
        }
        cairn__gemm_task t = {.M = rows, .N = outer, .K = depth, .a = patches, .a_row = depth,
                              .a_depth = 1, .c = out + group * outer, .c_row = s->columns,
                              .b_column = 1};
        t.b = s->input ? s->turned + r->weight + group * depth * outer : s->weight + group * outer;
        t.b_depth = s->input ? outer : s->columns;
        s->k->product(&t, (float *)(void *)(scratch + s->gemm));
    }
    if (s->input)
        copy_rows(s, r, first, rows, out);
}

static void run(const cairn__task *task, int64_t chunk, void *scratch)
{
    const patches_state *s = task->state;
    const row_class *r = s->classes;
    for (; chunk >= r->chunks; r++)
        chunk -= r->chunks;
    run_class(s, r, chunk, scratch);
}

/* The weights of one class, [group][tap][O / groups][C / groups]. */
static void run_turn(const cairn__task *task, int64_t chunk, void *scratch)
{
    const patches_state *s = task->state;
    const row_class *r = &s->classes[chunk];
    const int64_t O = s->c.O, inner = O / s->c.groups, outer = s->c.C / s->c.groups;
    float *to = s->turned + r->weight;
    (void)scratch;
    for (int64_t group = 0; group < s->c.groups; group++)
        for (int64_t t = 0; t < r->taps; t++, to += inner * outer) {
            const float *w = s->weight + r->element[t] * outer * O + group * inner;
            for (int64_t c = 0; c < outer; c++)
                for (int64_t o = 0; o < inner; o++)
                    to[o * outer + c] = w[c * O + o];
        }
}

static void share_turned(void *state, void *memory)
{
    ((patches_state *)state)->turned = memory;
}

static void release(void *state)
{
    patches_state *s = state;
    for (int i = 0; s->classes && i < s->n_classes; i++) {
        cairn__free(s->classes[i].shift);
        cairn__free(s->classes[i].element);
    }
    cairn__free(s->classes);
    cairn__free(s);
}

/* Of a single class, whose rows are those of the result. */
static void span(const void *state, int64_t chunk, int64_t *first, int64_t *count)
{
    const patches_state *s = state;
    const row_class *r = &s->classes[0];
    *first = chunk * r->block * s->columns;
    *count = CAIRN__MIN(r->block, r->rows - chunk * r->block) * s->columns;
}

static const char *declines(const cairn__cpu_context *c, const cairn__step *step)
{
    const cairn__conv conv = cairn__conv_at(c->plan->lowered, step->node);
    return cairn__conv_count(conv.stride) > 4096 ? "more than 4096 remainders of the stride" : NULL;
}

static size_t rounded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Room for the largest block of any class. */
static size_t reserve(patches_state *s)
{
    size_t patches = 0, out = 0, gemm = 0;
    for (int i = 0; i < s->n_classes; i++) {
        const row_class *r = &s->classes[i];
        const int64_t depth = r->taps * s->channels / s->c.groups;
        const size_t product = s->k->scratch(r->block, s->columns / s->c.groups, depth);
        patches = CAIRN__MAX(patches, (size_t)(r->block * depth) * sizeof(float));
        out = CAIRN__MAX(out, (size_t)(r->block * s->columns) * sizeof(float));
        gemm = CAIRN__MAX(gemm, product);
    }
    s->out = rounded(patches);
    s->gemm = s->out + (s->input ? rounded(out) : 0);
    return s->gemm + gemm;
}

static bool make_classes(patches_state *s, cairn__task *task, cairn_status *status)
{
    int64_t weights = 0;
    s->n_classes = s->input ? (int)cairn__conv_count(s->c.stride) : 1;
    s->classes = cairn__alloc((size_t)s->n_classes, sizeof *s->classes, status);
    if (!s->classes)
        return false;
    for (int i = 0; i < s->n_classes; i++) {
        row_class *r = &s->classes[i];
        if (!make_class(s, r, i, status))
            return false;
        r->weight = weights;
        weights += r->taps * s->c.C / s->c.groups * s->c.O;
        task->chunks += r->chunks;
    }
    task->shared = s->input ? (size_t)weights * sizeof(float) : 0;
    task->share = share_turned;
    return true;
}

static bool prepare(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    patches_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    s->k = cairn__gemm_at(c->level);
    s->c = cairn__conv_at(c->plan->lowered, step->node);
    s->input = c->plan->lowered->nodes[step->node]->op == &cairn__op_conv_input_gradient;
    memcpy(s->size, s->input ? s->c.out : s->c.in, sizeof s->size);
    memcpy(s->result, s->input ? s->c.in : s->c.out, sizeof s->result);
    s->channels = s->input ? s->c.O : s->c.C;
    s->columns = s->input ? s->c.C : s->c.O;
    s->from = cairn__cpu_address(c, step->input[0]);
    s->weight = cairn__cpu_address(c, step->input[1]);
    s->to = cairn__cpu_address(c, step->output);
    task->state = s;
    task->release = release;
    task->run = run;
    task->cost = 0.02 * step->flops + 0.1 * step->bytes;
    if (!make_classes(s, task, c->status))
        return false;
    task->scratch = reserve(s);
    task->span = s->n_classes == 1 ? span : NULL;
    if (s->input && task->shared) {
        c->before->state = s;
        c->before->run = run_turn;
        c->before->chunks = s->n_classes;
        c->before->cost = 0.5 * (double)task->shared;
        c->before->kernel = "transpose weights";
    }
    return true;
}

const cairn__cpu_kernel cairn__cpu_conv_patches = {
    .name = "products of patches",
    .declines = declines,
    .prepare = prepare,
};

/* ---- the gradient for the weight ----------------------------------------------------------------
 *
 *     dweight [taps * C, O] = patches^T [taps * C, rows] dy [rows, O]
 *
 * A chunk makes some of its rows, that is some taps and channels, from a piece of the sum; a second
 * pass adds the pieces in order. */

typedef struct weight_state {
    const cairn__gemm_kernels *k;
    const cairn__columns *columns;
    cairn__conv c;
    row_class r;
    const float *x, *dy;
    float *to, *parts; /* parts: [pieces][dweight], if there are several */
    int64_t pieces, taps, channels; /* taps and channels of a chunk */
    int64_t tap_blocks, channel_blocks;
    size_t gemm;
} weight_state;

enum { BLOCK = 384, PIECE_ROWS = 2048, MOST_PIECES = 8, FEW_CHUNKS = 8 };

static void run_weight(const cairn__task *task, int64_t chunk, void *scratch)
{
    const weight_state *s = task->state;
    const cairn__conv *c = &s->c;
    const int64_t inner = c->C / c->groups, outer = c->O / c->groups;
    const int64_t block = chunk % s->channel_blocks;
    const int64_t tap = chunk / s->channel_blocks % s->tap_blocks * s->taps;
    const int64_t group = chunk / s->channel_blocks / s->tap_blocks % c->groups;
    const int64_t piece = chunk / s->channel_blocks / s->tap_blocks / c->groups;
    const int64_t channel = block * s->channels, positions = cairn__conv_count(c->out);
    const int64_t taps = CAIRN__MIN(s->taps, s->r.taps - tap);
    const int64_t channels = CAIRN__MIN(s->channels, inner - channel), high = taps * channels;
    const int64_t end = s->r.rows * (piece + 1) / s->pieces;
    float *to = s->pieces > 1 ? s->parts + piece * s->r.taps * inner * c->O : s->to;
    float *patches = scratch;
    bool add = false;
    to += (tap * inner + channel) * c->O + group * outer;
    for (int64_t row = s->r.rows * piece / s->pieces; row < end; row += BLOCK, add = true) {
        const int64_t rows = CAIRN__MIN((int64_t)BLOCK, end - row);
        for (int64_t i = 0; i < rows; i++) {
            int64_t j[AXES];
            cairn__conv_split((row + i) % positions, c->out, j);
            gather(&s->r, s->x, c->in, c->C, (row + i) / positions, j, group * inner + channel,
                   channels, tap, taps, patches + i * high);
        }
        /* Rows of the result are `inner` apart from tap to tap: one product if whole taps. */
        const bool whole = channels == inner || taps == 1;
        for (int64_t t = 0; t < (whole ? 1 : taps); t++) {
            const cairn__gemm_task product = {
                .M = whole ? high : channels, .N = outer, .K = rows, .a = patches + t * channels,
                .a_row = 1, .a_depth = high, .b = s->dy + row * c->O + group * outer,
                .b_depth = c->O, .b_column = 1, .c = to + t * inner * c->O, .c_row = c->O,
                .add = add};
            s->k->product(&product, (float *)(void *)((char *)scratch + s->gemm));
        }
    }
}

enum { ADDED = 1 << 14 };

static void run_add(const cairn__task *task, int64_t chunk, void *scratch)
{
    const weight_state *s = task->state;
    const int64_t all = s->r.taps * (s->c.C / s->c.groups) * s->c.O, first = chunk * ADDED;
    const int64_t count = CAIRN__MIN((int64_t)ADDED, all - first);
    (void)scratch;
    memcpy(s->to + first, s->parts + first, (size_t)count * sizeof *s->to);
    for (int64_t i = 1; i < s->pieces; i++)
        s->columns->add(s->to + first, s->parts + i * all + first, count);
}

static void share_parts(void *state, void *memory)
{
    ((weight_state *)state)->parts = memory;
}

static void release_weight(void *state)
{
    weight_state *s = state;
    cairn__free(s->r.shift);
    cairn__free(s->r.element);
    cairn__free(s);
}

static bool list_window(weight_state *s, cairn_status *status)
{
    patches_state all = {.c = s->c};
    memcpy(all.result, s->c.out, sizeof all.result);
    all.channels = s->c.C;
    return make_class(&all, &s->r, 0, status);
}

static bool prepare_weight(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    weight_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    task->state = s;
    task->release = release_weight;
    s->k = cairn__gemm_at(c->level);
    s->columns = cairn__columns_at(c->level);
    s->c = cairn__conv_at(c->plan->lowered, step->node);
    s->x = cairn__cpu_address(c, step->input[0]);
    s->dy = cairn__cpu_address(c, step->input[1]);
    s->to = cairn__cpu_address(c, step->output);
    if (!list_window(s, c->status))
        return false;
    const int64_t inner = s->c.C / s->c.groups, all = s->r.taps * inner * s->c.O;
    s->channels = CAIRN__MIN(inner, (int64_t)128);
    s->taps = CAIRN__MIN(CAIRN__MAX(64 / CAIRN__MAX(inner, (int64_t)1), (int64_t)1), s->r.taps);
    s->channel_blocks = s->channels ? (inner + s->channels - 1) / s->channels : 0;
    s->tap_blocks = (s->r.taps + s->taps - 1) / s->taps;
    task->chunks = s->channel_blocks * s->tap_blocks * s->c.groups;
    s->pieces = 1;
    if (task->chunks < FEW_CHUNKS)
        s->pieces = CAIRN__MIN(s->r.rows / PIECE_ROWS, (int64_t)MOST_PIECES);
    s->pieces = CAIRN__MAX(s->pieces, (int64_t)1);
    task->chunks *= s->pieces;
    task->run = run_weight;
    task->cost = 0.02 * step->flops + 0.1 * step->bytes;
    s->gemm = rounded((size_t)(BLOCK * s->taps * s->channels) * sizeof(float));
    task->scratch =
        s->gemm + s->k->scratch(s->taps * s->channels, s->c.O / s->c.groups, BLOCK);
    if (s->pieces == 1)
        return true;
    task->shared = (size_t)(s->pieces * all) * sizeof(float);
    task->share = share_parts;
    c->after->state = s;
    c->after->run = run_add;
    c->after->chunks = (all + ADDED - 1) / ADDED;
    c->after->cost = 0.1 * (double)task->shared;
    c->after->kernel = "add pieces";
    return true;
}

const cairn__cpu_kernel cairn__cpu_conv_patches_weight = {
    .name = "products of transposed patches",
    .declines = declines,
    .prepare = prepare_weight,
};
