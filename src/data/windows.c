/* Windows of shards of tokens: see cairn/tokens.h. */
#include <string.h>

#include "data/permute.h"
#include "data/tokens.h"

struct cairn_windows {
    cairn_window_options options;
    const cairn_tokens **shards; /* [n], owned; each is borrowed */
    int64_t *first;              /* [n + 1], owned: number of each shard's first window */
    int64_t n, used, batches;    /* used: windows of the stretch that options name */
    int32_t *ids;     /* [B, T + 1], owned */
    int64_t *numbers; /* [B], owned */
    cairn_loader_position next;
    cairn_window_batch batch;
};

cairn_window_options cairn_window_defaults(void)
{
    return (cairn_window_options){.length = 256, .batch = 16, .shuffle = true, .drop_last = true};
}

static bool count_windows(cairn_windows *w, cairn_status *status)
{
    cairn_tokens_info first = {0};
    for (int64_t i = 0; i < w->n; i++) {
        cairn_tokens_info info = cairn_tokens_about(w->shards[i]);
        first = i ? first : info;
        if (info.vocabulary != first.vocabulary || info.tokenizer != first.tokenizer)
            return cairn__fail(status, CAIRN_ERR_TYPE,
                               "%s: a vocabulary of %lld by tokenizer %016llx, expected %lld by "
                               "%016llx as in %s",
                               cairn__tokens_name(w->shards[i]), (long long)info.vocabulary,
                               (unsigned long long)info.tokenizer, (long long)first.vocabulary,
                               (unsigned long long)first.tokenizer,
                               cairn__tokens_name(w->shards[0]));
        int64_t windows = info.count > 0 ? (info.count - 1) / w->options.length : 0;
        w->first[i + 1] = w->first[i] + windows;
    }
    return true;
}

static bool fill(cairn_windows *w, const cairn_tokens *const *shards, cairn_status *status)
{
    const cairn_window_options *o = &w->options;
    if (o->length < 1 || o->length > INT32_MAX || o->batch < 1 || o->batch > INT32_MAX || w->n < 1)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "windows of %lld tokens, %lld a batch, of %lld shards, expected 1 or "
                           "more of each",
                           (long long)o->length, (long long)o->batch, (long long)w->n);
    w->shards = cairn__alloc((size_t)w->n, sizeof *w->shards, status);
    w->first = cairn__alloc((size_t)w->n + 1, sizeof *w->first, status);
    if (!w->shards || !w->first)
        return false;
    memcpy(w->shards, shards, (size_t)w->n * sizeof *shards);
    if (!count_windows(w, status))
        return false;
    int64_t all = w->first[w->n];
    if (o->first < 0 || o->first > all || o->most < 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: windows from %lld, %lld at most, expected a place in %lld",
                           cairn__tokens_name(shards[0]), (long long)o->first, (long long)o->most,
                           (long long)all);
    all -= o->first;
    w->used = all = o->most ? CAIRN__MIN(all, o->most) : all;
    w->batches = o->drop_last ? all / o->batch : (all + o->batch - 1) / o->batch;
    if (w->batches == 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: %lld windows of %lld tokens, expected at least %lld",
                           cairn__tokens_name(shards[0]), (long long)all, (long long)o->length,
                           o->drop_last ? (long long)o->batch : 1);
    w->ids = cairn__alloc((size_t)o->batch, (size_t)(o->length + 1) * sizeof *w->ids, status);
    w->numbers = cairn__alloc((size_t)o->batch, sizeof *w->numbers, status);
    return w->ids && w->numbers;
}

cairn_windows *cairn_windows_new(const cairn_tokens *const *shards, int64_t n,
                                 const cairn_window_options *options, cairn_status *status)
{
    cairn_windows *w = cairn_ok(status) ? cairn__alloc(1, sizeof *w, status) : NULL;
    if (!w)
        return NULL;
    w->options = options ? *options : cairn_window_defaults();
    w->n = n;
    if (fill(w, shards, status))
        return w;
    cairn_windows_free(w);
    return NULL;
}

void cairn_windows_free(cairn_windows *w)
{
    if (!w)
        return;
    cairn__free(w->shards);
    cairn__free(w->first);
    cairn__free(w->ids);
    cairn__free(w->numbers);
    cairn__free(w);
}

/* The shard of a window: the last one that begins at or before it. */
static int64_t shard_of(const cairn_windows *w, int64_t window)
{
    int64_t low = 0, high = w->n;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (w->first[middle] <= window)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool take_row(cairn_windows *w, int64_t row, int64_t place, cairn_status *status)
{
    int64_t length = w->options.length, window = place;
    if (w->options.shuffle)
        window = cairn__permute((uint64_t)w->options.seed,
                                cairn_random_stream("data/windows") + (uint64_t)w->next.epoch,
                                w->used, place);
    window += w->options.first;
    int64_t shard = shard_of(w, window);
    w->numbers[row] = window;
    return cairn_tokens_read(w->shards[shard], (window - w->first[shard]) * length, length + 1,
                             w->ids + row * (length + 1), status);
}

const cairn_window_batch *cairn_windows_next(cairn_windows *w, cairn_status *status)
{
    int64_t b = w->options.batch, row = 0;
    if (!cairn_ok(status))
        return NULL;
    if (w->next.batch == w->batches) {
        w->next = (cairn_loader_position){w->next.epoch + 1, 0};
        return NULL;
    }
    int64_t start = w->next.batch * b, size = CAIRN__MIN(b, w->used - start);
    for (; row < size; row++)
        if (!take_row(w, row, start + row, status))
            return NULL;
    for (int64_t i = size * (w->options.length + 1); i < b * (w->options.length + 1); i++)
        w->ids[i] = -1;
    for (; row < b; row++)
        w->numbers[row] = -1;
    w->batch = (cairn_window_batch){.epoch = w->next.epoch,
                                    .index = w->next.batch,
                                    .size = size,
                                    .batch = b,
                                    .length = w->options.length,
                                    .ids = w->ids,
                                    .windows = w->numbers};
    w->next.batch++;
    return &w->batch;
}

int64_t cairn_windows_count(const cairn_windows *w)
{
    return w->used;
}

int64_t cairn_windows_batches(const cairn_windows *w)
{
    return w->batches;
}

cairn_loader_position cairn_windows_tell(const cairn_windows *w)
{
    return w->next;
}

bool cairn_windows_seek(cairn_windows *w, cairn_loader_position position, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (position.epoch < 0 || position.batch < 0 || position.batch > w->batches)
        return cairn__fail(
            status, CAIRN_ERR_VALUE, "batch %lld of epoch %lld, expected batches 0 to %lld",
            (long long)position.batch, (long long)position.epoch, (long long)w->batches);
    w->next = position;
    return true;
}
