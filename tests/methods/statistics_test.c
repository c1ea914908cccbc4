/* Intervals against published quantiles and values worked out by hand. */
#include "methods/statistics.h"

#include "test.h"

TEST(quantiles_of_students_t)
{
    /* Abramowitz and Stegun, table 26.10, 0.975. */
    CHECK_NEAR(cairn__student_quantile(1), 12.706, 1e-3);
    CHECK_NEAR(cairn__student_quantile(4), 2.776, 1e-3);
    CHECK_NEAR(cairn__student_quantile(20), 2.086, 1e-3);
    CHECK_NEAR(cairn__student_quantile(30), 2.042, 1e-3);
    CHECK_NEAR(cairn__student_quantile(120), 1.980, 1e-3);
    CHECK(isinf(cairn__student_quantile(0)));
}

TEST(intervals)
{
    /* Mean 3, standard deviation sqrt(2.5), 4 degrees of freedom: 3 +- 2.7764 sqrt(2.5 / 5). */
    const double x[] = {1, 2, 3, 4, 5}, y[] = {0, 1, 2, 3, 4}, z[] = {2, 4, 6, 8, 10};
    cairn__estimate e = cairn__estimate_mean(x, 5);
    CHECK_NEAR(e.mean, 3, 1e-12);
    CHECK_NEAR(e.upper - e.mean, 2.7764 * sqrt(0.5), 1e-9);
    CHECK_NEAR(e.mean - e.lower, 2.7764 * sqrt(0.5), 1e-9);
    /* What pairs have in common cancels. */
    e = cairn__estimate_difference(x, y, 5);
    CHECK(e.mean == 1 && e.lower == 1 && e.upper == 1);
    e = cairn__estimate_ratio(x, z, 5);
    CHECK(e.mean == 0.5 && e.lower == 0.5 && e.upper == 0.5);
}

TEST(too_few_values_decide_nothing)
{
    const double x[] = {1};
    cairn__estimate e = cairn__estimate_mean(x, 1);
    CHECK(e.mean == 1 && isinf(e.lower) && isinf(e.upper));
    CHECK(isnan(cairn__estimate_mean(x, 0).mean));
}
