/* Matrix products: normal form, cut, and the ordered list of kernels. */
#include "backend/cpu/matmul.h"

#include <stdio.h>
#include <string.h>

#include "backend/cpu/gemm.h"
#include "backend/cpu/matmul_kernel.h"

/* Best first, the reference last; the first that accepts is used. */
static const cairn__matmul_kernel *const kernels[] = {
    &cairn__matmul_vector,
    &cairn__matmul_onednn,
    &cairn__matmul_packed,
    &cairn__matmul_reference,
};

/* ---- the cut -----------------------------------------------------------------------------------
 */

/* Less work than this in a chunk does not pay for handing it to a thread (some 5 us). */
static const double chunk_work = 1e6; /* floating point operations */

/* Pieces lower than this pack B too often for what they compute; but every product that is large
 * enough is cut into `few`, for two to four cores. */
enum { PIECE_ROWS = 192, LEAST_ROWS = 14, FEW = 4, MANY = 64 };

static int64_t clamp(int64_t n, int64_t low, int64_t high)
{
    return CAIRN__MAX(low, CAIRN__MIN(n, high));
}

/* The largest one up to n: counts of cores are mostly such, and leave no thread without its share.
 */
static int64_t power_of_two(int64_t n)
{
    int64_t power = 1;
    while (2 * power <= n)
        power *= 2;
    return power;
}

/* Chooses pieces, items_per_chunk and chunks from the shape alone. */
static void cut(cairn__matmul *m)
{
    const cairn__matmul_shape *s = &m->shape;
    double work =
        2.0 * (double)s->batch * (double)s->M * (double)s->N * (double)CAIRN__MAX(s->K, 1);
    int64_t affordable = work / chunk_work < MANY ? (int64_t)(work / chunk_work) : MANY;
    int64_t rows = s->batch * s->M;
    m->pieces = m->items_per_chunk = 1;
    m->chunks = 0;
    if (rows == 0 || s->N == 0)
        return;
    /* Matrix times vector is as fast as its reads: any cut will do. */
    int64_t wanted = s->N == 1 ? affordable : clamp(rows / PIECE_ROWS, FEW, MANY);
    wanted = power_of_two(clamp(wanted, 1, CAIRN__MAX(affordable, 1)));
    if (s->batch >= wanted) {
        m->items_per_chunk = s->batch / wanted;
        m->chunks = (s->batch + m->items_per_chunk - 1) / m->items_per_chunk;
        return;
    }
    m->pieces = power_of_two(clamp(wanted / s->batch, 1, CAIRN__MAX(s->M / LEAST_ROWS, 1)));
    m->chunks = s->batch * m->pieces;
}

cairn__matmul_part cairn__matmul_part_of(const cairn__matmul *m, int64_t chunk)
{
    const cairn__matmul_shape *s = &m->shape;
    cairn__matmul_part part = {.rows = s->M};
    if (m->pieces == 1) {
        part.first_item = chunk * m->items_per_chunk;
        part.items = CAIRN__MIN(m->items_per_chunk, s->batch - part.first_item);
        return part;
    }
    int64_t piece = chunk % m->pieces;
    part.first_item = chunk / m->pieces;
    part.items = 1;
    part.first_row = s->M * piece / m->pieces;
    part.rows = s->M * (piece + 1) / m->pieces - part.first_row;
    return part;
}

/* ---- making one --------------------------------------------------------------------------------
 */

static bool sane(const cairn__matmul_shape *s, cairn_status *status)
{
    const int64_t most = (int64_t)1 << 40;
    const int64_t size[] = {s->batch, s->M, s->N, s->K, s->batch_stride_a, s->batch_stride_b};
    for (size_t i = 0; i < CAIRN__COUNT(size); i++)
        if (size[i] < 0 || size[i] > most)
            return cairn__fail(status, CAIRN_ERR_SHAPE,
                               "matrix product: a size or stride is %lld, expected 0 to 2^40",
                               (long long)size[i]);
    const int64_t pairs[][2] = {{s->M, s->K}, {s->K, s->N}, {s->batch * (s->M > 0), s->N}};
    for (size_t i = 0; i < CAIRN__COUNT(pairs); i++)
        if (pairs[i][1] && pairs[i][0] > most / pairs[i][1])
            return cairn__fail(
                status, CAIRN_ERR_SHAPE,
                "matrix product: a matrix of %lld x %lld has more than 2^40 elements",
                (long long)pairs[i][0], (long long)pairs[i][1]);
    if (s->M && s->N && s->batch > most / s->M / s->N)
        return cairn__fail(status, CAIRN_ERR_SHAPE,
                           "matrix product: %lld results of %lld x %lld exceed 2^40 elements",
                           (long long)s->batch, (long long)s->M, (long long)s->N);
    return true;
}

static void normalise(cairn__matmul *m)
{
    cairn__matmul_shape *s = &m->shape;
    if (s->batch > 1 && !s->transpose_a && s->batch_stride_a == s->M * s->K &&
        s->batch_stride_b == 0) {
        s->M *= s->batch;
        s->batch = 1;
    }
    if (s->M == 1 && s->N != 1) {
        m->swapped = true;
        *s = (cairn__matmul_shape){.batch = s->batch,
                                   .M = s->N,
                                   .N = 1,
                                   .K = s->K,
                                   .transpose_a = !s->transpose_b,
                                   .transpose_b = !s->transpose_a,
                                   .batch_stride_a = s->batch_stride_b,
                                   .batch_stride_b = s->batch_stride_a};
    }
}

/* True if the kernel is the one; notes a refusal of one that would have been better. */
static bool take(cairn__matmul *m, const cairn__matmul_kernel *kernel, bool wanted)
{
    const char *why = "";
    if (kernel->accepts(m, wanted, &why)) {
        m->kernel = kernel;
        return true;
    }
    size_t used = strlen(m->declined);
    snprintf(m->declined + used, sizeof m->declined - used, "%s%s: %s", used ? "; " : "",
             kernel->name, why);
    return false;
}

cairn__matmul *cairn__matmul_new_with(const cairn__matmul_shape *shape, const char *name,
                                      cairn__isa_level level, cairn_status *status)
{
    if (!cairn_ok(status) || !sane(shape, status))
        return NULL;
    cairn__matmul *m = cairn__alloc(1, sizeof *m, status);
    if (!m)
        return NULL;
    m->shape = *shape;
    m->level = level;
    normalise(m);
    cut(m);
    for (size_t i = 0; i < CAIRN__COUNT(kernels) && !m->kernel; i++)
        if (!name || strcmp(name, kernels[i]->name) == 0)
            take(m, kernels[i], name != NULL);
    if (!m->kernel) {
        cairn__fail(status, CAIRN_ERR_MISSING, "matrix product, kernel %s: %s", name,
                    m->declined[0] ? m->declined : "no such kernel");
        cairn__free(m);
        return NULL;
    }
    if (m->kernel->prepare && !m->kernel->prepare(m, status)) {
        cairn__free(m);
        return NULL;
    }
    return m;
}

cairn__matmul *cairn__matmul_new(const cairn__matmul_shape *shape, cairn_status *status)
{
    return cairn__matmul_new_with(shape, NULL, cairn__isa(), status);
}

void cairn__matmul_free(cairn__matmul *m)
{
    if (m && m->kernel->release)
        m->kernel->release(m->state);
    cairn__free(m);
}

/* ---- using one ---------------------------------------------------------------------------------
 */

int64_t cairn__matmul_chunks(const cairn__matmul *m)
{
    return m->chunks;
}

void cairn__matmul_span(const cairn__matmul *m, int64_t chunk, int64_t *first, int64_t *count)
{
    cairn__matmul_part part = cairn__matmul_part_of(m, chunk);
    *first = (part.first_item * m->shape.M + part.first_row) * m->shape.N;
    *count = part.items * part.rows * m->shape.N;
}

size_t cairn__matmul_scratch(const cairn__matmul *m)
{
    return m->kernel->scratch ? m->kernel->scratch(m) : 0;
}

/* A single product that is cut, by our own kernel: pieces would each copy B. */
static bool shares_packing(const cairn__matmul *m)
{
    return m->kernel == &cairn__matmul_packed && m->shape.batch == 1 && m->pieces > 1 &&
           !m->swapped;
}

size_t cairn__matmul_packed_bytes(const cairn__matmul *m)
{
    const cairn__matmul_shape *s = &m->shape;
    if (!shares_packing(m))
        return 0;
    return (size_t)cairn__gemm_at(m->level)->packed_floats(s->M, s->N, s->K) * sizeof(float);
}

int64_t cairn__matmul_parts(const cairn__matmul *m)
{
    return cairn__gemm_at(m->level)->parts(m->shape.N);
}

void cairn__matmul_pack(const cairn__matmul *m, int64_t part, const float *b, float *packed)
{
    const cairn__gemm_task task = {.N = m->shape.N,
                                   .K = m->shape.K,
                                   .b = b,
                                   .b_depth = cairn__matmul_b_depth(&m->shape),
                                   .b_column = cairn__matmul_b_column(&m->shape)};
    cairn__gemm_at(m->level)->pack(&task, part, packed);
}

void cairn__matmul_run(const cairn__matmul *m, int64_t chunk, const float *a, const float *b,
                       const float *packed, float *c, void *scratch)
{
    m->kernel->run(m, chunk, m->swapped ? b : a, m->swapped ? a : b, packed, c, scratch);
}

const char *cairn__matmul_name(const cairn__matmul *m)
{
    return m->kernel->name;
}

const char *cairn__matmul_declined(const cairn__matmul *m)
{
    return m->declined;
}
