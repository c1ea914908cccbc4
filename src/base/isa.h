/* Instruction sets: which one this process uses, and how kernels are compiled for each.
 *
 * Kernel bodies live in folders isa/ and are compiled once for each level. A body exports one table
 * of functions, named with CAIRN__ISA_NAME() so that the copies do not collide:
 *
 *     isa/sum.c      const cairn__sum_kernels CAIRN__ISA_NAME(cairn__sum) = {sum_rows, sum_all};
 *     sum.h          CAIRN__ISA_TABLE(cairn__sum_kernels, cairn__sum)
 *     anywhere       cairn__sum_at(cairn__isa())->sum_rows(...)
 *
 * A body must not call functions shared with the rest of the library that are `inline`: the linker
 * keeps one copy of such a function, possibly the one compiled for a machine we do not run on.
 * `static inline` is fine. */
#ifndef CAIRN_SRC_BASE_ISA_H
#define CAIRN_SRC_BASE_ISA_H

#include <stdbool.h>

/* In rising order; a level includes those below it. */
typedef enum cairn__isa_level {
    CAIRN__ISA_BASELINE, /* SSE2 on x86-64, the compiler's default elsewhere */
    CAIRN__ISA_AVX2,     /* with FMA */
    CAIRN__ISA_AVX512,   /* F, BW, DQ, VL */
    CAIRN__ISA_LEVELS
} cairn__isa_level;

/* The level of this process: the best that the machine has, or a lower one that the environment
 * variable CAIRN_ISA names. Found at the first call and fixed from then on. */
cairn__isa_level cairn__isa(void);

/* True if the machine can run kernels of this level, whatever CAIRN_ISA says. */
bool cairn__isa_supported(cairn__isa_level level);

/* "baseline", "avx2" or "avx512". */
const char *cairn__isa_name(cairn__isa_level level);

#define CAIRN__ISA_JOIN_(name, level) name##_##level
#define CAIRN__ISA_JOIN(name, level) CAIRN__ISA_JOIN_(name, level)

/* CAIRN__ISA is set by the build while it compiles isa/: baseline, avx2 or avx512. */
#define CAIRN__ISA_NAME(name) CAIRN__ISA_JOIN(name, CAIRN__ISA)

/* Declares the copies of the table `name` and name_at(level), which picks one. */
#ifdef __x86_64__
#define CAIRN__ISA_TABLE(type, name)                                                               \
    extern const type name##_baseline, name##_avx2, name##_avx512;                                 \
    static inline const type *name##_at(cairn__isa_level level)                                    \
    {                                                                                              \
        return level == CAIRN__ISA_AVX512 ? &name##_avx512                                         \
               : level == CAIRN__ISA_AVX2 ? &name##_avx2                                           \
                                          : &name##_baseline;                                      \
    }
#else
#define CAIRN__ISA_TABLE(type, name)                                                               \
    extern const type name##_baseline;                                                             \
    static inline const type *name##_at(cairn__isa_level level)                                    \
    {                                                                                              \
        (void)level;                                                                               \
        return &name##_baseline;                                                                   \
    }
#endif

#endif
