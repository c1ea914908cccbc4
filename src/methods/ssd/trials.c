/* One run through all stages, in memory. */
#include "methods/ssd/trials.h"

#include <math.h>

#include "data/data.h"

static cairn_train_options train_options(const cairn__ssd_trial *t)
{
    cairn_train_options o = cairn_train_defaults();
    o.seed = 100 * t->seed; /* stages count on from it */
    o.batch = t->batch;
    o.length = (cairn_span){(double)t->steps, CAIRN_STEPS};
    o.threads = 1; /* steps this small gain nothing from more */
    o.evaluate.amount = o.checkpoint.amount = 0;
    o.evaluate_items = 1;
    return o;
}

static cairn_trainer *train(const cairn__ssd_trial *t, const cairn_stage *stage,
                            cairn_status *status)
{
    cairn_train_setup setup = {
        .problem = &stage->problem, .data = stage->data, .options = &stage->options};
    cairn_trainer *trainer = cairn_trainer_new(&setup, status);
    while (trainer && cairn_trainer_advance(trainer, 0.5, status))
        if (t->stop && *t->stop)
            cairn__fail(status, CAIRN_ERR_INTERRUPTED, "interrupted");
    if (cairn_ok(status))
        return trainer;
    cairn_trainer_free(trainer);
    return NULL;
}

/* Accuracy on test items first .. first + n. */
static bool accuracy(const cairn__ssd_trial *t, const cairn_problem *problem,
                     const cairn_graph *graph, int64_t first, int64_t n, double *share,
                     cairn_status *status)
{
    int64_t classes = cairn_dataset_classes(t->data), right = 0;
    const int32_t *label = cairn_dataset_field(t->data, CAIRN_SPLIT_TEST, "label")->data;
    double *p = cairn__alloc((size_t)n, (size_t)classes * sizeof *p, status);
    bool good =
        p && cairn_predict(problem, graph, NULL, t->data, CAIRN_SPLIT_TEST, first, n, p, status);
    for (int64_t i = 0; good && i < n; i++) {
        int64_t best = 0;
        for (int64_t c = 1; c < classes; c++)
            best = p[i * classes + c] > p[i * classes + best] ? c : best;
        right += best == label[first + i];
    }
    *share = (double)right / (double)n;
    cairn__free(p);
    return good;
}

static double mean_error(const double errors[CAIRN__SSD_ERRORS])
{
    double mean = 0;
    for (int i = 1; i < CAIRN__SSD_ERRORS; i++)
        mean += errors[i] / (CAIRN__SSD_ERRORS - 1);
    return mean;
}

static bool judge(const cairn__ssd_trial *t, cairn__ssd_stages *s, int index,
                  const cairn_graph *graph, double *figures, cairn_status *status)
{
    cairn__ssd_student user;
    cairn_problem problem;
    double errors[CAIRN__SSD_ERRORS];
    cairn__ssd_judge(s, index, &user, &problem);
    if (!accuracy(t, &problem, graph, 0, t->items, &figures[CAIRN__SSD_ACCURACY], status))
        return false;
    if (index == 0)
        figures[CAIRN__SSD_FIRST] = figures[CAIRN__SSD_ACCURACY];
    if (index + 1 < cairn__ssd_count(t->run))
        return true;
    figures[CAIRN__SSD_RIGHT] = s->pseudo.n ? cairn__ssd_pseudo_accuracy(s) : 0;
    if (!accuracy(t, &problem, graph, t->items, t->tuning, &figures[CAIRN__SSD_HELD_OUT], status))
        return false;
    if (t->corrupted &&
        !cairn__ssd_errors(&problem, graph, NULL, t->data, t->corrupted, errors, status))
        return false;
    figures[CAIRN__SSD_CORRUPTED] = t->corrupted ? mean_error(errors) : 0;
    return true;
}

static bool measure(const cairn__ssd_trial *t, double *figures, cairn_status *status)
{
    cairn_train_options o = train_options(t);
    cairn__ssd_run run = *t->run;
    cairn__ssd_stages s;
    cairn_trainer *teacher = NULL;
    run.unlabelled.labelled_seed = t->seed;
    run.pseudo.pseudo_seed = t->seed;
    bool good = cairn__ssd_stages_begin(&s, &run, t->data, &o, status);
    for (int i = 0; good && i < cairn__ssd_count(&run); i++) {
        cairn_stage stage;
        cairn_trainer *next = NULL;
        good = cairn__ssd_prepare(&s, i, teacher ? cairn_trainer_graph(teacher) : NULL, NULL,
                                  &stage, status);
        if (good)
            next = train(t, &stage, status);
        cairn_trainer_free(teacher);
        teacher = next;
        good = next && judge(t, &s, i, cairn_trainer_graph(next), figures, status);
    }
    cairn_trainer_free(teacher);
    cairn__ssd_stages_end(&s);
    return good;
}

bool cairn__ssd_measure(const void *user, double *figures, cairn_status *status)
{
    if (measure(user, figures, status))
        return true;
    if (!status || status->code != CAIRN_ERR_NUMERIC)
        return false;
    /* A training that breaks down is a bad setting. */
    *status = (cairn_status)CAIRN_STATUS_INIT;
    for (int i = 0; i < CAIRN__SSD_FIGURES; i++)
        figures[i] = i == CAIRN__SSD_CORRUPTED;
    return true;
}
