/* Prediction difference: golden values (tools/golden/smelu.py) and what must always hold. */
#include "cairn/difference.h"

#include "test.h"

static const double p1[] = {0.2, 0.5, 0.9}, p2[] = {0.3, 0.5, 0.8}, p3[] = {0.25, 0.4, 0.85};
static const double *const three[] = {p1, p2, p3};

TEST(golden_differences)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_difference d;
    CHECK(cairn_difference_of(three, 2, 3, &d, &status));
    CHECK_NEAR(d.relative, 0.1725490196, 1e-10);
    CHECK_NEAR(d.absolute, 0.0666666667, 1e-10);
    CHECK_NEAR(d.relative_deviation, d.relative / 2, 1e-15);
    CHECK(d.tiny == 0);
    CHECK(cairn_difference_of(three, 3, 3, &d, &status));
    CHECK_NEAR(d.relative, 0.1648756472, 1e-10);
    CHECK_NEAR(d.pd1, 0.0370370370, 1e-10);
    CHECK_NEAR(d.relative_deviation, 0.0892623716, 1e-10);
    CHECK_NEAR(d.pd2, 0.0429300367, 1e-10);
    CHECK_OK(status);
}

TEST(a_model_differs_not_from_itself_and_order_does_not_matter)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const double *const same[] = {p1, p1}, *const turned[] = {p2, p1};
    cairn_difference d, e;
    double relative[9], absolute[9];
    cairn_difference_of(same, 2, 3, &d, &status);
    CHECK(d.relative == 0 && d.absolute == 0 && d.pd1 == 0 && d.pd2 == 0);
    cairn_difference_of(three, 2, 3, &d, &status);
    cairn_difference_of(turned, 2, 3, &e, &status);
    CHECK(d.relative == e.relative && d.absolute == e.absolute && d.pd2 == e.pd2);
    CHECK(cairn_difference_pairs(three, 3, 3, relative, absolute, &status));
    for (int i = 0; i < 3; i++) {
        CHECK(relative[i * 3 + i] == 0 && absolute[i * 3 + i] == 0);
        for (int j = 0; j < 3; j++)
            CHECK(relative[i * 3 + j] == relative[j * 3 + i]);
    }
    CHECK_NEAR(relative[1], d.relative, 1e-15);
    cairn_difference_of(three, 3, 3, &d, &status);
    CHECK_NEAR(cairn_pairs_mean(relative, 3, -1), d.relative, 1e-15);
    CHECK_NEAR(cairn_pairs_mean(absolute, 3, -1), d.absolute, 1e-15);
    CHECK_OK(status);
}

TEST(where_nothing_is_predicted_the_quotient_is_zero_and_counted)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const double a[] = {0, 0, 0.5, 1}, b[] = {0, 1e-13, 0.5, 0};
    const double *const p[] = {a, b};
    cairn_difference d;
    CHECK(cairn_difference_of(p, 2, 4, &d, &status));
    CHECK_NEAR(d.tiny, 0.5, 1e-15);
    CHECK_NEAR(d.relative, 2.0 / 4, 1e-15);
    CHECK_OK(status);
}

/* Three examples of two classes. */
static const double c1[] = {0.9, 0.1, 0.4, 0.6, 0.5, 0.5}, c2[] = {0.8, 0.2, 0.7, 0.3, 0.5, 0.5};

TEST(classes)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const double *const p[] = {c1, c2};
    const int32_t label[] = {0, 1, 1}, wrong[] = {0, 2, 1};
    double total[4], each[2], churn[4], out[3];
    CHECK(cairn_difference_classes(p, 2, 3, 2, total, each, &status));
    CHECK_NEAR(total[1], (0.2 + 0.6) / 3, 1e-15);
    CHECK(total[0] == 0 && total[2] == total[1]);
    CHECK_NEAR(each[0], 0.4 / 3, 1e-15);
    CHECK_NEAR(each[1], 0.4 / 3, 1e-15);
    CHECK(cairn_churn_pairs(p, 2, 3, 2, churn, &status));
    CHECK_NEAR(churn[1], 1.0 / 3, 1e-15); /* the tie is the first class in both */
    CHECK(churn[0] == 0 && churn[2] == churn[1]);
    CHECK(cairn_label_predictions(c1, 3, 2, label, out, &status));
    CHECK(out[0] == 0.9 && out[1] == 0.6 && out[2] == 0.5);
    CHECK_OK(status);
    CHECK(!cairn_label_predictions(c1, 3, 2, wrong, out, &status));
    CHECK_TEXT(status.message, "example 1: label 2, expected one of 2 classes");
}

TEST(swap_rate_of_rankings)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const int64_t query[] = {1, 1, 1, 2, 2, 3};
    const double a[] = {3, 2, 1, 5, 4, 0}, b[] = {2, 3, 1, 5, 5, 9}, back[] = {1, 2, 3, 4, 5, 0};
    CHECK(cairn_swap_rate(a, a, query, 6, &status) == 0);
    CHECK_NEAR(cairn_swap_rate(a, b, query, 6, &status), (1 + 0.5) / 4, 1e-15);
    CHECK_NEAR(cairn_swap_rate(b, a, query, 6, &status), (1 + 0.5) / 4, 1e-15);
    CHECK(cairn_swap_rate(a, back, query, 6, &status) == 1);
    CHECK(isnan(cairn_swap_rate(a, b, (const int64_t[]){1, 2, 3}, 3, &status)));
    CHECK_OK(status);
    CHECK(isnan(cairn_swap_rate(a, (const double[]){1, NAN}, query, 2, &status)));
    CHECK_INT(status.code, CAIRN_ERR_VALUE);
}

TEST(golden_jackknife)
{
    static const double pairs[] = {0, 1, 2, 4, 1, 0, 3, 5, 2, 3, 0, 9, 4, 5, 9, 0};
    double error;
    CHECK_NEAR(cairn_pairs_jackknife(pairs, 4, &error), 4, 1e-15);
    CHECK_NEAR(error, 2.4832774043, 1e-10);
    CHECK_NEAR(cairn_pairs_mean(pairs, 4, 3), 2, 1e-15);
    cairn_pairs_jackknife(pairs, 2, &error);
    CHECK(isnan(error));
    /* Of a plain mean it is the standard error: sqrt(2.5 / 5) for 1 to 5. */
    double left_out[5];
    for (int i = 0; i < 5; i++)
        left_out[i] = (15 - (i + 1)) / 4.0;
    CHECK_NEAR(cairn_jackknife_error(left_out, 5), sqrt(0.5), 1e-12);
    CHECK(isnan(cairn_jackknife_error(left_out, 1)));
}

TEST(bad_predictions_are_errors)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const double bad[] = {0.2, -0.5, 0.1}, none[] = {0.2, 0.5, NAN};
    const double *const negative[] = {p1, bad}, *const nan[] = {none, p1};
    cairn_difference d;
    CHECK(!cairn_difference_of(negative, 2, 3, &d, &status));
    CHECK_TEXT(status.message,
               "model 2, example 1: prediction -0.5, expected a finite number from 0");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_difference_pairs(nan, 2, 3, NULL, NULL, &status));
    CHECK_CONTAINS(status.message, "model 1, example 2");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_difference_of(three, 1, 3, &d, &status));
    CHECK_CONTAINS(status.message, "1 models, expected 2 to 64");
    CHECK(!cairn_difference_of(three, 3, 3, &d, &status)); /* an error stays */
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_difference_of(three, 3, 0, &d, &status));
    CHECK_CONTAINS(status.message, "0 examples");
}
