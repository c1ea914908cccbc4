/* From the models of earlier stages to what the next one trains. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/data.h"
#include "methods/ssd/run.h"

/* ---- data ------------------------------------------------------------------------------------ */

/* A share of the training items keeps its labels; the others are the pool. Both in the order of the
 * file. */
static bool divide(cairn__ssd_stages *s, cairn_status *status)
{
    const cairn__ssd_data *o = &s->run->unlabelled;
    int64_t n = cairn_dataset_count(s->data, CAIRN_SPLIT_TRAIN);
    int64_t labelled = llround(o->labelled_fraction * (double)n);
    bool alone = s->run->model.scheme == CAIRN__SSD_SUPERVISED;
    if (labelled < 1 || (labelled >= n && !alone))
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "labelled_fraction: %g of %lld items are %lld labelled and %lld "
                           "unlabelled ones, expected at least one of each; other data without "
                           "labels: --unlabelled PATH",
                           o->labelled_fraction, (long long)n, (long long)labelled,
                           (long long)(n - labelled));
    int64_t *order = cairn__alloc((size_t)n, sizeof *order, status);
    unsigned char *marks = cairn__alloc((size_t)n, 1, status);
    int64_t *parts = cairn__alloc((size_t)n, sizeof *parts, status);
    if (order && marks && parts) {
        int64_t first = 0, second = labelled;
        cairn_random_permutation((uint64_t)o->labelled_seed, cairn_random_stream("ssd/labelled"), n,
                                 order);
        for (int64_t i = 0; i < labelled; i++)
            marks[order[i]] = 1;
        for (int64_t i = 0; i < n; i++)
            parts[marks[i] ? first++ : second++] = i;
        s->labelled = cairn__dataset_subset(s->data, parts, labelled, status);
        if (labelled < n)
            s->pool = cairn__dataset_subset(s->data, parts + labelled, n - labelled, status);
    }
    cairn__free(order);
    cairn__free(marks);
    cairn__free(parts);
    return cairn_ok(status);
}

/* All of another path, whose items must be like those of the data. */
static bool open_pool(cairn__ssd_stages *s, cairn_status *status)
{
    const char *path = s->run->unlabelled.unlabelled;
    cairn_data_options o = cairn_data_defaults();
    o.test_fraction = 0;
    s->labelled = cairn__dataset_subset(s->data, NULL, 0, status);
    s->pool = s->labelled ? cairn_dataset_open(path, &o, status) : NULL;
    if (!s->pool)
        return false;
    const cairn_field *a = cairn_dataset_field_at(s->data, CAIRN_SPLIT_TRAIN, 0);
    const cairn_field *b = cairn_dataset_field_at(s->pool, CAIRN_SPLIT_TRAIN, 0);
    int64_t width = cairn__item_elements(a), classes = cairn_dataset_classes(s->data);
    if (cairn__item_elements(b) != width || b->type != a->type || b->rank != a->rank)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: unlabelled items of %lld %s, and the labelled ones have %lld %s",
                           path, (long long)cairn__item_elements(b), cairn_data_type_text(b->type),
                           (long long)width, cairn_data_type_text(a->type));
    if (cairn_dataset_classes(s->pool) > classes)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: unlabelled items of %lld classes, and the teacher learns %lld from "
                           "the labelled ones",
                           path, (long long)cairn_dataset_classes(s->pool), (long long)classes);
    s->pool->classes = classes; /* those that predictions have */
    return true;
}

bool cairn__ssd_stages_begin(cairn__ssd_stages *s, const cairn__ssd_run *run,
                             const cairn_dataset *data, const cairn_train_options *train,
                             cairn_status *status)
{
    *s = (cairn__ssd_stages){.run = run, .data = data, .train = *train};
    return *run->unlabelled.unlabelled ? open_pool(s, status) : divide(s, status);
}

void cairn__ssd_stages_end(cairn__ssd_stages *s)
{
    cairn__ssd_feed_end(&s->student);
    cairn_pseudo_free(&s->pseudo);
    cairn_dataset_free(s->labelled);
    cairn_dataset_free(s->pool);
    s->labelled = s->pool = NULL;
}

/* ---- labelling ------------------------------------------------------------------------------- */

/* The width of a given teacher is that of its file. */
static int64_t width_of_file(const char *path, cairn_status *status)
{
    cairn_safetensors *file = cairn_safetensors_open(path, status);
    const cairn_field *in = file ? cairn_safetensors_find(file, "in/weight") : NULL;
    int64_t width = in && in->rank == 2 ? in->shape[1] : 0;
    cairn_safetensors_free(file);
    return width;
}

void cairn__ssd_judge(const cairn__ssd_stages *s, int index, cairn__ssd_student *user,
                      cairn_problem *problem)
{
    *user = (cairn__ssd_student){
        .run = s->run,
        .classes = cairn_dataset_classes(s->data),
        .width = cairn__item_elements(cairn_dataset_field_at(s->data, CAIRN_SPLIT_TRAIN, 0))};
    if (index >= 0)
        user->plan = cairn__ssd_plan_of(s->run, index);
    else
        user->plan.width = width_of_file(s->run->model.teacher, &(cairn_status)CAIRN_STATUS_INIT);
    cairn__ssd_student_problem(user, problem);
}

/* Labels are always made without noise: a prediction has none. */
bool cairn__ssd_label(cairn__ssd_stages *s, int index, const cairn_graph *teacher,
                      const char *model, cairn_status *status)
{
    cairn_pseudo_options o = s->run->pseudo;
    cairn__ssd_student user;
    cairn_problem problem;
    int64_t n = cairn_dataset_count(s->pool, CAIRN_SPLIT_TRAIN);
    int64_t classes = cairn_dataset_classes(s->data);
    double temperature = cairn__ssd_plan_of(s->run, index).temperature;
    if (temperature != 1)
        o.temperature = temperature; /* of both sides, where the loss has one */
    cairn_pseudo_free(&s->pseudo);
    cairn__ssd_judge(s, index - 1, &user, &problem);
    double *q = cairn__alloc((size_t)n, (size_t)classes * sizeof *q, status);
    bool good =
        q && cairn_predict(&problem, teacher, model, s->pool, CAIRN_SPLIT_TRAIN, 0, n, q, status) &&
        cairn_pseudo_label(q, n, classes, &o, &s->pseudo, status);
    cairn__free(q);
    return good && (s->pseudo.n > 0 ||
                    cairn__fail(status, CAIRN_ERR_VALUE,
                                "min_confidence: the teacher is nowhere as sure as %g of any of "
                                "%lld unlabelled items, so none is left to learn from",
                                o.min_confidence, (long long)n));
}

double cairn__ssd_pseudo_accuracy(const cairn__ssd_stages *s)
{
    const cairn_field *label = cairn_dataset_field(s->pool, CAIRN_SPLIT_TRAIN, "label");
    const cairn_pseudo *p = &s->pseudo;
    int64_t right = 0;
    for (int64_t i = 0; label && i < p->n; i++) {
        const float *row = p->target + i * p->classes;
        int64_t best = 0;
        for (int64_t c = 1; c < p->classes; c++)
            best = row[c] > row[best] ? c : best;
        right += best == ((const int32_t *)label->data)[p->item[i]];
    }
    return label && p->n ? (double)right / (double)p->n : NAN;
}

static bool write_labels(const cairn__ssd_stages *s, const char *directory, int index,
                         cairn_status *status)
{
    const cairn_pseudo *p = &s->pseudo;
    char path[CAIRN_TEXT_SIZE + 32];
    snprintf(path, sizeof path, "%s/pseudo-%d.safetensors", directory, index + 1);
    const cairn_field fields[] = {
        {"item", CAIRN_DATA_I64, 1, {p->n}, p->item},
        {"target", CAIRN_DATA_F32, 2, {p->n, p->classes}, p->target},
    };
    return cairn_safetensors_write(path, fields, CAIRN__COUNT(fields), NULL, status);
}

/* ---- one stage ------------------------------------------------------------------------------- */

/* Stages differ in their seeds, so that a student of its teacher's size does not start from its
 * initial values. */
static void fill_stage(const cairn__ssd_stages *s, int index, cairn_stage *stage)
{
    snprintf(stage->name, sizeof stage->name, "%s", s->student.plan.name);
    stage->data = s->labelled;
    stage->options = s->train;
    stage->options.seed += index;
    if (stage->options.init_seed >= 0)
        stage->options.init_seed += index;
    cairn__ssd_student_problem(&s->student, &stage->problem);
}

bool cairn__ssd_prepare(cairn__ssd_stages *s, int index, const cairn_graph *teacher,
                        const char *model, cairn_stage *stage, cairn_status *status)
{
    cairn__ssd_plan plan = cairn__ssd_plan_of(s->run, index);
    cairn__ssd_feed_end(&s->student);
    if (!plan.labelled_only && !cairn__ssd_label(s, index, teacher, model, status))
        return false;
    s->student = (cairn__ssd_student){
        .run = s->run,
        .plan = plan,
        .classes = cairn_dataset_classes(s->data),
        .rows = plan.labelled_only ? 0 : s->run->noise.ratio * s->train.batch,
        .width = cairn__item_elements(cairn_dataset_field_at(s->data, CAIRN_SPLIT_TRAIN, 0)),
        .seed = s->train.seed + index,
        .labelled = s->labelled,
        .pool = s->pool,
        .pseudo = &s->pseudo};
    if (plan.augment && !cairn__ssd_pipeline(s->run, s->data, &s->student.pipeline, status))
        return false;
    if (!cairn__ssd_feed_begin(&s->student, s->train.batch, status))
        return false;
    fill_stage(s, index, stage);
    return true;
}

/* ---- for the method's record ----------------------------------------------------------------- */

static void name_stage(void *user, int index, char name[32])
{
    const cairn__ssd_stages *s = user;
    snprintf(name, 32, "%s", cairn__ssd_plan_of(s->run, index).name);
}

static bool prepare(void *user, int index, const char *const *models, const char *directory,
                    cairn_stage *stage, cairn_status *status)
{
    cairn__ssd_stages *s = user;
    const char *model = index > 0 ? models[index - 1] : s->run->model.teacher;
    if (!cairn__ssd_prepare(s, index, NULL, model, stage, status))
        return false;
    return s->student.plan.labelled_only || !directory || write_labels(s, directory, index, status);
}

bool cairn__ssd_open(const void *run, const cairn_dataset *data, const cairn_train_options *train,
                     cairn_stages *stages, cairn_status *status)
{
    cairn__ssd_stages *s = cairn__alloc(1, sizeof *s, status);
    if (!s)
        return false;
    *stages = (cairn_stages){.user = s,
                             .count = cairn__ssd_count(run),
                             .name = name_stage,
                             .prepare = prepare,
                             .report = cairn__ssd_report};
    return cairn__ssd_stages_begin(s, run, data, train, status);
}

void cairn__ssd_close(cairn_stages *stages)
{
    if (stages->user)
        cairn__ssd_stages_end(stages->user);
    cairn__free(stages->user);
    stages->user = NULL;
}
