/* The plan: what a device is given to run. Independent of the kind of device.
 *
 *     graph ──rewrite──> lowered graph ──group──> steps and values ──schedule──> waves
 *                                                                └──place───> offsets in an arena
 *
 * A step computes one op that cannot be fused, or none, followed by an element-wise program over
 * the result (the group that was fused with it). Values pass between steps in memory. Steps of one
 * wave do not depend on one another: their pieces may run in any order, side by side.
 */
#ifndef CAIRN_SRC_PLAN_H
#define CAIRN_SRC_PLAN_H

#include "graph/graph.h"

/* ---- values ---------------------------------------------------------------------------------- */

typedef enum cairn__place {
    CAIRN__NOWHERE,  /* lives in registers of one step only */
    CAIRN__ARENA,    /* at `offset` of the program's arena */
    CAIRN__VARIABLE, /* in the storage of `variable` */
} cairn__place;

typedef struct cairn__value {
    int32_t node; /* of the lowered graph */
    size_t bytes;
    cairn__place place;
    size_t offset;
    cairn_variable *variable;
    int first, last; /* waves between which it is needed; last = INT_MAX: to the end */
    int producer;    /* step, or -1 for leaves */
} cairn__value;

/* ---- element-wise programs ----------------------------------------------------------------------
 *
 * A fused group runs over rows x row elements. A register holds one tile: "wide" ones as many
 * elements as are processed at a time, "narrow" ones a value for each row. A group without narrow
 * registers may be cut anywhere; one with them only between rows. All registers are f32: bool is
 * 0 or 1, and smaller types are widened when loaded. */

typedef enum cairn__access_kind {
    CAIRN__FULL,   /* element i of the group reads element i */
    CAIRN__ROW,    /* a value for each row: a narrow register */
    CAIRN__SINGLE, /* one element */
    CAIRN__STRIDED /* by sizes and strides */
} cairn__access_kind;

/* How a group reads a value from memory. */
typedef struct cairn__access {
    int32_t value;
    cairn_dtype dtype;
    cairn__access_kind kind;
    int rank; /* of a strided one, neighbouring axes joined */
    int64_t size[CAIRN_MAX_RANK], stride[CAIRN_MAX_RANK];
    int64_t offset; /* elements before the first */
} cairn__access;

typedef enum cairn__operand_kind {
    CAIRN__NO_OPERAND,
    CAIRN__WIDE,      /* wide register `index` */
    CAIRN__NARROW,    /* narrow register `index` */
    CAIRN__LOADED,    /* access `index`: its wide or narrow tile, or its single element */
    CAIRN__HEAD,      /* the result of the step's op */
    CAIRN__IMMEDIATE, /* the number `immediate` */
} cairn__operand_kind;

typedef struct cairn__operand {
    cairn__operand_kind kind;
    int index;
    float immediate;
} cairn__operand;

/* result = op(operands). A reduction takes a wide operand to a narrow result. A narrow operand of a
 * wide instruction is repeated along its row. */
typedef struct cairn__instruction {
    const cairn_op *op;
    int operands;
    cairn__operand operand[3];
    cairn__operand result; /* wide or narrow */
    int store;             /* the store that takes the result, or -1 */
} cairn__instruction;

/* A result that leaves the group. */
typedef struct cairn__store {
    int32_t value;
    cairn_dtype dtype;
    bool narrow;
    int instruction;
} cairn__store;

typedef struct cairn__fused {
    int64_t rows, row; /* row is 0 without narrow registers: then rows counts elements */
    cairn__access *access;
    cairn__instruction *instruction;
    cairn__store *store;
    int accesses, instructions, stores, wide, narrow;
} cairn__fused;

/* ---- steps ----------------------------------------------------------------------------------- */

typedef struct cairn__step {
    int32_t node;         /* the op, or -1 */
    int32_t *input;       /* its operands: value ids */
    int inputs;
    int32_t output;       /* value of the op's own result, or -1 when only the group reads it */
    cairn__fused fused;   /* instructions == 0: none. Behind an op: over its result */
    int32_t copy_from;    /* >= 0: a plain copy of one value to another, `output` */
    int wave;
    bool late;            /* a second computation: as late as its readers allow */
    double flops, bytes;
    const char *scope;
} cairn__step;

typedef struct cairn__plan {
    cairn_graph *lowered;
    cairn__arena arena; /* memory of the lists below */
    cairn__value *values;
    int n_values;
    int32_t *value_of; /* of each node of the lowered graph: its value, or -1 */
    cairn__step *steps; /* sorted by wave */
    int n_steps, n_waves;
    size_t arena_bytes;
} cairn__plan;

/* The values that a step reads: how many, and the i-th. */
int cairn__reads(const cairn__step *step);
int32_t cairn__read_value(const cairn__step *step, int i);

/* Whether a step that computes `value` may write it over `old`, which it may read itself: only
 * element by element, and not before the last instruction that still reads the old one. */
bool cairn__overwrites_safely(const cairn__step *step, int32_t value, int32_t old);

/* Whether two values in the arena do each other no harm where they stand. */
bool cairn__may_overlap(const cairn__plan *plan, int32_t a, int32_t b);

/* ---- passes, in this order ------------------------------------------------------------------- */

/* What is to be computed. */
typedef struct cairn__targets {
    const char *const *outputs; /* n names, or all when n is 0 */
    int n;
    bool updates;
    const char *set; /* of updates: NULL for the ordinary ones */
    bool no_outputs; /* the updates alone */
} cairn__targets;

/* A new graph that computes the targets: dead nodes gone, equal nodes merged, constants folded,
 * identities simplified. Shares the variables. NULL with an error. */
cairn_graph *cairn__rewrite(const cairn_graph *g, const cairn__targets *targets,
                            cairn_status *status);

/* One node of the graph being made, simplified: see simplify.c. */
cairn_tensor cairn__simplify(cairn_graph *g, const cairn_op *op, const cairn_tensor *inputs, int n,
                             const cairn__attributes *at);


/* Copies of a node (with its operands in the new graph), and of outputs and updates, through the
 * map from nodes to their copies; scopes that the new graph owns. */
cairn_tensor cairn__copy_node(cairn_graph *to, const cairn_node *n, const cairn_tensor *inputs);
void cairn__copy_targets(const cairn_graph *g, const cairn__targets *targets, cairn_graph *to,
                         const cairn_tensor *map);
void cairn__own_scopes(cairn_graph *to);

/* The passes below on a rewritten graph, which the plan takes. NULL with an error. */
cairn__plan *cairn__plan_new(cairn_graph *lowered, cairn_status *status);

/* The same of a copy, in which marked nodes (cairn_recompute_push()) are computed again for the
 * backward pass, and others where variables and arena would take more than `limit` bytes (0: no
 * limit). */
cairn__plan *cairn__plan_fit(const cairn_graph *lowered, int64_t limit, cairn_status *status);

/* Bytes of the arena and of all variables. */
int64_t cairn__plan_bytes(const cairn__plan *plan);

/* Steps and values: which nodes share a step. */
bool cairn__group(cairn__plan *plan, cairn_status *status);

/* Waves; which updates happen in place. */
bool cairn__schedule(cairn__plan *plan, cairn_status *status);

/* Places in the arena. */
bool cairn__allocate(cairn__plan *plan, cairn_status *status);

/* Checks what every plan must fulfil; a fault of ours, told in a sentence. */
bool cairn__verify(const cairn__plan *plan, cairn_status *status);

void cairn__plan_free(cairn__plan *plan);
void cairn__plan_write_text(const cairn__plan *plan, cairn__text *out);

/* ---- views ----------------------------------------------------------------------------------- */

/* Elements of a source node seen under another shape. */
typedef struct cairn__view {
    int32_t source;
    cairn_shape shape;
    int64_t stride[CAIRN_MAX_RANK];
    int64_t offset;
} cairn__view;

/* Whether a node only shows the elements of its operand at other places. */
bool cairn__is_view(const cairn_node *n);

/* The view that a chain of reshape, transpose, broadcast and slice nodes ending in `node` makes of
 * the first node that is none of these or cannot be expressed by strides. */
cairn__view cairn__view_of(const cairn_graph *g, int32_t node);

/* The view as an access over all its elements in order, neighbouring axes joined. `row`: the length
 * of rows, or 0; decides whether it reads one value for each row. */
cairn__access cairn__access_of(const cairn_graph *g, const cairn__view *view, int64_t row);

#endif
