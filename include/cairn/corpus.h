/* Cairn, corpora: from files as they are found to a shard of tokens.
 *
 *   1. cleaning     HTML, LaTeX and text, with their mathematics kept
 *   2. duplicates   the same document again, and nearly the same
 *   3. quality      a classifier that knows good texts, and a draw by its score
 *   4. building     all of these, in order
 */
#ifndef CAIRN_CORPUS_H
#define CAIRN_CORPUS_H

#include "cairn/vocabulary.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. cleaning ---------------------------------------------------------------------------- */

typedef enum cairn_clean_kind {
    CAIRN_CLEAN_TEXT,  /* blanks at ends of lines, control characters, more than one empty line */
    CAIRN_CLEAN_HTML,  /* what is read of a page, and then as text */
    CAIRN_CLEAN_LATEX, /* the document's body without comments, and then as text */
    CAIRN_CLEAN_KINDS
} cairn_clean_kind;

/* A document of n bytes without what is not its text; 0-terminated, *size without the 0. Formulas
 * stay: between $ or in environments as written; MathJax's scripts, and MathML that says its TeX
 * (annotation or alttext), become $...$, or $$...$$ on display; other MathML stays as its elements.
 * The caller frees the result with cairn_description_free().
 * Errors: CAIRN_ERR_VALUE, CAIRN_ERR_MISSING (HTML without libxml2), CAIRN_ERR_MEMORY.
 * Source: Lewkowycz et al. 2022 (Minerva), section 2.1. arXiv:2206.14858 */
CAIRN_API char *cairn_clean(cairn_clean_kind kind, const char *bytes, size_t n, size_t *size,
                            cairn_status *status);

/* ---- 2. duplicates -------------------------------------------------------------------------- */

typedef enum cairn_duplicate {
    CAIRN_DUPLICATE_NONE,
    CAIRN_DUPLICATE_EXACT,
    CAIRN_DUPLICATE_NEAR
} cairn_duplicate;

typedef struct cairn_duplicates cairn_duplicates;

/* Compares documents with those that were kept before.
 *
 * similarity  from which share of equal 5-grams of words on a document counts as the same, 0.5 to
 *             1: estimated by 128 minima of hashes, in 16 bands of 8 that find candidates
 * Memory: about 800 bytes a kept document. The caller owns the result: cairn_duplicates_free().
 * Source: Broder 1997, "On the resemblance and containment of documents". */
CAIRN_API cairn_duplicates *cairn_duplicates_new(double similarity, cairn_status *status);
CAIRN_API void cairn_duplicates_free(cairn_duplicates *duplicates);

/* What a document is among those kept; NONE keeps it. The answer depends on the documents and their
 * order only. *what is set on success. Errors: CAIRN_ERR_MEMORY. */
CAIRN_API bool cairn_duplicates_add(cairn_duplicates *duplicates, const char *bytes, size_t n,
                                    cairn_duplicate *what, cairn_status *status);

/* ---- 3. quality ------------------------------------------------------------------------------
 *
 * Counts of words and pairs of neighbours (lower case of ASCII), hashed to 2^18 places, of length 1
 * for each document; a logistic score of them.
 * Source: Du et al. 2022 (GLaM), section 3; Brown et al. 2020 (GPT-3), appendix A. */

typedef struct cairn_quality cairn_quality;

typedef struct cairn_quality_options {
    int64_t epochs;
    double learning_rate;
    double held_out; /* share of the documents that only the figure `auc` is made from */
    int64_t seed;
} cairn_quality_options;

/* 5 epochs, 1, 0.1, seed 0. */
CAIRN_API cairn_quality_options cairn_quality_defaults(void);

/* Learns to tell documents of `good` from those of `raw`, both counting the same in all. auc (may
 * be NULL): of the held-out documents, the share of pairs in right order; NaN without any.
 * The caller owns the result: cairn_quality_free(). Errors: CAIRN_ERR_VALUE (no documents),
 * those of cairn_text_next(), CAIRN_ERR_MEMORY. */
CAIRN_API cairn_quality *cairn_quality_train(cairn_text *good, cairn_text *raw,
                                             const cairn_quality_options *options, double *auc,
                                             cairn_status *status);
CAIRN_API void cairn_quality_free(cairn_quality *quality);

/* 0 (as raw) to 1 (as good). */
CAIRN_API double cairn_quality_score(const cairn_quality *quality, const char *bytes, size_t n);

/* True when X > 1 - score for an X of the Pareto distribution from 0 on (Lomax) with this shape, as
 * np.random.pareto draws it: documents of low score are kept now and then, with (2 - score)^-shape.
 * The draw is that of `position` in the stream "quality" of the seed. */
CAIRN_API bool cairn_quality_keep(double score, double shape, uint64_t seed, uint64_t position);

/* ---- 4. building ---------------------------------------------------------------------------- */

typedef struct cairn_corpus_source {
    const char *path; /* a file or a folder: .html and .htm, .tex, .jsonl, other text */
    double weight;    /* how often each of its documents stands in the shard: 0.5 every second */
} cairn_corpus_source;

typedef struct cairn_corpus_options {
    int cut;                         /* cairn_text_cut, of plain text */
    char separator[CAIRN_TEXT_SIZE]; /* between documents, with that cut */
    char field[CAIRN_TEXT_SIZE];     /* of JSON lines */
    bool clean;
    int64_t least;     /* bytes of a document */
    double similarity; /* from which documents are duplicates; above 1: none is looked for */
    double shape;      /* of the draw by quality, GPT-3's 9 */
    int64_t seed;      /* of the draw and of the order */
} cairn_corpus_options;

CAIRN_API cairn_corpus_options cairn_corpus_defaults(void);

/* Documents after each stage. */
typedef struct cairn_corpus_counts {
    int64_t read, bytes_read;
    int64_t too_short, low_quality, exact, near; /* dropped there, in this order */
    int64_t kept, bytes_kept;
    int64_t written, tokens; /* with weights */
    uint64_t hash;           /* of the shard */
} cairn_corpus_counts;

/* Cleans, filters, removes duplicates over all sources (the first one stays), and writes the
 * documents that are left to the shard `path`, in an order drawn by the seed. With weight w the
 * k-th document of a source stands there floor((k + 1) w) - floor(k w) times. The same files and
 * options give the same shard. Kept texts wait in a nameless file in the folder of `path`.
 *
 * quality  borrowed; NULL for no filter
 * options  copied; NULL for the defaults
 *
 * Errors: those of the parts, CAIRN_ERR_VALUE (no document is left; a weight that is not 0 to
 * 1000). */
CAIRN_API bool cairn_corpus_build(const cairn_corpus_source *sources, int64_t n,
                                  const cairn_vocabulary *vocabulary, const cairn_quality *quality,
                                  const cairn_corpus_options *options, const char *path,
                                  cairn_corpus_counts *counts, cairn_status *status);

#ifdef __cplusplus
}
#endif

#endif
