/* Transposes a square of LANES x LANES floats in registers.
 *
 * log2(LANES) rounds; each swaps the off-diagonal squares of half the size of the last:
 *
 *     a b   ->  a c      vector i and vector i + half exchange blocks of `half` lanes
 *     c d       b d */
#ifndef CAIRN_SRC_BACKEND_CPU_ISA_TRANSPOSE_H
#define CAIRN_SRC_BACKEND_CPU_ISA_TRANSPOSE_H

#include "backend/cpu/isa/vector.h"

/* Swaps for all vectors i whose bit `half` is 0; `low` and `high` are lane lists of the two
 * results, counted through both vectors. */
#define TRANSPOSE_ROUND(x, half, low, high)                                                        \
    UNROLL for (int i = 0; i < LANES; i++) if (!(i & (half)))                    \
    {                                                                                              \
        vec p = x[i], q = x[i + (half)];                                                           \
        x[i] = __builtin_shufflevector(p, q, low);                                                 \
        x[i + (half)] = __builtin_shufflevector(p, q, high);                                       \
    }
#define LIST(...) __VA_ARGS__

INLINE void transpose(vec x[LANES])
{
#if LANES == 16
    TRANSPOSE_ROUND(x, 8, LIST(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
                    LIST(8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
    TRANSPOSE_ROUND(x, 4, LIST(0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
                    LIST(4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
    TRANSPOSE_ROUND(x, 2, LIST(0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
                    LIST(2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
    TRANSPOSE_ROUND(x, 1, LIST(0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
                    LIST(1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
#elif LANES == 8
    TRANSPOSE_ROUND(x, 4, LIST(0, 1, 2, 3, 8, 9, 10, 11), LIST(4, 5, 6, 7, 12, 13, 14, 15))
    TRANSPOSE_ROUND(x, 2, LIST(0, 1, 8, 9, 4, 5, 12, 13), LIST(2, 3, 10, 11, 6, 7, 14, 15))
    TRANSPOSE_ROUND(x, 1, LIST(0, 8, 2, 10, 4, 12, 6, 14), LIST(1, 9, 3, 11, 5, 13, 7, 15))
#else
    TRANSPOSE_ROUND(x, 2, LIST(0, 1, 4, 5), LIST(2, 3, 6, 7))
    TRANSPOSE_ROUND(x, 1, LIST(0, 4, 2, 6), LIST(1, 5, 3, 7))
#endif
}

#undef TRANSPOSE_ROUND
#undef LIST

#endif
