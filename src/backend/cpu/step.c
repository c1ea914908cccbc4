/* Steps that are products, element-wise programs or copies, as tasks. */
#include <string.h>

#include "backend/cpu/fused.h"
#include "backend/cpu/matmul.h"
#include "backend/cpu/task.h"

void *cairn__cpu_address(const cairn__cpu_context *c, int32_t value)
{
    const cairn__value *v = &c->plan->values[value];
    return v->place == CAIRN__VARIABLE ? v->variable->storage : (char *)c->arena + v->offset;
}

void *cairn__cpu_address_of(const void *context, int32_t value)
{
    return cairn__cpu_address(context, value);
}

/* One number for the time of a step, enough to sort by and to see what is tiny: 100 GFLOP/s for
 * products, 10 GB/s and 1 GFLOP/s for the rest. */
static double product_cost(const cairn__step *step)
{
    return 0.01 * step->flops + 0.05 * step->bytes;
}

static double fused_cost(const cairn__step *step)
{
    return 0.1 * step->bytes + 0.2 * step->flops;
}

/* ---- element-wise programs ------------------------------------------------------------------- */

typedef struct fused_state {
    cairn__cpu_fused *fused;
    int64_t units, piece;
} fused_state;

static void run_fused(const cairn__task *task, int64_t chunk, void *scratch)
{
    const fused_state *s = task->state;
    int64_t first = chunk * s->piece;
    cairn__cpu_fused_run(s->fused, first, CAIRN__MIN(s->piece, s->units - first), NULL, scratch);
}

static void release_fused(void *state)
{
    fused_state *s = state;
    cairn__cpu_fused_free(s->fused);
    cairn__free(s);
}

bool cairn__cpu_prepare_fused(const cairn__cpu_context *c, const cairn__step *step,
                              cairn__task *task)
{
    fused_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    task->state = s;
    task->release = release_fused;
    s->fused = cairn__cpu_fused_new(&step->fused, c->level, cairn__cpu_address_of, c, c->status);
    if (!s->fused)
        return false;
    s->units = step->fused.rows;
    s->piece = cairn__cpu_fused_piece(s->fused);
    task->run = run_fused;
    task->chunks = (s->units + s->piece - 1) / s->piece;
    task->scratch = cairn__cpu_fused_scratch(s->fused);
    task->cost = fused_cost(step);
    task->kernel = "element-wise program";
    return true;
}

/* ---- products -----------------------------------------------------------------------------------
 *
 * The epilogue runs on each chunk right behind the product, while the chunk is in cache. A product
 * that only the epilogue reads is not written to memory at all: chunks go to the thread's
 * scratch. */

typedef struct product_state {
    cairn__matmul *matmul;
    cairn__cpu_fused *epilogue;
    const float *a, *b;
    float *c;       /* NULL: the product stays in scratch */
    size_t pad;     /* bytes of scratch for the kernel and for a chunk of the product */
    size_t product;
    float *packed; /* the copy of b that chunks share, or NULL */
    bool whole; /* chunks do not end between rows of the epilogue: one task runs them all */
    int64_t chunks, units;
} product_state;

static size_t rounded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static void run_chunk(const product_state *s, int64_t chunk, void *scratch)
{
    int64_t first, count;
    char *room = scratch;
    cairn__matmul_span(s->matmul, chunk, &first, &count);
    /* The kernel and the epilogue address the whole result; only this chunk of it exists. */
    float *c = s->c ? s->c : (float *)(void *)(room + s->pad) - first;
    cairn__matmul_run(s->matmul, chunk, s->a, s->b, s->packed, c, scratch);
    if (s->epilogue && !s->whole) {
        int64_t unit = cairn__cpu_fused_unit(s->epilogue);
        cairn__cpu_fused_run(s->epilogue, first / unit, count / unit, c,
                             room + s->pad + s->product);
    }
}

static void run_product(const cairn__task *task, int64_t chunk, void *scratch)
{
    const product_state *s = task->state;
    if (!s->whole) {
        run_chunk(s, chunk, scratch);
        return;
    }
    char *room = scratch;
    float *c = s->c ? s->c : (float *)(void *)(room + s->pad);
    for (int64_t i = 0; i < s->chunks; i++)
        cairn__matmul_run(s->matmul, i, s->a, s->b, s->packed, c, scratch);
    cairn__cpu_fused_run(s->epilogue, 0, s->units, c, room + s->pad + s->product);
}

static void run_pack(const cairn__task *task, int64_t chunk, void *scratch)
{
    const product_state *s = task->state;
    (void)scratch;
    cairn__matmul_pack(s->matmul, chunk, s->b, s->packed);
}

static void share_packed(void *state, void *memory)
{
    ((product_state *)state)->packed = memory;
}

/* The task that copies b once, before the chunks of the product. */
static void prepare_pack(const product_state *s, cairn__task *task, cairn__task *before)
{
    size_t bytes = cairn__matmul_packed_bytes(s->matmul);
    if (!bytes)
        return;
    task->shared = bytes;
    task->share = share_packed;
    before->state = (void *)s;
    before->run = run_pack;
    before->chunks = cairn__matmul_parts(s->matmul);
    before->cost = 0.2 * (double)bytes;
    before->kernel = "pack";
    before->declined = "";
}

static void release_product(void *state)
{
    product_state *s = state;
    cairn__matmul_free(s->matmul);
    cairn__cpu_fused_free(s->epilogue);
    cairn__free(s);
}

static cairn__matmul_shape shape_of(const cairn_graph *g, const cairn_node *n)
{
    cairn_shape a = g->nodes[n->input[0]]->shape;
    int r = n->shape.rank;
    bool ta = n->at.list[0];
    cairn__matmul_shape s = {.batch = 1,
                             .M = n->shape.size[r - 2],
                             .N = n->shape.size[r - 1],
                             .K = a.size[ta ? r - 2 : r - 1],
                             .transpose_a = ta,
                             .transpose_b = n->at.list[1]};
    for (int i = 0; i < r - 2; i++)
        s.batch *= n->shape.size[i];
    s.batch_stride_a = s.M * s.K;
    s.batch_stride_b = s.K * s.N;
    return s;
}

/* Bytes that the largest chunk of the product needs in scratch. Sets `whole`. */
static size_t chunk_bytes(product_state *s, int64_t total)
{
    int64_t most = 0, first, count;
    int64_t unit = s->epilogue ? cairn__cpu_fused_unit(s->epilogue) : 1;
    for (int64_t i = 0; i < s->chunks; i++) {
        cairn__matmul_span(s->matmul, i, &first, &count);
        most = CAIRN__MAX(most, count);
        s->whole = s->whole || first % unit || count % unit;
    }
    return s->c ? 0 : (size_t)(s->whole ? total : most) * sizeof(float);
}

bool cairn__cpu_prepare_product(const cairn__cpu_context *c, const cairn__step *step,
                                cairn__task *task, cairn__task *before)
{
    const cairn_graph *g = c->plan->lowered;
    cairn__matmul_shape shape = shape_of(g, g->nodes[step->node]);
    product_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    task->state = s;
    task->release = release_product;
    s->matmul = cairn__matmul_new(&shape, c->status);
    if (s->matmul && step->fused.instructions)
        s->epilogue =
            cairn__cpu_fused_new(&step->fused, c->level, cairn__cpu_address_of, c, c->status);
    if (!s->matmul || (step->fused.instructions && !s->epilogue))
        return false;
    s->a = cairn__cpu_address(c, step->input[0]);
    s->b = cairn__cpu_address(c, step->input[1]);
    if (c->plan->values[step->output].place != CAIRN__NOWHERE)
        s->c = cairn__cpu_address(c, step->output);
    s->chunks = cairn__matmul_chunks(s->matmul);
    s->units = step->fused.rows;
    s->pad = rounded(cairn__matmul_scratch(s->matmul));
    s->product = rounded(chunk_bytes(s, shape.batch * shape.M * shape.N));
    task->run = run_product;
    task->chunks = s->whole ? 1 : s->chunks;
    task->scratch =
        s->pad + s->product + (s->epilogue ? cairn__cpu_fused_scratch(s->epilogue) : 0);
    task->cost = product_cost(step);
    task->kernel = cairn__matmul_name(s->matmul);
    task->declined = cairn__matmul_declined(s->matmul);
    prepare_pack(s, task, before);
    return true;
}

/* ---- copies ---------------------------------------------------------------------------------- */

typedef struct copy_state {
    const char *from;
    char *to;
    size_t bytes;
} copy_state;

enum { COPIED = 1 << 18 };

static void run_copy(const cairn__task *task, int64_t chunk, void *scratch)
{
    const copy_state *s = task->state;
    size_t first = (size_t)chunk * COPIED;
    (void)scratch;
    memcpy(s->to + first, s->from + first, CAIRN__MIN((size_t)COPIED, s->bytes - first));
}

bool cairn__cpu_prepare_copy(const cairn__cpu_context *c, const cairn__step *step,
                             cairn__task *task)
{
    copy_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    s->from = cairn__cpu_address(c, step->copy_from);
    s->to = cairn__cpu_address(c, step->output);
    s->bytes = c->plan->values[step->copy_from].bytes;
    task->state = s;
    task->release = cairn__free;
    task->run = run_copy;
    task->chunks = (int64_t)((s->bytes + COPIED - 1) / COPIED);
    task->cost = 0.1 * step->bytes;
    task->kernel = "copy";
    return true;
}
