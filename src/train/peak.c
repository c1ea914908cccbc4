/* What this machine does at best: the speed that utilisation is measured against. */
#include <math.h>

#include "cairn/compile.h"
#include "train/train.h"

enum { PEAK_SIZE = 768, PEAK_TRIALS = 8 };

/* The fastest of some runs: what else runs on the machine makes them slower only. */
double cairn__peak_flops(cairn_status *status)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor a = cairn_input(g, "a", CAIRN_F32, CAIRN_SHAPE(PEAK_SIZE, PEAK_SIZE));
    cairn_tensor b = cairn_input(g, "b", CAIRN_F32, CAIRN_SHAPE(PEAK_SIZE, PEAK_SIZE));
    double best = INFINITY;
    cairn_output(cairn_matmul(a, b), "product");
    cairn_program *p = cairn_compile(g, cairn_cpu(), status);
    for (int i = 0; p && i < PEAK_TRIALS; i++) {
        double start = cairn__seconds();
        cairn_program_run(p, status);
        best = fmin(best, cairn__seconds() - start);
    }
    cairn_program_free(p);
    cairn_graph_free(g);
    return 2.0 * PEAK_SIZE * PEAK_SIZE * PEAK_SIZE / best;
}
