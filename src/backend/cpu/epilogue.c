/* Steps of an op, not a matrix product, with an element-wise program over its result.
 *
 * Where a chunk of the op's kernel writes a stretch of the result, the program runs on that right
 * behind it, while it is in cache. Elsewhere the program is a task of its own that begins when the
 * op is done. */
#include "backend/cpu/fused.h"
#include "backend/cpu/task.h"

typedef struct followed {
    cairn__task op;
    cairn__cpu_fused *epilogue;
    const float *result;
    int64_t unit, units, piece; /* elements in a unit; units in all and in a chunk of its own */
    size_t room;                /* of the op in scratch */
} followed;

static void run(const cairn__task *task, int64_t chunk, void *scratch)
{
    const followed *s = task->state;
    int64_t first, count;
    s->op.run(&s->op, chunk, scratch);
    s->op.span(s->op.state, chunk, &first, &count);
    cairn__cpu_fused_run(s->epilogue, first / s->unit, count / s->unit, s->result,
                         (char *)scratch + s->room);
}

static void run_op(const cairn__task *task, int64_t chunk, void *scratch)
{
    const followed *s = task->state;
    s->op.run(&s->op, chunk, scratch);
}

static void run_epilogue(const cairn__task *task, int64_t chunk, void *scratch)
{
    const followed *s = task->state;
    const int64_t first = chunk * s->piece;
    cairn__cpu_fused_run(s->epilogue, first, CAIRN__MIN(s->piece, s->units - first), s->result,
                         scratch);
}

static void share(void *state, void *memory)
{
    followed *s = state;
    s->op.share(s->op.state, memory);
}

static void release(void *state)
{
    followed *s = state;
    if (s->op.release)
        s->op.release(s->op.state);
    cairn__cpu_fused_free(s->epilogue);
    cairn__free(s);
}

/* Whether every chunk ends between units of the program. */
static bool in_units(const followed *s)
{
    for (int64_t i = 0; s->op.span && i < s->op.chunks; i++) {
        int64_t first, count;
        s->op.span(s->op.state, i, &first, &count);
        if (first % s->unit || count % s->unit)
            return false;
    }
    return s->op.span != NULL;
}

static void append(followed *s, cairn__task *after, double cost)
{
    after->state = s;
    after->run = run_epilogue;
    after->chunks = (s->units + s->piece - 1) / s->piece;
    after->scratch = cairn__cpu_fused_scratch(s->epilogue);
    after->cost = cost;
    after->kernel = "element-wise program";
}

bool cairn__cpu_prepare_followed(const cairn__cpu_context *c, const cairn__step *step,
                                 cairn__task *task)
{
    followed *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    s->op = *task;
    *task = (cairn__task){.state = s, .release = release, .wave = s->op.wave, .declined = ""};
    s->epilogue = cairn__cpu_fused_new(&step->fused, c->level, cairn__cpu_address_of, c, c->status);
    if (!s->epilogue || !cairn__cpu_prepare_op(c, step, &s->op))
        return false;
    if (c->after->chunks)
        return cairn__fail(c->status, CAIRN_ERR_STATE,
                           "kernel '%s' leaves no place for an epilogue", s->op.kernel);
    s->result = cairn__cpu_address(c, step->output);
    s->unit = cairn__cpu_fused_unit(s->epilogue);
    s->units = step->fused.rows;
    s->piece = cairn__cpu_fused_piece(s->epilogue);
    s->room = (s->op.scratch + 63) / 64 * 64;
    const bool joined = in_units(s);
    *task = s->op;
    task->state = s;
    task->release = release;
    task->share = s->op.share ? share : NULL;
    task->run = joined ? run : run_op;
    task->scratch = joined ? s->room + cairn__cpu_fused_scratch(s->epilogue) : s->op.scratch;
    if (!joined)
        append(s, c->after, 0.1 * (double)step->fused.rows * (double)s->unit);
    return true;
}
