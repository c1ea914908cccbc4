/* Batches of data sets and of token shards: see source.h. */
#include "train/source.h"

#include <string.h>

#include "base/base.h"
#include "data/data.h"

/* ---- windows --------------------------------------------------------------------------------- */

/* Windows of all shards. A shard too short for one has none. */
static int64_t all_windows(const cairn_token_data *t)
{
    int64_t n = 0;
    for (int64_t i = 0; t->length > 0 && i < t->n; i++) {
        int64_t count = cairn_tokens_about(t->shards[i]).count;
        n += count > 0 ? (count - 1) / t->length : 0;
    }
    return n;
}

int64_t cairn__source_count(const cairn_dataset *data, const cairn_token_data *tokens,
                            cairn_split split)
{
    if (!tokens)
        return cairn_dataset_count(data, split);
    int64_t all = all_windows(tokens), test = (int64_t)((double)all * tokens->test_fraction);
    if (split == CAIRN_SPLIT_TEST)
        return test;
    return tokens->limit ? CAIRN__MIN(all - test, tokens->limit) : all - test;
}

/* The test split is the end: its windows share one token with training at most. */
static bool open_windows(cairn__source *s, const cairn_token_data *t, cairn_split split,
                         const cairn_loader_options *o, cairn_status *status)
{
    if (o->window != 0 || o->rows_seed >= 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "shuffle_window and sum_seed are for data sets, and these are tokens");
    int64_t count = cairn__source_count(NULL, t, split);
    if (count == 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%lld windows of %lld tokens in all leave none for a split",
                           (long long)all_windows(t), (long long)t->length);
    const cairn_window_options w = {
        .length = t->length,
        .batch = o->batch,
        .shuffle = o->shuffle,
        .seed = o->seed,
        .drop_last = o->drop_last,
        .first = split == CAIRN_SPLIT_TEST ? all_windows(t) - count : 0,
        .most = count,
    };
    s->windows = cairn_windows_new(t->shards, t->n, &w, status);
    s->input[s->inputs++] = (cairn__source_input){"tokens", CAIRN_I32, t->length + 1};
    return s->windows != NULL;
}

/* ---- data sets ------------------------------------------------------------------------------- */

static bool open_loader(cairn__source *s, const cairn_dataset *data, cairn_split split,
                        const cairn_loader_options *o, cairn_status *status)
{
    s->loader = cairn_loader_new(data, split, o, status);
    if (!s->loader)
        return false;
    const cairn_field *x = cairn_dataset_field_at(data, split, 0);
    s->input[s->inputs++] = (cairn__source_input){"x", CAIRN_F32, cairn__item_elements(x)};
    if (cairn_dataset_field(data, split, "label"))
        s->input[s->inputs++] = (cairn__source_input){"label", CAIRN_I32, 1};
    return true;
}

/* ---- both ------------------------------------------------------------------------------------ */

bool cairn__source_open(cairn__source *s, const cairn_dataset *data, const cairn_token_data *tokens,
                        cairn_split split, const cairn_loader_options *options,
                        cairn_status *status)
{
    return tokens ? open_windows(s, tokens, split, options, status)
                  : open_loader(s, data, split, options, status);
}

void cairn__source_close(cairn__source *s)
{
    cairn_loader_free(s->loader);
    cairn_windows_free(s->windows);
    *s = (cairn__source){.inputs = 0};
}

bool cairn__source_next(cairn__source *s, cairn__source_batch *batch, cairn_status *status)
{
    if (s->windows) {
        const cairn_window_batch *w = cairn_windows_next(s->windows, status);
        if (w)
            *batch = (cairn__source_batch){w->epoch, w->size, {w->ids}, NULL};
        return w != NULL;
    }
    const cairn_batch *b = cairn_loader_next(s->loader, status);
    if (b)
        *batch = (cairn__source_batch){b->epoch, b->size, {b->x, b->label}, b};
    return b != NULL;
}

int64_t cairn__source_batches(const cairn__source *s)
{
    return s->windows ? cairn_windows_batches(s->windows) : cairn_loader_batches(s->loader);
}

cairn_loader_position cairn__source_tell(const cairn__source *s)
{
    return s->windows ? cairn_windows_tell(s->windows) : cairn_loader_tell(s->loader);
}

bool cairn__source_seek(cairn__source *s, cairn_loader_position position, cairn_status *status)
{
    return s->windows ? cairn_windows_seek(s->windows, position, status)
                      : cairn_loader_seek(s->loader, position, status);
}

bool cairn__source_feed(const cairn__source *s, const cairn__source_batch *batch, int64_t first,
                        int64_t items, cairn_program *program, cairn_status *status)
{
    for (int i = 0; i < s->inputs; i++) {
        const size_t item = (size_t)s->input[i].elements * sizeof(float);
        cairn_program_feed(program, s->input[i].name,
                           (const char *)batch->data[i] + (size_t)first * item,
                           (size_t)items * item, status);
    }
    return cairn_ok(status);
}

const cairn__source_input *cairn__source_input_find(const cairn__source *s, const char *name)
{
    for (int i = 0; i < s->inputs; i++)
        if (strcmp(s->input[i].name, name) == 0)
            return &s->input[i];
    return NULL;
}
