/* Philox against the authors' known answers, and the moments of what is drawn from it. */
#include "base/philox.h"
#include "test.h"

TEST(philox_known_answers)
{
    /* kat_vectors of the Random123 distribution, philox4x32 with 10 rounds: all zero, all one bits,
     * and the digits of pi. Counter words 0, 1 are our position, 2, 3 our stream. */
    uint32_t w[4];
    cairn__philox(0, 0, 0, w);
    CHECK(w[0] == 0x6627e8d5u && w[1] == 0xe169c58du && w[2] == 0xbc57ac4cu && w[3] == 0x9b00dbd8u);
    cairn__philox(~0ull, ~0ull, ~0ull, w);
    CHECK(w[0] == 0x408f276du && w[1] == 0x41c83b0eu && w[2] == 0xa20bc7c6u && w[3] == 0x6d5451fdu);
    cairn__philox(0x299f31d0a4093822ull, 0x0370734413198a2eull, 0x85a308d3243f6a88ull, w);
    CHECK(w[0] == 0xd16cfe09u && w[1] == 0x94fdccebu && w[2] == 0x5001e420u && w[3] == 0x24126ea1u);
}

TEST(fills_give_the_words_of_the_stream_in_order)
{
    enum { N = 100003, FIRST = 4 * 77 };
    static float x[N], tail[N];
    const uint64_t seed = test_seed(), stream = 0xfedcba9876543210ull;
    cairn_random_uniform_fill(seed, stream, N, x);
    cairn__random_uniform_run(seed, stream, FIRST, N - FIRST, tail);
    for (int64_t i = 0; i < N; i++) {
        uint32_t w[4];
        cairn__philox(seed, stream, (uint64_t)i / 4, w);
        if (x[i] != cairn__uniform(w[i % 4]) || (i >= FIRST && tail[i - FIRST] != x[i])) {
            CHECK(x[i] == cairn__uniform(w[i % 4]));
            CHECK(i < FIRST || tail[i - FIRST] == x[i]);
            break;
        }
    }
}

/* Box and Muller by the functions of the C library, to half a unit in the last place of a float and
 * a trifle; and the same bits from vector code as one by one. */
TEST(normal_values_are_those_of_box_and_muller)
{
    enum { N = 100003, FIRST = 4 * 77 };
    static float x[N], tail[N];
    const uint64_t seed = test_seed(), stream = 17;
    double worst = 0;
    bool same = true;
    cairn_random_normal_fill(seed, stream, N, x);
    cairn__random_normal_run(seed, stream, FIRST, N - FIRST, tail);
    for (int64_t i = 0; i < N; i++) {
        uint32_t w[4];
        float pair[2];
        cairn__philox(seed, stream, (uint64_t)i / 4, w);
        const uint32_t *of = w + i % 4 / 2 * 2;
        double radius = sqrt(-2 * log(1 - (double)(of[0] >> 8) / 16777216));
        double angle = 2 * acos(-1.0) * (double)(of[1] >> 8) / 16777216;
        double exact = radius * (i % 2 ? sin(angle) : cos(angle));
        cairn__normal_pair(of, pair);
        same = same && pair[i % 2] == x[i] && (i < FIRST || tail[i - FIRST] == x[i]);
        worst = fmax(worst, fabs((double)x[i] - exact) / fmax(fabs(exact), 1e-3));
    }
    CHECK(same);
    test_check(worst < 6.1e-8, __FILE__, __LINE__, "relative error %.3g", worst);
}

TEST(moments)
{
    enum { N = 200000 };
    static float x[N];
    double mean = 0, square = 0;
    cairn_random_normal_fill(test_seed(), 5, N, x);
    for (int i = 0; i < N; i++) {
        mean += (double)x[i] / N;
        square += (double)x[i] * (double)x[i] / N;
    }
    /* Five standard errors: 5/sqrt(N) and 5 sqrt(2/N). */
    CHECK_NEAR(mean, 0, 0.0112);
    CHECK_NEAR(square, 1, 0.0159);
    cairn_random_uniform_fill(test_seed(), 6, N, x);
    mean = 0;
    for (int i = 0; i < N; i++) {
        mean += (double)x[i] / N;
        if (x[i] < 0 || x[i] >= 1)
            CHECK(x[i] >= 0 && x[i] < 1);
    }
    CHECK_NEAR(mean, 0.5, 0.0033);
}

TEST(permutation_holds_every_index_once)
{
    int64_t order[1000];
    bool seen[1000] = {false};
    int fixed = 0;
    cairn_random_permutation(test_seed(), 3, 1000, order);
    for (int i = 0; i < 1000; i++) {
        CHECK(order[i] >= 0 && order[i] < 1000 && !seen[order[i]]);
        seen[order[i]] = true;
        fixed += order[i] == i;
    }
    CHECK(fixed < 10);
}
