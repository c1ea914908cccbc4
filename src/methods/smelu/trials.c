/* One training of the experiment, kept as DIRECTORY/model-HASH.safetensors with its key. */
#include "methods/smelu/trials.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/data.h"

enum { BASE_SEED = 1 };

static void make_key(const cairn__smelu_trials *t, const cairn__smelu_arm *arm, double rate,
                     cairn__smelu_scene scene, int index, char key[CAIRN_TEXT_SIZE])
{
    snprintf(key, CAIRN_TEXT_SIZE,
             "%s|beta=%g|rate=%g|scene=%d|window=%lld|epochs=%g|batch=%lld|train=%lld|"
             "test=%lld+%lld|model=%d",
             arm->name, arm->beta, rate, (int)scene, (long long)t->window, t->epochs,
             (long long)t->batch, (long long)cairn_dataset_count(t->r->data, CAIRN_SPLIT_TRAIN),
             (long long)t->items, (long long)t->tuning, index);
}

static void make_path(const cairn__smelu_trials *t, const char *key, char *path, size_t size)
{
    snprintf(path, size, "%s/model-%016llx.safetensors", t->r->directory,
             (unsigned long long)cairn_random_stream(key));
}

/* ---- keeping --------------------------------------------------------------------------------- */

static bool read_kept(const cairn__smelu_trials *t, const char *key, const char *path,
                      cairn__smelu_model_result *result)
{
    cairn_status status = CAIRN_STATUS_INIT;
    size_t bytes = (size_t)t->items * (size_t)t->classes * sizeof *result->p;
    if (access(path, R_OK) != 0)
        return false;
    cairn_safetensors *file = cairn_safetensors_open(path, &status);
    const char *kept = file ? cairn_safetensors_metadata(file, "key") : NULL;
    const cairn_field *p = file ? cairn_safetensors_find(file, "probability") : NULL;
    const cairn_field *loss = file ? cairn_safetensors_find(file, "tuning_loss") : NULL;
    bool good = kept && strcmp(kept, key) == 0 && p && p->type == CAIRN_DATA_F64 && loss &&
                loss->type == CAIRN_DATA_F64 &&
                cairn_safetensors_read(file, p, result->p, bytes, &status) &&
                cairn_safetensors_read(file, loss, &result->tuning_loss, sizeof(double), &status);
    cairn_safetensors_free(file);
    return good;
}

static bool keep(const cairn__smelu_trials *t, const char *key, const char *path,
                 const cairn__smelu_model_result *result, cairn_status *status)
{
    const cairn_field fields[] = {
        {.name = "probability",
         .type = CAIRN_DATA_F64,
         .rank = 2,
         .shape = {t->items, t->classes},
         .data = result->p},
        {.name = "tuning_loss", .type = CAIRN_DATA_F64, .data = &result->tuning_loss},
    };
    const char *const metadata[] = {"key", key, NULL};
    return cairn_safetensors_write(path, fields, 2, metadata, status);
}

/* ---- training -------------------------------------------------------------------------------- */

static cairn_train_options options_of(const cairn__smelu_trials *t, cairn__smelu_scene scene,
                                      int index)
{
    cairn_train_options o = cairn_train_defaults();
    o.seed = BASE_SEED;
    o.batch = t->batch;
    o.length = (cairn_span){t->epochs, CAIRN_EPOCHS};
    o.threads = 1; /* steps this small gain nothing from more */
    o.evaluate.amount = o.checkpoint.amount = 0;
    o.shuffle_window = scene == CAIRN__SCENE_WINDOW || scene == CAIRN__SCENE_SUMS ? t->window : 0;
    if (scene == CAIRN__SCENE_SUMS)
        o.sum_seed = 100 + index;
    else
        o.order_seed = 100 + index;
    if (scene == CAIRN__SCENE_INIT)
        o.init_seed = 100 + index;
    return o;
}

/* Mean of -log p of the label over the items for tuning. */
static double tuning_loss(const cairn__smelu_trials *t, const double *p)
{
    const int32_t *label = cairn_dataset_field(t->r->data, CAIRN_SPLIT_TEST, "label")->data;
    double sum = 0;
    for (int64_t i = 0; i < t->tuning; i++)
        sum -= log(fmax(p[i * t->classes + label[t->items + i]], 1e-300));
    return sum / (double)t->tuning;
}

static bool predict(const cairn__smelu_trials *t, const cairn_problem *problem,
                    cairn_trainer *trainer, cairn__smelu_model_result *result,
                    cairn_status *status)
{
    const cairn_graph *g = cairn_trainer_graph(trainer);
    double *p = cairn__alloc((size_t)t->tuning * (size_t)t->classes, sizeof *p, status);
    bool good = p &&
                cairn_predict(problem, g, NULL, t->r->data, CAIRN_SPLIT_TEST, 0, t->items,
                              result->p, status) &&
                cairn_predict(problem, g, NULL, t->r->data, CAIRN_SPLIT_TEST, t->items, t->tuning,
                              p, status);
    if (good)
        result->tuning_loss = tuning_loss(t, p);
    cairn__free(p);
    return good;
}

static bool train(const cairn__smelu_trials *t, const cairn__smelu_arm *arm, double rate,
                  cairn__smelu_scene scene, int index, cairn__smelu_model_result *result,
                  cairn_status *status)
{
    cairn__smelu_run run = cairn__smelu_run_defaults();
    cairn_train_options options = options_of(t, scene, index);
    cairn_problem problem;
    run.model.activation = arm->activation;
    run.model.beta = arm->beta;
    snprintf(run.model.optimizer_options, CAIRN_TEXT_SIZE, "learning_rate=%g,momentum=0.9", rate);
    cairn__smelu_run_problem(&run, &problem);
    problem.build_evaluation = NULL; /* only predictions are wanted */
    cairn_train_setup setup = {.problem = &problem, .data = t->r->data, .options = &options};
    if (t->r->stop && *t->r->stop) /* a short training ends within its first turn below */
        return cairn__fail(status, CAIRN_ERR_INTERRUPTED, "interrupted");
    cairn_trainer *trainer = cairn_trainer_new(&setup, status);
    while (trainer && cairn_trainer_advance(trainer, 0.5, status))
        if (t->r->stop && *t->r->stop)
            cairn__fail(status, CAIRN_ERR_INTERRUPTED, "interrupted");
    bool good = trainer && cairn_ok(status) && predict(t, &problem, trainer, result, status);
    cairn_trainer_free(trainer);
    return good;
}

bool cairn__smelu_trial(cairn__smelu_trials *t, const cairn__smelu_arm *arm, double rate,
                        cairn__smelu_scene scene, int index, cairn__smelu_model_result *result,
                        cairn_status *status)
{
    char key[CAIRN_TEXT_SIZE], path[CAIRN_TEXT_SIZE + 64];
    if (!cairn_ok(status))
        return false;
    make_key(t, arm, rate, scene, index, key);
    make_path(t, key, path, sizeof path);
    if (t->r->progress)
        t->r->progress(t->r->user, (double)t->done / CAIRN__MAX(t->planned, 1), key);
    t->done++;
    result->p =
        cairn__alloc((size_t)t->items * (size_t)t->classes, sizeof *result->p, status);
    if (!result->p)
        return false;
    if (read_kept(t, key, path, result))
        return true;
    if (train(t, arm, rate, scene, index, result, status))
        return keep(t, key, path, result, status);
    if (status->code != CAIRN_ERR_NUMERIC)
        return false;
    /* A training that breaks down is a bad setting: its loss is infinite, and nobody predicts. */
    *status = (cairn_status)CAIRN_STATUS_INIT;
    result->tuning_loss = INFINITY;
    return true;
}
