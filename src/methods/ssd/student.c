/* The model and its losses as a problem of the loop.
 *
 *     h = relu(x W)          in
 *     h = h + b relu(h W)    block1 .., b of stochastic depth
 *     z = dropout(h) W       output
 *
 * Labelled and unlabelled rows go through it as one batch. */
#include <stdio.h>

#include "data/data.h"
#include "graph/graph.h"
#include "methods/layers.h"
#include "methods/ssd/run.h"

static cairn_tensor hidden(cairn_tensor x, int64_t units, const char *name)
{
    cairn_dense_options o = cairn_dense_defaults(units);
    o.weight_init = (cairn_init){CAIRN_INIT_HE_NORMAL, 1};
    o.activation.kind = CAIRN_ACTIVATION_relu;
    return cairn_dense_layer(x, name, &o).y;
}

static cairn_tensor forward(const cairn__ssd_student *s, cairn_tensor x, bool training)
{
    int64_t blocks = s->run->model.blocks;
    cairn_tensor h = hidden(x, s->plan.width, "in");
    for (int64_t i = 1; i <= blocks; i++) {
        char name[32];
        snprintf(name, sizeof name, "block%lld", (long long)i);
        cairn_tensor f = hidden(h, s->plan.width, name);
        if (training && s->plan.deep)
            f = cairn_stochastic_depth(f, 1 - cairn_survival(i, blocks, s->run->noise.survival));
        h = cairn_add(h, f);
    }
    if (training && s->plan.dropout > 0)
        h = cairn_dropout(h, s->plan.dropout);
    return cairn_linear(h, s->classes, "output");
}

static cairn_tensor input_of(const cairn__ssd_student *s, cairn_graph *g, const cairn_build *b)
{
    return cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(b->batch, s->width));
}

static cairn_tensor label_of(cairn_graph *g, const cairn_build *b)
{
    return cairn_input(g, "label", CAIRN_I32, CAIRN_SHAPE(b->batch));
}

/* ---- training -------------------------------------------------------------------------------- */

static cairn_tensor unlabelled_loss(const cairn__ssd_student *s, cairn_tensor z, cairn_tensor q)
{
    double t = s->plan.temperature;
    cairn_tensor same = cairn_equal(cairn_argmax(z, 1), cairn_argmax(q, 1));
    cairn_output(cairn_mean(cairn_cast(same, CAIRN_F32)), "agreement");
    cairn_tensor each =
        t == 1 ? cairn_soft_cross_entropy(z, q) : cairn_distillation_loss_of(z, q, t);
    cairn_output(cairn_mean(each), "unlabelled_loss");
    return each;
}

static cairn_tensor objective(const cairn__ssd_student *s, cairn_graph *g, const cairn_build *b)
{
    cairn_tensor x = input_of(s, g, b), label = label_of(g, b);
    double smoothing = s->run->pseudo.smoothing;
    if (!s->rows)
        return cairn_joint_loss(
            cairn_softmax_cross_entropy(forward(s, x, true), label, smoothing, 0), x, 0);
    cairn_tensor u = cairn_input(g, "unlabelled", CAIRN_F32, CAIRN_SHAPE(s->rows, s->width));
    cairn_tensor q = cairn_input(g, "pseudo", CAIRN_F32, CAIRN_SHAPE(s->rows, s->classes));
    cairn_tensor z = forward(s, cairn_concat((cairn_tensor[]){x, u}, 2, 0), true);
    cairn_tensor first = cairn_slice(z, 0, 0, b->batch, 1);
    cairn_tensor labelled = cairn_softmax_cross_entropy(first, label, smoothing, 0);
    cairn_output(cairn_mean(labelled), "labelled_loss");
    return cairn_joint_loss(labelled,
                            unlabelled_loss(s, cairn_slice(z, 0, b->batch, s->rows, 1), q),
                            (double)s->rows / (double)b->batch);
}

static void build(const void *user, cairn_graph *g, const cairn_build *b)
{
    const cairn__ssd_student *s = user;
    cairn_update_options update = s->run->update;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__optimizer_values o;
    cairn_tensor loss = objective(s, g, b);
    cairn_output(loss, "loss");
    cairn_update_resolve(&update, b->total_steps, b->steps_per_epoch, b->batch);
    const cairn_optimizer *optimizer = cairn__optimizer_read(
        s->run->model.optimizer, s->run->model.optimizer_options, &o, &status);
    if (optimizer)
        cairn_minimize(loss, optimizer->name, &o, &update);
    else
        cairn__graph_fail(g, status.code, "%s", status.message);
}

/* ---- without noise --------------------------------------------------------------------------- */

static void build_evaluation(const void *user, cairn_graph *g, const cairn_build *b)
{
    const cairn__ssd_student *s = user;
    cairn_tensor label = label_of(g, b), z = forward(s, input_of(s, g, b), false);
    cairn_output(cairn_cross_entropy(z, label), "loss");
    cairn_output(cairn_correct(z, label), "accuracy");
}

static void build_prediction(const void *user, cairn_graph *g, const cairn_build *b)
{
    const cairn__ssd_student *s = user;
    cairn_output(cairn_softmax(forward(s, input_of(s, g, b), false), 1), "probability");
}

static const char *const inputs[] = {"unlabelled", "pseudo", NULL};

void cairn__ssd_student_problem(const cairn__ssd_student *s, cairn_problem *problem)
{
    *problem = (cairn_problem){.user = s,
                               .build = build,
                               .build_evaluation = build_evaluation,
                               .build_prediction = build_prediction};
    if (s->rows || s->pipeline) {
        problem->inputs = inputs;
        problem->feed = cairn__ssd_feed;
    }
}

/* The last student of the options, for those that load its model. The classes are the data's. */
static cairn__ssd_student last_student(const void *options, const cairn_build *b)
{
    const cairn__ssd_run *run = options;
    return (cairn__ssd_student){
        .run = run,
        .plan = cairn__ssd_plan_of(run, cairn__ssd_count(run) - 1),
        .classes = cairn_dataset_classes(b->data),
        .width = cairn__item_elements(cairn_dataset_field_at(b->data, CAIRN_SPLIT_TRAIN, 0))};
}

static void build_last(const void *options, cairn_graph *g, const cairn_build *b)
{
    cairn__ssd_student s = last_student(options, b);
    s.rows = s.plan.labelled_only ? 0 : s.run->noise.ratio * b->batch;
    build(&s, g, b);
}

static void build_last_evaluation(const void *options, cairn_graph *g, const cairn_build *b)
{
    cairn__ssd_student s = last_student(options, b);
    build_evaluation(&s, g, b);
}

static void build_last_prediction(const void *options, cairn_graph *g, const cairn_build *b)
{
    cairn__ssd_student s = last_student(options, b);
    build_prediction(&s, g, b);
}

void cairn__ssd_run_problem(const void *run, cairn_problem *problem)
{
    *problem = (cairn_problem){.user = run,
                               .build = build_last,
                               .build_evaluation = build_last_evaluation,
                               .build_prediction = build_last_prediction};
}
