/* How much a document is like good ones: hashed words, logistic regression, and the draw. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text/corpus.h"

enum { PLACES = 1 << 18 };

struct cairn_quality {
    float weight[PLACES], bias;
};

typedef struct feature {
    uint32_t place;
    float value;
} feature;

/* Features of documents, one after the other. */
typedef struct bag {
    feature *list; /* owned */
    size_t n, room;
} bag;

typedef struct example {
    size_t first, n; /* of its features */
    bool good, held_out;
    double score;
} example;

typedef struct examples {
    bag bag;
    example *list; /* owned */
    size_t n, room;
    int64_t count[2]; /* that are learnt from: raw, good */
} examples;

cairn_quality_options cairn_quality_defaults(void)
{
    return (cairn_quality_options){.epochs = 5, .learning_rate = 1, .held_out = 0.1};
}

static int by_place(const void *a, const void *b)
{
    const uint32_t x = ((const feature *)a)->place, y = ((const feature *)b)->place;
    return (x > y) - (x < y);
}

static bool push(bag *b, uint64_t hash, cairn_status *status)
{
    if (b->n == b->room) {
        const size_t room = CAIRN__MAX(2 * b->room, 1024);
        feature *more = cairn__resize(b->list, room, sizeof *more, status);
        if (!more)
            return false;
        b->list = more;
        b->room = room;
    }
    b->list[b->n++] = (feature){(uint32_t)(cairn__mix(hash) & (PLACES - 1)), 1};
    return true;
}

/* Adds the features of a document: counts of words and pairs, of length 1. */
static bool add_features(bag *b, const char *bytes, size_t n, cairn_status *status)
{
    uint64_t word, before = 0;
    const size_t first = b->n;
    for (size_t at = 0; cairn__next_word(bytes, n, &at, &word); before = word)
        if (!push(b, word, status) || (before && !push(b, cairn__mix(before) ^ word, status)))
            return false;
    if (b->n == first)
        return true;
    qsort(b->list + first, b->n - first, sizeof *b->list, by_place);
    size_t to = first;
    double squares = 0;
    for (size_t i = first + 1; i < b->n; i++)
        if (b->list[i].place == b->list[to].place)
            b->list[to].value += 1;
        else
            b->list[++to] = b->list[i];
    b->n = to + 1;
    for (size_t i = first; i < b->n; i++)
        squares += (double)b->list[i].value * b->list[i].value;
    for (size_t i = first; i < b->n; i++)
        b->list[i].value /= (float)sqrt(squares);
    return true;
}

static double score(const cairn_quality *q, const feature *list, size_t n)
{
    double sum = q->bias;
    for (size_t i = 0; i < n; i++)
        sum += (double)q->weight[list[i].place] * list[i].value;
    return 1 / (1 + exp(-sum));
}

double cairn_quality_score(const cairn_quality *q, const char *bytes, size_t n)
{
    bag b = {0};
    const bool good = add_features(&b, bytes, n, NULL);
    const double result = good ? score(q, b.list, b.n) : 0;
    cairn__free(b.list);
    return result;
}

bool cairn_quality_keep(double score, double shape, uint64_t seed, uint64_t position)
{
    uint32_t word[4];
    cairn_random_bits(seed, cairn_random_stream("quality"), position, word);
    /* 53 bits in (0, 1]; X = u^(-1/shape) - 1 has P(X > x) = (1 + x)^-shape. */
    const uint64_t bits = ((uint64_t)word[0] << 32 | word[1]) >> 11;
    const double u = ((double)bits + 1) / 9007199254740992.0;
    return pow(u, -1 / shape) - 1 > 1 - score;
}

/* ---- learning -------------------------------------------------------------------------------- */

static bool read_all(examples *e, cairn_text *text, bool good, const cairn_quality_options *o,
                     cairn_status *status)
{
    const char *bytes;
    size_t n;
    while (cairn_text_next(text, &bytes, &n, status)) {
        if (e->n == e->room) {
            const size_t room = CAIRN__MAX(2 * e->room, 256);
            example *more = cairn__resize(e->list, room, sizeof *more, status);
            if (!more)
                return false;
            e->list = more;
            e->room = room;
        }
        uint32_t word[4];
        cairn_random_bits((uint64_t)o->seed, cairn_random_stream("held out"), e->n, word);
        example *x = &e->list[e->n++];
        *x = (example){.first = e->bag.n, .good = good};
        x->held_out = word[0] < o->held_out * 4294967296.0;
        e->count[good] += !x->held_out;
        if (!add_features(&e->bag, bytes, n, status))
            return false;
        x->n = e->bag.n - x->first;
    }
    return cairn_ok(status);
}

/* One pass: w += rate * class weight * (y - p) x, the class weight such that both classes count the
 * same. The rate falls to 0 over all passes. */
static void pass(cairn_quality *q, const examples *e, const cairn_quality_options *o, int64_t epoch,
                 int64_t *order)
{
    const double learnt = (double)(e->count[0] + e->count[1]);
    cairn_random_permutation((uint64_t)o->seed,
                             cairn_random_stream("quality order") + (uint64_t)epoch, (int64_t)e->n,
                             order);
    for (size_t k = 0; k < e->n; k++) {
        const example *x = &e->list[order[k]];
        const feature *list = e->bag.list + x->first;
        if (x->held_out)
            continue;
        const double done = ((double)epoch + (double)k / (double)e->n) / (double)o->epochs;
        const double step = o->learning_rate * (1 - done) * learnt /
                            (2 * (double)e->count[x->good]) * (x->good - score(q, list, x->n));
        for (size_t i = 0; i < x->n; i++)
            q->weight[list[i].place] += (float)(step * list[i].value);
        q->bias += (float)(0.1 * step);
    }
}

static int by_score(const void *a, const void *b)
{
    const double x = ((const example *)a)->score, y = ((const example *)b)->score;
    return (x > y) - (x < y);
}

/* Mann and Whitney's statistic by ranks; equal scores share the mean of theirs. */
static double area(const cairn_quality *q, examples *e)
{
    size_t n = 0, good = 0;
    double ranks = 0;
    for (size_t i = 0; i < e->n; i++)
        if (e->list[i].held_out) {
            e->list[n] = e->list[i];
            e->list[n].score = score(q, e->bag.list + e->list[i].first, e->list[i].n);
            good += e->list[n++].good;
        }
    if (good == 0 || good == n)
        return NAN;
    qsort(e->list, n, sizeof *e->list, by_score);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && e->list[end].score == e->list[i].score;)
            end++;
        for (size_t k = i; k < end; k++)
            ranks += e->list[k].good ? (double)(i + 1 + end) / 2 : 0;
    }
    return (ranks - (double)good * ((double)good + 1) / 2) / ((double)good * (double)(n - good));
}

static bool learn(cairn_quality *q, examples *e, const cairn_quality_options *o,
                  cairn_status *status)
{
    if (e->count[0] == 0 || e->count[1] == 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "quality: %lld good and %lld raw documents to learn from, expected at "
                           "least one each",
                           (long long)e->count[1], (long long)e->count[0]);
    int64_t *order = cairn__alloc(e->n, sizeof *order, status);
    for (int64_t epoch = 0; order && epoch < o->epochs; epoch++)
        pass(q, e, o, epoch, order);
    cairn__free(order);
    return order != NULL;
}

cairn_quality *cairn_quality_train(cairn_text *good, cairn_text *raw,
                                   const cairn_quality_options *options, double *auc,
                                   cairn_status *status)
{
    const cairn_quality_options standard = cairn_quality_defaults();
    options = options ? options : &standard;
    examples e = {0};
    cairn_status local = CAIRN_STATUS_INIT;
    status = status ? status : &local;
    cairn_quality *q = cairn_ok(status) ? cairn__alloc(1, sizeof *q, status) : NULL;
    const bool learnt = q && read_all(&e, good, true, options, status) &&
                        read_all(&e, raw, false, options, status) && learn(q, &e, options, status);
    if (learnt && auc)
        *auc = area(q, &e);
    cairn__free(e.bag.list);
    cairn__free(e.list);
    if (learnt)
        return q;
    cairn_quality_free(q);
    return NULL;
}

void cairn_quality_free(cairn_quality *q)
{
    cairn__free(q);
}
