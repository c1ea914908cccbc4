/* Errors of a model on corrupted test pictures. */
#include <string.h>

#include "data/data.h"
#include "methods/ssd/run.h"

enum { BATCH = 250 };

typedef struct eye {
    cairn_program *program;
    const cairn_field *pictures;
    const int32_t *label;
    int64_t width, classes, items, size[3];
    float *x, *p; /* [BATCH, width], [BATCH, classes] */
} eye;

/* Rows first .. first + n of the test split, corrupted unless severity is 0. */
static bool fill(const eye *e, int64_t first, int64_t n, int kind, int severity,
                 cairn_status *status)
{
    size_t bytes = (size_t)e->width * cairn_data_type_bytes(e->pictures->type);
    cairn__converter_of(e->pictures->type)(
        (const unsigned char *)e->pictures->data + (size_t)first * bytes, n * e->width, e->x);
    memset(e->x + n * e->width, 0, (size_t)((BATCH - n) * e->width) * sizeof *e->x);
    for (int64_t i = 0; severity && i < n; i++)
        if (!cairn_corrupt(e->x + i * e->width, e->size[0], e->size[1], e->size[2],
                           (cairn_corruption)kind, severity, 1, first + i, status))
            return false;
    return true;
}

static bool measure(const eye *e, int kind, int severity, double *error, cairn_status *status)
{
    int64_t wrong = 0;
    for (int64_t first = 0; first < e->items; first += BATCH) {
        int64_t n = CAIRN__MIN(e->items - first, (int64_t)BATCH);
        if (!fill(e, first, n, kind, severity, status) ||
            !cairn_program_feed(e->program, "x", e->x, (size_t)(BATCH * e->width) * sizeof *e->x,
                                status) ||
            !cairn_program_run(e->program, status) ||
            !cairn_program_fetch(e->program, "probability", e->p,
                                 (size_t)(BATCH * e->classes) * sizeof *e->p, status))
            return false;
        for (int64_t i = 0; i < n; i++) {
            const float *row = e->p + i * e->classes;
            int64_t best = 0;
            for (int64_t c = 1; c < e->classes; c++)
                best = row[c] > row[best] ? c : best;
            wrong += best != e->label[first + i];
        }
    }
    *error = (double)wrong / (double)e->items;
    return true;
}

static bool measure_all(const eye *e, bool pictures, double *errors, cairn_status *status)
{
    bool good = measure(e, 0, 0, &errors[0], status);
    for (int i = 1; good && pictures && i < CAIRN__SSD_ERRORS; i++)
        good = measure(e, (i - 1) / CAIRN_SEVERITIES, 1 + (i - 1) % CAIRN_SEVERITIES, &errors[i],
                       status);
    return good;
}

bool cairn__ssd_errors(const cairn_problem *problem, const cairn_graph *trained, const char *model,
                       const cairn_dataset *data, int64_t items, double errors[CAIRN__SSD_ERRORS],
                       cairn_status *status)
{
    eye e = {.pictures = cairn_dataset_field_at(data, CAIRN_SPLIT_TEST, 0),
             .classes = cairn_dataset_classes(data),
             .items = CAIRN__MIN(items, cairn_dataset_count(data, CAIRN_SPLIT_TEST))};
    bool pictures = cairn__ssd_pictures(data, e.size);
    cairn_build b = {.data = data, .batch = BATCH, .steps_per_epoch = 1, .total_steps = 1};
    if (!cairn_ok(status) || e.items < 1)
        return cairn__fail(status, CAIRN_ERR_VALUE, "errors: there are no test items");
    e.width = cairn__item_elements(e.pictures);
    const cairn_field *label = cairn_dataset_field(data, CAIRN_SPLIT_TEST, "label");
    if (!label)
        return cairn__fail(status, CAIRN_ERR_VALUE, "errors: the test items have no labels");
    e.label = label->data;
    cairn_graph *g = trained ? cairn_graph_new_sharing(trained) : cairn_graph_new();
    problem->build_prediction(problem->user, g, &b);
    e.program = cairn_compile_outputs(g, cairn_cpu(), NULL, 0, false, status);
    e.x = cairn__alloc(BATCH, (size_t)e.width * sizeof *e.x, status);
    e.p = cairn__alloc(BATCH, (size_t)e.classes * sizeof *e.p, status);
    bool good = e.program && e.x && e.p && (trained || cairn_graph_load(g, model, status)) &&
                measure_all(&e, pictures, errors, status);
    cairn__free(e.x);
    cairn__free(e.p);
    cairn_program_free(e.program);
    cairn_graph_free(g);
    return good;
}
