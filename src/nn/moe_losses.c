/* Losses that keep a router from sending all tokens one way. Sources: see nn.h. */
#include <math.h>

#include "nn/moe.h"
#include "nn/nn.h"

/* bool [G, S] as 0 and 1. */
static cairn_tensor weights(cairn_tensor member)
{
    return cairn_cast(member, CAIRN_F32);
}

/* Members of each group, at least 1: [G, 1]. */
static cairn_tensor members(cairn_tensor member)
{
    cairn_tensor n = cairn_reduce_sum(weights(member), CAIRN_AXIS(1), true);
    return cairn_maximum(n, cairn_scalar(n.graph, 1));
}

cairn_tensor cairn__tokens(const cairn__routing *r, cairn_graph *g)
{
    return r->valid.graph ? members(r->valid)
                          : cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(r->G, 1), (double)r->S);
}

/* The mean over the members of each group: [G, S, n] to [G, n]. */
static cairn_tensor mean(cairn_tensor x, cairn_tensor member)
{
    if (!member.graph)
        return cairn_reduce_mean(x, CAIRN_AXIS(1), false);
    /* What is no member may be infinite, and 0 times that is no number. */
    x = cairn_select(cairn_unsqueeze(member, 2), x, cairn_scalar(x.graph, 0));
    return cairn_div(cairn_reduce_sum(x, CAIRN_AXIS(1), false), members(member));
}

/* (deviation / mean)^2 over the experts, the mean of all groups. x: [G, E], not negative. */
static cairn_tensor variation(cairn_tensor x)
{
    cairn_tensor centre = cairn_reduce_mean(x, CAIRN_AXIS(1), true);
    cairn_tensor off = cairn_reduce_mean(cairn_square(cairn_sub(x, centre)), CAIRN_AXIS(1), true);
    return cairn_mean(cairn_div(off, cairn_add_scalar(cairn_square(centre), 1e-30)));
}

/* The chance to be chosen with other noise, given the threshold of this one: V-MoE, appendix A. */
static cairn_tensor spread(const cairn__routing *r, const cairn_moe *moe, double noise)
{
    cairn_tensor none = cairn_scalar(moe->logits.graph, 0);
    cairn_tensor least =
        cairn_reduce_sum(cairn_select(r->taken[r->k - 1], r->noisy, none), CAIRN_AXIS(2), true);
    cairn_tensor above = cairn_scale(cairn_sub(moe->logits, least), sqrt(0.5) / noise);
    cairn_tensor chance = cairn_scale(cairn_add_scalar(cairn_erf(above), 1), 0.5);
    return variation(mean(chance, r->valid));
}

void cairn__moe_losses(const cairn__routing *r, cairn_moe *moe, double noise)
{
    const double E = (double)r->E;
    cairn_tensor share = mean(moe->probabilities, r->valid);
    cairn_tensor first = mean(cairn_cast(r->taken[0], CAIRN_F32), r->valid);
    cairn_tensor both = cairn_reduce_sum(cairn_mul(first, share), CAIRN_AXIS(1), false);
    cairn_tensor z = cairn_square(cairn_reduce_logsumexp(moe->logits, CAIRN_AXIS(2), true));
    moe->balance = cairn_scale(cairn_mean(both), E);
    moe->z = cairn_mean(mean(z, r->valid));
    moe->importance = variation(share);
    moe->spread = noise > 0 ? spread(r, moe, noise) : cairn_scalar(z.graph, 0);
}

/* H(p) over the last axis, which stays with size 1; 0 log 0 counts as 0. */
static cairn_tensor entropy(cairn_tensor p)
{
    cairn_tensor log = cairn_log(cairn_maximum(p, cairn_scalar(p.graph, 1e-30)));
    const unsigned last = CAIRN_AXIS(cairn_tensor_shape(p).rank - 1);
    return cairn_neg(cairn_reduce_sum(cairn_mul(p, log), last, true));
}

void cairn_moe_entropies(cairn_tensor p, const cairn_tensor *member, double threshold,
                         cairn_tensor *local, cairn_tensor *global)
{
    const cairn_shape s = cairn_tensor_shape(p);
    cairn_tensor who = member ? *member : (cairn_tensor){NULL, 0};
    char text[CAIRN_SHAPE_TEXT];
    if (!cairn__none(p) && (s.rank != 3 || (member && (cairn_tensor_dtype(who) != CAIRN_BOOL ||
                                                       cairn_shape_count(cairn_tensor_shape(who)) !=
                                                           s.size[0] * s.size[1]))))
        cairn__graph_fail(
            p.graph, CAIRN_ERR_SHAPE,
            "entropies: probabilities %s; expected [G, S, E], and members bool [G, S]",
            cairn_shape_text(s, text));
    for (int i = 0; i < 2; i++) {
        cairn_tensor *out = i ? global : local, y = p;
        if (out && cairn__none(p))
            *out = p;
        if (!out || cairn__none(p))
            continue;
        if (i) {
            y = cairn_sub(cairn_scalar(p.graph, threshold), entropy(mean(p, who)));
            y = cairn_maximum(y, cairn_scalar(p.graph, 0));
            if (member) { /* a group without members has no entropy to raise */
                cairn_tensor any = cairn_reduce_max(weights(who), CAIRN_AXIS(1), true);
                y = cairn_mul(y, any);
            }
        } else {
            y = mean(entropy(p), who);
        }
        *out = cairn_mean(y);
    }
}
