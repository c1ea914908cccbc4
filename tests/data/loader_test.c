/* Loaders: order, coverage, resume, and that reading ahead changes nothing. */
#include <unistd.h>

#include "samples.h"

enum { ITEMS = 103, BATCH = 10 };

static cairn_loader *start(const cairn_dataset *d, int64_t seed, bool drop_last, bool prefetch)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_loader_options options = cairn_loader_defaults();
    options.batch = BATCH;
    options.seed = seed;
    options.drop_last = drop_last;
    options.prefetch = prefetch;
    cairn_loader *l = cairn_loader_new(d, CAIRN_SPLIT_TRAIN, &options, &status);
    CHECK_OK(status);
    return l;
}

/* A number that any change of the batch changes; -1 for the end of an epoch. */
static int64_t print_of(const cairn_batch *b)
{
    uint64_t print = 14695981039346656037u;
    if (!b)
        return -1;
    for (int64_t i = 0; i < b->shape[0]; i++) {
        print = (print ^ (uint64_t)b->items[i]) * 1099511628211u;
        print = (print ^ (uint64_t)b->x[i]) * 1099511628211u;
        print = (print ^ (uint64_t)b->label[i]) * 1099511628211u;
    }
    print = (print ^ (uint64_t)b->epoch) * 1099511628211u;
    return (int64_t)((print ^ (uint64_t)b->index) >> 1);
}

TEST(an_epoch_covers_every_item_once)
{
    cairn_dataset *d = sample_numbers(ITEMS);
    for (int drop_last = 0; drop_last < 2; drop_last++) {
        cairn_loader *l = start(d, 1, drop_last, true);
        CHECK_INT(cairn_loader_batches(l), drop_last ? 10 : 11);
        for (int64_t epoch = 0; epoch < 3; epoch++) {
            int seen[ITEMS] = {0}, total = 0;
            const cairn_batch *b;
            for (int64_t index = 0; (b = cairn_loader_next(l, NULL)); index++) {
                CHECK_INT(b->epoch, epoch);
                CHECK_INT(b->index, index);
                CHECK_INT(b->size, index < 10 ? BATCH : 3);
                CHECK(b->rank == 2 && b->shape[0] == BATCH && b->shape[1] == 1);
                for (int64_t i = 0; i < b->size; i++) {
                    seen[b->items[i]]++;
                    total++;
                    CHECK_INT(b->x[i], b->items[i]);
                    CHECK_INT(b->label[i], b->items[i] % 7);
                }
                for (int64_t i = b->size; i < BATCH; i++)
                    CHECK(b->x[i] == 0 && b->label[i] == -1 && b->items[i] == -1);
            }
            CHECK_INT(total, drop_last ? 100 : ITEMS);
            for (int i = 0; i < ITEMS; i++)
                CHECK(seen[i] == 1 || (drop_last && seen[i] == 0));
        }
        cairn_loader_free(l);
    }
    cairn_dataset_free(d);
}

TEST(the_order_depends_on_seed_and_epoch_only)
{
    cairn_dataset *d = sample_numbers(ITEMS);
    cairn_loader *a = start(d, 1, false, true), *b = start(d, 1, false, false);
    cairn_loader *other = start(d, 2, false, true);
    int64_t first = print_of(cairn_loader_next(a, NULL)), changes = 0;
    CHECK(first == print_of(cairn_loader_next(b, NULL)));
    CHECK(first != print_of(cairn_loader_next(other, NULL)));
    for (int i = 0; i < 50; i++) {
        int64_t print = print_of(cairn_loader_next(a, NULL));
        CHECK(print == print_of(cairn_loader_next(b, NULL)));
        changes += print != first;
    }
    CHECK_INT(changes, 50);
    cairn_loader_free(a);
    cairn_loader_free(b);
    cairn_loader_free(other);
    cairn_dataset_free(d);
}

TEST(each_epoch_has_its_own_order)
{
    enum { EPOCHS = 4 };
    cairn_dataset *d = sample_numbers(ITEMS);
    cairn_loader *l = start(d, 1, false, true);
    int64_t first[EPOCHS][BATCH];
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        CHECK(cairn_loader_seek(l, (cairn_loader_position){epoch, 0}, NULL));
        const cairn_batch *b = cairn_loader_next(l, NULL);
        memcpy(first[epoch], b->items, sizeof first[epoch]);
        for (int64_t other = 0; other < epoch; other++)
            CHECK(memcmp(first[epoch], first[other], sizeof first[epoch]) != 0);
    }
    cairn_loader_free(l);
    cairn_dataset_free(d);
}

TEST(without_shuffling_items_come_in_order)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *d = sample_numbers(ITEMS);
    cairn_loader_options options = cairn_loader_defaults();
    options.shuffle = false;
    cairn_loader *l = cairn_loader_new(d, CAIRN_SPLIT_TRAIN, &options, &status);
    const cairn_batch *b = cairn_loader_next(l, &status);
    for (int64_t i = 0; b && i < b->size; i++)
        CHECK_INT(b->items[i], i);
    cairn_loader_free(l);
    cairn_dataset_free(d);
}

/* From each position of three epochs, ends included, in this loader and in a new one. */
TEST(a_saved_position_continues_identically)
{
    enum { CALLS = 36 };
    cairn_dataset *d = sample_numbers(ITEMS);
    cairn_loader *l = start(d, 5, false, true);
    cairn_loader_position positions[CALLS];
    int64_t prints[CALLS + 4];
    for (int i = 0; i < CALLS + 4; i++) {
        if (i < CALLS)
            positions[i] = cairn_loader_tell(l);
        prints[i] = print_of(cairn_loader_next(l, NULL));
    }
    for (int i = CALLS - 1; i >= 0; i--) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_loader *fresh = start(d, 5, false, i % 2);
        CHECK(cairn_loader_seek(l, positions[i], &status));
        CHECK(cairn_loader_seek(fresh, positions[i], &status));
        CHECK_OK(status);
        for (int j = 0; j < 4; j++) {
            CHECK_INT(print_of(cairn_loader_next(l, NULL)), prints[i + j]);
            CHECK_INT(print_of(cairn_loader_next(fresh, NULL)), prints[i + j]);
        }
        cairn_loader_free(fresh);
    }
    cairn_loader_free(l);
    cairn_dataset_free(d);
}

TEST(positions_that_do_not_exist_are_refused)
{
    static const cairn_loader_position bad[] = {{-1, 0}, {0, -1}, {0, 12}, {INT64_MAX, 11}};
    cairn_dataset *d = sample_numbers(ITEMS);
    cairn_loader *l = start(d, 1, false, true);
    for (size_t i = 0; i < CAIRN__COUNT(bad); i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        CHECK(!cairn_loader_seek(l, bad[i], &status));
        CHECK_CONTAINS(status.message, "expected an epoch from 0 and a batch from 0 to 11");
    }
    CHECK_INT(cairn_loader_tell(l).batch, 0);
    cairn_loader_free(l);
    cairn_dataset_free(d);
}

/* The batch lent must not change while the worker fills the next one. */
TEST(a_batch_stays_until_the_next_call)
{
    cairn_dataset *d = sample_numbers(ITEMS);
    cairn_loader *l = start(d, 1, false, true);
    for (int i = 0; i < 20; i++) {
        const cairn_batch *b = cairn_loader_next(l, NULL);
        int64_t before = print_of(b);
        usleep(1000);
        CHECK_INT(print_of(b), before);
    }
    cairn_loader_free(l);
    cairn_dataset_free(d);
}

TEST(a_loader_can_be_freed_at_any_moment)
{
    cairn_dataset *d = sample_numbers(ITEMS);
    for (int i = 0; i < 100; i++) {
        cairn_loader *l = start(d, 1, false, true);
        for (int j = 0; j < i % 5; j++)
            cairn_loader_next(l, NULL);
        if (i % 3 == 0)
            cairn_loader_seek(l, (cairn_loader_position){i, 1}, NULL);
        cairn_loader_free(l);
    }
    cairn_loader_free(NULL);
    cairn_dataset_free(d);
}

TEST(batches_allocate_nothing)
{
    cairn_dataset *d = sample_numbers(ITEMS);
    cairn_loader *l = start(d, 1, false, true);
    int64_t before = cairn__alloc_count();
    for (int i = 0; i < 50; i++)
        cairn_loader_next(l, NULL);
    CHECK_INT(cairn__alloc_count(), before);
    cairn_loader_free(l);
    cairn_dataset_free(d);
}

TEST(pictures_are_scaled_and_keep_their_shape_if_asked)
{
    cairn_status status = CAIRN_STATUS_INIT;
    unsigned char bytes[100];
    size_t n = sample_idx(bytes, 3, (int[]){4, 2, 3});
    bytes[16] = 255;
    cairn_data_options data = cairn_data_defaults();
    data.test_fraction = 0;
    cairn_dataset *d = cairn_dataset_parse(bytes, n, "p", &data, &status);
    cairn_loader_options options = cairn_loader_defaults();
    options.shuffle = false;
    options.batch = 2;
    for (int layout = 0; layout < 2; layout++) {
        options.layout = layout;
        cairn_loader *l = cairn_loader_new(d, CAIRN_SPLIT_TRAIN, &options, &status);
        const cairn_batch *b = cairn_loader_next(l, &status);
        if (CHECK(b != NULL)) {
            CHECK_INT(b->rank, layout ? 3 : 2);
            CHECK_INT(b->shape[0], 2);
            CHECK_INT(b->shape[1], layout ? 2 : 6);
            CHECK(b->x[0] == 1.0f && b->x[11] == 11.0f / 255.0f);
            CHECK(!b->label);
        }
        cairn_loader_free(l);
    }
    CHECK_OK(status);
    cairn_dataset_free(d);
}

/* ---- windows, and the order inside a batch --------------------------------------------------- */

enum { MOST_BATCHES = 64 };

static cairn_loader *start_with(const cairn_dataset *d, int64_t seed, int64_t window, int64_t rows,
                                bool prefetch)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_loader_options options = cairn_loader_defaults();
    options.batch = BATCH;
    options.seed = seed;
    options.window = window;
    options.rows_seed = rows;
    options.prefetch = prefetch;
    cairn_loader *l = cairn_loader_new(d, CAIRN_SPLIT_TRAIN, &options, &status);
    CHECK_OK(status);
    return l;
}

/* The items of one epoch, in order. */
static void read_epoch(cairn_loader *l, int64_t items[ITEMS])
{
    const cairn_batch *b;
    int64_t n = 0;
    while ((b = cairn_loader_next(l, NULL)))
        for (int64_t i = 0; i < b->size; i++)
            items[n++] = b->items[i];
    CHECK_INT(n, ITEMS);
}

TEST(windows_hold_their_items_in_an_order_of_their_own)
{
    enum { WINDOW = 25 };
    cairn_dataset *d = sample_numbers(ITEMS);
    cairn_loader *l = start_with(d, 1, WINDOW, -1, true);
    int64_t first[ITEMS], second[ITEMS], moved = 0, changed = 0, alike = 0;
    read_epoch(l, first);
    read_epoch(l, second);
    for (int64_t from = 0; from < ITEMS; from += WINDOW) {
        bool seen[WINDOW] = {false};
        for (int64_t i = from; i < CAIRN__MIN(from + WINDOW, (int64_t)ITEMS); i++) {
            if (CHECK(first[i] / WINDOW == from / WINDOW))
                CHECK(!seen[first[i] - from]);
            seen[first[i] % WINDOW] = true;
            moved += first[i] != i;
            changed += first[i] != second[i];
            alike += from && first[i] - from == first[i - from]; /* the first window's order */
        }
    }
    CHECK(moved > ITEMS / 2 && changed > ITEMS / 2 && alike < ITEMS / 2);
    cairn_loader_free(l);

    /* A window as long as the split, or none, is the order there always was. */
    cairn_loader *whole = start_with(d, 1, 0, -1, false);
    cairn_loader *long_ = start_with(d, 1, ITEMS, -1, true);
    read_epoch(whole, first);
    read_epoch(long_, second);
    CHECK(memcmp(first, second, sizeof first) == 0);
    cairn_loader_free(whole);
    cairn_loader_free(long_);
    cairn_dataset_free(d);
}

TEST(rows_seed_changes_the_order_inside_batches_only)
{
    cairn_dataset *d = sample_numbers(ITEMS);
    cairn_loader *plain = start_with(d, 1, 30, -1, true), *mixed = start_with(d, 1, 30, 5, true);
    cairn_loader *other = start_with(d, 1, 30, 6, false);
    int64_t a[ITEMS], b[ITEMS], c[ITEMS], moved = 0, differ = 0;
    for (int epoch = 0; epoch < 2; epoch++) {
        read_epoch(plain, a);
        read_epoch(mixed, b);
        read_epoch(other, c);
        for (int64_t from = 0; from < ITEMS; from += BATCH) {
            int64_t n = CAIRN__MIN((int64_t)BATCH, ITEMS - from), sum = 0, product = 0;
            for (int64_t i = from; i < from + n; i++) {
                sum += a[i] - b[i];
                product += a[i] * a[i] - b[i] * b[i];
                moved += a[i] != b[i];
                differ += b[i] != c[i];
            }
            CHECK(sum == 0 && product == 0);
        }
    }
    CHECK(moved > ITEMS && differ > ITEMS); /* of two epochs */
    cairn_loader_free(plain);
    cairn_loader_free(mixed);
    cairn_loader_free(other);
    cairn_dataset_free(d);
}

TEST(a_saved_position_continues_with_windows_and_mixed_rows)
{
    cairn_dataset *d = sample_numbers(ITEMS);
    cairn_loader *l = start_with(d, 3, 40, 9, true);
    int64_t prints[MOST_BATCHES];
    cairn_loader_position at[MOST_BATCHES];
    int n = 36;
    for (int i = 0; i < n; i++) {
        at[i] = cairn_loader_tell(l);
        prints[i] = print_of(cairn_loader_next(l, NULL));
    }
    for (int from = 0; from < n; from += 5) {
        cairn_loader *again = start_with(d, 3, 40, 9, from % 2);
        CHECK(cairn_loader_seek(again, at[from], NULL));
        for (int i = from; i < n; i++)
            CHECK(print_of(cairn_loader_next(again, NULL)) == prints[i]);
        cairn_loader_free(again);
    }
    cairn_loader_free(l);
    cairn_dataset_free(d);
}

TEST(too_few_items_are_an_error)
{
    cairn_dataset *d = sample_numbers(5);
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_loader_options options = cairn_loader_defaults();
    CHECK(!cairn_loader_new(d, CAIRN_SPLIT_TEST, &options, &status));
    CHECK_TEXT(status.message, "sample.csv: 0 items in the test split, expected at least 1");
    status = (cairn_status)CAIRN_STATUS_INIT;
    options.drop_last = true;
    CHECK(!cairn_loader_new(d, CAIRN_SPLIT_TRAIN, &options, &status));
    CHECK_TEXT(status.message, "sample.csv: 5 items in the train split, expected at least 128");
    status = (cairn_status)CAIRN_STATUS_INIT;
    options.batch = 0;
    CHECK(!cairn_loader_new(d, CAIRN_SPLIT_TRAIN, &options, &status));
    CHECK_CONTAINS(status.message, "batch: 0, expected a number from 1");
    CHECK(!cairn_loader_new(d, CAIRN_SPLIT_TRAIN, NULL, &status));
    cairn_dataset_free(d);
}

TEST(out_of_memory_at_each_allocation)
{
    cairn_dataset *d = sample_numbers(ITEMS);
    for (int64_t fail = 1; fail < 100; fail++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn__alloc_fail_after(fail);
        cairn_loader *l = cairn_loader_new(d, CAIRN_SPLIT_TRAIN, NULL, &status);
        cairn__alloc_fail_after(0);
        cairn_loader_free(l);
        if (l) {
            CHECK(fail > 7);
            cairn_dataset_free(d);
            return;
        }
        CHECK_INT(status.code, CAIRN_ERR_MEMORY);
    }
    CHECK(!"the loop ends");
}
