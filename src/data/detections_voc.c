/* Pascal VOC: a file of XML for each picture, through expat.
 *
 *     annotation
 *       filename, size (width, height)
 *       object: name, difficult, bndbox (xmin, ymin, xmax, ymax)        any number of them
 *
 * Other elements are passed over. A document type declaration is refused: annotations need none,
 * and entities are how XML is made to take memory or to read files.
 *
 * Source: Everingham and others 2010, "The Pascal Visual Object Classes challenge", and the
 * development kit's section 8. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config.h"
#include "data/detections.h"
#include "data/file.h"
#include "data/lines.h"
#include "data/listing.h"

#if CAIRN__HAVE_EXPAT
#include <expat.h>
#include <math.h>

enum { MOST_PATH = 256, MOST_CONTENT = 512 };

typedef struct reader {
    cairn_detections *d;
    XML_Parser parser;
    const char *name; /* of the file */
    cairn_status *status;
    bool failed;
    char path[MOST_PATH];       /* of the element, such as "/annotation/object/name" */
    char content[MOST_CONTENT]; /* of the element, as far as there is one of interest */
    size_t path_length, content_length;
    cairn__detection *item;
    char file[CAIRN__MOST_BOX_NAME], label[CAIRN__MOST_BOX_NAME];
    double width, height, side[4]; /* xmin, ymin, xmax, ymax */
    int sides;                     /* bits: which were there */
    int64_t objects;
    bool difficult;
} reader;

/* Memory of expat: all allocation goes through base. */
static void *take_memory(size_t n)
{
    return cairn__alloc(n, 1, NULL);
}

static void *more_memory(void *old, size_t n)
{
    return cairn__resize(old, n, 1, NULL);
}

static void stop(reader *r, const char *what, const char *found)
{
    if (!r->failed)
        cairn__fail(r->status, CAIRN_ERR_FORMAT, "%s:%lu: %s '%.100s'", r->name,
                    (unsigned long)XML_GetCurrentLineNumber(r->parser), what, found);
    r->failed = true;
    XML_StopParser(r->parser, XML_FALSE);
}

static void on_doctype(void *user, const char *name, const char *system, const char *other,
                       int internal)
{
    (void)system, (void)other, (void)internal;
    stop(user, "a document type declaration, expected none:", name);
}

static void on_start(void *user, const char *name, const char **attributes)
{
    reader *r = user;
    size_t n = strlen(name);
    (void)attributes;
    if (r->path_length + n + 2 > MOST_PATH) {
        stop(r, "elements too deep inside one another, at", name);
        return;
    }
    r->path[r->path_length] = '/';
    memcpy(r->path + r->path_length + 1, name, n + 1);
    r->path_length += n + 1;
    r->content_length = 0;
    if (strcmp(r->path, "/annotation/object") == 0) {
        r->label[0] = 0;
        r->sides = 0;
        r->difficult = false;
    }
}

static void on_text(void *user, const char *text, int n)
{
    reader *r = user;
    size_t taken = CAIRN__MIN((size_t)n, MOST_CONTENT - 1 - r->content_length);
    memcpy(r->content + r->content_length, text, taken);
    r->content_length += taken;
}

/* The content without blanks around it, if it fits. */
static void take_text(reader *r, char to[CAIRN__MOST_BOX_NAME])
{
    const char *from = r->content + strspn(r->content, " \t\r\n");
    size_t n = strlen(from);
    while (n > 0 && strchr(" \t\r\n", from[n - 1]))
        n--;
    if (n >= CAIRN__MOST_BOX_NAME) {
        stop(r, "a name of more than 255 bytes:", from);
        return;
    }
    memcpy(to, from, n);
    to[n] = 0;
}

/* Pixels beyond a million are no picture's. */
static double take_number(reader *r)
{
    char *end;
    double value = strtod(r->content, &end);
    if (end == r->content || end[strspn(end, " \t\r\n")] || !(fabs(value) <= 1e6)) {
        stop(r, "expected a number of pixels, found", r->content);
        return 0;
    }
    return value;
}

/* The number of a class, by the order in which they appear. Real sets have few. */
static int32_t class_of(reader *r)
{
    for (int64_t c = 0; c < r->d->classes; c++)
        if (strcmp(r->d->names[c], r->label) == 0)
            return (int32_t)c;
    if (!cairn__detections_add_class(r->d, r->label, r->status)) {
        r->failed = true;
        XML_StopParser(r->parser, XML_FALSE);
        return 0;
    }
    return (int32_t)r->d->classes - 1;
}

static void end_object(reader *r)
{
    int64_t number = r->objects++;
    if (!r->label[0] || r->sides != 15) {
        stop(r, "an object without name, xmin, ymin, xmax or ymax:", r->label);
        return;
    }
    cairn_box box = {.x = (float)(r->side[0] - 1),
                     .y = (float)(r->side[1] - 1),
                     .width = (float)(r->side[2] - r->side[0] + 1),
                     .height = (float)(r->side[3] - r->side[1] + 1),
                     .label = class_of(r),
                     .difficult = r->difficult};
    box.area = box.width * box.height;
    if (r->failed)
        return;
    if (r->side[2] <= r->side[0] || r->side[3] <= r->side[1])
        cairn__detections_skip(r->d, r->name, number);
    else if (!cairn__detections_add_box(r->d, r->item, &box, r->status)) {
        r->failed = true;
        XML_StopParser(r->parser, XML_FALSE);
    }
}

static void on_end(void *user, const char *name)
{
    static const char *const sides[] = {"xmin", "ymin", "xmax", "ymax"};
    static const char box[] = "/annotation/object/bndbox/";
    reader *r = user;
    if (r->failed)
        return;
    r->content[r->content_length] = 0;
    if (strcmp(r->path, "/annotation/filename") == 0)
        take_text(r, r->file);
    else if (strcmp(r->path, "/annotation/size/width") == 0)
        r->width = take_number(r);
    else if (strcmp(r->path, "/annotation/size/height") == 0)
        r->height = take_number(r);
    else if (strcmp(r->path, "/annotation/object/name") == 0)
        take_text(r, r->label);
    else if (strcmp(r->path, "/annotation/object/difficult") == 0)
        r->difficult = take_number(r) > 0;
    else if (strcmp(r->path, "/annotation/object") == 0)
        end_object(r);
    for (int i = 0; i < 4 && strncmp(r->path, box, sizeof box - 1) == 0; i++)
        if (strcmp(r->path + sizeof box - 1, sides[i]) == 0) {
            r->side[i] = take_number(r);
            r->sides |= 1 << i;
        }
    r->path_length -= CAIRN__MIN(r->path_length, strlen(name) + 1);
    r->path[r->path_length] = 0;
    r->content_length = 0;
}

static bool run(reader *r, const void *bytes, size_t size)
{
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_start, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    if (XML_Parse(r->parser, bytes, (int)size, 1) == XML_STATUS_ERROR && !r->failed)
        return cairn__fail(r->status, CAIRN_ERR_FORMAT, "%s:%lu: %s", r->name,
                           (unsigned long)XML_GetCurrentLineNumber(r->parser),
                           XML_ErrorString(XML_GetErrorCode(r->parser)));
    return !r->failed;
}

static bool check(const reader *r)
{
    if (!r->file[0] || strchr(r->file, '/'))
        return cairn__fail(r->status, CAIRN_ERR_FORMAT,
                           "%s: the filename is '%s', expected one without a folder", r->name,
                           r->file);
    return (r->width >= 1 && r->height >= 1) ||
           cairn__fail(r->status, CAIRN_ERR_FORMAT,
                       "%s: a picture of %g x %g pixels, expected 1 or more", r->name, r->width,
                       r->height);
}

bool cairn__voc_parse(cairn_detections *d, cairn_split split, const void *bytes, size_t size,
                      const char *name, const char *folder, cairn_status *status)
{
    static const XML_Memory_Handling_Suite memory = {take_memory, more_memory, cairn__free};
    cairn_status local = CAIRN_STATUS_INIT;
    reader r = {.d = d, .name = name, .status = status ? status : &local};
    if (size > INT32_MAX)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: %zu bytes of XML, expected below 2^31",
                           name, size);
    if (!cairn__detections_add(d, split, NULL, 0, 0, status))
        return false;
    r.item = &d->lists[split].items[d->lists[split].n - 1];
    r.parser = XML_ParserCreate_MM(NULL, &memory, NULL);
    if (!r.parser)
        return cairn__fail_memory(status, size);
    bool good = run(&r, bytes, size) && check(&r);
    XML_ParserFree(r.parser);
    if (!good)
        return false;
    r.item->width = (int64_t)r.width;
    r.item->height = (int64_t)r.height;
    r.item->file = cairn__arena_text(&d->arena, status, "%s/%s", folder, r.file);
    return r.item->file != NULL;
}

#else

bool cairn__voc_parse(cairn_detections *d, cairn_split split, const void *bytes, size_t size,
                      const char *name, const char *folder, cairn_status *status)
{
    (void)d, (void)split, (void)bytes, (void)size, (void)folder;
    return cairn__fail(status, CAIRN_ERR_MISSING,
                       "%s: this build lacks expat, which reads XML (Debian: libexpat1-dev)", name);
}

#endif

/* ---- the folder ------------------------------------------------------------------------------ */

static bool is_xml(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && strcasecmp(dot, ".xml") == 0;
}

static bool take_annotation(cairn_detections *d, cairn_split split, const char *path,
                            const char *folder, cairn_status *status)
{
    cairn__content content;
    if (!cairn__read_file(path, (size_t)d->options.memory_limit_mib << 20, &content, status))
        return false;
    bool good = cairn__voc_parse(d, split, content.data, content.size, path, folder, status);
    cairn__content_free(&content);
    return good;
}

/* The annotations that a list names, a name a line. Lists of a single class have a second column
 * and are not read. */
static bool take_list(cairn_detections *d, cairn_split split, const char *list, const char *folder,
                      cairn_status *status)
{
    cairn_status local = CAIRN_STATUS_INIT;
    cairn__lines lines = {.file = -1};
    const char *line;
    size_t n;
    status = status ? status : &local;
    bool good = cairn__lines_open(&lines, list, CAIRN_TEXT_SIZE, status);
    while (good && cairn__lines_next(&lines, &line, &n, status)) {
        while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
            n--;
        if (n == 0)
            continue;
        if (memchr(line, '/', n) || memchr(line, 0, n)) {
            good = cairn__fail(status, CAIRN_ERR_FORMAT, "%s:%lld: a name with a folder in it",
                               list, (long long)lines.line);
            break;
        }
        char *path =
            cairn__arena_text(&d->arena, status, "%s/Annotations/%.*s.xml", d->path, (int)n, line);
        good = path && take_annotation(d, split, path, folder, status);
    }
    cairn__lines_close(&lines);
    return good && cairn_ok(status);
}

static bool take_all(cairn_detections *d, const char *folder, cairn_status *status)
{
    cairn__names folders = {0}, files = {0};
    char *inner = cairn__arena_text(&d->arena, status, "%s/Annotations", d->path);
    bool good = inner && cairn__list_folder(inner, is_xml, &d->arena, &folders, &files, status);
    for (size_t i = 0; good && i < files.n; i++) {
        char *path = cairn__arena_text(&d->arena, status, "%s/%s", inner, files.name[i]);
        good = path && take_annotation(d, CAIRN_SPLIT_TRAIN, path, folder, status);
    }
    cairn__free(folders.name);
    cairn__free(files.name);
    return good;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Numbers the classes in the order of their names. */
static bool sort_classes(cairn_detections *d, cairn_status *status)
{
    size_t n = (size_t)d->classes;
    const char **was = cairn__alloc(n, sizeof *was, status);
    int32_t *number = cairn__alloc(n, sizeof *number, status);
    bool good = was && number;
    if (good && n > 0) {
        memcpy(was, d->names, n * sizeof *was);
        qsort(d->names, n, sizeof *d->names, by_bytes);
    }
    for (size_t i = 0; good && i < n; i++) {
        const char **now = bsearch(&was[i], d->names, n, sizeof *d->names, by_bytes);
        number[i] = now ? (int32_t)(now - d->names) : 0;
    }
    for (int64_t b = 0; good && b < d->n_boxes; b++)
        d->boxes[b].label = number[d->boxes[b].label];
    cairn__free(was);
    cairn__free(number);
    return good;
}

bool cairn__detections_voc(cairn_detections *d, cairn_status *status)
{
    static const char *const tests[] = {"test", "val"};
    char *folder = cairn__arena_text(&d->arena, status, "%s/JPEGImages", d->path);
    char *train = cairn__arena_text(&d->arena, status, "%s/ImageSets/Main/train.txt", d->path);
    d->kind = "Pascal VOC";
    if (!folder || !train)
        return false;
    if (access(train, F_OK) != 0)
        return take_all(d, folder, status) && sort_classes(d, status);
    if (!take_list(d, CAIRN_SPLIT_TRAIN, train, folder, status))
        return false;
    for (size_t i = 0; i < CAIRN__COUNT(tests) && !d->split; i++) {
        char *list =
            cairn__arena_text(&d->arena, status, "%s/ImageSets/Main/%s.txt", d->path, tests[i]);
        if (!list)
            return false;
        d->split = access(list, F_OK) == 0;
        if (d->split && !take_list(d, CAIRN_SPLIT_TEST, list, folder, status))
            return false;
    }
    return sort_classes(d, status);
}
