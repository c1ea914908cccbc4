/* Training a vocabulary: SentencePiece's own program, in a process of its own, since a check that
 * fails ends the process it runs in. It sees a folder with one file of sentences and nothing else,
 * so that the model depends on texts and options only. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/file.h"
#include "data/json.h"
#include "text/vocabulary.h"

extern char **environ;

static const char *const kinds[] = {"unigram", "bpe", NULL};

const cairn_option cairn__vocabulary_table[] = {
    CAIRN_OPT_CHOICE(cairn_vocabulary_options, kind, 0, kinds, "how text is parted", "PaLM 2022"),
    CAIRN_OPT_COUNT(cairn_vocabulary_options, size, 8000, 300, 1000000, "number of ids", ""),
    CAIRN_OPT_REAL(cairn_vocabulary_options, coverage, 0.9995, 0.9, 1,
                   "share of characters with a piece of their own; others become bytes", ""),
    CAIRN_OPT_REAL(cairn_vocabulary_options, share, 1, 0, 1,
                   "share of the lines to train on, drawn by the seed", ""),
    CAIRN_OPT_BYTES(cairn_vocabulary_options, most_bytes, (double)(1 << 28),
                    "most bytes to train on: SentencePiece needs many times as much memory", ""),
    CAIRN_OPT_COUNT(cairn_vocabulary_options, seed, 0, 0, 4294967295.0, "draws the lines", ""),
    CAIRN_OPT_END,
};

cairn_vocabulary_options cairn_vocabulary_defaults(void)
{
    cairn_vocabulary_options options;
    cairn_options_defaults(cairn__vocabulary_table, &options);
    return options;
}

/* ---- sentences ------------------------------------------------------------------------------- */

enum { LONGEST = 4000 }; /* SentencePiece leaves out lines beyond 4192 bytes */

typedef struct sentences {
    FILE *file;
    const char *path;
    const cairn_vocabulary_options *options;
    uint64_t lines; /* seen */
    int64_t bytes;  /* written */
} sentences;

static bool write_piece(sentences *s, const char *line, size_t n, cairn_status *status)
{
    s->bytes += (int64_t)n + 1;
    if (s->bytes > s->options->most_bytes)
        return cairn__fail(status, CAIRN_ERR_MEMORY,
                           "vocabulary: more than --most-bytes %lld bytes to train on; a smaller "
                           "--share takes fewer lines",
                           (long long)s->options->most_bytes);
    if (fwrite(line, 1, n, s->file) != n || fputc('\n', s->file) == EOF)
        return cairn__fail_errno(status, s->path, "write");
    return true;
}

/* One line in pieces of whole characters. Bytes 0 end a piece: SentencePiece has no use for them.
 */
static bool write_line(sentences *s, const char *line, size_t n, cairn_status *status)
{
    float draw;
    uint32_t word[4];
    cairn_random_bits((uint64_t)s->options->seed, cairn_random_stream("vocabulary"), s->lines++,
                      word);
    draw = (float)(word[0] >> 8) / 16777216.0f;
    if ((double)draw >= s->options->share)
        return true;
    for (size_t length; n > 0; line += length, n -= length) {
        const char *zero = memchr(line, 0, n);
        length = zero ? (size_t)(zero - line) : n;
        if (length > LONGEST)
            length = cairn__utf8_prefix(line, LONGEST);
        if (length > 0 && !write_piece(s, line, length, status))
            return false;
        if (length == 0)
            length = 1;
    }
    return true;
}

static bool write_sentences(cairn_text *text, sentences *s, cairn_status *status)
{
    const char *bytes;
    size_t n;
    while (cairn_text_next(text, &bytes, &n, status))
        for (size_t length; n > 0; bytes += length, n -= length) {
            const char *end = memchr(bytes, '\n', n);
            length = end ? (size_t)(end - bytes) : n;
            if (!write_line(s, bytes, length, status))
                return false;
            length += end != NULL;
        }
    if (cairn_ok(status) && s->bytes == 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "vocabulary: the texts have no lines to train "
                           "on");
    return cairn_ok(status);
}

/* ---- the child ------------------------------------------------------------------------------- */

enum { ARGUMENTS = 24 };

/* PaLM's lossless settings: Chowdhery et al. 2022, section 2.2. */
static bool arguments(const cairn_vocabulary_options *o, cairn__arena *arena, char **list,
                      cairn_status *status)
{
    static const char *const fixed[] = {
        "spm_train",
        "--input=sentences.txt",
        "--model_prefix=vocabulary",
        "--byte_fallback=true",
        "--split_digits=true",
        "--normalization_rule_name=identity",
        "--add_dummy_prefix=false",
        "--remove_extra_whitespaces=false",
        "--allow_whitespace_only_pieces=true",
        "--num_threads=1",
        "--hard_vocab_limit=false",
        "--minloglevel=1",
    };
    int n = 0;
    for (size_t i = 0; i < CAIRN__COUNT(fixed); i++)
        list[n++] = cairn__arena_text(arena, status, "%s", fixed[i]);
    list[n++] = cairn__arena_text(arena, status, "--model_type=%s", kinds[o->kind]);
    list[n++] = cairn__arena_text(arena, status, "--vocab_size=%lld", (long long)o->size);
    list[n++] = cairn__arena_text(arena, status, "--character_coverage=%.6f", o->coverage);
    list[n++] = cairn__arena_text(arena, status, "--random_seed=%lld", (long long)o->seed);
    list[n] = NULL;
    return cairn_ok(status);
}

/* The last line that the child wrote, for the sentence. */
static void last_words(const char *path, char *line, size_t size)
{
    cairn__content log = {0};
    cairn_status ignored = CAIRN_STATUS_INIT;
    snprintf(line, size, "it says nothing");
    if (!cairn__read_file(path, 1 << 24, &log, &ignored))
        return;
    size_t end = log.size;
    while (end > 0 && log.data[end - 1] == '\n')
        end--;
    size_t start = end;
    while (start > 0 && log.data[start - 1] != '\n')
        start--;
    if (end > start)
        snprintf(line, size, "%.*s", (int)CAIRN__MIN(end - start, size - 1),
                 (const char *)log.data + start);
    cairn__content_free(&log);
}

static bool run_child(const cairn_vocabulary_options *o, const char *folder, cairn_status *status)
{
    cairn__arena arena = {0};
    char *list[ARGUMENTS], said[200];
    posix_spawn_file_actions_t actions;
    pid_t child;
    int ended = 0, error = ENOMEM;
    const char *log = cairn__arena_text(&arena, status, "%s/log.txt", folder);
    if (log && arguments(o, &arena, list, status) &&
        (error = posix_spawn_file_actions_init(&actions)) == 0) {
        posix_spawn_file_actions_addchdir_np(&actions, folder);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 1, "log.txt", O_WRONLY | O_CREAT, 0600);
        posix_spawn_file_actions_adddup2(&actions, 1, 2);
        error = posix_spawnp(&child, list[0], &actions, NULL, list, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    if (error)
        cairn__fail(status, error == ENOENT ? CAIRN_ERR_MISSING : CAIRN_ERR_FILE,
                    "spm_train cannot be started: %s (Debian has it in the package sentencepiece)",
                    strerror(error));
    while (!error && waitpid(child, &ended, 0) < 0 && errno == EINTR)
        ;
    if (!error && !(WIFEXITED(ended) && WEXITSTATUS(ended) == 0)) {
        last_words(log, said, sizeof said);
        cairn__fail(status, CAIRN_ERR_FORMAT, "spm_train ended with %s %d: %s",
                    WIFEXITED(ended) ? "status" : "signal",
                    WIFEXITED(ended) ? WEXITSTATUS(ended) : WTERMSIG(ended), said);
    }
    cairn__arena_free(&arena);
    return cairn_ok(status);
}

static bool in_folder(cairn_text *text, const cairn_vocabulary_options *o, const char *folder,
                      const char *path, cairn_status *status)
{
    char file[512];
    cairn__content model = {0};
    sentences s = {.path = folder, .options = o};
    snprintf(file, sizeof file, "%s/sentences.txt", folder);
    s.file = fopen(file, "w");
    if (!s.file)
        return cairn__fail_errno(status, file, "open");
    bool good = write_sentences(text, &s, status);
    if (fclose(s.file) != 0 && good)
        good = cairn__fail_errno(status, file, "write");
    snprintf(file, sizeof file, "%s/vocabulary.model", folder);
    if (good && run_child(o, folder, status) &&
        cairn__read_file(file, (size_t)1 << 28, &model, status)) {
        cairn_vocabulary *v = cairn_vocabulary_parse(CAIRN_VOCABULARY_SENTENCEPIECE, model.data,
                                                     model.size, path, status);
        cairn_vocabulary_free(v); /* what cannot be used is not written */
        if (v)
            cairn__write_file_atomically(path, &(cairn__bytes){model.data, model.size}, 1, status);
    }
    cairn__content_free(&model);
    return cairn_ok(status);
}

bool cairn_vocabulary_train(cairn_text *text, const cairn_vocabulary_options *options,
                            const char *path, cairn_status *status)
{
    static const char *const made[] = {"sentences.txt", "log.txt", "vocabulary.model",
                                       "vocabulary.vocab"};
    cairn_status local = CAIRN_STATUS_INIT;
    status = status ? status : &local;
    const cairn_vocabulary_options standard = cairn_vocabulary_defaults();
    options = options ? options : &standard;
    const char *base = getenv("TMPDIR");
    char folder[256], file[512];
    if (!cairn_ok(status) || !cairn__options_check(cairn__vocabulary_table, options, status))
        return false;
    snprintf(folder, sizeof folder, "%.200s/cairn-vocabulary-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder))
        return cairn__fail_errno(status, folder, "make");
    in_folder(text, options, folder, path, status);
    for (size_t i = 0; i < CAIRN__COUNT(made); i++) {
        snprintf(file, sizeof file, "%s/%s", folder, made[i]);
        unlink(file);
    }
    rmdir(folder);
    return cairn_ok(status);
}
