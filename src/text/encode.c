/* From bytes to ids and back, whatever the vocabulary. */
#include <stdlib.h>
#include <string.h>

#include "text/vocabulary.h"

void cairn_id_list_free(cairn_id_list *list)
{
    cairn__free(list->id);
    *list = (cairn_id_list){0};
}

bool cairn__ids_add(cairn_id_list *out, int32_t id, cairn_status *status)
{
    if (out->n == out->room) {
        const int64_t room = CAIRN__MAX(2 * out->room, 64);
        int32_t *more = cairn__resize(out->id, (size_t)room, sizeof *more, status);
        if (!more)
            return false;
        out->id = more;
        out->room = room;
    }
    out->id[out->n++] = id;
    return true;
}

void cairn__encoder_free(cairn__encoder *e)
{
    cairn__free(e->symbols);
    cairn__free(e->heap);
    cairn__free(e->cells);
}

bool cairn__encoder_room(void **memory, size_t *room, size_t n, size_t size, cairn_status *status)
{
    if (n <= *room)
        return true;
    n = CAIRN__MAX(n, 2 * *room);
    void *more = cairn__resize(*memory, n, size, status);
    if (!more)
        return false;
    *memory = more;
    *room = n;
    return true;
}

bool cairn__encode_unknown(const cairn_vocabulary *v, const char *bytes, size_t n, bool after,
                           cairn_id_list *out, cairn_status *status)
{
    if (!v->byte_fallback)
        return after || cairn__ids_add(out, v->unknown, status);
    for (size_t i = 0; i < n; i++)
        if (!cairn__ids_add(out, v->byte_id[(unsigned char)bytes[i]], status))
            return false;
    return true;
}

static bool encode_words(const cairn_vocabulary *v, cairn__encoder *e, const char *bytes, size_t n,
                         cairn_id_list *out, cairn_status *status)
{
    for (size_t length; n > 0; bytes += length, n -= length) {
        length = cairn__pattern_next(v->pattern, bytes, n);
        const int32_t id = v->whole_words ? cairn__vocabulary_lookup(v, bytes, length) : -1;
        if (id >= 0 ? !cairn__ids_add(out, id, status)
                    : !cairn__encode_bpe(v, e, bytes, length, out, status))
            return false;
    }
    return true;
}

static bool encode_stretch(const cairn_vocabulary *v, cairn__encoder *e, const char *bytes,
                           size_t n, cairn_id_list *out, cairn_status *status)
{
    if (n == 0)
        return true;
    switch (v->kind) {
    case CAIRN__VOCABULARY_BYTES: return cairn__encode_unknown(v, bytes, n, false, out, status);
    case CAIRN__VOCABULARY_UNIGRAM: return cairn__encode_unigram(v, e, bytes, n, out, status);
    case CAIRN__VOCABULARY_SCORES: return cairn__encode_bpe(v, e, bytes, n, out, status);
    case CAIRN__VOCABULARY_MERGES: return encode_words(v, e, bytes, n, out, status);
    }
    return false;
}

/* The special token at the start of n bytes; -1. A unigram vocabulary weighs USER pieces itself. */
static int32_t special_at(const cairn_vocabulary *v, const char *bytes, size_t n, bool special)
{
    if (!v->special_first[(unsigned char)bytes[0]])
        return -1;
    for (int32_t i = 0; i < v->specials; i++) {
        const cairn__piece *p = &v->pieces[v->special[i]];
        const bool wanted =
            p->type == CAIRN__PIECE_CONTROL ? special : v->kind != CAIRN__VOCABULARY_UNIGRAM;
        if (wanted && p->n <= n && memcmp(p->bytes, bytes, p->n) == 0)
            return v->special[i];
    }
    return -1;
}

static bool encode_all(const cairn_vocabulary *v, cairn__encoder *e, const char *bytes, size_t n,
                       bool special, cairn_id_list *out, cairn_status *status)
{
    size_t start = 0, at = 0;
    while (at < n) {
        const int32_t id = special_at(v, bytes + at, n - at, special);
        if (id < 0) {
            at++;
            continue;
        }
        if (!encode_stretch(v, e, bytes + start, at - start, out, status) ||
            !cairn__ids_add(out, id, status))
            return false;
        start = at += v->pieces[id].n;
    }
    return encode_stretch(v, e, bytes + start, n - start, out, status);
}

/* What SentencePiece's normaliser does with spaces: those at the ends go, runs become one, and one
 * is put before the text. */
static char *with_spaces(const cairn_vocabulary *v, const char *bytes, size_t *n,
                         cairn_status *status)
{
    char *out = cairn__alloc(*n + 1, 1, status);
    size_t length = 0, first = 0, end = *n;
    while (v->trim && first < end && bytes[first] == ' ')
        first++;
    while (v->trim && end > first && bytes[end - 1] == ' ')
        end--;
    if (!out)
        return NULL;
    if (v->dummy_prefix && first < end)
        out[length++] = ' ';
    for (size_t i = first; i < end; i++)
        if (!v->trim || bytes[i] != ' ' || bytes[i - 1] != ' ' || i == first)
            out[length++] = bytes[i];
    *n = length;
    return out;
}

bool cairn_vocabulary_encode(const cairn_vocabulary *v, const char *bytes, size_t n, bool special,
                             cairn_id_list *out, cairn_status *status)
{
    cairn__encoder encoder = {0};
    const int64_t before = out->n;
    char *changed = NULL;
    if (!cairn_ok(status))
        return false;
    if (n >= INT32_MAX)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "encode: a text of %zu bytes, expected fewer than 2^31 - 1", n);
    bool good = true;
    if (v->trim || v->dummy_prefix) {
        changed = with_spaces(v, bytes, &n, status);
        good = changed != NULL;
        bytes = changed;
    }
    good = good && encode_all(v, &encoder, bytes, n, special, out, status);
    cairn__free(changed);
    cairn__encoder_free(&encoder);
    if (!good)
        out->n = before;
    return good;
}

static bool add_piece(const cairn_vocabulary *v, int32_t id, bool special, cairn__text *out,
                      cairn_status *status)
{
    if (id < 0 || id >= v->size)
        return cairn__fail(status, CAIRN_ERR_VALUE, "decode: id %d, expected 0 to %d", id,
                           v->size - 1);
    const cairn__piece *p = &v->pieces[id];
    if (p->type == CAIRN__PIECE_BYTE)
        cairn__text_add_bytes(out, &(char){(char)strtol(p->bytes + 3, NULL, 16)}, 1);
    else if (p->type == CAIRN__PIECE_UNKNOWN)
        cairn__text_add(out, " \xE2\x81\x87 "); /* U+2047, as SentencePiece does */
    else if (p->type != CAIRN__PIECE_CONTROL || special)
        cairn__text_add_bytes(out, p->bytes, p->n);
    return !out->failed;
}

char *cairn_vocabulary_decode(const cairn_vocabulary *v, const int32_t *ids, int64_t n,
                              bool special, size_t *size, cairn_status *status)
{
    cairn__text out = {.status = status};
    if (!cairn_ok(status))
        return NULL;
    cairn__text_add(&out, "%s", "");
    bool good = !out.failed;
    for (int64_t i = 0; good && i < n; i++)
        good = add_piece(v, ids[i], special, &out, status);
    if (!good) {
        cairn__free(out.data);
        return NULL;
    }
    if (v->dummy_prefix && out.length > 0 && out.data[0] == ' ')
        memmove(out.data, out.data + 1, out.length--);
    *size = out.length;
    return out.data;
}

bool cairn_encode_vocabulary(void *user, const char *bytes, size_t n, cairn_token_writer *writer,
                             cairn_status *status)
{
    const cairn_vocabulary *v = user;
    cairn_id_list ids = {0};
    if (v->end < 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "encode: the vocabulary has no token for the end of a document");
    bool good = cairn_vocabulary_encode(v, bytes, n, false, &ids, status) &&
                cairn__ids_add(&ids, v->end, status) &&
                cairn_tokens_add(writer, ids.id, ids.n, status);
    cairn_id_list_free(&ids);
    return good;
}
