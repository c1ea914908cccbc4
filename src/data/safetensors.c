/* Reading safetensors:
 *
 *     u64 n, little endian | n bytes of JSON, padded with spaces | values, one array after the
 * other
 *
 *     {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"k": "v"}}
 *
 * Offsets count from the end of the header. Files come from strangers, so the rules of the format
 * are all checked before anything is believed: files with overlapping ranges were once a way to
 * make a loader run out of memory, and files with gaps can be two things at once (a picture, a
 * program). Only the header is held in memory; values are read where the caller wants them.
 *
 * Source: https://github.com/huggingface/safetensors, section "Format". */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/data.h"
#include "data/span.h"

/* The format's own limit of the header; and ours: jansson makes up to some 100 bytes of each value,
 * so the number of values is counted before it sees the text. A million arrays are about 8 million.
 */
enum { LENGTH_BYTES = 8, MOST_HEADER = 100000000, MOST_VALUES = 16000000, MOST_DEPTH = 64 };

typedef struct entry {
    cairn_field field;
    int64_t begin, end; /* of its bytes, from the end of the header */
} entry;

typedef struct pair {
    const char *key, *value;
} pair;

struct cairn_safetensors {
    cairn__arena arena;
    const char *name;
    int descriptor;             /* -1 for a file in memory */
    const unsigned char *bytes; /* of a file in memory, borrowed */
    size_t size, data;          /* of the file; where the values begin */
    entry *entries;             /* by begin */
    const entry **by_name;
    pair *pairs;
    int64_t count, pair_count;
};

/* ---- bytes ---------------------------------------------------------------------------------- */

static bool read_at(const cairn_safetensors *f, size_t offset, void *to, size_t n,
                    cairn_status *status)
{
    if (f->bytes) {
        if (n > 0)
            memcpy(to, f->bytes + offset, n);
        return true;
    }
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(f->descriptor, (char *)to + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return cairn__fail_errno(status, f->name, "read");
        if (got == 0)
            return cairn__fail(status, CAIRN_ERR_FILE, "%s: became shorter while it was open",
                               f->name);
        done += (size_t)got;
    }
    return true;
}

static bool header_length(cairn_safetensors *f, size_t *length, cairn_status *status)
{
    unsigned char head[LENGTH_BYTES];
    size_t there = CAIRN__MIN(f->size, sizeof head);
    if (!read_at(f, 0, head, there, status))
        return false;
    cairn__reader r = cairn__reader_new(head, there, f->name, status);
    uint64_t n = cairn__take_u64_le(&r, "length of the header");
    if (r.failed)
        return false;
    if (n > MOST_HEADER)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: header of %llu bytes, expected at most %d", f->name,
                           (unsigned long long)n, MOST_HEADER);
    if (n > f->size - LENGTH_BYTES)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: header of %llu bytes, but the file ends after %zu", f->name,
                           (unsigned long long)n, f->size - LENGTH_BYTES);
    *length = (size_t)n;
    return true;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* Bounds what the parser will allocate and how deep it will call itself. */
static bool check_budget(const cairn_safetensors *f, const char *text, size_t n,
                         cairn_status *status)
{
    int depth = 0, values = 0;
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
            continue;
        }
        quoted = c == '"';
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        values += c == ',' || c == '{' || c == '[';
        if (depth > MOST_DEPTH)
            return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: header nested deeper than %d",
                               f->name, MOST_DEPTH);
        if (values > MOST_VALUES)
            return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: header of more than %d values",
                               f->name, MOST_VALUES);
    }
    return true;
}

static json_t *parse_json(const cairn_safetensors *f, const char *text, size_t n,
                          cairn_status *status)
{
    json_error_t error;
    if (n == 0 || text[0] != '{') {
        cairn__fail(status, CAIRN_ERR_FORMAT, "%s: offset %d: the header does not begin with '{'",
                    f->name, LENGTH_BYTES);
        return NULL;
    }
    if (!check_budget(f, text, n, status))
        return NULL;
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    if (!root && json_error_code(&error) == json_error_out_of_memory)
        cairn__fail_memory(status, n);
    else if (!root)
        cairn__fail(status, CAIRN_ERR_FORMAT, "%s: offset %d: header: %s", f->name,
                    LENGTH_BYTES + error.position, error.text);
    return root;
}

static const char *copy_text(cairn_safetensors *f, const char *text, cairn_status *status)
{
    return cairn__arena_text(&f->arena, status, "%s", text);
}

static bool parse_metadata(cairn_safetensors *f, json_t *object, cairn_status *status)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: __metadata__ is not an object", f->name);
    f->pairs = cairn__arena_alloc(&f->arena, json_object_size(object), sizeof *f->pairs, status);
    if (!f->pairs)
        return false;
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value))
            return cairn__fail(status, CAIRN_ERR_FORMAT,
                               "%s: __metadata__: '%.100s' is not a string", f->name, key);
        pair *p = &f->pairs[f->pair_count];
        p->key = copy_text(f, key, status);
        p->value = copy_text(f, json_string_value(value), status);
        if (!p->key || !p->value)
            return false;
        f->pair_count++;
    }
    return true;
}

/* A whole number from 0, which no real (1.0, 1e3) is. */
static bool natural(json_t *value, int64_t *out)
{
    *out = json_integer_value(value);
    return json_is_integer(value) && *out >= 0;
}

static bool parse_type(json_t *value, cairn_data_type *type)
{
    static const char *const names[] = {
#define CAIRN_X(name, text, bytes) #name,
        CAIRN_DATA_TYPES(CAIRN_X)
#undef CAIRN_X
    };
    const char *text = json_string_value(value);
    for (size_t i = 0; text && i < CAIRN__COUNT(names); i++) {
        if (strcmp(names[i], text) == 0) {
            *type = (cairn_data_type)i;
            return true;
        }
    }
    return false;
}

static bool parse_shape(json_t *value, cairn_field *field)
{
    if (!json_is_array(value) || json_array_size(value) > CAIRN_FIELD_RANK)
        return false;
    field->rank = (int)json_array_size(value);
    for (int i = 0; i < field->rank; i++)
        if (!natural(json_array_get(value, (size_t)i), &field->shape[i]))
            return false;
    return true;
}

static bool wrong(const cairn_safetensors *f, const char *name, const char *what,
                  cairn_status *status)
{
    return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: '%.100s': %s", f->name, name, what);
}

static bool parse_entry(cairn_safetensors *f, const char *name, json_t *value, entry *e,
                        cairn_status *status)
{
    json_t *range = json_object_get(value, "data_offsets");
    int64_t elements;
    size_t bytes;
    if (!json_is_object(value) || json_object_size(value) != 3)
        return wrong(f, name, "expected an object of dtype, shape and data_offsets", status);
    if (!parse_type(json_object_get(value, "dtype"), &e->field.type))
        return wrong(f, name, "unknown dtype", status);
    if (!parse_shape(json_object_get(value, "shape"), &e->field))
        return wrong(f, name, "shape is not a list of at most 8 whole numbers", status);
    if (json_array_size(range) != 2 || !natural(json_array_get(range, 0), &e->begin) ||
        !natural(json_array_get(range, 1), &e->end) || e->end < e->begin)
        return wrong(f, name, "data_offsets are not two whole numbers in order", status);
    if (!cairn__field_size(&e->field, &elements, &bytes))
        return wrong(f, name, "the shape is larger than memory can be", status);
    if (bytes != (uint64_t)(e->end - e->begin))
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: '%.100s': %lld bytes, expected %zu from shape and dtype", f->name,
                           name, (long long)(e->end - e->begin), bytes);
    e->field.name = copy_text(f, name, status);
    return e->field.name != NULL;
}

/* ---- the list of arrays --------------------------------------------------------------------- */

static int compare_ranges(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    int order = (a->begin > b->begin) - (a->begin < b->begin);
    order = order ? order : (a->end > b->end) - (a->end < b->end);
    return order ? order : strcmp(a->field.name, b->field.name);
}

static int compare_names(const void *left, const void *right)
{
    const entry *const *a = left, *const *b = right;
    return strcmp((*a)->field.name, (*b)->field.name);
}

static bool check_ranges(cairn_safetensors *f, cairn_status *status)
{
    int64_t at = 0;
    for (int64_t i = 0; i < f->count; i++) {
        const entry *e = &f->entries[i];
        if (e->begin != at)
            return cairn__fail(
                status, CAIRN_ERR_FORMAT,
                "%s: '%.100s': begins at %lld, expected %lld, where the array before "
                "it ends",
                f->name, e->field.name, (long long)e->begin, (long long)at);
        at = e->end;
    }
    if ((uint64_t)at != f->size - f->data)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: the arrays end at %lld, but the file has %zu bytes for them",
                           f->name, (long long)at, f->size - f->data);
    return true;
}

static bool parse_entries(cairn_safetensors *f, json_t *root, cairn_status *status)
{
    const char *name;
    json_t *value;
    size_t most = json_object_size(root);
    f->entries = cairn__arena_alloc(&f->arena, most, sizeof *f->entries, status);
    f->by_name = cairn__arena_alloc(&f->arena, most, sizeof *f->by_name, status);
    if (!f->entries || !f->by_name)
        return false;
    json_object_foreach(root, name, value)
    {
        bool metadata = strcmp(name, "__metadata__") == 0;
        if (!(metadata ? parse_metadata(f, value, status)
                       : parse_entry(f, name, value, &f->entries[f->count], status)))
            return false;
        f->count += !metadata;
    }
    qsort(f->entries, (size_t)f->count, sizeof *f->entries, compare_ranges);
    for (int64_t i = 0; i < f->count; i++)
        f->by_name[i] = &f->entries[i];
    qsort(f->by_name, (size_t)f->count, sizeof *f->by_name, compare_names);
    return check_ranges(f, status);
}

static bool read_list(cairn_safetensors *f, cairn_status *status)
{
    size_t length = 0;
    if (!header_length(f, &length, status))
        return false;
    f->data = LENGTH_BYTES + length;
    char *text = cairn__alloc(length, 1, status);
    json_t *root = NULL;
    if (text && read_at(f, LENGTH_BYTES, text, length, status))
        root = parse_json(f, text, length, status);
    cairn__free(text);
    bool good = root && parse_entries(f, root, status);
    json_decref(root);
    return good;
}

/* ---- opening -------------------------------------------------------------------------------- */

static cairn_safetensors *new_file(const char *name, cairn_status *status)
{
    cairn_safetensors *f = cairn__alloc(1, sizeof *f, status);
    if (!f)
        return NULL;
    f->descriptor = -1;
    f->name = copy_text(f, name, status);
    if (f->name)
        return f;
    cairn_safetensors_free(f);
    return NULL;
}

static bool open_file(cairn_safetensors *f, cairn_status *status)
{
    struct stat about;
    f->descriptor = open(f->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f->descriptor < 0)
        return cairn__fail_errno(status, f->name, "open");
    if (fstat(f->descriptor, &about) != 0)
        return cairn__fail_errno(status, f->name, "look at");
    if (!S_ISREG(about.st_mode))
        return cairn__fail(status, CAIRN_ERR_FILE, "%s: is not a regular file", f->name);
    f->size = (size_t)about.st_size;
    return true;
}

cairn_safetensors *cairn_safetensors_open(const char *path, cairn_status *status)
{
    cairn_safetensors *f = new_file(path, status);
    if (f && open_file(f, status) && read_list(f, status))
        return f;
    cairn_safetensors_free(f);
    return NULL;
}

cairn_safetensors *cairn_safetensors_parse(const void *bytes, size_t size, const char *name,
                                           cairn_status *status)
{
    cairn_safetensors *f = new_file(name, status);
    if (!f)
        return NULL;
    f->bytes = bytes ? bytes : (const unsigned char *)"";
    f->size = bytes ? size : 0;
    if (read_list(f, status))
        return f;
    cairn_safetensors_free(f);
    return NULL;
}

void cairn_safetensors_free(cairn_safetensors *f)
{
    if (!f)
        return;
    if (f->descriptor >= 0)
        close(f->descriptor);
    cairn__arena_free(&f->arena);
    cairn__free(f);
}

/* ---- asking --------------------------------------------------------------------------------- */

int64_t cairn_safetensors_count(const cairn_safetensors *f)
{
    return f->count;
}

const cairn_field *cairn_safetensors_at(const cairn_safetensors *f, int64_t index)
{
    return index >= 0 && index < f->count ? &f->entries[index].field : NULL;
}

static const entry *entry_called(const cairn_safetensors *f, const char *name)
{
    const entry wanted = {.field.name = name}, *key = &wanted;
    const entry **found =
        bsearch(&key, f->by_name, (size_t)f->count, sizeof *f->by_name, compare_names);
    return found ? *found : NULL;
}

const cairn_field *cairn_safetensors_find(const cairn_safetensors *f, const char *name)
{
    const entry *e = entry_called(f, name);
    return e ? &e->field : NULL;
}

bool cairn_safetensors_read(const cairn_safetensors *f, const cairn_field *field, void *out,
                            size_t size, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    const entry *e = entry_called(f, field->name);
    if (!e)
        return cairn__fail(status, CAIRN_ERR_NAME, "%s: holds no array '%.100s'", f->name,
                           field->name);
    if (size != (size_t)(e->end - e->begin))
        return cairn__fail(status, CAIRN_ERR_SHAPE, "%s: '%.100s': %lld bytes, but room for %zu",
                           f->name, field->name, (long long)(e->end - e->begin), size);
    return read_at(f, f->data + (size_t)e->begin, out, size, status);
}

const char *cairn_safetensors_metadata(const cairn_safetensors *f, const char *key)
{
    for (int64_t i = 0; i < f->pair_count; i++)
        if (strcmp(f->pairs[i].key, key) == 0)
            return f->pairs[i].value;
    return NULL;
}

bool cairn_safetensors_metadata_at(const cairn_safetensors *f, int64_t index, const char **key,
                                   const char **value)
{
    if (index < 0 || index >= f->pair_count)
        return false;
    *key = f->pairs[index].key;
    *value = f->pairs[index].value;
    return true;
}
