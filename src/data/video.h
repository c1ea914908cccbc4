/* What the files about videos share. */
#ifndef CAIRN_SRC_DATA_VIDEO_H
#define CAIRN_SRC_DATA_VIDEO_H

#include "cairn/video.h"
#include "config.h"
#include "data/image.h"

#if CAIRN__HAVE_FFMPEG
#include "data/ffmpeg.h"

/* Converts a decoded frame to RGB. `name` begins sentences. Errors: CAIRN_ERR_FORMAT for a form of
 * pixels that cannot be read, CAIRN_ERR_MEMORY. */
bool cairn__frame_to_rgb(const cairn__ffmpeg *ff, const AVFrame *frame, const char *name,
                         cairn_image *image, cairn_status *status);
#endif

#endif
