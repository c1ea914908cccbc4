/* Runs that are interrupted, killed or broken: resumed, they end with the bits of one that was not.
 */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "samples.h"

typedef struct fixture {
    cairn_dataset *data;
    cairn_problem problem;
    cairn_train_options options;
    cairn_train_setup setup;
} fixture;

static void prepare(fixture *f, const sample_user *user, const char *directory)
{
    *f = (fixture){.data = sample_points(200, user->marker ? 50 : -1),
                   .problem = sample_problem(user),
                   .options = sample_options()};
    f->setup = (cairn_train_setup){.problem = &f->problem,
                                   .data = f->data,
                                   .options = &f->options,
                                   .directory = directory,
                                   .title = "Points"};
}

static void check_state(const char *directory, const char *state)
{
    char path[1200], expected[64];
    size_t n;
    snprintf(path, sizeof path, "%s/run.json", directory);
    snprintf(expected, sizeof expected, "\"state\": \"%s\"", state);
    char *text = test_read_file(path, &n);
    CHECK_CONTAINS(text, expected);
    cairn__free(text);
}

TEST(a_run_leaves_its_files)
{
    static const char *const files[] = {"config.toml",       "log.jsonl",   "run.json",
                                        "model.safetensors", "report.html", "checkpoint"};
    fixture f;
    const char *directory = test_path("deep/er/run");
    prepare(&f, &sample_plain, directory);
    sample_train(&f.setup);
    for (size_t i = 0; i < CAIRN__COUNT(files); i++)
        CHECK(sample_exists(directory, files[i]));
    check_state(directory, "done");
    cairn_dataset_free(f.data);
}

/* ---- interruptions
 * -------------------------------------------------------------------------------- */

static sample_weights train_with_interruptions(cairn_train_setup *setup, int each)
{
    cairn_status status = CAIRN_STATUS_INIT;
    sample_weights w = {.n = 0};
    for (bool more = true; more && cairn_ok(&status);) {
        cairn_trainer *t = cairn_trainer_new(setup, &status);
        for (int i = 0; t && more && i < each; i++)
            more = cairn_trainer_advance(t, 0, &status);
        if (t && more) {
            CHECK(cairn_trainer_interrupt(t, &status));
            check_state(setup->directory, "interrupted");
        }
        if (t)
            w = sample_read(cairn_trainer_graph(t));
        cairn_trainer_free(t);
        setup->resume = true;
    }
    CHECK_OK(status);
    return w;
}

TEST(interrupted_and_resumed_equals_uninterrupted)
{
    fixture f;
    prepare(&f, &sample_plain, test_path("whole"));
    sample_weights whole = sample_train(&f.setup);
    for (int each = 1; each <= 13; each += 6) {
        char name[32];
        snprintf(name, sizeof name, "parts-%d", each);
        f.setup.directory = test_path(name);
        f.setup.resume = false;
        sample_weights parts = train_with_interruptions(&f.setup, each);
        CHECK_SAME_WEIGHTS(whole, parts);
    }
    cairn_dataset_free(f.data);
}

/* With every source of irreproducibility set; and each of them belongs to the run. */
TEST(orders_and_seeds_of_their_own_survive_a_resume)
{
    fixture f;
    cairn_status status = CAIRN_STATUS_INIT;
    prepare(&f, &sample_plain, test_path("whole-order"));
    f.options.init_seed = 5;
    f.options.order_seed = 6;
    f.options.shuffle_window = 50;
    f.options.sum_seed = 7;
    sample_weights whole = sample_train(&f.setup);
    f.setup.directory = test_path("parts-order");
    sample_weights parts = train_with_interruptions(&f.setup, 7);
    CHECK_SAME_WEIGHTS(whole, parts);
    f.options.sum_seed = 8;
    CHECK(!cairn_trainer_new(&f.setup, &status));
    CHECK_INT(status.code, CAIRN_ERR_VALUE);
    CHECK_CONTAINS(status.message, "shuffle_window 50 and sum_seed 7, not 6, 50 and 8");
    cairn_dataset_free(f.data);
}

TEST(histories_survive_a_resume)
{
    fixture f;
    cairn_status status = CAIRN_STATUS_INIT;
    prepare(&f, &sample_plain, test_path("whole-history"));
    cairn_trainer *whole = cairn_trainer_new(&f.setup, &status);
    CHECK(!cairn_trainer_advance(whole, 1e9, &status));
    f.setup.directory = test_path("resumed-history");
    train_with_interruptions(&f.setup, 7);
    cairn_trainer *t = cairn_trainer_new(&f.setup, &status);
    CHECK_OK(status);
    static const char *const names[] = {"loss", "accuracy", "train/loss", "test/accuracy"};
    for (size_t i = 0; i < CAIRN__COUNT(names); i++) {
        cairn_history a = cairn_trainer_history(whole, names[i]);
        cairn_history b = cairn_trainer_history(t, names[i]);
        CHECK_INT(a.n, b.n);
        for (int64_t k = 0; k < a.n && k < b.n; k++)
            CHECK(a.step[k] == b.step[k] && a.examples[k] == b.examples[k] &&
                  a.value[k] == b.value[k]);
    }
    CHECK(!cairn_trainer_advance(t, 1, &status)); /* nothing more to do */
    CHECK_OK(status);
    cairn_trainer_free(t);
    cairn_trainer_free(whole);
    cairn_dataset_free(f.data);
}

/* ---- kills
 * ---------------------------------------------------------------------------------------- */

/* A child that trains, slowly enough to be hit at any place. */
static void train_in_child(cairn_train_setup *setup)
{
    cairn_status status = CAIRN_STATUS_INIT;
    setup->resume = sample_exists(setup->directory, "run.json");
    cairn_trainer *t = cairn_trainer_new(setup, &status);
    while (t && cairn_trainer_advance(t, 0, &status))
        usleep(200);
    _exit(status.code);
}

/* True when the child came to its end before it was killed. */
static bool run_and_kill(cairn_train_setup *setup, int64_t after_us)
{
    int code = 0;
    pid_t child = fork();
    if (child == 0)
        train_in_child(setup);
    usleep((useconds_t)after_us);
    kill(child, SIGKILL);
    CHECK(waitpid(child, &code, 0) == child);
    bool ended = WIFEXITED(code);
    if (ended)
        CHECK_INT(WEXITSTATUS(code), 0);
    return ended;
}

static void check_killed(fixture *f, const char *name, uint64_t stream, sample_weights whole)
{
    bool ended = false;
    int kills = 0;
    f->setup.directory = test_path(name);
    for (; !ended && kills < 400; kills++) {
        uint32_t words[4];
        cairn_random_bits(test_seed(), stream, (uint64_t)kills, words);
        /* Longer and longer, so that it ends on a slow machine and under a sanitizer too. */
        uint32_t most = (uint32_t)(20000 * pow(1.1, CAIRN__MIN(kills, 80)));
        ended = run_and_kill(&f->setup, 1000 + words[0] % most);
    }
    CHECK(ended);
    CHECK(kills > 1);
    printf("    ended after %d kills\n", kills - 1);
    f->setup.resume = true;
    sample_weights w = sample_train(&f->setup);
    CHECK_SAME_WEIGHTS(whole, w);
}

TEST(killed_at_random_and_resumed_equals_uninterrupted)
{
    fixture f;
    prepare(&f, &sample_plain, test_path("unkilled"));
    sample_weights whole = sample_train(&f.setup);
    check_killed(&f, "killed-1", 1, whole);
    f.setup.resume = false;
    check_killed(&f, "killed-2", 2, whole);
    cairn_dataset_free(f.data);
}

/* ---- bad losses
 * ----------------------------------------------------------------------------------- */

TEST(a_bad_loss_stops_the_run)
{
    fixture f;
    cairn_status status = CAIRN_STATUS_INIT, again = CAIRN_STATUS_INIT;
    sample_user user = {.nan_at = 24, .nan_to = 25};
    prepare(&f, &user, test_path("stop"));
    cairn_trainer *t = cairn_trainer_new(&f.setup, &status);
    CHECK(!cairn_trainer_advance(t, 1e9, &status));
    CHECK_INT(status.code, CAIRN_ERR_NUMERIC);
    CHECK_TEXT(status.message,
               "step 25: the loss is not a number; the last checkpoint is of step 20");
    CHECK(!cairn_trainer_advance(t, 1e9, &again));
    CHECK_TEXT(again.message, status.message);
    check_state(f.setup.directory, "failed");
    cairn_trainer_free(t);

    user.nan_to = 0; /* the cause is gone: the run can go on from its checkpoint */
    f.setup.resume = true;
    sample_weights resumed = sample_train(&f.setup);
    f.setup.resume = false;
    f.setup.directory = NULL;
    sample_weights plain = sample_train(&f.setup);
    CHECK_INT(resumed.n, plain.n);
    check_state(test_path("stop"), "done");
    cairn_dataset_free(f.data);
}

TEST(a_bad_loss_can_be_ignored)
{
    fixture f;
    sample_user user = {.nan_at = 24, .nan_to = 25};
    prepare(&f, &user, test_path("ignore"));
    f.options.bad_loss = CAIRN_BAD_LOSS_IGNORE;
    sample_train(&f.setup);
    check_state(f.setup.directory, "done");
    size_t n;
    char *log = test_read_file(test_path("ignore/log.jsonl"), &n);
    CHECK_CONTAINS(log, "\"step\":25,\"epoch\":2,\"examples\":400");
    CHECK_CONTAINS(log, "\"loss\":null");
    cairn__free(log);
    cairn_dataset_free(f.data);
}

/* One point makes its batch bad, once in every epoch: the run goes around it each time. */
TEST(a_bad_loss_is_rewound_and_its_batches_skipped)
{
    fixture f;
    cairn_status status = CAIRN_STATUS_INIT;
    sample_user user = {.marker = "yes"};
    prepare(&f, &user, test_path("rewind"));
    f.options.bad_loss = CAIRN_BAD_LOSS_REWIND;
    f.options.checkpoint.amount = 6;
    f.options.length.amount = 30;
    cairn_trainer *t = cairn_trainer_new(&f.setup, &status);
    CHECK(!cairn_trainer_advance(t, 1e9, &status));
    CHECK_OK(status);
    sample_weights whole = sample_read(cairn_trainer_graph(t));
    cairn_history loss = cairn_trainer_history(t, "loss");
    CHECK_INT(loss.n, 30);
    for (int64_t i = 0; i < loss.n; i++)
        CHECK(isfinite(loss.value[i]) && loss.step[i] == i + 1);
    CHECK_INT(cairn_trainer_progress(t).examples, 30 * 16);
    cairn_trainer_free(t);
    size_t n;
    char *log = test_read_file(test_path("rewind/log.jsonl"), &n);
    CHECK_CONTAINS(log, "{\"event\":\"rewind\"");
    CHECK_CONTAINS(log, "the loss is not a number; back to step");
    cairn__free(log);

    for (int each = 1; each <= 9; each += 4) {
        char name[32];
        snprintf(name, sizeof name, "rewind-%d", each);
        f.setup.directory = test_path(name);
        f.setup.resume = false;
        sample_weights parts = train_with_interruptions(&f.setup, each);
        CHECK_SAME_WEIGHTS(whole, parts);
    }
    f.setup.resume = false;
    check_killed(&f, "rewind-killed", 3, whole);
    cairn_dataset_free(f.data);
}

TEST(rewinding_without_hope_ends)
{
    fixture f;
    cairn_status status = CAIRN_STATUS_INIT;
    sample_user user = {.nan_at = 3, .nan_to = 1000};
    prepare(&f, &user, test_path("hopeless"));
    f.options.bad_loss = CAIRN_BAD_LOSS_REWIND;
    cairn_trainer *t = cairn_trainer_new(&f.setup, &status);
    CHECK(!cairn_trainer_advance(t, 1e9, &status));
    CHECK_INT(status.code, CAIRN_ERR_NUMERIC);
    CHECK_CONTAINS(status.message, "step 4: the loss is not a number, after 10 rewinds in a row");
    check_state(f.setup.directory, "failed");
    cairn_trainer_free(t);
    cairn_dataset_free(f.data);
}
