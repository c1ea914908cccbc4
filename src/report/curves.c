/* Charts of curves: copied and thinned when given, written when the page is.
 *
 * The page holds each chart as one JSON object beside its canvas:
 *
 *   {"title":"Loss","axis":"nats","log":true,"floor":[0.1,"noise floor"],"curves":[
 *     {"name":"train","step":[..],"examples":32,"seconds":[..],"value":[..],"mean":[..],
 *      "lower":[..],"upper":[..]}]}
 *
 * "examples" is one number when examples are that many times the step, as they nearly always are;
 * what a curve does not have is left out. "mean" is there when the curve was thinned: the mean of
 * the steps that each kept point stands for, from which the page makes smooth curves. */
#include <math.h>
#include <string.h>

#include "config.h"
#include "report/report.h"

/* Of each curve: rows of the folded table, and what remains on a page of very many curves. */
enum { TABLE_ROWS = 24, FEWEST_ROWS = 4, FEWEST_POINTS = 16 };

/* ---- taking the caller's data --------------------------------------------------------------- */

static bool valid(cairn_report *r, const char *title, const cairn_report_curve *curve)
{
    if (!curve->name || curve->count < 0 || (curve->count && !curve->points))
        return cairn__fail(&r->status, CAIRN_ERR_VALUE,
                           "chart \"%s\": a curve without name or points", title);
    if (!curve->lower != !curve->upper)
        return cairn__fail(&r->status, CAIRN_ERR_VALUE,
                           "chart \"%s\": the band of curve \"%s\" has one side, expected both or "
                           "none",
                           title, curve->name);
    for (int64_t i = 1; i < curve->count; i++)
        if (curve->points[i].step < curve->points[i - 1].step)
            return cairn__fail(&r->status, CAIRN_ERR_VALUE,
                               "chart \"%s\": curve \"%s\" goes from step %lld back to %lld", title,
                               curve->name, (long long)curve->points[i - 1].step,
                               (long long)curve->points[i].step);
    return true;
}

/* Copies what `kept` names of a side of the band; NULL for none, and when memory is short. */
static double *side(cairn_report *r, const double *values, const int64_t *kept, int64_t n)
{
    double *copy =
        values ? cairn__arena_alloc(&r->arena, (size_t)n, sizeof *copy, &r->status) : NULL;
    for (int64_t i = 0; copy && i < n; i++)
        copy[i] = values[kept[i]];
    return copy;
}

/* Copies a thinned curve into the arena; on failure the report holds the error. */
static cairn__curve thinned(cairn_report *r, const cairn_report_curve *curve)
{
    int64_t kept[CAIRN__CURVE_POINTS], n;
    double means[CAIRN__CURVE_POINTS];
    n = cairn__thin(curve->points, NULL, curve->count, CAIRN__CURVE_POINTS, kept, means);
    cairn_report_point *points =
        cairn__arena_alloc(&r->arena, (size_t)n, sizeof *points, &r->status);
    double *copy = cairn__arena_alloc(&r->arena, (size_t)n, sizeof *copy, &r->status);
    for (int64_t i = 0; copy && i < n; i++) {
        points[i] = curve->points[kept[i]];
        copy[i] = means[i];
    }
    return (cairn__curve){
        .data.name = cairn__arena_text(&r->arena, &r->status, "%s", curve->name),
        .data.count = n,
        .data.points = points,
        .data.lower = side(r, curve->lower, kept, n),
        .data.upper = side(r, curve->upper, kept, n),
        .means = n < curve->count ? copy : NULL,
    };
}

static const char *copied(cairn_report *r, const char *text)
{
    return text ? cairn__arena_text(&r->arena, &r->status, "%s", text) : NULL;
}

/* The chart in the report's arena, listed; on failure the report holds the error. */
static cairn__chart *taken(cairn_report *r, const cairn_report_chart *given)
{
    cairn__chart *chart = cairn__arena_alloc(&r->arena, 1, sizeof *chart, &r->status);
    cairn__curve *curves =
        cairn__arena_alloc(&r->arena, (size_t)given->count, sizeof *curves, &r->status);
    for (int64_t i = 0; cairn_ok(&r->status) && i < given->count; i++)
        if (valid(r, given->title, &given->curves[i]))
            curves[i] = thinned(r, &given->curves[i]);
    if (!cairn_ok(&r->status))
        return NULL;
    *chart = (cairn__chart){.data = *given};
    chart->data.curves = NULL;
    chart->curves = curves;
    chart->data.title = copied(r, given->title);
    chart->data.axis = copied(r, given->axis);
    chart->data.floor_name = copied(r, given->floor_name);
    return cairn_ok(&r->status) ? chart : NULL;
}

/* ---- the page's data ------------------------------------------------------------------------ */

/* Examples for each step, if that is the same whole number throughout; else 0. */
static int64_t examples_per_step(const cairn_report_curve *curve)
{
    int64_t each = 0;
    for (int64_t i = 0; i < curve->count; i++) {
        int64_t step = curve->points[i].step, examples = curve->points[i].examples;
        if (step == 0 && examples == 0)
            continue;
        if (step <= 0 || examples <= 0 || examples % step || (each && examples / step != each))
            return 0;
        each = examples / step;
    }
    return each;
}

static bool has_examples(const cairn_report_curve *curve)
{
    for (int64_t i = 0; i < curve->count; i++)
        if (curve->points[i].examples < 0)
            return false;
    return curve->count > 0;
}

static bool has_seconds(const cairn_report_curve *curve)
{
    for (int64_t i = 0; i < curve->count; i++)
        if (!isfinite(curve->points[i].seconds))
            return false;
    return curve->count > 0;
}

enum field { STEP, EXAMPLES, SECONDS, VALUE, MEAN, LOWER, UPPER };

/* What of a curve goes into the page. */
typedef struct selection {
    const cairn_report_curve *curve;
    int64_t kept[CAIRN__CURVE_POINTS], n;
    double means[CAIRN__CURVE_POINTS];
} selection;

static void json_field(cairn__text *out, const selection *s, enum field field)
{
    static const char *const names[] = {"step", "examples", "seconds", "value",
                                        "mean", "lower",    "upper"};
    cairn__text_add(out, ",\"%s\":[", names[field]);
    for (int64_t k = 0; k < s->n; k++) {
        int64_t i = s->kept[k];
        const cairn_report_point *point = &s->curve->points[i];
        cairn__text_add(out, k ? "," : "");
        switch (field) {
        case STEP: cairn__text_add(out, "%lld", (long long)point->step); break;
        case EXAMPLES: cairn__text_add(out, "%lld", (long long)point->examples); break;
        case SECONDS: cairn__json_real(out, point->seconds, 6); break;
        case VALUE: cairn__json_real(out, point->value, 6); break;
        case MEAN: cairn__json_real(out, s->means[k], 6); break;
        case LOWER: cairn__json_real(out, s->curve->lower[i], 6); break;
        case UPPER: cairn__json_real(out, s->curve->upper[i], 6); break;
        }
    }
    cairn__text_add(out, "]");
}

static void json_curve(cairn__text *out, const cairn__curve *curve, int64_t limit)
{
    const cairn_report_curve *data = &curve->data;
    selection s = {.curve = data};
    s.n = cairn__thin(data->points, curve->means, data->count, limit, s.kept, s.means);
    cairn__text_add(out, "{\"name\":");
    cairn__json(out, data->name);
    json_field(out, &s, STEP);
    int64_t each = examples_per_step(data);
    if (each)
        cairn__text_add(out, ",\"examples\":%lld", (long long)each);
    else if (has_examples(data))
        json_field(out, &s, EXAMPLES);
    if (has_seconds(data))
        json_field(out, &s, SECONDS);
    json_field(out, &s, VALUE);
    if (curve->means || s.n < data->count)
        json_field(out, &s, MEAN);
    if (data->lower) {
        json_field(out, &s, LOWER);
        json_field(out, &s, UPPER);
    }
    cairn__text_add(out, "}");
}

/* The data as JSON, each curve thinned to `limit` points. */
static void json(const cairn__chart *chart, int64_t limit, cairn__text *page)
{
    const cairn_report_chart *data = &chart->data;
    cairn__text_add(page, "<script type=\"application/json\">{\"title\":");
    cairn__json(page, data->title);
    cairn__text_add(page, ",\"axis\":");
    cairn__json(page, data->axis ? data->axis : "");
    cairn__text_add(page, ",\"log\":%s", data->log_axis ? "true" : "false");
    if (data->floor_name && isfinite(data->floor)) {
        cairn__text_add(page, ",\"floor\":[");
        cairn__json_real(page, data->floor, 6);
        cairn__text_add(page, ",");
        cairn__json(page, data->floor_name);
        cairn__text_add(page, "]");
    }
    cairn__text_add(page, ",\"curves\":[\n");
    for (int64_t i = 0; i < data->count; i++) {
        cairn__text_add(page, i ? ",\n" : "");
        json_curve(page, &chart->curves[i], limit);
    }
    cairn__text_add(page, "\n]}</script>\n");
}

/* ---- the folded table ----------------------------------------------------------------------- */

static void table_row(cairn__text *out, const cairn_report_curve *curve, int64_t i)
{
    const cairn_report_point *point = &curve->points[i];
    cairn__text_add(out, "<tr><td>");
    cairn__html(out, curve->name);
    cairn__text_add(out, "</td><td class=\"n\">");
    cairn__html_count(out, point->step);
    cairn__text_add(out, "</td><td class=\"n\">");
    point->examples < 0 ? cairn__text_add(out, "–") : cairn__html_count(out, point->examples);
    cairn__text_add(out, "</td><td class=\"n\">");
    cairn__html_real(out, point->seconds, 5);
    cairn__text_add(out, "</td><td class=\"n\">");
    cairn__html_real(out, point->value, 5);
    if (curve->lower) {
        cairn__text_add(out, " <small>(");
        cairn__html_real(out, curve->lower[i], 4);
        cairn__text_add(out, " to ");
        cairn__html_real(out, curve->upper[i], 4);
        cairn__text_add(out, ")</small>");
    }
    cairn__text_add(out, "</td></tr>\n");
}

/* `most` rows evenly spaced along each curve, its first and last point among them. */
static void numbers(const cairn__chart *chart, int64_t most, cairn__text *out)
{
    cairn__text_add(out, "<div class=\"scroll tall\" tabindex=\"0\"><table>\n<thead><tr><th>Curve"
                         "</th><th class=\"n\">Step</th><th class=\"n\">Examples</th><th "
                         "class=\"n\">Seconds</th><th class=\"n\">");
    const char *axis = chart->data.axis;
    cairn__html(out, axis && axis[0] ? axis : "Value");
    cairn__text_add(out, "</th></tr></thead>\n<tbody>\n");
    for (int64_t c = 0; c < chart->data.count; c++) {
        const cairn_report_curve *curve = &chart->curves[c].data;
        int64_t rows = CAIRN__MIN(curve->count, most);
        for (int64_t k = 0; k < rows; k++)
            table_row(out, curve, rows > 1 ? k * (curve->count - 1) / (rows - 1) : 0);
    }
    cairn__text_add(out, "</tbody>\n</table></div>\n");
}

/* ---- both, and the figure around them ------------------------------------------------------- */

int64_t cairn__chart_numbers(const cairn__chart *chart)
{
    int64_t total = 0;
    for (int64_t i = 0; i < chart->data.count; i++) {
        const cairn_report_curve *curve = &chart->curves[i].data;
        int64_t each = 3; /* step, value, mean */
        each += has_examples(curve) && !examples_per_step(curve);
        each += has_seconds(curve);
        each += curve->lower ? 2 : 0;
        total += each * curve->count;
    }
    return total;
}

void cairn__chart_html(const cairn__chart *chart, double share, cairn__text *page)
{
    int64_t rows = (int64_t)(share * TABLE_ROWS), points = (int64_t)(share * CAIRN__CURVE_POINTS);
    numbers(chart, CAIRN__MAX(rows, FEWEST_ROWS), page);
    cairn__text_add(page, "</details>\n");
    json(chart, CAIRN__MAX(points, FEWEST_POINTS), page);
}

void cairn__figure_begin(cairn_report *r, const char *kind, const char *title, const char *label)
{
    cairn__text *out = &r->body;
    r->draws = true;
    cairn__text_add(out, "<figure class=\"chart\" data-kind=\"%s\">\n<figcaption>", kind);
    cairn__html(out, title);
    cairn__text_add(out, "</figcaption>\n");
#if CAIRN__HAVE_CHARTJS
    cairn__text_add(out, "<div class=\"canvas\"><canvas role=\"img\" aria-label=\"%s: ", label);
    cairn__html(out, title);
    cairn__text_add(out, ". The numbers are in the table below.\"></canvas></div>\n"
                         "<details><summary>Numbers</summary>\n");
#else
    (void)label;
    cairn__text_add(out, "<details open><summary>Numbers</summary>\n");
#endif
}

void cairn_report_curves(cairn_report *r, const cairn_report_chart *given)
{
    if (!cairn__report_good(r))
        return;
    cairn__chart *chart = taken(r, given);
    if (!chart)
        return;
    cairn__figure_begin(r, "curves", given->title, "Line chart");
    chart->place = r->body.length;
    cairn__text_add(&r->body, "</figure>\n");
    *r->last = chart;
    r->last = &chart->next;
}
