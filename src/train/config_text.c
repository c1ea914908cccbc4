/* config.toml, written. */
#include <string.h>

#include "data/json.h"
#include "train/config.h"

void cairn__config_head(cairn__text *out, const char *instructions)
{
    cairn__text_add(out, "# Every option of this run, resolved. Cairn %s with %s", cairn_version(),
                    instructions);
    for (const char *const *feature = cairn_features(); *feature; feature++)
        cairn__text_add(out, ", %s", *feature);
    cairn__text_add(out, ".\n");
}

/* A basic string: quote, backslash and control characters are escaped, everything else stays. */
static void add_string(cairn__text *out, const char *text)
{
    cairn__text_add(out, "\"");
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            cairn__text_add(out, "\\%c", *c);
        else if ((unsigned char)*c < 0x20 || *c == 0x7F)
            cairn__text_add(out, "\\u%04X", (unsigned)*c);
        else
            cairn__text_add_bytes(out, c, 1);
    }
    cairn__text_add(out, "\"");
}

static bool add_value(cairn__text *out, const char *section, const cairn_option *row,
                      const void *options, cairn_status *status)
{
    char text[CAIRN_TEXT_SIZE];
    cairn_option_text(row, options, text, sizeof text);
    switch (row->kind) {
    case CAIRN_OPTION_REAL:
        /* "2" would be an integer in TOML, and "-0" would lose its sign as one. */
        cairn__text_add(out, "%s%s", text, text[strspn(text, "-0123456789")] ? "" : ".0");
        return true;
    case CAIRN_OPTION_COUNT:
    case CAIRN_OPTION_FLAG: cairn__text_add(out, "%s", text); return true;
    case CAIRN_OPTION_CHOICE:
    case CAIRN_OPTION_TEXT:
    case CAIRN_OPTION_PATH:
    case CAIRN_OPTION_BYTES:
    case CAIRN_OPTION_SPAN: break;
    case CAIRN_OPTION_END: return true;
    }
    if (cairn__utf8_prefix(text, strlen(text)) != strlen(text))
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "[%s] %s: the text is not UTF-8, which config.toml cannot hold", section,
                           row->name);
    add_string(out, text);
    return true;
}

bool cairn__config_text(cairn__text *out, const cairn_config_section *sections,
                        cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    for (const cairn_config_section *s = sections; s->name; s++) {
        cairn__text_add(out, "\n[%s]\n", s->name);
        for (const cairn_option *row = s->table; row->kind; row++) {
            cairn__text_add(out, "# %s%s%s\n%s = ", row->help, *row->source ? "; " : "",
                            row->source, row->name);
            if (!add_value(out, s->name, row, s->options, status))
                return false;
            cairn__text_add(out, "\n");
        }
    }
    return !out->failed;
}
