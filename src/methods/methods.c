/* The methods as a list. */
#include <string.h>

#include "methods/method.h"

const cairn__method *const cairn__methods[] = {
#define CAIRN_METHOD(name) &cairn__method_##name,
#include "methods/methods.def"
#undef CAIRN_METHOD
    NULL,
};

const cairn__method *cairn__method_find(const char *name, cairn_status *status)
{
    const char *names[64];
    size_t n = 0;
    for (; cairn__methods[n] && n < CAIRN__COUNT(names); n++) {
        if (strcmp(cairn__methods[n]->name, name) == 0)
            return cairn__methods[n];
        names[n] = cairn__methods[n]->name;
    }
    const char *nearest = cairn__nearest(name, names, n);
    cairn__fail(status, CAIRN_ERR_NAME, "unknown method '%s'%s%s%s", name,
                nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return NULL;
}
