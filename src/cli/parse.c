/* Command lines. Every option comes from a table: there is no second list. */
#include <string.h>

#include "cli/cli.h"

bool cli_add_section(cli_call *call, const char *name, const cairn_option *table, void *options)
{
    int n = 0;
    while (n < CLI_SECTIONS - 1 && call->sections[n].name)
        n++;
    if (n == CLI_SECTIONS - 1)
        return false;
    call->sections[n] = (cli_section){name, table, options};
    return true;
}

static const cli_section *find(const cli_call *call, const char *name, const cairn_option **row)
{
    for (const cli_section *s = call->sections; s->name; s++)
        if ((*row = cairn_option_find(s->table, name)))
            return s;
    return NULL;
}

static bool unknown(const cli_call *call, const char *name, cairn_status *status)
{
    const char *names[512];
    size_t n = 0;
    for (const cli_section *s = call->sections; s->name; s++)
        for (const cairn_option *row = s->table; row->kind && n < CAIRN__COUNT(names) - 2; row++)
            names[n++] = row->name;
    names[n++] = "json";
    names[n++] = "quiet";
    /* Names in tables have '_' where flags have '-'. */
    char plain[128], shown[128] = "";
    size_t i = 0;
    for (; name[i] && i < sizeof plain - 1; i++)
        plain[i] = name[i] == '-' ? '_' : name[i];
    plain[i] = 0;
    const char *nearest = cairn__nearest(plain, names, n);
    for (i = 0; nearest && nearest[i] && i < sizeof shown - 1; i++)
        shown[i] = nearest[i] == '_' ? '-' : nearest[i];
    if (nearest)
        return cairn__fail(status, CAIRN_ERR_NAME, "unknown option '--%s'; did you mean '--%s'?",
                           name, shown);
    return cairn__fail(status, CAIRN_ERR_NAME,
                       "unknown option '--%s'; 'cairn %s --help' lists them", name,
                       call->command->name);
}

/* One option; `next` is the argument behind it, or NULL. Sets *used when that was its value. */
static bool read_option(cli_call *call, const char *text, const char *next, bool *used,
                        cairn_status *status)
{
    const char *equals = strchr(text, '=');
    char name[128];
    size_t length = equals ? (size_t)(equals - text) : strlen(text);
    const cairn_option *row;
    if (length >= sizeof name)
        return cairn__fail(status, CAIRN_ERR_NAME, "unknown option '--%.60s...'", text);
    memcpy(name, text, length);
    name[length] = 0;
    if (!equals && (strcmp(name, "json") == 0 || strcmp(name, "quiet") == 0)) {
        *(name[0] == 'j' ? &call->json : &call->quiet) = true;
        return true;
    }
    const cli_section *s = find(call, name, &row);
    if (s && row->kind == CAIRN_OPTION_FLAG && !equals)
        return cairn_options_set(s->table, s->options, name, "true", status);
    if (!s && strncmp(name, "no-", 3) == 0 && !equals) {
        s = find(call, name + 3, &row);
        if (s && row->kind == CAIRN_OPTION_FLAG)
            return cairn_options_set(s->table, s->options, name + 3, "false", status);
        s = NULL;
    }
    if (!s)
        return unknown(call, name, status);
    if (!equals && !next)
        return cairn__fail(status, CAIRN_ERR_VALUE, "--%s: a value is missing (%s)", name,
                           row->help);
    *used = !equals;
    return cairn_options_set(s->table, s->options, name, equals ? equals + 1 : next, status);
}

static bool read_word(cli_call *call, const char *word, cairn_status *status)
{
    if (call->words >= call->command->most || call->words >= CLI_WORDS)
        return cairn__fail(status, CAIRN_ERR_VALUE, "unexpected '%s'; usage: cairn %s %s", word,
                           call->command->name, call->command->arguments);
    call->word[call->words++] = word;
    return true;
}

bool cli_parse(cli_call *call, int count, char **arguments, cairn_status *status)
{
    bool ready = !call->command->options;
    call->count = count;
    call->arguments = arguments;
    for (int i = 0; i < count; i++) {
        const char *argument = arguments[i];
        bool option = strncmp(argument, "--", 2) == 0 && argument[2], used = false;
        /* The words before the first option decide which options there are. */
        if (option && !ready) {
            if (!call->command->options(call, status))
                return false;
            ready = true;
        }
        if (option ? !read_option(call, argument + 2, i + 1 < count ? arguments[i + 1] : NULL,
                                  &used, status)
                   : !read_word(call, argument, status))
            return false;
        i += used;
    }
    if (!ready && !call->command->options(call, status))
        return false;
    if (call->words < call->command->least)
        return cairn__fail(status, CAIRN_ERR_VALUE, "usage: cairn %s %s", call->command->name,
                           call->command->arguments);
    return true;
}

bool cli_parse_again(cli_call *call, cairn_status *status)
{
    for (int i = 0; i < call->count; i++) {
        const char *argument = call->arguments[i];
        bool used = false;
        if (strncmp(argument, "--", 2) == 0 &&
            !read_option(call, argument + 2, i + 1 < call->count ? call->arguments[i + 1] : NULL,
                         &used, status))
            return false;
        i += used;
    }
    return true;
}
