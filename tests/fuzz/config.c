/* Fuzz target: config.toml from memory. Options that are accepted must be in range, and written out
 * they must be read back; what is refused must leave them alone. */
#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "train/config.h"

typedef struct settings {
    double rate;
    int64_t count;
    bool flag;
    int colour;
    char name[CAIRN_TEXT_SIZE];
    cairn_span length;
} settings;

static const char *const colours[] = {"red", "green", NULL};

static const cairn_option table[] = {
    CAIRN_OPT_REAL(settings, rate, 0.5, 0, 10, "", ""),
    CAIRN_OPT_COUNT(settings, count, 3, 0, 100, "", ""),
    CAIRN_OPT_FLAG(settings, flag, true, "", ""),
    CAIRN_OPT_CHOICE(settings, colour, 1, colours, "", ""),
    CAIRN_OPT_TEXT(settings, name, "none", "", ""),
    CAIRN_OPT_SPAN(settings, length, "10ep", "", ""),
    CAIRN_OPT_END,
};

static void check_round_trip(const settings *s)
{
    settings again;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__text text = {.status = &status};
    const cairn_config_section sections[] = {{"model", table, s}, {NULL, NULL, NULL}};
    const cairn__config_target targets[] = {{"model", table, &again}, {NULL, NULL, NULL}};
    memset(&again, 0, sizeof again);
    cairn_options_defaults(table, &again);
    fuzz_check(cairn__config_text(&text, sections, &status));
    fuzz_check(cairn__config_parse(text.data, text.length, "again", targets, &status));
    fuzz_check(again.rate == s->rate && again.count == s->count && again.flag == s->flag &&
               again.colour == s->colour && strcmp(again.name, s->name) == 0 &&
               again.length.amount == s->length.amount && again.length.unit == s->length.unit);
    cairn__free(text.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    settings s, before;
    cairn_status status = CAIRN_STATUS_INIT;
    const cairn__config_target targets[] = {{"model", table, &s}, {NULL, NULL, NULL}};
    memset(&s, 0, sizeof s);
    cairn_options_defaults(table, &s);
    before = s;
    if (!cairn__config_parse((const char *)bytes, size, "fuzz", targets, &status)) {
        fuzz_check(status.code != CAIRN_OK && status.message[0]);
        fuzz_check(memcmp(&s, &before, sizeof s) == 0);
        return 0;
    }
    fuzz_check(s.rate >= 0 && s.rate <= 10 && s.count >= 0 && s.count <= 100);
    fuzz_check(s.colour >= 0 && s.colour < 2 && s.length.amount >= 0);
    check_round_trip(&s);
    return 0;
}
