/* The curve in one line. */
#include "report/report.h"
#include "test.h"

static void check(const double *values, int64_t n, int64_t width, const char *expected)
{
    cairn__text text = {0};
    cairn__text_add(&text, "%s", "");
    cairn__sparkline(values, n, width, &text);
    CHECK_TEXT(text.data, expected);
    cairn__free(text.data);
}

TEST(sparklines)
{
    const double rising[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const double gap[] = {1, NAN, INFINITY, 2};
    const double same[] = {3, 3};
    check(rising, 8, 8, "▁▂▃▄▅▆▇█");
    check(rising, 8, 4, "▁▃▆█");
    check(rising, 2, 4, "▁▁██");
    check(gap, 4, 4, "▁  █");
    check(same, 2, 2, "▅▅");
    check(rising, 0, 4, "");
    check(&(double){NAN}, 1, 3, "   ");
}
