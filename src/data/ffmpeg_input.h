/* One file through FFmpeg's libavformat and libavcodec: what sounds and videos have in common.
 *
 * FFmpeg is given bytes and nothing else, in memory or behind an open descriptor: formats and
 * decoders are those that the kind lists, no protocol is allowed, and the call by which a format
 * opens another file fails always. Playlists that made FFmpeg read local files (CVE-2016-1897,
 * CVE-2017-9993) are neither listed nor would they reach anything. One thread a decoder: files are
 * what is done in parallel. */
#ifndef CAIRN_SRC_DATA_FFMPEG_INPUT_H
#define CAIRN_SRC_DATA_FFMPEG_INPUT_H

#include "data/ffmpeg.h"

/* What is looked for. */
typedef struct cairn__ffmpeg_kind {
    enum AVMediaType media;
    const char *missing;            /* "NAME: MISSING cannot be loaded: ..." */
    const char *none;               /* "no sound in the file" */
    const char *unreadable;         /* names the formats */
    const char *formats, *decoders; /* with commas */
} cairn__ffmpeg_kind;

/* Filled by the caller down to `status`; the rest by cairn__ffmpeg_open(). */
typedef struct cairn__ffmpeg_input {
    const cairn__ffmpeg_kind *kind;
    const unsigned char *bytes; /* borrowed; NULL: `file` */
    int file;                   /* a descriptor, borrowed */
    size_t size;
    int64_t pixel_limit; /* most pixels of a frame of a video; 0: FFmpeg's own limit */
    const char *name;
    cairn_status *status;
    size_t at;
    bool ended; /* the decoder has been told that no packet follows */
    const cairn__ffmpeg *ff;
    AVIOContext *io;
    AVFormatContext *format;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    int stream;
} cairn__ffmpeg_input;

/* Opens file and decoder. After a failure too, end with cairn__ffmpeg_close(). */
bool cairn__ffmpeg_open(cairn__ffmpeg_input *input);
void cairn__ffmpeg_close(cairn__ffmpeg_input *input);

/* Decodes the next frame into input->frame: 1; 0 at the end, -1 with an error. */
int cairn__ffmpeg_next(cairn__ffmpeg_input *input);

/* Reads the next packet of the chosen stream into input->packet, likewise; the caller ends the loan
 * with av_packet_unref(). */
int cairn__ffmpeg_packet(cairn__ffmpeg_input *input);

/* "NAME: WHAT: FFmpeg's reason"; always false. */
bool cairn__ffmpeg_fail(const cairn__ffmpeg_input *input, const char *what, int code);

#endif
