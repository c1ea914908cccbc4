/* Models of SentencePiece, which are messages of protocol buffers: field numbers, types and
 * defaults are those of sentencepiece_model.proto (https://github.com/google/sentencepiece). */
#include <stdio.h>
#include <string.h>

#include "data/span.h"
#include "text/vocabulary.h"

/* ---- messages -------------------------------------------------------------------------------- */

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

typedef struct field {
    uint64_t number, value; /* value: of a varint, and the length of bytes */
    int type;
    const unsigned char *bytes; /* of BYTES and FIXED32 */
} field;

static uint64_t take_varint(cairn__reader *r)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !r->failed; shift += 7) {
        const uint8_t byte = cairn__take_u8(r, "a whole number");
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return value;
    }
    if (!r->failed)
        r->failed =
            !cairn__fail(r->status, CAIRN_ERR_FORMAT,
                         "%s: offset %zu: a whole number of more than ten bytes", r->name, r->at);
    return 0;
}

/* The next field; false at the end of the message, or when it is damaged. */
static bool next_field(cairn__reader *r, field *f)
{
    if (r->failed || cairn__left(r) == 0)
        return false;
    const uint64_t key = take_varint(r);
    *f = (field){.number = key >> 3, .type = (int)(key & 7)};
    switch (f->type) {
    case VARINT: f->value = take_varint(r); break;
    case FIXED64: cairn__take(r, 8, "a number of 8 bytes"); break;
    case FIXED32: f->bytes = cairn__take(r, 4, "a number of 4 bytes"); break;
    case BYTES:
        f->value = take_varint(r);
        f->bytes = f->value <= cairn__left(r) ? cairn__take(r, f->value, "bytes") : NULL;
        if (!f->bytes && !r->failed)
            r->failed = !cairn__fail(r->status, CAIRN_ERR_FORMAT,
                                     "%s: offset %zu: field %llu has %llu bytes, but %zu are left",
                                     r->name, r->at, (unsigned long long)f->number,
                                     (unsigned long long)f->value, cairn__left(r));
        break;
    default:
        r->failed = !cairn__fail(r->status, CAIRN_ERR_FORMAT,
                                 "%s: offset %zu: type %d of a field; is this a SentencePiece "
                                 "model?",
                                 r->name, r->at, f->type);
    }
    return !r->failed;
}

static bool is(const field *f, uint64_t number, int type)
{
    return f->number == number && f->type == type;
}

/* ---- the model ------------------------------------------------------------------------------- */

typedef struct settings {
    uint64_t model_type;
    int32_t begin, end;
    uint64_t byte_fallback, suffix;
    uint64_t dummy_prefix, trim, escape;
    char normaliser[32];
    size_t charsmap, rules; /* bytes */
    bool has_trainer, has_normaliser;
} settings;

size_t cairn__unescape_space(char *bytes, size_t n)
{
    size_t to = 0;
    for (size_t i = 0; i < n; i++)
        if (n - i >= 3 && memcmp(bytes + i, "\xE2\x96\x81", 3) == 0) {
            bytes[to++] = ' ';
            i += 2;
        } else {
            bytes[to++] = bytes[i];
        }
    return to;
}

static bool add_piece(cairn_vocabulary *v, cairn__text *buffer, cairn__reader r)
{
    field f;
    cairn__bytes text = {"", 0};
    float score = 0;
    uint64_t type = CAIRN__PIECE_NORMAL;
    while (next_field(&r, &f))
        if (is(&f, 1, BYTES))
            text = (cairn__bytes){f.bytes, (size_t)f.value};
        else if (is(&f, 2, FIXED32))
            memcpy(&score, f.bytes, sizeof score); /* little endian, as this machine */
        else if (is(&f, 3, VARINT))
            type = f.value;
    if (r.failed)
        return false;
    if (type < CAIRN__PIECE_NORMAL || type > CAIRN__PIECE_BYTE ||
        !(score > -1e30f && score < 1e30f))
        return cairn__fail(r.status, CAIRN_ERR_FORMAT,
                           "%s: piece %d: type %llu and score %g, expected 1 to 6 and a number",
                           r.name, v->size, (unsigned long long)type, (double)score);
    if (type == CAIRN__PIECE_UNUSED && v->kind == CAIRN__VOCABULARY_SCORES)
        return cairn__fail(r.status, CAIRN_ERR_FORMAT,
                           "%s: piece %d is marked unused, which Cairn does not do in bpe models",
                           r.name, v->size);
    buffer->length = 0;
    cairn__text_add_bytes(buffer, text.data, text.size);
    if (buffer->failed)
        return false;
    size_t n = text.size;
    if (type == CAIRN__PIECE_NORMAL || type == CAIRN__PIECE_USER)
        n = cairn__unescape_space(buffer->data, n);
    return cairn__vocabulary_add(v, n ? buffer->data : "", n, score, (cairn__piece_type)type,
                                 r.status);
}

/* Of trainer_spec (2) and normalizer_spec (3). */
static void read_settings(settings *s, cairn__reader r, bool trainer)
{
    field f;
    *(trainer ? &s->has_trainer : &s->has_normaliser) = true;
    while (next_field(&r, &f))
        if (trainer && is(&f, 3, VARINT))
            s->model_type = f.value;
        else if (trainer && is(&f, 24, VARINT))
            s->suffix = f.value;
        else if (trainer && is(&f, 35, VARINT))
            s->byte_fallback = f.value;
        else if (trainer && is(&f, 41, VARINT))
            s->begin = (int32_t)f.value;
        else if (trainer && is(&f, 42, VARINT))
            s->end = (int32_t)f.value;
        else if (!trainer && is(&f, 1, BYTES))
            snprintf(s->normaliser, sizeof s->normaliser, "%.*s",
                     (int)CAIRN__MIN(f.value, sizeof s->normaliser - 1), (const char *)f.bytes);
        else if (!trainer && is(&f, 2, BYTES))
            s->charsmap = (size_t)f.value;
        else if (!trainer && is(&f, 3, VARINT))
            s->dummy_prefix = f.value;
        else if (!trainer && is(&f, 4, VARINT))
            s->trim = f.value;
        else if (!trainer && is(&f, 5, VARINT))
            s->escape = f.value;
        else if (!trainer && is(&f, 6, BYTES))
            s->rules = (size_t)f.value;
}

static bool check_settings(const settings *s, const char *name, cairn_status *status)
{
    if (!s->has_trainer || !s->has_normaliser)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: no settings of the %s; was the file cut short?", name,
                           s->has_trainer ? "normaliser" : "trainer");
    if (s->model_type != 1 && s->model_type != 2)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: model type %llu, expected 1 (unigram) or 2 (bpe)", name,
                           (unsigned long long)s->model_type);
    if (s->charsmap > 0 || s->rules > 0)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: the normalisation '%s', of which Cairn has identity only", name,
                           s->normaliser);
    if (!s->escape || s->suffix)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: %s, which Cairn does not do", name,
                           s->suffix ? "treat_whitespace_as_suffix"
                                     : "escape_whitespaces is false");
    return true;
}

/* Pieces that the user defined weigh as SentencePiece says: each of their bytes as the best score,
 * where the sign of the space has three. */
static void weigh_user_pieces(cairn_vocabulary *v)
{
    float greatest = -1e30f;
    for (int32_t i = 0; i < v->size; i++)
        if (v->pieces[i].type == CAIRN__PIECE_NORMAL)
            greatest = CAIRN__MAX(greatest, v->pieces[i].score);
    for (int32_t i = 0; i < v->size; i++) {
        cairn__piece *p = &v->pieces[i];
        if (p->type != CAIRN__PIECE_USER)
            continue;
        size_t n = p->n;
        for (size_t k = 0; k < p->n; k++)
            n += p->bytes[k] == ' ' ? 2 : 0;
        p->score = (float)((float)n * greatest - 0.1);
    }
}

static bool is_control(const cairn_vocabulary *v, int32_t id)
{
    return id >= 0 && id < v->size && v->pieces[id].type == CAIRN__PIECE_CONTROL;
}

static bool read_pieces(cairn_vocabulary *v, cairn__reader r)
{
    field f;
    cairn__text buffer = {.status = r.status};
    bool good = true;
    while (good && next_field(&r, &f))
        if (is(&f, 1, BYTES))
            good = add_piece(v, &buffer,
                             cairn__reader_new(f.bytes, (size_t)f.value, r.name, r.status));
    cairn__free(buffer.data);
    return good && !r.failed;
}

static void settle(cairn_vocabulary *v, const settings *s)
{
    v->dummy_prefix = s->dummy_prefix != 0;
    v->trim = s->trim != 0;
    v->begin = is_control(v, s->begin) ? s->begin : -1;
    v->end = is_control(v, s->end) ? s->end : -1;
    for (int32_t i = 0; i < v->size; i++)
        if (v->pieces[i].type == CAIRN__PIECE_UNKNOWN)
            v->unknown = i;
    if (v->kind == CAIRN__VOCABULARY_UNIGRAM)
        weigh_user_pieces(v);
}

cairn_vocabulary *cairn__vocabulary_sentencepiece(const void *bytes, size_t size, const char *name,
                                                  cairn_status *status)
{
    settings s = {.model_type = 1, .begin = 1, .end = 2, .dummy_prefix = 1, .trim = 1, .escape = 1};
    cairn__reader r = cairn__reader_new(bytes, size, name, status), again = r;
    field f;
    while (next_field(&r, &f))
        if ((f.number == 2 || f.number == 3) && f.type == BYTES)
            read_settings(&s, cairn__reader_new(f.bytes, (size_t)f.value, name, status),
                          f.number == 2);
    if (r.failed || !cairn_ok(status) || !check_settings(&s, name, status))
        return NULL;
    cairn_vocabulary *v = cairn__vocabulary_new(
        s.model_type == 1 ? CAIRN__VOCABULARY_UNIGRAM : CAIRN__VOCABULARY_SCORES, status);
    if (v && read_pieces(v, again)) {
        settle(v, &s);
        if (cairn__vocabulary_index(v, status) && cairn__vocabulary_finish(v, name, status))
            return v;
    }
    cairn_vocabulary_free(v);
    return NULL;
}
