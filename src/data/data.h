/* What the files of this room share: the data set from inside, and sums over fields. */
#ifndef CAIRN_SRC_DATA_DATA_H
#define CAIRN_SRC_DATA_DATA_H

#include "base/base.h"
#include "cairn/data.h"

extern const cairn_option cairn__data_table[];
extern const cairn_option cairn__loader_table[];
extern const cairn_option cairn__noise_table[];

/* Features and labels. */
enum { CAIRN__MOST_FIELDS = 2, CAIRN__SPLITS = 2 };

struct cairn_dataset {
    cairn__arena arena; /* path and names */
    const char *path;
    const char *kind; /* static: what the path holds, for people */
    int count;        /* of fields: 1 or 2 */
    /* Owned data. A split that the source does not have has data NULL until cairn__draw_split(). */
    cairn_field fields[CAIRN__SPLITS][CAIRN__MOST_FIELDS];
    const char *const *columns; /* of "x", or NULL */
    const char *const *names;   /* of the classes, or NULL */
    int64_t classes;
    const int32_t *truth; /* owned: training labels before noise, or NULL */
};

/* Elements and bytes of a field that is not trusted; false when they overflow or a size is
 * negative. */
bool cairn__field_size(const cairn_field *field, int64_t *elements, size_t *bytes);

/* Elements of one item: the product of the sizes after the first. */
int64_t cairn__item_elements(const cairn_field *field);

/* Draws the test split where the source has none, and applies the limit. */
bool cairn__draw_split(cairn_dataset *dataset, const cairn_data_options *options,
                       cairn_status *status);

/* A copy with these training items (NULL: all) in this order, and the whole test split; without the
 * true labels of one whose labels were made wrong. items must be in range. The caller owns it. */
cairn_dataset *cairn__dataset_subset(const cairn_dataset *from, const int64_t *items, int64_t n,
                                     cairn_status *status);

/* Makes the training labels wrong and keeps the true ones. */
bool cairn__dataset_add_noise(cairn_dataset *dataset, const cairn_noise_options *options,
                              cairn_status *status);

/* One split of a data set that is made in memory: features [N, ..] and labels [N], both owned. */
typedef struct cairn__made_split {
    cairn_field features;
    int32_t *labels;
} cairn__made_split;

/* A data set of these arrays, which are given to it (also with an error). path: for sentences;
 * kind: static; names: of the classes, copied, or NULL. The caller owns it. */
cairn_dataset *cairn__dataset_make(const char *path, const char *kind,
                                   const cairn__made_split splits[CAIRN__SPLITS], int64_t classes,
                                   const char *const *names, cairn_status *status);

/* The n training items `rows` of a data set with new labels; there is no test split. */
cairn_dataset *cairn__dataset_pick(const cairn_dataset *from, const int64_t *rows, int64_t n,
                                   const int32_t *labels, int64_t classes,
                                   const char *const *names, cairn_status *status);

/* How a list of pictures or videos becomes a data set. */
typedef struct cairn__decode_options {
    int64_t size;           /* of each side */
    int64_t frames, stride; /* of a clip */
    int64_t clips;          /* of a video: their starts are drawn by `seed`; 1: its middle */
    int64_t seed;
} cairn__decode_options;

/* Decodes all of a list: "image" u8 [N,3,size,size] of pictures, [N,frames,size,size,3] of clips,
 * those of one video side by side; and "label". Errors: CAIRN_ERR_FORMAT for a class without items,
 * CAIRN_ERR_TYPE for sounds, CAIRN_ERR_MEMORY beyond memory_limit_mib, those of reading. */
struct cairn_items;
cairn_dataset *cairn__dataset_decode(const struct cairn_items *items,
                                     const cairn__decode_options *options, cairn_status *status);

/* Writes n elements of `from` as f32; u8 is divided by 255, everything else converted. */
typedef void cairn__converter(const void *from, int64_t n, float *to);

/* The converter of a type; NULL for those that no reader of this room makes. */
cairn__converter *cairn__converter_of(cairn_data_type type);

typedef struct cairn__measure {
    double least, greatest, mean; /* over the finite elements; 0 when there are none */
    int64_t finite, not_finite;
} cairn__measure;

cairn__measure cairn__measure_field(const cairn_field *field);

#endif
