/* When each step runs, and which updates happen in place.
 *
 * A step's wave is one more than the latest wave of the steps it waits for. It waits for those that
 * make its operands, and, when it writes a variable in place, for those that read the old value.
 * An update is in place when its value can be computed straight into the variable's storage: every
 * other reader of the old value comes before. Otherwise a copy is added at the end. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "compile/plan.h"

typedef struct scheduler {
    cairn__plan *p;
    cairn_status *status;
    /* Extra edges "reader before writer": lists by writer. */
    struct edge {
        int reader, next;
    } *edges;
    int *first_edge, n_edges, edges_capacity;
    int *planned;     /* the wave of each step before some are delayed */
    int *mark, round; /* of searches */
    int *stack;
} scheduler;

/* ---- reads of a step ------------------------------------------------------------------------- */

int cairn__reads(const cairn__step *step)
{
    return step->inputs + step->fused.accesses + (step->copy_from >= 0);
}

int32_t cairn__read_value(const cairn__step *step, int i)
{
    if (i < step->inputs)
        return step->input[i];
    i -= step->inputs;
    return i < step->fused.accesses ? step->fused.access[i].value : step->copy_from;
}

static bool step_reads(const cairn__step *step, int32_t value)
{
    for (int i = 0; i < cairn__reads(step); i++)
        if (cairn__read_value(step, i) == value)
            return true;
    return false;
}

/* ---- searching ------------------------------------------------------------------------------- */

static int push_unseen(scheduler *s, int top, int step)
{
    if (step >= 0 && s->mark[step] != s->round) {
        s->mark[step] = s->round;
        s->stack[top++] = step;
    }
    return top;
}

/* Whether `step` waits, directly or not, for `other`. */
static bool waits_for(scheduler *s, int step, int other)
{
    s->round++;
    int top = push_unseen(s, 0, step);
    while (top > 0) {
        int now = s->stack[--top];
        if (now == other)
            return true;
        const cairn__step *at = &s->p->steps[now];
        for (int i = 0; i < cairn__reads(at); i++)
            top = push_unseen(s, top, s->p->values[cairn__read_value(at, i)].producer);
        for (int e = s->first_edge[now]; e >= 0; e = s->edges[e].next)
            top = push_unseen(s, top, s->edges[e].reader);
    }
    return false;
}

static bool add_edge(scheduler *s, int reader, int writer)
{
    if (s->n_edges == s->edges_capacity) {
        int capacity = 2 * s->edges_capacity + 64;
        struct edge *edges = cairn__resize(s->edges, (size_t)capacity, sizeof *edges, s->status);
        if (!edges)
            return false;
        s->edges = edges;
        s->edges_capacity = capacity;
    }
    s->edges[s->n_edges] = (struct edge){reader, s->first_edge[writer]};
    s->first_edge[writer] = s->n_edges++;
    return true;
}

/* ---- updates in place ------------------------------------------------------------------------ */

/* Whether instructions behind `written` read operand kind and index. */
static bool read_later(const cairn__fused *f, int written, cairn__operand_kind kind, int index)
{
    for (int i = written + 1; i < f->instructions; i++)
        for (int j = 0; j < f->instruction[i].operands; j++)
            if (f->instruction[i].operand[j].kind == kind &&
                f->instruction[i].operand[j].index == index)
                return true;
    return false;
}

bool cairn__overwrites_safely(const cairn__step *step, int32_t value, int32_t old)
{
    int written = INT_MAX;
    bool narrow = false;
    for (int i = 0; i < step->inputs; i++)
        if (step->input[i] == old)
            return false;
    for (int i = 0; i < step->fused.stores; i++) {
        if (step->fused.store[i].value == value) {
            written = step->fused.store[i].instruction;
            narrow = step->fused.store[i].narrow;
        }
    }
    for (int a = 0; a < step->fused.accesses; a++) {
        if (step->fused.access[a].value != old)
            continue;
        if (step->fused.access[a].kind != (narrow ? CAIRN__ROW : CAIRN__FULL))
            return false;
        if (written == INT_MAX || read_later(&step->fused, written, CAIRN__LOADED, a))
            return false;
    }
    /* The result of the op itself, which its epilogue reads where it is. */
    if (old == step->output && old != value)
        return written != INT_MAX && !narrow &&
               !read_later(&step->fused, written, CAIRN__HEAD, 0);
    return true;
}

static bool try_in_place(scheduler *s, cairn_variable *variable, int32_t value, int32_t old,
                         bool *done)
{
    cairn__value *v = &s->p->values[value];
    *done = false;
    if (v->place != CAIRN__ARENA || v->producer < 0)
        return true;
    if (old >= 0) {
        if (!cairn__overwrites_safely(&s->p->steps[v->producer], value, old))
            return true;
        for (int r = 0; r < s->p->n_steps; r++)
            if (r != v->producer && step_reads(&s->p->steps[r], old) &&
                waits_for(s, r, v->producer))
                return true;
        for (int r = 0; r < s->p->n_steps; r++)
            if (r != v->producer && step_reads(&s->p->steps[r], old) &&
                !add_edge(s, r, v->producer))
                return false;
    }
    v->place = CAIRN__VARIABLE;
    v->variable = variable;
    *done = true;
    return true;
}

static int32_t variable_value(cairn__plan *p, const cairn_variable *variable)
{
    for (int i = 0; i < p->n_values; i++)
        if (p->lowered->nodes[p->values[i].node]->at.data == variable)
            return i;
    return -1;
}

/* A copy at the end, behind all readers of the old value. */
static bool add_copy(scheduler *s, cairn_variable *variable, int32_t value, int32_t old)
{
    cairn__plan *p = s->p;
    int copy = p->n_steps++;
    if (old < 0) {
        old = p->n_values++;
        p->values[old] = (cairn__value){.node = p->values[value].node,
                                        .bytes = variable->bytes,
                                        .place = CAIRN__VARIABLE,
                                        .last = -1,
                                        .variable = variable,
                                        .producer = -1};
    }
    s->first_edge[copy] = -1;
    p->steps[copy] = (cairn__step){.node = -1,
                                   .output = old,
                                   .copy_from = value,
                                   .bytes = 2 * (double)variable->bytes,
                                   .scope = "update"};
    for (int r = 0; r < copy; r++)
        if (p->steps[r].copy_from < 0 && step_reads(&p->steps[r], old) && !add_edge(s, r, copy))
            return false;
    return true;
}

static bool place_updates(scheduler *s)
{
    const cairn_graph *g = s->p->lowered;
    for (int i = 0; i < g->n_assignments; i++) {
        cairn_variable *variable = g->assignments[i].variable;
        int32_t value = s->p->value_of[g->assignments[i].value];
        int32_t old = variable_value(s->p, variable);
        bool done;
        if (!try_in_place(s, variable, value, old, &done) ||
            (!done && !add_copy(s, variable, value, old)))
            return false;
    }
    return true;
}

/* ---- waves ----------------------------------------------------------------------------------- */

static int wave_of(scheduler *s, int step)
{
    cairn__step *at = &s->p->steps[step];
    if (at->wave >= 0)
        return at->wave;
    int wave = 0;
    for (int i = 0; i < cairn__reads(at); i++) {
        int producer = s->p->values[cairn__read_value(at, i)].producer;
        if (producer >= 0)
            wave = CAIRN__MAX(wave, wave_of(s, producer) + 1);
    }
    for (int e = s->first_edge[step]; e >= 0; e = s->edges[e].next)
        wave = CAIRN__MAX(wave, wave_of(s, s->edges[e].reader) + 1);
    return at->wave = wave;
}

/* The recursion above may be as deep as the graph is long; this visits steps so that it is not. */
static void number_waves(scheduler *s)
{
    for (int i = 0; i < s->p->n_steps; i++)
        s->p->steps[i].wave = -1;
    for (int v = 0; v < s->p->n_values; v++) /* values are in topological order */
        if (s->p->values[v].producer >= 0)
            wave_of(s, s->p->values[v].producer);
    for (int i = 0; i < s->p->n_steps; i++)
        wave_of(s, i);
}

static void note_reader(int *earliest, int step, int wave)
{
    if (step >= 0)
        earliest[step] = CAIRN__MIN(earliest[step], wave);
}

/* A step that waits for nothing, or computes something again, runs as late as its readers allow:
 * its result takes no room before. Readers come first, from the last wave to the first. */
static void delay(scheduler *s)
{
    cairn__plan *p = s->p;
    int *earliest = s->mark; /* wave of the first reader of each step's results */
    int last = 0;
    for (int i = 0; i < p->n_steps; i++) {
        earliest[i] = INT_MAX;
        s->planned[i] = p->steps[i].wave;
        last = CAIRN__MAX(last, p->steps[i].wave);
    }
    for (int wave = last; wave >= 0; wave--)
        for (int i = 0; i < p->n_steps; i++) {
            cairn__step *step = &p->steps[i];
            if (s->planned[i] != wave)
                continue;
            if ((wave == 0 || step->late) && earliest[i] != INT_MAX)
                step->wave = earliest[i] - 1;
            for (int r = 0; r < cairn__reads(step); r++)
                note_reader(earliest, p->values[cairn__read_value(step, r)].producer, step->wave);
            for (int e = s->first_edge[i]; e >= 0; e = s->edges[e].next)
                note_reader(earliest, s->edges[e].reader, step->wave);
        }
}

static int by_wave(const void *a, const void *b)
{
    const cairn__step *x = a, *y = b;
    if (x->wave != y->wave)
        return x->wave < y->wave ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

/* Sorts the steps, then finds between which waves each value is needed. */
static void sort_and_measure(cairn__plan *p)
{
    qsort(p->steps, (size_t)p->n_steps, sizeof *p->steps, by_wave);
    for (int i = 0; i < p->n_steps; i++) {
        const cairn__step *step = &p->steps[i];
        p->n_waves = step->wave + 1;
        if (step->output >= 0 && step->copy_from < 0) {
            p->values[step->output].producer = i;
            p->values[step->output].first = step->wave;
        }
        for (int k = 0; k < step->fused.stores; k++) {
            p->values[step->fused.store[k].value].producer = i;
            p->values[step->fused.store[k].value].first = step->wave;
        }
    }
    for (int i = 0; i < p->n_steps; i++) {
        for (int r = 0; r < cairn__reads(&p->steps[i]); r++) {
            cairn__value *v = &p->values[cairn__read_value(&p->steps[i], r)];
            v->last = CAIRN__MAX(v->last, p->steps[i].wave);
        }
    }
    for (int i = 0; i < p->n_values; i++)
        p->values[i].last = CAIRN__MAX(p->values[i].last, p->values[i].first);
    for (int i = 0; i < p->lowered->n_outputs; i++)
        p->values[p->value_of[p->lowered->outputs[i].value]].last = INT_MAX;
}

bool cairn__schedule(cairn__plan *p, cairn_status *status)
{
    scheduler s = {.p = p, .status = status};
    size_t most = (size_t)(p->n_steps + p->lowered->n_assignments) + 1;
    s.first_edge = cairn__alloc(most, sizeof *s.first_edge, status);
    s.mark = cairn__alloc(most, sizeof *s.mark, status);
    s.stack = cairn__alloc(most, sizeof *s.stack, status);
    s.planned = cairn__alloc(most, sizeof *s.planned, status);
    bool good = s.first_edge && s.mark && s.stack && s.planned;
    for (size_t i = 0; good && i < most; i++)
        s.first_edge[i] = -1;
    good = good && place_updates(&s);
    if (good) {
        number_waves(&s);
        delay(&s);
        sort_and_measure(p);
    }
    cairn__free(s.edges);
    cairn__free(s.first_edge);
    cairn__free(s.mark);
    cairn__free(s.stack);
    cairn__free(s.planned);
    return good;
}
