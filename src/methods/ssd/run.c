/* Options, and which stages a scheme has. */
#include "methods/ssd/run.h"

#include <math.h>
#include <string.h>

#include "data/data.h"
#include "methods/layers.h"

static const char *const schemes[] = {"noisy_student", "ssd", "distil", "supervised", NULL};

#define M cairn__ssd_model
static const cairn_option model_table[] = {
    CAIRN_OPT_CHOICE(M, scheme, CAIRN__SSD_NOISY, schemes,
                     "a noisy student, equal or larger, again and again; self-training and then "
                     "distillation; distillation alone; or only the labelled items",
                     ""),
    CAIRN_OPT_COUNT(M, iterations, 2, 1, 12, "students of noisy_student, each the next teacher",
                    "Xie et al. 2020: 3"),
    CAIRN_OPT_COUNT(M, teacher_width, 128, 1, 1 << 16, "hidden units of the first teacher", ""),
    CAIRN_OPT_COUNT(M, self_width, 256, 1, 1 << 16,
                    "of the second teacher of ssd, at least as many", ""),
    CAIRN_OPT_COUNT(M, student_width, 128, 1, 1 << 16,
                    "of the students; of noisy_student at least as many as the teacher has", ""),
    CAIRN_OPT_COUNT(M, blocks, 1, 0, 32, "residual blocks behind the first hidden layer", ""),
    CAIRN_OPT_PATH(M, teacher, "",
                   "model.safetensors of an earlier run to take as the first teacher", ""),
    CAIRN_OPT_TEXT(M, optimizer, "momentum", "any optimiser: sgd, momentum, adam ...", ""),
    CAIRN_OPT_TEXT(M, optimizer_options, "learning_rate=0.03",
                   "options of the optimiser: name=value,name=value", ""),
    CAIRN_OPT_END,
};
#undef M

#define U cairn__ssd_data
static const cairn_option unlabelled_table[] = {
    CAIRN_OPT_PATH(U, unlabelled, "",
                   "data without labels (labels there only measure the pseudo-labels)", ""),
    CAIRN_OPT_REAL(U, labelled_fraction, 0.1, 1e-9, 1,
                   "without such: this share of the training items keeps its labels, the others "
                   "are unlabelled",
                   ""),
    CAIRN_OPT_COUNT(U, labelled_seed, 1, 0, 1e15, "draws them", ""),
    CAIRN_OPT_END,
};
#undef U

#define N cairn__ssd_noise
static const cairn_option noise_table[] = {
    CAIRN_OPT_TEXT(N, augment, "auto",
                   "input noise: steps of 'cairn data steps', such as "
                   "crop(28, 2)|flip|randaugment(2, 5); auto shifts pictures by up to two pixels; "
                   "empty: none",
                   "Xie et al. 2020: RandAugment"),
    CAIRN_OPT_REAL(N, dropout, 0.5, 0, 0.95, "model noise: rate before the classes",
                   "Xie et al. 2020"),
    CAIRN_OPT_REAL(N, survival, 0.8, 0.05, 1,
                   "model noise: survival of the last block, falling to it in a line; 1: no "
                   "stochastic depth",
                   "Xie et al. 2020"),
    CAIRN_OPT_FLAG(N, teacher_noise, true, "the first teacher learns with the noise too", ""),
    CAIRN_OPT_FLAG(N, self_noise, false, "the second teacher of ssd learns with the noise", ""),
    CAIRN_OPT_FLAG(N, student_noise, false,
                   "the last student of ssd and that of distil learn with the noise", ""),
    CAIRN_OPT_REAL(N, ssd_dropout, 0, 0, 0.95,
                   "dropout alone, for the second teacher of ssd without the noise", ""),
    CAIRN_OPT_COUNT(N, ratio, 3, 1, 1024, "unlabelled examples to a labelled one in a batch",
                    "published code: 1 to 28"),
    CAIRN_OPT_REAL(N, distil_temperature, 1, 0.01, 100,
                   "on both sides of the last distillation of ssd and distil, with its square in "
                   "front",
                   "Hinton et al. 2015"),
    CAIRN_OPT_END,
};
#undef N

const cairn__method_section cairn__ssd_sections[] = {
    {"model", model_table, offsetof(cairn__ssd_run, model)},
    {"unlabelled", unlabelled_table, offsetof(cairn__ssd_run, unlabelled)},
    {"pseudo", cairn_pseudo_table, offsetof(cairn__ssd_run, pseudo)},
    {"student_noise", noise_table, offsetof(cairn__ssd_run, noise)},
    {"update", cairn_update_table, offsetof(cairn__ssd_run, update)},
    {NULL, NULL, 0},
};

cairn__ssd_run cairn__ssd_run_defaults(void)
{
    cairn__ssd_run run;
    for (const cairn__method_section *s = cairn__ssd_sections; s->name; s++)
        cairn_options_defaults(s->table, (char *)&run + s->offset);
    return run;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static bool check_widths(const cairn__ssd_model *m, cairn_status *status)
{
    bool given = *m->teacher != 0; /* its width is that of the file */
    if (m->scheme == CAIRN__SSD_NOISY && !given && m->student_width < m->teacher_width)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "student_width: %lld is less than the teacher's %lld, and a noisy "
                           "student is equal or larger; --scheme ssd or distil make small ones",
                           (long long)m->student_width, (long long)m->teacher_width);
    if (m->scheme == CAIRN__SSD_SSD && !given && m->self_width < m->teacher_width)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "self_width: %lld is less than the teacher's %lld, expected at least "
                           "as many",
                           (long long)m->self_width, (long long)m->teacher_width);
    return !given || m->scheme != CAIRN__SSD_SUPERVISED ||
           cairn__fail(status, CAIRN_ERR_VALUE, "teacher: supervised training has none");
}

/* The file of a teacher against the data, before anything is trained. */
static bool check_teacher(const char *path, int64_t inputs, int64_t classes, cairn_status *status)
{
    cairn_safetensors *file = cairn_safetensors_open(path, status);
    if (!file)
        return false;
    const cairn_field *in = cairn_safetensors_find(file, "in/weight");
    const cairn_field *out = cairn_safetensors_find(file, "output/weight");
    bool good = in && out && in->rank == 2 && out->rank == 2;
    if (!good)
        cairn__fail(status, CAIRN_ERR_FORMAT,
                    "%s: no in/weight and output/weight of two axes, expected a model of "
                    "'cairn train ssd'",
                    path);
    else if (out->shape[1] != classes)
        good = cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: a teacher of %lld classes, and the data has %lld", path,
                           (long long)out->shape[1], (long long)classes);
    else if (in->shape[0] != inputs)
        good = cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: a teacher for items of %lld numbers, and the data has %lld", path,
                           (long long)in->shape[0], (long long)inputs);
    cairn_safetensors_free(file);
    return good;
}

static bool check_data(const cairn__ssd_run *run, const cairn_dataset *data, cairn_status *status)
{
    int64_t classes = cairn_dataset_classes(data);
    int64_t inputs = cairn__item_elements(cairn_dataset_field_at(data, CAIRN_SPLIT_TRAIN, 0));
    cairn_pipeline *pipeline = NULL;
    if (classes < 2)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "a classifier needs labels of at least two classes, and the data has "
                           "none");
    bool good = !*run->model.teacher || check_teacher(run->model.teacher, inputs, classes, status);
    good = good && cairn__ssd_pipeline(run, data, &pipeline, status);
    cairn_pipeline_free(pipeline);
    return good;
}

bool cairn__ssd_run_check(const void *options, const cairn_dataset *data, cairn_status *status)
{
    const cairn__ssd_run *run = options;
    cairn__optimizer_values o;
    if (!check_widths(&run->model, status))
        return false;
    if (run->noise.distil_temperature != 1 && run->pseudo.labels == CAIRN_PSEUDO_HARD)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "distil_temperature: for soft labels, and the labels are hard");
    const cairn_optimizer *optimizer =
        cairn__optimizer_read(run->model.optimizer, run->model.optimizer_options, &o, status);
    if (!optimizer)
        return false;
    if (optimizer->layers)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "optimizer: %s works on layers, which residual blocks do not give it",
                           optimizer->name);
    return !data || check_data(run, data, status);
}

/* ---- stages ---------------------------------------------------------------------------------- */

/* Stages with the first teacher, whether it is trained or given. */
static int all_stages(const cairn__ssd_run *run)
{
    switch ((cairn__ssd_scheme)run->model.scheme) {
    case CAIRN__SSD_NOISY: return 1 + (int)run->model.iterations;
    case CAIRN__SSD_SSD: return 3;
    case CAIRN__SSD_DISTIL: return 2;
    case CAIRN__SSD_SUPERVISED: break;
    }
    return 1;
}

int cairn__ssd_count(const cairn__ssd_run *run)
{
    return all_stages(run) - (*run->model.teacher != 0);
}

/* `index` counts with the first teacher. */
static cairn__ssd_plan plan_of(const cairn__ssd_run *run, int index)
{
    const cairn__ssd_model *m = &run->model;
    const cairn__ssd_noise *n = &run->noise;
    bool first = index == 0, self = m->scheme == CAIRN__SSD_SSD && index == 1;
    bool noisy = first                           ? n->teacher_noise
                 : m->scheme == CAIRN__SSD_NOISY ? true
                 : self                          ? n->self_noise
                                                 : n->student_noise;
    cairn__ssd_plan p = {.width = first  ? m->teacher_width
                                  : self ? m->self_width
                                         : m->student_width,
                         .labelled_only = first,
                         .augment = noisy,
                         .deep = noisy,
                         .dropout = noisy  ? n->dropout
                                    : self ? n->ssd_dropout
                                           : 0,
                         .temperature = 1};
    if (!first && !self && m->scheme != CAIRN__SSD_NOISY)
        p.temperature = n->distil_temperature;
    if (m->scheme == CAIRN__SSD_NOISY && !first)
        snprintf(p.name, sizeof p.name, "student%d", index);
    else
        snprintf(p.name, sizeof p.name, "%s", first ? "teacher" : self ? "self" : "student");
    return p;
}

cairn__ssd_plan cairn__ssd_plan_of(const cairn__ssd_run *run, int index)
{
    return plan_of(run, index + (*run->model.teacher != 0));
}
