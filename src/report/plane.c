/* A chart of points in a plane. The page holds it as one JSON object beside its canvas:
 *
 *   {"x":"loss","y":"difference","spots":[["0.5","SmeLU",0.41,0.03,0.001],..]}   null: no error */
#include <math.h>

#include "report/report.h"

static bool valid(cairn_report *r, const char *title, const cairn_report_spot *spots, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!spots[i].name || !spots[i].series)
            return cairn__fail(&r->status, CAIRN_ERR_VALUE,
                               "plane \"%s\": point %lld of %lld needs a name and a series", title,
                               (long long)i, (long long)n);
    return true;
}

static void row(cairn__text *out, const cairn_report_spot *s)
{
    const double values[] = {s->x, s->y, s->error};
    cairn__text_add(out, "<tr><td>");
    cairn__html(out, s->series);
    cairn__text_add(out, "</td><td>");
    cairn__html(out, s->name);
    for (size_t i = 0; i < CAIRN__COUNT(values); i++) {
        cairn__text_add(out, "</td><td class=\"n\">");
        cairn__html_real(out, values[i], i < 2 ? 5 : 2);
    }
    cairn__text_add(out, "</td></tr>\n");
}

static void table(cairn__text *out, const char *x_axis, const char *y_axis,
                  const cairn_report_spot *spots, int64_t n)
{
    cairn__text_add(out, "<div class=\"scroll tall\" tabindex=\"0\"><table>\n<thead><tr>"
                         "<th>Series</th><th>Point</th><th class=\"n\">");
    cairn__html(out, x_axis);
    cairn__text_add(out, "</th><th class=\"n\">");
    cairn__html(out, y_axis);
    cairn__text_add(out, "</th><th class=\"n\">± error</th></tr></thead>\n<tbody>\n");
    for (int64_t i = 0; i < n; i++)
        row(out, &spots[i]);
    cairn__text_add(out, "</tbody>\n</table></div>\n</details>\n");
}

static void json(cairn__text *out, const cairn_report_spot *s)
{
    const double values[] = {s->x, s->y, s->error};
    cairn__text_add(out, "[");
    cairn__json(out, s->name);
    cairn__text_add(out, ",");
    cairn__json(out, s->series);
    for (size_t i = 0; i < CAIRN__COUNT(values); i++) {
        cairn__text_add(out, ",");
        cairn__json_real(out, values[i], 6);
    }
    cairn__text_add(out, "]");
}

void cairn_report_plane(cairn_report *r, const char *title, const char *x_axis, const char *y_axis,
                        const cairn_report_spot *spots, int64_t count)
{
    bool first = true;
    if (!cairn__report_good(r) || !valid(r, title, spots, count))
        return;
    cairn__text *out = &r->body;
    cairn__figure_begin(r, "plane", title, "Chart of points");
    table(out, x_axis, y_axis, spots, count);
    cairn__text_add(out, "<script type=\"application/json\">{\"x\":");
    cairn__json(out, x_axis);
    cairn__text_add(out, ",\"y\":");
    cairn__json(out, y_axis);
    cairn__text_add(out, ",\"spots\":[\n");
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(spots[i].x) || !isfinite(spots[i].y))
            continue;
        cairn__text_add(out, "%s", first ? "" : ",\n");
        json(out, &spots[i]);
        first = false;
    }
    cairn__text_add(out, "\n]}</script>\n</figure>\n");
}
