/* Making a trainer, and what is asked of one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cairn/optim.h"
#include "data/data.h"
#include "graph/graph.h"
#include "train/train.h"

/* ---- what was given
 * ------------------------------------------------------------------------------- */

static bool take_setup(cairn_trainer *t, const cairn_train_setup *setup, cairn_status *status)
{
    t->problem = *setup->problem;
    t->options = setup->options ? *setup->options : cairn_train_defaults();
    t->data = setup->data;
    if (setup->tokens)
        t->tokens = *setup->tokens;
    t->sections = setup->sections;
    t->resumed = setup->resume;
    t->evaluated = t->checkpointed = -1;
    t->loss = NAN;
    t->judge.factor = t->options.spike_factor;
    snprintf(t->title, sizeof t->title, "%s", setup->title ? setup->title : "Training");
    const char *directory = setup->directory ? setup->directory : "";
    size_t length = strlen(directory);
    if (length >= sizeof t->directory)
        return cairn__fail(status, CAIRN_ERR_FILE, "the path of the run has %zu bytes, at most %zu",
                           length, sizeof t->directory - 1);
    while (length > 1 && directory[length - 1] == '/')
        length--;
    memcpy(t->directory, directory, length);
    if (t->resumed && !length)
        return cairn__fail(status, CAIRN_ERR_STATE, "to resume, a run directory is needed");
    if (t->options.bad_loss == CAIRN_BAD_LOSS_REWIND && !length)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "bad_loss: 'rewind' needs a run directory for its checkpoints");
    if (!cairn__options_check(cairn_train_table, &t->options, status))
        return false;
    const int64_t batch = t->options.batch, parts = t->options.accumulate;
    return batch % parts == 0 ||
           cairn__fail(status, CAIRN_ERR_VALUE,
                       "accumulate: %lld parts of a batch of %lld, expected a divisor of it",
                       (long long)parts, (long long)batch);
}

/* ---- data
 * ----------------------------------------------------------------------------------------- */

static bool make_source(cairn_trainer *t, cairn_status *status)
{
    cairn_loader_options options = cairn_loader_defaults();
    options.batch = t->options.batch;
    options.seed = t->options.order_seed >= 0 ? t->options.order_seed : t->options.seed;
    options.window = t->options.shuffle_window;
    options.rows_seed = t->options.sum_seed;
    options.drop_last = true; /* a program has one batch size */
    return cairn__source_open(&t->source, t->data, cairn__trainer_tokens(t), CAIRN_SPLIT_TRAIN,
                              &options, status);
}

static bool resolve_spans(cairn_trainer *t, cairn_status *status)
{
    int64_t batch = t->options.batch, epoch = cairn__source_batches(&t->source);
    if (t->options.length.unit == CAIRN_PERCENT)
        return cairn__fail(status, CAIRN_ERR_VALUE, "length: a share of the run's own length");
    int64_t total = cairn_span_steps(t->options.length, 0, epoch, batch);
    t->build = (cairn_build){t->data, batch / t->options.accumulate, epoch, total,
                             cairn__trainer_tokens(t), 0};
    if (t->problem.speed)
        t->build.peak = cairn__peak_flops(status);
    t->evaluate_every = cairn_span_steps(t->options.evaluate, total, epoch, batch);
    t->checkpoint_every = cairn_span_steps(t->options.checkpoint, total, epoch, batch);
    return cairn_ok(status);
}

/* ---- graphs and programs
 * -------------------------------------------------------------------------- */

static bool fed_by_problem(const cairn_trainer *t, const cairn_graph *g, const char *name)
{
    for (const char *const *i = t->problem.inputs; g == t->graph && i && *i; i++)
        if (strcmp(*i, name) == 0)
            return true;
    return false;
}

/* The data must supply what the graph asks for. */
static bool check_inputs(const cairn_trainer *t, const cairn_graph *g, cairn_status *status)
{
    char shape[CAIRN_SHAPE_TEXT];
    for (int32_t i = 0; g->status.code == CAIRN_OK && i < g->n; i++) {
        const cairn_node *n = g->nodes[i];
        if (n->op != &cairn__op_input || fed_by_problem(t, g, n->at.data))
            continue;
        const char *name = n->at.data;
        const cairn__source_input *in = cairn__source_input_find(&t->source, name);
        if (!in && t->data && strcmp(name, "label") == 0)
            return cairn__fail(status, CAIRN_ERR_NAME,
                               "the problem needs labels, and the data has "
                               "none");
        if (!in)
            return cairn__fail(status, CAIRN_ERR_NAME,
                               "input '%s' is not fed from the data, which has %s", name,
                               t->data ? "x and label" : "tokens");
        int64_t elements = t->build.batch * in->elements;
        if (n->dtype != in->dtype || cairn_shape_count(n->shape) != elements)
            return cairn__fail(
                status, CAIRN_ERR_SHAPE, "input '%s' is %s %s, the data gives %s of %lld elements",
                name, cairn_dtype_name(n->dtype), cairn_shape_text(n->shape, shape),
                cairn_dtype_name(in->dtype), (long long)elements);
    }
    return true;
}

/* Every scalar output is logged. */
static bool choose_outputs(cairn_trainer *t, cairn_status *status)
{
    const cairn_graph *g = t->graph;
    bool loss = false;
    for (int i = 0; i < g->n_outputs && t->n_outputs < CAIRN__MOST_OUTPUTS; i++) {
        const cairn_node *n = g->nodes[g->outputs[i].value];
        if (n->shape.rank != 0 || (n->dtype != CAIRN_F32 && n->dtype != CAIRN_I32))
            continue;
        loss = loss || strcmp(g->outputs[i].name, "loss") == 0;
        t->outputs[t->n_outputs++] = g->outputs[i].name;
    }
    return loss ||
           cairn__fail(status, CAIRN_ERR_NAME, "the problem has no scalar output called 'loss'");
}

static bool make_step(cairn_trainer *t, cairn_status *status)
{
    t->graph = cairn_graph_new();
    cairn_graph_seed(t->graph, (uint64_t)t->options.seed);
    if (t->options.init_seed >= 0)
        cairn_graph_seed_initial(t->graph, (uint64_t)t->options.init_seed);
    cairn_graph_accumulate(t->graph, t->options.accumulate);
    cairn_graph_memory(t->graph, t->options.memory);
    t->problem.build(t->problem.user, t->graph, &t->build);
    if (!check_inputs(t, t->graph, status))
        return false;
    t->step = cairn_compile(t->graph, cairn_cpu(), status);
    if (t->step && t->problem.refresh_interval > 0)
        t->refresh = cairn_compile_updates(t->graph, cairn_cpu(), CAIRN_REFRESH, NULL, 0, status);
    if (!cairn_ok(status) || !choose_outputs(t, status))
        return false;
    if (t->options.accumulate > 1)
        t->part = cairn_compile_updates(t->graph, cairn_cpu(), CAIRN_ACCUMULATE, t->outputs,
                                        t->n_outputs, status);
    return cairn_ok(status);
}

static bool make_evaluation(cairn_trainer *t, cairn_status *status)
{
    if (!t->problem.build_evaluation)
        return true;
    t->evaluation_graph = cairn_graph_new_sharing(t->graph);
    cairn_graph_seed(t->evaluation_graph, (uint64_t)t->options.seed);
    t->problem.build_evaluation(t->problem.user, t->evaluation_graph, &t->build);
    if (!check_inputs(t, t->evaluation_graph, status))
        return false;
    t->evaluation = cairn_compile_outputs(t->evaluation_graph, cairn_cpu(), NULL, 0, false, status);
    return t->evaluation && cairn__evaluator_new(t, CAIRN_SPLIT_TRAIN, status) &&
           cairn__evaluator_new(t, CAIRN_SPLIT_TEST, status);
}

/* ---- making
 * --------------------------------------------------------------------------------------- */

/* What can fail for reasons of the caller's comes before the first file is made. */
static bool start(cairn_trainer *t, const cairn_train_setup *setup, cairn_status *status)
{
    if (!take_setup(t, setup, status) || !cairn__directory_check(t, status))
        return false;
    cairn_threads_set((int)t->options.threads);
    return make_source(t, status) && resolve_spans(t, status) && make_step(t, status) &&
           make_evaluation(t, status) && cairn__directory_lock(t, status) &&
           (!t->resumed || cairn__checkpoint_resume(t, status)) &&
           cairn__directory_begin(t, status);
}

cairn_trainer *cairn_trainer_new(const cairn_train_setup *setup, cairn_status *status)
{
    cairn_status own = CAIRN_STATUS_INIT; /* cleaning up needs to know whether there was an error */
    if (!cairn_ok(status))
        return NULL;
    cairn_trainer *t = cairn__alloc(1, sizeof *t, status);
    if (!t)
        return NULL;
    t->log.file = -1;
    if (start(t, setup, &own))
        return t;
    cairn__directory_undo(t);
    cairn_trainer_free(t);
    cairn__fail(status, own.code, "%s", own.message);
    return NULL;
}

void cairn_trainer_free(cairn_trainer *t)
{
    if (!t)
        return;
    cairn_events_close(t->events, NULL);
    cairn__log_close(&t->log);
    for (size_t s = 0; s < CAIRN__COUNT(t->splits); s++)
        cairn__evaluator_free(&t->splits[s]);
    cairn__source_close(&t->source);
    cairn_program_free(t->refresh);
    cairn_program_free(t->evaluation);
    cairn_program_free(t->part);
    cairn_program_free(t->step);
    cairn_graph_free(t->evaluation_graph);
    cairn_graph_free(t->graph);
    cairn__tracks_free(&t->tracks);
    cairn__arena_free(&t->arena);
    cairn__free(t);
}

/* ---- asking
 * --------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double cairn__trainer_pace(const cairn_trainer *t)
{
    double sorted[CAIRN__STEP_TIMES];
    size_t n = (size_t)CAIRN__MIN(t->timed, CAIRN__STEP_TIMES);
    memcpy(sorted, t->times, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    return n ? sorted[n / 2] : NAN;
}

cairn_progress cairn_trainer_progress(const cairn_trainer *t)
{
    double each = cairn__trainer_pace(t);
    double remaining = (double)(t->build.total_steps - t->at.step) * each;
    if (t->options.seconds > 0)
        remaining = fmin(remaining, t->options.seconds - t->at.seconds);
    return (cairn_progress){.step = t->at.step,
                            .total_steps = t->build.total_steps,
                            .epoch = t->at.epoch,
                            .examples = t->at.examples,
                            .seconds = t->at.seconds,
                            .remaining = t->state == CAIRN__RUN_DONE ? 0 : fmax(remaining, 0),
                            .examples_per_second = (double)t->options.batch / each,
                            .loss = t->loss};
}

int cairn_trainer_figures(const cairn_trainer *t, const cairn_figure **figures)
{
    if (figures)
        *figures = t->tracks.figures;
    return t->tracks.n;
}

double cairn_trainer_figure(const cairn_trainer *t, const char *name)
{
    const cairn__track *track = cairn__tracks_find(&t->tracks, name);
    return track ? t->tracks.figures[track - t->tracks.list].value : NAN;
}

cairn_history cairn_trainer_history(const cairn_trainer *t, const char *figure)
{
    const cairn__track *track = cairn__tracks_find(&t->tracks, figure);
    if (!track)
        return (cairn_history){0};
    return (cairn_history){track->n, track->step, track->examples, track->seconds, track->value};
}

cairn_graph *cairn_trainer_graph(cairn_trainer *t)
{
    return t->graph;
}

const cairn_dataset *cairn_trainer_data(const cairn_trainer *t)
{
    return t->data;
}

int64_t cairn_trainer_items(const cairn_trainer *t)
{
    return cairn__source_count(t->data, cairn__trainer_tokens(t), CAIRN_SPLIT_TRAIN);
}

const cairn_token_data *cairn__trainer_tokens(const cairn_trainer *t)
{
    return t->tokens.n ? &t->tokens : NULL;
}
