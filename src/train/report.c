/* The page of a run: facts, curves, what the problem adds, options. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/train.h"

/* ---- curves
 * --------------------------------------------------------------------------------------- */

/* "loss" of "test/loss": figures of one name share a chart. */
static const char *base_name(const char *figure)
{
    const char *slash = strrchr(figure, '/');
    return slash ? slash + 1 : figure;
}

static bool first_of_its_base(const cairn__tracks *tracks, int i)
{
    for (int j = 0; j < i; j++)
        if (strcmp(base_name(tracks->list[j].name), base_name(tracks->list[i].name)) == 0)
            return false;
    return true;
}

/* A curve's points are the caller's; NULL when memory is short. */
static cairn_report_point *points_of(const cairn__track *track, cairn_status *status)
{
    cairn_report_point *points = cairn__alloc((size_t)track->n, sizeof *points, status);
    for (int64_t i = 0; points && i < track->n; i++)
        points[i] = (cairn_report_point){track->step[i], track->examples[i], track->seconds[i],
                                         track->value[i]};
    return points;
}

enum { MOST_CURVES = 8 };

static bool add_chart(cairn_report *r, const cairn__tracks *tracks, const char *base,
                      cairn_status *status)
{
    cairn_report_curve curves[MOST_CURVES] = {0};
    cairn_report_chart chart = {.title = base, .axis = base, .curves = curves};
    bool good = true;
    for (int i = 0; good && i < tracks->n && chart.count < MOST_CURVES; i++) {
        const cairn__track *track = &tracks->list[i];
        if (strcmp(base_name(track->name), base) != 0)
            continue;
        cairn_report_point *points = points_of(track, status);
        good = points != NULL;
        bool batch = strchr(track->name, '/') == NULL; /* of one batch, not of a split */
        curves[chart.count++] =
            (cairn_report_curve){batch ? "each step" : track->name, track->n, points, NULL, NULL};
    }
    if (good)
        cairn_report_curves(r, &chart);
    for (int64_t i = 0; i < chart.count; i++)
        cairn__free((void *)curves[i].points);
    return good;
}

static bool add_curves(cairn_report *r, const cairn_trainer *t, cairn_status *status)
{
    if (t->tracks.n)
        cairn_report_heading(r, "Curves");
    for (int i = 0; i < t->tracks.n; i++)
        if (first_of_its_base(&t->tracks, i) &&
            !add_chart(r, &t->tracks, base_name(t->tracks.list[i].name), status))
            return false;
    return true;
}

/* ---- the rest
 * ------------------------------------------------------------------------------------- */

static void add_facts(cairn_report *r, const cairn_trainer *t)
{
    cairn_progress p = cairn_trainer_progress(t);
    cairn_report_subtitle(r, "Started %s, %s", t->started, cairn__run_state_text(t->state));
    for (int i = 0; i < t->tracks.n; i++)
        if (strncmp(t->tracks.figures[i].name, "test/", 5) == 0)
            cairn_report_fact(r, t->tracks.figures[i].name, "%.5g", t->tracks.figures[i].value);
    cairn_report_fact(r, "Loss", "%.5g", p.loss);
    cairn_report_fact(r, "Steps", "%lld of %lld", (long long)p.step, (long long)p.total_steps);
    cairn_report_fact(r, "Examples", "%lld", (long long)p.examples);
    cairn_report_fact(r, "Time in steps", "%.4g s", p.seconds);
    if (t->timed)
        cairn_report_fact(r, "Examples a second", "%.4g", p.examples_per_second);
}

static void add_options(cairn_report *r, const cairn_trainer *t)
{
    cairn_report_heading(r, "Options");
    cairn_report_options(r, "train", cairn_train_table, &t->options);
    for (const cairn_config_section *s = t->sections; s && s->name; s++)
        cairn_report_options(r, s->name, s->table, s->options);
}

bool cairn__train_report(cairn_trainer *t, bool last, cairn_status *status)
{
    char path[CAIRN__PATH_SIZE];
    if (!cairn_ok(status) || !t->directory[0])
        return cairn_ok(status);
    cairn_report *r = cairn_report_new(t->title);
    add_facts(r, t);
    bool good = add_curves(r, t, status);
    if (good && last && t->problem.report)
        good = t->problem.report(t->problem.user, t, r, status);
    add_options(r, t);
    good = good && cairn_report_write(r, cairn__run_path(t, "report.html", path), status);
    cairn_report_free(r);
    return good;
}

bool cairn_trainer_report(cairn_trainer *t, cairn_status *status)
{
    return cairn__train_report(t, true, status);
}
