/* Fuzz target: safetensors from memory. Arrays that are accepted must be readable, and their bytes
 * must be exactly those after the header. */
#include <string.h>

#include "base/base.h"
#include "cairn/data.h"
#include "fuzz.h"

static void check_arrays(const cairn_safetensors *f, size_t size)
{
    size_t total = 0;
    for (int64_t i = 0; i < cairn_safetensors_count(f); i++) {
        const cairn_field *a = cairn_safetensors_at(f, i);
        size_t n = cairn_field_bytes(a);
        total += n;
        fuzz_check(total <= size);
        fuzz_check(cairn_safetensors_find(f, a->name) == a);
        void *values = malloc(n + 1);
        fuzz_check(values && cairn_safetensors_read(f, a, values, n, NULL));
        free(values);
    }
    fuzz_check(total < size);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const char *key, *value;
    cairn_safetensors *f = cairn_safetensors_parse(bytes, size, "fuzz", &status);
    if (!f) {
        fuzz_check(status.code != CAIRN_OK && status.message[0]);
        return 0;
    }
    check_arrays(f, size);
    for (int64_t i = 0; cairn_safetensors_metadata_at(f, i, &key, &value); i++)
        fuzz_check(cairn_safetensors_metadata(f, key) == value && strlen(value) < size);
    cairn_safetensors_free(f);
    return 0;
}
