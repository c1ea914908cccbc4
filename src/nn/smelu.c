/* SmeLU, the smooth ReLU, and its asymmetric form: see nn.h. */
#include <math.h>

#include "cairn/nn.h"
#include "graph/graph.h"

cairn_gsmelu_options cairn_gsmelu_defaults(void)
{
    return (cairn_gsmelu_options){.alpha = 1, .beta = 1, .g_plus = 1};
}

cairn_tensor cairn_smelu(cairn_tensor x, double beta)
{
    if (cairn__none(x))
        return x;
    if (!(beta >= 0 && isfinite(beta))) {
        cairn__graph_fail(x.graph, CAIRN_ERR_VALUE,
                          "smelu: beta %g, expected a half-width from 0 (which is ReLU)", beta);
        return x;
    }
    return beta == 0 ? cairn_relu(x) : cairn_smooth_relu(x, cairn_scalar(x.graph, beta));
}

cairn_tensor cairn_gsmelu_of(cairn_tensor x, cairn_tensor alpha, cairn_tensor beta,
                             cairn_tensor g_minus, cairn_tensor g_plus, cairn_tensor t)
{
    cairn_tensor width = cairn_scale(cairn_add(alpha, beta), 0.5);
    cairn_tensor middle = cairn_scale(cairn_sub(beta, alpha), 0.5);
    cairn_tensor line = cairn_add(t, cairn_mul(g_minus, cairn_add(x, alpha)));
    cairn_tensor bend = cairn_smooth_relu(cairn_sub(x, middle), width);
    return cairn_add(line, cairn_mul(cairn_sub(g_plus, g_minus), bend));
}

static bool widths_are_good(cairn_graph *g, const cairn_gsmelu_options *o, double above)
{
    bool good = o->alpha >= above && o->beta >= above && isfinite(o->alpha + o->beta) &&
                o->alpha + o->beta > 0 && isfinite(o->g_minus + o->g_plus + o->t);
    if (!good)
        cairn__graph_fail(g, CAIRN_ERR_VALUE,
                          "gsmelu: alpha %g, beta %g, slopes %g and %g, t %g; expected finite "
                          "numbers with widths from %g, not both 0",
                          o->alpha, o->beta, o->g_minus, o->g_plus, o->t, above);
    return good;
}

cairn_tensor cairn_gsmelu(cairn_tensor x, const cairn_gsmelu_options *options)
{
    cairn_gsmelu_options o = options ? *options : cairn_gsmelu_defaults();
    if (cairn__none(x) || !widths_are_good(x.graph, &o, 0))
        return x;
    return cairn_gsmelu_of(x, cairn_scalar(x.graph, o.alpha), cairn_scalar(x.graph, o.beta),
                           cairn_scalar(x.graph, o.g_minus), cairn_scalar(x.graph, o.g_plus),
                           cairn_scalar(x.graph, o.t));
}

static cairn_tensor number(cairn_graph *g, const char *name, double start)
{
    return cairn_parameter(g, name, CAIRN_SCALAR, (cairn_init){CAIRN_INIT_CONSTANT, start});
}

/* floor + softplus(raw), with raw such that it starts at `start`: log(exp(y) - 1), written so that
 * exp() cannot overflow. */
static cairn_tensor width(cairn_graph *g, const char *name, double start)
{
    double y = start - CAIRN_GSMELU_FLOOR;
    cairn_tensor raw = number(g, name, y + log(-expm1(-y)));
    return cairn_add_scalar(cairn_softplus(raw), CAIRN_GSMELU_FLOOR);
}

cairn_tensor cairn_gsmelu_layer(cairn_tensor x, const char *name, const cairn_gsmelu_options *start)
{
    cairn_gsmelu_options o = start ? *start : cairn_gsmelu_defaults();
    if (cairn__none(x) || !widths_are_good(x.graph, &o, 1.001 * CAIRN_GSMELU_FLOOR))
        return x;
    cairn_graph *g = x.graph;
    cairn_scope_push(g, name);
    cairn_tensor alpha = width(g, "alpha", o.alpha), beta = width(g, "beta", o.beta);
    cairn_tensor g_minus = number(g, "g_minus", o.g_minus), g_plus = number(g, "g_plus", o.g_plus);
    x = cairn_gsmelu_of(x, alpha, beta, g_minus, g_plus, number(g, "t", o.t));
    cairn_scope_pop(g);
    return x;
}
