/* Fuzz target: pipelines. What parses has a text that parses to the same text. */
#include <string.h>

#include "cairn/image.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cairn_status status = CAIRN_STATUS_INIT;
    char *text = malloc(size + 1);
    fuzz_check(text);
    memcpy(text, bytes, size);
    text[size] = 0;
    cairn_pipeline *p = cairn_pipeline_parse(text, &status);
    if (p) {
        char *one = cairn_pipeline_text(p, &status);
        cairn_pipeline *again = cairn_pipeline_parse(one, &status);
        fuzz_check(again != NULL);
        char *two = cairn_pipeline_text(again, &status);
        fuzz_check(strcmp(one, two) == 0);
        cairn_description_free(one);
        cairn_description_free(two);
        cairn_pipeline_free(again);
    } else {
        fuzz_check(status.code != CAIRN_OK && status.message[0]);
    }
    cairn_pipeline_free(p);
    free(text);
    return 0;
}
