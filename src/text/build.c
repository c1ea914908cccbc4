/* A corpus from its sources: see cairn/corpus.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "data/tokens.h"
#include "text/corpus.h"

static const char *const cuts[] = {"file", "blank", "separator", "line", NULL};

const cairn_option cairn__corpus_table[] = {
    CAIRN_OPT_CHOICE(cairn_corpus_options, cut, CAIRN_TEXT_FILE, cuts,
                     "what parts plain text into documents", ""),
    CAIRN_OPT_TEXT(cairn_corpus_options, separator, "<|endoftext|>", "the line between documents",
                   ""),
    CAIRN_OPT_TEXT(cairn_corpus_options, field, "text", "the text's name in JSON lines", ""),
    CAIRN_OPT_FLAG(cairn_corpus_options, clean, 1, "clean pages, LaTeX and text", ""),
    CAIRN_OPT_COUNT(cairn_corpus_options, least, 1, 0, 1e9, "bytes of the shortest document", ""),
    CAIRN_OPT_REAL(cairn_corpus_options, similarity, 0.8, 0.5, 2,
                   "share of 5-grams that makes duplicates; above 1: none is looked for", ""),
    CAIRN_OPT_REAL(cairn_corpus_options, shape, 9, 0.1, 1000, "of the Pareto draw by quality",
                   "GPT-3 2020"),
    CAIRN_OPT_COUNT(cairn_corpus_options, seed, 0, 0, 9e15, "of the draw and of the order", ""),
    CAIRN_OPT_END,
};

cairn_corpus_options cairn_corpus_defaults(void)
{
    cairn_corpus_options options;
    cairn_options_defaults(cairn__corpus_table, &options);
    return options;
}

typedef struct span {
    int64_t first, n; /* bytes in the file of kept texts */
} span;

typedef struct builder {
    const cairn_corpus_options *options;
    const cairn_vocabulary *vocabulary;
    const cairn_quality *quality;
    cairn_duplicates *duplicates; /* NULL: none are looked for */
    cairn_corpus_counts *counts;
    FILE *kept;
    int64_t length; /* of it */
    span *list;     /* owned: what is to be written, with repetitions */
    int64_t n, room;
    const char *path;
} builder;

/* ---- reading --------------------------------------------------------------------------------- */

static cairn_clean_kind kind_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    if (dot && (strcasecmp(dot, ".html") == 0 || strcasecmp(dot, ".htm") == 0))
        return CAIRN_CLEAN_HTML;
    return dot && strcasecmp(dot, ".tex") == 0 ? CAIRN_CLEAN_LATEX : CAIRN_CLEAN_TEXT;
}

/* Whether a document stays, which is counted. */
static bool passes(builder *b, const char *bytes, size_t n, bool *stays, cairn_status *status)
{
    cairn_corpus_counts *c = b->counts;
    const cairn_corpus_options *o = b->options;
    cairn_duplicate what = CAIRN_DUPLICATE_NONE;
    *stays = false;
    if (n == 0 || (int64_t)n < o->least) {
        c->too_short++;
        return true;
    }
    /* The draw depends on the text, not on its place: other files beside it change nothing. */
    if (b->quality && !cairn_quality_keep(cairn_quality_score(b->quality, bytes, n), o->shape,
                                          (uint64_t)o->seed, cairn__hash_bytes(bytes, n))) {
        c->low_quality++;
        return true;
    }
    if (b->duplicates && !cairn_duplicates_add(b->duplicates, bytes, n, &what, status))
        return false;
    c->exact += what == CAIRN_DUPLICATE_EXACT;
    c->near += what == CAIRN_DUPLICATE_NEAR;
    *stays = what == CAIRN_DUPLICATE_NONE;
    return true;
}

static bool keep(builder *b, const char *bytes, size_t n, int64_t times, cairn_status *status)
{
    if (b->n + times > b->room) {
        const int64_t room = CAIRN__MAX(2 * b->room, b->n + times + 256);
        span *more = cairn__resize(b->list, (size_t)room, sizeof *more, status);
        if (!more)
            return false;
        b->list = more;
        b->room = room;
    }
    if (fwrite(bytes, 1, n, b->kept) != n)
        return cairn__fail_errno(status, b->path, "write beside");
    for (int64_t i = 0; i < times; i++)
        b->list[b->n++] = (span){b->length, (int64_t)n};
    b->length += (int64_t)n;
    b->counts->kept++;
    b->counts->bytes_kept += (int64_t)n;
    return true;
}

static bool take(builder *b, cairn_clean_kind kind, const char *bytes, size_t n, double weight,
                 int64_t *index, cairn_status *status)
{
    bool stays = false;
    char *cleaned = NULL;
    b->counts->read++;
    b->counts->bytes_read += (int64_t)n;
    if (b->options->clean) {
        cleaned = cairn_clean(kind, bytes, n, &n, status);
        if (!cleaned)
            return false;
        bytes = cleaned;
    }
    bool good = passes(b, bytes, n, &stays, status);
    if (good && stays) {
        const int64_t k = (*index)++;
        good = keep(b, bytes, n,
                    (int64_t)floor((double)(k + 1) * weight) - (int64_t)floor((double)k * weight),
                    status);
    }
    cairn_description_free(cleaned);
    return good;
}

static bool read_source(builder *b, const cairn_corpus_source *s, cairn_status *status)
{
    cairn_text_options o = cairn_text_defaults();
    const char *bytes;
    size_t n;
    int64_t index = 0;
    if (!(s->weight >= 0 && s->weight <= 1000))
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: weight %g, expected 0 to 1000", s->path,
                           s->weight);
    o.cut = b->options->cut;
    memcpy(o.separator, b->options->separator, sizeof o.separator);
    memcpy(o.field, b->options->field, sizeof o.field);
    cairn_text *text = cairn_text_open(s->path, &o, status);
    while (text && cairn_text_next(text, &bytes, &n, status))
        if (!take(b, kind_of(cairn__text_path(text)), bytes, n, s->weight, &index, status))
            break;
    cairn_text_free(text);
    return cairn_ok(status);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* A file without a name in the folder of `path`, where there is room for the shard, too. */
static FILE *open_kept(const char *path, cairn_status *status)
{
    char name[CAIRN_TEXT_SIZE + 32];
    snprintf(name, sizeof name, "%.*s.XXXXXX", CAIRN_TEXT_SIZE, path);
    const int file = mkstemp(name);
    FILE *stream = file < 0 ? NULL : fdopen(file, "w+");
    if (!stream)
        cairn__fail_errno(status, name, "make");
    if (file >= 0)
        unlink(name);
    if (!stream && file >= 0)
        close(file);
    return stream;
}

static bool write_one(builder *b, span s, cairn_token_writer *w, char **buffer, size_t *room,
                      cairn_status *status)
{
    if ((size_t)s.n > *room) {
        char *more = cairn__resize(*buffer, (size_t)s.n, 1, status);
        if (!more)
            return false;
        *buffer = more;
        *room = (size_t)s.n;
    }
    if (fseeko(b->kept, (off_t)s.first, SEEK_SET) != 0 ||
        fread(*buffer, 1, (size_t)s.n, b->kept) != (size_t)s.n)
        return cairn__fail_errno(status, b->path, "read back beside");
    return cairn_encode_vocabulary((void *)b->vocabulary, *buffer, (size_t)s.n, w, status);
}

static bool write_shard(builder *b, cairn_status *status)
{
    const cairn_vocabulary_info info = cairn_vocabulary_about(b->vocabulary);
    int64_t *order = cairn__alloc((size_t)b->n, sizeof *order, status);
    cairn_token_writer *w =
        order ? cairn_tokens_create(b->path, info.size, info.hash, status) : NULL;
    char *buffer = NULL;
    size_t room = 0;
    if (w)
        cairn_random_permutation((uint64_t)b->options->seed, cairn_random_stream("corpus"), b->n,
                                 order);
    for (int64_t i = 0; w && cairn_ok(status) && i < b->n; i++)
        b->counts->written += write_one(b, b->list[order[i]], w, &buffer, &room, status);
    const bool good = w && cairn_tokens_finish(w, status);
    cairn_token_writer_free(w);
    cairn__free(buffer);
    cairn__free(order);
    return good;
}

static bool count_tokens(builder *b, cairn_status *status)
{
    cairn_tokens *shard = cairn_tokens_open(b->path, status);
    if (shard) {
        b->counts->tokens = cairn_tokens_about(shard).count;
        b->counts->hash = cairn_tokens_about(shard).hash;
    }
    cairn_tokens_free(shard);
    return shard != NULL;
}

bool cairn_corpus_build(const cairn_corpus_source *sources, int64_t n,
                        const cairn_vocabulary *vocabulary, const cairn_quality *quality,
                        const cairn_corpus_options *options, const char *path,
                        cairn_corpus_counts *counts, cairn_status *status)
{
    const cairn_corpus_options standard = cairn_corpus_defaults();
    cairn_status local = CAIRN_STATUS_INIT;
    status = status ? status : &local;
    builder b = {.vocabulary = vocabulary, .quality = quality, .counts = counts, .path = path};
    b.options = options ? options : &standard;
    *counts = (cairn_corpus_counts){0};
    if (!cairn_ok(status) || !cairn__options_check(cairn__corpus_table, b.options, status))
        return false;
    b.kept = open_kept(path, status);
    if (b.kept && b.options->similarity <= 1)
        b.duplicates = cairn_duplicates_new(b.options->similarity, status);
    for (int64_t i = 0; cairn_ok(status) && i < n; i++)
        read_source(&b, &sources[i], status);
    if (cairn_ok(status) && b.n == 0)
        cairn__fail(status, CAIRN_ERR_VALUE,
                    "%s: of %lld documents none is left: %lld too short, %lld of low quality, "
                    "%lld duplicates",
                    path, (long long)counts->read, (long long)counts->too_short,
                    (long long)counts->low_quality, (long long)(counts->exact + counts->near));
    if (cairn_ok(status) && write_shard(&b, status))
        count_tokens(&b, status);
    if (b.kept)
        fclose(b.kept);
    cairn_duplicates_free(b.duplicates);
    cairn__free(b.list);
    return cairn_ok(status);
}
