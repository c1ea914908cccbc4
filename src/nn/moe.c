/* Mixture of experts: routing, and feed-forward blocks as products with an axis of experts.
 *
 *     logits [G,S,E] -> choices [k,G,S] -> places [k,G,S] -> token at each place [E G C]
 *     x [T,D] -> gather: [E, G C, D] -> experts -> gather: [T,D] for each choice, times its gate */
#include <math.h>

#include "nn/moe.h"
#include "nn/nn.h"

const char *const cairn_moe_gates_names[] = {
#define CAIRN_X(name, text) #name,
    CAIRN_MOE_GATES(CAIRN_X)
#undef CAIRN_X
        NULL,
};

cairn_moe_options cairn_moe_defaults(int64_t experts)
{
    const cairn_init normal = {CAIRN_INIT_NORMAL, 0.02};
    return (cairn_moe_options){.experts = experts,
                               .choices = 2,
                               .capacity_factor = 1.25,
                               .capacity_multiple = 1,
                               .gates = CAIRN_MOE_GATES_normalised,
                               .activation = {CAIRN_ACTIVATION_gelu, 0},
                               .router_init = normal,
                               .init = normal,
                               .output_init = normal};
}

/* ---- options --------------------------------------------------------------------------------- */

/* Places of an expert in a group; no more than there are tokens, since none comes twice. */
static int64_t capacity(const cairn_moe_options *o, int64_t S, int k)
{
    if (o->capacity_factor == 0)
        return S;
    double wanted = ceil(o->capacity_factor * k * (double)S / (double)o->experts);
    wanted = ceil(wanted / (double)o->capacity_multiple) * (double)o->capacity_multiple;
    return wanted < (double)S ? (int64_t)wanted : S;
}

static bool fits(cairn_tensor x, const char *name, const cairn_moe_options *o)
{
    char text[CAIRN_SHAPE_TEXT];
    const cairn_shape s = cairn_tensor_shape(x);
    if (cairn__none(x))
        return false;
    if (s.rank < 2 || cairn_shape_count(s) == 0 || cairn_tensor_dtype(x) != CAIRN_F32)
        return cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE,
                                 "experts '%s': input %s, expected f32 [.., D]", name,
                                 cairn_shape_text(s, text));
    const int64_t tokens = cairn_shape_count(s) / s.size[s.rank - 1];
    if (o->group < 0 || (o->group > 0 && tokens % o->group != 0))
        return cairn__graph_fail(x.graph, CAIRN_ERR_VALUE,
                                 "experts '%s': groups of %lld for %lld tokens; expected a divisor",
                                 name, (long long)o->group, (long long)tokens);
    if (!o->valid.graph)
        return true;
    const cairn_shape valid = cairn_tensor_shape(o->valid);
    return (cairn_tensor_dtype(o->valid) == CAIRN_BOOL && cairn_shape_count(valid) == tokens) ||
           cairn__graph_fail(x.graph, CAIRN_ERR_SHAPE,
                             "experts '%s': valid tokens are %s %s, expected bool, %lld of them",
                             name, cairn_dtype_name(cairn_tensor_dtype(o->valid)),
                             cairn_shape_text(valid, text), (long long)tokens);
}

static bool sensible(cairn_tensor x, const char *name, const cairn_moe_options *o)
{
    if (o->experts < 1 || o->hidden < 0 || o->choices < 1 || o->choices > CAIRN_MOE_CHOICES)
        return cairn__graph_fail(x.graph, CAIRN_ERR_VALUE,
                                 "experts '%s': %lld experts of %lld units, %d choices; expected "
                                 "at least 1, and 1 to %d choices",
                                 name, (long long)o->experts, (long long)o->hidden, o->choices,
                                 CAIRN_MOE_CHOICES);
    if (!(o->capacity_factor >= 0) || isinf(o->capacity_factor) || o->capacity_multiple < 1)
        return cairn__graph_fail(x.graph, CAIRN_ERR_VALUE,
                                 "experts '%s': capacity factor %g in multiples of %lld; expected "
                                 "0 or more, of 1 or more",
                                 name, o->capacity_factor, (long long)o->capacity_multiple);
    return (o->noise >= 0 && o->second_threshold >= 0 && (unsigned)o->gates < CAIRN_N_MOE_GATES) ||
           cairn__graph_fail(x.graph, CAIRN_ERR_VALUE,
                             "experts '%s': noise %g, threshold %g, gates %d; expected 0 or more, "
                             "and one of %d kinds",
                             name, o->noise, o->second_threshold, (int)o->gates,
                             (int)CAIRN_N_MOE_GATES);
}

/* ---- routing --------------------------------------------------------------------------------- */

/* The largest not yet taken, for each choice; where it is, and its probability [G, S, 1]. */
static void choose(cairn__routing *r, cairn_tensor p)
{
    cairn_tensor number = cairn_iota(p.graph, CAIRN_I32, CAIRN_SHAPE(r->E), 0), left = p;
    for (int j = 0; j < r->k; j++) {
        r->choice[j] = cairn_argmax(left, -1);
        r->taken[j] = cairn_equal(number, cairn_unsqueeze(r->choice[j], -1));
        left = cairn_select(r->taken[j], cairn_scalar(p.graph, -1), left);
        r->gate[j] = cairn_reduce_sum(cairn_select(r->taken[j], p, cairn_scalar(p.graph, 0)),
                                      CAIRN_AXIS(2), true);
    }
}

/* Divided by their sum, with the small number of GShard against 0. */
static void normalise(cairn__routing *r)
{
    cairn_tensor sum = r->gate[0];
    for (int j = 1; j < r->k; j++)
        sum = cairn_add(sum, r->gate[j]);
    for (int j = 0; j < r->k; j++)
        r->gate[j] = cairn_div(r->gate[j], cairn_add_scalar(sum, 1e-9));
}

static cairn_tensor none_unless(cairn_tensor condition, cairn_tensor choice)
{
    cairn_tensor none = cairn_fill(choice.graph, CAIRN_I32, CAIRN_SCALAR, -1);
    return cairn_select(condition, choice, none);
}

/* The choices that stand, [k, G, S]. */
static cairn_tensor standing(cairn__routing *r, const cairn_moe_options *o)
{
    cairn_tensor rows[CAIRN_MOE_CHOICES];
    const cairn_shape tokens = CAIRN_SHAPE(r->G, r->S);
    for (int j = 0; j < r->k; j++) {
        cairn_tensor choice = r->choice[j];
        if (j > 0 && o->second_threshold > 0) {
            cairn_tensor gate = cairn_reshape(r->gate[j], tokens);
            cairn_tensor drawn =
                cairn_scale(cairn_random_uniform(choice.graph, tokens), o->second_threshold);
            choice = none_unless(cairn_less(drawn, gate), choice);
        }
        if (r->valid.graph)
            choice = none_unless(r->valid, choice);
        rows[j] = cairn_unsqueeze(choice, 0);
    }
    return cairn_concat(rows, r->k, 0);
}

/* Tokens by falling largest probability; those that do not count come last. */
static cairn_tensor by_priority(const cairn__routing *r, cairn_tensor p)
{
    cairn_tensor most = cairn_reduce_max(p, CAIRN_AXIS(2), false);
    if (r->valid.graph)
        most = cairn_select(r->valid, most, cairn_scalar(p.graph, -1));
    return cairn_argsort(most, 1, true);
}

/* 1 for each choice with a place, [G, S, 1]. */
static cairn_tensor with_place(const cairn__routing *r, cairn_tensor places, int j)
{
    cairn_tensor place = cairn_slice(places, 0, j, 1, 1);
    cairn_tensor zero = cairn_fill(places.graph, CAIRN_I32, CAIRN_SCALAR, 0);
    place = cairn_cast(cairn_greater_equal(place, zero), CAIRN_F32);
    return cairn_reshape(place, CAIRN_SHAPE(r->G, r->S, 1));
}

static void route(cairn__routing *r, cairn_moe *moe, cairn_tensor rows, const cairn_moe_options *o)
{
    cairn_tensor logits = cairn__project(rows, r->E, "router", false, o->router_init);
    moe->logits = cairn_reshape(logits, CAIRN_SHAPE(r->G, r->S, r->E));
    moe->probabilities = cairn_softmax(moe->logits, 2);
    r->noisy = moe->logits;
    cairn_tensor p = moe->probabilities;
    if (o->noise > 0) {
        cairn_tensor noise = cairn_random_normal(rows.graph, CAIRN_SHAPE(r->G, r->S, r->E));
        r->noisy = cairn_add(moe->logits, cairn_scale(noise, o->noise));
        p = cairn_softmax(r->noisy, 2);
    }
    choose(r, p);
    if (o->gates == CAIRN_MOE_GATES_normalised)
        normalise(r);
    moe->choices = standing(r, o);
    cairn_tensor order = o->by_priority ? by_priority(r, p) : moe->choices;
    moe->places = cairn_queue(moe->choices, o->by_priority ? &order : NULL, r->E, moe->capacity);
    for (int j = 0; j < r->k && o->gates == CAIRN_MOE_GATES_kept; j++)
        r->gate[j] = cairn_mul(r->gate[j], with_place(r, moe->places, j));
    if (o->gates == CAIRN_MOE_GATES_kept)
        normalise(r);
}

/* ---- the experts ----------------------------------------------------------------------------- */

/* x [E, n, in] times a matrix for each expert. A single one is a dense layer, to the bit. */
static cairn_tensor project(cairn_tensor x, int64_t units, const char *name, bool bias,
                            cairn_init init)
{
    const cairn_shape s = cairn_tensor_shape(x);
    if (cairn__none(x))
        return x;
    cairn_scope_push(x.graph, name);
    cairn_tensor y = cairn_matmul(
        x, cairn_parameter(x.graph, "weight", CAIRN_SHAPE(s.size[0], s.size[2], units), init));
    if (bias)
        y = cairn_add(
            y, cairn_parameter(x.graph, "bias", CAIRN_SHAPE(s.size[0], 1, units), CAIRN_ZEROS));
    cairn_scope_pop(x.graph);
    return y;
}

static cairn_tensor experts(cairn_tensor x, int64_t D, const cairn_moe_options *o)
{
    const int64_t hidden = o->hidden ? o->hidden : 4 * D;
    cairn_tensor h = project(x, (o->gated ? 2 : 1) * hidden, "hidden", o->bias, o->init);
    if (o->gated)
        h = cairn_mul(cairn_activate(cairn_slice(h, -1, 0, hidden, 1), o->activation),
                      cairn_slice(h, -1, hidden, hidden, 1));
    else
        h = cairn_activate(h, o->activation);
    return project(h, D, "output", o->bias, o->output_init);
}

/* Rows to the places of the experts, and back: of each choice, times its gate. */
static cairn_tensor apply(const cairn__routing *r, const cairn_moe *moe, cairn_tensor rows,
                          const cairn_moe_options *o)
{
    const int64_t D = cairn_tensor_shape(rows).size[1], T = r->G * r->S;
    const int64_t all = r->E * r->G * moe->capacity;
    cairn_tensor flat = cairn_reshape(moe->places, CAIRN_SHAPE(r->k, T));
    cairn_tensor x = cairn_gather(rows, cairn_inverse_index(flat, all), 0), sum = rows;
    x = cairn_reshape(x, CAIRN_SHAPE(r->E, all / r->E, D));
    cairn_tensor y = cairn_reshape(experts(x, D, o), CAIRN_SHAPE(all, D));
    for (int j = 0; j < r->k; j++) {
        cairn_tensor place = cairn_reshape(cairn_slice(flat, 0, j, 1, 1), CAIRN_SHAPE(T));
        cairn_tensor part =
            cairn_mul(cairn_gather(y, place, 0), cairn_reshape(r->gate[j], CAIRN_SHAPE(T, 1)));
        sum = j ? cairn_add(sum, part) : part;
    }
    return sum;
}

/* ---- reports --------------------------------------------------------------------------------- */

static cairn_tensor gates(const cairn__routing *r)
{
    cairn_tensor rows[CAIRN_MOE_CHOICES];
    for (int j = 0; j < r->k; j++)
        rows[j] = cairn_reshape(r->gate[j], CAIRN_SHAPE(1, r->G, r->S));
    return cairn_concat(rows, r->k, 0);
}

/* Tokens at each expert by the mean load; shares of choices that have no place. */
static void count(const cairn__routing *r, cairn_moe *moe)
{
    cairn_tensor load = moe->output, share[CAIRN_MOE_CHOICES];
    cairn_tensor n = cairn__tokens(r, moe->output.graph); /* [G, 1] */
    n = cairn_reduce_sum(n, CAIRN_ALL_AXES, false);
    for (int j = 0; j < r->k; j++) {
        cairn_tensor kept = with_place(r, moe->places, j);
        cairn_tensor here = cairn_mul(cairn_cast(r->taken[j], CAIRN_F32), kept);
        here = cairn_reduce_sum(here, CAIRN_AXIS(0) | CAIRN_AXIS(1), false);
        load = j ? cairn_add(load, here) : here;
        cairn_tensor zero = cairn_fill(n.graph, CAIRN_I32, CAIRN_SCALAR, 0);
        cairn_tensor made = cairn_greater_equal(cairn_slice(moe->choices, 0, j, 1, 1), zero);
        made = cairn_maximum(cairn_sum(cairn_cast(made, CAIRN_F32)), cairn_scalar(n.graph, 1));
        share[j] = cairn_reshape(
            cairn_sub(cairn_scalar(n.graph, 1), cairn_div(cairn_sum(kept), made)), CAIRN_SHAPE(1));
    }
    load = cairn_div(cairn_scale(load, (double)r->E / r->k), n);
    moe->load = cairn_stop_gradient(load);
    moe->dropped = cairn_stop_gradient(cairn_concat(share, r->k, 0));
}

/* ---- the layer ------------------------------------------------------------------------------- */

cairn_moe cairn_moe_layer(cairn_tensor x, const char *name, const cairn_moe_options *o)
{
    const cairn_shape s = cairn_tensor_shape(x);
    cairn_moe moe = {.output = x,
                     .logits = x,
                     .probabilities = x,
                     .choices = x,
                     .places = x,
                     .gates = x,
                     .balance = x,
                     .z = x,
                     .importance = x,
                     .spread = x,
                     .load = x,
                     .dropped = x};
    if (!fits(x, name, o) || !sensible(x, name, o))
        return moe;
    const int64_t T = cairn_shape_count(s) / s.size[s.rank - 1];
    cairn__routing r = {.E = o->experts, .k = (int)CAIRN__MIN((int64_t)o->choices, o->experts)};
    r.S = o->group ? o->group : T;
    r.G = T / r.S;
    moe.capacity = capacity(o, r.S, r.k);
    if (o->valid.graph)
        r.valid = cairn_reshape(o->valid, CAIRN_SHAPE(r.G, r.S));
    cairn_scope_push(x.graph, name);
    cairn_tensor rows = cairn__as_rows(x);
    route(&r, &moe, rows, o);
    moe.output = cairn_reshape(apply(&r, &moe, rows, o), s);
    cairn_scope_pop(x.graph);
    if (cairn__none(moe.output))
        return moe;
    moe.gates = gates(&r);
    cairn__moe_losses(&r, &moe, o->noise);
    count(&r, &moe);
    return moe;
}
