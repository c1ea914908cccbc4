/* Running tasks on threads.
 *
 * One parallel region for the whole program. Threads take chunks of the current wave from a common
 * counter, so a thread that the system holds up takes fewer; then they meet and go on to the next
 * wave. Neighbouring waves that are too small to share are run by one thread, without meeting. A
 * task whose chunks depend on one another has rounds: threads meet after each. */
#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "backend/cpu/task.h"

#ifdef __x86_64__
#include <xmmintrin.h>
#endif

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum { SPINS = 1000, LINE = 64 };
static const double tiny_ns = 3000; /* about what it costs to wake up and meet */

typedef struct phase {
    int first, last; /* tasks */
    bool shared;     /* by all threads; else one runs them in order, all rounds */
    int64_t round;   /* of the tasks */
    int64_t chunks;  /* in this round */
} phase;

struct cairn__executor {
    cairn__task *tasks;
    phase *phases;
    int n_phases, threads;
    char *scratch;
    size_t scratch_bytes;
    bool small; /* the whole program is not worth a second thread */

    /* Written by all threads: each on a cache line of its own. */
    struct {
        _Alignas(LINE) atomic_int_least64_t value;
    } *next; /* chunk to be taken next, for each phase */
    _Alignas(LINE) atomic_int arrived;
    _Alignas(LINE) atomic_int round;
    atomic_int asleep; /* threads that may have to be woken for the next round */
};

/* ---- preparing ------------------------------------------------------------------------------- */

static int64_t rounds_of(const cairn__task *task)
{
    return CAIRN__MAX(task->rounds, (int64_t)1);
}

/* Waves in order; within one, tasks of many rounds first, then the task with the largest chunks, so
 * that the last chunks to be taken are small. */
static int by_wave(const void *a, const void *b)
{
    const cairn__task *x = a, *y = b;
    if (x->wave != y->wave)
        return x->wave < y->wave ? -1 : 1;
    if (rounds_of(x) != rounds_of(y))
        return rounds_of(x) > rounds_of(y) ? -1 : 1;
    double cx = x->cost / (double)CAIRN__MAX(x->chunks, (int64_t)1);
    double cy = y->cost / (double)CAIRN__MAX(y->chunks, (int64_t)1);
    return cx > cy ? -1 : cx < cy;
}

/* Adds the rounds behind the first of a wave, whose tasks p has. */
static void add_rounds(cairn__executor *e, phase p)
{
    const int64_t rounds = rounds_of(&e->tasks[p.first]);
    for (p.round = 1; p.round < rounds; p.round++) {
        while (rounds_of(&e->tasks[p.last - 1]) <= p.round)
            p.chunks -= e->tasks[--p.last].chunks;
        e->phases[e->n_phases++] = p;
    }
}

static void make_phases(cairn__executor *e, int n)
{
    for (int i = 0, next; i < n; i = next) {
        phase p = {.first = i};
        double cost = 0;
        for (next = i; next < n && e->tasks[next].wave == e->tasks[i].wave; next++) {
            cost += e->tasks[next].cost / (double)rounds_of(&e->tasks[next]);
            p.chunks += e->tasks[next].chunks;
        }
        p.last = next;
        p.shared = cost > tiny_ns && p.chunks > 1;
        phase *before = e->n_phases ? &e->phases[e->n_phases - 1] : NULL;
        if (before && !before->shared && !p.shared) {
            before->last = next;
            continue;
        }
        e->phases[e->n_phases++] = p;
        if (p.shared)
            add_rounds(e, p);
    }
}

cairn__executor *cairn__executor_new(cairn__task *tasks, int n, cairn_status *status)
{
    cairn__executor *e = cairn__alloc_aligned(sizeof *e, status);
    double cost = 0;
    size_t most = 1; /* phases */
    if (!e)
        return NULL;
    *e = (cairn__executor){.tasks = tasks, .threads = CAIRN__MAX(cairn_threads(), 1)};
    qsort(tasks, (size_t)n, sizeof *tasks, by_wave);
    for (int i = 0; i < n; i++) {
        e->scratch_bytes = CAIRN__MAX(e->scratch_bytes, tasks[i].scratch);
        cost += tasks[i].cost;
        most += (size_t)rounds_of(&tasks[i]);
    }
    e->small = cost < 4 * tiny_ns;
    e->scratch_bytes = (e->scratch_bytes + LINE - 1) / LINE * LINE + LINE;
    e->phases = cairn__alloc(most, sizeof *e->phases, status);
    e->next = cairn__alloc_aligned(most * sizeof *e->next, status);
    e->scratch = cairn__alloc_aligned((size_t)e->threads * e->scratch_bytes, status);
    if (e->phases && e->next && e->scratch) {
        make_phases(e, n);
        return e;
    }
    cairn__executor_free(e);
    return NULL;
}

void cairn__executor_free(cairn__executor *e)
{
    if (!e)
        return;
    cairn__free(e->phases);
    cairn__free(e->next);
    cairn__free(e->scratch);
    cairn__free(e);
}

/* ---- running --------------------------------------------------------------------------------- */

/* Denormal numbers cost a hundred times as much as others and change nothing that matters. */
static unsigned flush_denormals(void)
{
#ifdef __x86_64__
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
#else
    return 0;
#endif
}

static void restore_denormals(unsigned before)
{
#ifdef __x86_64__
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

static void pause_a_little(void)
{
#ifdef __x86_64__
    _mm_pause();
#endif
}

/* Sleeps until `round` has moved on. A thread that only gave way with sched_yield() would stay
 * runnable, and a busy system may then leave it on the core that the others are waiting for. */
static void sleep_through(cairn__executor *e, int round)
{
#ifdef __linux__
    atomic_fetch_add(&e->asleep, 1);
    while (atomic_load(&e->round) == round)
        syscall(SYS_futex, &e->round, FUTEX_WAIT_PRIVATE, round, NULL, NULL, 0);
    atomic_fetch_sub(&e->asleep, 1);
#else
    while (atomic_load(&e->round) == round)
        sched_yield();
#endif
}

static void wake_sleepers(cairn__executor *e)
{
#ifdef __linux__
    if (atomic_load(&e->asleep) > 0)
        syscall(SYS_futex, &e->round, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
#endif
}

/* Waits until all threads are here. Spins first, since waves are short; then sleeps. */
static void meet(cairn__executor *e, int threads)
{
    int round = atomic_load_explicit(&e->round, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&e->arrived, 1, memory_order_acq_rel) == threads - 1) {
        atomic_store_explicit(&e->arrived, 0, memory_order_relaxed);
        atomic_store(&e->round, round + 1);
        wake_sleepers(e);
        return;
    }
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&e->round, memory_order_acquire) != round)
            return;
        pause_a_little();
    }
    sleep_through(e, round);
}

static void run_alone(const cairn__executor *e, const phase *p, void *scratch)
{
    for (int i = p->first; i < p->last; i++) {
        const cairn__task *task = &e->tasks[i];
        const int64_t rounds = p->shared ? 1 : rounds_of(task);
        for (int64_t chunk = 0; chunk < rounds * task->chunks; chunk++)
            task->run(task, p->round * task->chunks + chunk, scratch);
    }
}

static void run_shared(cairn__executor *e, int index, void *scratch)
{
    const phase *p = &e->phases[index];
    int64_t before = 0; /* chunks of the tasks ahead of `task` */
    int task = p->first;
    for (;;) {
        int64_t chunk =
            atomic_fetch_add_explicit(&e->next[index].value, 1, memory_order_relaxed);
        if (chunk >= p->chunks)
            return;
        while (chunk - before >= e->tasks[task].chunks)
            before += e->tasks[task++].chunks;
        const cairn__task *t = &e->tasks[task];
        t->run(t, p->round * t->chunks + chunk - before, scratch);
    }
}

static void run_thread(cairn__executor *e, int thread, int threads)
{
    void *scratch = e->scratch + (size_t)thread * e->scratch_bytes;
    unsigned before = flush_denormals();
    for (int i = 0; i < e->n_phases; i++) {
        if (e->phases[i].shared && threads > 1)
            run_shared(e, i, scratch);
        else if (thread == 0)
            run_alone(e, &e->phases[i], scratch);
        if (threads > 1)
            meet(e, threads);
    }
    restore_denormals(before);
}

void cairn__executor_run(cairn__executor *e)
{
    int threads = CAIRN__MIN(e->threads, cairn_threads());
    if (e->small || threads <= 1) {
        run_thread(e, 0, 1);
        return;
    }
    for (int i = 0; i < e->n_phases; i++)
        atomic_store_explicit(&e->next[i].value, 0, memory_order_relaxed);
    atomic_store_explicit(&e->arrived, 0, memory_order_relaxed);
#pragma omp parallel num_threads(threads)
    {
        /* The runtime may grant fewer threads than asked for. */
        run_thread(e, omp_get_thread_num(), omp_get_num_threads());
    }
}
