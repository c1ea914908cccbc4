/* Batched matrix product: at.list[0] and [1] say which operands have their last two axes exchanged.
 * The node takes operands of one batch shape; the builder sees to that. */
#include <string.h>

#include "graph/graph.h"

/* ---- building -------------------------------------------------------------------------------- */

static cairn_tensor node(cairn_tensor a, bool ta, cairn_tensor b, bool tb)
{
    return cairn__node(a.graph, &cairn__op_matmul, (cairn_tensor[]){a, b}, 2,
                       &(cairn__attributes){.list = {ta, tb}});
}

/* x with the batch axes `batch` before its last two. */
static cairn_tensor with_batch(cairn_tensor x, cairn_shape batch)
{
    cairn_shape shape = cairn_tensor_shape(x), wanted = batch;
    if (shape.rank < 2)
        return x;
    memcpy(wanted.size + batch.rank, shape.size + shape.rank - 2, 2 * sizeof *wanted.size);
    wanted.rank += 2;
    return cairn_broadcast(x, wanted);
}

static cairn_shape batch_of(cairn_tensor x)
{
    cairn_shape shape = cairn_tensor_shape(x);
    shape.rank = CAIRN__MAX(shape.rank - 2, 0);
    return shape;
}

/* [.., M, K] x [K, N] is one product of [.. * M, K]: no batch at all. */
static cairn_tensor folded(cairn_tensor a, cairn_tensor b, bool tb)
{
    cairn_shape shape = cairn_tensor_shape(a), flat = {2, {1, shape.size[shape.rank - 1]}};
    for (int i = 0; i < shape.rank - 1; i++)
        flat.size[0] *= shape.size[i];
    cairn_tensor product = node(cairn_reshape(a, flat), false, b, tb);
    if (cairn__none(product))
        return product;
    shape.size[shape.rank - 1] = cairn_tensor_shape(product).size[1];
    return cairn_reshape(product, shape);
}

void cairn__share_batch(cairn_tensor *a, cairn_tensor *b)
{
    if (cairn__none(*a) || cairn__none(*b) || a->graph != b->graph ||
        cairn_tensor_shape(*a).rank < 2 || cairn_tensor_shape(*b).rank < 2)
        return;
    cairn_shape ba = batch_of(*a), bb = batch_of(*b);
    if (cairn_shape_equal(ba, bb))
        return;
    bool left = ba.rank > bb.rank ||
                (ba.rank == bb.rank && cairn_shape_count(ba) >= cairn_shape_count(bb));
    cairn_shape batch = left ? ba : bb;
    *a = with_batch(*a, batch);
    *b = with_batch(*b, batch);
}

cairn_tensor cairn_matmul_transposed(cairn_tensor a, bool ta, cairn_tensor b, bool tb)
{
    if (cairn__none(a) || cairn__none(b) || a.graph != b.graph)
        return node(a, ta, b, tb);
    if (cairn_tensor_shape(b).rank == 2 && cairn_tensor_shape(a).rank > 2 && !ta)
        return folded(a, b, tb);
    cairn__share_batch(&a, &b);
    return node(a, ta, b, tb);
}

cairn_tensor cairn_matmul(cairn_tensor a, cairn_tensor b)
{
    return cairn_matmul_transposed(a, false, b, false);
}

/* ---- the op ---------------------------------------------------------------------------------- */

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *a = g->nodes[n->input[0]], *b = g->nodes[n->input[1]];
    int r = a->shape.rank;
    if (a->dtype != CAIRN_F32 || b->dtype != CAIRN_F32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "operands must be f32");
    if (r < 2 || b->shape.rank != r)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "operands need two axes and one batch shape");
    for (int i = 0; i < r - 2; i++)
        if (a->shape.size[i] != b->shape.size[i])
            return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "batch axes differ");
    bool ta = n->at.list[0], tb = n->at.list[1];
    int64_t ka = a->shape.size[ta ? r - 2 : r - 1], kb = b->shape.size[tb ? r - 1 : r - 2];
    if (ka != kb)
        return cairn__refuse(g, n, CAIRN_ERR_SHAPE, "inner sizes %lld and %lld differ%s",
                             (long long)ka, (long long)kb,
                             ta || tb ? " (counting transposition)" : "");
    n->shape = a->shape;
    n->shape.size[r - 2] = a->shape.size[ta ? r - 1 : r - 2];
    n->shape.size[r - 1] = b->shape.size[tb ? r - 2 : r - 1];
    return true;
}

/* With C = A B: dA = dC B^T and dB = A^T dC; a stored transpose exchanges the factors. */
static void gradient(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx)
{
    cairn_tensor a = cairn__input(n, y, 0), b = cairn__input(n, y, 1);
    bool ta = n->at.list[0], tb = n->at.list[1];
    dx[0] = ta ? node(b, tb, dy, true) : node(dy, false, b, !tb);
    dx[1] = tb ? node(dy, true, a, ta) : node(a, !ta, dy, false);
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    bool ta = n->at.list[0], tb = n->at.list[1];
    int r = n->shape.rank;
    int64_t M = n->shape.size[r - 2], N = n->shape.size[r - 1];
    int64_t K = shapes[0].size[ta ? r - 2 : r - 1];
    int64_t batch = M && N ? cairn_shape_count(n->shape) / (M * N) : 0;
    for (int64_t i = 0; i < batch * M * N; i++) {
        int64_t item = i / (M * N), row = i / N % M, column = i % N;
        const double *a = in[0] + item * M * K, *b = in[1] + item * K * N;
        double total = 0;
        for (int64_t k = 0; k < K; k++)
            total += a[ta ? k * M + row : row * K + k] * b[tb ? column * K + k : k * N + column];
        out[i] = total;
    }
}

static double flops(const cairn_graph *g, const cairn_node *n)
{
    const cairn_node *a = g->nodes[n->input[0]];
    double K = (double)a->shape.size[a->shape.rank - (n->at.list[0] ? 2 : 1)];
    return 2 * K * (double)cairn_shape_count(n->shape);
}

static cairn_tensor plain(const cairn_tensor *x)
{
    return cairn_matmul(x[0], x[1]);
}

static cairn_tensor first_transposed(const cairn_tensor *x)
{
    return cairn_matmul_transposed(x[0], true, x[1], false);
}

static cairn_tensor second_transposed(const cairn_tensor *x)
{
    return cairn_matmul_transposed(x[0], false, x[1], true);
}

static cairn_tensor both_transposed(const cairn_tensor *x)
{
    return cairn_matmul_transposed(x[0], true, x[1], true);
}

static const cairn__sample samples[] = {
    {.shape = {{2, {5, 7}}, {2, {7, 9}}}, .build = plain},
    {.shape = {{2, {7, 5}}, {2, {7, 9}}}, .build = first_transposed},
    {.shape = {{2, {5, 7}}, {2, {9, 7}}}, .build = second_transposed},
    {.shape = {{2, {7, 5}}, {2, {9, 7}}}, .build = both_transposed},
    {.shape = {{3, {3, 5, 7}}, {3, {3, 7, 2}}}, .build = plain},
    {.shape = {{3, {3, 5, 7}}, {2, {7, 2}}}, .build = plain},
    {.shape = {{2, {5, 7}}, {3, {3, 7, 2}}}, .build = plain},
    {.shape = {{3, {3, 7, 5}}, {3, {3, 2, 7}}}, .build = both_transposed},
    {.shape = {{2, {1, 40}}, {2, {40, 33}}}, .build = plain},
    {.shape = {{2, {70, 65}}, {2, {65, 80}}}, .build = plain},
    {.shape = {{2, {1000, 784}}, {2, {500, 1000}}}, .build = plain,
     .refusal = "matmul [1000,784] x [500,1000]: inner sizes 784 and 500 differ"},
    {.shape = {{1, {7}}, {2, {7, 2}}}, .build = plain, .refusal = "two axes"},
    {.shape = {{3, {3, 7, 5}}, {3, {2, 5, 7}}}, .build = plain, .refusal = "broadcast"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_matmul = {
    .name = "matmul",
    .summary = "matrix product of the last two axes",
    .kind = CAIRN__OTHER,
    .inputs = 2,
    .shape = shape,
    .gradient = gradient,
    .reference = reference,
    .takes_epilogue = true,
    .flops = flops,
    .samples = samples,
};
