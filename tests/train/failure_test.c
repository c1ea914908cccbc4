/* What goes wrong leaves nothing half made, and says what it was. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "samples.h"

static cairn_train_setup setup_of(const cairn_problem *problem, const cairn_dataset *data,
                                  const cairn_train_options *options, const char *directory)
{
    return (cairn_train_setup){
        .problem = problem, .data = data, .options = options, .directory = directory};
}

static void check_refused(const cairn_train_setup *setup, cairn_code code, const char *part)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_trainer *t = cairn_trainer_new(setup, &status);
    CHECK(t == NULL);
    CHECK_INT(status.code, code);
    CHECK_CONTAINS(status.message, part);
    cairn_trainer_free(t);
}

/* ---- directories
 * ---------------------------------------------------------------------------------- */

TEST(a_directory_that_cannot_be_made)
{
    cairn_dataset *data = sample_points(60, -1);
    cairn_problem problem = sample_problem(&sample_plain);
    cairn_train_options options = sample_options();
    const char *file = test_path("a-file");
    char below[600];
    test_write_file(file, "x", 1);
    snprintf(below, sizeof below, "%s/run", file);
    cairn_train_setup setup = setup_of(&problem, data, &options, below);
    check_refused(&setup, CAIRN_ERR_FILE, "a-file/run: cannot make the directory: Not a directory");
    setup.directory = "/proc/cairn/run"; /* refuses even the system's owner */
    check_refused(&setup, CAIRN_ERR_FILE, "/proc/cairn: cannot make the directory");
    cairn_dataset_free(data);
}

TEST(a_directory_with_and_without_a_run)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *data = sample_points(60, -1);
    cairn_problem problem = sample_problem(&sample_plain);
    cairn_train_options options = sample_options();
    cairn_train_setup setup = setup_of(&problem, data, &options, test_path("holds"));
    setup.resume = true;
    check_refused(&setup, CAIRN_ERR_STATE, "holds: holds no run that could be resumed");
    CHECK(!sample_exists(test_directory(), "holds"));
    setup.resume = false;
    cairn_trainer *t = cairn_trainer_new(&setup, &status);
    CHECK_OK(status);
    check_refused(&setup, CAIRN_ERR_STATE, "holds: holds a run already");
    setup.resume = true;
    check_refused(&setup, CAIRN_ERR_STATE, "another process trains in this directory");
    CHECK(!cairn_trainer_advance(t, 1e9, &status));
    CHECK_OK(status);
    cairn_trainer_free(t);
    options.seed = 9;
    check_refused(&setup, CAIRN_ERR_VALUE, "the run has seed 1, not 9");
    options = sample_options();
    options.batch = 8;
    check_refused(&setup, CAIRN_ERR_VALUE, "the run has batches of 16, not 8");
    cairn_dataset_free(data);
}

/* A start that fails takes away what it made, and nothing else. */
TEST(a_failed_start_leaves_no_directory)
{
    cairn_dataset *data = sample_points(60, -1);
    cairn_problem problem = sample_problem(&sample_plain);
    cairn_train_options options = sample_options();
    struct {
        char name[CAIRN_TEXT_SIZE];
    } bad = {"\xff"};
    static const cairn_option table[] = {
        {"name", CAIRN_OPTION_TEXT, 0, 0, 0, 0, "", NULL, "a name", ""}, CAIRN_OPT_END};
    const cairn_config_section sections[] = {{"bad", table, &bad}, {NULL, NULL, NULL}};
    cairn_train_setup setup = setup_of(&problem, data, &options, test_path("x/y/z"));
    setup.sections = sections;
    check_refused(&setup, CAIRN_ERR_VALUE, "[bad] name: the text is not UTF-8");
    CHECK(!sample_exists(test_directory(), "x"));
    CHECK(mkdir(test_path("x"), 0777) == 0);
    test_write_file(test_path("x/mine"), "1", 1);
    check_refused(&setup, CAIRN_ERR_VALUE, "[bad] name");
    CHECK(!sample_exists(test_directory(), "x/y"));
    setup.directory = test_path("x");
    check_refused(&setup, CAIRN_ERR_VALUE, "[bad] name");
    CHECK(sample_exists(test_directory(), "x/mine"));
    CHECK(!sample_exists(test_directory(), "x/checkpoint"));
    CHECK(!sample_exists(test_directory(), "x/log.jsonl"));
    cairn_dataset_free(data);
}

/* ---- checkpoints
 * ---------------------------------------------------------------------------------- */

static char *read_state(const char *directory, size_t *n)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/checkpoint/state.safetensors", directory);
    return test_read_file(path, n);
}

static void write_state(const char *directory, const char *bytes, size_t n)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/checkpoint/state.safetensors", directory);
    test_write_file(path, bytes, n);
}

TEST(a_checkpoint_that_does_not_fit)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *data = sample_points(60, -1);
    sample_user user = {0};
    cairn_problem problem = sample_problem(&user);
    cairn_train_options options = sample_options();
    cairn_train_setup setup = setup_of(&problem, data, &options, test_path("shapes"));
    cairn_trainer *t = cairn_trainer_new(&setup, &status);
    for (int i = 0; i < 12; i++)
        CHECK(cairn_trainer_advance(t, 0, &status));
    CHECK(cairn_trainer_interrupt(t, &status));
    CHECK_OK(status);
    cairn_trainer_free(t);
    setup.resume = true;
    user.hidden = 9;
    check_refused(&setup, CAIRN_ERR_SHAPE, "'hidden/weight' is [4,8], expected [4,9]");
    user.hidden = 0;

    size_t n;
    char *whole = read_state(setup.directory, &n);
    for (size_t cut = 0; cut < n; cut += cut < 40 ? 1 : 97) {
        write_state(setup.directory, whole, cut);
        check_refused(&setup, CAIRN_ERR_FORMAT, "state.safetensors");
    }
    char *key = memmem(whole, n, "batch_size\":\"16", 15);
    CHECK(key != NULL);
    key[13] = 'x';
    write_state(setup.directory, whole, n);
    check_refused(&setup, CAIRN_ERR_FORMAT, "metadata 'batch_size' is 'x6', expected a count");
    key[13] = '1';
    write_state(setup.directory, whole, n);
    options.length.amount = 20;
    sample_train(&setup);
    cairn__free(whole);
    cairn_dataset_free(data);
}

/* ---- full disks
 * ----------------------------------------------------------------------------------- */

static void check_no_leftovers(const char *directory)
{
    char path[1200];
    DIR *listing = opendir(directory);
    for (struct dirent *d; listing && (d = readdir(listing));) {
        test_check(!strstr(d->d_name, ".tmp") && !strstr(d->d_name, ".new"), __FILE__, __LINE__,
                   "%s was left behind", d->d_name);
        snprintf(path, sizeof path, "%s/%s", directory, d->d_name);
        if (d->d_type == DT_DIR && d->d_name[0] != '.')
            check_no_leftovers(path);
    }
    if (listing)
        closedir(listing);
}

static void fill(const char *path)
{
    static const char zeros[4096];
    int file = open(path, O_WRONLY | O_CREAT, 0666);
    while (write(file, zeros, sizeof zeros) > 0) {
    }
    while (write(file, zeros, 1) > 0) {
    }
    close(file);
}

TEST(a_full_disk_ends_the_run_and_resuming_gives_the_same_bits)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const char *disk = test_path("disk");
    CHECK(mkdir(disk, 0777) == 0);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=2m") != 0) {
        printf("    skipped: no right to mount a small disk\n");
        return;
    }
    cairn_dataset *data = sample_points(200, -1);
    cairn_problem problem = sample_problem(&sample_plain);
    cairn_train_options options = sample_options();
    cairn_train_setup setup = setup_of(&problem, data, &options, test_path("disk/run"));
    cairn_trainer *t = cairn_trainer_new(&setup, &status);
    for (int i = 0; i < 13; i++)
        CHECK(cairn_trainer_advance(t, 0, &status));
    CHECK_OK(status);
    fill(test_path("disk/filler"));
    CHECK(!cairn_trainer_advance(t, 1e9, &status));
    CHECK_INT(status.code, CAIRN_ERR_FILE);
    CHECK_CONTAINS(status.message, "No space left on device");
    cairn_trainer_free(t);
    check_no_leftovers(setup.directory);
    status = (cairn_status)CAIRN_STATUS_INIT;
    setup.directory = test_path("disk/other");
    check_refused(&setup, CAIRN_ERR_FILE, "No space left on device");
    CHECK(!sample_exists(disk, "other"));
    unlink(test_path("disk/filler"));
    setup.directory = test_path("disk/run");
    setup.resume = true;
    sample_weights resumed = sample_train(&setup);
    setup.directory = NULL;
    setup.resume = false;
    sample_weights whole = sample_train(&setup);
    CHECK_SAME_WEIGHTS(whole, resumed);
    cairn_dataset_free(data);
    CHECK(umount(disk) == 0);
}

/* The same without rights: files may not grow beyond a limit. */
TEST(a_limit_of_file_size_is_an_error)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *data = sample_points(200, -1);
    cairn_problem problem = sample_problem(&sample_plain);
    cairn_train_options options = sample_options();
    cairn_train_setup setup = setup_of(&problem, data, &options, test_path("limited"));
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    cairn_trainer *t = cairn_trainer_new(&setup, &status);
    small = (struct rlimit){4000, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    bool more = cairn_trainer_advance(t, 1e9, &status);
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(!more);
    CHECK_INT(status.code, CAIRN_ERR_FILE);
    cairn_trainer_free(t);
    check_no_leftovers(setup.directory);
    size_t n;
    char *log = test_read_file(test_path("limited/log.jsonl"), &n);
    CHECK(n > 0 && log[n - 1] == '\n'); /* no torn line */
    cairn__free(log);
    setup.resume = true;
    sample_train(&setup);
    cairn_dataset_free(data);
}

/* ---- memory
 * --------------------------------------------------------------------------------------- */

/* The n-th allocation of a whole run fails. True when the run met it. */
static bool run_short_of_memory(cairn_train_setup *setup, int64_t n)
{
    cairn_status status = CAIRN_STATUS_INIT;
    setup->resume = false;
    cairn__alloc_fail_after(n);
    cairn_trainer *t = cairn_trainer_new(setup, &status);
    bool started = t != NULL;
    while (t && cairn_trainer_advance(t, 0, &status)) {
    }
    cairn__alloc_fail_after(0);
    cairn_trainer_free(t);
    if (cairn_ok(&status))
        return false;
    CHECK_INT(status.code, CAIRN_ERR_MEMORY);
    CHECK(started == sample_exists(test_directory(), "memory"));
    return true;
}

static void remove_run(void)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", test_path("memory"));
    CHECK(system(command) == 0);
}

TEST(out_of_memory_at_any_allocation_is_an_error)
{
    cairn_dataset *data = sample_points(60, -1);
    cairn_problem problem = sample_problem(&sample_plain);
    cairn_train_options options = sample_options();
    options.length.amount = 4;
    options.checkpoint.amount = 2;
    options.evaluate.amount = 2;
    cairn_train_setup setup = setup_of(&problem, data, &options, test_path("memory"));
    int64_t before = cairn__alloc_count();
    CHECK(!run_short_of_memory(&setup, 0));
    int64_t total = cairn__alloc_count() - before, met = 0;
    setup.resume = true;
    sample_weights whole = sample_train(&setup);
    remove_run();
    /* All of the first and last hundreds, and a part of those between. */
    for (int64_t n = 1; n <= total; n += n < 300 || n > total - 300 ? 1 : 7) {
        bool hit = run_short_of_memory(&setup, n);
        met += hit;
        if (hit && sample_exists(test_directory(), "memory") && n % 5 == 0) {
            setup.resume = true;
            sample_weights w = sample_train(&setup);
            CHECK_SAME_WEIGHTS(whole, w);
        }
        remove_run();
    }
    CHECK(met > 300);
    printf("    %lld allocations in a run\n", (long long)total);
    cairn_dataset_free(data);
}
