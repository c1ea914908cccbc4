/* From a loss to assignments: gradients, clipping, decay, and one call of a rule per parameter. */
#include <stdio.h>
#include <string.h>

#include "cairn/autodiff.h"
#include "optim/rule.h"

/* ---- parameters and their states ------------------------------------------------------------- */

const char *cairn__parameter_name(cairn_tensor parameter)
{
    const cairn_node *n = cairn__get(parameter);
    if (!n)
        return NULL;
    if (n->op != &cairn__op_variable) {
        cairn__graph_fail(parameter.graph, CAIRN_ERR_STATE,
                          "minimize: a result of %s is no parameter", n->op->name);
        return NULL;
    }
    return ((const cairn_variable *)n->at.data)->name;
}

cairn_tensor cairn__parameter_state(cairn_tensor parameter, const char *name, cairn_shape shape,
                                    cairn_init init)
{
    cairn_graph *g = parameter.graph;
    const char *of = cairn__parameter_name(parameter);
    const char *full = of ? cairn__arena_text(&g->arena, &g->status, "%s/%s", of, name) : NULL;
    if (!full)
        return parameter;
    const char *scope = g->scope;
    g->scope = ""; /* the parameter's name has its scope in it */
    cairn_tensor state = cairn_state(g, full, CAIRN_F32, shape, init);
    g->scope = scope;
    return state;
}

int cairn__rule_variables(const cairn__rule *rule, const void *options, cairn_tensor parameter,
                          cairn_tensor *state)
{
    cairn__rule_state list[CAIRN__RULE_STATES];
    int n = rule->states ? rule->states(options, cairn_tensor_shape(parameter), list) : 0;
    for (int i = 0; i < n; i++)
        state[i] = cairn__parameter_state(parameter, list[i].name, list[i].shape, list[i].init);
    return n;
}

cairn_tensor cairn__step_number(cairn_graph *g)
{
    return cairn_add_scalar(cairn_cast(cairn_step(g), CAIRN_F32), 1);
}

/* ---- gradients ------------------------------------------------------------------------------- */

cairn_tensor cairn_global_norm(const cairn_tensor *x, int n)
{
    cairn_tensor total = cairn_sum(cairn_square(x[0]));
    for (int i = 1; i < n; i++)
        total = cairn_add(total, cairn_sum(cairn_square(x[i])));
    return cairn_sqrt(total);
}

static void clip(cairn_tensor *gradients, int n, const cairn_update_options *o)
{
    cairn_graph *g = gradients[0].graph;
    for (int i = 0; o->clip_value > 0 && i < n; i++)
        gradients[i] = cairn_minimum(cairn_maximum(gradients[i], cairn_scalar(g, -o->clip_value)),
                                     cairn_scalar(g, o->clip_value));
    if (o->clip_norm == 0)
        return;
    /* norm / norm is exactly 1, so gradients below the limit keep their bits. */
    cairn_tensor limit = cairn_scalar(g, o->clip_norm);
    cairn_tensor scale = cairn_div(limit, cairn_maximum(cairn_global_norm(gradients, n), limit));
    for (int i = 0; i < n; i++)
        gradients[i] = cairn_mul(gradients[i], scale);
}

static bool decays(cairn_tensor parameter, const cairn_update_options *o)
{
    return o->weight_decay > 0 && (o->decay_vectors || cairn_tensor_shape(parameter).rank > 1);
}

void cairn__adjust_gradients(const cairn_tensor *parameters, cairn_tensor *gradients, int n,
                             const cairn_update_options *o)
{
    clip(gradients, n, o);
    for (int i = 0; !o->decoupled_decay && i < n; i++)
        if (decays(parameters[i], o))
            gradients[i] = cairn_add(gradients[i], cairn_scale(parameters[i], o->weight_decay));
}

cairn_tensor cairn__decayed(cairn_tensor value, cairn_tensor parameter, cairn_tensor rate,
                            const cairn_update_options *o)
{
    if (!o->decoupled_decay || !decays(parameter, o))
        return value;
    return cairn__descend(value, rate, cairn_scale(parameter, o->weight_decay));
}

/* ---- one parameter --------------------------------------------------------------------------- */

typedef struct update {
    const cairn__rule *rule;
    const void *options;
    cairn_update_options common;
    cairn_tensor rate, t;
} update;

static void assign_refresh(const update *u, cairn_tensor parameter, const cairn_tensor *state,
                           int n)
{
    cairn_tensor next[CAIRN__RULE_STATES] = {{NULL, 0}};
    u->rule->refresh(u->options, cairn_tensor_shape(parameter), state, next);
    for (int i = 0; i < n; i++)
        if (next[i].graph)
            cairn_assign_in(CAIRN_REFRESH, state[i], next[i]);
}

static void step(const update *u, cairn_tensor parameter, cairn_tensor gradient)
{
    cairn_tensor state[CAIRN__RULE_STATES], next[CAIRN__RULE_STATES] = {{NULL, 0}};
    int n = cairn__rule_variables(u->rule, u->options, parameter, state);
    cairn__rule_input in = {u->options, parameter, gradient, u->rate, u->t, state};
    cairn_tensor value = u->rule->apply(&in, next);
    cairn_assign(parameter, cairn__decayed(value, parameter, u->rate, &u->common));
    for (int i = 0; i < n; i++)
        if (next[i].graph)
            cairn_assign(state[i], next[i]);
    if (u->rule->interval && u->rule->interval(u->options) > 0)
        assign_refresh(u, parameter, state, n);
}

/* ---- the public calls ------------------------------------------------------------------------ */

/* Fills `u`, or leaves the graph in error. Options that are NULL are written to `defaults`. */
static bool prepare(cairn_graph *g, const char *name, const void *options, void *defaults,
                    const cairn_update_options *common, update *u)
{
    cairn_status status = CAIRN_STATUS_INIT;
    u->rule = cairn__rule_find(name, &status);
    if (!u->rule)
        return cairn__graph_fail(g, status.code, "%s", status.message);
    if (!options)
        cairn_options_defaults(u->rule->about.options, defaults);
    u->options = options ? options : defaults;
    u->common = common ? *common : cairn_update_defaults();
    if (!cairn__check_options(g, name, u->rule->about.options, u->options))
        return false;
    /* The first row of every rule's table is the learning rate. */
    u->rate = cairn_learning_rate(g, *(const double *)u->options, &u->common);
    u->t = cairn__step_number(g);
    return g->status.code == CAIRN_OK;
}

static bool shapes_fit(const cairn_tensor *parameters, const cairn_tensor *gradients, int n)
{
    char a[CAIRN_SHAPE_TEXT], b[CAIRN_SHAPE_TEXT];
    for (int i = 0; i < n; i++) {
        const char *name = cairn__parameter_name(parameters[i]);
        cairn_shape x = cairn_tensor_shape(parameters[i]), dx = cairn_tensor_shape(gradients[i]);
        if (!name)
            return false;
        if (!cairn_shape_equal(x, dx))
            return cairn__graph_fail(parameters[i].graph, CAIRN_ERR_SHAPE,
                                     "minimize: the gradient of '%s' is %s, expected %s", name,
                                     cairn_shape_text(dx, a), cairn_shape_text(x, b));
    }
    return true;
}

/* The mean gradient of a batch that comes in parts: each adds its share to a state, and the last
 * takes the sum. */
static void accumulate(const cairn_tensor *parameters, cairn_tensor *gradients, int n)
{
    cairn_graph *g = parameters[0].graph;
    cairn__part_number(g);
    for (int i = 0; i < n; i++) {
        const cairn_shape shape = cairn_tensor_shape(parameters[i]);
        cairn_tensor sum =
            cairn__parameter_state(parameters[i], "accumulated", shape, CAIRN_ZEROS);
        gradients[i] = cairn_add(sum, cairn_scale(gradients[i], 1 / (double)g->parts));
        cairn_assign_in(CAIRN_ACCUMULATE, sum, gradients[i]);
        cairn_assign(sum, cairn_fill(g, CAIRN_F32, shape, 0));
    }
}

void cairn_apply_gradients(const cairn_tensor *parameters, const cairn_tensor *gradients, int n,
                           const char *name, const void *options,
                           const cairn_update_options *common)
{
    _Alignas(max_align_t) char defaults[CAIRN__RULE_OPTIONS_SIZE];
    if (n < 1 || cairn__none(parameters[0]))
        return;
    cairn_graph *g = parameters[0].graph;
    update u;
    cairn_tensor *own = cairn__alloc((size_t)n, sizeof *own, &g->status);
    if (own && shapes_fit(parameters, gradients, n) &&
        prepare(g, name, options, defaults, common, &u)) {
        memcpy(own, gradients, (size_t)n * sizeof *own);
        if (cairn__in_parts(g))
            accumulate(parameters, own, n);
        cairn__adjust_gradients(parameters, own, n, &u.common);
        for (int i = 0; i < n; i++)
            step(&u, parameters[i], own[i]);
    }
    cairn__free(own);
}

void cairn_minimize_over(cairn_tensor loss, const cairn_tensor *parameters, int n, const char *name,
                         const void *options, const cairn_update_options *common)
{
    if (cairn__none(loss))
        return;
    cairn_graph *g = loss.graph;
    if (n < 1) {
        cairn__graph_fail(g, CAIRN_ERR_STATE, "minimize: there is no parameter to change");
        return;
    }
    cairn_tensor *gradients = cairn__alloc((size_t)n, sizeof *gradients, &g->status);
    if (gradients) {
        cairn_gradients(loss, parameters, n, gradients);
        cairn_apply_gradients(parameters, gradients, n, name, options, common);
    }
    cairn__free(gradients);
}

/* Marks what a gradient of `loss` flows to. */
static void mark(const cairn_graph *g, int32_t loss, bool *reached)
{
    reached[loss] = true;
    for (int32_t i = loss; i >= 0; i--) {
        const cairn_node *n = g->nodes[i];
        for (int j = 0; reached[i] && n->op->gradient && j < n->inputs; j++)
            if (g->nodes[n->input[j]]->dtype == CAIRN_F32)
                reached[n->input[j]] = true;
    }
}

void cairn_minimize(cairn_tensor loss, const char *name, const void *options,
                    const cairn_update_options *common)
{
    if (cairn__none(loss))
        return;
    cairn_graph *g = loss.graph;
    int all = cairn_graph_parameters(g, NULL, 0), n = 0;
    cairn_tensor *parameters = cairn__alloc((size_t)all, sizeof *parameters, &g->status);
    bool *reached = cairn__alloc((size_t)g->n, sizeof *reached, &g->status);
    if (parameters && reached) {
        mark(g, loss.id, reached);
        cairn_graph_parameters(g, parameters, all);
        for (int i = 0; i < all; i++)
            if (reached[parameters[i].id])
                parameters[n++] = parameters[i];
        cairn_minimize_over(loss, parameters, n, name, options, common);
    }
    cairn__free(parameters);
    cairn__free(reached);
}
