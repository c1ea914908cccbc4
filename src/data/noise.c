/* Wrong labels on purpose: for experiments on how much of them a method bears. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/data.h"

static const char *const kinds[] = {"none", "flip", "uniform", "next", "pairs", "instance", NULL};

const cairn_option cairn__noise_table[] = {
    CAIRN_OPT_CHOICE(cairn_noise_options, noise, CAIRN_NOISE_NONE, kinds,
                     "replaces labels of training items, for experiments", ""),
    CAIRN_OPT_REAL(cairn_noise_options, noise_rate, 0.4, 0, 1,
                   "share of the items whose label is drawn anew", ""),
    CAIRN_OPT_COUNT(cairn_noise_options, noise_seed, 1, 0, 1e15, "draws them", ""),
    CAIRN_OPT_TEXT(cairn_noise_options, noise_pairs, "",
                   "for pairs: from>to,from>to with numbers of classes", ""),
    CAIRN_OPT_END,
};

cairn_noise_options cairn_noise_defaults(void)
{
    cairn_noise_options o;
    cairn_options_defaults(cairn__noise_table, &o);
    return o;
}

enum { WORDS = 4 };

/* Four numbers in [0, 1) for an item. */
static void draw(const cairn_noise_options *o, int64_t item, double u[WORDS])
{
    uint32_t words[WORDS];
    cairn_random_bits((uint64_t)o->noise_seed, cairn_random_stream("data/label noise"),
                      (uint64_t)item, words);
    for (int i = 0; i < WORDS; i++)
        u[i] = words[i] / 4294967296.0;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* Where each class goes: itself where no pair says otherwise. */
static bool read_pairs(const char *text, int64_t classes, int32_t *to, cairn_status *status)
{
    for (int64_t c = 0; c < classes; c++)
        to[c] = (int32_t)c;
    for (const char *at = text; *at;) {
        long from = -1, target = -1;
        int used = 0;
        int found = sscanf(at, "%9ld>%9ld%n", &from, &target, &used);
        if (found != 2 || from < 0 || from >= classes || target < 0 || target >= classes ||
            (at[used] && at[used] != ','))
            return cairn__fail(status, CAIRN_ERR_VALUE,
                               "noise_pairs: '%s', expected from>to,from>to with classes 0 to %lld",
                               text, (long long)classes - 1);
        to[from] = (int32_t)target;
        at += used + (at[used] == ',');
    }
    return *text || cairn__fail(status, CAIRN_ERR_VALUE,
                                "noise_pairs: empty, expected from>to,from>to for --noise pairs");
}

/* ---- by the item ----------------------------------------------------------------------------- */

/* Standard normal (Box and Muller 1958). */
static double normal(const uint32_t w[4])
{
    double radius = sqrt(-2 * log((w[0] + 0.5) / 4294967296.0));
    return radius * cos(6.283185307179586 * w[1] / 4294967296.0);
}

/* Standard normal weight number `at` of the plane of one class. */
static double weight(const cairn_noise_options *o, int64_t at)
{
    uint32_t w[4];
    cairn_random_bits((uint64_t)o->noise_seed, cairn_random_stream("data/label noise planes"),
                      (uint64_t)at, w);
    return normal(w);
}

/* An item's own rate: normal around the asked one with deviation 0.1, drawn again outside 0 .. 1.
 */
static double own_rate(const cairn_noise_options *o, int64_t item)
{
    for (uint64_t trial = 0; trial < 64; trial++) {
        uint32_t w[4];
        cairn_random_bits((uint64_t)o->noise_seed, cairn_random_stream("data/label noise rates"),
                          (uint64_t)item * 64 + trial, w);
        double rate = o->noise_rate + 0.1 * normal(w);
        if (rate >= 0 && rate <= 1)
            return rate;
    }
    return o->noise_rate;
}

/* The class that the item's features point to: drawn by a softmax of their products with random
 * planes, of the item's own class, among the other classes. */
static int32_t similar(const double *scores, int64_t classes, int32_t label, double u)
{
    double most = -INFINITY, sum = 0;
    for (int64_t c = 0; c < classes; c++)
        most = c == label ? most : fmax(most, scores[c]);
    for (int64_t c = 0; c < classes; c++)
        sum += c == label ? 0 : exp(scores[c] - most);
    int32_t last = label;
    for (int64_t c = 0; c < classes; c++) {
        if (c == label)
            continue;
        last = (int32_t)c;
        u -= exp(scores[c] - most) / sum;
        if (u < 0)
            break;
    }
    return last;
}

static bool by_item(const cairn_noise_options *o, const cairn_field *x, const int32_t *label,
                    int64_t n, int64_t classes, int32_t *out, cairn_status *status)
{
    int64_t size = x ? cairn__item_elements(x) : 0;
    cairn__converter *convert = x ? cairn__converter_of(x->type) : NULL;
    if (!convert || x->shape[0] < n)
        return cairn__fail(status, CAIRN_ERR_VALUE, "noise instance: needs the items' features");
    size_t planes = (size_t)(classes * classes * size);
    if (planes > (size_t)1 << 28)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "noise instance: %lld classes of %lld features are too many",
                           (long long)classes, (long long)size);
    double *plane = cairn__alloc(planes, sizeof *plane, status);
    double *scores = cairn__alloc((size_t)classes, sizeof *scores, status);
    float *item = cairn__alloc((size_t)size, sizeof *item, status);
    bool good = plane && scores && item;
    for (size_t i = 0; good && i < planes; i++)
        plane[i] = weight(o, (int64_t)i);
    for (int64_t i = 0; good && i < n; i++) {
        double u[WORDS];
        const char *bytes = x->data;
        convert(bytes + (size_t)(i * size) * cairn_data_type_bytes(x->type), size, item);
        for (int64_t c = 0; c < classes; c++) {
            const double *p = plane + (label[i] * classes + c) * size;
            scores[c] = 0;
            for (int64_t f = 0; f < size; f++)
                scores[c] += p[f] * (double)item[f];
        }
        draw(o, i, u);
        out[i] = u[0] < own_rate(o, i) ? similar(scores, classes, label[i], u[1]) : label[i];
    }
    cairn__free(plane);
    cairn__free(scores);
    cairn__free(item);
    return good;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int32_t wrong(const cairn_noise_options *o, const int32_t *pairs, int64_t classes,
                     int32_t label, double u)
{
    switch ((cairn_noise_kind)o->noise) {
    case CAIRN_NOISE_FLIP: {
        int32_t other = (int32_t)fmin(floor(u * (double)(classes - 1)), (double)classes - 2);
        return other + (other >= label);
    }
    case CAIRN_NOISE_UNIFORM: return (int32_t)fmin(floor(u * (double)classes), (double)classes - 1);
    case CAIRN_NOISE_NEXT: return (int32_t)((label + 1) % classes);
    case CAIRN_NOISE_PAIRS: return pairs[label];
    default: return label;
    }
}

bool cairn_label_noise(const cairn_noise_options *o, const cairn_field *x, const int32_t *label,
                       int64_t n, int64_t classes, int32_t *out, cairn_status *status)
{
    if (!cairn_ok(status) || !cairn__options_check(cairn__noise_table, o, status))
        return false;
    if (classes < 2)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "noise: %lld classes, expected labels of at least 2",
                           (long long)classes);
    for (int64_t i = 0; i < n; i++)
        if (label[i] < 0 || label[i] >= classes)
            return cairn__fail(status, CAIRN_ERR_VALUE,
                               "noise: item %lld has label %d, expected 0 to %lld", (long long)i,
                               label[i], (long long)classes - 1);
    if (o->noise == CAIRN_NOISE_INSTANCE)
        return by_item(o, x, label, n, classes, out, status);
    int32_t *pairs = cairn__alloc((size_t)classes, sizeof *pairs, status);
    bool good = pairs && (o->noise != CAIRN_NOISE_PAIRS ||
                          read_pairs(o->noise_pairs, classes, pairs, status));
    for (int64_t i = 0; good && i < n; i++) {
        double u[WORDS];
        draw(o, i, u);
        out[i] = u[0] < o->noise_rate ? wrong(o, pairs, classes, label[i], u[1]) : label[i];
    }
    cairn__free(pairs);
    return good;
}

/* ---- data sets ------------------------------------------------------------------------------- */

bool cairn__dataset_add_noise(cairn_dataset *d, const cairn_noise_options *o, cairn_status *status)
{
    if (o->noise == CAIRN_NOISE_NONE)
        return true;
    if (d->count < 2 || d->classes < 2)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: noise is for labels of at least two classes, and there are none",
                           d->path);
    cairn_field *field = &d->fields[CAIRN_SPLIT_TRAIN][1];
    int64_t n = field->shape[0];
    int32_t *out = cairn__alloc((size_t)n, sizeof *out, status);
    if (!out || !cairn_label_noise(o, &d->fields[CAIRN_SPLIT_TRAIN][0], field->data, n, d->classes,
                                   out, status)) {
        cairn__free(out);
        return false;
    }
    cairn__free((void *)d->truth);
    d->truth = field->data;
    field->data = out;
    return true;
}

cairn_dataset *cairn_dataset_with_noise(const cairn_dataset *from, const cairn_noise_options *o,
                                        cairn_status *status)
{
    cairn_status own = CAIRN_STATUS_INIT;
    cairn_dataset *d = cairn__dataset_subset(from, NULL, 0, status);
    if (!d || cairn__dataset_add_noise(d, o, &own))
        return d;
    cairn_dataset_free(d);
    cairn__fail(status, own.code, "%s", own.message);
    return NULL;
}

const int32_t *cairn_dataset_true_labels(const cairn_dataset *d)
{
    return d->truth;
}
