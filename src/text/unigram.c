/* The unigram model of SentencePiece (Kudo 2018, arXiv:1804.10959): of all ways to part a text into
 * pieces, the one with the greatest sum of scores (Viterbi). Sums are f32, as there, since equal
 * ids need equal rounding. */
#include <string.h>

#include "text/vocabulary.h"

typedef struct cell {
    float score;  /* of the best way that ends here */
    uint32_t n;   /* bytes of its last piece; 0: no way ends here */
    int32_t id;   /* -1: a character without a piece */
    int32_t next; /* afterwards: where the piece that begins here ends */
} cell;

/* What an unknown character costs below the worst piece. */
static const float unknown_penalty = 10;

static void offer(cell *to, float score, size_t n, int32_t id)
{
    if (to->n == 0 || score > to->score)
        *to = (cell){.score = score, .n = (uint32_t)n, .id = id};
}

/* All pieces that begin at `at`, shortest first. */
static void extend(const cairn_vocabulary *v, const char *bytes, size_t n, size_t at, cell *cells)
{
    int32_t code;
    const float here = at > 0 ? cells[at].score : 0;
    const size_t character = cairn__character(bytes + at, n - at, &code);
    const size_t longest = CAIRN__MIN(v->longest, n - at);
    bool single = false;
    uint64_t hash = CAIRN__FNV_START;
    for (size_t k = 1; k <= longest; k++) {
        hash = cairn__fnv(hash, (unsigned char)bytes[at + k - 1]);
        const int32_t id = cairn__vocabulary_lookup_hashed(v, hash, bytes + at, k);
        if (id < 0)
            continue;
        offer(&cells[at + k], v->pieces[id].score + here, k, id);
        single = single || k == character;
    }
    if (!single)
        offer(&cells[at + character], v->least - unknown_penalty + here, character, -1);
}

bool cairn__encode_unigram(const cairn_vocabulary *v, cairn__encoder *e, const char *bytes,
                           size_t n, cairn_id_list *out, cairn_status *status)
{
    if (!cairn__encoder_room(&e->cells, &e->cells_room, n + 1, sizeof(cell), status))
        return false;
    cell *cells = e->cells;
    memset(cells, 0, (n + 1) * sizeof *cells);
    for (size_t at = 0; at < n; at++)
        if (at == 0 || cells[at].n > 0)
            extend(v, bytes, n, at, cells);
    for (size_t at = n; at > 0; at -= cells[at].n)
        cells[at - cells[at].n].next = (int32_t)at;
    bool unknown = false;
    for (size_t at = 0; at < n;) {
        const size_t end = (size_t)cells[at].next;
        const int32_t id = cells[end].id;
        if (id >= 0 ? !cairn__ids_add(out, id, status)
                    : !cairn__encode_unknown(v, bytes + at, end - at, unknown, out, status))
            return false;
        unknown = id < 0;
        at = end;
    }
    return true;
}
