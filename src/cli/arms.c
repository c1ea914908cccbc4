/* Several trainings side by side: see arms.h. */
#include "cli/arms.h"

#include <math.h>
#include <string.h>

#include "report/report.h"

static const double slice_seconds = 0.5; /* of one arm before the next has its turn */

/* ---- progress -------------------------------------------------------------------------------- */

static double fraction_done(const arm *a)
{
    cairn_progress p = cairn_trainer_progress(a->trainer);
    double steps = (double)p.step / (double)CAIRN__MAX(p.total_steps, (int64_t)1);
    double limit = a->session.train.seconds;
    return fmin(1, fmax(steps, limit > 0 ? p.seconds / limit : 0));
}

static double remaining(const arm *a)
{
    cairn_progress p = cairn_trainer_progress(a->trainer);
    double limit = a->session.train.seconds;
    if (a->done)
        return 0;
    return limit > 0 ? fmin(p.remaining, limit - p.seconds) : p.remaining;
}

/* Nothing before the first step: a finished run that is resumed does none. */
static void show_progress(const cli_call *call, const arm *arms, int n)
{
    cairn__text line = {.data = NULL};
    double left = 0, done = 0;
    for (int i = 0; i < n; i++) {
        left += fmax(remaining(&arms[i]), 0);
        done += fraction_done(&arms[i]) / n;
    }
    cairn__text_add(&line, "%3.0f %%", 100 * done);
    for (int i = 0; i < n; i++) {
        cairn_progress p = cairn_trainer_progress(arms[i].trainer);
        if (p.step == 0) /* it waits for its first turn */
            continue;
        cairn__text_add(&line, "  %s%sepoch %.1f, loss %.4g, %.0f ex/s", arms[i].name,
                        *arms[i].name ? ": " : "",
                        (double)p.examples /
                            (double)CAIRN__MAX(cairn_trainer_items(arms[i].trainer),
                                               (int64_t)1),
                        p.loss, p.examples_per_second);
    }
    cairn__text_add(&line, "  %s left", cli_duration(left));
    if (!line.failed)
        cli_progress(call, "%s", line.data);
    cairn__free(line.data);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void print_json(const arm *a)
{
    const cairn_figure *figures;
    cairn__text out = {.data = NULL};
    cairn_progress p = cairn_trainer_progress(a->trainer);
    int n = cairn_trainer_figures(a->trainer, &figures);
    cli_json_text(&out, "name", a->name);
    cli_json_text(&out, "directory", a->directory);
    cli_json_number(&out, "steps", (double)p.step);
    cli_json_number(&out, "seconds", p.seconds);
    for (int i = 0; i < n; i++)
        cli_json_number(&out, figures[i].name, figures[i].value);
    cli_json_end(&out);
}

static void print_curve(const arm *a)
{
    cairn_history h = cairn_trainer_history(a->trainer, "loss");
    cairn__text line = {.data = NULL};
    cairn__sparkline(h.value, h.n, 40, &line);
    if (!line.failed && line.data)
        printf("  %-16s %s\n", a->name, line.data);
    cairn__free(line.data);
}

static void print_table(const arm *arms, int n)
{
    printf("\n  %-16s %10s %10s %9s %9s\n", "", "train loss", "test loss", "epochs", "seconds");
    for (int i = 0; i < n; i++) {
        cairn_progress p = cairn_trainer_progress(arms[i].trainer);
        int64_t items = cairn_trainer_items(arms[i].trainer);
        printf("  %-16s %10.3f %10.3f %9.1f %9.1f\n", *arms[i].name ? arms[i].name : "result",
               cairn_trainer_figure(arms[i].trainer, "train/loss"),
               cairn_trainer_figure(arms[i].trainer, "test/loss"),
               (double)p.examples / (double)CAIRN__MAX(items, (int64_t)1), p.seconds);
    }
    printf("\n  training loss, from the first step to the last\n");
    for (int i = 0; i < n; i++)
        print_curve(&arms[i]);
    printf("\n");
}

/* ---- the loop -------------------------------------------------------------------------------- */

static bool interrupt_all(arm *arms, int n, cairn_status *status)
{
    cairn_status kept = CAIRN_STATUS_INIT;
    for (int i = 0; i < n; i++)
        if (!arms[i].done)
            cairn_trainer_interrupt(arms[i].trainer, &kept);
    if (kept.code != CAIRN_OK)
        return cairn__fail(status, kept.code, "%s", kept.message);
    return cairn__fail(status, CAIRN_ERR_INTERRUPTED,
                       "interrupted; 'cairn resume %s' goes on from the checkpoint",
                       arms[0].directory);
}

bool arms_train(const cli_call *call, arm *arms, int n, cairn_status *status)
{
    int open = n;
    while (open > 0) {
        open = 0;
        for (int i = 0; i < n; i++) {
            double slice = n > 1 ? slice_seconds : 0.1;
            if (arms[i].done)
                continue;
            arms[i].done = !cairn_trainer_advance(arms[i].trainer, slice, status);
            if (!cairn_ok(status)) {
                cli_progress_end(call);
                return false;
            }
            open += !arms[i].done;
            show_progress(call, arms, n);
            if (cli_interrupted) {
                cli_progress_end(call);
                return interrupt_all(arms, n, status);
            }
        }
    }
    cli_progress_end(call);
    for (int i = 0; call->json && i < n; i++)
        print_json(&arms[i]);
    if (!call->json)
        print_table(arms, n);
    return true;
}

/* ---- the page -------------------------------------------------------------------------------- */

static bool add_curves(cairn_report *report, const arm *arms, int n, const char *figure,
                       const char *title, cairn_status *status)
{
    cairn_report_curve curves[MOST_ARMS];
    cairn_report_point *points[MOST_ARMS] = {NULL};
    int64_t total = 0;
    for (int i = 0; i < n; i++) {
        cairn_history h = cairn_trainer_history(arms[i].trainer, figure);
        points[i] = cairn__alloc((size_t)h.n, sizeof *points[i], status);
        for (int64_t k = 0; points[i] && k < h.n; k++)
            points[i][k] =
                (cairn_report_point){h.step[k], h.examples[k], h.seconds[k], h.value[k]};
        curves[i] = (cairn_report_curve){
            .name = *arms[i].name ? arms[i].name : figure, .count = h.n, .points = points[i]};
        total += h.n;
    }
    if (cairn_ok(status) && total)
        cairn_report_curves(report, &(cairn_report_chart){.title = title,
                                                          .axis = "loss",
                                                          .count = n,
                                                          .curves = curves});
    for (int i = 0; i < n; i++)
        cairn__free(points[i]);
    return cairn_ok(status);
}

static void add_losses(cairn_report *report, const arm *arms, int n)
{
    const char *names[MOST_ARMS];
    double train[MOST_ARMS], test[MOST_ARMS], seconds[MOST_ARMS], epochs[MOST_ARMS];
    for (int i = 0; i < n; i++) {
        cairn_progress p = cairn_trainer_progress(arms[i].trainer);
        int64_t items = cairn_trainer_items(arms[i].trainer);
        names[i] = arms[i].name;
        train[i] = cairn_trainer_figure(arms[i].trainer, "train/loss");
        test[i] = cairn_trainer_figure(arms[i].trainer, "test/loss");
        seconds[i] = p.seconds;
        epochs[i] = (double)p.examples / (double)CAIRN__MAX(items, (int64_t)1);
    }
    const cairn_report_column columns[] = {
        {.name = "training", .texts = names},
        {.name = "train loss", .reals = train, .digits = 5},
        {.name = "test loss", .reals = test, .digits = 5},
        {.name = "epochs", .reals = epochs, .digits = 3},
        {.name = "seconds", .reals = seconds, .digits = 3},
    };
    cairn_report_table(report, "Final losses", columns, CAIRN__COUNT(columns), n);
}

bool arms_report(const arm *arms, int n, const char *title, const char *path, cairn_status *status)
{
    cairn_report *report = cairn_report_new(title);
    cairn_problem problem;
    cairn_report_subtitle(report, "Trainings side by side, each with the same time in steps");
    for (int i = 0; i < n; i++)
        cairn_report_fact(report, arms[i].name, "%.4g",
                          cairn_trainer_figure(arms[i].trainer, "test/loss"));
    cairn_report_heading(report, "Losses");
    add_losses(report, arms, n);
    bool good = add_curves(report, arms, n, "loss", "Loss of the batch", status) &&
                add_curves(report, arms, n, "test/loss", "Loss on the test split", status);
    for (int i = 0; good && i < n; i++) {
        char heading[96];
        arms[i].session.method->problem(arms[i].session.options.bytes, &problem);
        snprintf(heading, sizeof heading, "%s", arms[i].name);
        cairn_report_heading(report, heading);
        if (problem.report)
            good = problem.report(problem.user, arms[i].trainer, report, status);
    }
    good = good && cairn_report_write(report, path, status);
    cairn_report_free(report);
    return good;
}
