/* cairn bench start: from the first instruction of the program to its last. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/bench.h"

/* Milliseconds that `cairn --version` takes, with its words thrown away; NAN if it fails. */
static double time_start(void)
{
    const double start = cairn__seconds();
    int ended = 0;
    const pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(1);
        execl("/proc/self/exe", "cairn", "--version", (char *)NULL);
        _exit(1);
    }
    if (child < 0 || waitpid(child, &ended, 0) != child || ended != 0)
        return NAN;
    return 1e3 * (cairn__seconds() - start);
}

bool bench_start_run(const cli_call *call, const bench_options *o, cairn_status *status)
{
    enum { STARTS = 20 };
    const size_t n = (size_t)o->rounds * STARTS;
    double *times = cairn__alloc(n, sizeof *times, status);
    if (!times)
        return false;
    for (size_t i = 0; i < n && cairn_ok(status); i++) {
        times[i] = time_start();
        if (isnan(times[i]))
            cairn__fail(status, CAIRN_ERR_STATE, "cannot run /proc/self/exe --version");
    }
    if (cairn_ok(status)) {
        qsort(times, n, sizeof *times, bench_rising);
        bench_print(call, "start", times[n / 2], "ms", times[0], times[n - 1]);
    }
    cairn__free(times);
    return cairn_ok(status);
}
