/* Cairn, videos: frames and clips from files, and small files from frames.
 *
 *   1. reading   frames at given times, clips of every so many frames
 *   2. writing   what an experiment rendered
 *   3. clips     of lists of videos, drawn by seed, epoch and index
 *
 * Videos are read and written by FFmpeg's libraries, which are loaded when the first file needs
 * them; without them every call here fails with CAIRN_ERR_MISSING. */
#ifndef CAIRN_VIDEO_H
#define CAIRN_VIDEO_H

#include "cairn/image.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. reading ----------------------------------------------------------------------------- */

typedef struct cairn_video_options {
    /* To which frames are resized, as by cairn_image_resize(). 0 and 0: as stored; one of them 0:
     * in proportion to the other. */
    int64_t width, height;
    int filter;          /* cairn_filter */
    int64_t pixel_limit; /* most pixels of a frame, as stored */
    int64_t frame_limit; /* most frames of a file */
} cairn_video_options;

/* Frames as stored, bilinear; at most 2^26 pixels a frame and 2^20 frames. */
CAIRN_API cairn_video_options cairn_video_defaults(void);

/* An open video, for one thread at a time. */
typedef struct cairn_video cairn_video;

/* Opens the first video stream of a file: MP4 and MOV, Matroska and WebM, AVI, GIF, MPEG (program
 * and transport streams), Ogg, with H.264, HEVC, AV1, VP8, VP9, MPEG-1, -2 and -4, Motion JPEG,
 * FFV1, Theora, GIF, PNG or uncompressed frames. No other file is opened, whatever this one says.
 * All packets are stepped over once, undecoded, for the exact number of frames and their times.
 *
 * options  copied; NULL for the defaults
 *
 * Memory: 16 bytes for each frame, four frames as stored and what the decoder keeps (some 20 frames
 * as stored). The caller owns the result: cairn_video_free().
 * Errors: CAIRN_ERR_FILE, CAIRN_ERR_FORMAT (no video, damaged, beyond a limit, no frame in it),
 * CAIRN_ERR_VALUE (options), CAIRN_ERR_MISSING, CAIRN_ERR_MEMORY. */
CAIRN_API cairn_video *cairn_video_open(const char *path, const cairn_video_options *options,
                                        cairn_status *status);

/* The same for a file in memory; bytes are borrowed until it is freed, name during the call. */
CAIRN_API cairn_video *cairn_video_parse(const void *bytes, size_t size, const char *name,
                                         const cairn_video_options *options, cairn_status *status);
CAIRN_API void cairn_video_free(cairn_video *video);

typedef struct cairn_video_info {
    int64_t stored_width, stored_height; /* in the file */
    int64_t width, height;               /* as frames are handed out */
    int64_t frames;
    double rate;    /* frames a second, on average */
    double seconds; /* frames / rate */
    char codec[32]; /* FFmpeg's name, such as "h264" */
} cairn_video_info;

CAIRN_API cairn_video_info cairn_video_about(const cairn_video *video);

/* The time at which a frame is shown first, in seconds after the first frame; the frame that is
 * shown at a time (the first before the start, the last after the end). */
CAIRN_API double cairn_video_time(const cairn_video *video, int64_t frame);
CAIRN_API int64_t cairn_video_frame_at(const cairn_video *video, double seconds);

/* Decodes `count` frames: start, start + stride, ... into pixels, u8 [count, height, width, 3] in
 * red, green, blue. Decoding begins at the last key frame before `start`, so the result depends on
 * the arguments only and not on earlier calls. Frames past the end repeat the last one.
 *
 * Pixels: luma and chroma become RGB by the matrix that the file names (ITU-R BT.601 where it names
 * none, BT.709 and BT.2020 too), each chroma sample counting for all pixels that it covers; depths
 * above 8 bits are rounded; transparency is dropped. Rotation that a file asks for is not applied.
 *
 * Errors: CAIRN_ERR_VALUE (start outside the video, count or stride below 1), CAIRN_ERR_FORMAT
 * (damaged), CAIRN_ERR_FILE, CAIRN_ERR_MEMORY. */
CAIRN_API bool cairn_video_clip(cairn_video *video, int64_t start, int64_t stride, int64_t count,
                                unsigned char *pixels, cairn_status *status);

/* One frame as a picture. */
CAIRN_API bool cairn_video_frame(cairn_video *video, int64_t frame, cairn_image *image,
                                 cairn_status *status);

/* ---- 2. writing ----------------------------------------------------------------------------- */

typedef enum cairn_video_codec {
    CAIRN_VIDEO_MPEG4, /* lossy, small, plays everywhere */
    CAIRN_VIDEO_MJPEG, /* lossy, each frame by itself */
    CAIRN_VIDEO_FFV1   /* lossless; .mkv and .avi only */
} cairn_video_codec;

typedef struct cairn_video_writer cairn_video_writer;

/* Begins a video of frames of width x height (1 to 4096, each), `rate` frames a second (0.01 to
 * 1000). The ending of the path says the format: .mp4, .mkv or .avi. The file appears whole at
 * cairn_video_finish(), or not at all. The same frames give the same bytes.
 * The caller owns the result: cairn_video_writer_free(), which drops what was not finished.
 * Errors: CAIRN_ERR_VALUE, CAIRN_ERR_FILE, CAIRN_ERR_MISSING (no such encoder in this FFmpeg),
 * CAIRN_ERR_MEMORY. */
CAIRN_API cairn_video_writer *cairn_video_create(const char *path, int64_t width, int64_t height,
                                                 double rate, cairn_video_codec codec,
                                                 cairn_status *status);

/* Adds a frame, u8 [height, width, 3]. Errors: CAIRN_ERR_FILE, CAIRN_ERR_STATE after the end. */
CAIRN_API bool cairn_video_add(cairn_video_writer *writer, const unsigned char *pixels,
                               cairn_status *status);

/* Ends the file. Errors: CAIRN_ERR_VALUE when no frame was added; CAIRN_ERR_FILE, CAIRN_ERR_STATE.
 */
CAIRN_API bool cairn_video_finish(cairn_video_writer *writer, cairn_status *status);
CAIRN_API void cairn_video_writer_free(cairn_video_writer *writer);

/* ---- 3. clips ---------------------------------------------------------------------------------
 *
 * A list from cairn_items_open() may be of videos: folders of .mp4, .m4v, .mov, .mkv, .webm, .avi,
 * .mpg, .mpeg, .ogv or .gif files, one folder for each class. */

typedef struct cairn_clip_options {
    int64_t frames, stride; /* T frames, every so many */
    int64_t width, height;  /* of each frame */
    bool random;            /* the start is drawn; else the clip is the middle of the video */
    int64_t seed;           /* draws the starts */
    int64_t pixel_limit, frame_limit; /* as for cairn_video_open() */
} cairn_clip_options;

/* 16 frames, stride 1, 112 x 112, drawn by seed 0. */
CAIRN_API cairn_clip_options cairn_clip_defaults(void);

/* The clip of item `index` of a split, u8 [T, height, width, 3]. Its start depends on (seed, epoch,
 * index) and the number of frames only; a video that is shorter than the clip repeats its last
 * frame. Any number of threads may read clips of one list. `label` may be NULL.
 * Errors: those of cairn_video_open() and cairn_video_clip(); CAIRN_ERR_TYPE when the list is not
 * of videos, CAIRN_ERR_VALUE for an index outside the split. */
CAIRN_API bool cairn_items_clip(const cairn_items *items, cairn_split split, int64_t index,
                                const cairn_clip_options *options, int64_t epoch,
                                unsigned char *pixels, int32_t *label, cairn_status *status);

#ifdef __cplusplus
}
#endif

#endif
