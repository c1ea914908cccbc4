/* Labels made wrong: shares, kinds, determinism, and what is refused. */
#include <stdlib.h>

#include "cairn/data.h"
#include "data/data.h"
#include "test.h"

enum { N = 20000, K = 5 };

static int32_t clean[N], noisy[N], other[N];

static cairn_noise_options options_of(int kind, double rate)
{
    cairn_noise_options o = cairn_noise_defaults();
    o.noise = kind;
    o.noise_rate = rate;
    for (int i = 0; i < N; i++)
        clean[i] = i % K;
    return o;
}

static void apply(const cairn_noise_options *o, const cairn_field *x, int32_t *out)
{
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(cairn_label_noise(o, x, clean, N, K, out, &status));
    CHECK_OK(status);
}

static double changed(void)
{
    int count = 0;
    for (int i = 0; i < N; i++)
        count += noisy[i] != clean[i];
    return (double)count / N;
}

TEST(each_kind_makes_the_share_wrong_that_it_promises)
{
    static const struct {
        int kind;
        double rate, share;
    } cases[] = {{CAIRN_NOISE_NONE, 0.5, 0},       {CAIRN_NOISE_FLIP, 0.4, 0.4},
                 {CAIRN_NOISE_UNIFORM, 0.4, 0.32}, {CAIRN_NOISE_NEXT, 0.3, 0.3},
                 {CAIRN_NOISE_PAIRS, 0.5, 0.2},    {CAIRN_NOISE_FLIP, 1, 1},
                 {CAIRN_NOISE_FLIP, 0, 0}};
    for (size_t i = 0; i < CAIRN__COUNT(cases); i++) {
        cairn_noise_options o = options_of(cases[i].kind, cases[i].rate);
        double share = cases[i].share, deviation = sqrt(share * (1 - share) / N);
        snprintf(o.noise_pairs, CAIRN_TEXT_SIZE, "4>1,0>3");
        apply(&o, NULL, noisy);
        CHECK_NEAR(changed(), share, 5 * deviation);
        for (int k = 0; k < N; k++) {
            CHECK(noisy[k] >= 0 && noisy[k] < K);
            if (noisy[k] != clean[k] && o.noise == CAIRN_NOISE_NEXT)
                CHECK_INT(noisy[k], (clean[k] + 1) % K);
            if (noisy[k] != clean[k] && o.noise == CAIRN_NOISE_PAIRS)
                CHECK_INT(noisy[k], clean[k] == 4 ? 1 : 3);
        }
    }
}

TEST(flips_go_to_all_other_classes_alike)
{
    cairn_noise_options o = options_of(CAIRN_NOISE_FLIP, 1);
    int count[K][K] = {{0}};
    apply(&o, NULL, noisy);
    for (int i = 0; i < N; i++)
        count[clean[i]][noisy[i]]++;
    for (int a = 0; a < K; a++)
        for (int b = 0; b < K; b++) /* 4000 of each class, a quarter to each other: 27 deviation */
            CHECK_NEAR(count[a][b], a == b ? 0 : 1000, a == b ? 0 : 140);
}

TEST(noise_depends_on_seed_and_item_only)
{
    cairn_noise_options o = options_of(CAIRN_NOISE_FLIP, 0.4);
    cairn_status status = CAIRN_STATUS_INIT;
    apply(&o, NULL, noisy);
    CHECK(cairn_label_noise(&o, NULL, clean, 100, K, other, &status));
    CHECK(memcmp(noisy, other, 100 * sizeof *noisy) == 0);
    o.noise_seed = 2;
    apply(&o, NULL, other);
    CHECK(memcmp(noisy, other, sizeof noisy) != 0);
    CHECK(cairn_label_noise(&o, NULL, clean, N, K, clean, &status)); /* in place */
    CHECK(memcmp(clean, other, sizeof clean) == 0);
    CHECK_OK(status);
}

/* Items of one class and one direction go to one class, more than those of another direction. */
TEST(instance_noise_follows_the_features)
{
    static float x[N * 3];
    cairn_noise_options o = options_of(CAIRN_NOISE_INSTANCE, 0.4);
    cairn_field field = {
        .name = "x", .type = CAIRN_DATA_F32, .rank = 2, .shape = {N, 3}, .data = x};
    int count[2][K] = {{0}};
    for (int i = 0; i < N; i++)
        x[3 * i + (i / K) % 2] = 6;
    apply(&o, &field, noisy);
    CHECK_NEAR(changed(), 0.4, 0.02);
    double apart = 0;
    for (int i = 0; i < N; i += K)
        count[(i / K) % 2][noisy[i]]++;
    for (int c = 1; c < K; c++)
        apart += abs(count[0][c] - count[1][c]);
    CHECK(apart > 200); /* of about 1,600 wrong labels; chance would give about 60 */
}

TEST(a_data_set_with_noise_keeps_its_true_labels_and_its_test_split)
{
    static const char csv[] = "a,label\n1,x\n2,y\n3,x\n4,y\n5,x\n6,y\n7,x\n8,y\n9,x\n10,y\n";
    cairn_data_options d = cairn_data_defaults();
    cairn_noise_options o = cairn_noise_defaults();
    cairn_status status = CAIRN_STATUS_INIT;
    d.test_fraction = 0.2;
    o.noise = CAIRN_NOISE_FLIP;
    o.noise_rate = 1;
    cairn_dataset *from = cairn_dataset_parse(csv, sizeof csv - 1, "t.csv", &d, &status);
    cairn_dataset *to = from ? cairn_dataset_with_noise(from, &o, &status) : NULL;
    CHECK_OK(status);
    if (!CHECK(to != NULL))
        return;
    CHECK(cairn_dataset_true_labels(from) == NULL);
    const int32_t *truth = cairn_dataset_true_labels(to);
    const int32_t *was = cairn_dataset_field(from, CAIRN_SPLIT_TRAIN, "label")->data;
    const int32_t *is = cairn_dataset_field(to, CAIRN_SPLIT_TRAIN, "label")->data;
    for (int i = 0; i < 8; i++) {
        CHECK_INT(truth[i], was[i]);
        CHECK_INT(is[i], 1 - was[i]);
    }
    CHECK(memcmp(cairn_dataset_field(from, CAIRN_SPLIT_TEST, "label")->data,
                 cairn_dataset_field(to, CAIRN_SPLIT_TEST, "label")->data, 2 * sizeof *is) == 0);
    CHECK(memcmp(cairn_dataset_field_at(from, CAIRN_SPLIT_TRAIN, 0)->data,
                 cairn_dataset_field_at(to, CAIRN_SPLIT_TRAIN, 0)->data, 8 * sizeof(float)) == 0);
    CHECK_TEXT(cairn_dataset_class_name(to, 1), "y");
    CHECK_TEXT(cairn_dataset_column_name(to, 0), "a");
    cairn_dataset_free(from);
    cairn_dataset_free(to);
}

TEST(a_data_set_that_cannot_be_copied_is_left_and_nothing_leaks)
{
    static const char csv[] = "a,label\n1,x\n2,y\n3,x\n4,y\n5,x\n6,y\n7,x\n8,y\n9,x\n10,y\n";
    cairn_noise_options o = cairn_noise_defaults();
    cairn_status good = CAIRN_STATUS_INIT;
    cairn_dataset *from = cairn_dataset_parse(csv, sizeof csv - 1, "t.csv", NULL, &good),
                  *to = NULL;
    o.noise = CAIRN_NOISE_PAIRS;
    snprintf(o.noise_pairs, CAIRN_TEXT_SIZE, "0>1");
    for (int64_t n = 1; from && !to && n < 100; n++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn__alloc_fail_after(n);
        to = cairn_dataset_with_noise(from, &o, &status);
        cairn__alloc_fail_after(0);
        CHECK(to || status.code == CAIRN_ERR_MEMORY);
    }
    CHECK(to != NULL);
    cairn_dataset_free(from);
    cairn_dataset_free(to);
}

static void check_refused(const cairn_noise_options *o, int64_t classes, const char *part)
{
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(!cairn_label_noise(o, NULL, clean, N, classes, noisy, &status));
    CHECK_INT(status.code, CAIRN_ERR_VALUE);
    CHECK_CONTAINS(status.message, part);
}

TEST(bad_noise_is_refused_with_a_sentence)
{
    cairn_noise_options o = options_of(CAIRN_NOISE_PAIRS, 0.4);
    check_refused(&o, K, "noise_pairs: empty");
    snprintf(o.noise_pairs, CAIRN_TEXT_SIZE, "1>2,3");
    check_refused(&o, K, "'1>2,3', expected from>to,from>to with classes 0 to 4");
    snprintf(o.noise_pairs, CAIRN_TEXT_SIZE, "1>7");
    check_refused(&o, K, "classes 0 to 4");
    o = options_of(CAIRN_NOISE_FLIP, 1.5);
    check_refused(&o, K, "noise_rate");
    o = options_of(CAIRN_NOISE_FLIP, 0.5);
    check_refused(&o, 1, "1 classes");
    check_refused(&o, 3, "item 3 has label 3, expected 0 to 2");
    o = options_of(CAIRN_NOISE_INSTANCE, 0.5);
    check_refused(&o, K, "needs the items' features");
}
