/* Cairn, vocabularies: from bytes to ids and back.
 *
 *     cairn_vocabulary *v = cairn_vocabulary_open("tokenizer.json", &status);
 *     cairn_id_list ids = {0};
 *     cairn_vocabulary_encode(v, "2 + 2", 5, false, &ids, &status);
 *     cairn_id_list_free(&ids);
 *     cairn_vocabulary_free(v);
 *
 * A shard from a text:
 *
 *     cairn_vocabulary_info i = cairn_vocabulary_about(v);
 *     cairn_token_writer *w = cairn_tokens_create("a.tokens", i.size, i.hash, &status);
 *     cairn_tokens_encode(text, cairn_encode_vocabulary, v, w, &status);
 */
#ifndef CAIRN_VOCABULARY_H
#define CAIRN_VOCABULARY_H

#include "cairn/tokens.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cairn_vocabulary cairn_vocabulary;

typedef enum cairn_vocabulary_format {
    CAIRN_VOCABULARY_SENTENCEPIECE, /* NAME.model of SentencePiece: unigram and bpe */
    CAIRN_VOCABULARY_HUGGINGFACE    /* tokenizer.json: byte-level BPE of GPT-2, Llama 3, Qwen 2 */
} cairn_vocabulary_format;

/* Opens "bytes" (257 ids: see CAIRN_BYTE_END), a SentencePiece model (NAME.model), a tokenizer.json
 * (NAME.json), the vocabulary in a GGUF file (NAME.gguf: "llama" by scores, "gpt2" by merges), or
 * the tokenizer.json or tokenizer.model of a directory. What a file asks for and Cairn does not do
 * (another normalisation, an unknown pattern) is an error that names it.
 *
 * The caller owns the result: cairn_vocabulary_free(). It is read-only, for any number of threads.
 * Errors: CAIRN_ERR_FILE, CAIRN_ERR_FORMAT, CAIRN_ERR_MEMORY. */
CAIRN_API cairn_vocabulary *cairn_vocabulary_open(const char *path, cairn_status *status);

/* The same from memory; bytes and name are borrowed during the call. */
CAIRN_API cairn_vocabulary *cairn_vocabulary_parse(cairn_vocabulary_format format,
                                                   const void *bytes, size_t size, const char *name,
                                                   cairn_status *status);
CAIRN_API void cairn_vocabulary_free(cairn_vocabulary *vocabulary);

typedef struct cairn_vocabulary_info {
    const char *kind;            /* "bytes", "SentencePiece bpe", ...; static */
    int64_t size;                /* ids are 0 .. size-1 */
    int32_t begin, end, unknown; /* -1: there is none */
    bool lossless;               /* any bytes come back from decode(encode(bytes)) */
    uint64_t hash;               /* of all that decides about ids; the `tokenizer` of shards */
} cairn_vocabulary_info;

CAIRN_API cairn_vocabulary_info cairn_vocabulary_about(const cairn_vocabulary *vocabulary);

/* A growing list of ids. Start from all zero. */
typedef struct cairn_id_list {
    int32_t *id; /* owned */
    int64_t n, room;
} cairn_id_list;

CAIRN_API void cairn_id_list_free(cairn_id_list *list);

/* Adds the ids of n bytes, which need not be UTF-8.
 *
 * special  names of special tokens ("<|endoftext|>") in the text become these tokens; otherwise
 *          they are text like any other, as they should be in texts that others wrote
 *
 * Nothing is put before or behind: see `begin` and `end`. In vocabularies of SentencePiece with
 * byte pieces a U+2581 of the text becomes three bytes, since that sign stands for the space in
 * pieces; SentencePiece itself would give a space back.
 * Errors: CAIRN_ERR_VALUE (2^31 bytes or more), CAIRN_ERR_MEMORY; the list is then as it was. */
CAIRN_API bool cairn_vocabulary_encode(const cairn_vocabulary *vocabulary, const char *bytes,
                                       size_t n, bool special, cairn_id_list *out,
                                       cairn_status *status);

/* The bytes of n ids, 0-terminated; *size without the 0. Special tokens give their names when
 * `special`, else nothing. The caller frees the text with cairn_description_free().
 * Errors: CAIRN_ERR_VALUE for an id that is none, CAIRN_ERR_MEMORY. */
CAIRN_API char *cairn_vocabulary_decode(const cairn_vocabulary *vocabulary, const int32_t *ids,
                                        int64_t n, bool special, size_t *size,
                                        cairn_status *status);

/* The id of a piece by its bytes, special ones included; -1 when there is none. */
CAIRN_API int32_t cairn_vocabulary_find(const cairn_vocabulary *vocabulary, const char *piece);

/* The bytes of one id, *n of them, borrowed; NULL for an id that is none. */
CAIRN_API const char *cairn_vocabulary_piece(const cairn_vocabulary *vocabulary, int32_t id,
                                             size_t *n);

/* A cairn_encode: the ids of a document (special tokens not looked for), then `end`. user: the
 * cairn_vocabulary. Errors: CAIRN_ERR_VALUE for a vocabulary without an end. */
CAIRN_API bool cairn_encode_vocabulary(void *user, const char *bytes, size_t n,
                                       cairn_token_writer *writer, cairn_status *status);

typedef struct cairn_vocabulary_options {
    int kind;           /* 0 unigram, 1 bpe */
    int64_t size;       /* ids; fewer when the texts do not give as many */
    double coverage;    /* of characters; the others become bytes */
    double share;       /* of the lines */
    int64_t most_bytes; /* to train on */
    int64_t seed;
} cairn_vocabulary_options;

/* unigram, 8000 ids, a coverage of 0.9995, all lines, 256 MiB, seed 0. */
CAIRN_API cairn_vocabulary_options cairn_vocabulary_defaults(void);

/* Trains a lossless vocabulary on the lines of all documents that are left, and writes the model of
 * SentencePiece to `path`: spaces as they stand, one id a digit, bytes for what is rare. Needs the
 * program spm_train (Debian: sentencepiece), which runs in a process and a folder of its own, on
 * one thread: the same texts and options give the same file.
 *
 * options  copied; NULL for the defaults
 *
 * Errors: CAIRN_ERR_MISSING without spm_train, CAIRN_ERR_MEMORY (beyond `most_bytes`),
 * CAIRN_ERR_FORMAT (it refuses: the sentence has its last line), CAIRN_ERR_VALUE, those of
 * cairn_text_next(). Source: Chowdhery et al. 2022 (PaLM), section 2.2. arXiv:2204.02311 */
CAIRN_API bool cairn_vocabulary_train(cairn_text *text, const cairn_vocabulary_options *options,
                                      const char *path, cairn_status *status);

#ifdef __cplusplus
}
#endif

#endif
