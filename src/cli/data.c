/* cairn data: what a path holds, and the steps of a pipeline. */
#include <string.h>
#include <sys/stat.h>

#include "cairn/audio.h"
#include "cairn/weights.h"
#include "cli/cli.h"
#include "data/data.h"
#include "data/items.h"
#include "data/json.h"

static cairn_data_options data_options;

static bool options(cli_call *call, cairn_status *status)
{
    (void)status;
    return cli_add_section(call, "data", cairn__data_table, &data_options) &&
           (cairn_options_defaults(cairn__data_table, &data_options), true);
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

static bool is_sound(const char *path)
{
    struct stat about;
    return cairn__media_of_name(path) == CAIRN_MEDIA_SOUND && stat(path, &about) == 0 &&
           S_ISREG(about.st_mode);
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
        good = !out.failed && printf("%s\n", out.data) > 0;
        cairn__free(out.data);
    } else if (good) {
        printf("%s: sound, %d channel%s, %lld samples a second, %lld samples, %.3f s\n", path,
               sound.channels, sound.channels > 1 ? "s" : "", (long long)sound.rate,
               (long long)sound.length, seconds);
    }
    cairn_sound_free(&sound);
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

static bool run(cli_call *call, cairn_status *status)
{
    if (strcmp(call->word[0], "steps") == 0 && call->words == 1) {
        call->json = false;
        return print(call, cairn_pipeline_help(CAIRN_MEDIA_PICTURE, status)) &&
               printf("\nSteps for sounds:\n\n") > 0 &&
               print(call, cairn_pipeline_help(CAIRN_MEDIA_SOUND, status));
    }
    if (strcmp(call->word[0], "info") != 0 || call->words != 2)
        return cairn__fail(status, CAIRN_ERR_NAME,
                           "unknown 'data %s'; usage: cairn data info PATH, or cairn data steps",
                           call->word[0]);
    bool items;
    if (is_sound(call->word[1]))
        return show_sound(call, call->word[1], status);
    if (is_weights(call->word[1]))
        return show_weights(call, call->word[1], status);
    if (!cairn__holds_items(call->word[1], &data_options, &items, status))
        return false;
    return (items ? show_items : show_dataset)(call, call->word[1], status);
}

const cli_command cli_data = {
    .name = "data",
    .arguments = "info PATH | steps",
    .summary = "shows what a directory or file of data holds, or the steps of pipelines",
    .details =
        "PATH is a directory of IDX files (train-images-idx3-ubyte.gz and so on), one IDX file,\n"
        "or a CSV file, plain or with gzip; a folder with a folder of pictures or of sounds for\n"
        "each class; a CSV file that names pictures or sounds in a column image, audio, sound,\n"
        "filename, file, file_name or path; or a sound. Or it is a model of others: a Hugging\n"
        "Face directory (config.json with safetensors), or a file NAME.gguf.\n"
        "\n"
        "`cairn data steps` lists the augmentations with their parameters.",
    .least = 1,
    .most = 2,
    .options = options,
    .run = run,
};
