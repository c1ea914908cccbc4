/* Teachers and students: the options of `cairn train ssd`, shared with the experiments behind its
 * claims. In the order in which a run meets them:
 *
 *   run.c       options, and which stages a scheme has
 *   student.c   the model and its losses as a problem of the loop
 *   feed.c      unlabelled rows beside each batch, and changed pictures
 *   stages.c    from the models of earlier stages to what the next one trains
 *   robust.c    errors on corrupted pictures
 *   report.c    the page */
#ifndef CAIRN_SRC_SSD_RUN_H
#define CAIRN_SRC_SSD_RUN_H

#include "cairn/optim.h"
#include "cairn/ssd.h"
#include "data/augment.h"
#include "methods/method.h"

typedef enum cairn__ssd_scheme {
    CAIRN__SSD_NOISY,
    CAIRN__SSD_SSD,
    CAIRN__SSD_DISTIL,
    CAIRN__SSD_SUPERVISED
} cairn__ssd_scheme;

typedef struct cairn__ssd_model {
    int scheme; /* cairn__ssd_scheme */
    int64_t iterations, teacher_width, self_width, student_width, blocks;
    char teacher[CAIRN_TEXT_SIZE];
    char optimizer[CAIRN_TEXT_SIZE], optimizer_options[CAIRN_TEXT_SIZE];
} cairn__ssd_model;

typedef struct cairn__ssd_data {
    char unlabelled[CAIRN_TEXT_SIZE];
    double labelled_fraction;
    int64_t labelled_seed;
} cairn__ssd_data;

/* Which stages have noise: the teacher, the self-teacher of SSD, the last student of SSD and of
 * plain distillation. Students of Noisy Student always have it. */
typedef struct cairn__ssd_noise {
    char augment[CAIRN_TEXT_SIZE];
    double dropout, survival;
    bool teacher_noise, self_noise, student_noise;
    double ssd_dropout;
    int64_t ratio;
    double distil_temperature;
} cairn__ssd_noise;

typedef struct cairn__ssd_run {
    cairn__ssd_model model;
    cairn__ssd_data unlabelled;
    cairn_pseudo_options pseudo;
    cairn__ssd_noise noise;
    cairn_update_options update;
} cairn__ssd_run;

extern const cairn__method_section cairn__ssd_sections[];

cairn__ssd_run cairn__ssd_run_defaults(void);
bool cairn__ssd_run_check(const void *run, const cairn_dataset *data, cairn_status *status);

/* ---- stages ---------------------------------------------------------------------------------- */

/* What a stage is by the options alone. */
typedef struct cairn__ssd_plan {
    char name[32];
    int64_t width;
    bool labelled_only; /* the teacher */
    bool augment, deep; /* input noise; stochastic depth */
    double dropout;
    double temperature; /* of the distillation loss; 1: cross-entropy with soft labels */
} cairn__ssd_plan;

/* How many stages train; stage `index` of them. With --teacher the first student is stage 0. */
int cairn__ssd_count(const cairn__ssd_run *run);
cairn__ssd_plan cairn__ssd_plan_of(const cairn__ssd_run *run, int index);

/* ---- one student ----------------------------------------------------------------------------- */

/* What one stage trains: `user` of its problem. */
typedef struct cairn__ssd_student {
    const cairn__ssd_run *run;
    cairn__ssd_plan plan;
    int64_t classes, rows; /* rows: unlabelled ones in a batch, 0 for none */
    int64_t width;         /* elements of an item */
    int64_t seed;

    /* Borrowed. */
    const cairn_dataset *labelled, *pool;
    const cairn_pseudo *pseudo;

    /* For the feed; owned. */
    cairn_pipeline *pipeline;
    cairn__work work;
    int64_t *order, order_epoch;
    float *x, *u, *q;
} cairn__ssd_student;

void cairn__ssd_student_problem(const cairn__ssd_student *student, cairn_problem *problem);

/* Makes the buffers for `batch` labelled items. False with an error, and nothing is held. */
bool cairn__ssd_feed_begin(cairn__ssd_student *s, int64_t batch, cairn_status *status);
void cairn__ssd_feed_end(cairn__ssd_student *s);
bool cairn__ssd_feed(const void *student, const cairn_batch *batch, cairn_program *program,
                     cairn_status *status);

/* The pipeline of --augment, NULL when it is off: "auto" shifts square pictures by up to two
 * pixels, and does nothing to other data. Also checks that sizes stay. */
bool cairn__ssd_pipeline(const cairn__ssd_run *run, const cairn_dataset *data,
                         cairn_pipeline **pipeline, cairn_status *status);

/* ---- all stages ------------------------------------------------------------------------------ */

/* A run through its stages: data, and what the present stage needs. */
typedef struct cairn__ssd_stages {
    const cairn__ssd_run *run;
    const cairn_dataset *data; /* borrowed: its test split, classes */
    cairn_train_options train;
    cairn_dataset *labelled, *pool; /* owned */
    cairn_pseudo pseudo;
    cairn__ssd_student student; /* the present one */
} cairn__ssd_stages;

/* Divides the data. The caller calls cairn__ssd_stages_end(), also after an error. */
bool cairn__ssd_stages_begin(cairn__ssd_stages *s, const cairn__ssd_run *run,
                             const cairn_dataset *data, const cairn_train_options *train,
                             cairn_status *status);
void cairn__ssd_stages_end(cairn__ssd_stages *s);

/* Labels the pool by the stage before `index` (its graph, or the file of its model), and makes the
 * student of that stage. */
bool cairn__ssd_prepare(cairn__ssd_stages *s, int index, const cairn_graph *teacher,
                        const char *model, cairn_stage *stage, cairn_status *status);

/* Only the pseudo-labels of that teacher, in s->pseudo. */
bool cairn__ssd_label(cairn__ssd_stages *s, int index, const cairn_graph *teacher,
                      const char *model, cairn_status *status);

/* The problem of a stage for predictions only. `user` holds what it needs. */
void cairn__ssd_judge(const cairn__ssd_stages *s, int index, cairn__ssd_student *user,
                      cairn_problem *problem);

/* The share of kept rows whose first class is the label that the pool has; NaN without labels. */
double cairn__ssd_pseudo_accuracy(const cairn__ssd_stages *s);

/* For the method's record. */
bool cairn__ssd_open(const void *run, const cairn_dataset *data, const cairn_train_options *train,
                     cairn_stages *stages, cairn_status *status);
void cairn__ssd_close(cairn_stages *stages);
void cairn__ssd_run_problem(const void *run, cairn_problem *problem);

/* ---- what came of it ------------------------------------------------------------------------- */

/* Shares of wrong answers on the first `items` test pictures: clean first, then [kinds,
 * severities]. False with an error; data that are no pictures have only the first. */
enum { CAIRN__SSD_ERRORS = 1 + CAIRN_N_CORRUPTIONS * CAIRN_SEVERITIES };
bool cairn__ssd_errors(const cairn_problem *problem, const cairn_graph *trained, const char *model,
                       const cairn_dataset *data, int64_t items, double errors[CAIRN__SSD_ERRORS],
                       cairn_status *status);
bool cairn__ssd_pictures(const cairn_dataset *data, int64_t size[3]); /* channels, height, width */

bool cairn__ssd_report(void *stages, const char *const *models, cairn_report *report,
                       cairn_status *status);

int cairn__ssd_reproduce(const cairn__reproduction *r, cairn_report_claim *claims, int most,
                         cairn_status *status);

#endif
