/* Option tables: defaults, reading, ranges, and that text written is read back to the same
 * value. */
#include "test.h"

typedef struct sample {
    double rate;
    int64_t steps;
    bool fast;
    int colour;
    char name[CAIRN_TEXT_SIZE];
    cairn_span warmup;
    int64_t room;
} sample;

static const char *const colours[] = {"red", "dark-green", NULL};

static const cairn_option table[] = {
    CAIRN_OPT_REAL(sample, rate, 0.1, 0, 1, "step size", ""),
    CAIRN_OPT_COUNT(sample, steps, 7, 1, 100, "how many", ""),
    CAIRN_OPT_FLAG(sample, fast, true, "hurry", ""),
    CAIRN_OPT_CHOICE(sample, colour, 1, colours, "paint", ""),
    CAIRN_OPT_TEXT(sample, name, "none", "title", ""),
    CAIRN_OPT_SPAN(sample, warmup, "5ep", "ramp", ""),
    CAIRN_OPT_BYTES(sample, room, 1 << 20, "memory", ""),
    CAIRN_OPT_END,
};

TEST(defaults_come_from_the_rows)
{
    sample s;
    cairn_options_defaults(table, &s);
    CHECK(s.rate == 0.1);
    CHECK_INT(s.steps, 7);
    CHECK(s.fast);
    CHECK_INT(s.colour, 1);
    CHECK_TEXT(s.name, "none");
    CHECK(s.warmup.amount == 5 && s.warmup.unit == CAIRN_EPOCHS);
    CHECK_INT(s.room, 1048576);
}

TEST(sizes_have_units)
{
    static const struct {
        const char *text;
        int64_t bytes;
        const char *written;
    } cases[] = {{"0", 0, "0"},
                 {"4097", 4097, "4097"},
                 {"2GiB", 2147483648, "2GiB"},
                 {"1.5KiB", 1536, "1536"},
                 {"500MB", 500000000, "500MB"},
                 {"3kB", 3000, "3kB"}};
    sample s;
    cairn_options_defaults(table, &s);
    for (size_t i = 0; i < CAIRN__COUNT(cases); i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        char text[CAIRN_TEXT_SIZE];
        cairn_options_set(table, &s, "room", cases[i].text, &status);
        CHECK_OK(status);
        CHECK_INT(s.room, cases[i].bytes);
        cairn_option_text(cairn_option_find(table, "room"), &s, text, sizeof text);
        CHECK_TEXT(text, cases[i].written);
    }
}

TEST(text_round_trips)
{
    static const char *const pairs[][2] = {
        {"rate", "0.30000000000000004"}, {"steps", "99"},     {"fast", "false"},
        {"colour", "red"},               {"name", "a \"b\""}, {"warmup", "12.5%"},
    };
    sample s;
    cairn_options_defaults(table, &s);
    for (size_t i = 0; i < CAIRN__COUNT(pairs); i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        char text[CAIRN_TEXT_SIZE];
        cairn_options_set(table, &s, pairs[i][0], pairs[i][1], &status);
        CHECK_OK(status);
        cairn_option_text(cairn_option_find(table, pairs[i][0]), &s, text, sizeof text);
        CHECK_TEXT(text, pairs[i][1]);
    }
}

TEST(bad_values_are_refused_and_leave_the_field)
{
    static const char *const bad[][3] = {
        {"rate", "2", "rate: '2', expected a number from 0 to 1"},
        {"rate", "0.1x", "expected a number"},
        {"rate", "nan", "expected a number"},
        {"steps", "1.5", "expected a whole number from 1 to 100"},
        {"steps", "99999999999999999999", "expected a whole number"},
        {"fast", "maybe", "expected true or false"},
        {"colour", "blue", "expected one of: red, dark-green"},
        {"warmup", "5 epochs", "5ep, 20000ex or 10%"},
        {"room", "2 GB", "room: '2 GB', expected a size like 500MB or 2GiB"},
        {"room", "-1", "expected a size"},
        {"room", "1e30", "expected a size"},
        {"stesp", "5", "unknown option 'stesp'; did you mean 'steps'?"},
        {"unrelated", "5", "unknown option 'unrelated'"},
    };
    sample before, s;
    memset(&before, 0, sizeof before);
    cairn_options_defaults(table, &before);
    s = before;
    for (size_t i = 0; i < CAIRN__COUNT(bad); i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        CHECK(!cairn_options_set(table, &s, bad[i][0], bad[i][1], &status));
        CHECK_CONTAINS(status.message, bad[i][2]);
        CHECK(memcmp(&before, &s, sizeof s) == 0);
    }
}

TEST(spans_become_steps)
{
    CHECK_INT(cairn_span_steps((cairn_span){500, CAIRN_STEPS}, 1000, 60, 10), 500);
    CHECK_INT(cairn_span_steps((cairn_span){5, CAIRN_EPOCHS}, 1000, 60, 10), 300);
    CHECK_INT(cairn_span_steps((cairn_span){25, CAIRN_EXAMPLES}, 1000, 60, 10), 3);
    CHECK_INT(cairn_span_steps((cairn_span){10, CAIRN_PERCENT}, 1000, 60, 10), 100);
}

TEST(a_status_with_an_error_stops_what_follows)
{
    cairn_status status = CAIRN_STATUS_INIT;
    sample s;
    cairn_options_defaults(table, &s);
    cairn_options_set(table, &s, "rate", "9", &status);
    CHECK(!cairn_options_set(table, &s, "steps", "9", &status));
    CHECK_INT(s.steps, 7);
    CHECK_CONTAINS(status.message, "rate");
}
