/* Transforms of the fast convolution F(4 x 4, 3 x 3), compiled for each instruction set
 * (isa/winograd.c, which explains them). A transformed tile has 36 numbers for each channel. */
#ifndef CAIRN_SRC_BACKEND_CPU_WINOGRAD_H
#define CAIRN_SRC_BACKEND_CPU_WINOGRAD_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/cpu/isa.h"

enum { CAIRN__WINOGRAD_POINTS = 36, CAIRN__WINOGRAD_OUT = 4, CAIRN__WINOGRAD_IN = 6 };

/* A tile of a picture [H, W, C]: its first element is at row y and column x, which may lie outside,
 * as may the rest. */
typedef struct cairn__winograd_tile {
    const float *picture;
    int64_t H, W, C, y, x;
} cairn__winograd_tile;

typedef struct cairn__winograd {
    int64_t width; /* columns of a panel of weights: two vectors */

    /* Number p of all channels goes to to[p * step], zeros for what lies outside; channels are
     * filled up to a whole vector with zeros. 6 x 6 elements of the input, or 4 x 4 of dy. */
    void (*input)(const cairn__winograd_tile *tile, float *to, int64_t step);
    void (*spread)(const cairn__winograd_tile *tile, float *to, int64_t step);

    /* 4 x 4 results of `count` channels from `first` on, of which the picture gets those inside.
     * from[p * step]: the products. */
    void (*output)(const float *from, int64_t step, const cairn__winograd_tile *tile,
                   int64_t first, int64_t count);

    /* The weight [3, 3, C, O] as panels: to[p][in][width] for columns first .. first+width of the
     * product. turned: for the input's gradient, its rows are O, its columns C, and the window is
     * turned by half a circle. Columns behind the last are zeros. */
    void (*weights)(const float *weight, int64_t C, int64_t O, bool turned, int64_t first,
                    float *to);

    /* dweight [3, 3, C, O], rows first .. first+count of C, from du [36, C, O]. */
    void (*gradient)(const float *du, int64_t C, int64_t O, int64_t first, int64_t count,
                     float *dweight);
} cairn__winograd;

CAIRN__ISA_TABLE(cairn__winograd, cairn__winograd)

#endif
