/* Thinning: what must survive, checked against a plain search of the whole curve. */
#include "report/report.h"
#include "test.h"

enum { LONGEST = 3000, LIMIT = 200 };

static cairn_report_point points[LONGEST];
static int64_t kept[LIMIT + 1];
static double means[LIMIT + 1];

static void random_curve(uint64_t stream, int64_t n)
{
    static float values[LONGEST];
    cairn_random_normal_fill(test_seed(), stream, n, values);
    for (int64_t i = 0; i < n; i++)
        points[i] = (cairn_report_point){i, i, (double)i, values[i]};
}

static bool holds_value(int64_t count, double value)
{
    for (int64_t k = 0; k < count; k++)
        if (points[kept[k]].value == value)
            return true;
    return false;
}

TEST(short_curves_stay_whole)
{
    random_curve(0, 10);
    CHECK_INT(cairn__thin(points, NULL, 10, 10, kept, means), 10);
    for (int64_t k = 0; k < 10; k++) {
        CHECK_INT(kept[k], k);
        CHECK_NEAR(means[k], points[k].value, 0);
    }
    CHECK_INT(cairn__thin(points, NULL, 0, 10, kept, means), 0);
    CHECK_INT(cairn__thin(points, NULL, 1, 10, kept, means), 1);
    CHECK_INT(cairn__thin(points, NULL, 2, 10, kept, means), 2);
}

TEST(extremes_and_ends_survive_for_any_length_and_limit)
{
    for (int64_t round = 0; round < 400; round++) {
        uint32_t words[4];
        cairn_random_bits(test_seed(), 77, (uint64_t)round, words);
        int64_t n = words[0] % LONGEST, limit = 4 + words[1] % (LIMIT - 3);
        random_curve((uint64_t)round, n);
        int64_t count = cairn__thin(points, NULL, n, limit, kept, means);
        CHECK(count <= limit);
        double low = INFINITY, high = -INFINITY;
        for (int64_t i = 0; i < n; i++) {
            low = fmin(low, points[i].value);
            high = fmax(high, points[i].value);
        }
        CHECK(n == 0 || (holds_value(count, low) && holds_value(count, high)));
        CHECK(n == 0 || (kept[0] == 0 && kept[count - 1] == n - 1));
        for (int64_t k = 1; k < count; k++)
            CHECK(kept[k] > kept[k - 1]);
    }
}

TEST(one_spike_in_a_million_survives)
{
    enum { N = 1000000 };
    cairn_report_point *many = cairn__alloc(N, sizeof *many, NULL);
    many[654321].value = 1;
    int64_t count = cairn__thin(many, NULL, N, LIMIT, kept, means), found = 0;
    for (int64_t k = 0; k < count; k++)
        found += kept[k] == 654321;
    CHECK_INT(found, 1);
    cairn__free(many);
}

/* The mean over kept points of means stays that of the curve, thinned once or twice: 802 points are
 * two ends and 50 buckets of 16. */
TEST(means_are_those_of_the_curve)
{
    enum { N = 802, ONCE = 102 };
    random_curve(5, N);
    double sum = 0, thin = 0;
    for (int64_t i = 1; i + 1 < N; i++)
        sum += points[i].value / (N - 2);
    int64_t count = cairn__thin(points, NULL, N, ONCE, kept, means);
    CHECK_INT(count, ONCE);
    for (int64_t k = 1; k + 1 < count; k++)
        thin += means[k] / (ONCE - 2);
    CHECK_NEAR(thin, sum, 1e-12);

    cairn_report_point few[ONCE];
    double levels[ONCE];
    for (int64_t k = 0; k < count; k++) {
        few[k] = points[kept[k]];
        levels[k] = means[k];
    }
    count = cairn__thin(few, levels, ONCE, 22, kept, means); /* 10 buckets of 10 */
    thin = 0;
    for (int64_t k = 1; k + 1 < count; k++)
        thin += means[k] / 20;
    CHECK_NEAR(thin, sum, 1e-12);
}

TEST(gaps_stay_and_hide_no_extreme)
{
    random_curve(6, 1000);
    for (int64_t i = 400; i < 600; i++)
        points[i].value = NAN;
    points[10].value = INFINITY;
    points[11].value = 99;
    int64_t count = cairn__thin(points, NULL, 1000, 100, kept, means), gaps = 0;
    for (int64_t k = 0; k < count; k++)
        gaps += isnan(points[kept[k]].value);
    CHECK(gaps >= 8);
    CHECK(holds_value(count, 99));
}
