/* GGUF: blocks against the `gguf` package (tools/golden/huggingface.py), the keys of a vocabulary,
 * and every rule of the format. */
#include <stdlib.h>

#include "cairn/data.h"
#include "cairn/weights.h"
#include "test.h"

#define GOLDEN TEST_SOURCES "/weights/golden/"

TEST(blocks_become_the_values_of_the_gguf_package)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_gguf *f = cairn_gguf_open(GOLDEN "blocks.gguf", &status);
    cairn_safetensors *golden = cairn_safetensors_open(GOLDEN "blocks.safetensors", &status);
    if (CHECK(f && golden)) {
        CHECK_INT(cairn_gguf_count(f), cairn_safetensors_count(golden));
        CHECK_INT(cairn_gguf_count(f), 13);
    }
    for (int64_t i = 0; golden && i < cairn_gguf_count(f); i++) {
        const cairn_weight *w = cairn_gguf_at(f, i);
        const cairn_field *field = cairn_safetensors_find(golden, w->name);
        if (!CHECK(field != NULL))
            continue;
        const int64_t n = cairn_field_elements(field);
        float *wanted = malloc((size_t)n * sizeof *wanted),
              *found = calloc((size_t)n, sizeof *found);
        CHECK(cairn_safetensors_read(golden, field, wanted, (size_t)n * sizeof *wanted, &status));
        CHECK(cairn_gguf_read(f, i, found, n, &status));
        for (int64_t k = 0; k < n; k++)
            /* Products are rounded in another order there. */
            if (!test_check(fabsf(found[k] - wanted[k]) <= 1e-6f * fmaxf(1, fabsf(wanted[k])),
                            __FILE__, __LINE__, "%s: value %lld is %g, expected %g", w->name,
                            (long long)k, (double)found[k], (double)wanted[k]))
                break;
        CHECK(!cairn_gguf_read(f, i, found, n - 1, &status));
        CHECK_INT(status.code, CAIRN_ERR_SHAPE);
        status = (cairn_status)CAIRN_STATUS_INIT;
        free(wanted);
        free(found);
    }
    cairn_gguf_free(f);
    cairn_safetensors_free(golden);
}

TEST(a_vocabulary_is_readable)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_gguf *f = cairn_gguf_open(GOLDEN "llama_q8_0.gguf", &status);
    cairn_gguf_text text = {0};
    double value = 0;
    if (!CHECK(f != NULL))
        return;
    CHECK_INT(cairn_gguf_length(f, "tokenizer.ggml.tokens"), 96);
    CHECK(cairn_gguf_string(f, "tokenizer.ggml.tokens", 95, &text));
    CHECK(text.n == 7 && memcmp(text.bytes, "token95", 7) == 0);
    CHECK(!cairn_gguf_string(f, "tokenizer.ggml.tokens", 96, &text));
    CHECK(!cairn_gguf_number(f, "tokenizer.ggml.tokens", 0, &value));
    CHECK(cairn_gguf_number(f, "tokenizer.ggml.scores", 3, &value));
    CHECK_NEAR(value, -1.5, 0);
    CHECK(cairn_gguf_number(f, "tokenizer.ggml.token_type", 3, &value));
    CHECK_NEAR(value, 1, 0);
    CHECK(cairn_gguf_number(f, "llama.rope.freq_base", 0, &value));
    CHECK_NEAR(value, 500, 0);
    CHECK_INT(cairn_gguf_length(f, "no.such.key"), -1);
    CHECK(strcmp(cairn_gguf_key(f, 0), "general.architecture") == 0);
    cairn_gguf_free(f);
}

/* ---- refusals -------------------------------------------------------------------------------- */

typedef struct bytes {
    unsigned char data[1024];
    size_t n;
} bytes;

static void put(bytes *b, uint64_t value, int size)
{
    for (int i = 0; i < size; i++)
        b->data[b->n++] = (unsigned char)(value >> 8 * i);
}

static void put_text(bytes *b, const char *text)
{
    put(b, strlen(text), 8);
    memcpy(b->data + b->n, text, strlen(text));
    b->n += strlen(text);
}

/* A file of two keys and two tensors of two f32 each. */
typedef struct facts {
    uint64_t magic, version, axes, type, alignment, element_type;
    uint64_t tensors, keys, size, offset, length, cut;
    const char *key, *second;
} facts;

static const facts sound = {.magic = 0x46554747,
                            .version = 3,
                            .axes = 1,
                            .alignment = 8,
                            .element_type = 5,
                            .tensors = 2,
                            .keys = 2,
                            .size = 2,
                            .offset = 8,
                            .length = 3,
                            .key = "numbers",
                            .second = "b"};

static bytes make(const facts *f)
{
    bytes b = {.n = 0};
    put(&b, f->magic, 4);
    put(&b, f->version, 4);
    put(&b, f->tensors, 8);
    put(&b, f->keys, 8);
    put_text(&b, "general.alignment");
    put(&b, 4, 4);
    put(&b, f->alignment, 4);
    put_text(&b, f->key);
    put(&b, 9, 4);
    put(&b, f->element_type, 4);
    put(&b, f->length, 8);
    for (int i = 0; i < 3; i++)
        put(&b, (uint64_t)i, 4);
    for (int i = 0; i < 2; i++) {
        put_text(&b, i ? f->second : "a");
        put(&b, f->axes, 4);
        put(&b, f->size, 8);
        put(&b, f->type, 4);
        put(&b, i ? f->offset : 0, 8);
    }
    b.n = (b.n + 7) / 8 * 8;
    b.n += 16;
    b.n -= f->cut;
    return b;
}

/* One fact that is wrong. */
typedef struct fault {
    size_t where; /* in facts */
    uint64_t value;
    const char *text; /* instead of the value */
    const char *sentence;
} fault;

#define NUMBER(field, value) offsetof(facts, field), value, NULL
#define NAME(field, text) offsetof(facts, field), 0, text

static const fault faults[] = {
    {NUMBER(magic, 0x46554748), "does not begin with \"GGUF\""},
    {NUMBER(version, 1), "version 1, expected 2 or 3"},
    {NUMBER(version, 0x03000000), "expected 2 or 3"},
    {NUMBER(tensors, UINT64_MAX), "number of tensors 18446744073709551615"},
    {NUMBER(keys, 1000000), "number of keys 1000000"},
    {NAME(key, ""), "key of 0 bytes, expected 1 to 65535"},
    {NAME(key, "general.alignment"), "'general.alignment' is there twice"},
    {NAME(second, "a"), "'a' is there twice"},
    {NAME(second, "a name that is longer than the sixty-four bytes which the format allows"),
     "name of a tensor of 71 bytes, expected 1 to 64"},
    {NUMBER(element_type, 9), "type 9, expected 0 to 12, and no array of arrays"},
    {NUMBER(element_type, 13), "type 13, expected"},
    {NUMBER(length, 1u << 30), "length of an array 1073741824, expected"},
    {NUMBER(length, UINT64_MAX), "length of an array"},
    {NUMBER(alignment, 24), "general.alignment 24, expected a power of two from 8"},
    {NUMBER(alignment, 4), "general.alignment 4, expected"},
    {NUMBER(axes, 0), "number of axes 0, expected 1 to 4"},
    {NUMBER(axes, 5), "number of axes 5, expected 1 to 4"},
    {NUMBER(size, UINT64_MAX), "size 18446744073709551615, expected"},
    {NUMBER(size, (uint64_t)1 << 62), "expected a size that memory can hold"},
    {NUMBER(size, 3), "'b': offset 8, expected a multiple of 8 from 12 on"},
    {NUMBER(type, 99), "'a': unknown type 99"},
    {NUMBER(type, 2), "'a': rows of 2, expected a multiple of the 32 in a block of q4_0"},
    {NUMBER(offset, 0), "'b': offset 0, expected a multiple of 8 from 8 on"},
    {NUMBER(offset, 12), "'b': offset 12, expected a multiple of 8"},
    {NUMBER(offset, 16), "'b': 8 bytes at offset 16, but there are 16 for all"},
    {NUMBER(cut, 1), "'b': 8 bytes at offset 8, but there are 15 for all"},
};

TEST(a_sound_file_is_read)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const bytes b = make(&sound);
    cairn_gguf *f = cairn_gguf_parse(b.data, b.n, "sound", &status);
    double value = 0;
    if (test_check(f != NULL, __FILE__, __LINE__, "%s", status.message)) {
        CHECK_INT(cairn_gguf_count(f), 2);
        CHECK(cairn_gguf_number(f, "numbers", 2, &value) && value == 2);
        CHECK(!cairn_gguf_number(f, "numbers", 3, &value));
    }
    cairn_gguf_free(f);
}

TEST(every_rule_refuses)
{
    for (size_t i = 0; i < CAIRN__COUNT(faults); i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        facts wrong = sound;
        char *where = (char *)&wrong + faults[i].where;
        if (faults[i].text)
            memcpy(where, &faults[i].text, sizeof faults[i].text);
        else
            memcpy(where, &faults[i].value, sizeof faults[i].value);
        const bytes b = make(&wrong);
        cairn_gguf *f = cairn_gguf_parse(b.data, b.n, "faulty", &status);
        test_check(!f && strstr(status.message, faults[i].sentence), __FILE__, __LINE__,
                   "refused with \"%s\", expected \"%s\"", status.message, faults[i].sentence);
        cairn_gguf_free(f);
    }
}

TEST(every_shorter_file_is_refused)
{
    const bytes b = make(&sound);
    for (size_t n = 0; n < b.n; n++) {
        cairn_status status = CAIRN_STATUS_INIT;
        unsigned char *copy = malloc(n + 1); /* of its own, so that a sanitizer sees its end */
        memcpy(copy, b.data, n);
        cairn_gguf *f = cairn_gguf_parse(copy, n, "short", &status);
        CHECK(!f && status.code == CAIRN_ERR_FORMAT);
        cairn_gguf_free(f);
        free(copy);
    }
}

/* ---- models ---------------------------------------------------------------------------------- */

/* One change to the Llama fixture: what stands `skip` bytes behind `find` becomes `text`, or the
 * little-endian `value`. */
static const struct {
    const char *find;
    size_t skip;
    const char *text;
    uint32_t value;
    const char *sentence;
} changes[] = {
    {"general.architecture", 12, "olmo2", 0, "general.architecture 'olmo2', expected llama"},
    {"llama.attention.head_count", 4, NULL, 0, "no heads, expected at least 1"},
    {"llama.attention.head_count", 4, NULL, 2,
     "8 numbers of each head are turned, expected all 16"},
    {"llama.embedding_length", 4, NULL, 1u << 31, "llama.embedding_length is no such number"},
    {"llama.block_count", 4, NULL, 1, "tensor 'blk.1.attn_k.weight' has no place in this llama"},
    {"llama.block_count", 4, NULL, 3, "no tensor 'blk.2.attn_norm.weight', which is"},
    {"llama.block_coun", 0, "x", 0, "llama.block_count is absent, expected a whole number"},
    {"llama.feed_forward_length", 4, NULL, 128, "is [64,32], expected [128,32]"},
};

/* Whether the file at `path` can be loaded into the model that it describes. */
static bool load(const char *path, cairn_status *status)
{
    cairn_weights *w = cairn_weights_open(path, status);
    const cairn_architecture *a = w ? cairn_weights_architecture(w, status) : NULL;
    cairn_graph *g = cairn_graph_new();
    if (a)
        cairn_architecture_build(cairn_input(g, "x", CAIRN_I32, CAIRN_SHAPE(1, 2)), a);
    bool good = a && cairn_weights_load(w, g, status);
    cairn_graph_free(g);
    cairn_weights_free(w);
    return good;
}

static void check_change(size_t i)
{
    cairn_status status = CAIRN_STATUS_INIT;
    size_t n;
    char *file = test_read_file(GOLDEN "llama_q8_0.gguf", &n);
    char *at = file ? memmem(file, n, changes[i].find, strlen(changes[i].find)) : NULL;
    if (CHECK(at != NULL)) {
        at += strlen(changes[i].find) + changes[i].skip;
        if (changes[i].text)
            memcpy(at, changes[i].text, strlen(changes[i].text));
        else
            memcpy(at, &changes[i].value, sizeof changes[i].value);
        test_write_file(test_path("m.gguf"), file, n);
        CHECK(!load(test_path("m.gguf"), &status));
        test_check(strstr(status.message, changes[i].sentence) != NULL, __FILE__, __LINE__,
                   "refused with \"%s\", expected \"%s\"", status.message, changes[i].sentence);
    }
    cairn__free(file);
}

TEST(headers_that_fit_no_model_are_refused)
{
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(load(GOLDEN "llama_q8_0.gguf", &status));
    for (size_t i = 0; i < CAIRN__COUNT(changes); i++)
        check_change(i);
}

/* Such factors would change the rotation, and are not built. */
TEST(scaled_rotary_positions_are_refused)
{
    cairn_status status = CAIRN_STATUS_INIT;
    size_t n;
    char *file = test_read_file(GOLDEN "llama_f32.gguf", &n);
    char *at = file ? memmem(file, n, "token_embd.weight", 17) : NULL;
    if (CHECK(at != NULL)) {
        memcpy(at, "rope_freqs.weight", 17);
        test_write_file(test_path("m.gguf"), file, n);
        CHECK(!load(test_path("m.gguf"), &status));
        CHECK(strstr(status.message, "'rope_freqs.weight', expected rotary positions without"));
    }
    cairn__free(file);
}
