/* Claims: the table with verdicts, and the chart of measured intervals beside published figures. */
#include <math.h>

#include "report/report.h"

const char *cairn_verdict_text(cairn_verdict verdict)
{
    static const char *const texts[] = {
#define CAIRN_X(name, text) text,
        CAIRN_VERDICTS(CAIRN_X)
#undef CAIRN_X
    };
    return (size_t)verdict < CAIRN__COUNT(texts) ? texts[verdict] : texts[CAIRN_VERDICT_OPEN];
}

/* The class of a badge and the key of a colour; the text beside it says the same without colour. */
static const char *badge(cairn_verdict verdict)
{
    switch (verdict) {
    case CAIRN_VERDICT_HOLDS: return "holds";
    case CAIRN_VERDICT_FAILS: return "fails";
    default: return "open";
    }
}

static void figure(cairn__text *out, double value, const char *unit)
{
    cairn__html_real(out, value, 4);
    if (unit && !isnan(value)) {
        cairn__text_add(out, "\u202f");
        cairn__html(out, unit);
    }
}

static void measured(cairn__text *out, const cairn_report_claim *claim)
{
    figure(out, claim->measured, claim->unit);
    if (isnan(claim->lower) || isnan(claim->upper))
        return;
    cairn__text_add(out, "<br><small>");
    cairn__html_real(out, claim->lower, 4);
    cairn__text_add(out, " to ");
    cairn__html_real(out, claim->upper, 4);
    cairn__text_add(out, "</small>");
}

static void note(cairn__text *out, const char *before, const char *text)
{
    if (!text)
        return;
    cairn__text_add(out, "<br><small>%s", before);
    cairn__html(out, text);
    cairn__text_add(out, "</small>");
}

static void claim_row(cairn__text *out, const cairn_report_claim *claim)
{
    cairn__text_add(out, "<tr><td><span class=\"badge %s\">%s</span></td><td>",
                    badge(claim->verdict), cairn_verdict_text(claim->verdict));
    cairn__html(out, claim->claim);
    note(out, "Rule: ", claim->rule);
    /* On a phone each claim is a small card, and the cells name themselves. */
    cairn__text_add(out, "</td><td class=\"n\" data-name=\"Published\">");
    figure(out, claim->published, claim->unit);
    cairn__text_add(out, "</td><td class=\"n\" data-name=\"Measured\">");
    measured(out, claim);
    note(out, "", claim->basis);
    cairn__text_add(out, "</td></tr>\n");
}

static bool valid(cairn_report *r, const cairn_report_claim *claims, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!claims[i].name || !claims[i].claim)
            return cairn__fail(&r->status, CAIRN_ERR_VALUE,
                               "claim %lld of %lld needs a name and a sentence", (long long)i,
                               (long long)count);
    return true;
}

void cairn_report_claims(cairn_report *r, const cairn_report_claim *claims, int64_t count)
{
    if (!cairn__report_good(r) || !valid(r, claims, count))
        return;
    cairn__text_add(&r->body, "<div class=\"scroll\" tabindex=\"0\"><table class=\"claims\">\n"
                              "<thead><tr><th>Verdict</th><th>Claim</th><th class=\"n\">Published"
                              "</th><th class=\"n\">Measured</th></tr></thead>\n<tbody>\n");
    for (int64_t i = 0; i < count; i++)
        claim_row(&r->body, &claims[i]);
    cairn__text_add(&r->body, "</tbody>\n</table></div>\n");
}

/* ---- the chart of intervals ----------------------------------------------------------------- */

static void interval_row(cairn__text *out, const cairn_report_claim *claim)
{
    const double values[] = {claim->published, claim->measured, claim->lower, claim->upper};
    cairn__text_add(out, "<tr><td>");
    cairn__html(out, claim->name);
    for (size_t i = 0; i < CAIRN__COUNT(values); i++) {
        cairn__text_add(out, "</td><td class=\"n\">");
        cairn__html_real(out, values[i], 5);
    }
    cairn__text_add(out, "</td><td>%s</td></tr>\n", cairn_verdict_text(claim->verdict));
}

static void interval_json(cairn__text *out, const cairn_report_claim *claim)
{
    const double values[] = {claim->published, claim->measured, claim->lower, claim->upper};
    cairn__text_add(out, "[");
    cairn__json(out, claim->name);
    for (size_t i = 0; i < CAIRN__COUNT(values); i++) {
        cairn__text_add(out, ",");
        cairn__json_real(out, values[i], 6);
    }
    cairn__text_add(out, ",\"%s\"]", badge(claim->verdict));
}

void cairn_report_intervals(cairn_report *r, const char *title, const char *axis,
                            const cairn_report_claim *claims, int64_t count)
{
    if (!cairn__report_good(r) || !valid(r, claims, count))
        return;
    cairn__text *out = &r->body;
    cairn__figure_begin(r, "intervals", title, "Chart of intervals");
    cairn__text_add(out, "<div class=\"scroll tall\" tabindex=\"0\"><table>\n<thead><tr><th>Claim"
                         "</th><th class=\"n\">Published</th><th class=\"n\">Measured</th>"
                         "<th class=\"n\">Lower</th><th class=\"n\">Upper</th><th>Verdict</th></tr>"
                         "</thead>\n<tbody>\n");
    for (int64_t i = 0; i < count; i++)
        interval_row(out, &claims[i]);
    cairn__text_add(out, "</tbody>\n</table></div>\n</details>\n"
                         "<script type=\"application/json\">{\"axis\":");
    cairn__json(out, axis);
    cairn__text_add(out, ",\"claims\":[");
    for (int64_t i = 0; i < count; i++) {
        cairn__text_add(out, i ? ",\n" : "\n");
        interval_json(out, &claims[i]);
    }
    cairn__text_add(out, "\n]}</script>\n</figure>\n");
}
