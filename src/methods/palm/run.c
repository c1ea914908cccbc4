/* A language model on token shards: options, model, problem. */
#include "methods/palm/run.h"

#include "cairn/loss.h"
#include "graph/graph.h"
#include "methods/layers.h"

/* ---- options --------------------------------------------------------------------------------- */

#define T cairn__palm_training
static const cairn_option training_table[] = {
    CAIRN_OPT_COUNT(T, context, 128, 1, 1 << 20, "tokens that one window predicts",
                    "section 5: 2048"),
    CAIRN_OPT_TEXT(T, optimizer, "adafactor", "any optimiser that does not work on layers", ""),
    CAIRN_OPT_TEXT(T, optimizer_options, "factored=false,momentum=0.9,rate_decay=true",
                   "options of the optimiser: name=value,name=value", "section 5"),
    CAIRN_OPT_REAL(T, clip, 1, 0, 1e30, "largest norm of all gradients together, 0 for no limit",
                   "section 5"),
    CAIRN_OPT_REAL(T, peak, 0, 0, 1e30,
                   "FLOPs a second of the machine, for MFU and HFU; 0: those of a large product, "
                   "measured",
                   "section 4.1"),
    CAIRN_OPT_END,
};
#undef T

const cairn__method_section cairn__palm_sections[] = {
    {"model", cairn_palm_table, offsetof(cairn__palm_run, model)},
    {"training", training_table, offsetof(cairn__palm_run, training)},
    {NULL, NULL, 0},
};

cairn__palm_run cairn__palm_run_defaults(void)
{
    cairn__palm_run run = {.model = {.vocabulary = 0}};
    for (const cairn__method_section *s = cairn__palm_sections; s->name; s++)
        cairn_options_defaults(s->table, (char *)&run + s->offset);
    return run;
}

bool cairn__palm_run_check(const void *options, const cairn_dataset *data, cairn_status *status)
{
    const cairn__palm_run *run = options;
    cairn__optimizer_values o;
    (void)data;
    if (run->model.head_size % 2 != 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "head_size: %lld, expected an even number: its numbers are turned in "
                           "pairs",
                           (long long)run->model.head_size);
    const cairn_optimizer *optimizer = cairn__optimizer_read(
        run->training.optimizer, run->training.optimizer_options, &o, status);
    return optimizer && (!optimizer->layers ||
                         cairn__fail(status, CAIRN_ERR_VALUE,
                                     "optimizer: %s works on dense layers; take another one",
                                     optimizer->name));
}

/* ---- the problem ----------------------------------------------------------------------------- */

static cairn_palm_options model_of(const cairn__palm_run *run, const cairn_build *b)
{
    cairn_palm_options o = run->model;
    o.vocabulary = cairn_tokens_about(b->tokens->shards[0]).vocabulary;
    return o;
}

/* Logits [B,T,vocabulary] of the first T tokens, and the T that follow them. */
static cairn_tensor logits_of(const cairn__palm_run *run, cairn_graph *g, const cairn_build *b,
                              cairn_tensor *next)
{
    int64_t length = b->tokens->length;
    cairn_palm_options o = model_of(run, b);
    cairn_tensor tokens = cairn_input(g, "tokens", CAIRN_I32, CAIRN_SHAPE(b->batch, length + 1));
    *next = cairn_slice(tokens, 1, 1, length, 1);
    return cairn_palm(cairn_slice(tokens, 1, 0, length, 1), &o);
}

static bool reads_tokens(cairn_graph *g, const cairn_build *b)
{
    return b->tokens ||
           cairn__graph_fail(g, CAIRN_ERR_STATE, "palm: the run reads a data set, expected tokens");
}

static void build(const void *user, cairn_graph *g, const cairn_build *b)
{
    const cairn__palm_run *run = user;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_update_options update = cairn_update_defaults();
    cairn__optimizer_values o;
    cairn_tensor next;
    if (!reads_tokens(g, b))
        return;
    cairn_tensor logits = logits_of(run, g, b, &next);
    cairn_palm_loss loss = cairn_palm_losses(logits, next, run->model.z_loss);
    cairn_output(loss.cross_entropy, "loss");
    cairn_output(loss.z, "z_loss");
    cairn_output(loss.log_z, "log_z");
    update.clip_norm = run->training.clip;
    cairn_update_resolve(&update, b->total_steps, b->steps_per_epoch, b->batch);
    const cairn_optimizer *optimizer = cairn__optimizer_read(
        run->training.optimizer, run->training.optimizer_options, &o, &status);
    if (!optimizer)
        cairn__graph_fail(g, status.code, "%s", status.message);
    else
        cairn_minimize(loss.total, optimizer->name, &o, &update);
}

/* Means over the tokens of each window. */
static void build_evaluation(const void *user, cairn_graph *g, const cairn_build *b)
{
    cairn_tensor next;
    if (!reads_tokens(g, b))
        return;
    cairn_tensor logits = logits_of(user, g, b, &next);
    cairn_tensor losses = cairn_softmax_cross_entropy(logits, next, 0, 0);
    cairn_output(cairn_reduce_mean(losses, CAIRN_AXIS(1), false), "loss");
    cairn_output(cairn_reduce_mean(cairn_correct(logits, next), CAIRN_AXIS(1), false),
                 "accuracy");
}

/* The gradient of attention computes its probabilities again, the rest is kept: r = 0, a = 1. What
 * a limit of memory (--memory) makes the compiler add is not counted. */
static int speed(const void *user, const cairn_build *b, double windows_per_second,
                 cairn_figure *figures)
{
    const cairn__palm_run *run = user;
    double tokens = windows_per_second * (double)b->tokens->length;
    double peak = run->training.peak > 0 ? run->training.peak : b->peak;
    cairn_palm_options o = model_of(run, b);
    cairn_palm_work w = cairn_palm_work_of(&o, b->tokens->length, 0, 1);
    figures[0] = (cairn_figure){"tokens_per_second", tokens};
    figures[1] = (cairn_figure){"mfu", cairn_palm_utilisation(w.model, tokens, peak)};
    figures[2] = (cairn_figure){"hfu", cairn_palm_utilisation(w.hardware, tokens, peak)};
    return 3;
}

void cairn__palm_run_problem(const void *user, cairn_problem *problem)
{
    *problem = (cairn_problem){.user = user,
                               .build = build,
                               .build_evaluation = build_evaluation,
                               .speed = speed};
}
