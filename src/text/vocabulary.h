/* What the files about vocabularies share.
 *
 * Pieces of SentencePiece are kept with the space that they show as U+2581: texts need no escaping,
 * and a U+2581 in a text cannot be taken for a space. Pieces of byte-level BPE are kept as the
 * bytes that their signs stand for. */
#ifndef CAIRN_SRC_TEXT_VOCABULARY_H
#define CAIRN_SRC_TEXT_VOCABULARY_H

#include "base/base.h"
#include "cairn/vocabulary.h"
#include "cairn/weights.h"

typedef enum cairn__vocabulary_kind {
    CAIRN__VOCABULARY_BYTES,
    CAIRN__VOCABULARY_UNIGRAM, /* SentencePiece: the best sum of scores */
    CAIRN__VOCABULARY_SCORES,  /* SentencePiece: the best score merges first */
    CAIRN__VOCABULARY_MERGES   /* byte-level: the first of a list of merges first */
} cairn__vocabulary_kind;

/* Numbers of SentencePiece's sentencepiece_model.proto, which GGUF has too. */
typedef enum cairn__piece_type {
    CAIRN__PIECE_NORMAL = 1,
    CAIRN__PIECE_UNKNOWN,
    CAIRN__PIECE_CONTROL, /* matched in texts only where special tokens are asked for */
    CAIRN__PIECE_USER,    /* matched in texts always, before everything else */
    CAIRN__PIECE_UNUSED,
    CAIRN__PIECE_BYTE
} cairn__piece_type;

typedef struct cairn__piece {
    const char *bytes; /* in the arena, 0-terminated */
    uint32_t n;
    float score;
    cairn__piece_type type;
} cairn__piece;

typedef struct cairn__merge {
    int32_t left, right, rank, id; /* id -1: an empty place of the table */
} cairn__merge;

/* How byte-level BPE parts a text before it merges. */
typedef enum cairn__pattern {
    CAIRN__PATTERN_GPT2,
    CAIRN__PATTERN_LLAMA3, /* digits in threes */
    CAIRN__PATTERN_QWEN2   /* single digits */
} cairn__pattern;

struct cairn_vocabulary {
    cairn__arena arena;
    cairn__vocabulary_kind kind;
    cairn__piece *pieces; /* owned */
    int32_t size, room;
    int32_t *slots; /* owned: ids by the hash of their bytes; -1: empty. NORMAL and USER only */
    size_t slot_mask;
    cairn__merge *merges; /* owned: by the hash of the pair */
    size_t merge_mask;
    int32_t byte_id[256]; /* -1: none */
    int32_t *special;     /* owned: CONTROL and USER by falling length, which are looked for */
    int32_t specials;
    bool special_first[256]; /* bytes with which one begins */
    int32_t begin, end, unknown;
    bool byte_fallback, dummy_prefix, trim, whole_words;
    cairn__pattern pattern;
    size_t longest; /* bytes of a NORMAL or USER piece */
    float least;    /* score of a NORMAL one */
    uint64_t hash;
};

/* ---- making one ------------------------------------------------------------------------------ */

cairn_vocabulary *cairn__vocabulary_new(cairn__vocabulary_kind kind, cairn_status *status);

/* Adds a piece; copies its bytes. */
bool cairn__vocabulary_add(cairn_vocabulary *v, const char *bytes, size_t n, float score,
                           cairn__piece_type type, cairn_status *status);

/* The end of making, in two parts (merges need the first): tables; and specials, checks, hash.
 * name: of the file, for sentences. */
bool cairn__vocabulary_index(cairn_vocabulary *v, cairn_status *status);
bool cairn__vocabulary_finish(cairn_vocabulary *v, const char *name, cairn_status *status);

/* Makes room for n merges, and adds one: pieces by their bytes, the rank is the position. */
bool cairn__vocabulary_merges(cairn_vocabulary *v, int64_t n, cairn_status *status);
bool cairn__vocabulary_merge(cairn_vocabulary *v, int32_t rank, cairn__bytes left,
                             cairn__bytes right, const char *name, cairn_status *status);

/* Turns U+2581 into the space, in place; gives the new length. */
size_t cairn__unescape_space(char *bytes, size_t n);

/* Turns the signs of byte-level BPE (GPT-2's bytes_to_unicode) into bytes, in place; -1 for text
 * that has others. */
int64_t cairn__unescape_bytes(char *bytes, size_t n);

cairn_vocabulary *cairn__vocabulary_sentencepiece(const void *bytes, size_t size, const char *name,
                                                  cairn_status *status);
cairn_vocabulary *cairn__vocabulary_huggingface(const void *bytes, size_t size, const char *name,
                                                cairn_status *status);
cairn_vocabulary *cairn__vocabulary_gguf(const cairn_gguf *file, const char *name,
                                         cairn_status *status);

extern const cairn_option cairn__vocabulary_table[];

/* ---- using one ------------------------------------------------------------------------------- */

/* The id of NORMAL or USER bytes; -1. */
int32_t cairn__vocabulary_lookup(const cairn_vocabulary *v, const char *bytes, size_t n);

/* One step of FNV-1a, which the table of pieces uses; start from CAIRN__FNV_START. */
#define CAIRN__FNV_START 14695981039346656037u
static inline uint64_t cairn__fnv(uint64_t hash, unsigned char byte)
{
    return (hash ^ byte) * 1099511628211u;
}
int32_t cairn__vocabulary_lookup_hashed(const cairn_vocabulary *v, uint64_t hash, const char *bytes,
                                        size_t n);

const cairn__merge *cairn__vocabulary_pair(const cairn_vocabulary *v, int32_t left, int32_t right);

bool cairn__ids_add(cairn_id_list *out, int32_t id, cairn_status *status);

/* Memory of an encoding: kept from stretch to stretch. Start from all zero. */
typedef struct cairn__encoder {
    void *symbols, *heap, *cells;
    size_t symbols_room, heap_room, cells_room;
} cairn__encoder;

void cairn__encoder_free(cairn__encoder *e);

/* Makes room for n elements in one of the three. */
bool cairn__encoder_room(void **memory, size_t *room, size_t n, size_t size, cairn_status *status);

/* Adds the ids of a stretch without special tokens. */
bool cairn__encode_bpe(const cairn_vocabulary *v, cairn__encoder *e, const char *bytes, size_t n,
                       cairn_id_list *out, cairn_status *status);
bool cairn__encode_unigram(const cairn_vocabulary *v, cairn__encoder *e, const char *bytes,
                           size_t n, cairn_id_list *out, cairn_status *status);

/* Adds what stands for a character without a piece: its bytes, or one unknown for a run of them. */
bool cairn__encode_unknown(const cairn_vocabulary *v, const char *bytes, size_t n, bool after,
                           cairn_id_list *out, cairn_status *status);

/* Bytes of the word at the start of n > 0 bytes, by the pattern. */
size_t cairn__pattern_next(cairn__pattern pattern, const char *bytes, size_t n);

/* ---- Unicode --------------------------------------------------------------------------------- */

typedef enum cairn__class {
    CAIRN__CLASS_OTHER,
    CAIRN__CLASS_LETTER, /* general category L */
    CAIRN__CLASS_NUMBER, /* N */
    CAIRN__CLASS_SPACE   /* White_Space */
} cairn__class;

/* The character at the start of n > 0 bytes: its length, 1 for a byte that is not UTF-8, whose code
 * is then -1. */
size_t cairn__character(const char *bytes, size_t n, int32_t *code);
cairn__class cairn__class_of(int32_t code);

#endif
