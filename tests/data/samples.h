/* Small inputs that several tests of this room use. */
#ifndef CAIRN_TESTS_DATA_SAMPLES_H
#define CAIRN_TESTS_DATA_SAMPLES_H

#include <sys/stat.h>
#include <zlib.h>

#include "cairn/data.h"
#include "test.h"

/* Writes an IDX file of u8 with the sizes of `shape`; element i is i mod 251. Its length. */
static inline size_t sample_idx(unsigned char *to, int rank, const int *shape)
{
    size_t at = 0, n = 1;
    memcpy(to, (unsigned char[]){0, 0, 8, (unsigned char)rank}, 4);
    at = 4;
    for (int i = 0; i < rank; i++) {
        n *= (size_t)shape[i];
        for (int byte = 3; byte >= 0; byte--)
            to[at++] = (unsigned char)(shape[i] >> 8 * byte);
    }
    for (size_t i = 0; i < n; i++)
        to[at++] = (unsigned char)(i % 251);
    return at;
}

/* Packs n bytes as gzip; the length, at most n + 100. */
static inline size_t sample_gzip(const void *bytes, size_t n, unsigned char *to)
{
    z_stream z = {0};
    deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (Bytef *)bytes;
    z.avail_in = (uInt)n;
    z.next_out = to;
    z.avail_out = (uInt)n + 100;
    deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return z.total_out;
}

/* A data set from a text, which must be good. */
static inline cairn_dataset *sample_dataset(const char *text, double test_fraction)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_data_options options = cairn_data_defaults();
    options.test_fraction = test_fraction;
    cairn_dataset *d = cairn_dataset_parse(text, strlen(text), "sample.csv", &options, &status);
    CHECK_OK(status);
    return d;
}

/* n lines "i,i mod 7" under the header "x,label". */
static inline cairn_dataset *sample_numbers(int n)
{
    cairn__text text = {0};
    cairn__text_add(&text, "x,label\n");
    for (int i = 0; i < n; i++)
        cairn__text_add(&text, "%d,%d\n", i, i % 7);
    cairn_dataset *d = sample_dataset(text.data, 0);
    cairn__free(text.data);
    return d;
}

#endif
