/* Convolution of each channel by itself: neighbouring positions and some vectors of channels at a
 * time, so that sums stay in registers while the taps pass by and a weight that was loaded serves
 * all the positions. */
#include "backend/cpu/depthwise.h"

#include "backend/cpu/isa/vector.h"

enum { POSITIONS = 4, WIDE = 2 };

/* Where a kernel reads and writes. */
typedef struct span {
    float *out;
    const float *const *x, *const *w;
    int64_t taps, C, step;
} span;

/* The results of `positions` x `wide` vectors from channel c on. Inlined with constant numbers. */
INLINE void block(const span *s, int64_t c, int positions, int wide)
{
    vec sum[POSITIONS][WIDE] = {{{0}}};
    for (int64_t t = 0; t < s->taps; t++)
        UNROLL
        for (int v = 0; v < wide; v++) {
            const vec weight = vec_load(s->w[t] + c + v * LANES);
            UNROLL
            for (int p = 0; p < positions; p++)
                sum[p][v] += vec_load(s->x[t] + p * s->step + c + v * LANES) * weight;
        }
    UNROLL
    for (int p = 0; p < positions; p++)
        UNROLL
        for (int v = 0; v < wide; v++)
            vec_store(s->out + p * s->C + c + v * LANES, sum[p][v]);
}

/* The last channels, fewer than a vector. */
INLINE void edge(const span *s, int64_t c, int positions)
{
    const int64_t count = s->C - c;
    vec sum[POSITIONS] = {{0}};
    for (int64_t t = 0; t < s->taps; t++) {
        const vec weight = vec_load_first(s->w[t] + c, count);
        UNROLL
        for (int p = 0; p < positions; p++)
            sum[p] += vec_load_first(s->x[t] + p * s->step + c, count) * weight;
    }
    UNROLL
    for (int p = 0; p < positions; p++)
        vec_store_first(s->out + p * s->C + c, sum[p], count);
}

INLINE void channels(const span *s, int positions)
{
    int64_t c = 0;
    for (; c + WIDE * LANES <= s->C; c += WIDE * LANES)
        block(s, c, positions, WIDE);
    for (; c + LANES <= s->C; c += LANES)
        block(s, c, positions, 1);
    if (c < s->C)
        edge(s, c, positions);
}

static void gather(float *out, const float **x, const float *const *w, int64_t taps, int64_t C,
                   int64_t positions, int64_t step)
{
    span s = {.out = out, .x = x, .w = w, .taps = taps, .C = C, .step = step};
    while (positions > 0) {
        const int64_t done = positions >= POSITIONS ? POSITIONS : 1;
        if (done == POSITIONS)
            channels(&s, POSITIONS);
        else
            channels(&s, 1);
        for (int64_t t = 0; t < taps; t++)
            x[t] += done * step;
        s.out += done * C;
        positions -= done;
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
