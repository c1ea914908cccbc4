/* Orders that are computed: see permute.h. */
#include "data/permute.h"

#include "cairn/base.h"

enum { ROUNDS = 6 };

int64_t cairn__permute(uint64_t seed, uint64_t stream, int64_t n, int64_t i)
{
    int half = 1;
    while (((uint64_t)1 << 2 * half) < (uint64_t)n)
        half++;
    uint32_t mask = (uint32_t)(((uint64_t)1 << half) - 1);
    uint64_t value = (uint64_t)i;
    do {
        uint32_t left = (uint32_t)(value >> half) & mask, right = (uint32_t)value & mask;
        for (uint64_t round = 0; round < ROUNDS; round++) {
            uint32_t words[4], was = right;
            cairn_random_bits(seed, stream, round << 32 | right, words);
            right = (left ^ words[0]) & mask;
            left = was;
        }
        value = (uint64_t)left << half | right;
    } while (value >= (uint64_t)n);
    return (int64_t)value;
}
