/* The list of optimisers, their options, and the short form of each. */
#include <math.h>
#include <string.h>

#include "optim/rule.h"

static const cairn__rule *const rules[] = {
#define CAIRN_RULE(name) &cairn__rule_##name,
#include "optim/rules.def"
#undef CAIRN_RULE
};

static const cairn_optimizer *const optimizers[] = {
#define CAIRN_RULE(name) &cairn__rule_##name.about,
#include "optim/rules.def"
#undef CAIRN_RULE
    &cairn__kfac_about,
};

/* ---- finding --------------------------------------------------------------------------------- */

int cairn_optimizers(const cairn_optimizer *const **list)
{
    if (list)
        *list = optimizers;
    return (int)CAIRN__COUNT(optimizers);
}

/* `n` of the optimisers are candidates: K-FAC, the last, has no rule. */
static int find(const char *name, size_t n, cairn_status *status)
{
    const char *names[CAIRN__COUNT(optimizers)];
    if (!cairn_ok(status))
        return -1;
    for (size_t i = 0; i < n; i++) {
        names[i] = optimizers[i]->name;
        if (strcmp(names[i], name) == 0)
            return (int)i;
    }
    const char *nearest = cairn__nearest(name, names, n);
    for (size_t i = n; i < CAIRN__COUNT(optimizers); i++) {
        if (strcmp(optimizers[i]->name, name) != 0)
            continue;
        cairn__fail(status, CAIRN_ERR_STATE, "optimizer '%s' works on layers: see cairn_%s()", name,
                    name);
        return -1;
    }
    cairn__fail(status, CAIRN_ERR_NAME, "unknown optimizer '%s'%s%s%s", name,
                nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return -1;
}

const cairn_optimizer *cairn_optimizer_find(const char *name, cairn_status *status)
{
    int i = find(name, CAIRN__COUNT(optimizers), status);
    return i < 0 ? NULL : optimizers[i];
}

const cairn__rule *cairn__rule_find(const char *name, cairn_status *status)
{
    int i = find(name, CAIRN__COUNT(rules), status);
    return i < 0 ? NULL : rules[i];
}

/* ---- options --------------------------------------------------------------------------------- */

static bool number_fits(const cairn_option *row, double value)
{
    return value >= row->from && value <= row->to; /* NaN fits nowhere */
}

static bool choice_fits(const cairn_option *row, int value)
{
    for (int i = 0; row->choices[i]; i++)
        if (i == value)
            return true;
    return false;
}

static bool row_fits(const cairn_option *row, const void *options)
{
    const void *at = (const char *)options + row->offset;
    switch (row->kind) {
    case CAIRN_OPTION_REAL: return number_fits(row, *(const double *)at);
    case CAIRN_OPTION_BYTES:
    case CAIRN_OPTION_COUNT: return number_fits(row, (double)*(const int64_t *)at);
    case CAIRN_OPTION_SPAN: return number_fits(row, ((const cairn_span *)at)->amount);
    case CAIRN_OPTION_CHOICE: return choice_fits(row, *(const int *)at);
    default: return true;
    }
}

bool cairn__check_options(cairn_graph *g, const char *who, const cairn_option *table,
                          const void *options)
{
    for (const cairn_option *row = table; row->kind; row++) {
        if (row_fits(row, options))
            continue;
        if (row->kind == CAIRN_OPTION_CHOICE)
            return cairn__graph_fail(g, CAIRN_ERR_VALUE, "%s: %s is none of its choices", who,
                                     row->name);
        char text[64];
        cairn_option_text(row, options, text, sizeof text);
        return cairn__graph_fail(g, CAIRN_ERR_VALUE, "%s: %s is %s, expected %g to %g", who,
                                 row->name, text, row->from, row->to);
    }
    return true;
}

int64_t cairn_refresh_interval(const char *name, const void *options)
{
    _Alignas(max_align_t) char defaults[CAIRN__RULE_OPTIONS_SIZE];
    const cairn_optimizer *optimizer = cairn_optimizer_find(name, NULL);
    if (!optimizer)
        return 0;
    if (!options)
        cairn_options_defaults(optimizer->options, defaults);
    if (optimizer == &cairn__kfac_about)
        return cairn__kfac_interval(options ? options : defaults);
    const cairn__rule *rule = cairn__rule_find(name, NULL);
    return rule->interval ? rule->interval(options ? options : defaults) : 0;
}

/* ---- the short form of each ------------------------------------------------------------------ */

static void minimize(cairn_graph *g, cairn_tensor loss, const char *name, const void *options)
{
    if (loss.graph == g)
        cairn_minimize(loss, name, options, NULL);
    else
        cairn__graph_fail(g, CAIRN_ERR_STATE, "%s: the loss belongs to another graph", name);
}

#define CAIRN_RULE(name)                                                                           \
    _Static_assert(sizeof(cairn_##name##_options) <= CAIRN__RULE_OPTIONS_SIZE, #name);             \
    cairn_##name##_options cairn_##name##_defaults(void)                                           \
    {                                                                                              \
        cairn_##name##_options options;                                                            \
        cairn_options_defaults(cairn__rule_##name.about.options, &options);                        \
        return options;                                                                            \
    }                                                                                              \
    void cairn_##name(cairn_graph *g, cairn_tensor loss, const cairn_##name##_options *options)    \
    {                                                                                              \
        minimize(g, loss, #name, options);                                                         \
    }
#include "optim/rules.def"
#undef CAIRN_RULE
