/* The processor as a device. */
#include "cairn/compile.h"

#include <string.h>

#include "backend/cpu/task.h"

static void *device_alloc(cairn_device *device, size_t bytes, cairn_status *status)
{
    (void)device;
    void *memory = cairn__alloc_aligned(bytes, status);
    if (memory)
        memset(memory, 0, bytes);
    return memory;
}

static void device_free(cairn_device *device, void *memory)
{
    (void)device;
    cairn__free(memory);
}

static bool device_write(cairn_device *device, void *memory, size_t offset, const void *data,
                         size_t bytes, cairn_status *status)
{
    (void)device, (void)status;
    memcpy((char *)memory + offset, data, bytes);
    return true;
}

static bool device_read(cairn_device *device, const void *memory, size_t offset, void *data,
                        size_t bytes, cairn_status *status)
{
    (void)device, (void)status;
    memcpy(data, (const char *)memory + offset, bytes);
    return true;
}

/* ---- programs -------------------------------------------------------------------------------- */

typedef struct prepared {
    const cairn__plan *plan;
    cairn__task *tasks;
    int n;
    cairn__executor *executor;
    void *shared;
} prepared;

enum { PARTS = 3 };

/* Each wave of the plan is three: what steps of the wave need before they begin, they themselves,
 * and what is left when they are done. */
static bool prepare_step(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    c->before->wave = PARTS * step->wave;
    task->wave = c->before->wave + 1;
    c->after->wave = task->wave + 1;
    c->before->declined = task->declined = c->after->declined = "";
    if (step->copy_from >= 0)
        return cairn__cpu_prepare_copy(c, step, task);
    if (step->node < 0)
        return cairn__cpu_prepare_fused(c, step, task);
    if (c->plan->lowered->nodes[step->node]->op == &cairn__op_matmul)
        return cairn__cpu_prepare_product(c, step, task, c->before);
    return step->fused.instructions ? cairn__cpu_prepare_followed(c, step, task)
                                    : cairn__cpu_prepare_op(c, step, task);
}

static void device_release(cairn_device *device, void *memory)
{
    prepared *p = memory;
    (void)device;
    if (!p)
        return;
    cairn__executor_free(p->executor);
    for (int i = 0; p->tasks && i < p->n; i++)
        if (p->tasks[i].release)
            p->tasks[i].release(p->tasks[i].state);
    cairn__free(p->tasks);
    cairn__free(p->shared);
    cairn__free(p);
}

/* Memory for one wave at a time: tasks of different waves use the same. */
static bool share_memory(prepared *p, cairn_status *status)
{
    size_t most = 0, used = 0;
    for (int pass = 0; pass < 2; pass++) {
        /* Steps are in the order of their waves, and so are the tasks. */
        for (int i = 0; i < p->n; i++) {
            const cairn__task *t = &p->tasks[i];
            if (i == 0 || t->wave / PARTS != p->tasks[i - 1].wave / PARTS)
                used = 0;
            if (pass && t->shared)
                t->share(t->state, (char *)p->shared + used);
            used += (t->shared + 63) / 64 * 64;
            most = CAIRN__MAX(most, used);
        }
        if (!pass && most && !(p->shared = cairn__alloc_aligned(most, status)))
            return false;
    }
    return true;
}

static void *device_prepare(cairn_device *device, const cairn__plan *plan, void *arena,
                            cairn_status *status)
{
    cairn__cpu_context c = {
        .plan = plan, .arena = arena, .level = cairn__isa(), .status = status};
    prepared *p = cairn__alloc(1, sizeof *p, status);
    if (!p)
        return NULL;
    p->plan = plan;
    p->tasks = cairn__alloc(PARTS * (size_t)plan->n_steps, sizeof *p->tasks, status);
    bool good = p->tasks != NULL;
    for (int i = 0; good && i < plan->n_steps; i++) {
        cairn__task before = {.state = NULL}, after = {.state = NULL};
        c.before = &before;
        c.after = &after;
        good = prepare_step(&c, &plan->steps[i], &p->tasks[p->n++]);
        if (before.chunks)
            p->tasks[p->n++] = before;
        if (after.chunks)
            p->tasks[p->n++] = after;
    }
    good = good && share_memory(p, status);
    if (good)
        p->executor = cairn__executor_new(p->tasks, p->n, status);
    if (p->executor)
        return p;
    device_release(device, p);
    return NULL;
}

static bool device_run(cairn_device *device, void *memory, cairn_status *status)
{
    (void)device, (void)status;
    cairn__executor_run(((prepared *)memory)->executor);
    return true;
}

static void device_describe(cairn_device *device, const void *memory, cairn__text *out)
{
    const prepared *p = memory;
    (void)device;
    cairn__text_add(out, "instruction set %s\n", cairn__isa_name(cairn__isa()));
    for (int i = 0; i < p->n; i++) {
        const cairn__task *t = &p->tasks[i];
        cairn__text_add(out, "wave %d: %s, %lld chunks, %zu bytes of scratch%s%s\n", t->wave,
                        t->kernel, (long long)t->chunks, t->scratch,
                        *t->declined ? "; declined: " : "", t->declined);
    }
}

static const cairn__backend backend = {
    .name = "cpu",
    .alloc = device_alloc,
    .free = device_free,
    .write = device_write,
    .read = device_read,
    .prepare = device_prepare,
    .run = device_run,
    .release = device_release,
    .describe = device_describe,
};

cairn_device *cairn_cpu(void)
{
    static cairn_device device = {&backend};
    return &device;
}
