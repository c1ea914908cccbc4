/* safetensors: what is written is read back to the same bits, and every rule of the format refuses.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "samples.h"

static const float w[] = {1, 2, 3, 4, 5, 6};
static const uint8_t mask[] = {1, 0, 1};
static const int64_t step = 1234567890123;

static const cairn_field arrays[] = {
    {"layer/w", CAIRN_DATA_F32, 2, {2, 3}, w},
    {"mask \"\xC3\xA9\"\n", CAIRN_DATA_BOOL, 1, {3}, mask},
    {"step", CAIRN_DATA_I64, 0, {0}, &step},
    {"none", CAIRN_DATA_BF16, 2, {0, 7}, NULL},
};

static void check_arrays(const cairn_safetensors *f)
{
    if (!CHECK(f != NULL))
        return;
    CHECK_INT(cairn_safetensors_count(f), CAIRN__COUNT(arrays));
    for (size_t i = 0; i < CAIRN__COUNT(arrays); i++) {
        char values[64];
        cairn_status status = CAIRN_STATUS_INIT;
        const cairn_field *a = cairn_safetensors_find(f, arrays[i].name);
        if (!CHECK(a && a->type == arrays[i].type && a->rank == arrays[i].rank))
            continue;
        size_t n = cairn_field_bytes(&arrays[i]);
        CHECK(memcmp(a->shape, arrays[i].shape, (size_t)a->rank * sizeof *a->shape) == 0);
        CHECK(cairn_safetensors_read(f, a, values, n, &status));
        CHECK(n == 0 || memcmp(values, arrays[i].data, n) == 0);
        CHECK(!cairn_safetensors_read(f, a, values, n + 1, &status));
        CHECK_INT(status.code, CAIRN_ERR_SHAPE);
    }
}

TEST(what_is_written_is_read_back)
{
    static const char *const metadata[] = {"format", "cairn", "note", "a \"b\" \\ <c>", NULL};
    cairn_status status = CAIRN_STATUS_INIT;
    const char *path = test_path("w.safetensors"), *key, *value;
    CHECK(cairn_safetensors_write(path, arrays, CAIRN__COUNT(arrays), metadata, &status));
    cairn_safetensors *f = cairn_safetensors_open(path, &status);
    CHECK_OK(status);
    check_arrays(f);
    CHECK_TEXT(cairn_safetensors_at(f, 0)->name, "layer/w");
    CHECK(!cairn_safetensors_at(f, 4) && !cairn_safetensors_at(f, -1));
    CHECK(!cairn_safetensors_find(f, "missing"));
    CHECK(!cairn_safetensors_read(f, &(cairn_field){.name = "missing"}, NULL, 0, &status));
    CHECK_CONTAINS(status.message, "w.safetensors: holds no array 'missing'");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK_TEXT(cairn_safetensors_metadata(f, "note"), "a \"b\" \\ <c>");
    CHECK(!cairn_safetensors_metadata(f, "missing"));
    CHECK(cairn_safetensors_metadata_at(f, 0, &key, &value));
    CHECK_TEXT(key, "format");
    CHECK_TEXT(value, "cairn");
    CHECK(!cairn_safetensors_metadata_at(f, 2, &key, &value));
    cairn_safetensors_free(f);
    size_t n = 0;
    char *bytes = test_read_file(path, &n);
    CHECK_INT(*(uint64_t *)bytes % 8, 0);
    f = cairn_safetensors_parse(bytes, n, "memory", &status);
    CHECK_OK(status);
    check_arrays(f);
    cairn_safetensors_free(f);
    cairn__free(bytes);
}

TEST(a_file_without_arrays)
{
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(cairn_safetensors_write(test_path("empty"), NULL, 0, NULL, &status));
    cairn_safetensors *f = cairn_safetensors_open(test_path("empty"), &status);
    CHECK_OK(status);
    if (f)
        CHECK_INT(cairn_safetensors_count(f), 0);
    cairn_safetensors_free(f);
}

/* A file of this header and so many bytes of values. */
static size_t file_of(const char *header, size_t values, unsigned char *to)
{
    size_t n = strlen(header);
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)((uint64_t)n >> 8 * i);
    memcpy(to + 8, header, n);
    memset(to + 8 + n, 7, values);
    return 8 + n + values;
}

#define ARRAY(name, type, shape, begin, end)                                                       \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

TEST(every_rule_refuses)
{
    static const struct {
        const char *header;
        size_t values;
        const char *sentence; /* NULL: accepted */
    } rows[] = {
        {"{" ARRAY("b", "U8", "[2]", "2", "4") "," ARRAY("a", "U8", "[2]", "0", "2") "}  ", 4,
         NULL},
        {"{" ARRAY("a", "U8", "[0]", "0", "0") "," ARRAY("b", "U8", "[1]", "0", "1") "}", 1, NULL},
        {"{\"__metadata__\":{}}", 0, NULL},
        {" {}", 0, "f: offset 8: the header does not begin with '{'"},
        {"", 0, "f: offset 8: the header does not begin with '{'"},
        {"[]", 0, "f: offset 8: the header does not begin with '{'"},
        {"{", 0, "f: offset 9: header: "},
        {"{} x", 0, "header: "},
        {"{\"\xFF\":1}", 0, "header: "},
        {"{\"a\\u0000b\":1}", 0, "header: "},
        {"{" ARRAY("a", "U8", "[1]", "0", "1") "," ARRAY("a", "U8", "[1]", "1", "2") "}", 2,
         "duplicate"},
        {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
         "duplicate"},
        {"{\"a\":[]}", 0, "f: 'a': expected an object of dtype, shape and data_offsets"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1,
         "f: 'a': expected an object of dtype, shape and data_offsets"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1,
         "f: 'a': expected an object of dtype, shape and data_offsets"},
        {"{\"a\":{\"type\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
         "f: 'a': unknown dtype"},
        {"{" ARRAY("a", "U9", "[1]", "0", "1") "}", 1, "f: 'a': unknown dtype"},
        {"{" ARRAY("a", "f32", "[1]", "0", "4") "}", 4, "f: 'a': unknown dtype"},
        {"{" ARRAY("a", "U8", "1", "0", "1") "}", 1, "f: 'a': shape is not a list of at most 8"},
        {"{" ARRAY("a", "U8", "[1.0]", "0", "1") "}", 1, "f: 'a': shape is not a list"},
        {"{" ARRAY("a", "U8", "[-1]", "0", "1") "}", 1, "f: 'a': shape is not a list"},
        {"{" ARRAY("a", "U8", "[\"1\"]", "0", "1") "}", 1, "f: 'a': shape is not a list"},
        {"{" ARRAY("a", "U8", "[1,1,1,1,1,1,1,1,1]", "0", "1") "}", 1, "shape is not a list"},
        {"{" ARRAY("a", "U8", "[99999999999999999999]", "0", "1") "}", 1, "header: too big"},
        {"{" ARRAY("a", "U8", "[4294967296,4294967296]", "0", "0") "}", 0,
         "f: 'a': the shape is larger than memory can be"},
        {"{" ARRAY("a", "F64", "[2305843009213693952]", "0", "0") "}", 0,
         "f: 'a': the shape is larger than memory can be"},
        {"{" ARRAY("a", "U8", "[1]", "1", "0") "}", 1, "data_offsets are not two whole numbers"},
        {"{" ARRAY("a", "U8", "[1]", "0", "1.0") "}", 1, "data_offsets are not two whole numbers"},
        {"{" ARRAY("a", "U8", "[1]", "-1", "0") "}", 1, "data_offsets are not two whole numbers"},
        {"{" ARRAY("a", "U8", "[1]", "0", "1,2") "}", 1, "data_offsets are not two whole numbers"},
        {"{" ARRAY("a", "F32", "[2]", "0", "4") "}", 4,
         "f: 'a': 4 bytes, expected 8 from shape and dtype"},
        {"{" ARRAY("a", "U8", "[1]", "1", "2") "}", 2, "f: 'a': begins at 1, expected 0"},
        {"{" ARRAY("a", "U8", "[2]", "0", "2") "," ARRAY("b", "U8", "[2]", "1", "3") "}", 3,
         "f: 'b': begins at 1, expected 2"},
        {"{" ARRAY("a", "U8", "[2]", "0", "2") "," ARRAY("b", "U8", "[2]", "0", "2") "}", 2,
         "f: 'b': begins at 0, expected 2"},
        {"{" ARRAY("a", "U8", "[1]", "0", "1") "," ARRAY("b", "U8", "[1]", "2", "3") "}", 3,
         "f: 'b': begins at 2, expected 1"},
        {"{" ARRAY("a", "U8", "[1]", "0", "1") "}", 2,
         "f: the arrays end at 1, but the file has 2 bytes for them"},
        {"{" ARRAY("a", "U8", "[3]", "0", "3") "}", 2,
         "f: the arrays end at 3, but the file has 2 bytes for them"},
        {"{}", 1, "f: the arrays end at 0, but the file has 1 bytes for them"},
        {"{\"__metadata__\":[]}", 0, "f: __metadata__ is not an object"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "f: __metadata__: 'a' is not a string"},
    };
    for (size_t i = 0; i < CAIRN__COUNT(rows); i++) {
        unsigned char bytes[1000];
        cairn_status status = CAIRN_STATUS_INIT;
        size_t n = file_of(rows[i].header, rows[i].values, bytes);
        cairn_safetensors *f = cairn_safetensors_parse(bytes, n, "f", &status);
        if (rows[i].sentence) {
            test_check(!f, __FILE__, __LINE__, "row %zu is accepted", i);
            CHECK_INT(status.code, CAIRN_ERR_FORMAT);
            CHECK_CONTAINS(status.message, rows[i].sentence);
        } else {
            CHECK_OK(status);
        }
        cairn_safetensors_free(f);
    }
}

TEST(lengths_of_the_header)
{
    unsigned char bytes[16] = {0};
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(!cairn_safetensors_parse(bytes, 7, "f", &status));
    CHECK_TEXT(status.message,
               "f: offset 0: length of the header: 8 bytes, but the data end after 7");
    status = (cairn_status)CAIRN_STATUS_INIT;
    bytes[0] = 9;
    CHECK(!cairn_safetensors_parse(bytes, 16, "f", &status));
    CHECK_TEXT(status.message, "f: header of 9 bytes, but the file ends after 8");
    status = (cairn_status)CAIRN_STATUS_INIT;
    memcpy(bytes, (uint64_t[]){100000001}, 8);
    CHECK(!cairn_safetensors_parse(bytes, 16, "f", &status));
    CHECK_TEXT(status.message, "f: header of 100000001 bytes, expected at most 100000000");
    status = (cairn_status)CAIRN_STATUS_INIT;
    memset(bytes, 0xFF, 8);
    CHECK(!cairn_safetensors_parse(bytes, 16, "f", &status));
    CHECK_CONTAINS(status.message, "header of 18446744073709551615 bytes");
}

TEST(nesting_is_bounded)
{
    char header[300] = "{\"a\":";
    unsigned char bytes[400];
    cairn_status status = CAIRN_STATUS_INIT;
    memset(header + 5, '[', 100);
    CHECK(!cairn_safetensors_parse(bytes, file_of(header, 0, bytes), "f", &status));
    CHECK_TEXT(status.message, "f: header nested deeper than 64");
}

TEST(cut_anywhere)
{
    cairn_status status = CAIRN_STATUS_INIT;
    size_t n = 0;
    const char *path = test_path("cut");
    CHECK(cairn_safetensors_write(path, arrays, CAIRN__COUNT(arrays), NULL, &status));
    char *bytes = test_read_file(path, &n);
    for (size_t cut = 0; cut < n; cut++) {
        status = (cairn_status)CAIRN_STATUS_INIT;
        test_write_file(path, bytes, cut);
        CHECK(!cairn_safetensors_open(path, &status));
        CHECK_INT(status.code, CAIRN_ERR_FORMAT);
    }
    cairn__free(bytes);
}

TEST(files_that_cannot_be_read)
{
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(!cairn_safetensors_open(test_path("missing"), &status));
    CHECK_CONTAINS(status.message, "missing: cannot open: No such file");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_safetensors_open(test_directory(), &status));
    CHECK_CONTAINS(status.message, "is not a regular file");
    /* A file that shrinks after it was opened is an error, not the end of the program. */
    status = (cairn_status)CAIRN_STATUS_INIT;
    float value[6];
    CHECK(cairn_safetensors_write(test_path("shrinks"), arrays, 1, NULL, &status));
    cairn_safetensors *f = cairn_safetensors_open(test_path("shrinks"), &status);
    CHECK_OK(status);
    CHECK(truncate(test_path("shrinks"), 20) == 0);
    if (f)
        CHECK(!cairn_safetensors_read(f, cairn_safetensors_at(f, 0), value, sizeof value, &status));
    CHECK_CONTAINS(status.message, "became shorter");
    cairn_safetensors_free(f);
}

static void refuse_write(const cairn_field *list, int64_t n, const char *const *metadata,
                         cairn_code code, const char *sentence)
{
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(!cairn_safetensors_write(test_path("never"), list, n, metadata, &status));
    CHECK_INT(status.code, code);
    CHECK_CONTAINS(status.message, sentence);
    CHECK(access(test_path("never"), F_OK) != 0);
}

TEST(what_no_reader_would_open_is_not_written)
{
    static const cairn_field twice[] = {{"a", CAIRN_DATA_U8, 1, {1}, mask},
                                        {"b", CAIRN_DATA_U8, 1, {1}, mask},
                                        {"a", CAIRN_DATA_U8, 1, {1}, mask}};
    static const cairn_field rows[] = {{"__metadata__", CAIRN_DATA_U8, 1, {1}, mask},
                                       {"\xFF", CAIRN_DATA_U8, 1, {1}, mask},
                                       {"a", CAIRN_DATA_U8, 1, {-1}, mask},
                                       {"a", CAIRN_DATA_U8, 9, {1}, mask},
                                       {"a", CAIRN_DATA_U8, 1, {1}, NULL},
                                       {"a", (cairn_data_type)99, 1, {1}, mask}};
    static const char *const pairs[] = {"k", "1", "k", "2", NULL};
    refuse_write(twice, 3, NULL, CAIRN_ERR_NAME, "'a' is there twice");
    refuse_write(&rows[0], 1, NULL, CAIRN_ERR_NAME, "cannot be the name of an array");
    refuse_write(&rows[1], 1, NULL, CAIRN_ERR_NAME, "a name is not UTF-8");
    refuse_write(&rows[2], 1, NULL, CAIRN_ERR_SHAPE, "'a': 1 dimensions that are negative");
    refuse_write(&rows[3], 1, NULL, CAIRN_ERR_SHAPE, "'a': 9 dimensions");
    refuse_write(&rows[4], 1, NULL, CAIRN_ERR_VALUE, "'a': 1 bytes, but no data");
    refuse_write(&rows[5], 1, NULL, CAIRN_ERR_TYPE, "'a': unknown type 99");
    refuse_write(arrays, 1, pairs, CAIRN_ERR_NAME, "metadata 'k' is there twice");
}

TEST(a_full_disk_leaves_the_old_file)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const char *disk = test_path("disk");
    char path[600];
    CHECK(mkdir(disk, 0777) == 0);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=64k") != 0) {
        printf("    skipped: no right to mount a small disk\n");
        return;
    }
    snprintf(path, sizeof path, "%s/w", disk);
    CHECK(cairn_safetensors_write(path, arrays, CAIRN__COUNT(arrays), NULL, &status));
    float *large = cairn__alloc(100000, sizeof *large, NULL);
    cairn_field field = {"large", CAIRN_DATA_F32, 1, {100000}, large};
    CHECK(!cairn_safetensors_write(path, &field, 1, NULL, &status));
    CHECK_CONTAINS(status.message, "No space left on device");
    status = (cairn_status)CAIRN_STATUS_INIT;
    cairn_safetensors *f = cairn_safetensors_open(path, &status);
    CHECK_OK(status);
    check_arrays(f);
    cairn_safetensors_free(f);
    cairn__free(large);
    CHECK(umount(disk) == 0);
}

TEST(out_of_memory_at_each_allocation)
{
    static const char *const metadata[] = {"k", "v", NULL};
    const char *path = test_path("oom");
    for (int64_t fail = 1; fail < 1000; fail++) {
        cairn_status status = CAIRN_STATUS_INIT;
        int64_t before = cairn__alloc_count();
        cairn__alloc_fail_after(fail);
        bool written =
            cairn_safetensors_write(path, arrays, CAIRN__COUNT(arrays), metadata, &status);
        cairn_safetensors *f = cairn_safetensors_open(path, &status);
        cairn__alloc_fail_after(0);
        cairn_safetensors_free(f);
        if (written && f) {
            CHECK(cairn__alloc_count() - before < fail && fail > 5);
            return;
        }
        CHECK_INT(status.code, CAIRN_ERR_MEMORY);
    }
    CHECK(!"the loop ends");
}
