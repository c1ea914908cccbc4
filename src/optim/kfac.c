/* K-FAC: the curvature of each dense layer as a Kronecker product of two small matrices.
 *
 *     x1 = [x, 1]  [B, in+1]   ->  A [in+1, in+1]      G = [dW; db]  [in+1, out]
 *     s            [B, out]    ->  S [out, out]        D = A^-1 G S^-1, both damped
 *
 * s comes from a second backward pass, for targets drawn from what the model predicts: with the
 * targets of the data the product would not be the Fisher matrix. */
#include <math.h>

#include "cairn/autodiff.h"
#include "optim/rule.h"

static const cairn_option table[] = {
    CAIRN_OPT_REAL(cairn_kfac_options, learning_rate, 1e-2, 0, 1e6, "step size", ""),
    CAIRN_OPT_REAL(cairn_kfac_options, momentum, 0.9, 0, 1, "decay of the sum of steps", ""),
    CAIRN_OPT_REAL(cairn_kfac_options, decay, 0.95, 0, 0.999999, "decay of the curvature",
                   "section 5"),
    CAIRN_OPT_REAL(cairn_kfac_options, damping, 1, 1e-12, 1e12,
                   "added to the curvature, split between the two factors", "section 6.3"),
    CAIRN_OPT_REAL(cairn_kfac_options, norm_constraint, 0, 0, 1e12,
                   "largest squared length of a step in terms of the curvature, 0 for no limit",
                   "Ba, Grosse, Martens 2017"),
    CAIRN_OPT_COUNT(cairn_kfac_options, inverse_interval, 1, 1, 1e9,
                    "steps between inverses; above 1 the loop must run the refresh program",
                    "section 8"),
    CAIRN_OPT_END,
};

const cairn_optimizer cairn__kfac_about = {
    "kfac",
    "curvature of each dense layer as a product of two small matrices",
    "Martens and Grosse 2015",
    table,
    sizeof(cairn_kfac_options),
    true};

/* One layer in the making. */
typedef struct factors {
    const cairn_dense *layer;
    cairn_tensor a, s;         /* running means after this step */
    cairn_tensor old_a, old_s; /* and before it: the states */
    cairn_tensor g, d;         /* gradient and direction, [in (+ 1), out] */
    cairn_tensor dz;           /* [B, out], of the sampled log-likelihood */
    cairn_tensor a_inverse, s_inverse;
} factors;

typedef struct step {
    cairn_kfac_options o;
    cairn_update_options common;
    cairn_tensor rate, t;
    factors *f;
    int n;
} step;

/* ---- the sampled gradient -------------------------------------------------------------------- */

/* The class with the largest z + Gumbel noise has the distribution softmax(z). The uniform value is
 * moved off 0, of which -log(-log) would be -infinity: 2^-25 is half of its resolution. */
static cairn_tensor sampled_class(cairn_tensor z)
{
    cairn_tensor u = cairn_random_uniform(z.graph, cairn_tensor_shape(z));
    cairn_tensor spacing = cairn_neg(cairn_log(cairn_add_scalar(u, ldexp(1, -25))));
    cairn_tensor winner = cairn_argmax(cairn_sub(z, cairn_log(spacing)), -1);
    cairn_shape shape = cairn_tensor_shape(z);
    return cairn_one_hot(winner, shape.rank ? shape.size[shape.rank - 1] : 1);
}

/* The gradient of -log p(target | z) with respect to z, mean less target, for a drawn target. */
static cairn_tensor sampled_gradient(cairn_tensor z, cairn_output_kind output)
{
    cairn_tensor mean;
    z = cairn_stop_gradient(z);
    switch (output) {
    case CAIRN_OUTPUT_BERNOULLI:
        mean = cairn_sigmoid(z);
        return cairn_sub(mean, cairn_random_bernoulli(mean));
    case CAIRN_OUTPUT_CATEGORICAL: return cairn_sub(cairn_softmax(z, -1), sampled_class(z));
    case CAIRN_OUTPUT_GAUSSIAN: break;
    }
    return cairn_random_normal(z.graph, cairn_tensor_shape(z));
}

static void backward(step *k, cairn_output_kind output)
{
    cairn_tensor last = k->f[k->n - 1].layer->z;
    cairn_tensor *z =
        cairn__arena_alloc(&last.graph->arena, 2 * (size_t)k->n, sizeof *z, &last.graph->status);
    if (!z)
        return;
    for (int i = 0; i < k->n; i++)
        z[i] = k->f[i].layer->z;
    cairn_gradients_from(last, sampled_gradient(last, output), z, k->n, z + k->n);
    for (int i = 0; i < k->n; i++)
        k->f[i].dz = z[k->n + i];
}

/* ---- factors --------------------------------------------------------------------------------- */

static bool has_bias(const cairn_dense *layer)
{
    return layer->bias.graph != NULL;
}

static cairn_tensor with_ones(const cairn_dense *layer)
{
    cairn_shape shape = cairn_tensor_shape(layer->x);
    if (!has_bias(layer))
        return layer->x;
    cairn_tensor ones = cairn_fill(layer->x.graph, CAIRN_F32, CAIRN_SHAPE(shape.size[0], 1), 1);
    return cairn_concat((cairn_tensor[]){layer->x, ones}, 2, 1);
}

/* E[rows^T rows] joined to the running mean, whose share e = min(1 - 1/t, decay) makes the first
 * steps a plain mean: Martens and Grosse 2015, section 5. */
static cairn_tensor moment(const step *k, cairn_tensor weight, const char *name, cairn_tensor rows,
                           cairn_tensor *old)
{
    cairn_shape shape = cairn_tensor_shape(rows);
    int64_t batch = CAIRN__MAX(shape.size[0], (int64_t)1), n = shape.size[1];
    cairn_tensor now = cairn_matmul_transposed(rows, true, rows, false);
    *old = cairn__parameter_state(weight, name, CAIRN_SHAPE(n, n), CAIRN_ZEROS);
    cairn_tensor least = cairn_scalar(now.graph, 1 - k->o.decay);
    cairn_tensor share = cairn_maximum(cairn_reciprocal(k->t), least);
    now = cairn_scale(now, 1 / (double)batch);
    cairn_tensor mean = cairn_add(*old, cairn_mul(share, cairn_sub(now, *old)));
    cairn_assign(*old, mean);
    return mean;
}

static cairn_tensor mean_diagonal(cairn_tensor x, cairn_tensor unit)
{
    return cairn_scale(cairn_sum(cairn_mul(x, unit)), 1 / (double)cairn_tensor_shape(x).size[0]);
}

static cairn_tensor damped_inverse(cairn_tensor x, cairn_tensor unit, cairn_tensor damping)
{
    return cairn_solve_positive(cairn_add(x, cairn_mul(unit, damping)), unit);
}

/* The damping goes to the factors in the proportion q of their mean eigenvalues: Martens and Grosse
 * 2015, section 6.3. A dead layer has S = 0 or A = 0; the bound keeps q finite, where any will do.
 */
void cairn__kfac_inverses(cairn_tensor a, cairn_tensor s, double damping, cairn_tensor *a_inverse,
                          cairn_tensor *s_inverse)
{
    cairn_graph *g = a.graph;
    cairn_tensor unit_a = cairn__identity(g, cairn_tensor_shape(a).size[0]);
    cairn_tensor unit_s = cairn__identity(g, cairn_tensor_shape(s).size[0]);
    cairn_tensor tiny = cairn_scalar(g, 1e-15), root = cairn_scalar(g, sqrt(damping));
    cairn_tensor of_a = cairn_maximum(mean_diagonal(a, unit_a), tiny);
    cairn_tensor of_s = cairn_maximum(mean_diagonal(s, unit_s), tiny);
    cairn_tensor q = cairn_sqrt(cairn_div(of_a, of_s));
    *a_inverse = damped_inverse(a, unit_a, cairn_mul(q, root));
    *s_inverse = damped_inverse(s, unit_s, cairn_div(root, q));
}

/* A stored inverse: zeros at first, renewed from the stored mean by the refresh program. */
static cairn_tensor stored(cairn_tensor weight, const char *name, cairn_tensor like)
{
    return cairn__parameter_state(weight, name, cairn_tensor_shape(like), CAIRN_ZEROS);
}

static void find_inverses(const step *k, factors *f)
{
    cairn_tensor weight = f->layer->weight, a, s;
    if (k->o.inverse_interval == 1) {
        cairn__kfac_inverses(f->a, f->s, k->o.damping, &f->a_inverse, &f->s_inverse);
        return;
    }
    f->a_inverse = stored(weight, "kfac_a_inverse", f->a);
    f->s_inverse = stored(weight, "kfac_s_inverse", f->s);
    if (cairn__none(f->s_inverse))
        return;
    cairn__kfac_inverses(f->old_a, f->old_s, k->o.damping, &a, &s);
    cairn_assign_in(CAIRN_REFRESH, f->a_inverse, a);
    cairn_assign_in(CAIRN_REFRESH, f->s_inverse, s);
}

static void measure(const step *k, factors *f)
{
    f->a = moment(k, f->layer->weight, "kfac_a", with_ones(f->layer), &f->old_a);
    f->s = moment(k, f->layer->weight, "kfac_s", f->dz, &f->old_s);
    find_inverses(k, f);
    f->d = cairn_matmul(cairn_matmul(f->a_inverse, f->g), f->s_inverse);
}

/* ---- gradients and updates ------------------------------------------------------------------- */

/* The gradients of all layers, clipped together, each with the bias as its last row. */
static void gradients(step *k, cairn_tensor loss)
{
    cairn_graph *g = loss.graph;
    cairn_tensor *x = cairn__arena_alloc(&g->arena, 4 * (size_t)k->n, sizeof *x, &g->status);
    int n = 0;
    if (!x)
        return;
    cairn_tensor *dx = x + 2 * k->n;
    for (int i = 0; i < k->n; i++) {
        x[n++] = k->f[i].layer->weight;
        if (has_bias(k->f[i].layer))
            x[n++] = k->f[i].layer->bias;
    }
    cairn_gradients(loss, x, n, dx);
    if (g->status.code != CAIRN_OK)
        return;
    cairn__adjust_gradients(x, dx, n, &k->common);
    for (int i = 0, at = 0; i < k->n; i++) {
        k->f[i].g = dx[at++];
        if (has_bias(k->f[i].layer))
            k->f[i].g =
                cairn_concat((cairn_tensor[]){k->f[i].g, cairn_unsqueeze(dx[at++], 0)}, 2, 0);
    }
}

/* min(1, sqrt(c / (rate^2 sum of <D, G>))). <D, G> is a positive form of G but for coupled decay
 * and rounding; below the bound there is nothing to limit. */
static void constrain(step *k)
{
    if (k->o.norm_constraint == 0)
        return;
    cairn_graph *g = k->rate.graph;
    cairn_tensor total = cairn_scalar(g, 0), one = cairn_scalar(g, 1);
    for (int i = 0; i < k->n; i++)
        total = cairn_add(total, cairn_sum(cairn_mul(k->f[i].d, k->f[i].g)));
    cairn_tensor length = cairn_mul(cairn_square(k->rate), total);
    length = cairn_maximum(length, cairn_scalar(g, k->o.norm_constraint));
    cairn_tensor factor = cairn_sqrt(cairn_div(cairn_scalar(g, k->o.norm_constraint), length));
    for (int i = 0; i < k->n; i++)
        k->f[i].d = cairn_mul(k->f[i].d, cairn_minimum(factor, one));
}

static void move(const step *k, cairn_tensor parameter, cairn_tensor d)
{
    cairn_shape shape = cairn_tensor_shape(parameter);
    cairn_tensor old = cairn__parameter_state(parameter, "kfac_u", shape, CAIRN_ZEROS);
    cairn_tensor u = cairn_add(cairn_scale(old, k->o.momentum), cairn_reshape(d, shape));
    cairn_tensor value = cairn__descend(parameter, k->rate, u);
    cairn_assign(old, u);
    cairn_assign(parameter, cairn__decayed(value, parameter, k->rate, &k->common));
}

static void update(const step *k, const factors *f)
{
    int64_t in = cairn_tensor_shape(f->layer->weight).size[0];
    if (cairn__none(f->d))
        return;
    move(k, f->layer->weight, cairn_slice(f->d, 0, 0, in, 1));
    if (has_bias(f->layer))
        move(k, f->layer->bias, cairn_slice(f->d, 0, in, 1, 1));
}

/* ---- public ---------------------------------------------------------------------------------- */

cairn_kfac_options cairn_kfac_defaults(void)
{
    cairn_kfac_options options;
    cairn_options_defaults(table, &options);
    return options;
}

int64_t cairn__kfac_interval(const void *options)
{
    const cairn_kfac_options *o = options;
    return o->inverse_interval > 1 ? o->inverse_interval : 0;
}

static void build(step *k, cairn_tensor loss, cairn_output_kind output)
{
    k->rate = cairn_learning_rate(loss.graph, k->o.learning_rate, &k->common);
    k->t = cairn__step_number(loss.graph);
    gradients(k, loss);
    backward(k, output);
    for (int i = 0; i < k->n && loss.graph->status.code == CAIRN_OK; i++)
        measure(k, &k->f[i]);
    constrain(k);
    for (int i = 0; i < k->n; i++)
        update(k, &k->f[i]);
}

void cairn_kfac(cairn_graph *g, cairn_tensor loss, const cairn_dense *layers, int n,
                cairn_output_kind output, const cairn_kfac_options *options,
                const cairn_update_options *common)
{
    step k = {.o = options ? *options : cairn_kfac_defaults(),
              .common = common ? *common : cairn_update_defaults(),
              .n = n};
    if (cairn__none(loss) || !cairn__check_options(g, "kfac", table, &k.o) ||
        !cairn__refuse_parts(g, "kfac"))
        return;
    if (n < 1 || loss.graph != g || output < CAIRN_OUTPUT_BERNOULLI ||
        output > CAIRN_OUTPUT_GAUSSIAN) {
        cairn__graph_fail(g, CAIRN_ERR_SHAPE,
                          "kfac: expected at least one layer, a loss of this graph and a kind of "
                          "output");
        return;
    }
    k.f = cairn__arena_alloc(&g->arena, (size_t)n, sizeof *k.f, &g->status);
    for (int i = 0; k.f && i < n; i++)
        k.f[i].layer = &layers[i];
    if (k.f)
        build(&k, loss, output);
}
