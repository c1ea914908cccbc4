/* Documents from plain text and JSON lines: see cairn/tokens.h. */
#include <jansson.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "data/lines.h"
#include "data/listing.h"
#include "data/tokens.h"

struct cairn_text {
    cairn_text_options options;
    cairn__arena arena;
    cairn__names files; /* paths */
    size_t next;        /* the file that comes next */
    bool json;          /* of the file that is open */
    cairn__lines lines;
    cairn__text document;
    json_t *object; /* whose text was handed out */
};

cairn_text_options cairn_text_defaults(void)
{
    return (cairn_text_options){
        .separator = "<|endoftext|>", .field = "text", .document_limit = (int64_t)64 << 20};
}

static bool ends_with(const char *path, const char *const *endings)
{
    const char *dot = strrchr(path, '.');
    for (; dot && *endings; endings++)
        if (strcasecmp(dot, *endings) == 0)
            return true;
    return false;
}

bool cairn__is_json_lines_name(const char *path)
{
    static const char *const endings[] = {".jsonl", ".ndjson", NULL};
    return ends_with(path, endings);
}

bool cairn__is_text_name(const char *path)
{
    static const char *const endings[] = {".txt", ".text", ".md", ".tex", NULL};
    return ends_with(path, endings);
}

/* ---- files ----------------------------------------------------------------------------------- */

enum { MOST_DEPTH = 16 };

static bool add_file(cairn_text *t, const char *path, cairn_status *status)
{
    cairn__names *f = &t->files;
    if (f->n == f->room) {
        size_t room = CAIRN__MAX(2 * f->room, 16);
        char **more = cairn__resize(f->name, room, sizeof *more, status);
        if (!more)
            return false;
        f->name = more;
        f->room = room;
    }
    f->name[f->n] = cairn__arena_text(&t->arena, status, "%s", path);
    return f->name[f->n] && ++f->n;
}

static bool any_name(const char *name)
{
    (void)name;
    return true;
}

static bool add_folder(cairn_text *t, const char *path, int depth, cairn_status *status)
{
    cairn__names folders = {0}, files = {0};
    if (depth > MOST_DEPTH)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: %d folders inside one another, expected at most %d", path, depth,
                           MOST_DEPTH);
    bool good = cairn__list_folder(path, any_name, &t->arena, &folders, &files, status);
    for (size_t i = 0; good && i < files.n; i++) {
        char *file = cairn__arena_text(&t->arena, status, "%s/%s", path, files.name[i]);
        good = file && add_file(t, file, status);
    }
    for (size_t i = 0; good && i < folders.n; i++) {
        char *inner = cairn__arena_text(&t->arena, status, "%s/%s", path, folders.name[i]);
        good = inner && add_folder(t, inner, depth + 1, status);
    }
    cairn__free(folders.name);
    cairn__free(files.name);
    return good;
}

static bool check(const cairn_text_options *o, cairn_status *status)
{
    if (o->format < 0 || o->format > CAIRN_TEXT_JSON_LINES || o->cut < 0 ||
        o->cut > CAIRN_TEXT_LINE)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "text: format %d and cut %d, expected 0 to 2 "
                           "and 0 to 3",
                           o->format, o->cut);
    return (o->document_limit >= 1 && o->document_limit <= (int64_t)1 << 40) ||
           cairn__fail(status, CAIRN_ERR_VALUE, "text: document_limit %lld, expected 1 to 2^40",
                       (long long)o->document_limit);
}

static bool find_files(cairn_text *t, const char *path, cairn_status *status)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return cairn__fail_errno(status, path, "open");
    if (!S_ISDIR(about.st_mode))
        return add_file(t, path, status);
    return add_folder(t, path, 0, status) &&
           (t->files.n > 0 ||
            cairn__fail(status, CAIRN_ERR_FORMAT, "%s: no files in the folder", path));
}

cairn_text *cairn_text_open(const char *path, const cairn_text_options *options,
                            cairn_status *status)
{
    cairn_text_options standard = cairn_text_defaults();
    options = options ? options : &standard;
    if (!cairn_ok(status) || !check(options, status))
        return NULL;
    cairn_text *t = cairn__alloc(1, sizeof *t, status);
    if (!t)
        return NULL;
    t->options = *options;
    t->lines.file = -1;
    if (find_files(t, path, status))
        return t;
    cairn_text_free(t);
    return NULL;
}

void cairn_text_free(cairn_text *t)
{
    if (!t)
        return;
    json_decref(t->object);
    cairn__lines_close(&t->lines);
    cairn__free(t->files.name);
    cairn__free(t->document.data);
    cairn__arena_free(&t->arena);
    cairn__free(t);
}

const char *cairn__text_path(const cairn_text *t)
{
    return t->lines.path;
}

static bool open_next(cairn_text *t, cairn_status *status)
{
    const char *path = t->files.name[t->next++], *dot = strrchr(path, '.');
    t->json = t->options.format == CAIRN_TEXT_JSON_LINES ||
              (t->options.format == CAIRN_TEXT_AUTO &&
               (cairn__is_json_lines_name(path) || (dot && strcasecmp(dot, ".json") == 0)));
    return cairn__lines_open(&t->lines, path, (size_t)t->options.document_limit, status);
}

/* ---- JSON lines ------------------------------------------------------------------------------ */

static json_t *parse_line(const cairn__lines *l, const char *line, size_t n, cairn_status *status)
{
    json_error_t error;
    json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (object && json_is_object(object))
        return object;
    if (object)
        cairn__fail(status, CAIRN_ERR_FORMAT, "%s:%lld: is not an object of JSON", l->path,
                    (long long)l->line);
    else
        cairn__fail(status, CAIRN_ERR_FORMAT, "%s:%lld: byte %d: %s", l->path, (long long)l->line,
                    error.position, error.text);
    json_decref(object);
    return NULL;
}

static bool is_blank(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
            return false;
    return true;
}

/* False at the end of the file, too. */
static bool next_object(cairn_text *t, const char **bytes, size_t *n, cairn_status *status)
{
    const char *line;
    do
        if (!cairn__lines_next(&t->lines, &line, n, status))
            return false;
    while (is_blank(line, *n));
    t->object = parse_line(&t->lines, line, *n, status);
    if (!t->object)
        return false;
    const json_t *text = json_object_get(t->object, t->options.field);
    if (!json_is_string(text))
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s:%lld: %s '%.100s', expected a string",
                           t->lines.path, (long long)t->lines.line,
                           text ? "no text in the field" : "no field", t->options.field);
    *bytes = json_string_value(text);
    *n = json_string_length(text);
    return true;
}

bool cairn__json_lines_fields(const char *path, cairn__text *out, cairn_status *status)
{
    cairn__lines lines = {.file = -1};
    const char *line, *key;
    json_t *value, *object = NULL;
    size_t n;
    if (cairn__lines_open(&lines, path, (size_t)cairn_text_defaults().document_limit, status) &&
        cairn__lines_next(&lines, &line, &n, status))
        object = parse_line(&lines, line, n, status);
    json_object_foreach(object, key, value)
        cairn__text_add(out, "%s%s", out->length ? ", " : "", key);
    bool good = object != NULL && !out->failed;
    json_decref(object);
    cairn__lines_close(&lines);
    return good;
}

/* ---- plain text ------------------------------------------------------------------------------ */

/* True for a line between documents. */
static bool is_cut(const cairn_text_options *o, const char *line, size_t n)
{
    size_t length = strlen(o->separator);
    return (o->cut == CAIRN_TEXT_BLANK && is_blank(line, n)) ||
           (o->cut == CAIRN_TEXT_SEPARATOR && n == length && memcmp(line, o->separator, n) == 0);
}

static bool add_line(cairn_text *t, const char *line, size_t n, bool first, cairn_status *status)
{
    size_t limit = (size_t)t->options.document_limit;
    if (t->document.length + n + !first > limit)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s:%lld: the document is longer than the limit of %zu bytes",
                           t->lines.path, (long long)t->lines.line, limit);
    t->document.status = status;
    if (!first)
        cairn__text_add_bytes(&t->document, "\n", 1);
    cairn__text_add_bytes(&t->document, line, n);
    return !t->document.failed;
}

/* The lines up to the next cut; `any` when there was one that is not empty. */
static bool gather(cairn_text *t, bool *any, bool *ended, cairn_status *status)
{
    const char *line;
    size_t n;
    bool first = true;
    t->document.length = 0;
    t->document.failed = false;
    *any = *ended = false;
    while (cairn__lines_next(&t->lines, &line, &n, status)) {
        if (is_cut(&t->options, line, n))
            return true;
        if (!add_line(t, line, n, first, status))
            return false;
        first = false;
        *any = *any || n > 0;
        if (t->options.cut == CAIRN_TEXT_LINE)
            return true;
    }
    *ended = true;
    return cairn_ok(status);
}

static bool next_plain(cairn_text *t, const char **bytes, size_t *n, cairn_status *status)
{
    bool any, ended;
    do {
        if (!gather(t, &any, &ended, status))
            return false;
    } while (!any && !ended);
    *bytes = t->document.data;
    *n = t->document.length;
    return any;
}

bool cairn_text_next(cairn_text *t, const char **bytes, size_t *n, cairn_status *status)
{
    cairn_status local = CAIRN_STATUS_INIT;
    status = status ? status : &local;
    json_decref(t->object);
    t->object = NULL;
    while (cairn_ok(status)) {
        if (t->lines.file >= 0 && (t->json ? next_object : next_plain)(t, bytes, n, status))
            return true;
        if (!cairn_ok(status) || t->next == t->files.n || !open_next(t, status))
            break;
    }
    return false;
}
