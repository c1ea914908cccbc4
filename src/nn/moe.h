/* Routing to experts, shared by the layer (moe.c) and its losses (moe_losses.c). */
#ifndef CAIRN_SRC_NN_MOE_H
#define CAIRN_SRC_NN_MOE_H

#include "cairn/nn.h"

typedef struct cairn__routing {
    int64_t G, S, E;                        /* groups, tokens in each, experts */
    int k;                                  /* choices */
    cairn_tensor valid;                     /* bool [G, S]; graph == NULL: all */
    cairn_tensor noisy;                     /* [G, S, E] what the choice is made by */
    cairn_tensor choice[CAIRN_MOE_CHOICES]; /* i32 [G, S] */
    cairn_tensor taken[CAIRN_MOE_CHOICES];  /* bool [G, S, E]: whether it is the choice */
    cairn_tensor gate[CAIRN_MOE_CHOICES];   /* [G, S, 1] */
} cairn__routing;

/* Valid tokens of each group, at least 1: f32 [G, 1]. */
cairn_tensor cairn__tokens(const cairn__routing *r, cairn_graph *g);

/* Fills in balance, z, importance and spread. */
void cairn__moe_losses(const cairn__routing *r, cairn_moe *moe, double noise);

#endif
