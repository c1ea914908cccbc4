/* IDX: each type, and each way in which a file can be wrong. */
#include "data/idx.h"

#include "samples.h"

static bool parse(const void *bytes, size_t n, cairn_field *field, cairn_status *status)
{
    *field = (cairn_field){0};
    *status = (cairn_status)CAIRN_STATUS_INIT;
    return cairn__idx_parse(bytes, n, "a.idx", field, status);
}

static void refuse(const void *bytes, size_t n, const char *sentence)
{
    cairn_field field;
    cairn_status status;
    CHECK(!parse(bytes, n, &field, &status));
    CHECK_INT(status.code, CAIRN_ERR_FORMAT);
    CHECK_TEXT(status.message, sentence);
    CHECK(field.data == NULL);
}

TEST(bytes_and_shape)
{
    cairn_field field;
    cairn_status status;
    unsigned char bytes[100];
    size_t n = sample_idx(bytes, 3, (int[]){2, 3, 4});
    CHECK(parse(bytes, n, &field, &status));
    CHECK_OK(status);
    CHECK_INT(field.type, CAIRN_DATA_U8);
    CHECK_INT(field.rank, 3);
    CHECK_INT(field.shape[0], 2);
    CHECK_INT(field.shape[1], 3);
    CHECK_INT(field.shape[2], 4);
    CHECK_INT(((const uint8_t *)field.data)[23], 23);
    CHECK_INT(cairn_field_elements(&field), 24);
    cairn__free((void *)field.data);
}

TEST(each_type_is_big_endian)
{
    static const struct {
        unsigned char bytes[20];
        size_t n;
        cairn_data_type type;
        double value;
    } rows[] = {
        {{0, 0, 0x08, 1, 0, 0, 0, 1, 200}, 9, CAIRN_DATA_U8, 200},
        {{0, 0, 0x09, 1, 0, 0, 0, 1, 0xFE}, 9, CAIRN_DATA_I8, -2},
        {{0, 0, 0x0b, 1, 0, 0, 0, 1, 0xFF, 0x00}, 10, CAIRN_DATA_I16, -256},
        {{0, 0, 0x0c, 1, 0, 0, 0, 1, 0, 1, 0, 2}, 12, CAIRN_DATA_I32, 65538},
        {{0, 0, 0x0d, 1, 0, 0, 0, 1, 0x3F, 0xC0, 0, 0}, 12, CAIRN_DATA_F32, 1.5},
        {{0, 0, 0x0e, 1, 0, 0, 0, 1, 0xC0, 0x04, 0, 0, 0, 0, 0, 0}, 16, CAIRN_DATA_F64, -2.5},
    };
    for (size_t i = 0; i < CAIRN__COUNT(rows); i++) {
        cairn_field field;
        cairn_status status;
        CHECK(parse(rows[i].bytes, rows[i].n, &field, &status));
        CHECK_INT(field.type, rows[i].type);
        CHECK_NEAR(cairn__measure_field(&field).mean, rows[i].value, 0);
        cairn__free((void *)field.data);
    }
}

TEST(cut_anywhere)
{
    unsigned char bytes[100];
    size_t n = sample_idx(bytes, 2, (int[]){3, 4});
    for (size_t cut = 0; cut < n; cut++) {
        cairn_field field;
        cairn_status status;
        CHECK(!parse(bytes, cut, &field, &status));
        CHECK_INT(status.code, CAIRN_ERR_FORMAT);
        CHECK_CONTAINS(status.message, "but the data end after");
    }
}

TEST(malformed)
{
    unsigned char b[100];
    size_t n = sample_idx(b, 2, (int[]){3, 4});
    refuse(b, n + 1, "a.idx: offset 24: 1 bytes too many after the elements");
    b[1] = 7;
    refuse(b, n, "a.idx: starts with bytes 00 07, expected 00 00 as in IDX");
    b[1] = 0;
    b[2] = 0x0a;
    refuse(b, n, "a.idx: offset 2: type 0x0a, expected one of 0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e");
    b[2] = 8;
    b[3] = 0;
    refuse(b, n, "a.idx: offset 3: 0 dimensions, expected 1 to 8");
    b[3] = 9;
    refuse(b, n, "a.idx: offset 3: 9 dimensions, expected 1 to 8");
}

TEST(huge_sizes_are_refused_before_anything_is_allocated)
{
    unsigned char b[40] = {0, 0, 0x0e, 8};
    memset(b + 4, 0xFF, 32);
    int64_t before = cairn__alloc_count();
    refuse(b, 40,
           "a.idx: offset 4: the sizes of 8 dimensions multiply to more than memory can hold");
    b[3] = 1;
    refuse(b, 40, "a.idx: offset 8: elements: 34359738360 bytes, but the data end after 32");
    CHECK_INT(cairn__alloc_count(), before);
}

TEST(no_items_is_a_valid_file)
{
    cairn_field field;
    cairn_status status;
    unsigned char b[20];
    CHECK(parse(b, sample_idx(b, 2, (int[]){0, 4}), &field, &status));
    CHECK_INT(cairn_field_bytes(&field), 0);
    cairn__free((void *)field.data);
}

TEST(a_mean_is_exact_and_does_not_overflow)
{
    double large[3] = {1.5e308, 1.5e308, 1.5e308};
    int32_t labels[] = {0, 1, 2, 3, 4, 7};
    cairn_field f = {"x", CAIRN_DATA_F64, 1, {3}, large};
    CHECK(cairn__measure_field(&f).mean == 1.5e308);
    f = (cairn_field){"label", CAIRN_DATA_I32, 1, {6}, labels};
    CHECK(cairn__measure_field(&f).mean == 17.0 / 6);
}
