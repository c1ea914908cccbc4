/* Philox4x32-10, and what is drawn from it on the host: initial values, orders, samples.
 * Source: Salmon, Moraes, Dror, Shaw 2011. The key is the seed; the counter is position and
 * stream. */
#include "base/base.h"
#include "base/philox.h"

void cairn_random_bits(uint64_t seed, uint64_t stream, uint64_t position, uint32_t words[4])
{
    cairn__philox(seed, stream, position, words);
}

void cairn_random_uniform_fill(uint64_t seed, uint64_t stream, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i += 4) {
        uint32_t words[4];
        cairn__philox(seed, stream, (uint64_t)i / 4, words);
        for (int64_t j = 0; j < 4 && i + j < n; j++)
            out[i + j] = cairn__uniform(words[j]);
    }
}

void cairn_random_normal_fill(uint64_t seed, uint64_t stream, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i += 4) {
        uint32_t words[4];
        float values[4];
        cairn__philox(seed, stream, (uint64_t)i / 4, words);
        for (int j = 0; j < 4; j += 2)
            cairn__normal_pair(words + j, values + j);
        for (int64_t j = 0; j < 4 && i + j < n; j++)
            out[i + j] = values[j];
    }
}

void cairn_random_permutation(uint64_t seed, uint64_t stream, int64_t n, int64_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        uint32_t words[4];
        cairn__philox(seed, stream, (uint64_t)i, words);
        /* 64 random bits over at most 2^40 places: the bias of the remainder is below 2^-24. */
        uint64_t wide = (uint64_t)words[1] << 32 | words[0];
        int64_t j = (int64_t)(wide % ((uint64_t)i + 1));
        int64_t swap = out[i];
        out[i] = out[j];
        out[j] = swap;
    }
}

uint64_t cairn_random_stream(const char *name)
{
    uint64_t hash = 14695981039346656037u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return hash;
}
