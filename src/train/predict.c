/* Predictions of a trained classifier, item by item. */
#include <string.h>

#include "data/data.h"
#include "graph/graph.h"
#include "train/train.h"

enum { BATCH = 250 };

/* Items of one loader batch that lie in first .. first + n go to their place in `out`. */
static void copy_rows(const cairn_batch *b, const float *p, int64_t classes, int64_t first,
                      int64_t n, double *out)
{
    for (int64_t row = 0; row < b->size; row++) {
        int64_t at = b->items[row] - first;
        for (int64_t c = 0; at >= 0 && at < n && c < classes; c++)
            out[at * classes + c] = (double)p[row * classes + c];
    }
}

static bool run_all(cairn_program *p, cairn_loader *loader, int64_t classes, int64_t first,
                    int64_t n, double *out, cairn_status *status)
{
    size_t count = (size_t)BATCH * (size_t)classes;
    float *values = cairn__alloc(count, sizeof *values, status);
    const cairn_batch *b;
    cairn_loader_seek(loader, (cairn_loader_position){0, first / BATCH}, status);
    for (int64_t done = first / BATCH * BATCH;
         values && done < first + n && (b = cairn_loader_next(loader, status)); done += BATCH) {
        size_t bytes = sizeof(float);
        for (int i = 0; i < b->rank; i++)
            bytes *= (size_t)b->shape[i];
        cairn_program_feed(p, "x", b->x, bytes, status);
        cairn_program_run(p, status);
        if (!cairn_program_fetch(p, "probability", values, count * sizeof *values, status))
            break;
        copy_rows(b, values, classes, first, n, out);
    }
    cairn__free(values);
    return cairn_ok(status);
}

static bool check(const cairn_problem *problem, const cairn_dataset *data, cairn_split split,
                  int64_t first, int64_t n, cairn_status *status)
{
    int64_t items = cairn_dataset_count(data, split);
    if (!cairn_ok(status))
        return false;
    if (!problem->build_prediction || cairn_dataset_classes(data) < 2)
        return cairn__fail(status, CAIRN_ERR_VALUE, "predictions: the model is no classifier");
    return (first >= 0 && n > 0 && n <= items - first) ||
           cairn__fail(status, CAIRN_ERR_VALUE,
                       "predictions: items %lld to %lld of a split that has %lld",
                       (long long)first, (long long)(first + n), (long long)items);
}

bool cairn_predict(const cairn_problem *problem, const cairn_graph *trained, const char *model,
                   const cairn_dataset *data, cairn_split split, int64_t first, int64_t n,
                   double *out, cairn_status *status)
{
    if (!check(problem, data, split, first, n, status))
        return false;
    cairn_loader_options o = cairn_loader_defaults();
    cairn_build b = {.data = data, .batch = BATCH, .steps_per_epoch = 1, .total_steps = 1};
    o.batch = BATCH;
    o.shuffle = o.prefetch = false;
    cairn_graph *g = trained ? cairn_graph_new_sharing(trained) : cairn_graph_new();
    problem->build_prediction(problem->user, g, &b);
    cairn_program *p = cairn_compile_outputs(g, cairn_cpu(), NULL, 0, false, status);
    cairn_loader *loader = cairn_loader_new(data, split, &o, status);
    bool good = p && loader && (trained || cairn_graph_load(g, model, status)) &&
                run_all(p, loader, cairn_dataset_classes(data), first, n, out, status);
    cairn_loader_free(loader);
    cairn_program_free(p);
    cairn_graph_free(g);
    return good;
}
