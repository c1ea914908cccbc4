/* Cairn, SPL: sub-pseudo labels, for pre-training on data whose labels are weak.
 *
 *   1. counting     how often each weak label meets each class of a teacher
 *   2. label space  which of these cells are classes of their own
 *   3. graphs       loss, the step from pre-training to fine-tuning, Grad-CAM
 *
 * A video found by a search has a weak label w, the query. A teacher, trained on few clean
 * examples, says t of a clip cut from it. Instead of throwing away the clips where they differ, SPL
 * takes the pair (w, t) for the class of the clip, trains a classifier on these classes, drops its
 * last layer and fine-tunes the rest on the clean examples:
 *
 *     cairn_spl_count(weak, teacher, n, classes, counts, &status);
 *     cairn_spl_space *s = cairn_spl_space_new(counts, classes, &options, &status);
 *     cairn_spl_labels(s, weak, teacher, n, labels, &status);
 *     ... train on labels, cairn_spl_space_size(s) classes, loss cairn_spl_loss() ...
 *     cairn_spl_transfer(pretrained, target, "head", true, &moved, &status);
 *
 * Source: Li et al. 2021, "Learning from weakly-labeled web videos via exploring sub-concepts".
 * arXiv:2101.03713. The reductions min_count and top_k are Cairn's. */
#ifndef CAIRN_SPL_H
#define CAIRN_SPL_H

#include "cairn/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. counting ----------------------------------------------------------------------------- */

/* Cells are N x N numbers for at most so many classes. */
enum { CAIRN_SPL_CLASSES = 16384 };

/* counts[w N + t]: the items with weak label w that the teacher takes for class t. The sum is n.
 * Errors: CAIRN_ERR_VALUE when a label is no class (the sentence says which item), or there are
 * fewer than 2 classes or more than CAIRN_SPL_CLASSES. */
CAIRN_API bool cairn_spl_count(const int32_t *weak, const int32_t *teacher, int64_t n,
                               int64_t classes, int64_t *counts, cairn_status *status);

/* ---- 2. label space -------------------------------------------------------------------------- */

/* With N classes and a cell (w, t) for each pair:
 *
 *   raw        every cell: s = w N + t
 *   occupied   every cell that holds items, in the order of w N + t
 *   b          SPL-B: two classes a row, s = 2 w + (w != t): agreed and disagreed
 *   min_count  the diagonal, and other cells of at least spl_min_count items; the rest see spl_rare
 *   top_k      the diagonal, and the spl_top largest other cells, the first in order among equal
 *              ones; the rest as above
 *   weak       s = w                 what SPL is compared with: training on the weak label,
 *   teacher    s = t                 on the teacher's class,
 *   agree      s = w where w = t     on the items where both agree; the others are dropped
 *
 * In occupied, min_count and top_k a cell without items is no class, be it on the diagonal or not;
 * classes of cells come first, then those of rows in their order. spl_rare:
 *
 *   fallback   the rest of a row is one class, its disagreed class
 *   drop       the rest has no class
 *
 * A row is a weak label; with spl_b_axis `teacher` it is a class of the teacher. */
typedef enum cairn_spl_scheme {
    CAIRN_SPL_RAW,
    CAIRN_SPL_OCCUPIED,
    CAIRN_SPL_B,
    CAIRN_SPL_MIN_COUNT,
    CAIRN_SPL_TOP_K,
    CAIRN_SPL_WEAK,
    CAIRN_SPL_TEACHER,
    CAIRN_SPL_AGREE
} cairn_spl_scheme;

typedef enum cairn_spl_rare { CAIRN_SPL_FALLBACK, CAIRN_SPL_DROP } cairn_spl_rare;
typedef enum cairn_spl_axis { CAIRN_SPL_BY_WEAK, CAIRN_SPL_BY_TEACHER } cairn_spl_axis;

typedef struct cairn_spl_options {
    int spl_space; /* cairn_spl_scheme */
    int64_t spl_min_count, spl_top;
    int spl_rare;   /* cairn_spl_rare */
    int spl_b_axis; /* cairn_spl_axis */
} cairn_spl_options;

CAIRN_API extern const cairn_option cairn_spl_table[];
CAIRN_API cairn_spl_options cairn_spl_defaults(void);

typedef struct cairn_spl_space cairn_spl_space;

/* One class of a space: cells of one row or column, or of all. */
typedef struct cairn_spl_class {
    int32_t weak, teacher; /* what its items share; -1: they differ in it */
    bool rest;             /* what of a row has no class of its own */
    int64_t cells, items;  /* cells with items, and how many */
} cairn_spl_class;

/* counts: of cairn_spl_count(), not below 0. options: copied; NULL for the defaults (occupied).
 * Memory: 4 bytes a cell. The caller owns the result: cairn_spl_space_free().
 * Errors: CAIRN_ERR_VALUE for counts below 0, options or classes out of range, or a space without
 * any class; CAIRN_ERR_MEMORY. */
CAIRN_API cairn_spl_space *cairn_spl_space_new(const int64_t *counts, int64_t classes,
                                               const cairn_spl_options *options,
                                               cairn_status *status);
CAIRN_API void cairn_spl_space_free(cairn_spl_space *space);

/* Classes of the space; one of them, below the size; items that have a class. */
CAIRN_API int64_t cairn_spl_space_size(const cairn_spl_space *space);
CAIRN_API cairn_spl_class cairn_spl_space_class(const cairn_spl_space *space, int64_t index);
CAIRN_API int64_t cairn_spl_space_kept(const cairn_spl_space *space);

/* The class of a pair, or -1: dropped. A pair that was not counted when the space was made goes to
 * its row's disagreed class, or is dropped where there is none: it never gets a class of its own.
 * Both labels must be below N. */
CAIRN_API int32_t cairn_spl_label(const cairn_spl_space *space, int32_t weak, int32_t teacher);

/* The same for n items. Errors: CAIRN_ERR_VALUE when a label is no class. */
CAIRN_API bool cairn_spl_labels(const cairn_spl_space *space, const int32_t *weak,
                                const int32_t *teacher, int64_t n, int32_t *labels,
                                cairn_status *status);

/* "coat / shirt", "coat / other", "coat" in `text`: the weak label and the teacher's class of a
 * class. names: one for each of the N classes, or NULL for numbers. Returns `text`. */
CAIRN_API const char *cairn_spl_class_text(const cairn_spl_space *space, int64_t index,
                                           const char *const *names, char *text, size_t size);

/* ---- 3. graphs ------------------------------------------------------------------------------- */

/* The mean cross-entropy over the rows that have a class; 0 when none has. A scalar.
 * logits: f32 [B, classes]; labels: i32 [B], -1 for rows that are dropped. */
CAIRN_API cairn_tensor cairn_spl_loss(cairn_tensor logits, cairn_tensor labels);

/* Copies what was pre-trained to the model that is fine-tuned: every parameter of `to` that `from`
 * has under the same name, but those of the last layer ("head" or "head/..."), which keep their
 * fresh values. States of optimisers are not copied: `to` starts with its own. Running statistics
 * ("mean" and "variance" of batch normalisation) are, if `statistics`.
 *
 * from, to  graphs of which programs were made: variables have no values before
 * moved     how many variables were copied, or NULL
 *
 * Errors: CAIRN_ERR_SHAPE when a shape differs, CAIRN_ERR_NAME when `from` lacks a parameter of
 * `to` outside the head: then nothing was changed. CAIRN_ERR_MEMORY. */
CAIRN_API bool cairn_spl_transfer(const cairn_graph *from, cairn_graph *to, const char *head,
                                  bool statistics, int64_t *moved, cairn_status *status);

/* Where a convolutional classifier looks: with A the last feature map and z the logit of a class,
 *
 *     a_c = mean over positions of d z / d A_c     map = max(sum over c of a_c A_c, 0)
 *
 * brought to `sizes` by cairn_resize_linear().
 *
 * logits    f32 [B, classes], of which row b depends on row b of the features only
 * features  f32 [B, 1 to 3 sizes, C]
 * classes   i32 [B], one for each example
 * sizes     as many as the features have spatial axes
 *
 * Returns f32 [B, sizes..]. Errors (kept by the graph): CAIRN_ERR_SHAPE.
 * Source: Selvaraju et al. 2017, equations 1 and 2. arXiv:1610.02391 */
CAIRN_API cairn_tensor cairn_grad_cam(cairn_tensor logits, cairn_tensor features,
                                      cairn_tensor classes, cairn_shape sizes);

#ifdef __cplusplus
}
#endif

#endif
