/* Fuzz target: IDX from memory. What is accepted must be consistent: as many bytes as the shape
 * says, all of them readable. */
#include <stdlib.h>

#include "data/idx.h"
#include "fuzz.h"

/* The same bytes through the front door: the split is drawn, classes are counted, all is described.
 */
static void open_dataset(const uint8_t *bytes, size_t size)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *d = cairn_dataset_parse(bytes, size, "fuzz", NULL, &status);
    if (!d)
        return;
    char *text = cairn_dataset_describe_json(d, &status);
    fuzz_check(text != NULL);
    cairn_description_free(text);
    cairn_dataset_free(d);
}

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
    open_dataset(bytes, size);
    return 0;
}
