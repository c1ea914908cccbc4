/* Pseudo-labels: from a teacher's probabilities to the rows that a student learns from. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cairn/ssd.h"

static const char *const kinds[] = {"soft", "hard", NULL};
static const char *const balances[] = {"none", "topn", "repeat", NULL};

#define P cairn_pseudo_options
const cairn_option cairn_pseudo_table[] = {
    CAIRN_OPT_CHOICE(P, labels, CAIRN_PSEUDO_SOFT, kinds,
                     "pseudo-labels are the teacher's probabilities, or its first class",
                     "Xie et al. 2020"),
    CAIRN_OPT_REAL(P, temperature, 1, 0.01, 100, "of the teacher's probabilities, soft labels", ""),
    CAIRN_OPT_REAL(P, smoothing, 0.1, 0, 0.9, "label smoothing, of true and of hard labels",
                   "published code"),
    CAIRN_OPT_REAL(P, min_confidence, 0.3, 0, 1,
                   "unlabelled items are kept whose largest probability is at least this",
                   "published code"),
    CAIRN_OPT_CHOICE(P, balance, CAIRN_BALANCE_REPEAT, balances,
                     "equal numbers for each predicted class: cut to the most confident, and "
                     "repeat where there are fewer",
                     "Xie et al. 2020, section 2"),
    CAIRN_OPT_COUNT(P, per_class, 0, 0, 1e12,
                    "unlabelled items of a class after balancing; 0: as many as classes have on "
                    "average",
                    ""),
    CAIRN_OPT_FLAG(P, binned, false,
                   "cut by a threshold in steps of 0.01 and at random, not to the exact best",
                   "published code"),
    CAIRN_OPT_COUNT(P, pseudo_seed, 1, 0, 1e15, "draws copies of the balancing", ""),
    CAIRN_OPT_END,
};
#undef P

cairn_pseudo_options cairn_pseudo_defaults(void)
{
    cairn_pseudo_options o;
    cairn_options_defaults(cairn_pseudo_table, &o);
    return o;
}

void cairn_sharpen(const double *q, int64_t classes, double temperature, double *out)
{
    /* Relative to the largest, so that no power underflows for all classes at once. */
    double most = 0, sum = 0;
    for (int64_t c = 0; c < classes; c++)
        most = fmax(most, q[c]);
    for (int64_t c = 0; c < classes; c++)
        sum += out[c] = temperature == 1 ? q[c] : pow(q[c] / most, 1 / temperature);
    for (int64_t c = 0; c < classes && temperature != 1; c++)
        out[c] /= sum;
}

/* ---- choosing -------------------------------------------------------------------------------- */

typedef struct candidate {
    double confidence;
    int64_t item;
    int32_t class, copies;
} candidate;

typedef struct selection {
    const cairn_pseudo_options *options;
    candidate *list; /* one an item, in their order */
    candidate **sorted;
    int64_t items, classes;
} selection;

static bool check_rows(const double *q, int64_t items, int64_t classes, cairn_status *status)
{
    for (int64_t i = 0; i < items; i++) {
        double sum = 0;
        for (int64_t c = 0; c < classes; c++) {
            sum += q[i * classes + c];
            if (!(q[i * classes + c] >= 0))
                sum = NAN;
        }
        if (!(fabs(sum - 1) < 1e-3))
            return cairn__fail(status, CAIRN_ERR_VALUE,
                               "pseudo-labels: row %lld of the teacher sums to %g, expected "
                               "probabilities that sum to 1",
                               (long long)i, sum);
    }
    return true;
}

static void predict(selection *s, const double *q, cairn_pseudo *out)
{
    for (int64_t i = 0; i < s->items; i++) {
        const double *row = q + i * s->classes;
        int64_t best = 0;
        for (int64_t c = 1; c < s->classes; c++)
            best = row[c] > row[best] ? c : best;
        bool kept = row[best] >= s->options->min_confidence;
        s->list[i] = (candidate){row[best], i, (int32_t)best, kept};
        out->predicted[best]++;
        out->kept[best] += kept;
        int64_t bin = (int64_t)(row[best] * CAIRN_CONFIDENCE_BINS);
        out->histogram[CAIRN__MIN(bin, (int64_t)CAIRN_CONFIDENCE_BINS - 1)]++;
    }
}

static double uniform(const selection *s, const char *what, int64_t item)
{
    uint32_t w[4];
    cairn_random_bits((uint64_t)s->options->pseudo_seed, cairn_random_stream(what), (uint64_t)item,
                      w);
    return w[0] / 4294967296.0;
}

static int by_confidence(const void *a, const void *b)
{
    const candidate *x = *(candidate *const *)a, *y = *(candidate *const *)b;
    int order = (x->confidence < y->confidence) - (x->confidence > y->confidence);
    return order ? order : (x->item > y->item) - (x->item < y->item);
}

/* The n most confident of a class's m sorted ones. */
static void cut_exact(candidate **sorted, int64_t m, int64_t n)
{
    for (int64_t i = n; i < m; i++)
        sorted[i]->copies = 0;
}

/* All above the first threshold, of 0.99, 0.98 ..., that reaches n; of them n, drawn one after the
 * other (Knuth's selection sampling: each with the probability wanted / left). */
static void cut_binned(const selection *s, candidate **sorted, int64_t m, int64_t n)
{
    int64_t reached = 0;
    for (int step = 99; step >= 0 && reached < n; step--)
        while (reached < m && sorted[reached]->confidence >= step / 100.0)
            reached++;
    int64_t wanted = n;
    for (int64_t i = 0; i < m; i++) {
        int64_t left = reached - i;
        bool taken =
            left > 0 && uniform(s, "ssd/thin", sorted[i]->item) * (double)left < (double)wanted;
        sorted[i]->copies = taken;
        wanted -= taken;
    }
}

static void repeat(const selection *s, candidate **sorted, int64_t m, int64_t n)
{
    int64_t whole = n / m;
    double fraction = (double)(n % m) / (double)m;
    for (int64_t i = 0; i < m; i++)
        sorted[i]->copies =
            (int32_t)(whole + (uniform(s, "ssd/repeat", sorted[i]->item) < fraction));
}

static int64_t wanted_of(const selection *s, const cairn_pseudo *out)
{
    int64_t sum = 0, some = 0;
    for (int64_t c = 0; c < s->classes; c++) {
        sum += out->kept[c];
        some += out->kept[c] > 0;
    }
    if (s->options->per_class || !some)
        return s->options->per_class;
    return (sum + some - 1) / some;
}

static void balance(selection *s, const cairn_pseudo *out)
{
    int64_t n = wanted_of(s, out);
    for (int32_t c = 0; c < s->classes; c++) {
        int64_t m = 0;
        for (int64_t i = 0; i < s->items; i++)
            if (s->list[i].class == c && s->list[i].copies)
                s->sorted[m++] = &s->list[i];
        qsort(s->sorted, (size_t)m, sizeof(candidate *), by_confidence);
        if (m > n && s->options->binned)
            cut_binned(s, s->sorted, m, n);
        else if (m > n)
            cut_exact(s->sorted, m, n);
        else if (m > 0 && m < n && s->options->balance == CAIRN_BALANCE_REPEAT)
            repeat(s, s->sorted, m, n);
    }
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void write_target(const selection *s, const double *q, int32_t class, double *row,
                         float *out)
{
    double share = s->options->smoothing / (double)s->classes;
    if (s->options->labels == CAIRN_PSEUDO_SOFT)
        cairn_sharpen(q, s->classes, s->options->temperature, row);
    for (int64_t c = 0; c < s->classes; c++)
        out[c] = (float)(s->options->labels == CAIRN_PSEUDO_SOFT
                             ? row[c]
                             : share + (c == class ? 1 - s->options->smoothing : 0));
}

static bool write_rows(const selection *s, const double *q, cairn_pseudo *out, cairn_status *status)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->items; i++)
        n += s->list[i].copies;
    out->item = cairn__alloc((size_t)CAIRN__MAX(n, (int64_t)1), sizeof *out->item, status);
    out->target = cairn__alloc((size_t)CAIRN__MAX(n, (int64_t)1),
                               (size_t)s->classes * sizeof *out->target, status);
    double *row = cairn__alloc((size_t)s->classes, sizeof *row, status);
    bool good = out->item && out->target && row;
    for (int64_t i = 0; good && i < s->items; i++)
        for (int32_t k = 0; k < s->list[i].copies; k++) {
            write_target(s, q + i * s->classes, s->list[i].class, row,
                         out->target + out->n * s->classes);
            out->used[s->list[i].class]++;
            out->item[out->n++] = i;
        }
    cairn__free(row);
    return good;
}

bool cairn_pseudo_label(const double *q, int64_t items, int64_t classes,
                        const cairn_pseudo_options *options, cairn_pseudo *out,
                        cairn_status *status)
{
    cairn_pseudo_options standard = cairn_pseudo_defaults();
    selection s = {options ? options : &standard, NULL, NULL, items, classes};
    *out = (cairn_pseudo){.classes = classes};
    if (!cairn_ok(status) || !cairn__options_check(cairn_pseudo_table, s.options, status))
        return false;
    if (classes < 2 || classes > INT32_MAX || items < 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "pseudo-labels: %lld items of %lld classes, expected at least 2 classes",
                           (long long)items, (long long)classes);
    if (!check_rows(q, items, classes, status))
        return false;
    size_t room = (size_t)CAIRN__MAX(items, (int64_t)1);
    s.list = cairn__alloc(room, sizeof *s.list, status);
    s.sorted = cairn__alloc(room, sizeof(candidate *), status);
    out->predicted = cairn__alloc((size_t)classes, sizeof *out->predicted, status);
    out->kept = cairn__alloc((size_t)classes, sizeof *out->kept, status);
    out->used = cairn__alloc((size_t)classes, sizeof *out->used, status);
    bool good = s.list && s.sorted && out->predicted && out->kept && out->used;
    if (good) {
        predict(&s, q, out);
        if (s.options->balance != CAIRN_BALANCE_NONE)
            balance(&s, out);
        good = write_rows(&s, q, out, status);
    }
    cairn__free(s.list);
    cairn__free(s.sorted);
    if (!good)
        cairn_pseudo_free(out);
    return good;
}

void cairn_pseudo_free(cairn_pseudo *p)
{
    cairn__free(p->item);
    cairn__free(p->target);
    cairn__free(p->predicted);
    cairn__free(p->kept);
    cairn__free(p->used);
    *p = (cairn_pseudo){.n = 0};
}
