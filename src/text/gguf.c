/* Vocabularies in GGUF files: "llama" is SentencePiece's bpe by scores, "gpt2" byte-level BPE by
 * merges. Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
#include <string.h>

#include "text/vocabulary.h"

#define KEY "tokenizer.ggml."

static bool is_text(cairn_gguf_text text, const char *expected)
{
    return text.n == strlen(expected) && memcmp(text.bytes, expected, text.n) == 0;
}

static bool flag(const cairn_gguf *f, const char *key, bool standard)
{
    double value;
    return cairn_gguf_number(f, key, 0, &value) ? value != 0 : standard;
}

static int32_t id_under(const cairn_gguf *f, const char *key, int32_t size)
{
    double value;
    return cairn_gguf_number(f, key, 0, &value) && value >= 0 && value < size ? (int32_t)value : -1;
}

/* One token: text, score (0 without) and type (normal without). */
static bool add_token(cairn_vocabulary *v, const cairn_gguf *f, int64_t i, cairn__text *buffer,
                      const char *name, cairn_status *status)
{
    cairn_gguf_text text;
    double score = 0, type = CAIRN__PIECE_NORMAL;
    const bool merges = v->kind == CAIRN__VOCABULARY_MERGES;
    cairn_gguf_number(f, KEY "scores", i, &score);
    cairn_gguf_number(f, KEY "token_type", i, &type);
    if (!cairn_gguf_string(f, KEY "tokens", i, &text) || !(score > -1e30 && score < 1e30) ||
        !(type >= CAIRN__PIECE_NORMAL && type <= CAIRN__PIECE_BYTE))
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: token %lld: expected a text, a score and a type of 1 to 6", name,
                           (long long)i);
    buffer->length = 0;
    cairn__text_add_bytes(buffer, text.bytes, text.n);
    cairn__text_add_bytes(buffer, "", 1);
    if (buffer->failed)
        return false;
    int64_t n = (int64_t)text.n;
    if (merges && type == CAIRN__PIECE_NORMAL)
        n = cairn__unescape_bytes(buffer->data, text.n);
    else if (!merges && (type == CAIRN__PIECE_NORMAL || type == CAIRN__PIECE_USER))
        n = (int64_t)cairn__unescape_space(buffer->data, text.n);
    if (n < 0)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: token %lld has signs that no byte-level BPE has", name,
                           (long long)i);
    if (merges && type == CAIRN__PIECE_BYTE)
        type = CAIRN__PIECE_UNUSED; /* a name such as <0x0A>, which byte-level BPE has no use for */
    return cairn__vocabulary_add(v, buffer->data, (size_t)n, merges ? 0 : (float)score,
                                 (cairn__piece_type)type, status);
}

static bool add_tokens(cairn_vocabulary *v, const cairn_gguf *f, const char *name,
                       cairn_status *status)
{
    const int64_t n = cairn_gguf_length(f, KEY "tokens");
    cairn__text buffer = {.status = status};
    bool good = true;
    for (int64_t i = 0; good && i < n; i++)
        good = add_token(v, f, i, &buffer, name, status);
    cairn__free(buffer.data);
    return good && cairn__vocabulary_index(v, status);
}

static bool add_merge(cairn_vocabulary *v, const cairn_gguf *f, int32_t i, const char *name,
                      cairn_status *status)
{
    cairn_gguf_text text;
    char copy[2048];
    int64_t left = -1, right = -1;
    size_t n = 0;
    if (cairn_gguf_string(f, KEY "merges", i, &text) && text.n < sizeof copy) {
        memcpy(copy, text.bytes, text.n);
        while (n < text.n && copy[n] != ' ')
            n++;
        left = cairn__unescape_bytes(copy, n);
        right = n < text.n ? cairn__unescape_bytes(copy + n + 1, text.n - n - 1) : -1;
    }
    if (left < 1 || right < 1)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: merge %d is not two pieces of byte-level BPE", name, i);
    return cairn__vocabulary_merge(v, i, (cairn__bytes){copy, (size_t)left},
                                   (cairn__bytes){copy + n + 1, (size_t)right}, name, status);
}

static bool add_merges(cairn_vocabulary *v, const cairn_gguf *f, const char *name,
                       cairn_status *status)
{
    const int64_t n = CAIRN__MAX(cairn_gguf_length(f, KEY "merges"), 0);
    bool good = cairn__vocabulary_merges(v, n, status);
    for (int64_t i = 0; good && i < n; i++)
        good = add_merge(v, f, (int32_t)i, name, status);
    return good;
}

/* tokenizer.ggml.pre names the pattern; Llama 3's takes words that are pieces whole. */
static bool read_pattern(cairn_vocabulary *v, const cairn_gguf *f, const char *name,
                         cairn_status *status)
{
    static const struct {
        const char *name;
        cairn__pattern pattern;
        bool whole_words;
    } known[] = {
        {"gpt-2", CAIRN__PATTERN_GPT2, false},   {"llama-bpe", CAIRN__PATTERN_LLAMA3, true},
        {"llama3", CAIRN__PATTERN_LLAMA3, true}, {"llama-v3", CAIRN__PATTERN_LLAMA3, true},
        {"qwen2", CAIRN__PATTERN_QWEN2, false},
    };
    cairn_gguf_text text = {"(none)", 6};
    cairn_gguf_string(f, KEY "pre", 0, &text);
    for (size_t i = 0; i < CAIRN__COUNT(known); i++)
        if (is_text(text, known[i].name)) {
            v->pattern = known[i].pattern;
            v->whole_words = known[i].whole_words;
            return true;
        }
    return cairn__fail(status, CAIRN_ERR_FORMAT,
                       "%s: " KEY "pre is '%.*s', which Cairn does not know; expected gpt-2, "
                       "llama-bpe or qwen2",
                       name, (int)CAIRN__MIN(text.n, 100), text.bytes);
}

static bool fill(cairn_vocabulary *v, const cairn_gguf *f, const char *name, cairn_status *status)
{
    const bool merges = v->kind == CAIRN__VOCABULARY_MERGES;
    if ((merges && !read_pattern(v, f, name, status)) || !add_tokens(v, f, name, status) ||
        (merges && !add_merges(v, f, name, status)))
        return false;
    v->begin = id_under(f, KEY "bos_token_id", v->size);
    v->end = id_under(f, KEY "eos_token_id", v->size);
    v->unknown = id_under(f, KEY "unknown_token_id", v->size);
    v->dummy_prefix = !merges && flag(f, KEY "add_space_prefix", true);
    v->trim = !merges && flag(f, KEY "remove_extra_whitespaces", false);
    return cairn__vocabulary_finish(v, name, status);
}

cairn_vocabulary *cairn__vocabulary_gguf(const cairn_gguf *file, const char *name,
                                         cairn_status *status)
{
    cairn_gguf_text model = {"(none)", 6};
    cairn_gguf_string(file, KEY "model", 0, &model);
    const bool scores = is_text(model, "llama"), merges = is_text(model, "gpt2");
    if (!scores && !merges) {
        cairn__fail(status, CAIRN_ERR_FORMAT,
                    "%s: " KEY "model is '%.*s', expected 'llama' or 'gpt2'", name,
                    (int)CAIRN__MIN(model.n, 100), model.bytes);
        return NULL;
    }
    cairn_vocabulary *v =
        cairn__vocabulary_new(scores ? CAIRN__VOCABULARY_SCORES : CAIRN__VOCABULARY_MERGES, status);
    if (v && fill(v, file, name, status))
        return v;
    cairn_vocabulary_free(v);
    return NULL;
}
