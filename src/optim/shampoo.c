/* Shampoo: a gradient matrix between inverse roots of the sums of its outer products.
 *
 *     g [rows, columns]  ──pad, cut──>  blocks [nr, nc, br, bc]
 *     l [nr, nc, br, br], r [nr, nc, bc, bc]: one pair for each block, handled as a batch
 *
 * Blocks of one axis are equal, so the last may stick out over the edge. There the gradient is 0,
 * so l and r are block diagonal and the rest of the block is as if it were cut out.
 *
 * The roots are eigendecompositions, by far the dearest part: with root_interval > 1 they are
 * states of the set "refresh". */
#include "optim/rule.h"

enum { GRAFT_NONE, GRAFT_SGD, GRAFT_ADAGRAD, GRAFT_RMSPROP };
static const char *const grafts[] = {"none", "sgd", "adagrad", "rmsprop", NULL};

static const cairn_option table[] = {
    CAIRN_OPT_REAL(cairn_shampoo_options, learning_rate, 0.01, 0, 1e6, "step size", ""),
    CAIRN_OPT_REAL(cairn_shampoo_options, momentum, 0.9, 0, 1, "decay of the sum of steps",
                   "Gupta et al. 2018, section 5"),
    CAIRN_OPT_REAL(cairn_shampoo_options, beta2, 1, 0, 1,
                   "decay of the outer products, 1 for plain sums", "algorithm 1"),
    CAIRN_OPT_REAL(cairn_shampoo_options, epsilon, 1e-6, 1e-30, 1e6,
                   "added to the diagonal before a root", ""),
    CAIRN_OPT_COUNT(cairn_shampoo_options, block_size, 1024, 1, 65536,
                    "largest side of a preconditioner", "Anil et al. 2020"),
    CAIRN_OPT_COUNT(cairn_shampoo_options, root_interval, 1, 1, 1e9,
                    "steps between roots; above 1 the loop must run the refresh program",
                    "Anil et al. 2020"),
    CAIRN_OPT_COUNT(cairn_shampoo_options, start_step, 5, 0, 1e9,
                    "steps of the grafted optimizer alone at the start", "Anil et al. 2020"),
    CAIRN_OPT_CHOICE(cairn_shampoo_options, graft, GRAFT_RMSPROP, grafts,
                     "optimizer whose step gives the norm", "Anil et al. 2020"),
    CAIRN_OPT_REAL(cairn_shampoo_options, graft_decay, 0.9, 0, 1,
                   "decay of the mean square of rmsprop", ""),
    CAIRN_OPT_REAL(cairn_shampoo_options, graft_epsilon, 1e-8, 1e-30, 1,
                   "added to the mean of squares, or the first sum of squares", ""),
    CAIRN_OPT_END,
};

/* ---- blocks ---------------------------------------------------------------------------------- */

typedef struct blocks {
    int64_t rows, columns; /* of the matrix */
    int64_t nr, nc;        /* how many blocks */
    int64_t br, bc;        /* rows and columns of one */
    bool matrix;           /* false: a vector, without r */
} blocks;

static blocks cut(const cairn_shampoo_options *o, cairn_shape shape)
{
    blocks b = {.columns = 1, .matrix = shape.rank >= 2};
    if (b.matrix)
        b.columns = CAIRN__MAX(shape.size[shape.rank - 1], (int64_t)1);
    b.rows = CAIRN__MAX(cairn_shape_count(shape) / b.columns, (int64_t)1);
    b.nr = (b.rows + o->block_size - 1) / o->block_size;
    b.nc = (b.columns + o->block_size - 1) / o->block_size;
    b.br = (b.rows + b.nr - 1) / b.nr;
    b.bc = (b.columns + b.nc - 1) / b.nc;
    return b;
}

static const int exchange[] = {0, 2, 1, 3};

static cairn_tensor to_blocks(cairn_tensor x, const blocks *b)
{
    x = cairn_reshape(x, CAIRN_SHAPE(b->rows, b->columns));
    x = cairn_pad(x, 0, 0, b->nr * b->br - b->rows, 0);
    x = cairn_pad(x, 1, 0, b->nc * b->bc - b->columns, 0);
    return cairn_transpose(cairn_reshape(x, CAIRN_SHAPE(b->nr, b->br, b->nc, b->bc)), exchange);
}

static cairn_tensor from_blocks(cairn_tensor x, const blocks *b, cairn_shape shape)
{
    x = cairn_reshape(cairn_transpose(x, exchange), CAIRN_SHAPE(b->nr * b->br, b->nc * b->bc));
    x = cairn_slice(x, 0, 0, b->rows, 1);
    x = cairn_slice(x, 1, 0, b->columns, 1);
    return cairn_reshape(x, shape);
}

/* ---- states ---------------------------------------------------------------------------------- */

/* Where each state is in the list, -1 for one that these options and this shape do not need. */
typedef struct slots {
    int l, r, root_l, root_r, squares, u, n;
} slots;

static slots find_slots(const cairn_shampoo_options *o, bool matrix)
{
    slots s = {0};
    s.l = s.n++;
    s.r = matrix ? s.n++ : -1;
    s.root_l = o->root_interval > 1 ? s.n++ : -1;
    s.root_r = o->root_interval > 1 && matrix ? s.n++ : -1;
    s.squares = o->graft >= GRAFT_ADAGRAD ? s.n++ : -1;
    s.u = o->momentum > 0 ? s.n++ : -1;
    return s;
}

static void add_square(cairn__rule_state *states, int slot, const char *name, const blocks *b,
                       int64_t side, cairn_init init)
{
    if (slot >= 0)
        states[slot] = (cairn__rule_state){name, CAIRN_SHAPE(b->nr, b->nc, side, side), init};
}

static int states(const void *options, cairn_shape shape, cairn__rule_state *states)
{
    const cairn_shampoo_options *o = options;
    const cairn_init one = {CAIRN_INIT_IDENTITY, 1};
    blocks b = cut(o, shape);
    slots s = find_slots(o, b.matrix);
    add_square(states, s.l, "shampoo_l", &b, b.br, CAIRN_ZEROS);
    add_square(states, s.r, "shampoo_r", &b, b.bc, CAIRN_ZEROS);
    add_square(states, s.root_l, "shampoo_root_l", &b, b.br, one);
    add_square(states, s.root_r, "shampoo_root_r", &b, b.bc, one);
    if (s.squares >= 0)
        states[s.squares] = cairn__state_like("shampoo_squares", shape,
                                              o->graft == GRAFT_ADAGRAD ? o->graft_epsilon : 0);
    if (s.u >= 0)
        states[s.u] = cairn__state_like("shampoo_u", shape, 0);
    return s.n;
}

/* ---- one step -------------------------------------------------------------------------------- */

static cairn_tensor accumulated(cairn_tensor old, cairn_tensor product, double beta2)
{
    return beta2 == 1 ? cairn_add(old, product) : cairn__average(old, product, beta2);
}

/* (x + epsilon I)^(-1/p). The sum has no eigenvalue below epsilon but for rounding errors, which
 * the second epsilon makes harmless. */
static cairn_tensor root(cairn_tensor x, int p, double epsilon)
{
    cairn_shape shape = cairn_tensor_shape(x);
    if (cairn__none(x))
        return x;
    cairn_tensor unit = cairn__identity(x.graph, shape.size[shape.rank - 1]);
    return cairn_inverse_root(cairn_add(x, cairn_scale(unit, epsilon)), p, epsilon);
}

/* The exponent is -1/(2k) for k axes: Gupta et al. 2018, algorithm 2. */
static int root_degree(const blocks *b)
{
    return b->matrix ? 4 : 2;
}

static cairn_tensor preconditioned(const cairn__rule_input *in, const blocks *b, const slots *s,
                                   cairn_tensor *next)
{
    const cairn_shampoo_options *o = in->options;
    cairn_tensor g = to_blocks(in->gradient, b), d;
    bool stored = s->root_l >= 0;
    int p = root_degree(b);
    next[s->l] = accumulated(in->state[s->l], cairn_matmul_transposed(g, false, g, true), o->beta2);
    d = cairn_matmul(stored ? in->state[s->root_l] : root(next[s->l], p, o->epsilon), g);
    if (b->matrix) {
        next[s->r] =
            accumulated(in->state[s->r], cairn_matmul_transposed(g, true, g, false), o->beta2);
        d = cairn_matmul(d, stored ? in->state[s->root_r] : root(next[s->r], p, o->epsilon));
    }
    return from_blocks(d, b, cairn_tensor_shape(in->gradient));
}

/* The step that the grafted optimizer would take, without its rate. */
static cairn_tensor grafted(const cairn__rule_input *in, const slots *s, cairn_tensor *next)
{
    const cairn_shampoo_options *o = in->options;
    cairn_tensor g = in->gradient, squares = cairn_square(g);
    if (o->graft < GRAFT_ADAGRAD)
        return g;
    if (o->graft == GRAFT_ADAGRAD) {
        next[s->squares] = cairn_add(in->state[s->squares], squares);
        return cairn_div(g, cairn_sqrt(next[s->squares]));
    }
    next[s->squares] = cairn__average(in->state[s->squares], squares, o->graft_decay);
    return cairn_div(g, cairn_sqrt(cairn_add_scalar(next[s->squares], o->graft_epsilon)));
}

/* d with the norm of s; where d is 0 so is the gradient, and it stays. */
static cairn_tensor with_norm(cairn_tensor d, cairn_tensor s)
{
    return cairn_mul(d, cairn__trust(cairn__norm(s), cairn__norm(d)));
}

static cairn_tensor apply(const cairn__rule_input *in, cairn_tensor *next)
{
    const cairn_shampoo_options *o = in->options;
    blocks b = cut(o, cairn_tensor_shape(in->value));
    slots s = find_slots(o, b.matrix);
    cairn_tensor d = preconditioned(in, &b, &s, next), plain = grafted(in, &s, next);
    if (o->graft != GRAFT_NONE)
        d = with_norm(d, plain);
    cairn_tensor late = cairn_greater(in->t, cairn_scalar(d.graph, (double)o->start_step));
    cairn_tensor u = o->start_step > 0 ? cairn_select(late, d, plain) : d;
    if (s.u >= 0)
        u = next[s.u] = cairn_add(cairn_scale(in->state[s.u], o->momentum), u);
    return cairn__descend(in->value, in->rate, u);
}

/* ---- refresh --------------------------------------------------------------------------------- */

static int64_t interval(const void *options)
{
    const cairn_shampoo_options *o = options;
    return o->root_interval > 1 ? o->root_interval : 0;
}

static void refresh(const void *options, cairn_shape shape, const cairn_tensor *state,
                    cairn_tensor *next)
{
    const cairn_shampoo_options *o = options;
    blocks b = cut(o, shape);
    slots s = find_slots(o, b.matrix);
    next[s.root_l] = root(state[s.l], root_degree(&b), o->epsilon);
    if (b.matrix)
        next[s.root_r] = root(state[s.r], root_degree(&b), o->epsilon);
}

const cairn__rule cairn__rule_shampoo = {
    .about = {"shampoo", "gradients between inverse roots of the sums of their outer products",
              "Gupta, Koren, Singer 2018; Anil et al. 2020", table, sizeof(cairn_shampoo_options),
              false},
    .states = states,
    .apply = apply,
    .refresh = refresh,
    .interval = interval,
};
