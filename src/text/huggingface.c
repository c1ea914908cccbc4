/* tokenizer.json with byte-level BPE, as GPT-2, Llama 3 and Qwen 2 have it.
 *
 * Every part that decides about ids is either known or refused by its name; the post_processor,
 * which puts special tokens around a text, and the decoder are not used. */
#include <jansson.h>
#include <string.h>

#include "text/vocabulary.h"

typedef struct source {
    const char *name; /* of the file */
    cairn_status *status;
    json_t *root;
    json_t **added; /* by id: the entry of added_tokens; NULL */
    const char **key;
    size_t *key_length;
    int64_t size;
} source;

static bool refuse(const source *s, const char *where, const char *what)
{
    return cairn__fail(s->status, CAIRN_ERR_FORMAT, "%s: %s '%.120s', which Cairn does not know",
                       s->name, where, what);
}

static const char *type_of(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    return type ? type : "(no type)";
}

static bool is_type(const json_t *object, const char *type)
{
    return strcmp(type_of(object), type) == 0;
}

/* ---- what decides about words ---------------------------------------------------------------- */

#define ENGLISH "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define OTHERS "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const struct {
    const char *expression;
    cairn__pattern pattern;
} patterns[] = {
    {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
     CAIRN__PATTERN_GPT2},
    {ENGLISH "\\p{N}{1,3}" OTHERS, CAIRN__PATTERN_LLAMA3},
    {ENGLISH "\\p{N}" OTHERS, CAIRN__PATTERN_QWEN2},
};

static bool read_byte_level(const source *s, const json_t *object)
{
    return !json_is_true(json_object_get(object, "add_prefix_space")) ||
           refuse(s, "ByteLevel", "add_prefix_space");
}

static bool read_split(const source *s, const json_t *object, cairn__pattern *pattern)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(object, "pattern"), "Regex"));
    const char *behaviour = json_string_value(json_object_get(object, "behavior"));
    if (!text)
        return refuse(s, "Split", "a pattern that is no Regex");
    if (!behaviour || strcmp(behaviour, "Isolated") != 0)
        return refuse(s, "Split: behavior", behaviour ? behaviour : "(none)");
    if (json_is_true(json_object_get(object, "invert")))
        return refuse(s, "Split", "invert");
    for (size_t i = 0; i < CAIRN__COUNT(patterns); i++)
        if (strcmp(patterns[i].expression, text) == 0) {
            *pattern = patterns[i].pattern;
            return true;
        }
    return refuse(s, "Split: the pattern", text);
}

/* ByteLevel with its own pattern, or a Split and then ByteLevel without one. */
static bool read_pre_tokenizer(const source *s, cairn__pattern *pattern)
{
    const json_t *object = json_object_get(s->root, "pre_tokenizer");
    *pattern = CAIRN__PATTERN_GPT2;
    if (is_type(object, "ByteLevel") && !json_is_false(json_object_get(object, "use_regex")))
        return read_byte_level(s, object);
    const json_t *parts = json_object_get(object, "pretokenizers");
    if (!is_type(object, "Sequence") || json_array_size(parts) != 2)
        return refuse(s, "pre_tokenizer", type_of(object));
    const json_t *split = json_array_get(parts, 0), *level = json_array_get(parts, 1);
    if (!is_type(split, "Split"))
        return refuse(s, "pre_tokenizer", type_of(split));
    if (!is_type(level, "ByteLevel"))
        return refuse(s, "pre_tokenizer", type_of(level));
    if (!json_is_false(json_object_get(level, "use_regex")))
        return refuse(s, "ByteLevel behind Split", "use_regex");
    return read_split(s, split, pattern) && read_byte_level(s, level);
}

static bool check_model(const source *s, const json_t *model)
{
    static const char *const texts[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    if (!is_type(model, "BPE"))
        return refuse(s, "model", type_of(model));
    for (size_t i = 0; i < CAIRN__COUNT(texts); i++)
        if (json_string_length(json_object_get(model, texts[i])) > 0)
            return refuse(s, "model", texts[i]);
    if (json_is_number(json_object_get(model, "dropout")) &&
        json_number_value(json_object_get(model, "dropout")) > 0)
        return refuse(s, "model", "dropout");
    if (json_is_true(json_object_get(model, "byte_fallback")))
        return refuse(s, "model", "byte_fallback");
    const json_t *normaliser = json_object_get(s->root, "normalizer");
    return !normaliser || json_is_null(normaliser) || refuse(s, "normalizer", type_of(normaliser));
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static bool check_added(const source *s, json_t *token, int64_t *id)
{
    static const char *const flags[] = {"lstrip", "rstrip", "single_word"};
    const json_t *number = json_object_get(token, "id");
    *id = json_is_integer(number) ? json_integer_value(number) : -1;
    if (json_string_length(json_object_get(token, "content")) == 0 || *id < 0 || *id >= 1 << 24)
        return cairn__fail(s->status, CAIRN_ERR_FORMAT,
                           "%s: added_tokens: an entry without a content or an id of 0 to 2^24 - 1",
                           s->name);
    for (size_t i = 0; i < CAIRN__COUNT(flags); i++)
        if (json_is_true(json_object_get(token, flags[i])))
            return refuse(s, "added_tokens: an entry with", flags[i]);
    return true;
}

/* How many ids there are: one more than the greatest. */
static bool count_ids(source *s, json_t *vocabulary, json_t *added)
{
    const char *key;
    json_t *value;
    size_t i;
    int64_t id;
    json_object_foreach(vocabulary, key, value)
    {
        if (!json_is_integer(value) || json_integer_value(value) < 0 ||
            json_integer_value(value) >= 1 << 24)
            return cairn__fail(s->status, CAIRN_ERR_FORMAT,
                               "%s: model.vocab: the id of '%.100s' is not 0 to 2^24 - 1", s->name,
                               key);
        s->size = CAIRN__MAX(s->size, json_integer_value(value) + 1);
    }
    json_array_foreach(added, i, value)
    {
        if (!check_added(s, value, &id))
            return false;
        s->size = CAIRN__MAX(s->size, id + 1);
    }
    return s->size <= (int64_t)(json_object_size(vocabulary) + json_array_size(added)) * 2 + 4096 ||
           cairn__fail(s->status, CAIRN_ERR_FORMAT,
                       "%s: the greatest id is %lld, with %zu tokens: too many are missing",
                       s->name, (long long)s->size - 1, json_object_size(vocabulary));
}

static bool by_id(source *s, json_t *vocabulary, json_t *added)
{
    void *place;
    size_t i;
    json_t *value;
    s->key = cairn__alloc((size_t)s->size, sizeof *s->key, s->status);
    s->key_length = cairn__alloc((size_t)s->size, sizeof *s->key_length, s->status);
    s->added = cairn__alloc((size_t)s->size, sizeof(json_t *), s->status);
    if (!s->key || !s->key_length || !s->added)
        return false;
    for (place = json_object_iter(vocabulary); place;
         place = json_object_iter_next(vocabulary, place)) {
        const int64_t id = json_integer_value(json_object_iter_value(place));
        if (s->key[id])
            return cairn__fail(s->status, CAIRN_ERR_FORMAT,
                               "%s: model.vocab: two tokens have the id %lld", s->name,
                               (long long)id);
        s->key[id] = json_object_iter_key(place);
        s->key_length[id] = strlen(s->key[id]);
    }
    json_array_foreach(added, i, value) s->added[json_integer_value(json_object_get(value, "id"))] =
        value;
    return true;
}

static bool add_one(const source *s, cairn_vocabulary *v, int64_t id, cairn__text *buffer)
{
    if (s->added[id]) {
        const json_t *content = json_object_get(s->added[id], "content");
        const bool special = json_is_true(json_object_get(s->added[id], "special"));
        return cairn__vocabulary_add(v, json_string_value(content), json_string_length(content), 0,
                                     special ? CAIRN__PIECE_CONTROL : CAIRN__PIECE_USER, s->status);
    }
    if (!s->key[id])
        return cairn__vocabulary_add(v, "", 0, 0, CAIRN__PIECE_UNUSED, s->status);
    buffer->length = 0;
    cairn__text_add_bytes(buffer, s->key[id], s->key_length[id] + 1);
    const int64_t n = buffer->failed ? -1 : cairn__unescape_bytes(buffer->data, s->key_length[id]);
    if (n < 0)
        return cairn__fail(s->status, CAIRN_ERR_FORMAT,
                           "%s: model.vocab: '%.100s' has signs that no byte-level BPE has",
                           s->name, s->key[id]);
    return cairn__vocabulary_add(v, buffer->data, (size_t)n, 0, CAIRN__PIECE_NORMAL, s->status);
}

/* ---- merges: "a b", or ["a", "b"] ------------------------------------------------------------ */

static bool split_merge(const json_t *entry, const char **left, const char **right, size_t n[2])
{
    if (json_is_array(entry)) {
        *left = json_string_value(json_array_get(entry, 0));
        *right = json_string_value(json_array_get(entry, 1));
        if (json_array_size(entry) != 2 || !*left || !*right)
            return false;
        n[0] = strlen(*left);
        n[1] = strlen(*right);
        return true;
    }
    *left = json_string_value(entry);
    const char *space = *left ? strchr(*left, ' ') : NULL;
    if (!space)
        return false;
    n[0] = (size_t)(space - *left);
    *right = space + 1;
    n[1] = strlen(*right);
    return true;
}

static bool add_merge(const source *s, cairn_vocabulary *v, int32_t rank, const json_t *entry)
{
    const char *left, *right;
    char bytes[2][1024];
    size_t n[2];
    int64_t length[2] = {-1, -1};
    if (split_merge(entry, &left, &right, n) && n[0] <= sizeof bytes[0] &&
        n[1] <= sizeof bytes[1]) {
        memcpy(bytes[0], left, n[0]);
        memcpy(bytes[1], right, n[1]);
        length[0] = cairn__unescape_bytes(bytes[0], n[0]);
        length[1] = cairn__unescape_bytes(bytes[1], n[1]);
    }
    if (length[0] < 1 || length[1] < 1)
        return cairn__fail(s->status, CAIRN_ERR_FORMAT,
                           "%s: model.merges: entry %d is not two pieces of byte-level BPE",
                           s->name, rank);
    return cairn__vocabulary_merge(v, rank, (cairn__bytes){bytes[0], (size_t)length[0]},
                                   (cairn__bytes){bytes[1], (size_t)length[1]}, s->name, s->status);
}

static bool add_merges(const source *s, cairn_vocabulary *v, const json_t *merges)
{
    size_t i;
    json_t *entry;
    if (!cairn__vocabulary_merges(v, (int64_t)json_array_size(merges), s->status))
        return false;
    json_array_foreach(merges, i, entry) if (!add_merge(s, v, (int32_t)i, entry)) return false;
    return true;
}

/* ---- begin and end, which the format does not say: the names that published models use ---------
 */

static int32_t control(const cairn_vocabulary *v, const char *const *names)
{
    for (; *names; names++) {
        const int32_t id = cairn_vocabulary_find(v, *names);
        if (id >= 0 && v->pieces[id].type == CAIRN__PIECE_CONTROL)
            return id;
    }
    return -1;
}

static bool fill(source *s, cairn_vocabulary *v)
{
    static const char *const begins[] = {"<|begin_of_text|>", "<s>", NULL};
    static const char *const ends[] = {"<|endoftext|>", "<|end_of_text|>", "</s>", NULL};
    json_t *model = json_object_get(s->root, "model"), *added;
    json_t *vocabulary = json_object_get(model, "vocab");
    added = json_object_get(s->root, "added_tokens");
    cairn__text buffer = {.status = s->status};
    bool good = check_model(s, model) && read_pre_tokenizer(s, &v->pattern) &&
                count_ids(s, vocabulary, added) && by_id(s, vocabulary, added);
    for (int64_t id = 0; good && id < s->size; id++)
        good = add_one(s, v, id, &buffer);
    cairn__free(buffer.data);
    v->whole_words = json_is_true(json_object_get(model, "ignore_merges"));
    if (!good || !cairn__vocabulary_index(v, s->status) ||
        !add_merges(s, v, json_object_get(model, "merges")))
        return false;
    v->begin = control(v, begins);
    v->end = control(v, ends);
    return cairn__vocabulary_finish(v, s->name, s->status);
}

cairn_vocabulary *cairn__vocabulary_huggingface(const void *bytes, size_t size, const char *name,
                                                cairn_status *status)
{
    json_error_t error;
    source s = {.name = name, .status = status};
    s.root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &error);
    if (!s.root) {
        cairn__fail(status, CAIRN_ERR_FORMAT, "%s:%d:%d: %s", name, error.line, error.column,
                    error.text);
        return NULL;
    }
    cairn_vocabulary *v = cairn__vocabulary_new(CAIRN__VOCABULARY_MERGES, status);
    const bool good = v && fill(&s, v);
    cairn__free(s.key);
    cairn__free(s.key_length);
    cairn__free(s.added);
    json_decref(s.root);
    if (good)
        return v;
    cairn_vocabulary_free(v);
    return NULL;
}
