/* Vocabularies: the ids of the packages whose files are read (tools/golden/vocabulary.py), any
 * bytes through encode and decode, and what is refused, by its name. */
#include "cairn/vocabulary.h"

#include <jansson.h>
#include <stdlib.h>

#include "test.h"
#include "text/vocabulary.h"

#define GOLDEN TEST_SOURCES "/text/golden/"

static const char *const files[] = {"gpt2.json",     "llama3.json",     "qwen2.json",
                                    "spm-bpe.model", "spm-llama.model", "spm-unigram.model",
                                    "llama3.gguf",   "spm-llama.gguf"};

static cairn_vocabulary *open_golden(const char *name)
{
    char path[512];
    cairn_status status = CAIRN_STATUS_INIT;
    snprintf(path, sizeof path, GOLDEN "%s", name);
    cairn_vocabulary *v = cairn_vocabulary_open(path, &status);
    CHECK_OK(status);
    return v;
}

static void check_ids(const cairn_vocabulary *v, const char *file, const json_t *row)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_id_list ids = {0};
    const json_t *text = json_array_get(row, 0), *expected = json_array_get(row, 1);
    const char *bytes = json_string_value(text);
    const bool special = strncmp(file, "spm", 3) != 0; /* as the packages do */
    CHECK(cairn_vocabulary_encode(v, bytes, json_string_length(text), special, &ids, &status));
    CHECK_OK(status);
    bool same = ids.n == (int64_t)json_array_size(expected);
    for (int64_t i = 0; same && i < ids.n; i++)
        same = ids.id[i] == json_integer_value(json_array_get(expected, (size_t)i));
    test_check(same, __FILE__, __LINE__, "%s: \"%s\" has %lld ids, expected %zu, or others", file,
               bytes, (long long)ids.n, json_array_size(expected));
    cairn_id_list_free(&ids);
}

TEST(ids_are_those_of_the_packages)
{
    json_error_t error;
    json_t *golden = json_load_file(GOLDEN "ids.json", JSON_ALLOW_NUL, &error);
    CHECK(golden != NULL);
    CHECK_INT(json_object_size(golden), CAIRN__COUNT(files));
    for (size_t f = 0; f < CAIRN__COUNT(files); f++) {
        const json_t *rows = json_object_get(golden, files[f]);
        cairn_vocabulary *v = open_golden(files[f]);
        CHECK(json_array_size(rows) > 25);
        for (size_t i = 0; v && i < json_array_size(rows); i++)
            check_ids(v, files[f], json_array_get(rows, i));
        cairn_vocabulary_free(v);
    }
    json_decref(golden);
}

static void check_round_trip(const cairn_vocabulary *v, const char *name, const char *bytes,
                             size_t n)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_id_list ids = {0};
    size_t size = 0;
    CHECK(cairn_vocabulary_encode(v, bytes, n, false, &ids, &status));
    CHECK(ids.n <= (int64_t)n + 1);
    char *back = cairn_vocabulary_decode(v, ids.id, ids.n, false, &size, &status);
    CHECK_OK(status);
    test_check(back && size == n && memcmp(back, bytes, n) == 0, __FILE__, __LINE__,
               "%s: %zu bytes came back as %zu others", name, n, size);
    cairn_description_free(back);
    cairn_id_list_free(&ids);
}

/* Random bytes, and random choices of what is special somewhere. */
static size_t random_text(uint64_t round, char *out)
{
    static const char *const parts[] = {
        "a",  " ",    "\n",     "\xE2\x96\x81",  "<0x41>",      "<s>", "7",
        "\r", "'ll",  "é",      "\xED\xA0\x80",  "\xF0\x9F",    "\0",  "\t",
        "数", "frac", "\\frac", "<|endoftext|>", "\xE2\x80\xA8"};
    size_t n = 0;
    uint32_t word[4];
    for (uint64_t i = 0; i < round % 60; i++) {
        cairn_random_bits(test_seed(), round, i, word);
        const char *part = parts[word[1] % CAIRN__COUNT(parts)];
        if (word[0] % 2)
            out[n++] = (char)word[1];
        else
            for (size_t k = CAIRN__MAX(strlen(part), 1), j = 0; j < k; j++)
                out[n++] = part[j];
    }
    return n;
}

TEST(any_bytes_survive)
{
    char text[2048];
    for (size_t f = 0; f <= CAIRN__COUNT(files); f++) {
        const char *name = f < CAIRN__COUNT(files) ? files[f] : "bytes";
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_vocabulary *v =
            f < CAIRN__COUNT(files) ? open_golden(name) : cairn_vocabulary_open(name, &status);
        CHECK(v && cairn_vocabulary_about(v).lossless);
        for (uint64_t round = 0; v && round < 400; round++)
            check_round_trip(v, name, text, random_text(round, text));
        cairn_vocabulary_free(v);
    }
}

TEST(a_megabyte_of_one_sign_takes_no_square_time)
{
    const size_t n = 1 << 20;
    cairn_status status = CAIRN_STATUS_INIT;
    char *text = cairn__alloc(n, 1, &status);
    for (size_t f = 0; f < CAIRN__COUNT(files); f++) {
        cairn_vocabulary *v = open_golden(files[f]);
        memset(text, f % 2 ? ' ' : 'a', n);
        check_round_trip(v, files[f], text, n);
        cairn_vocabulary_free(v);
    }
    cairn__free(text);
}

TEST(digits_are_single_in_lossless_models)
{
    static const char *const models[] = {"spm-bpe.model", "spm-unigram.model", "qwen2.json"};
    for (size_t m = 0; m < CAIRN__COUNT(models); m++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_vocabulary *v = open_golden(models[m]);
        cairn_id_list ids = {0};
        size_t n;
        CHECK(cairn_vocabulary_encode(v, "1234567890", 10, false, &ids, &status));
        CHECK_INT(ids.n, 10);
        for (int64_t i = 0; i < ids.n; i++)
            CHECK_INT(*cairn_vocabulary_piece(v, ids.id[i], &n), "1234567890"[i]);
        cairn_id_list_free(&ids);
        cairn_vocabulary_free(v);
    }
}

TEST(special_tokens_are_looked_for_only_when_asked)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_vocabulary *v = open_golden("gpt2.json");
    cairn_id_list ids = {0};
    size_t n;
    const int32_t end = cairn_vocabulary_find(v, "<|endoftext|>");
    CHECK_INT(cairn_vocabulary_about(v).end, end);
    CHECK(cairn_vocabulary_encode(v, "<|endoftext|>", 13, true, &ids, &status));
    CHECK_INT(ids.n, 1);
    CHECK_INT(ids.id[0], end);
    CHECK(cairn_vocabulary_encode(v, "<|endoftext|>", 13, false, &ids, &status));
    CHECK(ids.n > 2);
    for (int64_t i = 1; i < ids.n; i++)
        CHECK(ids.id[i] != end);
    char *text = cairn_vocabulary_decode(v, ids.id, 1, true, &n, &status);
    CHECK_TEXT(text, "<|endoftext|>");
    cairn_description_free(text);
    text = cairn_vocabulary_decode(v, ids.id, 1, false, &n, &status);
    CHECK_TEXT(text, "");
    cairn_description_free(text);
    CHECK(!cairn_vocabulary_decode(v, &(int32_t){99999}, 1, true, &n, &status));
    CHECK_CONTAINS(status.message, "id 99999");
    cairn_id_list_free(&ids);
    cairn_vocabulary_free(v);
}

TEST(identities_differ_and_stay)
{
    uint64_t hash[CAIRN__COUNT(files)];
    for (size_t f = 0; f < CAIRN__COUNT(files); f++) {
        cairn_vocabulary *a = open_golden(files[f]), *b = open_golden(files[f]);
        hash[f] = cairn_vocabulary_about(a).hash;
        CHECK(hash[f] == cairn_vocabulary_about(b).hash);
        for (size_t g = 0; g < f; g++) /* the two of Llama are one vocabulary in two files */
            CHECK(hash[f] != hash[g] || strncmp(files[f], "spm-llama", 9) == 0 ||
                  strncmp(files[f], "llama3", 6) == 0);
        cairn_vocabulary_free(a);
        cairn_vocabulary_free(b);
    }
}

TEST(a_shard_holds_the_ids_and_the_identity)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_vocabulary *v = open_golden("spm-bpe.model");
    const cairn_vocabulary_info info = cairn_vocabulary_about(v);
    test_write_file(test_path("a.txt"), "one\n\ntwo", 8);
    cairn_text_options o = cairn_text_defaults();
    o.cut = CAIRN_TEXT_BLANK;
    cairn_text *text = cairn_text_open(test_path("a.txt"), &o, &status);
    cairn_token_writer *w =
        cairn_tokens_create(test_path("a.tokens"), info.size, info.hash, &status);
    CHECK_INT(cairn_tokens_encode(text, cairn_encode_vocabulary, v, w, &status), 2);
    CHECK(cairn_tokens_finish(w, &status));
    cairn_tokens *shard = cairn_tokens_open(test_path("a.tokens"), &status);
    CHECK_OK(status);
    int32_t ids[64];
    size_t n;
    const int64_t count = shard ? cairn_tokens_about(shard).count : 0;
    CHECK(shard && cairn_tokens_about(shard).tokenizer == info.hash);
    CHECK(count < 64 && cairn_tokens_read(shard, 0, count, ids, &status));
    CHECK_INT(ids[count - 1], info.end);
    char *back = cairn_vocabulary_decode(v, ids, count, true, &n, &status);
    CHECK_TEXT(back, "one</s>two</s>");
    cairn_description_free(back);
    cairn_tokens_free(shard);
    cairn_token_writer_free(w);
    cairn_text_free(text);
    cairn_vocabulary_free(v);
}

/* A tokenizer.json with `from` changed to `to` must be refused with a sentence that has `part`. */
static void check_refused(const char *from, const char *to, const char *part)
{
    cairn_status status = CAIRN_STATUS_INIT;
    size_t n;
    char *whole = test_read_file(GOLDEN "llama3.json", &n), *place = strstr(whole, from);
    cairn__text changed = {0};
    CHECK(place != NULL);
    if (place) {
        cairn__text_add_bytes(&changed, whole, (size_t)(place - whole));
        cairn__text_add(&changed, "%s", to);
        cairn__text_add_bytes(&changed, place + strlen(from),
                              n - (size_t)(place - whole) - strlen(from));
        CHECK(!cairn_vocabulary_parse(CAIRN_VOCABULARY_HUGGINGFACE, changed.data, changed.length,
                                      "t.json", &status));
        CHECK_CONTAINS(status.message, part);
        CHECK_CONTAINS(status.message, "t.json");
    }
    cairn__free(changed.data);
    cairn__free(whole);
}

TEST(unknown_parts_are_refused_by_name)
{
    check_refused("\"normalizer\": null", "\"normalizer\": {\"type\": \"NFKC\"}", "NFKC");
    check_refused("\\\\p{N}{1,3}", "\\\\p{N}{1,4}", "{1,4}");
    check_refused("\"Isolated\"", "\"Removed\"", "Removed");
    check_refused("\"type\": \"BPE\"", "\"type\": \"WordPiece\"", "WordPiece");
    check_refused("\"lstrip\": false", "\"lstrip\": true", "lstrip");
    check_refused("\"Split\"", "\"Whitespace\"", "Whitespace");
    check_refused("\"dropout\": null", "\"dropout\": 0.1", "dropout");
    check_refused("\"!\": 1", "\"!!!!\": 1", "byte 0x21");
    check_refused("{", "[", "t.json:1");
}

TEST(damaged_models_are_refused)
{
    size_t n;
    char *bytes = test_read_file(GOLDEN "spm-bpe.model", &n);
    for (size_t cut = 0; cut < n; cut += 1 + cut / 8) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_vocabulary *v =
            cairn_vocabulary_parse(CAIRN_VOCABULARY_SENTENCEPIECE, bytes, cut, "t.model", &status);
        CHECK(!v && status.code != CAIRN_OK);
        CHECK_CONTAINS(status.message, "t.model");
        cairn_vocabulary_free(v);
    }
    cairn__free(bytes);
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(!cairn_vocabulary_open("nothing.xyz", &status));
    CHECK_CONTAINS(status.message, "nothing.xyz");
}

TEST(every_failed_allocation_is_an_error)
{
    for (size_t f = 0; f < CAIRN__COUNT(files); f++)
        for (int64_t calls = 1;; calls += 1 + calls / 4) {
            cairn_status status = CAIRN_STATUS_INIT;
            cairn_id_list ids = {0};
            char path[512];
            snprintf(path, sizeof path, GOLDEN "%s", files[f]);
            cairn__alloc_fail_after(calls);
            cairn_vocabulary *v = cairn_vocabulary_open(path, &status);
            const bool good = v && cairn_vocabulary_encode(v, " a b", 4, true, &ids, &status);
            cairn__alloc_fail_after(0);
            CHECK(good || status.code == CAIRN_ERR_MEMORY);
            cairn_id_list_free(&ids);
            cairn_vocabulary_free(v);
            if (good)
                break;
        }
}

/* Without the program the error must say so; with it, two trainings must give one file. */
TEST(training_is_repeatable_and_lossless)
{
    const bool have = system("spm_train --help > /dev/null 2>&1") == 0;
    for (int kind = 0; kind < 2; kind++) {
        size_t n[2] = {0, 0};
        char *model[2] = {NULL, NULL};
        cairn_vocabulary_options o = cairn_vocabulary_defaults();
        o.kind = kind;
        o.size = 500;
        for (int i = 0; i < 2; i++) {
            cairn_status status = CAIRN_STATUS_INIT;
            const char *path = test_path(i ? "second.model" : "first.model");
            cairn_text *text =
                cairn_text_open(TEST_SOURCES "/../docs/architecture.md", NULL, &status);
            const bool good = cairn_vocabulary_train(text, &o, path, &status);
            CHECK_INT(status.code, have ? CAIRN_OK : CAIRN_ERR_MISSING);
            model[i] = good ? test_read_file(path, &n[i]) : NULL;
            cairn_vocabulary *v = good ? cairn_vocabulary_open(path, &status) : NULL;
            if (v) {
                CHECK_INT(cairn_vocabulary_about(v).size, 500);
                CHECK(cairn_vocabulary_about(v).lossless);
                check_round_trip(v, path, " 12  a\n\xFF\xE2\x96\x81", 11);
            }
            cairn_vocabulary_free(v);
            cairn_text_free(text);
        }
        CHECK(n[0] == n[1] && (have ? n[0] > 0 && memcmp(model[0], model[1], n[0]) == 0 : !n[0]));
        cairn__free(model[0]);
        cairn__free(model[1]);
    }
}
