/* Training items whose labels are most likely wrong. */
#include "methods/suspects.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cairn/compile.h"
#include "data/data.h"

/* ---- weights --------------------------------------------------------------------------------- */

/* Weights of all items at once, by the graph that a step uses. weight: n numbers, times n. */
static bool weigh(const float *losses, int64_t n, const cairn_reweight_options *options,
                  float *weight, cairn_status *status)
{
    cairn_reweight_options o = options ? *options : cairn_reweight_defaults();
    if (o.reweight == CAIRN_DIVERGENCE_NONE)
        o.reweight = CAIRN_DIVERGENCE_ALPHA;
    size_t bytes = (size_t)n * sizeof *losses;
    cairn_graph *g = cairn_graph_new();
    cairn_tensor l = cairn_input(g, "losses", CAIRN_F32, CAIRN_SHAPE(n));
    cairn_output(cairn_scale(cairn_instance_weights(l, &o), (double)n), "weights");
    cairn_program *p = cairn_compile(g, cairn_cpu(), status);
    bool good = p && cairn_program_feed(p, "losses", losses, bytes, status) &&
                cairn_program_run(p, status) &&
                cairn_program_fetch(p, "weights", weight, bytes, status);
    cairn_program_free(p);
    cairn_graph_free(g);
    return good;
}

/* ---- ranking --------------------------------------------------------------------------------- */

static int by_loss(const void *a, const void *b)
{
    const cairn__suspect *x = a, *y = b;
    if (x->loss != y->loss)
        return x->loss < y->loss ? 1 : -1;
    return (x->item > y->item) - (x->item < y->item);
}

static void fill(const double *p, int64_t classes, cairn__suspect *s)
{
    for (int32_t c = 0; c < classes; c++)
        s->guess = p[c] > p[s->guess] ? c : s->guess;
    s->probability = p[s->label];
    s->loss = -log(fmax(s->probability, 1e-30));
}

/* Over the list in falling order of loss: the area under the curve of wrong items found over right
 * ones, with equal losses counting half. */
static void judge(cairn__suspects *f)
{
    int64_t memorised = 0;
    double above = 0, pairs = 0;
    for (int64_t i = 0; i < f->n;) {
        int64_t end = i, wrong = 0;
        for (; end < f->n && f->list[end].loss == f->list[i].loss; end++) {
            const cairn__suspect *s = &f->list[end];
            wrong += s->truth != s->label;
            memorised += s->truth != s->label && s->guess == s->label;
        }
        double right = (double)(end - i - wrong);
        pairs += right * ((double)f->wrong + 0.5 * (double)wrong);
        above += right;
        f->wrong += wrong;
        i = end;
    }
    if (f->wrong > 0) {
        f->auc = above > 0 ? pairs / (above * (double)f->wrong) : NAN;
        f->memorised = (double)memorised / (double)f->wrong;
    }
}

bool cairn__suspects_find(const cairn_problem *problem, const cairn_graph *trained,
                          const char *model, const cairn_dataset *data,
                          const cairn_reweight_options *options, int64_t most, cairn__suspects *f,
                          cairn_status *status)
{
    int64_t n = cairn_dataset_count(data, CAIRN_SPLIT_TRAIN), classes = cairn_dataset_classes(data);
    const cairn_field *field = cairn_dataset_field(data, CAIRN_SPLIT_TRAIN, "label");
    const int32_t *truth = cairn_dataset_true_labels(data);
    *f = (cairn__suspects){.items = n, .auc = NAN, .memorised = NAN};
    if (!cairn_ok(status) || !field)
        return cairn__fail(status, CAIRN_ERR_VALUE, "the training items have no labels");
    double *p = cairn__alloc((size_t)(n * CAIRN__MAX(classes, (int64_t)1)), sizeof *p, status);
    float *losses = cairn__alloc((size_t)n * 2, sizeof *losses, status);
    f->list = cairn__alloc((size_t)n, sizeof *f->list, status);
    bool good = p && losses && f->list &&
                cairn_predict(problem, trained, model, data, CAIRN_SPLIT_TRAIN, 0, n, p, status);
    for (int64_t i = 0; good && i < n; i++) {
        cairn__suspect *s = &f->list[i];
        *s = (cairn__suspect){
            .item = i, .label = ((const int32_t *)field->data)[i], .truth = truth ? truth[i] : -1};
        fill(p + i * classes, classes, s);
        losses[i] = (float)s->loss;
    }
    good = good && weigh(losses, n, options, losses + n, status);
    for (int64_t i = 0; good && i < n; i++)
        f->list[i].weight = (double)losses[n + i];
    if (good) {
        f->n = n;
        qsort(f->list, (size_t)n, sizeof *f->list, by_loss);
        if (truth)
            judge(f);
        f->n = CAIRN__MIN(n, most);
    }
    cairn__free(p);
    cairn__free(losses);
    return good;
}

void cairn__suspects_free(cairn__suspects *f)
{
    cairn__free(f->list);
    f->list = NULL;
}

/* ---- the page -------------------------------------------------------------------------------- */

enum { SHOWN = 24, ACROSS = 8, MOST_PIXELS = 1 << 16 };

const char *cairn__class_text(const cairn_dataset *data, int32_t label, char text[24])
{
    const char *name = cairn_dataset_class_name(data, label);
    if (label < 0)
        return NULL;
    if (!name)
        snprintf(text, 24, "%d", label);
    else
        snprintf(text, 24, "%.23s", name);
    return text;
}

static void add_table(const cairn__suspects *f, const cairn_dataset *data, int64_t n,
                      cairn_report *report)
{
    char texts[3][SHOWN][24];
    const char *label[SHOWN], *guess[SHOWN], *truth[SHOWN];
    double probability[SHOWN], loss[SHOWN], weight[SHOWN];
    int64_t item[SHOWN];
    for (int64_t i = 0; i < n; i++) {
        const cairn__suspect *s = &f->list[i];
        item[i] = s->item;
        label[i] = cairn__class_text(data, s->label, texts[0][i]);
        guess[i] = cairn__class_text(data, s->guess, texts[1][i]);
        truth[i] = cairn__class_text(data, s->truth, texts[2][i]);
        probability[i] = s->probability;
        loss[i] = s->loss;
        weight[i] = s->weight;
    }
    const cairn_report_column columns[] = {
        {.name = "item", .counts = item},
        {.name = "label", .texts = label},
        {.name = "model says", .texts = guess},
        {.name = "probability of the label", .reals = probability, .digits = 3},
        {.name = "loss (nats)", .reals = loss},
        {.name = "weight (uniform: 1)", .reals = weight, .digits = 3},
        {.name = "label before noise", .texts = truth},
    };
    int shown = cairn_dataset_true_labels(data) ? 7 : 6;
    cairn_report_table(report, "Training items by loss", columns, shown, n);
}

static void add_pictures(const cairn__suspects *f, const cairn_dataset *data, int64_t n,
                         cairn_report *report)
{
    const cairn_field *x = cairn_dataset_field_at(data, CAIRN_SPLIT_TRAIN, 0);
    cairn_report_picture grid[SHOWN];
    char captions[SHOWN][80], a[24], b[24];
    int64_t pixels = cairn__item_elements(x), rows = (n + ACROSS - 1) / ACROSS;
    if (strcmp(x->name, "image") != 0 || x->type != CAIRN_DATA_U8 || x->rank != 3 ||
        pixels > MOST_PIXELS)
        return;
    memset(grid, 0, sizeof grid);
    for (int64_t i = 0; i < n; i++) {
        const cairn__suspect *s = &f->list[i];
        snprintf(captions[i], sizeof captions[i], "%lld: %s, not %s?", (long long)s->item,
                 cairn__class_text(data, s->guess, a), cairn__class_text(data, s->label, b));
        grid[i] = (cairn_report_picture){.pixels = (const uint8_t *)x->data + s->item * pixels,
                                         .height = x->shape[1],
                                         .width = x->shape[2],
                                         .channels = 1,
                                         .caption = captions[i]};
    }
    cairn_report_pictures(report, "The same: what the model says, and the given label", grid, rows,
                          ACROSS);
}

void cairn__suspects_report(const cairn__suspects *f, const cairn_dataset *data,
                            cairn_report *report)
{
    int64_t n = CAIRN__MIN(f->n, (int64_t)SHOWN);
    if (n < 1)
        return;
    cairn_report_heading(report, "Labels most likely wrong");
    cairn_report_paragraph(report,
                           "The %lld of %lld training items to which the model gives the highest "
                           "loss. 'cairn suspects RUN' lists more.",
                           (long long)n, (long long)f->items);
    if (f->wrong > 0)
        cairn_report_paragraph(report,
                               "%lld labels were made wrong. A wrong one has a higher loss than a "
                               "right one with a chance of %.4f; the model predicts %.1f %% of "
                               "them as given.",
                               (long long)f->wrong, f->auc, 100 * f->memorised);
    add_table(f, data, n, report);
    add_pictures(f, data, n, report);
}
