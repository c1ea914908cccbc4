/* What the files about sounds share. */
#ifndef CAIRN_SRC_DATA_SOUND_H
#define CAIRN_SRC_DATA_SOUND_H

#include "base/base.h"
#include "cairn/audio.h"

enum { CAIRN__MOST_RATE = 768000, CAIRN__MOST_CHANNELS = 64 };

/* Samples of all channels that any sound may have, whatever the options say. */
#define CAIRN__MOST_SAMPLES ((int64_t)1 << 31)

/* Makes room; samples that were there are kept where `keep`. Errors: CAIRN_ERR_MEMORY. */
bool cairn__sound_reserve(cairn_sound *sound, int64_t samples, bool keep, cairn_status *status);

/* Exchanges two sounds, memory and all. */
void cairn__sound_swap(cairn_sound *a, cairn_sound *b);

/* What integers of so many bits are divided by. */
double cairn__sound_divisor(int bits, int scale);

/* Fails unless a file's rate and channels are usable. */
bool cairn__sound_announced(const char *name, int64_t rate, int64_t channels, cairn_status *status);

/* Fails where a file holds more samples than its reader may take. */
bool cairn__sound_limited(const char *name, int64_t samples, int64_t limit, cairn_status *status);

/* As cairn_sound_decode(), with `spare` for the half-finished sound, and without a check of the
 * options. */
bool cairn__sound_run(const void *bytes, size_t size, const char *name,
                      const cairn_sound_options *options, cairn_sound *sound, cairn_sound *spare,
                      cairn_status *status);

/* Readers: all channels, at the rate of the file. */
bool cairn__is_wav(const void *bytes, size_t size);
bool cairn__wav_decode(const void *bytes, size_t size, const char *name,
                       const cairn_sound_options *options, cairn_sound *sound,
                       cairn_status *status);
bool cairn__ffmpeg_sound(const void *bytes, size_t size, const char *name,
                         const cairn_sound_options *options, cairn_sound *sound,
                         cairn_status *status);

/* FFmpeg prints what it thinks of files on its own, and that can only be changed for a whole
 * process: so a program decides it, and the library does not. */
void cairn__ffmpeg_quiet(void);

extern const char *const cairn__sound_scale_names[];
extern const char *const cairn__sound_pad_names[];

#endif
