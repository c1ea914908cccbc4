/* A CSV file with names of pictures or sounds and a column of labels. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/csv.h"
#include "data/file.h"
#include "data/items.h"

static const char *const file_columns[] = {"image", "audio",     "sound", "filename",
                                           "file",  "file_name", "path"};
static const char *const label_columns[] = {"label", "class"};

static int64_t find_column(const cairn__csv *csv, const char *name)
{
    for (size_t i = 0; i < csv->columns; i++)
        if (strcmp(cairn__csv_cell(csv, i), name) == 0)
            return (int64_t)i;
    return -1;
}

static int64_t find_first(const cairn__csv *csv, const char *const *names, size_t n)
{
    int64_t column = -1;
    for (size_t i = 0; i < n && column < 0; i++)
        column = find_column(csv, names[i]);
    return column;
}

/* The column that the option names: by name, by number from 1, last or none (-1). */
static bool choose_label(const cairn__csv *csv, const char *wanted, int64_t *column,
                         cairn_status *status)
{
    char *end;
    *column = find_first(csv, label_columns, CAIRN__COUNT(label_columns));
    if (!wanted[0])
        return true;
    *column = strcmp(wanted, "last") == 0 ? (int64_t)csv->columns - 1 : find_column(csv, wanted);
    if (*column >= 0 || strcmp(wanted, "none") == 0)
        return true;
    long number = strtol(wanted, &end, 10);
    *column = number - 1;
    return (!*end && number >= 1 && (size_t)number <= csv->columns) ||
           cairn__fail(status, CAIRN_ERR_NAME,
                       "%s: no column '%s' for the labels, expected a name of the header, a number "
                       "from 1 to %zu, last or none",
                       csv->name, wanted, csv->columns);
}

/* Where the files are: the folder that the first row shows is that of all, and so is the ending
 * of names that have none. */
typedef struct place {
    const char *folder, *ending;
} place;

static bool find_place(cairn_items *items, const char *name, int64_t line, place *p,
                       cairn_status *status)
{
    static const char *const inner[] = {"", "images/", "audio/", "../audio/"};
    const char *slash = strrchr(items->path, '/');
    int length = slash ? (int)(slash - items->path) + 1 : 0;
    for (size_t i = 0; i < CAIRN__COUNT(inner); i++) {
        /* First as it stands, then with each ending. */
        for (int k = -1; k < 0 || cairn__item_endings[k]; k++) {
            const char *ending = k < 0 ? "" : cairn__item_endings[k];
            char *file = cairn__arena_text(&items->arena, status, "%.*s%s%s%s", length, items->path,
                                           inner[i], name, ending);
            if (!file)
                return false;
            if (access(file, F_OK) != 0)
                continue;
            p->ending = ending;
            p->folder =
                cairn__arena_text(&items->arena, status, "%.*s%s", length, items->path, inner[i]);
            return p->folder != NULL;
        }
    }
    return cairn__fail(
        status, CAIRN_ERR_FILE,
        "%s:%lld: no file '%s', neither beside the table nor in images/ or audio/ beside "
        "it",
        items->path, (long long)line, name);
}

/* A name may not lead out of the folder: the table may come from anywhere. */
static bool stays_inside(const char *name)
{
    if (name[0] == '/')
        return false;
    for (const char *at = name; (at = strstr(at, "..")); at += 2)
        if ((at == name || at[-1] == '/') && (at[2] == '/' || !at[2]))
            return false;
    return name[0] != 0;
}

/* ---- labels ---------------------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The text of a label as its number; classes are sorted. */
static int32_t number_of(const cairn_items *items, const char *text)
{
    const char **found = text[0] ? bsearch(&text, items->names, (size_t)items->classes,
                                           sizeof *items->names, by_bytes)
                                 : NULL;
    return found ? (int32_t)(found - items->names) : -1;
}

/* Most classes: with more, the wrong column was chosen. */
enum { MOST_CLASSES = 65536 };

/* Sorts the names and drops those that stand twice. */
static void settle(cairn_items *items)
{
    int64_t kept = 0;
    if (items->classes)
        qsort(items->names, (size_t)items->classes, sizeof *items->names, by_bytes);
    for (int64_t i = 0; i < items->classes; i++)
        if (kept == 0 || strcmp(items->names[kept - 1], items->names[i]) != 0)
            items->names[kept++] = items->names[i];
    items->classes = kept;
}

static bool take_classes(cairn_items *items, cairn__csv *csv, int64_t column, cairn_status *status)
{
    while (column >= 0 && cairn__csv_next(csv)) {
        const char *text =
            (size_t)column < csv->columns ? cairn__csv_cell(csv, (size_t)column) : "";
        if (text[0] && !cairn__items_add_class(items, text, status))
            return false;
    }
    settle(items);
    return items->classes <= MOST_CLASSES ||
           cairn__fail(status, CAIRN_ERR_FORMAT,
                       "%s: %lld different labels in column %lld, expected at most %d", items->path,
                       (long long)items->classes, (long long)column + 1, MOST_CLASSES);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static bool take_rows(cairn_items *items, cairn__csv *csv, int64_t picture, int64_t label,
                      size_t columns, cairn_status *status)
{
    place p = {0};
    while (cairn__csv_next(csv)) {
        const char *name =
            (size_t)picture < csv->columns ? cairn__csv_cell(csv, (size_t)picture) : "";
        if (csv->columns != columns)
            return cairn__fail(status, CAIRN_ERR_FORMAT,
                               "%s:%lld: %zu columns, expected %zu as in the header", csv->name,
                               (long long)csv->line, csv->columns, columns);
        if (!stays_inside(name))
            return cairn__fail(status, CAIRN_ERR_FORMAT,
                               "%s:%lld: column %lld: '%s', expected a name inside the folder",
                               csv->name, (long long)csv->line, (long long)picture + 1, name);
        if (!p.folder && !find_place(items, name, csv->line, &p, status))
            return false;
        const char *file = cairn__arena_text(&items->arena, status, "%s%s%s", p.folder, name,
                                             cairn__is_item_name(name) ? "" : p.ending);
        int32_t number = label < 0 ? -1 : number_of(items, cairn__csv_cell(csv, (size_t)label));
        if (!cairn__items_add(items, CAIRN_SPLIT_TRAIN, file, number, status))
            return false;
    }
    return !csv->failed;
}

static bool take_table(cairn_items *items, cairn__csv *csv, cairn_status *status)
{
    int64_t label;
    if (!cairn__csv_next(csv))
        return csv->failed ? false
                           : cairn__fail(status, CAIRN_ERR_FORMAT, "%s: holds no lines", csv->name);
    size_t columns = csv->columns;
    int64_t picture = find_first(csv, file_columns, CAIRN__COUNT(file_columns));
    if (picture < 0)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s:%lld: no column of files, expected one called image, audio, sound, "
                           "filename, file, file_name or path",
                           csv->name, (long long)csv->line);
    if (!choose_label(csv, items->options.label_column, &label, status) ||
        !take_classes(items, csv, label, status) || csv->failed)
        return false;
    cairn__csv_rewind(csv);
    return cairn__csv_next(csv) && take_rows(items, csv, picture, label, columns, status);
}

bool cairn__items_table(cairn_items *items, cairn_status *status)
{
    cairn__content content;
    cairn__csv csv;
    items->kind = "table";
    if (!cairn__read_file(items->path, (size_t)items->options.memory_limit_mib << 20, &content,
                          status))
        return false;
    const char *bytes = (const char *)content.data;
    bool good = cairn__csv_start(&csv, bytes, content.size, items->path, status) &&
                take_table(items, &csv, status);
    cairn__csv_end(&csv);
    cairn__content_free(&content);
    return good;
}

/* A data set of numbers may have a column "image" too: then its cells are numbers in all rows, and
 * no file of that name is there. */
bool cairn__has_item_column(const char *path, const cairn_data_options *options)
{
    cairn__content content;
    cairn__csv csv;
    cairn_items items = {.path = path};
    place p = {0};
    bool found = false;
    if (!cairn__read_file(path, (size_t)options->memory_limit_mib << 20, &content, NULL))
        return false;
    if (cairn__csv_start(&csv, (const char *)content.data, content.size, path, NULL) &&
        cairn__csv_next(&csv)) {
        int64_t column = find_first(&csv, file_columns, CAIRN__COUNT(file_columns));
        if (column >= 0 && cairn__csv_next(&csv) && (size_t)column < csv.columns) {
            const char *name = cairn__csv_cell(&csv, (size_t)column);
            found = cairn__is_item_name(name) ||
                    (stays_inside(name) && find_place(&items, name, 0, &p, NULL));
        }
    }
    cairn__arena_free(&items.arena);
    cairn__csv_end(&csv);
    cairn__content_free(&content);
    return found;
}
