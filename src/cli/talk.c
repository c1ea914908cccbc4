/* Progress, durations and JSON on the standard streams. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"

static struct {
    double last;  /* when a line was written */
    int64_t calls;
    bool open; /* a line on the terminal is not ended */
} progress;

/* Plain lines come at the calls 1, 2, 5, 10, 20, 50 ... and then once a minute. */
static bool round_number(int64_t n)
{
    while (n % 10 == 0 && n)
        n /= 10;
    return n == 1 || n == 2 || n == 5;
}

void cli_progress(const cli_call *call, const char *format, ...)
{
    double now = cairn__seconds();
    bool terminal = isatty(STDERR_FILENO);
    struct winsize size = {.ws_col = 0};
    char line[512];
    va_list arguments;
    if (call->quiet)
        return;
    progress.calls++;
    if (terminal ? now - progress.last < 0.1
                 : !(round_number(progress.calls) && progress.calls <= 1000) &&
                       now - progress.last < 60)
        return;
    progress.last = now;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (!terminal) {
        fprintf(stderr, "%s\n", line);
        return;
    }
    ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
    int width = size.ws_col > 1 ? size.ws_col - 1 : 79;
    fprintf(stderr, "\r%.*s\033[K", width, line);
    fflush(stderr);
    progress.open = true;
}

void cli_progress_end(const cli_call *call)
{
    if (progress.open && !call->quiet)
        fputc('\n', stderr);
    progress.open = false;
    progress.calls = 0;
    progress.last = 0;
}

const char *cli_duration(double seconds)
{
    static char texts[4][32];
    static int next;
    char *text = texts[next++ % 4];
    if (!isfinite(seconds) || seconds < 0)
        snprintf(text, sizeof texts[0], "unknown");
    else if (seconds < 10)
        snprintf(text, sizeof texts[0], "%.1f s", seconds);
    else if (seconds < 60)
        snprintf(text, sizeof texts[0], "%.0f s", seconds);
    else if (seconds < 3600)
        snprintf(text, sizeof texts[0], "%d min %02d s", (int)seconds / 60, (int)seconds % 60);
    else
        snprintf(text, sizeof texts[0], "%d h %02d min", (int)seconds / 3600,
                 (int)seconds % 3600 / 60);
    return text;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void begin(cairn__text *out, const char *name)
{
    cairn__text_add(out, "%s\"%s\":", out->length ? "," : "{", name);
}

void cli_json_text(cairn__text *out, const char *name, const char *value)
{
    begin(out, name);
    if (!value) {
        cairn__text_add(out, "null");
        return;
    }
    cairn__text_add(out, "\"");
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if (*c == '"' || *c == '\\')
            cairn__text_add(out, "\\%c", *c);
        else if (*c < 0x20)
            cairn__text_add(out, "\\u%04x", *c);
        else
            cairn__text_add_bytes(out, c, 1);
    }
    cairn__text_add(out, "\"");
}

void cli_json_number(cairn__text *out, const char *name, double value)
{
    begin(out, name);
    if (isfinite(value))
        cairn__text_add(out, "%.10g", value);
    else
        cairn__text_add(out, "null");
}

void cli_json_end(cairn__text *out)
{
    if (!out->failed)
        printf("%s}\n", out->length ? out->data : "{");
    cairn__free(out->data);
    *out = (cairn__text){.data = NULL};
}
