/* cairn data: what a path holds, and the steps of a pipeline. */
#include <string.h>
#include <sys/stat.h>

#include "cairn/audio.h"
#include "cairn/video.h"
#include "cairn/weights.h"
#include "cli/data_text.h"
#include "data/data.h"
#include "data/detections.h"
#include "data/items.h"
#include "data/json.h"
#include "data/tokens.h"

static cairn_data_options data_options;

static bool options(cli_call *call, cairn_status *status)
{
    (void)status;
    const char *what = call->words > 0 ? call->word[0] : ""; /* none: for help, all there are */
    cairn_options_defaults(cairn__data_table, &data_options);
    if (strcmp(what, "text") == 0)
        return data_text_options(call);
    if (strcmp(what, "vocabulary") == 0)
        return data_vocabulary_options(call);
    return cli_add_section(call, "data", cairn__data_table, &data_options) &&
           (*what || (data_text_options(call) && data_vocabulary_options(call)));
}

/* Prints a text that the library gave; false when it gave none. */
static bool print(const cli_call *call, char *text)
{
    if (text)
        printf("%s%s", text, call->json ? "\n" : "");
    cairn_description_free(text);
    return text != NULL;
}

static bool show_items(const cli_call *call, const char *path, cairn_status *status)
{
    cairn_items *items = cairn_items_open(path, &data_options, status);
    bool good = items && print(call, call->json ? cairn_items_describe_json(items, status)
                                                : cairn_items_describe(items, status));
    cairn_items_free(items);
    return good;
}

/* A file whose ending is that of a sound or a video. */
static bool is_file_of(const char *path, cairn_media media)
{
    struct stat about;
    return cairn__media_of_name(path) == media && stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

/* Prints an object of JSON, or a sentence, that was built in `out`. */
static bool print_built(cairn__text *out)
{
    bool good = !out->failed && printf("%s\n", out->data) > 0;
    cairn__free(out->data);
    return good;
}

static bool show_video(const cli_call *call, const char *path, cairn_status *status)
{
    cairn_video *video = cairn_video_open(path, NULL, status);
    cairn__text out = {.status = status};
    if (!video)
        return false;
    cairn_video_info v = cairn_video_about(video);
    cairn_video_free(video);
    if (call->json) {
        cairn__text_add(&out, "{\"path\": ");
        cairn__json_add_string(&out, path);
        cairn__text_add(&out,
                        ", \"kind\": \"video\", \"codec\": \"%s\", \"width\": %lld, \"height\": "
                        "%lld, \"frames\": %lld, \"rate\": %.6f, \"seconds\": %.6f}",
                        v.codec, (long long)v.stored_width, (long long)v.stored_height,
                        (long long)v.frames, v.rate, v.seconds);
    } else {
        cairn__text_add(&out,
                        "%s: video (%s), %lld x %lld pixels, %lld frames, %.6g a second, %.3f s",
                        path, v.codec, (long long)v.stored_width, (long long)v.stored_height,
                        (long long)v.frames, v.rate, v.seconds);
    }
    return print_built(&out);
}

static bool show_sound(const cli_call *call, const char *path, cairn_status *status)
{
    cairn_sound sound = {0};
    cairn_sound_options options = cairn_sound_defaults();
    options.mono = false;
    bool good = cairn_sound_read(path, (size_t)data_options.memory_limit_mib << 20, &options,
                                 &sound, status);
    double seconds = good ? (double)sound.length / (double)sound.rate : 0;
    if (good && call->json) {
        cairn__text out = {.status = status};
        cairn__text_add(&out, "{\"path\": ");
        cairn__json_add_string(&out, path);
        cairn__text_add(&out,
                        ", \"kind\": \"sound\", \"channels\": %d, \"rate\": %lld, \"samples\": "
                        "%lld, \"seconds\": %.6f}",
                        sound.channels, (long long)sound.rate, (long long)sound.length, seconds);
        good = print_built(&out);
    } else if (good) {
        printf("%s: sound, %d channel%s, %lld samples a second, %lld samples, %.3f s\n", path,
               sound.channels, sound.channels > 1 ? "s" : "", (long long)sound.rate,
               (long long)sound.length, seconds);
    }
    cairn_sound_free(&sound);
    return good;
}

static bool show_tokens(const cli_call *call, const char *path, cairn_status *status)
{
    cairn_tokens *tokens = cairn_tokens_open(path, status);
    cairn__text out = {.status = status};
    bool good = tokens && cairn_tokens_verify(tokens, status);
    cairn_tokens_info t = good ? cairn_tokens_about(tokens) : (cairn_tokens_info){0};
    cairn_tokens_free(tokens);
    if (!good)
        return false;
    if (call->json) {
        cairn__text_add(&out, "{\"path\": ");
        cairn__json_add_string(&out, path);
        cairn__text_add(&out,
                        ", \"kind\": \"tokens\", \"tokens\": %lld, \"vocabulary\": %lld, "
                        "\"tokenizer\": \"%016llx\", \"hash\": \"%016llx\"}",
                        (long long)t.count, (long long)t.vocabulary,
                        (unsigned long long)t.tokenizer, (unsigned long long)t.hash);
    } else {
        cairn__text_add(&out,
                        "%s: %lld tokens of a vocabulary of %lld, tokenizer %016llx, hash %016llx",
                        path, (long long)t.count, (long long)t.vocabulary,
                        (unsigned long long)t.tokenizer, (unsigned long long)t.hash);
    }
    return print_built(&out);
}

/* Of JSON lines the fields of the first are shown, and lines are counted, whatever they hold. */
static bool show_text(const cli_call *call, const char *path, cairn_status *status)
{
    cairn_text_options options = cairn_text_defaults();
    bool json = cairn__is_json_lines_name(path);
    options.format = CAIRN_TEXT_PLAIN;
    options.cut = json ? CAIRN_TEXT_LINE : CAIRN_TEXT_BLANK;
    cairn__text fields = {.status = status}, out = {.status = status};
    cairn_text *text = cairn_text_open(path, &options, status);
    const char *bytes;
    size_t n, total = 0;
    long long documents = 0;
    for (; text && cairn_text_next(text, &bytes, &n, status); documents++)
        total += n;
    cairn_text_free(text);
    bool good = cairn_ok(status) && (!json || cairn__json_lines_fields(path, &fields, status));
    if (good && call->json) {
        cairn__text_add(&out, "{\"path\": ");
        cairn__json_add_string(&out, path);
        cairn__text_add(&out, ", \"kind\": \"%s\", \"%s\": %lld, \"bytes\": %zu",
                        json ? "JSON lines" : "text", json ? "lines" : "paragraphs", documents,
                        total);
        if (json) {
            cairn__text_add(&out, ", \"fields\": ");
            cairn__json_add_string(&out, fields.data ? fields.data : "");
        }
        cairn__text_add(&out, "}");
    } else if (good) {
        cairn__text_add(&out, "%s: %s, %lld %s, %zu bytes without blank lines%s%s", path,
                        json ? "JSON lines" : "text", documents, json ? "lines" : "paragraphs",
                        total, json ? "; fields: " : "", fields.data ? fields.data : "");
    }
    cairn__free(fields.data);
    return good && print_built(&out);
}

static bool show_detections(const cli_call *call, const char *path, cairn_status *status)
{
    cairn_detections *d = cairn_detections_open(path, &data_options, status);
    bool good = d && print(call, call->json ? cairn_detections_describe_json(d, status)
                                            : cairn_detections_describe(d, status));
    cairn_detections_free(d);
    return good;
}

/* A GGUF file by its name, or a directory with a config.json. */
static bool is_weights(const char *path)
{
    char config[CAIRN_TEXT_SIZE + 16];
    struct stat about;
    const size_t n = strlen(path);
    if (n > 5 && strcmp(path + n - 5, ".gguf") == 0)
        return true;
    snprintf(config, sizeof config, "%.*s/config.json", CAIRN_TEXT_SIZE, path);
    return stat(config, &about) == 0;
}

static bool show_weights(const cli_call *call, const char *path, cairn_status *status)
{
    cairn_weights *weights = cairn_weights_open(path, status);
    bool good = weights && print(call, cairn_weights_describe(weights, call->json, status));
    cairn_weights_free(weights);
    return good;
}

static bool show_dataset(const cli_call *call, const char *path, cairn_status *status)
{
    cairn_dataset *data = cairn_dataset_open(path, &data_options, status);
    bool good = data && print(call, call->json ? cairn_dataset_describe_json(data, status)
                                               : cairn_dataset_describe(data, status));
    cairn_dataset_free(data);
    return good;
}

static bool is_sound(const char *path)
{
    return is_file_of(path, CAIRN_MEDIA_SOUND);
}

static bool is_video(const char *path)
{
    return is_file_of(path, CAIRN_MEDIA_VIDEO);
}

static bool is_text(const char *path)
{
    return cairn__is_json_lines_name(path) || cairn__is_text_name(path);
}

/* What a path may hold, the first that fits. */
static const struct {
    bool (*is)(const char *path);
    bool (*show)(const cli_call *call, const char *path, cairn_status *status);
} kinds[] = {
    {is_sound, show_sound}, {is_video, show_video},     {cairn__is_tokens, show_tokens},
    {is_text, show_text},   {is_weights, show_weights}, {cairn__holds_detections, show_detections},
};

/* Items and data sets are told apart by what is in them, which may fail. */
static bool show(const cli_call *call, const char *path, cairn_status *status)
{
    bool items;
    for (size_t i = 0; i < CAIRN__COUNT(kinds); i++)
        if (kinds[i].is(path))
            return kinds[i].show(call, path, status);
    return cairn__holds_items(path, &data_options, &items, status) &&
           (items ? show_items : show_dataset)(call, path, status);
}

static bool run(cli_call *call, cairn_status *status)
{
    if (strcmp(call->word[0], "steps") == 0 && call->words == 1) {
        call->json = false;
        return print(call, cairn_pipeline_help(CAIRN_MEDIA_PICTURE, status)) &&
               printf("\nSteps for sounds:\n\n") > 0 &&
               print(call, cairn_pipeline_help(CAIRN_MEDIA_SOUND, status));
    }
    if (strcmp(call->word[0], "text") == 0)
        return data_text_run(call, status);
    if (strcmp(call->word[0], "vocabulary") == 0)
        return data_vocabulary_run(call, status);
    if (strcmp(call->word[0], "info") != 0 || call->words != 2)
        return cairn__fail(status, CAIRN_ERR_NAME,
                           "unknown 'data %s'; usage: cairn data info PATH, or cairn data steps",
                           call->word[0]);
    return show(call, call->word[1], status);
}

const cli_command cli_data = {
    .name = "data",
    .arguments = "info PATH | steps | text OUT PATH[=WEIGHT]... | vocabulary PATH OUT",
    .summary = "shows what a path of data holds, makes shards of tokens and vocabularies",
    .details =
        "PATH is a directory of IDX files (train-images-idx3-ubyte.gz and so on) or of CIFAR-10\n"
        "or CIFAR-100 in binary form, one file of these, or a CSV file, plain or with gzip; a\n"
        "folder with a folder of pictures, sounds or videos for each class; a CSV file that names\n"
        "them in a column image, audio, sound, filename, file, file_name or path; a folder of\n"
        "Pascal VOC (Annotations/ and JPEGImages/); a sound, a video, a file of tokens, JSON\n"
        "lines (.jsonl, .ndjson), or a text (.txt, .text, .md, .tex); a model of others: a\n"
        "Hugging Face directory (config.json with safetensors), or a file NAME.gguf.\n"
        "\n"
        "`cairn data steps` lists the augmentations with their parameters.\n"
        "\n"
        "`cairn data text OUT.tokens PATH[=WEIGHT]...` cleans texts, pages and LaTeX, drops\n"
        "duplicates and documents of low quality, and writes the ids of the others (options\n"
        "text and corpus). `cairn data vocabulary PATH OUT.model` trains a vocabulary by the\n"
        "program spm_train. See docs/text.md.",
    .least = 1,
    .most = CLI_WORDS,
    .options = options,
    .run = run,
};
