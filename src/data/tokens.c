/* Shards of tokens: see cairn/tokens.h. */
#include "cairn/tokens.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/span.h"
#include "data/tokens.h"

enum { HEADER = 64, VERSION = 1, SHORT_VOCABULARY = 65536, BUFFERED = 1 << 14 };

static const char magic[] = "CAIRNTOK";

static uint64_t hash_add(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 1099511628211u;
}

static uint64_t hash_start(int64_t vocabulary, uint64_t tokenizer)
{
    return hash_add(hash_add(14695981039346656037u, (uint64_t)vocabulary), tokenizer);
}

/* ---- writing --------------------------------------------------------------------------------- */

struct cairn_token_writer {
    cairn__new_file out;
    bool ended;
    int64_t count, vocabulary;
    uint64_t hash, tokenizer;
    int id_bytes, buffered; /* ids in the buffer */
    unsigned char buffer[BUFFERED * 4];
};

static void put(unsigned char *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

static void make_header(const cairn_token_writer *w, unsigned char header[HEADER])
{
    memset(header, 0, HEADER);
    memcpy(header, magic, 8);
    put(header + 8, VERSION, 4);
    put(header + 12, (uint64_t)w->id_bytes, 4);
    put(header + 16, (uint64_t)w->count, 8);
    put(header + 24, (uint64_t)w->vocabulary, 8);
    put(header + 32, w->hash, 8);
    put(header + 40, w->tokenizer, 8);
}

cairn_token_writer *cairn_tokens_create(const char *path, int64_t vocabulary, uint64_t tokenizer,
                                        cairn_status *status)
{
    unsigned char header[HEADER] = {0};
    if (!cairn_ok(status))
        return NULL;
    if (vocabulary < 1 || vocabulary > INT32_MAX) {
        cairn__fail(status, CAIRN_ERR_VALUE, "%s: a vocabulary of %lld, expected 1 to 2^31 - 1",
                    path, (long long)vocabulary);
        return NULL;
    }
    cairn_token_writer *w = cairn__alloc(1, sizeof *w, status);
    if (!w)
        return NULL;
    w->out.file = -1;
    w->vocabulary = vocabulary;
    w->tokenizer = tokenizer;
    w->hash = hash_start(vocabulary, tokenizer);
    w->id_bytes = vocabulary <= SHORT_VOCABULARY ? 2 : 4;
    if (cairn__new_file_open(&w->out, path, status) &&
        cairn__new_file_add(&w->out, (cairn__bytes){header, HEADER}, status))
        return w;
    cairn_token_writer_free(w);
    return NULL;
}

void cairn_token_writer_free(cairn_token_writer *w)
{
    if (!w)
        return;
    cairn__new_file_drop(&w->out);
    cairn__free(w);
}

static bool empty_buffer(cairn_token_writer *w, cairn_status *status)
{
    cairn__bytes piece = {w->buffer, (size_t)(w->buffered * w->id_bytes)};
    w->buffered = 0;
    return cairn__new_file_add(&w->out, piece, status);
}

bool cairn_tokens_add(cairn_token_writer *w, const int32_t *ids, int64_t n, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (w->ended)
        return cairn__fail(status, CAIRN_ERR_STATE, "a shard of tokens that has ended");
    for (int64_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= w->vocabulary)
            return cairn__fail(status, CAIRN_ERR_VALUE, "%s: token %lld is %d, expected 0 to %lld",
                               w->out.path, (long long)w->count, ids[i],
                               (long long)w->vocabulary - 1);
        put(w->buffer + w->buffered * w->id_bytes, (uint64_t)ids[i], w->id_bytes);
        w->hash = hash_add(w->hash, (uint32_t)ids[i]);
        w->count++;
        if (++w->buffered == BUFFERED && !empty_buffer(w, status))
            return false;
    }
    return true;
}

bool cairn_tokens_finish(cairn_token_writer *w, cairn_status *status)
{
    unsigned char header[HEADER];
    if (!cairn_ok(status))
        return false;
    if (w->ended)
        return cairn__fail(status, CAIRN_ERR_STATE, "a shard of tokens that has ended");
    w->ended = true;
    make_header(w, header);
    return empty_buffer(w, status) &&
           cairn__new_file_put(&w->out, 0, (cairn__bytes){header, HEADER}, status) &&
           cairn__new_file_finish(&w->out, status);
}

bool cairn_encode_bytes(void *user, const char *bytes, size_t n, cairn_token_writer *w,
                        cairn_status *status)
{
    static const int32_t end = CAIRN_BYTE_END;
    int32_t ids[1024];
    (void)user;
    for (size_t at = 0, taken; at < n; at += taken) {
        taken = CAIRN__MIN(n - at, CAIRN__COUNT(ids));
        for (size_t i = 0; i < taken; i++)
            ids[i] = (unsigned char)bytes[at + i];
        if (!cairn_tokens_add(w, ids, (int64_t)taken, status))
            return false;
    }
    return cairn_tokens_add(w, &end, 1, status);
}

int64_t cairn_tokens_encode(cairn_text *text, cairn_encode *encode, void *user,
                            cairn_token_writer *w, cairn_status *status)
{
    cairn_status local = CAIRN_STATUS_INIT;
    const char *bytes;
    size_t n;
    int64_t documents = 0;
    status = status ? status : &local;
    for (; cairn_text_next(text, &bytes, &n, status); documents++)
        if (!encode(user, bytes, n, w, status))
            return -1;
    return cairn_ok(status) ? documents : -1;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct cairn_tokens {
    cairn__arena arena;
    const char *name;
    cairn_tokens_info info;
    const unsigned char *ids;
    void *map; /* owned; NULL: borrowed bytes */
    size_t map_size;
};

static bool bad_header(const cairn__reader *r, const char *what, uint64_t found,
                       const char *expected)
{
    return cairn__fail(r->status, CAIRN_ERR_FORMAT, "%s: %s is %llu, expected %s", r->name, what,
                       (unsigned long long)found, expected);
}

static bool take_header(cairn__reader *r, cairn_tokens_info *info)
{
    const unsigned char *head = cairn__take(r, 8, "magic");
    if (head && memcmp(head, magic, 8) != 0)
        return cairn__fail(r->status, CAIRN_ERR_FORMAT, "%s: does not start with %s", r->name,
                           magic);
    uint32_t version = cairn__take_u32_le(r, "version");
    uint32_t id_bytes = cairn__take_u32_le(r, "bytes of an id");
    uint64_t count = cairn__take_u64_le(r, "count");
    uint64_t vocabulary = cairn__take_u64_le(r, "vocabulary");
    info->hash = cairn__take_u64_le(r, "hash");
    info->tokenizer = cairn__take_u64_le(r, "tokenizer");
    uint64_t rest = cairn__take_u64_le(r, "reserved");
    rest |= cairn__take_u64_le(r, "reserved");
    if (r->failed)
        return false;
    if (version != VERSION)
        return bad_header(r, "the version", version, "1");
    if (vocabulary < 1 || vocabulary > INT32_MAX)
        return bad_header(r, "the vocabulary", vocabulary, "1 to 2^31 - 1");
    if (id_bytes != (vocabulary <= SHORT_VOCABULARY ? 2 : 4))
        return bad_header(r, "the number of bytes of an id", id_bytes,
                          vocabulary <= SHORT_VOCABULARY ? "2" : "4");
    if (rest)
        return bad_header(r, "what is reserved", rest, "0");
    info->count = (int64_t)CAIRN__MIN(count, (uint64_t)INT64_MAX);
    info->vocabulary = (int64_t)vocabulary;
    info->id_bytes = (int)id_bytes;
    return true;
}

static bool fill(cairn_tokens *t, const void *bytes, size_t size, cairn_status *status)
{
    cairn__reader r = cairn__reader_new(bytes, size, t->name, status);
    if (!take_header(&r, &t->info))
        return false;
    t->ids = cairn__take_array(&r, (size_t)t->info.count, (size_t)t->info.id_bytes, "ids");
    return cairn__take_end(&r, "the ids");
}

static cairn_tokens *new_tokens(const char *name, cairn_status *status)
{
    cairn_tokens *t = cairn_ok(status) ? cairn__alloc(1, sizeof *t, status) : NULL;
    if (t && (t->name = cairn__arena_text(&t->arena, status, "%s", name)))
        return t;
    cairn_tokens_free(t);
    return NULL;
}

cairn_tokens *cairn_tokens_parse(const void *bytes, size_t size, const char *name,
                                 cairn_status *status)
{
    cairn_tokens *t = new_tokens(name, status);
    if (t && fill(t, bytes, size, status))
        return t;
    cairn_tokens_free(t);
    return NULL;
}

static bool map(cairn_tokens *t, const char *path, cairn_status *status)
{
    t->map = cairn__map_file(path, &t->map_size, status);
    return t->map && fill(t, t->map, t->map_size, status);
}

cairn_tokens *cairn_tokens_open(const char *path, cairn_status *status)
{
    cairn_tokens *t = new_tokens(path, status);
    if (t && map(t, path, status))
        return t;
    cairn_tokens_free(t);
    return NULL;
}

void cairn_tokens_free(cairn_tokens *t)
{
    if (!t)
        return;
    cairn__unmap_file(t->map, t->map_size);
    cairn__arena_free(&t->arena);
    cairn__free(t);
}

cairn_tokens_info cairn_tokens_about(const cairn_tokens *t)
{
    return t->info;
}

static uint32_t id_at(const cairn_tokens *t, int64_t i)
{
    const unsigned char *at = t->ids + i * t->info.id_bytes;
    uint32_t id = (uint32_t)at[0] | (uint32_t)at[1] << 8;
    return t->info.id_bytes == 2 ? id : id | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static bool bad_id(const cairn_tokens *t, int64_t i, cairn_status *status)
{
    return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: token %lld is %lld, expected 0 to %lld",
                       t->name, (long long)i, (long long)id_at(t, i),
                       (long long)t->info.vocabulary - 1);
}

bool cairn_tokens_read(const cairn_tokens *t, int64_t first, int64_t n, int32_t *out,
                       cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (first < 0 || n < 0 || first > t->info.count || n > t->info.count - first)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: %lld tokens from %lld on, of %lld",
                           t->name, (long long)n, (long long)first, (long long)t->info.count);
    for (int64_t i = 0; i < n; i++) {
        uint32_t id = id_at(t, first + i);
        if (id >= (uint64_t)t->info.vocabulary)
            return bad_id(t, first + i, status);
        out[i] = (int32_t)id;
    }
    return true;
}

bool cairn_tokens_verify(const cairn_tokens *t, cairn_status *status)
{
    uint64_t hash = hash_start(t->info.vocabulary, t->info.tokenizer);
    if (!cairn_ok(status))
        return false;
    for (int64_t i = 0; i < t->info.count; i++) {
        uint32_t id = id_at(t, i);
        if (id >= (uint64_t)t->info.vocabulary)
            return bad_id(t, i, status);
        hash = hash_add(hash, id);
    }
    return hash == t->info.hash ||
           cairn__fail(status, CAIRN_ERR_FORMAT,
                       "%s: the tokens have the hash %016llx, expected %016llx as in the header",
                       t->name, (unsigned long long)hash, (unsigned long long)t->info.hash);
}

const char *cairn__tokens_name(const cairn_tokens *t)
{
    return t->name;
}

bool cairn__is_tokens(const char *path)
{
    char head[8];
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is = file >= 0 && read(file, head, sizeof head) == (ssize_t)sizeof head &&
              memcmp(head, magic, sizeof head) == 0;
    if (file >= 0)
        close(file);
    return is;
}
