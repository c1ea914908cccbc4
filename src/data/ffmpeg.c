/* Loading FFmpeg. */
#include "config.h"

#if CAIRN__HAVE_FFMPEG
#include "data/ffmpeg.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "data/sound.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

/* The version whose headers were compiled: another one's structures differ. */
static const char library[] = "libavformat.so." TEXT(LIBAVFORMAT_VERSION_MAJOR);

static cairn__ffmpeg functions;
static bool loaded;
static char reason[256];
static atomic_bool quiet;

/* The library finds the functions of those that it depends on, too. */
static bool find(void *handle, const char *name, void *to)
{
    void *address = dlsym(handle, name);
    memcpy(to, &address, sizeof address);
    return address != NULL;
}

static void load(void)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    loaded = handle != NULL;
#define CAIRN_X(name) loaded = loaded && find(handle, #name, &functions.name);
    CAIRN__FFMPEG_FUNCTIONS(CAIRN_X)
#undef CAIRN_X
    if (!loaded) {
        const char *text = dlerror();
        snprintf(reason, sizeof reason, "%s", text ? text : "a function is missing");
    } else if (atomic_load(&quiet)) {
        functions.av_log_set_level(AV_LOG_QUIET);
    }
}

const cairn__ffmpeg *cairn__ffmpeg_load(const char *name, const char *what, cairn_status *status)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (loaded)
        return &functions;
    cairn__fail(status, CAIRN_ERR_MISSING, "%s: %s cannot be loaded: %s", name, what, reason);
    return NULL;
}

void cairn__ffmpeg_quiet(void)
{
    atomic_store(&quiet, true);
}

#else
#include "data/sound.h"

void cairn__ffmpeg_quiet(void)
{
}
#endif
