/* Cross-entropy of a row that stays in cache from its first pass to its last. */
#include "backend/cpu/cross_entropy.h"

#include "backend/cpu/isa/exponential.h"

static float largest(const float *z, int64_t C)
{
    float most = -INFINITY;
#pragma omp simd reduction(max : most)
    for (int64_t i = 0; i < C; i++)
        most = z[i] > most ? z[i] : most;
    /* Any finite shift gives the same value. */
    return fabsf(most) <= 3.402823466e38f ? most : 0;
}

/* The loss from the sum of exp(z - most). */
static float value_of(const float *z, int64_t C, int64_t label, float most, float total,
                      float smoothing, float z_loss)
{
    float sum = 0;
    /* Relative to the largest logit, so that large ones cancel before they are rounded. */
    float rest = logf(total), lse = rest + most;
    float value = rest - (1 - smoothing) * (z[label] - most) + z_loss * lse * lse;
    if (smoothing > 0) {
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < C; i++)
            sum += z[i] - most;
        value -= smoothing / (float)C * sum;
    }
    return value;
}

static float loss(const float *z, int64_t C, int64_t label, float smoothing, float z_loss)
{
    float most = largest(z, C), total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < C; i++)
        total += exp_one(z[i] - most);
    return value_of(z, C, label, most, total, smoothing, z_loss);
}

static float gradient(float *dz, const float *z, int64_t C, int64_t label, float dy,
                      float smoothing, float z_loss)
{
    float most = largest(z, C), total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < C; i++) {
        float e = exp_one(z[i] - most);
        dz[i] = e;
        total += e;
    }
    float factor = dy * (1 + 2 * z_loss * (logf(total) + most)) / total;
    float every = dy * smoothing / (float)C;
#pragma omp simd
    for (int64_t i = 0; i < C; i++)
        dz[i] = dz[i] * factor - every;
    dz[label] -= dy * (1 - smoothing);
    return value_of(z, C, label, most, total, smoothing, z_loss);
}

const cairn__cross_entropy CAIRN__ISA_NAME(cairn__cross_entropy) = {
    .loss = loss,
    .gradient = gradient,
};
