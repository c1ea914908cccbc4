/* Writing safetensors. The header is padded with spaces so that the values begin at a multiple of 8
 * bytes, as a reader that maps the file wants it; the values themselves are never copied: the file
 * is written from where they lie. */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"
#include "data/json.h"

enum { ALIGNMENT = 8, LENGTH_BYTES = 8 };

static const char *const type_names[] = {
#define CAIRN_X(name, text, bytes) #name,
    CAIRN_DATA_TYPES(CAIRN_X)
#undef CAIRN_X
};

static int compare(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;
    return strcmp(*a, *b);
}

static bool check_names(const char *path, const char **names, int64_t n, cairn_status *status)
{
    qsort(names, (size_t)n, sizeof *names, compare);
    for (int64_t i = 0; i < n; i++) {
        size_t length = strlen(names[i]);
        if (cairn__utf8_prefix(names[i], length) != length)
            return cairn__fail(status, CAIRN_ERR_NAME, "%s: a name is not UTF-8", path);
        if (strcmp(names[i], "__metadata__") == 0)
            return cairn__fail(status, CAIRN_ERR_NAME,
                               "%s: '__metadata__' cannot be the name of an array", path);
        if (i > 0 && strcmp(names[i - 1], names[i]) == 0)
            return cairn__fail(status, CAIRN_ERR_NAME, "%s: '%.100s' is there twice", path,
                               names[i]);
    }
    return true;
}

static bool check_array(const char *path, const cairn_field *a, cairn_status *status)
{
    int64_t elements;
    size_t bytes;
    if (cairn_data_type_bytes(a->type) == 0)
        return cairn__fail(status, CAIRN_ERR_TYPE, "%s: '%.100s': unknown type %d", path, a->name,
                           (int)a->type);
    if (a->rank < 0 || a->rank > CAIRN_FIELD_RANK || !cairn__field_size(a, &elements, &bytes))
        return cairn__fail(status, CAIRN_ERR_SHAPE,
                           "%s: '%.100s': %d dimensions that are negative or multiply to more than "
                           "memory can hold",
                           path, a->name, a->rank);
    if (!a->data && bytes > 0)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: '%.100s': %zu bytes, but no data", path,
                           a->name, bytes);
    return true;
}

static bool check(const char *path, const cairn_field *arrays, int64_t n, cairn_status *status)
{
    const char **names = cairn__alloc((size_t)n, sizeof *names, status);
    if (!names)
        return false;
    bool good = true;
    for (int64_t i = 0; good && i < n; i++) {
        names[i] = arrays[i].name;
        good = check_array(path, &arrays[i], status);
    }
    good = good && check_names(path, names, n, status);
    cairn__free(names);
    return good;
}

/* The key may not come twice, or no reader would open the file. */
static bool check_metadata(const char *path, const char *const *pairs, cairn_status *status)
{
    for (size_t i = 0; pairs && pairs[i]; i += 2) {
        for (size_t j = 0; j < i; j += 2)
            if (strcmp(pairs[i], pairs[j]) == 0)
                return cairn__fail(status, CAIRN_ERR_NAME, "%s: metadata '%.100s' is there twice",
                                   path, pairs[i]);
        for (size_t j = i; j < i + 2; j++)
            if (cairn__utf8_prefix(pairs[j], strlen(pairs[j])) != strlen(pairs[j]))
                return cairn__fail(status, CAIRN_ERR_NAME, "%s: metadata is not UTF-8", path);
    }
    return true;
}

static void add_metadata(cairn__text *out, const char *const *pairs)
{
    cairn__text_add(out, "\"__metadata__\":{");
    for (size_t i = 0; pairs[i]; i += 2) {
        cairn__text_add(out, i ? "," : "");
        cairn__json_add_string(out, pairs[i]);
        cairn__text_add(out, ":");
        cairn__json_add_string(out, pairs[i + 1]);
    }
    cairn__text_add(out, "}");
}

static void add_array(cairn__text *out, const cairn_field *a, size_t begin, size_t end)
{
    cairn__json_add_string(out, a->name);
    cairn__text_add(out, ":{\"dtype\":\"%s\",\"shape\":[", type_names[a->type]);
    for (int i = 0; i < a->rank; i++)
        cairn__text_add(out, "%s%lld", i ? "," : "", (long long)a->shape[i]);
    cairn__text_add(out, "],\"data_offsets\":[%zu,%zu]}", begin, end);
}

/* Fails only by out->failed, or when all arrays together overflow. */
static bool build_header(const char *path, const cairn_field *arrays, int64_t n,
                         const char *const *metadata, cairn__text *out)
{
    bool pairs = metadata && metadata[0];
    size_t at = 0;
    cairn__text_add(out, "{");
    if (pairs)
        add_metadata(out, metadata);
    for (int64_t i = 0; i < n; i++) {
        size_t end;
        if (__builtin_add_overflow(at, cairn_field_bytes(&arrays[i]), &end) || end > PTRDIFF_MAX)
            return cairn__fail(out->status, CAIRN_ERR_SHAPE,
                               "%s: the arrays are together more than memory can hold", path);
        cairn__text_add(out, i || pairs ? "," : "");
        add_array(out, &arrays[i], at, end);
        at = end;
    }
    cairn__text_add(out, "}");
    while (!out->failed && out->length % ALIGNMENT)
        cairn__text_add(out, " ");
    return !out->failed;
}

bool cairn_safetensors_write(const char *path, const cairn_field *arrays, int64_t n,
                             const char *const *metadata, cairn_status *status)
{
    cairn__text header = {.status = status};
    cairn__bytes *pieces = NULL;
    unsigned char length[LENGTH_BYTES];
    bool good = cairn_ok(status) && check(path, arrays, n, status) &&
                check_metadata(path, metadata, status) &&
                build_header(path, arrays, n, metadata, &header);
    if (good)
        pieces = cairn__alloc((size_t)n + 2, sizeof *pieces, status);
    if (pieces) {
        for (int i = 0; i < LENGTH_BYTES; i++)
            length[i] = (unsigned char)((uint64_t)header.length >> 8 * i);
        pieces[0] = (cairn__bytes){length, sizeof length};
        pieces[1] = (cairn__bytes){header.data, header.length};
        for (int64_t i = 0; i < n; i++)
            pieces[i + 2] = (cairn__bytes){arrays[i].data, cairn_field_bytes(&arrays[i])};
        good = cairn__write_file_atomically(path, pieces, (size_t)n + 2, status);
    }
    cairn__free(pieces);
    cairn__free(header.data);
    return good && pieces;
}
