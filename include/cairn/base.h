/* Cairn, base: what every other header builds on.
 *
 *   1. status      how a function says what went wrong
 *   2. options     tables that declare each option of the project once
 *   3. logging     where messages go
 *   4. random      counter-based random numbers
 *   5. threads     how many, and nothing else
 *   6. version
 */
#ifndef CAIRN_BASE_H
#define CAIRN_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CAIRN_API __attribute__((visibility("default")))
#define CAIRN_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))

/* ---- 1. status -------------------------------------------------------------------------------
 *
 * Functions that can fail take a `cairn_status *` last (NULL is allowed) and return `bool`, an
 * object or NULL. A function that is given a status which already holds an error does nothing and
 * fails at once, so that a sequence of calls is checked once, at its end. */

/* Every kind of error: name, text, exit status of the program. */
#define CAIRN_ERRORS(X)                                                                            \
    X(MEMORY, "out of memory", 2)                                                                  \
    X(SHAPE, "shapes do not fit", 2)                                                               \
    X(TYPE, "data types do not fit", 2)                                                            \
    X(VALUE, "value out of range", 2)                                                              \
    X(NAME, "unknown name", 2)                                                                     \
    X(FORMAT, "malformed data", 2)                                                                 \
    X(FILE, "file cannot be used", 2)                                                              \
    X(STATE, "call out of order", 2)                                                               \
    X(MISSING, "not built in", 2)                                                                  \
    X(NUMERIC, "computation broke down", 2)                                                        \
    X(CLAIM, "the answer is no", 1)                                                                \
    X(INTERRUPTED, "interrupted", 130)

typedef enum cairn_code {
    CAIRN_OK = 0,
#define CAIRN_X(name, text, exit) CAIRN_ERR_##name,
    CAIRN_ERRORS(CAIRN_X)
#undef CAIRN_X
} cairn_code;

/* A code and one sentence for a person. Start from CAIRN_STATUS_INIT (all zero). A value: nothing
 * to free. */
typedef struct cairn_status {
    cairn_code code;
    char message[512];
} cairn_status;

#define CAIRN_STATUS_INIT {CAIRN_OK, {0}}

/* True if `status` is NULL or holds no error. */
CAIRN_API bool cairn_ok(const cairn_status *status);

/* The name of a code ("shape"), its general text, and the exit status of a program that ends with
 * it. Static strings. */
CAIRN_API const char *cairn_code_name(cairn_code code);
CAIRN_API const char *cairn_code_text(cairn_code code);
CAIRN_API int cairn_code_exit(cairn_code code);

/* ---- 2. options ------------------------------------------------------------------------------
 *
 * A table has one row for each field of an options struct. Flags, configuration keys, range
 * checks, help, reference pages, completion, run records and defaults are all made from the rows.
 * Text fields are character arrays inside the struct, so a struct is copied by assignment. */

#define CAIRN_TEXT_SIZE 1024

typedef enum cairn_option_kind {
    CAIRN_OPTION_END = 0,
    CAIRN_OPTION_REAL,   /* double */
    CAIRN_OPTION_COUNT,  /* int64_t */
    CAIRN_OPTION_FLAG,   /* bool; as a flag --name and --no-name */
    CAIRN_OPTION_CHOICE, /* int, an index into `choices` */
    CAIRN_OPTION_TEXT,   /* char[CAIRN_TEXT_SIZE] */
    CAIRN_OPTION_PATH,   /* char[CAIRN_TEXT_SIZE], a file or directory */
    CAIRN_OPTION_SPAN,   /* cairn_span: 500, 5ep, 20000ex, 10% */
    CAIRN_OPTION_BYTES   /* int64_t: 4096, 500MB, 2GiB */
} cairn_option_kind;

typedef enum cairn_span_unit {
    CAIRN_STEPS,
    CAIRN_EPOCHS,
    CAIRN_EXAMPLES,
    CAIRN_PERCENT
} cairn_span_unit;

/* A stretch of training: 500 steps, 5 epochs (5ep), 20000 examples (20000ex), or a share of the
 * whole run (10%). */
typedef struct cairn_span {
    double amount;
    cairn_span_unit unit;
} cairn_span;

typedef struct cairn_option {
    const char *name; /* the field's name; the flag has '-' for '_' */
    cairn_option_kind kind;
    size_t offset;
    double standard, from, to;  /* default and range of numbers; index of a choice; 0 or 1 */
    const char *standard_text;  /* default of text, path and span */
    const char *const *choices; /* NULL-terminated */
    const char *help;           /* one line, lower case, no full stop */
    const char *source;         /* where the default comes from, or "" */
} cairn_option;

#define CAIRN_OPT_REAL(type, field, standard, from, to, help, source)                              \
    {#field, CAIRN_OPTION_REAL, offsetof(type, field), standard, from, to, NULL, NULL, help, source}
#define CAIRN_OPT_COUNT(type, field, standard, from, to, help, source)                             \
    {#field, CAIRN_OPTION_COUNT, offsetof(type, field), standard, from, to, NULL, NULL, help,      \
     source}
#define CAIRN_OPT_FLAG(type, field, standard, help, source)                                        \
    {#field, CAIRN_OPTION_FLAG, offsetof(type, field), standard, 0, 1, NULL, NULL, help, source}
#define CAIRN_OPT_CHOICE(type, field, standard, choices, help, source)                             \
    {#field, CAIRN_OPTION_CHOICE, offsetof(type, field), standard, 0, 0, NULL, choices, help,      \
     source}
#define CAIRN_OPT_TEXT(type, field, standard, help, source)                                        \
    {#field, CAIRN_OPTION_TEXT, offsetof(type, field), 0, 0, 0, standard, NULL, help, source}
#define CAIRN_OPT_PATH(type, field, standard, help, source)                                        \
    {#field, CAIRN_OPTION_PATH, offsetof(type, field), 0, 0, 0, standard, NULL, help, source}
#define CAIRN_OPT_SPAN(type, field, standard, help, source)                                        \
    {#field, CAIRN_OPTION_SPAN, offsetof(type, field), 0, 0, 1e15, standard, NULL, help, source}
#define CAIRN_OPT_BYTES(type, field, standard, help, source)                                       \
    {#field, CAIRN_OPTION_BYTES, offsetof(type, field), standard, 0, 1e18, NULL, NULL, help, source}
#define CAIRN_OPT_END                                                                              \
    {NULL, CAIRN_OPTION_END, 0, 0, 0, 0, NULL, NULL, NULL, NULL}

/* Fills the struct that `table` describes with the defaults. */
CAIRN_API void cairn_options_defaults(const cairn_option *table, void *options);

/* Reads `text` into the field `name` ('-' and '_' are the same in names) of the struct that `table`
 * describes. Leaves the struct as it was on failure.
 * Errors: CAIRN_ERR_NAME for an unknown name (the sentence offers the nearest), CAIRN_ERR_VALUE
 * for text that is no such value or is out of range. */
CAIRN_API bool cairn_options_set(const cairn_option *table, void *options, const char *name,
                                 const char *text, cairn_status *status);

/* Writes the field of one row as text that cairn_options_set() reads back to the same value, at
 * most `size` bytes with the final 0. Returns the length that the whole text has. */
CAIRN_API size_t cairn_option_text(const cairn_option *row, const void *options, char *text,
                                   size_t size);

/* The row called `name`, or NULL. */
CAIRN_API const cairn_option *cairn_option_find(const cairn_option *table, const char *name);

/* Steps in `span` for a run of `total` steps, `steps_per_epoch` and `batch` examples a step. */
CAIRN_API int64_t cairn_span_steps(cairn_span span, int64_t total, int64_t steps_per_epoch,
                                   int64_t batch);

/* ---- 3. logging ------------------------------------------------------------------------------
 *
 * The library never prints by itself: messages go to the handler, and there is none at first. */

typedef enum cairn_log_level { CAIRN_LOG_DEBUG, CAIRN_LOG_INFO, CAIRN_LOG_WARNING } cairn_log_level;
typedef void cairn_log_handler(cairn_log_level level, const char *message, void *user);

/* Sets the handler for messages (NULL for none). Call it before other threads use the library. */
CAIRN_API void cairn_log_set_handler(cairn_log_handler *handler, void *user);

/* ---- 4. random -------------------------------------------------------------------------------
 *
 * Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). A value
 * depends on seed, stream and position only; nothing has a hidden state. */

/* The four 32-bit words at `position` of the stream. */
CAIRN_API void cairn_random_bits(uint64_t seed, uint64_t stream, uint64_t position,
                                 uint32_t words[4]);

/* n values uniform in [0, 1), f32 with 24 random bits each. out: n floats. */
CAIRN_API void cairn_random_uniform_fill(uint64_t seed, uint64_t stream, int64_t n, float *out);

/* n standard normal values (Box and Muller 1958). out: n floats. */
CAIRN_API void cairn_random_normal_fill(uint64_t seed, uint64_t stream, int64_t n, float *out);

/* A random order of 0 .. n-1 (Fisher and Yates). out: n indices. */
CAIRN_API void cairn_random_permutation(uint64_t seed, uint64_t stream, int64_t n, int64_t *out);

/* A stream number for a name (FNV-1a, 64 bits). */
CAIRN_API uint64_t cairn_random_stream(const char *name);

/* ---- 5. threads ------------------------------------------------------------------------------
 *
 * Results do not depend on the number of threads. */

/* Sets how many threads run programs from now on; 0 means one for each available core. */
CAIRN_API void cairn_threads_set(int threads);
CAIRN_API int cairn_threads(void);

/* ---- 6. version ------------------------------------------------------------------------------ */

#define CAIRN_VERSION "0.1.0"

/* The version of the library in use, and the optional parts it was built with, one to an entry:
 * "oneDNN 2.6.3". NULL-terminated, static. */
CAIRN_API const char *cairn_version(void);
CAIRN_API const char *const *cairn_features(void);

#ifdef __cplusplus
}
#endif

#endif
