/* Unpacking gzip (RFC 1952) held in memory, with a limit on what comes out: see file.h. */
#include <limits.h>
#include <zlib.h>

#include "data/file.h"
#include "data/span.h"

/* Deflate cannot expand by more than this: a match of 258 bytes takes at least 2 bits. */
enum { MOST_EXPANSION = 1032, SMALLEST_GZIP = 18, GZIP_FORMAT = 16 };

typedef struct unpacker {
    z_stream stream;
    const unsigned char *bytes;
    size_t size;
    const char *name;
    size_t limit;
    cairn__content out; /* size: bytes written so far */
    size_t capacity;
    cairn_status *status;
} unpacker;

bool cairn__is_gzip(const void *bytes, size_t size)
{
    const unsigned char *b = bytes;
    return size >= 2 && b[0] == 0x1f && b[1] == 0x8b;
}

static void *zlib_alloc(void *status, unsigned n, unsigned size)
{
    return cairn__alloc(n, size, status);
}

static void zlib_free(void *unused, void *memory)
{
    (void)unused;
    cairn__free(memory);
}

/* The last four bytes claim the unpacked length. A claim is only a hint, and is cut down to what
 * the packed bytes could possibly hold; when it is honest nothing has to grow. One byte more than
 * the data need: then a full buffer always means that there is more to come. */
static size_t first_capacity(const unpacker *u)
{
    if (u->size < SMALLEST_GZIP)
        return 1;
    cairn__reader tail = cairn__reader_new(u->bytes + u->size - 4, 4, u->name, NULL);
    size_t claim = cairn__take_u32_le(&tail, "length");
    size_t possible = u->size > SIZE_MAX / MOST_EXPANSION ? SIZE_MAX : u->size * MOST_EXPANSION;
    return CAIRN__MIN(CAIRN__MIN(claim, possible), u->limit) + 1;
}

static bool over_limit(const unpacker *u)
{
    return cairn__fail(u->status, CAIRN_ERR_MEMORY,
                       "%s: unpacks to more than the limit of %zu bytes", u->name, u->limit);
}

static bool grow(unpacker *u)
{
    if (u->capacity > u->limit)
        return over_limit(u);
    size_t capacity = u->capacity > u->limit / 2 ? u->limit + 1 : 2 * u->capacity;
    unsigned char *data = cairn__resize(u->out.data, capacity, 1, u->status);
    if (!data)
        return false;
    u->out.data = data;
    u->capacity = capacity;
    return true;
}

/* zlib's counters are 32 bits wide, so both ends are handed over in steps. */
static int step(unpacker *u, size_t *at)
{
    z_stream *z = &u->stream;
    uInt in = (uInt)CAIRN__MIN(u->size - *at, (size_t)UINT_MAX);
    uInt out = (uInt)CAIRN__MIN(u->capacity - u->out.size, (size_t)UINT_MAX);
    z->next_in = (Bytef *)(u->bytes + *at); /* zlib does not write to its input */
    z->avail_in = in;
    z->next_out = u->out.data + u->out.size;
    z->avail_out = out;
    int code = inflate(z, Z_NO_FLUSH);
    *at += in - z->avail_in;
    u->out.size += out - z->avail_out;
    return code;
}

/* Unpacks one member that starts at *at; zlib checks its checksum and length. */
static bool member(unpacker *u, size_t *at)
{
    for (;;) {
        int code = step(u, at);
        if (code == Z_STREAM_END)
            return u->out.size <= u->limit || over_limit(u);
        if (code == Z_MEM_ERROR)
            return cairn__fail_memory(u->status, 0);
        if (code != Z_OK && code != Z_BUF_ERROR)
            return cairn__fail(u->status, CAIRN_ERR_FORMAT, "%s: offset %zu: damaged gzip data: %s",
                               u->name, *at, u->stream.msg ? u->stream.msg : "not a gzip stream");
        if (u->out.size == u->capacity) {
            if (!grow(u))
                return false;
        } else if (*at == u->size) {
            return cairn__fail(u->status, CAIRN_ERR_FORMAT,
                               "%s: offset %zu: the gzip data end in the middle", u->name, *at);
        }
    }
}

/* Members in a row; zeros after the last are padding of tapes, as gzip(1) has it. */
static bool members(unpacker *u)
{
    size_t at = 0;
    do {
        if (inflateReset(&u->stream) != Z_OK)
            return cairn__fail(u->status, CAIRN_ERR_STATE, "%s: zlib cannot start again", u->name);
        if (!member(u, &at))
            return false;
        while (at < u->size && u->bytes[at] == 0)
            at++;
    } while (at < u->size);
    return true;
}

bool cairn__gunzip(const void *bytes, size_t size, const char *name, size_t limit,
                   cairn__content *content, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    unpacker u = {.bytes = bytes, .size = size, .name = name, .status = status};
    u.limit = CAIRN__MIN(limit, (size_t)PTRDIFF_MAX - 1);
    u.stream.zalloc = zlib_alloc;
    u.stream.zfree = zlib_free;
    u.stream.opaque = status;
    u.capacity = first_capacity(&u);
    u.out.data = cairn__alloc(u.capacity, 1, status);
    if (!u.out.data)
        return false;
    bool good = inflateInit2(&u.stream, MAX_WBITS + GZIP_FORMAT) == Z_OK;
    if (good) {
        good = members(&u);
        inflateEnd(&u.stream);
    } else {
        cairn__fail(status, CAIRN_ERR_MEMORY, "%s: zlib cannot start: out of memory", name);
    }
    if (!good) {
        cairn__free(u.out.data);
        return false;
    }
    *content = u.out;
    return true;
}
