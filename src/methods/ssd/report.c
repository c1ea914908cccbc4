/* The page of a run: accuracy of each stage, what the last teacher labelled, and errors on
 * corrupted pictures. Everything is measured from the models, so that a run that was resumed shows
 * the same. */
#include <math.h>
#include <stdio.h>

#include "data/data.h"
#include "methods/ssd/run.h"

enum { ITEMS = 2000 }; /* test pictures that are corrupted */

typedef struct row {
    char name[32];
    double width, accuracy, right, kept, rows; /* right: share of pseudo-labels */
    double errors[CAIRN__SSD_ERRORS];
} row;

static bool measure_stage(cairn__ssd_stages *s, int index, const char *const *models, row *r,
                          cairn_status *status)
{
    cairn__ssd_student user;
    cairn_problem problem;
    cairn__ssd_plan plan = cairn__ssd_plan_of(s->run, index);
    snprintf(r->name, sizeof r->name, "%s", plan.name);
    r->width = (double)plan.width;
    r->right = r->kept = r->rows = NAN;
    if (!plan.labelled_only) {
        const char *teacher = index > 0 ? models[index - 1] : s->run->model.teacher;
        if (!cairn__ssd_label(s, index, NULL, teacher, status))
            return false;
        int64_t kept = 0;
        for (int64_t c = 0; c < s->pseudo.classes; c++)
            kept += s->pseudo.kept[c];
        r->right = 100 * cairn__ssd_pseudo_accuracy(s);
        r->kept = 100 * (double)kept / (double)cairn_dataset_count(s->pool, CAIRN_SPLIT_TRAIN);
        r->rows = (double)s->pseudo.n;
    }
    cairn__ssd_judge(s, index, &user, &problem);
    if (!cairn__ssd_errors(&problem, NULL, models[index], s->data, ITEMS, r->errors, status))
        return false;
    r->accuracy = 100 * (1 - r->errors[0]);
    return true;
}

static void add_stages(cairn_report *report, const row *rows, int n)
{
    const char *names[CAIRN_MOST_STAGES];
    double width[CAIRN_MOST_STAGES], accuracy[CAIRN_MOST_STAGES], right[CAIRN_MOST_STAGES];
    double kept[CAIRN_MOST_STAGES], used[CAIRN_MOST_STAGES];
    for (int i = 0; i < n; i++) {
        names[i] = rows[i].name;
        width[i] = rows[i].width;
        accuracy[i] = rows[i].accuracy;
        right[i] = rows[i].right;
        kept[i] = rows[i].kept;
        used[i] = rows[i].rows;
    }
    const cairn_report_column columns[] = {
        {.name = "stage", .texts = names},
        {.name = "width", .reals = width},
        {.name = "test accuracy (%)", .reals = accuracy},
        {.name = "pseudo-labels kept (%)", .reals = kept},
        {.name = "rows after balancing", .reals = used, .digits = 8},
        {.name = "of these right (%)", .reals = right},
    };
    cairn_report_heading(report, "Stages");
    cairn_report_table(report,
                       "Accuracy on the first 2,000 test items; pseudo-labels that the "
                       "stage learned from",
                       columns, CAIRN__COUNT(columns), n);
}

static bool add_classes(cairn_report *report, const cairn__ssd_stages *s, cairn_status *status)
{
    const cairn_pseudo *p = &s->pseudo;
    double *kept = cairn__alloc((size_t)p->classes, sizeof *kept, status);
    const char **names = cairn__alloc((size_t)p->classes, sizeof *names, status);
    char(*numbers)[24] = cairn__alloc((size_t)p->classes, sizeof *numbers, status);
    bool good = kept && names && numbers;
    for (int64_t c = 0; good && c < p->classes; c++) {
        names[c] = cairn_dataset_class_name(s->data, c);
        snprintf(numbers[c], sizeof *numbers, "%lld", (long long)c);
        names[c] = names[c] ? names[c] : numbers[c];
        kept[c] = p->predicted[c] ? 100 * (double)p->kept[c] / (double)p->predicted[c] : NAN;
    }
    const cairn_report_column columns[] = {
        {.name = "class", .texts = names},
        {.name = "predicted", .counts = p->predicted},
        {.name = "kept", .counts = p->kept},
        {.name = "kept (%)", .reals = kept},
        {.name = "rows after balancing", .counts = p->used},
    };
    if (good) {
        cairn_report_heading(report, "Pseudo-labels of the last teacher");
        cairn_report_table(report, "By predicted class", columns, CAIRN__COUNT(columns),
                           p->classes);
    }
    cairn__free(kept);
    cairn__free(names);
    cairn__free(numbers);
    return good;
}

static void add_confidence(cairn_report *report, const cairn_pseudo *p)
{
    double from[CAIRN_CONFIDENCE_BINS];
    for (int i = 0; i < CAIRN_CONFIDENCE_BINS; i++)
        from[i] = (double)i / CAIRN_CONFIDENCE_BINS;
    const cairn_report_column columns[] = {
        {.name = "confidence from", .reals = from, .digits = 3},
        {.name = "items", .counts = p->histogram},
    };
    cairn_report_table(report, "Largest probability of all unlabelled items", columns,
                       CAIRN__COUNT(columns), CAIRN_CONFIDENCE_BINS);
}

static void add_robustness(cairn_report *report, const row *rows, int n)
{
    enum { MOST = CAIRN_MOST_STAGES * (CAIRN_SEVERITIES + 1) };
    static const char *const names[] = {"0", "1", "2", "3", "4", "5"};
    cairn_report_spot spots[MOST];
    double values[CAIRN_MOST_STAGES][CAIRN_N_CORRUPTIONS + 1];
    cairn_report_column columns[CAIRN_MOST_STAGES + 1] = {{.name = "mean error (%)"}};
    const char *kinds[CAIRN_N_CORRUPTIONS + 1];
    int64_t count = 0;
    for (int i = 0; i < n; i++) {
        const double *e = rows[i].errors + 1;
        for (int severity = 0; severity <= CAIRN_SEVERITIES; severity++) {
            double mean = 0;
            for (int k = 0; k < CAIRN_N_CORRUPTIONS; k++)
                mean += (severity ? e[k * CAIRN_SEVERITIES + severity - 1] : rows[i].errors[0]) /
                        CAIRN_N_CORRUPTIONS;
            spots[count++] = (cairn_report_spot){.name = names[severity],
                                                 .series = rows[i].name,
                                                 .x = severity,
                                                 .y = 100 * (1 - mean),
                                                 .error = NAN};
        }
        for (int k = 0; k < CAIRN_N_CORRUPTIONS; k++) {
            values[i][k] = 0;
            for (int j = 0; j < CAIRN_SEVERITIES; j++)
                values[i][k] += 100 * e[k * CAIRN_SEVERITIES + j] / CAIRN_SEVERITIES;
            kinds[k] = cairn_corruption_names[k];
        }
        values[i][CAIRN_N_CORRUPTIONS] =
            100 * cairn_mean_corruption_error(e, rows[0].errors + 1, CAIRN_N_CORRUPTIONS);
        columns[i + 1] = (cairn_report_column){.name = rows[i].name, .reals = values[i]};
    }
    kinds[CAIRN_N_CORRUPTIONS] = "mean corruption error, of the first stage";
    columns[0].texts = kinds;
    cairn_report_heading(report, "Corrupted pictures");
    cairn_report_plane(report, "Accuracy by severity, mean over corruptions", "severity",
                       "test accuracy (%)", spots, count);
    cairn_report_table(report, "Errors by corruption, mean over severities 1 to 5", columns, n + 1,
                       CAIRN_N_CORRUPTIONS + 1);
}

bool cairn__ssd_report(void *user, const char *const *models, cairn_report *report,
                       cairn_status *status)
{
    cairn__ssd_stages *s = user;
    int n = cairn__ssd_count(s->run);
    int64_t size[3];
    row *rows = cairn__alloc((size_t)n, sizeof *rows, status);
    bool good = rows != NULL && (cairn_dataset_count(s->data, CAIRN_SPLIT_TEST) > 0);
    if (!good) { /* nothing to measure on */
        cairn__free(rows);
        return cairn_ok(status);
    }
    for (int i = 0; good && i < n; i++)
        good = measure_stage(s, i, models, &rows[i], status);
    if (good) {
        for (int i = 0; i < n; i++)
            cairn_report_fact(report, rows[i].name, "%.2f %%", rows[i].accuracy);
        add_stages(report, rows, n);
        if (s->pseudo.n)
            good = add_classes(report, s, status);
        if (s->pseudo.n)
            add_confidence(report, &s->pseudo);
        if (cairn__ssd_pictures(s->data, size))
            add_robustness(report, rows, n);
    }
    cairn__free(rows);
    return good;
}
