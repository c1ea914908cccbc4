/* Reading GGUF, little endian:
 *
 *     "GGUF" | u32 version | u64 tensors | u64 keys
 *     keys:     text key | u32 type | value            text: u64 length, bytes
 *     tensors:  text name | u32 axes | u64 sizes, the fastest first | u32 type | u64 offset
 *     padding to the alignment | values, each at its offset from here
 *
 * An array is u32 type, u64 length, elements. Files come from strangers: everything is taken
 * through the bounded reader, counts are held against what is left before anything is allocated,
 * and the range of each tensor is checked before it is believed.
 *
 * Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/span.h"
#include "weights/weights.h"

enum {
    MOST_KEY = 65535,
    MOST_NAME = 64,
    MOST_AXES = 4,
    MOST_COUNT = 1 << 20, /* of keys, and of tensors */
    LEAST_KEY_BYTES = 13,
    LEAST_TENSOR_BYTES = 32,
    ALIGNMENT = 32
};

typedef enum value_type {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    BOOL,
    TEXT,
    ARRAY,
    U64,
    I64,
    F64,
    N_TYPES
} value_type;

static const size_t type_bytes[N_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

typedef struct pair {
    const char *key;
    value_type type; /* of the elements, of which a single value is one */
    int64_t length;
    const unsigned char *data; /* of numbers */
    cairn_gguf_text *texts;
} pair;

typedef struct tensor {
    cairn_weight weight;
    const cairn__weight_type *type;
    int64_t elements;
    size_t offset; /* from the first value */
} tensor;

struct cairn_gguf {
    cairn__arena arena;
    const char *name;
    const unsigned char *bytes;
    size_t size, data; /* of the file; where values begin */
    void *map;         /* NULL: the bytes are borrowed */
    pair *pairs;
    tensor *tensors;
    int64_t pair_count, tensor_count;
};

static bool wrong(const cairn__reader *r, const char *what, uint64_t found, const char *expected)
{
    return cairn__fail(r->status, CAIRN_ERR_FORMAT, "%s: offset %zu: %s %llu, expected %s", r->name,
                       r->at, what, (unsigned long long)found, expected);
}

/* ---- texts ----------------------------------------------------------------------------------- */

static cairn_gguf_text take_text(cairn__reader *r, const char *field)
{
    const uint64_t n = cairn__take_u64_le(r, field);
    const char *bytes = (const char *)cairn__take(r, (size_t)n, field);
    return (cairn_gguf_text){bytes ? bytes : "", bytes ? (size_t)n : 0};
}

/* A name as a C text. */
static const char *take_name(cairn_gguf *f, cairn__reader *r, size_t most, const char *field)
{
    cairn_gguf_text text = take_text(r, field);
    if (r->failed)
        return NULL;
    if (text.n == 0 || text.n > most || memchr(text.bytes, 0, text.n)) {
        cairn__fail(r->status, CAIRN_ERR_FORMAT,
                    "%s: offset %zu: %s of %zu bytes, expected 1 to %zu without a zero", r->name,
                    r->at, field, text.n, most);
        return NULL;
    }
    return cairn__arena_text(&f->arena, r->status, "%.*s", (int)text.n, text.bytes);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static bool take_texts(cairn_gguf *f, cairn__reader *r, pair *p)
{
    if ((uint64_t)p->length > cairn__left(r) / 8)
        return wrong(r, "length of an array of texts", (uint64_t)p->length,
                     "no more than the file has room for");
    p->texts = cairn__arena_alloc(&f->arena, (size_t)p->length, sizeof *p->texts, r->status);
    for (int64_t i = 0; p->texts && i < p->length && !r->failed; i++)
        p->texts[i] = take_text(r, "text");
    return p->texts && !r->failed;
}

static bool take_pair(cairn_gguf *f, cairn__reader *r, pair *p)
{
    p->key = take_name(f, r, MOST_KEY, "key");
    uint32_t type = cairn__take_u32_le(r, "type of a value");
    uint64_t length = 1;
    if (!p->key || r->failed)
        return false;
    if (type == ARRAY) {
        type = cairn__take_u32_le(r, "type of elements");
        length = cairn__take_u64_le(r, "length of an array");
    }
    if (r->failed)
        return false;
    if (type >= N_TYPES || type == ARRAY)
        return wrong(r, "type", type, "0 to 12, and no array of arrays");
    if (length > cairn__left(r))
        return wrong(r, "length of an array", length, "no more than the file has room for");
    p->type = (value_type)type;
    p->length = (int64_t)length;
    if (type == TEXT)
        return take_texts(f, r, p);
    p->data = cairn__take_array(r, (size_t)length, type_bytes[type], p->key);
    return !r->failed;
}

static int compare_keys(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;
    return strcmp(*a, *b);
}

/* No name twice among n, each the first member of an element of `size` bytes. */
static bool unique(const cairn_gguf *f, const void *list, int64_t n, size_t size,
                   cairn_status *status)
{
    const char **names = cairn__alloc((size_t)n, sizeof *names, status);
    if (!names)
        return false;
    for (int64_t i = 0; i < n; i++)
        memcpy(&names[i], (const char *)list + (size_t)i * size, sizeof *names);
    qsort(names, (size_t)n, sizeof *names, compare_keys);
    bool good = true;
    for (int64_t i = 1; good && i < n; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            good = cairn__fail(status, CAIRN_ERR_FORMAT, "%s: '%.100s' is there twice", f->name,
                               names[i]);
    cairn__free(names);
    return good;
}

static const pair *find(const cairn_gguf *f, const char *key)
{
    for (int64_t i = 0; i < f->pair_count; i++)
        if (strcmp(f->pairs[i].key, key) == 0)
            return &f->pairs[i];
    return NULL;
}

static bool alignment(const cairn_gguf *f, size_t *to, cairn_status *status)
{
    const pair *p = find(f, "general.alignment");
    double value = ALIGNMENT;
    if (p && (p->type != U32 || !cairn_gguf_number(f, p->key, 0, &value) || value < 8 ||
              value > 1 << 30 || ((uint32_t)value & ((uint32_t)value - 1)) != 0))
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: general.alignment %g, expected a power of two from 8", f->name,
                           value);
    *to = (size_t)value;
    return true;
}

/* ---- tensors --------------------------------------------------------------------------------- */

/* The sizes in the order of this library, and their product. */
static bool take_shape(cairn__reader *r, tensor *t)
{
    const uint32_t axes = cairn__take_u32_le(r, "number of axes");
    if (!r->failed && (axes < 1 || axes > MOST_AXES))
        return wrong(r, "number of axes", axes, "1 to 4");
    t->weight.rank = (int)axes;
    t->elements = 1;
    for (uint32_t i = 0; i < axes && !r->failed; i++) {
        const uint64_t size = cairn__take_u64_le(r, "size");
        if (size > INT64_MAX || __builtin_mul_overflow(t->elements, (int64_t)size, &t->elements))
            return wrong(r, "size", size, "sizes that memory can hold");
        t->weight.shape[axes - 1 - i] = (int64_t)size;
    }
    return !r->failed;
}

static bool take_tensor(cairn_gguf *f, cairn__reader *r, tensor *t)
{
    t->weight.name = take_name(f, r, MOST_NAME, "name of a tensor");
    if (!t->weight.name || !take_shape(r, t))
        return false;
    const uint32_t type = cairn__take_u32_le(r, "type of a tensor");
    const uint64_t offset = cairn__take_u64_le(r, "offset of a tensor");
    t->type = cairn__weight_type_gguf(type);
    if (r->failed)
        return false;
    if (!t->type)
        return cairn__fail(r->status, CAIRN_ERR_FORMAT, "%s: '%s': unknown type %u", f->name,
                           t->weight.name, type);
    if (t->weight.shape[t->weight.rank - 1] % t->type->elements != 0)
        return cairn__fail(r->status, CAIRN_ERR_FORMAT,
                           "%s: '%s': rows of %lld, expected a multiple of the %lld in a block of "
                           "%s",
                           f->name, t->weight.name, (long long)t->weight.shape[t->weight.rank - 1],
                           (long long)t->type->elements, t->type->name);
    t->weight.type = t->type->name;
    t->offset = (size_t)offset;
    if (__builtin_mul_overflow((size_t)(t->elements / t->type->elements), t->type->bytes,
                               &t->weight.bytes))
        return wrong(r, "elements", (uint64_t)t->elements, "a size that memory can hold");
    return true;
}

static bool check_ranges(const cairn_gguf *f, size_t align, cairn_status *status)
{
    size_t end = 0;
    for (int64_t i = 0; i < f->tensor_count; i++) {
        const tensor *t = &f->tensors[i];
        const size_t room = f->size - f->data;
        if (t->offset % align != 0 || t->offset < end)
            return cairn__fail(status, CAIRN_ERR_FORMAT,
                               "%s: '%s': offset %zu, expected a multiple of %zu from %zu on",
                               f->name, t->weight.name, t->offset, align, end);
        if (t->offset > room || t->weight.bytes > room - t->offset)
            return cairn__fail(status, CAIRN_ERR_FORMAT,
                               "%s: '%s': %zu bytes at offset %zu, but there are %zu for all",
                               f->name, t->weight.name, t->weight.bytes, t->offset, room);
        end = t->offset + t->weight.bytes;
    }
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool take_counts(cairn_gguf *f, cairn__reader *r)
{
    const unsigned char *magic = cairn__take(r, 4, "magic");
    if (magic && memcmp(magic, "GGUF", 4) != 0)
        return cairn__fail(r->status, CAIRN_ERR_FORMAT, "%s: does not begin with \"GGUF\"",
                           r->name);
    const uint32_t version = cairn__take_u32_le(r, "version");
    if (!r->failed && version != 2 && version != 3)
        return wrong(r, "version", version, "2 or 3");
    const uint64_t tensors = cairn__take_u64_le(r, "number of tensors");
    const uint64_t pairs = cairn__take_u64_le(r, "number of keys");
    if (r->failed)
        return false;
    if (tensors > MOST_COUNT || tensors > cairn__left(r) / LEAST_TENSOR_BYTES)
        return wrong(r, "number of tensors", tensors, "at most a million, within the file");
    if (pairs > MOST_COUNT || pairs > cairn__left(r) / LEAST_KEY_BYTES)
        return wrong(r, "number of keys", pairs, "at most a million, within the file");
    f->tensor_count = (int64_t)tensors;
    f->pair_count = (int64_t)pairs;
    return true;
}

static bool parse(cairn_gguf *f, cairn_status *status)
{
    size_t align = 0;
    cairn__reader r = cairn__reader_new(f->bytes, f->size, f->name, status);
    if (!take_counts(f, &r))
        return false;
    f->pairs = cairn__arena_alloc(&f->arena, (size_t)f->pair_count, sizeof *f->pairs, status);
    f->tensors = cairn__arena_alloc(&f->arena, (size_t)f->tensor_count, sizeof *f->tensors, status);
    bool good = f->pairs && f->tensors;
    for (int64_t i = 0; good && i < f->pair_count; i++)
        good = take_pair(f, &r, &f->pairs[i]);
    for (int64_t i = 0; good && i < f->tensor_count; i++)
        good = take_tensor(f, &r, &f->tensors[i]);
    good = good && unique(f, f->pairs, f->pair_count, sizeof *f->pairs, status) &&
           unique(f, f->tensors, f->tensor_count, sizeof *f->tensors, status) &&
           alignment(f, &align, status);
    if (!good)
        return false;
    f->data = CAIRN__MIN((r.at + align - 1) / align * align, f->size);
    return check_ranges(f, align, status);
}

static cairn_gguf *new_file(const char *name, cairn_status *status)
{
    cairn_gguf *f = cairn_ok(status) ? cairn__alloc(1, sizeof *f, status) : NULL;
    if (f && (f->name = cairn__arena_text(&f->arena, status, "%s", name)))
        return f;
    cairn_gguf_free(f);
    return NULL;
}

static bool map_file(cairn_gguf *f, cairn_status *status)
{
    struct stat about;
    const int file = open(f->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return cairn__fail_errno(status, f->name, "open");
    bool good = fstat(file, &about) == 0 || cairn__fail_errno(status, f->name, "look at");
    if (good && !S_ISREG(about.st_mode))
        good = cairn__fail(status, CAIRN_ERR_FILE, "%s: is not a regular file", f->name);
    if (good && about.st_size == 0)
        good = cairn__fail(status, CAIRN_ERR_FORMAT, "%s: is empty", f->name);
    if (good) {
        void *map = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        good = map != MAP_FAILED || cairn__fail_errno(status, f->name, "map");
        f->map = good ? map : NULL;
        f->size = good ? (size_t)about.st_size : 0;
        f->bytes = f->map;
    }
    close(file);
    return good;
}

cairn_gguf *cairn_gguf_open(const char *path, cairn_status *status)
{
    cairn_gguf *f = new_file(path, status);
    if (f && map_file(f, status) && parse(f, status))
        return f;
    cairn_gguf_free(f);
    return NULL;
}

cairn_gguf *cairn_gguf_parse(const void *bytes, size_t size, const char *name, cairn_status *status)
{
    cairn_gguf *f = new_file(name, status);
    if (!f)
        return NULL;
    f->bytes = bytes ? bytes : (const unsigned char *)"";
    f->size = bytes ? size : 0;
    if (parse(f, status))
        return f;
    cairn_gguf_free(f);
    return NULL;
}

void cairn_gguf_free(cairn_gguf *f)
{
    if (!f)
        return;
    if (f->map)
        munmap(f->map, f->size);
    cairn__arena_free(&f->arena);
    cairn__free(f);
}

/* ---- asking ---------------------------------------------------------------------------------- */

int64_t cairn_gguf_count(const cairn_gguf *f)
{
    return f->tensor_count;
}

const cairn_weight *cairn_gguf_at(const cairn_gguf *f, int64_t index)
{
    return index >= 0 && index < f->tensor_count ? &f->tensors[index].weight : NULL;
}

const unsigned char *cairn__gguf_bytes(const cairn_gguf *f, int64_t index)
{
    return f->bytes + f->data + f->tensors[index].offset;
}

bool cairn_gguf_read(const cairn_gguf *f, int64_t index, float *out, int64_t n,
                     cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (index < 0 || index >= f->tensor_count)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: tensor %lld, expected 0 to %lld", f->name,
                           (long long)index, (long long)f->tensor_count - 1);
    const tensor *t = &f->tensors[index];
    if (!t->type->decode)
        return cairn__fail(status, CAIRN_ERR_TYPE, "%s: '%s' is %s, which cannot be read", f->name,
                           t->weight.name, t->type->name);
    if (n != t->elements)
        return cairn__fail(status, CAIRN_ERR_SHAPE, "%s: '%s': %lld elements, but room for %lld",
                           f->name, t->weight.name, (long long)t->elements, (long long)n);
    t->type->decode(cairn__gguf_bytes(f, index), n / t->type->elements, out);
    return true;
}

const char *cairn_gguf_key(const cairn_gguf *f, int64_t index)
{
    return index >= 0 && index < f->pair_count ? f->pairs[index].key : NULL;
}

int64_t cairn_gguf_length(const cairn_gguf *f, const char *key)
{
    const pair *p = find(f, key);
    return p ? p->length : -1;
}

bool cairn_gguf_string(const cairn_gguf *f, const char *key, int64_t index, cairn_gguf_text *value)
{
    const pair *p = find(f, key);
    if (!p || p->type != TEXT || index < 0 || index >= p->length)
        return false;
    *value = p->texts[index];
    return true;
}

/* Little endian, as this machine is. */
static double number(value_type type, const unsigned char *from)
{
    union {
        int8_t i8;
        int16_t i16;
        uint16_t u16;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        float f32;
        double f64;
    } v;
    memcpy(&v, from, type_bytes[type]);
    switch (type) {
    case U8: return *from;
    case I8: return v.i8;
    case U16: return v.u16;
    case I16: return v.i16;
    case U32: return v.u32;
    case I32: return v.i32;
    case F32: return (double)v.f32;
    case BOOL: return *from != 0;
    case U64: return (double)v.u64;
    case I64: return (double)v.i64;
    case F64: return v.f64;
    default: return 0;
    }
}

bool cairn_gguf_number(const cairn_gguf *f, const char *key, int64_t index, double *value)
{
    const pair *p = find(f, key);
    if (!p || p->type == TEXT || index < 0 || index >= p->length)
        return false;
    *value = number(p->type, p->data + (size_t)index * type_bytes[p->type]);
    return true;
}
