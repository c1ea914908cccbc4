/* Vocabularies: pieces, their tables, and what the file formats have in common. */
#include "text/vocabulary.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "data/file.h"

enum { MOST_PIECES = 1 << 24, MOST_SPECIALS = 1 << 14, MOST_FILE = 1 << 28 };

cairn_vocabulary *cairn__vocabulary_new(cairn__vocabulary_kind kind, cairn_status *status)
{
    cairn_vocabulary *v = cairn__alloc(1, sizeof *v, status);
    if (!v)
        return NULL;
    v->kind = kind;
    v->begin = v->end = v->unknown = -1;
    memset(v->byte_id, 0xFF, sizeof v->byte_id);
    return v;
}

void cairn_vocabulary_free(cairn_vocabulary *v)
{
    if (!v)
        return;
    cairn__free(v->pieces);
    cairn__free(v->slots);
    cairn__free(v->merges);
    cairn__free(v->special);
    cairn__arena_free(&v->arena);
    cairn__free(v);
}

bool cairn__vocabulary_add(cairn_vocabulary *v, const char *bytes, size_t n, float score,
                           cairn__piece_type type, cairn_status *status)
{
    if (v->size == v->room) {
        const int32_t room = CAIRN__MAX(2 * v->room, 256);
        cairn__piece *more = v->size < MOST_PIECES
                                 ? cairn__resize(v->pieces, (size_t)room, sizeof *more, status)
                                 : NULL;
        if (!more)
            return cairn__fail(status, CAIRN_ERR_FORMAT,
                               "vocabulary: more pieces than the limit of %d", MOST_PIECES);
        v->pieces = more;
        v->room = room;
    }
    char *copy = cairn__arena_alloc(&v->arena, n + 1, 1, status);
    if (!copy || n > UINT32_MAX)
        return false;
    memcpy(copy, bytes, n);
    copy[n] = 0;
    v->pieces[v->size++] = (cairn__piece){copy, (uint32_t)n, score, type};
    return true;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static bool is_looked_up(const cairn__piece *p)
{
    return p->n > 0 && (p->type == CAIRN__PIECE_NORMAL || p->type == CAIRN__PIECE_USER);
}

/* Twice the entries at least, a power of two. */
static size_t table_size(size_t n)
{
    size_t size = 16;
    while (size < 2 * n)
        size *= 2;
    return size;
}

int32_t cairn__vocabulary_lookup_hashed(const cairn_vocabulary *v, uint64_t hash, const char *bytes,
                                        size_t n)
{
    for (size_t at = hash & v->slot_mask; v->slots[at] >= 0; at = (at + 1) & v->slot_mask) {
        const cairn__piece *p = &v->pieces[v->slots[at]];
        if (p->n == n && memcmp(p->bytes, bytes, n) == 0)
            return v->slots[at];
    }
    return -1;
}

static uint64_t hash_of(const char *bytes, size_t n)
{
    uint64_t hash = CAIRN__FNV_START;
    for (size_t i = 0; i < n; i++)
        hash = cairn__fnv(hash, (unsigned char)bytes[i]);
    return hash;
}

int32_t cairn__vocabulary_lookup(const cairn_vocabulary *v, const char *bytes, size_t n)
{
    return cairn__vocabulary_lookup_hashed(v, hash_of(bytes, n), bytes, n);
}

bool cairn__vocabulary_index(cairn_vocabulary *v, cairn_status *status)
{
    const size_t size = table_size((size_t)v->size);
    v->slots = cairn__alloc(size, sizeof *v->slots, status);
    if (!v->slots)
        return false;
    memset(v->slots, 0xFF, size * sizeof *v->slots);
    v->slot_mask = size - 1;
    for (int32_t id = 0; id < v->size; id++) {
        const cairn__piece *p = &v->pieces[id];
        const uint64_t hash = hash_of(p->bytes, p->n);
        if (!is_looked_up(p) || cairn__vocabulary_lookup_hashed(v, hash, p->bytes, p->n) >= 0)
            continue;
        size_t at = hash & v->slot_mask;
        while (v->slots[at] >= 0)
            at = (at + 1) & v->slot_mask;
        v->slots[at] = id;
        v->longest = CAIRN__MAX(v->longest, p->n);
    }
    return true;
}

static size_t pair_place(const cairn_vocabulary *v, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    key *= 0x9E3779B97F4A7C15u;
    size_t at = (size_t)(key >> 32) & v->merge_mask;
    while (v->merges[at].id >= 0 && (v->merges[at].left != left || v->merges[at].right != right))
        at = (at + 1) & v->merge_mask;
    return at;
}

bool cairn__vocabulary_merges(cairn_vocabulary *v, int64_t n, cairn_status *status)
{
    if (n < 0 || n > MOST_PIECES)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "vocabulary: %lld merges, expected at most %d",
                           (long long)n, MOST_PIECES);
    const size_t size = table_size((size_t)n);
    v->merges = cairn__alloc(size, sizeof *v->merges, status);
    v->merge_mask = size - 1;
    for (size_t i = 0; v->merges && i < size; i++)
        v->merges[i].id = -1;
    return v->merges != NULL;
}

bool cairn__vocabulary_merge(cairn_vocabulary *v, int32_t rank, cairn__bytes left,
                             cairn__bytes right, const char *name, cairn_status *status)
{
    char both[1024];
    if (left.size + right.size > sizeof both)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: merge %d has %zu bytes, at most %zu are "
                           "expected",
                           name, rank, left.size + right.size, sizeof both);
    memcpy(both, left.data, left.size);
    memcpy(both + left.size, right.data, right.size);
    const int32_t a = cairn__vocabulary_lookup(v, left.data, left.size);
    const int32_t b = cairn__vocabulary_lookup(v, right.data, right.size);
    const int32_t id = cairn__vocabulary_lookup(v, both, left.size + right.size);
    if (a < 0 || b < 0 || id < 0)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: merge %d: a part or the result is not in the vocabulary", name,
                           rank);
    cairn__merge *place = &v->merges[pair_place(v, a, b)];
    if (place->id < 0)
        *place = (cairn__merge){a, b, rank, id};
    return true;
}

const cairn__merge *cairn__vocabulary_pair(const cairn_vocabulary *v, int32_t left, int32_t right)
{
    const cairn__merge *place = &v->merges[pair_place(v, left, right)];
    return place->id < 0 ? NULL : place;
}

/* ---- the end of making ----------------------------------------------------------------------- */

/* By falling length, so that the first which fits is the longest. */
static bool find_specials(cairn_vocabulary *v, const char *name, cairn_status *status)
{
    v->special = cairn__alloc(MOST_SPECIALS, sizeof *v->special, status);
    if (!v->special)
        return false;
    for (int32_t id = 0; id < v->size; id++) {
        const cairn__piece *p = &v->pieces[id];
        if (p->n == 0 || (p->type != CAIRN__PIECE_CONTROL && p->type != CAIRN__PIECE_USER))
            continue;
        if (v->specials == MOST_SPECIALS)
            return cairn__fail(status, CAIRN_ERR_FORMAT,
                               "%s: more special tokens than the limit of %d", name, MOST_SPECIALS);
        int32_t at = v->specials++;
        for (; at > 0 && v->pieces[v->special[at - 1]].n < p->n; at--)
            v->special[at] = v->special[at - 1];
        v->special[at] = id;
        v->special_first[(unsigned char)p->bytes[0]] = true;
    }
    return true;
}

static int digit(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *place = c ? strchr(digits, c) : NULL;
    return place ? (int)(place - digits) : -1;
}

/* The byte of <0x0A>; -1. */
static int named_byte(const cairn__piece *p)
{
    if (p->n != 6 || memcmp(p->bytes, "<0x", 3) != 0 || p->bytes[5] != '>')
        return -1;
    const int high = digit(p->bytes[3]), low = digit(p->bytes[4]);
    return high < 0 || low < 0 ? -1 : 16 * high + low;
}

/* SentencePiece writes a byte as <0x0A>, byte-level BPE has it as a piece of one byte. */
static bool find_bytes(cairn_vocabulary *v, const char *name, cairn_status *status)
{
    for (int32_t id = 0; id < v->size; id++) {
        const cairn__piece *p = &v->pieces[id];
        if (p->type != CAIRN__PIECE_BYTE)
            continue;
        const int byte = named_byte(p);
        if (byte >= 0)
            v->byte_id[byte] = id;
        else
            return cairn__fail(status, CAIRN_ERR_FORMAT,
                               "%s: piece %d is for a byte, but is not written <0x00> to <0xFF>",
                               name, id);
    }
    if (v->kind == CAIRN__VOCABULARY_MERGES)
        for (int b = 0; b < 256; b++)
            v->byte_id[b] = cairn__vocabulary_lookup(v, &(char){(char)b}, 1);
    bool all = true;
    for (int b = 0; b < 256 && all; b++)
        if (v->byte_id[b] < 0 && v->kind == CAIRN__VOCABULARY_MERGES)
            return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: no token for the byte 0x%02X", name,
                               (unsigned)b);
        else
            all = v->byte_id[b] >= 0;
    v->byte_fallback = all;
    return true;
}

static uint64_t hash_number(uint64_t hash, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        hash = cairn__fnv(hash, (unsigned char)(number >> 8 * i));
    return hash;
}

static uint64_t identity(const cairn_vocabulary *v)
{
    const int settings[] = {(int)v->kind,    (int)v->pattern, v->byte_fallback,
                            v->dummy_prefix, v->trim,         v->whole_words,
                            v->begin,        v->end,          v->unknown};
    uint64_t hash = CAIRN__FNV_START;
    for (size_t i = 0; i < CAIRN__COUNT(settings); i++)
        hash = hash_number(hash, (uint64_t)(int64_t)settings[i]);
    for (int32_t id = 0; id < v->size; id++) {
        const cairn__piece *p = &v->pieces[id];
        uint32_t score;
        memcpy(&score, &p->score, sizeof score);
        hash = hash_number(hash, (uint64_t)p->type << 32 | score);
        hash = hash_number(hash, hash_of(p->bytes, p->n));
    }
    for (size_t i = 0; v->merges && i <= v->merge_mask; i++)
        if (v->merges[i].id >= 0)
            hash = hash_number(hash_number(hash, (uint64_t)v->merges[i].rank << 32 | i),
                               (uint64_t)v->merges[i].id);
    return hash;
}

bool cairn__vocabulary_finish(cairn_vocabulary *v, const char *name, cairn_status *status)
{
    if (v->size == 0)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: the vocabulary has no pieces", name);
    if (!find_specials(v, name, status) || !find_bytes(v, name, status))
        return false;
    v->least = 0;
    for (int32_t id = 0; id < v->size; id++)
        if (v->pieces[id].type == CAIRN__PIECE_NORMAL)
            v->least = CAIRN__MIN(v->least, v->pieces[id].score);
    if (!v->byte_fallback && v->unknown < 0)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: neither a piece for each byte nor one for what is unknown", name);
    v->hash = identity(v);
    return true;
}

/* ---- opening --------------------------------------------------------------------------------- */

static cairn_vocabulary *bytes_only(cairn_status *status)
{
    cairn_vocabulary *v = cairn__vocabulary_new(CAIRN__VOCABULARY_BYTES, status);
    bool good = v != NULL;
    for (int b = 0; good && b < 256; b++)
        good = cairn__vocabulary_add(v, &(char){(char)b}, 1, 0, CAIRN__PIECE_NORMAL, status);
    good = good && cairn__vocabulary_add(v, "<end>", 5, 0, CAIRN__PIECE_CONTROL, status) &&
           cairn__vocabulary_index(v, status);
    for (int b = 0; good && b < 256; b++)
        v->byte_id[b] = b;
    if (good) {
        v->byte_fallback = true;
        v->end = CAIRN_BYTE_END;
        good = find_specials(v, "bytes", status);
    }
    if (good)
        return v; /* with hash 0, the number that shards of bytes have */
    cairn_vocabulary_free(v);
    return NULL;
}

static bool ends_with(const char *path, const char *ending)
{
    const size_t n = strlen(path), length = strlen(ending);
    return n >= length && strcasecmp(path + n - length, ending) == 0;
}

cairn_vocabulary *cairn_vocabulary_parse(cairn_vocabulary_format format, const void *bytes,
                                         size_t size, const char *name, cairn_status *status)
{
    if (!cairn_ok(status))
        return NULL;
    return format == CAIRN_VOCABULARY_SENTENCEPIECE
               ? cairn__vocabulary_sentencepiece(bytes, size, name, status)
               : cairn__vocabulary_huggingface(bytes, size, name, status);
}

static cairn_vocabulary *open_gguf(const char *path, cairn_status *status)
{
    cairn_gguf *file = cairn_gguf_open(path, status);
    cairn_vocabulary *v = file ? cairn__vocabulary_gguf(file, path, status) : NULL;
    cairn_gguf_free(file);
    return v;
}

cairn_vocabulary *cairn_vocabulary_open(const char *path, cairn_status *status)
{
    char inside[CAIRN_TEXT_SIZE + 32];
    struct stat about;
    cairn__content content = {0};
    cairn_vocabulary *v = NULL;
    if (!cairn_ok(status))
        return NULL;
    if (strcmp(path, "bytes") == 0)
        return bytes_only(status);
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
        snprintf(inside, sizeof inside, "%.*s/tokenizer.json", CAIRN_TEXT_SIZE, path);
        if (stat(inside, &about) != 0)
            snprintf(inside, sizeof inside, "%.*s/tokenizer.model", CAIRN_TEXT_SIZE, path);
        path = inside;
    }
    if (ends_with(path, ".gguf"))
        return open_gguf(path, status);
    if (!ends_with(path, ".json") && !ends_with(path, ".model")) {
        cairn__fail(status, CAIRN_ERR_NAME,
                    "%s: no vocabulary that is known; expected 'bytes', NAME.model, NAME.json, "
                    "NAME.gguf or a directory with one",
                    path);
        return NULL;
    }
    if (cairn__read_file(path, MOST_FILE, &content, status))
        v = cairn_vocabulary_parse(ends_with(path, ".json") ? CAIRN_VOCABULARY_HUGGINGFACE
                                                            : CAIRN_VOCABULARY_SENTENCEPIECE,
                                   content.data, content.size, path, status);
    cairn__content_free(&content);
    return v;
}

cairn_vocabulary_info cairn_vocabulary_about(const cairn_vocabulary *v)
{
    static const char *const kinds[] = {"bytes", "SentencePiece unigram", "SentencePiece bpe",
                                        "byte-level BPE"};
    return (cairn_vocabulary_info){
        .kind = kinds[v->kind],
        .size = v->size,
        .begin = v->begin,
        .end = v->end,
        .unknown = v->unknown,
        .lossless = v->byte_fallback && !v->trim,
        .hash = v->hash,
    };
}

int32_t cairn_vocabulary_find(const cairn_vocabulary *v, const char *piece)
{
    const size_t n = strlen(piece);
    for (int32_t i = 0; i < v->size; i++)
        if (v->pieces[i].n == n && memcmp(v->pieces[i].bytes, piece, n) == 0)
            return i;
    return -1;
}

const char *cairn_vocabulary_piece(const cairn_vocabulary *v, int32_t id, size_t *n)
{
    if (id < 0 || id >= v->size)
        return NULL;
    *n = v->pieces[id].n;
    return v->pieces[id].bytes;
}
