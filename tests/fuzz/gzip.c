/* Fuzz target: gzip from memory, with a limit that inputs of a few bytes can pass. */
#include "data/file.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    enum { LIMIT = 4096 };
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__content content = {0};
    if (cairn__gunzip(bytes, size, "fuzz", LIMIT, &content, &status)) {
        fuzz_check(content.size <= LIMIT);
        unsigned sum = 0;
        for (size_t i = 0; i < content.size; i++)
            sum += content.data[i];
        fuzz_check(sum <= 255u * LIMIT);
    } else {
        fuzz_check(status.code != CAIRN_OK && !content.data);
    }
    cairn__content_free(&content);
    return 0;
}
