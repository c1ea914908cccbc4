/* Cairn, report: what a run or a reproduction leaves behind for people to look at.
 *
 *   1. the report    one self-contained page, built from top to bottom
 *   2. text, tables  headings, paragraphs, facts, typed columns, options
 *   3. curves        charts over steps, examples or seconds
 *   4. claims        published and measured figures, intervals, verdicts
 *   5. pictures      rows of small pictures
 *   6. events        the same figures as TensorBoard reads them
 *
 *     cairn_report *r = cairn_report_new("Training with few labels");
 *     cairn_report_fact(r, "Accuracy", "%.1f %%", accuracy);
 *     cairn_report_heading(r, "Training");
 *     cairn_report_curves(r, &chart);
 *     bool good = cairn_report_write(r, "run/report.html", &status);
 *     cairn_report_free(r);
 *
 * All text given here is plain UTF-8; it is escaped where it is shown, never read as HTML. */
#ifndef CAIRN_REPORT_H
#define CAIRN_REPORT_H

#include "cairn/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. the report ---------------------------------------------------------------------------
 *
 * A page that needs nothing beside it: it opens from a mail attachment, on a phone, in light and
 * dark, and prints. Its charts are drawn by Chart.js when that was built in (cairn_features());
 * without it, and without scripts, the numbers of each chart stand in a table. Without its pictures
 * a page stays under 1 MB whatever the length of the run.
 *
 * Errors are sticky: the report keeps the first one, later calls do nothing, and
 * cairn_report_write() hands it out. Everything given to a call is copied before it returns. */

typedef struct cairn_report cairn_report;

/* An empty report. The caller owns it: cairn_report_free(). NULL when memory is short; every
 * function accepts that NULL and does nothing, and cairn_report_write() then says why. */
CAIRN_API cairn_report *cairn_report_new(const char *title);

/* Frees a report; NULL is fine. */
CAIRN_API void cairn_report_free(cairn_report *r);

/* The first error, or CAIRN_OK. Borrowed until the report is freed. */
CAIRN_API const cairn_status *cairn_report_status(const cairn_report *r);

/* Writes the page to `path`, whole or not at all: under a temporary name in the same directory,
 * synced, then renamed over what was there. On failure nothing is left and an older page stays.
 * The report can be continued and written again.
 * Errors: the report's own first error; CAIRN_ERR_FILE naming path and reason. */
CAIRN_API bool cairn_report_write(cairn_report *r, const char *path, cairn_status *status);

/* ---- 2. text, tables ------------------------------------------------------------------------ */

/* The sentence below the title; a later call replaces it. */
CAIRN_API void cairn_report_subtitle(cairn_report *r, const char *format, ...) CAIRN_PRINTF(2, 3);

/* One figure of the summary at the head of the page: a name and a short value. Shown in the order
 * given, wherever in the page the call stands. */
CAIRN_API void cairn_report_fact(cairn_report *r, const char *name, const char *format, ...)
    CAIRN_PRINTF(3, 4);

/* Starts a section. From two on, the page's head lists them. */
CAIRN_API void cairn_report_heading(cairn_report *r, const char *text);

CAIRN_API void cairn_report_paragraph(cairn_report *r, const char *format, ...) CAIRN_PRINTF(2, 3);

/* One column of a table: a name and exactly one of three arrays with a value for each row. Numbers
 * are aligned on the right; a NULL text and a NaN are shown as a dash. */
typedef struct cairn_report_column {
    const char *name;
    const char *const *texts;
    const int64_t *counts;
    const double *reals;
    int digits; /* significant digits of reals, 1 to 17; 0 means 4 */
} cairn_report_column;

/* A table of `count` columns and `rows` rows, and below it a folded copy as comma-separated values
 * with all 17 digits. caption: one line or NULL.
 * Errors: CAIRN_ERR_VALUE for a column without exactly one array. */
CAIRN_API void cairn_report_table(cairn_report *r, const char *caption,
                                  const cairn_report_column *columns, int64_t count, int64_t rows);

/* The options of a run: value, default, help and source of each row of `table`, read from the
 * struct `options` that the table describes. Values that differ from the default stand out. */
CAIRN_API void cairn_report_options(cairn_report *r, const char *caption, const cairn_option *table,
                                    const void *options);

/* ---- 3. curves --------------------------------------------------------------------------------
 *
 * The reader of the page chooses the horizontal axis, smooths, zooms, and hides curves. */

/* One value of a curve. A value that is not finite is shown as a gap. */
typedef struct cairn_report_point {
    int64_t step;     /* never falls along a curve */
    int64_t examples; /* seen so far; negative throughout a curve when not known */
    double seconds;   /* since the start; NaN throughout a curve when not known */
    double value;
} cairn_report_point;

typedef struct cairn_report_curve {
    const char *name;
    int64_t count;
    const cairn_report_point *points;
    const double *lower, *upper; /* a band, one value for each point; or both NULL */
} cairn_report_curve;

typedef struct cairn_report_chart {
    const char *title;
    const char *axis; /* the vertical axis with its unit: "loss (nats)" */
    bool log_axis;    /* start with a logarithmic vertical axis; needs positive values */
    int64_t count;
    const cairn_report_curve *curves;
    const char *floor_name; /* a horizontal line for comparison, such as a floor; or NULL */
    double floor;
} cairn_report_chart;

/* A chart of one or more curves, with a folded table of (thinned) numbers below it.
 *
 * A curve keeps at most 2,000 points, fewer when the page has many: the smallest and the largest
 * of each bucket, so that no spike is lost, and always the first and the last.
 *
 * Errors: CAIRN_ERR_VALUE for a step that falls, or a band with one side. */
CAIRN_API void cairn_report_curves(cairn_report *r, const cairn_report_chart *chart);

/* One point of a plane: two figures of one thing, such as the loss and the variation of a model. */
typedef struct cairn_report_spot {
    const char *name;   /* written beside the point */
    const char *series; /* points of one series share a colour and are joined in their order */
    double x, y;
    double error; /* of y, drawn upwards and downwards; NaN: none */
} cairn_report_spot;

/* A chart of points in a plane, with a folded table of their numbers. Points whose x or y is not
 * finite are in the table only. Errors: CAIRN_ERR_VALUE for a spot without name or series. */
CAIRN_API void cairn_report_plane(cairn_report *r, const char *title, const char *x_axis,
                                  const char *y_axis, const cairn_report_spot *spots,
                                  int64_t count);

/* ---- 4. claims ------------------------------------------------------------------------------ */

/* What the measured numbers say of a published claim: name, text on the page. */
#define CAIRN_VERDICTS(X)                                                                          \
    X(HOLDS, "holds")                                                                              \
    X(FAILS, "does not hold")                                                                      \
    X(OPEN, "not decided")

typedef enum cairn_verdict {
#define CAIRN_X(name, text) CAIRN_VERDICT_##name,
    CAIRN_VERDICTS(CAIRN_X)
#undef CAIRN_X
} cairn_verdict;

/* The text of a verdict: "does not hold". Static. */
CAIRN_API const char *cairn_verdict_text(cairn_verdict verdict);

typedef struct cairn_report_claim {
    const char *name;              /* two or three words, the label in a chart */
    const char *claim;             /* what was published, one sentence */
    const char *unit;              /* of the four numbers: "%", "ms"; or NULL */
    double published;              /* NaN where the source gives no figure */
    double measured, lower, upper; /* the estimate and its interval; NaN where not measured */
    const char *basis;             /* "5 seeds, 95 % interval", or NULL */
    const char *rule;              /* how the verdict follows from the numbers, or NULL */
    cairn_verdict verdict;
} cairn_report_claim;

/* A table of claims: verdict, claim, published figure, measured figure with its interval. */
CAIRN_API void cairn_report_claims(cairn_report *r, const cairn_report_claim *claims,
                                   int64_t count);

/* A chart of claims that share a unit: for each the measured interval as a floating bar, the
 * estimate in it and the published figure beside it. axis: what the numbers are, with their unit.
 * The numbers stand in a folded table below. */
CAIRN_API void cairn_report_intervals(cairn_report *r, const char *title, const char *axis,
                                      const cairn_report_claim *claims, int64_t count);

/* ---- 5. pictures ---------------------------------------------------------------------------- */

/* Grey (1 channel) or RGB (3 channels) pixels, u8 [height, width, channels]. */
typedef struct cairn_report_picture {
    const uint8_t *pixels;
    int64_t height, width, channels; /* height and width up to 8192 */
    int64_t stride;                  /* bytes from one row to the next; 0 means packed */
    const char *caption;             /* or NULL */
} cairn_report_picture;

/* A grid of pictures, `rows` times `columns` in row-major order; one whose pixels are NULL stays
 * empty. Each is embedded as PNG. Without libpng the page says so instead.
 * Errors: CAIRN_ERR_VALUE for channels other than 1 and 3, or a size out of range. */
CAIRN_API void cairn_report_pictures(cairn_report *r, const char *caption,
                                     const cairn_report_picture *pictures, int64_t rows,
                                     int64_t columns);

/* ---- 6. events --------------------------------------------------------------------------------
 *
 * A TensorBoard event file. Each record reaches the operating system before its call returns, so a
 * killed run loses none; cairn_events_sync() makes them survive a power cut. Errors are sticky: the
 * first is kept, later calls do nothing, sync and close hand it out. One thread at a time. */

typedef struct cairn_events cairn_events;

/* Creates a new event file in the existing `directory`. A run that continues gives the step it
 * continues from, and TensorBoard then drops later steps of the interrupted part; otherwise 0.
 * The caller owns it: cairn_events_close(). NULL on failure, which every function accepts.
 * Errors: CAIRN_ERR_FILE. */
CAIRN_API cairn_events *cairn_events_open(const char *directory, int64_t first_step,
                                          cairn_status *status);

CAIRN_API void cairn_events_scalar(cairn_events *e, const char *tag, int64_t step, double value);

/* Sixty-four buckets of equal width from the smallest to the largest of n values. Values that are
 * not finite are left out; if none is left, nothing is written. */
CAIRN_API void cairn_events_histogram(cairn_events *e, const char *tag, int64_t step,
                                      const float *values, int64_t n);

/* A text; TensorBoard shows it as Markdown. */
CAIRN_API void cairn_events_text(cairn_events *e, const char *tag, int64_t step, const char *text);

/* A picture. Without libpng nothing is written. */
CAIRN_API void cairn_events_picture(cairn_events *e, const char *tag, int64_t step,
                                    const cairn_report_picture *picture);

/* Every option of the run as hyperparameters: numbers and flags as such, the rest as text. */
CAIRN_API void cairn_events_options(cairn_events *e, const cairn_option *table,
                                    const void *options);

/* Waits until all records are on the disk. Errors: the first one met, CAIRN_ERR_FILE. */
CAIRN_API bool cairn_events_sync(cairn_events *e, cairn_status *status);

/* Closes the file and frees `e`; NULL is fine. False with the first error met since opening. */
CAIRN_API bool cairn_events_close(cairn_events *e, cairn_status *status);

#ifdef __cplusplus
}
#endif

#endif
