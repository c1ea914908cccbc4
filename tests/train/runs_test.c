/* The listing of runs, with and without its index. */
#include "samples.h"

static void make_run(const char *name, const char *json)
{
    char path[1200], command[1200];
    snprintf(command, sizeof command, "mkdir -p '%s'", test_path(name));
    CHECK(system(command) == 0);
    snprintf(path, sizeof path, "%s/run.json", test_path(name));
    test_write_file(path, json, strlen(json));
}

static void make_runs(const char *root)
{
    char name[300];
    snprintf(name, sizeof name, "%s/a", root);
    make_run(name, "{\"state\":\"done\",\"title\":\"A\",\"started\":\"2024-01-01T00:00:00Z\","
                   "\"step\":7,\"seconds\":1.5,\"loss\":0.25}");
    snprintf(name, sizeof name, "%s/deep/er/b", root);
    make_run(name, "{\"state\":\"running\",\"title\":\"B\",\"started\":\"2024-01-03T00:00:00Z\","
                   "\"step\":9,\"loss\":null}");
    snprintf(name, sizeof name, "%s/c", root);
    make_run(name, "{\"state\":");
    snprintf(name, sizeof name, "%s/.hidden", root);
    make_run(name, "{}");
    snprintf(name, sizeof name, "%s/1/2/3/4/too-deep", root);
    make_run(name, "{}");
}

static void check_runs(const char *root)
{
    cairn_status status = CAIRN_STATUS_INIT;
    int64_t n = 0;
    cairn_run_entry *runs = cairn_runs(root, &n, &status);
    CHECK_OK(status);
    CHECK_INT(n, 3);
    if (runs && n == 3) {
        CHECK_TEXT(runs[0].title, "B");
        CHECK_TEXT(runs[0].state, "killed");
        CHECK_CONTAINS(runs[0].directory, "/deep/er/b");
        CHECK(isnan(runs[0].loss) && isnan(runs[0].seconds));
        CHECK_TEXT(runs[1].state, "done");
        CHECK_NEAR(runs[1].loss, 0.25, 0);
        CHECK_NEAR(runs[1].seconds, 1.5, 0);
        CHECK_INT(runs[1].steps, 7);
        CHECK_TEXT(runs[2].state, "damaged");
    }
    cairn_runs_free(runs);
}

TEST(runs_are_listed_newest_first)
{
    make_runs("listed");
    check_runs(test_path("listed")); /* makes the index */
    check_runs(test_path("listed")); /* uses it */
}

TEST(a_changed_or_removed_run_is_noticed)
{
    char path[1200];
    cairn_status status = CAIRN_STATUS_INIT;
    int64_t n;
    make_runs("changing");
    const char *root = test_path("changing");
    check_runs(root);
    make_run("changing/a", "{\"state\":\"failed\",\"title\":\"A2\",\"started\":\"2025\"}");
    snprintf(path, sizeof path, "%s/c/run.json", root);
    unlink(path);
    cairn_run_entry *runs = cairn_runs(root, &n, &status);
    CHECK_OK(status);
    CHECK_INT(n, 2);
    CHECK_TEXT(runs[0].title, "A2");
    CHECK_TEXT(runs[0].state, "failed");
    cairn_runs_free(runs);
}

TEST(a_damaged_index_is_made_anew)
{
    static const char garbage[] = "this is no database, though it has the name of one";
    char path[1200];
    size_t n;
    make_runs("damaged");
    snprintf(path, sizeof path, "%s/index.sqlite", test_path("damaged"));
    test_write_file(path, garbage, sizeof garbage);
    check_runs(test_path("damaged"));
    char *bytes = test_read_file(path, &n);
    bool rebuilt = bytes && n > 16 && memcmp(bytes, "SQLite format 3", 16) == 0;
    bool untouched = n == sizeof garbage && memcmp(bytes, garbage, n) == 0; /* without SQLite */
    CHECK(rebuilt || untouched);
    if (rebuilt) { /* every page behind the first one */
        memset(bytes + 100, 0xA5, n - 100);
        test_write_file(path, bytes, n);
        check_runs(test_path("damaged"));
        test_write_file(path, bytes, n / 2);
        check_runs(test_path("damaged"));
    }
    cairn__free(bytes);
}

/* A directory in the way of the index: nothing can be remembered, and all is listed. */
TEST(without_an_index_the_directories_are_read)
{
    make_runs("plain");
    CHECK(mkdir(test_path("plain/index.sqlite"), 0777) == 0);
    check_runs(test_path("plain"));
}

TEST(a_root_that_is_missing_or_empty)
{
    cairn_status status = CAIRN_STATUS_INIT;
    int64_t n = 5;
    CHECK(mkdir(test_path("empty"), 0777) == 0);
    cairn_run_entry *runs = cairn_runs(test_path("empty"), &n, &status);
    CHECK(runs != NULL);
    CHECK_INT(n, 0);
    cairn_runs_free(runs);
    CHECK(!cairn_runs(test_path("nowhere"), &n, &status));
    CHECK_INT(status.code, CAIRN_ERR_FILE);
}

TEST(a_live_run_is_running_and_a_finished_one_done)
{
    cairn_status status = CAIRN_STATUS_INIT;
    int64_t n;
    cairn_dataset *data = sample_points(60, -1);
    cairn_problem problem = sample_problem(&sample_plain);
    cairn_train_options options = sample_options();
    cairn_train_setup setup = {.problem = &problem,
                               .data = data,
                               .options = &options,
                               .directory = test_path("live/one"),
                               .title = "One"};
    cairn_trainer *t = cairn_trainer_new(&setup, &status);
    cairn_trainer_advance(t, 0, &status);
    cairn_run_entry *runs = cairn_runs(test_path("live"), &n, &status);
    CHECK_INT(n, 1);
    CHECK_TEXT(runs[0].state, "running");
    CHECK_TEXT(runs[0].title, "One");
    cairn_runs_free(runs);
    CHECK(!cairn_trainer_advance(t, 1e9, &status));
    double loss = cairn_trainer_figure(t, "test/loss");
    cairn_trainer_free(t);
    runs = cairn_runs(test_path("live"), &n, &status);
    CHECK_OK(status);
    CHECK_TEXT(runs[0].state, "done");
    CHECK_INT(runs[0].steps, 40);
    CHECK_NEAR(runs[0].loss, loss, 0);
    cairn_runs_free(runs);
    cairn_dataset_free(data);
}
