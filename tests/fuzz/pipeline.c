/* Fuzz target: pipelines, for pictures and for sounds. What parses has a text that parses to the
 * same text. */
#include <string.h>

#include "cairn/image.h"
#include "fuzz.h"

static void parse(const char *text, cairn_media media)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_pipeline *p = cairn_pipeline_parse_for(text, media, &status);
    if (p) {
        char *one = cairn_pipeline_text(p, &status);
        cairn_pipeline *again = cairn_pipeline_parse_for(one, media, &status);
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
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size + 1);
    fuzz_check(text);
    memcpy(text, bytes, size);
    text[size] = 0;
    parse(text, CAIRN_MEDIA_PICTURE);
    parse(text, CAIRN_MEDIA_SOUND);
    free(text);
    return 0;
}
