/* Matrix products through oneDNN. The only file that includes dnnl.h.
 *
 * Each chunk has its own memory objects, since those carry the addresses of a call, and at most
 * three primitives serve all chunks: pieces of the rows of an item differ by one row at most, and
 * the last group of items may be smaller. Primitives are made, and run, while the library is told
 * that there is one thread: its plan, and with it the bits, must not depend on the caller's. */
#include "backend/cpu/matmul_kernel.h"
#include "config.h"

#if CAIRN__HAVE_ONEDNN

#include <dnnl.h>
#include <omp.h>
#include <pthread.h>

enum { ARGUMENTS = 4 };
static const int argument_names[ARGUMENTS] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST,
                                              DNNL_ARG_SCRATCHPAD};

typedef struct kind {
    int64_t items, rows;
    dnnl_primitive_t primitive;
    size_t scratch;
} kind;

typedef struct call {
    const kind *kind;
    dnnl_memory_t memory[ARGUMENTS];
    dnnl_exec_arg_t arguments[ARGUMENTS];
} call;

typedef struct state {
    dnnl_stream_t stream;
    size_t scratch;
    int kinds;
    kind kind[3];
    int64_t calls;
    call call[];
} state;

/* ---- the library -------------------------------------------------------------------------------
 */

static dnnl_engine_t engine;

/* One engine for the process. The library is held to our instruction set, so that CAIRN_ISA decides
 * the bits of its results too; it accepts that only before its first use. */
static void start(void)
{
    static const dnnl_cpu_isa_t most[] = {dnnl_cpu_isa_sse41, dnnl_cpu_isa_avx2};
    if (cairn__isa() < CAIRN__ISA_AVX512)
        dnnl_set_max_cpu_isa(most[cairn__isa()]);
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        engine = NULL;
}

static bool started(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
    return engine != NULL;
}

static bool check(dnnl_status_t code, const char *what, cairn_status *status)
{
    if (code == dnnl_success)
        return true;
    if (code == dnnl_out_of_memory)
        return cairn__fail(status, CAIRN_ERR_MEMORY, "out of memory: oneDNN, %s", what);
    return cairn__fail(status, CAIRN_ERR_MISSING, "oneDNN cannot %s (status %d)", what, (int)code);
}

/* ---- descriptions ------------------------------------------------------------------------------
 */

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t layout;
#define LAYOUT(l) (l)

static dnnl_status_t describe(layout *l, int n, const dnnl_dims_t sizes, const dnnl_dims_t strides)
{
    return dnnl_memory_desc_create_with_strides(l, n, sizes, dnnl_f32, strides);
}

static void forget(layout *l)
{
    dnnl_memory_desc_destroy(*l);
}

static dnnl_status_t plan(dnnl_primitive_desc_t *p, const layout l[3], dnnl_primitive_attr_t attr)
{
    return dnnl_matmul_primitive_desc_create(p, engine, l[0], l[1], NULL, l[2], attr);
}

static const_dnnl_memory_desc_t pad_layout(const_dnnl_primitive_desc_t p)
{
    return dnnl_primitive_desc_query_md(p, dnnl_query_scratchpad_md, 0);
}
#else
typedef dnnl_memory_desc_t layout;
#define LAYOUT(l) (&(l))

static dnnl_status_t describe(layout *l, int n, const dnnl_dims_t sizes, const dnnl_dims_t strides)
{
    return dnnl_memory_desc_init_by_strides(l, n, sizes, dnnl_f32, strides);
}

static void forget(layout *l)
{
    (void)l;
}

static dnnl_status_t plan(dnnl_primitive_desc_t *p, const layout l[3], dnnl_primitive_attr_t attr)
{
    dnnl_matmul_desc_t operation;
    dnnl_status_t code = dnnl_matmul_desc_init(&operation, &l[0], &l[1], NULL, &l[2]);
    return code == dnnl_success ? dnnl_primitive_desc_create(p, &operation, attr, engine, NULL)
                                : code;
}

static const dnnl_memory_desc_t *pad_layout(const_dnnl_primitive_desc_t p)
{
    return dnnl_primitive_desc_query_md(p, dnnl_query_scratchpad_md, 0);
}
#endif

/* The layouts of A, B and C in one chunk. A matrix that all items share has one item, which the
 * library repeats. */
static bool describe_all(const cairn__matmul_shape *s, int64_t items, int64_t rows, layout l[3],
                         cairn_status *status)
{
    int64_t a_items = s->batch_stride_a ? items : 1, b_items = s->batch_stride_b ? items : 1;
    int64_t a_step = s->batch_stride_a ? s->batch_stride_a : rows * s->K;
    int64_t b_step = s->batch_stride_b ? s->batch_stride_b : s->K * s->N;
    const dnnl_dims_t sizes[3] = {
        {a_items, rows, s->K}, {b_items, s->K, s->N}, {items, rows, s->N}};
    const dnnl_dims_t strides[3] = {
        {a_step, cairn__matmul_a_row(s), cairn__matmul_a_depth(s)},
        {b_step, cairn__matmul_b_depth(s), cairn__matmul_b_column(s)},
        {s->M * s->N, s->N, 1},
    };
    int skip = items == 1; /* the library knows more kernels for two axes than for three */
    for (int i = 0; i < 3; i++)
        if (!check(describe(&l[i], 3 - skip, sizes[i] + skip, strides[i] + skip),
                   "describe a matrix", status)) {
            while (i--)
                forget(&l[i]);
            return false;
        }
    return true;
}

/* ---- making ------------------------------------------------------------------------------------
 */

/* Makes the memory objects of a call and, if its kind is new, the primitive. */
static bool prepare_call(const cairn__matmul *m, int64_t chunk, state *st, cairn_status *status)
{
    cairn__matmul_part part = cairn__matmul_part_of(m, chunk);
    call *c = &st->call[chunk];
    layout l[3];
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t p = NULL;
    bool good = false;
    if (!describe_all(&m->shape, part.items, part.rows, l, status))
        return false;
    if (!check(dnnl_primitive_attr_create(&attr), "make attributes", status) ||
        !check(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user),
               "use our scratch", status) ||
        !check(plan(&p, l, attr), "multiply these shapes", status))
        goto done;

    for (int i = 0; i < st->kinds; i++)
        if (st->kind[i].items == part.items && st->kind[i].rows == part.rows)
            c->kind = &st->kind[i];
    if (!c->kind) {
        kind *new = &st->kind[st->kinds];
        if (!check(dnnl_primitive_create(&new->primitive, p), "make a primitive", status))
            goto done;
        *new =
            (kind){part.items, part.rows, new->primitive, dnnl_memory_desc_get_size(pad_layout(p))};
        st->scratch = CAIRN__MAX(st->scratch, new->scratch);
        st->kinds++;
        c->kind = new;
    }
    for (int i = 0; i < ARGUMENTS; i++) {
        if (!check(i < 3
                       ? dnnl_memory_create(&c->memory[i], LAYOUT(l[i]), engine, DNNL_MEMORY_NONE)
                       : dnnl_memory_create(&c->memory[i], pad_layout(p), engine, DNNL_MEMORY_NONE),
                   "make a memory object", status))
            goto done;
        c->arguments[i] = (dnnl_exec_arg_t){argument_names[i], c->memory[i]};
    }
    good = true;
done:
    dnnl_primitive_desc_destroy(p);
    dnnl_primitive_attr_destroy(attr);
    for (int i = 0; i < 3; i++)
        forget(&l[i]);
    return good;
}

static void release(void *memory)
{
    state *st = memory;
    for (int64_t i = 0; i < st->calls; i++)
        for (int j = 0; j < ARGUMENTS; j++)
            dnnl_memory_destroy(st->call[i].memory[j]);
    for (int i = 0; i < st->kinds; i++)
        dnnl_primitive_destroy(st->kind[i].primitive);
    dnnl_stream_destroy(st->stream);
    cairn__free(st);
}

static bool prepare(cairn__matmul *m, cairn_status *status)
{
    state *st = cairn__alloc(1, sizeof *st + (size_t)m->chunks * sizeof *st->call, status);
    if (!st)
        return false;
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    st->calls = m->chunks;
    bool good = check(dnnl_stream_create(&st->stream, engine, dnnl_stream_default_flags),
                      "make a stream", status);
    for (int64_t i = 0; good && i < m->chunks; i++)
        good = prepare_call(m, i, st, status);
    omp_set_num_threads(threads);
    if (!good) {
        release(st);
        return false;
    }
    m->state = st;
    return true;
}

/* ---- choosing and running ----------------------------------------------------------------------
 */

/* Where the library is used, from bench_matmul on two cores: with AVX2 or less on all larger
 * products (5 to 8 % faster than our packed one); with AVX-512 only where chunks are too low for
 * copies of B to pay, the depth suffices for its own way around that (10 % then), and the product
 * is so large that this gains more than a millisecond: a program that never calls the library
 * spares some 40 ms at its start. Elsewhere ours is up to 20 % faster, or within 3 %. */
static bool faster(const cairn__matmul *m)
{
    const cairn__matmul_shape *s = &m->shape;
    const double work = 2.0 * (double)s->batch * (double)s->M * (double)s->N * (double)s->K;
    if (m->level < CAIRN__ISA_AVX512)
        return work >= 15e6 && s->N != 1;
    return work >= 1e9 && s->M / m->pieces <= 96 && s->N >= 128 && s->K >= 512;
}

static bool accepts(const cairn__matmul *m, bool wanted, const char **why)
{
    if (m->chunks == 0 || m->shape.K == 0)
        *why = "nothing to multiply";
    else if (m->level != cairn__isa())
        *why = "fixed to another instruction set";
    else if (!wanted && !faster(m))
        *why = "slower on this shape";
    else if (!started())
        *why = "no engine for this machine";
    else
        return true;
    return false;
}

static size_t scratch(const cairn__matmul *m)
{
    return ((const state *)m->state)->scratch;
}

static void run(const cairn__matmul *m, int64_t chunk, const float *a, const float *b,
                const float *packed, float *c, void *pad)
{
    (void)packed;
    const cairn__matmul_shape *s = &m->shape;
    const state *st = m->state;
    const call *now = &st->call[chunk];
    cairn__matmul_part part = cairn__matmul_part_of(m, chunk);
    /* The library's interface knows no const; it writes to C and the scratch only. */
    void *address[ARGUMENTS] = {
        (void *)(uintptr_t)(a + part.first_item * s->batch_stride_a +
                            part.first_row * cairn__matmul_a_row(s)),
        (void *)(uintptr_t)(b + part.first_item * s->batch_stride_b),
        c + (part.first_item * s->M + part.first_row) * s->N,
        pad,
    };
    for (int i = 0; i < ARGUMENTS; i++)
        dnnl_memory_set_data_handle(now->memory[i], address[i]);
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    dnnl_primitive_execute(now->kind->primitive, st->stream, ARGUMENTS, now->arguments);
    omp_set_num_threads(threads);
}

const cairn__matmul_kernel cairn__matmul_onednn = {
    .name = "onednn",
    .accepts = accepts,
    .prepare = prepare,
    .release = release,
    .scratch = scratch,
    .run = run,
};

#else

static bool accepts(const cairn__matmul *m, bool wanted, const char **why)
{
    (void)m, (void)wanted;
    *why = "not built in";
    return false;
}

const cairn__matmul_kernel cairn__matmul_onednn = {.name = "onednn", .accepts = accepts};

#endif
