/* A method with its options and its data: see session.h. */
#include "cli/session.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "data/data.h"
#include "train/config.h"

/* config.toml says which method wrote it. */
typedef struct run_section {
    char method[CAIRN_TEXT_SIZE];
} run_section;

static const cairn_option run_table[] = {
    CAIRN_OPT_TEXT(run_section, method, "", "the method of this run", ""),
    CAIRN_OPT_END,
};

bool session_init(session *s, const char *method, cairn_status *status)
{
    s->method = cairn__method_find(method, status);
    if (!s->method)
        return false;
    if (s->method->options_size > sizeof s->options)
        return cairn__fail(status, CAIRN_ERR_STATE, "%s: %zu bytes of options, room for %zu",
                           method, s->method->options_size, sizeof s->options);
    for (const cairn__method_section *m = s->method->sections; m->name; m++)
        cairn_options_defaults(m->table, s->options.bytes + m->offset);
    s->data = cairn_data_defaults();
    s->noise = cairn_noise_defaults();
    s->train = cairn_train_defaults();
    if (s->method->train_defaults)
        s->method->train_defaults(&s->train);
    return true;
}

bool session_sections(session *s, cli_call *call)
{
    for (const cairn__method_section *m = s->method->sections; m->name; m++)
        if (!cli_add_section(call, m->name, m->table, s->options.bytes + m->offset))
            return false;
    return cli_add_section(call, "data", cairn__data_table, &s->data) &&
           cli_add_section(call, "noise", cairn__noise_table, &s->noise) &&
           cli_add_section(call, "train", cairn_train_table, &s->train);
}

bool session_set(session *s, const char *name, const char *value, cairn_status *status)
{
    cli_call call = {.words = 0};
    session_sections(s, &call);
    for (const cli_section *section = call.sections; section->name; section++)
        if (cairn_option_find(section->table, name))
            return cairn_options_set(section->table, section->options, name, value, status);
    return cairn__fail(status, CAIRN_ERR_NAME, "unknown option '%s' of %s", name, s->method->name);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static bool is_shard(const char *path)
{
    char head[8] = "";
    FILE *file = fopen(path, "rb");
    bool good = file && fread(head, 1, sizeof head, file) == sizeof head;
    if (file)
        fclose(file);
    return good && memcmp(head, "CAIRNTOK", sizeof head) == 0;
}

static bool encode_text(const char *text, const char *shard, cairn_status *status)
{
    cairn_text *documents = cairn_text_open(text, NULL, status);
    cairn_token_writer *w = cairn_tokens_create(shard, CAIRN_BYTE_VOCABULARY, 0, status);
    bool good = documents && w &&
                cairn_tokens_encode(documents, cairn_encode_bytes, NULL, w, status) >= 0 &&
                cairn_tokens_finish(w, status);
    cairn_token_writer_free(w);
    cairn_text_free(documents);
    return good;
}

/* A shard of a text's bytes. Its file is gone at once: an open shard is mapped. */
static cairn_tokens *bytes_of(const char *text, cairn_status *status)
{
    const char *folder = getenv("TMPDIR");
    char directory[CAIRN_TEXT_SIZE], shard[CAIRN_TEXT_SIZE + 16];
    snprintf(directory, sizeof directory, "%s/cairn-XXXXXX", folder && *folder ? folder : "/tmp");
    if (!mkdtemp(directory)) {
        cairn__fail_errno(status, directory, "make");
        return NULL;
    }
    snprintf(shard, sizeof shard, "%s/tokens", directory);
    cairn_tokens *tokens =
        encode_text(text, shard, status) ? cairn_tokens_open(shard, status) : NULL;
    unlink(shard);
    rmdir(directory);
    return tokens;
}

cairn_dataset *session_source(session *s, cairn_status *status)
{
    if (!s->method->context)
        return session_data(s, status);
    if (!*s->data.data)
        cairn__fail(status, CAIRN_ERR_VALUE,
                    "--data is missing: a shard of tokens, a text, or a folder of texts");
    else if (!s->method->check || s->method->check(s->options.bytes, NULL, status))
        s->shard = is_shard(s->data.data) ? cairn_tokens_open(s->data.data, status)
                                          : bytes_of(s->data.data, status);
    return NULL;
}

void session_close(session *s)
{
    cairn_tokens_free(s->shard);
    s->shard = NULL;
}

const cairn_token_data *session_tokens(const session *s, cairn_token_data *room)
{
    if (!s->shard)
        return NULL;
    *room = (cairn_token_data){.shards = (const cairn_tokens *const *)&s->shard,
                               .n = 1,
                               .length = s->method->context(s->options.bytes),
                               .test_fraction = s->data.test_fraction,
                               .limit = s->data.limit};
    return room;
}

/* ---- data sets ------------------------------------------------------------------------------- */

cairn_dataset *session_data(session *s, cairn_status *status)
{
    if (s->method->context) {
        cairn__fail(status, CAIRN_ERR_VALUE, "%s learns from tokens; this works on data sets",
                    s->method->name);
        return NULL;
    }
    static const char standard[] = "/usr/share/datasets/fashion-mnist";
    if (!*s->data.data && access(standard, R_OK) == 0)
        snprintf(s->data.data, sizeof s->data.data, "%s", standard);
    if (!*s->data.data) {
        cairn__fail(status, CAIRN_ERR_VALUE,
                    "--data is missing: a directory of IDX files, or a CSV "
                    "file (Debian's package dataset-fashion-mnist is used "
                    "where it is installed)");
        return NULL;
    }
    cairn_dataset *data = s->method->open ? s->method->open(s->options.bytes, &s->data, status)
                                          : cairn_dataset_open(s->data.data, &s->data, status);
    if (data && !cairn__dataset_add_noise(data, &s->noise, status)) {
        cairn_dataset_free(data);
        return NULL;
    }
    if (data && s->method->check && !s->method->check(s->options.bytes, data, status)) {
        cairn_dataset_free(data);
        return NULL;
    }
    return data;
}

/* All but [train], which a trainer writes itself. Returns how many. */
static int add_sections(const session *s, cairn_config_section *sections)
{
    static run_section head;
    int n = 0;
    snprintf(head.method, sizeof head.method, "%s", s->method->name);
    sections[n++] = (cairn_config_section){"run", run_table, &head};
    for (const cairn__method_section *m = s->method->sections; m->name; m++)
        sections[n++] = (cairn_config_section){m->name, m->table, s->options.bytes + m->offset};
    sections[n++] = (cairn_config_section){"data", cairn__data_table, &s->data};
    sections[n++] = (cairn_config_section){"noise", cairn__noise_table, &s->noise};
    sections[n] = (cairn_config_section){NULL, NULL, NULL};
    return n;
}

void session_config_sections(const session *s, cairn_config_section *sections)
{
    int n = add_sections(s, sections);
    sections[n++] = (cairn_config_section){"train", cairn_train_table, &s->train};
    sections[n] = (cairn_config_section){NULL, NULL, NULL};
}

cairn_trainer *session_trainer(const session *s, const cairn_dataset *data, const char *directory,
                               const char *title, bool resume, cairn_config_section *sections,
                               cairn_status *status)
{
    cairn_problem problem;
    add_sections(s, sections);
    s->method->problem(s->options.bytes, &problem);
    cairn_token_data tokens;
    cairn_train_setup setup = {.problem = &problem,
                               .data = data,
                               .tokens = session_tokens(s, &tokens),
                               .options = &s->train,
                               .directory = directory,
                               .resume = resume,
                               .sections = sections,
                               .title = title};
    return cairn_trainer_new(&setup, status);
}

/* ---- what is trained before a run ------------------------------------------------------------ */

static void show_stage(void *user, double done, const char *what)
{
    cli_progress(user, "%3.0f %%  %.100s", 100 * done, what);
}

void *session_preparation_open(const session *s, const cairn_dataset *data, const char *directory,
                               const cli_call *call, bool whole, cairn__preparation_setup *setup,
                               cairn_status *status)
{
    if (!s->method->preparation || !cairn_ok(status))
        return NULL;
    *setup = (cairn__preparation_setup){.options = s->options.bytes,
                                        .data = data,
                                        .data_options = &s->data,
                                        .train = &s->train,
                                        .directory = directory,
                                        .progress = show_stage,
                                        .user = (void *)call,
                                        .stop = &cli_interrupted,
                                        .whole = whole};
    return s->method->preparation->open(setup, status);
}

bool session_preparation_run(const session *s, void *stages, cairn_trainer *trainer,
                             const cli_call *call, const char *directory, bool *enough,
                             cairn_status *status)
{
    char what[CAIRN_TEXT_SIZE] = "";
    cairn_status kept = CAIRN_STATUS_INIT;
    if (!stages)
        return cairn_ok(status);
    bool good = trainer && s->method->preparation->run(stages, trainer, enough, what, status);
    cli_progress_end(call);
    s->method->preparation->free(stages);
    if (good && *enough && !call->json)
        printf("%s\n", what);
    /* So that the run can be resumed, it needs a checkpoint: that of step 0. */
    if (trainer && (*enough || (status && status->code == CAIRN_ERR_INTERRUPTED)))
        cairn_trainer_interrupt(trainer, &kept);
    if (status && status->code == CAIRN_ERR_INTERRUPTED)
        snprintf(status->message, sizeof status->message,
                 "interrupted; 'cairn resume %.400s' goes on", directory);
    return good && (cairn_ok(&kept) || cairn__fail(status, kept.code, "%s", kept.message));
}

bool session_read_config(session *s, const char *path, cairn_status *status)
{
    cairn__config_target targets[CLI_SECTIONS];
    run_section head;
    int n = 0;
    targets[n++] = (cairn__config_target){"run", run_table, &head};
    for (const cairn__method_section *m = s->method->sections; m->name; m++)
        targets[n++] = (cairn__config_target){m->name, m->table, s->options.bytes + m->offset};
    targets[n++] = (cairn__config_target){"data", cairn__data_table, &s->data};
    targets[n++] = (cairn__config_target){"noise", cairn__noise_table, &s->noise};
    targets[n++] = (cairn__config_target){"train", cairn_train_table, &s->train};
    targets[n] = (cairn__config_target){NULL, NULL, NULL};
    return cairn__config_read(path, targets, status);
}

bool session_read(session *s, const char *directory, cairn_status *status)
{
    char path[CAIRN_TEXT_SIZE + 32], method[CAIRN_TEXT_SIZE];
    snprintf(path, sizeof path, "%s/config.toml", directory);
    return cairn__config_peek(path, "run", "method", method, status) &&
           session_init(s, method, status) && session_read_config(s, path, status);
}

void session_default_directory(const char *method, char text[CAIRN_TEXT_SIZE])
{
    time_t now = time(NULL);
    struct tm parts;
    char stamp[32];
    localtime_r(&now, &parts);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &parts);
    snprintf(text, CAIRN_TEXT_SIZE, "runs/%s-%s", method, stamp);
}
