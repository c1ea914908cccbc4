/* Data sets: finds out what a path holds, reads it, and hands the fields out. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/cifar.h"
#include "data/data.h"
#include "data/file.h"
#include "data/idx.h"
#include "data/table.h"

static const char *const headers[] = {"auto", "yes", "no", NULL};

const cairn_option cairn__data_table[] = {
    CAIRN_OPT_PATH(cairn_data_options, data, "",
                   "directory of IDX or CIFAR files, or one IDX, CIFAR or CSV file", ""),
    CAIRN_OPT_REAL(cairn_data_options, test_fraction, 0.1, 0, 0.9,
                   "share of the items kept for testing where the data have no test split", ""),
    CAIRN_OPT_COUNT(cairn_data_options, split_seed, 1, 0, 1e15,
                    "draws the items of that test split", ""),
    CAIRN_OPT_TEXT(cairn_data_options, label_column, "",
                   "label column of a CSV file: name, number from 1, last or none "
                   "(if empty: label or class where there is one)",
                   ""),
    CAIRN_OPT_CHOICE(
        cairn_data_options, header, CAIRN_CSV_HEADER_AUTO, headers,
        "first line of a CSV file is a header (auto: if none of its cells is a number)", ""),
    CAIRN_OPT_COUNT(cairn_data_options, limit, 0, 0, 1e15,
                    "use only so many training items (0: all)", ""),
    CAIRN_OPT_COUNT(cairn_data_options, memory_limit_mib, 4096, 1, 1 << 20,
                    "most MiB that one data file may be or unpack to", ""),
    CAIRN_OPT_END,
};

cairn_data_options cairn_data_defaults(void)
{
    cairn_data_options options;
    cairn_options_defaults(cairn__data_table, &options);
    return options;
}

static size_t limit_of(const cairn_data_options *options)
{
    return (size_t)options->memory_limit_mib << 20;
}

/* ---- IDX ------------------------------------------------------------------------------------ */

static void name_features(cairn_field *field)
{
    bool picture = field->type == CAIRN_DATA_U8 && field->rank >= 3;
    field->name = picture ? "image" : "x";
}

/* Labels of any integer type become i32. */
static bool make_labels(cairn_field *field, const char *path, cairn_status *status)
{
    bool floating = field->type == CAIRN_DATA_F32 || field->type == CAIRN_DATA_F64;
    if (field->rank != 1 || floating)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: %s of %d dimensions, expected integers of one dimension for labels",
                           path, cairn_data_type_text(field->type), field->rank);
    int64_t n = field->shape[0];
    int32_t *label = cairn__alloc((size_t)n, sizeof *label, status);
    if (!label)
        return false;
    const void *from = field->data;
    for (int64_t i = 0; i < n; i++) {
        label[i] = field->type == CAIRN_DATA_U8    ? ((const uint8_t *)from)[i]
                   : field->type == CAIRN_DATA_I8  ? ((const int8_t *)from)[i]
                   : field->type == CAIRN_DATA_I16 ? ((const int16_t *)from)[i]
                                                   : ((const int32_t *)from)[i];
    }
    cairn__free((void *)from);
    field->data = label;
    field->type = CAIRN_DATA_I32;
    field->name = "label";
    return true;
}

static bool read_idx(const char *path, const cairn_data_options *options, cairn_field *field,
                     cairn_status *status)
{
    cairn__content content;
    if (!cairn__read_file(path, limit_of(options), &content, status))
        return false;
    bool good = cairn__idx_parse(content.data, content.size, path, field, status);
    cairn__content_free(&content);
    return good;
}

/* ---- a directory of IDX files --------------------------------------------------------------- */

/* The path of DIRECTORY/STEM-RANK-ubyte in one of its spellings, in `path`; false if there is none.
 */
static bool find_idx(const char *directory, const char *stem, const char *rank, char *path,
                     size_t size)
{
    static const char *const forms[] = {"%s/%s-%s-ubyte", "%s/%s.%s-ubyte", "%s/%s-%s-ubyte.gz",
                                        "%s/%s.%s-ubyte.gz"};
    for (size_t i = 0; i < CAIRN__COUNT(forms); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        int length = snprintf(path, size, forms[i], directory, stem, rank);
#pragma GCC diagnostic pop
        if (length > 0 && (size_t)length < size && access(path, F_OK) == 0)
            return true;
    }
    return false;
}

/* Images and labels of one split. Labels may be absent; images only when `optional`. */
static bool read_split(cairn_dataset *d, cairn_split split, const char *const stems[2],
                       bool optional, const cairn_data_options *options, cairn_status *status)
{
    char images[2 * CAIRN_TEXT_SIZE], labels[2 * CAIRN_TEXT_SIZE];
    cairn_field *fields = d->fields[split];
    if (!find_idx(d->path, stems[0], "idx3", images, sizeof images))
        return optional || cairn__fail(status, CAIRN_ERR_FILE,
                                       "%s: no %s-idx3-ubyte or %s-idx3-ubyte.gz in the directory",
                                       d->path, stems[0], stems[0]);
    if (!read_idx(images, options, &fields[0], status))
        return false;
    name_features(&fields[0]);
    if (!find_idx(d->path, stems[1], "idx1", labels, sizeof labels))
        return true;
    if (!read_idx(labels, options, &fields[1], status) || !make_labels(&fields[1], labels, status))
        return false;
    if (fields[1].shape[0] != fields[0].shape[0])
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: %lld labels, expected %lld as in %s",
                           labels, (long long)fields[1].shape[0], (long long)fields[0].shape[0],
                           images);
    return true;
}

static bool same_items(const cairn_field *a, const cairn_field *b)
{
    return a->rank == b->rank && a->type == b->type &&
           (a->rank < 2 ||
            memcmp(a->shape + 1, b->shape + 1, (size_t)(a->rank - 1) * sizeof *a->shape) == 0);
}

static bool read_directory(cairn_dataset *d, const cairn_data_options *options,
                           cairn_status *status)
{
    static const char *const train[] = {"train-images", "train-labels"};
    static const char *const test[] = {"t10k-images", "t10k-labels"};
    cairn_field(*f)[CAIRN__MOST_FIELDS] = d->fields;
    if (cairn__is_cifar_folder(d->path))
        return cairn__cifar_folder(d, limit_of(options), status);
    d->kind = "directory of IDX files";
    if (!read_split(d, CAIRN_SPLIT_TRAIN, train, false, options, status) ||
        !read_split(d, CAIRN_SPLIT_TEST, test, true, options, status))
        return false;
    d->count = f[CAIRN_SPLIT_TRAIN][1].data ? 2 : 1;
    if (!f[CAIRN_SPLIT_TEST][0].data)
        return true;
    if (!f[CAIRN_SPLIT_TEST][1].data != !f[CAIRN_SPLIT_TRAIN][1].data)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: labels for the %s split only", d->path,
                           f[CAIRN_SPLIT_TRAIN][1].data ? "train" : "t10k");
    if (!same_items(&f[CAIRN_SPLIT_TRAIN][0], &f[CAIRN_SPLIT_TEST][0]))
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: items of the t10k split differ from those of the train split in "
                           "type or size",
                           d->path);
    return true;
}

/* ---- one file ------------------------------------------------------------------------------- */

static bool read_bytes(cairn_dataset *d, const void *bytes, size_t size,
                       const cairn_data_options *options, cairn_status *status)
{
    cairn_field *fields = d->fields[CAIRN_SPLIT_TRAIN];
    cairn__table table;
    if (cairn__is_cifar(bytes, size, d->path))
        return cairn__cifar_parse(d, bytes, size, d->path, status);
    if (cairn__is_idx(bytes, size)) {
        d->kind = "IDX file";
        d->count = 1;
        if (!cairn__idx_parse(bytes, size, d->path, &fields[0], status))
            return false;
        name_features(&fields[0]);
        return true;
    }
    d->kind = "CSV file";
    if (!cairn__table_parse(bytes, size, d->path, options, &d->arena, &table, status))
        return false;
    fields[0] = table.x;
    fields[1] = table.label;
    d->count = table.label.data ? 2 : 1;
    d->columns = table.columns;
    d->names = table.names;
    d->classes = table.classes;
    return true;
}

static bool read_one_file(cairn_dataset *d, const cairn_data_options *options, cairn_status *status)
{
    cairn__content content;
    if (!cairn__read_file(d->path, limit_of(options), &content, status))
        return false;
    bool good = read_bytes(d, content.data, content.size, options, status);
    cairn__content_free(&content);
    return good;
}

/* ---- opening -------------------------------------------------------------------------------- */

static int64_t count_classes(const cairn_dataset *d)
{
    int64_t classes = 0;
    for (int split = 0; split < CAIRN__SPLITS && d->count > 1; split++) {
        const cairn_field *field = &d->fields[split][1];
        const int32_t *label = field->data;
        for (int64_t i = 0; i < field->shape[0]; i++) {
            if (label[i] < 0)
                return 0;
            classes = CAIRN__MAX(classes, (int64_t)label[i] + 1);
        }
    }
    return classes;
}

static cairn_dataset *new_dataset(const char *path, cairn_status *status)
{
    cairn_dataset *d = cairn__alloc(1, sizeof *d, status);
    if (!d)
        return NULL;
    d->path = cairn__arena_text(&d->arena, status, "%s", path);
    if (d->path)
        return d;
    cairn_dataset_free(d);
    return NULL;
}

/* What is left to do once the source has been read, `good` or not. */
static cairn_dataset *finish(cairn_dataset *d, bool good, const cairn_data_options *options,
                             cairn_status *status)
{
    if (good && d->fields[CAIRN_SPLIT_TRAIN][0].shape[0] == 0)
        good = cairn__fail(status, CAIRN_ERR_FORMAT, "%s: holds no items", d->path);
    /* The count of items without elements is bounded by nothing in the file. */
    if (good && cairn__item_elements(&d->fields[CAIRN_SPLIT_TRAIN][0]) == 0)
        good = cairn__fail(status, CAIRN_ERR_FORMAT, "%s: the items hold no elements", d->path);
    if (good && cairn__draw_split(d, options, status)) {
        if (!d->names)
            d->classes = count_classes(d);
        return d;
    }
    cairn_dataset_free(d);
    return NULL;
}

cairn_dataset *cairn_dataset_open(const char *path, const cairn_data_options *options,
                                  cairn_status *status)
{
    cairn_data_options standard = cairn_data_defaults();
    struct stat about;
    options = options ? options : &standard;
    if (!cairn_ok(status) || !cairn__options_check(cairn__data_table, options, status))
        return NULL;
    if (stat(path, &about) != 0) {
        cairn__fail_errno(status, path, "open");
        return NULL;
    }
    cairn_dataset *d = new_dataset(path, status);
    if (!d)
        return NULL;
    bool good = S_ISDIR(about.st_mode) ? read_directory(d, options, status)
                                       : read_one_file(d, options, status);
    return finish(d, good, options, status);
}

cairn_dataset *cairn_dataset_parse(const void *bytes, size_t size, const char *name,
                                   const cairn_data_options *options, cairn_status *status)
{
    cairn_data_options standard = cairn_data_defaults();
    options = options ? options : &standard;
    if (!cairn__options_check(cairn__data_table, options, status))
        return NULL;
    cairn_dataset *d = new_dataset(name, status);
    if (!d)
        return NULL;
    if (!cairn__is_gzip(bytes, size))
        return finish(d, read_bytes(d, bytes, size, options, status), options, status);
    cairn__content content = {0};
    bool good = cairn__gunzip(bytes, size, name, limit_of(options), &content, status) &&
                read_bytes(d, content.data, content.size, options, status);
    cairn__content_free(&content);
    return finish(d, good, options, status);
}

void cairn_dataset_free(cairn_dataset *d)
{
    if (!d)
        return;
    for (int split = 0; split < CAIRN__SPLITS; split++)
        for (int i = 0; i < CAIRN__MOST_FIELDS; i++)
            cairn__free((void *)d->fields[split][i].data);
    cairn__free((void *)d->truth);
    cairn__arena_free(&d->arena);
    cairn__free(d);
}

/* ---- asking --------------------------------------------------------------------------------- */

int64_t cairn_dataset_count(const cairn_dataset *d, cairn_split split)
{
    return d->fields[split][0].shape[0];
}

const cairn_field *cairn_dataset_field_at(const cairn_dataset *d, cairn_split split, int index)
{
    return index >= 0 && index < d->count ? &d->fields[split][index] : NULL;
}

const cairn_field *cairn_dataset_field(const cairn_dataset *d, cairn_split split, const char *name)
{
    for (int i = 0; i < d->count; i++)
        if (strcmp(d->fields[split][i].name, name) == 0)
            return &d->fields[split][i];
    return NULL;
}

int64_t cairn_dataset_classes(const cairn_dataset *d)
{
    return d->classes;
}

const char *cairn_dataset_class_name(const cairn_dataset *d, int64_t index)
{
    return d->names && index >= 0 && index < d->classes ? d->names[index] : NULL;
}

const char *cairn_dataset_column_name(const cairn_dataset *d, int64_t index)
{
    bool known = d->columns && index >= 0 && index < d->fields[CAIRN_SPLIT_TRAIN][0].shape[1];
    return known ? d->columns[index] : NULL;
}
