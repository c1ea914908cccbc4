/* The two passes of a resize, compiled for each instruction set; every copy gives the same bytes.
 */
#ifndef CAIRN_SRC_DATA_RESIZE_H
#define CAIRN_SRC_DATA_RESIZE_H

#include <stddef.h>
#include <stdint.h>

#include "base/isa.h"

/* Weights are integers of so many fractional bits. */
enum { CAIRN__RESIZE_BITS = 22 };

/* For output i of n: input first[i] .. first[i] + count[i] - 1, weights weight[i * most ..]; behind
 * the count-th they are 0. most is a multiple of 4. */
typedef struct cairn__taps {
    int64_t n, most;
    int32_t *first, *count, *weight;
    /* The same as halves of 16 bits, w = 4096 h + l with l from 0 to 4095, eight for every four
     * weights: h0 h1 l0 l1 h2 h3 l2 l3. So a product of 16-bit pairs takes two taps. */
    int16_t *halves;
} cairn__taps;

typedef struct cairn__passes {
    /* Rows of RGB: from [height, width, 3] with `stride` bytes from row to row, to [height, n, 3].
     */
    void (*rows)(const unsigned char *from, size_t stride, int64_t width, int64_t height,
                 const cairn__taps *t, unsigned char *to);
    /* One output row of m bytes: the sum of w[k] times the row k of `from`, k < n. */
    void (*column)(const unsigned char *from, size_t stride, const int32_t *w, int32_t n, size_t m,
                   unsigned char *to);
} cairn__passes;

CAIRN__ISA_TABLE(cairn__passes, cairn__passes)

#endif
