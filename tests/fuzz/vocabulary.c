/* Fuzz target: tokenizer.json (inputs that begin with '{') and SentencePiece models. What is
 * accepted encodes bytes to ids that are below its size; a lossless one gives the bytes back. */
#include <string.h>

#include "base/base.h"
#include "cairn/vocabulary.h"
#include "fuzz.h"

static void check_use(const cairn_vocabulary *v, const char *bytes, size_t n, bool special)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_id_list ids = {0};
    size_t size;
    const cairn_vocabulary_info info = cairn_vocabulary_about(v);
    fuzz_check(cairn_vocabulary_encode(v, bytes, n, special, &ids, &status));
    for (int64_t i = 0; i < ids.n; i++)
        fuzz_check(ids.id[i] >= 0 && ids.id[i] < info.size);
    char *back = cairn_vocabulary_decode(v, ids.id, ids.n, special, &size, &status);
    fuzz_check(back != NULL);
    if (info.lossless)
        fuzz_check(size == n && memcmp(back, bytes, n) == 0);
    cairn_description_free(back);
    cairn_id_list_free(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_vocabulary *v = cairn_vocabulary_parse(
        size > 0 && bytes[0] == '{' ? CAIRN_VOCABULARY_HUGGINGFACE : CAIRN_VOCABULARY_SENTENCEPIECE,
        bytes, size, "fuzz", &status);
    fuzz_check(v || (status.code != CAIRN_OK && status.message[0]));
    if (v) {
        check_use(v, (const char *)bytes, CAIRN__MIN(size, 4096), false);
        check_use(v, (const char *)bytes, CAIRN__MIN(size, 4096), true);
    }
    cairn_vocabulary_free(v);
    return 0;
}
