/* Videos: what is written is read back, frame for frame, in every order; clips of lists; real GIFs;
 * what is damaged or no video. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cairn/video.h"
#include "config.h"
#include "data/items.h"
#include "data/real.h"
#include "data/sound.h"
#include "test.h"

enum { W = 38, H = 26, BYTES = W * H * 3 };

/* Frame t: smooth, so that lossy coders keep it, and different from its neighbours. */
static void draw(int64_t t, unsigned char *to)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++, to += 3) {
            to[0] = (unsigned char)(40 + 4 * x);
            to[1] = (unsigned char)(220 - 5 * y);
            to[2] = (unsigned char)(20 + 9 * t % 220);
        }
}

static void write_video(const char *path, int64_t n, double rate, cairn_video_codec codec)
{
    static unsigned char pixels[BYTES];
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_video_writer *w = cairn_video_create(path, W, H, rate, codec, &status);
    CHECK_OK(status);
    for (int64_t t = 0; w && t < n; t++) {
        draw(t, pixels);
        CHECK(cairn_video_add(w, pixels, &status));
    }
    CHECK(w && cairn_video_finish(w, &status));
    CHECK_OK(status);
    cairn_video_writer_free(w);
}

static const struct {
    const char *name;
    cairn_video_codec codec;
    double tolerance; /* of the mean distance of a byte */
} kinds[] = {
    {"a.mkv", CAIRN_VIDEO_FFV1, 0},  {"b.avi", CAIRN_VIDEO_FFV1, 0},
    {"c.mp4", CAIRN_VIDEO_MPEG4, 4}, {"d.mkv", CAIRN_VIDEO_MPEG4, 4},
    {"e.avi", CAIRN_VIDEO_MPEG4, 4}, {"f.mp4", CAIRN_VIDEO_MJPEG, 4},
    {"g.avi", CAIRN_VIDEO_MJPEG, 4},
};

static void check_frame(const unsigned char *pixels, int64_t t, double tolerance)
{
    static unsigned char expected[BYTES];
    double sum = 0;
    draw(t, expected);
    for (int i = 0; i < BYTES; i++)
        sum += abs(pixels[i] - expected[i]);
    CHECK_NEAR(sum / BYTES, 0, tolerance);
}

TEST(what_is_written_is_read_back_from_every_place)
{
    static unsigned char pixels[5 * BYTES];
    const int64_t n = 40;
    cairn__ffmpeg_quiet();
    for (size_t k = 0; k < CAIRN__COUNT(kinds) && CAIRN__HAVE_FFMPEG; k++) {
        cairn_status status = CAIRN_STATUS_INIT;
        const char *path = test_path(kinds[k].name);
        write_video(path, n, 12.5, kinds[k].codec);
        cairn_video *v = cairn_video_open(path, NULL, &status);
        CHECK_OK(status);
        if (!v)
            continue;
        cairn_video_info info = cairn_video_about(v);
        CHECK_INT(info.frames, n);
        CHECK_INT(info.width, W);
        CHECK_INT(info.height, H);
        CHECK_NEAR(info.rate, 12.5, 1e-3);
        CHECK_NEAR(info.seconds, 3.2, 1e-3);
        /* Backwards, so that every frame is found by going to its place. */
        for (int64_t t = n - 1; t >= 0; t -= 3) {
            CHECK(cairn_video_clip(v, t, 1, 1, pixels, &status));
            check_frame(pixels, t, kinds[k].tolerance);
            CHECK_INT(cairn_video_frame_at(v, cairn_video_time(v, t)), t);
            CHECK_INT(cairn_video_frame_at(v, (double)t / 12.5 + 0.04), t);
        }
        CHECK(cairn_video_clip(v, 17, 4, 5, pixels, &status));
        for (int64_t i = 0; i < 5; i++)
            check_frame(pixels + i * BYTES, 17 + 4 * i, kinds[k].tolerance);
        /* Past the end the last frame is repeated: 34, 37, and 37 instead of 40, ... */
        CHECK(cairn_video_clip(v, 34, 3, 5, pixels, &status));
        check_frame(pixels + BYTES, 37, kinds[k].tolerance);
        CHECK(memcmp(pixels + 4 * BYTES, pixels + BYTES, BYTES) == 0);
        CHECK(!cairn_video_clip(v, n, 1, 1, pixels, &status));
        CHECK_CONTAINS(status.message, "expected at least one of the frames 0 to 39");
        CHECK_INT(cairn_video_frame_at(v, -1), 0);
        CHECK_INT(cairn_video_frame_at(v, 100), n - 1);
        CHECK_OK(((cairn_status)CAIRN_STATUS_INIT));
        cairn_video_free(v);
    }
}

TEST(a_clip_has_the_same_bytes_after_any_other_and_files_are_the_same_every_time)
{
    static unsigned char first[3 * BYTES], again[3 * BYTES];
    cairn_status status = CAIRN_STATUS_INIT;
    if (!CAIRN__HAVE_FFMPEG)
        return;
    write_video(test_path("x.mp4"), 30, 30, CAIRN_VIDEO_MPEG4);
    write_video(test_path("y.mp4"), 30, 30, CAIRN_VIDEO_MPEG4);
    size_t nx, ny;
    char *x = test_read_file(test_path("x.mp4"), &nx), *y = test_read_file(test_path("y.mp4"), &ny);
    CHECK(x && y && nx == ny && memcmp(x, y, nx) == 0);
    cairn_video *v = cairn_video_open(test_path("x.mp4"), NULL, &status);
    cairn_video *m = cairn_video_parse(x, nx, "memory.mp4", NULL, &status);
    CHECK_OK(status);
    for (int64_t t = 0; v && m && t < 28; t += 9) {
        CHECK(cairn_video_clip(v, t, 1, 3, first, &status));
        CHECK(cairn_video_clip(v, 27 - t, 1, 3, again, &status));
        CHECK(cairn_video_clip(v, t, 1, 3, again, &status));
        CHECK(memcmp(first, again, sizeof first) == 0);
        CHECK(cairn_video_clip(m, t, 1, 3, again, &status));
        CHECK(memcmp(first, again, sizeof first) == 0);
    }
    CHECK_OK(status);
    cairn_video_free(v);
    cairn_video_free(m);
    cairn__free(x);
    cairn__free(y);
}

TEST(frames_are_resized_as_pictures_are)
{
    static unsigned char pixels[BYTES];
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_video_options o = cairn_video_defaults();
    if (!CAIRN__HAVE_FFMPEG)
        return;
    write_video(test_path("r.mkv"), 3, 10, CAIRN_VIDEO_FFV1);
    o.width = 19;
    cairn_video *v = cairn_video_open(test_path("r.mkv"), &o, &status);
    CHECK_OK(status);
    if (!v)
        return;
    CHECK_INT(cairn_video_about(v).width, 19);
    CHECK_INT(cairn_video_about(v).height, 13);
    CHECK_INT(cairn_video_about(v).stored_width, W);
    cairn_image frame = {0}, small = {0}, from = {.width = W, .height = H, .channels = 3};
    CHECK(cairn_video_frame(v, 2, &frame, &status));
    draw(2, pixels);
    from.pixels = pixels;
    CHECK(cairn_image_resize(&from, 19, 13, CAIRN_FILTER_BILINEAR, &small, &status));
    CHECK(frame.pixels && small.pixels && memcmp(frame.pixels, small.pixels, 19 * 13 * 3) == 0);
    cairn_image_free(&frame);
    cairn_image_free(&small);
    cairn_video_free(v);
}

TEST(limits_and_what_is_no_video_are_named)
{
    static const char playlist[] = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n";
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_video_options o = cairn_video_defaults();
    cairn__ffmpeg_quiet();
    CHECK(!cairn_video_parse(playlist, sizeof playlist - 1, "list.m3u8", NULL, &status));
    CHECK_INT(status.code, CAIRN__HAVE_FFMPEG ? CAIRN_ERR_FORMAT : CAIRN_ERR_MISSING);
    CHECK_CONTAINS(status.message, "list.m3u8: ");
    if (!CAIRN__HAVE_FFMPEG)
        return;
    write_video(test_path("l.mkv"), 20, 10, CAIRN_VIDEO_MPEG4);
    const struct {
        int64_t pixels, frames;
        const char *sentence;
    } all[] = {
        {W * H - 1, 100,
         "l.mkv: the size of the frames is not known, or more than the limit of 987 pixels"},
        {W * H, 19, "l.mkv: more than the limit of 19 frames"},
    };
    for (size_t i = 0; i < CAIRN__COUNT(all); i++) {
        status = (cairn_status)CAIRN_STATUS_INIT;
        o.pixel_limit = all[i].pixels;
        o.frame_limit = all[i].frames;
        CHECK(!cairn_video_open(test_path("l.mkv"), &o, &status));
        CHECK_CONTAINS(status.message, all[i].sentence);
    }
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_video_open(test_path("none.mp4"), NULL, &status));
    CHECK_INT(status.code, CAIRN_ERR_FILE);
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_video_open(TEST_SOURCES "/data/golden/sound/mono.flac", NULL, &status));
    CHECK_CONTAINS(status.message, "mono.flac: no video");
}

/* A head, and the end at once. */
TEST(a_video_without_frames_is_an_error)
{
    static const unsigned char gif[] = {'G', 'I', 'F', '8', '9', 'a', 8, 0, 8, 0, 0, 0, 0, 0x3B};
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__ffmpeg_quiet();
    if (!CAIRN__HAVE_FFMPEG)
        return;
    CHECK(!cairn_video_parse(gif, sizeof gif, "empty.gif", NULL, &status));
    CHECK_CONTAINS(status.message, "empty.gif: a video without frames, expected at least one");
}

TEST(writers_refuse_and_leave_nothing_behind)
{
    static const unsigned char black[BYTES];
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(!cairn_video_create(test_path("a.webp"), W, H, 10, CAIRN_VIDEO_MPEG4, &status));
    CHECK_INT(status.code, CAIRN__HAVE_FFMPEG ? CAIRN_ERR_VALUE : CAIRN_ERR_MISSING);
    if (!CAIRN__HAVE_FFMPEG)
        return;
    CHECK_CONTAINS(status.message, "a.webp: the name of a video, expected");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_video_create(test_path("a.mp4"), W, H, 10, CAIRN_VIDEO_FFV1, &status));
    CHECK_CONTAINS(status.message, "FFV1 cannot stand in MP4");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_video_create(test_path("no/folder/a.mp4"), W, H, 10, CAIRN_VIDEO_MPEG4, &status));
    CHECK_INT(status.code, CAIRN_ERR_FILE);
    status = (cairn_status)CAIRN_STATUS_INIT;
    cairn_video_writer *w =
        cairn_video_create(test_path("gone.mp4"), W, H, 10, CAIRN_VIDEO_MPEG4, &status);
    CHECK(w && !cairn_video_finish(w, &status));
    CHECK_CONTAINS(status.message, "a video without frames");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(w && cairn_video_add(w, black, &status));
    cairn_video_writer_free(w);
    CHECK(access(test_path("gone.mp4"), F_OK) != 0);
}

TEST(clips_depend_on_seed_epoch_and_index_only)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_clip_options o = cairn_clip_defaults();
    static unsigned char a[4 * BYTES], b[4 * BYTES];
    int starts[64] = {0}, different = 0;
    if (!CAIRN__HAVE_FFMPEG)
        return;
    mkdir(test_path("v"), 0777);
    mkdir(test_path("v/left"), 0777);
    mkdir(test_path("v/right"), 0777);
    write_video(test_path("v/left/1.mkv"), 20, 10, CAIRN_VIDEO_FFV1);
    write_video(test_path("v/right/2.avi"), 20, 10, CAIRN_VIDEO_FFV1);
    write_video(test_path("v/right/3.mkv"), 2, 10, CAIRN_VIDEO_FFV1);
    cairn_data_options d = cairn_data_defaults();
    d.test_fraction = 0;
    cairn_items *items = cairn_items_open(test_path("v"), &d, &status);
    CHECK_OK(status);
    CHECK_INT(cairn_items_media(items), CAIRN_MEDIA_VIDEO);
    CHECK_INT(cairn_items_count(items, CAIRN_SPLIT_TRAIN), 3);
    o.frames = 4;
    o.stride = 2;
    o.width = W;
    o.height = H;
    for (int64_t epoch = 0; epoch < 20; epoch++)
        for (int64_t i = 0; i < 3; i++) {
            int32_t label = -1;
            CHECK(cairn_items_clip(items, CAIRN_SPLIT_TRAIN, i, &o, epoch, a, &label, &status));
            CHECK(cairn_items_clip(items, CAIRN_SPLIT_TRAIN, i, &o, epoch, b, NULL, &status));
            CHECK(memcmp(a, b, sizeof a) == 0);
            CHECK_INT(label, i > 0);
            int start = (a[2] - 20) / 9; /* see draw() */
            CHECK(start >= 0 && start <= (i < 2 ? 13 : 0));
            check_frame(a + BYTES, i < 2 ? start + 2 : 0, i < 2 ? 0 : 9);
            different += starts[start]++ == 0;
        }
    CHECK(different > 8);
    o.random = false;
    CHECK(cairn_items_clip(items, CAIRN_SPLIT_TRAIN, 0, &o, 0, a, NULL, &status));
    check_frame(a, 6, 0);
    CHECK(!cairn_items_clip(items, CAIRN_SPLIT_TRAIN, 3, &o, 0, a, NULL, &status));
    CHECK_CONTAINS(status.message, "clip of item 3, of 3");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_stream_new(items, CAIRN_SPLIT_TRAIN, NULL, &status));
    CHECK_CONTAINS(status.message, "none for videos");
    cairn_items_free(items);
}

TEST(real_animations_have_the_frames_that_are_known)
{
    static const struct {
        const char *name;
        int64_t frames;
    } all[] = {{"gripper", 87}, {"shortstick", 87}, {"mediumstick", 61}, {"longstick", 16}};
    for (size_t i = 0; i < CAIRN__COUNT(all) && CAIRN__HAVE_FFMPEG; i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        char name[64], path[1024];
        snprintf(name, sizeof name, "video/x-magical/%s-sweep.gif", all[i].name);
        if (!real_path(name, path))
            continue;
        cairn_video *v = cairn_video_open(path, NULL, &status);
        CHECK_OK(status);
        cairn_image frame = {0};
        if (v) {
            CHECK_INT(cairn_video_about(v).frames, all[i].frames);
            CHECK_INT(cairn_video_about(v).width, 384);
            CHECK_NEAR(cairn_video_about(v).rate, 10, 0.01);
            CHECK(cairn_video_frame(v, all[i].frames - 1, &frame, &status));
            CHECK_OK(status);
        }
        cairn_image_free(&frame);
        cairn_video_free(v);
    }
}
