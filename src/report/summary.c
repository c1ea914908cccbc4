/* The messages inside events. Field numbers are those of TensorFlow's summary.proto, tensor.proto,
 * histogram.proto and of TensorBoard's plugins/hparams (api.proto, plugin_data.proto).
 *
 *   Summary.Value   tag 1  simple_value 2  image 4  histo 5  tensor 8  metadata 9
 *   Image           height 1  width 2  colorspace 3  encoded_image_string 4
 *   HistogramProto  min 1  max 2  num 3  sum 4  sum_squares 5  bucket_limit 6  bucket 7
 *   TensorProto     dtype 1  tensor_shape 2 (dim 2 (size 1))  float_val 5  string_val 8
 *   SummaryMetadata plugin_data 1 (plugin_name 1  content 2) */
#include <math.h>
#include <string.h>

#include "base/wire.h"
#include "report/report.h"

enum { SUMMARY_VALUE = 1, BUCKETS = 64, DT_FLOAT = 1, DT_STRING = 7 };

/* Parts of a message are built in texts of their own and report to the same status. */
static cairn__text part_of(const cairn__text *out)
{
    return (cairn__text){.status = out->status, .failed = out->failed};
}

void cairn__summary_scalar(cairn__text *out, cairn__text *part, const char *tag, double value)
{
    cairn__wire_string(part, 1, tag);
    cairn__wire_float(part, 2, (float)value);
    cairn__wire_message(out, SUMMARY_VALUE, part);
}

/* ---- histograms ----------------------------------------------------------------------------- */

typedef struct histogram {
    double low, high, count, sum, squares;
    double limits[BUCKETS], buckets[BUCKETS];
} histogram;

/* False if no value is finite. */
static bool range_of(const float *values, int64_t n, histogram *h)
{
    *h = (histogram){.low = INFINITY, .high = -INFINITY};
    for (int64_t i = 0; i < n; i++) {
        double value = values[i];
        if (!isfinite(value))
            continue;
        h->low = fmin(h->low, value);
        h->high = fmax(h->high, value);
        h->sum += value;
        h->squares += value * value;
        h->count++;
    }
    return h->count > 0;
}

static void fill(const float *values, int64_t n, histogram *h)
{
    double width = (h->high - h->low) / BUCKETS;
    for (int b = 0; b < BUCKETS; b++)
        h->limits[b] = b + 1 < BUCKETS ? h->low + (b + 1) * width : h->high;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(values[i]))
            continue;
        int b = width > 0 ? (int)((values[i] - h->low) / width) : BUCKETS - 1;
        h->buckets[CAIRN__MIN(b, BUCKETS - 1)]++;
    }
}

bool cairn__summary_histogram(cairn__text *out, const char *tag, const float *values, int64_t n)
{
    histogram h;
    if (!range_of(values, n, &h))
        return false;
    fill(values, n, &h);
    const double numbers[] = {h.low, h.high, h.count, h.sum, h.squares};
    cairn__text part = part_of(out), histo = part_of(out);
    for (int i = 0; i < 5; i++)
        cairn__wire_double(&histo, i + 1, numbers[i]);
    cairn__wire_doubles(&histo, 6, h.limits, BUCKETS);
    cairn__wire_doubles(&histo, 7, h.buckets, BUCKETS);
    cairn__wire_string(&part, 1, tag);
    cairn__wire_message(&part, 5, &histo);
    cairn__wire_message(out, SUMMARY_VALUE, &part);
    cairn__free(histo.data);
    cairn__free(part.data);
    return true;
}

/* ---- values that plugins read --------------------------------------------------------------- */

/* metadata: which plugin the value is for, and what that plugin keeps there. */
static void metadata(cairn__text *value, const char *plugin, cairn__text *content)
{
    cairn__text data = part_of(value), meta = part_of(value);
    cairn__wire_string(&data, 1, plugin);
    if (content)
        cairn__wire_message(&data, 2, content);
    cairn__wire_message(&meta, 1, &data);
    cairn__wire_message(value, 9, &meta);
    cairn__free(data.data);
    cairn__free(meta.data);
}

/* A tensor of one element: a text, or (NULL) the float 0, which stands for "nothing here". */
static void tensor(cairn__text *value, const char *text)
{
    static const uint8_t zero[4]; /* a packed array of one float */
    cairn__text dim = part_of(value), shape = part_of(value), whole = part_of(value);
    cairn__wire_integer(&dim, 1, 1);
    cairn__wire_message(&shape, 2, &dim);
    cairn__wire_integer(&whole, 1, text ? DT_STRING : DT_FLOAT);
    cairn__wire_message(&whole, 2, &shape);
    if (text)
        cairn__wire_string(&whole, 8, text);
    else
        cairn__wire_bytes(&whole, 5, zero, sizeof zero);
    cairn__wire_message(value, 8, &whole);
    cairn__free(dim.data);
    cairn__free(shape.data);
    cairn__free(whole.data);
}

void cairn__summary_text(cairn__text *out, const char *tag, const char *text)
{
    cairn__text part = part_of(out);
    cairn__wire_string(&part, 1, tag);
    tensor(&part, text);
    metadata(&part, "text", NULL);
    cairn__wire_message(out, SUMMARY_VALUE, &part);
    cairn__free(part.data);
}

bool cairn__summary_picture(cairn__text *out, const char *tag, const cairn_report_picture *picture)
{
    cairn__text part = part_of(out), image = part_of(out), png = part_of(out);
    bool good = cairn__png_encode(picture, &png, out->status);
    if (good) {
        cairn__wire_integer(&image, 1, picture->height);
        cairn__wire_integer(&image, 2, picture->width);
        cairn__wire_integer(&image, 3, picture->channels);
        cairn__wire_message(&image, 4, &png);
        cairn__wire_string(&part, 1, tag);
        cairn__wire_message(&part, 4, &image);
        cairn__wire_message(out, SUMMARY_VALUE, &part);
    }
    cairn__free(png.data);
    cairn__free(image.data);
    cairn__free(part.data);
    return good;
}

/* ---- options as hyperparameters ------------------------------------------------------------- */

/* google.protobuf.Value: number 2, string 3, bool 4. */
static void option_value(cairn__text *out, const cairn_option *row, const void *options)
{
    const char *at = (const char *)options + row->offset;
    char text[CAIRN_TEXT_SIZE];
    switch (row->kind) {
    case CAIRN_OPTION_REAL: cairn__wire_double(out, 2, *(const double *)(const void *)at); break;
    case CAIRN_OPTION_BYTES:
    case CAIRN_OPTION_COUNT:
        cairn__wire_double(out, 2, (double)*(const int64_t *)(const void *)at);
        break;
    case CAIRN_OPTION_FLAG: cairn__wire_integer(out, 4, *(const bool *)at); break;
    default: cairn_option_text(row, options, text, sizeof text); cairn__wire_string(out, 3, text);
    }
}

/* SessionStartInfo: hparams 1 (map: key 1, value 2), start_time_secs 5; inside HParamsPluginData as
 * session_start_info 3. TensorBoard infers the experiment from it and the run's scalars. */
void cairn__summary_options(cairn__text *out, double wall_time, const cairn_option *table,
                            const void *options)
{
    cairn__text value = part_of(out), entry = part_of(out), start = part_of(out),
                data = part_of(out), part = part_of(out);
    for (const cairn_option *row = table; row->kind; row++) {
        option_value(&value, row, options);
        cairn__wire_string(&entry, 1, row->name);
        cairn__wire_message(&entry, 2, &value);
        cairn__wire_message(&start, 1, &entry);
    }
    cairn__wire_double(&start, 5, wall_time);
    cairn__wire_message(&data, 3, &start);
    cairn__wire_string(&part, 1, "_hparams_/session_start_info");
    tensor(&part, NULL);
    metadata(&part, "hparams", &data);
    cairn__wire_message(out, SUMMARY_VALUE, &part);
    cairn__text *parts[] = {&value, &entry, &start, &data, &part};
    for (size_t i = 0; i < CAIRN__COUNT(parts); i++)
        cairn__free(parts[i]->data);
}
