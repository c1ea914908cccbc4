/* The sub-commands of `cairn data` that make shards and vocabularies. */
#ifndef CAIRN_SRC_CLI_DATA_TEXT_H
#define CAIRN_SRC_CLI_DATA_TEXT_H

#include "cli/cli.h"

bool data_text_options(cli_call *call);
bool data_text_run(const cli_call *call, cairn_status *status);
bool data_vocabulary_options(cli_call *call);
bool data_vocabulary_run(const cli_call *call, cairn_status *status);

#endif
