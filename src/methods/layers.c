/* Options that several methods read the same way. */
#include "methods/layers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cairn__sizes_parse(const char *text, int64_t *sizes, int most, cairn_status *status)
{
    int n = 0;
    for (const char *at = text; n < most;) {
        char *end;
        long long size = strtoll(at, &end, 10);
        if (end == at || size < 1 || size > 1 << 20 || (*end && *end != ','))
            break;
        sizes[n++] = size;
        if (!*end)
            return n;
        at = end + 1;
    }
    cairn__fail(status, CAIRN_ERR_VALUE,
                "layers: '%s', expected up to %d sizes from 1 to %d, like 1000,500,250,30", text,
                most, 1 << 20);
    return 0;
}

const cairn_optimizer *cairn__optimizer_read(const char *name, const char *options,
                                             cairn__optimizer_values *o, cairn_status *status)
{
    char text[CAIRN_TEXT_SIZE], *rest = text, *pair;
    const cairn_optimizer *optimizer = cairn_optimizer_find(name, status);
    if (!optimizer)
        return NULL;
    cairn_options_defaults(optimizer->options, o);
    snprintf(text, sizeof text, "%s", options);
    while ((pair = strsep(&rest, ","))) {
        char *value = strchr(pair, '=');
        if (!*pair)
            continue;
        if (!value) {
            cairn__fail(status, CAIRN_ERR_VALUE, "optimizer_options: '%s', expected name=value",
                        pair);
            return NULL;
        }
        *value++ = 0;
        if (!cairn_options_set(optimizer->options, o, pair, value, status))
            return NULL;
    }
    return optimizer;
}
