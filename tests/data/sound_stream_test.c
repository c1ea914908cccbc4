/* Sounds as items of streams: what is listed, rows against the functions of cairn/audio.h, the same
 * bits on any number of threads, sentences of errors. */
#include <sys/stat.h>

#include "data/augment.h"
#include "data/items.h"
#include "test.h"

/* A WAV file of n samples of 16 bits, sample i is (i * step) mod 1000. */
static void write_sound(const char *name, int rate, int n, int step)
{
    static unsigned char bytes[44 + 2 * 4000];
    const uint32_t words[] = {0, (uint32_t)rate, (uint32_t)rate * 2, (uint32_t)n * 2};
    memcpy(bytes, "RIFF\0\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0", 24);
    for (int i = 0; i < 4; i++) {
        bytes[24 + i] = (unsigned char)(words[1] >> 8 * i);
        bytes[28 + i] = (unsigned char)(words[2] >> 8 * i);
        bytes[40 + i] = (unsigned char)(words[3] >> 8 * i);
    }
    memcpy(bytes + 32, "\2\0\x10\0data", 8);
    for (int i = 0; i < n; i++) {
        bytes[44 + 2 * i] = (unsigned char)(i * step % 1000);
        bytes[45 + 2 * i] = (unsigned char)(i * step % 1000 >> 8);
    }
    test_write_file(test_path(name), bytes, 44 + 2 * (size_t)n);
}

/* DIRECTORY/w/{down,up}/...: six sounds, of 8 and of 16 kHz and of different lengths. */
static const char *make_folder(void)
{
    mkdir(test_path("w"), 0777);
    mkdir(test_path("w/up"), 0777);
    mkdir(test_path("w/down"), 0777);
    for (int i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof name, "w/%s/%d.%s", i % 2 ? "down" : "up", i, i ? "wav" : "WAV");
        write_sound(name, i % 3 ? 16000 : 8000, 900 + 400 * i, i + 3);
    }
    return test_path("w");
}

static cairn_items *open_items(const char *path, cairn_status *status)
{
    cairn_data_options options = cairn_data_defaults();
    options.test_fraction = 0;
    *status = (cairn_status)CAIRN_STATUS_INIT;
    return cairn_items_open(path, &options, status);
}

static cairn_stream *open_stream(const cairn_items *items, const char *pipeline, int threads,
                                 cairn_status *status)
{
    cairn_stream_options options = cairn_stream_defaults();
    options.batch = 4;
    options.threads = threads;
    snprintf(options.pipeline, sizeof options.pipeline, "%s", pipeline);
    *status = (cairn_status)CAIRN_STATUS_INIT;
    return cairn_stream_new(items, CAIRN_SPLIT_TRAIN, &options, status);
}

TEST(folders_and_tables_of_sounds)
{
    cairn_status status;
    cairn_items *items = open_items(make_folder(), &status);
    CHECK_OK(status);
    if (!items)
        return;
    CHECK_INT(cairn_items_media(items), CAIRN_MEDIA_SOUND);
    CHECK_INT(cairn_items_count(items, CAIRN_SPLIT_TRAIN), 6);
    char *text = cairn_items_describe(items, &status);
    CHECK_CONTAINS(text, "/w: folder of sounds, 2 classes\n  train: 6 sounds\n");
    cairn_description_free(text);
    cairn_items_free(items);

    static const char table[] = "filename,label\n1,a\n3.wav,b\n";
    mkdir(test_path("e"), 0777);
    mkdir(test_path("e/meta"), 0777);
    mkdir(test_path("e/audio"), 0777);
    write_sound("e/audio/1.wav", 8000, 10, 1);
    write_sound("e/audio/3.wav", 8000, 10, 1);
    test_write_file(test_path("e/meta/e.csv"), table, sizeof table - 1);
    items = open_items(test_path("e/meta/e.csv"), &status);
    CHECK_OK(status);
    CHECK_CONTAINS(items ? cairn_items_file(items, CAIRN_SPLIT_TRAIN, 0) : "",
                   "/e/meta/../audio/1.wav");
    cairn_items_free(items);

    test_write_file(test_path("w/up/x.png"), "x", 1);
    CHECK(!open_items(test_path("w"), &status));
    CHECK_CONTAINS(status.message, "/w: holds sounds and pictures (");
    CHECK_CONTAINS(status.message, "/up/x.png), expected one of the two");
    CHECK(remove(test_path("w/up/x.png")) == 0);
}

/* Decode, cut and log-mel of one item by hand. */
static void by_hand(const char *path, float *out)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_sound sound = {0};
    cairn_sound_options options = cairn_sound_defaults();
    cairn_logmel_options mel = cairn_logmel_defaults();
    static float cut[2000];
    options.rate = 16000;
    mel.bins = 64;
    cairn_logmel *logmel = cairn_logmel_new(&mel, &status);
    CHECK(cairn_sound_read(path, 1 << 20, &options, &sound, &status));
    int64_t spare = CAIRN__MAX(sound.length - 2000, (int64_t)0);
    cairn_sound_cut(sound.samples, sound.length, spare / 2, 2000, CAIRN_SOUND_PAD_MIRROR, cut);
    cairn_logmel_run(logmel, cut, 2000, out);
    CHECK_OK(status);
    cairn_logmel_free(logmel);
    cairn_sound_free(&sound);
}

TEST(rows_are_what_the_functions_give)
{
    enum { T = 11, BINS = 64 };
    cairn_status status;
    cairn_items *items = open_items(make_folder(), &status);
    cairn_stream *s = open_stream(
        items, "decode(16000)|cut(2000, place=centre, pad=mirror)|logmel(64)", 2, &status);
    CHECK_OK(status);
    for (int batch = 0; s && batch < 2; batch++) {
        const cairn_stream_batch *b = cairn_stream_next(s, &status);
        CHECK_OK(status);
        if (!b)
            break;
        CHECK_INT(b->base.rank, 3);
        CHECK_INT(b->base.shape[0], 4);
        CHECK_INT(b->base.shape[1], T);
        CHECK_INT(b->base.shape[2], BINS);
        CHECK_INT(b->base.size, batch ? 2 : 4);
        for (int64_t row = 0; row < b->base.size; row++) {
            float expected[T * BINS];
            int64_t item = b->base.items[row];
            by_hand(cairn_items_file(items, CAIRN_SPLIT_TRAIN, item), expected);
            CHECK(memcmp((const float *)b->base.x + row * T * BINS, expected, sizeof expected) ==
                  0);
            CHECK_INT(b->base.label[row], cairn_items_label(items, CAIRN_SPLIT_TRAIN, item));
        }
    }
    cairn_stream_free(s);
    cairn_items_free(items);
}

/* FNV-1a over all rows of two epochs. */
static uint64_t hash_of(const cairn_items *items, const char *pipeline, int threads)
{
    cairn_status status;
    uint64_t hash = 14695981039346656037u;
    cairn_stream *s = open_stream(items, pipeline, threads, &status);
    CHECK_OK(status);
    for (int i = 0; s && i < 6; i++) {
        const cairn_stream_batch *b = cairn_stream_next(s, &status);
        if (!b)
            continue;
        const unsigned char *bytes = (const unsigned char *)b->base.x;
        int64_t n = (int64_t)sizeof(float);
        for (int k = 0; k < b->base.rank; k++)
            n *= b->base.shape[k];
        for (int64_t k = 0; k < n; k++)
            hash = (hash ^ bytes[k]) * 1099511628211u;
    }
    CHECK_OK(status);
    cairn_stream_free(s);
    return hash;
}

TEST(the_same_bits_on_any_number_of_threads)
{
    static const char all[] = "decode(16000)|cut(1600)|shift(200)|noise(0, 20)|logmel(40)|"
                              "specaugment(1, 10, 1, 5)|mixup";
    cairn_status status;
    cairn_items *items = open_items(make_folder(), &status);
    uint64_t one = items ? hash_of(items, all, 1) : 0;
    CHECK(items && one == hash_of(items, all, 2) && one == hash_of(items, all, 7));
    /* Each change has an effect. */
    CHECK(items && one != hash_of(items,
                                  "decode(16000)|cut(1600)|shift(200)|noise(0, 20)|"
                                  "logmel(40)|mixup",
                                  1));
    CHECK(items && one != hash_of(items,
                                  "decode(16000)|cut(1600)|shift(200)|logmel(40)|"
                                  "specaugment(1, 10, 1, 5)|mixup",
                                  1));
    CHECK(items && one != hash_of(items,
                                  "decode(16000)|cut(1600)|noise(0, 20)|logmel(40)|"
                                  "specaugment(1, 10, 1, 5)|mixup",
                                  1));
    cairn_items_free(items);
}

TEST(samples_alone_have_two_axes)
{
    cairn_status status;
    cairn_items *items = open_items(make_folder(), &status);
    cairn_stream *s = open_stream(items, "cut(5000, place=start, pad=repeat)", 1, &status);
    const cairn_stream_batch *b = s ? cairn_stream_next(s, &status) : NULL;
    CHECK_OK(status);
    CHECK_INT(b ? b->base.rank : 0, 2);
    CHECK_INT(b ? b->base.shape[1] : 0, 5000);
    cairn_stream_free(s);
    s = open_stream(items, "", 1, &status);
    b = s ? cairn_stream_next(s, &status) : NULL;
    CHECK(!b);
    CHECK_CONTAINS(status.message, " x 1 values after the pipeline, expected ");
    cairn_stream_free(s);
    cairn_items_free(items);
}

TEST(pipelines_of_sounds_are_checked)
{
    static const char *const all[][2] = {
        {"resize(3)", "no step 'resize'"},
        {"cutt(3)", "no step 'cutt'; did you mean 'cut'?"},
        {"specaugment", "character 1: specaugment without logmel, expected logmel before it"},
        {"logmel|cut(5)", "cut stands behind logmel, expected the order decode, changes of sounds"},
        {"noise(20, 10)", "low is 20 and high 10, expected low <= high"},
    };
    for (size_t i = 0; i < CAIRN__COUNT(all); i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        CHECK(!cairn_pipeline_parse_for(all[i][0], CAIRN_MEDIA_SOUND, &status));
        CHECK_CONTAINS(status.message, all[i][1]);
    }
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_pipeline *p = cairn_pipeline_parse_for("logmel", CAIRN_MEDIA_SOUND, &status);
    char *text = p ? cairn_pipeline_text(p, &status) : NULL;
    CHECK_TEXT(text, "decode(rate=0, scale=power)|logmel(bins=80, window=400, hop=160, low=125, "
                     "high=7500)");
    cairn_description_free(text);
    cairn_pipeline_free(p);
    char *help = cairn_pipeline_help(CAIRN_MEDIA_SOUND, NULL);
    for (int i = 0; cairn__sound_augmentations[i]; i++) {
        CHECK(cairn__sound_augmentations[i]->size <= CAIRN__MOST_PARAMETERS);
        CHECK_CONTAINS(help, cairn__sound_augmentations[i]->help);
    }
    cairn_description_free(help);
}

TEST(streams_of_sounds_survive_every_failed_allocation)
{
    cairn_status status;
    cairn_items *items = open_items(make_folder(), &status);
    bool done = !items;
    for (int64_t n = 1; !done && n < 300; n++) {
        cairn__alloc_fail_after(n);
        cairn_stream *s = open_stream(items, "decode(16000)|cut(900)|noise|logmel", 1, &status);
        if (s)
            cairn_stream_next(s, &status);
        cairn_stream_free(s);
        cairn__alloc_fail_after(0);
        CHECK(cairn_ok(&status) || status.code == CAIRN_ERR_MEMORY);
        done = cairn_ok(&status) && n > 60;
    }
    CHECK(done);
    cairn_items_free(items);
}
