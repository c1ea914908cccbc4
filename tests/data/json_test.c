/* Pieces of JSON: what is written, the library that reads JSON elsewhere reads back. */
#include "data/json.h"

#include <jansson.h>
#include <stdlib.h>

#include "test.h"

TEST(strings_are_escaped)
{
    static const char *const rows[][2] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"\n\x01\x7F", "\"\\u000a\\u0001\\u007f\""},
        {"</script>", "\"\\u003c/script>\""},
        {"\xC3\xA9\xF0\x9F\x8C\x8D", "\"\xC3\xA9\xF0\x9F\x8C\x8D\""},
        {"a\xFF\xC3", "\"a\\ufffd\\ufffd\""},
    };
    for (size_t i = 0; i < CAIRN__COUNT(rows); i++) {
        cairn__text text = {0};
        cairn__json_add_string(&text, rows[i][0]);
        CHECK_TEXT(text.data, rows[i][1]);
        cairn__free(text.data);
    }
}

/* Every byte that can stand in a string, alone and after another. */
TEST(every_string_is_read_back)
{
    for (int a = 1; a < 128; a++) {
        char in[3] = {(char)a, 'x', 0};
        cairn__text text = {0};
        cairn__json_add_string(&text, in);
        json_t *value = json_loads(text.data, JSON_DECODE_ANY, NULL);
        CHECK_TEXT(json_string_value(value), in);
        json_decref(value);
        cairn__free(text.data);
    }
}

TEST(numbers_are_read_back_to_the_same_bits)
{
    static const double values[] = {0, -1, 0.1, 1.0 / 3, 1e300, 5e-324, 72.94035223214286};
    for (size_t i = 0; i < CAIRN__COUNT(values); i++) {
        cairn__text text = {0};
        cairn__json_add_number(&text, values[i]);
        CHECK(strtod(text.data, NULL) == values[i]);
        cairn__free(text.data);
    }
    cairn__text text = {0};
    cairn__json_add_number(&text, INFINITY);
    cairn__json_add_number(&text, 0.1);
    CHECK_TEXT(text.data, "null0.1");
    cairn__free(text.data);
}

/* All sequences of up to two bytes and chosen longer ones, against the other library's check. */
TEST(utf8_is_judged_as_elsewhere)
{
    for (int a = 1; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char in[3] = {(char)a, (char)b, 0};
            size_t n = strlen(in);
            json_t *value = json_stringn(in, n);
            CHECK((value != NULL) == (cairn__utf8_prefix(in, n) == n));
            json_decref(value);
        }
    }
    CHECK_INT(cairn__utf8_prefix("\xE2\x82\xAC", 3), 3);
    CHECK_INT(cairn__utf8_prefix("\xED\x9F\xBF\xEE\x80\x80", 6), 6);
    CHECK_INT(cairn__utf8_prefix("a\xED\xA0\x80", 4), 1);
    CHECK_INT(cairn__utf8_prefix("\xF4\x8F\xBF\xBF", 4), 4);
    CHECK_INT(cairn__utf8_prefix("\xF4\x90\x80\x80", 4), 0);
    CHECK_INT(cairn__utf8_prefix("\xE0\x80\x80", 3), 0);
}
