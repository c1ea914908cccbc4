/* Runs a fuzz target on every file of a directory, on every prefix of it, and with every byte
 * changed in three ways: a small fuzzer without a compiler's help, the same on each run.
 *
 *     replay_NAME DIRECTORY */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"

/* Larger inputs are run as they are only: the variations take the square of the length. */
enum { MOST_BYTES = 1 << 20, MOST_VARIED = 2048 };

/* A copy of exactly this size, so that sanitizers see a read behind its end. */
static void run(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy)
        abort();
    memcpy(copy, bytes, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static void run_variations(uint8_t *bytes, size_t n)
{
    static const uint8_t changes[] = {0x01, 0x80, 0xFF};
    run(bytes, n);
    for (size_t i = 0; i < n && n <= MOST_VARIED; i++) {
        run(bytes, i);
        for (size_t c = 0; c < sizeof changes; c++) {
            bytes[i] ^= changes[c];
            run(bytes, n);
            bytes[i] ^= changes[c];
        }
    }
}

static int run_file(const char *directory, const char *name)
{
    static uint8_t bytes[MOST_BYTES];
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 0;
    }
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    run_variations(bytes, n);
    return 1;
}

int main(int count, char **arguments)
{
    int files = 0;
    DIR *directory = count == 2 ? opendir(arguments[1]) : NULL;
    if (!directory) {
        fprintf(stderr, "usage: %s DIRECTORY\n", arguments[0]);
        return 2;
    }
    for (struct dirent *d; (d = readdir(directory));)
        if (d->d_name[0] != '.')
            files += run_file(arguments[1], d->d_name);
    closedir(directory);
    printf("%d files\n", files);
    return files == 0;
}
