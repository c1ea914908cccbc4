/* The page around the report: head, summary, body with the data of the charts, scripts.
 *
 * The policy forbids every request and allows inline code only, so opening a report tells nobody.
 * Scripts and styles are arrays that the build makes from files (tools/embed). */
#include "config.h"
#include "report/embedded.h"
#include "report/report.h"

static void head(const cairn_report *r, cairn__text *page)
{
    cairn__text_add(page, "%s",
                    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
                    "base-uri 'none'; form-action 'none'\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    cairn__html(page, r->title.data);
    cairn__text_add(page, "</title>\n<style>\n");
    cairn__text_add_bytes(page, cairn__page_css, cairn__page_css_size);
    cairn__text_add(page, "</style>\n</head>\n<body>\n<main>\n");
}

static void summary(const cairn_report *r, cairn__text *page)
{
    cairn__text_add(page, "<header>\n<h1>");
    cairn__html(page, r->title.data);
    cairn__text_add(page, "</h1>\n");
    if (r->subtitle.length)
        cairn__text_add(page, "<p class=\"subtitle\">%s</p>\n", r->subtitle.data);
    if (r->facts.length)
        cairn__text_add(page, "<dl class=\"facts\">\n%s</dl>\n", r->facts.data);
    if (r->sections > 1)
        cairn__text_add(page, "<nav aria-label=\"Sections\">\n%s</nav>\n", r->contents.data);
    cairn__text_add(page, "</header>\n");
}

/* The body, with the numbers of each chart put in at its place. All charts are thinned alike, so
 * that together they stay within what a page may hold. */
static void body(const cairn_report *r, cairn__text *page)
{
    int64_t numbers = 0;
    for (const cairn__chart *chart = r->first; chart; chart = chart->next)
        numbers += cairn__chart_numbers(chart);
    double share = (double)CAIRN__PAGE_NUMBERS / (double)CAIRN__MAX(numbers, 1);
    size_t done = 0;
    for (const cairn__chart *chart = r->first; chart; chart = chart->next) {
        cairn__text_add_bytes(page, r->body.data + done, chart->place - done);
        cairn__chart_html(chart, CAIRN__MIN(share, 1), page);
        done = chart->place;
    }
    if (r->body.length)
        cairn__text_add_bytes(page, r->body.data + done, r->body.length - done);
}

#if CAIRN__HAVE_CHARTJS
static void script(cairn__text *page, const unsigned char *code, size_t n)
{
    cairn__text_add(page, "<script>\n");
    cairn__text_add_bytes(page, code, n);
    cairn__text_add(page, "\n</script>\n");
}
#endif

void cairn__report_page(const cairn_report *r, cairn__text *page)
{
    const bool scripts = CAIRN__HAVE_CHARTJS;
    head(r, page);
    summary(r, page);
    if (r->draws && scripts)
        cairn__text_add(page, "<noscript><p class=\"note\">The charts need scripts; the numbers of "
                              "each stand below it.</p></noscript>\n");
    if (r->draws && !scripts)
        cairn__text_add(page, "<p class=\"note\">Chart.js was not built into this copy of Cairn: "
                              "in place of charts the page has tables.</p>\n");
    body(r, page);
    cairn__text_add(page,
                    "</main>\n<footer>Written by Cairn %s. This file is complete in itself "
                    "and sends nothing.</footer>\n",
                    CAIRN_VERSION);
#if CAIRN__HAVE_CHARTJS
    if (r->draws) {
        script(page, cairn__chart_js, cairn__chart_js_size);
        script(page, cairn__page_js, cairn__page_js_size);
    }
#endif
    cairn__text_add(page, "</body>\n</html>\n");
}
