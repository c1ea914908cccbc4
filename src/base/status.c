/* Errors: codes, their texts, and the one function that makes them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

static const struct {
    const char *name, *text;
    int exit;
} codes[] = {
    {"ok", "no error", 0},
#define CAIRN_X(name, text, exit) {#name, text, exit},
    CAIRN_ERRORS(CAIRN_X)
#undef CAIRN_X
};

bool cairn_ok(const cairn_status *status)
{
    return !status || status->code == CAIRN_OK;
}

static size_t known(cairn_code code)
{
    return (size_t)code < CAIRN__COUNT(codes) ? (size_t)code : (size_t)CAIRN_ERR_STATE;
}

const char *cairn_code_name(cairn_code code)
{
    return codes[known(code)].name;
}

const char *cairn_code_text(cairn_code code)
{
    return codes[known(code)].text;
}

int cairn_code_exit(cairn_code code)
{
    return codes[known(code)].exit;
}

bool cairn__fail(cairn_status *status, cairn_code code, const char *format, ...)
{
    if (!status || status->code != CAIRN_OK)
        return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(status->message, sizeof status->message, format, arguments);
    va_end(arguments);
    status->code = code;
    return false;
}

bool cairn__fail_memory(cairn_status *status, size_t bytes)
{
    return cairn__fail(status, CAIRN_ERR_MEMORY, "out of memory: %zu bytes asked for", bytes);
}

bool cairn__fail_errno(cairn_status *status, const char *path, const char *verb)
{
    int code = errno;
    char reason[128];
    /* The GNU strerror_r may return a static text instead of filling the buffer. */
    const char *text = strerror_r(code, reason, sizeof reason);
    return cairn__fail(status, CAIRN_ERR_FILE, "%s: cannot %s: %s", path, verb, text);
}
