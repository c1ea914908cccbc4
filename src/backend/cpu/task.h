/* What the processor runs: tasks, each cut into chunks that any thread may compute.
 *
 * The cut depends on the step only, so results have the same bits on any number of threads. */
#ifndef CAIRN_SRC_BACKEND_CPU_TASK_H
#define CAIRN_SRC_BACKEND_CPU_TASK_H

#include "backend/cpu/isa.h"
#include "compile/plan.h"

typedef struct cairn__task {
    /* Computes one chunk. Allocates nothing and cannot fail. scratch: at least `scratch` bytes,
     * aligned to 64, this thread's own. */
    void (*run)(const struct cairn__task *task, int64_t chunk, void *scratch);
    void (*release)(void *state);

    /* The elements of the result that a chunk writes: a stretch of its own for each chunk. NULL:
     * they are not side by side. */
    void (*span)(const void *state, int64_t chunk, int64_t *first, int64_t *count);
    void *state;
    int64_t chunks;       /* in each round */
    int64_t rounds;       /* 0 counts as 1: chunks of a round begin when those before it are done;
                             run() is told round * chunks + chunk */
    size_t scratch;
    size_t shared;        /* bytes shared with the tasks before and after this one, or 0 */
    void (*share)(void *state, void *memory);
    double cost;          /* of all chunks, in nanoseconds of one thread, roughly */
    int wave;
    const char *kernel;   /* the name of what was chosen */
    const char *declined; /* better ones and why not, or "" */
} cairn__task;

/* What a kernel is prepared from: the op of a step that is no matrix product. */
typedef struct cairn__cpu_context {
    const cairn__plan *plan;
    void *arena;
    cairn__isa_level level;
    cairn_status *status;

    /* Tasks that a kernel may fill in beside its own: one that is done before it begins and one
     * that begins when it is done. They share its state. Without chunks they do not exist. */
    cairn__task *before, *after;
} cairn__cpu_context;

/* Where a value is in memory. */
void *cairn__cpu_address(const cairn__cpu_context *c, int32_t value);
void *cairn__cpu_address_of(const void *context, int32_t value); /* the same, of any context */

/* A kernel for one op. Kernels of an op are listed best first; the reference is behind them all. */
typedef struct cairn__cpu_kernel {
    const char *name;

    /* NULL if the kernel can run the step, or else the reason why not. */
    const char *(*declines)(const cairn__cpu_context *c, const cairn__step *step);

    /* Fills task->run, state, release, chunks, scratch and cost; false with an error. */
    bool (*prepare)(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task);
} cairn__cpu_kernel;

/* Kernels by op, in src/backend/cpu/kernels.def: CAIRN_KERNEL(op, kernel), best first. */
#define CAIRN_KERNEL(op, kernel) extern const cairn__cpu_kernel cairn__cpu_##kernel;
#include "backend/cpu/kernels.def"
#undef CAIRN_KERNEL

/* Chooses a kernel for the step of one op and prepares it. */
bool cairn__cpu_prepare_op(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task);

/* The same of an op that takes an epilogue, with it: its kernel must leave c->after empty. */
bool cairn__cpu_prepare_followed(const cairn__cpu_context *c, const cairn__step *step,
                                 cairn__task *task);

/* A matrix product with its epilogue, an element-wise program alone, or a copy. */
bool cairn__cpu_prepare_fused(const cairn__cpu_context *c, const cairn__step *step,
                              cairn__task *task);

/* `before` becomes a task that must be done before the other begins, if the product needs one; else
 * its chunks stay 0. */
bool cairn__cpu_prepare_product(const cairn__cpu_context *c, const cairn__step *step,
                                cairn__task *task, cairn__task *before);
bool cairn__cpu_prepare_copy(const cairn__cpu_context *c, const cairn__step *step,
                             cairn__task *task);

/* Runs all tasks, wave by wave. */
typedef struct cairn__executor cairn__executor;
cairn__executor *cairn__executor_new(cairn__task *tasks, int n, cairn_status *status);
void cairn__executor_free(cairn__executor *e); /* not the tasks */
void cairn__executor_run(cairn__executor *e);

#endif
