/* A method that trains in stages, from the command line. */
#ifndef CAIRN_SRC_CLI_STAGES_H
#define CAIRN_SRC_CLI_STAGES_H

#include "cli/session.h"

/* Trains all stages of the session's method in `directory`, or goes on there. */
bool stages_train(const cli_call *call, session *s, const cairn_dataset *data,
                  const char *directory, bool resume, cairn_status *status);

#endif
