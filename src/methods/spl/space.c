/* Cells of weak label and teacher's class, and the classes that are made of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cairn/spl.h"

/* ---- options --------------------------------------------------------------------------------- */

static const char *const schemes[] = {"raw",  "occupied", "b",     "min_count", "top_k",
                                      "weak", "teacher",  "agree", NULL};
static const char *const rares[] = {"fallback", "drop", NULL};
static const char *const axes[] = {"weak", "teacher", NULL};

#define O cairn_spl_options
const cairn_option cairn_spl_table[] = {
    CAIRN_OPT_CHOICE(O, spl_space, CAIRN_SPL_OCCUPIED, schemes,
                     "classes of pre-training: pairs (occupied), SPL-B (b), or what it is "
                     "compared with",
                     "Li et al. 2021"),
    CAIRN_OPT_COUNT(O, spl_min_count, 10, 0, 1e15, "items that min_count asks of a class", ""),
    CAIRN_OPT_COUNT(O, spl_top, 100, 0, 1e15, "classes of disagreeing pairs that top_k keeps", ""),
    CAIRN_OPT_CHOICE(O, spl_rare, CAIRN_SPL_FALLBACK, rares,
                     "pairs without a class: one class a row, or dropped", ""),
    CAIRN_OPT_CHOICE(O, spl_b_axis, CAIRN_SPL_BY_WEAK, axes,
                     "what a row of merged pairs shares: the weak label or the teacher's class",
                     ""),
    CAIRN_OPT_END,
};
#undef O

cairn_spl_options cairn_spl_defaults(void)
{
    cairn_spl_options o;
    cairn_options_defaults(cairn_spl_table, &o);
    return o;
}

/* ---- counting -------------------------------------------------------------------------------- */

static bool check_classes(int64_t classes, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    return (classes >= 2 && classes <= CAIRN_SPL_CLASSES) ||
           cairn__fail(status, CAIRN_ERR_VALUE, "spl: %lld classes, expected 2 to %d",
                       (long long)classes, CAIRN_SPL_CLASSES);
}

static bool check_pair(int64_t item, int32_t weak, int32_t teacher, int64_t classes,
                       cairn_status *status)
{
    bool bad_weak = weak < 0 || weak >= classes;
    if (!bad_weak && teacher >= 0 && teacher < classes)
        return true;
    return cairn__fail(status, CAIRN_ERR_VALUE, "spl: item %lld: %s %d, expected 0 to %lld",
                       (long long)item, bad_weak ? "weak label" : "teacher's class",
                       bad_weak ? weak : teacher, (long long)classes - 1);
}

bool cairn_spl_count(const int32_t *weak, const int32_t *teacher, int64_t n, int64_t classes,
                     int64_t *counts, cairn_status *status)
{
    if (!check_classes(classes, status))
        return false;
    for (int64_t i = 0; i < n; i++)
        if (!check_pair(i, weak[i], teacher[i], classes, status))
            return false;
    memset(counts, 0, (size_t)(classes * classes) * sizeof *counts);
    for (int64_t i = 0; i < n; i++)
        counts[weak[i] * classes + teacher[i]]++;
    return true;
}

/* ---- the space ------------------------------------------------------------------------------- */

struct cairn_spl_space {
    int64_t classes, size, kept;
    bool by_teacher;
    int32_t *cell;         /* [N, N] owned: the class of a cell, or -1 */
    int32_t *rest;         /* [N] owned: the disagreed class of a row, or -1 */
    cairn_spl_class *list; /* owned */
};

static int64_t row_of(const cairn_spl_space *s, int64_t cell)
{
    return s->by_teacher ? cell % s->classes : cell / s->classes;
}

static bool on_diagonal(const cairn_spl_space *s, int64_t cell)
{
    return cell % s->classes == cell / s->classes;
}

/* Room for one class more than there are, doubled as needed. */
static int32_t add_class(cairn_spl_space *s, cairn_spl_class c, cairn_status *status)
{
    if ((s->size & (s->size - 1)) == 0) {
        size_t room = (size_t)CAIRN__MAX(2 * s->size, (int64_t)1);
        cairn_spl_class *list = cairn__resize(s->list, room, sizeof *list, status);
        if (!list)
            return -1;
        s->list = list;
    }
    s->list[s->size] = c;
    return (int32_t)s->size++;
}

static bool add_cell(cairn_spl_space *s, int64_t cell, cairn_status *status)
{
    cairn_spl_class c = {.weak = (int32_t)(cell / s->classes),
                         .teacher = (int32_t)(cell % s->classes)};
    s->cell[cell] = add_class(s, c, status);
    return s->cell[cell] >= 0;
}

static cairn_spl_class row_class(const cairn_spl_space *s, int64_t row, bool rest)
{
    return (cairn_spl_class){.weak = s->by_teacher ? -1 : (int32_t)row,
                             .teacher = s->by_teacher ? (int32_t)row : -1,
                             .rest = rest};
}

/* ---- the schemes ----------------------------------------------------------------------------- */

static bool make_raw(cairn_spl_space *s, cairn_status *status)
{
    for (int64_t i = 0; i < s->classes * s->classes; i++)
        if (!add_cell(s, i, status))
            return false;
    return true;
}

static bool make_b(cairn_spl_space *s, cairn_status *status)
{
    for (int64_t row = 0; row < s->classes; row++) {
        if (!add_cell(s, row * s->classes + row, status))
            return false;
        s->rest[row] = add_class(s, row_class(s, row, true), status);
        if (s->rest[row] < 0)
            return false;
    }
    return true;
}

/* N classes: rows as a whole, or the diagonal alone. */
static bool make_rows(cairn_spl_space *s, bool diagonal, cairn_status *status)
{
    for (int64_t row = 0; row < s->classes; row++) {
        int32_t id = diagonal ? -1 : add_class(s, row_class(s, row, false), status);
        if (diagonal && !add_cell(s, row * s->classes + row, status))
            return false;
        for (int64_t k = 0; !diagonal && k < s->classes; k++)
            s->cell[s->by_teacher ? k * s->classes + row : row * s->classes + k] = id;
    }
    return cairn_ok(status);
}

/* Off the diagonal, the largest first, then by the order of cells. */
typedef struct ranked {
    int64_t cell, count;
} ranked;

static int by_count(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return (x->cell > y->cell) - (x->cell < y->cell);
}

/* Marks the cells that top_k keeps besides the diagonal. */
static bool mark_top(const cairn_spl_space *s, const int64_t *counts, int64_t top, bool *keeps,
                     cairn_status *status)
{
    int64_t cells = s->classes * s->classes, n = 0;
    ranked *list = cairn__alloc((size_t)cells, sizeof *list, status);
    for (int64_t i = 0; list && i < cells; i++)
        if (counts[i] > 0 && !on_diagonal(s, i))
            list[n++] = (ranked){i, counts[i]};
    if (list)
        qsort(list, (size_t)n, sizeof *list, by_count);
    for (int64_t k = 0; k < n && k < top; k++)
        keeps[list[k].cell] = true;
    cairn__free(list);
    return list != NULL;
}

/* Cells first, in their order, then the rest of each row that has one. */
static bool make_kept(cairn_spl_space *s, const int64_t *counts, const bool *keeps, bool fallback,
                      cairn_status *status)
{
    int64_t cells = s->classes * s->classes;
    for (int64_t i = 0; i < cells; i++)
        if (counts[i] > 0 && (keeps[i] || on_diagonal(s, i)) && !add_cell(s, i, status))
            return false;
    bool *has = cairn__alloc((size_t)s->classes, sizeof *has, status);
    for (int64_t i = 0; has && i < cells; i++)
        if (counts[i] > 0 && s->cell[i] < 0)
            has[row_of(s, i)] = true;
    for (int64_t row = 0; has && fallback && row < s->classes; row++)
        if (has[row])
            s->rest[row] = add_class(s, row_class(s, row, true), status);
    cairn__free(has);
    return cairn_ok(status) && has;
}

static bool make_reduced(cairn_spl_space *s, const int64_t *counts, const cairn_spl_options *o,
                         cairn_status *status)
{
    int64_t cells = s->classes * s->classes;
    bool *keeps = cairn__alloc((size_t)cells, sizeof *keeps, status);
    bool good = keeps != NULL;
    for (int64_t i = 0; good && i < cells; i++)
        keeps[i] = o->spl_space == CAIRN_SPL_OCCUPIED ||
                   (o->spl_space == CAIRN_SPL_MIN_COUNT && counts[i] >= o->spl_min_count);
    if (good && o->spl_space == CAIRN_SPL_TOP_K)
        good = mark_top(s, counts, o->spl_top, keeps, status);
    /* Where every cell with items is kept there is no rest. */
    bool fallback = o->spl_rare == CAIRN_SPL_FALLBACK;
    good = good && make_kept(s, counts, keeps, fallback, status);
    cairn__free(keeps);
    return good;
}

static bool make(cairn_spl_space *s, const int64_t *counts, const cairn_spl_options *o,
                 cairn_status *status)
{
    switch (o->spl_space) {
    case CAIRN_SPL_RAW: return make_raw(s, status);
    case CAIRN_SPL_B: return make_b(s, status);
    case CAIRN_SPL_WEAK: s->by_teacher = false; return make_rows(s, false, status);
    case CAIRN_SPL_TEACHER: s->by_teacher = true; return make_rows(s, false, status);
    case CAIRN_SPL_AGREE: return make_rows(s, true, status);
    default: return make_reduced(s, counts, o, status);
    }
}

/* Items and cells of each class. */
static void fill(cairn_spl_space *s, const int64_t *counts)
{
    for (int64_t i = 0; i < s->classes * s->classes; i++) {
        int32_t id = cairn_spl_label(s, (int32_t)(i / s->classes), (int32_t)(i % s->classes));
        if (id < 0)
            continue;
        s->list[id].items += counts[i];
        s->list[id].cells += counts[i] > 0;
        s->kept += counts[i];
    }
}

cairn_spl_space *cairn_spl_space_new(const int64_t *counts, int64_t classes,
                                     const cairn_spl_options *options, cairn_status *status)
{
    cairn_status own = CAIRN_STATUS_INIT; /* cleaning up needs to know whether there was an error */
    cairn_spl_options o = options ? *options : cairn_spl_defaults();
    if (!check_classes(classes, status) || !cairn__options_check(cairn_spl_table, &o, status))
        return NULL;
    for (int64_t i = 0; i < classes * classes; i++)
        if (counts[i] < 0) {
            cairn__fail(status, CAIRN_ERR_VALUE, "spl: cell (%lld, %lld) has %lld items",
                        (long long)(i / classes), (long long)(i % classes), (long long)counts[i]);
            return NULL;
        }
    cairn_spl_space *s = cairn__alloc(1, sizeof *s, status);
    if (!s)
        return NULL;
    s->classes = classes;
    s->by_teacher = o.spl_b_axis == CAIRN_SPL_BY_TEACHER;
    s->cell = cairn__alloc((size_t)(classes * classes), sizeof *s->cell, &own);
    s->rest = cairn__alloc((size_t)classes, sizeof *s->rest, &own);
    if (s->cell && s->rest) {
        memset(s->cell, 0xff, (size_t)(classes * classes) * sizeof *s->cell); /* -1 */
        memset(s->rest, 0xff, (size_t)classes * sizeof *s->rest);
    }
    bool good = s->cell && s->rest && make(s, counts, &o, &own) &&
                (s->size > 0 || cairn__fail(&own, CAIRN_ERR_VALUE,
                                            "spl: no item has a class: the label space is empty"));
    if (good) {
        fill(s, counts);
        return s;
    }
    cairn_spl_space_free(s);
    cairn__fail(status, own.code, "%s", own.message);
    return NULL;
}

void cairn_spl_space_free(cairn_spl_space *s)
{
    if (!s)
        return;
    cairn__free(s->cell);
    cairn__free(s->rest);
    cairn__free(s->list);
    cairn__free(s);
}

/* ---- asking ---------------------------------------------------------------------------------- */

int64_t cairn_spl_space_size(const cairn_spl_space *s)
{
    return s->size;
}

cairn_spl_class cairn_spl_space_class(const cairn_spl_space *s, int64_t index)
{
    return s->list[index];
}

int64_t cairn_spl_space_kept(const cairn_spl_space *s)
{
    return s->kept;
}

int32_t cairn_spl_label(const cairn_spl_space *s, int32_t weak, int32_t teacher)
{
    int64_t cell = weak * s->classes + teacher;
    /* The diagonal is agreement: it is never in the rest of its row. */
    if (s->cell[cell] >= 0 || weak == teacher)
        return s->cell[cell];
    return s->rest[row_of(s, cell)];
}

bool cairn_spl_labels(const cairn_spl_space *s, const int32_t *weak, const int32_t *teacher,
                      int64_t n, int32_t *labels, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    for (int64_t i = 0; i < n; i++)
        if (!check_pair(i, weak[i], teacher[i], s->classes, status))
            return false;
    for (int64_t i = 0; i < n; i++)
        labels[i] = cairn_spl_label(s, weak[i], teacher[i]);
    return true;
}

static const char *name_of(int32_t label, const char *const *names, char text[24])
{
    if (names && names[label])
        return names[label];
    snprintf(text, 24, "%d", label);
    return text;
}

const char *cairn_spl_class_text(const cairn_spl_space *s, int64_t index, const char *const *names,
                                 char *text, size_t size)
{
    const cairn_spl_class *c = &s->list[index];
    char a[24], b[24];
    const char *other = c->rest ? "other" : NULL;
    const char *weak = c->weak >= 0 ? name_of(c->weak, names, a) : other;
    const char *teacher = c->teacher >= 0 ? name_of(c->teacher, names, b) : other;
    if (weak && teacher)
        snprintf(text, size, "%.100s / %.100s", weak, teacher);
    else
        snprintf(text, size, "%.200s", weak ? weak : teacher);
    return text;
}
