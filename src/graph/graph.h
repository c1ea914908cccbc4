/* What a graph is inside, and what an op is: shared by graph, autodiff, compile and backends.
 *
 *     cairn_graph ── nodes: pointers into one arena, in topological order (inputs come first)
 *                └── variables: a set, reference counted, maybe shared with other graphs
 *     cairn_node  ── op (a record of ops.def), inputs (earlier nodes), attributes, shape, dtype
 */
#ifndef CAIRN_SRC_GRAPH_H
#define CAIRN_SRC_GRAPH_H

#include "base/base.h"
#include "cairn/graph.h"
#include "graph/device.h"

typedef struct cairn_op cairn_op;

/* What a node holds beside its inputs; each op says in its file which members it uses. All zero
 * where unused, so that two nodes can be compared byte by byte. */
typedef struct cairn__attributes {
    int64_t axis;
    int64_t list[2 * CAIRN_MAX_RANK]; /* orders, starts and strides, axes, sizes */
    double value[2];
    uint64_t stream; /* of random ops */
    const void *data; /* the variable, constant elements, or the name of an input */
} cairn__attributes;

typedef struct cairn_node {
    const cairn_op *op;
    int32_t id;
    int32_t inputs;
    int32_t *input; /* node ids */
    cairn_dtype dtype;
    cairn_shape shape;
    cairn__attributes at;
    const char *scope; /* where it was built, "" at the top */
    bool again;        /* not kept for a backward pass: cairn_recompute_push() */
    bool late;         /* the second computation, as late as its readers allow */
} cairn_node;

struct cairn_variable {
    const char *name; /* with scope */
    cairn_dtype dtype;
    cairn_shape shape;
    bool trainable;
    cairn_init init;
    uint64_t seed;
    size_t bytes;
    cairn_device *device; /* NULL until it has storage */
    void *storage;        /* device memory */
};

typedef struct cairn__assignment {
    cairn_variable *variable;
    int32_t value;
    const char *set; /* "": every run with updates */
} cairn__assignment;

typedef struct cairn__output {
    const char *name;
    int32_t value;
} cairn__output;

typedef struct cairn__variables {
    int references;
    cairn__arena arena;
    cairn_variable **list;
    int n, capacity;
} cairn__variables;

struct cairn_graph {
    cairn_status status;
    cairn__arena arena;
    cairn_node **nodes;
    int32_t n, capacity;
    cairn__variables *variables;
    const char *scope;
    uint64_t seed, initial_seed; /* of random ops; of variables */
    int32_t randoms; /* random ops built so far: their streams */
    int recompute;   /* depth of cairn_recompute_push() */
    int64_t memory;  /* the most bytes of a program, or 0 */
    int64_t parts;   /* of a batch, whose gradients are added up; 0 and 1: the whole */
    cairn__assignment *assignments;
    int n_assignments, assignments_capacity;
    cairn__output *outputs;
    int n_outputs, outputs_capacity;
};

/* Whether steps take their batches in parts; refuses in the name of what cannot. */
bool cairn__in_parts(const cairn_graph *g);
bool cairn__refuse_parts(cairn_graph *g, const char *what);

/* The number of the part in its batch, i32: a state that is there if batches come in parts. */
cairn_tensor cairn__part_number(cairn_graph *g);

/* ---- ops ------------------------------------------------------------------------------------- */

typedef enum cairn__op_kind {
    CAIRN__LEAF,        /* input, variable, constant, fill, iota */
    CAIRN__ELEMENTWISE, /* every element depends on the same element of each input */
    CAIRN__REDUCTION,   /* at.list[0]: bit set of axes, at.list[1]: keep */
    CAIRN__VIEW,        /* the elements of one input, at other places */
    CAIRN__OTHER
} cairn__op_kind;

/* Where an op is defined, for tests that draw inputs. */
typedef enum cairn__domain {
    CAIRN__ANY,      /* -2 .. 2 */
    CAIRN__POSITIVE, /* 0.3 .. 2 */
    CAIRN__NONZERO,  /* 0.3 .. 2 with either sign: away from kinks at 0 */
    CAIRN__SPREAD,   /* distinct values at least 0.05 apart, shuffled: away from ties */
    CAIRN__INDEX,    /* whole numbers 0 .. limit-1 (i32) */
    CAIRN__BITS,     /* 0 or 1 (bool) */
    CAIRN__SPD,      /* symmetric positive definite matrices with distinct eigenvalues */
    CAIRN__LOWER     /* lower triangular, diagonal away from 0 */
} cairn__domain;

enum { CAIRN__SAMPLE_INPUTS = 3 };

/* Inputs of one node: concat is the only op with more than three. */
enum { CAIRN__MOST_INPUTS = 64 };

/* One case for the table-driven tests: operands are drawn from their domains and `build` makes the
 * op's node. A case with `refusal` must fail with a sentence that contains it. */
typedef struct cairn__sample {
    cairn_shape shape[CAIRN__SAMPLE_INPUTS];
    cairn__domain domain[CAIRN__SAMPLE_INPUTS];
    int64_t limit; /* of CAIRN__INDEX */
    cairn_tensor (*build)(const cairn_tensor *x);
    const char *refusal;
    double looser;     /* the f32 tolerance is multiplied by this, 0 counts as 1 */
    const char *why;   /* the reason for `looser` */
} cairn__sample;

#define CAIRN__SAMPLES_END {.build = NULL}

struct cairn_op {
    const char *name;
    const char *summary;
    cairn__op_kind kind;
    int inputs; /* -1: any number */

    /* Sets dtype and shape of a node whose inputs and attributes are set, or fails through
     * cairn__refuse(). NULL: element-wise, all inputs f32 of one shape. */
    bool (*shape)(cairn_graph *g, cairn_node *n);

    /* Builds the gradients dx[i] of the inputs from that of the result; leaves dx[i].graph NULL
     * where there is none. y is the node itself as a tensor. */
    void (*gradient)(const cairn_node *n, cairn_tensor y, cairn_tensor dy, cairn_tensor *dx);
    const char *no_gradient; /* why there is none, when `gradient` is NULL */

    /* Why there are no derivatives of higher order: of an op, and of that which its gradient builds
     * and that has none itself. To ask for them is an error with this text, where an op without
     * gradient otherwise counts as constant. */
    const char *first_only;

    /* One element: of element-wise ops instead of `reference`. */
    double (*element)(const cairn_node *n, const double *x);

    /* The definition, in plain C and double precision, whatever the dtypes. It also folds
     * constants, and runs where no faster kernel accepts. in[i], out: dense, row-major. */
    void (*reference)(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out);

    /* Builds the result from other ops: the compiler does so in place of the op, which is there for
     * its gradient. NULL: the op is run. */
    cairn_tensor (*expand)(const cairn_node *n, const cairn_tensor *inputs);

    /* An element-wise program over the result may follow in the same step. */
    bool takes_epilogue;

    /* Floating-point operations; NULL: one for each element of the result. */
    double (*flops)(const cairn_graph *g, const cairn_node *n);

    const cairn__sample *samples; /* ends with build == NULL */
};

/* One row for each op, in src/graph/ops.def. */
#define CAIRN_OP(name) extern const cairn_op cairn__op_##name;
#include "graph/ops.def"
#undef CAIRN_OP

/* All of them, NULL-terminated. */
extern const cairn_op *const cairn__ops[];
const cairn_op *cairn__op_find(const char *name);

/* ---- building -------------------------------------------------------------------------------- */

/* A node of `op`; the inputs must be of one graph. Attributes may be NULL. */
cairn_tensor cairn__node(cairn_graph *g, const cairn_op *op, const cairn_tensor *inputs, int n,
                         const cairn__attributes *at);

cairn_node *cairn__get(cairn_tensor x); /* NULL when the graph is in error */
cairn_tensor cairn__input(const cairn_node *n, cairn_tensor y, int i);
bool cairn__none(cairn_tensor x); /* no tensor, or its graph is in error */

/* Keeps the graph's first error, prefixed by the scope. Always false. */
bool cairn__graph_fail(cairn_graph *g, cairn_code code, const char *format, ...)
    CAIRN_PRINTF(3, 4);

/* For shape rules: "op [2,3] x [4,5]: reason". Always false. */
bool cairn__refuse(cairn_graph *g, const cairn_node *n, cairn_code code, const char *format, ...)
    CAIRN_PRINTF(4, 5);

/* 0 .. rank-1 for an axis that may count from the end, or -1 with the graph in error. */
int cairn__axis(cairn_tensor x, int axis, const char *op);

/* For shape rules of linear algebra: input i is f32 [.., n, n], or a refusal. */
bool cairn__square(cairn_graph *g, const cairn_node *n, int i);

/* Repeats the axes before the last two of one operand until both have the same, where that fits. */
void cairn__share_batch(cairn_tensor *a, cairn_tensor *b);

/* The n x n identity; the lower triangle of x [.., n, n]; the same with its diagonal halved. */
cairn_tensor cairn__identity(cairn_graph *g, int64_t n);
cairn_tensor cairn__lower(cairn_tensor x);
cairn_tensor cairn__lower_half(cairn_tensor x);

/* What batch_norm of these operands computes, written with other ops. */
cairn_tensor cairn__batch_norm_expanded(const cairn_tensor *x, const cairn__attributes *at);

/* The tensor that reads a variable. */
cairn_tensor cairn__variable_tensor(cairn_graph *g, cairn_variable *variable);

/* The text with the current scope before it, in the graph's arena. */
const char *cairn__scoped(cairn_graph *g, const char *name);

cairn_variable *cairn__find_variable(const cairn__variables *set, const char *name);
void cairn__variables_keep(cairn__variables *set);
void cairn__variables_drop(cairn__variables *set);

/* Gives the variable storage on `device` and its first value, if it has none yet. */
bool cairn__variable_place(cairn_variable *variable, cairn_device *device, cairn_status *status);

/* Writes elements first .. first + n of the variable's first value to host memory. first is a
 * multiple of 4. */
bool cairn__variable_initial(const cairn_variable *variable, int64_t first, int64_t n, void *data,
                             cairn_status *status);

/* ---- shapes ---------------------------------------------------------------------------------- */

void cairn__strides(cairn_shape shape, int64_t strides[CAIRN_MAX_RANK]); /* dense, in elements */

/* Sizes before, at and after an axis: the array seen as [outer, n, inner]. */
typedef struct cairn__split {
    int64_t outer, n, inner;
} cairn__split;
cairn__split cairn__split_at(cairn_shape shape, int axis);

/* ---- evaluation in double precision -------------------------------------------------------------
 *
 * The meaning of a graph: every node by its reference. Slow, exact; used to fold constants and as
 * the oracle of tests. Values are doubles whatever the dtype. */

/* Supplies the elements of leaves that have none of their own (inputs, variables); false: fails. */
typedef bool cairn__leaf_source(const cairn_node *leaf, double *out, void *user);

/* Evaluates `n` wanted tensors; out[i] must hold their elements. `round` rounds each value to its
 * node's dtype, as execution does; otherwise f32 stays double. */
bool cairn__evaluate(const cairn_graph *g, const cairn_tensor *wanted, int n, double *const *out,
                     cairn__leaf_source *source, void *user, bool round, cairn_status *status);

/* One node, from its inputs' values. */
void cairn__evaluate_node(const cairn_graph *g, const cairn_node *n, const double *const *in,
                          double *out);

/* Elements as doubles, and back (to integers by truncation, to bool by != 0). */
void cairn__to_double(cairn_dtype dtype, const void *from, double *to, int64_t n);
void cairn__from_double(cairn_dtype dtype, const double *from, void *to, int64_t n);

/* ---- text ------------------------------------------------------------------------------------ */

void cairn__graph_write_text(const cairn_graph *g, cairn__text *out);
void cairn__graph_write_dot(const cairn_graph *g, cairn__text *out);
double cairn__node_flops(const cairn_graph *g, const cairn_node *n);

#endif
