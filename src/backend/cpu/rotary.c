/* rotary: the angles are worked out when the step is made; a chunk is some positions. */
#include <math.h>
#include <string.h>

#include "backend/cpu/task.h"

typedef struct rotary_state {
    const float *x;
    float *to, *cosines, *sines; /* [T, D / 2] */
    int64_t rows, T, heads, turned, D, block;
} rotary_state;

static const char *never(const cairn__cpu_context *c, const cairn__step *step)
{
    (void)c, (void)step;
    return NULL;
}

static void release(void *state)
{
    rotary_state *s = state;
    cairn__free(s->cosines);
    cairn__free(s->sines);
    cairn__free(s);
}

static void turn(float *restrict to, const float *restrict x, const float *restrict c,
                 const float *restrict s, int64_t half)
{
#pragma omp simd
    for (int64_t d = 0; d < half; d++) {
        to[d] = c[d] * x[d] - s[d] * x[d + half];
        to[d + half] = s[d] * x[d] + c[d] * x[d + half];
    }
}

static void run(const cairn__task *task, int64_t chunk, void *scratch)
{
    const rotary_state *s = task->state;
    const int64_t last = CAIRN__MIN((chunk + 1) * s->block, s->rows), half = s->D / 2;
    (void)scratch;
    for (int64_t row = chunk * s->block; row < last; row++) {
        const int64_t angles = row % s->T * half, at = row * s->heads * s->D;
        for (int64_t h = 0; h < s->turned; h++)
            turn(s->to + at + h * s->D, s->x + at + h * s->D, s->cosines + angles,
                 s->sines + angles, half);
        memcpy(s->to + at + s->turned * s->D, s->x + at + s->turned * s->D,
               (size_t)((s->heads - s->turned) * s->D) * sizeof *s->to);
    }
}

static bool fill_angles(rotary_state *s, const cairn_node *n, cairn_status *status)
{
    size_t count = (size_t)(s->T * s->D / 2);
    s->cosines = cairn__alloc(count, sizeof *s->cosines, status);
    s->sines = cairn__alloc(count, sizeof *s->sines, status);
    if (!s->cosines || !s->sines)
        return false;
    for (int64_t i = 0; i < (int64_t)count; i++) {
        double exponent = -2.0 * (double)(i % (s->D / 2)) / (double)s->D;
        double angle = (double)(i / (s->D / 2) + n->at.list[1]) * pow(n->at.value[0], exponent);
        s->cosines[i] = (float)cos(angle);
        s->sines[i] = (float)(n->at.value[1] * sin(angle));
    }
    return true;
}

static bool prepare(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    const cairn_shape shape = n->shape;
    rotary_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    *s = (rotary_state){.x = cairn__cpu_address(c, step->input[0]),
                        .to = cairn__cpu_address(c, step->output),
                        .T = shape.size[shape.rank - 3],
                        .heads = shape.size[shape.rank - 2],
                        .turned = n->at.list[0],
                        .D = shape.size[shape.rank - 1]};
    task->state = s;
    task->release = release;
    int64_t width = s->heads * s->D;
    s->rows = width ? cairn_shape_count(shape) / width : 0;
    s->block = CAIRN__MAX(32768 / CAIRN__MAX(width, (int64_t)1), (int64_t)1);
    task->run = run;
    task->chunks = (s->rows + s->block - 1) / s->block;
    task->cost = 0.1 * step->bytes;
    return fill_angles(s, n, c->status);
}

const cairn__cpu_kernel cairn__cpu_rotary_rows = {
    .name = "rows",
    .declines = never,
    .prepare = prepare,
};
