/* cairn data info PATH: what a path holds. */
#include <string.h>

#include "cli/cli.h"
#include "data/data.h"

static cairn_data_options data_options;

static bool options(cli_call *call, cairn_status *status)
{
    (void)status;
    return cli_add_section(call, "data", cairn__data_table, &data_options) &&
           (cairn_options_defaults(cairn__data_table, &data_options), true);
}

static bool run(cli_call *call, cairn_status *status)
{
    if (strcmp(call->word[0], "info") != 0)
        return cairn__fail(status, CAIRN_ERR_NAME, "unknown 'data %s'; usage: cairn data info PATH",
                           call->word[0]);
    cairn_dataset *data = cairn_dataset_open(call->word[1], &data_options, status);
    if (!data)
        return false;
    char *text = call->json ? cairn_dataset_describe_json(data, status)
                            : cairn_dataset_describe(data, status);
    if (text)
        printf("%s%s", text, call->json ? "\n" : "");
    cairn_description_free(text);
    cairn_dataset_free(data);
    return text != NULL;
}

const cli_command cli_data = {
    .name = "data",
    .arguments = "info PATH",
    .summary = "shows what a directory or file of data holds",
    .details =
        "PATH is a directory of IDX files (train-images-idx3-ubyte.gz and so on), one IDX file,\n"
        "or a CSV file, plain or with gzip.",
    .least = 2,
    .most = 2,
    .options = options,
    .run = run,
};
