/* The test harness: see test.h. */
#include "test.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static test_case *first, **last = &first;
static int failures_now;
static char directory[256];

void test_register(test_case *test)
{
    *last = test;
    last = &test->next;
}

uint64_t test_seed(void)
{
    const char *text = getenv("CAIRN_TEST_SEED");
    return text ? strtoull(text, NULL, 10) : 1;
}

bool test_check(bool good, const char *file, int line, const char *format, ...)
{
    if (good)
        return true;
    va_list arguments;
    va_start(arguments, format);
    printf("    %s:%d: ", file, line);
    vprintf(format, arguments);
    printf(" (CAIRN_TEST_SEED=%llu)\n", (unsigned long long)test_seed());
    va_end(arguments);
    failures_now++;
    return false;
}

static void remove_directory(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (directory[0] && system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", directory);
}

const char *test_directory(void)
{
    if (!directory[0]) {
        const char *base = getenv("TMPDIR");
        snprintf(directory, sizeof directory, "%s/cairn-test-XXXXXX", base ? base : P_tmpdir);
        if (!mkdtemp(directory)) {
            perror(directory);
            exit(2);
        }
        atexit(remove_directory);
    }
    return directory;
}

const char *test_path(const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", test_directory(), name);
    return path;
}

void test_write_file(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, n, file) != n || fclose(file)) {
        perror(path);
        exit(2);
    }
}

char *test_read_file(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *bytes = cairn__alloc(size + 1, 1, NULL);
    if (bytes && fread(bytes, 1, size, file) != size) {
        cairn__free(bytes);
        bytes = NULL;
    }
    fclose(file);
    if (n)
        *n = size;
    return bytes;
}

int main(int count, char **arguments)
{
    int passed = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (test_case *test = first; test; test = test->next) {
        if (count > 1 && !strstr(test->name, arguments[1]))
            continue;
        failures_now = 0;
        test->run();
        printf("%s %s\n", failures_now ? "FAIL" : "  ok", test->name);
        failures_now ? failed++ : passed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed || passed + failed == 0;
}
