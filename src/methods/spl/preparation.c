/* The stages before fine-tuning: teacher, label space, pre-training. Each that trains has a run
 * directory inside that of the run, so that what was interrupted goes on where it stopped:
 *
 *     RUN/teacher/      trained on the clean items
 *     RUN/labels.csv    item, weak label, teacher's class, its confidence, class of pre-training
 *     RUN/matrix.csv    rows: weak labels; columns: teacher's classes
 *     RUN/labels.html   the same to look at
 *     RUN/pretrain/     trained on the classes of labels.csv */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "data/data.h"
#include "methods/spl/run.h"

typedef struct stages {
    const cairn__preparation_setup *setup;
    const cairn__spl_run *run;
    cairn_dataset *weak;
    int64_t classes;
    /* Made by the stages; owned. */
    int32_t *teacher, *labels; /* of each weak item */
    double *confidence;
    int64_t *counts;
    cairn_spl_space *space;
    double teacher_accuracy;
} stages;

static void free_stages(void *user)
{
    stages *s = user;
    cairn_dataset_free(s->weak);
    cairn_spl_space_free(s->space);
    cairn__free(s->teacher);
    cairn__free(s->labels);
    cairn__free(s->confidence);
    cairn__free(s->counts);
    cairn__free(s);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* A teacher from a file must say as many classes as the clean data have. */
static bool check_teacher(const stages *s, cairn_status *status)
{
    const char *path = s->run->lengths.teacher;
    if (!*path)
        return true;
    cairn_safetensors *file = cairn_safetensors_open(path, status);
    if (!file)
        return false;
    const cairn_field *bias = cairn_safetensors_find(file, CAIRN__SPL_HEAD "/bias");
    bool good =
        bias ? cairn_field_elements(bias) == s->classes
             : cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: no model of this method: it has no " CAIRN__SPL_HEAD "/bias", path);
    if (bias && !good)
        cairn__fail(status, CAIRN_ERR_SHAPE, "%s: a teacher of %lld classes, the data has %lld",
                    path, (long long)cairn_field_elements(bias), (long long)s->classes);
    cairn_safetensors_free(file);
    return good;
}

static void *open_stages(const cairn__preparation_setup *setup, cairn_status *status)
{
    stages *s = cairn__alloc(1, sizeof *s, status);
    if (!s)
        return NULL;
    s->setup = setup;
    s->run = setup->options;
    s->classes = cairn_dataset_classes(setup->data);
    s->teacher_accuracy = NAN;
    if (check_teacher(s, status))
        s->weak = cairn__spl_open_weak(s->run, setup->data, setup->data_options, status);
    int64_t n = s->weak ? cairn_dataset_count(s->weak, CAIRN_SPLIT_TRAIN) : 0;
    if (s->weak && n < setup->train->batch)
        cairn__fail(status, CAIRN_ERR_VALUE, "batch: %lld, and there are %lld weak items",
                    (long long)setup->train->batch, (long long)n);
    if (s->weak && cairn_ok(status)) {
        s->teacher = cairn__alloc((size_t)n, sizeof *s->teacher, status);
        s->labels = cairn__alloc((size_t)n, sizeof *s->labels, status);
        s->confidence = cairn__alloc((size_t)n, sizeof *s->confidence, status);
        s->counts = cairn__alloc((size_t)(s->classes * s->classes), sizeof *s->counts, status);
    }
    if (s->weak && cairn_ok(status))
        return s;
    free_stages(s);
    return NULL;
}

/* ---- trainings ------------------------------------------------------------------------------- */

static const char *path_in(const stages *s, const char *name, char path[CAIRN_TEXT_SIZE + 64])
{
    snprintf(path, CAIRN_TEXT_SIZE + 64, "%.*s/%s", CAIRN_TEXT_SIZE, s->setup->directory, name);
    return path;
}

/* Trains a stage to its end, or finds it trained. The caller frees the trainer, also after an
 * error. */
static cairn_trainer *train_stage(const stages *s, const char *name, const char *title,
                                  const cairn_dataset *data, cairn_span length,
                                  cairn_status *status)
{
    char path[CAIRN_TEXT_SIZE + 64], json[CAIRN_TEXT_SIZE + 80];
    struct stat about;
    cairn_problem problem;
    cairn_train_options o = *s->setup->train;
    const cairn_config_section sections[] = {{NULL, NULL, NULL}};
    cairn__spl_scratch_problem(s->run, &problem);
    o.length = length;
    o.seconds = 0;
    path_in(s, name, path);
    snprintf(json, sizeof json, "%s/run.json", path);
    cairn_train_setup setup = {.problem = &problem,
                               .data = data,
                               .options = &o,
                               .directory = path,
                               .resume = stat(json, &about) == 0,
                               .sections = sections,
                               .title = title};
    cairn_trainer *t = cairn_trainer_new(&setup, status);
    while (t && cairn_trainer_advance(t, 0.1, status)) {
        cairn_progress p = cairn_trainer_progress(t);
        if (s->setup->progress)
            s->setup->progress(s->setup->user,
                               (double)p.step / (double)CAIRN__MAX(p.total_steps, (int64_t)1),
                               title);
        if (s->setup->stop && *s->setup->stop) {
            cairn_status kept = CAIRN_STATUS_INIT;
            cairn_trainer_interrupt(t, &kept);
            cairn__fail(status, CAIRN_ERR_INTERRUPTED, "interrupted");
        }
    }
    return t;
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* The most probable class of each weak item, by the teacher in the graph or in its file. */
static bool ask_teacher(stages *s, const cairn_graph *trained, cairn_status *status)
{
    int64_t n = cairn_dataset_count(s->weak, CAIRN_SPLIT_TRAIN);
    cairn_problem problem;
    double *p = cairn__alloc((size_t)(n * s->classes), sizeof *p, status);
    cairn__spl_scratch_problem(s->run, &problem);
    bool good = p && cairn_predict(&problem, trained, s->run->lengths.teacher, s->weak,
                                   CAIRN_SPLIT_TRAIN, 0, n, p, status);
    for (int64_t i = 0; good && i < n; i++) {
        const double *row = p + i * s->classes;
        for (int32_t c = 0; c < s->classes; c++)
            s->teacher[i] = row[c] > row[s->teacher[i]] ? c : s->teacher[i];
        s->confidence[i] = row[s->teacher[i]];
    }
    cairn__free(p);
    return good;
}

static const char *const *names_of(const stages *s)
{
    return s->setup->data->names;
}

static void add_cell(cairn__text *out, const char *text)
{
    bool quote = strpbrk(text, ",\"\n\r") != NULL;
    if (quote)
        cairn__text_add(out, "\"");
    for (const char *c = text; *c; c++)
        cairn__text_add(out, *c == '"' ? "\"\"" : "%c", *c);
    if (quote)
        cairn__text_add(out, "\"");
}

static const char *class_name(const stages *s, int64_t c, char text[24])
{
    snprintf(text, 24, "%lld", (long long)c);
    return names_of(s) ? names_of(s)[c] : text;
}

static bool write_text(const stages *s, const char *name, cairn__text *text, cairn_status *status)
{
    char path[CAIRN_TEXT_SIZE + 64];
    bool good = !text->failed &&
                cairn__write_file_atomically(path_in(s, name, path),
                                             &(cairn__bytes){text->data, text->length}, 1, status);
    cairn__free(text->data);
    return good;
}

static bool write_labels(const stages *s, cairn_status *status)
{
    const int32_t *weak = cairn_dataset_field(s->weak, CAIRN_SPLIT_TRAIN, "label")->data;
    int64_t n = cairn_dataset_count(s->weak, CAIRN_SPLIT_TRAIN);
    cairn__text out = {.status = status};
    char text[256], number[24];
    cairn__text_add(&out, "item,source,weak,teacher,confidence,spl,kept,class\n");
    for (int64_t i = 0; i < n; i++) {
        cairn__text_add(&out, "%lld,%lld,", (long long)i,
                        (long long)(s->run->source.weak_skip + i));
        add_cell(&out, class_name(s, weak[i], number));
        cairn__text_add(&out, ",");
        add_cell(&out, class_name(s, s->teacher[i], number));
        cairn__text_add(&out, ",%.6f,%d,%d,", s->confidence[i], s->labels[i], s->labels[i] >= 0);
        if (s->labels[i] >= 0)
            add_cell(&out,
                     cairn_spl_class_text(s->space, s->labels[i], names_of(s), text, sizeof text));
        cairn__text_add(&out, "\n");
    }
    return write_text(s, "labels.csv", &out, status);
}

static bool write_matrix(const stages *s, cairn_status *status)
{
    cairn__text out = {.status = status};
    char number[24];
    cairn__text_add(&out, "weak");
    for (int64_t t = 0; t < s->classes; t++) {
        cairn__text_add(&out, ",");
        add_cell(&out, class_name(s, t, number));
    }
    for (int64_t w = 0; w < s->classes; w++) {
        cairn__text_add(&out, "\n");
        add_cell(&out, class_name(s, w, number));
        for (int64_t t = 0; t < s->classes; t++)
            cairn__text_add(&out, ",%lld", (long long)s->counts[w * s->classes + t]);
    }
    cairn__text_add(&out, "\n");
    return write_text(s, "matrix.csv", &out, status);
}

static bool write_page(const stages *s, cairn_status *status)
{
    char path[CAIRN_TEXT_SIZE + 64];
    cairn_report *r = cairn_report_new("Label space");
    cairn__spl_labelled labelled = {s->weak,   s->teacher, s->confidence,
                                    s->counts, s->space,   s->teacher_accuracy};
    cairn_report_subtitle(r, "Weak labels and the teacher's classes, before pre-training");
    cairn__spl_report_labels(&labelled, r);
    bool good = cairn_report_write(r, path_in(s, "labels.html", path), status);
    cairn_report_free(r);
    return good;
}

/* Teacher, matrix, space, labels of all items. */
static bool make_labels(stages *s, cairn_status *status)
{
    const int32_t *weak = cairn_dataset_field(s->weak, CAIRN_SPLIT_TRAIN, "label")->data;
    int64_t n = cairn_dataset_count(s->weak, CAIRN_SPLIT_TRAIN);
    bool own = !*s->run->lengths.teacher;
    cairn_trainer *t = NULL;
    if (own) {
        t = train_stage(s, "teacher", "stage 1 of 3: teacher", s->setup->data,
                        s->run->lengths.teacher_length, status);
        if (t && cairn_ok(status))
            s->teacher_accuracy = cairn_trainer_figure(t, "test/accuracy");
    }
    bool good = cairn_ok(status) && (!own || t) &&
                ask_teacher(s, t ? cairn_trainer_graph(t) : NULL, status) &&
                cairn_spl_count(weak, s->teacher, n, s->classes, s->counts, status);
    cairn_trainer_free(t);
    if (good)
        s->space = cairn_spl_space_new(s->counts, s->classes, &s->run->space, status);
    return good && s->space && cairn_spl_labels(s->space, weak, s->teacher, n, s->labels, status) &&
           write_labels(s, status) && write_matrix(s, status) && write_page(s, status);
}

/* ---- pre-training ---------------------------------------------------------------------------- */

/* The items that have a class, with the names of these. */
static cairn_dataset *labelled_items(const stages *s, cairn_status *status)
{
    int64_t n = cairn_dataset_count(s->weak, CAIRN_SPLIT_TRAIN), kept = 0;
    int64_t size = cairn_spl_space_size(s->space);
    cairn__arena arena = {NULL};
    const char **names = cairn__arena_alloc(&arena, (size_t)size, sizeof *names, status);
    int64_t *rows = cairn__alloc((size_t)n, sizeof *rows, status);
    int32_t *labels = cairn__alloc((size_t)n, sizeof *labels, status);
    cairn_dataset *d = NULL;
    for (int64_t c = 0; names && c < size; c++) {
        char text[256];
        names[c] =
            cairn__arena_text(&arena, status, "%s",
                              cairn_spl_class_text(s->space, c, names_of(s), text, sizeof text));
    }
    for (int64_t i = 0; rows && labels && i < n; i++)
        if (s->labels[i] >= 0) {
            rows[kept] = i;
            labels[kept++] = s->labels[i];
        }
    if (cairn_ok(status) && kept < s->setup->train->batch)
        cairn__fail(status, CAIRN_ERR_VALUE,
                    "spl: %lld of %lld weak items have a class, fewer than a batch of %lld",
                    (long long)kept, (long long)n, (long long)s->setup->train->batch);
    if (cairn_ok(status))
        d = cairn__dataset_pick(s->weak, rows, kept, labels, size, names, status);
    cairn__free(rows);
    cairn__free(labels);
    cairn__arena_free(&arena);
    return d;
}

static bool pretrain(const stages *s, cairn_trainer *trainer, cairn_status *status)
{
    cairn_dataset *data = labelled_items(s, status);
    cairn_trainer *t = data ? train_stage(s, "pretrain", "stage 2 of 3: pre-training", data,
                                          s->run->lengths.pretrain_length, status)
                            : NULL;
    bool good = t && cairn_ok(status) &&
                cairn_spl_transfer(cairn_trainer_graph(t), cairn_trainer_graph(trainer),
                                   CAIRN__SPL_HEAD, true, NULL, status);
    cairn_trainer_free(t);
    cairn_dataset_free(data);
    return good;
}

static bool run_stages(void *user, cairn_trainer *trainer, bool *enough, char what[CAIRN_TEXT_SIZE],
                       cairn_status *status)
{
    stages *s = user;
    if (!make_labels(s, status))
        return false;
    if (s->run->lengths.until == CAIRN__SPL_UNTIL_LABELS && !s->setup->whole) {
        *enough = true;
        snprintf(what, CAIRN_TEXT_SIZE,
                 "%lld classes of %lld pairs, %lld of %lld items: %.400s/labels.html\n"
                 "'cairn resume %.400s' goes on",
                 (long long)cairn_spl_space_size(s->space), (long long)(s->classes * s->classes),
                 (long long)cairn_spl_space_kept(s->space),
                 (long long)cairn_dataset_count(s->weak, CAIRN_SPLIT_TRAIN), s->setup->directory,
                 s->setup->directory);
        return true;
    }
    return pretrain(s, trainer, status);
}

const cairn__preparation cairn__spl_preparation = {
    .open = open_stages, .run = run_stages, .free = free_stages};
