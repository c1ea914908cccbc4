/* Cairn, data: from files to batches, and weights to and from files.
 *
 *   1. fields       named arrays in memory or in a file
 *   2. data sets    opened from a directory, an IDX file or a CSV file
 *   3. loaders      batches of a data set, shuffled, read ahead, resumable to the exact position
 *   4. safetensors  weights in the format of the ecosystem
 *
 * A first program:
 *
 *     cairn_data_options options = cairn_data_defaults();
 *     cairn_loader_options batches = cairn_loader_defaults();
 *     cairn_dataset *digits = cairn_dataset_open("/usr/share/datasets/fashion-mnist", &options,
 *                                                &status);
 *     cairn_loader *loader = cairn_loader_new(digits, CAIRN_SPLIT_TRAIN, &batches, &status);
 *     const cairn_batch *batch;
 *     while ((batch = cairn_loader_next(loader, &status)))
 *         ...                                  one epoch: batch->x [128,784], batch->label [128]
 *     cairn_loader_free(loader);
 *     cairn_dataset_free(digits);
 */
#ifndef CAIRN_DATA_H
#define CAIRN_DATA_H

#include "cairn/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. fields ------------------------------------------------------------------------------ */

/* Types of elements: name, text, bytes. The names are those of safetensors. BOOL is one byte, 0
 * or 1. The two 8-bit floats have 5 (or 4) bits of exponent and 2 (or 3) of mantissa. */
#define CAIRN_DATA_TYPES(X)                                                                        \
    X(F64, "f64", 8)                                                                               \
    X(F32, "f32", 4)                                                                               \
    X(F16, "f16", 2)                                                                               \
    X(BF16, "bf16", 2)                                                                             \
    X(F8_E5M2, "f8_e5m2", 1)                                                                       \
    X(F8_E4M3, "f8_e4m3", 1)                                                                       \
    X(I64, "i64", 8)                                                                               \
    X(I32, "i32", 4)                                                                               \
    X(I16, "i16", 2)                                                                               \
    X(I8, "i8", 1)                                                                                 \
    X(U64, "u64", 8)                                                                               \
    X(U32, "u32", 4)                                                                               \
    X(U16, "u16", 2)                                                                               \
    X(U8, "u8", 1)                                                                                 \
    X(BOOL, "bool", 1)

typedef enum cairn_data_type {
#define CAIRN_X(name, text, bytes) CAIRN_DATA_##name,
    CAIRN_DATA_TYPES(CAIRN_X)
#undef CAIRN_X
} cairn_data_type;

/* The text of a type ("f32"), static; the bytes of one element. "unknown" and 0 for no type. */
CAIRN_API const char *cairn_data_type_text(cairn_data_type type);
CAIRN_API size_t cairn_data_type_bytes(cairn_data_type type);

#define CAIRN_FIELD_RANK 8

/* A named array: row-major, no gaps, in the byte order of this machine. Who owns name and data is
 * said where a field is handed out. data is NULL for a field that is still in its file. */
typedef struct cairn_field {
    const char *name;
    cairn_data_type type;
    int rank; /* 0 (one element) to CAIRN_FIELD_RANK */
    int64_t shape[CAIRN_FIELD_RANK];
    const void *data;
} cairn_field;

/* Elements of a field, the product of its shape; their bytes. */
CAIRN_API int64_t cairn_field_elements(const cairn_field *field);
CAIRN_API size_t cairn_field_bytes(const cairn_field *field);

/* ---- 2. data sets --------------------------------------------------------------------------- */

typedef enum cairn_split { CAIRN_SPLIT_TRAIN, CAIRN_SPLIT_TEST } cairn_split;

typedef enum cairn_csv_header {
    CAIRN_CSV_HEADER_AUTO, /* the first line is a header if none of its cells is a number */
    CAIRN_CSV_HEADER_YES,
    CAIRN_CSV_HEADER_NO
} cairn_csv_header;

/* Labels made wrong, for experiments: with probability noise_rate the label of an item becomes
 *
 *   flip      one of the other classes, all alike: the share of wrong labels is the rate
 *   uniform   one of all classes, its own included: the share is rate (classes - 1) / classes
 *   next      the next class, and the last class the first
 *   pairs     what `noise_pairs` says of its class: "9>1,2>0"; other classes stay. Much noise of
 *             this kind is between classes that look alike
 *   instance  another class, drawn by a softmax of products of the item's features with random
 *             planes of its class: like items go to like classes; each item has a rate of its own,
 *             normal around noise_rate with deviation 0.1
 *             (after Xia et al. 2020, algorithm 2, arXiv:2006.07836)
 *
 * An item's draw depends on noise_seed and its number only. */
typedef enum cairn_noise_kind {
    CAIRN_NOISE_NONE,
    CAIRN_NOISE_FLIP,
    CAIRN_NOISE_UNIFORM,
    CAIRN_NOISE_NEXT,
    CAIRN_NOISE_PAIRS,
    CAIRN_NOISE_INSTANCE
} cairn_noise_kind;

typedef struct cairn_noise_options {
    int noise; /* cairn_noise_kind */
    double noise_rate;
    int64_t noise_seed;
    char noise_pairs[CAIRN_TEXT_SIZE];
} cairn_noise_options;

CAIRN_API cairn_noise_options cairn_noise_defaults(void);

/* label: n classes; out: as many, which may be the same array. x: the items' features, for
 * `instance`, or NULL. Errors: CAIRN_ERR_VALUE for options out of range, or a label that is no
 * class; CAIRN_ERR_MEMORY. */
CAIRN_API bool cairn_label_noise(const cairn_noise_options *options, const cairn_field *x,
                                 const int32_t *label, int64_t n, int64_t classes, int32_t *out,
                                 cairn_status *status);

typedef struct cairn_data_options {
    char data[CAIRN_TEXT_SIZE];         /* path, for programs; cairn_dataset_open() has its own */
    double test_fraction;               /* share of the items, where the source has no test split */
    int64_t split_seed;                 /* draws that split */
    char label_column[CAIRN_TEXT_SIZE]; /* of a CSV file: "", a name, a number from 1, last, none */
    int header;                         /* cairn_csv_header */
    int64_t limit;                      /* use the first so many training items; 0: all */
    int64_t memory_limit_mib;           /* most that one file may be, or unpack to */
} cairn_data_options;

CAIRN_API cairn_data_options cairn_data_defaults(void);

/* Fields of the same first size N, for the splits train and test. Read-only once made, so that any
 * number of threads and loaders may share it. */
typedef struct cairn_dataset cairn_dataset;

/* Opens what lies at `path` and reads it into memory:
 *
 *   a directory  train-images-idx3-ubyte, train-labels-idx1-ubyte, and t10k-... for the test split
 *                (or with a dot, as in train-images.idx3-ubyte), each plain or with .gz;
 *                labels may be absent
 *   or data_batch_1.bin to data_batch_5.bin, test_batch.bin and batches.meta.txt: CIFAR-10; or
 *                train.bin, test.bin and fine_label_names.txt: CIFAR-100 with its fine labels.
 *                Names of classes and test split may be absent
 *   an IDX file  one field, plain or .gz
 *   a CIFAR file with a name that ends in .bin; plain or gzip
 *   a CSV file   RFC 4180, UTF-8, commas; numeric columns and at most one label column, integers or
 *                text; plain or .gz
 *
 * Fields: "image" (IDX u8 with at least 2 dimensions beside N) or "x" (everything else; CSV gives
 * f32 [N,columns]), then "label" i32 [N]. Those of CIFAR are "image" u8 [N,3,32,32] and "label".
 * Text labels are numbered in the order of their bytes.
 *
 * Where the source has no test split, floor(test_fraction * N) items are drawn for it by
 * split_seed; both splits keep the order of the file.
 *
 * options  copied; NULL for the defaults
 *
 * The caller owns the result: cairn_dataset_free().
 * Errors: CAIRN_ERR_FILE, CAIRN_ERR_FORMAT (the sentence names file and line or offset),
 * CAIRN_ERR_NAME (no such label column), CAIRN_ERR_MEMORY (limit, or out of memory). */
CAIRN_API cairn_dataset *cairn_dataset_open(const char *path, const cairn_data_options *options,
                                            cairn_status *status);

/* The same for one file held in memory (IDX or CSV, plain or gzip). `name` is used in sentences.
 * bytes and name are borrowed during the call. */
CAIRN_API cairn_dataset *cairn_dataset_parse(const void *bytes, size_t size, const char *name,
                                             const cairn_data_options *options,
                                             cairn_status *status);
CAIRN_API void cairn_dataset_free(cairn_dataset *dataset);

/* A copy whose training labels have been made wrong. The caller owns it. */
CAIRN_API cairn_dataset *cairn_dataset_with_noise(const cairn_dataset *dataset,
                                                  const cairn_noise_options *options,
                                                  cairn_status *status);

/* The training labels as they were before they were made wrong, one an item; NULL where they were
 * not. Borrowed until the data set is freed. */
CAIRN_API const int32_t *cairn_dataset_true_labels(const cairn_dataset *dataset);

/* Items of a split (0 if there is none). */
CAIRN_API int64_t cairn_dataset_count(const cairn_dataset *dataset, cairn_split split);

/* The field at `index` (0 is the features), or the one called `name`; NULL if there is none.
 * Borrowed with its data until the data set is freed. */
CAIRN_API const cairn_field *cairn_dataset_field_at(const cairn_dataset *dataset, cairn_split split,
                                                    int index);
CAIRN_API const cairn_field *cairn_dataset_field(const cairn_dataset *dataset, cairn_split split,
                                                 const char *name);

/* Number of classes: the largest label of both splits and one. 0 without labels, or when one of
 * them is negative. */
CAIRN_API int64_t cairn_dataset_classes(const cairn_dataset *dataset);

/* The text of a class, or of a column of "x"; NULL when the source gives none. Borrowed until the
 * data set is freed. */
CAIRN_API const char *cairn_dataset_class_name(const cairn_dataset *dataset, int64_t index);
CAIRN_API const char *cairn_dataset_column_name(const cairn_dataset *dataset, int64_t index);

/* What the data set holds: fields, types, shapes, least, greatest and mean value, items of each
 * class. As text for people (several lines) or as one JSON object (one line, no newline at the
 * end). The caller owns the text: cairn_description_free(). NULL with CAIRN_ERR_MEMORY. */
CAIRN_API char *cairn_dataset_describe(const cairn_dataset *dataset, cairn_status *status);
CAIRN_API char *cairn_dataset_describe_json(const cairn_dataset *dataset, cairn_status *status);
CAIRN_API void cairn_description_free(char *text);

/* ---- 3. loaders ----------------------------------------------------------------------------- */

typedef enum cairn_loader_layout {
    CAIRN_LOADER_FLAT,  /* x [B, product of an item's sizes] */
    CAIRN_LOADER_STORED /* x [B, an item's sizes as stored], such as [B,28,28] */
} cairn_loader_layout;

typedef struct cairn_loader_options {
    int64_t batch;     /* items, B */
    bool shuffle;      /* a new order in each epoch */
    int64_t seed;      /* draws the orders */
    int64_t window;    /* shuffle inside windows of so many consecutive items; 0: the whole split */
    int64_t rows_seed; /* draws the order of the items inside each batch; -1: as they come */
    bool drop_last;
    bool prefetch; /* prepare the next batch in a thread of its own */
    int layout;    /* cairn_loader_layout */
} cairn_loader_options;

CAIRN_API cairn_loader_options cairn_loader_defaults(void);

/* B items. Rows from `size` on (only the last batch of an epoch can have them, without drop_last)
 * hold zeros, and -1 as label and item: programs compiled for B items can run on them. */
typedef struct cairn_batch {
    int64_t epoch, index;            /* from 0; index counts the batches of the epoch */
    int64_t size;                    /* items, 1 to B */
    int rank;                        /* of x */
    int64_t shape[CAIRN_FIELD_RANK]; /* of x; shape[0] is B */
    const float *x;                  /* u8 features divided by 255; others as they are */
    const int32_t *label;            /* [B], or NULL when the data set has none */
    const int64_t *items;            /* [B], the numbers of the items in their split */
} cairn_batch;

/* The batch that comes next. */
typedef struct cairn_loader_position {
    int64_t epoch, batch;
} cairn_loader_position;

/* Batches of one split of a data set, for one thread at a time. */
typedef struct cairn_loader cairn_loader;

/* dataset  borrowed until the loader is freed
 * options  copied; NULL for the defaults
 *
 * Holds two batches and one order. The caller owns the result: cairn_loader_free().
 * Errors: CAIRN_ERR_VALUE when the split has no items, or fewer than a batch with drop_last;
 * CAIRN_ERR_MEMORY. */
CAIRN_API cairn_loader *cairn_loader_new(const cairn_dataset *dataset, cairn_split split,
                                         const cairn_loader_options *options, cairn_status *status);

/* Stops the thread and frees everything, batches that were handed out included. */
CAIRN_API void cairn_loader_free(cairn_loader *loader);

/* The next batch; NULL at the end of an epoch (the call after that begins the next one). Borrowed
 * until the next call. The order depends on (seed, window, epoch) only, that inside a batch on
 * (rows_seed, epoch, index) besides. Allocates nothing and cannot fail, but does nothing and gives
 * NULL when `status` holds an error. */
CAIRN_API const cairn_batch *cairn_loader_next(cairn_loader *loader, cairn_status *status);

/* Batches in an epoch. */
CAIRN_API int64_t cairn_loader_batches(const cairn_loader *loader);

/* Where the loader stands; and going there. After seeking to a position that was asked for earlier,
 * in this process or another, the same batches follow as they did then, the end of the epoch
 * included. Ends the loan of the last batch.
 * Errors: CAIRN_ERR_VALUE for a batch beyond the epoch's end, or a negative number. */
CAIRN_API cairn_loader_position cairn_loader_tell(const cairn_loader *loader);
CAIRN_API bool cairn_loader_seek(cairn_loader *loader, cairn_loader_position position,
                                 cairn_status *status);

/* ---- 4. safetensors ---------------------------------------------------------------------------
 *
 * Source: https://github.com/huggingface/safetensors, section "Format". */

/* An open file: its list of arrays in memory, the values still in the file. */
typedef struct cairn_safetensors cairn_safetensors;

/* Opens a file, or one held in memory (bytes borrowed until it is freed, name during the call), and
 * checks all of the list: header of at most 100 MB and within the file, beginning with '{', no name
 * twice, each range as long as shape and type demand, ranges without gap or overlap up to the end
 * of the file, metadata of strings only.
 * The caller owns the result: cairn_safetensors_free().
 * Errors: CAIRN_ERR_FILE, CAIRN_ERR_FORMAT, CAIRN_ERR_MEMORY. */
CAIRN_API cairn_safetensors *cairn_safetensors_open(const char *path, cairn_status *status);
CAIRN_API cairn_safetensors *cairn_safetensors_parse(const void *bytes, size_t size,
                                                     const char *name, cairn_status *status);
CAIRN_API void cairn_safetensors_free(cairn_safetensors *file);

/* The arrays in the order of their bytes, and one by name; NULL if there is none. Borrowed until
 * the file is freed. data is NULL: see cairn_safetensors_read(). */
CAIRN_API int64_t cairn_safetensors_count(const cairn_safetensors *file);
CAIRN_API const cairn_field *cairn_safetensors_at(const cairn_safetensors *file, int64_t index);
CAIRN_API const cairn_field *cairn_safetensors_find(const cairn_safetensors *file,
                                                    const char *name);

/* Copies the values of the array called field->name to `out`. `size` is the room there and must be
 * exactly the bytes of that array. Any number of threads may read one file.
 * Errors: CAIRN_ERR_NAME (no such array), CAIRN_ERR_SHAPE (another size), CAIRN_ERR_FILE. */
CAIRN_API bool cairn_safetensors_read(const cairn_safetensors *file, const cairn_field *field,
                                      void *out, size_t size, cairn_status *status);

/* The metadata text called `key`, or NULL; and the pairs in the order of the file (false past the
 * last). Borrowed until the file is freed. */
CAIRN_API const char *cairn_safetensors_metadata(const cairn_safetensors *file, const char *key);
CAIRN_API bool cairn_safetensors_metadata_at(const cairn_safetensors *file, int64_t index,
                                             const char **key, const char **value);

/* Writes n arrays in the order given, whole or not at all: to a temporary name in the same
 * directory, synced and renamed over `path`. On any failure, a full disk included, what was there
 * before stays.
 *
 * arrays    borrowed during the call; data must not be NULL unless the array is empty
 * metadata  pairs key, value, key, value, ..., NULL; or NULL for none
 *
 * Errors: CAIRN_ERR_NAME (a name twice, not UTF-8, or "__metadata__"), CAIRN_ERR_SHAPE (negative or
 * too large), CAIRN_ERR_VALUE (no data), CAIRN_ERR_FILE, CAIRN_ERR_MEMORY. */
CAIRN_API bool cairn_safetensors_write(const char *path, const cairn_field *arrays, int64_t n,
                                       const char *const *metadata, cairn_status *status);

#ifdef __cplusplus
}
#endif

#endif
