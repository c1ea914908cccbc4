/* cairn data text and cairn data vocabulary: from texts to shards of tokens. */
#include "cli/data_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cairn/corpus.h"
#include "data/json.h"
#include "text/corpus.h"
#include "text/vocabulary.h"

typedef struct text_options {
    char vocabulary[CAIRN_TEXT_SIZE];
    char good[CAIRN_TEXT_SIZE], raw[CAIRN_TEXT_SIZE];
} text_options;

static const cairn_option table[] = {
    CAIRN_OPT_TEXT(text_options, vocabulary, "bytes",
                   "bytes, NAME.model, NAME.json, NAME.gguf or a folder with one", ""),
    CAIRN_OPT_PATH(text_options, good, "", "texts that the quality filter takes for good", ""),
    CAIRN_OPT_PATH(text_options, raw, "", "texts that it takes for raw; both or none", ""),
    CAIRN_OPT_END,
};

static text_options values;
static cairn_corpus_options corpus_options;
static cairn_vocabulary_options vocabulary_options;

bool data_text_options(cli_call *call)
{
    values = (text_options){0};
    cairn_options_defaults(table, &values);
    corpus_options = cairn_corpus_defaults();
    return cli_add_section(call, "text", table, &values) &&
           cli_add_section(call, "corpus", cairn__corpus_table, &corpus_options);
}

bool data_vocabulary_options(cli_call *call)
{
    vocabulary_options = cairn_vocabulary_defaults();
    return cli_add_section(call, "vocabulary", cairn__vocabulary_table, &vocabulary_options);
}

/* ---- text ------------------------------------------------------------------------------------ */

/* PATH or PATH=WEIGHT; the path is copied to `path`. */
static bool read_source(const char *word, char *path, cairn_corpus_source *s, cairn_status *status)
{
    const char *equal = strrchr(word, '=');
    char *end;
    const size_t n = equal ? (size_t)(equal - word) : strlen(word);
    *s = (cairn_corpus_source){path, 1};
    if (n >= CAIRN_TEXT_SIZE)
        return cairn__fail(status, CAIRN_ERR_VALUE, "a path of %zu bytes, at most %d are expected",
                           n, CAIRN_TEXT_SIZE - 1);
    memcpy(path, word, n);
    path[n] = 0;
    if (!equal)
        return true;
    s->weight = strtod(equal + 1, &end);
    return (end != equal + 1 && !*end) ||
           cairn__fail(status, CAIRN_ERR_VALUE, "%s: '%s' is no weight, expected PATH=NUMBER", path,
                       equal + 1);
}

static cairn_quality *train_quality(double *auc, cairn_status *status)
{
    cairn_text_options o = cairn_text_defaults();
    o.cut = corpus_options.cut;
    memcpy(o.separator, corpus_options.separator, sizeof o.separator);
    memcpy(o.field, corpus_options.field, sizeof o.field);
    cairn_text *good = cairn_text_open(values.good, &o, status);
    cairn_text *raw = good ? cairn_text_open(values.raw, &o, status) : NULL;
    cairn_quality *q = raw ? cairn_quality_train(good, raw, NULL, auc, status) : NULL;
    cairn_text_free(good);
    cairn_text_free(raw);
    return q;
}

static void print_counts(const cli_call *call, const cairn_corpus_counts *c, double auc)
{
    const struct {
        const char *name;
        int64_t value;
    } rows[] = {
        {"read", c->read},
        {"bytes_read", c->bytes_read},
        {"too_short", c->too_short},
        {"low_quality", c->low_quality},
        {"exact_duplicates", c->exact},
        {"near_duplicates", c->near},
        {"kept", c->kept},
        {"bytes_kept", c->bytes_kept},
        {"written", c->written},
        {"tokens", c->tokens},
    };
    cairn__text number = {0};
    cairn__json_add_number(&number, auc);
    for (size_t i = 0; i < CAIRN__COUNT(rows); i++)
        if (call->json)
            printf("%s\"%s\": %lld", i ? ", " : "{", rows[i].name, (long long)rows[i].value);
        else
            printf("%-17s%lld\n", rows[i].name, (long long)rows[i].value);
    if (call->json)
        printf(", \"auc\": %s, \"hash\": \"%016llx\"}\n", number.data ? number.data : "null",
               (unsigned long long)c->hash);
    else
        printf("%-17s%016llx\n", "hash", (unsigned long long)c->hash);
    if (!call->json && values.good[0])
        printf("%-17s%.4f\n", "auc", auc);
    cairn__free(number.data);
}

bool data_text_run(const cli_call *call, cairn_status *status)
{
    cairn_corpus_source sources[CLI_WORDS];
    static char paths[CLI_WORDS][CAIRN_TEXT_SIZE];
    const int n = call->words - 2;
    cairn_corpus_counts counts;
    cairn_quality *quality = NULL;
    double auc = NAN;
    if (n < 1)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "usage: cairn data text OUT.tokens PATH[=WEIGHT]...");
    if (!values.good[0] != !values.raw[0])
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "the quality filter needs --good and --raw, both or none");
    for (int i = 0; i < n; i++)
        if (!read_source(call->word[i + 2], paths[i], &sources[i], status))
            return false;
    cairn_vocabulary *v = cairn_vocabulary_open(values.vocabulary, status);
    if (v && values.good[0])
        quality = train_quality(&auc, status);
    const bool good =
        cairn_ok(status) &&
        cairn_corpus_build(sources, n, v, quality, &corpus_options, call->word[1], &counts, status);
    if (good)
        print_counts(call, &counts, auc);
    cairn_quality_free(quality);
    cairn_vocabulary_free(v);
    return good;
}

/* ---- vocabulary ------------------------------------------------------------------------------ */

bool data_vocabulary_run(const cli_call *call, cairn_status *status)
{
    if (call->words != 3)
        return cairn__fail(status, CAIRN_ERR_VALUE, "usage: cairn data vocabulary PATH OUT.model");
    cairn_text *text = cairn_text_open(call->word[1], NULL, status);
    const bool made =
        text && cairn_vocabulary_train(text, &vocabulary_options, call->word[2], status);
    cairn_vocabulary *v = made ? cairn_vocabulary_open(call->word[2], status) : NULL;
    if (v) {
        const cairn_vocabulary_info i = cairn_vocabulary_about(v);
        printf(call->json ? "{\"kind\": \"%s\", \"size\": %lld, \"hash\": \"%016llx\"}\n"
                          : "%s, %lld ids, identity %016llx\n",
               i.kind, (long long)i.size, (unsigned long long)i.hash);
    }
    cairn_vocabulary_free(v);
    cairn_text_free(text);
    return v != NULL;
}
