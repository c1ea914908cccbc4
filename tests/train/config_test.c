/* config.toml: what is written is read back, and what is wrong is pointed at. */
#include <stdlib.h>

#include "test.h"
#include "train/config.h"

typedef struct settings {
    double rate;
    int64_t count;
    bool flag;
    int colour;
    char name[CAIRN_TEXT_SIZE], file[CAIRN_TEXT_SIZE];
    cairn_span length;
} settings;

static const char *const colours[] = {"red", "dark_green", "blue", NULL};

static const cairn_option table[] = {
    CAIRN_OPT_REAL(settings, rate, 0.1, -INFINITY, INFINITY, "step size", "eq. 1"),
    CAIRN_OPT_COUNT(settings, count, 3, -1e15, 1e15, "how many", ""),
    CAIRN_OPT_FLAG(settings, flag, true, "whether", ""),
    CAIRN_OPT_CHOICE(settings, colour, 1, colours, "which", ""),
    CAIRN_OPT_TEXT(settings, name, "none", "what to call it", ""),
    CAIRN_OPT_PATH(settings, file, "", "where it lies", ""),
    CAIRN_OPT_SPAN(settings, length, "10ep", "how long", ""),
    CAIRN_OPT_END,
};

static bool parse(const char *text, settings *s, cairn_status *status)
{
    const cairn__config_target targets[] = {{"model", table, s}, {NULL, NULL, NULL}};
    return cairn__config_parse(text, strlen(text), "f.toml", targets, status);
}

TEST(the_text_of_a_config)
{
    settings s;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__text text = {.status = &status};
    const cairn_config_section sections[] = {{"model", table, &s}, {NULL, NULL, NULL}};
    cairn_options_defaults(table, &s);
    snprintf(s.name, sizeof s.name, "a \"quote\"\n");
    CHECK(cairn__config_text(&text, sections, &status));
    CHECK_TEXT(text.data, "\n[model]\n"
                          "# step size; eq. 1\nrate = 0.1\n"
                          "# how many\ncount = 3\n"
                          "# whether\nflag = true\n"
                          "# which\ncolour = \"dark_green\"\n"
                          "# what to call it\nname = \"a \\\"quote\\\"\\u000A\"\n"
                          "# where it lies\nfile = \"\"\n"
                          "# how long\nlength = \"10ep\"\n");
    cairn__free(text.data);
    text = (cairn__text){.status = &status};
    snprintf(s.file, sizeof s.file, "caf\xe9");
    CHECK(!cairn__config_text(&text, sections, &status));
    CHECK_TEXT(status.message,
               "[model] file: the text is not UTF-8, which config.toml cannot hold");
    cairn__free(text.data);
}

/* ---- a property: any options survive
 * --------------------------------------------------------------- */

static uint32_t draw(uint64_t position)
{
    uint32_t words[4];
    cairn_random_bits(test_seed(), 11, position, words);
    return words[0];
}

static double draw_real(uint64_t at)
{
    static const double special[] = {0,   -0.0, 1e-320,    1e308, INFINITY, -INFINITY,
                                     0.1, 1e-5, 1.0 / 3.0, 1e22,  -1,       123456789};
    uint64_t bits = (uint64_t)draw(at) << 32 | draw(at + 1);
    double value;
    if (draw(at + 2) % 2)
        return special[draw(at + 3) % CAIRN__COUNT(special)];
    memcpy(&value, &bits, sizeof value);
    return isnan(value) ? 1 : value;
}

static void draw_text(uint64_t at, char *text)
{
    static const char *const parts[] = {"a",    "Z",    " ",       "\"",     "\\", "\n", "\t",
                                        "\x7f", "\x01", "#",       "'",      "=",  "[",  "é",
                                        "漢",   "😀",    "\\u0041", "\"\"\"", "."};
    text[0] = 0;
    for (uint32_t n = draw(at) % 30, i = 0; i < n; i++)
        strcat(text, parts[draw(at + 1 + i) % CAIRN__COUNT(parts)]);
}

static bool same(const settings *a, const settings *b)
{
    return a->rate == b->rate && signbit(a->rate) == signbit(b->rate) && a->count == b->count &&
           a->flag == b->flag && a->colour == b->colour && strcmp(a->name, b->name) == 0 &&
           strcmp(a->file, b->file) == 0 && a->length.amount == b->length.amount &&
           a->length.unit == b->length.unit;
}

TEST(any_options_survive_being_written_and_read)
{
    for (uint64_t trial = 0; trial < 500; trial++) {
        settings in = {0}, out;
        cairn_status status = CAIRN_STATUS_INIT;
        cairn__text text = {.status = &status};
        uint64_t at = trial * 1000;
        in.rate = draw_real(at);
        in.count = (int64_t)draw(at + 10) * (draw(at + 11) % 2 ? 100000 : -3);
        in.flag = draw(at + 12) % 2;
        in.colour = (int)(draw(at + 13) % 3);
        draw_text(at + 100, in.name);
        draw_text(at + 200, in.file);
        in.length = (cairn_span){fmin(fabs(draw_real(at + 300)), 1e15), draw(at + 14) % 4};
        const cairn_config_section sections[] = {{"model", table, &in}, {NULL, NULL, NULL}};
        cairn__config_head(&text, "avx2");
        CHECK(cairn__config_text(&text, sections, &status));
        cairn_options_defaults(table, &out);
        bool good = CHECK(parse(text.data, &out, &status)) && CHECK(same(&in, &out));
        if (!good)
            printf("%s\n%s\n", status.message, text.data);
        cairn__free(text.data);
        if (!good)
            break;
    }
}

/* ---- what is read
 * --------------------------------------------------------------------------------- */

TEST(absent_keys_keep_their_values_and_numbers_may_be_spans)
{
    settings s;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_options_defaults(table, &s);
    CHECK(parse("# nothing\n", &s, &status));
    CHECK(parse("[model]\nlength = 500\nrate = 2\ncolour = 'dark-green'\n", &s, &status));
    CHECK_OK(status);
    CHECK_NEAR(s.length.amount, 500, 0);
    CHECK_INT(s.length.unit, CAIRN_STEPS);
    CHECK_NEAR(s.rate, 2, 0);
    CHECK_INT(s.count, 3);
    CHECK(parse("model.count = 7", &s, &status));
    CHECK_INT(s.count, 7);
}

TEST(mistakes_are_pointed_at)
{
    static const struct {
        const char *text, *message;
        cairn_code code;
    } cases[] = {
        {"[model]\nrat = 1", "f.toml:2:1: unknown key 'rat' in [model]; did you mean 'rate'?",
         CAIRN_ERR_NAME},
        {"[modle]\n", "f.toml:1:2: unknown section 'modle'; did you mean 'model'?", CAIRN_ERR_NAME},
        {"\n  rate = 1", "f.toml:2:3: key outside of a section: 'rate'", CAIRN_ERR_NAME},
        {"model = 1", "f.toml:1:9: model is a whole number, expected a section", CAIRN_ERR_VALUE},
        {"[model]\nrate = \"fast\"", "f.toml:2:8: rate is a string, expected a number",
         CAIRN_ERR_VALUE},
        {"[model]\ncount = 1.5", "f.toml:2:9: count is a number, expected a whole number",
         CAIRN_ERR_VALUE},
        {"[model]\nflag = 1", "f.toml:2:8: flag is a whole number, expected true or false",
         CAIRN_ERR_VALUE},
        {"[model]\nname = [1]", "f.toml:2:8: name is an array, expected a string", CAIRN_ERR_VALUE},
        {"[model]\nname = {a = 1}", "f.toml:2:8: name is a table, expected a string",
         CAIRN_ERR_VALUE},
        {"[model]\nlength = true", "f.toml:2:10: length is true or false, expected a length",
         CAIRN_ERR_VALUE},
        {"[model]\ncolour = \"gren\"", "f.toml:2:10: colour: 'gren', expected one of: red",
         CAIRN_ERR_VALUE},
        {"[model]\ncount = 9000000000000000000", "f.toml:2:9: count: '9000000000000000000'",
         CAIRN_ERR_VALUE},
        {"[model]\nname = \"a\\u0000b\"", "f.toml:2:8: name is a string", CAIRN_ERR_VALUE},
        {"[model]\nrate = nan", "f.toml:2:8: rate: 'nan', expected a number", CAIRN_ERR_VALUE},
        {"[model]\nrate = ", "f.toml:2:", CAIRN_ERR_FORMAT},
        {"[model]\nrate = 1\nrate = 2", "f.toml:3:", CAIRN_ERR_FORMAT},
        {"[model]\nname = \"\xff\"", "f.toml:2:", CAIRN_ERR_FORMAT},
    };
    for (size_t i = 0; i < CAIRN__COUNT(cases); i++) {
        settings s, before;
        cairn_status status = CAIRN_STATUS_INIT;
        memset(&s, 0, sizeof s);
        cairn_options_defaults(table, &s);
        before = s;
        CHECK(!parse(cases[i].text, &s, &status));
        CHECK_INT(status.code, cases[i].code);
        CHECK_CONTAINS(status.message, cases[i].message);
        CHECK(same(&s, &before));
    }
}

TEST(a_mistake_at_the_end_changes_nothing_before_it)
{
    settings s;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_options_defaults(table, &s);
    CHECK(!parse("[model]\nrate = 5\nzzz = 1", &s, &status));
    CHECK_NEAR(s.rate, 0.1, 0);
}

static void check_deep(const char *open, const char *middle, const char *close)
{
    settings s;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__text text = {.status = NULL};
    cairn_options_defaults(table, &s);
    for (int i = 0; i < 100000; i++)
        cairn__text_add(&text, "%s", open);
    cairn__text_add(&text, "%s", middle);
    for (int i = 0; i < 100000; i++)
        cairn__text_add(&text, "%s", close);
    CHECK(!parse(text.data, &s, &status));
    CHECK_INT(status.code, CAIRN_ERR_FORMAT);
    cairn__free(text.data);
}

TEST(towers_are_refused)
{
    check_deep("a.", "a = 1", "");
    check_deep("\"a\" . ", "a = 1", "");
    check_deep("a='''''\n'''.''.", "a = 1", "");
    check_deep("[", "", "]");
    settings s;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__text text = {.status = NULL};
    cairn__text_add(&text, "x = ");
    for (int i = 0; i < 50000; i++)
        cairn__text_add(&text, "[");
    CHECK(!parse(text.data, &s, &status));
    CHECK_INT(status.code, CAIRN_ERR_FORMAT);
    cairn__free(text.data);
    /* Dots in values and comments are no parts of keys. */
    status = (cairn_status)CAIRN_STATUS_INIT;
    cairn_options_defaults(table, &s);
    CHECK(
        parse("[model] # ................................................\n"
              "name = 'a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a'\n",
              &s, &status));
    CHECK_OK(status);
}

TEST(files_are_read_up_to_a_mebibyte)
{
    settings s;
    cairn_status status = CAIRN_STATUS_INIT;
    const cairn__config_target targets[] = {{"model", table, &s}, {NULL, NULL, NULL}};
    size_t n = ((size_t)1 << 20) + 1;
    char *text = cairn__alloc(n, 1, NULL), name[CAIRN_TEXT_SIZE];
    memset(text, '\n', n);
    memcpy(text, "[model]\nname = 'x'", 18);
    test_write_file(test_path("big.toml"), text, n);
    test_write_file(test_path("fits.toml"), text, n - 1);
    cairn_options_defaults(table, &s);
    CHECK(cairn__config_read(test_path("fits.toml"), targets, &status));
    CHECK_TEXT(s.name, "x");
    CHECK(cairn__config_peek(test_path("fits.toml"), "model", "name", name, &status));
    CHECK_TEXT(name, "x");
    CHECK(!cairn__config_peek(test_path("fits.toml"), "run", "method", name, &status));
    CHECK_CONTAINS(status.message, "no key 'method' in a section [run]");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn__config_read(test_path("big.toml"), targets, &status));
    CHECK_CONTAINS(status.message, "big.toml: 1048577 bytes, expected a configuration of at most");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn__config_read(test_path("absent.toml"), targets, &status));
    CHECK_INT(status.code, CAIRN_ERR_FILE);
    cairn__free(text);
}
