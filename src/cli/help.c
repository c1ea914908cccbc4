/* Help in all its forms, made from the commands and the option tables: text, man page, completion,
 * reference page. */
#include <string.h>

#include "cli/cli.h"

/* "--learning-rate NUMBER", as typed. */
static void flag_text(const cairn_option *row, char *text, size_t size)
{
    static const char *const values[] = {"", " NUMBER", " N", "", " CHOICE", " TEXT", " PATH",
                                         " LENGTH", " SIZE"};
    char name[96];
    size_t i = 0;
    for (; row->name[i] && i < sizeof name - 1; i++)
        name[i] = row->name[i] == '_' ? '-' : row->name[i];
    name[i] = 0;
    if (row->kind == CAIRN_OPTION_FLAG)
        snprintf(text, size, row->standard != 0 ? "--no-%s" : "--%s", name);
    else
        snprintf(text, size, "--%s%s", name, values[row->kind]);
}

/* The default as text, in one line; choices follow in words. */
static void default_text(const cairn_option *row, char *text, size_t size)
{
    union {
        char room[CAIRN_TEXT_SIZE];
        double alignment;
    } value;
    cairn_option table[] = {*row, CAIRN_OPT_END};
    table[0].offset = 0;
    cairn_options_defaults(table, &value);
    cairn_option_text(&table[0], &value, text, size);
    if (strcmp(text, "\n") == 0)
        snprintf(text, size, "a new line");
}

static void print_row(FILE *out, const cairn_option *row)
{
    char flag[128], standard[CAIRN_TEXT_SIZE];
    flag_text(row, flag, sizeof flag);
    default_text(row, standard, sizeof standard);
    bool turns_off = row->kind == CAIRN_OPTION_FLAG && row->standard != 0;
    fprintf(out, "  %-30s %s%s", flag, turns_off ? "turns off: " : "", row->help);
    if (row->kind == CAIRN_OPTION_CHOICE) {
        fprintf(out, " (");
        for (int i = 0; row->choices[i]; i++)
            fprintf(out, "%s%s", i ? ", " : "", row->choices[i]);
        fprintf(out, ")");
    }
    if (row->kind != CAIRN_OPTION_FLAG && *standard)
        fprintf(out, " [%s]", standard);
    fprintf(out, "\n");
}

void cli_print_help(FILE *out)
{
    fprintf(out, "cairn: training methods for small, noisy, unlabelled or private data\n\n"
                 "usage: cairn COMMAND [ARGUMENTS] [OPTIONS]\n\ncommands:\n");
    for (const cli_command *const *c = cli_commands; *c; c++)
        fprintf(out, "  %-10s %s\n", (*c)->name, (*c)->summary);
    fprintf(out,
            "\n'cairn COMMAND --help' explains one, 'cairn train METHOD --help' a method with its "
            "options.\n'cairn --version' says what is built in.\n");
}

void cli_print_command(FILE *out, cli_call *call)
{
    const cli_command *c = call->command;
    fprintf(out, "usage: cairn %s%s%s [OPTIONS]\n\n%s\n", c->name, *c->arguments ? " " : "",
            c->arguments, c->summary);
    if (c->details)
        fprintf(out, "\n%s\n", c->details);
    for (const cli_section *s = call->sections; s->name; s++) {
        fprintf(out, "\n%s:\n", s->name);
        for (const cairn_option *row = s->table; row->kind; row++)
            print_row(out, row);
    }
    fprintf(out, "\noutput:\n  %-30s figures as JSON, one object a line\n"
                 "  %-30s no progress on standard error\n",
            "--json", "--quiet");
}

/* ---- all commands, each with the options of every method ------------------------------------- */

typedef void visit(FILE *out, cli_call *call, const char *title);

static void for_each_call(FILE *out, visit *visitor)
{
    for (const cli_command *const *c = cli_commands; *c; c++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cli_call call = {.command = *c};
        bool by_method = strncmp((*c)->arguments, "METHOD", 6) == 0;
        for (const cairn__method *const *m = cairn__methods; by_method && *m; m++) {
            char title[128];
            call = (cli_call){.command = *c, .words = 1, .word = {(*m)->name}};
            snprintf(title, sizeof title, "%s %s", (*c)->name, (*m)->name);
            if (!(*c)->options || (*c)->options(&call, &status))
                visitor(out, &call, title);
        }
        if (!by_method && (!(*c)->options || (*c)->options(&call, &status)))
            visitor(out, &call, (*c)->name);
    }
}

static void man_escape(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '-' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void man_call(FILE *out, cli_call *call, const char *title)
{
    fprintf(out, ".SS \"cairn %s %s\"\n", title,
            strncmp(call->command->arguments, "METHOD", 6) ? call->command->arguments : "");
    man_escape(out, call->command->summary);
    fprintf(out, ".\n");
    for (const cli_section *s = call->sections; s->name; s++)
        for (const cairn_option *row = s->table; row->kind; row++) {
            char flag[128];
            flag_text(row, flag, sizeof flag);
            fprintf(out, ".TP\n.B ");
            man_escape(out, flag);
            fprintf(out, "\n");
            man_escape(out, row->help);
            fprintf(out, "\n");
        }
}

void cli_print_man(FILE *out)
{
    fprintf(out,
            ".TH CAIRN 1 \"\" \"cairn %s\"\n.SH NAME\ncairn \\- training methods for small, noisy, "
            "unlabelled or private data\n.SH SYNOPSIS\n.B cairn\n.I COMMAND\n[\\fIARGUMENTS\\fR] "
            "[\\fIOPTIONS\\fR]\n.SH COMMANDS\n",
            cairn_version());
    for_each_call(out, man_call);
    fprintf(out,
            ".SH \"EXIT STATUS\"\n0 done; 1 the answer is no (a claim fails); 2 wrong input or "
            "usage; 130 interrupted, checkpoint written.\n"
            ".SH ENVIRONMENT\n.TP\n.B CAIRN_ISA\nbaseline, avx2 or avx512: the best instruction "
            "set to use\n.TP\n.B NO_COLOR\nhonoured: there are no colours\n");
}

static void completion_call(FILE *out, cli_call *call, const char *title)
{
    fprintf(out, "        \"%s\") words=\"--json --quiet --help", title);
    for (const cli_section *s = call->sections; s->name; s++)
        for (const cairn_option *row = s->table; row->kind; row++) {
            char flag[128];
            flag_text(row, flag, sizeof flag);
            fprintf(out, " %.*s", (int)strcspn(flag, " "), flag);
        }
    fprintf(out, "\" ;;\n");
}

void cli_print_completion(FILE *out)
{
    fprintf(out, "# bash completion for cairn, made by 'cairn help completion'\n_cairn()\n{\n"
                 "    local word=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n"
                 "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"");
    for (const cli_command *const *c = cli_commands; *c; c++)
        fprintf(out, "%s ", (*c)->name);
    fprintf(out, "--version --help\"\n        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                 "        return\n    fi\n    case \"$word\" in\n    -*)\n"
                 "        case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n");
    for_each_call(out, completion_call);
    fprintf(out, "        esac\n        [ -n \"$words\" ] || case \"${COMP_WORDS[1]}\" in\n");
    for_each_call(out, completion_call);
    fprintf(out, "        esac\n        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                 "        return ;;\n    esac\n    if [ \"$COMP_CWORD\" -eq 2 ]; then\n"
                 "        case \"${COMP_WORDS[1]}\" in train | reproduce) words=\"");
    for (const cairn__method *const *m = cairn__methods; *m; m++)
        fprintf(out, "%s ", (*m)->name);
    fprintf(out, "\" ;; esac\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -f -- \"$word\"))\n}\n"
                 "complete -F _cairn cairn\n");
}

static void reference_call(FILE *out, cli_call *call, const char *title)
{
    char flag[128], standard[CAIRN_TEXT_SIZE];
    fprintf(out, "\n## cairn %s\n\n%s.\n", title, call->command->summary);
    for (const cli_section *s = call->sections; s->name; s++) {
        fprintf(out, "\n| %s | default | meaning | source |\n| --- | --- | --- | --- |\n", s->name);
        for (const cairn_option *row = s->table; row->kind; row++) {
            flag_text(row, flag, sizeof flag);
            default_text(row, standard, sizeof standard);
            fprintf(out, "| `%s` | %s | %s | %s |\n", flag, standard, row->help, row->source);
        }
    }
}

void cli_print_reference(FILE *out)
{
    fprintf(out,
            "# Commands and options\n\nMade by `cairn help reference` from the option tables.\n");
    for_each_call(out, reference_call);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool run(cli_call *call, cairn_status *status)
{
    static const struct {
        const char *word;
        void (*print)(FILE *out);
    } forms[] = {{"man", cli_print_man}, {"completion", cli_print_completion},
                 {"reference", cli_print_reference}};
    if (call->words == 0) {
        cli_print_help(stdout);
        return true;
    }
    for (size_t i = 0; i < CAIRN__COUNT(forms); i++) {
        if (strcmp(call->word[0], forms[i].word) == 0) {
            forms[i].print(stdout);
            return true;
        }
    }
    for (const cli_command *const *c = cli_commands; *c; c++) {
        if (strcmp((*c)->name, call->word[0]) == 0) {
            cli_call other = {.command = *c, .words = call->words - 1, .word = {call->word[1]}};
            if ((*c)->options && !(*c)->options(&other, status))
                return false;
            cli_print_command(stdout, &other);
            return true;
        }
    }
    return cairn__fail(status, CAIRN_ERR_NAME, "no help on '%s'", call->word[0]);
}

const cli_command cli_help = {
    .name = "help",
    .arguments = "[COMMAND [METHOD] | man | completion | reference]",
    .summary = "explains a command, or prints man page, bash completion or reference page",
    .most = 2,
    .run = run,
};
