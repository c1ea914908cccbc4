/* argsort: of each line a sort of pairs (key, index) in one 64-bit number. The key is the element
 * as an unsigned number of the same order, NaN last; the index behind it makes the order stable.
 *
 * Short lines by insertion, long ones by radix: four passes over a byte of the key each, from the
 * lowest, between two arrays of the scratch. A byte that all keys share needs no pass. */
#include <string.h>

#include "backend/cpu/task.h"

enum { SHORT = 40, BYTES = 4 };

typedef struct sort_state {
    const uint32_t *from;
    int32_t *to;
    int64_t lines, n, inner, block; /* elements of a line; their distance; lines of a chunk */
    bool real, descending;
} sort_state;

static const char *declines(const cairn__cpu_context *c, const cairn__step *step)
{
    const cairn_node *n = c->plan->lowered->nodes[step->node];
    return n->shape.size[n->at.axis] <= INT32_MAX ? NULL : "lines are too long for i32";
}

/* f32: the sign bit flipped, negative ones inverted; both zeros are one, and NaN the greatest. */
static uint32_t key_of(uint32_t bits, bool real, bool descending)
{
    if (real && (bits & 0x7fffffffu) > 0x7f800000u)
        return UINT32_MAX;
    if (real && bits == 0x80000000u)
        bits = 0;
    uint32_t key = real && bits >> 31 ? ~bits : bits ^ 0x80000000u;
    return descending ? ~key : key;
}

static void by_insertion(uint64_t *pair, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        const uint64_t moved = pair[i];
        int64_t at = i;
        for (; at > 0 && pair[at - 1] > moved; at--)
            pair[at] = pair[at - 1];
        pair[at] = moved;
    }
}

/* Returns the array, of the two, that holds the result. */
static uint64_t *by_radix(uint64_t *pair, uint64_t *other, int64_t n)
{
    uint32_t count[BYTES][256];
    memset(count, 0, sizeof count);
    for (int64_t i = 0; i < n; i++)
        for (int b = 0; b < BYTES; b++)
            count[b][pair[i] >> (32 + 8 * b) & 255]++;
    for (int b = 0; b < BYTES; b++) {
        uint32_t total = 0, *place = count[b];
        if (place[pair[0] >> (32 + 8 * b) & 255] == (uint32_t)n)
            continue;
        for (int v = 0; v < 256; v++) {
            const uint32_t here = place[v];
            place[v] = total;
            total += here;
        }
        for (int64_t i = 0; i < n; i++)
            other[place[pair[i] >> (32 + 8 * b) & 255]++] = pair[i];
        uint64_t *sorted = other;
        other = pair;
        pair = sorted;
    }
    return pair;
}

static void run(const cairn__task *task, int64_t chunk, void *scratch)
{
    const sort_state *s = task->state;
    const int64_t end = CAIRN__MIN((chunk + 1) * s->block, s->lines);
    for (int64_t line = chunk * s->block; line < end; line++) {
        const int64_t base = line / s->inner * s->n * s->inner + line % s->inner;
        uint64_t *pair = scratch;
        for (int64_t i = 0; i < s->n; i++) {
            uint32_t key = key_of(s->from[base + i * s->inner], s->real, s->descending);
            pair[i] = (uint64_t)key << 32 | (uint64_t)i;
        }
        if (s->n <= SHORT)
            by_insertion(pair, s->n);
        else
            pair = by_radix(pair, pair + s->n, s->n);
        for (int64_t i = 0; i < s->n; i++)
            s->to[base + i * s->inner] = (int32_t)(pair[i] & INT32_MAX);
    }
}

static bool prepare(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    const cairn_graph *g = c->plan->lowered;
    const cairn_node *n = g->nodes[step->node];
    const cairn__split split = cairn__split_at(n->shape, (int)n->at.axis);
    sort_state *s = cairn__alloc(1, sizeof *s, c->status);
    if (!s)
        return false;
    *s = (sort_state){.from = cairn__cpu_address(c, step->input[0]),
                      .to = cairn__cpu_address(c, step->output),
                      .lines = split.n ? split.outer * split.inner : 0,
                      .n = split.n,
                      .inner = split.inner,
                      .real = g->nodes[n->input[0]]->dtype == CAIRN_F32,
                      .descending = n->at.list[0]};
    /* Neighbouring lines share cache lines where elements are apart. */
    s->block = CAIRN__MAX((1 << 12) / CAIRN__MAX(s->n, (int64_t)1), (int64_t)1);
    if (s->inner > 1)
        s->block = CAIRN__MAX(s->block, (int64_t)16);
    task->state = s;
    task->release = cairn__free;
    task->run = run;
    task->chunks = (s->lines + s->block - 1) / s->block;
    task->scratch = 2 * (size_t)s->n * sizeof(uint64_t);
    task->cost = 15 * (double)(s->lines * s->n);
    return true;
}

const cairn__cpu_kernel cairn__cpu_sort_lines = {
    .name = "radix",
    .declines = declines,
    .prepare = prepare,
};
