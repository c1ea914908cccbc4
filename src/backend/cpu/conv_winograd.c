/* Fast convolution with windows of 3 x 3: see isa/winograd.c for the transforms.
 *
 *     before   weights -> U [panel][36][channels in][width]
 *     chunk    tiles -> V [36][tiles][channels in]; for each panel V U -> M [36][tiles][width] -> y
 *
 * V and M of a chunk stay in the L2 cache. With few tiles and many channels U is the large one, and
 * a chunk is a panel of columns instead, for all tiles:
 *
 *     before   tiles -> V [36][tiles][channels in]
 *     chunk    weights -> U [36][channels in][width]; V U -> M [36][tiles][width] -> y
 *
 * The gradient for the input is the same with dy for x and
 * the weight turned. The one for the weight is a product for each of the 36 points:
 *
 *     before   x -> V [36][all tiles][C], dy -> W [36][all tiles][O]
 *     chunk    V^T W -> D [36][C][O], one point
 *     after    D -> dweight */
#include <string.h>

#include "backend/cpu/gemm.h"
#include "backend/cpu/task.h"
#include "backend/cpu/winograd.h"
#include "graph/conv.h"

enum { POINTS = CAIRN__WINOGRAD_POINTS, OUT = CAIRN__WINOGRAD_OUT };

/* Channels and the useful share of a tile below which patches are faster; rows of a tile of the
 * product; numbers of V that are to fit into L2. */
enum { FEWEST_CHANNELS = 16, LEAST_PER_TILE = 6, BLOCK_TILES = 28, V_NUMBERS = 320 << 10 };
/* AHEAD: products fetch so many bytes behind a panel. */
enum { AHEAD = 4096, TILES_A_CHUNK = 8, FEW_TILES = 256, ENOUGH_PANELS = 4 };

typedef struct winograd_state {
    const cairn__winograd *k;
    const cairn__gemm_kernels *gemm;
    const float *x, *weight; /* weight: dy for the gradient of the weight */
    float *to, *shared;
    int64_t N, H, W, H_out, W_out, low_y, low_x; /* of the pictures read and made */
    int64_t C, O;               /* channels read and made */
    int64_t weight_C, weight_O; /* of the weight as it is stored */
    bool turned, by_panel;
    int64_t down, across, tiles, blocks, panels;
    int64_t unit;               /* tiles that a block takes whole: 1 or a line */
    int64_t row_C, row_O;       /* C and O in whole vectors */
    size_t m, room;             /* offsets in scratch of M and of what products need */
} winograd_state;

static int64_t up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static const char *declines(const cairn__cpu_context *c, const cairn__step *step)
{
    const cairn__conv v = cairn__conv_at(c->plan->lowered, step->node);
    const bool input =
        c->plan->lowered->nodes[step->node]->op == &cairn__op_conv_input_gradient;
    if (v.k[0] != 1 || v.k[1] != 3 || v.k[2] != 3 || v.in[0] != 1 || v.out[0] != 1 || v.low[0])
        return "the window is not 3 x 3";
    if (v.stride[1] != 1 || v.stride[2] != 1 || v.dilation[1] != 1 || v.dilation[2] != 1)
        return "strides or dilations";
    if (v.groups != 1 || v.C < FEWEST_CHANNELS || v.O < FEWEST_CHANNELS)
        return "groups, or too few channels";
    const int64_t h = input ? v.in[1] : v.out[1], w = input ? v.in[2] : v.out[2];
    if (h * w < LEAST_PER_TILE * (up(h, OUT) / OUT) * (up(w, OUT) / OUT))
        return "most of a tile would be outside";
    if (v.low[1] > 2 || v.low[2] > 2)
        return "more padding than the window sees";
    return NULL;
}

/* ---- tiles ----------------------------------------------------------------------------------- */

static void place(const winograd_state *s, int64_t tile, int64_t *n, int64_t *y, int64_t *x)
{
    *x = tile % s->across * OUT;
    *y = tile / s->across % s->down * OUT;
    *n = tile / s->across / s->down;
}

static cairn__winograd_tile read_tile(const winograd_state *s, int64_t tile)
{
    int64_t n, y, x;
    place(s, tile, &n, &y, &x);
    return (cairn__winograd_tile){s->x + n * s->H * s->W * s->C, s->H, s->W, s->C, y - s->low_y,
                                  x - s->low_x};
}

static cairn__winograd_tile made_tile(const winograd_state *s, const float *pictures, int64_t tile)
{
    int64_t n, y, x;
    place(s, tile, &n, &y, &x);
    return (cairn__winograd_tile){pictures + n * s->H_out * s->W_out * s->O, s->H_out, s->W_out,
                                  s->O, y, x};
}

static int64_t first_tile(const winograd_state *s, int64_t block)
{
    return s->tiles / s->unit * block / s->blocks * s->unit;
}

/* Where a line of tiles begins in the result: the last of a picture may be less than OUT high. */
static int64_t first_element(const winograd_state *s, int64_t tile)
{
    const int64_t line = tile / s->across, picture = line / s->down;
    return (picture * s->H_out + line % s->down * OUT) * s->W_out * s->O;
}

/* Of blocks of whole lines. */
static void span(const void *state, int64_t chunk, int64_t *first, int64_t *count)
{
    const winograd_state *s = state;
    *first = first_element(s, first_tile(s, chunk));
    *count = first_element(s, first_tile(s, chunk + 1)) - *first;
}

/* ---- forward, and for the input -------------------------------------------------------------- */

static void run_weights(const cairn__task *task, int64_t chunk, void *scratch)
{
    const winograd_state *s = task->state;
    (void)scratch;
    s->k->weights(s->weight, s->weight_C, s->weight_O, s->turned, chunk * s->k->width,
                  s->shared + chunk * POINTS * s->C * s->k->width);
}

/* The products of one panel and what becomes of them: v, u, m as above. */
static void run_panel(const winograd_state *s, int64_t p, int64_t first, int64_t tiles,
                      const float *v, const float *u, float *m, float *room)
{
    const int64_t width = s->k->width, columns = CAIRN__MIN(width, s->O - p * width);
    cairn__gemm_task t = {.M = tiles, .N = width, .K = s->C, .a = v, .a_row = s->row_C,
                          .a_depth = 1, .c = m, .c_row = width, .b = u, .b_depth = width,
                          .b_column = 1, .packed_b = u};
    for (int point = 0; point < POINTS; point++) {
        s->gemm->product(&t, room);
        t.a += tiles * s->row_C;
        t.c += tiles * width;
        t.packed_b = t.b += s->C * width;
    }
    for (int64_t i = 0; i < tiles; i++) {
        const cairn__winograd_tile tile = made_tile(s, s->to, first + i);
        s->k->output(m + i * width, tiles * width, &tile, p * width, columns);
    }
}

static void run(const cairn__task *task, int64_t chunk, void *scratch)
{
    const winograd_state *s = task->state;
    const int64_t first = first_tile(s, chunk), tiles = first_tile(s, chunk + 1) - first;
    float *v = scratch, *m = (float *)(void *)((char *)scratch + s->m);
    float *room = (float *)(void *)((char *)scratch + s->room);
    for (int64_t i = 0; i < tiles; i++) {
        const cairn__winograd_tile tile = read_tile(s, first + i);
        s->k->input(&tile, v + i * s->row_C, tiles * s->row_C);
    }
    for (int64_t p = 0; p < s->panels; p++)
        run_panel(s, p, first, tiles, v, s->shared + p * POINTS * s->C * s->k->width, m, room);
}

static void run_input(const cairn__task *task, int64_t chunk, void *scratch)
{
    const winograd_state *s = task->state;
    const int64_t first = chunk * TILES_A_CHUNK;
    const int64_t last = CAIRN__MIN(first + TILES_A_CHUNK, s->tiles);
    (void)scratch;
    for (int64_t i = first; i < last; i++) {
        const cairn__winograd_tile tile = read_tile(s, i);
        s->k->input(&tile, s->shared + i * s->row_C, s->tiles * s->row_C);
    }
}

static void run_by_panel(const cairn__task *task, int64_t chunk, void *scratch)
{
    const winograd_state *s = task->state;
    float *u = scratch, *m = (float *)(void *)((char *)scratch + s->m);
    s->k->weights(s->weight, s->weight_C, s->weight_O, s->turned, chunk * s->k->width, u);
    run_panel(s, chunk, 0, s->tiles, s->shared, u, m,
              (float *)(void *)((char *)scratch + s->room));
}

static void share(void *state, void *memory)
{
    ((winograd_state *)state)->shared = memory;
}

static int64_t chunks_of_tiles(const winograd_state *s)
{
    return up(s->tiles, TILES_A_CHUNK) / TILES_A_CHUNK;
}

/* Blocks of about equal size, an even number of them, V of each in L2. */
static int64_t blocks_of(const winograd_state *s)
{
    int64_t most = CAIRN__MIN(V_NUMBERS / POINTS / s->row_C, (int64_t)BLOCK_TILES);
    most = CAIRN__MAX(most, (int64_t)14);
    return CAIRN__MAX(CAIRN__MIN(up((s->tiles + most - 1) / most, 2), s->tiles / s->unit),
                      (int64_t)1);
}

static winograd_state *new_state(const cairn__cpu_context *c, const cairn__step *step,
                                 cairn__task *task, bool input)
{
    const cairn__conv v = cairn__conv_at(c->plan->lowered, step->node);
    winograd_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return NULL;
    s->k = cairn__winograd_at(c->level);
    s->gemm = cairn__gemm_at(c->level);
    s->x = cairn__cpu_address(c, step->input[0]);
    s->weight = cairn__cpu_address(c, step->input[1]);
    s->to = cairn__cpu_address(c, step->output);
    s->N = v.N;
    s->turned = input;
    s->weight_C = v.C;
    s->weight_O = v.O;
    s->C = input ? v.O : v.C;
    s->O = input ? v.C : v.O;
    s->H = input ? v.out[1] : v.in[1];
    s->W = input ? v.out[2] : v.in[2];
    s->H_out = input ? v.in[1] : v.out[1];
    s->W_out = input ? v.in[2] : v.out[2];
    s->low_y = input ? 2 - v.low[1] : v.low[1];
    s->low_x = input ? 2 - v.low[2] : v.low[2];
    s->down = up(s->H_out, OUT) / OUT;
    s->across = up(s->W_out, OUT) / OUT;
    s->tiles = s->N * s->down * s->across;
    s->row_C = up(s->C, s->k->width / 2);
    s->row_O = up(s->O, s->k->width / 2);
    s->panels = up(s->O, s->k->width) / s->k->width;
    task->state = s;
    task->release = cairn__free;
    task->share = share;
    task->cost = 0.005 * step->flops + 0.1 * step->bytes;
    return s;
}

static bool prepare(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    winograd_state *s = new_state(c, step, task, n->op == &cairn__op_conv_input_gradient);
    if (!s)
        return false;
    /* An epilogue follows each block, which then must lie side by side; else even blocks are a
     * little faster. */
    s->unit = step->fused.instructions ? s->across : 1;
    s->by_panel = s->tiles <= FEW_TILES && s->panels >= ENOUGH_PANELS;
    s->blocks = s->by_panel ? 1 : blocks_of(s);
    const size_t most = (size_t)(up(s->tiles / s->unit, s->blocks) / s->blocks * s->unit);
    const size_t width = (size_t)s->k->width, U = POINTS * (size_t)s->C * width * sizeof(float);
    const size_t V = POINTS * most * (size_t)s->row_C * sizeof(float);
    s->m = ((s->by_panel ? U + AHEAD : V) + 63) / 64 * 64;
    s->room = s->m + POINTS * most * width * sizeof(float);
    task->run = s->by_panel ? run_by_panel : run;
    task->span = s->by_panel || s->unit == 1 ? NULL : span;
    task->chunks = !s->tiles ? 0 : s->by_panel ? s->panels : s->blocks;
    task->scratch = s->room + s->gemm->scratch((int64_t)most, s->k->width, s->C);
    task->shared = s->by_panel ? V : (size_t)s->panels * U + AHEAD;
    c->before->state = s;
    c->before->run = s->by_panel ? run_input : run_weights;
    c->before->chunks = !s->tiles ? 0 : s->by_panel ? chunks_of_tiles(s) : s->panels;
    c->before->cost = 0.3 * (double)task->shared;
    c->before->kernel = s->by_panel ? "transform tiles" : "transform weights";
    return true;
}

const cairn__cpu_kernel cairn__cpu_conv_winograd = {
    .name = "fast convolution F(4 x 4, 3 x 3)",
    .declines = declines,
    .prepare = prepare,
};

/* ---- for the weight -------------------------------------------------------------------------- */

enum { ROWS_A_CHUNK = 8 };

static float *spread_of(const winograd_state *s)
{
    return s->shared + POINTS * s->tiles * s->row_C;
}

static float *products_of(const winograd_state *s)
{
    return spread_of(s) + POINTS * s->tiles * s->row_O;
}

static void run_tiles(const cairn__task *task, int64_t chunk, void *scratch)
{
    const winograd_state *s = task->state;
    const int64_t first = chunk * TILES_A_CHUNK;
    const int64_t last = CAIRN__MIN(first + TILES_A_CHUNK, s->tiles);
    (void)scratch;
    for (int64_t i = first; i < last; i++) {
        const cairn__winograd_tile from = read_tile(s, i), dy = made_tile(s, s->weight, i);
        s->k->input(&from, s->shared + i * s->row_C, s->tiles * s->row_C);
        s->k->spread(&dy, spread_of(s) + i * s->row_O, s->tiles * s->row_O);
    }
}

static void run_point(const cairn__task *task, int64_t chunk, void *scratch)
{
    const winograd_state *s = task->state;
    const cairn__gemm_task t = {.M = s->C, .N = s->O, .K = s->tiles,
                                .a = s->shared + chunk * s->tiles * s->row_C, .a_row = 1,
                                .a_depth = s->row_C,
                                .b = spread_of(s) + chunk * s->tiles * s->row_O,
                                .b_depth = s->row_O, .b_column = 1,
                                .c = products_of(s) + chunk * s->C * s->O, .c_row = s->O};
    s->gemm->product(&t, scratch);
}

static void run_gradient(const cairn__task *task, int64_t chunk, void *scratch)
{
    const winograd_state *s = task->state;
    const int64_t first = chunk * ROWS_A_CHUNK;
    (void)scratch;
    s->k->gradient(products_of(s), s->C, s->O, first,
                   CAIRN__MIN((int64_t)ROWS_A_CHUNK, s->C - first), s->to);
}

static bool prepare_weight(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    winograd_state *s = new_state(c, step, task, false);
    if (!s)
        return false;
    task->run = run_point;
    task->chunks = POINTS;
    task->scratch = s->gemm->scratch(s->C, s->O, s->tiles);
    task->shared = POINTS * sizeof(float) *
                   (size_t)(s->tiles * (s->row_C + s->row_O) + s->C * s->O);
    c->before->state = c->after->state = s;
    c->before->run = run_tiles;
    c->before->chunks = chunks_of_tiles(s);
    c->before->cost = 0.1 * (double)task->shared;
    c->before->kernel = "transform tiles";
    c->after->run = run_gradient;
    c->after->chunks = up(s->C, ROWS_A_CHUNK) / ROWS_A_CHUNK;
    c->after->cost = 0.1 * POINTS * (double)(s->C * s->O);
    c->after->kernel = "transform gradient";
    return true;
}

const cairn__cpu_kernel cairn__cpu_conv_winograd_weight = {
    .name = "fast gradient of convolution F(4 x 4, 3 x 3)",
    .declines = declines,
    .prepare = prepare_weight,
};
