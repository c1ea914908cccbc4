/* See pool.h. */
#include "backend/cpu/pool.h"

/* Whether v is taken instead of `now`; without branches, for vectors. */
#define BETTER(v, now, sign) (((v)sign(now)) | (((v) != (v)) & ((now) == (now))))

#define POOL(name, sign)                                                                           \
    static void name(float *restrict best, int32_t *restrict index, const float *restrict x,       \
                     int32_t position, int64_t n)                                                  \
    {                                                                                              \
        _Pragma("omp simd") for (int64_t c = 0; c < n; c++)                                        \
        {                                                                                          \
            const float now = best[c], v = x[c];                                                   \
            const int better = BETTER(v, now, sign);                                               \
            best[c] = better ? v : now;                                                            \
            index[c] = better ? position : index[c];                                               \
        }                                                                                          \
    }

/* Most blocks hold nothing better than what came before, which is seen at once. */
#define FIRST(name, sign)                                                                          \
    static int32_t name(const float *x, int64_t n)                                                 \
    {                                                                                              \
        int64_t at = 0;                                                                            \
        for (int64_t i = 0; i < n; i += BLOCK) {                                                   \
            const int64_t end = i + BLOCK < n ? i + BLOCK : n;                                     \
            const float now = x[at];                                                               \
            int any = 0;                                                                           \
            _Pragma("omp simd reduction(| : any)") for (int64_t j = i; j < end; j++) any |=        \
                BETTER(x[j], now, sign);                                                           \
            for (int64_t j = i; j < end && any; j++)                                               \
                at = BETTER(x[j], x[at], sign) ? j : at;                                           \
        }                                                                                          \
        return (int32_t)at;                                                                        \
    }

enum { BLOCK = 64 };

POOL(larger, >)
POOL(smaller, <)
FIRST(largest, >)
FIRST(smallest, <)

const cairn__pool CAIRN__ISA_NAME(cairn__pool) = {larger, smaller, largest, smallest};
