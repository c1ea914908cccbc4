/* cairn compare RUN RUN ...: how much the predictions of trained classifiers differ, on the test
 * items of their data. */
#include <math.h>
#include <string.h>

#include "cairn/difference.h"
#include "cli/session.h"
#include "data/data.h"

typedef struct compare_options {
    char data[CAIRN_TEXT_SIZE], out[CAIRN_TEXT_SIZE];
    int64_t items;
} compare_options;

static const cairn_option table[] = {
    CAIRN_OPT_PATH(compare_options, data, "", "other data than the runs'", ""),
    CAIRN_OPT_PATH(compare_options, out, "", "write a page with the figures to this file", ""),
    CAIRN_OPT_COUNT(compare_options, items, 0, 0, 1e15, "the first so many test items; 0: all", ""),
    CAIRN_OPT_END,
};

static compare_options values;
static session run_session; /* of one run after the other */

static bool options(cli_call *call, cairn_status *status)
{
    (void)status;
    cairn_options_defaults(table, &values);
    return cli_add_section(call, "options", table, &values);
}

enum { MOST = CAIRN_DIFFERENCE_MODELS };

/* Everything that is compared. `of` is the run whose data all must share. */
typedef struct comparison {
    int runs, classes;
    int64_t items;
    const char *const *name;
    cairn_dataset *data;
    cairn_data_options data_options;
    const int32_t *label;
    double *p[MOST], *of_label[MOST];
    double loss[MOST], accuracy[MOST], mean_relative[MOST]; /* of each run */
    double *relative, *absolute, *total, *churn;            /* of pairs */
    double *per_class;                                      /* [classes] */
    cairn_difference difference;
} comparison;

/* ---- data ------------------------------------------------------------------------------------ */

static bool same_field(const cairn_dataset *a, const cairn_dataset *b, const char *name, int index)
{
    const cairn_field *x = name ? cairn_dataset_field(a, CAIRN_SPLIT_TEST, name)
                                : cairn_dataset_field_at(a, CAIRN_SPLIT_TEST, index);
    const cairn_field *y = name ? cairn_dataset_field(b, CAIRN_SPLIT_TEST, name)
                                : cairn_dataset_field_at(b, CAIRN_SPLIT_TEST, index);
    return x && y && x->type == y->type && x->rank == y->rank &&
           memcmp(x->shape, y->shape, (size_t)x->rank * sizeof *x->shape) == 0 &&
           (cairn_field_bytes(x) == 0 || memcmp(x->data, y->data, cairn_field_bytes(x)) == 0);
}

static bool same_data(const comparison *c, const cairn_dataset *other, const char *name,
                      cairn_status *status)
{
    int64_t classes = cairn_dataset_classes(other);
    int64_t items = cairn_dataset_count(other, CAIRN_SPLIT_TEST);
    int64_t expected = cairn_dataset_count(c->data, CAIRN_SPLIT_TEST);
    if (classes != c->classes)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: its data has %lld classes, that of %s has %d", name,
                           (long long)classes, c->name[0], c->classes);
    if (items != expected)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: its data has %lld test items, that of %s has %lld", name,
                           (long long)items, c->name[0], (long long)expected);
    return (same_field(c->data, other, NULL, 0) && same_field(c->data, other, "label", 0)) ||
           cairn__fail(status, CAIRN_ERR_VALUE,
                       "%s: its test items are not those of %s; --data names data for all", name,
                       c->name[0]);
}

/* The first run's data are kept; those of others are opened where their options differ. */
static bool open_data(comparison *c, int run, cairn_status *status)
{
    session *s = &run_session;
    if (*values.data)
        memcpy(s->data.data, values.data, sizeof values.data);
    if (run > 0 && memcmp(&s->data, &c->data_options, sizeof s->data) == 0)
        return !s->method->check || s->method->check(s->options.bytes, c->data, status);
    cairn_dataset *data = session_data(s, status);
    if (!data)
        return false;
    if (run > 0) {
        bool same = same_data(c, data, c->name[run], status);
        cairn_dataset_free(data);
        return same;
    }
    c->data = data;
    c->data_options = s->data;
    c->classes = (int)cairn_dataset_classes(data);
    c->items = cairn_dataset_count(data, CAIRN_SPLIT_TEST);
    if (values.items)
        c->items = CAIRN__MIN(c->items, values.items);
    if (c->classes < 2 || c->items < 1)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: its data has %lld test items of %d classes, expected items of at "
                           "least two",
                           c->name[0], (long long)c->items, c->classes);
    c->label = cairn_dataset_field(data, CAIRN_SPLIT_TEST, "label")->data;
    return true;
}

/* ---- models ---------------------------------------------------------------------------------- */

static void judge_run(comparison *c, int run)
{
    int64_t correct = 0;
    double loss = 0;
    for (int64_t i = 0; i < c->items; i++) {
        const double *row = c->p[run] + i * c->classes;
        int best = 0;
        for (int k = 1; k < c->classes; k++)
            best = row[k] > row[best] ? k : best;
        correct += best == c->label[i];
        loss -= log(fmax(c->of_label[run][i], 1e-300));
    }
    c->loss[run] = loss / (double)c->items;
    c->accuracy[run] = (double)correct / (double)c->items;
}

static bool predict(comparison *c, int run, cairn_status *status)
{
    char model[CAIRN_TEXT_SIZE + 32];
    const char *name = c->name[run];
    cairn_problem problem;
    if (!session_read(&run_session, name, status) || !open_data(c, run, status))
        return false;
    run_session.method->problem(run_session.options.bytes, &problem);
    if (!problem.build_prediction)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: a run of %s that is no classifier cannot be compared", name,
                           run_session.method->name);
    snprintf(model, sizeof model, "%s/model.safetensors", name);
    c->p[run] = cairn__alloc((size_t)c->items * (size_t)c->classes, sizeof(double), status);
    c->of_label[run] = cairn__alloc((size_t)c->items, sizeof(double), status);
    if (!c->p[run] || !c->of_label[run] ||
        !cairn_predict(&problem, NULL, model, c->data, CAIRN_SPLIT_TEST, 0, c->items, c->p[run],
                       status) ||
        !cairn_label_predictions(c->p[run], c->items, c->classes, c->label, c->of_label[run],
                                 status))
        return false;
    judge_run(c, run);
    return true;
}

/* ---- differences ----------------------------------------------------------------------------- */

static bool measure(comparison *c, cairn_status *status)
{
    size_t pairs = (size_t)c->runs * (size_t)c->runs;
    const double *const *p = (const double *const *)c->p;
    const double *const *q = (const double *const *)c->of_label;
    c->relative = cairn__alloc(pairs, sizeof(double), status);
    c->absolute = cairn__alloc(pairs, sizeof(double), status);
    c->total = cairn__alloc(pairs, sizeof(double), status);
    c->churn = cairn__alloc(pairs, sizeof(double), status);
    c->per_class = cairn__alloc((size_t)c->classes, sizeof(double), status);
    if (!c->relative || !c->absolute || !c->total || !c->churn || !c->per_class ||
        !cairn_difference_of(q, c->runs, c->items, &c->difference, status) ||
        !cairn_difference_pairs(q, c->runs, c->items, c->relative, c->absolute, status) ||
        !cairn_difference_classes(p, c->runs, c->items, c->classes, c->total, c->per_class,
                                  status) ||
        !cairn_churn_pairs(p, c->runs, c->items, c->classes, c->churn, status))
        return false;
    for (int i = 0; i < c->runs; i++)
        for (int j = 0; j < c->runs; j++)
            c->mean_relative[i] += c->relative[i * c->runs + j] / (c->runs - 1);
    return true;
}

/* ---- what is said ---------------------------------------------------------------------------- */

typedef struct figure {
    const char *key, *text;
    double value, error;
} figure;

enum { FIGURES = 9 };

static void list_figures(const comparison *c, figure f[FIGURES])
{
    const cairn_difference *d = &c->difference;
    double error[4];
    f[0] = (figure){"relative", "relative difference of the label's probability",
                    cairn_pairs_jackknife(c->relative, c->runs, &error[0]), error[0]};
    f[1] = (figure){"absolute", "absolute difference of the label's probability",
                    cairn_pairs_jackknife(c->absolute, c->runs, &error[1]), error[1]};
    f[2] = (figure){"classes", "absolute difference summed over classes",
                    cairn_pairs_jackknife(c->total, c->runs, &error[2]), error[2]};
    f[3] = (figure){"churn", "share of items with another answer",
                    cairn_pairs_jackknife(c->churn, c->runs, &error[3]), error[3]};
    f[4] = (figure){"pd1", "PD_1: mean |p - mean over runs|", d->pd1, NAN};
    f[5] = (figure){"pd2", "PD_2: mean deviation over runs", d->pd2, NAN};
    f[6] = (figure){"relative_deviation", "PD_1 over the mean, example by example",
                    d->relative_deviation, NAN};
    f[7] = (figure){"tiny", "share of quotients with a divisor below 1e-12", d->tiny, NAN};
    f[8] = (figure){"items", "test items", (double)c->items, NAN};
}

/* The probability of class 1: the positive label of two classes. */
static double positive_difference(const comparison *c)
{
    return c->classes == 2 ? c->per_class[1] : NAN;
}

static const char *class_name(const comparison *c, int k, char text[32])
{
    const char *name = cairn_dataset_class_name(c->data, k);
    snprintf(text, 32, "%d", k);
    return name ? name : text;
}

static void print_json(const comparison *c, const figure *f)
{
    cairn__text out = {.data = NULL};
    for (int i = 0; i < FIGURES; i++) {
        cli_json_number(&out, f[i].key, f[i].value);
        char name[64];
        snprintf(name, sizeof name, "%s_error", f[i].key);
        if (!isnan(f[i].error))
            cli_json_number(&out, name, f[i].error);
    }
    if (c->classes == 2)
        cli_json_number(&out, "positive", positive_difference(c));
    cli_json_end(&out);
    for (int i = 0; i < c->runs; i++) {
        cli_json_text(&out, "run", c->name[i]);
        cli_json_number(&out, "loss", c->loss[i]);
        cli_json_number(&out, "accuracy", c->accuracy[i]);
        cli_json_number(&out, "relative", c->mean_relative[i]);
        cli_json_end(&out);
    }
    for (int k = 0; k < c->classes; k++) {
        char text[32];
        cli_json_text(&out, "class", class_name(c, k, text));
        cli_json_number(&out, "absolute", c->per_class[k]);
        cli_json_end(&out);
    }
    for (int i = 0; i < c->runs; i++)
        for (int j = 0; j < i; j++) {
            int at = i * c->runs + j;
            cli_json_text(&out, "first", c->name[j]);
            cli_json_text(&out, "second", c->name[i]);
            cli_json_number(&out, "relative", c->relative[at]);
            cli_json_number(&out, "absolute", c->absolute[at]);
            cli_json_number(&out, "classes", c->total[at]);
            cli_json_number(&out, "churn", c->churn[at]);
            cli_json_end(&out);
        }
}

static void print(const comparison *c, const figure *f)
{
    for (int i = 0; i < FIGURES; i++)
        if (isnan(f[i].error))
            printf("%-48s %.6g\n", f[i].text, f[i].value);
        else
            printf("%-48s %.6g (jackknife error %.2g)\n", f[i].text, f[i].value, f[i].error);
    if (c->classes == 2)
        printf("%-48s %.6g\n", "absolute difference of the positive class",
               positive_difference(c));
    printf("\n%-10s %-10s %-22s run\n", "loss", "accuracy", "difference from others");
    for (int i = 0; i < c->runs; i++)
        printf("%-10.5g %-10.4f %-22.5g %s\n", c->loss[i], c->accuracy[i], c->mean_relative[i],
               c->name[i]);
    printf("\n%-22s class\n", "absolute difference");
    for (int k = 0; k < c->classes; k++) {
        char text[32];
        printf("%-22.5g %s\n", c->per_class[k], class_name(c, k, text));
    }
}

/* ---- the page -------------------------------------------------------------------------------- */

static void add_runs(cairn_report *r, const comparison *c)
{
    cairn_report_spot spots[MOST];
    double accuracy[MOST];
    for (int i = 0; i < c->runs; i++) {
        const char *slash = strrchr(c->name[i], '/');
        accuracy[i] = 100 * c->accuracy[i];
        spots[i] = (cairn_report_spot){.name = slash && slash[1] ? slash + 1 : c->name[i],
                                       .series = c->name[i],
                                       .x = c->loss[i],
                                       .y = c->mean_relative[i],
                                       .error = NAN};
    }
    const cairn_report_column columns[] = {
        {.name = "run", .texts = c->name},
        {.name = "test loss (nats)", .reals = c->loss, .digits = 5},
        {.name = "accuracy (%)", .reals = accuracy, .digits = 5},
        {.name = "relative difference from the others", .reals = c->mean_relative, .digits = 4},
    };
    cairn_report_heading(r, "Runs");
    cairn_report_plane(r, "Difference from the other runs, and loss", "test loss (nats)",
                       "relative difference", spots, c->runs);
    cairn_report_table(r, NULL, columns, CAIRN__COUNT(columns), c->runs);
}

static void add_figures(cairn_report *r, const figure *f)
{
    const char *names[FIGURES];
    double value[FIGURES], error[FIGURES];
    for (int i = 0; i < FIGURES; i++) {
        names[i] = f[i].text;
        value[i] = f[i].value;
        error[i] = f[i].error;
    }
    const cairn_report_column columns[] = {
        {.name = "figure", .texts = names},
        {.name = "mean over pairs or runs", .reals = value, .digits = 5},
        {.name = "jackknife error", .reals = error, .digits = 2},
    };
    cairn_report_heading(r, "Differences");
    cairn_report_table(r, NULL, columns, CAIRN__COUNT(columns), FIGURES);
}

static bool add_classes(cairn_report *r, const comparison *c, cairn_status *status)
{
    const char **names = cairn__alloc((size_t)c->classes, sizeof *names, status);
    char(*texts)[32] = cairn__alloc((size_t)c->classes, sizeof *texts, status);
    for (int k = 0; names && texts && k < c->classes; k++)
        names[k] = class_name(c, k, texts[k]);
    const cairn_report_column columns[] = {
        {.name = "class", .texts = names},
        {.name = "absolute difference of its probability", .reals = c->per_class},
    };
    if (names && texts) {
        cairn_report_heading(r, "Classes");
        cairn_report_table(r, NULL, columns, 2, c->classes);
    }
    cairn__free(names);
    cairn__free(texts);
    return cairn_ok(status);
}

static bool write_page(const comparison *c, const figure *f, cairn_status *status)
{
    cairn_report *r = cairn_report_new("Comparison of runs");
    cairn_report_subtitle(r, "%d runs on %lld test items of %d classes", c->runs,
                          (long long)c->items, c->classes);
    cairn_report_fact(r, "Relative difference", "%.4g", f[0].value);
    cairn_report_fact(r, "Churn", "%.3g %%", 100 * f[3].value);
    add_runs(r, c);
    add_figures(r, f);
    cairn_report_paragraph(r, "Compare differences at about equal loss only: a model that always "
                              "predicts the mean agrees with everybody.");
    bool good = add_classes(r, c, status) && cairn_report_write(r, values.out, status);
    cairn_report_free(r);
    return good;
}

/* ---- the command ----------------------------------------------------------------------------- */

static void free_all(comparison *c)
{
    for (int i = 0; i < c->runs; i++) {
        cairn__free(c->p[i]);
        cairn__free(c->of_label[i]);
    }
    cairn__free(c->relative);
    cairn__free(c->absolute);
    cairn__free(c->total);
    cairn__free(c->churn);
    cairn__free(c->per_class);
    cairn_dataset_free(c->data);
    cairn__free(c);
}

static bool run(cli_call *call, cairn_status *status)
{
    figure f[FIGURES];
    comparison *c = cairn__alloc(1, sizeof *c, status);
    bool good = c != NULL;
    if (!c)
        return false;
    c->runs = call->words;
    c->name = call->word;
    for (int i = 0; good && i < c->runs; i++) {
        cli_progress(call, "%d of %d: %s", i + 1, c->runs, c->name[i]);
        good = predict(c, i, status);
    }
    cli_progress_end(call);
    good = good && measure(c, status);
    if (good) {
        list_figures(c, f);
        good = !*values.out || write_page(c, f, status);
    }
    if (good && call->json)
        print_json(c, f);
    else if (good)
        print(c, f);
    if (good && *values.out && !call->json)
        printf("\nreport: %s\n", values.out);
    free_all(c);
    return good;
}

const cli_command cli_compare = {
    .name = "compare",
    .arguments = "RUN RUN ...",
    .summary = "how much the predictions of trained classifiers differ",
    .details = "Predicts the test items by every run's model and prints the prediction difference\n"
               "(absolute, relative, by class), churn, loss and accuracy. The runs must have the\n"
               "same test items and classes; --data names other data for all of them.",
    .least = 2,
    .most = CLI_WORDS,
    .options = options,
    .run = run,
};
