/* Fuzz target: shards of tokens from memory. What is accepted has ids below its vocabulary, or says
 * which has not. */
#include "cairn/tokens.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_window_options options = cairn_window_defaults();
    cairn_tokens *tokens = cairn_tokens_parse(bytes, size, "fuzz", &status);
    if (!tokens) {
        fuzz_check(status.code != CAIRN_OK && status.message[0]);
        return 0;
    }
    cairn_tokens_info info = cairn_tokens_about(tokens);
    fuzz_check(64 + (size_t)info.count * (size_t)info.id_bytes == size);
    cairn_tokens_verify(tokens, &status);
    options.length = 2;
    options.batch = 3;
    options.drop_last = false;
    status = (cairn_status)CAIRN_STATUS_INIT;
    const cairn_tokens *const one[] = {tokens};
    cairn_windows *windows = cairn_windows_new(one, 1, &options, &status);
    const cairn_window_batch *batch;
    while (windows && (batch = cairn_windows_next(windows, &status)))
        for (int64_t i = 0; i < batch->size * 3; i++)
            fuzz_check(batch->ids[i] >= 0 && batch->ids[i] < info.vocabulary);
    cairn_windows_free(windows);
    cairn_tokens_free(tokens);
    return 0;
}
