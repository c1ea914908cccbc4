/* The program: finds the command, reads its options, runs it, and turns an error into a sentence
 * and an exit status (0 done, 1 the answer is no, 2 wrong input or usage, 130 interrupted). */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "data/sound.h"

const cli_command *const cli_commands[] = {
#define CLI_COMMAND(name) &cli_##name,
#include "cli/commands.def"
#undef CLI_COMMAND
    NULL,
};

volatile int cli_interrupted;

static void note_interrupt(int signal)
{
    (void)signal;
    /* The second one ends the program at once. */
    if (cli_interrupted++)
        _exit(130);
}

void cli_catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = note_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void print_message(cairn_log_level level, const char *message, void *user)
{
    (void)user;
    if (level >= CAIRN_LOG_WARNING)
        fprintf(stderr, "cairn: warning: %s\n", message);
}

static const cli_command *find_command(const char *name, cairn_status *status)
{
    const char *names[64];
    size_t n = 0;
    for (; cli_commands[n] && n < CAIRN__COUNT(names); n++) {
        if (strcmp(cli_commands[n]->name, name) == 0)
            return cli_commands[n];
        names[n] = cli_commands[n]->name;
    }
    const char *nearest = cairn__nearest(name, names, n);
    cairn__fail(status, CAIRN_ERR_NAME, "unknown command '%s'%s%s%s; 'cairn help' lists them", name,
                nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return NULL;
}

static void print_version(void)
{
    const char *const *features = cairn_features();
    printf("cairn %s\nwith:", cairn_version());
    for (int i = 0; features[i]; i++)
        printf("%s %s", i ? "," : "", features[i]);
    printf("%s\n", features[0] ? "" : " no optional parts");
}

static bool wants_help(int count, char **arguments)
{
    for (int i = 0; i < count; i++)
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0)
            return true;
    return false;
}

/* Help with the options of the method that was named, if one was. */
static bool help(cli_call *call, int count, char **arguments, cairn_status *status)
{
    for (int i = 0; i < count && call->words < 1; i++)
        if (arguments[i][0] != '-')
            call->word[call->words++] = arguments[i];
    if (call->command->options && !call->command->options(call, status))
        return false;
    cli_print_command(stdout, call);
    return true;
}

int main(int count, char **arguments)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_log_set_handler(print_message, NULL);
    cairn__ffmpeg_quiet();
    if (count < 2 || strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-h") == 0) {
        cli_print_help(stdout);
        return 0;
    }
    if (strcmp(arguments[1], "--version") == 0) {
        print_version();
        return 0;
    }
    cli_call call = {.command = find_command(arguments[1], &status)};
    if (call.command) {
        if (wants_help(count - 2, arguments + 2))
            help(&call, count - 2, arguments + 2, &status);
        else if (cli_parse(&call, count - 2, arguments + 2, &status))
            call.command->run(&call, &status);
    }
    if (status.code == CAIRN_OK && (fflush(stdout) || ferror(stdout)))
        cairn__fail(&status, CAIRN_ERR_FILE, "standard output: cannot be written");
    if (status.code != CAIRN_OK)
        fprintf(stderr, "cairn: %s\n", status.message);
    return cairn_code_exit(status.code);
}
