/* What the files of report share. A call on a report writes its HTML at once, except for curves:
 * how many points each may keep is known only when the page is written. */
#ifndef CAIRN_SRC_REPORT_H
#define CAIRN_SRC_REPORT_H

#include "base/base.h"
#include "cairn/report.h"

/* ---- the report ----------------------------------------------------------------------------- */

struct cairn_report {
    cairn_status status;
    cairn__arena arena;                          /* the charts below */
    cairn__text title;                           /* plain */
    cairn__text subtitle, facts, contents, body; /* HTML */
    struct cairn__chart *first, **last;          /* in page order */
    int64_t sections;
    bool draws; /* some chart is on the page, so the script must be */
};

/* True if the report exists and holds no error. */
bool cairn__report_good(const cairn_report *r);

/* Adds the whole page. */
void cairn__report_page(const cairn_report *r, cairn__text *page);

/* ---- curves: thin.c, curves.c --------------------------------------------------------------- */

/* The most points of a curve, and the most numbers of all curves of a page together. */
enum { CAIRN__CURVE_POINTS = 2000, CAIRN__PAGE_NUMBERS = 50000 };

/* Chooses at most `limit` (4 or more) of n points: the first, the last, and the smallest and the
 * largest of each bucket between. kept: `limit` indices, rising; means: `limit` numbers, the mean
 * of `levels` (NULL: of the values) in the bucket that each was kept from. Returns how many. */
int64_t cairn__thin(const cairn_report_point *points, const double *levels, int64_t n,
                    int64_t limit, int64_t *kept, double *means);

/* A curve as the report keeps it, in its arena. */
typedef struct cairn__curve {
    cairn_report_curve data;
    double *means; /* of the bucket of each point; NULL while every point is there */
} cairn__curve;

/* A chart of curves: table and data go into the page at byte `place` of the body. */
typedef struct cairn__chart {
    struct cairn__chart *next;
    size_t place;
    cairn_report_chart data; /* its `curves` are not used */
    cairn__curve *curves;
} cairn__chart;

/* How many numbers the whole chart would put into the page. */
int64_t cairn__chart_numbers(const cairn__chart *chart);

/* Adds the table and the data of one chart, thinned to this share (0..1) of the most allowed. */
void cairn__chart_html(const cairn__chart *chart, double share, cairn__text *page);

/* Opens the <figure> that page.js looks for, and in it the fold for the numbers. The caller adds a
 * table, closes the fold, adds the data as JSON, and closes the figure. */
void cairn__figure_begin(cairn_report *r, const char *kind, const char *title, const char *label);

/* ---- writing HTML, JSON and numbers: escape.c ----------------------------------------------- */

void cairn__html(cairn__text *out, const char *text);
void cairn__html_format(cairn__text *out, const char *format, va_list arguments);
void cairn__json(cairn__text *out, const char *text); /* quoted; safe inside <script> */
void cairn__base64(cairn__text *out, const uint8_t *bytes, size_t n);

/* A number with so many significant digits and '.' whatever the locale; null if not finite. */
void cairn__json_real(cairn__text *out, double value, int digits);

/* Numbers for people: a dash for NaN, a true minus, thousands set apart by thin spaces. */
void cairn__html_real(cairn__text *out, double value, int digits);
void cairn__html_count(cairn__text *out, int64_t value);

/* ---- pictures: png.c ------------------------------------------------------------------------ */

/* False if libpng is not built in. */
bool cairn__png_built_in(void);

/* Checks the picture and adds it to `out` as a PNG file. Errors: CAIRN_ERR_VALUE, _MEMORY. */
bool cairn__png_encode(const cairn_report_picture *picture, cairn__text *out, cairn_status *status);

/* ---- events: crc32c.c, summary.c ---------------------------------------------------- */

/* CRC-32C (Castagnoli) of n bytes, and the form in which record files keep it. */
uint32_t cairn__crc32c(const void *bytes, size_t n);
uint32_t cairn__crc32c_masked(const void *bytes, size_t n);

/* One record: length u64, masked CRC of the length, data, masked CRC of the data. */
void cairn__record(cairn__text *out, const void *data, size_t n);

/* Each adds one Summary.Value to `out`. Scalars come at every step: `part` is an empty text that is
 * used again, so that they soon allocate nothing. */
void cairn__summary_scalar(cairn__text *out, cairn__text *part, const char *tag, double value);
bool cairn__summary_histogram(cairn__text *out, const char *tag, const float *values, int64_t n);
void cairn__summary_text(cairn__text *out, const char *tag, const char *text);
bool cairn__summary_picture(cairn__text *out, const char *tag, const cairn_report_picture *picture);
void cairn__summary_options(cairn__text *out, double wall_time, const cairn_option *table,
                            const void *options);

/* ---- terminal: sparkline.c ------------------------------------------------------------------ */

/* Draws n values as `width` block characters, each the mean of its share, from the smallest to the
 * largest; a share without a finite value is a space. */
void cairn__sparkline(const double *values, int64_t n, int64_t width, cairn__text *out);

#endif
