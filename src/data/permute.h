/* An order of 0 .. n-1 that is computed and not stored: for lists that are too long to shuffle.
 *
 * A Feistel network of six rounds, whose round function is Philox, maps the numbers of 2k bits one
 * to one onto themselves; 4^k is at least n and below 4 n. A number that comes out at n or above is
 * put in again until one below n comes out, which keeps the map one to one (Black and Rogaway 2002,
 * "Ciphers with arbitrary finite domains", section 3) and takes fewer than four turns on average.
 */
#ifndef CAIRN_SRC_DATA_PERMUTE_H
#define CAIRN_SRC_DATA_PERMUTE_H

#include <stdint.h>

/* The number at place i, 0 <= i < n < 2^62. */
int64_t cairn__permute(uint64_t seed, uint64_t stream, int64_t n, int64_t i);

#endif
