/* Evaluation: per-example outputs averaged over a split, in the order of the split.
 *
 * The program is compiled for whole batches, so the last one may be padded; only its valid rows
 * count. Sums are doubles added one by one: the order is that of the items, whatever the number of
 * threads. */
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"
#include "train/train.h"

static const char *const split_names[] = {"train", "test"};

/* ---- making
 * --------------------------------------------------------------------------------------- */

/* Every output of the graph must give one f32 an example. */
static bool choose_outputs(cairn_trainer *t, cairn__evaluator *e, const char *split,
                           cairn_status *status)
{
    const cairn_graph *g = t->evaluation_graph;
    char found[CAIRN_SHAPE_TEXT];
    bool loss = false;
    for (int i = 0; i < g->n_outputs; i++) {
        const cairn_node *n = g->nodes[g->outputs[i].value];
        const char *name = g->outputs[i].name;
        if (n->dtype != CAIRN_F32 || !cairn_shape_equal(n->shape, CAIRN_SHAPE(t->build.batch)))
            return cairn__fail(status, CAIRN_ERR_SHAPE,
                               "evaluation output '%s' is %s %s, expected f32 [%lld], one value an "
                               "example",
                               name, cairn_dtype_name(n->dtype), cairn_shape_text(n->shape, found),
                               (long long)t->build.batch);
        if (e->outputs == CAIRN__MOST_OUTPUTS)
            return cairn__fail(status, CAIRN_ERR_VALUE, "more than %d evaluation outputs",
                               CAIRN__MOST_OUTPUTS);
        e->output[e->outputs] = cairn__arena_text(&t->arena, status, "%s", name);
        e->figure[e->outputs] = cairn__arena_text(&t->arena, status, "%s/%s", split, name);
        if (!e->output[e->outputs] || !e->figure[e->outputs])
            return false;
        loss = loss || strcmp(name, "loss") == 0;
        e->outputs++;
    }
    return loss || cairn__fail(status, CAIRN_ERR_NAME,
                               "the problem's evaluation has no output called 'loss'");
}

bool cairn__evaluator_new(cairn_trainer *t, cairn_split split, cairn_status *status)
{
    cairn__evaluator *e = &t->splits[split];
    int64_t items = cairn__source_count(t->data, cairn__trainer_tokens(t), split);
    int64_t limit = t->options.evaluate_items;
    if (!cairn_ok(status) || items == 0)
        return cairn_ok(status);
    cairn_loader_options options = cairn_loader_defaults();
    options.batch = t->build.batch;
    options.shuffle = false;
    /* An idle worker of an evaluation would hold batches that nobody asked for yet. */
    options.prefetch = false;
    e->items = limit ? CAIRN__MIN(items, limit) : items;
    e->values = cairn__alloc((size_t)options.batch, sizeof *e->values, status);
    return e->values &&
           cairn__source_open(&e->source, t->data, cairn__trainer_tokens(t), split, &options,
                              status) &&
           choose_outputs(t, e, split_names[split], status);
}

void cairn__evaluator_free(cairn__evaluator *e)
{
    cairn__source_close(&e->source);
    cairn__free(e->values);
    *e = (cairn__evaluator){0};
}

/* ---- running
 * -------------------------------------------------------------------------------------- */

static bool add_batch(cairn_trainer *t, cairn__evaluator *e, const cairn__source_batch *batch,
                      int64_t rows, double *sums, cairn_status *status)
{
    size_t bytes = (size_t)t->build.batch * sizeof *e->values;
    cairn__source_feed(&e->source, batch, 0, t->build.batch, t->evaluation, status);
    cairn_program_run(t->evaluation, status);
    for (int i = 0; i < e->outputs; i++) {
        if (!cairn_program_fetch(t->evaluation, e->output[i], e->values, bytes, status))
            return false;
        for (int64_t row = 0; row < rows; row++)
            sums[i] += (double)e->values[row];
    }
    return cairn_ok(status);
}

static bool evaluate_split(cairn_trainer *t, cairn__evaluator *e, double *means,
                           cairn_status *status)
{
    int64_t left = e->items;
    memset(means, 0, (size_t)e->outputs * sizeof *means);
    cairn__source_seek(&e->source, (cairn_loader_position){0, 0}, status);
    for (cairn__source_batch b; left > 0 && cairn__source_next(&e->source, &b, status);) {
        int64_t rows = CAIRN__MIN(b.size, left);
        if (!add_batch(t, e, &b, rows, means, status))
            return false;
        left -= rows;
    }
    for (int i = 0; i < e->outputs; i++)
        means[i] /= (double)e->items;
    return cairn_ok(status);
}

bool cairn__evaluate_now(cairn_trainer *t, cairn_status *status)
{
    double means[CAIRN__MOST_OUTPUTS];
    cairn_figure figures[2 * CAIRN__MOST_OUTPUTS];
    int n = 0;
    for (int s = 0; t->evaluation && s < 2; s++) {
        cairn__evaluator *e = &t->splits[s];
        if (e->items == 0)
            continue;
        if (!evaluate_split(t, e, means, status))
            return false;
        for (int i = 0; i < e->outputs; i++) {
            figures[n++] = (cairn_figure){e->figure[i], means[i]};
            cairn__tracks_add(&t->tracks, e->figure[i], t->at, means[i], status);
        }
    }
    if (!cairn_ok(status))
        return false;
    t->evaluated = t->at.step;
    const cairn__log_entry entry = {
        .event = "evaluation", .at = t->at, .to = -1, .figures = figures, .n = n};
    return n == 0 || cairn__record_event(t, &entry, status);
}
