/* cairn export PATH: a trained model for others to run: as ONNX, or as a Hugging Face directory. */
#include <string.h>
#include <sys/stat.h>

#include "cairn/compile.h"
#include "cairn/weights.h"
#include "cli/session.h"

typedef struct export_options {
    char out[CAIRN_TEXT_SIZE];
    int format;
    int64_t batch, tokens, picture;
    char data[CAIRN_TEXT_SIZE];
} export_options;

enum { ONNX, HUGGINGFACE };
static const char *const formats[] = {"onnx", "huggingface", NULL};

static const cairn_option table[] = {
    CAIRN_OPT_PATH(export_options, out, "", "the file to write, or the new directory", ""),
    CAIRN_OPT_CHOICE(export_options, format, 0, formats, "an ONNX file or a directory", ""),
    CAIRN_OPT_COUNT(export_options, batch, 1, 1, 1 << 20, "items that the ONNX model takes", ""),
    CAIRN_OPT_COUNT(export_options, tokens, 64, 1, 1 << 20,
                    "tokens of an item, of published language models", ""),
    CAIRN_OPT_COUNT(export_options, picture, 224, 8, 1 << 14,
                    "pixels on a side of the pictures of a resnet", ""),
    CAIRN_OPT_PATH(export_options, data, "", "other data than the run's, of the same shape", ""),
    CAIRN_OPT_END,
};

static export_options values;
static session export_session;

static bool options(cli_call *call, cairn_status *status)
{
    (void)status;
    cairn_options_defaults(table, &values);
    return cli_add_section(call, "options", table, &values);
}

/* Variables have storage once a program uses them: what `load` then fills is saved. */
static bool place(cairn_graph *g, cairn_program **program, cairn_status *status)
{
    *program = cairn_compile_outputs(g, cairn_cpu(), NULL, 0, false, status);
    return *program != NULL;
}

/* ---- runs ------------------------------------------------------------------------------------ */

static bool is_run(const char *path)
{
    char config[CAIRN_TEXT_SIZE + 16];
    struct stat about;
    snprintf(config, sizeof config, "%.*s/config.toml", CAIRN_TEXT_SIZE, path);
    return stat(config, &about) == 0;
}

/* The probabilities of a classifier; of another model what `cairn eval` measures. */
static void build(const cairn_problem *problem, cairn_graph *g, const cairn_dataset *data)
{
    cairn_build b = {
        .data = data, .batch = values.batch, .steps_per_epoch = 1, .total_steps = 1};
    if (problem->build_prediction && cairn_dataset_classes(data) > 1)
        problem->build_prediction(problem->user, g, &b);
    else
        problem->build_evaluation(problem->user, g, &b);
}

static bool export_run(const char *path, cairn_status *status)
{
    char model[CAIRN_TEXT_SIZE + 32];
    cairn_problem problem;
    cairn_program *program = NULL;
    if (values.format != ONNX)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: a run's model is of no published family: use --format onnx, or its "
                           "model.safetensors",
                           path);
    if (!session_read(&export_session, path, status))
        return false;
    if (*values.data)
        memcpy(export_session.data.data, values.data, sizeof values.data);
    cairn_dataset *data = session_data(&export_session, status);
    if (!data)
        return false;
    cairn_graph *g = cairn_graph_new();
    export_session.method->problem(export_session.options.bytes, &problem);
    build(&problem, g, data);
    snprintf(model, sizeof model, "%.*s/model.safetensors", CAIRN_TEXT_SIZE, path);
    bool good = place(g, &program, status) && cairn_graph_load(g, model, status) &&
                cairn_onnx_save(g, NULL, 0, values.out, status);
    cairn_program_free(program);
    cairn_graph_free(g);
    cairn_dataset_free(data);
    return good;
}

/* ---- published models ------------------------------------------------------------------------ */

static cairn_tensor input(cairn_graph *g, const cairn_architecture *a)
{
    if (a->family == CAIRN_FAMILY_vit)
        return cairn_input(g, "x", CAIRN_F32,
                           CAIRN_SHAPE(values.batch, a->image_size, a->image_size, a->channels));
    if (a->family == CAIRN_FAMILY_resnet)
        return cairn_input(g, "x", CAIRN_F32,
                           CAIRN_SHAPE(values.batch, values.picture, values.picture, a->channels));
    int64_t tokens = CAIRN__MIN(values.tokens, a->positions);
    return cairn_input(g, "x", CAIRN_I32, CAIRN_SHAPE(values.batch, tokens));
}

static bool save_directory(const cairn_graph *g, const cairn_architecture *a, cairn_status *status)
{
    if (mkdir(values.out, 0777) != 0)
        return cairn__fail_errno(status, values.out, "make this directory");
    return cairn_weights_save(g, a, values.out, status);
}

static bool export_weights(const char *path, cairn_status *status)
{
    cairn_weights *w = cairn_weights_open(path, status);
    const cairn_architecture *a = w ? cairn_weights_architecture(w, status) : NULL;
    cairn_graph *g = cairn_graph_new();
    cairn_program *program = NULL;
    if (a)
        cairn_output(cairn_architecture_build(input(g, a), a), "logits");
    bool good = a && place(g, &program, status) && cairn_weights_load(w, g, status) &&
                (values.format == ONNX ? cairn_onnx_save(g, NULL, 0, values.out, status)
                                       : save_directory(g, a, status));
    cairn_program_free(program);
    cairn_graph_free(g);
    cairn_weights_free(w);
    return good;
}

static bool run(cli_call *call, cairn_status *status)
{
    const char *path = call->word[0];
    if (!*values.out)
        return cairn__fail(status, CAIRN_ERR_VALUE, "export: --out is missing: where to write");
    if (!(is_run(path) ? export_run(path, status) : export_weights(path, status)))
        return false;
    if (call->json) {
        cairn__text out = {.status = status};
        cli_json_text(&out, "path", values.out);
        cli_json_text(&out, "format", formats[values.format]);
        cli_json_end(&out);
    } else if (!call->quiet) {
        printf("%s: written\n", values.out);
    }
    return true;
}

const cli_command cli_export = {
    .name = "export",
    .arguments = "PATH",
    .summary = "writes a run's model, or a published one, for others to run",
    .details =
        "PATH is a run, a Hugging Face directory or a GGUF file. As ONNX (operator set 18) a\n"
        "run's classifier gives \"probability\" of \"x\", another model what `cairn eval`\n"
        "measures for each item, and a published model \"logits\". Sizes are fixed: see\n"
        "--batch, --tokens and --picture.",
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};
