/* Whole files, plain and gzip: limits, truncation at each byte, damage. */
#include "data/file.h"

#include <unistd.h>

#include "samples.h"

static const char text[] = "a text that is packed, packed, packed and packed again, packed, packed";

TEST(plain_and_packed_files_give_the_same_bytes)
{
    cairn_status status = CAIRN_STATUS_INIT;
    unsigned char packed[300];
    size_t n = sample_gzip(text, sizeof text, packed);
    test_write_file(test_path("plain"), text, sizeof text);
    test_write_file(test_path("packed.gz"), packed, n);
    for (int i = 0; i < 2; i++) {
        cairn__content c = {0};
        CHECK(cairn__read_file(test_path(i ? "packed.gz" : "plain"), 1000, &c, &status));
        CHECK_INT(c.size, sizeof text);
        CHECK(c.data && memcmp(c.data, text, sizeof text) == 0);
        cairn__content_free(&c);
    }
    CHECK_OK(status);
}

TEST(members_in_a_row_and_padding_are_accepted)
{
    cairn_status status = CAIRN_STATUS_INIT;
    unsigned char packed[700] = {0};
    size_t n = sample_gzip(text, sizeof text, packed);
    memcpy(packed + n, packed, n);
    cairn__content c = {0};
    CHECK(cairn__gunzip(packed, 2 * n + 50, "two.gz", 1000, &c, &status));
    CHECK_INT(c.size, 2 * sizeof text);
    CHECK(c.data && memcmp(c.data + sizeof text, text, sizeof text) == 0);
    cairn__content_free(&c);
    packed[2 * n] = 'x';
    CHECK(!cairn__gunzip(packed, 2 * n + 50, "two.gz", 1000, &c, &status));
    CHECK_CONTAINS(status.message, "damaged gzip data");
}

TEST(gzip_cut_anywhere_names_file_and_offset)
{
    unsigned char packed[300];
    size_t n = sample_gzip(text, sizeof text, packed);
    for (size_t cut = 2; cut < n; cut++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn__content c = {0};
        char expected[100];
        snprintf(expected, sizeof expected, "cut.gz: offset %zu: the gzip data end in the middle",
                 cut);
        CHECK(!cairn__gunzip(packed, cut, "cut.gz", 1000, &c, &status));
        CHECK_TEXT(status.message, expected);
        CHECK(c.data == NULL);
    }
}

/* Any one changed byte must be noticed, except in the header's time, flags and system. */
TEST(gzip_with_a_changed_byte_is_noticed)
{
    unsigned char packed[300];
    size_t n = sample_gzip(text, sizeof text, packed);
    for (size_t at = 10; at < n; at++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn__content c = {0};
        packed[at] ^= 0x10;
        CHECK(!cairn__gunzip(packed, n, "hurt.gz", 1000, &c, &status));
        CHECK_CONTAINS(status.message, "hurt.gz: ");
        packed[at] ^= 0x10;
    }
}

TEST(a_bomb_is_refused_at_the_limit)
{
    cairn_status status = CAIRN_STATUS_INIT;
    size_t n = 1 << 20, packed_size;
    unsigned char *zeros = cairn__alloc(n, 1, NULL), *packed = cairn__alloc(n + 100, 1, NULL);
    cairn__content c = {0};
    packed_size = sample_gzip(zeros, n, packed);
    CHECK(cairn__gunzip(packed, packed_size, "bomb.gz", n, &c, &status));
    CHECK_INT(c.size, n);
    cairn__content_free(&c);
    CHECK(!cairn__gunzip(packed, packed_size, "bomb.gz", n - 1, &c, &status));
    CHECK_INT(status.code, CAIRN_ERR_MEMORY);
    CHECK_TEXT(status.message, "bomb.gz: unpacks to more than the limit of 1048575 bytes");
    /* The length that the file claims is not believed either. */
    status = (cairn_status)CAIRN_STATUS_INIT;
    memset(packed + packed_size - 4, 0, 4);
    CHECK(!cairn__gunzip(packed, packed_size, "bomb.gz", n, &c, &status));
    CHECK_CONTAINS(status.message, "incorrect length check");
    cairn__free(zeros);
    cairn__free(packed);
}

TEST(only_regular_files_within_the_limit_are_read)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__content c = {0};
    CHECK(!cairn__read_file(test_path("missing"), 10, &c, &status));
    CHECK_CONTAINS(status.message, "missing: cannot open: No such file or directory");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn__read_file(test_directory(), 10, &c, &status));
    CHECK_CONTAINS(status.message, "is a directory, expected a regular file");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(mkfifo(test_path("pipe"), 0600) == 0);
    CHECK(!cairn__read_file(test_path("pipe"), 10, &c, &status));
    CHECK_CONTAINS(status.message, "a device, socket or pipe");
    status = (cairn_status)CAIRN_STATUS_INIT;
    test_write_file(test_path("eleven"), "hello world", 11);
    CHECK(!cairn__read_file(test_path("eleven"), 10, &c, &status));
    CHECK_CONTAINS(status.message, "eleven: the file is longer than the limit of 10 bytes");
}

TEST(out_of_memory_at_each_allocation)
{
    unsigned char packed[300];
    size_t n = sample_gzip(text, sizeof text, packed);
    memset(packed + n - 4, 0, 3); /* a wrong claim, so that growing is tested too */
    test_write_file(test_path("oom.gz"), packed, n);
    for (int64_t fail = 1; fail < 100; fail++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn__content c = {0};
        int64_t before = cairn__alloc_count();
        cairn__alloc_fail_after(fail);
        bool good = cairn__read_file(test_path("oom.gz"), 1000, &c, &status);
        cairn__alloc_fail_after(0);
        CHECK(!good);
        if (cairn__alloc_count() - before < fail) {
            CHECK_INT(status.code, CAIRN_ERR_FORMAT);
            CHECK(fail > 5);
            return;
        }
        CHECK_INT(status.code, CAIRN_ERR_MEMORY);
    }
    CHECK(!"the loop ends");
}
