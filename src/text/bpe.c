/* Byte-pair encoding: neighbours merge, the best pair first, the left one of equals, until no pair
 * is a piece. Pairs wait in a heap, so that a stretch of n bytes costs n log n, whatever it holds.
 *
 * "Best" is the first of a list of merges (GPT-2), or the highest score of the piece that they make
 * (SentencePiece). */
#include <string.h>

#include "text/vocabulary.h"

typedef struct symbol {
    uint32_t start, n; /* n 0: it was merged into the one before */
    int32_t id;        /* -1: no piece */
    int32_t before, after;
} symbol;

typedef struct pair {
    double cost; /* the lower the sooner */
    int32_t left, right, id;
    uint32_t n; /* bytes of both when it was found: it is stale when they changed */
} pair;

typedef struct state {
    const cairn_vocabulary *v;
    const char *bytes;
    symbol *symbols;
    pair *heap;
    size_t pairs;
} state;

static bool sooner(const pair *a, const pair *b)
{
    return a->cost < b->cost || (a->cost == b->cost && a->left < b->left);
}

static void push(state *s, pair p)
{
    size_t at = s->pairs++;
    for (; at > 0 && sooner(&p, &s->heap[(at - 1) / 2]); at = (at - 1) / 2)
        s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[at] = p;
}

static pair pop(state *s)
{
    const pair first = s->heap[0], last = s->heap[--s->pairs];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < s->pairs; at = child) {
        if (child + 1 < s->pairs && sooner(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (!sooner(&s->heap[child], &last))
            break;
        s->heap[at] = s->heap[child];
    }
    s->heap[at] = last;
    return first;
}

/* Puts a pair into the heap if it makes a piece. */
static void consider(state *s, int32_t left, int32_t right)
{
    if (left < 0 || right < 0)
        return;
    const symbol *a = &s->symbols[left], *b = &s->symbols[right];
    pair p = {.left = left, .right = right, .n = a->n + b->n};
    if (s->v->kind == CAIRN__VOCABULARY_MERGES) {
        const cairn__merge *m = cairn__vocabulary_pair(s->v, a->id, b->id);
        if (!m)
            return;
        p.cost = m->rank;
        p.id = m->id;
    } else {
        p.id = p.n <= s->v->longest ? cairn__vocabulary_lookup(s->v, s->bytes + a->start, p.n) : -1;
        if (p.id < 0)
            return;
        p.cost = -s->v->pieces[p.id].score;
    }
    push(s, p);
}

/* Single bytes of byte-level BPE, characters of SentencePiece. */
static int32_t part(state *s, size_t n)
{
    int32_t count = 0, code;
    for (size_t at = 0, length; at < n; at += length, count++) {
        const char *b = s->bytes + at;
        const bool merges = s->v->kind == CAIRN__VOCABULARY_MERGES;
        length = merges ? 1 : cairn__character(b, n - at, &code);
        s->symbols[count] = (symbol){
            .start = (uint32_t)at,
            .n = (uint32_t)length,
            .id = merges ? s->v->byte_id[(unsigned char)*b]
                         : cairn__vocabulary_lookup(s->v, b, length),
            .before = count - 1,
            .after = count + 1,
        };
    }
    s->symbols[count - 1].after = -1;
    return count;
}

static void merge(state *s, const pair *p)
{
    symbol *a = &s->symbols[p->left], *b = &s->symbols[p->right];
    if (a->n == 0 || b->n == 0 || a->after != p->right || a->n + b->n != p->n)
        return;
    a->n = p->n;
    a->id = p->id;
    a->after = b->after;
    b->n = 0;
    if (a->after >= 0)
        s->symbols[a->after].before = p->left;
    consider(s, a->before, p->left);
    consider(s, p->left, a->after);
}

bool cairn__encode_bpe(const cairn_vocabulary *v, cairn__encoder *e, const char *bytes, size_t n,
                       cairn_id_list *out, cairn_status *status)
{
    /* n - 1 pairs at first, and two for each of at most n - 1 merges. */
    if (!cairn__encoder_room(&e->symbols, &e->symbols_room, n, sizeof(symbol), status) ||
        !cairn__encoder_room(&e->heap, &e->heap_room, 3 * n, sizeof(pair), status))
        return false;
    state s = {.v = v, .bytes = bytes, .symbols = e->symbols, .heap = e->heap};
    const int32_t count = part(&s, n);
    for (int32_t i = 0; i + 1 < count; i++)
        consider(&s, i, i + 1);
    while (s.pairs > 0) {
        const pair best = pop(&s);
        merge(&s, &best);
    }
    bool unknown = false;
    for (int32_t i = 0; i >= 0; i = s.symbols[i].after) {
        const symbol *y = &s.symbols[i];
        if (y->id >= 0 ? !cairn__ids_add(out, y->id, status)
                       : !cairn__encode_unknown(v, bytes + y->start, y->n, unknown, out, status))
            return false;
        unknown = y->id < 0;
    }
    return true;
}
