/* Pipelines: a text such as `decode|crop(224)|flip|jitter(0.5)` becomes a list of steps.
 *
 *     pipeline = step { "|" step }
 *     step     = name [ "(" [ argument { "," argument } ] ")" ]
 *     argument = value | parameter "=" value
 *
 * Values without a name fill the parameters in the order of the step's table. A sentence of an
 * error names the place, counted in characters from 1, and the form that is expected there. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "data/augment.h"

const cairn__augmentation *const cairn__augmentations[] = {
#define CAIRN_AUGMENT(name) &cairn__augment_##name,
#include "data/augment.def"
    NULL,
};

const cairn__augmentation *const cairn__sound_augmentations[] = {
#define CAIRN_AUGMENT_SOUND(name) &cairn__augment_##name,
#include "data/augment.def"
    NULL,
};

/* What differs between media. */
static const struct {
    const cairn__augmentation *const *steps;
    const char *example, *order;
} media_of[] = {
    [CAIRN_MEDIA_PICTURE] = {cairn__augmentations, "crop",
                             "decode, changes of pictures, normalise, mixup or cutmix"},
    [CAIRN_MEDIA_SOUND] = {cairn__sound_augmentations, "cut",
                           "decode, changes of sounds, logmel, specaugment, mixup"},
};

/* ---- words ----------------------------------------------------------------------------------- */

typedef struct parser {
    const char *text, *at;
    cairn_status *status;
    cairn_pipeline *pipeline;
} parser;

static void skip_blanks(parser *p)
{
    while (isspace((unsigned char)*p->at))
        p->at++;
}

static int place(const parser *p, const char *at)
{
    return (int)(at - p->text) + 1;
}

/* Takes everything up to one of `ends`, without blanks around it. false when it does not fit. */
static bool take_word(parser *p, const char *ends, char *word, size_t size)
{
    skip_blanks(p);
    size_t n = strcspn(p->at, ends);
    const char *from = p->at;
    p->at += n;
    while (n > 0 && isspace((unsigned char)from[n - 1]))
        n--;
    if (n >= size)
        return cairn__fail(p->status, CAIRN_ERR_VALUE,
                           "pipeline: character %d: a word of %zu characters, expected at most %zu",
                           place(p, from), n, size - 1);
    memcpy(word, from, n);
    word[n] = 0;
    return true;
}

/* "crop(size, padding, fill)" */
static void form(const cairn__augmentation *kind, char *text, size_t size)
{
    size_t n = (size_t)snprintf(text, size, "%s(", kind->name);
    for (const cairn_option *row = kind->table; row->kind && n < size; row++)
        n +=
            (size_t)snprintf(text + n, size - n, "%s%s", row == kind->table ? "" : ", ", row->name);
    if (n < size)
        snprintf(text + n, size - n, ")");
}

/* ---- arguments ------------------------------------------------------------------------------- */

static bool set_argument(parser *p, cairn__step *s, int index, const char *from, char *word)
{
    cairn_status inner = CAIRN_STATUS_INIT;
    const cairn_option *table = s->kind->table;
    char *equals = strchr(word, '='), expected[300];
    const char *name = NULL, *value = word;
    int rows = 0;
    while (table[rows].kind)
        rows++;
    if (equals) {
        size_t n = (size_t)(equals - word);
        while (n > 0 && isspace((unsigned char)word[n - 1]))
            n--;
        word[n] = 0;
        name = word;
        value = equals + 1 + strspn(equals + 1, " \t");
    } else if (index < rows) {
        name = table[index].name;
    }
    form(s->kind, expected, sizeof expected);
    if (!name)
        return cairn__fail(p->status, CAIRN_ERR_VALUE,
                           "pipeline: character %d: '%s' is argument %d, expected at most %d: %s",
                           place(p, from), word, index + 1, rows, expected);
    if (cairn_options_set(table, s->parameters.bytes, name, value, &inner))
        return true;
    return cairn__fail(p->status, inner.code, "pipeline: character %d: %s, in %s", place(p, from),
                       inner.message, expected);
}

static bool take_arguments(parser *p, cairn__step *s)
{
    const char *open = p->at++;
    char word[CAIRN_TEXT_SIZE / 4], expected[300];
    skip_blanks(p);
    if (*p->at == ')') {
        p->at++;
        return true;
    }
    for (int index = 0;; index++) {
        skip_blanks(p);
        const char *from = p->at;
        if (!take_word(p, ",()|", word, sizeof word))
            return false;
        if (!word[0] || !*p->at || *p->at == '(' || *p->at == '|') {
            form(s->kind, expected, sizeof expected);
            return !word[0] && *p->at ? cairn__fail(p->status, CAIRN_ERR_VALUE,
                                                    "pipeline: character %d: no value, expected %s",
                                                    place(p, from), expected)
                                      : cairn__fail(p->status, CAIRN_ERR_VALUE,
                                                    "pipeline: character %d: this '(' has no ')', "
                                                    "expected %s",
                                                    place(p, open), expected);
        }
        if (!set_argument(p, s, index, from, word))
            return false;
        if (*p->at++ == ')')
            return true;
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

static const cairn__augmentation *find(parser *p, const char *from, const char *word)
{
    const cairn__augmentation *const *steps = media_of[p->pipeline->media].steps;
    const char *names[CAIRN__MOST_STEPS];
    size_t n = 0;
    for (; steps[n]; n++) {
        names[n] = steps[n]->name;
        if (strcmp(names[n], word) == 0)
            return steps[n];
    }
    const char *nearest = cairn__nearest(word, names, n);
    cairn__fail(p->status, CAIRN_ERR_NAME, "pipeline: character %d: no step '%s'%s%s%s",
                place(p, from), word, nearest ? "; did you mean '" : ", expected a name such as ",
                nearest ? nearest : media_of[p->pipeline->media].example, nearest ? "'?" : "");
    return NULL;
}

static bool add_step(parser *p, const cairn__augmentation *kind, const char *from)
{
    cairn_pipeline *pipeline = p->pipeline;
    const cairn__step *last = pipeline->n ? &pipeline->steps[pipeline->n - 1] : NULL;
    if (pipeline->n == CAIRN__MOST_STEPS)
        return cairn__fail(p->status, CAIRN_ERR_VALUE, "pipeline: character %d: more than %d steps",
                           place(p, from), CAIRN__MOST_STEPS);
    bool twice = last && kind->stage == last->kind->stage &&
                 (kind->stage == CAIRN__STAGE_DECODE || kind->stage == CAIRN__STAGE_NUMBERS);
    if (last && (kind->stage < last->kind->stage || twice))
        return cairn__fail(p->status, CAIRN_ERR_VALUE,
                           "pipeline: character %d: %s stands behind %s, expected the order %s",
                           place(p, from), kind->name, last->kind->name,
                           media_of[pipeline->media].order);
    if (kind->stage == CAIRN__STAGE_FEATURES && (!last || last->kind->stage < CAIRN__STAGE_NUMBERS))
        return cairn__fail(p->status, CAIRN_ERR_VALUE,
                           "pipeline: character %d: %s without logmel, expected logmel before it",
                           place(p, from), kind->name);
    cairn__step *s = &pipeline->steps[pipeline->n++];
    s->kind = kind;
    cairn_options_defaults(kind->table, s->parameters.bytes);
    return true;
}

static bool take_step(parser *p)
{
    char word[64];
    skip_blanks(p);
    const char *from = p->at;
    if (!take_word(p, "(|,)", word, sizeof word))
        return false;
    if (!word[0])
        return cairn__fail(p->status, CAIRN_ERR_VALUE,
                           "pipeline: character %d: no step, expected a name such as %s",
                           place(p, from), media_of[p->pipeline->media].example);
    const cairn__augmentation *kind = find(p, from, word);
    if (!kind ||
        (p->pipeline->n == 0 && kind->stage != CAIRN__STAGE_DECODE &&
         !add_step(p, media_of[p->pipeline->media].steps[0], from)) ||
        !add_step(p, kind, from))
        return false;
    cairn__step *s = &p->pipeline->steps[p->pipeline->n - 1];
    if (*p->at == '(' && !take_arguments(p, s))
        return false;
    cairn_status inner = CAIRN_STATUS_INIT;
    if (kind->check && !kind->check(s->parameters.bytes, &inner))
        return cairn__fail(p->status, inner.code, "pipeline: character %d: %s: %s", place(p, from),
                           word, inner.message);
    skip_blanks(p);
    return true;
}

/* What is known of the results before any picture is seen. */
static void foresee(cairn_pipeline *pipeline)
{
    const void *bytes = pipeline->steps[0].parameters.bytes;
    const cairn__decode_parameters *decode = bytes;
    bool sound = pipeline->media == CAIRN_MEDIA_SOUND;
    pipeline->width = sound;
    pipeline->channels = sound                               ? 1
                         : decode->color == CAIRN_IMAGE_RGB  ? 3
                         : decode->color == CAIRN_IMAGE_GREY ? 1
                                                             : 0;
    for (int i = 0; i < pipeline->n; i++) {
        const cairn__step *s = &pipeline->steps[i];
        if (s->kind->stage > (sound ? CAIRN__STAGE_FEATURES : CAIRN__STAGE_PICTURE))
            break;
        pipeline->pictures = i + 1;
        if (s->kind->size_of)
            s->kind->size_of(s->parameters.bytes, &pipeline->width, &pipeline->height);
    }
}

cairn_pipeline *cairn_pipeline_parse(const char *text, cairn_status *status)
{
    return cairn_pipeline_parse_for(text, CAIRN_MEDIA_PICTURE, status);
}

cairn_pipeline *cairn_pipeline_parse_for(const char *text, cairn_media media, cairn_status *status)
{
    if (cairn_ok(status) && (size_t)media >= CAIRN__COUNT(media_of)) {
        cairn__fail(status, CAIRN_ERR_TYPE,
                    "pipeline: there are none for videos, expected pictures or sounds");
        return NULL;
    }
    cairn_pipeline *pipeline = cairn__alloc(1, sizeof *pipeline, status);
    if (!pipeline)
        return NULL;
    pipeline->media = media;
    parser p = {text, text, status, pipeline};
    bool good = true;
    skip_blanks(&p);
    if (!*p.at)
        good = add_step(&p, media_of[media].steps[0], p.at);
    else
        good = take_step(&p);
    while (good && *p.at) {
        if (*p.at != '|')
            good = cairn__fail(status, CAIRN_ERR_VALUE,
                               "pipeline: character %d: '%c', expected '|' and a step, or the end",
                               place(&p, p.at), *p.at);
        p.at++;
        good = good && take_step(&p);
    }
    if (good) {
        foresee(pipeline);
        return pipeline;
    }
    cairn_pipeline_free(pipeline);
    return NULL;
}

void cairn_pipeline_free(cairn_pipeline *pipeline)
{
    cairn__free(pipeline);
}

/* ---- as text --------------------------------------------------------------------------------- */

char *cairn_pipeline_text(const cairn_pipeline *pipeline, cairn_status *status)
{
    cairn__text out = {.status = status};
    for (int i = 0; i < pipeline->n; i++) {
        const cairn__step *s = &pipeline->steps[i];
        cairn__text_add(&out, "%s%s(", i ? "|" : "", s->kind->name);
        for (const cairn_option *row = s->kind->table; row->kind; row++) {
            char value[CAIRN_TEXT_SIZE];
            cairn_option_text(row, s->parameters.bytes, value, sizeof value);
            cairn__text_add(&out, "%s%s=%s", row == s->kind->table ? "" : ", ", row->name, value);
        }
        cairn__text_add(&out, ")");
    }
    if (!out.failed)
        return out.data;
    cairn__free(out.data);
    return NULL;
}

/* The default of one row: that of a struct which holds it. */
static void add_row(cairn__text *out, const cairn__augmentation *kind, const cairn_option *row)
{
    cairn__step s;
    char value[CAIRN_TEXT_SIZE];
    cairn_options_defaults(kind->table, s.parameters.bytes);
    cairn_option_text(row, s.parameters.bytes, value, sizeof value);
    cairn__text_add(out, "    %-12s %-9s ", row->name, value);
    if (row->kind == CAIRN_OPTION_REAL || row->kind == CAIRN_OPTION_COUNT)
        cairn__text_add(out, "%g to %g: ", row->from, row->to);
    for (const char *const *c = row->choices; c && *c; c++)
        cairn__text_add(out, "%s%s", *c, c[1] ? ", " : ": ");
    cairn__text_add(out, "%s", row->help);
    if (row->source[0])
        cairn__text_add(out, " [%s]", row->source);
    cairn__text_add(out, "\n");
}

char *cairn_pipeline_help(cairn_media media, cairn_status *status)
{
    cairn__text out = {.status = status};
    for (const cairn__augmentation *const *kind = media_of[media].steps; *kind; kind++) {
        char line[300];
        form(*kind, line, sizeof line);
        cairn__text_add(&out, "%s\n    %s", line, (*kind)->help);
        if ((*kind)->source[0])
            cairn__text_add(&out, " [%s]", (*kind)->source);
        cairn__text_add(&out, "\n");
        for (const cairn_option *row = (*kind)->table; row->kind; row++)
            add_row(&out, *kind, row);
    }
    if (!out.failed)
        return out.data;
    cairn__free(out.data);
    return NULL;
}

/* ---- running --------------------------------------------------------------------------------- */

void cairn__work_free(cairn__work *work)
{
    cairn_image_free(&work->image);
    cairn_image_free(&work->spare);
    cairn_image_free(&work->scratch);
    cairn_sound_free(&work->sound);
    cairn_sound_free(&work->other);
    cairn_logmel_free(work->logmel);
}

/* The steps behind decode. */
static bool run_steps(const cairn_pipeline *p, const char *name, int64_t seed, int64_t epoch,
                      int64_t item, cairn__work *work, cairn_status *status)
{
    for (int i = 1; i < p->pictures; i++) {
        const cairn__step *s = &p->steps[i];
        cairn__draws draws = cairn__draws_new(seed, epoch, item, i);
        cairn_status inner = CAIRN_STATUS_INIT;
        bool done = false, good = true;
        if (s->kind == &cairn__augment_resize && i + 1 < p->pictures &&
            s[1].kind == &cairn__augment_centre_crop)
            good = cairn__resize_and_crop(s->parameters.bytes, s[1].parameters.bytes, work, &done,
                                          &inner);
        if (good && !done)
            good = s->kind->apply(s->parameters.bytes, work, &draws, &inner);
        if (!good)
            return cairn__fail(status, inner.code, "%s: %s: %s", name, s->kind->name,
                               inner.message);
        i += done;
    }
    return true;
}

bool cairn__pipeline_run(const cairn_pipeline *p, const void *bytes, size_t size, const char *name,
                         int64_t seed, int64_t epoch, int64_t item, cairn__work *work,
                         cairn_status *status)
{
    const void *first = p->steps[0].parameters.bytes;
    const cairn__decode_parameters *decode = first;
    cairn_image_options options = cairn_image_defaults();
    options.color = decode->color;
    options.scale = decode->scale;
    options.orient = decode->orient;
    return cairn_image_decode(bytes, size, name, &options, &work->image, status) &&
           run_steps(p, name, seed, epoch, item, work, status);
}

bool cairn__pipeline_change(const cairn_pipeline *p, const char *name, int64_t seed, int64_t epoch,
                            int64_t item, cairn__work *work, cairn_status *status)
{
    return run_steps(p, name, seed, epoch, item, work, status);
}

bool cairn__pipeline_run_sound(const cairn_pipeline *p, const void *bytes, size_t size,
                               const char *name, int64_t seed, int64_t epoch, int64_t item,
                               cairn__work *work, cairn_status *status)
{
    const void *first = p->steps[0].parameters.bytes;
    const cairn__sound_parameters *decode = first;
    cairn_sound_options options = cairn_sound_defaults();
    options.rate = decode->rate;
    options.scale = decode->scale;
    return cairn__sound_run(bytes, size, name, &options, &work->sound, &work->other, status) &&
           run_steps(p, name, seed, epoch, item, work, status);
}

bool cairn__pipeline_has_features(const cairn_pipeline *p)
{
    for (int i = 0; i < p->n; i++)
        if (p->media == CAIRN_MEDIA_SOUND && p->steps[i].kind->stage == CAIRN__STAGE_NUMBERS)
            return true;
    return false;
}

bool cairn_pipeline_apply(const cairn_pipeline *p, const void *bytes, size_t size, const char *name,
                          int64_t seed, int64_t epoch, int64_t item, cairn_image *image,
                          cairn_status *status)
{
    cairn__work work = {0};
    if (!cairn_ok(status))
        return false;
    bool good = cairn__pipeline_run(p, bytes, size, name, seed, epoch, item, &work, status);
    if (good)
        cairn__image_swap(&work.image, image);
    cairn__work_free(&work);
    return good;
}
