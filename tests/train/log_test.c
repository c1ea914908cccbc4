/* log.jsonl, the judge of losses, and histories. */
#include <unistd.h>

#include "test.h"
#include "train/train.h"

typedef struct seen {
    int lines;
    cairn__log_entry last;
    char event[32], message[64], name[32];
    double value;
} seen;

static bool visit(const cairn__log_entry *entry, void *user, cairn_status *status)
{
    seen *s = user;
    (void)status;
    s->lines++;
    s->last = *entry;
    snprintf(s->event, sizeof s->event, "%s", entry->event);
    snprintf(s->message, sizeof s->message, "%s", entry->message ? entry->message : "");
    snprintf(s->name, sizeof s->name, "%s", entry->n ? entry->figures[0].name : "");
    s->value = entry->n ? entry->figures[0].value : 0;
    return true;
}

static seen read_log(const char *path, int64_t length)
{
    seen s = {0};
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(cairn__log_read(path, length, visit, &s, &status));
    CHECK_OK(status);
    return s;
}

TEST(lines_are_written_and_read_back)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__log_file log = {.file = -1};
    const char *path = test_path("a.jsonl");
    CHECK(cairn__log_open(&log, path, &status));
    cairn_figure figures[] = {{"loss", 0.1}, {"test/\"odd\"", NAN}};
    cairn__log_entry entry = {"step", {7, 1, 448, 0.25}, -1, NULL, figures, 2};
    CHECK(cairn__log_write(&log, &entry, &status));
    size_t n;
    char *text = test_read_file(path, &n);
    CHECK_TEXT(text, "{\"event\":\"step\",\"step\":7,\"epoch\":1,\"examples\":448,\"seconds\":0.25,"
                     "\"figures\":{\"loss\":0.1,\"test/\\\"odd\\\"\":null}}\n");
    CHECK_INT(log.length, n);
    cairn__free(text);
    entry = (cairn__log_entry){"rewind", {9, 1, 500, 0.5}, 3, "why", NULL, 0};
    CHECK(cairn__log_write(&log, &entry, &status));
    seen s = read_log(path, -1);
    CHECK_INT(s.lines, 2);
    CHECK_TEXT(s.event, "rewind");
    CHECK_TEXT(s.message, "why");
    CHECK_INT(s.last.to, 3);
    CHECK_INT(s.last.at.step, 9);
    s = read_log(path, (int64_t)n);
    CHECK_INT(s.lines, 1);
    CHECK_TEXT(s.name, "loss");
    CHECK_NEAR(s.value, 0.1, 0);
    CHECK_OK(status);
    cairn__log_close(&log);
}

TEST(torn_and_foreign_lines_are_skipped)
{
    static const char text[] =
        "{\"event\":\"step\",\"step\":1}\n"
        "not json\n"
        "[1,2]\n"
        "{\"event\":5,\"step\":1}\n"
        "{\"event\":\"step\",\"step\":-4}\n"
        "\n"
        "{\"event\":\"step\",\"step\":2,\"figures\":{\"loss\":2,\"x\":\"y\"}}\n"
        "{\"event\":\"step\",\"step\":3,\"figures\":{\"lo";
    const char *path = test_path("torn.jsonl");
    for (size_t n = 0; n < sizeof text; n++) { /* torn at every byte */
        test_write_file(path, text, n);
        seen s = read_log(path, -1);
        CHECK(s.lines <= 2);
        CHECK(s.lines < 2 || (s.last.at.step == 2 && s.value == 2 && s.last.n == 2));
    }
    seen s = read_log(path, -1);
    CHECK_INT(s.lines, 2);
    size_t n = 1 << 20;
    char *large = cairn__alloc(n + sizeof text, 1, NULL);
    memset(large, ' ', n);
    memcpy(large + n, text, sizeof text); /* the first line is too long for one of ours */
    test_write_file(path, large, n + sizeof text - 1);
    CHECK_INT(read_log(path, -1).lines, 1);
    cairn__free(large);
    CHECK_INT(read_log(test_path("absent.jsonl"), -1).lines, 0);
}

TEST(one_log_has_one_writer)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__log_file a = {.file = -1}, b = {.file = -1};
    const char *path = test_path("locked.jsonl");
    CHECK(!cairn__log_locked(path));
    CHECK(cairn__log_open(&a, path, &status));
    CHECK(cairn__log_locked(path));
    CHECK(!cairn__log_open(&b, path, &status));
    CHECK_INT(status.code, CAIRN_ERR_STATE);
    CHECK_CONTAINS(status.message, "another process trains");
    cairn__log_close(&a);
    CHECK(!cairn__log_locked(path));
}

/* ---- judging
 * -------------------------------------------------------------------------------------- */

TEST(a_spike_is_above_a_multiple_of_the_median)
{
    char text[128];
    cairn__judge j = {.factor = 4};
    CHECK(cairn__judge_loss(&j, NAN, text));
    CHECK_CONTAINS(cairn__judge_loss(&j, INFINITY, text), "infinite");
    for (int i = 0; i < CAIRN__JUDGE_WINDOW; i++) {
        CHECK(!cairn__judge_loss(&j, 1e9, text)); /* too few losses to say */
        cairn__judge_keep(&j, i % 10 == 0 ? 100 : 2);
    }
    CHECK(!cairn__judge_loss(&j, 8, text));
    CHECK_TEXT(cairn__judge_loss(&j, 8.5, text),
               "the loss 8.5 is above 4 times the median 2 of the last 100");
    j.factor = 0;
    CHECK(!cairn__judge_loss(&j, 1e30, text));
}

/* The dumb twin: sort the last hundred. */
TEST(the_window_is_that_of_the_last_hundred)
{
    cairn__judge j = {.factor = 1}, copy = {.factor = 1};
    double all[400], last[CAIRN__JUDGE_WINDOW], window[CAIRN__JUDGE_WINDOW];
    for (int i = 0; i < 400; i++) {
        uint32_t words[4];
        cairn_random_bits(test_seed(), 5, (uint64_t)i, words);
        all[i] = words[0] % 50; /* with ties */
        cairn__judge_keep(&j, all[i]);
        int n = CAIRN__MIN(i + 1, CAIRN__JUDGE_WINDOW);
        memcpy(last, all + i + 1 - n, (size_t)n * sizeof *last);
        CHECK_INT(cairn__judge_window(&j, window), n);
        CHECK(memcmp(window, last, (size_t)n * sizeof *last) == 0);
        for (int a = 1; a < n; a++) /* insertion sort */
            for (int b = a; b > 0 && last[b - 1] > last[b]; b--) {
                double swap = last[b];
                last[b] = last[b - 1];
                last[b - 1] = swap;
            }
        CHECK(memcmp(j.sorted, last, (size_t)n * sizeof *last) == 0);
        cairn__judge_restore(&copy, window, n);
        CHECK(memcmp(copy.sorted, last, (size_t)n * sizeof *last) == 0);
    }
}

/* ---- tracks
 * --------------------------------------------------------------------------------------- */

TEST(tracks_are_cut_at_a_step)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__tracks tracks = {0};
    for (int i = 1; i <= 300; i++) {
        cairn__tracks_add(&tracks, "a", (cairn__place){i, 0, 2 * i, i / 10.0}, i, &status);
        if (i % 100 == 0)
            cairn__tracks_add(&tracks, "b", (cairn__place){i, 0, 2 * i, i / 10.0}, -i, &status);
    }
    CHECK_OK(status);
    cairn__tracks_cut(&tracks, 150);
    CHECK_INT(cairn__tracks_find(&tracks, "a")->n, 150);
    CHECK_INT(cairn__tracks_find(&tracks, "b")->n, 1);
    CHECK_NEAR(tracks.figures[1].value, -100, 0);
    cairn__tracks_cut(&tracks, 50);
    CHECK(isnan(tracks.figures[1].value));
    CHECK(!cairn__tracks_find(&tracks, "c"));
    cairn__tracks_free(&tracks);
}
