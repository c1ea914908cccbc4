/* Cairn, graph: computations are described first and run later.
 *
 *   1. dtypes and shapes
 *   2. graphs, errors, scopes
 *   3. leaves: inputs, parameters, states, constants, random values
 *   4. element-wise operations
 *   5. reductions
 *   6. products and linear algebra
 *   7. convolution, pooling, batch statistics
 *   8. moving data
 *   9. indexing and ordering
 *  10. attention and losses in one pass
 *  11. outputs and updates
 *  12. variables
 *
 * A `cairn_tensor` is a symbolic value: a graph and a number. Passing it by value costs nothing and
 * it ends with its graph. Builder calls cannot fail one by one: the graph keeps the first error and
 * where it happened, later calls do nothing, and cairn_compile() or cairn_graph_status() reports
 * it:
 *
 *     encoder/layer2: matmul [1000,784] x [500,1000]: inner sizes 784 and 500 differ
 *
 * Shapes are static. Memory order is row-major. Where two operands of an element-wise operation
 * differ in shape, sizes of 1 and missing leading axes are repeated, as in NumPy. A negative axis
 * counts from the end. Unless a comment says otherwise operands are f32.
 */
#ifndef CAIRN_GRAPH_H
#define CAIRN_GRAPH_H

#include "cairn/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. dtypes and shapes -------------------------------------------------------------------- */

/* name, bytes of an element */
#define CAIRN_DTYPES(X)                                                                            \
    X(F32, f32, 4)                                                                                 \
    X(I32, i32, 4)                                                                                 \
    X(U8, u8, 1)                                                                                   \
    X(BOOL, bool, 1)

typedef enum cairn_dtype {
#define CAIRN_X(upper, lower, bytes) CAIRN_##upper,
    CAIRN_DTYPES(CAIRN_X)
#undef CAIRN_X
} cairn_dtype;

CAIRN_API const char *cairn_dtype_name(cairn_dtype dtype);
CAIRN_API size_t cairn_dtype_bytes(cairn_dtype dtype);

enum { CAIRN_MAX_RANK = 8 };

typedef struct cairn_shape {
    int rank; /* 0: a scalar */
    int64_t size[CAIRN_MAX_RANK];
} cairn_shape;

/* CAIRN_SHAPE(1000, 784) */
#define CAIRN_SHAPE(...)                                                                           \
    ((cairn_shape){(int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}})
#define CAIRN_SCALAR ((cairn_shape){0, {0}})

/* The product of the sizes; 1 for a scalar. */
CAIRN_API int64_t cairn_shape_count(cairn_shape shape);
CAIRN_API bool cairn_shape_equal(cairn_shape a, cairn_shape b);

/* "[1000,784]" in `text`, which is also returned. */
enum { CAIRN_SHAPE_TEXT = CAIRN_MAX_RANK * 21 + 3 };
CAIRN_API const char *cairn_shape_text(cairn_shape shape, char text[CAIRN_SHAPE_TEXT]);

/* ---- 2. graphs, errors, scopes --------------------------------------------------------------- */

typedef struct cairn_graph cairn_graph;
typedef struct cairn_variable cairn_variable;

typedef struct cairn_tensor {
    cairn_graph *graph;
    int32_t id;
} cairn_tensor;

/* An empty graph with variables of its own. The caller owns it: cairn_graph_free(). Never NULL:
 * when memory is short the object returned is static and already in error. */
CAIRN_API cairn_graph *cairn_graph_new(void);

/* An empty graph that uses the variables of `other`: a parameter of the same name and shape is the
 * same variable. So a model can be built again for another batch size, or for evaluation. */
CAIRN_API cairn_graph *cairn_graph_new_sharing(const cairn_graph *other);
CAIRN_API void cairn_graph_free(cairn_graph *graph);

/* The first error, or CAIRN_OK. A copy. */
CAIRN_API cairn_status cairn_graph_status(const cairn_graph *graph);

/* Seed of initial values and of random operations; 0 at first. Call it before the first of them. */
CAIRN_API void cairn_graph_seed(cairn_graph *graph, uint64_t seed);

/* Another seed for initial values alone. Call it after cairn_graph_seed(), which sets both. */
CAIRN_API void cairn_graph_seed_initial(cairn_graph *graph, uint64_t seed);

/* What is built between push and pop is named "name/...". The text is copied. */
CAIRN_API void cairn_scope_push(cairn_graph *graph, const char *name);
CAIRN_API void cairn_scope_pop(cairn_graph *graph);

/* Results built between push and pop are not kept from the forward to the backward pass, but
 * computed again where that needs them (recomputation, or gradient checkpointing: Chen et al.
 * 2016, arXiv:1604.06174). Pairs may be nested. What the stretch takes from outside is kept: a
 * model calls this for each of its blocks, without the block's last operation. */
CAIRN_API void cairn_recompute_push(cairn_graph *graph);
CAIRN_API void cairn_recompute_pop(cairn_graph *graph);

/* The most bytes that variables and the values between steps of a program of this graph may take
 * together; 0, the default: no limit. Programs that would take more compute some of their values
 * again, the cheapest for their size first. Compiling fails with CAIRN_ERR_MEMORY, which names the
 * smallest size that was found, where that is not enough. */
CAIRN_API void cairn_graph_memory(cairn_graph *graph, int64_t bytes);

CAIRN_API cairn_shape cairn_tensor_shape(cairn_tensor x);
CAIRN_API cairn_dtype cairn_tensor_dtype(cairn_tensor x);

/* ---- 3. leaves ------------------------------------------------------------------------------- */

/* A value fed before each run, by name. */
CAIRN_API cairn_tensor cairn_input(cairn_graph *graph, const char *name, cairn_dtype dtype,
                                   cairn_shape shape);

/* How a variable starts. */
typedef enum cairn_init_kind {
    CAIRN_INIT_CONSTANT,       /* scale everywhere */
    CAIRN_INIT_UNIFORM,        /* uniform in [-scale, scale) */
    CAIRN_INIT_NORMAL,         /* normal, standard deviation scale */
    CAIRN_INIT_GLOROT_UNIFORM, /* uniform, bound scale * sqrt(6 / (fan in + fan out)); [in, out] */
    CAIRN_INIT_HE_NORMAL,      /* normal, deviation scale * sqrt(2 / fan in) */
    CAIRN_INIT_LECUN_NORMAL,   /* normal, deviation scale * sqrt(1 / fan in) */
    CAIRN_INIT_IDENTITY        /* scale on the diagonal of the last two axes */
} cairn_init_kind;

typedef struct cairn_init {
    cairn_init_kind kind;
    double scale;
} cairn_init;

#define CAIRN_ZEROS ((cairn_init){CAIRN_INIT_CONSTANT, 0})
#define CAIRN_ONES ((cairn_init){CAIRN_INIT_CONSTANT, 1})

/* A trainable variable, named by scope and name. Its first value depends on the seed and the full
 * name only. A second parameter of the same full name in one graph is an error. */
CAIRN_API cairn_tensor cairn_parameter(cairn_graph *graph, const char *name, cairn_shape shape,
                                       cairn_init init);

/* A variable that is not trained: optimiser state, running statistic, counter. */
CAIRN_API cairn_tensor cairn_state(cairn_graph *graph, const char *name, cairn_dtype dtype,
                                   cairn_shape shape, cairn_init init);

/* The number of runs done before this one, i32 scalar, the state "step": it rises by one at the end
 * of every run with updates. Random operations and optimisers use it. */
CAIRN_API cairn_tensor cairn_step(cairn_graph *graph);

CAIRN_API cairn_tensor cairn_scalar(cairn_graph *graph, double value); /* f32 */
CAIRN_API cairn_tensor cairn_fill(cairn_graph *graph, cairn_dtype dtype, cairn_shape shape,
                                  double value);

/* The elements at `data`, which is copied. */
CAIRN_API cairn_tensor cairn_constant(cairn_graph *graph, cairn_dtype dtype, cairn_shape shape,
                                      const void *data);

/* 0, 1, 2 ... along one axis of `shape`, i32 or f32. */
CAIRN_API cairn_tensor cairn_iota(cairn_graph *graph, cairn_dtype dtype, cairn_shape shape,
                                  int axis);

/* Fresh values in each step: uniform in [0, 1), standard normal, or 1 with the given probability
 * and else 0 (f32). They depend on the graph's seed, the scope and order of the call, and the
 * step. */
CAIRN_API cairn_tensor cairn_random_uniform(cairn_graph *graph, cairn_shape shape);
CAIRN_API cairn_tensor cairn_random_normal(cairn_graph *graph, cairn_shape shape);
CAIRN_API cairn_tensor cairn_random_bernoulli(cairn_tensor probability);

/* ---- 4. element-wise operations -------------------------------------------------------------- */

CAIRN_API cairn_tensor cairn_add(cairn_tensor a, cairn_tensor b);
CAIRN_API cairn_tensor cairn_sub(cairn_tensor a, cairn_tensor b);
CAIRN_API cairn_tensor cairn_mul(cairn_tensor a, cairn_tensor b);
CAIRN_API cairn_tensor cairn_div(cairn_tensor a, cairn_tensor b);
CAIRN_API cairn_tensor cairn_pow(cairn_tensor a, cairn_tensor b); /* a > 0 where differentiated */
CAIRN_API cairn_tensor cairn_maximum(cairn_tensor a, cairn_tensor b);
CAIRN_API cairn_tensor cairn_minimum(cairn_tensor a, cairn_tensor b);

/* ReLU smoothed within `width` b >= 0 of 0: 0 below -b, x above b, (x + b)^2 / (4 b) between; with
 * b = 0, ReLU. And its slope from its value y >= 0: min(1, sqrt(y / b)). width: of any shape that
 * can be repeated to that of the other operand; both have gradients.
 * Source: Shamir, Lin, Coviello 2020, equation 2. arXiv:2010.09931 */
CAIRN_API cairn_tensor cairn_smooth_relu(cairn_tensor x, cairn_tensor width);
CAIRN_API cairn_tensor cairn_smooth_relu_slope(cairn_tensor y, cairn_tensor width);

/* With a number on one side. */
CAIRN_API cairn_tensor cairn_add_scalar(cairn_tensor x, double value);
CAIRN_API cairn_tensor cairn_scale(cairn_tensor x, double factor);

/* Comparisons give bool. */
CAIRN_API cairn_tensor cairn_less(cairn_tensor a, cairn_tensor b);
CAIRN_API cairn_tensor cairn_less_equal(cairn_tensor a, cairn_tensor b);
CAIRN_API cairn_tensor cairn_greater(cairn_tensor a, cairn_tensor b);
CAIRN_API cairn_tensor cairn_greater_equal(cairn_tensor a, cairn_tensor b);
CAIRN_API cairn_tensor cairn_equal(cairn_tensor a, cairn_tensor b);
CAIRN_API cairn_tensor cairn_not_equal(cairn_tensor a, cairn_tensor b);

/* bool operands, bool result. */
CAIRN_API cairn_tensor cairn_and(cairn_tensor a, cairn_tensor b);
CAIRN_API cairn_tensor cairn_or(cairn_tensor a, cairn_tensor b);
CAIRN_API cairn_tensor cairn_not(cairn_tensor a);

/* a where `condition` (bool) holds, else b. */
CAIRN_API cairn_tensor cairn_select(cairn_tensor condition, cairn_tensor a, cairn_tensor b);

CAIRN_API cairn_tensor cairn_neg(cairn_tensor x);
CAIRN_API cairn_tensor cairn_abs(cairn_tensor x);
CAIRN_API cairn_tensor cairn_sign(cairn_tensor x); /* -1, 0, 1 */
CAIRN_API cairn_tensor cairn_floor(cairn_tensor x);
CAIRN_API cairn_tensor cairn_ceil(cairn_tensor x);
CAIRN_API cairn_tensor cairn_round(cairn_tensor x); /* halves to even */
CAIRN_API cairn_tensor cairn_square(cairn_tensor x);
CAIRN_API cairn_tensor cairn_sqrt(cairn_tensor x);
CAIRN_API cairn_tensor cairn_rsqrt(cairn_tensor x);      /* 1 / sqrt(x) */
CAIRN_API cairn_tensor cairn_reciprocal(cairn_tensor x); /* 1 / x */
CAIRN_API cairn_tensor cairn_exp(cairn_tensor x);
CAIRN_API cairn_tensor cairn_expm1(cairn_tensor x);
CAIRN_API cairn_tensor cairn_log(cairn_tensor x);
CAIRN_API cairn_tensor cairn_log1p(cairn_tensor x);
CAIRN_API cairn_tensor cairn_sin(cairn_tensor x);
CAIRN_API cairn_tensor cairn_cos(cairn_tensor x);
CAIRN_API cairn_tensor cairn_tanh(cairn_tensor x);
CAIRN_API cairn_tensor cairn_sigmoid(cairn_tensor x); /* 1 / (1 + exp(-x)) */
CAIRN_API cairn_tensor cairn_erf(cairn_tensor x);
CAIRN_API cairn_tensor cairn_relu(cairn_tensor x);     /* max(x, 0) */
CAIRN_API cairn_tensor cairn_softplus(cairn_tensor x); /* log(1 + exp(x)), without overflow */
CAIRN_API cairn_tensor cairn_is_finite(cairn_tensor x); /* bool */

/* x Phi(x) with the error function, or with Phi approximated by a tanh, and the derivatives of
 * both: operations of their own, since a step then keeps x and no more of what lies between.
 * Source: Hendrycks and Gimpel 2016. arXiv:1606.08415 */
CAIRN_API cairn_tensor cairn_gelu(cairn_tensor x);
CAIRN_API cairn_tensor cairn_gelu_slope(cairn_tensor x);
CAIRN_API cairn_tensor cairn_gelu_tanh(cairn_tensor x);
CAIRN_API cairn_tensor cairn_gelu_tanh_slope(cairn_tensor x);

/* Another dtype: to integers by truncation, to bool by x != 0. Gradient only from f32 to f32. */
CAIRN_API cairn_tensor cairn_cast(cairn_tensor x, cairn_dtype dtype);

/* The value itself, through which no gradient flows. */
CAIRN_API cairn_tensor cairn_stop_gradient(cairn_tensor x);

/* ---- 5. reductions --------------------------------------------------------------------------- */

/* Over the axes whose bits are set in `axes` (CAIRN_AXIS(0) | CAIRN_AXIS(2)), or all of them. With
 * `keep` a reduced axis stays, of size 1. Sums are cut into pieces fixed by the shape. */
#define CAIRN_AXIS(axis) (1u << (axis))
#define CAIRN_ALL_AXES 0xffffffffu

CAIRN_API cairn_tensor cairn_reduce_sum(cairn_tensor x, unsigned axes, bool keep);
CAIRN_API cairn_tensor cairn_reduce_mean(cairn_tensor x, unsigned axes, bool keep);
CAIRN_API cairn_tensor cairn_reduce_max(cairn_tensor x, unsigned axes, bool keep);
CAIRN_API cairn_tensor cairn_reduce_min(cairn_tensor x, unsigned axes, bool keep);

/* log(sum(exp(x))), shifted by the largest value so that nothing overflows. */
CAIRN_API cairn_tensor cairn_reduce_logsumexp(cairn_tensor x, unsigned axes, bool keep);

CAIRN_API cairn_tensor cairn_sum(cairn_tensor x);  /* of all elements, scalar */
CAIRN_API cairn_tensor cairn_mean(cairn_tensor x); /* of all elements, scalar */

/* Index of the first largest or smallest element along one axis, which goes: i32. The first NaN, if
 * there is one. */
CAIRN_API cairn_tensor cairn_argmax(cairn_tensor x, int axis);
CAIRN_API cairn_tensor cairn_argmin(cairn_tensor x, int axis);

/* ---- 6. products and linear algebra ---------------------------------------------------------- */

/* Products of the last two axes, [.., M, K] x [.., K, N] = [.., M, N]; the axes before them are a
 * batch and are broadcast. Vectors are not special: give them an axis of size 1. */
CAIRN_API cairn_tensor cairn_matmul(cairn_tensor a, cairn_tensor b);

/* The same with the last two axes of an operand exchanged first. */
CAIRN_API cairn_tensor cairn_matmul_transposed(cairn_tensor a, bool transpose_a, cairn_tensor b,
                                               bool transpose_b);

/* The lower triangular L with x = L L^T, for symmetric positive definite x [.., n, n]; only the
 * lower half of x is read. Where x is not positive definite the result is NaN. */
CAIRN_API cairn_tensor cairn_cholesky(cairn_tensor x);

/* Solves L y = b, or L^T y = b, for lower triangular L [.., n, n] and b [.., n, k]. */
CAIRN_API cairn_tensor cairn_solve_triangular(cairn_tensor l, cairn_tensor b, bool transpose);

/* Solves x y = b for symmetric positive definite x: Cholesky, then two triangular solutions. */
CAIRN_API cairn_tensor cairn_solve_positive(cairn_tensor x, cairn_tensor b);

/* Symmetric eigendecomposition x = V diag(w) V^T of [.., n, n]: w [.., n] ascending, V [.., n, n]
 * with eigenvectors in its columns, the component of largest magnitude of each positive. Only the
 * lower half of x is read. The gradient needs distinct eigenvalues. Either of w and v may be
 * NULL. */
CAIRN_API void cairn_eigh(cairn_tensor x, cairn_tensor *w, cairn_tensor *v);

/* x^(-1/p) of symmetric positive semi-definite x [.., n, n], kept away from 0 by `epsilon`: by
 * eigendecomposition, eigenvalues below `epsilon` raised to it; or of x + epsilon I, by
 * `iterations` steps of the coupled Newton method (Higham 2008, section 7.3), which needs products
 * only. */
CAIRN_API cairn_tensor cairn_inverse_root(cairn_tensor x, int p, double epsilon);
CAIRN_API cairn_tensor cairn_inverse_root_newton(cairn_tensor x, int p, double epsilon,
                                                 int iterations);

/* ---- 7. convolution, pooling, batch statistics ------------------------------------------------
 *
 * Channels come last: activations are [N, spatial.., C] with 1 to 3 spatial axes, weights
 * [k.., C / groups, out], so that a convolution is the product of the patches [N * positions,
 * k * C / groups] with the weight. */

/* Of each spatial axis, in their order; entries of missing axes do not matter. */
typedef struct cairn_conv_options {
    int64_t stride[3], dilation[3]; /* at least 1 */
    int64_t low[3], high[3];        /* zeros before the first and behind the last element */
    int64_t groups;                 /* divides C and out: each group sees its own channels only */
} cairn_conv_options;

/* Strides, dilations and groups 1, no padding. */
CAIRN_API cairn_conv_options cairn_conv_defaults(void);

/* Sets the padding so that ceil(size / stride) positions result, the odd element behind. x: [N,
 * spatial.., C]; window: the sizes k.., which may be the weight's shape. */
CAIRN_API void cairn_conv_same(cairn_conv_options *options, cairn_shape x, cairn_shape window);

/* y[n, o, j] = sum over k, c of x[n, o * stride + k * dilation - low, c] weight[k, c, j], zero
 * outside x: a cross-correlation, as is usual. options: copied; NULL for the defaults.
 * Errors (kept by the graph): CAIRN_ERR_SHAPE when channels or groups do not fit, or a window is
 * larger than the padded input; CAIRN_ERR_VALUE for a stride of 0 and the like. */
CAIRN_API cairn_tensor cairn_conv(cairn_tensor x, cairn_tensor weight,
                                  const cairn_conv_options *options);

/* The gradients of cairn_conv() for x, of shape `x`, and for the weight, of shape `weight`. The
 * first is also called transposed convolution. */
CAIRN_API cairn_tensor cairn_conv_input_gradient(cairn_tensor dy, cairn_tensor weight,
                                                 cairn_shape x, const cairn_conv_options *options);
CAIRN_API cairn_tensor cairn_conv_weight_gradient(cairn_tensor x, cairn_tensor dy,
                                                  cairn_shape weight,
                                                  const cairn_conv_options *options);

/* The largest element of each window, for each channel; the padding is never it. Of equal ones the
 * first counts, and alone gets the gradient. window: sizes along the spatial axes of x. groups does
 * not matter. Errors (kept by the graph): as of cairn_conv(). */
CAIRN_API cairn_tensor cairn_max_pool(cairn_tensor x, cairn_shape window,
                                      const cairn_conv_options *options);

/* The mean of each window, for each channel; the padding counts as zeros, or not at all.
 * Errors (kept by the graph): as of cairn_conv(). */
CAIRN_API cairn_tensor cairn_average_pool(cairn_tensor x, cairn_shape window,
                                          const cairn_conv_options *options, bool count_padding);

/* Spatial axes brought to `sizes`, as many numbers as there are such axes:
 *
 *   adaptive_average_pool   means of the elements floor(o in / out) .. ceil((o + 1) in / out) - 1
 *   resize_nearest          element floor(o in / out)
 *   resize_linear           between the two nearest of the centres i + 1/2, along each axis
 *
 * These and cairn_average_pool() multiply each axis by a constant matrix [out, in].
 * Errors (kept by the graph): CAIRN_ERR_SHAPE when x is not f32 [N, 1 to 3 sizes, C] or sizes are
 * not positive. */
CAIRN_API cairn_tensor cairn_adaptive_average_pool(cairn_tensor x, cairn_shape sizes);
CAIRN_API cairn_tensor cairn_resize_nearest(cairn_tensor x, cairn_shape sizes);
CAIRN_API cairn_tensor cairn_resize_linear(cairn_tensor x, cairn_shape sizes);

/* Over all axes but the last of x [.., C], M elements each: [2, C], the mean and the variance
 * (divided by M), the latter from differences to the mean. Sums are cut by the shape. */
CAIRN_API cairn_tensor cairn_moments(cairn_tensor x);

/* Over all axes but the last: [2, C], the sums of x and of x (y - centre). x, y: [.., C]; centre:
 * [C]. */
CAIRN_API cairn_tensor cairn_centred_sums(cairn_tensor x, cairn_tensor y, cairn_tensor centre);

/* (x - mean) / sqrt(variance + epsilon) * scale + offset, with the mean and variance of x over all
 * axes but the last. x: [.., C]; scale, offset: [C].
 * Source: Ioffe and Szegedy 2015, algorithm 1. arXiv:1502.03167 */
CAIRN_API cairn_tensor cairn_batch_normalize(cairn_tensor x, cairn_tensor scale,
                                             cairn_tensor offset, double epsilon);

/* ---- recurrent layers --------------------------------------------------------------------------
 *
 * A step takes gx [B, G H], what the input adds to the G gates of H units, and the state of the
 * step before, h' and c':
 *
 *     lstm   i, f, g, o = gx + h' W          c = f c' + i g          h = o tanh(c)
 *     cifg      f, g, o = gx + h' W          c = f c' + (1 - f) g    h = o tanh(c)
 *     gru    r, z = gx + h' W + b, n = gx + r (h' W + b)             h = (1 - z) n + z h'
 *
 * g and n pass tanh, the other gates the sigmoid; gates are blocks of H columns in this order.
 *
 * weight  [H, G H]; for a GRU [H + 1, G H], whose last row is b
 * state   [2, B, H], h and then c; for a GRU [1, B, H]
 *
 * Sources: Hochreiter and Schmidhuber 1997, Gers et al. 2000 (forget gate); Greff et al. 2017,
 * arXiv:1503.04069 (coupled input and forget gate, CIFG); Cho et al. 2014, arXiv:1406.1078, here
 * with the reset gate behind the product. */
#define CAIRN_RECURRENT_KINDS(X)                                                                   \
    X(lstm, "input, forget and output gate")                                                       \
    X(cifg, "LSTM whose input gate is one less the forget gate")                                   \
    X(gru, "gated recurrent unit")

typedef enum cairn_recurrent_kind {
#define CAIRN_X(name, text) CAIRN_RECURRENT_##name,
    CAIRN_RECURRENT_KINDS(CAIRN_X)
#undef CAIRN_X
    CAIRN_N_RECURRENT_KINDS
} cairn_recurrent_kind;

/* All T steps. gx: [T, B, G H]; start: the state before the first step. Returns h [T, B, H]; last:
 * the state behind the last step, or NULL. There are first derivatives only.
 * Errors (kept by the graph): CAIRN_ERR_SHAPE when operands do not fit or T, B or H is 0;
 * CAIRN_ERR_STATE when second derivatives are asked for. */
CAIRN_API cairn_tensor cairn_recurrent(cairn_recurrent_kind kind, cairn_tensor gx,
                                       cairn_tensor weight, cairn_tensor start,
                                       cairn_tensor *last);

/* One step from `state`, made of other operations, so that it has all derivatives: the new state,
 * whose first [B, H] is h. gx: [B, G H]. */
CAIRN_API cairn_tensor cairn_recurrent_cell(cairn_recurrent_kind kind, cairn_tensor gx,
                                            cairn_tensor weight, cairn_tensor state);

/* ---- 8. moving data -------------------------------------------------------------------------- */

/* Same elements in the same order. One size may be -1: it follows from the others. */
CAIRN_API cairn_tensor cairn_reshape(cairn_tensor x, cairn_shape shape);

/* Axis i of the result is axis order[i] of x. order: as many numbers as x has axes. */
CAIRN_API cairn_tensor cairn_transpose(cairn_tensor x, const int *order);

/* Exchanges the last two axes. */
CAIRN_API cairn_tensor cairn_transpose_last(cairn_tensor x);

/* Repeats axes of size 1 and adds leading ones until the shape is `shape`. */
CAIRN_API cairn_tensor cairn_broadcast(cairn_tensor x, cairn_shape shape);

/* An axis of size 1 put in at `axis`; an axis of size 1 taken out. */
CAIRN_API cairn_tensor cairn_unsqueeze(cairn_tensor x, int axis);
CAIRN_API cairn_tensor cairn_squeeze(cairn_tensor x, int axis);

/* `size` elements of one axis from `start`, every `stride`-th (at least 1). */
CAIRN_API cairn_tensor cairn_slice(cairn_tensor x, int axis, int64_t start, int64_t size,
                                   int64_t stride);
CAIRN_API cairn_tensor cairn_concat(const cairn_tensor *x, int n, int axis);

/* `before` and `after` elements equal to `value` around one axis. */
CAIRN_API cairn_tensor cairn_pad(cairn_tensor x, int axis, int64_t before, int64_t after,
                                 double value);
CAIRN_API cairn_tensor cairn_flip(cairn_tensor x, int axis);

/* ---- 9. indexing and ordering ---------------------------------------------------------------- */

/* Entries of x along one axis, picked by indices (i32, any shape): the axis is replaced by the axes
 * of `indices`. An index outside 0 .. size-1 gives zeros. */
CAIRN_API cairn_tensor cairn_gather(cairn_tensor x, cairn_tensor indices, int axis);

/* The transpose of gather: zeros of shape `shape`, with `updates` added at the indices. Indices
 * outside are dropped; equal ones are added in order. */
CAIRN_API cairn_tensor cairn_scatter_add(cairn_shape shape, cairn_tensor indices,
                                         cairn_tensor updates, int axis);

/* One index for each element: result[..i..] = x[..indices[..i..]..] along one axis. indices: i32
 * of x's shape but for that axis. */
CAIRN_API cairn_tensor cairn_gather_along(cairn_tensor x, cairn_tensor indices, int axis);
CAIRN_API cairn_tensor cairn_scatter_add_along(cairn_shape shape, cairn_tensor indices,
                                               cairn_tensor updates, int axis);

/* The order that sorts x along one axis (stable, NaN last): i32. */
CAIRN_API cairn_tensor cairn_argsort(cairn_tensor x, int axis, bool descending);
CAIRN_API cairn_tensor cairn_sort(cairn_tensor x, int axis, bool descending);

/* The k largest of one axis in falling order, and where they were (i32). Either may be NULL. */
CAIRN_API void cairn_top_k(cairn_tensor x, int64_t k, int axis, cairn_tensor *values,
                           cairn_tensor *indices);

/* Running sum along one axis; from the end with `reverse`; without the element itself with
 * `exclusive`. */
CAIRN_API cairn_tensor cairn_cumsum(cairn_tensor x, int axis, bool reverse, bool exclusive);

/* f32, one more axis of size `depth` at the end: 1 at the index, else 0. An index outside gives
 * zeros. indices: i32. */
CAIRN_API cairn_tensor cairn_one_hot(cairn_tensor indices, int64_t depth);

/* Places in queues of limited length, for routing tokens to experts (nn.h has cairn_moe()).
 *
 * choices   i32 [K, G, S]: the queue, 0 .. queues-1, that token s of group g joins by its k-th
 *           choice; one outside, say -1, joins none
 * order     i32 [G, S], the tokens of each group from first to last, or NULL: as they stand
 * capacity  places in each queue for each group
 *
 * All first choices of a group come before any second one. Returns i32 [K, G, S], each number once
 * at most: (queue G + g) capacity + place, or -1 where the queue is full or none was joined. */
CAIRN_API cairn_tensor cairn_queue(cairn_tensor choices, const cairn_tensor *order, int64_t queues,
                                   int64_t capacity);

/* Where each of the numbers 0 .. size-1 stands in indices (i32 [.., n]): its place along the last
 * axis, the last one's if there are several, or -1. i32 [size]. So the rows of x that stand at the
 * places of a queue are cairn_gather(x, cairn_inverse_index(places, all), 0), zeros where nobody
 * stands, and cairn_gather() by the places themselves brings them back. */
CAIRN_API cairn_tensor cairn_inverse_index(cairn_tensor indices, int64_t size);

/* ---- 10. attention and losses in one pass ---------------------------------------------------- */

typedef struct cairn_attention_options {
    bool causal;       /* query i sees the keys up to i + Tk - Tq: the last query sees all */
    double scale;      /* of the products; 0 is the usual 1 / sqrt(D) */
    cairn_tensor bias; /* added to the scaled products, f32, broadcast to [B,H,Tq,Tk]; -inf hides a
                        * key. graph == NULL: none */
} cairn_attention_options;

CAIRN_API cairn_attention_options cairn_attention_defaults(void);

/* softmax(scale q k^T + bias) v for each head, without the matrix of probabilities in memory:
 * neither this nor its gradient keeps more than some rows of it for each thread, and what is hidden
 * by `causal` is not computed.
 *
 * q        [B,Tq,H,D]
 * k, v     [B,Tk,Hkv,D]; Hkv divides H: heads h H/Hkv .. share the keys and values of head h
 * options  copied; NULL for the defaults
 *
 * Returns [B,Tq,H,D]. A query that sees no key gets zeros. The operands are copied together first;
 * cairn_self_attention() does without. The gradient of a bias takes memory for all pairs.
 * Source: Vaswani et al. 2017, section 3.2. arXiv:1706.03762; Ainslie et al. 2023.
 * arXiv:2305.13245 */
CAIRN_API cairn_tensor cairn_attention(cairn_tensor q, cairn_tensor k, cairn_tensor v,
                                       const cairn_attention_options *options);

/* The same of one operand [..,T,H + 2 Hkv,D] that holds the heads of queries, of keys and of values
 * side by side, as one product with the input makes them. The faster way: nothing is copied, and
 * the gradient is one array too. Returns [..,T,H,D]. */
CAIRN_API cairn_tensor cairn_self_attention(cairn_tensor qkv, int64_t heads, int64_t kv_heads,
                                            const cairn_attention_options *options);

/* Rotary positions: of the first `heads` heads of x [..,T,all heads,D] (D even), numbers d and
 * d + D/2 are turned by the angle (t + start) base^(-2 d / D) at position t; other heads are
 * copied. So products of turned queries and keys depend on their distance.
 * Source: Su et al. 2021, section 3.2. arXiv:2104.09864 */
CAIRN_API cairn_tensor cairn_rotary(cairn_tensor x, int64_t heads, int64_t start, double base);

/* Rows (along the last axis) with mean 0 and variance 1: (x - mean) / sqrt(variance + epsilon), the
 * variance that of the row itself. centre false: nothing is subtracted, and the mean of the squares
 * is the variance. x f32 [.., n]; epsilon >= 0.
 * Sources: Ba et al. 2016, arXiv:1607.06450; Zhang and Sennrich 2019, arXiv:1910.07467. */
CAIRN_API cairn_tensor cairn_standardize(cairn_tensor x, double epsilon, bool centre);

/* Cross-entropy of softmax(logits) with class indices, in nats, without probabilities in memory:
 *
 *   lse - (1 - smoothing) z[label] - smoothing mean(z) + z_loss lse^2,   lse = log(sum of exp(z))
 *
 * logits     f32 [..,classes]
 * labels     i32 [..]; a row whose label is outside 0 .. classes-1, say -1, is ignored: its loss
 *            and gradient are 0
 * smoothing  share of the target that is spread over all classes, 0 <= smoothing < 1
 * z_loss     weight of lse^2, which keeps logits from drifting; at least 0
 *
 * Returns f32 [..]. Source: Szegedy et al. 2016, section 7. arXiv:1512.00567; Chowdhery et al.
 * 2022, section 5. arXiv:2204.02311 */
CAIRN_API cairn_tensor cairn_softmax_cross_entropy(cairn_tensor logits, cairn_tensor labels,
                                                   double smoothing, double z_loss);

/* ---- 11. outputs and updates ----------------------------------------------------------------- */

/* Makes x readable after each run under `name` (without scope). */
CAIRN_API void cairn_output(cairn_tensor x, const char *name);

/* At the end of each run with updates the variable behind `variable` (what cairn_parameter() or
 * cairn_state() returned) takes the value of `value`; within the run all readers see the old one.
 * A second assignment to one variable is an error. */
CAIRN_API void cairn_assign(cairn_tensor variable, cairn_tensor value);

/* The same in a named set of updates, which an ordinary program leaves out: cairn_compile_updates()
 * makes a program of each set. For what is renewed now and then, such as the preconditioner of an
 * optimiser; "" is the set of cairn_assign(). Each set may assign a variable once. */
CAIRN_API void cairn_assign_in(const char *set, cairn_tensor variable, cairn_tensor value);

/* Gradient accumulation. A step takes its batch in `parts` equal parts (at least 1), so that what a
 * step keeps in memory shrinks with the part, and the update is that of the whole batch: gradients
 * are means over the parts. To be called before anything is built. Then
 *
 *     all parts but the last   are runs of the program that cairn_compile_updates() makes of the
 *                              set CAIRN_ACCUMULATE: optimisers add their gradients up there
 *     the last                 is a run of the ordinary program: it adds its own gradients,
 *                              updates, and begins anew
 *
 * Each part has random values of its own. Scalar outputs are those of a part; the loop takes their
 * means. Statistics over a batch (batch norm) are those of a part. cairn_kfac() and
 * cairn_locoprop() need the whole batch and refuse. */
#define CAIRN_ACCUMULATE "accumulate"
CAIRN_API void cairn_graph_accumulate(cairn_graph *graph, int64_t parts);

/* cairn_assign(), and the same in the other parts of gradient accumulation: for what follows all
 * data that is seen, such as running statistics. */
CAIRN_API void cairn_assign_each(cairn_tensor variable, cairn_tensor value);

/* ---- 12. variables --------------------------------------------------------------------------- */

/* The variables of a graph in the order of creation; borrowed, valid as long as the graph and no
 * variable is added. */
CAIRN_API int cairn_graph_variables(const cairn_graph *graph, cairn_variable *const **variables);
CAIRN_API cairn_variable *cairn_graph_variable(const cairn_graph *graph, const char *full_name);

/* The trainable ones as tensors: at most `most` are written; returns how many there are. */
CAIRN_API int cairn_graph_parameters(cairn_graph *graph, cairn_tensor *tensors, int most);

CAIRN_API const char *cairn_variable_name(const cairn_variable *variable);
CAIRN_API cairn_shape cairn_variable_shape(const cairn_variable *variable);
CAIRN_API cairn_dtype cairn_variable_dtype(const cairn_variable *variable);
CAIRN_API bool cairn_variable_trainable(const cairn_variable *variable);

/* Copies all elements out or in. bytes: exactly the variable's size.
 * Errors: CAIRN_ERR_SHAPE when `bytes` differs. */
CAIRN_API bool cairn_variable_read(const cairn_variable *variable, void *data, size_t bytes,
                                   cairn_status *status);
CAIRN_API bool cairn_variable_write(cairn_variable *variable, const void *data, size_t bytes,
                                    cairn_status *status);

#ifdef __cplusplus
}
#endif

#endif
