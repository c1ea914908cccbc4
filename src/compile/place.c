/* Places in one arena for all values that pass between steps.
 *
 * The largest value is placed first, each at the lowest offset where nothing needed at the same
 * time stands. A result may take the place of an operand that ends with the same step and is read
 * element by element, and so may an epilogue's that of the result it follows. Some hundred values:
 * comparing all pairs is cheap. */
#include <limits.h>
#include <stdlib.h>

#include "compile/plan.h"

enum { ALIGNMENT = 64 };

static size_t room(const cairn__value *v)
{
    return (v->bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static bool together(const cairn__value *a, const cairn__value *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static bool read_in_wave_by_another(const cairn__plan *p, int32_t value, int step)
{
    for (int i = 0; i < p->n_steps; i++)
        if (i != step && p->steps[i].wave == p->steps[step].wave)
            for (int r = 0; r < cairn__reads(&p->steps[i]); r++)
                if (cairn__read_value(&p->steps[i], r) == value)
                    return true;
    return false;
}

/* Whether `result` may stand where `operand` stands: the operand ends with the step that makes the
 * result, and that step alone reads it then, element by element. */
static bool may_replace(const cairn__plan *p, int32_t operand, int32_t result)
{
    const cairn__value *from = &p->values[operand], *to = &p->values[result];
    const bool own = from->producer == to->producer && from->producer >= 0 &&
                     p->steps[from->producer].output == operand;
    return from->producer >= 0 && to->producer >= 0 && (own || from->first < to->first) &&
           from->last == to->first && from->bytes == to->bytes &&
           cairn__overwrites_safely(&p->steps[to->producer], result, operand) &&
           !read_in_wave_by_another(p, operand, to->producer);
}

bool cairn__may_overlap(const cairn__plan *p, int32_t a, int32_t b)
{
    const cairn__value *x = &p->values[a], *y = &p->values[b];
    if (!together(x, y) || x->offset >= y->offset + room(y) || y->offset >= x->offset + room(x))
        return true;
    return x->offset == y->offset && (may_replace(p, a, b) || may_replace(p, b, a));
}

/* The lowest offset at which `value` overlaps none of the placed values that are needed with it. */
static size_t lowest_offset(cairn__plan *p, const int32_t *order, int placed, int32_t value)
{
    cairn__value *v = &p->values[value];
    v->offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < placed; i++) {
            if (cairn__may_overlap(p, value, order[i]))
                continue;
            v->offset = p->values[order[i]].offset + room(&p->values[order[i]]);
            moved = true;
        }
    }
    return v->offset;
}

static int by_size(const void *a, const void *b, void *plan)
{
    const cairn__plan *p = plan;
    int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
    size_t x = p->values[i].bytes, y = p->values[j].bytes;
    return x != y ? (x > y ? -1 : 1) : i < j ? -1 : i > j;
}

bool cairn__allocate(cairn__plan *p, cairn_status *status)
{
    int32_t *order = cairn__alloc((size_t)p->n_values, sizeof *order, status);
    int n = 0;
    if (!order)
        return false;
    for (int32_t i = 0; i < p->n_values; i++)
        if (p->values[i].place == CAIRN__ARENA)
            order[n++] = i;
    qsort_r(order, (size_t)n, sizeof *order, by_size, p);
    for (int i = 0; i < n; i++) {
        cairn__value *v = &p->values[order[i]];
        v->offset = lowest_offset(p, order, i, order[i]);
        p->arena_bytes = CAIRN__MAX(p->arena_bytes, v->offset + room(v));
    }
    cairn__free(order);
    return true;
}
