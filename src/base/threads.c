/* The number of threads that run programs. */
#include <omp.h>
#include <stdatomic.h>

#include "base/base.h"

static atomic_int wanted; /* 0: as many as there are cores */

void cairn_threads_set(int threads)
{
    atomic_store(&wanted, threads > 0 ? threads : 0);
}

int cairn_threads(void)
{
    int threads = atomic_load(&wanted);
    return threads ? threads : omp_get_num_procs();
}
