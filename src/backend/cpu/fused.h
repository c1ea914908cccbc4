/* Element-wise programs on the processor: a plan's cairn__fused with addresses and kernels
 * resolved.
 *
 * A program runs over a stretch of its elements a tile at a time, so that what passes between its
 * instructions stays in the first-level cache. */
#ifndef CAIRN_SRC_BACKEND_CPU_FUSED_H
#define CAIRN_SRC_BACKEND_CPU_FUSED_H

#include "backend/cpu/vectormath.h"
#include "compile/plan.h"

typedef struct cairn__cpu_fused cairn__cpu_fused;

/* Where a value of the plan is in memory. */
typedef void *cairn__address_of(const void *context, int32_t value);

/* NULL with an error. The plan must outlive the result; free it with cairn__cpu_fused_free(). */
cairn__cpu_fused *cairn__cpu_fused_new(const cairn__fused *plan, cairn__isa_level level,
                                       cairn__address_of *address, const void *context,
                                       cairn_status *status);
void cairn__cpu_fused_free(cairn__cpu_fused *f);

/* Bytes of scratch that one running thread needs, aligned to 64. */
size_t cairn__cpu_fused_scratch(const cairn__cpu_fused *f);

/* A good number of units (rows, or elements where there are no rows) for one piece of work; depends
 * on the program only. */
int64_t cairn__cpu_fused_piece(const cairn__cpu_fused *f);

/* Elements in a unit: the length of a row, or 1. */
int64_t cairn__cpu_fused_unit(const cairn__cpu_fused *f);

/* Runs units first .. first+count. head: element 0 of the result of the step's op, or NULL; only
 * the elements of these units are read. */
void cairn__cpu_fused_run(const cairn__cpu_fused *f, int64_t first, int64_t count,
                          const float *head, void *scratch);

#endif
