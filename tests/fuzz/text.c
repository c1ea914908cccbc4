/* Fuzz target: documents of plain text and of JSON lines. Every one is UTF-8 within the limit. The
 * first byte says how the rest is cut. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cairn/tokens.h"
#include "data/json.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static int file = -1;
    char path[64];
    cairn_text_options options = cairn_text_defaults();
    cairn_status status = CAIRN_STATUS_INIT;
    if (size == 0)
        return 0;
    if (file < 0)
        file = memfd_create("text", 0);
    fuzz_check(ftruncate(file, 0) == 0);
    fuzz_check(pwrite(file, bytes + 1, size - 1, 0) == (ssize_t)size - 1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    options.format = bytes[0] & 1 ? CAIRN_TEXT_JSON_LINES : CAIRN_TEXT_PLAIN;
    options.cut = bytes[0] >> 1 & 3;
    options.document_limit = 100;
    strcpy(options.separator, "--");
    cairn_text *text = cairn_text_open(path, &options, &status);
    fuzz_check(text != NULL);
    const char *document;
    size_t n;
    while (cairn_text_next(text, &document, &n, &status)) {
        fuzz_check(n <= 100);
        fuzz_check(cairn__utf8_prefix(document, n) == n);
    }
    fuzz_check(status.code == CAIRN_OK || status.message[0]);
    cairn_text_free(text);
    return 0;
}
