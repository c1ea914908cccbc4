/* cairn bench data: pictures or sounds through a pipeline, beside their decoder alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cairn/audio.h"
#include "cli/bench.h"
#include "data/items.h"

/* Processor time of all threads, which is what "per core" is about: another program that shares the
 * cores does not change it much. */
static double core_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Pictures or sounds that a core reads and decodes in a second, and nothing else: what a pipeline
 * is held against. */
static double decode_rate(const cairn_items *items, double seconds, cairn_status *status)
{
    cairn_image image = {0};
    cairn_sound sound = {0};
    int64_t n = cairn_items_count(items, CAIRN_SPLIT_TRAIN), done = 0;
    double start = core_seconds(), now = start;
    for (; now - start < seconds && cairn_ok(status); now = core_seconds())
        if (cairn_items_media(items) == CAIRN_MEDIA_SOUND)
            cairn_sound_read(cairn_items_file(items, CAIRN_SPLIT_TRAIN, done++ % n),
                             (size_t)1 << 30, NULL, &sound, status);
        else
            cairn_image_read(cairn_items_file(items, CAIRN_SPLIT_TRAIN, done++ % n),
                             (size_t)1 << 30, NULL, &image, status);
    cairn_image_free(&image);
    cairn_sound_free(&sound);
    return (double)done / (now - start);
}

/* A stream of its own for each round: one that stays would work ahead while the decoder is timed.
 * The clock starts with the first batch, when the threads work ahead as they do at the end: what is
 * begun and not yet handed out cancels. */
static double stream_rate(const cairn_items *items, const cairn_stream_options *stream,
                          double seconds, double *core, cairn_status *status)
{
    int64_t done = 0;
    cairn_stream *s = cairn_stream_new(items, CAIRN_SPLIT_TRAIN, stream, status);
    if (s)
        cairn_stream_next(s, status);
    double start = cairn__seconds(), now = start, core_start = core_seconds();
    for (; s && now - start < seconds && cairn_ok(status); now = cairn__seconds()) {
        const cairn_stream_batch *b = cairn_stream_next(s, status);
        done += b ? b->base.size : 0;
    }
    *core = (double)done / (core_seconds() - core_start);
    cairn_stream_free(s);
    return (double)done / (now - start);
}

/* Rounds of the two in turn, so that what else the machine does meets both. */
static bool measure(const cli_call *call, const bench_options *o, const cairn_items *items,
                    const cairn_stream_options *stream, cairn_status *status)
{
    size_t n = (size_t)o->rounds, last = n - 1;
    double *rates = cairn__alloc(3 * n, sizeof *rates, status);
    if (!rates)
        return false;
    stream_rate(items, stream, 0.2 * o->seconds, rates, status);
    for (size_t i = 0; i < n; i++) {
        rates[i] = decode_rate(items, o->seconds, status);
        rates[n + i] = stream_rate(items, stream, o->seconds, &rates[2 * n + i], status);
    }
    for (size_t i = 0; i < 3; i++)
        qsort(rates + i * n, n, sizeof *rates, bench_rising);
    if (cairn_ok(status)) {
        const double *wall = rates + n, *core = rates + 2 * n;
        bench_print(call, "data/decode_per_core", rates[n / 2], "items/s", rates[0], rates[last]);
        bench_print(call, "data/pipeline", wall[n / 2], "items/s", wall[0], wall[last]);
        bench_print(call, "data/pipeline_per_core", core[n / 2], "items/s", core[0], core[last]);
        bench_print(call, "data/of_decoder", core[n / 2] / rates[n / 2], "", NAN, NAN);
    }
    cairn__free(rates);
    return cairn_ok(status);
}

bool bench_data_run(const cli_call *call, const bench_options *o,
                    const cairn_stream_options *wanted, const char *path, cairn_status *status)
{
    cairn_stream_options stream = cairn_stream_defaults();
    struct rusage usage;
    snprintf(stream.pipeline, sizeof stream.pipeline, "%s", wanted->pipeline);
    stream.batch = wanted->batch;
    stream.threads = o->threads ? o->threads : cairn_threads();
    cairn_items *items = cairn_items_open(path, NULL, status);
    if (items && cairn_items_media(items) == CAIRN_MEDIA_SOUND &&
        strcmp(wanted->pipeline, BENCH_PICTURES) == 0)
        snprintf(stream.pipeline, sizeof stream.pipeline, "%s", BENCH_SOUNDS);
    bool good = items && measure(call, o, items, &stream, status);
    if (good) {
        getrusage(RUSAGE_SELF, &usage);
        bench_print(call, "data/peak_memory", (double)usage.ru_maxrss / 1024, "MiB", NAN, NAN);
    }
    cairn_items_free(items);
    return good;
}
