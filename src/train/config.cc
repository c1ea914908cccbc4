/* config.toml, read with toml++: the only C++ of the library, behind the C interface of config.h.
 *
 * toml++ is used from its headers with exceptions off, so that a malformed file is a result. Memory
 * that runs out still arrives as an exception, and so do its assertions: version 3.3.0 asserts
 * where a file such as "[=" breaks its expectations, which must not end the host (nor, with NDEBUG,
 * become a promise to the optimiser). All are caught where C calls in. */
#undef NDEBUG
namespace
{
struct broken_expectation {
};
constexpr void expect(bool good)
{
    if (!good)
        throw broken_expectation();
}
} // namespace
#define TOML_ASSERT(expression) expect(static_cast<bool>(expression))
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_MAX_NESTED_VALUES 32
#include <toml++/toml.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "train/config.h"

namespace
{

constexpr long most_bytes = 1 << 20;
constexpr int most_parts = 32;

/* ---- where a sentence points
 * ---------------------------------------------------------------------- */

struct reader {
    const char *name;
    cairn_status *status;
};

bool fail_at(const reader &r, cairn_code code, const toml::source_position &at,
             const std::string &sentence)
{
    return cairn__fail(r.status, code, "%s:%u:%u: %s", r.name, unsigned(at.line),
                       unsigned(at.column), sentence.c_str());
}

std::string quoted(std::string_view name)
{
    return "'" + std::string(name.substr(0, 100)) + "'";
}

std::string with_nearest(std::string sentence, std::string_view word,
                         const std::vector<const char *> &names)
{
    const char *nearest = cairn__nearest(std::string(word).c_str(), names.data(), names.size());
    return nearest ? sentence + "; did you mean '" + nearest + "'?" : sentence;
}

/* ---- before parsing
 * ------------------------------------------------------------------------------- */

/* A dotted key makes one table inside another for each dot; toml++ counts only brackets, and takes
 * such a tower apart by recursion. So dots between keys are counted here, outside of strings and
 * comments. Returns the line of a key with too many parts, or 0. */
unsigned deep_key(std::string_view text)
{
    unsigned line = 1;
    int dots = 0;
    for (size_t i = 0; i < text.size(); i++) {
        char c = text[i];
        if (c == '#') {
            while (i + 1 < text.size() && text[i + 1] != '\n')
                i++;
        } else if (c == '"' || c == '\'') {
            bool block = text.substr(i, 3) == std::string_view(c == '"' ? "\"\"\"" : "'''");
            for (i += block ? 3 : 1; i < text.size(); i++) {
                if (text[i] == '\n') {
                    line++;
                    if (!block)
                        break;
                } else if (c == '"' && text[i] == '\\') {
                    i++;
                } else if (text[i] == c && (!block || text.substr(i, 3) == std::string(3, c))) {
                    i += block ? 2 : 0;
                    break;
                }
            }
        } else if (c == '\n' || c == '=' || c == ',' || c == '{') {
            line += c == '\n';
            dots = 0;
        } else if (c == '.' && ++dots >= most_parts) {
            return line;
        }
    }
    return 0;
}

/* ---- values
 * --------------------------------------------------------------------------------------- */

std::string real_text(double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    return text;
}

/* The text that cairn_options_set() reads, and whether the type fits the kind of option. */
bool value_text(const cairn_option *row, const toml::node &node, std::string &text)
{
    if (auto whole = node.as_integer())
        text = std::to_string(whole->get());
    else if (auto real = node.as_floating_point())
        text = real_text(real->get());
    else if (auto flag = node.as_boolean())
        text = flag->get() ? "true" : "false";
    else if (auto string = node.as_string())
        text = string->get();
    else
        return false;
    switch (row->kind) {
    case CAIRN_OPTION_REAL: return node.is_number();
    case CAIRN_OPTION_COUNT: return node.is_integer();
    case CAIRN_OPTION_FLAG: return node.is_boolean();
    case CAIRN_OPTION_SPAN: return node.is_string() || node.is_number();
    case CAIRN_OPTION_CHOICE:
    case CAIRN_OPTION_TEXT:
    case CAIRN_OPTION_PATH: return node.is_string();
    case CAIRN_OPTION_END: break;
    }
    return false;
}

const char *expected(cairn_option_kind kind)
{
    switch (kind) {
    case CAIRN_OPTION_REAL: return "a number";
    case CAIRN_OPTION_COUNT: return "a whole number";
    case CAIRN_OPTION_FLAG: return "true or false";
    case CAIRN_OPTION_SPAN: return "a length like 500, \"5ep\", \"20000ex\" or \"10%\"";
    default: return "a string";
    }
}

std::string type_text(const toml::node &node)
{
    switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "an array";
    case toml::node_type::string: return "a string";
    case toml::node_type::integer: return "a whole number";
    case toml::node_type::floating_point: return "a number";
    case toml::node_type::boolean: return "true or false";
    default: return "a date or time";
    }
}

/* ---- sections
 * ------------------------------------------------------------------------------------- */

/* A section's options while the file is read: they are copied back when all of it was good. */
struct draft {
    const cairn__config_target *target;
    std::vector<char> bytes;
};

size_t field_size(cairn_option_kind kind)
{
    switch (kind) {
    case CAIRN_OPTION_REAL: return sizeof(double);
    case CAIRN_OPTION_COUNT: return sizeof(int64_t);
    case CAIRN_OPTION_FLAG: return sizeof(bool);
    case CAIRN_OPTION_CHOICE: return sizeof(int);
    case CAIRN_OPTION_TEXT:
    case CAIRN_OPTION_PATH: return CAIRN_TEXT_SIZE;
    case CAIRN_OPTION_SPAN: return sizeof(cairn_span);
    case CAIRN_OPTION_END: break;
    }
    return 0;
}

draft start_draft(const cairn__config_target *target)
{
    size_t size = 0;
    for (const cairn_option *row = target->table; row->kind; row++)
        size = std::max(size, row->offset + field_size(row->kind));
    const char *from = static_cast<const char *>(target->options);
    return {target, std::vector<char>(from, from + size)};
}

bool read_option(const reader &r, draft &d, const toml::key &key, const toml::node &node)
{
    std::string name(key.str()), text;
    const cairn_option *row = cairn_option_find(d.target->table, name.c_str());
    if (!row || name.find('\0') != std::string::npos) {
        std::vector<const char *> names;
        for (const cairn_option *o = d.target->table; o->kind; o++)
            names.push_back(o->name);
        return fail_at(r, CAIRN_ERR_NAME, key.source().begin,
                       with_nearest("unknown key " + quoted(name) + " in [" + d.target->name + "]",
                                    name, names));
    }
    if (!value_text(row, node, text) || text.find('\0') != std::string::npos)
        return fail_at(r, CAIRN_ERR_VALUE, node.source().begin,
                       name + " is " + type_text(node) + ", expected " + expected(row->kind));
    cairn_status own = {};
    if (cairn_options_set(d.target->table, d.bytes.data(), name.c_str(), text.c_str(), &own))
        return true;
    return fail_at(r, own.code, node.source().begin, own.message);
}

bool read_section(const reader &r, std::vector<draft> &drafts, const toml::key &key,
                  const toml::node &node)
{
    std::vector<const char *> names;
    for (draft &d : drafts) {
        names.push_back(d.target->name);
        if (key.str() != std::string_view(d.target->name))
            continue;
        const toml::table *table = node.as_table();
        if (!table)
            return fail_at(r, CAIRN_ERR_VALUE, node.source().begin,
                           std::string(key.str()) + " is " + type_text(node) +
                               ", expected a section");
        for (auto &&[inner, value] : *table)
            if (!read_option(r, d, inner, value))
                return false;
        return true;
    }
    std::string what = node.is_table() ? "unknown section " : "key outside of a section: ";
    return fail_at(r, CAIRN_ERR_NAME, key.source().begin,
                   with_nearest(what + quoted(key.str()), key.str(), names));
}

/* ---- files
 * ---------------------------------------------------------------------------------------- */

bool parse(const reader &r, std::string_view text, toml::table &root)
{
    if (text.size() > size_t(most_bytes))
        return cairn__fail(r.status, CAIRN_ERR_FORMAT,
                           "%s: %zu bytes, expected a configuration of at most 1 MiB", r.name,
                           text.size());
    if (unsigned line = deep_key(text))
        return cairn__fail(r.status, CAIRN_ERR_FORMAT, "%s:%u: a key of more than %d parts", r.name,
                           line, most_parts);
    try {
        toml::parse_result result = toml::parse(text);
        if (!result)
            return fail_at(r, CAIRN_ERR_FORMAT, result.error().source().begin,
                           std::string(result.error().description()));
        root = std::move(result).table();
        return true;
    } catch (const broken_expectation &) {
        return cairn__fail(r.status, CAIRN_ERR_FORMAT,
                           "%s: not TOML: a name is missing after '[', '.' or ','", r.name);
    }
}

bool read_text(const char *path, std::string &text, cairn_status *status)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return cairn__fail_errno(status, path, "open");
    text.resize(size_t(most_bytes) + 1);
    text.resize(fread(text.data(), 1, text.size(), file));
    bool good = !ferror(file);
    if (!good)
        cairn__fail_errno(status, path, "read");
    fclose(file);
    return good;
}

bool read_all(const reader &r, std::string_view text, const cairn__config_target *sections)
{
    toml::table root;
    std::vector<draft> drafts;
    if (!parse(r, text, root))
        return false;
    for (const cairn__config_target *s = sections; s->name; s++)
        drafts.push_back(start_draft(s));
    for (auto &&[key, node] : root)
        if (!read_section(r, drafts, key, node))
            return false;
    for (draft &d : drafts)
        if (!d.bytes.empty())
            memcpy(d.target->options, d.bytes.data(), d.bytes.size());
    return true;
}

bool peek(const reader &r, std::string_view text, const char *section, const char *key, char *out)
{
    toml::table root;
    if (!parse(r, text, root))
        return false;
    const toml::table *table = root[section].as_table();
    const toml::node *node = table ? table->get(key) : nullptr;
    if (!node)
        return cairn__fail(r.status, CAIRN_ERR_NAME, "%s: no key '%s' in a section [%s]", r.name,
                           key, section);
    const auto *string = node->as_string();
    if (!string || string->get().size() >= CAIRN_TEXT_SIZE ||
        string->get().find('\0') != std::string::npos)
        return fail_at(r, CAIRN_ERR_VALUE, node->source().begin,
                       std::string(key) + " is no short string");
    memcpy(out, string->get().c_str(), string->get().size() + 1);
    return true;
}

/* Runs `work`; memory that runs out becomes a status. */
template <typename Work> bool guarded(cairn_status *status, Work &&work)
{
    if (!cairn_ok(status))
        return false;
    try {
        return work();
    } catch (...) {
        return cairn__fail(status, CAIRN_ERR_MEMORY, "out of memory for a configuration");
    }
}

} // namespace

bool cairn__config_parse(const char *text, size_t n, const char *name,
                         const cairn__config_target *sections, cairn_status *status)
{
    return guarded(status, [&] {
        return read_all({name, status}, std::string_view(text, n), sections);
    });
}

bool cairn__config_read(const char *path, const cairn__config_target *sections,
                        cairn_status *status)
{
    return guarded(status, [&] {
        std::string text;
        return read_text(path, text, status) && read_all({path, status}, text, sections);
    });
}

bool cairn__config_peek(const char *path, const char *section, const char *key,
                        char text[CAIRN_TEXT_SIZE], cairn_status *status)
{
    return guarded(status, [&] {
        std::string all;
        return read_text(path, all, status) && peek({path, status}, all, section, key, text);
    });
}
