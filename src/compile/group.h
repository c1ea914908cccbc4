/* Shared by the files that form steps: group.c decides which nodes share a step, emit.c writes the
 * element-wise programs and the steps. */
#ifndef CAIRN_SRC_COMPILE_GROUP_H
#define CAIRN_SRC_COMPILE_GROUP_H

#include "compile/plan.h"

/* A group under construction: rows x row elements, or `count` elements when row is 0. */
typedef struct cairn__cluster {
    int64_t count, row;
    int32_t head;    /* the product or convolution that it follows, or -1 */
    int members;
    int32_t last_member; /* the list goes on in next_member */
} cairn__cluster;

/* One reader of a node: operand `operand` of `reader`. */
typedef struct cairn__use {
    int32_t reader;
    int operand;
    bool dense; /* reads memory in order: not an element-wise reader */
    int next;   /* of the same node, or -1 */
} cairn__use;

enum { CAIRN__NO_CLUSTER = -1 };

typedef struct cairn__grouping {
    cairn__plan *plan;
    cairn_graph *g;
    cairn_status *status;
    int32_t *cluster_of; /* of each node, or CAIRN__NO_CLUSTER */
    bool *narrow;        /* one value for each row of its cluster */
    bool *material;      /* a view or fill that must be written out */
    bool *sink;          /* an output or an update takes it */
    int *first_use;      /* of each node, or -1 */
    int32_t *next_member; /* of the same cluster, or -1 */
    int *seen, round;    /* of searches */
    int32_t *stack;
    cairn__use *uses;
    int n_uses, uses_capacity;
    cairn__cluster *clusters;
    int n_clusters, clusters_capacity;
} cairn__grouping;

/* Whether a node is computed by element-wise programs. */
bool cairn__fusable(const cairn__grouping *s, const cairn_node *n);

/* Whether a node is a step of its own or part of one (not a leaf, not a mere view). */
bool cairn__computed(const cairn__grouping *s, const cairn_node *n);

/* Whether anything reads the node. */
bool cairn__live(const cairn__grouping *s, const cairn_node *n);

/* Length of the rows that a reduction over trailing axes sums up, or 0 if it is none. */
int64_t cairn__reduced_row(const cairn_graph *g, const cairn_node *n);

/* Writes values and steps from the finished grouping. */
bool cairn__emit(cairn__grouping *s);

#endif
