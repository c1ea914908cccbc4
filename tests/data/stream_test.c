/* Lists of pictures and streams of them: what is listed, the same bits on any number of threads,
 * exact seeking, bad files. */
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "data/items.h"
#include "test.h"

#define FOLDER TEST_SOURCES "/data/golden/pictures/"

static void copy(const char *from, const char *to)
{
    size_t n;
    char path[1024];
    snprintf(path, sizeof path, "%s%s", FOLDER, from);
    char *bytes = test_read_file(path, &n);
    if (CHECK(bytes != NULL))
        test_write_file(test_path(to), bytes, n);
    cairn__free(bytes);
}

/* DIRECTORY/p/{ant,bee}/...: 12 good pictures, and a file that is none. */
static const char *make_folder(void)
{
    static const char *const names[] = {"rgb.png",   "grey.png", "palette.png",
                                        "alpha.png", "bits.png", "rgb.png"};
    mkdir(test_path("p"), 0777);
    mkdir(test_path("p/bee"), 0777);
    mkdir(test_path("p/ant"), 0777);
    mkdir(test_path("p/ant/more"), 0777);
    for (int i = 0; i < 6; i++) {
        char to[64];
        snprintf(to, sizeof to, "p/bee/%d.png", i);
        copy(names[i], to);
        snprintf(to, sizeof to, i < 3 ? "p/ant/%d.PNG" : "p/ant/more/%d.png", i);
        copy(names[i], to);
    }
    test_write_file(test_path("p/ant/readme.txt"), "no picture", 10);
    return test_path("p");
}

static cairn_items *open_items(const char *path, double test_fraction, const char *label,
                               cairn_status *status)
{
    cairn_data_options options = cairn_data_defaults();
    options.test_fraction = test_fraction;
    snprintf(options.label_column, sizeof options.label_column, "%s", label);
    *status = (cairn_status)CAIRN_STATUS_INIT;
    return cairn_items_open(path, &options, status);
}

TEST(a_folder_for_each_class)
{
    cairn_status status;
    cairn_items *items = open_items(make_folder(), 0, "", &status);
    CHECK_OK(status);
    if (!items)
        return;
    CHECK_INT(cairn_items_count(items, CAIRN_SPLIT_TRAIN), 12);
    CHECK_INT(cairn_items_classes(items), 2);
    CHECK_TEXT(cairn_items_class_name(items, 0), "ant");
    CHECK_TEXT(cairn_items_class_name(items, 1), "bee");
    CHECK_CONTAINS(cairn_items_file(items, CAIRN_SPLIT_TRAIN, 3), "/p/ant/more/3.png");
    CHECK_INT(cairn_items_label(items, CAIRN_SPLIT_TRAIN, 5), 0);
    CHECK_INT(cairn_items_label(items, CAIRN_SPLIT_TRAIN, 6), 1);
    char *text = cairn_items_describe(items, &status);
    CHECK_CONTAINS(text, "folder of pictures, 2 classes\n  train: 12 pictures\n"
                         "    items of each class: 6 (ant), 6 (bee)\n");
    cairn_description_free(text);
    text = cairn_items_describe_json(items, &status);
    CHECK_CONTAINS(text, "\"class_names\": [\"ant\", \"bee\"], \"splits\": [{\"name\": \"train\", "
                         "\"items\": 12, \"class_counts\": [6, 6]}");
    cairn_description_free(text);
    cairn_items_free(items);
    items = open_items(test_path("p"), 0.25, "", &status);
    CHECK_INT(items ? cairn_items_count(items, CAIRN_SPLIT_TRAIN) : 0, 9);
    CHECK_INT(items ? cairn_items_count(items, CAIRN_SPLIT_TEST) : 0, 3);
    cairn_items_free(items);
}

TEST(folders_that_are_split)
{
    cairn_status status;
    mkdir(test_path("s"), 0777);
    mkdir(test_path("s/train"), 0777);
    mkdir(test_path("s/train/a"), 0777);
    mkdir(test_path("s/train/b"), 0777);
    mkdir(test_path("s/val"), 0777);
    mkdir(test_path("s/val/b"), 0777);
    copy("rgb.png", "s/train/a/1.png");
    copy("rgb.png", "s/train/b/1.png");
    copy("rgb.png", "s/val/b/9.png");
    cairn_items *items = open_items(test_path("s"), 0.5, "", &status);
    CHECK_OK(status);
    CHECK_INT(items ? cairn_items_count(items, CAIRN_SPLIT_TRAIN) : 0, 2);
    CHECK_INT(items ? cairn_items_count(items, CAIRN_SPLIT_TEST) : 0, 1);
    CHECK_INT(items ? cairn_items_label(items, CAIRN_SPLIT_TEST, 0) : 0, 1);
    cairn_items_free(items);
    mkdir(test_path("s/val/c"), 0777);
    CHECK(!open_items(test_path("s"), 0.5, "", &status));
    CHECK_CONTAINS(status.message, "/val: a folder 'c', which the train split does not have");
    mkdir(test_path("e"), 0777);
    CHECK(!open_items(test_path("e"), 0, "", &status));
    CHECK_CONTAINS(status.message, "/e: no folders, expected one for each class");
}

TEST(a_table_with_names_of_pictures)
{
    cairn_status status;
    static const char text[] = "image,kind,n\n0,wasp,1\n2,,2\n1.png,bee,3\n";
    make_folder();
    mkdir(test_path("t"), 0777);
    mkdir(test_path("t/images"), 0777);
    for (int i = 0; i < 3; i++) {
        char to[64];
        snprintf(to, sizeof to, "t/images/%d.png", i);
        copy("rgb.png", to);
    }
    test_write_file(test_path("t/a.csv"), text, sizeof text - 1);
    cairn_items *items = open_items(test_path("t/a.csv"), 0, "kind", &status);
    CHECK_OK(status);
    if (items) {
        CHECK_INT(cairn_items_count(items, CAIRN_SPLIT_TRAIN), 3);
        CHECK_CONTAINS(cairn_items_file(items, CAIRN_SPLIT_TRAIN, 1), "/t/images/2.png");
        CHECK_CONTAINS(cairn_items_file(items, CAIRN_SPLIT_TRAIN, 2), "/t/images/1.png");
        CHECK(!strstr(cairn_items_file(items, CAIRN_SPLIT_TRAIN, 2), "png.png"));
        CHECK_INT(cairn_items_label(items, CAIRN_SPLIT_TRAIN, 0), 1);
        CHECK_INT(cairn_items_label(items, CAIRN_SPLIT_TRAIN, 1), -1);
        CHECK_INT(cairn_items_label(items, CAIRN_SPLIT_TRAIN, 2), 0);
    }
    cairn_items_free(items);
    static const char *const bad[][3] = {
        {"image\n../p/x\n", "", ":2: column 1: '../p/x', expected a name inside the folder"},
        {"image\n/etc/passwd\n", "", ":2: column 1: '/etc/passwd', expected a name inside"},
        {"image\nnone\n", "",
         ":2: no file 'none', neither beside the table nor in images/ or audio/"},
        {"a,b\n1,2\n", "", ":1: no column of files, expected one called image, audio"},
        {"image,b\n1\n", "", ":2: 1 columns, expected 2 as in the header"},
        {"image,b\n1,2\n", "c", ": no column 'c' for the labels, expected a name of the header"},
        {"image\n", "", ": no pictures, sounds or videos, expected .jpg, .jpeg or .png, .wav"},
    };
    for (size_t i = 0; i < CAIRN__COUNT(bad); i++) {
        test_write_file(test_path("t/b.csv"), bad[i][0], strlen(bad[i][0]));
        CHECK(!open_items(test_path("t/b.csv"), 0, bad[i][1], &status));
        CHECK_CONTAINS(status.message, bad[i][2]);
    }
}

/* ---- streams --------------------------------------------------------------------------------- */

static cairn_stream_options options_of(const char *pipeline, int64_t threads)
{
    cairn_stream_options options = cairn_stream_defaults();
    snprintf(options.pipeline, sizeof options.pipeline, "%s", pipeline);
    options.batch = 5;
    options.threads = threads;
    return options;
}

static uint64_t mix(uint64_t value, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        value = (value ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
    return value;
}

/* Everything in a batch as one number. */
static uint64_t digest(const cairn_stream_batch *b)
{
    uint64_t value = mix(14695981039346656037u, &b->base.size, sizeof b->base.size);
    size_t rows = (size_t)b->base.shape[0], n = rows;
    for (int i = 1; i < b->base.rank; i++)
        n *= (size_t)b->base.shape[i];
    value = mix(value, b->base.x, n * sizeof *b->base.x);
    value = mix(value, b->base.label, rows * sizeof *b->base.label);
    value = mix(value, b->base.items, rows * sizeof *b->base.items);
    if (b->share)
        value = mix(value, b->share, rows * sizeof *b->share);
    return mix(value, &b->base.epoch, 2 * sizeof b->base.epoch);
}

enum { EPOCHS = 3, BATCHES = 3 };

static void run(const cairn_items *items, const char *pipeline, int64_t threads,
                uint64_t digests[EPOCHS * BATCHES])
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_stream_options options = options_of(pipeline, threads);
    options.ahead = threads;
    cairn_stream *s = cairn_stream_new(items, CAIRN_SPLIT_TRAIN, &options, &status);
    CHECK_OK(status);
    for (int e = 0; s && e < EPOCHS; e++) {
        for (int b = 0; b < BATCHES; b++) {
            const cairn_stream_batch *batch = cairn_stream_next(s, &status);
            CHECK_OK(status);
            if (!CHECK(batch != NULL))
                break;
            CHECK_INT(batch->base.epoch, e);
            CHECK_INT(batch->base.index, b);
            CHECK_INT(batch->base.size, b < 2 ? 5 : 2);
            CHECK_INT(batch->base.items[4] < 0, b == 2);
            digests[e * BATCHES + b] = digest(batch);
        }
        CHECK(!cairn_stream_next(s, &status));
    }
    cairn_stream_free(s);
}

TEST(the_same_bits_on_any_number_of_threads)
{
    static const char *const pipelines[] = {
        "resize(20, exact=true)", "resized_crop(16)|flip|randaugment|normalise|mixup|cutmix"};
    cairn_status status;
    if (!CAIRN__HAVE_PNG) {
        printf("    skipped: no libpng\n");
        return;
    }
    cairn_items *items = open_items(make_folder(), 0, "", &status);
    for (size_t k = 0; items && k < CAIRN__COUNT(pipelines); k++) {
        uint64_t one[EPOCHS * BATCHES] = {0}, many[EPOCHS * BATCHES] = {0};
        run(items, pipelines[k], 1, one);
        for (int64_t threads = 2; threads < 9; threads += 2) {
            run(items, pipelines[k], threads, many);
            CHECK(memcmp(one, many, sizeof one) == 0);
        }
        CHECK(one[0] != one[BATCHES]);
    }
    cairn_items_free(items);
}

TEST(seeking_anywhere_goes_on_as_before)
{
    cairn_status status;
    if (!CAIRN__HAVE_PNG)
        return;
    cairn_items *items = open_items(make_folder(), 0, "", &status);
    const char *pipeline = "resized_crop(16)|flip|jitter(1)|normalise|mixup";
    uint64_t all[EPOCHS * BATCHES] = {0};
    run(items, pipeline, 2, all);
    cairn_stream_options options = options_of(pipeline, 3);
    cairn_stream *s = cairn_stream_new(items, CAIRN_SPLIT_TRAIN, &options, &status);
    for (int at = 0; s && at < EPOCHS * BATCHES; at++) {
        int to = at * 4 % (EPOCHS * BATCHES);
        cairn_loader_position p = {to / BATCHES, to % BATCHES};
        CHECK(cairn_stream_seek(s, p, &status));
        for (int k = 0; k < 2 && p.batch + k < BATCHES; k++) {
            const cairn_stream_batch *batch = cairn_stream_next(s, &status);
            CHECK(batch && digest(batch) == all[to + k]);
        }
    }
    CHECK(cairn_stream_seek(s, (cairn_loader_position){1, BATCHES}, &status));
    CHECK(!cairn_stream_next(s, &status));
    CHECK_INT(cairn_stream_tell(s).epoch, 2);
    CHECK(!cairn_stream_seek(s, (cairn_loader_position){0, BATCHES + 1}, &status));
    CHECK_INT(status.code, CAIRN_ERR_VALUE);
    cairn_stream_free(s);
    cairn_items_free(items);
}

TEST(a_bad_file_stops_or_is_left_out)
{
    cairn_status status;
    if (!CAIRN__HAVE_PNG)
        return;
    make_folder();
    test_write_file(test_path("p/bee/2.png"), "\x89PNG\r\n\x1A\nbroken", 14);
    cairn_items *items = open_items(test_path("p"), 0, "", &status);
    for (int threads = 1; items && threads < 4; threads += 2) {
        cairn_stream_options options = options_of("resize(8, exact=true)", threads);
        options.shuffle = false;
        cairn_stream *s = cairn_stream_new(items, CAIRN_SPLIT_TRAIN, &options, &status);
        CHECK(cairn_stream_next(s, &status) != NULL);
        CHECK(!cairn_stream_next(s, &status));
        CHECK_CONTAINS(status.message, "/p/bee/2.png: PNG: ");
        status = (cairn_status)CAIRN_STATUS_INIT;
        CHECK(!cairn_stream_next(s, &status));
        CHECK_INT(status.code, CAIRN_ERR_FORMAT);
        status = (cairn_status)CAIRN_STATUS_INIT;
        cairn_stream_free(s);
        options.bad_files = CAIRN_BAD_FILES_SKIP;
        s = cairn_stream_new(items, CAIRN_SPLIT_TRAIN, &options, &status);
        CHECK(cairn_stream_next(s, &status) != NULL);
        const cairn_stream_batch *b = cairn_stream_next(s, &status);
        if (CHECK(b != NULL)) {
            CHECK_INT(b->base.size, 4);
            CHECK_INT(b->skipped, 1);
            CHECK_INT(b->base.items[2], 7);
            CHECK_INT(b->base.items[3], 9);
            CHECK_INT(b->base.items[4], -1);
            CHECK_INT(b->base.label[4], -1);
        }
        CHECK_INT(cairn_stream_skipped(s), 1);
        cairn_stream_free(s);
    }
    cairn_items_free(items);
    unlink(test_path("p/bee/2.png"));
}

TEST(sizes_that_differ_and_limits)
{
    cairn_status status;
    if (!CAIRN__HAVE_PNG || !CAIRN__HAVE_JPEG)
        return;
    mkdir(test_path("d"), 0777);
    mkdir(test_path("d/a"), 0777);
    copy("rgb.png", "d/a/1.png");
    cairn_items *items = open_items(test_path("d"), 0, "", &status);
    cairn_stream_options options = options_of("", 2);
    cairn_stream *s = cairn_stream_new(items, CAIRN_SPLIT_TRAIN, &options, &status);
    const cairn_stream_batch *b = cairn_stream_next(s, &status);
    CHECK(b && b->base.shape[1] == 3 && b->base.shape[2] == 29 && b->base.shape[3] == 37);
    cairn_stream_free(s);
    options.batch = 1 << 20;
    options.memory_limit_mib = 100;
    CHECK(!cairn_stream_new(items, CAIRN_SPLIT_TRAIN, &options, &status));
    CHECK_CONTAINS(status.message, "more than the limit of 100 MiB");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_stream_new(items, CAIRN_SPLIT_TEST, &options, &status));
    CHECK_CONTAINS(status.message, "0 items in the test split, expected at least 1");
    status = (cairn_status)CAIRN_STATUS_INIT;
    options = options_of("crop(", 1);
    CHECK(!cairn_stream_new(items, CAIRN_SPLIT_TRAIN, &options, &status));
    CHECK_CONTAINS(status.message, "pipeline: character 5");
    cairn_items_free(items);
    /* Half the size for JPEG only, so that the second picture differs from the first. */
    copy("half.jpg", "d/a/2.jpg");
    status = (cairn_status)CAIRN_STATUS_INIT;
    items = open_items(test_path("d"), 0, "", &status);
    options = options_of("decode(scale=2)", 1);
    s = cairn_stream_new(items, CAIRN_SPLIT_TRAIN, &options, &status);
    CHECK(!cairn_stream_next(s, &status));
    CHECK_CONTAINS(status.message, "/d/a/2.jpg: 19 x 15 pixels of 3 bytes after the pipeline, "
                                   "expected 37 x 29 of 3 as the first picture");
    cairn_stream_free(s);
    cairn_items_free(items);
}

TEST(out_of_memory_at_each_allocation)
{
    make_folder();
    bool good = !CAIRN__HAVE_PNG;
    for (int64_t fail = 1; fail < 2000 && !good; fail++) {
        cairn_status status;
        cairn__alloc_fail_after(fail);
        cairn_items *items = open_items(test_path("p"), 0.2, "", &status);
        cairn_stream_options options = options_of("resize(8)|centre_crop(8)", 1);
        cairn_stream *s =
            items ? cairn_stream_new(items, CAIRN_SPLIT_TRAIN, &options, &status) : NULL;
        while (s && cairn_stream_next(s, &status))
            ;
        cairn__alloc_fail_after(0);
        good = s && cairn_ok(&status);
        CHECK(good || status.code == CAIRN_ERR_MEMORY || status.code == CAIRN_ERR_FORMAT);
        cairn_stream_free(s);
        cairn_items_free(items);
    }
    CHECK(good);
}
