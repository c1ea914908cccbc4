/* Messages go to one handler, which the program sets; threads, time and the version stand here too
 * because each is only a few lines. */
#include <stdio.h>
#include <time.h>

#include "base/base.h"

static cairn_log_handler *handler;
static void *handler_user;

void cairn_log_set_handler(cairn_log_handler *new_handler, void *user)
{
    handler = new_handler;
    handler_user = user;
}

void cairn__log(cairn_log_level level, const char *format, ...)
{
    if (!handler)
        return;
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    handler(level, message, handler_user);
}

double cairn__seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
