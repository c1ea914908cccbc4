/* Fuzz target: videos from memory. What is accepted has the frames that it says, and any of them is
 * decoded or refused with a sentence. */
#include "cairn/video.h"
#include "data/sound.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static unsigned char pixels[3 * 8 * 8 * 3];
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_video_options options = cairn_video_defaults();
    options.width = options.height = 8;
    options.pixel_limit = 1 << 14;
    options.frame_limit = 1 << 10;
    cairn__ffmpeg_quiet();
    cairn_video *video = cairn_video_parse(bytes, size, "fuzz", &options, &status);
    if (!video) {
        fuzz_check(status.code != CAIRN_OK && status.message[0]);
        return 0;
    }
    cairn_video_info info = cairn_video_about(video);
    fuzz_check(info.frames >= 1 && info.frames <= options.frame_limit);
    fuzz_check(info.stored_width * info.stored_height <= options.pixel_limit);
    fuzz_check(info.rate > 0);
    fuzz_check(cairn_video_frame_at(video, 0) >= 0);
    for (int64_t i = 0; i < 2; i++) {
        status = (cairn_status)CAIRN_STATUS_INIT;
        if (!cairn_video_clip(video, i ? info.frames - 1 : 0, 2, 3, pixels, &status))
            fuzz_check(status.code != CAIRN_OK && status.message[0]);
    }
    cairn_video_free(video);
    return 0;
}
