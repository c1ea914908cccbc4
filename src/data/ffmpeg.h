/* FFmpeg's libraries, loaded when the first file needs them. Linked, they and what they need are
 * more than a hundred libraries, and each start of a program would take a tenth of a second. */
#ifndef CAIRN_SRC_DATA_FFMPEG_H
#define CAIRN_SRC_DATA_FFMPEG_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "base/base.h"

#define CAIRN__FFMPEG_FUNCTIONS(X)                                                                 \
    X(av_dict_free) X(av_dict_set) X(av_find_best_stream) X(av_frame_alloc) X(av_frame_free)       \
    X(av_frame_unref) X(av_free) X(av_freep) X(av_get_packed_sample_fmt) X(av_log_set_level)       \
    X(av_malloc) X(av_packet_alloc) X(av_packet_free) X(av_packet_unref) X(av_read_frame)          \
    X(av_strerror) X(avcodec_alloc_context3) X(avcodec_free_context) X(avcodec_open2)              \
    X(avcodec_parameters_to_context) X(avcodec_receive_frame) X(avcodec_send_packet)               \
    X(avformat_alloc_context) X(avformat_close_input) X(avformat_find_stream_info)                 \
    X(avformat_open_input) X(avio_alloc_context) X(avio_context_free)

/* Each under its own name: ff->av_free(). */
typedef struct cairn__ffmpeg {
#define CAIRN_X(name) __typeof__(name) *name;
    CAIRN__FFMPEG_FUNCTIONS(CAIRN_X)
#undef CAIRN_X
} cairn__ffmpeg;

/* The functions; NULL with CAIRN_ERR_MISSING and the loader's reason when the libraries that were
 * there when Cairn was built are not here now. `name` begins the sentence. Any thread. */
const cairn__ffmpeg *cairn__ffmpeg_load(const char *name, cairn_status *status);

#endif
