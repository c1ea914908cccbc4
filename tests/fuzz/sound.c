/* Fuzz target: sounds from memory. What is accepted has the samples that its size says, all finite,
 * and can be resampled and seen as log-mel. */
#include <math.h>

#include "cairn/audio.h"
#include "data/sound.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_sound_options options = cairn_sound_defaults();
    cairn_sound sound = {0}, other = {0};
    options.mono = false;
    options.sample_limit = 1 << 18;
    cairn__ffmpeg_quiet();
    if (!cairn_sound_decode(bytes, size, "fuzz", &options, &sound, &status)) {
        fuzz_check(status.code != CAIRN_OK && status.message[0]);
        fuzz_check(sound.length == 0);
    } else {
        int64_t n = sound.length * sound.channels;
        fuzz_check(n <= options.sample_limit && (size_t)n <= sound.capacity);
        for (int64_t i = 0; i < n; i++)
            fuzz_check(isfinite(sound.samples[i]));
        /* Rates near one another and prime make large tables: not on every input. */
        if (sound.rate < 50000)
            fuzz_check(cairn_sound_resample(&sound, sound.rate / 2 + 1, &other, &status));
    }
    cairn_sound_free(&sound);
    cairn_sound_free(&other);
    return 0;
}
