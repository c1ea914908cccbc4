/* Fuzz target: one file of CIFAR from memory. What is accepted has labels of its set. */
#include "cairn/data.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *d = cairn_dataset_parse(bytes, size, "fuzz.bin", NULL, &status);
    if (!d) {
        fuzz_check(status.code != CAIRN_OK && status.message[0]);
        return 0;
    }
    const cairn_field *label = cairn_dataset_field(d, CAIRN_SPLIT_TRAIN, "image")
                                   ? cairn_dataset_field(d, CAIRN_SPLIT_TRAIN, "label")
                                   : NULL;
    int64_t n = cairn_dataset_count(d, CAIRN_SPLIT_TRAIN);
    for (int64_t i = 0; label && i < n; i++)
        fuzz_check(((const int32_t *)label->data)[i] >= 0);
    cairn_dataset_free(d);
    return 0;
}
