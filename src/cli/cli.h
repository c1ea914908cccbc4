/* The program's own frame: a command is one file with one record.
 *
 * Help, completion and the man page are made from the records and the option tables they name. */
#ifndef CAIRN_SRC_CLI_H
#define CAIRN_SRC_CLI_H

#include <stdio.h>

#include "base/base.h"
#include "methods/method.h"

/* Options that several tables give, read from one command line. */
typedef struct cli_section {
    const char *name; /* heading in the help, [name] in configuration files */
    const cairn_option *table;
    void *options;
} cli_section;

enum { CLI_SECTIONS = 12, CLI_WORDS = 64 };

typedef struct cli_call {
    const struct cli_command *command;
    int words; /* arguments that are no options */
    const char *word[CLI_WORDS];
    cli_section sections[CLI_SECTIONS]; /* ended by a NULL name */
    bool json, quiet;
    int count; /* the command line behind the command, for cli_parse_again() */
    char **arguments;
} cli_call;

typedef struct cli_command {
    const char *name;
    const char *arguments; /* "METHOD [PATH]" */
    const char *summary;
    const char *details; /* paragraphs for the help, or NULL */
    int least, most;     /* words it takes */

    /* Adds the sections of options; the first word of a call may decide about them (a method).
     * NULL: the command has no options but --json and --quiet. false with an error. */
    bool (*options)(cli_call *call, cairn_status *status);

    /* Does the work and returns true, or false with an error. */
    bool (*run)(cli_call *call, cairn_status *status);
} cli_command;

#define CLI_COMMAND(name) extern const cli_command cli_##name;
#include "cli/commands.def"
#undef CLI_COMMAND

extern const cli_command *const cli_commands[]; /* NULL-terminated */

/* ---- reading a command line ------------------------------------------------------------------ */

/* Adds a section with its defaults. false when there are too many, which is our fault. */
bool cli_add_section(cli_call *call, const char *name, const cairn_option *table, void *options);

/* Reads words and options: `--name value`, `--name=value`, `--flag`, `--no-flag`. */
bool cli_parse(cli_call *call, int count, char **arguments, cairn_status *status);

/* Reads the options once more, over values that came from a file. */
bool cli_parse_again(cli_call *call, cairn_status *status);

/* ---- help ------------------------------------------------------------------------------------ */

void cli_print_help(FILE *out);
void cli_print_command(FILE *out, cli_call *call);
void cli_print_man(FILE *out);        /* the man page, in troff */
void cli_print_completion(FILE *out); /* a bash completion script */
void cli_print_reference(FILE *out);  /* the reference page, in Markdown */

/* ---- talking to people ----------------------------------------------------------------------- */

/* A line of progress on standard error: rewritten in place at most ten times a second on a
 * terminal, otherwise a plain line at the first calls and then once a minute. Nothing when
 * quiet. */
void cli_progress(const cli_call *call, const char *format, ...) CAIRN_PRINTF(2, 3);
void cli_progress_end(const cli_call *call);

/* "2 min 5 s" in a buffer that lives until the fourth next call. */
const char *cli_duration(double seconds);

/* Set by Ctrl-C from the moment of the first call to cli_catch_interrupts(). */
extern volatile int cli_interrupted;
void cli_catch_interrupts(void);

/* ---- JSON ------------------------------------------------------------------------------------ */

/* One object of figures on one line of standard output: pairs of name and value, of which texts are
 * written with quotes. */
void cli_json_text(cairn__text *out, const char *name, const char *value);
void cli_json_number(cairn__text *out, const char *name, double value);
void cli_json_end(cairn__text *out);

#endif
