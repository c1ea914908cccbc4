/* cairn generate RUN: text from a trained language model. */
#include <string.h>

#include "cairn/compile.h"
#include "cairn/generate.h"
#include "cli/session.h"
#include "methods/palm/run.h"

typedef struct generate_options {
    char prompt[CAIRN_TEXT_SIZE], stop[CAIRN_TEXT_SIZE];
    int64_t tokens, samples;
} generate_options;

static const cairn_option table[] = {
    CAIRN_OPT_TEXT(generate_options, prompt, "\n", "the text to go on with", ""),
    CAIRN_OPT_COUNT(generate_options, tokens, 200, 1, 1 << 20, "tokens of each text at most", ""),
    CAIRN_OPT_COUNT(generate_options, samples, 1, 1, 256, "texts, made side by side", ""),
    CAIRN_OPT_TEXT(generate_options, stop, "", "end a text before this", ""),
    CAIRN_OPT_END,
};

static generate_options values;
static cairn_sampling_options sampling;
static session run_session;

static bool options(cli_call *call, cairn_status *status)
{
    (void)status;
    cairn_options_defaults(table, &values);
    cairn_options_defaults(cairn_sampling_table, &sampling);
    return cli_add_section(call, "options", table, &values) &&
           cli_add_section(call, "sampling", cairn_sampling_table, &sampling);
}

/* ---- one text -------------------------------------------------------------------------------- */

typedef struct sample {
    cairn__text bytes; /* what was made, without the prompt */
    size_t shown;      /* of them, on the terminal */
    int64_t tokens;
    bool done;
} sample;

/* Shows what can be no part of a stop text any more; all at the end. */
static void show(sample *s)
{
    size_t hold = s->done || !*values.stop ? 0 : strlen(values.stop) - 1;
    if (s->bytes.length <= s->shown + hold)
        return;
    fwrite(s->bytes.data + s->shown, 1, s->bytes.length - hold - s->shown, stdout);
    fflush(stdout);
    s->shown = s->bytes.length - hold;
}

static void take(sample *s, int32_t token)
{
    const unsigned char byte = (unsigned char)token;
    const size_t stop = strlen(values.stop);
    s->tokens++;
    s->done = token == CAIRN_BYTE_END;
    if (s->done)
        return;
    cairn__text_add_bytes(&s->bytes, &byte, 1);
    if (stop && s->bytes.length >= stop &&
        memcmp(s->bytes.data + s->bytes.length - stop, values.stop, stop) == 0) {
        s->bytes.length -= stop;
        s->done = true;
    }
    s->done = s->done || s->tokens == values.tokens;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool prompt(cairn_palm_decoder *d, int64_t length, cairn_status *status)
{
    int32_t *ids = cairn__alloc((size_t)(values.samples * length), sizeof *ids, status);
    int64_t *lengths = cairn__alloc((size_t)values.samples, sizeof *lengths, status);
    bool good = ids && lengths;
    for (int64_t b = 0; good && b < values.samples; b++) {
        lengths[b] = length;
        for (int64_t i = 0; i < length; i++)
            ids[b * length + i] = (unsigned char)values.prompt[i];
    }
    good = good && cairn_palm_decoder_prompt(d, ids, lengths, status);
    cairn__free(ids);
    cairn__free(lengths);
    return good;
}

/* The next token of each text that is not done; how many are left. */
static int64_t draw(const cairn_palm_decoder *d, cairn_sampler *sampler, sample *list,
                    int32_t *next)
{
    const float *logits = cairn_palm_decoder_logits(d);
    int64_t left = 0;
    for (int64_t b = 0; b < values.samples; b++) {
        next[b] = -1;
        if (list[b].done)
            continue;
        next[b] = cairn_sampler_draw(sampler, logits + b * CAIRN_BYTE_VOCABULARY, b,
                                     list[b].tokens);
        take(&list[b], next[b]);
        left += !list[b].done;
    }
    return left;
}

static void print(const cli_call *call, const sample *list)
{
    for (int64_t b = 0; b < values.samples; b++) {
        cairn__text out = {.data = NULL}, hex = {.data = NULL};
        if (call->json) {
            /* Bytes, since they need not be UTF-8. */
            cairn__text_add(&hex, "%s", "");
            for (size_t i = 0; i < list[b].bytes.length; i++)
                cairn__text_add(&hex, "%02x", (unsigned char)list[b].bytes.data[i]);
            cli_json_number(&out, "sample", (double)b);
            cli_json_number(&out, "tokens", (double)list[b].tokens);
            cli_json_text(&out, "hex", hex.data ? hex.data : "");
            cli_json_end(&out);
            cairn__free(hex.data);
        } else if (values.samples > 1) {
            printf("%s==== %lld\n%s", b ? "\n" : "", (long long)b + 1, values.prompt);
            fwrite(list[b].bytes.data, 1, list[b].bytes.length, stdout);
        }
    }
    if (!call->json)
        printf("\n");
}

static bool generate(const cli_call *call, cairn_palm_decoder *d, sample *list, int32_t *next,
                     cairn_status *status)
{
    cairn_sampler *sampler = cairn_sampler_new(CAIRN_BYTE_VOCABULARY, &sampling, status);
    bool streams = values.samples == 1 && !call->json;
    if (streams)
        printf("%s", values.prompt);
    bool good = sampler && prompt(d, (int64_t)strlen(values.prompt), status);
    while (good && !cli_interrupted) {
        int64_t left = draw(d, sampler, list, next);
        if (streams)
            show(&list[0]);
        if (left == 0)
            break;
        good = cairn_palm_decoder_next(d, next, status);
    }
    if (good)
        print(call, list);
    cairn_sampler_free(sampler);
    return good && (!cli_interrupted || cairn__fail(status, CAIRN_ERR_INTERRUPTED, "interrupted"));
}

/* ---- the model ------------------------------------------------------------------------------- */

/* A graph with the parameters of the run's model. */
static cairn_graph *load(const char *directory, cairn_palm_options *o, cairn_status *status)
{
    char path[CAIRN_TEXT_SIZE + 32];
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    cairn_safetensors *file = cairn_safetensors_open(path, status);
    const cairn_field *tokens = file ? cairn_safetensors_find(file, "token") : NULL;
    if (file && (!tokens || tokens->rank != 2 || tokens->shape[0] != CAIRN_BYTE_VOCABULARY))
        cairn__fail(status, CAIRN_ERR_VALUE, "%s: a vocabulary of %lld, expected the %d of bytes",
                    path, tokens ? (long long)tokens->shape[0] : 0, CAIRN_BYTE_VOCABULARY);
    cairn_safetensors_free(file);
    if (!cairn_ok(status))
        return NULL;
    cairn_graph *g = cairn_graph_new();
    o->vocabulary = CAIRN_BYTE_VOCABULARY;
    cairn_palm(cairn_input(g, "tokens", CAIRN_I32, CAIRN_SHAPE(1, 1)), o);
    if (cairn_graph_load(g, path, status))
        return g;
    cairn_graph_free(g);
    return NULL;
}

static bool read_model(const char *directory, cairn_palm_options *o, cairn_status *status)
{
    if (!session_read(&run_session, directory, status))
        return false;
    if (run_session.method != &cairn__method_palm)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: a run of %s, expected a language model",
                           directory, run_session.method->name);
    *o = ((const cairn__palm_run *)(const void *)run_session.options.bytes)->model;
    return *values.prompt || cairn__fail(status, CAIRN_ERR_VALUE,
                                         "prompt: it is empty, expected at least one byte");
}

static bool run(cli_call *call, cairn_status *status)
{
    cairn_palm_options o;
    if (!read_model(call->word[0], &o, status))
        return false;
    cairn_graph *g = load(call->word[0], &o, status);
    int64_t length = (int64_t)strlen(values.prompt);
    cairn_palm_decoder *d =
        g ? cairn_palm_decoder_new(g, &o, values.samples, length, length + values.tokens, status)
          : NULL;
    cairn_graph_free(g);
    sample *list = cairn__alloc((size_t)values.samples, sizeof *list, status);
    int32_t *next = cairn__alloc((size_t)values.samples, sizeof *next, status);
    cli_catch_interrupts();
    bool good = d && list && next && generate(call, d, list, next, status);
    for (int64_t b = 0; list && b < values.samples; b++)
        cairn__free(list[b].bytes.data);
    cairn__free(list);
    cairn__free(next);
    cairn_palm_decoder_free(d);
    return good;
}

const cli_command cli_generate = {
    .name = "generate",
    .arguments = "RUN",
    .summary = "writes text by a language model trained on bytes",
    .details = "One text is shown as it is made. The same options give the same text; with\n"
               "--temperature 0 it is the most likely token each time.",
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};
