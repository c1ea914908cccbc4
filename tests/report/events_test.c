/* Event files: known answers of the CRC, exact bytes of a record and of every kind of summary (from
 * tools/golden/events.py, which also has TensorBoard read a file), and ways to fail. */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/wire.h"
#include "report/report.h"
#include "test.h"

typedef struct run_options {
    double rate;
    int64_t batch;
    bool mixup;
    cairn_span warmup;
} run_options;

static const cairn_option table[] = {
    CAIRN_OPT_REAL(run_options, rate, 0.5, 0, 1, "step size", ""),
    CAIRN_OPT_COUNT(run_options, batch, 32, 1, 1024, "examples in one step", ""),
    CAIRN_OPT_FLAG(run_options, mixup, 1, "mix pairs of examples", ""),
    CAIRN_OPT_SPAN(run_options, warmup, "5ep", "rise", ""),
    CAIRN_OPT_END,
};

static const float values[] = {0, 1, 2, 4, NAN, INFINITY};
static const uint8_t grey[6] = {0, 50, 100, 150, 200, 250};
static const cairn_report_picture picture = {grey, 2, 3, 1, 0, NULL};

/* ---- known answers -------------------------------------------------------------------------- */

TEST(crc32c_known_answers) /* RFC 3720, appendix B.4; the last from the CRC catalogue */
{
    static const uint8_t command[48] = {
        0x01, 0xC0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, 0x28, [40] = 0x02,
    };
    uint8_t bytes[32] = {0};
    CHECK_INT(cairn__crc32c(bytes, 32), 0x8A9136AA);
    memset(bytes, 0xFF, 32);
    CHECK_INT(cairn__crc32c(bytes, 32), 0x62A8AB43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    CHECK_INT(cairn__crc32c(bytes, 32), 0x46DD794E);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    CHECK_INT(cairn__crc32c(bytes, 32), 0x113FDB5C);
    CHECK_INT(cairn__crc32c(command, 48), 0xD9963A56);
    CHECK_INT(cairn__crc32c("123456789", 9), 0xE3069283);
    CHECK_INT(cairn__crc32c("", 0), 0);
}

static void check_bytes(cairn__text *text, const char *expected)
{
    cairn__text hex = {0};
    for (size_t i = 0; i < text->length; i++)
        cairn__text_add(&hex, "%02x", (unsigned char)text->data[i]);
    CHECK_TEXT(hex.data, expected);
    cairn__free(hex.data);
    cairn__free(text->data);
    *text = (cairn__text){0};
}

TEST(record_framing)
{
    cairn__text text = {0};
    cairn__record(&text, "cairn", 5);
    check_bytes(&text, "0500000000000000eab2043e636169726eb3c8ef71");
}

TEST(summaries_byte_for_byte)
{
    run_options options;
    cairn_options_defaults(table, &options);
    cairn__text text = {0}, part = {0};
    cairn__summary_scalar(&text, &part, "loss", 0.25);
    cairn__free(part.data);
    check_bytes(&text, "0a0b0a046c6f7373150000803e");
    cairn__summary_text(&text, "note", "two *words*");
    check_bytes(&text,
                "0a270a046e6f746542150807120412020801420b74776f202a776f7264732a4a080a060a0474"
                "657874");
    cairn__summary_options(&text, 1000.5, table, &options);
    check_bytes(&text,
                "0a8d010a1c5f68706172616d735f2f73657373696f6e5f73746172745f696e666f420e080112"
                "04120208012a04000000004a5d0a5b0a0768706172616d7312501a4e0a110a04726174651209"
                "11000000000000e03f0a120a05626174636812091100000000000040400a0b0a056d69787570"
                "120220010a0f0a067761726d757012051a03356570290000000000448f40");
}

TEST(long_messages_have_long_lengths)
{
    cairn__text text = {0};
    cairn__wire_integer(&text, 1, 300);
    cairn__wire_integer(&text, 16, -1);
    check_bytes(&text, "08ac028001ffffffffffffffffff01");
    char long_text[200];
    memset(long_text, 'x', sizeof long_text);
    cairn__wire_bytes(&text, 2, long_text, sizeof long_text);
    CHECK_INT(text.length, 203);
    CHECK_INT((unsigned char)text.data[1], 0xC8);
    CHECK_INT((unsigned char)text.data[2], 0x01);
    cairn__free(text.data);
}

/* ---- whole files ---------------------------------------------------------------------------- */

static void write_everything(cairn_events *e)
{
    run_options options;
    cairn_options_defaults(table, &options);
    cairn_events_options(e, table, &options);
    for (int64_t step = 100; step < 105; step++)
        cairn_events_scalar(e, "loss/train", step, 1.0 / (double)step);
    cairn_events_histogram(e, "weights", 104, values, 6);
    cairn_events_histogram(e, "nothing", 104, values + 4, 2);
    cairn_events_text(e, "note", 104, "two *words*");
    cairn_events_picture(e, "input", 104, &picture);
}

/* The only file in a folder. */
static char *only_file(const char *folder, size_t *n)
{
    char *bytes = NULL, path[800];
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        CHECK_CONTAINS(entry->d_name, "events.out.tfevents.");
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        CHECK(!bytes);
        bytes = test_read_file(path, n);
    }
    if (directory)
        closedir(directory);
    return bytes;
}

static uint64_t little_endian(const char *bytes, int n)
{
    uint64_t value = 0;
    for (int i = n - 1; i >= 0; i--)
        value = value << 8 | (unsigned char)bytes[i];
    return value;
}

/* Records up to the first that is torn or damaged. */
static int records(const char *bytes, size_t n)
{
    int count = 0;
    for (size_t at = 0; at + 16 <= n; count++) {
        uint64_t size = little_endian(bytes + at, 8);
        if (little_endian(bytes + at + 8, 4) != cairn__crc32c_masked(bytes + at, 8) ||
            size > n - at - 16 ||
            little_endian(bytes + at + 12 + size, 4) != cairn__crc32c_masked(bytes + at + 12, size))
            return count;
        at += 16 + size;
    }
    return count;
}

static const char *folder(const char *name)
{
    const char *path = test_path(name);
    char command[600];
    snprintf(command, sizeof command, "mkdir -p '%s'", path);
    CHECK(system(command) == 0);
    return path;
}

TEST(a_whole_file)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const char *given = getenv("CAIRN_EVENTS_SAMPLE");
    const char *where = given ? given : folder("whole");
    cairn_events *e = cairn_events_open(where, 100, &status);
    write_everything(e);
    CHECK(cairn_events_sync(e, &status));
    CHECK(cairn_events_close(e, &status));
    CHECK_OK(status);
    if (given)
        return;
    size_t n = 0;
    char *bytes = only_file(where, &n);
    /* version, start, options, five scalars, histogram, text, picture */
    CHECK_INT(records(bytes, n), cairn__png_built_in() ? 11 : 10);
    bytes[n / 2] ^= 1;
    CHECK(records(bytes, n) < 10);
    cairn__free(bytes);
}

TEST(every_record_is_there_before_the_call_returns)
{
    const char *where = folder("flushed");
    cairn_events *e = cairn_events_open(where, 0, NULL);
    for (int i = 0; i < 3; i++) {
        size_t n = 0;
        cairn_events_scalar(e, "loss", i, 1);
        char *bytes = only_file(where, &n);
        CHECK_INT(records(bytes, n), i + 2);
        cairn__free(bytes);
    }
    CHECK(cairn_events_close(e, NULL));
}

TEST(steady_state_allocates_nothing)
{
    cairn_events *e = cairn_events_open(folder("steady"), 0, NULL);
    cairn_events_scalar(e, "loss", 1, 1);
    int64_t before = cairn__alloc_count();
    for (int64_t step = 2; step < 50; step++)
        cairn_events_scalar(e, "loss", step, 1);
    CHECK_INT(cairn__alloc_count(), before);
    CHECK(cairn_events_close(e, NULL));
}

TEST(errors_are_named_and_kept)
{
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(!cairn_events_open(test_path("missing"), 0, &status));
    CHECK_INT(status.code, CAIRN_ERR_FILE);
    CHECK_CONTAINS(status.message, "missing/events.out");

    /* A limit on the size of files stands in for a full disk. */
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    const char *where = folder("full");
    cairn_events *e = cairn_events_open(where, 0, NULL);
    setrlimit(RLIMIT_FSIZE, &small);
    for (int64_t step = 1; step < 10; step++)
        cairn_events_scalar(e, "loss", step, 1);
    setrlimit(RLIMIT_FSIZE, &before);
    cairn_events_scalar(e, "loss", 10, 1); /* must not follow a torn record */
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_events_sync(e, &status));
    CHECK_CONTAINS(status.message, "cannot write");
    CHECK(!cairn_events_close(e, NULL));
    size_t n = 0;
    char *bytes = only_file(where, &n);
    CHECK_INT(n, 100);
    cairn__free(bytes);
}

TEST(out_of_memory_at_every_allocation)
{
    const char *where = folder("memory");
    for (int64_t n = 1;; n++) {
        cairn_status status = CAIRN_STATUS_INIT;
        int64_t before = cairn__alloc_count();
        cairn__alloc_fail_after(n);
        cairn_events *e = cairn_events_open(where, 100, &status);
        write_everything(e);
        if (e)
            cairn_events_close(e, &status);
        cairn__alloc_fail_after(0);
        if (cairn__alloc_count() - before < n) {
            CHECK_OK(status);
            CHECK(n > 20);
            break;
        }
        CHECK_INT(status.code, CAIRN_ERR_MEMORY);
    }
}
