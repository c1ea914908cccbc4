/* Fuzz target: IDX from memory. What is accepted must be consistent: as many bytes as the shape
 * says, all of them readable. */
#include <stdlib.h>

#include "data/idx.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_field field = {0};
    if (!cairn__idx_parse(bytes, size, "fuzz", &field, &status)) {
        fuzz_check(status.code != CAIRN_OK && status.message[0]);
        return 0;
    }
    fuzz_check(cairn_field_bytes(&field) <= size);
    cairn__measure m = cairn__measure_field(&field);
    fuzz_check(m.finite + m.not_finite == cairn_field_elements(&field));
    cairn__free((void *)field.data);
    return 0;
}
