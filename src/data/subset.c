/* Copies of data sets, with all training items or some of them. */
#include <string.h>

#include "data/data.h"

/* Items (NULL: all) of a field, in a copy. */
static bool copy_field(const cairn_field *from, const int64_t *items, int64_t n, cairn_field *to,
                       cairn_status *status)
{
    size_t item = (size_t)cairn__item_elements(from) * cairn_data_type_bytes(from->type);
    n = items ? n : from->shape[0];
    unsigned char *copy =
        cairn__alloc((size_t)CAIRN__MAX(n, (int64_t)1), CAIRN__MAX(item, (size_t)1), status);
    *to = *from;
    to->shape[0] = n;
    to->data = copy;
    if (!copy)
        return false;
    const unsigned char *in = from->data;
    for (int64_t i = 0; items && i < n; i++)
        memcpy(copy + (size_t)i * item, in + (size_t)items[i] * item, item);
    if (!items && n > 0)
        memcpy(copy, in, (size_t)n * item);
    return true;
}

static bool copy_fields(const cairn_dataset *from, const int64_t *items, int64_t n,
                        cairn_dataset *to, cairn_status *status)
{
    to->kind = from->kind;
    to->count = from->count;
    to->classes = from->classes;
    for (int i = 0; i < from->count; i++)
        if (!copy_field(&from->fields[CAIRN_SPLIT_TRAIN][i], items, n,
                        &to->fields[CAIRN_SPLIT_TRAIN][i], status) ||
            !copy_field(&from->fields[CAIRN_SPLIT_TEST][i], NULL, 0,
                        &to->fields[CAIRN_SPLIT_TEST][i], status))
            return false;
    return true;
}

/* Texts of columns and classes of `from`, in the arena of `to`; NULL where there are none. */
static const char *const *copy_texts(cairn_dataset *to, const char *const *texts, int64_t n,
                                     cairn_status *status)
{
    const char **copy =
        texts ? cairn__arena_alloc(&to->arena, (size_t)n, sizeof *copy, status) : NULL;
    for (int64_t i = 0; copy && i < n; i++)
        copy[i] = cairn__arena_text(&to->arena, status, "%s", texts[i]);
    return copy;
}

cairn_dataset *cairn__dataset_subset(const cairn_dataset *from, const int64_t *items, int64_t n,
                                     cairn_status *status)
{
    cairn_status own = CAIRN_STATUS_INIT;
    if (!cairn_ok(status))
        return NULL;
    cairn_dataset *d = cairn__alloc(1, sizeof *d, status);
    if (!d)
        return NULL;
    d->path = cairn__arena_text(&d->arena, &own, "%s", from->path);
    bool good = d->path && copy_fields(from, items, n, d, &own);
    if (good && from->columns)
        d->columns = copy_texts(d, from->columns, cairn__item_elements(&from->fields[0][0]), &own);
    if (good)
        d->names = copy_texts(d, from->names, from->classes, &own);
    if (good && cairn_ok(&own))
        return d;
    cairn_dataset_free(d);
    cairn__fail(status, own.code, "%s", own.message);
    return NULL;
}
