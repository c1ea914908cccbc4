/* Fuzz target: GGUF from memory. What is accepted must be readable: every value of every key, and
 * the values of every tensor of a type that is. */
#include <string.h>

#include "base/base.h"
#include "cairn/weights.h"
#include "fuzz.h"

static void check_keys(const cairn_gguf *f, size_t size)
{
    const char *key;
    size_t sum = 0;
    for (int64_t i = 0; (key = cairn_gguf_key(f, i)); i++) {
        const int64_t n = cairn_gguf_length(f, key);
        fuzz_check(n >= 0 && (size_t)n <= size);
        for (int64_t k = 0; k < n; k++) {
            cairn_gguf_text text = {"", 0};
            double value;
            fuzz_check(cairn_gguf_string(f, key, k, &text) != cairn_gguf_number(f, key, k, &value));
            fuzz_check(text.n < size);
            for (size_t b = 0; b < text.n; b++)
                sum += (unsigned char)text.bytes[b]; /* a sanitizer sees the end */
        }
    }
    fuzz_check(sum <= 255 * size);
}

static void check_tensors(const cairn_gguf *f, size_t size)
{
    size_t total = 0;
    for (int64_t i = 0; i < cairn_gguf_count(f); i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        const cairn_weight *w = cairn_gguf_at(f, i);
        int64_t n = 1;
        for (int k = 0; k < w->rank; k++)
            n *= w->shape[k];
        total += w->bytes;
        fuzz_check(total < size);
        float *values = malloc((size_t)n * sizeof *values + 1);
        fuzz_check(values != NULL);
        fuzz_check(cairn_gguf_read(f, i, values, n, &status) || status.code == CAIRN_ERR_TYPE);
        free(values);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_gguf *f = cairn_gguf_parse(bytes, size, "fuzz", &status);
    if (!f) {
        fuzz_check(status.code != CAIRN_OK && status.message[0]);
        return 0;
    }
    check_keys(f, size);
    check_tensors(f, size);
    cairn_gguf_free(f);
    return 0;
}
