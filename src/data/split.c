/* The test split of sources that have none. Items are drawn by a permutation, but each split keeps
 * the order of the file, and each is one contiguous array: whoever uses the fields sees no
 * difference to a source that came in two parts. */
#include <string.h>

#include "data/data.h"

/* Copies the items whose mark is `wanted`, n of them, to a new field. */
static bool gather(const cairn_field *from, const unsigned char *marks, unsigned char wanted,
                   int64_t n, cairn_field *to, cairn_status *status)
{
    size_t item = (size_t)cairn__item_elements(from) * cairn_data_type_bytes(from->type);
    unsigned char *out = cairn__alloc((size_t)n, item, status);
    if (!out)
        return false;
    *to = *from;
    to->shape[0] = n;
    to->data = out;
    const unsigned char *in = from->data;
    for (int64_t i = 0; i < from->shape[0]; i++, in += item) {
        if (marks[i] == wanted) {
            memcpy(out, in, item);
            out += item;
        }
    }
    return true;
}

static bool divide(cairn_dataset *d, const unsigned char *marks, int64_t n_test,
                   cairn_status *status)
{
    for (int i = 0; i < d->count; i++) {
        cairn_field *all = &d->fields[CAIRN_SPLIT_TRAIN][i], train;
        int64_t n_train = all->shape[0] - n_test;
        if (!gather(all, marks, 1, n_test, &d->fields[CAIRN_SPLIT_TEST][i], status) ||
            !gather(all, marks, 0, n_train, &train, status))
            return false;
        cairn__free((void *)all->data);
        *all = train;
    }
    return true;
}

static bool draw(cairn_dataset *d, const cairn_data_options *options, cairn_status *status)
{
    int64_t n = d->fields[CAIRN_SPLIT_TRAIN][0].shape[0];
    int64_t n_test = (int64_t)(options->test_fraction * (double)n);
    int64_t *order = cairn__alloc((size_t)n, sizeof *order, status);
    unsigned char *marks = cairn__alloc((size_t)n, 1, status);
    bool good = order && marks;
    if (good) {
        cairn_random_permutation((uint64_t)options->split_seed,
                                 cairn_random_stream("data/test split"), n, order);
        for (int64_t i = 0; i < n_test; i++)
            marks[order[i]] = 1;
        good = divide(d, marks, n_test, status);
    }
    cairn__free(order);
    cairn__free(marks);
    return good;
}

bool cairn__draw_split(cairn_dataset *d, const cairn_data_options *options, cairn_status *status)
{
    if (!d->fields[CAIRN_SPLIT_TEST][0].data && !draw(d, options, status))
        return false;
    for (int i = 0; i < d->count && options->limit > 0; i++) {
        int64_t *n = &d->fields[CAIRN_SPLIT_TRAIN][i].shape[0];
        *n = CAIRN__MIN(*n, options->limit);
    }
    return true;
}
