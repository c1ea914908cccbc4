/* What a data set holds, in words and as JSON. Both are written from one summary, so that they
 * cannot disagree.
 *
 *     digits/: directory of IDX files, 10 classes
 *       train: 60000 items
 *         image  u8  [60000, 28, 28]  from 0 to 255, mean 72.9404
 *         label  i32 [60000]          from 0 to 9, mean 4.5
 *         items of each class: 6000 (0), 6000 (1), ...
 */
#include "data/data.h"
#include "data/json.h"

/* Classes listed for people, and for programs: beyond that it is hardly a classification. */
enum { MOST_LISTED = 20, MOST_COUNTED = 100000 };

typedef struct summary {
    const cairn_dataset *dataset;
    cairn__measure measures[CAIRN__SPLITS][CAIRN__MOST_FIELDS];
    int64_t *counts[CAIRN__SPLITS]; /* [classes], or NULL when there are none or too many */
} summary;

static const char *const split_names[] = {"train", "test"};

static void summary_free(summary *s)
{
    for (int split = 0; split < CAIRN__SPLITS; split++)
        cairn__free(s->counts[split]);
}

static bool count_classes(summary *s, int split, cairn_status *status)
{
    const cairn_dataset *d = s->dataset;
    if (d->count < 2 || d->classes == 0 || d->classes > MOST_COUNTED)
        return true;
    const cairn_field *field = &d->fields[split][1];
    const int32_t *label = field->data;
    int64_t *counts = cairn__alloc((size_t)d->classes, sizeof *counts, status);
    if (!counts)
        return false;
    for (int64_t i = 0; i < field->shape[0]; i++)
        counts[label[i]]++;
    s->counts[split] = counts;
    return true;
}

static bool summarise(const cairn_dataset *d, summary *s, cairn_status *status)
{
    *s = (summary){.dataset = d};
    if (!cairn_ok(status))
        return false;
    for (int split = 0; split < CAIRN__SPLITS; split++) {
        for (int i = 0; i < d->count; i++)
            s->measures[split][i] = cairn__measure_field(&d->fields[split][i]);
        if (!count_classes(s, split, status)) {
            summary_free(s);
            return false;
        }
    }
    return true;
}

static void add_shape(cairn__text *out, const cairn_field *field)
{
    cairn__text_add(out, "[");
    for (int i = 0; i < field->rank; i++)
        cairn__text_add(out, "%s%lld", i ? ", " : "", (long long)field->shape[i]);
    cairn__text_add(out, "]");
}

/* ---- for people ----------------------------------------------------------------------------- */

static void say_field(cairn__text *out, const cairn_field *field, const cairn__measure *m)
{
    cairn__text_add(out, "    %-5s  %-3s ", field->name, cairn_data_type_text(field->type));
    add_shape(out, field);
    if (m->finite > 0)
        cairn__text_add(out, "  from %g to %g, mean %g", m->least, m->greatest, m->mean);
    if (m->not_finite > 0)
        cairn__text_add(out, "  %lld not finite", (long long)m->not_finite);
    cairn__text_add(out, "\n");
}

static void say_counts(cairn__text *out, const summary *s, const int64_t *counts)
{
    int64_t classes = s->dataset->classes, listed = CAIRN__MIN(classes, (int64_t)MOST_LISTED);
    cairn__text_add(out, "    items of each class: ");
    for (int64_t c = 0; c < listed; c++) {
        const char *name = cairn_dataset_class_name(s->dataset, c);
        cairn__text_add(out, "%s%lld", c ? ", " : "", (long long)counts[c]);
        if (name)
            cairn__text_add(out, " (%s)", name);
        else
            cairn__text_add(out, " (%lld)", (long long)c);
    }
    cairn__text_add(out, listed < classes ? ", and %lld classes more\n" : "\n",
                    (long long)(classes - listed));
}

static void say_columns(cairn__text *out, const cairn_dataset *d)
{
    int64_t n = d->columns ? d->fields[CAIRN_SPLIT_TRAIN][0].shape[1] : 0;
    int64_t listed = CAIRN__MIN(n, (int64_t)MOST_LISTED);
    for (int64_t i = 0; i < listed; i++)
        cairn__text_add(out, "%s%s", i ? ", " : "  columns of x: ", d->columns[i]);
    if (n > listed)
        cairn__text_add(out, ", and %lld more", (long long)(n - listed));
    if (n > 0)
        cairn__text_add(out, "\n");
}

char *cairn_dataset_describe(const cairn_dataset *d, cairn_status *status)
{
    summary s;
    cairn__text out = {.status = status};
    if (!summarise(d, &s, status))
        return NULL;
    cairn__text_add(&out, "%s: %s", d->path, d->kind);
    if (d->classes > 0)
        cairn__text_add(&out, ", %lld classes", (long long)d->classes);
    cairn__text_add(&out, "\n");
    say_columns(&out, d);
    for (int split = 0; split < CAIRN__SPLITS; split++) {
        cairn__text_add(&out, "  %s: %lld items\n", split_names[split],
                        (long long)cairn_dataset_count(d, (cairn_split)split));
        for (int i = 0; i < d->count; i++)
            say_field(&out, &d->fields[split][i], &s.measures[split][i]);
        if (s.counts[split])
            say_counts(&out, &s, s.counts[split]);
    }
    summary_free(&s);
    if (!out.failed)
        return out.data;
    cairn__free(out.data);
    return NULL;
}

/* ---- for programs --------------------------------------------------------------------------- */

static void json_field(cairn__text *out, const cairn_field *field, const cairn__measure *m)
{
    cairn__text_add(out, "{\"name\": ");
    cairn__json_add_string(out, field->name);
    cairn__text_add(out, ", \"type\": \"%s\", \"shape\": ", cairn_data_type_text(field->type));
    add_shape(out, field);
    if (m->finite > 0) {
        cairn__text_add(out, ", \"min\": ");
        cairn__json_add_number(out, m->least);
        cairn__text_add(out, ", \"max\": ");
        cairn__json_add_number(out, m->greatest);
        cairn__text_add(out, ", \"mean\": ");
        cairn__json_add_number(out, m->mean);
    }
    cairn__text_add(out, ", \"not_finite\": %lld}", (long long)m->not_finite);
}

static void json_names(cairn__text *out, const char *key, const char *const *names, int64_t n)
{
    if (!names)
        return;
    cairn__text_add(out, ", \"%s\": [", key);
    for (int64_t i = 0; i < n; i++) {
        cairn__text_add(out, i ? ", " : "");
        cairn__json_add_string(out, names[i]);
    }
    cairn__text_add(out, "]");
}

static void json_split(cairn__text *out, const summary *s, int split)
{
    const cairn_dataset *d = s->dataset;
    cairn__text_add(out, "%s{\"name\": \"%s\", \"items\": %lld, \"fields\": [", split ? ", " : "",
                    split_names[split], (long long)cairn_dataset_count(d, (cairn_split)split));
    for (int i = 0; i < d->count; i++) {
        cairn__text_add(out, i ? ", " : "");
        json_field(out, &d->fields[split][i], &s->measures[split][i]);
    }
    cairn__text_add(out, "]");
    if (s->counts[split]) {
        cairn__text_add(out, ", \"class_counts\": [");
        for (int64_t c = 0; c < d->classes; c++)
            cairn__text_add(out, "%s%lld", c ? ", " : "", (long long)s->counts[split][c]);
        cairn__text_add(out, "]");
    }
    cairn__text_add(out, "}");
}

char *cairn_dataset_describe_json(const cairn_dataset *d, cairn_status *status)
{
    summary s;
    cairn__text out = {.status = status};
    if (!summarise(d, &s, status))
        return NULL;
    cairn__text_add(&out, "{\"path\": ");
    cairn__json_add_string(&out, d->path);
    cairn__text_add(&out, ", \"kind\": \"%s\", \"classes\": %lld", d->kind, (long long)d->classes);
    json_names(&out, "class_names", d->names, d->classes);
    json_names(&out, "columns", d->columns,
               d->columns ? d->fields[CAIRN_SPLIT_TRAIN][0].shape[1] : 0);
    cairn__text_add(&out, ", \"splits\": [");
    for (int split = 0; split < CAIRN__SPLITS; split++)
        json_split(&out, &s, split);
    cairn__text_add(&out, "]}");
    summary_free(&s);
    if (!out.failed)
        return out.data;
    cairn__free(out.data);
    return NULL;
}

void cairn_description_free(char *text)
{
    cairn__free(text);
}
