/* CIFAR: folders of both sets, single files, and what is wrong by name and offset. */
#include <sys/stat.h>
#include <unistd.h>

#include "samples.h"

enum { PIXELS = 3072 };

/* n records whose labels count up from `first`; pixel j of record i is i + j. */
static void put(const char *name, int label_bytes, int first, int n)
{
    static unsigned char bytes[20 * (PIXELS + 2)], *at;
    at = bytes;
    for (int i = 0; i < n; i++) {
        if (label_bytes == 2)
            *at++ = (unsigned char)((first + i) / 5);
        *at++ = (unsigned char)(first + i);
        for (int j = 0; j < PIXELS; j++)
            *at++ = (unsigned char)(i + j);
    }
    test_write_file(test_path(name), bytes, (size_t)(at - bytes));
}

static void put_names(const char *name, int n)
{
    cairn__text text = {0};
    for (int i = 0; i < n; i++)
        cairn__text_add(&text, "class %d\n", i);
    cairn__text_add(&text, "\n");
    test_write_file(test_path(name), text.data, text.length);
    cairn__free(text.data);
}

static int label_of(const cairn_dataset *d, cairn_split split, int64_t i)
{
    return ((const int32_t *)cairn_dataset_field(d, split, "label")->data)[i];
}

TEST(a_folder_of_cifar_10)
{
    cairn_status status = CAIRN_STATUS_INIT;
    mkdir(test_path("ten"), 0777);
    put("ten/data_batch_1.bin", 1, 0, 6);
    put("ten/data_batch_2.bin", 1, 3, 4);
    put("ten/test_batch.bin", 1, 9, 1);
    put_names("ten/batches.meta.txt", 10);
    cairn_dataset *d = cairn_dataset_open(test_path("ten"), NULL, &status);
    CHECK_OK(status);
    if (!d)
        return;
    CHECK_INT(cairn_dataset_count(d, CAIRN_SPLIT_TRAIN), 10);
    CHECK_INT(cairn_dataset_count(d, CAIRN_SPLIT_TEST), 1);
    CHECK_INT(cairn_dataset_classes(d), 10);
    CHECK_TEXT(cairn_dataset_class_name(d, 9), "class 9");
    CHECK_INT(label_of(d, CAIRN_SPLIT_TRAIN, 5), 5);
    CHECK_INT(label_of(d, CAIRN_SPLIT_TRAIN, 9), 6);
    CHECK_INT(label_of(d, CAIRN_SPLIT_TEST, 0), 9);
    const cairn_field *image = cairn_dataset_field(d, CAIRN_SPLIT_TRAIN, "image");
    CHECK(image && image->rank == 4 && image->shape[1] == 3 && image->shape[3] == 32);
    CHECK_INT(((const unsigned char *)image->data)[7 * PIXELS + 2000], (1 + 2000) % 256);
    cairn_dataset_free(d);
}

TEST(a_folder_of_cifar_100_and_single_files)
{
    cairn_status status = CAIRN_STATUS_INIT;
    mkdir(test_path("hundred"), 0777);
    put("hundred/train.bin", 2, 85, 15);
    put_names("hundred/fine_label_names.txt", 100);
    cairn_data_options o = cairn_data_defaults();
    o.test_fraction = 0.2;
    cairn_dataset *d = cairn_dataset_open(test_path("hundred"), &o, &status);
    CHECK_OK(status);
    CHECK_INT(cairn_dataset_classes(d), 100);
    CHECK_INT(cairn_dataset_count(d, CAIRN_SPLIT_TRAIN), 12);
    CHECK_INT(cairn_dataset_count(d, CAIRN_SPLIT_TEST), 3);
    cairn_dataset_free(d);
    o.test_fraction = 0;
    d = cairn_dataset_open(test_path("hundred/train.bin"), &o, &status);
    CHECK_OK(status);
    CHECK_INT(label_of(d, CAIRN_SPLIT_TRAIN, 14), 99);
    cairn_dataset_free(d);
    put("one.bin", 1, 2, 3);
    d = cairn_dataset_open(test_path("one.bin"), &o, &status);
    CHECK_OK(status);
    CHECK_INT(label_of(d, CAIRN_SPLIT_TRAIN, 2), 4);
    CHECK_INT(cairn_dataset_classes(d), 5);
    cairn_dataset_free(d);
}

static void refuse(const char *sentence)
{
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(!cairn_dataset_open(test_path("wrong"), NULL, &status));
    CHECK_CONTAINS(status.message, sentence);
}

TEST(what_is_wrong_in_cifar_is_named)
{
    mkdir(test_path("wrong"), 0777);
    test_write_file(test_path("wrong/data_batch_1.bin"), "12345", 5);
    refuse("wrong/data_batch_1.bin: 5 bytes, expected a multiple of 3073 as in CIFAR-10");
    put("wrong/data_batch_1.bin", 1, 8, 3);
    refuse("wrong/data_batch_1.bin: offset 6146: label 10, expected 0 to 9");
    put("wrong/data_batch_1.bin", 1, 0, 3);
    put_names("wrong/batches.meta.txt", 9);
    refuse("wrong/batches.meta.txt: 9 names of classes, expected 10");
    put_names("wrong/batches.meta.txt", 11);
    refuse("wrong/batches.meta.txt: more than 10 names of classes");
    CHECK(unlink(test_path("wrong/data_batch_1.bin")) == 0);
    put("wrong/train.bin", 2, 98, 3);
    refuse("wrong/train.bin: offset 6148: coarse label 20, expected 0 to 19");
}
