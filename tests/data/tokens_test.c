/* Texts, shards and windows: documents of every cut, what is written is read back, every window
 * once an epoch, resuming, and what is damaged by name and place. */
#include "cairn/tokens.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/permute.h"
#include "data/real.h"
#include "test.h"

static void write_text(const char *name, const char *text)
{
    test_write_file(test_path(name), text, strlen(text));
}

/* All documents of a path, each followed by '|'. */
static void check_documents(const char *name, const cairn_text_options *o, const char *expected)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__text all = {0};
    const char *bytes;
    size_t n;
    cairn_text *t = cairn_text_open(test_path(name), o, &status);
    while (t && cairn_text_next(t, &bytes, &n, &status)) {
        cairn__text_add_bytes(&all, bytes, n);
        cairn__text_add(&all, "|");
    }
    cairn__text_add(&all, "%s", status.message);
    char *hidden = strstr(all.data, test_directory()); /* whose name is different every time */
    if (hidden)
        memmove(hidden, hidden + strlen(test_directory()),
                strlen(hidden + strlen(test_directory())) + 1);
    CHECK_TEXT(all.data, expected);
    cairn__free(all.data);
    cairn_text_free(t);
}

TEST(documents_of_every_cut)
{
    cairn_text_options o = cairn_text_defaults();
    write_text("a.txt", "\xEF\xBB\xBFone\r\ntwo\n\n\n\nthree\n--\n--\nfour");
    check_documents("a.txt", NULL, "one\ntwo\n\n\n\nthree\n--\n--\nfour|");
    o.cut = CAIRN_TEXT_BLANK;
    check_documents("a.txt", &o, "one\ntwo|three\n--\n--\nfour|");
    o.cut = CAIRN_TEXT_SEPARATOR;
    strcpy(o.separator, "--");
    check_documents("a.txt", &o, "one\ntwo\n\n\n\nthree|four|");
    o.cut = CAIRN_TEXT_LINE;
    check_documents("a.txt", &o, "one|two|three|--|--|four|");
    o.document_limit = 4;
    check_documents("a.txt", &o, "one|two|/a.txt:6: longer than the limit of 4 bytes");
    o.document_limit = 6;
    o.cut = CAIRN_TEXT_FILE;
    check_documents("a.txt", &o, "/a.txt:2: the document is longer than the limit of 6 bytes");
    write_text("b.txt", "good\nbad \xC0\n");
    check_documents("b.txt", NULL, "/b.txt:2: byte 5 is not UTF-8");
    write_text("c.txt", "\n\n");
    check_documents("c.txt", NULL, "");
}

TEST(documents_of_json_lines_and_of_folders)
{
    cairn_text_options o = cairn_text_defaults();
    mkdir(test_path("t"), 0777);
    mkdir(test_path("t/z"), 0777);
    write_text("t/b.jsonl", "{\"text\": \"caf\\u00e9\", \"n\": 1}\n\n{\"n\": 2, \"text\": \"\"}\n");
    write_text("t/a.txt", "first\n");
    write_text("t/z/c.txt", "last");
    write_text("t/.hidden", "not this");
    check_documents("t", NULL, "first|caf\xC3\xA9||last|");
    strcpy(o.field, "n");
    check_documents("t/b.jsonl", &o, "/t/b.jsonl:1: no text in the field 'n', expected a string");
    strcpy(o.field, "title");
    check_documents("t/b.jsonl", &o, "/t/b.jsonl:1: no field 'title', expected a string");
    write_text("bad.jsonl", "{\"text\": \"x\"}\n[1]\n");
    check_documents("bad.jsonl", NULL, "x|/bad.jsonl:2: is not an object of JSON");
    write_text("bad.jsonl", "{\"text\": \"x\"}\n{\"text\": \n");
    check_documents("bad.jsonl", NULL, "x|/bad.jsonl:2: byte 9: unexpected token near end of file");
}

static cairn_tokens *write_shard(const char *name, int64_t vocabulary, int64_t n)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_token_writer *w = cairn_tokens_create(test_path(name), vocabulary, 7, &status);
    for (int64_t i = 0; i < n; i++) {
        int32_t id = (int32_t)(i * 31 % vocabulary);
        CHECK(cairn_tokens_add(w, &id, 1, &status));
    }
    CHECK(cairn_tokens_finish(w, &status));
    cairn_token_writer_free(w);
    cairn_tokens *t = cairn_tokens_open(test_path(name), &status);
    CHECK_OK(status);
    return t;
}

TEST(what_is_written_is_read_back)
{
    static const int64_t vocabularies[] = {1, 257, 65536, 65537, INT32_MAX};
    for (size_t k = 0; k < CAIRN__COUNT(vocabularies); k++) {
        int64_t v = vocabularies[k], n = 40001; /* more than two buffers */
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_tokens *t = write_shard("s.tokens", v, n);
        cairn_tokens_info info = cairn_tokens_about(t);
        CHECK_INT(info.count, n);
        CHECK_INT(info.vocabulary, v);
        CHECK_INT(info.id_bytes, v <= 65536 ? 2 : 4);
        CHECK_INT(info.tokenizer, 7);
        CHECK(cairn_tokens_verify(t, &status));
        int32_t ids[3];
        CHECK(cairn_tokens_read(t, n - 3, 3, ids, &status));
        for (int64_t i = 0; i < 3; i++)
            CHECK_INT(ids[i], (n - 3 + i) * 31 % v);
        CHECK_OK(status);
        CHECK(!cairn_tokens_read(t, n - 2, 3, ids, &status));
        CHECK_CONTAINS(status.message, "3 tokens from 39999 on, of 40001");
        cairn_tokens_free(t);
    }
}

/* Every byte of the header counts, and so does every id. */
TEST(any_changed_byte_is_found)
{
    cairn_tokens_free(write_shard("d.tokens", 300, 50));
    size_t n;
    char *bytes = test_read_file(test_path("d.tokens"), &n);
    CHECK_INT(n, 64 + 100);
    for (size_t i = 0; bytes && i < n; i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        bytes[i] ^= 1;
        cairn_tokens *t = cairn_tokens_parse(bytes, n, "d.tokens", &status);
        CHECK(!t || !cairn_tokens_verify(t, &status));
        CHECK_CONTAINS(status.message, "d.tokens: ");
        bytes[i] ^= 1;
        cairn_tokens_free(t);
    }
    for (size_t i = 0; bytes && i < n; i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        CHECK(!cairn_tokens_parse(bytes, i, "d.tokens", &status));
        CHECK_INT(status.code, CAIRN_ERR_FORMAT);
    }
    cairn__free(bytes);
}

TEST(writers_refuse_ids_outside_and_leave_nothing_behind)
{
    cairn_status status = CAIRN_STATUS_INIT;
    int32_t id = 10;
    CHECK(!cairn_tokens_create(test_path("w.tokens"), 0, 0, &status));
    CHECK_CONTAINS(status.message, "a vocabulary of 0, expected 1 to 2^31 - 1");
    status = (cairn_status)CAIRN_STATUS_INIT;
    cairn_token_writer *w = cairn_tokens_create(test_path("w.tokens"), 10, 0, &status);
    CHECK(w && !cairn_tokens_add(w, &id, 1, &status));
    CHECK_CONTAINS(status.message, "w.tokens: token 0 is 10, expected 0 to 9");
    cairn_token_writer_free(w);
    CHECK(access(test_path("w.tokens"), F_OK) != 0);
}

TEST(computed_orders_are_one_to_one_and_differ)
{
    static char seen[5000];
    for (int64_t n = 1; n < 5000; n = n < 70 ? n + 1 : n * 2 - 3) {
        int64_t in_place = 0;
        memset(seen, 0, sizeof seen);
        for (int64_t i = 0; i < n; i++) {
            int64_t at = cairn__permute(3, 5, n, i);
            CHECK(at >= 0 && at < n && !seen[at]);
            seen[at] = 1;
            in_place += at == i;
        }
        CHECK(n < 70 || in_place < 10); /* one on average */
    }
    /* Neighbours land anywhere: their mean distance is a third of the length. */
    double sum = 0;
    for (int64_t i = 0; i < 4000; i++)
        sum +=
            fabs((double)(cairn__permute(9, 1, 1 << 30, i) - cairn__permute(9, 1, 1 << 30, i + 1)));
    CHECK_NEAR(sum / 4000 / (1 << 30), 1.0 / 3, 0.015); /* 4 times 0.236 / sqrt(4000) */
}

TEST(every_window_once_an_epoch_and_resumed_where_it_stood)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_window_options o = cairn_window_defaults();
    cairn_tokens *a = write_shard("a.tokens", 1000, 101), *b = write_shard("b.tokens", 1000, 47);
    const cairn_tokens *const shards[] = {a, b};
    o.length = 10;
    o.batch = 4;
    o.drop_last = false;
    cairn_windows *w = cairn_windows_new(shards, 2, &o, &status);
    CHECK_OK(status);
    CHECK_INT(cairn_windows_count(w), 10 + 4);
    CHECK_INT(cairn_windows_batches(w), 4);
    static int32_t all[3][4][44];
    int64_t first[2][16];
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        int seen[14] = {0};
        const cairn_window_batch *batch;
        while ((batch = cairn_windows_next(w, &status))) {
            CHECK_INT(batch->epoch, epoch);
            CHECK_INT(batch->size, batch->index < 3 ? 4 : 2);
            memcpy(all[epoch][batch->index], batch->ids, sizeof all[0][0]);
            for (int64_t r = 0; r < 4; r++) {
                int64_t window = batch->windows[r];
                if (epoch < 2)
                    first[epoch][batch->index * 4 + r] = window;
                CHECK(r < batch->size ? window >= 0 && window < 14 && !seen[window]++
                                      : window == -1);
                for (int64_t i = 0; i < 11; i++)
                    CHECK_INT(batch->ids[r * 11 + i],
                              r < batch->size ? ((window % 10) * 10 + i) * 31 % 1000 : -1);
            }
        }
        CHECK_OK(status);
    }
    CHECK(memcmp(first[0], first[1], sizeof first[0]) != 0);
    CHECK(cairn_windows_seek(w, (cairn_loader_position){1, 2}, &status));
    const cairn_window_batch *again = cairn_windows_next(w, &status);
    CHECK(again && memcmp(again->ids, all[1][2], sizeof all[0][0]) == 0);
    CHECK_INT(cairn_windows_tell(w).batch, 3);
    CHECK(!cairn_windows_seek(w, (cairn_loader_position){0, 5}, &status));
    status = (cairn_status)CAIRN_STATUS_INIT;
    cairn_windows_free(w);
    o.length = 200;
    CHECK(!cairn_windows_new(shards, 2, &o, &status));
    CHECK_CONTAINS(status.message, "0 windows of 200 tokens, expected at least 1");
    status = (cairn_status)CAIRN_STATUS_INIT;
    cairn_tokens *other = write_shard("c.tokens", 999, 47);
    const cairn_tokens *const unlike[] = {a, other};
    CHECK(!cairn_windows_new(unlike, 2, &o, &status));
    CHECK_INT(status.code, CAIRN_ERR_TYPE);
    cairn_tokens_free(a);
    cairn_tokens_free(b);
    cairn_tokens_free(other);
}

TEST(windows_of_a_stretch_are_those_and_no_others)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_window_options o = cairn_window_defaults();
    cairn_tokens *a = write_shard("a.tokens", 1000, 101), *b = write_shard("b.tokens", 1000, 47);
    const cairn_tokens *const shards[] = {a, b};
    o.length = 10; /* 10 windows and 4 */
    o.batch = 2;
    o.first = 7;
    o.most = 5;
    o.drop_last = false;
    cairn_windows *w = cairn_windows_new(shards, 2, &o, &status);
    const cairn_window_batch *batch;
    int seen[14] = {0};
    CHECK_INT(cairn_windows_count(w), 5);
    CHECK_INT(cairn_windows_batches(w), 3);
    while ((batch = cairn_windows_next(w, &status)))
        for (int64_t r = 0; r < batch->size; r++)
            seen[batch->windows[r]]++;
    for (int i = 0; i < 14; i++)
        CHECK_INT(seen[i], i >= 7 && i < 12);
    CHECK_OK(status);
    cairn_windows_free(w);
    o.first = 15;
    CHECK(!cairn_windows_new(shards, 2, &o, &status));
    CHECK_CONTAINS(status.message, "windows from 15, 5 at most, expected a place in 14");
    cairn_tokens_free(a);
    cairn_tokens_free(b);
}

/* Three novels and 7,473 problems, whose sizes are known. */
TEST(real_texts_become_shards)
{
    static const struct {
        const char *path, *field;
        int64_t documents;
    } all[] = {{"text/books", "text", 3}, {"gsm8k/train.jsonl", "question", 7473}};
    for (size_t i = 0; i < CAIRN__COUNT(all); i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_text_options o = cairn_text_defaults();
        char path[1024];
        if (!real_path(all[i].path, path))
            continue;
        strcpy(o.field, all[i].field);
        cairn_text *text = cairn_text_open(path, &o, &status);
        cairn_token_writer *w =
            cairn_tokens_create(test_path("real.tokens"), CAIRN_BYTE_VOCABULARY, 0, &status);
        CHECK_INT(cairn_tokens_encode(text, cairn_encode_bytes, NULL, w, &status),
                  all[i].documents);
        CHECK(cairn_tokens_finish(w, &status));
        CHECK_OK(status);
        cairn_tokens *t = cairn_tokens_open(test_path("real.tokens"), &status);
        CHECK(t && cairn_tokens_verify(t, &status));
        /* The bytes of the files, of which each ends in '\n' where the document has its end. */
        if (t && i == 0)
            CHECK_INT(cairn_tokens_about(t).count, 3274088 + 1234123 + 917184);
        cairn_tokens_free(t);
        cairn_token_writer_free(w);
        cairn_text_free(text);
    }
}
