/* Cairn, compile: from a graph to a program that runs.
 *
 * A program is a fixed list of steps over one block of memory: nothing is allocated while it runs.
 * It does not need the graph once compiled; the variables it uses are shared and kept alive. */
#ifndef CAIRN_COMPILE_H
#define CAIRN_COMPILE_H

#include <stdio.h>

#include "cairn/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cairn_device cairn_device;
typedef struct cairn_program cairn_program;

/* The processor of this machine. Static: nothing to free. */
CAIRN_API cairn_device *cairn_cpu(void);

/* Compiles all outputs and all updates of a graph. The caller owns the program:
 * cairn_program_free(). NULL with the graph's first error, or the compiler's. */
CAIRN_API cairn_program *cairn_compile(cairn_graph *graph, cairn_device *device,
                                       cairn_status *status);

/* Compiles the named outputs only (n = 0: all of them), with updates or without: an evaluation is
 * the same graph without updates. */
CAIRN_API cairn_program *cairn_compile_outputs(cairn_graph *graph, cairn_device *device,
                                               const char *const *outputs, int n, bool updates,
                                               cairn_status *status);

/* Compiles one named set of updates alone (cairn_assign_in()), with the named outputs (n = 0:
 * none). A loop runs it before the steps in which the set is due; the count of cairn_step() stays
 * as it is. Errors: CAIRN_ERR_NAME when the graph assigns nothing in that set. */
CAIRN_API cairn_program *cairn_compile_updates(cairn_graph *graph, cairn_device *device,
                                               const char *set, const char *const *outputs, int n,
                                               cairn_status *status);
CAIRN_API void cairn_program_free(cairn_program *program);

/* Copies the elements of an input in. They stay until the next feed. bytes: exactly the input's
 * size. An input that the outputs do not depend on is accepted and ignored. */
CAIRN_API bool cairn_program_feed(cairn_program *program, const char *input, const void *data,
                                  size_t bytes, cairn_status *status);

/* One step: computes all outputs, then updates the variables. */
CAIRN_API bool cairn_program_run(cairn_program *program, cairn_status *status);

/* Copies an output of the last run out. bytes: exactly the output's size. */
CAIRN_API bool cairn_program_fetch(const cairn_program *program, const char *output, void *data,
                                   size_t bytes, cairn_status *status);

/* The name of output `index` (from 0), or NULL behind the last. Borrowed until the program is
 * freed. */
CAIRN_API const char *cairn_program_output(const cairn_program *program, int index);

/* A scalar f32 or i32 output of the last run; NaN with an error. */
CAIRN_API double cairn_program_scalar(const cairn_program *program, const char *output,
                                      cairn_status *status);

/* What one run costs, as planned. */
typedef struct cairn_program_cost {
    double flops;           /* floating-point operations */
    double bytes_moved;     /* read and written by all steps */
    size_t arena_bytes;     /* memory for values between steps */
    size_t variable_bytes;  /* memory of the variables it uses */
    int steps, waves;       /* steps, and groups of steps that may run side by side */
    double compile_seconds; /* wall time of cairn_compile() */
} cairn_program_cost;
CAIRN_API cairn_program_cost cairn_program_costs(const cairn_program *program);

/* Writes a description. The stages: "graph" as built, "lowered" after simplification, "plan" with
 * waves, places in memory, bytes and FLOPs of each step, "kernels" with the kernel chosen for each
 * step and why better ones declined. format: "text", or "dot" for Graphviz (graph and lowered).
 * The text is the caller's: free() it. */
CAIRN_API char *cairn_graph_dump(cairn_graph *graph, cairn_device *device, const char *stage,
                                 const char *format, cairn_status *status);

#ifdef __cplusplus
}
#endif

#endif
