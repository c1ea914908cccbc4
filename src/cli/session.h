/* What train, resume, eval and reproduce share: a method with its options, its data, and the loop
 * around a trainer. */
#ifndef CAIRN_SRC_CLI_SESSION_H
#define CAIRN_SRC_CLI_SESSION_H

#include "cli/cli.h"

enum { SESSION_OPTIONS = 16384 };

/* One method with all options of a run. */
typedef struct session {
    const cairn__method *method;
    union {
        char bytes[SESSION_OPTIONS];
        double alignment;
    } options; /* the method's struct */
    cairn_data_options data;
    cairn_noise_options noise;
    cairn_train_options train;
    cairn_tokens *shard; /* of a method that learns from tokens, once session_source() opened it */
} session;

/* Fills a session with a method's defaults. Errors: CAIRN_ERR_NAME for an unknown method. */
bool session_init(session *s, const char *method, cairn_status *status);

/* Adds the session's sections to a call: the method's, "data", "noise" and "train". */
bool session_sections(session *s, cli_call *call);

/* Sets one option, whichever section it is in. */
bool session_set(session *s, const char *name, const char *value, cairn_status *status);

/* Opens the data of the session, makes labels wrong where asked to, and lets the method check its
 * options against it. Without --data
 * the place of Debian's data sets is tried. The caller frees the data set. */
cairn_dataset *session_data(session *s, cairn_status *status);

/* The same for methods of both kinds. For one that learns from tokens the shard of the session is
 * opened, and NULL returned; --data is a shard, or a text or folder of texts, whose bytes are the
 * tokens then. session_close() also after an error. */
cairn_dataset *session_source(session *s, cairn_status *status);
void session_close(session *s);

/* The tokens of the session, for the method's options, or NULL: shards is borrowed from it. */
const cairn_token_data *session_tokens(const session *s, cairn_token_data *room);

/* A trainer for the session in `directory`; `title` names it. `sections` must have room for
 * CLI_SECTIONS and live as long as the trainer. */
cairn_trainer *session_trainer(const session *s, const cairn_dataset *data, const char *directory,
                               const char *title, bool resume, cairn_config_section *sections,
                               cairn_status *status);

/* Everything that config.toml holds of a session, [train] too. `sections` must have room for
 * CLI_SECTIONS; they point into the session. */
void session_config_sections(const session *s, cairn_config_section *sections);

/* What the method trains before the run's first step (method.h). Opened before the run's directory
 * is made, so that a mistake leaves nothing; run once there is a trainer, unless it has made steps.
 * whole: to the end, whatever the options say. `setup` is filled and must live as long as the
 * result. NULL without an error: there is nothing. */
void *session_preparation_open(const session *s, const cairn_dataset *data, const char *directory,
                               const cli_call *call, bool whole,
                               cairn__preparation_setup *setup, cairn_status *status);

/* *enough: what was asked for is done, and the run itself is not wanted. Frees `before`. */
bool session_preparation_run(const session *s, void *before, cairn_trainer *trainer,
                             const cli_call *call, const char *directory, bool *enough,
                             cairn_status *status);

/* Reads a file of options into the session: a run's config.toml, or what --save-config wrote. */
bool session_read_config(session *s, const char *path, cairn_status *status);

/* Reads config.toml of a run: the method first, then its options. */
bool session_read(session *s, const char *directory, cairn_status *status);

/* "runs/locoprop-20260131-120000" in `text`. */
void session_default_directory(const char *method, char text[CAIRN_TEXT_SIZE]);

#endif
