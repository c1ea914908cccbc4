/* Instructions of element-wise programs on the processor: shared by fused.c, which resolves and
 * runs them, and join.c, which makes fewer of them. */
#ifndef CAIRN_SRC_BACKEND_CPU_FUSED_PROGRAM_H
#define CAIRN_SRC_BACKEND_CPU_FUSED_PROGRAM_H

#include "backend/cpu/fused.h"

/* An operand with everything resolved that does not depend on the tile. */
typedef enum source {
    FROM_WIDE,    /* wide register */
    FROM_NARROW,  /* narrow register */
    FROM_MEMORY,  /* f32 in order: base + element */
    FROM_ROWS,    /* f32, one a row: base + row */
    FROM_PERIOD,  /* f32 that repeat: base + element modulo the period */
    FROM_HEAD,    /* the result of the step's op */
    FROM_NUMBER,  /* immediate */
    FROM_SINGLE,  /* one element in memory, read when the stretch begins */
} source;

typedef struct operand {
    source from;
    int index; /* of the register */
    const float *base;
    const void *single;
    cairn_dtype dtype; /* of the single element */
    float number;
} operand;

typedef enum form {
    MAP1,
    MAP2,
    SELECT,
    FOLD,
    COMBINE,        /* a s + sign b t */
    COMBINE_SQUARE, /* a s + sign b^2 t */
    AFFINE,         /* a s + t */
} form;

enum { OPERANDS = 4 };

typedef struct instruction {
    form form;
    bool narrow; /* works on one value a row */
    int operands, spare[OPERANDS]; /* wide registers for operands that must be spread */
    operand operand[OPERANDS];
    int result;
    float *direct;   /* the result goes to this array in order */
    uint8_t *small;  /* or to this one, converted to bool or u8 */
    bool small_bool;
    cairn__map1 *map1;
    cairn__map2 *map2;
    cairn__map2_right *right;
    cairn__map2_left *left;
    cairn__fold *fold;
    float sign;
} instruction;

/* Joins products by a number with the sum they feed: of the thirteen instructions of Adam's update
 * eight are left. Changes the list in place and returns its new length. */
int cairn__cpu_join(instruction *list, int n, const cairn__vectormath *k);

#endif
