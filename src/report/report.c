/* The report itself: its beginning and end, headings, paragraphs, facts. */
#include <string.h>

#include "report/report.h"

bool cairn__report_good(const cairn_report *r)
{
    return r && cairn_ok(&r->status);
}

cairn_report *cairn_report_new(const char *title)
{
    cairn_report *r = cairn__alloc(1, sizeof *r, NULL);
    if (!r)
        return NULL;
    r->last = &r->first;
    cairn__text *texts[] = {&r->title, &r->subtitle, &r->facts, &r->contents, &r->body};
    for (size_t i = 0; i < CAIRN__COUNT(texts); i++)
        texts[i]->status = &r->status;
    cairn__text_add(&r->title, "%s", title ? title : "Report");
    return r;
}

void cairn_report_free(cairn_report *r)
{
    if (!r)
        return;
    cairn__text *texts[] = {&r->title, &r->subtitle, &r->facts, &r->contents, &r->body};
    for (size_t i = 0; i < CAIRN__COUNT(texts); i++)
        cairn__free(texts[i]->data);
    cairn__arena_free(&r->arena);
    cairn__free(r);
}

const cairn_status *cairn_report_status(const cairn_report *r)
{
    static const cairn_status none = {CAIRN_ERR_MEMORY, "out of memory for a report"};
    return r ? &r->status : &none;
}

void cairn_report_subtitle(cairn_report *r, const char *format, ...)
{
    if (!cairn__report_good(r))
        return;
    va_list arguments;
    va_start(arguments, format);
    r->subtitle.length = 0;
    cairn__html_format(&r->subtitle, format, arguments);
    va_end(arguments);
}

void cairn_report_fact(cairn_report *r, const char *name, const char *format, ...)
{
    if (!cairn__report_good(r))
        return;
    va_list arguments;
    va_start(arguments, format);
    cairn__text_add(&r->facts, "<div><dt>");
    cairn__html(&r->facts, name);
    cairn__text_add(&r->facts, "</dt><dd>");
    cairn__html_format(&r->facts, format, arguments);
    cairn__text_add(&r->facts, "</dd></div>\n");
    va_end(arguments);
}

void cairn_report_heading(cairn_report *r, const char *text)
{
    if (!cairn__report_good(r))
        return;
    long long number = ++r->sections;
    cairn__text_add(&r->contents, "<a href=\"#s%lld\">", number);
    cairn__html(&r->contents, text);
    cairn__text_add(&r->contents, "</a>\n");
    cairn__text_add(&r->body, "<h2 id=\"s%lld\">", number);
    cairn__html(&r->body, text);
    cairn__text_add(&r->body, "</h2>\n");
}

void cairn_report_paragraph(cairn_report *r, const char *format, ...)
{
    if (!cairn__report_good(r))
        return;
    va_list arguments;
    va_start(arguments, format);
    cairn__text_add(&r->body, "<p>");
    cairn__html_format(&r->body, format, arguments);
    cairn__text_add(&r->body, "</p>\n");
    va_end(arguments);
}

bool cairn_report_write(cairn_report *r, const char *path, cairn_status *status)
{
    const cairn_status *error = cairn_report_status(r);
    if (!cairn_ok(status))
        return false;
    if (!cairn_ok(error))
        return cairn__fail(status, error->code, "%s", error->message);
    /* The page has a status of its own: a failed write must not spoil the report, which may be
     * written again elsewhere. */
    cairn_status own = CAIRN_STATUS_INIT;
    cairn__text page = {.status = &own};
    cairn__report_page(r, &page);
    cairn__bytes piece = {page.data, page.length};
    bool good = cairn_ok(&own) && cairn__write_file_atomically(path, &piece, 1, &own);
    cairn__free(page.data);
    return good || cairn__fail(status, own.code, "%s", own.message);
}
