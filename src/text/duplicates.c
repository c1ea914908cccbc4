/* Documents that are the same, or nearly: MinHash (Broder 1997) with bands. */
#include <string.h>

#include "text/corpus.h"

enum { MINIMA = 128, BANDS = 16, ROWS = MINIMA / BANDS, GRAM = 5 };

typedef struct entry {
    uint64_t hash; /* of the whole */
    uint32_t minimum[MINIMA];
    int32_t next[BANDS + 1]; /* the entry before in the same place: of each band, of the whole */
} entry;

struct cairn_duplicates {
    double similarity;
    entry *entries; /* owned */
    int32_t n, room;
    int32_t *heads; /* owned: [BANDS + 1][mask + 1], -1: none */
    size_t mask;
    uint32_t factor[MINIMA], offset[MINIMA];
};

cairn_duplicates *cairn_duplicates_new(double similarity, cairn_status *status)
{
    if (!cairn_ok(status))
        return NULL;
    if (!(similarity >= 0.5 && similarity <= 1)) {
        cairn__fail(status, CAIRN_ERR_VALUE, "duplicates: similarity %g, expected 0.5 to 1",
                    similarity);
        return NULL;
    }
    cairn_duplicates *d = cairn__alloc(1, sizeof *d, status);
    for (uint64_t i = 0; d && i < MINIMA; i++) {
        uint32_t word[4];
        cairn_random_bits(0, cairn_random_stream("duplicates"), i, word);
        d->factor[i] = word[0] | 1;
        d->offset[i] = word[1];
    }
    if (d)
        d->similarity = similarity;
    return d;
}

void cairn_duplicates_free(cairn_duplicates *d)
{
    if (!d)
        return;
    cairn__free(d->entries);
    cairn__free(d->heads);
    cairn__free(d);
}

/* The place of an entry in table b: a band, or the whole. */
static size_t place(const cairn_duplicates *d, const entry *e, int b)
{
    uint64_t hash = e->hash;
    for (int r = 0; b < BANDS && r < ROWS; r++)
        hash = cairn__mix((r ? hash : 0) ^ e->minimum[b * ROWS + r]) + (uint64_t)r;
    return (size_t)b * (d->mask + 1) + (cairn__mix(hash) & d->mask);
}

static void link_entry(cairn_duplicates *d, int32_t i)
{
    for (int b = 0; b <= BANDS; b++) {
        int32_t *head = &d->heads[place(d, &d->entries[i], b)];
        d->entries[i].next[b] = *head;
        *head = i;
    }
}

static bool grow(cairn_duplicates *d, cairn_status *status)
{
    const int32_t room = d->room ? 2 * d->room : 1024;
    if (d->room > INT32_MAX / 2)
        return cairn__fail(status, CAIRN_ERR_MEMORY, "duplicates: more than 2^30 documents");
    int32_t *heads = cairn__alloc((size_t)room * (BANDS + 1), sizeof *heads, status);
    entry *entries =
        heads ? cairn__resize(d->entries, (size_t)room, sizeof *entries, status) : NULL;
    if (!entries) {
        cairn__free(heads);
        return false;
    }
    cairn__free(d->heads);
    memset(heads, 0xFF, (size_t)room * (BANDS + 1) * sizeof *heads);
    d->heads = heads;
    d->entries = entries;
    d->mask = (size_t)room - 1;
    d->room = room;
    for (int32_t i = 0; i < d->n; i++)
        link_entry(d, i);
    return true;
}

static void add_gram(const cairn_duplicates *d, uint64_t gram, uint32_t *minimum)
{
    const uint32_t x = (uint32_t)(cairn__mix(gram) >> 32);
    for (int i = 0; i < MINIMA; i++) {
        uint32_t h = (x ^ d->offset[i]) * d->factor[i];
        h = (h ^ h >> 15) * 0x2C1B3C6Du;
        h ^= h >> 13;
        minimum[i] = CAIRN__MIN(minimum[i], h);
    }
}

/* Minima over all runs of five words; a shorter document is one run. */
static void summarise(const cairn_duplicates *d, const char *bytes, size_t n, entry *e)
{
    uint64_t word[GRAM] = {0}, count = 0;
    e->hash = cairn__hash_bytes(bytes, n);
    memset(e->minimum, 0xFF, sizeof e->minimum);
    for (size_t at = 0; cairn__next_word(bytes, n, &at, &word[count % GRAM]);) {
        uint64_t gram = 0;
        if (++count < GRAM)
            continue;
        for (uint64_t k = 0; k < GRAM; k++)
            gram = cairn__mix(gram ^ word[(count + k) % GRAM]) + k;
        add_gram(d, gram, e->minimum);
    }
    if (count < GRAM) {
        uint64_t gram = count;
        for (uint64_t k = 0; k < count; k++)
            gram = cairn__mix(gram ^ word[k]) + k;
        add_gram(d, gram, e->minimum);
    }
}

static bool is_near(const cairn_duplicates *d, const entry *a, const entry *b)
{
    int equal = 0;
    for (int i = 0; i < MINIMA; i++)
        equal += a->minimum[i] == b->minimum[i];
    return equal >= d->similarity * MINIMA;
}

static cairn_duplicate compare(const cairn_duplicates *d, const entry *e)
{
    for (int32_t i = d->heads[place(d, e, BANDS)]; i >= 0; i = d->entries[i].next[BANDS])
        if (d->entries[i].hash == e->hash)
            return CAIRN_DUPLICATE_EXACT;
    for (int b = 0; b < BANDS; b++)
        for (int32_t i = d->heads[place(d, e, b)]; i >= 0; i = d->entries[i].next[b])
            if (is_near(d, &d->entries[i], e))
                return CAIRN_DUPLICATE_NEAR;
    return CAIRN_DUPLICATE_NONE;
}

bool cairn_duplicates_add(cairn_duplicates *d, const char *bytes, size_t n, cairn_duplicate *what,
                          cairn_status *status)
{
    if (!cairn_ok(status) || (d->n == d->room && !grow(d, status)))
        return false;
    entry *e = &d->entries[d->n];
    summarise(d, bytes, n, e);
    *what = compare(d, e);
    if (*what == CAIRN_DUPLICATE_NONE)
        link_entry(d, d->n++);
    return true;
}
