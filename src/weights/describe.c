/* A collection in words, and as JSON. */
#include "data/json.h"
#include "weights/weights.h"

static int64_t elements(const cairn_weight *weight)
{
    int64_t n = 1;
    for (int i = 0; i < weight->rank; i++)
        n *= weight->shape[i];
    return n;
}

static void add_shape(cairn__text *out, const cairn_weight *weight)
{
    cairn__text_add(out, "[");
    for (int i = 0; i < weight->rank; i++)
        cairn__text_add(out, "%s%lld", i ? ", " : "", (long long)weight->shape[i]);
    cairn__text_add(out, "]");
}

/* ---- the model ------------------------------------------------------------------------------- */

typedef struct figure {
    const char *name, *text;
    size_t offset;
} figure;

#define FIGURE(field, text)                                                                        \
    {                                                                                              \
#field, text, offsetof(cairn__facts, field)                                                \
    }

/* Those that are 0 do not belong to the family. */
static const figure figures[] = {
    FIGURE(layers, "layers"),        FIGURE(width, "width"),
    FIGURE(heads, "heads"),          FIGURE(kv_heads, "heads of keys and values"),
    FIGURE(hidden, "hidden"),        FIGURE(vocabulary, "tokens"),
    FIGURE(positions, "positions"),  FIGURE(image_size, "pixels a side"),
    FIGURE(patch, "pixels a patch"), FIGURE(channels, "channels"),
    FIGURE(classes, "classes"),
};

static void add_figures(cairn__text *out, const cairn_architecture *a, bool json)
{
    const cairn__facts facts = cairn__facts_of(a);
    const char *separator = json ? "" : "  ";
    for (size_t i = 0; i < CAIRN__COUNT(figures); i++) {
        const int64_t value = *(const int64_t *)((const char *)&facts + figures[i].offset);
        if (value == 0)
            continue;
        if (json)
            cairn__text_add(out, "%s\"%s\": %lld", separator, figures[i].name, (long long)value);
        else
            cairn__text_add(out, "%s%lld %s", separator, (long long)value, figures[i].text);
        separator = ", ";
    }
}

/* ---- the tensors ----------------------------------------------------------------------------- */

typedef struct sums {
    int64_t parameters;
    size_t bytes;
} sums;

static sums add_up(const cairn_weights *w)
{
    sums s = {0};
    for (int64_t i = 0; i < w->count; i++) {
        s.parameters += elements(&w->entries[i].weight);
        s.bytes += w->entries[i].weight.bytes;
    }
    return s;
}

static void say(cairn__text *out, const cairn_weights *w)
{
    const sums s = add_up(w);
    const bool known = cairn_ok(&w->unknown);
    cairn__text_add(out, "%s: %s", w->path, w->is_gguf ? "GGUF file" : "Hugging Face directory");
    if (known)
        cairn__text_add(out, ", %s", cairn__families[w->architecture.family].name);
    cairn__text_add(out, "\n  %lld tensors, %lld numbers, %zu bytes\n", (long long)w->count,
                    (long long)s.parameters, s.bytes);
    if (known) {
        add_figures(out, &w->architecture, false);
        cairn__text_add(out, "\n");
    } else {
        cairn__text_add(out, "  no model: %s\n", w->unknown.message);
    }
    for (int64_t i = 0; i < w->count; i++) {
        const cairn_weight *weight = &w->entries[i].weight;
        cairn__text_add(out, "    %s  %s ", weight->name, weight->type);
        add_shape(out, weight);
        cairn__text_add(out, "  %zu bytes\n", weight->bytes);
    }
}

static void say_json(cairn__text *out, const cairn_weights *w)
{
    const sums s = add_up(w);
    cairn__text_add(out, "{\"path\": ");
    cairn__json_add_string(out, w->path);
    cairn__text_add(out, ", \"kind\": \"%s\", \"parameters\": %lld, \"bytes\": %zu",
                    w->is_gguf ? "gguf" : "huggingface", (long long)s.parameters, s.bytes);
    if (cairn_ok(&w->unknown)) {
        cairn__text_add(out, ", \"family\": \"%s\", \"architecture\": {",
                        cairn__families[w->architecture.family].name);
        add_figures(out, &w->architecture, true);
        cairn__text_add(out, "}");
    } else {
        cairn__text_add(out, ", \"refusal\": ");
        cairn__json_add_string(out, w->unknown.message);
    }
    cairn__text_add(out, ", \"tensors\": [");
    for (int64_t i = 0; i < w->count; i++) {
        const cairn_weight *weight = &w->entries[i].weight;
        cairn__text_add(out, "%s{\"name\": ", i ? ", " : "");
        cairn__json_add_string(out, weight->name);
        cairn__text_add(out, ", \"type\": \"%s\", \"shape\": ", weight->type);
        add_shape(out, weight);
        cairn__text_add(out, ", \"bytes\": %zu}", weight->bytes);
    }
    cairn__text_add(out, "]}");
}

char *cairn_weights_describe(const cairn_weights *w, bool json, cairn_status *status)
{
    cairn__text out = {.status = status};
    if (!cairn_ok(status))
        return NULL;
    if (json)
        say_json(&out, w);
    else
        say(&out, w);
    if (!out.failed)
        return out.data;
    cairn__free(out.data);
    return NULL;
}
