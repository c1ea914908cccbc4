/* Convolution of each channel by itself: vectors of channels, four at a time where there are so
 * many, so that sums stay in registers while the taps pass by. */
#include "backend/cpu/depthwise.h"

#include "backend/cpu/isa/vector.h"

enum { WIDE = 4 };

static void gather(float *out, const float *const *x, const float *const *w, int64_t taps,
                   int64_t C)
{
    int64_t c = 0;
    for (; c + WIDE * LANES <= C; c += WIDE * LANES) {
        vec sum[WIDE] = {{0}};
        for (int64_t t = 0; t < taps; t++)
            UNROLL
            for (int v = 0; v < WIDE; v++)
                sum[v] += vec_load(x[t] + c + v * LANES) * vec_load(w[t] + c + v * LANES);
        UNROLL
        for (int v = 0; v < WIDE; v++)
            vec_store(out + c + v * LANES, sum[v]);
    }
    for (; c < C; c += LANES) {
        const int64_t count = C - c < LANES ? C - c : LANES;
        vec sum = {0};
        for (int64_t t = 0; t < taps; t++)
            sum += vec_load_first(x[t] + c, count) * vec_load_first(w[t] + c, count);
        vec_store_first(out + c, sum, count);
    }
}

static void accumulate(float *sum, const float *x, const float *y, int64_t C)
{
    int64_t c = 0;
    for (; c + LANES <= C; c += LANES)
        vec_store(sum + c, vec_load(sum + c) + vec_load(x + c) * vec_load(y + c));
    for (; c < C; c++)
        sum[c] = fused(x[c], y[c], sum[c]);
}

const cairn__depthwise CAIRN__ISA_NAME(cairn__depthwise) = {
    .gather = gather,
    .accumulate = accumulate,
};
