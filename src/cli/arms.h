/* Several trainings side by side: each gets the same time in steps, in turns, and all are compared
 * while they run. One training alone is the simple case. */
#ifndef CAIRN_SRC_CLI_ARMS_H
#define CAIRN_SRC_CLI_ARMS_H

#include "cli/session.h"

enum { MOST_ARMS = 8 };

typedef struct arm {
    char name[64];
    char directory[CAIRN_TEXT_SIZE + 64];
    session session;
    cairn_config_section sections[CLI_SECTIONS];
    cairn_trainer *trainer;
    bool done;
} arm;

/* Trains all arms to their ends, or until Ctrl-C. data: borrowed. Prints progress and, at the end,
 * a table or JSON. Returns false with an error; CAIRN_ERR_INTERRUPTED after Ctrl-C. */
bool arms_train(const cli_call *call, arm *arms, int n, cairn_status *status);

/* Writes the page that compares the arms. */
bool arms_report(const arm *arms, int n, const char *title, const char *path, cairn_status *status);

#endif
