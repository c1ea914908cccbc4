/* The test harness: TEST(name) { ... } registers itself; every tests/ROOM/NAME_test.c is a program.
 *
 * A failed check prints the expression, the values, the place and the seed, and the test goes on.
 * Run one test: NAME_test PATTERN. Set the seed of random inputs: CAIRN_TEST_SEED=n. */
#ifndef CAIRN_TESTS_TEST_H
#define CAIRN_TESTS_TEST_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

typedef struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
} test_case;

void test_register(test_case *test);
bool test_check(bool good, const char *file, int line, const char *format, ...) CAIRN_PRINTF(4, 5);
uint64_t test_seed(void);

/* A directory for the files of this run, made empty at the first call, removed at the end. */
const char *test_directory(void);

/* "DIRECTORY/name" in a buffer that lives until the eighth next call. */
const char *test_path(const char *name);

/* Writes a whole file. */
void test_write_file(const char *path, const void *bytes, size_t n);

/* Reads a whole file; the caller frees it with cairn__free(). NULL if it cannot be read. */
char *test_read_file(const char *path, size_t *n);

#define TEST(name)                                                                                 \
    static void test_##name(void);                                                                 \
    static test_case test_case_##name = {#name, test_##name, NULL};                                \
    __attribute__((constructor)) static void test_register_##name(void)                            \
    {                                                                                              \
        test_register(&test_case_##name);                                                          \
    }                                                                                              \
    static void test_##name(void)

#define CHECK(condition) test_check((condition), __FILE__, __LINE__, "%s", #condition)

#define CHECK_INT(actual, expected)                                                                \
    do {                                                                                           \
        long long a_ = (long long)(actual), e_ = (long long)(expected);                            \
        test_check(a_ == e_, __FILE__, __LINE__, "%s is %lld, expected %lld", #actual, a_, e_);    \
    } while (0)

#define CHECK_NEAR(actual, expected, tolerance)                                                    \
    do {                                                                                           \
        double a_ = (actual), e_ = (expected), t_ = (tolerance);                                   \
        test_check(fabs(a_ - e_) <= t_, __FILE__, __LINE__,                                        \
                   "%s is %.10g, expected %.10g: distance %.3g, tolerance %.3g", #actual, a_, e_,  \
                   fabs(a_ - e_), t_);                                                             \
    } while (0)

#define CHECK_TEXT(actual, expected)                                                               \
    do {                                                                                           \
        const char *a_ = (actual), *e_ = (expected);                                               \
        test_check(a_ && strcmp(a_, e_) == 0, __FILE__, __LINE__, "%s is \"%s\", expected \"%s\"", \
                   #actual, a_ ? a_ : "(null)", e_);                                               \
    } while (0)

#define CHECK_CONTAINS(actual, part)                                                               \
    do {                                                                                           \
        const char *a_ = (actual), *p_ = (part);                                                   \
        test_check(a_ && strstr(a_, p_), __FILE__, __LINE__, "%s is \"%s\", without \"%s\"",       \
                   #actual, a_ ? a_ : "(null)", p_);                                               \
    } while (0)

#define CHECK_OK(status)                                                                           \
    test_check((status).code == CAIRN_OK, __FILE__, __LINE__, "error: %s", (status).message)

#endif
