/* Sounds: WAV of all widths, FFmpeg's formats, damaged files; resampling and log-mel against golden
 * values; the changes. */
#include "config.h"
#include "data/fft.h"
#include "data/sound.h"
#include "test.h"

#define FOLDER TEST_SOURCES "/data/golden/sound/"

/* signal() of tools/golden/sound.py. */
static void signal_of(float *x, int n, double rate)
{
    const double pi = 3.14159265358979323846;
    for (int i = 0; i < n; i++) {
        double t = i / rate;
        x[i] = (float)(0.4 * sin(2 * pi * 440 * t) + 0.2 * sin(2 * pi * 1900 * t + 1) +
                       0.3 * sin(2 * pi * (100 * t + 800 * t * t)));
    }
}

/* ---- WAV ------------------------------------------------------------------------------------- */

typedef struct wav {
    unsigned char bytes[512];
    size_t n;
} wav;

static void put(wav *w, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        w->bytes[w->n++] = (unsigned char)(value >> 8 * i);
}

static void put_text(wav *w, const char *text)
{
    memcpy(w->bytes + w->n, text, 4);
    w->n += 4;
}

/* A file with a chunk of odd length before the data, which has `n` bytes and says it has `said`. */
static wav make_wav(int tag, int channels, int rate, int bits, const void *data, size_t n,
                    uint32_t said, bool extensible)
{
    static const unsigned char guid[14] = {0, 0, 0,    0, 0x10, 0,    0x80,
                                           0, 0, 0xAA, 0, 0x38, 0x9B, 0x71};
    wav w = {.n = 0};
    put_text(&w, "RIFF");
    put(&w, 0, 4);
    put_text(&w, "WAVE");
    put_text(&w, "LIST");
    put(&w, 3, 4);
    put(&w, 0, 4);
    put_text(&w, "fmt ");
    put(&w, extensible ? 40 : 16, 4);
    put(&w, extensible ? 0xFFFE : (uint64_t)tag, 2);
    put(&w, (uint64_t)channels, 2);
    put(&w, (uint64_t)rate, 4);
    put(&w, (uint64_t)(rate * channels * bits / 8), 4);
    put(&w, (uint64_t)(channels * bits / 8), 2);
    put(&w, (uint64_t)bits, 2);
    if (extensible) {
        put(&w, 22, 2);
        put(&w, (uint64_t)bits, 2);
        put(&w, 3, 4);
        put(&w, (uint64_t)tag, 2);
        memcpy(w.bytes + w.n, guid, sizeof guid);
        w.n += sizeof guid;
    }
    put_text(&w, "data");
    put(&w, said, 4);
    memcpy(w.bytes + w.n, data, n);
    w.n += n;
    return w;
}

static bool decode(const wav *w, const cairn_sound_options *options, cairn_sound *sound,
                   cairn_status *status)
{
    *status = (cairn_status)CAIRN_STATUS_INIT;
    return cairn_sound_decode(w->bytes, w->n, "t.wav", options, sound, status);
}

TEST(wav_of_every_width)
{
    static const uint8_t u8[] = {0, 128, 255, 129};
    static const int16_t s16[] = {-32768, 0, 32767, 256};
    static const uint8_t s24[] = {0, 0, 0x80, 0, 0, 0, 0xFF, 0xFF, 0x7F, 0, 0, 1};
    static const int32_t s32[] = {INT32_MIN, 0, INT32_MAX, 1 << 24};
    static const float f32[] = {-1, 0, 1, 1.0f / 128};
    static const double f64[] = {-1, 0, 1, 1.0 / 128};
    static const struct {
        int tag, bits;
        const void *data;
        size_t n;
        double largest; /* of 1 - what the greatest value becomes */
    } all[] = {
        {1, 8, u8, sizeof u8, 1.0 / 128},
        {1, 16, s16, sizeof s16, 1.0 / 32768},
        {1, 24, s24, sizeof s24, 1.0 / 8388608},
        {1, 32, s32, sizeof s32, 0},
        {3, 32, f32, sizeof f32, 0},
        {3, 64, f64, sizeof f64, 0},
    };
    cairn_sound sound = {0};
    cairn_status status;
    for (size_t i = 0; i < CAIRN__COUNT(all); i++)
        for (int form = 0; form < 3; form++) {
            wav w = make_wav(all[i].tag, 1, 8000, all[i].bits, all[i].data, all[i].n,
                             form == 2 ? 0xFFFFFFFF : (uint32_t)all[i].n, form == 1);
            CHECK(decode(&w, NULL, &sound, &status));
            CHECK_OK(status);
            CHECK_INT(sound.length, 4);
            CHECK_INT(sound.rate, 8000);
            CHECK_NEAR((double)sound.samples[0], -1, 0);
            CHECK_NEAR((double)sound.samples[1], 0, 0);
            CHECK_NEAR((double)sound.samples[2], 1 - all[i].largest, 0);
            CHECK_NEAR((double)sound.samples[3], 1.0 / 128, 0);
        }
    cairn_sound_options options = cairn_sound_defaults();
    options.scale = CAIRN_SOUND_LARGEST;
    wav w = make_wav(1, 1, 8000, 16, s16, sizeof s16, sizeof s16, false);
    CHECK(decode(&w, &options, &sound, &status));
    CHECK_NEAR((double)sound.samples[2], 1, 0);
    CHECK_NEAR((double)sound.samples[0], -32768.0 / 32767, 1e-7);
    cairn_sound_free(&sound);
}

TEST(two_channels_become_their_mean_and_change_their_rate)
{
    static const int16_t s16[] = {16384, 0, -16384, -8192};
    cairn_sound sound = {0};
    cairn_status status;
    cairn_sound_options options = cairn_sound_defaults();
    wav w = make_wav(1, 2, 8000, 16, s16, sizeof s16, sizeof s16, true);
    CHECK(decode(&w, &options, &sound, &status));
    CHECK_INT(sound.length, 2);
    CHECK_INT(sound.channels, 1);
    CHECK_NEAR((double)sound.samples[0], 0.25, 0);
    CHECK_NEAR((double)sound.samples[1], -0.375, 0);
    options.mono = false;
    options.rate = 12000;
    CHECK(decode(&w, &options, &sound, &status));
    CHECK_INT(sound.length, 3);
    CHECK_INT(sound.rate, 12000);
    CHECK_INT(sound.channels, 2);
    cairn_sound_free(&sound);
}

TEST(bad_wav_is_refused_with_a_sentence)
{
    static const int16_t s16[] = {1, 2, 3, 4};
    static const float odd[] = {1, (float)INFINITY};
    cairn_sound_options few = cairn_sound_defaults();
    cairn_sound sound = {0};
    cairn_status status;
    const struct {
        wav w;
        const char *sentence;
    } all[] = {
        {make_wav(6, 1, 8000, 8, s16, 8, 8, false), "format 6 of 8 bits, expected 1 (integers"},
        {make_wav(1, 1, 8000, 12, s16, 8, 8, false), "format 1 of 12 bits"},
        {make_wav(1, 0, 8000, 16, s16, 8, 8, false), "0 channels, expected 1 to 64"},
        {make_wav(1, 1, 0, 16, s16, 8, 8, false), "0 samples a second, expected 1 to 768000"},
        {make_wav(1, 1, 8000, 16, s16, 8, 10, false),
         "samples: 10 bytes, but the data end after 8"},
        {make_wav(3, 1, 8000, 32, odd, 8, 8, false), "sample 1 is not a finite number"},
    };
    for (size_t i = 0; i < CAIRN__COUNT(all); i++) {
        CHECK(!decode(&all[i].w, NULL, &sound, &status));
        CHECK_INT(status.code, CAIRN_ERR_FORMAT);
        CHECK_CONTAINS(status.message, "t.wav");
        CHECK_CONTAINS(status.message, all[i].sentence);
        CHECK_INT(sound.length, 0);
    }
    few.sample_limit = 3;
    wav good = make_wav(1, 1, 8000, 16, s16, 8, 8, false);
    CHECK(!decode(&good, &few, &sound, &status));
    CHECK_CONTAINS(status.message, "more than the limit of 3 samples");
    few.sample_limit = 4;
    few.rate = 16000;
    CHECK(!decode(&good, &few, &sound, &status));
    CHECK_CONTAINS(status.message, "more than the limit of 4 samples");
    for (size_t n = 12; n < good.n; n++) {
        wav cut = good;
        cut.n = n;
        CHECK(!decode(&cut, NULL, &sound, &status));
    }
    few.rate = -1;
    CHECK(!decode(&good, &few, &sound, &status));
    CHECK_INT(status.code, CAIRN_ERR_VALUE);
    cairn_sound_free(&sound);
}

/* ---- FFmpeg ---------------------------------------------------------------------------------- */

/* Lines "KIND ..." of the golden file, one after the other. */
static bool next_line(FILE *file, const char *kind, char *line, int size)
{
    while (fgets(line, size, file))
        if (strncmp(line, kind, strlen(kind)) == 0)
            return true;
    return false;
}

TEST(compressed_files_match_libsndfile)
{
    FILE *file = fopen(FOLDER "golden.txt", "r");
    char line[200], name[64], was[64] = "", path[1024];
    cairn_sound sound = {0};
    cairn_sound_options options = cairn_sound_defaults();
    cairn_status status = CAIRN_STATUS_INIT;
    int checked = 0;
    options.mono = false;
    while (CAIRN__HAVE_FFMPEG && file && next_line(file, "file ", line, sizeof line)) {
        long long rate, channels, length, j;
        double value;
        sscanf(line, "file %63s %lld %lld %lld %lld %lf", name, &rate, &channels, &length, &j,
               &value);
        if (strcmp(name, was) != 0) {
            snprintf(path, sizeof path, "%s%s", FOLDER, name);
            CHECK(cairn_sound_read(path, 1 << 20, &options, &sound, &status));
            CHECK_OK(status);
            CHECK_INT(sound.rate, rate);
            CHECK_INT(sound.channels, channels);
            /* FFmpeg ends a short Vorbis file a part of a block too early or too late. */
            CHECK_NEAR((double)sound.length, (double)length, strstr(name, "ogg") ? 512 : 0);
            snprintf(was, sizeof was, "%s", name);
        }
        /* FLAC is exact; two decoders of Vorbis differ in their rounding. */
        if (j < sound.length)
            CHECK_NEAR((double)sound.samples[j * channels], value,
                       strstr(name, "ogg") ? 1e-4 : 1e-9);
        checked++;
    }
    CHECK(checked > 50 || !CAIRN__HAVE_FFMPEG);
    if (file)
        fclose(file);
    cairn_sound_free(&sound);
}

/* A lossy coder keeps the signal up to a delay and some noise. */
TEST(mp3_is_close_to_the_signal)
{
    static float x[4000];
    cairn_sound sound = {0};
    cairn_status status = CAIRN_STATUS_INIT;
    if (!CAIRN__HAVE_FFMPEG)
        return;
    signal_of(x, 4000, 16000);
    CHECK(cairn_sound_read(FOLDER "mono.mp3", 1 << 20, NULL, &sound, &status));
    CHECK_OK(status);
    CHECK(sound.length >= 4000);
    double best = 0, energy = 0;
    for (int i = 0; i < 2400; i++)
        energy += (double)x[i] * (double)x[i];
    for (int delay = 0; delay + 2400 <= sound.length && delay < 1600; delay++) {
        double product = 0, own = 0;
        for (int i = 0; i < 2400; i++) {
            product += (double)x[i] * (double)sound.samples[delay + i];
            own += (double)sound.samples[delay + i] * (double)sound.samples[delay + i];
        }
        best = fmax(best, product / sqrt(energy * own));
    }
    CHECK(best > 0.98);
    cairn_sound_free(&sound);
}

/* No input may end a process or be taken for a longer sound than it is. */
TEST(damaged_compressed_files_are_refused_or_short)
{
    static const char *const names[] = {"mono.flac", "stereo.flac", "mono.ogg", "mono.mp3"};
    cairn_sound sound = {0};
    cairn__ffmpeg_quiet();
    for (size_t i = 0; i < CAIRN__COUNT(names) && CAIRN__HAVE_FFMPEG; i++) {
        char path[1024];
        size_t n;
        snprintf(path, sizeof path, "%s%s", FOLDER, names[i]);
        char *bytes = test_read_file(path, &n);
        for (size_t k = 0; bytes && k < 40; k++) {
            cairn_status status = CAIRN_STATUS_INIT;
            char was = bytes[k * n / 40];
            bytes[k * n / 40] = (char)~was;
            if (!cairn_sound_decode(bytes, n, names[i], NULL, &sound, &status))
                CHECK(status.code != CAIRN_OK && sound.length == 0);
            bytes[k * n / 40] = was;
            status = (cairn_status)CAIRN_STATUS_INIT;
            bool good = cairn_sound_decode(bytes, k * n / 40, names[i], NULL, &sound, &status);
            CHECK(!good || sound.length < 4000 + 2400);
            if (i < 2)
                CHECK(!good); /* FLAC knows its length */
        }
        cairn__free(bytes);
    }
    cairn_sound_free(&sound);
}

TEST(what_is_no_sound_is_named)
{
    static const char playlist[] = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n";
    cairn_sound sound = {0};
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__ffmpeg_quiet();
    CHECK(!cairn_sound_decode(playlist, sizeof playlist - 1, "list.m3u8", NULL, &sound, &status));
    CHECK_INT(status.code, CAIRN__HAVE_FFMPEG ? CAIRN_ERR_FORMAT : CAIRN_ERR_MISSING);
    CHECK_CONTAINS(status.message, "list.m3u8: ");
    cairn_sound_free(&sound);
}

/* ---- golden values --------------------------------------------------------------------------- */

TEST(resampling_matches_its_definition)
{
    FILE *file = fopen(FOLDER "golden.txt", "r");
    static float x[1500];
    char line[200];
    cairn_sound from = {.length = 1500, .channels = 1, .samples = x}, to = {0};
    cairn_status status = CAIRN_STATUS_INIT;
    int64_t was = 0;
    int checked = 0;
    while (file && next_line(file, "resample ", line, sizeof line)) {
        long long old, rate, j;
        double value;
        sscanf(line, "resample %lld %lld %lld %lf", &old, &rate, &j, &value);
        if (old * 1000000 + rate != was) {
            was = old * 1000000 + rate;
            from.rate = old;
            signal_of(x, 1500, (double)old);
            CHECK(cairn_sound_resample(&from, rate, &to, &status));
            CHECK_INT(to.length, (1500 * rate + old - 1) / old);
        }
        /* Weights and results are f32: some units of 2^-24. */
        CHECK_NEAR((double)to.samples[j], value, 1e-6);
        checked++;
    }
    CHECK(checked > 50);
    if (file)
        fclose(file);
    cairn_sound_free(&to);
}

TEST(log_mel_matches_its_definition)
{
    FILE *file = fopen(FOLDER "golden.txt", "r");
    static float x[4000], out[23 * 80];
    char line[200];
    cairn_logmel_options options = cairn_logmel_defaults();
    cairn_logmel *logmel = NULL;
    cairn_status status = CAIRN_STATUS_INIT;
    int checked = 0;
    options.bins = 0;
    signal_of(x, 4000, 16000);
    while (file && next_line(file, "logmel ", line, sizeof line)) {
        long long bins, t, b;
        double value;
        sscanf(line, "logmel %lld %lld %lld %lf", &bins, &t, &b, &value);
        if (bins != options.bins) {
            options.bins = bins;
            cairn_logmel_free(logmel);
            logmel = cairn_logmel_new(&options, &status);
            CHECK_OK(status);
            CHECK_INT(cairn_logmel_frames(logmel, 4000), 23);
            cairn_logmel_run(logmel, x, 4000, out);
        }
        CHECK_NEAR((double)out[t * bins + b], value, 1e-6);
        checked++;
    }
    CHECK(checked > 60);
    if (file)
        fclose(file);
    cairn_logmel_free(logmel);
}

/* Figures of the published front ends: docs of TRILLsson and FRILL. */
TEST(log_mel_of_a_sine_and_of_silence)
{
    static float x[32000], out[198 * 80];
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_logmel *logmel = cairn_logmel_new(NULL, &status);
    CHECK_OK(status);
    CHECK_INT(cairn_logmel_frames(logmel, 32000), 198);
    CHECK_INT(cairn_logmel_frames(logmel, 399), 0);
    cairn_logmel_run(logmel, x, 32000, out);
    CHECK_NEAR((double)out[197 * 80 + 79], -6.907755277982, 1e-6);
    for (int i = 0; i < 400; i++)
        x[i] = (float)(0.5 * sin(2 * 3.14159265358979323846 * 1000 * i / 16000));
    cairn_logmel_run(logmel, x, 400, out);
    CHECK_NEAR((double)out[25], 4.007739832, 1e-6);
    CHECK_NEAR((double)out[23], 2.437409238, 1e-6);
    CHECK_NEAR((double)out[24], 3.994120675, 1e-6);
    CHECK_NEAR((double)out[26], 2.391636965, 1e-6);
    cairn_logmel_free(logmel);
    cairn_logmel_options options = cairn_logmel_defaults();
    options.high = 8001;
    CHECK(!cairn_logmel_new(&options, &status));
    CHECK_CONTAINS(status.message, "to 8001 Hz, expected 0 <= low < high <= 8000");
}

TEST(the_transform_of_every_size_matches_its_definition)
{
    const double pi = 3.14159265358979323846;
    for (int64_t n = 4; n <= 1024; n *= 2) {
        static double x[1024], copy[1024], magnitude[513];
        cairn__fft fft;
        cairn_status status = CAIRN_STATUS_INIT;
        for (int64_t i = 0; i < n; i++)
            x[i] = copy[i] = sin((double)(i * i % 101)) + 0.3;
        CHECK(cairn__fft_new(&fft, n, &status));
        cairn__fft_magnitude(&fft, copy, magnitude);
        for (int64_t k = 0; k <= n / 2; k++) {
            double re = 0, im = 0;
            for (int64_t i = 0; i < n; i++) {
                re += x[i] * cos(2 * pi * (double)(i * k % n) / (double)n);
                im -= x[i] * sin(2 * pi * (double)(i * k % n) / (double)n);
            }
            CHECK_NEAR(magnitude[k], sqrt(re * re + im * im), 1e-10);
        }
        cairn__fft_free(&fft);
    }
}

/* ---- changes --------------------------------------------------------------------------------- */

TEST(cutting_and_padding)
{
    static const float x[] = {0, 1, 2};
    static const struct {
        int64_t n, first;
        cairn_sound_pad pad;
        float out[8];
    } all[] = {
        {3, 0, CAIRN_SOUND_PAD_MIRROR, {0, 1, 2, 2, 1, 0, 0, 1}},
        {3, 0, CAIRN_SOUND_PAD_REPEAT, {0, 1, 2, 0, 1, 2, 0, 1}},
        {3, 1, CAIRN_SOUND_PAD_ZERO, {1, 2, 0, 0, 0, 0, 0, 0}},
        {0, 0, CAIRN_SOUND_PAD_MIRROR, {0}},
    };
    for (size_t i = 0; i < CAIRN__COUNT(all); i++) {
        float out[8];
        cairn_sound_cut(x, all[i].n, all[i].first, 8, all[i].pad, out);
        CHECK(memcmp(out, all[i].out, sizeof out) == 0);
    }
}

TEST(noise_has_the_ratio_asked_for)
{
    static float x[4000], was[4000], noise[777];
    signal_of(x, 4000, 16000);
    memcpy(was, x, sizeof x);
    cairn_random_normal_fill(7, 3, 777, noise);
    cairn_sound_add_noise(x, 4000, noise, 777, 12);
    double signal = 0, added = 0;
    for (int i = 0; i < 4000; i++) {
        double d = (double)x[i] - (double)was[i];
        signal += (double)was[i] * (double)was[i];
        added += d * d;
    }
    CHECK_NEAR(10 * log10(signal / added), 12, 1e-4);
    static float silence[10];
    cairn_sound_add_noise(silence, 10, noise, 777, 0);
    CHECK(silence[0] == 0 && silence[9] == 0);
}

TEST(shifts_leave_zeros_behind)
{
    static const float expected[][4] = {{0, 0, 1, 2}, {3, 4, 0, 0}, {0}, {0}, {1, 2, 3, 4}};
    static const int64_t by[] = {2, -2, 4, INT64_MIN, 0};
    for (size_t i = 0; i < CAIRN__COUNT(by); i++) {
        float x[] = {1, 2, 3, 4};
        cairn_sound_shift(x, 4, by[i]);
        CHECK(memcmp(x, expected[i], sizeof x) == 0);
    }
}

/* Masks are whole rows and columns, within their widths, and all widths and places occur. */
TEST(masks_are_bands_of_the_widths_drawn)
{
    enum { FRAMES = 12, BINS = 9 };
    const cairn_specaugment_options options = {
        .freq_masks = 1, .freq_width = 3, .time_masks = 1, .time_width = 100, .time_share = 0.5};
    bool widths[BINS + 1] = {0}, runs[FRAMES + 1] = {0}, ends[2] = {0};
    for (uint64_t stream = 0; stream < 500; stream++) {
        float x[FRAMES * BINS];
        int columns = 0, rows = 0;
        for (int i = 0; i < FRAMES * BINS; i++)
            x[i] = 1;
        cairn_specaugment(x, FRAMES, BINS, &options, -5, 1, stream);
        for (int b = 0; b < BINS; b++) {
            int masked = 0;
            for (int t = 0; t < FRAMES; t++)
                masked += x[t * BINS + b] < 0;
            columns += masked == FRAMES;
            ends[0] |= masked == FRAMES && b == 0;
            ends[1] |= masked == FRAMES && b == BINS - 1;
        }
        for (int t = 0; t < FRAMES; t++) {
            int masked = 0;
            for (int b = 0; b < BINS; b++)
                masked += x[t * BINS + b] < 0;
            rows += masked == BINS;
        }
        widths[columns] = true;
        runs[rows] = true;
    }
    for (int i = 0; i <= BINS; i++)
        CHECK_INT(widths[i], i <= 3);
    for (int i = 0; i <= FRAMES; i++)
        CHECK_INT(runs[i], i <= 6);
    CHECK(ends[0] && ends[1]);
}

/* ---- memory ---------------------------------------------------------------------------------- */

TEST(every_allocation_may_fail)
{
    static const int16_t s16[] = {1, 2, 3, 4};
    wav w = make_wav(1, 2, 8000, 16, s16, 8, 8, false);
    bool done = false;
    for (int64_t n = 1; !done && n < 100; n++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_sound sound = {0};
        cairn_sound_options options = cairn_sound_defaults();
        options.rate = 16000;
        cairn__alloc_fail_after(n);
        cairn_sound_decode(w.bytes, w.n, "t.wav", &options, &sound, &status);
        cairn_logmel *logmel = cairn_logmel_new(NULL, &status);
        cairn__alloc_fail_after(0);
        done = cairn_ok(&status);
        CHECK(done || status.code == CAIRN_ERR_MEMORY);
        cairn_logmel_free(logmel);
        cairn_sound_free(&sound);
    }
    CHECK(done);
}
