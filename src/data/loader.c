/* Batches, read ahead by one thread.
 *
 *     worker   fills slot 0 | fills slot 1 | waits for 0 | fills slot 0 ...
 *     caller                | lent slot 0                | lent slot 1  ...
 *
 * Two slots: one is lent to the caller while the other is being filled, so memory is bounded by two
 * batches and a batch that was handed out is never written. What is in a batch depends only on the
 * data set, the options and its position (epoch, batch); threads decide when it is made, never what
 * it holds. That is why a position is all the state that a resume needs.
 *
 * The worker runs on into the next epoch while the caller is still at the end of this one. */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "data/data.h"

static const char *const layouts[] = {"flat", "stored", NULL};

const cairn_option cairn__loader_table[] = {
    CAIRN_OPT_COUNT(cairn_loader_options, batch, 128, 1, 1 << 24, "items in a batch", ""),
    CAIRN_OPT_FLAG(cairn_loader_options, shuffle, true, "draw a new order for each epoch", ""),
    CAIRN_OPT_COUNT(cairn_loader_options, seed, 1, 0, 1e15, "draws the orders", ""),
    CAIRN_OPT_COUNT(cairn_loader_options, window, 0, 0, 1e15,
                    "shuffle inside windows of so many consecutive items; 0: the whole split", ""),
    CAIRN_OPT_COUNT(cairn_loader_options, rows_seed, -1, -1, 1e15,
                    "draws the order of the items inside each batch; -1: as they come", ""),
    CAIRN_OPT_FLAG(cairn_loader_options, drop_last, false,
                   "leave out the items at the end of an epoch that do not fill a batch", ""),
    CAIRN_OPT_FLAG(cairn_loader_options, prefetch, true, "prepare the next batch in a thread", ""),
    CAIRN_OPT_CHOICE(cairn_loader_options, layout, CAIRN_LOADER_FLAT, layouts,
                     "an item as one row of numbers, or in its stored shape", ""),
    CAIRN_OPT_END,
};

cairn_loader_options cairn_loader_defaults(void)
{
    cairn_loader_options options;
    cairn_options_defaults(cairn__loader_table, &options);
    return options;
}

enum { SLOTS = 2 };

/* Positions come from checkpoints too; with this bound no sum of epochs can overflow. */
static const int64_t most_epochs = (int64_t)1 << 53;

typedef struct slot {
    cairn_batch batch;
    float *x;
    int32_t *label;
    int64_t *items;
    bool full; /* filled or lent; the worker leaves it alone */
} slot;

struct cairn_loader {
    /* Never change after the start. */
    const cairn_field *features, *labels; /* labels may be NULL */
    cairn_loader_options options;
    cairn__converter *convert;
    int64_t n, batches, width; /* items, batches of an epoch, elements of an item */
    size_t item;               /* bytes of an item */

    /* Belongs to whoever fills: the worker, or the caller without prefetch. */
    int64_t *order; /* [n], of the epoch order_epoch */
    int64_t order_epoch;
    int64_t *rows; /* [batch], which of the batch's items each row holds; NULL: in their order */

    cairn_loader_position position; /* the caller's: what next() gives next */
    int turn;                       /* the slot that it comes from */
    slot *lent;                     /* the slot handed out last, or NULL */

    /* Shared, under the lock; `changed` is signalled at each change. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    slot slots[SLOTS];
    cairn_loader_position filling; /* what the worker makes next */
    int filling_turn;
    bool busy, stop;

    pthread_t worker;
    bool has_lock, has_changed, has_worker;
};

/* ---- filling -------------------------------------------------------------------------------- */

/* A stream for each pair of numbers: the odd factor spreads epochs over all 64 bits. */
static uint64_t stream_of(const char *name, int64_t epoch, int64_t index)
{
    return cairn_random_stream(name) + (uint64_t)epoch * 0x9e3779b97f4a7c15u + (uint64_t)index;
}

static void shuffle_windows(cairn_loader *l, int64_t epoch)
{
    int64_t size = l->options.window;
    for (int64_t first = 0; first < l->n; first += size) {
        int64_t n = CAIRN__MIN(size, l->n - first);
        cairn_random_permutation((uint64_t)l->options.seed,
                                 stream_of("data/window", epoch, first / size), n,
                                 l->order + first);
        for (int64_t i = 0; i < n; i++)
            l->order[first + i] += first;
    }
}

static void prepare_order(cairn_loader *l, int64_t epoch)
{
    if (l->order_epoch == epoch)
        return;
    uint64_t stream = cairn_random_stream("data/order") + (uint64_t)epoch;
    if (l->options.shuffle && l->options.window > 0 && l->options.window < l->n)
        shuffle_windows(l, epoch);
    else if (l->options.shuffle)
        cairn_random_permutation((uint64_t)l->options.seed, stream, l->n, l->order);
    else
        for (int64_t i = 0; i < l->n; i++)
            l->order[i] = i;
    l->order_epoch = epoch;
}

static void fill_row(const cairn_loader *l, slot *s, int64_t row, int64_t item)
{
    const unsigned char *features = l->features->data;
    l->convert(features + (size_t)item * l->item, l->width, s->x + row * l->width);
    s->items[row] = item;
    if (l->labels)
        s->label[row] = ((const int32_t *)l->labels->data)[item];
}

static void clear_row(const cairn_loader *l, slot *s, int64_t row)
{
    memset(s->x + row * l->width, 0, (size_t)l->width * sizeof *s->x);
    s->items[row] = -1;
    if (l->labels)
        s->label[row] = -1;
}

static void fill(cairn_loader *l, slot *s, cairn_loader_position at)
{
    int64_t first = at.batch * l->options.batch;
    prepare_order(l, at.epoch);
    s->batch.epoch = at.epoch;
    s->batch.index = at.batch;
    s->batch.size = CAIRN__MIN(l->options.batch, l->n - first);
    if (l->rows)
        cairn_random_permutation((uint64_t)l->options.rows_seed,
                                 stream_of("data/rows", at.epoch, at.batch), s->batch.size,
                                 l->rows);
    for (int64_t row = 0; row < s->batch.size; row++)
        fill_row(l, s, row, l->order[first + (l->rows ? l->rows[row] : row)]);
    for (int64_t row = s->batch.size; row < l->options.batch; row++)
        clear_row(l, s, row);
}

/* The position after `at`, with the end of an epoch taken as the start of the next. */
static cairn_loader_position after(const cairn_loader *l, cairn_loader_position at)
{
    if (at.batch + 1 < l->batches)
        return (cairn_loader_position){at.epoch, at.batch + 1};
    return (cairn_loader_position){at.epoch + 1, 0};
}

/* ---- the worker ----------------------------------------------------------------------------- */

static void *work(void *argument)
{
    cairn_loader *l = argument;
    pthread_mutex_lock(&l->lock);
    while (!l->stop) {
        slot *s = &l->slots[l->filling_turn];
        if (s->full) {
            pthread_cond_wait(&l->changed, &l->lock);
            continue;
        }
        cairn_loader_position at = l->filling;
        l->busy = true;
        pthread_mutex_unlock(&l->lock);
        fill(l, s, at);
        pthread_mutex_lock(&l->lock);
        l->busy = false;
        s->full = true;
        l->filling = after(l, at);
        l->filling_turn = (l->filling_turn + 1) % SLOTS;
        pthread_cond_broadcast(&l->changed);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* Signals stay with the threads of the program: a handler for Ctrl-C must not run in the worker. */
static bool start_worker(cairn_loader *l, cairn_status *status)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&l->worker, NULL, work, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code)
        return cairn__fail(status, CAIRN_ERR_MEMORY, "the system gives no thread for the loader");
    l->has_worker = true;
    return true;
}

/* ---- making and freeing --------------------------------------------------------------------- */

static bool start_slot(cairn_loader *l, slot *s, cairn_status *status)
{
    size_t b = (size_t)l->options.batch, row;
    if (__builtin_mul_overflow((size_t)l->width, b * sizeof *s->x, &row))
        return cairn__fail_memory(status, SIZE_MAX);
    s->x = cairn__alloc_aligned(row, status);
    s->items = cairn__alloc(b, sizeof *s->items, status);
    if (l->labels)
        s->label = cairn__alloc(b, sizeof *s->label, status);
    s->batch.x = s->x;
    s->batch.items = s->items;
    s->batch.label = s->label;
    if (l->options.layout == CAIRN_LOADER_FLAT) {
        s->batch.rank = 2;
        s->batch.shape[1] = l->width;
    } else {
        s->batch.rank = l->features->rank;
        memcpy(s->batch.shape, l->features->shape, sizeof s->batch.shape);
    }
    s->batch.shape[0] = l->options.batch;
    return s->x && s->items && (s->label || !l->labels);
}

static bool choose(cairn_loader *l, const cairn_dataset *d, cairn_split split,
                   const cairn_loader_options *options, cairn_status *status)
{
    static const char *const names[] = {"train", "test"};
    l->options = *options;
    l->features = cairn_dataset_field_at(d, split, 0);
    l->labels = cairn_dataset_field(d, split, "label");
    l->n = cairn_dataset_count(d, split);
    l->width = cairn__item_elements(l->features);
    l->item = (size_t)l->width * cairn_data_type_bytes(l->features->type);
    l->convert = cairn__converter_of(l->features->type);
    l->order_epoch = -1;
    int64_t b = options->batch;
    l->batches = options->drop_last ? l->n / b : (l->n + b - 1) / b;
    if (l->batches == 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: %lld items in the %s split, expected at least %lld", d->path,
                           (long long)l->n, names[split], options->drop_last ? (long long)b : 1);
    return true;
}

static bool start(cairn_loader *l, cairn_status *status)
{
    l->order = cairn__alloc((size_t)l->n, sizeof *l->order, status);
    if (l->options.rows_seed >= 0)
        l->rows = cairn__alloc((size_t)l->options.batch, sizeof *l->rows, status);
    if (!l->order || (!l->rows && l->options.rows_seed >= 0))
        return false;
    for (int i = 0; i < SLOTS; i++)
        if (!start_slot(l, &l->slots[i], status))
            return false;
    l->has_lock = pthread_mutex_init(&l->lock, NULL) == 0;
    l->has_changed = pthread_cond_init(&l->changed, NULL) == 0;
    if (!l->has_lock || !l->has_changed)
        return cairn__fail_memory(status, sizeof *l);
    return !l->options.prefetch || start_worker(l, status);
}

cairn_loader *cairn_loader_new(const cairn_dataset *dataset, cairn_split split,
                               const cairn_loader_options *options, cairn_status *status)
{
    cairn_loader_options standard = cairn_loader_defaults();
    options = options ? options : &standard;
    if (!cairn_ok(status) || !cairn__options_check(cairn__loader_table, options, status))
        return NULL;
    cairn_loader *l = cairn__alloc(1, sizeof *l, status);
    if (!l)
        return NULL;
    if (choose(l, dataset, split, options, status) && start(l, status))
        return l;
    cairn_loader_free(l);
    return NULL;
}

void cairn_loader_free(cairn_loader *l)
{
    if (!l)
        return;
    if (l->has_worker) {
        pthread_mutex_lock(&l->lock);
        l->stop = true;
        pthread_cond_broadcast(&l->changed);
        pthread_mutex_unlock(&l->lock);
        pthread_join(l->worker, NULL);
    }
    if (l->has_changed)
        pthread_cond_destroy(&l->changed);
    if (l->has_lock)
        pthread_mutex_destroy(&l->lock);
    for (int i = 0; i < SLOTS; i++) {
        cairn__free(l->slots[i].x);
        cairn__free(l->slots[i].label);
        cairn__free(l->slots[i].items);
    }
    cairn__free(l->rows);
    cairn__free(l->order);
    cairn__free(l);
}

/* ---- taking batches ------------------------------------------------------------------------- */

/* Gives the lent slot back to the worker and waits for the one of this turn. */
static void await(cairn_loader *l)
{
    pthread_mutex_lock(&l->lock);
    if (l->lent) {
        l->lent->full = false;
        pthread_cond_broadcast(&l->changed);
    }
    while (!l->slots[l->turn].full)
        pthread_cond_wait(&l->changed, &l->lock);
    pthread_mutex_unlock(&l->lock);
}

const cairn_batch *cairn_loader_next(cairn_loader *l, cairn_status *status)
{
    if (!cairn_ok(status))
        return NULL;
    if (l->position.batch == l->batches) {
        l->position = (cairn_loader_position){l->position.epoch + 1, 0};
        return NULL;
    }
    slot *s = &l->slots[l->turn];
    if (l->has_worker)
        await(l);
    else
        fill(l, s, l->position);
    l->lent = s;
    l->turn = (l->turn + 1) % SLOTS;
    l->position.batch++;
    return &s->batch;
}

int64_t cairn_loader_batches(const cairn_loader *l)
{
    return l->batches;
}

cairn_loader_position cairn_loader_tell(const cairn_loader *l)
{
    return l->position;
}

bool cairn_loader_seek(cairn_loader *l, cairn_loader_position to, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (to.epoch < 0 || to.epoch > most_epochs || to.batch < 0 || to.batch > l->batches)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "position: epoch %lld, batch %lld, expected an epoch from 0 and a batch "
                           "from 0 to %lld",
                           (long long)to.epoch, (long long)to.batch, (long long)l->batches);
    pthread_mutex_lock(&l->lock);
    /* The worker fills at most the slots that are empty now, so this ends. */
    while (l->busy)
        pthread_cond_wait(&l->changed, &l->lock);
    for (int i = 0; i < SLOTS; i++)
        l->slots[i].full = false;
    l->lent = NULL;
    l->turn = l->filling_turn = 0;
    l->position = l->filling = to;
    if (to.batch == l->batches)
        l->filling = (cairn_loader_position){to.epoch + 1, 0};
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    return true;
}
