/* Tables: typed columns with a copy to take away, and the options of a run. */
#include <math.h>
#include <string.h>

#include "report/report.h"

/* ---- tables --------------------------------------------------------------------------------- */

static bool typed(const cairn_report_column *column, int64_t rows)
{
    int arrays = !!column->texts + !!column->counts + !!column->reals;
    return arrays == 1 || (arrays == 0 && rows == 0);
}

static void cell(cairn__text *out, const cairn_report_column *column, int64_t row)
{
    cairn__text_add(out, column->texts ? "<td>" : "<td class=\"n\">");
    if (column->reals)
        cairn__html_real(out, column->reals[row], column->digits ? column->digits : 4);
    else if (column->counts)
        cairn__html_count(out, column->counts[row]);
    else
        cairn__html(out, column->texts[row] ? column->texts[row] : "–");
    cairn__text_add(out, "</td>");
}

/* Quotes stand around a text that needs them, doubled inside (RFC 4180). The result is shown as
 * HTML, so every part is escaped for that too. */
static void csv_text(cairn__text *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        cairn__html(out, text);
        return;
    }
    cairn__text_add(out, "&quot;");
    for (const char *c = text; *c; c++) {
        char one[2] = {*c, 0};
        cairn__html(out, *c == '"' ? "\"\"" : one);
    }
    cairn__text_add(out, "&quot;");
}

static void csv_cell(cairn__text *out, const cairn_report_column *column, int64_t row)
{
    if (column->texts && column->texts[row])
        csv_text(out, column->texts[row]);
    else if (column->counts)
        cairn__text_add(out, "%lld", (long long)column->counts[row]);
    else if (column->reals && isfinite(column->reals[row]))
        cairn__json_real(out, column->reals[row], 17);
    else if (column->reals && isinf(column->reals[row]))
        cairn__text_add(out, column->reals[row] < 0 ? "-inf" : "inf");
}

static void csv(cairn__text *out, const cairn_report_column *columns, int64_t count, int64_t rows)
{
    cairn__text_add(out, "<details><summary>As comma-separated values</summary><pre class=\"csv\" "
                         "tabindex=\"0\">");
    for (int64_t c = 0; c < count; c++) {
        cairn__text_add(out, c ? "," : "");
        csv_text(out, columns[c].name);
    }
    for (int64_t row = 0; row < rows; row++) {
        cairn__text_add(out, "\n");
        for (int64_t c = 0; c < count; c++) {
            cairn__text_add(out, c ? "," : "");
            csv_cell(out, &columns[c], row);
        }
    }
    cairn__text_add(out, "\n</pre></details>\n");
}

/* The box that scrolls sideways when a table is wider than the page. */
static void begin(cairn__text *out, const char *kind, const char *caption)
{
    cairn__text_add(out, "<div class=\"scroll\" tabindex=\"0\"><table class=\"%s\">\n", kind);
    if (caption) {
        cairn__text_add(out, "<caption>");
        cairn__html(out, caption);
        cairn__text_add(out, "</caption>\n");
    }
}

void cairn_report_table(cairn_report *r, const char *caption, const cairn_report_column *columns,
                        int64_t count, int64_t rows)
{
    if (!cairn__report_good(r) || count < 1)
        return;
    for (int64_t c = 0; c < count; c++) {
        if (!columns[c].name || !typed(&columns[c], rows)) {
            cairn__fail(&r->status, CAIRN_ERR_VALUE,
                        "table \"%s\": column %lld needs a name and exactly one of texts, counts "
                        "and reals",
                        caption ? caption : "", (long long)c);
            return;
        }
    }
    cairn__text *out = &r->body;
    begin(out, "plain", caption);
    cairn__text_add(out, "<thead><tr>");
    for (int64_t c = 0; c < count; c++) {
        cairn__text_add(out, columns[c].texts ? "<th>" : "<th class=\"n\">");
        cairn__html(out, columns[c].name);
        cairn__text_add(out, "</th>");
    }
    cairn__text_add(out, "</tr></thead>\n<tbody>\n");
    for (int64_t row = 0; row < rows; row++) {
        cairn__text_add(out, "<tr>");
        for (int64_t c = 0; c < count; c++)
            cell(out, &columns[c], row);
        cairn__text_add(out, "</tr>\n");
    }
    cairn__text_add(out, "</tbody>\n</table></div>\n");
    csv(out, columns, count, rows);
}

/* ---- options -------------------------------------------------------------------------------- */

/* The default of one row, written as its value is: a table of this row alone describes a struct of
 * this field alone. */
static void standard_text(const cairn_option *row, char *text, size_t size)
{
    union {
        double real;
        int64_t count;
        cairn_span span;
        char text[CAIRN_TEXT_SIZE];
    } value = {0};
    cairn_option alone[] = {*row, CAIRN_OPT_END};
    alone[0].offset = 0;
    cairn_options_defaults(alone, &value);
    cairn_option_text(alone, &value, text, size);
}

static void option_row(cairn__text *out, const cairn_option *row, const void *options)
{
    char value[CAIRN_TEXT_SIZE], standard[CAIRN_TEXT_SIZE];
    cairn_option_text(row, options, value, sizeof value);
    standard_text(row, standard, sizeof standard);
    bool changed = strcmp(value, standard) != 0;
    const char *cells[] = {row->name, value, standard, row->help, row->source};
    cairn__text_add(out, changed ? "<tr class=\"changed\">" : "<tr>");
    for (size_t i = 0; i < CAIRN__COUNT(cells); i++) {
        cairn__text_add(out, i < 3 ? "<td><code>" : "<td>");
        cairn__html(out, cells[i] ? cells[i] : "");
        cairn__text_add(out, i < 3 ? "</code></td>" : "</td>");
    }
    cairn__text_add(out, "</tr>\n");
}

void cairn_report_options(cairn_report *r, const char *caption, const cairn_option *table,
                          const void *options)
{
    if (!cairn__report_good(r))
        return;
    begin(&r->body, "options", caption);
    cairn__text_add(&r->body, "<thead><tr><th>Option</th><th>Value</th><th>Default</th>"
                              "<th>Meaning</th><th>Source</th></tr></thead>\n<tbody>\n");
    for (const cairn_option *row = table; row->kind; row++)
        option_row(&r->body, row, options);
    cairn__text_add(&r->body, "</tbody>\n</table></div>\n");
}
