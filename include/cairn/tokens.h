/* Cairn, text: files of tokens, windows of them, and the documents they are made from.
 *
 *   1. texts     documents from plain text and JSON lines, one at a time
 *   2. shards    files of token ids
 *   3. windows   batches of a shard's stretches, in an order drawn by a seed
 *
 * From a text to batches, with bytes for tokens:
 *
 *     cairn_text *books = cairn_text_open("books/", NULL, &status);
 *     cairn_token_writer *w = cairn_tokens_create("books.tokens", CAIRN_BYTE_VOCABULARY, 0,
 * &status); cairn_tokens_encode(books, cairn_encode_bytes, NULL, w, &status);
 *     cairn_tokens_finish(w, &status);
 */
#ifndef CAIRN_TOKENS_H
#define CAIRN_TOKENS_H

#include "cairn/data.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. texts ------------------------------------------------------------------------------- */

typedef enum cairn_text_format {
    CAIRN_TEXT_AUTO,      /* JSON lines when the name ends in .jsonl, .ndjson or .json */
    CAIRN_TEXT_PLAIN,     /* UTF-8 */
    CAIRN_TEXT_JSON_LINES /* one JSON object a line */
} cairn_text_format;

/* What parts plain text into documents. Documents of nothing but line ends are passed over. */
typedef enum cairn_text_cut {
    CAIRN_TEXT_FILE,      /* each file is one */
    CAIRN_TEXT_BLANK,     /* blank lines are between them */
    CAIRN_TEXT_SEPARATOR, /* lines that are equal to `separator` are between them */
    CAIRN_TEXT_LINE       /* each line is one */
} cairn_text_cut;

typedef struct cairn_text_options {
    int format;                      /* cairn_text_format */
    int cut;                         /* cairn_text_cut, of plain text */
    char separator[CAIRN_TEXT_SIZE]; /* such as "<|endoftext|>" */
    char field[CAIRN_TEXT_SIZE];     /* of JSON lines: the name of the text */
    int64_t document_limit;          /* most bytes of a document, and of a line */
} cairn_text_options;

/* Files, the separator <|endoftext|>, the field "text", 64 MiB. */
CAIRN_API cairn_text_options cairn_text_defaults(void);

typedef struct cairn_text cairn_text;

/* Opens a file, or all files below a directory in the order of their names' bytes (hidden ones and
 * links to folders left out). Files are read as they are needed: memory is at most four times the
 * longest document, and the names.
 *
 * options  copied; NULL for the defaults
 *
 * The caller owns the result: cairn_text_free(). Errors: CAIRN_ERR_FILE, CAIRN_ERR_FORMAT (no
 * files), CAIRN_ERR_VALUE, CAIRN_ERR_MEMORY. */
CAIRN_API cairn_text *cairn_text_open(const char *path, const cairn_text_options *options,
                                      cairn_status *status);
CAIRN_API void cairn_text_free(cairn_text *text);

/* The next document, of n bytes of UTF-8, lines parted by '\n' (a '\r' before it is dropped, and so
 * is a byte order mark). Borrowed until the next call. false with CAIRN_OK is the end.
 * Errors: CAIRN_ERR_FORMAT (not UTF-8, a line or document beyond the limit, no JSON object, no such
 * field, or one that is no string: the sentence names file and line), CAIRN_ERR_FILE. */
CAIRN_API bool cairn_text_next(cairn_text *text, const char **bytes, size_t *n,
                               cairn_status *status);

/* ---- 2. shards --------------------------------------------------------------------------------
 *
 *     0   "CAIRNTOK"            16  count of ids (u64)     40  number of the tokenizer (u64)
 *     8   version, 1 (u32)      24  vocabulary (u64)       48  16 bytes, 0
 *     12  bytes of an id (u32)  32  hash (u64)             64  ids
 *
 * All little endian; ids are u16 when the vocabulary is at most 65536, else u32, and each is below
 * the vocabulary. The hash is FNV-1a of 64 bits that takes a whole number
 * where FNV takes a byte: the vocabulary, the tokenizer, and each id. */

enum { CAIRN_BYTE_VOCABULARY = 257, CAIRN_BYTE_END = 256 };

typedef struct cairn_token_writer cairn_token_writer;

/* Begins a shard, which appears whole at cairn_tokens_finish(), or not at all. vocabulary: 1 to
 * 2^31 - 1. tokenizer: any number by which a reader can tell what made the ids; 0 for bytes.
 * The caller owns the result: cairn_token_writer_free(), which drops what was not finished.
 * Errors: CAIRN_ERR_VALUE, CAIRN_ERR_FILE, CAIRN_ERR_MEMORY. */
CAIRN_API cairn_token_writer *cairn_tokens_create(const char *path, int64_t vocabulary,
                                                  uint64_t tokenizer, cairn_status *status);

/* Adds n ids. Errors: CAIRN_ERR_VALUE for one outside the vocabulary, CAIRN_ERR_FILE,
 * CAIRN_ERR_STATE after the end. */
CAIRN_API bool cairn_tokens_add(cairn_token_writer *writer, const int32_t *ids, int64_t n,
                                cairn_status *status);
CAIRN_API bool cairn_tokens_finish(cairn_token_writer *writer, cairn_status *status);
CAIRN_API void cairn_token_writer_free(cairn_token_writer *writer);

/* Turns a document into ids, which it adds. */
typedef bool cairn_encode(void *user, const char *bytes, size_t n, cairn_token_writer *writer,
                          cairn_status *status);

/* The simplest tokenizer: each byte is an id, and CAIRN_BYTE_END follows each document. */
CAIRN_API bool cairn_encode_bytes(void *user, const char *bytes, size_t n,
                                  cairn_token_writer *writer, cairn_status *status);

/* Encodes all documents that are left. Gives their number; -1 with an error. */
CAIRN_API int64_t cairn_tokens_encode(cairn_text *text, cairn_encode *encode, void *user,
                                      cairn_token_writer *writer, cairn_status *status);

/* An open shard: its ids are mapped, not read. Read-only, for any number of threads. */
typedef struct cairn_tokens cairn_tokens;

typedef struct cairn_tokens_info {
    int64_t count, vocabulary;
    int id_bytes; /* 2 or 4 */
    uint64_t hash, tokenizer;
} cairn_tokens_info;

/* Opens a shard and checks its header and its length. The caller owns the result:
 * cairn_tokens_free(). Errors: CAIRN_ERR_FILE, CAIRN_ERR_FORMAT, CAIRN_ERR_MEMORY. */
CAIRN_API cairn_tokens *cairn_tokens_open(const char *path, cairn_status *status);

/* The same in memory; bytes are borrowed until it is freed, name during the call. */
CAIRN_API cairn_tokens *cairn_tokens_parse(const void *bytes, size_t size, const char *name,
                                           cairn_status *status);
CAIRN_API void cairn_tokens_free(cairn_tokens *tokens);
CAIRN_API cairn_tokens_info cairn_tokens_about(const cairn_tokens *tokens);

/* Copies the ids first .. first + n. Errors: CAIRN_ERR_VALUE outside the shard, CAIRN_ERR_FORMAT
 * for an id outside the vocabulary. */
CAIRN_API bool cairn_tokens_read(const cairn_tokens *tokens, int64_t first, int64_t n, int32_t *out,
                                 cairn_status *status);

/* Reads all ids and compares their hash. Errors: CAIRN_ERR_FORMAT. */
CAIRN_API bool cairn_tokens_verify(const cairn_tokens *tokens, cairn_status *status);

/* ---- 3. windows -------------------------------------------------------------------------------
 *
 * Window w of a shard is its ids wT .. wT + T: T inputs, each with the one that follows it. Windows
 * do not cross from shard to shard; what is left at a shard's end (fewer than T + 1) is not used.
 */

typedef struct cairn_window_options {
    int64_t length; /* T */
    int64_t batch;  /* windows, B */
    bool shuffle;   /* a new order of all windows in each epoch; else as they stand */
    int64_t seed;   /* draws the orders */
    bool drop_last; /* leave out a last batch of fewer than B */
    int64_t first;  /* use windows from this one .. */
    int64_t most;   /* .. so many at most; 0: all that follow */
} cairn_window_options;

/* 256 ids, 16 windows, shuffled by seed 0, the last batch dropped, all windows. */
CAIRN_API cairn_window_options cairn_window_defaults(void);

typedef struct cairn_window_batch {
    int64_t epoch, index;   /* from 0; index counts the batches of the epoch */
    int64_t size;           /* windows, 1 to B; rows behind hold -1 */
    int64_t batch, length;  /* B, T */
    const int32_t *ids;     /* [B, T + 1] */
    const int64_t *windows; /* [B], their numbers over all shards */
} cairn_window_batch;

typedef struct cairn_windows cairn_windows;

/* Windows of n shards one after the other, which must have one vocabulary and one tokenizer and are
 * borrowed until it is freed. The order of an epoch is a keyed one-to-one map (see
 * src/data/permute.h): it takes no memory, whatever the number of windows. Holds one batch.
 *
 * options  copied; NULL for the defaults
 *
 * The caller owns the result: cairn_windows_free().
 * Errors: CAIRN_ERR_VALUE (no window, or fewer than a batch with drop_last), CAIRN_ERR_TYPE (shards
 * that do not fit together), CAIRN_ERR_MEMORY. */
CAIRN_API cairn_windows *cairn_windows_new(const cairn_tokens *const *shards, int64_t n,
                                           const cairn_window_options *options,
                                           cairn_status *status);
CAIRN_API void cairn_windows_free(cairn_windows *windows);

/* The next batch, borrowed until the next call; NULL with CAIRN_OK at the end of an epoch (the call
 * after that begins the next). It depends on shards, options and position only.
 * Errors: those of cairn_tokens_read(). */
CAIRN_API const cairn_window_batch *cairn_windows_next(cairn_windows *windows,
                                                       cairn_status *status);

/* Windows in all; batches in an epoch; as cairn_loader_tell() and cairn_loader_seek(). */
CAIRN_API int64_t cairn_windows_count(const cairn_windows *windows);
CAIRN_API int64_t cairn_windows_batches(const cairn_windows *windows);
CAIRN_API cairn_loader_position cairn_windows_tell(const cairn_windows *windows);
CAIRN_API bool cairn_windows_seek(cairn_windows *windows, cairn_loader_position position,
                                  cairn_status *status);

#ifdef __cplusplus
}
#endif

#endif
