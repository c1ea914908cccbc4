/* The arithmetic of gates for a block of rows and units of one step, compiled for each instruction
 * set (isa/recurrent.c). What stands behind the names is in graph/recurrent.h. */
#ifndef CAIRN_SRC_BACKEND_CPU_RECURRENT_H
#define CAIRN_SRC_BACKEND_CPU_RECURRENT_H

#include <stdint.h>

#include "backend/cpu/isa.h"

/* All pointers are at the block's first row and unit; rows of states and slots are H apart, rows of
 * gates `gate_row`, gates H. */
typedef struct cairn__recurrent_block {
    int64_t rows, units, H, gate_row;
    const float *product; /* h' W: rows product_row apart, gates `units`; backward: d W^T */
    int64_t product_row;
    const float *before; /* c', of a GRU h' */
    float *slot;         /* slot k at slot + k * slot_step; read only on the way back */
    int64_t slot_step;

    const float *gx, *bias; /* forward; bias of a GRU: b, gates H apart */

    const float *dh; /* backward */
    float *carry;    /* dc, or what of dh passes a GRU's step; read and replaced */
    float *dgx, *dq; /* dq of a GRU: rows H apart */
} cairn__recurrent_block;

/* By kind, in the order of cairn_recurrent_kind. */
typedef struct cairn__recurrent_kernels {
    void (*forward[3])(const cairn__recurrent_block *b);
    void (*backward[3])(const cairn__recurrent_block *b);
} cairn__recurrent_kernels;

CAIRN__ISA_TABLE(cairn__recurrent_kernels, cairn__recurrent_gates)

#endif
