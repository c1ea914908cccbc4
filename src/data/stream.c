/* Streams: batches of pictures or sounds that are decoded and augmented on demand.
 *
 *     slots     | lent | full | filling: rows 0..k done or in work | empty | ...   (a ring)
 *     threads                   each takes one row at a time
 *
 * A thread decodes a picture in memory of its own and writes one row of a slot. Who writes it is
 * chance, what is written is not: it depends on the item, the epoch and the pipeline. When the last
 * row of a slot is there, bad files are closed up and the batch is mixed, by whoever came last.
 * Threads work ahead until all slots are full, so that memory is bounded by their number. */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "data/augment.h"
#include "data/file.h"
#include "data/items.h"

static const char *const bad_files[] = {"stop", "skip", NULL};
static const char *const layouts[] = {"planes", "pixels", NULL};

const cairn_option cairn__stream_table[] = {
    CAIRN_OPT_TEXT(cairn_stream_options, pipeline, "",
                   "steps for each item, such as 'resize(256)|centre_crop(224)|normalise'", ""),
    CAIRN_OPT_COUNT(cairn_stream_options, batch, 128, 1, 1 << 20, "items in a batch", ""),
    CAIRN_OPT_FLAG(cairn_stream_options, shuffle, true, "draw a new order for each epoch", ""),
    CAIRN_OPT_COUNT(cairn_stream_options, seed, 1, 0, 1e15, "draws orders and augmentations", ""),
    CAIRN_OPT_FLAG(cairn_stream_options, drop_last, false,
                   "leave out the items at the end of an epoch that do not fill a batch", ""),
    CAIRN_OPT_COUNT(cairn_stream_options, threads, 0, 0, 1024,
                    "threads that decode (0: one for each core)", ""),
    CAIRN_OPT_COUNT(cairn_stream_options, ahead, 2, 1, 64, "batches prepared in advance", ""),
    CAIRN_OPT_CHOICE(cairn_stream_options, bad_files, CAIRN_BAD_FILES_STOP, bad_files,
                     "what a file that cannot be decoded does", ""),
    CAIRN_OPT_CHOICE(cairn_stream_options, layout, CAIRN_STREAM_PLANES, layouts,
                     "colours as planes [C,H,W], or side by side [H,W,C]", ""),
    CAIRN_OPT_COUNT(cairn_stream_options, memory_limit_mib, 4096, 1, 1 << 20,
                    "most MiB that batches, or one file, may take", ""),
    CAIRN_OPT_END,
};

cairn_stream_options cairn_stream_defaults(void)
{
    cairn_stream_options options;
    cairn_options_defaults(cairn__stream_table, &options);
    return options;
}

/* As in loader.c: with this bound no sum of epochs can overflow. */
static const int64_t most_epochs = (int64_t)1 << 53;

typedef struct slot {
    cairn_stream_batch batch;
    float *x, *share;
    int32_t *label, *other;
    int64_t *items;
    cairn_status *errors;      /* [B], of the rows */
    int64_t taken, done, rows; /* rows given to threads, finished, and in all */
    bool open, full;           /* open: being filled; full: ready or lent */
} slot;

struct cairn_stream {
    /* Never change after the start. */
    const cairn_items *items;
    cairn_split split;
    cairn_stream_options options;
    cairn_pipeline *pipeline;
    int64_t n, batches, width; /* items, batches of an epoch, elements of an item */
    int64_t size[3];           /* C, H, W of an item */
    int64_t slots_n;

    cairn_loader_position position; /* the caller's: what next() gives next */
    int64_t turn, skipped;
    slot *lent;

    /* Shared, under the lock; `changed` is signalled at each change. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    slot *slots;
    int64_t *order; /* [n], of the epoch order_epoch */
    int64_t order_epoch;
    cairn_loader_position filling; /* of the slot opened next */
    int64_t filling_turn;          /* that slot, or the one whose rows are being given out */
    int64_t busy;                  /* threads at work on a row */
    bool stop, hold;               /* hold: nobody takes a row */

    pthread_t *workers;
    int64_t workers_n;
    bool has_lock, has_changed;
};

/* ---- one row --------------------------------------------------------------------------------- */

static bool decode(const cairn_stream *s, int64_t item, int64_t epoch, cairn__work *work,
                   cairn_status *status)
{
    const char *path = cairn_items_file(s->items, s->split, item);
    cairn__content content;
    if (!cairn__read_file(path, (size_t)s->options.memory_limit_mib << 20, &content, status))
        return false;
    bool good = (s->pipeline->media == CAIRN_MEDIA_SOUND ? cairn__pipeline_run_sound
                                                         : cairn__pipeline_run)(
        s->pipeline, content.data, content.size, path, s->options.seed, epoch, item, work, status);
    cairn__content_free(&content);
    return good;
}

static void fill_sound(const cairn_stream *s, int64_t item, const cairn_sound *sound, float *x,
                       cairn_status *status)
{
    if (sound->length == s->size[1] && sound->channels == s->size[2])
        memcpy(x, sound->samples, (size_t)s->width * sizeof *x);
    else
        cairn__fail(status, CAIRN_ERR_SHAPE,
                    "%s: %lld x %d values after the pipeline, expected %lld x %lld as in the first "
                    "sound (cut makes sounds equally long)",
                    cairn_items_file(s->items, s->split, item), (long long)sound->length,
                    sound->channels, (long long)s->size[1], (long long)s->size[2]);
}

static void fill_row(const cairn_stream *s, slot *t, int64_t row, cairn__work *work)
{
    cairn_status *status = &t->errors[row];
    int64_t item = t->items[row];
    *status = (cairn_status)CAIRN_STATUS_INIT;
    if (!decode(s, item, t->batch.base.epoch, work, status))
        return;
    t->label[row] = cairn_items_label(s->items, s->split, item);
    if (s->pipeline->media == CAIRN_MEDIA_SOUND) {
        fill_sound(s, item, &work->sound, t->x + row * s->width, status);
        return;
    }
    const cairn_image *i = &work->image;
    if (i->channels != s->size[0] || i->height != s->size[1] || i->width != s->size[2]) {
        cairn__fail(
            status, CAIRN_ERR_SHAPE,
            "%s: %lld x %lld pixels of %d bytes after the pipeline, expected %lld x %lld of "
            "%lld as the first picture",
            cairn_items_file(s->items, s->split, item), (long long)i->width, (long long)i->height,
            i->channels, (long long)s->size[2], (long long)s->size[1], (long long)s->size[0]);
        return;
    }
    cairn__pipeline_numbers(s->pipeline, i, s->options.layout == CAIRN_STREAM_PLANES,
                            t->x + row * s->width);
}

/* ---- a batch --------------------------------------------------------------------------------- */

/* Opens the slot for the batch at `at`: under the lock. */
static void open_slot(cairn_stream *s, slot *t, cairn_loader_position at)
{
    int64_t first = at.batch * s->options.batch;
    if (s->order_epoch != at.epoch) {
        uint64_t stream = cairn_random_stream("data/order") + (uint64_t)at.epoch;
        if (s->options.shuffle)
            cairn_random_permutation((uint64_t)s->options.seed, stream, s->n, s->order);
        else
            for (int64_t i = 0; i < s->n; i++)
                s->order[i] = i;
        s->order_epoch = at.epoch;
    }
    t->batch.base.epoch = at.epoch;
    t->batch.base.index = at.batch;
    t->rows = CAIRN__MIN(s->options.batch, s->n - first);
    t->taken = t->done = 0;
    memcpy(t->items, s->order + first, (size_t)t->rows * sizeof *t->items);
    t->open = true;
}

/* Closes up the rows of bad files, clears what is left, mixes: all rows are there. */
static void finish(const cairn_stream *s, slot *t)
{
    int64_t good = 0;
    size_t bytes = (size_t)s->width * sizeof *t->x;
    for (int64_t row = 0; row < t->rows; row++) {
        if (!cairn_ok(&t->errors[row]))
            continue;
        if (good < row) {
            memcpy(t->x + good * s->width, t->x + row * s->width, bytes);
            t->label[good] = t->label[row];
            t->items[good] = t->items[row];
        }
        good++;
    }
    t->batch.base.size = good;
    t->batch.skipped = t->rows - good;
    for (int64_t row = good; row < s->options.batch; row++) {
        memset(t->x + row * s->width, 0, bytes);
        t->label[row] = -1;
        t->items[row] = -1;
        t->other[row] = -1;
        t->share[row] = 1;
    }
    cairn__pipeline_mix(s->pipeline, s->options.seed, t->batch.base.epoch, t->batch.base.index,
                        good, s->size, s->options.layout == CAIRN_STREAM_PLANES, t->x, t->label,
                        t->other, t->share);
}

/* ---- threads --------------------------------------------------------------------------------- */

static cairn_loader_position after(const cairn_stream *s, cairn_loader_position at)
{
    if (at.batch + 1 < s->batches)
        return (cairn_loader_position){at.epoch, at.batch + 1};
    return (cairn_loader_position){at.epoch + 1, 0};
}

/* The slot with a row to do, opened if need be; NULL when there is none. Under the lock. */
static slot *find_work(cairn_stream *s)
{
    slot *t = &s->slots[s->filling_turn];
    /* An open slot whose rows are all given out is behind us by a whole turn of the ring. */
    if (s->hold || t->full || (t->open && t->taken == t->rows))
        return NULL;
    if (!t->open) {
        open_slot(s, t, s->filling);
        s->filling = after(s, s->filling);
    }
    return t;
}

static void do_row(cairn_stream *s, slot *t, cairn__work *work)
{
    int64_t row = t->taken++;
    if (t->taken == t->rows)
        s->filling_turn = (s->filling_turn + 1) % s->slots_n;
    s->busy++;
    pthread_mutex_unlock(&s->lock);
    fill_row(s, t, row, work);
    pthread_mutex_lock(&s->lock);
    if (++t->done == t->rows) {
        pthread_mutex_unlock(&s->lock);
        finish(s, t);
        pthread_mutex_lock(&s->lock);
        t->open = false;
        t->full = true;
        pthread_cond_broadcast(&s->changed);
    }
    if (--s->busy == 0 && s->hold)
        pthread_cond_broadcast(&s->changed);
}

static void *run_worker(void *argument)
{
    cairn_stream *s = argument;
    cairn__work pictures = {0};
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        slot *t = find_work(s);
        if (t)
            do_row(s, t, &pictures);
        else
            pthread_cond_wait(&s->changed, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    cairn__work_free(&pictures);
    return NULL;
}

/* Signals stay with the threads of the program, as in loader.c. One thread is enough to go on. */
static bool start_workers(cairn_stream *s, cairn_status *status)
{
    int64_t wanted = s->options.threads ? s->options.threads : cairn_threads();
    sigset_t all, before;
    s->workers = cairn__alloc((size_t)wanted, sizeof *s->workers, status);
    if (!s->workers)
        return false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (s->workers_n < wanted &&
           pthread_create(&s->workers[s->workers_n], NULL, run_worker, s) == 0)
        s->workers_n++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return s->workers_n > 0 ||
           cairn__fail(status, CAIRN_ERR_MEMORY, "the system gives no thread for the stream");
}

/* ---- making and freeing ---------------------------------------------------------------------- */

/* What the pipeline leaves open, the first picture that can be decoded decides. */
static bool find_size(cairn_stream *s, cairn_status *status)
{
    const cairn_pipeline *p = s->pipeline;
    cairn__work work = {0};
    bool good = p->width && p->height && p->channels;
    memcpy(s->size, (int64_t[]){p->channels, p->height, p->width}, sizeof s->size);
    for (int64_t item = 0; item < s->n && !good; item++) {
        cairn_status one = CAIRN_STATUS_INIT;
        good = decode(s, item, 0, &work, &one);
        if (good && p->media == CAIRN_MEDIA_SOUND)
            memcpy(s->size, (int64_t[]){1, work.sound.length, work.sound.channels}, sizeof s->size);
        else if (good)
            memcpy(s->size, (int64_t[]){work.image.channels, work.image.height, work.image.width},
                   sizeof s->size);
        else if (s->options.bad_files == CAIRN_BAD_FILES_STOP || item + 1 == s->n) {
            cairn__fail(status, one.code, "%s", one.message);
            break;
        }
    }
    cairn__work_free(&work);
    s->width = s->size[0] * s->size[1] * s->size[2];
    return good;
}

static bool check_memory(const cairn_stream *s, cairn_status *status)
{
    size_t row = (size_t)s->width * sizeof(float) + sizeof(cairn_status) + 24;
    size_t all = row * (size_t)s->options.batch * (size_t)s->slots_n;
    size_t limit = (size_t)s->options.memory_limit_mib << 20;
    return all <= limit ||
           cairn__fail(status, CAIRN_ERR_MEMORY,
                       "%lld batches of %lld items take %zu MiB, more than the limit of %lld MiB",
                       (long long)s->slots_n, (long long)s->options.batch, all >> 20,
                       (long long)s->options.memory_limit_mib);
}

static bool start_slot(const cairn_stream *s, slot *t, cairn_status *status)
{
    size_t b = (size_t)s->options.batch;
    cairn_batch *base = &t->batch.base;
    t->x = cairn__alloc_aligned(b * (size_t)s->width * sizeof *t->x, status);
    t->label = cairn__alloc(b, sizeof *t->label, status);
    t->other = cairn__alloc(b, sizeof *t->other, status);
    t->share = cairn__alloc(b, sizeof *t->share, status);
    t->items = cairn__alloc(b, sizeof *t->items, status);
    t->errors = cairn__alloc(b, sizeof *t->errors, status);
    bool planes = s->options.layout == CAIRN_STREAM_PLANES,
         mixes = cairn__pipeline_mixes(s->pipeline);
    bool sound = s->pipeline->media == CAIRN_MEDIA_SOUND;
    base->rank = sound ? 2 + cairn__pipeline_has_features(s->pipeline) : 4;
    memcpy(base->shape,
           sound    ? (int64_t[]){s->options.batch, s->size[1], s->size[2], 1}
           : planes ? (int64_t[]){s->options.batch, s->size[0], s->size[1], s->size[2]}
                    : (int64_t[]){s->options.batch, s->size[1], s->size[2], s->size[0]},
           4 * sizeof *base->shape);
    base->x = t->x;
    base->label = cairn_items_classes(s->items) ? t->label : NULL;
    base->items = t->items;
    t->batch.other = mixes && base->label ? t->other : NULL;
    t->batch.share = mixes ? t->share : NULL;
    return t->errors && t->items && t->share && t->other && t->label && t->x;
}

static bool start(cairn_stream *s, cairn_status *status)
{
    static const char *const names[] = {"train", "test"};
    int64_t b = s->options.batch;
    s->n = cairn_items_count(s->items, s->split);
    s->batches = s->options.drop_last ? s->n / b : (s->n + b - 1) / b;
    s->slots_n = s->options.ahead + 1;
    s->order_epoch = -1;
    if (s->batches == 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: %lld items in the %s split, expected at least %lld", s->items->path,
                           (long long)s->n, names[s->split],
                           s->options.drop_last ? (long long)b : 1);
    s->pipeline =
        cairn_pipeline_parse_for(s->options.pipeline, cairn_items_media(s->items), status);
    if (!s->pipeline || !find_size(s, status) || !check_memory(s, status))
        return false;
    s->order = cairn__alloc((size_t)s->n, sizeof *s->order, status);
    s->slots = cairn__alloc((size_t)s->slots_n, sizeof *s->slots, status);
    if (!s->order || !s->slots)
        return false;
    for (int64_t i = 0; i < s->slots_n; i++)
        if (!start_slot(s, &s->slots[i], status))
            return false;
    s->has_lock = pthread_mutex_init(&s->lock, NULL) == 0;
    s->has_changed = pthread_cond_init(&s->changed, NULL) == 0;
    if (!s->has_lock || !s->has_changed)
        return cairn__fail_memory(status, sizeof *s);
    return start_workers(s, status);
}

cairn_stream *cairn_stream_new(const cairn_items *items, cairn_split split,
                               const cairn_stream_options *options, cairn_status *status)
{
    cairn_stream_options standard = cairn_stream_defaults();
    options = options ? options : &standard;
    if (!cairn_ok(status) || !cairn__options_check(cairn__stream_table, options, status))
        return NULL;
    cairn_stream *s = cairn__alloc(1, sizeof *s, status);
    if (!s)
        return NULL;
    s->items = items;
    s->split = split;
    s->options = *options;
    if (start(s, status))
        return s;
    cairn_stream_free(s);
    return NULL;
}

void cairn_stream_free(cairn_stream *s)
{
    if (!s)
        return;
    if (s->workers_n) {
        pthread_mutex_lock(&s->lock);
        s->stop = true;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
    }
    for (int64_t i = 0; i < s->workers_n; i++)
        pthread_join(s->workers[i], NULL);
    if (s->has_changed)
        pthread_cond_destroy(&s->changed);
    if (s->has_lock)
        pthread_mutex_destroy(&s->lock);
    for (int64_t i = 0; s->slots && i < s->slots_n; i++) {
        slot *t = &s->slots[i];
        void *const owned[] = {t->x, t->label, t->other, t->share, t->items, t->errors};
        for (size_t k = 0; k < CAIRN__COUNT(owned); k++)
            cairn__free(owned[k]);
    }
    cairn__free(s->slots);
    cairn__free(s->order);
    cairn__free(s->workers);
    cairn_pipeline_free(s->pipeline);
    cairn__free(s);
}

/* ---- taking batches -------------------------------------------------------------------------- */

/* Gives the lent slot back and waits for the one of this turn. */
static slot *await(cairn_stream *s)
{
    slot *t = &s->slots[s->turn];
    pthread_mutex_lock(&s->lock);
    if (s->lent) {
        s->lent->full = false;
        s->lent = NULL;
        pthread_cond_broadcast(&s->changed);
    }
    while (!t->full)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
    return t;
}

/* Names the bad files in the order of the rows: all of them in the log, or the first as an error.
 */
static bool report(const cairn_stream *s, const slot *t, cairn_status *status)
{
    for (int64_t row = 0; row < t->rows && t->batch.skipped > 0; row++) {
        const cairn_status *error = &t->errors[row];
        if (!cairn_ok(error) &&
            (s->options.bad_files == CAIRN_BAD_FILES_STOP || error->code == CAIRN_ERR_MISSING))
            return cairn__fail(status, error->code, "%s", error->message);
        if (!cairn_ok(error))
            cairn__log(CAIRN_LOG_WARNING, "left out: %s", error->message);
    }
    return true;
}

const cairn_stream_batch *cairn_stream_next(cairn_stream *s, cairn_status *status)
{
    if (!cairn_ok(status))
        return NULL;
    if (s->position.batch == s->batches) {
        s->position = (cairn_loader_position){s->position.epoch + 1, 0};
        return NULL;
    }
    slot *t = await(s);
    if (!report(s, t, status))
        return NULL;
    s->lent = t;
    s->skipped += t->batch.skipped;
    s->turn = (s->turn + 1) % s->slots_n;
    s->position.batch++;
    return &t->batch;
}

int64_t cairn_stream_batches(const cairn_stream *s)
{
    return s->batches;
}

int64_t cairn_stream_skipped(const cairn_stream *s)
{
    return s->skipped;
}

cairn_loader_position cairn_stream_tell(const cairn_stream *s)
{
    return s->position;
}

bool cairn_stream_seek(cairn_stream *s, cairn_loader_position to, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (to.epoch < 0 || to.epoch > most_epochs || to.batch < 0 || to.batch > s->batches)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "position: epoch %lld, batch %lld, expected an epoch from 0 and a batch "
                           "from 0 to %lld",
                           (long long)to.epoch, (long long)to.batch, (long long)s->batches);
    pthread_mutex_lock(&s->lock);
    s->hold = true;
    while (s->busy)
        pthread_cond_wait(&s->changed, &s->lock);
    for (int64_t i = 0; i < s->slots_n; i++)
        s->slots[i].open = s->slots[i].full = false;
    s->lent = NULL;
    s->turn = s->filling_turn = 0;
    s->position = s->filling = to;
    if (to.batch == s->batches)
        s->filling = (cairn_loader_position){to.epoch + 1, 0};
    s->hold = false;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return true;
}
