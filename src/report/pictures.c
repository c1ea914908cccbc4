/* Grids of pictures, each a PNG inside the page. */
#include "report/report.h"

enum {
    SHOWN_AT_LEAST = 96
}; /* CSS pixels: a smaller picture is enlarged a whole number of times */

static void picture(cairn_report *r, const cairn_report_picture *p)
{
    cairn__text *out = &r->body, png = {.status = &r->status};
    if (cairn__png_encode(p, &png, &r->status)) {
        int64_t times = CAIRN__MAX((SHOWN_AT_LEAST + p->width - 1) / p->width, 1);
        cairn__text_add(out, "<img%s width=\"%lld\" height=\"%lld\" alt=\"",
                        times > 1 ? " class=\"pixels\"" : "", (long long)(times * p->width),
                        (long long)(times * p->height));
        cairn__html(out, p->caption ? p->caption : "");
        cairn__text_add(out, "\" src=\"data:image/png;base64,");
        cairn__base64(out, (const uint8_t *)png.data, png.length);
        cairn__text_add(out, "\">");
    }
    cairn__free(png.data);
    if (p->caption) {
        cairn__text_add(out, "<small>");
        cairn__html(out, p->caption);
        cairn__text_add(out, "</small>");
    }
}

static void grid(cairn_report *r, const cairn_report_picture *pictures, int64_t rows,
                 int64_t columns)
{
    cairn__text *out = &r->body;
    cairn__text_add(out,
                    "<div class=\"scroll\" tabindex=\"0\"><table class=\"pictures\"><tbody>\n");
    for (int64_t i = 0; i < rows * columns && cairn_ok(&r->status); i++) {
        cairn__text_add(out, i % columns ? "<td>" : "<tr><td>");
        if (pictures[i].pixels)
            picture(r, &pictures[i]);
        cairn__text_add(out, (i + 1) % columns ? "</td>" : "</td></tr>\n");
    }
    cairn__text_add(out, "</tbody></table></div>\n");
}

void cairn_report_pictures(cairn_report *r, const char *caption,
                           const cairn_report_picture *pictures, int64_t rows, int64_t columns)
{
    if (!cairn__report_good(r) || rows < 1 || columns < 1)
        return;
    cairn__text *out = &r->body;
    cairn__text_add(out, "<figure class=\"pictures\">");
    if (caption) {
        cairn__text_add(out, "<figcaption>");
        cairn__html(out, caption);
        cairn__text_add(out, "</figcaption>\n");
    }
    if (cairn__png_built_in())
        grid(r, pictures, rows, columns);
    else
        cairn__text_add(out,
                        "<p class=\"note\">Pictures need libpng, which was not built into this "
                        "copy of Cairn.</p>\n");
    cairn__text_add(out, "</figure>\n");
}
