/* FFmpeg's libraries, loaded when the first file needs them. Linked, they and what they need are
 * more than a hundred libraries, and each start of a program would take a tenth of a second. */
#ifndef CAIRN_SRC_DATA_FFMPEG_H
#define CAIRN_SRC_DATA_FFMPEG_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>

#include "base/base.h"

#define CAIRN__FFMPEG_FUNCTIONS(X)                                                                 \
    X(av_dict_free)                                                                                \
    X(av_dict_set) X(av_find_best_stream) X(av_frame_alloc) X(av_frame_free) X(                    \
        av_frame_get_buffer) X(av_frame_make_writable) X(av_frame_unref) X(av_free) X(av_freep)    \
        X(av_get_packed_sample_fmt) X(av_interleaved_write_frame) X(av_log_set_level) X(av_malloc) \
            X(av_packet_alloc) X(av_packet_free) X(av_packet_rescale_ts) X(av_packet_unref)        \
                X(av_pix_fmt_desc_get) X(av_read_frame) X(av_seek_frame) X(av_strerror)            \
                    X(av_write_trailer) X(avcodec_alloc_context3) X(avcodec_find_encoder_by_name)  \
                        X(avcodec_flush_buffers) X(avcodec_free_context) X(avcodec_open2)          \
                            X(avcodec_parameters_from_context) X(avcodec_parameters_to_context)    \
                                X(avcodec_receive_frame) X(avcodec_receive_packet)                 \
                                    X(avcodec_send_frame) X(avcodec_send_packet) X(                \
                                        avformat_alloc_context) X(avformat_alloc_output_context2)  \
                                        X(avformat_close_input) X(avformat_find_stream_info)       \
                                            X(avformat_free_context) X(avformat_new_stream)        \
                                                X(avformat_open_input) X(avformat_write_header)    \
                                                    X(avio_alloc_context) X(avio_context_free)     \
                                                        X(avio_flush)

/* Each under its own name: ff->av_free(). */
typedef struct cairn__ffmpeg {
#define CAIRN_X(name) __typeof__(name) *name;
    CAIRN__FFMPEG_FUNCTIONS(CAIRN_X)
#undef CAIRN_X
} cairn__ffmpeg;

/* The functions; NULL with CAIRN_ERR_MISSING and the loader's reason when the libraries that were
 * there when Cairn was built are not here now: "NAME: WHAT cannot be loaded: ...". Any thread. */
const cairn__ffmpeg *cairn__ffmpeg_load(const char *name, const char *what, cairn_status *status);

#endif
