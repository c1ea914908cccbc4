/* Shared by the files of weights: how stored types become f32, and the families' tables. */
#ifndef CAIRN_SRC_WEIGHTS_H
#define CAIRN_SRC_WEIGHTS_H

#include "base/base.h"
#include "cairn/data.h"
#include "cairn/weights.h"

/* ---- types ----------------------------------------------------------------------------------- */

/* A stored type: blocks of `elements` numbers in `bytes` bytes. */
typedef struct cairn__weight_type {
    const char *name;
    int gguf; /* its number there */
    int64_t elements;
    size_t bytes;
    void (*decode)(const unsigned char *from, int64_t blocks, float *to); /* NULL: not readable */
} cairn__weight_type;

/* NULL when there is none. */
const cairn__weight_type *cairn__weight_type_gguf(uint32_t number);
const cairn__weight_type *cairn__weight_type_named(const char *name);

/* ---- GGUF ------------------------------------------------------------------------------------ */

/* The stored bytes of a tensor, in the mapped file. */
const unsigned char *cairn__gguf_bytes(const cairn_gguf *file, int64_t index);

/* ---- collections ----------------------------------------------------------------------------- */

/* A tensor and where its bytes are. */
typedef struct cairn__weight_entry {
    cairn_weight weight;
    const cairn__weight_type *type; /* NULL: cannot become f32 */
    const cairn_safetensors *file;  /* with `field`, or NULL: `bytes` */
    const cairn_field *field;
    const unsigned char *bytes;
} cairn__weight_entry;

struct cairn_weights {
    cairn__arena arena;
    const char *path;
    bool is_gguf;
    cairn__weight_entry *entries; /* by name */
    int64_t count;
    cairn_safetensors **files;
    int64_t file_count;
    cairn_gguf *gguf;
    cairn_architecture architecture;
    cairn_status unknown; /* why there is no architecture, or CAIRN_OK */
};

const cairn__weight_entry *cairn__weights_find(const cairn_weights *w, const char *name);

/* Opens the files and fills entries, in any order. */
bool cairn__huggingface_open(cairn_weights *w, cairn_status *status);
bool cairn__gguf_collect(cairn_weights *w, cairn_status *status);

/* ---- families -------------------------------------------------------------------------------- */

/* How the elements of a published tensor lie in the variable. */
typedef enum cairn__layout {
    CAIRN__LAYOUT_SAME,   /* the same order */
    CAIRN__LAYOUT_FRONT,  /* the same, with an axis of size 1 in front */
    CAIRN__LAYOUT_LINEAR, /* [out, in] to [in, out] */
    CAIRN__LAYOUT_ROTARY, /* the same, and numbers 2d, 2d + 1 of a head to d, d + D/2 */
    CAIRN__LAYOUT_CONV    /* [out, in, high, wide] to [high, wide, in, out], also as a matrix */
} cairn__layout;

/* The columns of the variable's last axis that the tensor fills. */
typedef enum cairn__part {
    CAIRN__PART_ALL,
    CAIRN__PART_QUERY,
    CAIRN__PART_KEY,
    CAIRN__PART_VALUE,
    CAIRN__PART_FIRST, /* half */
    CAIRN__PART_SECOND
} cairn__part;

/* One published tensor. In names '#' stands for an index from 0 and '@' for one from 1: of the
 * layer, or of stage and block; a '~' in front for the family's prefix, which files may lack. A
 * rule whose variable the graph does not have is skipped: so biases, tied outputs and shortcuts
 * need no conditions. */
typedef struct cairn__rule {
    const char *tensor;
    const char *variable; /* NULL: passed over where it is there */
    cairn__layout layout;
    cairn__part part;
    bool ignorable; /* passed over where it is there and the graph has no such variable */
} cairn__rule;

typedef struct cairn__family {
    const char *name, *class_name; /* `model_type`, and what `architectures` says */
    const char *prefix;
    const cairn__rule *rules; /* ended by a NULL tensor */
    const cairn__rule *gguf;  /* the same for GGUF, or NULL */
} cairn__family;

extern const cairn__family cairn__families[CAIRN_N_FAMILIES];

/* What the configuration of any family comes to. */
typedef struct cairn__facts {
    int64_t layers, width, heads, kv_heads, hidden, positions, vocabulary;
    int64_t patch, image_size, channels, classes;
    int64_t head_width, depths[4], sizes[4]; /* of a head; blocks and channels of each stage */
    double epsilon, rotary_base;
    bool tied, qkv_bias, bottleneck;
} cairn__facts;

/* Facts to options, with all sizes checked, and back. */
bool cairn__facts_apply(const cairn__facts *facts, cairn_family family, const char *path,
                        cairn_architecture *a, cairn_status *status);
cairn__facts cairn__facts_of(const cairn_architecture *a);

/* config.json to and from an architecture; what a GGUF header says. */
bool cairn__model_config_read(const char *path, cairn_architecture *a, cairn_status *status);
bool cairn__model_config_write(const char *path, const cairn_architecture *a, cairn_status *status);
bool cairn__gguf_architecture(const cairn_weights *w, cairn_architecture *a, cairn_status *status);

/* ---- a table applied to a graph -------------------------------------------------------------- */

/* One rule for one layer. */
typedef struct cairn__piece {
    const cairn__rule *rule;
    const char *tensor;       /* its full name */
    cairn_variable *variable; /* NULL: only to be passed over */
    cairn_shape shape;        /* that the tensor must have */
    int64_t offset, columns;  /* in the variable's last axis */
} cairn__piece;

typedef struct cairn__mapping {
    cairn__arena arena;
    cairn__piece *pieces; /* those of one variable stand together */
    int64_t n;
} cairn__mapping;

/* All pieces of an architecture in a graph. prefix: of the published names. */
bool cairn__mapping_make(cairn__mapping *mapping, const cairn_graph *g, const cairn_architecture *a,
                         const cairn__rule *rules, const char *prefix, cairn_status *status);
void cairn__mapping_free(cairn__mapping *mapping);

/* Copies between the published elements and the variable's, `back` from the variable. */
void cairn__piece_copy(const cairn__piece *piece, const cairn_architecture *a, float *published,
                       float *values, bool back);

#endif
