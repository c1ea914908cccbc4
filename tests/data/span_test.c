/* The bounded reader: order of bytes, refusals, and that the first error stays. */
#include "data/span.h"
#include "test.h"

TEST(integers_are_read_in_both_orders)
{
    cairn_status status = CAIRN_STATUS_INIT;
    static const unsigned char bytes[] = {1, 1, 2, 1, 2, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2,
                                          3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8};
    cairn__reader r = cairn__reader_new(bytes, sizeof bytes, "f", &status);
    CHECK_INT(cairn__take_u8(&r, "a"), 1);
    CHECK_INT(cairn__take_u16_le(&r, "b"), 0x0201);
    CHECK_INT(cairn__take_u16_be(&r, "c"), 0x0102);
    CHECK_INT(cairn__take_u32_le(&r, "d"), 0x04030201);
    CHECK_INT(cairn__take_u32_be(&r, "e"), 0x01020304);
    CHECK(cairn__take_u64_le(&r, "f") == 0x0807060504030201u);
    CHECK(cairn__take_u64_be(&r, "g") == 0x0102030405060708u);
    CHECK(cairn__take_end(&r, "g"));
    CHECK_OK(status);
}

TEST(the_first_error_stays_and_names_offset_and_field)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__reader r = cairn__reader_new("abcdef", 6, "file.bin", &status);
    CHECK(cairn__take(&r, 4, "head") != NULL);
    CHECK_INT(cairn__take_u32_le(&r, "count"), 0);
    CHECK_TEXT(status.message, "file.bin: offset 4: count: 4 bytes, but the data end after 2");
    CHECK(cairn__take(&r, 1, "small") == NULL);
    CHECK(r.failed && !cairn__take_end(&r, "all"));
    CHECK_CONTAINS(status.message, "count");
}

TEST(products_that_overflow_are_refused)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__reader r = cairn__reader_new("abcdef", 6, "f", &status);
    CHECK(cairn__take_array(&r, SIZE_MAX / 2 + 1, 2, "items") == NULL);
    CHECK_CONTAINS(status.message, "more than memory can hold");
}

TEST(bytes_left_over_are_an_error)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__reader r = cairn__reader_new("abc", 3, "f", &status);
    cairn__take(&r, 2, "head");
    CHECK_INT(cairn__left(&r), 1);
    CHECK(!cairn__take_end(&r, "the head"));
    CHECK_TEXT(status.message, "f: offset 2: 1 bytes too many after the head");
}

TEST(a_reader_without_status_fails_too)
{
    cairn__reader r = cairn__reader_new("", 0, "f", NULL);
    CHECK_INT(cairn__take_u8(&r, "a"), 0);
    CHECK(r.failed);
}
