/* Dtypes and shapes. */
#include <stdio.h>

#include "graph/graph.h"

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
#define CAIRN_X(upper, lower, bytes) {#lower, bytes},
    CAIRN_DTYPES(CAIRN_X)
#undef CAIRN_X
};

const char *cairn_dtype_name(cairn_dtype dtype)
{
    return dtypes[dtype].name;
}

size_t cairn_dtype_bytes(cairn_dtype dtype)
{
    return dtypes[dtype].bytes;
}

int64_t cairn_shape_count(cairn_shape shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape.rank; i++)
        count *= shape.size[i];
    return count;
}

bool cairn_shape_equal(cairn_shape a, cairn_shape b)
{
    if (a.rank != b.rank)
        return false;
    for (int i = 0; i < a.rank; i++)
        if (a.size[i] != b.size[i])
            return false;
    return true;
}

const char *cairn_shape_text(cairn_shape shape, char text[CAIRN_SHAPE_TEXT])
{
    size_t at = 0;
    text[at++] = '[';
    for (int i = 0; i < shape.rank; i++)
        at += (size_t)snprintf(text + at, CAIRN_SHAPE_TEXT - at, "%s%lld", i ? "," : "",
                               (long long)shape.size[i]);
    snprintf(text + at, CAIRN_SHAPE_TEXT - at, "]");
    return text;
}

void cairn__strides(cairn_shape shape, int64_t strides[CAIRN_MAX_RANK])
{
    int64_t stride = 1;
    for (int i = shape.rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= shape.size[i];
    }
}

cairn__split cairn__split_at(cairn_shape shape, int axis)
{
    cairn__split s = {1, shape.size[axis], 1};
    for (int i = 0; i < axis; i++)
        s.outer *= shape.size[i];
    for (int i = axis + 1; i < shape.rank; i++)
        s.inner *= shape.size[i];
    return s;
}
