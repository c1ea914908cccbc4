/* Writing files whole or not at all. */
#include <dirent.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static int64_t files_in(const char *directory)
{
    int64_t n = 0;
    DIR *listing = opendir(directory);
    for (struct dirent *d; listing && (d = readdir(listing));)
        n += d->d_name[0] != '.';
    if (listing)
        closedir(listing);
    return n;
}

static void check_content(const char *path, const char *expected)
{
    size_t n = 0;
    char *bytes = test_read_file(path, &n);
    CHECK_INT(n, strlen(expected));
    CHECK(bytes && memcmp(bytes, expected, strlen(expected)) == 0);
    cairn__free(bytes);
}

TEST(pieces_are_written_in_order_and_replace_the_old_file)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const char *directory = test_path("whole");
    char path[600];
    CHECK(mkdir(directory, 0777) == 0);
    snprintf(path, sizeof path, "%s/a", directory);
    cairn__bytes first[] = {{"a longer text", 13}};
    cairn__bytes second[] = {{"one", 3}, {NULL, 0}, {" two", 4}};
    CHECK(cairn__write_file_atomically(path, first, 1, &status));
    check_content(path, "a longer text");
    CHECK(cairn__write_file_atomically(path, second, 3, &status));
    CHECK_OK(status);
    check_content(path, "one two");
    CHECK_INT(files_in(directory), 1);
}

TEST(a_missing_directory_is_named)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__bytes piece = {"x", 1};
    CHECK(!cairn__write_file_atomically(test_path("no/such/place"), &piece, 1, &status));
    CHECK_INT(status.code, CAIRN_ERR_FILE);
    CHECK_CONTAINS(status.message, "no/such/place: cannot create a file beside it: No such file");
}

TEST(a_directory_in_the_way_stays_and_nothing_is_left_over)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__bytes piece = {"x", 1};
    const char *around = test_path("around");
    char path[600];
    snprintf(path, sizeof path, "%s/taken", around);
    CHECK(mkdir(around, 0777) == 0 && mkdir(path, 0777) == 0);
    CHECK(!cairn__write_file_atomically(path, &piece, 1, &status));
    CHECK_CONTAINS(status.message, "taken: cannot replace");
    CHECK_INT(files_in(around), 1);
}

TEST(a_stale_temporary_file_is_stepped_over)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__bytes piece = {"new", 3};
    const char *path = test_path("stale");
    char temporary[600];
    snprintf(temporary, sizeof temporary, "%s.tmp-%ld-0", path, (long)getpid());
    test_write_file(temporary, "old", 3);
    CHECK(cairn__write_file_atomically(path, &piece, 1, &status));
    check_content(path, "new");
    check_content(temporary, "old");
}

TEST(an_earlier_error_keeps_the_file)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__bytes piece = {"new", 3};
    const char *path = test_path("kept");
    test_write_file(path, "old", 3);
    cairn__fail(&status, CAIRN_ERR_VALUE, "earlier");
    CHECK(!cairn__write_file_atomically(path, &piece, 1, &status));
    CHECK_TEXT(status.message, "earlier");
    check_content(path, "old");
}

TEST(a_full_disk_leaves_the_old_file)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const char *disk = test_path("disk");
    char path[600];
    CHECK(mkdir(disk, 0777) == 0);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=64k") != 0) {
        printf("    skipped: no right to mount a small disk\n");
        return;
    }
    snprintf(path, sizeof path, "%s/a", disk);
    test_write_file(path, "old", 3);
    size_t n = 1 << 20;
    char *large = cairn__alloc(n, 1, NULL);
    cairn__bytes piece = {large, n};
    CHECK(!cairn__write_file_atomically(path, &piece, 1, &status));
    CHECK_CONTAINS(status.message, "cannot write: No space left on device");
    check_content(path, "old");
    CHECK_INT(files_in(disk), 1);
    cairn__free(large);
    CHECK(umount(disk) == 0);
}
