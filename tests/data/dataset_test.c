/* Data sets from paths: directories of IDX files in all their spellings, single files, the drawn
 * test split, descriptions. */
#include <jansson.h>
#include <unistd.h>

#include "samples.h"

static const char fashion[] = "/usr/share/datasets/fashion-mnist";

/* Writes DIRECTORY/NAME as IDX of the given sizes, packed if the name ends in .gz. */
static void put(const char *directory, const char *name, int rank, const int *shape)
{
    unsigned char bytes[2000], packed[2100];
    char path[600];
    size_t n = sample_idx(bytes, rank, shape);
    bool gz = strstr(name, ".gz") != NULL;
    size_t packed_n = gz ? sample_gzip(bytes, n, packed) : 0;
    mkdir(directory, 0777);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    test_write_file(path, gz ? packed : bytes, gz ? packed_n : n);
}

static void remove_file(const char *directory, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    CHECK(unlink(path) == 0);
}

static void put_all(const char *directory)
{
    put(directory, "train-images-idx3-ubyte.gz", 3, (int[]){10, 2, 3});
    put(directory, "train-labels-idx1-ubyte", 1, (int[]){10});
    put(directory, "t10k-images.idx3-ubyte", 3, (int[]){4, 2, 3});
    put(directory, "t10k-labels.idx1-ubyte.gz", 1, (int[]){4});
}

static cairn_dataset *open_path(const char *path, cairn_status *status)
{
    *status = (cairn_status)CAIRN_STATUS_INIT;
    return cairn_dataset_open(path, NULL, status);
}

static void refuse(const char *path, const char *sentence)
{
    cairn_status status;
    CHECK(!open_path(path, &status));
    CHECK_CONTAINS(status.message, sentence);
}

TEST(a_directory_of_idx_files)
{
    cairn_status status;
    const char *path = test_path("usual");
    put_all(path);
    cairn_dataset *d = open_path(path, &status);
    CHECK_OK(status);
    if (!d)
        return;
    CHECK_INT(cairn_dataset_count(d, CAIRN_SPLIT_TRAIN), 10);
    CHECK_INT(cairn_dataset_count(d, CAIRN_SPLIT_TEST), 4);
    const cairn_field *image = cairn_dataset_field(d, CAIRN_SPLIT_TEST, "image");
    CHECK(image && image->rank == 3 && image->shape[0] == 4 && image->shape[2] == 3);
    CHECK(image == cairn_dataset_field_at(d, CAIRN_SPLIT_TEST, 0));
    CHECK_INT(cairn_dataset_classes(d), 10);
    CHECK(!cairn_dataset_class_name(d, 0));
    CHECK(!cairn_dataset_field(d, CAIRN_SPLIT_TRAIN, "x"));
    cairn_dataset_free(d);
}

TEST(what_is_wrong_in_a_directory_is_named)
{
    const char *path = test_path("wrong");
    refuse(path, "wrong: cannot open: No such file");
    mkdir(path, 0777);
    refuse(path,
           "wrong: no train-images-idx3-ubyte or train-images-idx3-ubyte.gz in the directory");
    put_all(path);
    put(path, "train-labels-idx1-ubyte", 1, (int[]){9});
    refuse(path, "train-labels-idx1-ubyte: 9 labels, expected 10 as in ");
    put(path, "train-labels-idx1-ubyte", 2, (int[]){10, 1});
    refuse(path, "train-labels-idx1-ubyte: u8 of 2 dimensions, expected integers of one dimension");
    remove_file(path, "train-labels-idx1-ubyte");
    refuse(path, "wrong: labels for the t10k split only");
    put_all(path);
    put(path, "t10k-images.idx3-ubyte", 3, (int[]){4, 3, 2});
    refuse(path, "wrong: items of the t10k split differ from those of the train split");
    put(path, "train-images-idx3-ubyte.gz", 3, (int[]){0, 2, 3});
    put(path, "train-labels-idx1-ubyte", 1, (int[]){0});
    put(path, "t10k-images.idx3-ubyte", 3, (int[]){4, 2, 3});
    refuse(path, "wrong: holds no items");
}

TEST(labels_may_be_absent)
{
    cairn_status status;
    const char *path = test_path("unlabelled");
    put(path, "train-images-idx3-ubyte", 3, (int[]){10, 2, 3});
    cairn_dataset *d = open_path(path, &status);
    CHECK_OK(status);
    if (!d)
        return;
    CHECK_INT(cairn_dataset_count(d, CAIRN_SPLIT_TRAIN), 9);
    CHECK_INT(cairn_dataset_count(d, CAIRN_SPLIT_TEST), 1);
    CHECK_INT(cairn_dataset_classes(d), 0);
    cairn_dataset_free(d);
}

TEST(single_files_are_told_apart_by_their_bytes)
{
    cairn_status status;
    unsigned char idx[100], packed[200];
    size_t n = sample_idx(idx, 2, (int[]){5, 3});
    test_write_file(test_path("one.gz"), packed, sample_gzip(idx, n, packed));
    test_write_file(test_path("two"), "1,2\n3,4\n", 8);
    cairn_dataset *one = open_path(test_path("one.gz"), &status);
    CHECK_OK(status);
    cairn_dataset *two = open_path(test_path("two"), &status);
    CHECK_OK(status);
    if (one && two) {
        CHECK_INT(cairn_dataset_field(one, CAIRN_SPLIT_TRAIN, "x")->type, CAIRN_DATA_U8);
        CHECK_INT(cairn_dataset_field(two, CAIRN_SPLIT_TRAIN, "x")->type, CAIRN_DATA_F32);
    }
    cairn_dataset_free(one);
    cairn_dataset_free(two);
}

/* Items 0..n-1 with x = i: together the splits hold each once, both in the order of the file. */
TEST(the_drawn_test_split_is_a_partition)
{
    cairn__text text = {0};
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_data_options options = cairn_data_defaults();
    for (int i = 0; i < 100; i++)
        cairn__text_add(&text, "%d,%d\n", i, i % 3);
    options.test_fraction = 0.25;
    snprintf(options.label_column, sizeof options.label_column, "last");
    float drawn[2][25];
    for (int seed = 1; seed <= 2; seed++) {
        options.split_seed = seed;
        cairn_dataset *d = cairn_dataset_parse(text.data, text.length, "n.csv", &options, &status);
        CHECK_OK(status);
        int seen[100] = {0};
        CHECK_INT(cairn_dataset_count(d, CAIRN_SPLIT_TRAIN), 75);
        CHECK_INT(cairn_dataset_count(d, CAIRN_SPLIT_TEST), 25);
        for (int split = 0; split < 2; split++) {
            const float *x = cairn_dataset_field(d, (cairn_split)split, "x")->data;
            const int32_t *label = cairn_dataset_field(d, (cairn_split)split, "label")->data;
            for (int64_t i = 0; i < cairn_dataset_count(d, (cairn_split)split); i++) {
                CHECK(i == 0 || x[i] > x[i - 1]);
                CHECK_INT(label[i], (int)x[i] % 3);
                seen[(int)x[i]]++;
            }
        }
        for (int i = 0; i < 100; i++)
            CHECK_INT(seen[i], 1);
        memcpy(drawn[seed - 1], cairn_dataset_field(d, CAIRN_SPLIT_TEST, "x")->data,
               sizeof drawn[0]);
        cairn_dataset_free(d);
    }
    CHECK(memcmp(drawn[0], drawn[1], sizeof drawn[0]) != 0);
    cairn__free(text.data);
}

TEST(the_limit_keeps_the_first_training_items)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_data_options options = cairn_data_defaults();
    options.limit = 2;
    options.test_fraction = 0;
    const char *text = "1,2\n3,4\n5,6\n";
    cairn_dataset *d = cairn_dataset_parse(text, strlen(text), "n.csv", &options, &status);
    CHECK_OK(status);
    CHECK_INT(cairn_dataset_count(d, CAIRN_SPLIT_TRAIN), 2);
    CHECK_INT(cairn_dataset_count(d, CAIRN_SPLIT_TEST), 0);
    cairn_dataset_free(d);
}

TEST(options_set_by_hand_are_checked)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_data_options options = cairn_data_defaults();
    options.test_fraction = 1.5;
    CHECK(!cairn_dataset_parse("1,2\n", 4, "n.csv", &options, &status));
    CHECK_TEXT(status.message, "test_fraction: 1.5, expected a number from 0 to 0.9");
    status = (cairn_status)CAIRN_STATUS_INIT;
    options.test_fraction = nan("");
    CHECK(!cairn_dataset_open("nowhere", &options, &status));
    CHECK_INT(status.code, CAIRN_ERR_VALUE);
    status = (cairn_status)CAIRN_STATUS_INIT;
    options = cairn_data_defaults();
    options.header = 3;
    CHECK(!cairn_dataset_open("nowhere", &options, &status));
    CHECK_TEXT(status.message, "header: 3, expected a number from 0 to 2");
}

TEST(items_without_elements_are_refused)
{
    static const unsigned char bytes[] = {0, 0, 8, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0};
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(!cairn_dataset_parse(bytes, sizeof bytes, "many.idx", NULL, &status));
    CHECK_TEXT(status.message, "many.idx: the items hold no elements");
}

TEST(the_memory_limit_holds_for_packed_files)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_data_options options = cairn_data_defaults();
    size_t n = (size_t)3 << 20;
    char *text = cairn__alloc(n, 1, NULL);
    unsigned char *packed = cairn__alloc(n + 100, 1, NULL);
    memset(text, '1', n);
    options.memory_limit_mib = 2;
    test_write_file(test_path("bomb.csv.gz"), packed, sample_gzip(text, n, packed));
    CHECK(!cairn_dataset_open(test_path("bomb.csv.gz"), &options, &status));
    CHECK_CONTAINS(status.message, "unpacks to more than the limit of 2097152 bytes");
    cairn__free(text);
    cairn__free(packed);
}

TEST(a_description_in_words_and_as_json)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *d = sample_dataset("\"a\"\"b\",label\n1,cat\n3,<dog>\n5,cat\n", 0);
    if (!d)
        return;
    char *text = cairn_dataset_describe(d, &status);
    CHECK_TEXT(text, "sample.csv: CSV file, 2 classes\n"
                     "  columns of x: a\"b\n"
                     "  train: 3 items\n"
                     "    x      f32 [3, 1]  from 1 to 5, mean 3\n"
                     "    label  i32 [3]  from 0 to 1, mean 0.666667\n"
                     "    items of each class: 1 (<dog>), 2 (cat)\n"
                     "  test: 0 items\n"
                     "    x      f32 [0, 1]\n"
                     "    label  i32 [0]\n"
                     "    items of each class: 0 (<dog>), 0 (cat)\n");
    cairn_description_free(text);
    text = cairn_dataset_describe_json(d, &status);
    CHECK_CONTAINS(text, "\"class_names\": [\"\\u003cdog>\", \"cat\"], \"columns\": [\"a\\\"b\"]");
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *train = json_array_get(json_object_get(root, "splits"), 0);
    json_t *x = json_array_get(json_object_get(train, "fields"), 0);
    CHECK_INT(json_integer_value(json_object_get(train, "items")), 3);
    CHECK_NEAR(json_number_value(json_object_get(x, "mean")), 3, 0);
    CHECK_INT(json_integer_value(json_array_get(json_object_get(train, "class_counts"), 1)), 2);
    json_decref(root);
    cairn_description_free(text);
    CHECK_OK(status);
    cairn_dataset_free(d);
}

TEST(values_that_are_not_finite_are_counted_apart)
{
    static const unsigned char bytes[] = {0, 0, 0x0d, 1, 0, 0, 0,    3,    0x7F, 0xC0,
                                          0, 0, 0x40, 0, 0, 0, 0xFF, 0x80, 0,    0};
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_data_options options = cairn_data_defaults();
    options.test_fraction = 0;
    cairn_dataset *d = cairn_dataset_parse(bytes, sizeof bytes, "f", &options, &status);
    CHECK_OK(status);
    char *text = cairn_dataset_describe(d, &status);
    CHECK_CONTAINS(text, "x      f32 [3]  from 2 to 2, mean 2  2 not finite");
    cairn_description_free(text);
    text = cairn_dataset_describe_json(d, &status);
    CHECK_CONTAINS(text, "\"min\": 2, \"max\": 2, \"mean\": 2, \"not_finite\": 2}");
    cairn_description_free(text);
    cairn_dataset_free(d);
}

TEST(out_of_memory_at_each_allocation)
{
    const char *path = test_path("oom");
    put_all(path);
    remove_file(path, "t10k-images.idx3-ubyte"); /* so that the split is drawn too */
    for (int64_t fail = 1; fail < 1000; fail++) {
        cairn_status status = CAIRN_STATUS_INIT;
        char *text = NULL, *json = NULL;
        int64_t before = cairn__alloc_count();
        cairn__alloc_fail_after(fail);
        cairn_dataset *d = cairn_dataset_open(path, NULL, &status);
        if (d)
            text = cairn_dataset_describe(d, &status);
        if (d)
            json = cairn_dataset_describe_json(d, &status);
        cairn__alloc_fail_after(0);
        bool good = d && text && json;
        cairn_description_free(text);
        cairn_description_free(json);
        cairn_dataset_free(d);
        if (good) {
            CHECK(cairn__alloc_count() - before < fail && fail > 20);
            return;
        }
        CHECK_INT(status.code, CAIRN_ERR_MEMORY);
    }
    CHECK(!"the loop ends");
}

TEST(fashion_mnist)
{
    cairn_status status;
    if (access(fashion, R_OK) != 0) {
        printf("    skipped: %s is not there (Debian: dataset-fashion-mnist)\n", fashion);
        return;
    }
    cairn_dataset *d = open_path(fashion, &status);
    CHECK_OK(status);
    if (!d)
        return;
    char *json = cairn_dataset_describe_json(d, &status);
    CHECK_CONTAINS(json, "\"name\": \"image\", \"type\": \"u8\", \"shape\": [60000, 28, 28], "
                         "\"min\": 0, \"max\": 255, \"mean\": 72.9403");
    CHECK_CONTAINS(json, "\"class_counts\": [6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, "
                         "6000]");
    CHECK_CONTAINS(json, "\"shape\": [10000, 28, 28]");
    cairn_description_free(json);
    cairn_dataset_free(d);
}
