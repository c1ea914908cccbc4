/* What an optimiser is inside: a record with a pure function.
 *
 *     options ─┐
 *     value    │
 *     gradient ├─> apply() ─> new value, new states    (nodes of the graph; nothing is assigned)
 *     rate, t  │
 *     states  ─┘
 *
 * Pure, so that a method may unroll several steps of a rule inside one step of training and assign
 * only what the last of them returns. cairn_apply_gradients() calls it once and assigns the
 * results.
 *
 * A rule is one file with one or a few records, and one line in rules.def for each. */
#ifndef CAIRN_SRC_OPTIM_RULE_H
#define CAIRN_SRC_OPTIM_RULE_H

#include "cairn/optim.h"
#include "graph/graph.h"

enum { CAIRN__RULE_STATES = 8, CAIRN__RULE_OPTIONS_SIZE = 512 };

/* One tensor that a rule keeps for one parameter. */
typedef struct cairn__rule_state {
    const char *name; /* "adam_m": rule and letter */
    cairn_shape shape;
    cairn_init init;
} cairn__rule_state;

/* What one step of one parameter is computed from. */
typedef struct cairn__rule_input {
    const void *options;
    cairn_tensor value, gradient; /* of one shape, f32 */
    cairn_tensor rate;            /* f32 scalar */
    cairn_tensor t;               /* f32 scalar: 1 in the first step */
    const cairn_tensor *state;    /* in the order of states() */
} cairn__rule_input;

typedef struct cairn__rule {
    cairn_optimizer about;

    /* Fills `states` (room for CAIRN__RULE_STATES) for a parameter of `shape` and returns how many
     * there are. NULL: none. */
    int (*states)(const void *options, cairn_shape shape, cairn__rule_state *states);

    /* Returns the new value; next[i] becomes the new value of state i, or keeps graph NULL for a
     * state that this step leaves alone. */
    cairn_tensor (*apply)(const cairn__rule_input *in, cairn_tensor *next);

    /* For states that are renewed every `interval` steps only, by a program of their own: fills
     * next[i] from the current states, or leaves graph NULL. Either both or neither is NULL; an
     * interval of 0 says that these options need no refresh. */
    void (*refresh)(const void *options, cairn_shape shape, const cairn_tensor *state,
                    cairn_tensor *next);
    int64_t (*interval)(const void *options);
} cairn__rule;

#define CAIRN_RULE(name) extern const cairn__rule cairn__rule_##name;
#include "optim/rules.def"
#undef CAIRN_RULE

/* K-FAC has no rule: it looks at layers. It is only in the list. */
extern const cairn_optimizer cairn__kfac_about;
int64_t cairn__kfac_interval(const void *options);

/* The rule called `name`. NULL with CAIRN_ERR_NAME; the sentence offers the nearest name. */
const cairn__rule *cairn__rule_find(const char *name, cairn_status *status);

/* Checks `options` against the rows of `table`: CAIRN_ERR_VALUE, kept by the graph, for a value out
 * of range. `who` begins the sentence. */
bool cairn__check_options(cairn_graph *g, const char *who, const cairn_option *table,
                          const void *options);

/* The states of `parameter` as variables PARAMETER/NAME, whatever the current scope. state: room
 * for CAIRN__RULE_STATES. Returns how many. */
int cairn__rule_variables(const cairn__rule *rule, const void *options, cairn_tensor parameter,
                          cairn_tensor *state);

/* The name of the variable behind a parameter, with scope; NULL (and the graph in error) for a
 * tensor that is no variable. */
const char *cairn__parameter_name(cairn_tensor parameter);

/* The state NAME of `parameter`: the variable PARAMETER/NAME, whatever the current scope. */
cairn_tensor cairn__parameter_state(cairn_tensor parameter, const char *name, cairn_shape shape,
                                    cairn_init init);

/* What is done to gradients before any rule sees them: clipping, then coupled weight decay. */
void cairn__adjust_gradients(const cairn_tensor *parameters, cairn_tensor *gradients, int n,
                             const cairn_update_options *common);

/* `value`, the new one of `parameter`, less the decoupled weight decay. */
cairn_tensor cairn__decayed(cairn_tensor value, cairn_tensor parameter, cairn_tensor rate,
                            const cairn_update_options *common);

/* The number of the step in f32: 1 in the first. */
cairn_tensor cairn__step_number(cairn_graph *g);

/* ---- formulas that several rules share ------------------------------------------------------- */

/* decay * old + (1 - decay) * x */
cairn_tensor cairn__average(cairn_tensor old, cairn_tensor x, double decay);

/* value - factor * direction */
cairn_tensor cairn__descend(cairn_tensor value, cairn_tensor factor, cairn_tensor direction);

/* The Euclidean norm of all elements, scalar. */
cairn_tensor cairn__norm(cairn_tensor x);

/* a / b, or 1 where one of the two is 0: the ratios by which LARS and LAMB trust a step. */
cairn_tensor cairn__trust(cairn_tensor a, cairn_tensor b);

/* The root of the mean square of all elements, scalar. */
cairn_tensor cairn__rms(cairn_tensor x);

/* The direction of Adam, m and v corrected for their start at 0; next[0], next[1]: the new m and v.
 */
cairn_tensor cairn__adam_direction(const cairn__rule_input *in, double beta1, double beta2,
                                   double epsilon, cairn_tensor *next);

/* The damped inverses of the two curvature factors of K-FAC: see cairn_kfac(). */
void cairn__kfac_inverses(cairn_tensor a, cairn_tensor s, double damping, cairn_tensor *a_inverse,
                          cairn_tensor *s_inverse);

/* Fills a state of the parameter's own shape. */
cairn__rule_state cairn__state_like(const char *name, cairn_shape shape, double first);

#endif
